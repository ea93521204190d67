//! The log at its loudest: of what passes it holds nothing, whichever way it comes.
//!
//! `clients ─► umpire proxy --log (a process of its own) ─► systems that answer well, badly and not at all`

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// Stands in every place of a message, in a form that is allowed there.
const PLANTED: &str = "planted-7f3a";

/// A system that gives each connection the next of these answers, and then closes it.
fn system(answers: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    // Ends with the test's process.
    std::thread::spawn(move || {
        for (answer, stream) in answers.iter().cycle().zip(listener.incoming()) {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let _read = stream.read(&mut head);
            let _written = stream.write_all(answer.as_bytes());
            let _closed = stream.shutdown(Shutdown::Write);
        }
    });
    address
}

struct Proxy {
    child: Child,
    start: Value,
}

impl Proxy {
    fn start(folder: &Path, log: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
        command.args(["proxy", "--listen", "127.0.0.1:0", "--ui", "json", "--capture", "run.db", "--log"]).arg(log);
        command.args(arguments).current_dir(folder).env("RUST_LOG", "trace").env("UMPIRE_HOME", folder.join("home"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("umpire runs");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        std::thread::spawn(move || lines.lines().map_while(Result::ok).count());
        Self { child, start: serde_json::from_str(&first).expect("JSON") }
    }

    fn address(&self, pointer: &str) -> String {
        let uri = self.start.pointer(pointer).and_then(Value::as_str).expect("a URI");
        uri.split("://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned()
    }

    /// Sends something and reads whatever comes.
    fn talk(address: &str, said: &[&str]) {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
        for words in said {
            // A proxy that has closed the connection has said why.
            if stream.write_all(words.as_bytes()).is_err() {
                return;
            }
            let _read = stream.read(&mut [0; 4096]);
        }
    }

    fn stop(mut self) {
        let interrupted = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(interrupted.expect("kill runs").success());
        assert!(self.child.wait().expect("it ends").success());
    }
}

#[cfg(unix)]
fn read(log: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(log).expect("the log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others can read the log");
    let text = fs::read_to_string(log).expect("text");
    let obeyed = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(obeyed), "{text:?}");
    text
}

#[cfg(unix)]
#[test]
fn the_log_holds_nothing_of_what_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("logs/of-it/run.log");
    let to = system(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-planted-7f3a: planted-7f3a\r\nLocation: http://planted-7f3a.example/planted-7f3a\r\n\r\nplanted-7f3a",
        "HTTP/1.1 200 planted-7f3a\r\nTransfer-Encoding: planted-7f3a\r\n\r\n",
        "planted-7f3a \u{1b}[2J\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nplanted-7f3a",
        "HTTP/1.1 200 OK\r\nplanted-7f3a\r\n\r\n",
        "",
    ]);
    let far = system(&["planted-7f3a"]);
    let proxy = Proxy::start(
        folder.path(),
        &log,
        &["--to", &format!("http://{to}/planted-7f3a"), "--intercept", "localhost", "--intercept", "*.wild.example"],
    );
    let (near, forward) = (proxy.address("/base_uri"), proxy.address("/forward/proxy"));
    let body = format!("Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{{\"{PLANTED}\":1}}");
    for _ in 0..6 {
        Proxy::talk(
            &near,
            &[&format!(
                "PUT /{PLANTED}?{PLANTED}={PLANTED} HTTP/1.1\r\nHost: {PLANTED}.example\r\n{PLANTED}: {PLANTED}\r\n{body}"
            )],
        );
    }
    Proxy::talk(
        &near,
        &[&format!("GET http://{PLANTED}.example/{PLANTED} HTTP/1.1\r\nHost: {PLANTED}.example\r\n\r\n")],
    );
    for wrong in [
        format!("{PLANTED} /\u{1b}[2J{PLANTED} {PLANTED}\r\n\r\n"),
        format!("GET /{PLANTED} HTTP/1.1\r\n{PLANTED}\r\n\r\n"),
        format!("GET /{PLANTED} HTTP/1.1\r\nHost: a\r\nHost: {PLANTED}\r\n\r\n"),
        format!("POST /{PLANTED} HTTP/1.1\r\nHost: a\r\nContent-Length: {PLANTED}\r\n\r\n"),
        format!("POST /{PLANTED} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{PLANTED}\r\n"),
        format!("POST /{PLANTED} HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{PLANTED}"),
        format!("CONNECT {PLANTED}.example:443 HTTP/1.1\r\nHost: {PLANTED}.example\r\n\r\n"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{PLANTED}"),
    ] {
        Proxy::talk(&near, &[&wrong]);
    }
    // Tunnels: not to be intercepted, to nowhere, to be intercepted and then no TLS, no HTTP, or another host.
    let hello = format!("\u{16}\u{3}\u{1}\u{0}\u{c}{PLANTED}");
    for (authority, inside) in [
        (far.to_string(), PLANTED.to_owned()),
        (format!("{PLANTED}.example:1"), PLANTED.to_owned()),
        (format!("localhost:{}", far.port()), hello.clone()),
        (format!("localhost:{}", far.port()), format!("GET /{PLANTED} HTTP/1.1\r\nHost: {PLANTED}\r\n\r\n")),
        (format!("{PLANTED}.wild.example:443"), hello),
        (format!("{PLANTED}.wild.example:80"), format!("GET /{PLANTED} HTTP/1.1\r\nHost: {PLANTED}\r\n\r\n")),
        (format!("{PLANTED}@localhost:1"), PLANTED.to_owned()),
    ] {
        Proxy::talk(&forward, &[&format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"), &inside]);
        Proxy::talk(&forward, &[&format!("GET http://{authority}/{PLANTED} HTTP/1.1\r\nHost: {authority}\r\n\r\n")]);
    }
    proxy.stop();
    let text = read(&log);
    assert!(text.contains("exchange ended") && text.contains("no answer"), "the log says what happens: {text}");
    assert!(text.lines().all(|line| line.contains(" umpire::") || line.contains(" umpire:")), "{text}");
    if let Some(line) = text.lines().find(|line| line.contains(PLANTED)) {
        panic!("{line}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_can_not_be_written_is_said_once_and_stops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("umpire.toml"), "[booking-system]\nisolated = true\n").expect("written");
    let here = std::env::current_dir().expect("a folder").join("captures/golden.har");
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.arg("check").arg(here).args(["--log", "/dev/full"]).current_dir(folder.path());
    let output = command.env("RUST_LOG", "trace").output().expect("umpire runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), said.matches("/dev/full: the log can't be written").count()),
        (Some(0), 1),
        "{said}"
    );
}
