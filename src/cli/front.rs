//! The front ends of a run: the terminal UI, plain lines, JSON lines. One is chosen; all eat the same events, on a thread of
//! their own, so that an output that takes nothing holds up nothing else.
//!
//! ```text
//! Front::start ─► thread "front": events ─► screen | lines ─► end of the events ─► Front::end
//!                      ├─ the output has gone ─► live: said once, the run goes on without; else: the run ends
//!                      ├─ the terminal of a screen has gone ─► the run ends as by SIGTERM; or goes on, where SIGHUP is ignored
//!                      └─ a panic ─► the screen: plain lines take over; lines: as if the output had gone
//! ```

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::logging::ScreenGuard;
use super::signals::Signals;
use super::stdio::{self, note, print};
use crate::event::{Event, EventReceiver, RecordingStatus, RunContext};
use crate::finding::{Severity, Side};
use crate::panics;
use crate::recorder::{RunSummary, failed_in_words, unjudged_in_words};
use crate::report::{JsonLines, Paint, PlainReport, Summary};
use crate::text::{self, safe, safe_format, visible};
use crate::tui::{self, Setup, TuiError};

/// How long an output that takes nothing is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(3);

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ui {
    /// The terminal UI
    Tui,
    /// A line for each exchange, findings below it
    Plain,
    /// One JSON object per line (docs/events.md)
    Json,
}

impl Ui {
    /// The one asked for, or else the terminal UI on a terminal that can show it and plain lines anywhere else.
    pub(super) fn choose(asked: Option<Self>) -> Self {
        let on_terminal = stdio::stdout_is_terminal() && io::stdin().is_terminal();
        // Such a terminal prints what should move the cursor.
        let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        asked.unwrap_or(if on_terminal && !is_dumb { Self::Tui } else { Self::Plain })
    }
}

/// A front end on its thread.
pub(crate) struct Front {
    ended: oneshot::Receiver<anyhow::Result<()>>,
    /// Events that it has taken so far.
    taken: Arc<AtomicU64>,
}

impl Front {
    /// Shows events until there are no more, or until the user quits the terminal UI, which cancels `stop`. Where
    /// `outlives_terminal`, a proxy goes on when its terminal goes away. Needs a tokio runtime.
    pub(super) fn start(
        ui: Ui,
        receiver: EventReceiver,
        setup: Setup,
        stop: CancellationToken,
        outlives_terminal: bool,
    ) -> io::Result<Self> {
        let (sender, ended) = oneshot::channel();
        let taken = Arc::<AtomicU64>::default();
        let context = setup.context.clone();
        let mut show = FrontThread {
            receiver,
            context,
            setup,
            stop,
            outlives_terminal,
            runtime: Handle::current(),
            taken: Arc::clone(&taken),
        };
        std::thread::Builder::new().name("front".to_owned()).spawn(move || {
            if sender.send(show.run(ui)).is_err() {
                tracing::debug!("nobody waited for the front end");
            }
        })?;
        Ok(Self { ended, taken })
    }

    /// Waits until all was shown, or can't be.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        (&mut self.ended).await.unwrap_or_else(|_| Err(anyhow::anyhow!("the front end has failed; the log says where")))
    }

    /// As [`Self::ended`], at the end of a run: an output that takes nothing any more is not waited for, nor is any
    /// once there is another signal.
    pub(super) async fn end(mut self, signals: &mut Signals) -> anyhow::Result<()> {
        let mut before = self.taken.load(Ordering::Relaxed);
        loop {
            tokio::select! {
                ended = self.ended() => return ended,
                signal = signals.once_more() => return Ok(signal?),
                () = tokio::time::sleep(PATIENCE) => {
                    let now = self.taken.load(Ordering::Relaxed);
                    if now == before {
                        note("not everything was shown: nobody takes what is written");
                        return Ok(());
                    }
                    before = now;
                }
            }
        }
    }
}

/// What the thread of a front end works with.
struct FrontThread {
    receiver: EventReceiver,
    context: RunContext,
    setup: Setup,
    stop: CancellationToken,
    outlives_terminal: bool,
    runtime: Handle,
    taken: Arc<AtomicU64>,
}

impl FrontThread {
    fn run(&mut self, ui: Ui) -> anyhow::Result<()> {
        let ui = match ui {
            Ui::Tui => match self.screen() {
                Some(ended) => return ended,
                None => Ui::Plain,
            },
            lines => lines,
        };
        let shown = panics::catch(|| match ui {
            Ui::Json => self.json(),
            Ui::Plain | Ui::Tui => self.plain(),
        });
        let error = match shown {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(panicked) => io::Error::other(format!("writing {panicked}")),
        };
        if self.context.mode.carries_traffic() {
            // Standard error has it in any case, and a log that is a file as well.
            tracing::info!("the traffic can't be shown any more: {error}");
            note(safe_format!("the traffic can't be shown any more: {error}; it goes on all the same"));
            return Ok(());
        }
        // What only shows something has no more to do.
        self.stop.cancel();
        stdio::audience(Err(error)).map(drop)
    }

