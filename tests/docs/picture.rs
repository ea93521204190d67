//! The picture in the README is what the screen shows.
//!
//! `captures/faulty.har → judge → events → the screen on a terminal in memory, three keys → the README's first block`

use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use futures_util::{StreamExt as _, stream};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio_util::sync::CancellationToken;
use umpire::capture;
use umpire::event::{Context, Event, Mode, feed};
use umpire::rules::{Judge, Known, RuleBook};
use umpire::tui;

use crate::markdown::{read, rewrite, root};

const RECORDING: &str = "captures/faulty.har";

/// Columns and rows of the terminal.
const SIZE: (u16, u16) = (110, 41);

/// To the beginning of the list, then to the third exchange with findings.
const KEYS: [KeyCode; 4] = [KeyCode::Home, KeyCode::Char('n'), KeyCode::Char('n'), KeyCode::Char('n')];

/// What `umpire view` has on the screen after these keys, without blanks at line ends.
async fn screen() -> String {
    let recording = capture::open(&root().join(RECORDING)).expect("the recording");
    let book = Arc::new(RuleBook::built_in().expect("the rules load"));
    let mut judge = Judge::new(book, Known { base_uri: recording.meta.base_uri.clone(), ..Known::default() });
    let (outlet, feed) = feed(1_000);
    for exchange in recording.exchanges {
        outlet.send(Event::Exchange(Arc::new(judge.judge(Arc::new(exchange.expect("an exchange"))))));
    }
    assert_eq!(feed.dropped(), 0);
    let context = Context {
        mode: Mode::View,
        base_uri: None,
        upstream: recording.meta.base_uri,
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
    let pressed = stream::iter(KEYS).then(|code| async move {
        // Longer than a frame, so that each key finds the one before it drawn.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok::<_, io::Error>(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    });
    let end = stream::once(async move {
        stop.cancel();
        std::future::pending().await
    });
    let begin = stream::once(taken).filter_map(|()| std::future::ready(None));
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a terminal");
    tui::run(&mut terminal, begin.chain(pressed).chain(end), feed, context, shutdown).await.expect("a screen");
    let buffer = terminal.backend().buffer();
    let row = |y| (0..SIZE.0).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..SIZE.1).map(row).collect::<Vec<_>>().join("\n") + "\n"
}

#[tokio::test]
async fn the_picture_in_the_readme_is_what_the_screen_shows() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once("```text\n").expect("the picture");
    let (picture, after) = rest.split_once("```\n").expect("its end");
    let shown = screen().await;
    rewrite("README.md", picture, &shown, &format!("{before}```text\n{shown}```\n{after}"));
}
