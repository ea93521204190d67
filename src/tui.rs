//! The terminal UI: the traffic as it flows, who is at fault, and where exactly.
//!
//! ```text
//! Event | key | EffectReply ─► ScreenInput ─► update(ScreenModel) ─► view(ScreenModel) ─► frame
//!                                                 └─► Effect ─► Services, terminal, session ─► EffectReply
//! ```
//!
//! The model is plain data and [`run`] gets its terminal and its input from outside, so that tests drive the screen by
//! keys. The screen never holds up the pipeline: the sender's side of a [`EventReceiver`] never waits, and what is dropped is
//! counted and shown.

mod archive;
mod booking;
mod bookings;
mod clipboard;
mod command;
mod compare;
mod counter;
mod coverage;
mod cursor;
mod detail;
mod dispatch;
mod effects;
mod event_log;
mod exchange_list;
mod exchanges;
mod explain;
mod faults;
mod findings;
mod graphemes;
mod index;
mod job;
mod json_view;
mod keys;
mod layout;
mod line_editor;
mod links;
mod list_filter;
mod message;
mod model;
mod mouse;
mod navigation;
mod page;
mod pager;
mod prompt;
mod screen;
mod services;
mod status;
#[cfg(test)]
mod random_keys;
mod theme;
mod traffic;
mod under_way;
mod view;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::Backend;
pub(crate) use screen::run_on_screen;
pub(crate) use services::NoServices;
pub use services::{ExchangeSearch, Export, FaultState, KnownFinding, SearchSlice, Services};
pub use theme::Theme;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::event::{EventReceiver, RunContext};
use effects::Effects;
use links::ScreenLink;
use model::{ScreenInput, ScreenModel};
use services::Effect;

/// Least time between two frames.
const FRAME: Duration = Duration::from_millis(50);

/// Least time from a frame to the one that answers a key.
const ANSWER: Duration = Duration::from_millis(10);

/// How long events are taken in before keys and frames get their turn: some are about hundreds of exchanges.
const INTAKE: Duration = Duration::from_millis(5);

/// Most events that are taken in before keys and frames get their turn.
const BATCH: usize = 256;

/// How often it is looked whether a terminal that was given back is ours again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How long a screen with a running clock stays as it is.
const TICK: Duration = Duration::from_secs(1);

/// What a screen is made with.
#[derive(Clone)]
pub struct Setup {
    /// What is told of the run before the first event.
    pub context: RunContext,
    /// How the screen looks.
    pub theme: Theme,
    /// The mouse is listened to.
    pub mouse: bool,
    /// A new failure rings the bell.
    pub bell: bool,
    /// The outside world.
    pub services: Arc<dyn Services>,
    /// The time of day: leases and requests under way count by it.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl From<RunContext> for Setup {
    fn from(context: RunContext) -> Self {
        let (services, clock) = (Arc::new(NoServices), Arc::new(Timestamp::now));
        Self { context, theme: Theme::default(), mouse: true, bell: false, services, clock }
    }
}

/// The keys of every screen as Markdown, for the documentation.
pub fn keys_as_markdown() -> String {
    command::markdown()
}

/// Why the screen has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScreenEnd {
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
}

/// What comes from a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ConsoleInput {
    /// A key, or another size.
    Terminal(crossterm::event::Event),
    /// The process is asked to stop until it is continued.
    Stop,
    /// The process was stopped, and runs again.
    Continued,
}

/// Where the screen is shown, and how it is left for a while.
trait Console {
    /// Draws a frame; what is to be done for it.
    fn draw(&mut self, model: &mut ScreenModel, now: Timestamp) -> Result<Vec<Effect>, TuiError>;

    /// What comes next; `None` if nothing can come any more.
    async fn input(&mut self) -> Option<io::Result<ConsoleInput>>;

    /// True if somebody is there who could continue the process.
    fn can_suspend(&self) -> bool;

    /// Gives the terminal back and stops the process, with all of its job if `group`. It may run a moment longer.
    fn suspend(&mut self, group: bool) -> io::Result<()>;

    /// Empties the screen, so that the next frame draws all of it.
    fn wipe(&mut self) -> Result<(), TuiError>;

    /// Rings the bell.
    fn bell(&mut self) {}

    /// Puts a text into the clipboard of the terminal.
    fn copy(&mut self, _text: &str) {}

