//! The recording of the demo in README.md: what `umpire demo` shows, with the keys of somebody who watches it.
//!
//! `captures/faulty.har, captions of the script, keys → the screen on a terminal in memory → frames → docs/screens/demo-*.svg`
//!
//! The exchanges come at the demo's pace, on a clock that stands still but for waits, so that each run draws the same frames.
//! `scripts/screens` records it anew.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, TestBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Size};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use umpire::demo;
use umpire::event::{Event, RunContext, RunMode, channel};
use umpire::judged::Judged;
use umpire::tui::{self, Setup, Theme};

use super::picture::{events, keep};
use super::svg::{DARK, LIGHT, animation};
use crate::fake::screen::keys;

/// Columns and rows of the terminal.
const SIZE: (u16, u16) = (110, 32);

/// Time between two exchanges.
const PACE: Duration = Duration::from_millis(500);

/// How many steps of the demo's script are recorded: the feeds, a clean booking, a missing customer refused, and one accepted.
const STEPS: usize = 4;

/// The keys that are pressed when these steps are over, each with the time for which its frame is looked at.
const KEYS: [(&str, Duration); 4] = [
    // The bookings, and the first of those with a fault.
    ("g", Duration::from_secs(1)),
    ("n", Duration::from_secs(3)),
    // The exchanges, and the first fault: who, where, why, and how to mend it.
    ("2", Duration::from_secs(2)),
    ("n", Duration::from_secs(6)),
];

/// A terminal in memory that keeps each frame, with the time at which it was drawn.
struct Filmed {
    terminal: TestBackend,
    frames: Arc<Mutex<Vec<(Instant, Buffer)>>>,
}

impl Backend for Filmed {
    type Error = Infallible;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> Result<(), Infallible> {
        self.terminal.draw(content)
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.terminal.hide_cursor()
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        self.terminal.show_cursor()
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        self.terminal.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.terminal.set_cursor_position(position)
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        self.terminal.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> Result<(), Infallible> {
        self.terminal.clear_region(region)
    }

    fn size(&self) -> Result<Size, Infallible> {
        self.terminal.size()
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        self.terminal.window_size()
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        self.frames.lock().expect("no test panicked").push((Instant::now(), self.terminal.buffer().clone()));
        self.terminal.flush()
    }
}

/// The captions and the exchanges of the first steps of the demo, in order; `begin` is when it begins.
fn script(begin: Timestamp) -> Vec<Event> {
    let (recorded, _) = events();
    let steps: Vec<_> = demo::faulty().iter().take(STEPS).collect();
    let mut played = Vec::new();
    let mut told = 0;
    for event in recorded {
        let Event::Exchange(judged) = event else { continue };
        let step = match &judged.order_uuid {
            None => 0,
            Some(order) => match steps.iter().position(|step| step.uuid() == **order) {
                Some(step) => step,
                None => break,
            },
        };
        while told <= step {
            played.push(Event::Notice(steps[told].title.to_owned()));
            told += 1;
        }
        let at = PACE * played.iter().filter(|event| matches!(event, Event::Exchange(_))).count() as u32;
        let mut exchange = (*judged.exchange).clone();
        exchange.started = begin + SignedDuration::try_from(at).expect("a short time");
        played.push(Event::Exchange(Arc::new(Judged { exchange: Arc::new(exchange), ..(*judged).clone() })));
    }
    assert_eq!(told, STEPS, "the recording has all steps");
    played
}

/// The frames, each with how long it is shown.
async fn film(theme: Theme) -> Vec<(Buffer, Duration)> {
    let (_, upstream) = events();
    let begin: Timestamp = "2026-11-29T18:06:00Z".parse().expect("a time");
    let (outlet, receiver) = channel(100);
    let context = RunContext {
        mode: RunMode::Demo,
        base_uri: Some("http://127.0.0.1:8080/api/openbooking".to_owned()),
        upstream: upstream.map(|base_uri| format!("the embedded booking system, {base_uri}")),
        capture: Some("captures/today.db".to_owned()),
        also: vec![],
        forward: None,
        warnings: vec![],
        settings: None,
    };
    let stop = CancellationToken::new();
    let begun = Instant::now();
    let clock = move || begin + SignedDuration::try_from(begun.elapsed()).expect("a short time");
    let setup = Setup { theme, clock: Arc::new(clock), ..context.into() };
    let play = stream::iter(script(begin)).then(move |event| {
        let outlet = outlet.clone();
        async move {
            let pause = matches!(event, Event::Exchange(_));
            outlet.send(event);
            if pause {
                tokio::time::sleep(PACE).await;
            }
        }
    });
    let end = stop.clone();
    let input = play
        .filter_map(|()| std::future::ready(None))
        .chain(stream::iter(KEYS).flat_map(|(script, looked_at)| {
            let looked_at = stream::once(tokio::time::sleep(looked_at)).filter_map(|()| std::future::ready(None));
            stream::iter(keys(script).into_iter().map(Ok)).chain(looked_at)
        }))
        .chain(stream::once(async move {
            end.cancel();
            std::future::pending().await
        }));
    let frames = Arc::default();
    let terminal = Filmed { terminal: TestBackend::new(SIZE.0, SIZE.1), frames: Arc::clone(&frames) };
    let mut terminal = Terminal::new(terminal).expect("a terminal");
    tui::run(&mut terminal, Box::pin(input), receiver, setup, stop).await.expect("a screen");
    let ended = Instant::now();
    let frames = frames.lock().expect("no test panicked");
    let ends = frames.iter().skip(1).map(|(at, _)| *at).chain([ended]);
    frames.iter().zip(ends).map(|((at, frame), end)| (frame.clone(), end - *at)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_recording_of_the_demo_is_what_it_shows() {
    let mut stale = Vec::new();
    for (theme, palette) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
        let frames = film(theme).await;
        let last: String = frames.last().expect("a frame").0.content.iter().map(Cell::symbol).collect();
        assert!(last.contains("agent-broker/customer-required"), "the fault is explained at the end");
        let picture = animation(&frames, palette, "umpire demo: bookings come in, and the first fault is explained");
        stale.extend(keep(&format!("demo-{}", theme.as_str()), &picture));
    }
    assert!(stale.is_empty(), "stale: {stale:?}; scripts/screens records them anew");
}
