//! `umpire` on a real terminal: as a job of a shell that is stopped and run again, and when the terminal goes away.
//!
//! ```text
//! test ─► keys, signals, hang-up ─► pseudo terminal ─► setsid ─► umpire, or a shell that runs it
//!   ▲                                     │
//!   └──────── what is drawn ◄─────────────┘
//! ```

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use umpire::capture;

/// Longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The sequences that enter and leave the alternate screen.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// A terminal, what was written to it, and the session that it controls.
struct Terminal {
    master: Option<File>,
    written: Arc<Mutex<Vec<u8>>>,
    /// Up to here it was looked at.
    seen: usize,
    closed: Arc<AtomicBool>,
    reader: Option<std::thread::JoinHandle<()>>,
    leader: Child,
}

impl Terminal {
    /// Runs `sh -c SCRIPT` as the leader of a session that this terminal controls. `umpire` is on its path.
    fn run(folder: &Path, script: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        let ours = Path::new(env!("CARGO_BIN_EXE_umpire")).parent().unwrap();
        let path = format!("{}:{}", ours.display(), std::env::var("PATH").unwrap());
        let leader = Command::new("setsid")
            .args(["--ctty", "sh", "-c", script])
            .env("PATH", path)
            .env("TERM", "xterm-256color")
            .env("PS1", "PROMPT ")
            .env_remove("RUST_LOG")
            .current_dir(folder)
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave)
            .spawn()
            .expect("setsid, of util-linux");
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        let master = File::from(master);
        let (written, closed) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<AtomicBool>::default());
        let reader = std::thread::spawn({
            let (mut master, written, closed) =
                (master.try_clone().unwrap(), Arc::clone(&written), Arc::clone(&closed));
            move || {
                let mut bytes = vec![0; 65_536];
                while !closed.load(Ordering::Relaxed) {
                    match master.read(&mut bytes) {
                        Ok(0) => return,
                        Ok(count) => written.lock().unwrap().extend(&bytes[..count]),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            std::thread::sleep(Duration::from_millis(2));
                        }
                        // Nobody has it open any more.
                        Err(_) => return,
                    }
                }
            }
        });
        Self { master: Some(master), written, seen: 0, closed, reader: Some(reader), leader }
    }

    /// Waits until this was written behind what was seen so far; what was written up to there.
    fn until(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let written = self.written.lock().unwrap().clone();
            let new = &written[self.seen..];
            if let Some(at) = new.windows(text.len()).position(|part| part == text.as_bytes()) {
                self.seen += at + text.len();
                return String::from_utf8_lossy(&new[..at]).into_owned();
            }
            assert!(begun.elapsed() < PATIENCE, "never {text:?}, but: {:?}", String::from_utf8_lossy(new));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn press(&self, keys: &str) {
        self.master.as_ref().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Gives the terminal another size, as when its window is dragged.
    fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(self.master.as_ref().unwrap(), size).unwrap();
    }

    /// True if keys reach the program one by one and are not echoed.
    fn is_raw(&self) -> bool {
        let modes = tcgetattr(self.master.as_ref().unwrap()).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// The terminal goes away, as when its window is closed.
    fn close(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        self.reader.take().unwrap().join().unwrap();
        self.master = None;
    }

    /// Waits for the end of the leader.
    fn end(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.leader.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        send(self.leader.id(), signal);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // It has ended, but where a test failed.
        let _killed = self.leader.kill();
        let _ended = self.leader.wait();
    }
}

fn send(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(process as i32).unwrap(), signal).unwrap();
}

/// Waits until a process is in this state, such as `T` for stopped.
#[track_caller]
fn wait_for_state(process: u32, state: char) {
    let begun = Instant::now();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let is = stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next());
        if is == Some(state) || (state == 'S' && is == Some('R')) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "it is {is:?}, not {state}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The one child of a process.
