//! The screen never misleads whoever works on it: keys, pasted text, numbers, filters, and what stands in the header.

use std::sync::Arc;
use std::time::Duration;

use umpire::event::{Event, Progress, RecordingStatus, RequestUnderWay, RunContext, RunMode};
use umpire::openbooking::Stage;
use umpire::tui::ScreenEnd;

use crate::fake::screen::{Shown, Step, booking, ctrl, open_on, paste, show, show_all, show_on, show_steps};
use crate::fake::{Fake, context, wrong_price};

/// What the recorder tells: so many recorded and judged, and the oldest that waits has waited so many seconds.
fn progress(recorded: u64, judged: u64, seconds: u64) -> Event {
    Event::Progress(Progress { recorded, judged, lag: Duration::from_secs(seconds) })
}

#[tokio::test(start_paused = true)]
async fn the_header_says_how_far_recording_and_judging_have_come() {
    let mut events = booking();
    let shown = show_on(80, 24, context(), events.clone(), "").await;
    assert!(shown.find("● rec  recorded 5 · judged 5 · lag 0 s · dropped 0").is_some(), "{}", shown.text());
    events.push(progress(12_000, 5, 25));
    for (width, height) in [(80, 24), (120, 40), (80, 14)] {
        let shown = show_on(width, height, context(), events.clone(), "").await;
        assert!(shown.find("recorded 12,000 · judged 5 · lag 25 s · dropped 0").is_some(), "{}", shown.text());
        assert!(shown.find("following, 25 s behind").is_some(), "{}", shown.text());
    }
    events.push(progress(12_000, 12_000, 0));
    let shown = show_on(80, 24, context(), events.clone(), "").await;
    assert!(shown.find("judged 12,000 · lag 0 s").is_some() && shown.find("behind").is_none(), "{}", shown.text());
    // Also beside the alarm, and where nothing is kept.
    events.push(Event::Recording(RecordingStatus::Off { reason: "the disk is full".into(), missed: 12 }));
    let shown = show_on(120, 24, context(), events, "").await;
    assert!(shown.find("12 exchanges missed: the disk is full").is_some(), "{}", shown.text());
    assert!(shown.find("judged 12,000 · lag 0 s · dropped 0").is_some(), "{}", shown.text());
    let shown = show_on(80, 24, RunContext { capture: None, ..context() }, booking(), "").await;
    assert!(shown.find("judged, but not kept judged 5 · lag 0 s · dropped 0").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn a_recording_of_which_little_was_judged_says_so() {
    let view = || RunContext { mode: RunMode::View, base_uri: None, ..context() };
    let mut unjudged = Fake::new(0);
    for index in 0..50 {
        unjudged = unjudged.not_judged(&format!("a/{index}"), "the recording has no bodies");
    }
    let events = vec![unjudged.event()];
    let shown = show_on(120, 24, view(), events.clone(), "").await;
    assert!(shown.find("‼ little was judged: 21 passed, 50 not judged").is_some(), "{}", shown.text());
    assert!(
        shown.text().lines().any(|line| line.contains("order-quotes") && line.contains("not judged")),
        "{}",
        shown.text()
    );
    assert!(!shown.text().contains(" ok "), "{}", shown.text());
    let shown = show_on(120, 24, view(), booking(), "").await;
    assert!(shown.find("little was judged").is_none(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_was_read_to_its_end_can_not_be_followed() {
    let view = || RunContext { mode: RunMode::View, ..context() };
    for keys in ["", "g", "G", "1"] {
        let growing = show_on(80, 24, view(), booking(), keys).await;
        assert!(growing.find(" reading ").is_some(), "{}", growing.text());
        let shown = show_all(80, 24, view(), booking(), keys).await;
        for words in ["reading", "follows", "following", "stopped"] {
            assert!(shown.find(words).is_none(), "{keys}: {words}\n{}", shown.text());
        }
        assert!(shown.find(" · at ").is_some(), "{}", shown.text());
    }
}

#[tokio::test(start_paused = true)]
async fn moving_up_stops_following_and_f_resumes() {
    assert!(show(booking(), "").await.find("following").is_some());
    let shown = show(booking(), "↑").await;
    assert!(shown.find("stopped at 4").is_some(), "{}", shown.text());
    for script in ["↑f", "↑↑G"] {
        assert!(show(booking(), script).await.find("following").is_some(), "{script}");
    }
    assert!(show(booking(), "f").await.find("stopped at 5").is_some());
    assert!(show(booking(), "↑↓").await.find("stopped at 5").is_some(), "coming back down is not following yet");
}

#[tokio::test(start_paused = true)]
async fn next_and_previous_with_findings() {
    assert!(show(booking(), "gn").await.find("stopped at 2").is_some());
    assert!(show(booking(), "gnn").await.find("stopped at 3").is_some());
    assert!(show(booking(), "gnnn").await.find("stopped at 3").is_some());
    assert!(show(booking(), "N").await.find("stopped at 3").is_some());
    assert!(show(booking(), "NNNN").await.find("stopped at 2").is_some());
}

#[tokio::test(start_paused = true)]
async fn filters() {
    for (script, head) in [
        ("F", "2 exchanges · with findings"),
        ("FF", "1 exchange · the booking system's failures"),
        ("FFF", "2 exchanges · the broker's failures"),
        ("FFFF", "5 exchanges · all"),
    ] {
        let shown = show(booking(), script).await;
        assert!(shown.find(head).is_some(), "{script}\n{}", shown.text());
    }
    let shown = show(vec![Fake::new(0).event()], "F").await;
    assert!(shown.find("F goes on, / changes the filter").is_some(), "{}", shown.text());
    let shown = show(booking(), "gF").await;
    assert!(shown.find("stopped at 2").is_some(), "the nearest one is selected\n{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn quitting_asks_where_traffic_would_stop_and_nowhere_else() {
    for (mode, question) in [(RunMode::Live, "Stop the proxy? y/n"), (RunMode::Replay, "Stop the replay? y/n")] {
        let with = |script| show_on(80, 24, RunContext { mode, ..context() }, booking(), script);
        let asked = with("q").await;
        assert_eq!(asked.outcome, ScreenEnd::Shutdown, "{mode:?}");
        assert!(asked.find(question).is_some(), "{mode:?}\n{}", asked.text());
        assert_eq!(with("qy").await.outcome, ScreenEnd::Quit, "{mode:?}");
        for refused in ["qn", "q⎋", "qq", "q⏎"] {
            let shown = with(refused).await;
            assert_eq!(shown.outcome, ScreenEnd::Shutdown, "{mode:?} {refused}");
            assert!(shown.find(question).is_none(), "{mode:?} {refused}\n{}", shown.text());
        }
    }
    for mode in [RunMode::View, RunMode::Demo] {
        let quit = show_on(80, 24, RunContext { mode, ..context() }, booking(), "q").await;
        assert_eq!(quit.outcome, ScreenEnd::Quit, "{mode:?}");
    }
    // Even where there is no room for keys.
    assert!(show_on(40, 5, context(), booking(), "q").await.find("Stop the proxy?").is_some());
}

#[tokio::test(start_paused = true)]
async fn q_leaves_the_detail_before_it_quits() {
    let view = RunContext { mode: RunMode::View, ..context() };
    assert_eq!(show_on(80, 24, view.clone(), booking(), "⏎q").await.outcome, ScreenEnd::Shutdown);
    assert_eq!(show_on(80, 24, view, booking(), "⏎qq").await.outcome, ScreenEnd::Quit);
}

#[tokio::test(start_paused = true)]
async fn pasted_text_is_never_taken_for_keys() {
    let view = || RunContext { mode: RunMode::View, ..context() };
    for before in ["", "⏎", "4", "?"] {
        let steps = vec![Step::Events(booking()), Step::Keys(before), paste("qqqyFc3")];
        let shown = show_steps(80, 24, view(), steps).await;
        assert_eq!(shown.outcome, ScreenEnd::Shutdown, "{before}");
        let expected = show_on(80, 24, view(), booking(), before).await.text();
        let last_row = |text: &str| text.trim_end().lines().count() - 1;
        let but_last = |text: &str| text.lines().take(last_row(text)).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(but_last(&shown.text()), but_last(&expected), "{before}");
    }
    let asked = show_steps(80, 24, context(), vec![Step::Events(booking()), Step::Keys("q"), paste("y")]).await;
    assert_eq!(asked.outcome, ScreenEnd::Shutdown, "pasted text answers no question");
}

#[tokio::test(start_paused = true)]
async fn text_pasted_into_a_line_goes_into_that_line() {
    let steps = |rest| vec![Step::Events(booking()), Step::Keys(":"), paste(" 2\n"), rest];
    let typed = show_steps(80, 24, context(), steps(Step::Keys(""))).await;
    assert!(typed.find(":2▏ number").is_some(), "{}", typed.text());
    assert!(typed.find("following").is_some(), "the line break is no Enter\n{}", typed.text());
    let gone = show_steps(80, 24, context(), steps(Step::Keys("⏎"))).await;
    assert!(gone.find("stopped at 2").is_some(), "{}", gone.text());
}

#[tokio::test(start_paused = true)]
async fn numbers_lead_to_their_exchanges() {
    for (script, expected) in [
        (":2⏎", "stopped at 2"),
        (":2⏎:4⏎", "stopped at 4"),
        ("F:4⏎", "5 exchanges · all · stopped at 4"),
        ("4:3⏎", "stopped at 3"),
        (":12⏎", "no exchange 12"),
        (":0⏎", "no exchange 0"),
        (":2x⏎", "2x is neither a number of an exchange nor a command"),
        (":12⏎", "following"),
        (":2⎋", "following"),
        (":⏎", "following"),
        (":14⌫⌫3⏎", "stopped at 3"),
        (":q", ":q▏ number, UUID or command"),
    ] {
        let shown = show(booking(), script).await;
        assert!(shown.find(expected).is_some(), "{script}\n{}", shown.text());
    }
    // By the number in the recording, whatever the screen has missed.
    let events = vec![Fake::new(6).event(), Fake::new(11).event(), Fake::new(30).event()];
    let shown = show(events.clone(), ":12⏎").await;
    assert!(shown.find("stopped at 12 ").is_some(), "{}", shown.text());
    let shown = show(events.clone(), ":8⏎").await;
    assert!(shown.find("no exchange 8").is_some(), "{}", shown.text());
    let shown = show(events, ":3⏎").await;
    assert!(shown.find("All 31 exchanges · at 3 ").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn a_filter_switched_on_and_off_comes_back_to_the_same_row() {
    let many = || {
        (0..60).map(|index| if index % 10 == 9 { Fake::new(index).finding(wrong_price()) } else { Fake::new(index) })
    };
    let events: Vec<Event> = many().map(Fake::event).collect();
    let before = show(events.clone(), "↑↑↑↑↑↑↑↑↑↑↑↑⇞↑↓").await;
    let after = show(events.clone(), "↑↑↑↑↑↑↑↑↑↑↑↑⇞↑↓FFFF").await;
    assert_eq!(before.text(), after.text());
    // Not where the reader has gone on meanwhile.
    let moved = show(events, ":15⏎F↓FFF").await;
    assert!(moved.find("stopped at 30").is_some(), "{}", moved.text());
}

#[tokio::test(start_paused = true)]
async fn n_without_a_hit_says_so_and_keeps_following() {
    let events = vec![Fake::new(0).event(), Fake::new(1).event()];
    for (script, word) in [("n", "no later exchange with findings"), ("N", "no earlier exchange with findings")] {
        let shown = show(events.clone(), script).await;
        assert!(shown.find(word).is_some(), "{}", shown.text());
        assert!(shown.find("following").is_some(), "{}", shown.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_works_elsewhere_says_where() {
    let view = || RunContext { mode: RunMode::View, ..context() };
    for (keys, word) in [
        ("1/", "/ works on Exchanges (2)"),
        ("1F", "F works on Exchanges (2) and Findings (3)"),
        ("1s", "s works on Exchanges (2)"),
        ("1y", "y works on Exchanges (2) and Findings (3)"),
        ("1m", "m works on Exchanges (2) and Findings (3)"),
        ("1d", "d works on Exchanges (2)"),
        ("1⇥", "Tab works on Exchanges (2) and Findings (3)"),
        ("3/", "/ works on Exchanges (2)"),
        ("3n", "n works on Bookings (1) and Exchanges (2)"),
        ("3s", "s works on Exchanges (2)"),
        ("4f", "f works on Bookings (1) and Exchanges (2)"),
        ("v", "v works on One exchange"),
        ("⏎s", "s works in the list (Esc leads there)"),
    ] {
        let shown = show_on(80, 24, view(), booking(), keys).await;
        assert!(shown.find(word).is_some(), "{keys}\n{}", shown.text());
    }
    // Keys without any meaning say nothing.
    assert!(show_on(80, 24, view(), booking(), "Z").await.find("works").is_none());
}

#[tokio::test(start_paused = true)]
async fn nothing_in_view_moves_when_old_exchanges_are_let_go() {
    // Without bodies, so that their number counts and not their size.
    let one = Fake::new(0).request_body("").response_body("").judged();
    let exchanges = |numbers: std::ops::Range<u64>| {
        let event = |index| Event::Exchange(Arc::new(umpire::judged::Judged { index, ..one.clone() }));
        Step::Events(numbers.map(event).collect())
    };
    let list = |shown: &Shown| {
        let text = shown.text();
        text.lines()
            .skip_while(|line| !line.contains("no. UTC"))
            .take_while(|line| !line.contains("Findings"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let stopped = || vec![exchanges(0..20_000), Step::Keys(":5⏎")];
    let before = show_steps(100, 30, context(), stopped()).await;
    assert!(before.find("stopped at 5 ").is_some(), "{}", before.text());
    let mut steps = stopped();
    steps.push(exchanges(20_000..21_000));
    let after = show_steps(100, 30, context(), steps).await;
    assert_eq!(list(&before), list(&after));
    assert!(after.find("stopped at 5 ").is_some(), "{}", after.text());
    // They go when the reader goes.
    let mut steps = stopped();
    steps.extend([exchanges(20_000..21_000), Step::Keys("fg")]);
    let gone = show_steps(100, 30, context(), steps).await;
    assert!(gone.find("stopped at 1001 ").is_some(), "{}", gone.text());
    assert!(gone.find("20000 exchanges · all").is_some() && gone.find("1000 older no longer").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_is_a_row_with_a_running_clock() {
    let request = |id| {
        let started = "2026-03-14T12:04:05Z".parse().unwrap();
        let order_uuid = Some("9f84aaaa-7278-4296-9c71-96669e5c5b00".into());
        Event::Request(RequestUnderWay { id, started, stage: Stage::B, order_uuid })
    };
    let mut events = booking();
    // Exchanges of `booking` have the ids 1 to 5.
    events.extend([request(6), request(9)]);
    let shown = show_on(80, 24, context(), events.clone(), "").await;
    let waiting = |shown: &Shown| shown.text().matches("no answer yet").count();
    assert_eq!(waiting(&shown), 2, "{}", shown.text());
    assert!(shown.find("9f84aaaa no answer yet, ").is_some() && shown.find("5 exchanges").is_some());
    for (screen, place) in [("1", 80), ("2", 120), ("5", 120)] {
        let only = vec![request(6), request(9)];
        let shown = open_on(place, 24, context(), only, screen).await;
        assert!(shown.find("2 requests wait for an answer, ").is_some(), "{screen}: {}", shown.text());
        assert!(shown.find("Nothing has passed yet").is_none(), "{screen}: {}", shown.text());
    }
    // Not where the reader is elsewhere in the list.
    assert_eq!(waiting(&show_on(80, 24, context(), events.clone(), "g").await), 0);
    // The exchange takes its place.
    events.push(Fake::new(5).event());
    let shown = show_on(80, 24, context(), events, "").await;
    assert!(waiting(&shown) == 1 && shown.find("6 exchanges").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn ctrl_l_draws_everything_anew() {
    let steps = vec![Step::Events(booking()), Step::Input(ctrl('l'))];
    let anew = show_steps(80, 24, context(), steps).await;
    assert_eq!(anew.text(), show_on(80, 24, context(), booking(), "").await.text());
}

#[tokio::test(start_paused = true)]
async fn the_oldest_exchanges_are_let_go() {
    // Without bodies, so that their number counts and not their size.
    let one = Fake::new(0).request_body("").response_body("").judged();
    let event = |index| Event::Exchange(Arc::new(umpire::judged::Judged { index, ..one.clone() }));
    let events: Vec<Event> = (0..20_100).map(event).collect();
    let shown = show(events.clone(), "").await;
    assert!(shown.find("20000 exchanges · all · following · 100 older no longer listed").is_some(), "{}", shown.text());
    assert!(shown.find("judged 20,100 ").is_some(), "all are counted");
    // One that was stopped at goes as well: the oldest that is left takes its place.
    let shown = show(events, "g").await;
    assert!(shown.find("exchange 101 ").is_some(), "{}", shown.text());
}
