//! What asks a running command to stop, and how it is obeyed.
//!
//! ```text
//! Ctrl-C or SIGTERM ─► drain: no new connections, exchanges under way may end ─► capture closed ─► done
//!                        │                       what waits is judged, within the same time ─┘
//!                        └─ a second one ─► they are cut off and recorded so, nothing more is judged ─┘
//!                                             └─ a recorder that can't end (a disk that hangs) is not waited for
//! ```

use std::io;
use std::pin::pin;
use std::time::Duration;

use super::stdio::note;
use crate::recorder::Closing;
use crate::session::Session;

/// How long the recorder is waited for once nothing else is.
const PATIENCE: Duration = Duration::from_secs(3);

/// After this time it is said what is being waited for.
const UNNOTICED: Duration = Duration::from_millis(300);

/// Ctrl-C, and SIGTERM where there is such a thing. None is missed between two waits.
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// From here on signals don't end the process.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The next one.
    pub async fn next(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            Ok(())
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    }
}

/// Ends a session: in order, or at once if there is another signal. While a terminal UI is `on_screen`, nothing is
/// written over it.
pub async fn end(session: Session, signals: &mut Signals, on_screen: bool) -> anyhow::Result<Closing> {
    let at_once = session.at_once();
    let mut stopping = pin!(session.stop());
    tokio::select! {
        closing = &mut stopping => return Ok(closing),
        () = tokio::time::sleep(UNNOTICED) => {
            if !on_screen {
                note("waiting for exchanges under way and for the judge; Ctrl-C once more ends at once");
            }
        }
        signal = signals.next() => {
            signal?;
            at_once.cancel();
        }
    }
    if !at_once.is_cancelled() {
        tokio::select! {
            closing = &mut stopping => return Ok(closing),
            signal = signals.next() => signal?,
        }
        at_once.cancel();
    }
    match tokio::time::timeout(PATIENCE, stopping).await {
        Ok(closing) => Ok(closing),
        // Nothing can make the recorder's thread end; what it has committed is safe.
        Err(_) => anyhow::bail!("ended before all was recorded; the capture is whole up to its last commit"),
    }
}
