//! The process as a job of a shell: asked to stop, stopped, run again, in the foreground or not.
//!
//! `SIGTSTP → ConsoleInput::Stop` · `SIGCONT → ConsoleInput::Continued` · nothing of it where the system has no such signals

use std::io;

use super::ConsoleInput;

/// SIGTSTP and SIGCONT. While this listens, SIGTSTP by itself stops nothing.
#[cfg(unix)]
pub(super) struct JobSignals {
    stop: tokio::signal::unix::Signal,
    continued: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl JobSignals {
    pub(super) fn listen() -> io::Result<Self> {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        let of = |of: Signal| signal(SignalKind::from_raw(of.as_raw()));
        Ok(Self { stop: of(Signal::TSTP)?, continued: of(Signal::CONT)? })
    }

    pub(super) async fn next(&mut self) -> ConsoleInput {
        tokio::select! {
            biased;
            _ = self.continued.recv() => ConsoleInput::Continued,
            _ = self.stop.recv() => ConsoleInput::Stop,
        }
    }
}

/// Stops this process, or with it all of its job, as a key of the terminal would. It may run a moment longer.
#[cfg(unix)]
pub(super) fn stop(group: bool) -> io::Result<()> {
    use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
    // SIGTSTP is listened for, and so would not stop.
    let stopped = if group { kill_current_process_group(Signal::STOP) } else { kill_process(getpid(), Signal::STOP) };
    Ok(stopped?)
}

/// True if a shell is there that could run the process again: if its job is not the one that leads the session.
#[cfg(unix)]
pub(super) fn has_shell() -> bool {
    rustix::process::getsid(None).is_ok_and(|session| session != rustix::process::getpgrp())
}

/// True if the terminal is this job's, to be read from and to be set up.
#[cfg(unix)]
pub(super) fn is_in_foreground() -> bool {
    let of = rustix::termios::tcgetpgrp(rustix::stdio::stdin());
    // A terminal that knows no jobs is everybody's.
    of.map_or(true, |group| group == rustix::process::getpgrp())
}

/// True once the terminal that is read from has hung up. Then a read gives nothing, at once and for ever, and crossterm tries
/// again.
#[cfg(unix)]
pub(super) fn has_hung_up() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = rustix::stdio::stdin();
    let mut input = [PollFd::new(&stdin, PollFlags::empty())];
    poll(&mut input, Some(&Timespec::default())).is_ok() && input[0].revents().contains(PollFlags::HUP)
}

/// The other end of the pipe that a parked reader waits for.
#[cfg(unix)]
static NEVER_WRITTEN_TO: std::sync::OnceLock<io::PipeWriter> = std::sync::OnceLock::new();

/// Lets whoever still reads from a terminal that has hung up wait for ever, in place of trying without end.
#[cfg(unix)]
pub(super) fn park_reader() -> io::Result<()> {
    if NEVER_WRITTEN_TO.get().is_some() {
        return Ok(());
    }
    let (reader, writer) = io::pipe()?;
    rustix::stdio::dup2_stdin(&reader)?;
    // Nothing ever comes, and it never ends.
    let _writer = NEVER_WRITTEN_TO.get_or_init(|| writer);
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn has_hung_up() -> bool {
    false
}

#[cfg(not(unix))]
pub(super) fn park_reader() -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub(super) struct JobSignals;

#[cfg(not(unix))]
impl JobSignals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> ConsoleInput {
        std::future::pending().await
    }
}

#[cfg(not(unix))]
pub(super) fn stop(_group: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
pub(super) fn has_shell() -> bool {
    false
}

#[cfg(not(unix))]
pub(super) fn is_in_foreground() -> bool {
    true
}
