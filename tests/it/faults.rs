//! What happens to a whole `umpire proxy` when the machine or the user is against it: signals, a full disk, no
//! descriptors, a folder that turns read-only, a disk that is slow, a capture that is deleted or locked.
//!
//! `client ─► umpire proxy (a process of its own) ─► system, played by the test`
#![expect(clippy::disallowed_macros, reason = "what is printed is for whoever runs the test")]
#![cfg(target_os = "linux")]

mod disk;
mod output;
mod signals;

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use umpire::capture;
use umpire::exchange::{Exchange, FailureKind};

const GET: &str = "GET /api/x HTTP/1.1\r\nHost: h\r\n\r\n";

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// Longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy, the system behind it, and what it says.
struct Run {
    child: Child,
    lines: Receiver<String>,
    address: SocketAddr,
    system: TcpListener,
    capture: PathBuf,
    _folder: tempfile::TempDir,
}

impl Run {
    /// Starts `umpire proxy --ui json` with further arguments; `before` are shell commands that set up its world.
    fn start(before: &str, arguments: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let capture = folder.path().join("run.db");
        let system = TcpListener::bind("127.0.0.1:0").unwrap();
        let script = format!(
            "{before} exec {} proxy --to http://{}/api --listen 127.0.0.1:0 --ui json --capture {} {arguments}",
            env!("CARGO_BIN_EXE_umpire"),
            system.local_addr().unwrap(),
            capture.display(),
        );
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(10_000);
        // Ends with the process.
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        let first = lines.recv_timeout(PATIENCE).expect("a first line");
        let header: serde_json::Value = serde_json::from_str(&first).expect("a header");
        let base = header["base_uri"].as_str().expect("a base URI").to_owned();
        let address = base.trim_start_matches("http://").split('/').next().unwrap().parse().unwrap();
        Self { child, lines, address, system, capture, _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The next connection to the system.
    fn called(&self) -> TcpStream {
        let begun = Instant::now();
        self.system.set_nonblocking(true).unwrap();
        loop {
            match self.system.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    return stream;
                }
                Err(error) => assert!(
                    error.kind() == ErrorKind::WouldBlock && begun.elapsed() < PATIENCE,
                    "the proxy does not call the system: {error}"
                ),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A request that has arrived at the system and waits for its answer: client's end and system's end.
    fn under_way(&self) -> (TcpStream, TcpStream) {
        let mut client = self.connect();
        client.write_all(GET.as_bytes()).unwrap();
        let mut system = self.called();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            system.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
        (client, system)
    }

    /// One exchange; the client's connection, which is still open.
    fn exchange(&self) -> TcpStream {
        let (mut client, mut system) = self.under_way();
        system.write_all(OK.as_bytes()).unwrap();
        drop(system);
        let mut answer = [0; 40];
        client.read_exact(&mut answer[..17]).unwrap();
        assert_eq!(&answer[..17], b"HTTP/1.1 200 OK\r\n");
        client
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Lines of its output until one has this text.
    fn until(&self, text: &str) -> String {
        let mut all = String::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.contains(text) {
                return line;
            }
            all.push_str(&line);
        }
        panic!("it never said {text:?}, but:\n{all}");
    }

    /// Waits for its end; whether it was a good one, what it said on standard error, and the capture.
    fn end(mut self) -> (bool, String, Vec<Exchange>) {
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(10)),
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
        };
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.success(), said, read(&self.capture))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It has ended, but where a test failed.
        let _killed = self.child.kill();
    }
}

fn read(capture: &Path) -> Vec<Exchange> {
    match capture::open(capture) {
        Ok(recording) => recording.exchanges.map(|exchange| exchange.expect("it reads back")).collect(),
        // One without exchanges is removed.
        Err(capture::CaptureError::Empty { .. }) => Vec::new(),
        Err(_) if !capture.exists() => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

fn rest(mut client: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that was cut may end with a reset.
    let _end = client.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn without_descriptors_new_connections_wait_and_nothing_breaks() {
    // Whoever runs the tests may have left descriptors open for everybody.
    let mut run = Run::start("ulimit -n $((36 + $(ls /proc/self/fd | wc -l)));", "");
    let few = run.until("connections of brokers at a time, not 4096");
    assert!(few.contains("ulimit -n"), "{few}");
    let first = run.exchange();
    let waiting: Vec<TcpStream> = (0..60).map(|_| run.connect()).collect();
    std::thread::sleep(Duration::from_millis(500));
    assert!(run.child.try_wait().unwrap().is_none(), "it lives");
    drop((first, waiting));
    drop(run.exchange());
    drop(run.exchange());
    run.signal("TERM");
    let (well, said, exchanges) = run.end();
    assert!(well, "{said}");
    assert_eq!(exchanges.iter().filter(|exchange| exchange.failure.is_none()).count(), 3);
}
