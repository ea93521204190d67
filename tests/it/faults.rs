//! What happens to a whole `umpire proxy` when the machine or the user is against it: signals, a full disk, no
//! descriptors, a folder that turns read-only, a disk that is slow, a capture that is deleted or locked.
//!
//! `client ─► umpire proxy (a process of its own) ─► system, played by the test`
#![expect(clippy::disallowed_macros, reason = "what is printed is for whoever runs the test")]
#![cfg(target_os = "linux")]

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
fn each_signal_lets_exchanges_end() {
    for signal in ["INT", "TERM", "HUP"] {
        let run = Run::start("", "");
        let (client, mut system) = run.under_way();
        run.signal(signal);
        // The listener is closed; what is under way is not.
        let begun = Instant::now();
        while TcpStream::connect(run.address).is_ok() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        system.write_all(OK.as_bytes()).unwrap();
        assert!(rest(client).ends_with("\r\n\r\nok"));
        let (well, said, exchanges) = run.end();
        assert!(well, "{said}");
        assert_eq!((exchanges.len(), &exchanges[0].failure), (1, &None));
    }
}

/// Starts a proxy on this port, with this redirection of its output.
fn redirected(folder: &Path, system: &TcpListener, port: u16, ui: &str, redirection: &str) -> Child {
    let script = format!(
        "exec {} proxy --to http://{}/api --listen 127.0.0.1:{port} --ui {ui} --capture run.db {redirection}",
        env!("CARGO_BIN_EXE_umpire"),
        system.local_addr().unwrap(),
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(folder).env_remove("RUST_LOG");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Answers everything.
fn answer_all(system: TcpListener) {
    // Ends with the test.
    std::thread::spawn(move || {
        for stream in system.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.extend(byte);
            }
            // The proxy may have given up.
            let _sent = stream.write_all(OK.as_bytes());
        }
    });
}

/// One request through a proxy that may not listen yet.
#[track_caller]
fn pass(port: u16) {
    let begun = Instant::now();
    let mut client = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(client) => break client,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(GET.as_bytes()).unwrap();
    let mut answer = [0; 17];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK\r\n");
}

