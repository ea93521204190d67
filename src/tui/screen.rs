//! The real terminal: set up, given back whatever happens, and given back and taken again as a shell's job.
//!
//! ```text
//! TerminalScreen::take ─► raw mode, alternate screen ─► Drop, or a panic of this thread ─► as it was before
//!                    │   ▲
//!   Ctrl-Z, SIGTSTP ─┘   └─ SIGCONT, once the terminal is this process's again
//! ```
//!
//! Nothing here writes to standard error, and nothing panics where the terminal has gone.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event, EventStream,
};
use crossterm::execute;
use crossterm::style::Colored;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use futures_util::StreamExt;
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

use super::job::{self, JobSignals};
use super::links::{self, ScreenLink};
use super::model::ScreenModel;
use super::pager;
use super::services::Effect;
use super::{Console, ConsoleInput, EventReceiver, ScreenEnd, Setup, Theme, TuiError, clipboard, draw, run_in};

/// The terminal in raw mode on its alternate screen. Dropping it restores it.
#[derive(Debug)]
struct TerminalScreen {
    terminal: Terminal<CrosstermBackend<TerminalOutput>>,
    /// The terminal is set up for the screen, and to be given back.
    taken: bool,
    /// `NO_COLOR` is not set.
    in_colours: bool,
    theme: Theme,
    mouse: bool,
    /// The links that are on the screen.
    linked: Vec<ScreenLink>,
    /// From here on writing to it is tried, and never fails.
    leaving: Arc<AtomicBool>,
}

/// Standard output, which may go away.
#[derive(Debug)]
struct TerminalOutput {
    out: io::Stdout,
    leaving: Arc<AtomicBool>,
}

impl TerminalOutput {
    fn unless_leaving<T>(&self, written: io::Result<T>, instead: T) -> io::Result<T> {
        if self.leaving.load(Ordering::Relaxed) { Ok(written.unwrap_or(instead)) } else { written }
    }
}

impl Write for TerminalOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.unless_leaving(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.unless_leaving(flushed, ())
    }
}

impl TerminalScreen {
    /// Takes the terminal over. Fails, and writes nothing, where the standard output is no terminal.
    #[expect(clippy::disallowed_methods, reason = "the screen draws what `text` has made safe")]
    fn take(theme: Theme, mouse: bool) -> Result<Self, TuiError> {
        let out = io::stdout();
        if !out.is_terminal() {
            return Err(TuiError::Setup(io::Error::other("the standard output is no terminal")));
        }
        let leaving = Arc::<AtomicBool>::default();
        let output = TerminalOutput { out, leaving: Arc::clone(&leaving) };
        let terminal = Terminal::new(CrosstermBackend::new(output)).map_err(TuiError::Setup)?;
        let in_colours = !Colored::ansi_color_disabled_memoized();
        let mut screen = Self { terminal, taken: false, in_colours, theme, mouse, linked: Vec::new(), leaving };
        screen.enter().map_err(TuiError::Setup)?;
        Ok(screen)
    }

    /// Sets the terminal up; also after somebody else has changed it.
    fn enter(&mut self) -> io::Result<()> {
        self.taken = true;
        // What is known of raw mode may be out of date.
        disable_raw_mode()?;
        enable_raw_mode()?;
        execute!(self.terminal.backend_mut(), EnterAlternateScreen)?;
        // A console that can't tell pasted text from keys does without.
        let _pasted_apart = execute!(self.terminal.backend_mut(), EnableBracketedPaste);
        if self.mouse {
            let _mouse = execute!(self.terminal.backend_mut(), EnableMouseCapture);
        }
        self.wipe()
    }

    /// Empties the screen, so that the next frame draws all of it.
    fn wipe(&mut self) -> io::Result<()> {
        self.linked.clear();
        execute!(self.terminal.backend_mut(), Clear(ClearType::All))?;
        // What was drawn before is not there any more: both buffers are empty, as the screen is.
        self.terminal.swap_buffers();
        self.terminal.swap_buffers();
        Ok(())
    }

    /// Makes links of the addresses in the frame that was just drawn, where they are not links already.
    fn link(&mut self, links: Vec<ScreenLink>) -> io::Result<()> {
        if links == self.linked {
            return Ok(());
        }
        let backend = self.terminal.backend_mut();
        for ScreenLink { x, y, cells, address } in &links {
            let (before, behind) = links::around(address);
            backend.write_all(before.as_bytes())?;
            backend.draw((*x..).zip(cells).map(|(x, cell)| (x, *y, cell)))?;
            backend.write_all(behind.as_bytes())?;
        }
        io::Write::flush(backend)?;
        self.linked = links;
        Ok(())
    }

    /// Writes something that isn't drawn. What can't be written is left out: the next frame tells.
    fn write(&mut self, text: &str) {
        let backend = self.terminal.backend_mut();
        let _written = backend.write_all(text.as_bytes()).and_then(|()| io::Write::flush(backend));
    }

    /// Gives the terminal back. What can't be done is left undone: there is nobody to tell.
    fn leave(&mut self) {
        if std::mem::take(&mut self.taken) {
            let _raw = disable_raw_mode();
            if self.mouse {
                let _mouse = execute!(self.terminal.backend_mut(), DisableMouseCapture);
            }
            let _pasted_apart = execute!(self.terminal.backend_mut(), DisableBracketedPaste);
            let _left = execute!(self.terminal.backend_mut(), LeaveAlternateScreen, Show);
        }
    }
}

