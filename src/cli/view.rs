//! `umpire view FILE`: a recording on the screen, also while another Umpire writes it.
//!
//! ```text
//! file ─► exchange* ─► at its end: nothing new? ─► is there a next part? ─► its exchange* …
//!             ▲                        └─ a moment later ─┐     └─ no ─┐
//!             └───────────────────────────────────────────┴────────────┘   until stopped
//! ```

use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::front::{Front, Ui};
use super::judging::JudgingArgs;
use super::screen::{self, ScreenArgs};
use super::signals::Signals;
use super::{Exit, block_on};
use crate::event::{Event, RunContext, RunMode, channel};
use crate::fault::Faults;
use crate::panics;
use crate::view::{ArchiveVerdicts, SourceMode, ViewSource};

/// Events under way to the screen.
const EVENTS: usize = 1_024;

/// `umpire view …`
#[derive(Debug, Args)]
pub(super) struct View {
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
pub(super) fn run(view: View) -> anyhow::Result<Exit> {
    let judging = view.judging.load()?;
    let settings = judging.settings();
    let ui = Ui::choose(view.ui);
    let source = ViewSource::open(&view.file)?;
    let context = RunContext {
        mode: RunMode::View,
        base_uri: None,
        upstream: source.meta().base_uri.clone(),
        capture: Some(view.file.display().to_string()),
        also: vec![],
        forward: None,
        warnings: vec![],
        settings,
    };
    let judge = judging.judge(source.meta().base_uris(), source.meta().is_foreign());
    let setup = screen::setup(
        view.screen,
        &context,
        judging.config.screen,
        &Faults::new([]),
        Some(ArchiveVerdicts::by(&judge)),
    );
    let follow = view.follow || ui == Ui::Tui;
    block_on(async {
        let mut signals = Signals::listen()?;
        let (events, receiver) = channel(EVENTS);
        let stop = CancellationToken::new();
        let reading = tokio::task::spawn_blocking({
            let stop = stop.clone();
            move || {
                let told = SourceMode { follow, on_screen: ui == Ui::Tui };
                let read = panics::catch(|| source.send_events(judge, &events, told, &stop));
                let read = match read {
                    Ok(read) => read.map_err(anyhow::Error::from),
                    Err(panicked) => Err(anyhow::anyhow!("reading the recording {panicked}")),
                };
                if let (Err(error), Ui::Tui) = (&read, ui) {
                    // The screen stays until the user has seen it; if it has gone, the error says it at the end.
                    events.send_blocking(Event::Notice(format!("The rest can't be shown: {error}")));
                }
                read
            }
        });
        let mut front = Front::start(ui, receiver, setup, stop.clone(), false)?;
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
