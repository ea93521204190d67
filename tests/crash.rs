//! A recording process killed with SIGKILL under load, again and again: no file is damaged, and nothing is missing whose
//! answer had reached the client more than a second before.
//!
//! ```text
//! clients ─► umpire proxy (killed) ─► upstream          what was answered, and when ─┐
//!                └─ capture(s) ─► sound? what is in it? ─────────────────────────────┴─► compared
//! ```
//!
//! A few kills with every `cargo test`; `UMPIRE_KILLS=300 cargo test --test crash -- --nocapture` for hundreds.
//! `UMPIRE_BINARY` names another binary to be killed, such as one of a release.
#![expect(clippy::disallowed_macros, reason = "what is printed is for whoever runs the test")]
#![cfg(unix)]

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use umpire::capture::{self, CaptureReader};

/// Clients at the same time.
const CLIENTS: usize = 8;

/// What must be on disk: whatever was answered this long before the kill.
const PROMISE: Duration = Duration::from_secs(1);

/// How long a client waits before it asks again. A build without optimization records little more than a thousand exchanges a
/// second while it rotates files: past that they wait in memory, and what waits is lost with the process.
fn pause() -> Duration {
    let is_optimized = !cfg!(debug_assertions) || std::env::var_os("UMPIRE_BINARY").is_some();
    if is_optimized { Duration::ZERO } else { Duration::from_millis(15) }
}

/// Answers every request with 5 KB, for as long as the test runs.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            // Ends when its client goes.
            std::thread::spawn(move || answer(client));
        }
    });
    address
}

fn answer(mut client: TcpStream) -> Option<()> {
    let body =
        format!("{{\"@type\": \"OrderQuote\", \"orderedItem\": [{}]}}", vec!["{\"position\": 1}"; 300].join(","));
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut reader = BufReader::new(client.try_clone().ok()?);
    loop {
        read_message(&mut reader)?;
        client.write_all(format!("{head}{body}").as_bytes()).ok()?;
    }
}

/// The first line of a message that was read to its end.
fn read_message(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(first)
}

/// A proxy in a process of its own, which listens already. `limit` are shell commands before it.
fn proxy(capture: &Path, upstream: SocketAddr, rotation: &[&str], limit: &str) -> (Child, SocketAddr) {
    let binary = std::env::var_os("UMPIRE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_umpire").into());
    let mut child = Command::new("sh")
        .args(["-c", &format!("{limit} exec \"$0\" \"$@\"")])
        .arg(binary)
        .args(["proxy", "--listen", "127.0.0.1:0", "--ui", "json", "--to", &format!("http://{upstream}/api")])
        .arg("--capture")
        .arg(capture)
        .args(rotation)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let start: serde_json::Value = serde_json::from_str(&first).unwrap();
    let base_uri = start["base_uri"].as_str().unwrap();
    let address = base_uri.strip_prefix("http://").unwrap().split('/').next().unwrap().parse().unwrap();
    // What is said is read, so that saying it never blocks; ends with the process.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (child, address)
}

/// Asks until the proxy is gone or `stop` says so; notes each target when its answer is there.
fn client(
    proxy: SocketAddr,
    next: &AtomicU64,
    stop: &AtomicBool,
    answered: &Mutex<Vec<(String, Instant)>>,
) -> Option<()> {
    let mut stream = TcpStream::connect(proxy).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    while !stop.load(Ordering::Relaxed) {
        let target = format!("/api/order-quotes/4b6a1a2c-8f0e-4a3b-9d7e-{:012x}", next.fetch_add(1, Ordering::Relaxed));
        let body = "{\"@type\": \"OrderQuote\", \"orderedItem\": []}";
        let head = format!("PUT {target} HTTP/1.1\r\nhost: {proxy}\r\ncontent-type: application/json\r\n");
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).ok()?;
        if !read_message(&mut reader)?.contains(" 200 ") {
            return None;
        }
        answered.lock().unwrap().push((target, Instant::now()));
        std::thread::sleep(pause());
    }
    Some(())
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "db"))
        .collect();
    files.sort();
    files
}

/// One kill. How many exchanges had to be there, and how many were.
fn kill_once(upstream: SocketAddr, run: u64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let rotation: &[&str] = if run.is_multiple_of(2) { &[] } else { &["--rotate-size", "200KB"] };
    let (mut child, address) = proxy(&folder.path().join("killed.db"), upstream, rotation, "");
    let (next, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let answered = Arc::new(Mutex::new(Vec::new()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (next, stop, answered) = (Arc::clone(&next), Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || client(address, &next, &stop, &answered))
        })
        .collect();
    // Another moment each time.
    std::thread::sleep(Duration::from_millis(1_200 + run * 7_919 % 1_000));
    let killed_at = Instant::now();
    child.kill().unwrap();
    child.wait().unwrap();
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        // `None`: its connection broke, as it should.
        let _broken: Option<()> = client.join().unwrap();
    }
    let mut kept = HashSet::new();
    for file in parts(folder.path()) {
        let reader = CaptureReader::open(&file).unwrap_or_else(|error| panic!("run {run}: {error}"));
        assert_eq!(reader.integrity_errors().unwrap(), Vec::<String>::new(), "run {run}: {}", file.display());
        if reader.is_empty().unwrap() {
            continue;
        }
        for exchange in capture::open(&file).unwrap().exchanges {
            let exchange = exchange.unwrap_or_else(|error| panic!("run {run}: {error}"));
            assert!(kept.insert(exchange.request.target), "run {run}: recorded twice");
        }
    }
    let answered = answered.lock().unwrap();
    let due: Vec<&String> =
        answered.iter().filter(|(_, at)| *at + PROMISE < killed_at).map(|(target, _)| target).collect();
    let missing: Vec<&&String> = due.iter().filter(|target| !kept.contains(**target)).collect();
    assert!(missing.is_empty(), "run {run}: {} of {} are missing: {:?}", missing.len(), due.len(), missing.first());
    (due.len(), kept.len())
}

