//! What is typed into the last row: the cursor, the history, what is wrong with it, and how it fits into narrow terminals.
//!
//! `keys → the last rows of the screen`

use umpire::event::{RunContext, RunMode};

use crate::fake::screen::{Shown, Step, booking, ctrl, open_on, show_steps};
use crate::fake::{Fake, context, missing_customer};

fn view() -> RunContext {
    RunContext { mode: RunMode::View, ..context() }
}

#[track_caller]
fn sees(shown: &Shown, words: &str) {
    assert!(shown.find(words).is_some(), "{words:?} is not on\n{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn arrows_move_the_cursor_in_every_line() {
    for (keys, expected) in [
        ("/stge:B←←←←a", "Filter /sta▏ge:B"),
        ("/tage:B⇱s", "Filter /s▏tage:B"),
        ("/stage:Bx←⌦", "Filter /stage:B▏ "),
        ("/xstage:B⇱⌦⇲1", "Filter /stage:B1▏"),
        (":co←↑↓x", ":cx▏o number"),
        ("mno↑←↓w", "because: nw▏o "),
        ("cac←b", "Comment on exchange 2: ab▏c "),
        ("⇥⏎/ac←↑↓b", "Find /ab▏c "),
    ] {
        sees(&open_on(120, 40, view(), booking(), keys).await, expected);
    }
    let steps = vec![Step::Events(booking()), Step::Keys("/one two"), Step::Input(ctrl('w'))];
    sees(&show_steps(120, 40, view(), steps).await, "Filter /one ▏ ");
    let steps = vec![Step::Events(booking()), Step::Keys("/one two←"), Step::Input(ctrl('u'))];
    sees(&show_steps(120, 40, view(), steps).await, "Filter /▏o ");
}

#[tokio::test(start_paused = true)]
async fn arrows_go_through_the_filters_typed_before() {
    sees(&open_on(120, 40, view(), booking(), "/stage:B⏎/↑").await, "Filter /stage:B▏");
}

#[tokio::test(start_paused = true)]
async fn a_bad_filter_says_what_is_wrong_and_where_and_can_be_mended() {
    for (width, height) in [(120, 40), (80, 24), (60, 15)] {
        let shown = open_on(width, height, view(), booking(), "/stage:xx⏎").await;
        sees(&shown, "column 1: ");
        sees(&shown, "Filter /stage:xx▏");
        // It goes with the next key.
        let shown = open_on(width, height, view(), booking(), "/stage:xx⏎⌫⌫B").await;
        sees(&shown, "Filter /stage:B▏");
        assert!(shown.find("column 1").is_none(), "{}", shown.text());
    }
    let shown = open_on(120, 40, view(), booking(), "/stage:xx order:14⏎").await;
    sees(&shown, "Filter /stage:xx▏ order:14");
    let shown = open_on(120, 40, view(), booking(), "/rule:agent (⏎").await;
    sees(&shown, "column 13: a condition is missing");
    sees(&shown, "Filter /rule:agent (▏");
}

#[tokio::test(start_paused = true)]
async fn a_narrow_terminal_shows_what_is_typed() {
    let events = || vec![Fake::new(0).finding(missing_customer()).event()];
    for (width, height) in [(60, 15), (40, 8), (20, 5)] {
        let shown = open_on(width, height, view(), events(), "mwe know of this, ticket 7").await;
        sees(&shown, "icket 7▏");
    }
    let shown = open_on(60, 15, view(), events(), "mwe know of this, it is in ticket 7⇱").await;
    sees(&shown, "because: ▏we know of");
}

#[tokio::test(start_paused = true)]
async fn a_typed_day_replaces_the_suggested_one() {
    let shown = open_on(120, 40, view(), booking(), "mknown⇥30d").await;
    sees(&shown, "aside until 30d▏");
    // What is wrong with it is in sight.
    for (width, height) in [(120, 40), (80, 24)] {
        let shown = open_on(width, height, view(), booking(), "mknown⇥30x").await;
        sees(&shown, "30x▏ no day: 2027-01-31, or 30d");
    }
}