impl Drop for TerminalScreen {
    fn drop(&mut self) {
        self.leaving.store(true, Ordering::Relaxed);
        self.leave();
    }
}

/// The terminal, its keyboard, and what a shell asks of a job.
struct OwnTerminal {
    screen: TerminalScreen,
    /// `None` while the terminal is somebody else's: who reads from it then is stopped.
    keys: Option<KeyReader>,
    signals: JobSignals,
    /// When to see whether the terminal is still there.
    looks: Interval,
}

/// How often an idle screen looks whether its terminal is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Ends once the terminal has hung up. Who reads from it is not told.
async fn hung_up(looks: &mut Interval) -> io::Error {
    loop {
        looks.tick().await;
        if job::has_hung_up() {
            return gone();
        }
    }
}

/// Keeps the reader of a terminal that has hung up from reading on without end; the error to end with.
fn gone() -> io::Error {
    match job::park_reader() {
        Ok(()) => io::Error::other("the terminal is gone"),
        Err(error) => error,
    }
}

/// What is typed.
enum KeyReader {
    /// Another reader of the keyboard may have to end first, see [`KeyReader::open`].
    Opening(oneshot::Receiver<EventStream>),
    Open(EventStream),
}

impl KeyReader {
    /// Begins to read the keyboard, on a thread of its own: the reader from before a stop may still wait for a key, and
    /// gives way only when one comes. That key is read then, and nothing else waits for it.
    fn open() -> io::Result<Self> {
        let (opened, keys) = oneshot::channel();
        // Nobody waits for it any more once the terminal is somebody else's again.
        std::thread::Builder::new().name("keyboard".into()).spawn(move || drop(opened.send(EventStream::new())))?;
        Ok(Self::Opening(keys))
    }

    async fn next(&mut self) -> Option<io::Result<Event>> {
        loop {
            match self {
                Self::Open(keys) => match keys.next().await {
                    // A reader from before has been told to end.
                    Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    key => return key,
                },
                Self::Opening(keys) => match keys.await {
                    Ok(keys) => *self = Self::Open(keys),
                    Err(_ended) => return Some(Err(io::Error::other("its thread has ended"))),
                },
            }
        }
    }
}

impl Console for OwnTerminal {
    fn draw(&mut self, model: &mut ScreenModel, now: Timestamp) -> Result<Vec<Effect>, TuiError> {
        let drawn = draw(&mut self.screen.terminal, model, now, self.screen.theme, self.screen.in_colours);
        let (effects, links) = match drawn {
            // A frame came before it was seen that the terminal is gone.
            Err(_) if job::has_hung_up() => return Err(TuiError::Input(gone())),
            drawn => drawn?,
        };
        self.screen.link(links).map_err(|error| TuiError::Draw(error.into()))?;
        Ok(effects)
    }

    fn bell(&mut self) {
        self.screen.write("\u{7}");
    }

    fn copy(&mut self, text: &str) {
        self.screen.write(&clipboard::osc_52(text));
    }

    fn page(&mut self, text: &str) -> Result<(), String> {
        // The pager reads the keys, and has the terminal as it was.
        self.keys = None;
        self.screen.leave();
        let shown = pager::show(text);
        let back = self.resume().map_err(|error| error.to_string());
        shown.and(back.map(drop))
    }

    async fn input(&mut self) -> Option<io::Result<ConsoleInput>> {
        let key = async {
            match &mut self.keys {
                Some(keys) => keys.next().await.map(|key| key.map(ConsoleInput::Terminal)),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            signal = self.signals.next() => Some(Ok(signal)),
            key = key => key,
            gone = hung_up(&mut self.looks) => Some(Err(gone)),
        }
    }

    fn wipe(&mut self) -> Result<(), TuiError> {
        self.screen.wipe().map_err(|error| TuiError::Draw(error.into()))
    }

    fn can_suspend(&self) -> bool {
        job::has_shell()
    }

    fn suspend(&mut self, group: bool) -> io::Result<()> {
        self.keys = None;
        self.screen.leave();
        job::stop(group)
    }

    fn resume(&mut self) -> io::Result<bool> {
        if !job::is_in_foreground() {
            self.keys = None;
            // Nothing is to be written to it, nor set back.
            self.screen.taken = false;
            return Ok(false);
        }
        self.screen.enter()?;
        self.keys = Some(KeyReader::open()?);
        Ok(true)
    }
}

/// Runs the screen on the real terminal and keyboard, on the thread that calls: a terminal that stops taking output holds
/// it up, and nothing else. The terminal is as before when this returns. `feed` is left as it is then.
pub(crate) fn run_on_screen(
    runtime: &Handle,
    receiver: &mut EventReceiver,
    setup: Setup,
    shutdown: CancellationToken,
) -> Result<ScreenEnd, TuiError> {
    let screen = TerminalScreen::take(setup.theme, setup.mouse)?;
    runtime.block_on(async {
        let signals = JobSignals::listen().map_err(TuiError::Setup)?;
        let keys = Some(KeyReader::open().map_err(TuiError::Setup)?);
        let mut console = OwnTerminal { screen, keys, signals, looks: tokio::time::interval(LOOK) };
        run_in(&mut console, receiver, setup, shutdown).await
    })
}