#[track_caller]
fn ends_after_term(child: &mut Child) -> std::process::ExitStatus {
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The output is a full disk, a closed descriptor, a pipe that nobody reads from any more; and so is standard error.
#[test]
fn an_output_that_is_gone_never_ends_a_proxy() {
    for ui in ["plain", "json"] {
        for (redirection, said) in [
            (">/dev/full", true),
            (">/dev/full 2>/dev/full", false),
            ("", true),
            ("2>&1", false),
            (">/dev/full 2>&-", false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let system = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut child = redirected(folder.path(), &system, port, ui, redirection);
            answer_all(system);
            pass(port);
            drop(child.stdout.take());
            for _ in 0..5 {
                pass(port);
            }
            std::thread::sleep(Duration::from_millis(100));
            pass(port);
            let status = ends_after_term(&mut child);
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            let what = format!("{ui} {redirection}: {status} {error}");
            assert!(status.success(), "{what}");
            assert_eq!(error.matches("can't be shown any more").count(), usize::from(said), "{what}");
            assert!(!error.contains("panicked") && !error.contains("is recorded"), "{what}");
            assert_eq!(read(&folder.path().join("run.db")).len(), 7, "{what}");
        }
    }
}

#[test]
fn an_output_that_nobody_reads_holds_up_neither_traffic_nor_the_end() {
    for ui in ["plain", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let system = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = redirected(folder.path(), &system, port, ui, "");
        answer_all(system);
        // More than a pipe holds.
        for _ in 0..900 {
            pass(port);
        }
        let status = ends_after_term(&mut child);
        assert!(status.success(), "{ui}: {status}");
        assert_eq!(read(&folder.path().join("run.db")).len(), 900, "{ui}");
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert!(error.contains("not everything was shown"), "{ui}: {error}");
    }
}

#[test]
fn the_grace_time_is_what_the_flag_says() {
    let run = Run::start("", "--grace-seconds 1");
    let (client, _system) = run.under_way();
    let begun = Instant::now();
    run.signal("TERM");
    assert_eq!(rest(client), "");
    assert!(begun.elapsed() >= Duration::from_millis(900) && begun.elapsed() < Duration::from_secs(8));
    let (well, said, exchanges) = run.end();
    assert!(well && said.contains("once more ends at once"), "{said}");
    assert_eq!(exchanges[0].failure.as_ref().unwrap().kind, FailureKind::Stopped);
}

/// A terminal that goes away sends it several times.
#[test]
fn hangups_do_not_count_as_once_more() {
    let run = Run::start("", "--grace-seconds 600");
    let (client, mut system) = run.under_way();
    for _ in 0..3 {
        run.signal("HUP");
        std::thread::sleep(Duration::from_millis(200));
    }
    system.write_all(OK.as_bytes()).unwrap();
    assert!(rest(client).ends_with("\r\n\r\nok"));
    let (well, said, exchanges) = run.end();
    assert!(well, "{said}");
    assert_eq!((exchanges.len(), &exchanges[0].failure), (1, &None));
}

#[test]
fn ignored_hangups_stay_ignored() {
    let mut run = Run::start("trap '' HUP;", "");
    run.signal("HUP");
    drop(run.exchange());
    run.until("\"index\":0");
    assert!(run.child.try_wait().unwrap().is_none(), "it lives");
    run.signal("TERM");
    assert!(run.end().0);
}

#[test]
fn a_second_signal_ends_at_once_with_the_capture_intact() {
    for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("INT", "TERM")] {
        let run = Run::start("", "--grace-seconds 600");
        drop(run.exchange());
        let (client, _system) = run.under_way();
        run.signal(first);
        std::thread::sleep(Duration::from_millis(100));
        let begun = Instant::now();
        run.signal(second);
        assert_eq!(rest(client), "");
        let (well, said, exchanges) = run.end();
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        assert!(well, "{said}");
        let kinds: Vec<_> = exchanges.iter().map(|exchange| exchange.failure.as_ref().map(|it| it.kind)).collect();
        assert_eq!(kinds, [None, Some(FailureKind::Stopped)]);
    }
}

#[test]
fn a_full_disk_is_said_traffic_goes_on_and_so_does_recording_once_there_is_room() {
    // Writing past 200 KiB fails, as on a full disk.
    let run = Run::start("trap '' XFSZ; ulimit -S -f 400;", "");
    let large = "x".repeat(60_000);
    let mut state = 1_u32;
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(33 + (state >> 26) as u8)
    })
    .take(60_000)
    .collect();
    for body in [&large, &noise, &noise, &noise, &noise, &noise, &noise, &noise, &noise] {
        let mut client = run.connect();
        let head =
            format!("PUT /api/x HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(body.as_bytes()).unwrap();
        let mut system = run.called();
        let mut seen = vec![0; body.len()];
        system.read_exact(&mut seen).unwrap();
        system.write_all(OK.as_bytes()).unwrap();
        assert!(rest(client).ends_with("ok"), "traffic goes on");
    }
    let off = run.until("\"on\":false");
    assert!(off.contains("run.db") && off.contains("can't be written"), "{off}");
    let pid = run.child.id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(1200));
    drop(run.exchange());
    run.until("\"on\":true");
    run.signal("TERM");
    let (well, said, exchanges) = run.end();
    assert!(!well && said.contains("the recording is not whole"), "{said}");
    assert_eq!(exchanges.last().unwrap().request.method, "GET", "what came after is there");
    assert!(exchanges.len() < 10);
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

#[test]
fn a_capture_that_was_deleted_is_said_and_made_anew() {
    let run = Run::start("", "");
    drop(run.exchange());
    run.until("\"index\":0");
    std::thread::sleep(Duration::from_millis(1200));
    std::fs::remove_file(&run.capture).unwrap();
    drop(run.exchange());
    let notice = run.until("was deleted while it was written");
    assert!(notice.contains("1 exchange with it"), "{notice}");
    drop(run.exchange());
    run.signal("TERM");
    let (well, said, exchanges) = run.end();
    assert!(!well && said.contains("was deleted"), "{said}");
    assert_eq!(exchanges.len(), 2, "what came after is there");
}

#[test]
fn another_file_in_the_captures_place_is_never_touched() {
    let mut run = Run::start("", "");
    drop(run.exchange());
    run.until("\"index\":0");
    std::thread::sleep(Duration::from_millis(1200));
    std::fs::remove_file(&run.capture).unwrap();
    std::fs::write(&run.capture, "mine").unwrap();
    drop(run.exchange());
    let off = run.until("\"on\":false");
    assert!(off.contains("another file was put in its place"), "{off}");
    assert_eq!(std::fs::read_to_string(&run.capture).unwrap(), "mine");
    drop(run.exchange());
    run.signal("TERM");
    run.child.wait().unwrap();
    assert_eq!(std::fs::read_to_string(&run.capture).unwrap(), "mine");
}

