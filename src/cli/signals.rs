//! What asks a running command to stop, and how it is obeyed.
//!
//! ```text
//! Ctrl-C, SIGTERM, SIGHUP ─► drain: no new connections, exchanges under way may end ─► capture closed ─► done
//!          │                            what waits is judged, within the same time ─┘
//!          └─ Ctrl-C or SIGTERM once more ─► they are cut off and recorded so, nothing more is judged ─┘
//!                                             └─ a recorder that can't end (a disk that hangs) is not waited for
//! ```
//!
//! A command that only writes files has nothing to close: its unfinished files are removed, and it ends at once.
//!
//! SIGHUP comes several times when a terminal goes away, so it never counts as "once more". Where it was ignored from the start
//! (`nohup`), it stays so.

use std::io;
use std::pin::pin;
use std::time::Duration;

use super::Exit;
use super::stdio::note;
use crate::new_file::remove_unfinished;
use crate::recorder::RunSummary;
use crate::session::Session;
use crate::text::safe;

/// Stack of a command that runs beside the wait for signals: that of a main thread.
const STACK: usize = 8 << 20;

/// How long the recorder is waited for once nothing else is.
const PATIENCE: Duration = Duration::from_secs(3);

/// After this time it is said what is being waited for.
const UNNOTICED: Duration = Duration::from_millis(300);

/// Ctrl-C, and SIGTERM and SIGHUP where there are such things. None is missed between two waits.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// `None` if it is ignored.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// From here on signals don't end the process.
    pub(super) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let hangup = if hangup::is_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
            let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            Ok(Self { interrupt, terminate, hangup })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// True if the run is to outlive its terminal.
    pub(crate) fn outlive_the_terminal(&self) -> bool {
        #[cfg(unix)]
        return self.hangup.is_none();
        #[cfg(not(unix))]
        false
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> io::Result<()> {
        self.next_status().await.map(drop)
    }

    /// The exit status of a program that the next one ends.
    async fn next_status(&mut self) -> io::Result<u8> {
        #[cfg(unix)]
        {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            Ok(tokio::select! {
                _ = self.interrupt.recv() => 130,
                _ = self.terminate.recv() => 143,
                _ = hangup => 129,
            })
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await.map(|()| 130)
    }

    /// The next one that asks not to wait any longer.
    pub(crate) async fn once_more(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            Ok(())
        }
        #[cfg(not(unix))]
        self.next().await
    }
}

/// Whether SIGHUP was ignored when the program was started. To be asked before it is listened for.
#[cfg(unix)]
mod hangup {
    use std::process::{Command, Stdio};

    pub(super) fn is_ignored() -> bool {
        by_the_kernel().or_else(by_a_shell).unwrap_or(false)
    }

    /// Where the kernel tells (Linux): the lowest bit of the mask of ignored signals.
    fn by_the_kernel() -> Option<bool> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok().map(|mask| mask & 1 == 1)
    }

    /// What is ignored is so in child processes too, and no shell can trap it.
    fn by_a_shell() -> Option<bool> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "trap 'exit 1' HUP; kill -HUP $$; exit 0"]);
        let status = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        status.code().map(|code| code == 0)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn both_ways_to_know_agree() {
            let known = by_a_shell().unwrap();
            assert!(by_the_kernel().is_none_or(|ignored| ignored == known), "{known}");
            assert_eq!(is_ignored(), known);
        }
    }
}

/// Runs a command that writes files. A signal ends it at once: what is not finished is removed, and what had a name before
/// stays.
pub(super) fn end_at_signal(command: impl FnOnce() -> anyhow::Result<Exit> + Send + 'static) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let (sender, ended) = tokio::sync::oneshot::channel();
        // Nobody waits for the thread behind a signal: it ends with the process.
        let thread = std::thread::Builder::new().name("command".to_owned()).stack_size(STACK);
        thread.spawn(move || sender.send(command()))?;
        tokio::select! {
            ended = ended => ended.unwrap_or_else(|_| Err(anyhow::anyhow!("the command failed, for the reason above"))),
            status = signals.next_status() => {
                let status = status?;
                if remove_unfinished() {
                    note("interrupted; the file that was not finished is removed");
                }
                Ok(Exit::OfCommand(status))
            }
        }
    })
}

/// Ends a session: in order, or at once if there is another signal. While a terminal UI is `on_screen`, nothing is
/// written over it.
pub(super) async fn end(session: Session, signals: &mut Signals, on_screen: bool) -> anyhow::Result<RunSummary> {
    let (at_once, backlog) = (session.force(), session.backlog());
    let mut stopping = pin!(session.stop());
    tokio::select! {
        closing = &mut stopping => return Ok(closing),
        () = tokio::time::sleep(UNNOTICED) => {
            if !on_screen {
                let waiting = match backlog.waiting() {
                    0 => safe!["waiting for exchanges under way"],
                    1 => safe!["waiting for exchanges under way and for the judge, who has one exchange to judge"],
                    left => safe!["waiting for exchanges under way and for the judge, who has ", left, " exchanges to judge"],
                };
                note(safe![waiting, "; Ctrl-C once more ends at once"]);
            }
        }
        signal = signals.once_more() => {
            signal?;
            at_once.cancel();
        }
    }
    if !at_once.is_cancelled() {
        tokio::select! {
            closing = &mut stopping => return Ok(closing),
            signal = signals.once_more() => signal?,
        }
        at_once.cancel();
    }
    match tokio::time::timeout(PATIENCE, stopping).await {
        Ok(closing) => Ok(closing),
        // Nothing can make the recorder's thread end; what it has committed is safe.
        Err(_) => anyhow::bail!("ended before all was recorded; the capture is whole up to its last commit"),
    }
}
