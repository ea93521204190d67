//! Each screen at the sizes that terminals have: small, usual, large.
//!
//! `events made up, keys → the screen at 80×24, 120×40, 200×60 → snapshots`

use std::sync::Arc;

use umpire::event::{Event, RunContext, RunMode};
use umpire::openbooking::Stage;

use crate::fake::screen::{booking, open_on};
use crate::fake::{self, Fake, UUID, coverage, missing_customer, wrong_price};

/// A booking with a feed item and a lease, another that was refused, and what the rules had to say.
fn events() -> Vec<Event> {
    let quote = r#"{"@type":"OrderQuote","lease":{"@type":"Lease","leaseExpires":"2026-03-14T12:19:05Z"},"totalPaymentDue":{"price":14.99,"priceCurrency":"GBP"}}"#;
    let order = r#"{"@type":"Order","orderedItem":[{"orderItemStatus":"https://openactive.io/OrderItemConfirmed"}],"totalPaymentDue":{"price":19.99,"priceCurrency":"GBP"}}"#;
    let page = format!(
        r#"{{"next":"x","items":[{{"state":"updated","kind":"Order","id":"{UUID}","modified":1,"data":{order}}}]}}"#
    );
    let other = "9f84aaaa-7278-4296-9c71-96669e5c5b00";
    let mut events = vec![
        Fake::new(10).stage(Stage::C1).response_body(quote).event(),
        Fake::new(11).response_body(quote).finding(missing_customer()).event(),
        Fake::new(12).stage(Stage::B).response_body(order).finding(wrong_price()).event(),
        Fake::new(40).stage(Stage::OrdersFeed).uuid(None).response_body(page).event(),
        Fake::new(41).uuid(Some(other)).status(400).not_judged("errors/shape", "no answer came").event(),
    ];
    events.extend([Event::Coverage(Arc::new(coverage())), Event::Notice("New rules: 525 rules in force".into())]);
    booking().into_iter().take(2).chain(events).collect()
}

/// The screen at three sizes, one below the other.
async fn at_three_sizes(mode: RunMode, events: Vec<Event>, keys: &str) -> String {
    let mut all = String::new();
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let clock = Arc::new(|| "2026-12-01T09:30:05Z".parse().unwrap());
        let setup = umpire::tui::Setup { clock, ..RunContext { mode, ..fake::context() }.into() };
        let shown = open_on(width, height, setup, events.clone(), keys).await;
        all.extend([format!("{width}×{height}\n{}\n", shown.text())]);
    }
    all
}

macro_rules! snapshots {
    ($($name:ident $mode:ident $keys:literal;)+) => {$(
        #[tokio::test]
        async fn $name() {
            insta::assert_snapshot!(at_three_sizes(RunMode::$mode, events(), $keys).await);
        }
    )+};
}

snapshots! {
    bookings Live "";
    one_booking Live "g⏎";
    comparison Live "g⏎d";
    exchanges View "";
    findings View "3";
    coverage_of_features View "4";
    traffic View "5";
    request View "⏎⏎";
    response_raw View "⇥⇥⏎v";
    event_log Live "E";
    faults Live "!";
    palette View ":co";
    help_of_the_detail View "⏎?";
}

#[tokio::test(start_paused = true)]
async fn empty_screens_teach() {
    let mut all = String::new();
    for keys in ["1", "2", "3", "4", "5", "E", "!"] {
        let shown = open_on(80, 16, fake::context(), vec![], keys).await;
        all.extend([format!("{keys}\n{}\n", shown.text())]);
    }
    insta::assert_snapshot!(all);
}

#[tokio::test(start_paused = true)]
async fn small_terminals_stay_sane_and_smaller_ones_say_so() {
    let context = || RunContext { mode: RunMode::View, ..fake::context() };
    let mut all = String::new();
    for (width, height, keys) in [(60, 15, ""), (60, 15, "⏎"), (60, 15, "1"), (40, 8, ""), (20, 5, ""), (19, 4, "")] {
        let shown = open_on(width, height, context(), events(), keys).await;
        all.extend([format!("{width}×{height} {keys}\n{}\n", shown.text())]);
    }
    insta::assert_snapshot!(all);
}

#[tokio::test(start_paused = true)]
async fn fault_place_and_fix_are_above_the_fold_of_a_small_terminal() {
    let shown = open_on(80, 24, RunContext { mode: RunMode::View, ..fake::context() }, events(), "").await;
    for word in ["the broker is at fault", "/request/body/customer", "fix "] {
        assert!(shown.find(word).is_some(), "{word}\n{}", shown.text());
    }
}

#[tokio::test(start_paused = true)]
async fn ascii_only_has_no_other_characters() {
    let setup = umpire::tui::Setup {
        theme: umpire::tui::Theme::Ascii,
        ..RunContext { mode: RunMode::View, ..fake::context() }.into()
    };
    for keys in ["", "1", "3", "4", "5", "⏎⏎", "?", ":c", "E"] {
        let shown = open_on(120, 40, setup.clone(), events(), keys).await;
        let buffer = shown.terminal.backend().buffer();
        let other: Vec<&str> =
            buffer.content.iter().map(ratatui::buffer::Cell::symbol).filter(|cell| !cell.is_ascii()).collect();
        assert!(other.is_empty(), "{keys}: {other:?}");
    }
    // Marks can't be taken for letters or digits.
    let twice = |index| Fake::new(index).stage(Stage::B).finding(wrong_price()).event();
    let shown = open_on(120, 40, setup, [events(), vec![twice(50), twice(51)]].concat(), "1").await;
    for words in ["B!*3", "C2X", "feed+"] {
        assert!(shown.find(words).is_some(), "{words}\n{}", shown.text());
    }
}
