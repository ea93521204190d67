//! `umpire proxy` with its doors, as a user runs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running proxy and its lines of JSON.
struct Umpire {
    process: Child,
    lines: Receiver<Value>,
}

impl Drop for Umpire {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _waited = self.process.wait();
    }
}

impl Umpire {
    fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut process = command(home).args(["--ui", "json"]).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let out = process.stdout.take().unwrap();
        let (sender, lines) = sync_channel(1_000);
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    fn next(&self, kind: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {kind} came"));
            if line["event"] == kind {
                return line;
            }
        }
    }
}

fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.arg("proxy").current_dir(home).env("UMPIRE_HOME", home.join("home"));
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "UMPIRE_PROXY_AUTH"] {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    command
}

fn refused(home: &Path, arguments: &[&str]) -> String {
    let output: Output = command(home).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A booking system that answers each connection once with its name.
fn system(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).is_ok_and(|read| read == 0) {
                        return;
                    }
                    head.push(byte[0]);
                }
                let answer =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}", name.len());
                stream.write_all(answer.as_bytes()).unwrap();
            });
        }
    });
    address
}

fn ask(at: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn both_modes_run_in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (system("first"), system("second"));
    let (first, second) = (format!("http://{a}/a"), format!("127.0.0.1:0=http://{b}/b"));
    let arguments = [
        "--to",
        &first,
        "--to",
        &second,
        "--intercept",
        "named.example",
        "--listen",
        "127.0.0.1:0",
        "--capture",
        "x.db",
    ];
    let resolve = format!("named.example:{}:127.0.0.1", b.port());
    let umpire = Umpire::start(folder.path(), &[&arguments[..], &["--resolve", &resolve]].concat());
    let start = umpire.next("start");
    let authority = |uri: &Value| uri.as_str().unwrap().split('/').nth(2).unwrap().to_owned();
    assert_eq!(
        (&start["upstream"], &start["also"][0]["upstream"]),
        (&format!("http://{a}/a").into(), &format!("http://{b}/b").into())
    );
    assert!(umpire.next("notice")["message"].as_str().unwrap().contains("umpire ca trust"));
    assert!(folder.path().join("home/ca.pem").exists());

    let get = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert!(ask(&authority(&start["base_uri"]), get).ends_with("first"));
    assert!(ask(&authority(&start["also"][0]["base_uri"]), get).ends_with("second"));
    let proxy = authority(&start["forward"]["proxy"]);
    let get = |host: &str| format!("GET http://{host}:{}/y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b.port());
    assert!(ask(&proxy, &get("named.example")).ends_with("second"));
    assert!(ask(&proxy, &get("127.0.0.1")).ends_with("second"));
    // What passes unread is told at once, exchanges when they are recorded: in no order between them.
    let (mut urls, mut unread) = (Vec::new(), None);
    while urls.len() < 3 || unread.is_none() {
        let line = umpire.lines.recv_timeout(PATIENCE).expect("three exchanges and one that passed unread");
        match line["event"].as_str() {
            Some("exchange") => urls.push(line["url"].clone()),
            Some("unread") => unread = Some(line["authority"].clone()),
            _ => {}
        }
    }
    let expected = [format!("http://{a}/x"), format!("http://{b}/x"), format!("http://named.example:{}/y", b.port())];
    assert_eq!(urls, expected.map(Value::from));
    assert_eq!(unread, Some(format!("127.0.0.1:{}", b.port()).into()));
}

#[test]
fn what_is_unsafe_is_refused_or_stands_on_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    let open = refused(folder.path(), &["--intercept", "a.example", "--listen", "0.0.0.0:0"]);
    assert!(open.contains("--allow-client") && open.contains("UMPIRE_PROXY_AUTH"), "{open}");
    let short = refused(folder.path(), &["--intercept", "a.example", "--proxy-auth", "robin:hush"]);
    assert!(short.contains("8 characters") && !short.contains("hush"), "{short}");
    assert!(refused(folder.path(), &["--intercept", "*"]).contains("whole internet"));
    assert!(refused(folder.path(), &["--to", "https://a.example", "--tls-cert", "c.pem"]).contains("--tls-key"));
    let missing = refused(folder.path(), &["--to", "https://a.example", "--tls-cert", "c.pem", "--tls-key", "k.pem"]);
    assert!(missing.contains("c.pem") && missing.contains("--tls-cert"), "{missing}");
    let proxy =
        refused(folder.path(), &["--to", "https://a.example", "--upstream-proxy", "socks5://me:hush@b.example"]);
    assert!(proxy.contains("http://HOST:PORT") && !proxy.contains("hush"), "{proxy}");
    assert!(!folder.path().join("home").exists(), "nothing is made by a mistake");

    let arguments = ["--to", "https://a.example", "--insecure-upstream", "--listen", "0.0.0.0:0", "--capture", "x.db"];
    let warnings = Umpire::start(folder.path(), &arguments).next("start")["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("--insecure-upstream"), "{warnings}");
    assert!(warnings[1].as_str().unwrap().contains("--allow-client"), "{warnings}");
}

#[test]
fn a_request_that_is_refused_unread_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let to = format!("http://{}/api", system("never asked"));
    let umpire = Umpire::start(folder.path(), &["--to", &to, "--listen", "127.0.0.1:0", "--capture", "x.db"]);
    let start = umpire.next("start");
    let at = start["base_uri"].as_str().unwrap().split('/').nth(2).unwrap();
    let smuggling = "PUT /api HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na";
    assert!(ask(at, smuggling).starts_with("HTTP/1.1 400 "));
    let said = umpire.next("notice").to_string();
    assert!(said.contains("127.0.0.1 was refused and went no further: "), "{said}");
}

