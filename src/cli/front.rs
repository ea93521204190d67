//! The front ends of a run: the terminal UI, plain lines, JSON lines. One is chosen; all eat the same events.

use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use tokio_util::sync::CancellationToken;

use super::logging::ScreenGuard;
use super::stdio::{self, note, print};
use crate::event::{Context, Event, Feed, Mode, Recording};
use crate::finding::{Severity, Side};
use crate::recorder::{Closing, failed_in_words, unjudged_in_words};
use crate::report::{JsonLines, Paint, Plain, Summary};
use crate::text::{self, safe, safe_format, visible};
use crate::tui;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ui {
    /// The terminal UI
    Tui,
    /// A line for each exchange, findings below it
    Plain,
    /// One JSON object per line (docs/events.md)
    Json,
}

impl Ui {
    /// The one asked for, or else the terminal UI on a terminal and plain lines anywhere else.
    pub fn choose(asked: Option<Self>) -> Self {
        let on_terminal = stdio::stdout_is_terminal() && io::stdin().is_terminal();
        asked.unwrap_or(if on_terminal { Self::Tui } else { Self::Plain })
    }
}

/// Shows events until there are no more, or until the user quits the terminal UI, which cancels `stop`.
///
/// When the output of plain or JSON lines can't be written any more (its reader has gone, the disk is full), a proxy says so
/// on standard error and goes on: traffic doesn't depend on its audience. What only shows something has no more to do: it
/// cancels `stop`, and ends as other programs do.
pub async fn show(ui: Ui, mut feed: Feed, context: Context, stop: CancellationToken) -> anyhow::Result<()> {
    let shown = match ui {
        Ui::Tui => {
            let _quiet = ScreenGuard::take();
            let _stop_at_the_end = stop.clone().drop_guard();
            tui::run_on_screen(feed, context, stop).await?;
            return Ok(());
        }
        Ui::Plain => plain(&mut feed, &context).await,
        Ui::Json => json(&mut feed, &context).await,
    };
    match (shown, context.mode) {
        (Ok(()), _) => Ok(()),
        (Err(error), Mode::Live) => {
            note(safe_format!("the traffic can't be shown any more: {error}; it goes on, and is recorded"));
            while feed.events.recv().await.is_some() {}
            Ok(())
        }
        (failed, Mode::View | Mode::Demo) => {
            stop.cancel();
            // A demo's events have to go somewhere until it has ended.
            while feed.events.recv().await.is_some() {}
            stdio::audience(failed).map(drop)
        }
    }
}

async fn plain(feed: &mut Feed, context: &Context) -> io::Result<()> {
    let mut plain = Plain::new(stdio::stdout(), Paint::for_stdout());
    let mut summary = Summary::new();
    plain.header(context)?;
    while let Some(event) = feed.events.recv().await {
        summary.add(&event);
        plain.event(&event)?;
    }
    said_dropped(feed, |event| plain.event(event))?;
    plain.summary(&summary, context)?;
    Ok(())
}

async fn json(feed: &mut Feed, context: &Context) -> io::Result<()> {
    let mut lines = JsonLines::new(stdio::stdout());
    let mut summary = Summary::new();
    lines.header(context)?;
    while let Some(event) = feed.events.recv().await {
        summary.add(&event);
        lines.event(&event)?;
    }
    said_dropped(feed, |event| lines.event(event))?;
    lines.summary(&summary)?;
    Ok(())
}

fn said_dropped(feed: &Feed, mut say: impl FnMut(&Event) -> io::Result<()>) -> io::Result<()> {
    let dropped = feed.dropped();
    if dropped == 0 {
        return Ok(());
    }
    let dropped = text::count(dropped, "event");
    say(&Event::Notice(format!("{dropped} came faster than could be shown; the capture has them all")))
}

/// What is left on the terminal once the terminal UI has gone.
pub fn say_goodbye(ui: Ui, closing: &Closing, context: &Context) -> anyhow::Result<()> {
    if ui != Ui::Tui {
        return Ok(());
    }
    print(|out| {
        let exchanges = text::count(closing.exchanges, "exchange");
        out.line(safe![exchanges, " of ", text::count(closing.bookings, "booking")])?;
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
            out.line(Recording::REMOVED)?;
        } else if let Some(capture) = &context.capture {
            let command = safe![super::program(), " view ", text::quoted(capture)];
            out.line(safe!["recorded in ", visible(capture), ": look again with `", command, "`"])?;
        }
        Ok(())
    })?;
    Ok(())
}