#[test]
fn a_capture_that_is_locked_is_said_and_traffic_goes_on() {
    let run = Run::start("", "");
    drop(run.exchange());
    run.until("\"index\":0");
    let other = rusqlite::Connection::open(&run.capture).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    drop(run.exchange());
    let off = run.until("\"on\":false");
    assert!(off.contains("locked"), "{off}");
    drop(run.exchange());
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    std::thread::sleep(Duration::from_millis(1200));
    drop(run.exchange());
    run.until("\"on\":true");
    run.signal("TERM");
    let (_, said, exchanges) = run.end();
    assert!(said.contains("the recording is not whole"), "{said}");
    assert!((2..4).contains(&exchanges.len()), "{}", exchanges.len());
}

/// A folder in which no file can be made, for as long as this lives.
struct Closed(PathBuf);

impl Closed {
    /// `None` where that can't be done.
    fn folder(folder: &Path) -> Option<Self> {
        let closed = Self(folder.to_owned());
        closed.open_to("a-w", "+i");
        let probe = folder.join("probe");
        match std::fs::File::create(&probe) {
            Ok(_) => {
                std::fs::remove_file(probe).unwrap();
                None
            }
            Err(_) => Some(closed),
        }
    }

    /// The rights of the folder bind everybody but root; the mark binds root, where the file system knows it.
    fn open_to(&self, rights: &str, mark: &str) {
        let run = |program: &str, what: &str| {
            // One of the two will do, and whether it did is looked at.
            let _done = Command::new(program).arg(what).arg(&self.0).stderr(Stdio::null()).status();
        };
        run("chattr", mark);
        run("chmod", rights);
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.open_to("u+w", "-i");
        // A folder that was marked when its rights were to be changed kept them.
        self.open_to("u+w", "-i");
    }
}

#[test]
fn a_folder_that_turns_read_only_is_said_and_the_last_file_goes_on() {
    let run = Run::start("", "--rotate-size 1KB");
    drop(run.exchange());
    run.until("\"index\":0");
    let Some(closed) = Closed::folder(run.capture.parent().unwrap()) else {
        println!("left out: this user can make files in any folder");
        return;
    };
    drop(run.exchange());
    let said = run.until("Trouble between two files");
    assert!(said.contains("run.0002.db: can't be created"), "{said}");
    drop(run.exchange());
    run.until("\"index\":2");
    drop(closed);
    std::thread::sleep(Duration::from_millis(1200));
    drop(run.exchange());
    let on = run.until("\"on\":true");
    assert!(!on.contains("run.0001.db"), "{on}");
    run.signal("TERM");
    let part = |number: u32| capture::numbered(&run.capture, number);
    let parts = [part(1), part(2)];
    let mut run = run;
    assert!(run.child.wait().unwrap().success(), "nothing is missing");
    assert_eq!(parts.map(|part| read(&part).len()), [3, 1]);
}

/// Writing takes half a second, again and again, because another program is at the file.
#[test]
fn a_slow_disk_holds_up_no_traffic_and_costs_no_exchange() {
    let run = Run::start("", "");
    drop(run.exchange());
    run.until("\"index\":0");
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let slow = std::thread::spawn({
        let (stop, file) = (std::sync::Arc::clone(&stop), run.capture.clone());
        move || {
            let other = rusqlite::Connection::open(file).unwrap();
            other.busy_timeout(PATIENCE).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                other.execute_batch("BEGIN IMMEDIATE").unwrap();
                std::thread::sleep(Duration::from_millis(500));
                other.execute_batch("ROLLBACK").unwrap();
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    });
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    let mut passed = 1;
    while begun.elapsed() < Duration::from_secs(4) {
        let one = Instant::now();
        drop(run.exchange());
        longest = longest.max(one.elapsed());
        passed += 1;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    slow.join().unwrap();
    run.signal("TERM");
    let (well, said, exchanges) = run.end();
    assert!(well, "{said}");
    assert_eq!(exchanges.len(), passed, "all of them are there");
    assert!(longest < Duration::from_millis(400), "none of {passed} waited for the disk, but {longest:?}");
}
