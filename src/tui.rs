//! The terminal UI: the traffic as it flows, who is at fault, and where exactly.
//!
//! `Event | key → Message → update(Model) → view(Model) → frame` · `q → Outcome::Quit → session`
//!
//! The model is plain data and [`run`] gets its terminal and its input from outside, so that tests drive the screen by
//! keys. The screen never holds up the pipeline: the sender's side of a [`Feed`] never waits, and what is dropped is
//! counted and shown.

mod areas;
mod coverage;
mod explain;
mod json_view;
mod keys;
mod log;
mod message;
mod model;
mod screen;
mod sheet;
mod theme;
mod view;

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use ratatui::Terminal;
use ratatui::backend::Backend;
pub use screen::{Screen, run_on_screen, terminal};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::event::{Context, Feed};
use model::{Command, Message, Model};

/// Least time between two frames.
const FRAME: Duration = Duration::from_millis(50);

/// Most events that are taken in before keys and frames get their turn.
const BATCH: usize = 256;

/// Why the screen has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The user asked for it (`q`, Ctrl-C), or the input has ended: the session should shut down.
    Quit,
    /// The session is shutting down for another reason.
    Shutdown,
}

/// Why the screen can't go on.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The terminal could not be set up.
    #[error("the terminal can't show a screen: {0}; use --ui plain")]
    Setup(#[source] io::Error),
    /// The terminal could not be written to.
    #[error("can't draw on the terminal: {0}")]
    Draw(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The keyboard could not be read.
    #[error("can't read the keyboard: {0}")]
    Input(#[source] io::Error),
    /// The thread of the screen has ended by itself.
    #[error("the screen broke off: {0}")]
    Broken(String),
}

/// Shows the screen until the user quits or `shutdown` is cancelled. The last state is drawn before it returns.
///
/// Drawing blocks while the terminal doesn't take what is written, so this belongs on a thread of its own where it
/// shares the process with traffic: [`run_on_screen`] does that.
pub async fn run<B>(
    terminal: &mut Terminal<B>,
    input: impl Stream<Item = io::Result<crossterm::event::Event>>,
    feed: Feed,
    context: Context,
    shutdown: CancellationToken,
) -> Result<Outcome, TuiError>
where
    B: Backend,
    B::Error: Send + Sync + 'static,
{
    let Feed { mut events, dropped } = feed;
    let mut input = std::pin::pin!(input);
    let mut model = Model::new(context);
    let (mut open, mut changed, mut next_frame) = (true, true, Instant::now());
    let outcome = loop {
        // Frames come before events and keys, or a flood of either would keep the screen from being drawn.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break Outcome::Shutdown,
            () = sleep_until(next_frame), if changed => {
                draw(terminal, &mut model)?;
                changed = false;
                next_frame = Instant::now() + FRAME;
            }
            key = input.next() => match key {
                Some(Ok(key)) => {
                    if let Some(message) = keys::message(&key) {
                        changed = true;
                        if let Some(Command::Quit) = model.update(message) {
                            break Outcome::Quit;
                        }
                    }
                }
                Some(Err(error)) => return Err(TuiError::Input(error)),
                None => break Outcome::Quit,
            },
            event = events.recv(), if open => {
                changed = true;
                let mut next = event;
                open = next.is_some();
                for _ in 0..BATCH {
                    let Some(event) = next else { break };
                    model.update(Message::Event(event));
                    next = events.try_recv().ok();
                }
                if let Some(event) = next {
                    model.update(Message::Event(event));
                }
                model.update(Message::NotShown(dropped.load(Ordering::Relaxed)));
            }
        }
    };
    draw(terminal, &mut model)?;
    Ok(outcome)
}

fn draw<B>(terminal: &mut Terminal<B>, model: &mut Model) -> Result<(), TuiError>
where
    B: Backend,
    B::Error: Send + Sync + 'static,
{
    let drawn = terminal.draw(|frame| {
        model.update(Message::Frame(frame.area().as_size()));
        view::draw(model, frame);
    });
    drawn.map(drop).map_err(|error| TuiError::Draw(Box::new(error)))
}
