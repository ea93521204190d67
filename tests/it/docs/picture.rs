//! The pictures in README.md and docs/screen.md are what the screen shows.
//!
//! `captures/faulty.har → judge → events → the screen on a terminal in memory, keys → docs/screens/*.svg, dark and light`
//!
//! `scripts/screens` draws them anew.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use futures_util::{StreamExt as _, stream};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio_util::sync::CancellationToken;
use umpire::capture;
use umpire::event::{Event, RunContext, RunMode, channel};
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};
use umpire::tui::{self, Setup, Theme};

use super::markdown::root;
use super::svg::{DARK, LIGHT, svg};

const RECORDING: &str = "captures/faulty.har";

/// Columns and rows of the terminal.
const SIZE: (u16, u16) = (120, 36);

/// Each picture with its title and the keys that lead to it; `⏎` is Enter, `⇥` Tab.
const PICTURES: [(&str, &str, &str); 7] = [
    ("bookings", "Bookings: one row for each booking flow", "1gnnnnn"),
    ("booking", "One booking: its calls, and the findings of the selected one", "1gnnnnn⏎"),
    ("exchanges", "Exchanges: the first failure of a recording, and how to mend it", ""),
    ("request", "A request with what is missing marked where it should stand", "⏎⏎"),
    ("findings", "Findings: one row for each cause", "3"),
    ("coverage", "Coverage: what has been tried, and what nobody has tried", "4"),
    ("traffic", "Traffic: rates, latencies and errors", "5"),
];

/// The recording, judged.
pub(super) fn events() -> (Vec<Event>, Option<String>) {
    let recording = capture::open(&root().join(RECORDING)).expect("the recording");
    let book = Arc::new(RuleBook::built_in().expect("the rules load"));
    let mut judge = Judge::new(
        book,
        BookingSystemInfo { base_uri: recording.meta.base_uri.clone(), ..BookingSystemInfo::default() },
    );
    let mut events = Vec::new();
    for exchange in recording.exchanges {
        events.push(Event::Exchange(Arc::new(judge.judge(Arc::new(exchange.expect("an exchange"))))));
    }
    events.push(Event::Coverage(Arc::new(judge.coverage())));
    (events, recording.meta.base_uri)
}

/// What `umpire view` has on the screen after these keys.
async fn screen(events: &[Event], base_uri: Option<String>, theme: Theme, keys: &str) -> Terminal<TestBackend> {
    let (outlet, receiver) = channel(1_000);
    for event in events {
        outlet.send(event.clone());
    }
    assert_eq!(receiver.dropped(), 0);
    let context = RunContext {
        mode: RunMode::View,
        base_uri: None,
        upstream: base_uri,
        capture: Some(RECORDING.to_owned()),
        also: vec![],
        forward: None,
        warnings: vec![],
        settings: None,
    };
    let stop = CancellationToken::new();
    let shutdown = stop.clone();
    let taken = std::future::poll_fn(move |task| {
        if outlet.waiting() == 0 {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    });
    let codes: Vec<KeyCode> = keys
        .chars()
        .map(|letter| match letter {
            '⏎' => KeyCode::Enter,
            '⇥' => KeyCode::Tab,
            letter => KeyCode::Char(letter),
        })
        .collect();
    let pressed = stream::iter(codes).then(|code| async move {
        // Longer than a frame, so that each key finds the one before it drawn.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok::<_, io::Error>(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    });
    let end = stream::once(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.cancel();
        std::future::pending().await
    });
    let begin = stream::once(taken).filter_map(|()| std::future::ready(None));
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a terminal");
    let setup = Setup { theme, ..context.into() };
    tui::run(&mut terminal, begin.chain(pressed).chain(end), receiver, setup, shutdown).await.expect("a screen");
    terminal
}

/// Compares a picture with that of the documents, or writes it there if it was asked for. The file if it is stale.
pub(super) fn keep(name: &str, picture: &str) -> Option<PathBuf> {
    let file = root().join(format!("docs/screens/{name}.svg"));
    if std::fs::read_to_string(&file).ok().as_deref() == Some(picture) {
        return None;
    }
    if std::env::var_os("UMPIRE_REWRITE_DOCS").is_none() {
        return Some(file);
    }
    std::fs::create_dir_all(root().join("docs/screens")).expect("a folder");
    std::fs::write(&file, picture).expect("the picture can be written");
    None
}

#[tokio::test(start_paused = true)]
async fn the_pictures_are_what_the_screen_shows() {
    let (events, base_uri) = events();
    let mut stale = Vec::new();
    for (name, title, keys) in PICTURES {
        for (theme, palette) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
            let terminal = screen(&events, base_uri.clone(), theme, keys).await;
            let picture = svg(terminal.backend().buffer(), palette, title);
            stale.extend(keep(&format!("{name}-{}", theme.as_str()), &picture));
        }
    }
    assert!(stale.is_empty(), "stale: {stale:?}; scripts/screens draws them anew");
}

#[test]
fn every_picture_is_shown_somewhere_and_none_is_missing() {
    let documents = format!("{}{}", super::markdown::read("README.md"), super::markdown::read("docs/screen.md"));
    for entry in std::fs::read_dir(root().join("docs/screens")).expect("the pictures") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(documents.contains(&format!("screens/{name}")), "{name} is shown nowhere");
        let picture = name.trim_end_matches(".svg");
        let mut known = PICTURES.iter().map(|(known, ..)| *known).chain(["demo"]);
        let known = known.any(|known| picture.strip_prefix(known).is_some_and(|rest| rest.starts_with('-')));
        assert!(known, "{name} is drawn by nobody");
    }
}