#[test]
fn killed_under_load_it_keeps_what_was_answered() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kills: u64 = std::env::var("UMPIRE_KILLS").map_or(4, |kills| kills.parse().expect("a number"));
    let upstream = upstream();
    let (mut due, mut kept) = (0, 0);
    for run in 0..kills {
        let (of_run, there) = kill_once(upstream, run);
        assert!(there > 0, "run {run}: nothing was recorded, so nothing was shown");
        due += of_run;
        kept += there;
    }
    println!("{kills} kills: {due} exchanges had to be there and were, {kept} in all, every file sound");
    assert!(due > 0, "nothing had to be there, so nothing was shown");
}

/// One test at a time: what is promised of the time until something is on disk is promised of a machine that does no more.
static ALONE: Mutex<()> = Mutex::new(());

/// With little memory it may abort, or record less; what it leaves is whole, and what it says is true.
#[cfg(target_os = "linux")]
#[test]
fn without_memory_the_capture_is_whole() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let upstream = upstream();
    let mut exhausted = 0;
    for kilobytes in [250_000, 350_000, 500_000] {
        let folder = tempfile::tempdir().unwrap();
        let capture = folder.path().join("limited.db");
        let limit = format!("ulimit -v {kilobytes};");
        let (mut child, address) = proxy(&capture, upstream, &[], &limit);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                // Its connection breaks when there is no memory any more.
                std::thread::spawn(move || large_requests(address))
            })
            .collect();
        let answered: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
        let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        let ended = child.wait().unwrap();
        exhausted += u32::from(!ended.success());
        let reader = CaptureReader::open(&capture).unwrap_or_else(|error| panic!("{kilobytes}: {kill:?} {error}"));
        assert_eq!(reader.integrity_errors().unwrap(), Vec::<String>::new(), "{kilobytes}");
        let kept = reader.len().unwrap();
        for index in 0..kept {
            reader.exchange(index).unwrap_or_else(|error| panic!("{kilobytes}: {error}"));
        }
        println!("{kilobytes} kB: {ended}, {answered} answered, {kept} kept");
        if ended.success() {
            assert!(kept >= answered, "{kilobytes}: it said that nothing is missing, but {kept} of {answered}");
        }
    }
    assert!(exhausted > 0, "there was memory enough, so nothing was shown");
}

/// What the C library reserves for each thread is not used: a limit above what is used costs no exchange.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_limit_above_what_is_used_costs_no_exchange() {
    const MANY: usize = 8 * CLIENTS;
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let upstream = upstream();
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("limited.db");
    let (mut child, address) =
        proxy(&capture, upstream, &[], "unset MALLOC_ARENA_MAX GLIBC_TUNABLES; ulimit -v 200000;");
    let (next, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let answered = Arc::new(Mutex::new(Vec::new()));
    let clients: Vec<_> = (0..MANY)
        .map(|_| {
            let (next, stop, answered) = (Arc::clone(&next), Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || client(address, &next, &stop, &answered))
        })
        .collect();
    let begun = Instant::now();
    while answered.lock().unwrap().len() < 3_000 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    stop.store(true, Ordering::Relaxed);
    let unbroken = clients.into_iter().filter_map(|client| client.join().unwrap()).count();
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    let ended = child.wait().unwrap();
    let answered = answered.lock().unwrap().len() as u64;
    let kept = CaptureReader::open(&capture).unwrap_or_else(|error| panic!("{kill:?} {error}")).len().unwrap();
    assert_eq!((kept, unbroken), (answered, MANY), "kept, connections unbroken: {ended}");
    assert!(ended.success() && answered >= 3_000, "{ended}, {answered}");
}

/// Requests of 4 MB, one after the other, until the proxy is gone. How many were answered.
fn large_requests(proxy: SocketAddr) -> u64 {
    let body = vec![b'x'; 4 << 20];
    let mut answered = 0;
    for _ in 0..12 {
        let request = || -> Option<()> {
            let mut stream = TcpStream::connect(proxy).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
            let head = "PUT /api/x HTTP/1.1\r\nhost: h\r\nconnection: close\r\n";
            stream.write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes()).ok()?;
            stream.write_all(&body).ok()?;
            read_message(&mut BufReader::new(stream))?.contains(" 200 ").then_some(())
        };
        answered += u64::from(request().is_some());
    }
    answered
}
