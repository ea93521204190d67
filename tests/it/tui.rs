//! The screen, driven by keys on a terminal in memory.
//!
//! `events, keys → tui::run on a terminal in memory → what it shows` · screens: each at three sizes · prompts: what is
//! typed · tasks: what a developer does · trust: text from outside

mod prompts;
mod screens;
mod tasks;
mod trust;

use std::io;
use std::sync::Arc;

use crossterm::event::KeyCode;
use futures_util::stream;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use tokio_util::sync::CancellationToken;
use umpire::event::{Event, Forwarding, RecordingStatus, RunContext, RunMode, channel};
use umpire::openbooking::Stage;
use umpire::tui::{self, ScreenEnd};

use crate::fake::screen::{Shown, booking, ctrl, key, keys, show, show_on, when};
use crate::fake::{Fake, accepted, context, coverage, missing_customer, missing_email, wrong_price};

#[tokio::test(start_paused = true)]
async fn nothing_yet() {
    insta::assert_snapshot!(show_on(80, 24, context(), vec![], "").await.text());
}

#[tokio::test(start_paused = true)]
async fn a_recording_without_exchanges() {
    let context = RunContext { mode: RunMode::View, base_uri: None, upstream: None, ..context() };
    insta::assert_snapshot!(show_on(80, 24, context, vec![], "").await.text());
}

#[tokio::test(start_paused = true)]
async fn follows_the_newest() {
    insta::assert_snapshot!(show_on(80, 24, context(), booking(), "").await.text());
}

#[tokio::test(start_paused = true)]
async fn findings_on_both_sides() {
    insta::assert_snapshot!(show_on(100, 45, context(), booking(), "↑↑↑⏎").await.text());
}

#[tokio::test(start_paused = true)]
async fn wide_terminals_show_list_and_detail_side_by_side() {
    insta::assert_snapshot!(show_on(180, 40, context(), booking(), "N").await.text());
}

#[tokio::test(start_paused = true)]
async fn the_offending_node_is_marked_in_the_response() {
    let shown = show_on(100, 40, context(), booking(), "↑↑↑⇥⇥⏎").await;
    insta::assert_snapshot!(shown.text());
    assert_eq!(shown.background("14.990"), Color::Yellow);
    assert_eq!(shown.background("HTTP/1.1"), Color::Red);
    assert_eq!(shown.background("\"priceCurrency\""), Color::Reset);
}

#[tokio::test(start_paused = true)]
async fn a_missing_node_is_marked_where_it_should_be() {
    let shown = show(booking(), "↑↑⇥⏎").await;
    assert!(shown.find("╰ ✗ agent-broker/customer-required: no customer").is_some(), "{}", shown.text());
    assert_eq!(shown.background("{ "), Color::Red);
}