#[test]
fn how_large_answers_may_be_is_said_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let to = format!("http://{}", system("first"));
    for (limit, status) in
        [("--answer-head-fields=2", "200"), ("--answer-head-fields=1", "502"), ("--answer-head-bytes=9", "502")]
    {
        let file = format!("{}.db", &limit[2..]);
        let umpire = Umpire::start(folder.path(), &["--to", &to, "--listen", "127.0.0.1:0", "--capture", &file, limit]);
        let at = umpire.next("start")["base_uri"].as_str().unwrap().trim_start_matches("http://").to_owned();
        let answer = ask(&at, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{limit}: {answer}");
    }
}

#[test]
fn each_exchange_is_judged_with_the_base_uri_that_it_came_through() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (format!("http://{}/one", system("first")), format!("http://{}/two", system("second")));
    let second = format!("127.0.0.1:0={second}");
    let umpire = Umpire::start(
        folder.path(),
        &["--to", &first, "--to", &second, "--listen", "127.0.0.1:0", "--capture", "x.db"],
    );
    let start = umpire.next("start");
    let bases = [&start["base_uri"], &start["also"][0]["base_uri"]].map(|base| base.as_str().unwrap().to_owned());
    // Below the Base URI alone is a path that the specification doesn't define a mistake.
    let findings = |base: &str, path: &str| {
        let at = base.split('/').nth(2).unwrap();
        let fields = "Host: h\r\nContent-Length: 0\r\nConnection: close";
        ask(at, &format!("POST {path}/nonsense HTTP/1.1\r\n{fields}\r\n\r\n"));
        umpire.next("exchange")["findings"].as_array().unwrap().len()
    };
    for (base, path) in bases.iter().zip(["/one", "/two"]) {
        assert_ne!(findings(base, path), 0, "{path}");
        assert_eq!(findings(base, "/three"), 0, "{path}");
    }
    // And what is recorded says so too, in every format.
    drop(umpire);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
        let output = command.current_dir(folder.path()).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for name in ["x.har", "x.ndjson", "again.db"] {
        run(&["capture", "export", "x.db", "-o", name, "--keep-personal-data"]);
        let info: Value = serde_json::from_str(&run(&["capture", "info", "--format", "json", name])).unwrap();
        assert_eq!(
            info[0]["also_base_uris"],
            serde_json::json!([second.strip_prefix("127.0.0.1:0=").unwrap()]),
            "{info}"
        );
    }
}

#[test]
#[expect(clippy::disallowed_macros, reason = "what is printed is for whoever runs the test")]
fn addresses_are_understood_or_said_how_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let to = format!("http://{}/api", system("first"));
    for (index, listen) in ["0", "localhost:0", "0.0.0.0:0", "[::]:0"].into_iter().enumerate() {
        if listen.starts_with('[') && TcpListener::bind("[::1]:0").is_err() {
            eprintln!("NOT RUN: --listen {listen}, because this machine has no IPv6");
            continue;
        }
        let at = format!("{listen}={to}");
        for arguments in [&["--to", &to, "--listen", listen][..], &["--to", &at]] {
            let file = format!("{index}-{}.db", arguments.len());
            let umpire = Umpire::start(folder.path(), &[&["--capture", &file], arguments].concat());
            let start = umpire.next("start");
            let base = start["base_uri"].as_str().unwrap();
            assert!(base.starts_with("http://127.0.0.1:") || base.starts_with("http://[::1]:"), "{base}");
            let authority = base.split('/').nth(2).unwrap();
            let answer = ask(authority, "GET /api/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
            assert!(answer.ends_with("first"), "{listen}: {answer}");
        }
    }
    for (listen, way) in [(":8080", "0.0.0.0:8080"), ("::1:8080", "[::1]:8080"), ("127.0.0.1", "127.0.0.1:8080")] {
        let wrong = refused(folder.path(), &["--to", &to, "--listen", listen]);
        assert!(wrong.contains(way), "{listen}: {wrong}");
        let wrong = refused(folder.path(), &["--to", &format!("{listen}={to}")]);
        assert!(wrong.contains(way), "{listen}=: {wrong}");
        let wrong = refused(folder.path(), &["--intercept", "a.example", "--proxy-listen", listen]);
        assert!(wrong.contains(way), "--proxy-listen {listen}: {wrong}");
        for other in ["sandbox", "demo", "doctor"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
            let output = command.args([other, "--listen", listen]).current_dir(folder.path()).output().unwrap();
            let wrong = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.code() == Some(2) && wrong.contains(way), "{other} {listen}: {wrong}");
        }
    }
}

#[test]
fn a_sandbox_on_all_addresses_leads_back_to_itself() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    let mut sandbox = command.args(["sandbox", "--listen", "0.0.0.0:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(sandbox.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let warns = out.by_ref().lines().take(2).any(|line| line.unwrap().contains("Open to everybody"));
    let base = line.trim().rsplit(' ').next().unwrap().to_owned();
    let authority = base.split('/').nth(2).unwrap();
    let get = format!("GET /feeds/scheduled-sessions HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    let answer = ask(authority, &get);
    sandbox.kill().unwrap();
    sandbox.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("0.0.0.0"), "{answer}");
    assert!(answer.contains(&format!("http://{authority}/feeds/")), "{answer}");
    assert!(warns, "nothing says that it is open");
}