    /// Shows a text in the user's pager or editor, and waits for its end; what there is to say about it.
    fn page(&mut self, _text: &str) -> Result<(), String> {
        Err("there is no terminal to show it on".to_owned())
    }

    /// Sets the terminal up again, empty. False if it belongs to somebody else for now.
    fn resume(&mut self) -> io::Result<bool>;
}

/// A terminal that is always there, and its input.
struct FixedConsole<'t, B: Backend, S> {
    terminal: &'t mut Terminal<B>,
    theme: Theme,
    input: std::pin::Pin<&'t mut S>,
}

impl<B, S> Console for FixedConsole<'_, B, S>
where
    B: Backend<Error: Send + Sync + 'static>,
    S: Stream<Item = io::Result<crossterm::event::Event>>,
{
    fn draw(&mut self, model: &mut ScreenModel, now: Timestamp) -> Result<Vec<Effect>, TuiError> {
        draw(self.terminal, model, now, self.theme, true).map(|(effects, _)| effects)
    }

    async fn input(&mut self) -> Option<io::Result<ConsoleInput>> {
        self.input.next().await.map(|event| event.map(ConsoleInput::Terminal))
    }

    fn wipe(&mut self) -> Result<(), TuiError> {
        self.terminal.clear().map_err(|error| TuiError::Draw(Box::new(error)))
    }

    fn can_suspend(&self) -> bool {
        false
    }

    fn suspend(&mut self, _group: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn resume(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

/// Shows the screen until the user quits or `shutdown` is cancelled. The last state is drawn before it returns.
///
/// Drawing blocks while the terminal doesn't take what is written, so this belongs on a thread of its own where it
/// shares the process with traffic: `run_on_screen` does that.
pub async fn run<B>(
    terminal: &mut Terminal<B>,
    input: impl Stream<Item = io::Result<crossterm::event::Event>>,
    mut receiver: EventReceiver,
    setup: impl Into<Setup>,
    shutdown: CancellationToken,
) -> Result<ScreenEnd, TuiError>
where
    B: Backend<Error: Send + Sync + 'static>,
{
    let (input, setup) = (std::pin::pin!(input), setup.into());
    run_in(&mut FixedConsole { terminal, input, theme: setup.theme }, &mut receiver, setup, shutdown).await
}

async fn run_in<C: Console>(
    console: &mut C,
    receiver: &mut EventReceiver,
    setup: Setup,
    shutdown: CancellationToken,
) -> Result<ScreenEnd, TuiError> {
    let (events, dropped) = (&mut receiver.events, &receiver.dropped);
    // To stop it would stop traffic.
    let carries_traffic = setup.context.mode.carries_traffic();
    let clock = setup.clock;
    let mut model = ScreenModel::new(setup.context, setup.bell, clock());
    let mut effects = Effects::new(setup.services);
    let (mut open, mut changed, mut next_frame, mut drawn) = (true, true, Instant::now(), Instant::now());
    // While the terminal is somebody else's: when to look again.
    let mut away: Option<Instant> = None;
    let mut asked: Vec<Effect> = Vec::new();
    let outcome = 'screen: loop {
        for effect in std::mem::take(&mut asked) {
            changed = true;
            match effect {
                Effect::Quit => break 'screen ScreenEnd::Quit,
                Effect::Wipe => console.wipe()?,
                Effect::Bell => console.bell(),
                Effect::Copy(text) => console.copy(&text),
                Effect::Pager(text) => {
                    if let Err(words) = console.page(&text) {
                        model.update(ScreenInput::Reply(services::EffectReply::Word(words)));
                    }
                }
                Effect::Suspend if carries_traffic => {
                    model.update(ScreenInput::Word("Ctrl-Z would stop the traffic; q stops the proxy"));
                }
                Effect::Suspend if !console.can_suspend() => {
                    model.update(ScreenInput::Word("no shell is there to come back from; q quits"));
                }
                Effect::Suspend => {
                    console.suspend(true).map_err(TuiError::Input)?;
                    away = Some(Instant::now() + LOOK_AGAIN);
                }
                effect => effects.start(effect),
            }
        }
        // Frames come before events and keys, or a flood of either would keep the screen from being drawn.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break ScreenEnd::Shutdown,
            () = sleep_until(away.unwrap_or(next_frame)), if away.is_some() => {
                away = resume(console)?;
                // What comes back is an empty screen.
                changed = true;
            }
            () = sleep_until(next_frame), if changed && away.is_none() => {
                let begun = Instant::now();
                asked = console.draw(&mut model, clock())?;
                changed = false;
                drawn = Instant::now();
                next_frame = drawn + FRAME;
                tracing::trace!(micros = drawn.duration_since(begun).as_micros() as u64, "frame");
            }
            reply = effects.next() => {
                changed = true;
                asked = model.update(ScreenInput::Reply(reply));
            }
            input = console.input() => match input {
                Some(Ok(ConsoleInput::Terminal(event))) => {
                    let Some(message) = keys::message(event) else { continue };
                    changed = true;
                    next_frame = next_frame.min(drawn + ANSWER);
                    asked = model.update(message);
                }
                Some(Ok(ConsoleInput::Stop)) if away.is_none() => {
                    console.suspend(false).map_err(TuiError::Input)?;
                    away = Some(Instant::now() + LOOK_AGAIN);
                }
                // It was asked to stop twice.
                Some(Ok(ConsoleInput::Stop)) => {}
                Some(Ok(ConsoleInput::Continued)) => {
                    away = resume(console)?;
                    (changed, next_frame) = (true, Instant::now());
                }
                Some(Err(error)) => return Err(TuiError::Input(error)),
                None => break ScreenEnd::Quit,
            },
            event = events.recv(), if open => {
                changed = true;
                let (mut next, begun) = (event, Instant::now());
                open = next.is_some();
                model.update(if open { ScreenInput::Time(clock()) } else { ScreenInput::End });
                for _ in 0..BATCH {
                    let Some(event) = next.take() else { break };
                    asked.extend(model.update(ScreenInput::Event(event)));
                    if begun.elapsed() >= INTAKE {
                        break;
                    }
                    next = events.try_recv().ok();
                }
                if let Some(event) = next {
                    asked.extend(model.update(ScreenInput::Event(event)));
                }
                model.update(ScreenInput::NotShown(dropped.load(Ordering::Relaxed)));
            }
            () = std::future::ready(()), if model.has_work() => {
                changed = true;
                model.work();
                // Keys and events get their turn.
                tokio::task::yield_now().await;
            }
            () = sleep_until(next_frame + TICK), if away.is_none() && model.has_clock() => changed = true,
        }
    };
    if away.is_none() {
        console.draw(&mut model, clock())?;
    }
    Ok(outcome)
}

/// Takes the terminal again; when to look again if it is somebody else's.
fn resume(console: &mut impl Console) -> Result<Option<Instant>, TuiError> {
    let ours = console.resume().map_err(|error| TuiError::Draw(error.into()))?;
    Ok((!ours).then(|| Instant::now() + LOOK_AGAIN))
}

/// Draws a frame; what is to be done for it, and the addresses in it.
fn draw<B>(
    terminal: &mut Terminal<B>,
    model: &mut ScreenModel,
    now: Timestamp,
    theme: Theme,
    in_colours: bool,
) -> Result<(Vec<Effect>, Vec<ScreenLink>), TuiError>
where
    B: Backend<Error: Send + Sync + 'static>,
{
    let (mut effects, mut addresses) = (Vec::new(), Vec::new());
    let drawn = terminal.draw(|frame| {
        // The size of this frame: the terminal may have another one by now than a moment before.
        effects = model.update(ScreenInput::Frame(frame.area().as_size(), now));
        view::draw(model, frame);
        graphemes::settle(frame.buffer_mut());
        theme.apply(frame.buffer_mut());
        if !in_colours {
            theme::without_colours(frame.buffer_mut());
        }
        addresses = links::links(frame.buffer_mut());
    });
    drawn.map_err(|error| TuiError::Draw(Box::new(error)))?;
    Ok((effects, addresses))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::event::{RunMode, channel};

    /// A terminal of which is written down what is done with it.
    struct Told {
        terminal: Terminal<TestBackend>,
        /// What comes from it, one after the other, each once nothing is left to draw.
        input: VecDeque<ConsoleInput>,
        /// Whether it is ours, each time it is asked for; then it is.
        foreground: VecDeque<bool>,
        shell: bool,
        calls: Vec<String>,
    }

    impl Console for Told {
        fn draw(&mut self, model: &mut ScreenModel, now: Timestamp) -> Result<Vec<Effect>, TuiError> {
            let (effects, _) = draw(&mut self.terminal, model, now, Theme::Dark, true)?;
            let last: String =
                self.terminal.backend().buffer().content().iter().map(ratatui::buffer::Cell::symbol).collect();
            let word = ["stop the traffic", "no shell"].into_iter().find(|word| last.contains(word));
            self.calls.push(format!("draw {}", word.unwrap_or_default()));
            Ok(effects)
        }

        async fn input(&mut self) -> Option<io::Result<ConsoleInput>> {
            tokio::time::sleep(3 * FRAME).await;
            self.input.pop_front().map(Ok)
        }

        fn wipe(&mut self) -> Result<(), TuiError> {
            self.calls.push("wipe".to_owned());
            Ok(())
        }

        fn can_suspend(&self) -> bool {
            self.shell
        }

        fn suspend(&mut self, group: bool) -> io::Result<()> {
            self.calls.push(format!("suspend {group}"));
            Ok(())
        }

        fn resume(&mut self) -> io::Result<bool> {
            let ours = self.foreground.pop_front().unwrap_or(true);
            self.calls.push(format!("resume {ours}"));
            Ok(ours)
        }
    }

    fn ctrl_z() -> ConsoleInput {
        ConsoleInput::Terminal(crossterm::event::Event::Key(KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL)))
    }

    async fn told(mode: RunMode, shell: bool, input: Vec<ConsoleInput>, foreground: &[bool]) -> Vec<String> {
        let terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let foreground = foreground.iter().copied().collect();
        let mut console = Told { terminal, input: input.into(), foreground, shell, calls: Vec::new() };
        let context = RunContext {
            mode,
            base_uri: None,
            upstream: None,
            capture: None,
            also: vec![],
            forward: None,
            warnings: vec![],
            settings: None,
        };
        let (_outlet, mut receiver) = channel(4);
        let ended = run_in(&mut console, &mut receiver, context.into(), CancellationToken::new()).await.unwrap();
        assert_eq!(ended, ScreenEnd::Quit, "the input has ended");
        console.calls
    }

    #[tokio::test]
    async fn a_view_is_suspended_with_its_job_and_drawn_anew() {
        let told = told(RunMode::View, true, vec![ctrl_z(), ConsoleInput::Continued], &[]).await;
        assert_eq!(told, ["draw ", "suspend true", "resume true", "draw ", "draw "]);
    }

    #[tokio::test]
    async fn ctrl_l_empties_the_screen_and_draws_it_anew() {
        let ctrl_l = KeyEvent::new(KeyCode::Char('l'), KeyModifiers::CONTROL);
        let told =
            told(RunMode::Live, true, vec![ConsoleInput::Terminal(crossterm::event::Event::Key(ctrl_l))], &[]).await;
        assert_eq!(told, ["draw ", "wipe", "draw ", "draw "]);
    }

    #[tokio::test]
    async fn asked_by_a_signal_the_process_alone_is_suspended() {
        for mode in [RunMode::View, RunMode::Live, RunMode::Demo] {
            let told =
                told(mode, true, vec![ConsoleInput::Stop, ConsoleInput::Stop, ConsoleInput::Continued], &[]).await;
            assert_eq!(told, ["draw ", "suspend false", "resume true", "draw ", "draw "], "{mode:?}");
        }
    }

    #[tokio::test]
    async fn what_would_stop_traffic_or_never_come_back_is_refused() {
        let live = told(RunMode::Live, true, vec![ctrl_z()], &[]).await;
        assert_eq!(live, ["draw ", "draw stop the traffic", "draw stop the traffic"]);
        let alone = told(RunMode::View, false, vec![ctrl_z()], &[]).await;
        assert_eq!(alone, ["draw ", "draw no shell", "draw no shell"]);
    }

    #[tokio::test]
    async fn continued_after_a_stop_that_nobody_announced_it_is_set_up_again() {
        let told = told(RunMode::Live, true, vec![ConsoleInput::Continued], &[]).await;
        assert_eq!(told, ["draw ", "resume true", "draw ", "draw "]);
    }

    #[tokio::test]
    async fn in_the_background_nothing_is_drawn_until_the_terminal_is_ours() {
        let never = vec![ConsoleInput::Continued; 8];
        let told = told(RunMode::Live, true, never, &[false; 1_000]).await;
        assert_eq!(told[..2], ["draw ", "resume false"]);
        assert!(told[1..].iter().all(|told| told == "resume false"), "{told:?}");
    }
}
