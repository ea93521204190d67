//! Disks that are full, slow or read-only, and captures that are deleted, replaced or locked.

use super::*;

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
