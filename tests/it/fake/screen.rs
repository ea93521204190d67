//! A screen in memory, and what is pressed, pasted and shown on it.
//!
//! `events, keys → tui::run on a TestBackend → Shown`

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use futures_util::future::ready;
use futures_util::{StreamExt, stream};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use umpire::event::{Event, EventReceiver, RunContext, RunMode};
use umpire::openbooking::Stage;
use umpire::tui::{self, ScreenEnd, Setup};

use crate::fake::{Fake, accepted, context, missing_customer, wrong_price};

/// Waits, yielding to the screen, until `ready`.
pub fn when(mut ready: impl FnMut() -> bool) -> impl Future<Output = ()> {
    std::future::poll_fn(move |task| {
        if ready() {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
}

pub fn key(code: KeyCode) -> Input {
    let modifiers = match code {
        KeyCode::Char(letter) if letter.is_uppercase() => KeyModifiers::SHIFT,
        _ => KeyModifiers::NONE,
    };
    Input::Key(KeyEvent::new(code, modifiers))
}

/// Keys as a string: letters for themselves, `⏎` Enter, `⇥` Tab, `⎋` Esc, `↑`, `↓`, `→`, `←`, `⇱` Home, `⇲` End, `⌦` Delete, `⇞` PageUp, `⇟` PageDown, `⌫` Backspace.
pub fn keys(script: &str) -> Vec<Input> {
    let code = |letter| match letter {
        '⏎' => KeyCode::Enter,
        '⇥' => KeyCode::Tab,
        '⎋' => KeyCode::Esc,
        '↑' => KeyCode::Up,
        '↓' => KeyCode::Down,
        '→' => KeyCode::Right,
        '←' => KeyCode::Left,
        '⇱' => KeyCode::Home,
        '⇲' => KeyCode::End,
        '⌦' => KeyCode::Delete,
        '⇞' => KeyCode::PageUp,
        '⇟' => KeyCode::PageDown,
        '⌫' => KeyCode::Backspace,
        letter => KeyCode::Char(letter),
    };
    script.chars().map(|letter| key(code(letter))).collect()
}

pub struct Shown {
    pub terminal: Terminal<TestBackend>,
    pub outcome: ScreenEnd,
}

impl Shown {
    pub fn text(&self) -> String {
        self.terminal.backend().to_string()
    }

    /// Row and column where a text stands.
    pub fn find(&self, text: &str) -> Option<(u16, u16)> {
        let buffer = self.terminal.backend().buffer();
        (0..buffer.area.height).find_map(|y| {
            let row: Vec<&str> = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
            let line = row.concat();
            line.find(text).map(|at| (y, line[..at].chars().count() as u16))
        })
    }

    pub fn background(&self, text: &str) -> Color {
        let (y, x) = self.find(text).unwrap_or_else(|| panic!("{text:?} is not on\n{}", self.text()));
        self.terminal.backend().buffer()[(x, y)].bg
    }
}

/// As [`open_on`], on the screen of exchanges.
pub async fn show_on(width: u16, height: u16, context: RunContext, events: Vec<Event>, script: &str) -> Shown {
    // A recording opens there.
    let script = if context.mode == RunMode::View { script.to_owned() } else { format!("2{script}") };
    open_on(width, height, context, events, &script).await
}

/// Shows the events, then presses each key with a frame after it; shuts down if no key has quit. With the clock paused (`start_paused`),
/// no test waits for a frame.
pub async fn open_on(width: u16, height: u16, setup: impl Into<Setup>, events: Vec<Event>, script: &str) -> Shown {
    open_with(width, height, setup.into(), events, script, true).await
}

/// As [`open_on`], where no more events can come.
pub async fn show_all(width: u16, height: u16, setup: impl Into<Setup>, events: Vec<Event>, script: &str) -> Shown {
    open_with(width, height, setup.into(), events, script, false).await
}

async fn open_with(width: u16, height: u16, setup: Setup, events: Vec<Event>, script: &str, may_grow: bool) -> Shown {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let (sender, receiver) = mpsc::channel(events.len().max(1));
    let _open = may_grow.then(|| sender.clone());
    for event in events {
        sender.try_send(event).unwrap();
    }
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let start = async move {
        when(move || sender.capacity() == sender.max_capacity()).await;
        Err(io::Error::other("skipped"))
    };
    let pressed = stream::iter(keys(script)).then(|key| async {
        // Longer than a frame, so that each key finds the one before it drawn.
        tokio::time::sleep(Duration::from_millis(70)).await;
        Ok(key)
    });
    let end = async move {
        stop.cancel();
        std::future::pending().await
    };
    let input = stream::once(start).filter(|_| ready(false)).chain(pressed).chain(stream::once(end));
    let feed = EventReceiver { events: receiver, dropped: Arc::new(AtomicU64::new(0)) };
    let outcome = tui::run(&mut terminal, input, feed, setup, shutdown).await.unwrap();
    Shown { terminal, outcome }
}

/// What happens one after the other in front of a screen.
pub enum Step {
    /// Exchanges end; the next step comes when the screen has taken them all and was drawn.
    Events(Vec<Event>),
    Keys(&'static str),
    Input(Input),
}

pub fn ctrl(letter: char) -> Input {
    Input::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL))
}

pub fn paste(text: &str) -> Step {
    Step::Input(Input::Paste(text.to_owned()))
}

/// Shows what the steps lead to; shuts down if no key has quit.
pub async fn show_steps(width: u16, height: u16, context: RunContext, steps: Vec<Step>) -> Shown {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let (sender, receiver) = mpsc::channel(1_024);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let first = if context.mode == RunMode::View { "" } else { "2" };
    let steps = std::iter::once(Step::Keys(first)).chain(steps).collect();
    let _open = sender.clone();
    let play = played(steps, sender);
    let end = async move {
        stop.cancel();
        std::future::pending().await
    };
    let feed = EventReceiver { events: receiver, dropped: Arc::new(AtomicU64::new(0)) };
    let input = play.chain(stream::once(end));
    let outcome = tui::run(&mut terminal, input, feed, context, shutdown).await.unwrap();
    Shown { terminal, outcome }
}

pub fn played(steps: Vec<Step>, sender: mpsc::Sender<Event>) -> impl stream::Stream<Item = io::Result<Input>> {
    stream::iter(steps)
        .then(move |step| {
            let sender = sender.clone();
            async move {
                let inputs = match step {
                    Step::Keys(script) => keys(script),
                    Step::Input(input) => vec![input],
                    Step::Events(events) => {
                        for event in events {
                            sender.send(event).await.unwrap();
                        }
                        when(|| sender.capacity() == sender.max_capacity()).await;
                        tokio::time::sleep(Duration::from_millis(140)).await;
                        vec![]
                    }
                };
                stream::iter(inputs).then(|input| async {
                    tokio::time::sleep(Duration::from_millis(70)).await;
                    Ok(input)
                })
            }
        })
        .flatten()
}

pub async fn show(events: Vec<Event>, script: &str) -> Shown {
    show_on(100, 30, context(), events, script).await
}

/// A booking: C1 fine, C2 without a customer but accepted, B refused, the feed, and one that found nobody there.
pub fn booking() -> Vec<Event> {
    vec![
        Fake::new(0).stage(Stage::C1).event(),
        Fake::new(1).finding(missing_customer()).finding(accepted()).finding(wrong_price()).event(),
        Fake::new(2).stage(Stage::B).status(400).finding(missing_customer()).event(),
        Fake::new(3).stage(Stage::OrdersFeed).uuid(None).event(),
        Fake::new(4).stage(Stage::B).unreachable().not_judged("errors/shape", "no answer came").event(),
    ]
}