fn child_of(parent: u32) -> u32 {
    let begun = Instant::now();
    loop {
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next() {
            return child.parse().unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "{parent} has no child");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A recording with one exchange.
fn recording(folder: &Path) {
    let exchange = umpire::exchange::Exchange::get("https://a.example", "/look-for-me");
    let mut writer =
        capture::CaptureWriter::create(&folder.join("a.db"), &capture::Meta::new(None, jiff::Timestamp::UNIX_EPOCH))
            .unwrap();
    writer.append(&exchange).unwrap();
    writer.finish().unwrap();
}

/// A booking system that answers every request with `ok` until the test ends.
fn system() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.extend(byte);
            }
            // The proxy may have given up.
            let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    address
}

/// One request through the proxy.
#[track_caller]
fn request(port: u16) {
    let begun = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /api/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}

/// A port that was free a moment ago.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn proxy(port: u16, options: &str) -> String {
    format!("umpire proxy --to http://{}/api --listen 127.0.0.1:{port} --capture run.db {options}", system())
}

fn recorded(folder: &Path) -> usize {
    capture::open(&folder.join("run.db")).unwrap().exchanges.map(Result::unwrap).count()
}

#[test]
fn a_view_is_suspended_and_comes_back_with_everything_on_it() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let mut terminal = Terminal::run(folder.path(), "exec sh -i");
    terminal.until("PROMPT ");
    terminal.press("umpire view a.db\r");
    terminal.until(ENTER);
    terminal.until("look-for-me");
    let view = child_of(terminal.leader.id());
    // The key comes last: a signal would overtake the key before it.
    for by_key in [false, true] {
        if by_key {
            terminal.press("\x1a");
        } else {
            send(view, Signal::TSTP);
        }
        terminal.until(LEAVE);
        wait_for_state(view, 'T');
        terminal.until("PROMPT ");
        terminal.press("fg\r");
        terminal.until(ENTER);
        terminal.until("look-for-me");
        wait_for_state(view, 'S');
        assert!(terminal.is_raw());
        // Keys work at once, and are not echoed.
        terminal.press("?");
        terminal.until("closes");
        terminal.press("?");
    }
    terminal.press("q");
    terminal.until(LEAVE);
    terminal.until("PROMPT ");
    terminal.press("exit\r");
    terminal.end();
}

/// A shell, and a view in it that was stopped from outside.
fn stopped_view(folder: &Path) -> (Terminal, u32) {
    recording(folder);
    let mut terminal = Terminal::run(folder, "exec sh -i");
    terminal.until("PROMPT ");
    terminal.press("umpire view a.db\r");
    terminal.until("look-for-me");
    let view = child_of(terminal.leader.id());
    send(view, Signal::STOP);
    wait_for_state(view, 'T');
    terminal.until("PROMPT ");
    (terminal, view)
}

/// Brings the view back, with everything on it, and ends it and the shell.
fn back_and_out(mut terminal: Terminal) {
    terminal.press("fg\r");
    terminal.until(ENTER);
    terminal.until("look-for-me");
    assert!(terminal.is_raw());
    terminal.press("q");
    terminal.until("PROMPT ");
    terminal.press("exit\r");
    terminal.end();
}

#[test]
fn stopped_from_outside_the_screen_is_set_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut terminal, view) = stopped_view(folder.path());
    terminal.press("stty sane; echo in-be''tween\n");
    terminal.until("in-between\r\n");
    // In the background it draws nothing, and leaves the keyboard alone.
    terminal.press("bg\r");
    wait_for_state(view, 'S');
    terminal.press("echo still\"\"mine\r");
    let before = terminal.until("stillmine\r\n");
    assert!(!before.contains(ENTER), "{before:?}");
    back_and_out(terminal);
}

/// In the background, the reader of the keyboard is stopped by what is typed for the shell. It goes on with that read when the
/// view runs again, and waits there for a key; nothing else may wait for it.
#[test]
fn a_reader_that_waits_for_a_key_does_not_hold_up_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    let (mut terminal, view) = stopped_view(folder.path());
    let shell = terminal.leader.id();
    // The shell leaves the line behind these to whoever reads the terminal.
    terminal.press("stty sane; echo sle\"\"eps; sleep 0.3; bg; kill -STOP $$\n");
    terminal.until("sleeps\r\n");
    terminal.press("echo still\"\"mine\n");
    wait_for_state(shell, 'T');
    wait_for_state(view, 'T');
    send(shell, Signal::CONT);
    terminal.until("stillmine\r\n");
    back_and_out(terminal);
}