    /// The terminal UI. `None`: it has failed, and plain lines are to take over.
    fn screen(&mut self) -> Option<anyhow::Result<()>> {
        let quiet = ScreenGuard::take();
        let (setup, stop) = (self.setup.clone(), self.stop.clone());
        let ended = panics::catch(|| tui::run_on_screen(&self.runtime, &mut self.receiver, setup, stop));
        drop(quiet);
        match ended {
            Ok(Ok(_)) => {
                self.stop.cancel();
                Some(Ok(()))
            }
            Ok(Err(error @ TuiError::Setup(_))) => {
                self.stop.cancel();
                Some(Err(error.into()))
            }
            Ok(Err(gone)) => {
                tracing::warn!("the traffic can't be shown any more: {gone}");
                if !self.context.mode.carries_traffic() || !self.outlives_terminal {
                    self.stop.cancel();
                }
                Some(Ok(()))
            }
            Err(panicked) => {
                note(safe_format!("the screen {panicked}; what comes is shown as plain lines"));
                None
            }
        }
    }

    fn plain(&mut self) -> io::Result<()> {
        let Self { receiver, context, taken, .. } = self;
        let mut plain = PlainReport::new(stdio::stdout(), Paint::for_stdout());
        let mut summary = Summary::new();
        plain.header(context)?;
        while let Some(event) = receiver.events.blocking_recv() {
            summary.add(&event);
            plain.event(&event)?;
            taken.fetch_add(1, Ordering::Relaxed);
        }
        said_dropped(receiver, |event| plain.event(event))?;
        plain.summary(&summary, context)
    }

    fn json(&mut self) -> io::Result<()> {
        let Self { receiver, context, taken, .. } = self;
        let mut lines = JsonLines::new(stdio::stdout());
        let mut summary = Summary::new();
        lines.header(context)?;
        while let Some(event) = receiver.events.blocking_recv() {
            summary.add(&event);
            lines.event(&event)?;
            taken.fetch_add(1, Ordering::Relaxed);
        }
        said_dropped(receiver, |event| lines.event(event))?;
        lines.summary(&summary)
    }
}

fn said_dropped(receiver: &EventReceiver, mut say: impl FnMut(&Event) -> io::Result<()>) -> io::Result<()> {
    let dropped = receiver.dropped();
    if dropped == 0 {
        return Ok(());
    }
    let dropped = text::count(dropped, "event");
    say(&Event::Notice(format!("{dropped} came faster than could be shown, and are in none of the counts")))
}

/// What is left on the terminal once the terminal UI has gone, and in the log in any case.
pub(crate) fn print_exit_summary(ui: Ui, closing: &RunSummary, context: &RunContext) {
    let RunSummary { exchanges, bookings, missed, unjudged, failed, .. } = closing;
    tracing::info!(exchanges, bookings, missed, unjudged, failed, "ended");
    if ui != Ui::Tui {
        return;
    }
    // Where the terminal has gone, the log has it.
    if let Err(error) = goodbye(closing, context) {
        tracing::warn!("{error}");
    }
}

fn goodbye(closing: &RunSummary, context: &RunContext) -> anyhow::Result<()> {
    print(|out| {
        let exchanges = text::count(closing.exchanges, "exchange");
        let bookings = text::count(closing.bookings, "booking");
        match closing.exchanges + closing.unjudged + closing.failed {
            all if all == closing.exchanges => out.line(safe![exchanges, " of ", bookings])?,
            all => out.line(safe![all, " exchanges, of which ", closing.exchanges, " were judged, of ", bookings])?,
        }
        for side in Side::ALL {
            let of = |severity| closing.findings.get(side, severity);
            let failures = text::count(of(Severity::Failure), "failure");
            let warnings = text::count(of(Severity::Warning), "warning");
            out.line(safe_format!("{:14} {failures}, {warnings}", side.in_words()))?;
        }
        if closing.unjudged > 0 {
            out.line(visible(&unjudged_in_words(closing.unjudged)))?;
        }
        if let Some(failure) = &closing.failure {
            out.line(visible(&failed_in_words(closing.failed, failure)))?;
        }
        if closing.removed {
            out.line(RecordingStatus::REMOVED)?;
        } else if let Some(capture) = &context.capture {
            let command = safe![super::program(), " view ", text::quoted(capture)];
            out.line(safe!["recorded in ", visible(capture), ": look again with `", command, "`"])?;
        }
        Ok(())
    })?;
    Ok(())
}
