//! The real terminal: set up, and given back whatever happens.
//!
//! `terminal() → Screen (raw mode, alternate screen) → Drop or panic → as it was before`

use std::io::{self, IsTerminal};

use crossterm::event::EventStream;
use ratatui::DefaultTerminal;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{Feed, Outcome, TuiError, run};
use crate::event::Context;

/// The terminal in raw mode on its alternate screen. Dropping it, or a panic anywhere, restores it.
#[derive(Debug)]
pub struct Screen(DefaultTerminal);

/// Takes the terminal over. Fails, and writes nothing, where the standard output is no terminal.
#[expect(clippy::disallowed_methods, reason = "it is asked, not written to")]
pub fn terminal() -> Result<Screen, TuiError> {
    if !io::stdout().is_terminal() {
        return Err(TuiError::Setup(io::Error::other("the standard output is no terminal")));
    }
    match ratatui::try_init() {
        Ok(terminal) => Ok(Screen(terminal)),
        Err(error) => {
            // Raw mode may be on already.
            ratatui::restore();
            Err(TuiError::Setup(error))
        }
    }
}

impl Screen {
    /// The terminal to draw on.
    pub fn terminal(&mut self) -> &mut DefaultTerminal {
        &mut self.0
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Runs the screen on the real terminal and keyboard, on a thread of its own: a terminal that stops taking output
/// holds up nothing else. The terminal is as before when this returns. Needs a tokio runtime.
pub async fn run_on_screen(feed: Feed, context: Context, shutdown: CancellationToken) -> Result<Outcome, TuiError> {
    let runtime = Handle::current();
    let thread = tokio::task::spawn_blocking(move || {
        let mut screen = terminal()?;
        runtime.block_on(run(screen.terminal(), EventStream::new(), feed, context, shutdown))
    });
    match thread.await {
        Ok(outcome) => outcome,
        Err(error) => Err(TuiError::Broken(error.to_string())),
    }
}