#[test]
fn a_proxy_on_the_screen_is_not_suspended_by_a_key() {
    let (folder, port) = (tempfile::tempdir().unwrap(), port());
    let mut terminal = Terminal::run(folder.path(), "exec sh -i");
    terminal.until("PROMPT ");
    terminal.press(&format!("{}\r", proxy(port, "")));
    terminal.until("Nothing has passed yet");
    terminal.press("\x1a");
    terminal.until("stop the traffic");
    request(port);
    terminal.until("No booking");
    terminal.press("q");
    terminal.until("y/n");
    terminal.press("n");
    request(port);
    terminal.press("q");
    terminal.press("y");
    terminal.until("recorded in run.db");
    terminal.press("exit\r");
    terminal.end();
    assert_eq!(recorded(folder.path()), 2);
}

#[test]
fn without_a_shell_to_come_back_from_ctrl_z_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let mut terminal = Terminal::run(folder.path(), "exec umpire view a.db");
    terminal.until("look-for-me");
    terminal.press("\x1a");
    terminal.until("no shell");
    terminal.press("q");
    assert!(terminal.end().success());
}

#[test]
fn without_colours_bold_and_reverse_stay() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let mut terminal = Terminal::run(folder.path(), "NO_COLOR=1 exec umpire view a.db");
    let mut written = terminal.until("look-for-me");
    terminal.press("?");
    written += &terminal.until("closes");
    terminal.press("qq");
    written += &terminal.until(LEAVE);
    assert!(terminal.end().success());
    assert!(written.contains("\x1b[7m") && written.contains("\x1b[1m"), "{written:?}");
    // Colours that are left out would read as an attribute that takes all others away.
    for colour in ["\x1b[;m", "\x1b[38;", "\x1b[3;m"] {
        assert!(!written.contains(colour), "{colour:?} in {written:?}");
    }
}

#[test]
fn pasted_text_is_announced_by_the_terminal_and_ignored() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let mut terminal = Terminal::run(folder.path(), "exec umpire view a.db");
    let entered = terminal.until("look-for-me");
    assert!(entered.contains("\x1b[?2004h"), "{entered:?}");
    terminal.press("\x1b[200~qqq\x03\x1b[201~");
    terminal.until("ignored");
    terminal.press("q");
    let left = terminal.until(LEAVE);
    assert!(left.contains("\x1b[?2004l"), "{left:?}");
    assert!(terminal.end().success());
}

#[test]
fn a_terminal_that_goes_away_ends_a_proxy_in_order() {
    for ui in ["", "--ui plain", "--ui json"] {
        let (folder, port) = (tempfile::tempdir().unwrap(), port());
        let log = "--log log.txt --grace-seconds 5";
        let mut terminal = Terminal::run(folder.path(), &format!("exec {}", proxy(port, &format!("{ui} {log}"))));
        request(port);
        request(port);
        terminal.until(if ui.is_empty() { "No booking" } else { "api/x" });
        terminal.close();
        let status = terminal.end();
        let log = std::fs::read_to_string(folder.path().join("log.txt")).unwrap();
        assert!(status.success(), "{ui}: {status}\n{log}");
        assert_eq!(recorded(folder.path()), 2, "{ui}");
        assert!(!log.contains("panicked"), "{ui}: {log}");
        assert!(log.contains("exchanges=2"), "{ui}: the summary is in the log: {log}");
    }
}

#[test]
fn a_view_and_a_sandbox_end_with_their_terminal_too() {
    for (command, ready) in [("umpire view a.db", "look-for-me"), ("umpire sandbox --listen 127.0.0.1:0", "Ctrl-C")] {
        let folder = tempfile::tempdir().unwrap();
        recording(folder.path());
        let mut terminal = Terminal::run(folder.path(), &format!("exec {command}"));
        terminal.until(ready);
        terminal.close();
        let status = terminal.end();
        assert!(status.success(), "{command}: {status}");
    }
}

