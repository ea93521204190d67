//! A shell in a folder that looks like a clone of the project, to which the commands of a document are given one by one.
//!
//! ```text
//! command ─► free ports for fixed ones ─► a shell that stays ─► status and output
//!            └─ a server? ─► in the background, until it listens ─► its log; ended by the next of its kind
//! ```

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::markdown::root;

/// Longest that one command may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(3);

/// The addresses that the documents name.
const ADDRESSES: [&str; 3] = ["127.0.0.1:8080", "127.0.0.1:8090", "127.0.0.1:9000"];

/// Stands before the status of a command in the output of the shell.
const MARK: &str = "@@ status";

/// A command that stays until it is stopped.
struct Server {
    /// `umpire sandbox` or `umpire proxy`.
    kind: String,
    process: String,
    log: PathBuf,
}

/// The shell.
pub struct Shell {
    folder: tempfile::TempDir,
    process: Child,
    commands: ChildStdin,
    output: Receiver<String>,
    addresses: Vec<(&'static str, String)>,
    servers: Vec<Server>,
    count: usize,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "har" || extension == "json") {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
}

/// A certificate and its key, for commands that take them.
fn certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(folder.join("cert.pem"), made.cert.pem()).expect("a file");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
}

impl Shell {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (clone, programs) = (folder.path().join("clone"), folder.path().join("bin"));
        copy(&root().join("captures"), &clone.join("captures"));
        symlink(root().join("rules"), clone.join("rules")).expect("a link");
        certificate(&clone);
        fs::create_dir(&programs).expect("a folder");
        symlink(env!("CARGO_BIN_EXE_umpire"), programs.join("umpire")).expect("a link");
        // Stands for the reader's own broker.
        symlink("/usr/bin/env", programs.join("my-broker")).expect("a link");
        let path = std::env::var("PATH").expect("a path");
        let mut process = Command::new("sh")
            .current_dir(&clone)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("UMPIRE_HOME", folder.path().join("home"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut commands = process.stdin.take().expect("its input");
        commands.write_all(b"exec 2>&1\n").expect("the shell reads");
        let lines = BufReader::new(process.stdout.take().expect("its output"));
        let (sender, output) = sync_channel(1_024);
        // Ends with the shell.
        std::thread::spawn(move || lines.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let listeners = ADDRESSES.map(|address| (address, TcpListener::bind("127.0.0.1:0").expect("a port")));
        let free = |(address, listener): (_, TcpListener)| (address, listener.local_addr().expect("bound").to_string());
        let addresses = listeners.into_iter().map(free).collect();
        Self { folder, process, commands, output, addresses, servers: Vec::new(), count: 0 }
    }

    /// Whether a program is there.
    pub fn has(&mut self, program: &str) -> bool {
        self.run(&format!("command -v {program}")).0 == 0
    }

    /// Runs a command to its end; its status and its output.
    pub fn run(&mut self, command: &str) -> (i32, String) {
        let command = self.here(command);
        let file = self.file("sh");
        fs::write(&file, format!("{command}\n")).expect("a file");
        let line = format!(". {} < /dev/null; printf '\\n{MARK} %s\\n' \"$?\"\n", file.display());
        self.commands.write_all(line.as_bytes()).expect("the shell reads");
        let mut said = String::new();
        loop {
            match self.output.recv_timeout(PATIENCE) {
                Ok(line) => match line.strip_prefix(MARK) {
                    Some(status) => return (status.trim().parse().expect("a number"), said),
                    None => {
                        said.push_str(&line);
                        said.push('\n');
                    }
                },
                Err(RecvTimeoutError::Timeout) => panic!("no end within {PATIENCE:?}: {command}\n{said}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the shell ended: {command}\n{said}"),
            }
        }
    }

    /// Starts a server in place of the last one of its kind, and waits until it listens. The file that it prints to.
    pub fn serve(&mut self, command: &str) -> PathBuf {
        let kind: String = command.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        while let Some(at) = self.servers.iter().position(|server| server.kind == kind) {
            self.stop(at);
        }
        let listens = command.contains("--listen");
        let command = match command.strip_prefix("umpire proxy") {
            Some(rest) if !listens => format!("umpire proxy --listen {}{rest}", ADDRESSES[0]),
            _ => command.to_owned(),
        };
        let log = self.file("log");
        let (status, said) = self.run(&format!("( exec {command}\n) > {} 2>&1 &\necho \"started $!\"", log.display()));
        assert_eq!(status, 0, "{command}: {said}");
        let process = said.lines().find_map(|line| line.strip_prefix("started ")).expect("a process").to_owned();
        self.servers.push(Server { kind, process, log: log.clone() });
        Self::until(&log, |said| {
            assert!(!said.contains("umpire: ") && !said.contains("error: "), "{command}: {said}");
            said.contains("Ctrl-C")
        });
        log
    }

    /// Waits until a server has said what is wanted, and returns all that it has said.
    pub fn until(log: &Path, wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(log).unwrap_or_default();
            if wanted(&said) {
                return said;
            }
            assert!(start.elapsed() < PATIENCE, "it never came: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The file that the server started last prints to.
    pub fn last_log(&self) -> PathBuf {
        self.servers.last().expect("a server").log.clone()
    }

    fn stop(&mut self, at: usize) {
        let server = self.servers.remove(at);
        let (_, said) = self.run(&format!("kill {0}; wait {0}", server.process));
        let log = fs::read_to_string(&server.log).unwrap_or_default();
        assert!(!log.contains("panicked"), "{said}{log}");
    }

    /// The command with free ports in place of those of the documents.
    fn here(&self, command: &str) -> String {
        let replace = |command: String, (fixed, free): &(&str, String)| command.replace(fixed, free);
        self.addresses.iter().fold(command.to_owned(), replace)
    }

    fn file(&mut self, extension: &str) -> PathBuf {
        self.count += 1;
        self.folder.path().join(format!("{}.{extension}", self.count))
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        for server in &self.servers {
            // It may have ended already; a test that fails must not leave it behind.
            let _ = Command::new("kill").arg(&server.process).stderr(Stdio::null()).status();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
