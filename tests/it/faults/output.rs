//! Outputs that take nothing, or are gone.

use super::*;

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