#[test]
fn with_hangups_ignored_what_only_shows_something_ends_with_its_terminal() {
    for command in ["umpire view a.db", "umpire demo"] {
        let folder = tempfile::tempdir().unwrap();
        recording(folder.path());
        let mut terminal = Terminal::run(folder.path(), &format!("trap '' HUP; exec {command} 2>errors.txt"));
        terminal.until("UTC ");
        terminal.close();
        let status = terminal.end();
        let errors = std::fs::read_to_string(folder.path().join("errors.txt")).unwrap();
        assert_eq!(ended_by(status), None, "{command}: {status} {errors}");
        assert!(!errors.contains("panicked"), "{command}: {errors}");
    }
}

/// No session of its own ends with such a terminal, and nobody sends SIGHUP.
#[test]
fn a_view_ends_with_a_terminal_that_does_not_control_it() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let view = "trap '' HUP; exec setsid --wait umpire view a.db 2>errors.txt";
    let mut terminal = Terminal::run(folder.path(), view);
    terminal.until("look-for-me");
    terminal.close();
    let status = terminal.end();
    let errors = std::fs::read_to_string(folder.path().join("errors.txt")).unwrap();
    assert_eq!(ended_by(status), None, "{status} {errors}");
    assert!(errors.contains("the terminal is gone"), "{errors}");
}

/// The signal that a process was ended by.
fn ended_by(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[test]
fn with_hangups_ignored_a_proxy_outlives_its_terminal() {
    for ui in ["", "--ui plain"] {
        let (folder, port) = (tempfile::tempdir().unwrap(), port());
        let proxy = proxy(port, &format!("{ui} --log log.txt"));
        let mut terminal = Terminal::run(folder.path(), &format!("trap '' HUP; exec {proxy}"));
        request(port);
        terminal.until(if ui.is_empty() { "No booking" } else { "api/x" });
        terminal.close();
        terminal.signal(Signal::HUP);
        // Told of one of these, the screen finds nobody to show it to.
        let log = folder.path().join("log.txt");
        let (begun, mut sent) = (Instant::now(), 3);
        while !std::fs::read_to_string(&log).unwrap().contains("can't be shown any more") {
            assert!(begun.elapsed() < PATIENCE, "{ui}: the screen does not notice");
            request(port);
            sent += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
        request(port);
        request(port);
        terminal.signal(Signal::TERM);
        let status = terminal.end();
        let log = std::fs::read_to_string(folder.path().join("log.txt")).unwrap();
        assert!(status.success(), "{ui}: {status}\n{log}");
        assert_eq!(recorded(folder.path()), sent, "{ui}");
        assert!(log.contains("can't be shown any more"), "{ui}: {log}");
    }
}

#[test]
fn a_terminal_that_is_resized_all_the_time_shows_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let mut terminal = Terminal::run(folder.path(), "exec umpire view a.db");
    terminal.until("look-for-me");
    for step in 0..60 {
        terminal.resize(20 + step * 37 % 180, 5 + step * 13 % 50);
        terminal.press(["2", "j", "4", "1", "\t"][usize::from(step) % 5]);
        std::thread::sleep(Duration::from_millis(20));
    }
    terminal.resize(100, 30);
    // All of it is written, not only what differs from before.
    terminal.press("?\x0c");
    let written = terminal.until("closes");
    assert!(!written.contains("panicked"), "{written}");
    terminal.press(" 1qq");
    assert!(terminal.end().success());
}

#[test]
fn a_key_that_comes_with_a_change_of_the_size_is_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let mut terminal = Terminal::run(folder.path(), "exec umpire view a.db");
    terminal.until("look-for-me");
    for step in 0..100 {
        terminal.resize(100 + step % 2, 30);
        terminal.press("?");
        terminal.until("closes");
        // Away with the help, and all that was below it.
        terminal.press(" \x0c");
        terminal.until("look-for-me");
    }
    terminal.press("q");
    assert!(terminal.end().success());
}

#[test]
fn a_terminal_that_can_not_move_its_cursor_gets_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let mut terminal = Terminal::run(folder.path(), "TERM=dumb umpire view a.db; echo it has ended");
    let written = terminal.until("it has ended");
    assert!(written.contains("look-for-me") && !written.contains('\x1b'), "{written:?}");
    assert!(terminal.end().success());
}