#[tokio::test(start_paused = true)]
async fn stepping_through_findings_goes_to_their_places() {
    let far = format!(r#"{{"items":[{}],"totalPaymentDue":{{"price":14.990}}}}"#, vec!["{\"a\":1}"; 100].join(","));
    let events = vec![Fake::new(0).response_body(far).finding(missing_customer()).finding(wrong_price()).event()];
    let shown = show_on(80, 24, context(), events.clone(), "⇥⇥⏎").await;
    assert!(shown.find("╰ ! price/total").is_some(), "{}", shown.text());
    let shown = show_on(80, 24, context(), events.clone(), "⇥⏎nn").await;
    assert!(shown.find("╰ ! price/total").is_some(), "{}", shown.text());
    let shown = show_on(80, 24, context(), events.clone(), "⇥⏎nnN").await;
    assert!(shown.find("╰ ✗ agent-broker/customer-required").is_some(), "{}", shown.text());
    let shown = show_on(80, 24, context(), events, "⏎n⏎").await;
    assert!(shown.find("╰ ! price/total").is_some(), "Enter on a finding shows its place\n{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn notices_come_before_the_name_of_the_recording() {
    let events = vec![Fake::new(0).event(), Event::Notice("a customer is forgotten".into())];
    let demo = RunContext { mode: RunMode::Demo, ..context() };
    let shown = show_on(60, 24, demo, events.clone(), "").await;
    assert!(shown.find(" a customer is forgotten  to captures/today.db").is_some(), "{}", shown.text());
    let shown = show_on(60, 24, context(), events, "").await;
    assert!(shown.find(" a customer is forgotten  to captures/today.db").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn a_forward_proxy_says_what_it_intercepts_and_what_passes_unread() {
    let forward = Forwarding {
        proxy: "http://127.0.0.1:8081".into(),
        hosts: "*.example.com".into(),
        ca: "/home/robin/.local/share/umpire/ca.pem".into(),
    };
    let alone = RunContext { base_uri: None, upstream: None, forward: Some(forward.clone()), ..context() };
    let unread = Event::Unread { authority: "other.example:443".into(), count: 3 };
    let shown = show_on(120, 24, alone.clone(), vec![Fake::new(0).event(), unread], "").await;
    assert!(
        shown.find(" client's HTTPS_PROXY http://127.0.0.1:8081 intercepts *.example.com").is_some(),
        "{}",
        shown.text()
    );
    assert!(shown.find("3 passed unread, last to other.example:443").is_some(), "{}", shown.text());
    let empty = show_on(120, 24, alone, vec![], "").await;
    assert!(empty.find("HTTPS_PROXY=http://127.0.0.1:8081").is_some(), "{}", empty.text());
    let beside = RunContext { forward: Some(forward), ..context() };
    let shown = show_on(160, 24, beside, vec![], "").await;
    assert!(shown.find("HTTPS_PROXY http://127.0.0.1:8081 intercepts").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn what_is_unsafe_stands_on_the_screen() {
    let context = RunContext { warnings: vec!["certificates are not checked".into()], ..context() };
    let events = vec![Fake::new(0).event(), Event::Notice("something else".into())];
    let shown = show_on(80, 24, context, events, "").await;
    assert!(shown.find(" ‼ certificates are not checked  something else ").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn a_failed_handshake_is_a_row_with_the_remedy() {
    let event = Fake::new(0).no_handshake("the client does not trust Umpire: `umpire ca trust` says what it needs");
    let shown = show_on(120, 40, context(), vec![event.event()], "⏎").await;
    assert!(shown.find("CONNECT booking.example.com").is_some(), "{}", shown.text());
    assert!(shown.find("umpire ca trust").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn help() {
    insta::assert_snapshot!(show_on(80, 24, context(), booking(), "?").await.text());
    // No key is lost where the terminal is small.
    for (width, height) in [(60, 15), (80, 24), (40, 8)] {
        let mut seen = String::new();
        for pages in 0..20 {
            let script = format!("?{}", "⇟".repeat(pages));
            seen.push_str(&show_on(width, height, context(), booking(), &script).await.text());
        }
        for words in ["Ctrl-B", "weightiest", "Ctrl-Z", "Ctrl-C", "Shift-Tab", "stacked"] {
            assert!(seen.contains(words), "{words} at {width}×{height}\n{seen}");
        }
    }
    let shown = show_on(60, 15, context(), booking(), "?").await;
    assert!(shown.find(" Exchanges · lines 1–13 of ").is_some(), "{}", shown.text());
    let scrolled = |script| show_on(60, 15, context(), booking(), script);
    for script in ["?↓j↓k", "?⇟↓↓⇞"] {
        assert!(scrolled(script).await.find(" Exchanges · lines 3–15 of ").is_some(), "{script}");
    }
    assert!(scrolled("?↓q").await.find("any other key").is_none(), "any other key closes the help");
    let shown = show(booking(), "?q").await;
    assert!(shown.find("any key closes this").is_none(), "any key closes the help");
    assert_eq!(shown.outcome, ScreenEnd::Shutdown, "q closed the help only");
}

#[tokio::test(start_paused = true)]
async fn coverage_has_a_page_of_its_own() {
    let mut events = booking();
    events.push(Event::Coverage(Arc::new(coverage())));
    insta::assert_snapshot!(show_on(80, 24, context(), events.clone(), "4").await.text());
    let shown = show_on(80, 12, context(), events.clone(), "4G").await;
    assert!(shown.find("agent-broker/missing-customer-error").is_some(), "scrolls to its end\n{}", shown.text());
    for back in ["E⎋", "Eq", "!q"] {
        assert!(show(events.clone(), back).await.find("following").is_some(), "{back} comes back");
    }
    let shown = show(booking(), "4").await;
    assert!(shown.find("Nothing has been judged yet").is_some(), "{}", shown.text());
    for (width, height) in [(1, 1), (20, 5), (40, 8)] {
        show_on(width, height, context(), events.clone(), "4↓").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_stands_below_its_cause() {
    let events = vec![Fake::new(0).finding(missing_email()).finding(missing_customer()).finding(accepted()).event()];
    insta::assert_snapshot!(show_on(100, 45, context(), events.clone(), "⏎").await.text());
    // The cause comes first, then what follows from it.
    for (script, selected) in [("⏎", "at fault · 1 of 3"), ("⏎n", "· 2 of 3"), ("⏎nn", "at fault · 3 of 3")] {
        let shown = show_on(100, 45, context(), events.clone(), script).await;
        let text = shown.text();
        let line = text.lines().find(|line| line.contains(selected)).unwrap_or_default();
        assert!(line.trim_start_matches(['"', ' ']).starts_with('▌'), "{script}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn not_recording_is_loud() {
    let mut events = booking();
    events.push(Event::Recording(RecordingStatus::Off { reason: "the disk is full".into(), missed: 12 }));
    let shown = show_on(80, 24, context(), events.clone(), "").await;
    insta::assert_snapshot!(shown.text());
    assert_eq!(shown.background("NOT RECORDING"), Color::Red);
    // Even where there is one line for all of the header.
    let shown = show_on(40, 8, context(), events, "").await;
    assert_eq!(shown.background("NOT RECORDING"), Color::Red);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_stays_on_the_screen_once_recording_goes_on() {
    let file = "captures/today.db".to_owned();
    let mut events = booking();
    events.push(Event::Recording(RecordingStatus::Off { reason: "the recorder panicked".into(), missed: 1 }));
    events.push(Event::Recording(RecordingStatus::On { file: file.clone(), missed: 1 }));
    let shown = show(events.clone(), "").await.text();
    assert!(shown.contains("rec ‼ 1 exchange missing"), "{shown}");
    events.push(Event::Recording(RecordingStatus::Removed { file }));
    let shown = show(events, "").await.text();
    assert!(shown.contains("nothing was recorded") && !shown.contains("● rec"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_exchange_says_why() {
    let shown = show(booking(), "").await;
    assert!(shown.find("could not be reached: booking.example.com:443: connection refused").is_some());
    assert!(shown.find("no answer came: errors/shape").is_some(), "{}", shown.text());
    let shown = show(booking(), "⇥⇥").await;
    assert!(shown.find("Umpire answered 502 in its place").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn quits() {
    assert_eq!(show(booking(), "").await.outcome, ScreenEnd::Shutdown);
    let before = [vec![key(KeyCode::Char('?'))], keys(":1"), keys("q"), keys("4"), keys("⏎")];
    let interrupted = before.into_iter().map(|keys| keys.into_iter().chain([ctrl('c')]).map(Ok).collect());
    for input in interrupted.chain([vec![]]) {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let (_outlet, receiver) = channel(8);
        let ended = tui::run(&mut terminal, stream::iter(input), receiver, context(), CancellationToken::new()).await;
        assert_eq!(ended.unwrap(), ScreenEnd::Quit);
    }
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let (_outlet, receiver) = channel(8);
    let broken = stream::iter([Err(io::Error::other("gone"))]);
    let ended = tui::run(&mut terminal, broken, receiver, context(), CancellationToken::new()).await;
    assert!(ended.unwrap_err().to_string().contains("gone"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_screen_drops_and_says_so() {
    let (outlet, receiver) = channel(2);
    for index in 0..5 {
        outlet.send(Fake::new(index).event());
    }
    let drained = outlet.clone();
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let mut terminal = Terminal::new(TestBackend::new(100, 24)).unwrap();
    let input = stream::once(async move {
        when(move || drained.waiting() == 0).await;
        stop.cancel();
        std::future::pending().await
    });
    tui::run(&mut terminal, input, receiver, context(), shutdown).await.unwrap();
    let shown = Shown { terminal, outcome: ScreenEnd::Shutdown };
    assert!(shown.find("· dropped 3").is_some(), "{}", shown.text());
    assert!(shown.find("judged 2 ").is_some());
}

#[tokio::test(start_paused = true)]
async fn control_characters_never_reach_the_terminal() {
    let evil = "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}5m\u{202e}z";
    let json = r#"{"k\u001b[31m":"v\u001b[2J\u009b\u202e"}"#;
    let mut finding = wrong_price();
    finding.seen = evil.into();
    finding.message = evil.into();
    let bad = || {
        Fake::new(0)
            .request_body(evil)
            .response_body(json)
            .response_header("X-Evil", evil)
            .finding(finding.clone())
            .not_judged("a/b", evil)
    };
    let context = RunContext { upstream: Some(evil.into()), capture: Some(evil.into()), ..context() };
    let events = vec![
        bad().event(),
        Event::Notice(evil.into()),
        Event::Recording(RecordingStatus::Off { reason: evil.into(), missed: 1 }),
    ];
    for script in ["", "⇥", "⇥⇥"] {
        let shown = show_on(160, 50, context.clone(), events.clone(), script).await;
        let harmless = |text: &str| !text.chars().any(|c| c.is_control() || c == '\u{202e}');
        let buffer = shown.terminal.backend().buffer();
        assert!(buffer.content.iter().all(|cell| harmless(cell.symbol())), "{script}");
        assert!(shown.find("\\u001b[2J").is_some(), "shown as text\n{}", shown.text());
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_not_json() {
    let text = Fake::new(0).response_body("<html>\n<p>Sorry</p>").event();
    let shown = show(vec![text], "⇥⇥⏎").await;
    assert!(shown.find("not JSON: not a JSON value at byte 0").is_some(), "{}", shown.text());
    assert!(shown.find("<p>Sorry</p>").is_some());
    let binary = Fake::new(0).response_body(&b"\xff\x00\x1b[2J"[..]).finding({
        let mut finding = wrong_price();
        finding.rule = Arc::new(umpire::finding::RuleInfo { id: "on/body".into(), ..(*finding.rule).clone() });
        finding
    });
    let shown = show(vec![binary.event()], "⇥⇥⏎").await;
    assert!(shown.find("ff 00 1b 5b 32 4a").is_some(), "{}", shown.text());
    assert!(shown.find("╰ ! on/body").is_some(), "the finding has a place all the same");
    let gzip = Fake::new(0).response_header("Content-Encoding", "gzip").event();
    let shown = show(vec![gzip], "⇥⇥⏎").await;
    assert!(shown.find("the body is not valid gzip").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn what_was_rewritten_is_said_where_it_was_sent() {
    let events = vec![
        Fake::new(0).stage(Stage::OrdersFeed).rewritten(&["/next"]).response_trailer("X-Sum", "7").event(),
        Fake::new(1).rewritten(&["/a", "/b"]).finding(missing_email()).event(),
    ];
    insta::assert_snapshot!(show_on(100, 40, context(), events.clone(), "↑⇥⇥⏎").await.text());
    let many: Vec<String> = (0..25).map(|place| format!("/items/{place}/url")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let shown = show_on(100, 60, context(), vec![Fake::new(0).rewritten(&many).event()], "⇥⇥⏎").await;
    assert!(
        shown.find("Umpire rewrote 25 links").is_some() && shown.find("… and 5 more").is_some(),
        "{}",
        shown.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_umpires_own_is_marked_in_the_list_and_named_in_the_message() {
    let events = vec![Fake::new(0).faulted("C2 price-changed=3.00").event()];
    let shown = show_on(100, 40, context(), events, "↑⇥⇥⏎").await;
    let text = shown.text();
    assert!(text.lines().any(|line| line.contains("order-quotes") && line.contains(" fault")), "{text}");
    assert!(text.contains("a fault that Umpire made on purpose: C2 price-changed=3.00"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_is_muted_is_counted_and_explained() {
    let events = vec![
        Fake::new(0).status(400).muted(2).event(),
        Fake::new(1).status(400).muted(1).finding(wrong_price()).event(),
        Fake::new(2).event(),
    ];
    insta::assert_snapshot!(show_on(80, 24, context(), events.clone(), "↑↑⏎").await.text());
    let shown = show_on(80, 50, context(), events, "↑").await;
    assert!(shown.find("3 findings muted (properly refused)").is_some(), "{}", shown.text());
    assert!(
        shown.find("1 finding on the broker muted: the request was refused as it should").is_some(),
        "{}",
        shown.text()
    );
    let shown = show(vec![Fake::new(0).event()], "").await;
    assert!(shown.find("muted").is_none(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn a_view_names_the_part_that_it_reads() {
    let view = RunContext { mode: RunMode::View, base_uri: None, upstream: None, ..context() };
    let next = Event::Recording(RecordingStatus::On { file: "captures/today.0002.db".into(), missed: 0 });
    let shown = show_on(80, 24, view, vec![Fake::new(0).event(), next], "").await;
    assert!(shown.find("recording captures/today.0002.db").is_some(), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn any_size_of_terminal_will_do() {
    for (width, height) in [(1, 1), (3, 2), (20, 5), (40, 8), (40, 12), (60, 14), (150, 5), (300, 100)] {
        for script in ["", "?", "⏎⇥", "N⏎⇥⇥→→"] {
            show_on(width, height, context(), booking(), script).await;
        }
        show_on(width, height, context(), vec![], "").await;
    }
    let shown = show_on(60, 8, context(), booking(), "").await;
    assert!(shown.find("following").is_some());
    let shown = show_on(60, 8, context(), booking(), "⏎").await;
    assert!(shown.find(" Findings (").is_some() && shown.find("following").is_none(), "{}", shown.text());
}
