//! `umpire view FILE`: a recording on the screen, also while another Umpire writes it.
//!
//! ```text
//! file ─► exchange* ─► at its end: nothing new? ─► is there a next part? ─► its exchange* …
//!             ▲                        └─ a moment later ─┐     └─ no ─┐
//!             └───────────────────────────────────────────┴────────────┘   until stopped
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::front::{Front, Ui};
use super::judging::JudgingArgs;
use super::screen::{self, ScreenArgs};
use super::signals::Signals;
use super::{Exit, block_on};
use crate::capture::{self, CaptureError, Meta, Reader, next_part};
use crate::event::{COVERAGE_EVERY, Context, Event, Mode, Outlet, PROGRESS_EVERY, Progress, Recording, Throttle, feed};
use crate::exchange::Exchange;
use crate::fault::Faults;
use crate::panics;
use crate::rules::Judge;

/// How often a capture is asked for what is new.
const POLL: Duration = Duration::from_millis(250);

/// Events under way to the screen.
const EVENTS: usize = 1_024;

/// `umpire view …`
#[derive(Debug, Args)]
pub struct View {
    /// Capture or HAR file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to show it [default: tui on a terminal, else plain]
    #[arg(long, value_enum)]
    ui: Option<Ui>,
    #[command(flatten)]
    screen: ScreenArgs,
    /// Go on showing what another Umpire adds to the capture, and to its next parts (always so in the terminal UI)
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    judging: JudgingArgs,
}

/// Runs `umpire view …`.
pub fn run(view: View) -> anyhow::Result<Exit> {
    let judging = view.judging.load()?;
    let settings = judging.settings();
    let ui = Ui::choose(view.ui);
    let source = Source::open(&view.file)?;
    let context = Context {
        mode: Mode::View,
        base_uri: None,
        upstream: source.meta().base_uri.clone(),
        capture: Some(view.file.display().to_string()),
        also: vec![],
        forward: None,
        warnings: vec![],
        settings,
    };
    let setup = screen::setup(view.screen, &context, judging.config.screen, &Faults::new([]));
    let follow = view.follow || ui == Ui::Tui;
    block_on(async {
        let mut signals = Signals::listen()?;
        let (outlet, feed) = feed(EVENTS);
        let stop = CancellationToken::new();
        let judge = judging.judge(source.meta().base_uris(), source.meta().is_foreign());
        let reading = tokio::task::spawn_blocking({
            let stop = stop.clone();
            move || {
                let read = panics::catch(|| source.judge_all(judge, &outlet, follow, &stop));
                let read = read.unwrap_or_else(|panicked| Err(anyhow::anyhow!("reading the recording {panicked}")));
                if let (Err(error), Ui::Tui) = (&read, ui) {
                    // The screen stays until the user has seen it; if it has gone, the error says it at the end.
                    outlet.send_blocking(Event::Notice(format!("The rest can't be shown: {error}")));
                }
                read
            }
        });
        let mut front = Front::start(ui, feed, setup, stop.clone(), false)?;
        tokio::select! {
            shown = front.ended() => {
                stop.cancel();
                let read = reading.await?;
                shown?;
                read?;
            }
            signal = signals.next() => {
                signal?;
                stop.cancel();
                let read = reading.await?;
                front.end(&mut signals).await?;
                read?;
            }
        }
        Ok(Exit::Clean)
    })
}

/// Where exchanges come from: a capture that may still grow, or a recording read once.
enum Source {
    Capture(Reader),
    Har(capture::Recording),
}

impl Source {
    fn open(file: &Path) -> Result<Self, CaptureError> {
        if capture::is_capture(file)? {
            Reader::open(file).map(Self::Capture)
        } else {
            super::recording::open_quietly(file).map(Self::Har)
        }
    }

    fn meta(&self) -> &Meta {
        match self {
            Self::Capture(reader) => reader.meta(),
            Self::Har(recording) => &recording.meta,
        }
    }

    fn judge_all(
        self,
        mut judge: Judge,
        outlet: &Outlet,
        follow: bool,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let (mut pace, mut progress) = (Throttle::new(COVERAGE_EVERY), Throttle::new(PROGRESS_EVERY));
        let mut judged_so_far = 0;
        // An exchange, or none where there is no more for now.
        // `recorded`: how many exchanges there are so far, if that is known.
        let mut show = |exchange: Option<Exchange>, recorded: Option<u64>| {
            let judged = exchange.map(|exchange| Event::Exchange(Arc::new(judge.judge(Arc::new(exchange)))));
            if judged.is_some() {
                pace.changed();
                progress.changed();
                judged_so_far += 1;
            }
            let recorded = recorded
                .filter(|recorded| progress.is_due() || judged_so_far == *recorded && progress.left().is_some());
            let told = recorded
                .map(|recorded| Event::Progress(Progress { recorded, judged: judged_so_far, lag: Duration::ZERO }));
            let slow = judge.slow_rule().map(|slow| Event::Notice(slow.to_string()));
            judged.into_iter().chain(slow).chain(told).all(|event| outlet.send_blocking(event))
                && (!pace.is_due() || outlet.send_blocking(Event::Coverage(Arc::new(judge.coverage()))))
        };
        match self {
            Self::Har(recording) => {
                let oddities = recording.oddities;
                let mut fault = None;
                for exchange in recording.exchanges {
                    if stop.is_cancelled() {
                        break;
                    }
                    match exchange {
                        Ok(exchange) => {
                            if !show(Some(exchange), None) {
                                break;
                            }
                        }
                        Err(error) => fault = Some(error),
                    }
                }
                let told = oddities.list().into_iter().map(|oddity| oddity.to_string());
                for notice in told.chain(fault.iter().map(ToString::to_string)) {
                    if !outlet.send_blocking(Event::Notice(notice)) {
                        break;
                    }
                }
                if let Some(fault) = fault {
                    return Err(fault.into());
                }
            }
            Self::Capture(mut reader) => {
                // Exchanges of the parts before this one.
                let (mut next, mut before) = (0, 0);
                while !stop.is_cancelled() {
                    // Looked for first: when there is a next part, all that belongs into this one is in it.
                    let behind = if follow { next_part(&reader)? } else { None };
                    let end = reader.len()?;
                    while next < end && !stop.is_cancelled() {
                        if !show(Some(reader.exchange(next)?), Some(before + end)) {
                            return Ok(());
                        }
                        next += 1;
                    }
                    if !follow {
                        break;
                    }
                    match behind {
                        Some(part) => {
                            let file = part.file().display().to_string();
                            if !outlet.send_blocking(Event::Recording(Recording::On { file, missed: 0 })) {
                                return Ok(());
                            }
                            before += end;
                            (reader, next) = (part, 0);
                        }
                        None if !show(None, Some(before + end)) => return Ok(()),
                        None => std::thread::sleep(POLL),
                    }
                }
            }
        }
        if pace.left().is_some() {
            outlet.send_blocking(Event::Coverage(Arc::new(judge.coverage())));
        }
        Ok(())
    }
}
