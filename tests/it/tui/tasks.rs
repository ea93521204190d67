//! What a developer who tests by hand does on the screen, task by task, each with the number of keys that it takes.
//!
//! `captures/faulty.har, or a booking made up → the screen → so many keys → what was asked for is in sight, or done`

use std::sync::{Arc, Mutex};

use crossterm::event::{Event as Input, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use umpire::capture;
use umpire::event::{Event, RunContext, RunMode};
use umpire::exchange::Exchange;
use umpire::finding::{Finding, shape};
use umpire::judged::Judged;
use umpire::openbooking::Stage;
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};
use umpire::tui::{ExchangeSearch, Export, FaultState, KnownFinding, SearchSlice, Services, Setup};

use crate::fake::screen::{Shown, Step, booking, open_on, show_steps};
use crate::fake::{self, Fake, UUID, accepted, coverage, missing_customer, wrong_price};

/// An outside world that writes down what is asked of it.
#[derive(Default)]
struct Told {
    calls: Mutex<Vec<String>>,
    armed: Mutex<bool>,
    known: Mutex<Vec<KnownFinding>>,
}

impl Told {
    fn note(&self, call: String) -> String {
        self.calls.lock().unwrap().push(call.clone());
        call
    }
}

impl Services for Told {
    fn open(&self, address: &str) -> Result<String, String> {
        Ok(self.note(format!("opened {address}")))
    }

    fn export(&self, export: &Export) -> Result<String, String> {
        Ok(self.note(format!("exported {export:?}")))
    }

    fn set_aside(&self, finding: &Finding, count: u64, reason: &str, expires: Date) -> Result<String, String> {
        let days = expires.duration_since(TimeZone::UTC.to_datetime(Timestamp::now()).date()).as_hours() / 24;
        let (rule, stage, pointer) = (finding.rule.id.clone(), finding.stage, shape(&finding.pointer));
        let known = KnownFinding { rule, stage, pointer, reason: reason.to_owned(), expires: Some(expires) };
        self.known.lock().unwrap().push(known);
        Ok(self.note(format!("set aside {}×{count} for {days} days: {reason}", finding.rule.id)))
    }

    fn exchange(&self, index: u64) -> Result<Arc<Judged>, String> {
        let exchange = Exchange::get("https://booking.example.com", format!("/read-back/{index}"));
        Ok(Arc::new(Judged::without_verdicts(index, Arc::new(exchange), Stage::Other, None)))
    }

    fn exchanges(&self, from: u64, most: u64) -> Result<Vec<Arc<Judged>>, String> {
        (from..from + most).map(|index| self.exchange(index)).collect()
    }

    /// Finds one exchange in a hundred, a thousand looked through at a time.
    fn search(&self, search: &ExchangeSearch) -> Result<SearchSlice, String> {
        self.note(format!("searched {} from {}", search.filter, search.from));
        let next = search.from + 1_000;
        Ok(SearchSlice { found: (search.from..next).step_by(100).collect(), next, of: 3_000 })
    }

    fn size(&self) -> Option<u64> {
        Some(2_300_000_000)
    }

    fn known(&self) -> Vec<KnownFinding> {
        self.known.lock().unwrap().clone()
    }

    fn faults(&self) -> Vec<FaultState> {
        vec![FaultState { text: "B status=503".into(), armed: *self.armed.lock().unwrap(), made: 2 }]
    }

    fn arm(&self, fault: usize, armed: bool) {
        *self.armed.lock().unwrap() = armed;
        self.note(format!("fault {fault} armed {armed}"));
    }
}

/// What is on the screen after these keys, and what was asked of the outside world.
async fn after(mode: RunMode, events: Vec<Event>, keys: &str) -> (Shown, Vec<String>) {
    let told = Arc::new(Told::default());
    let context = RunContext { mode, ..fake::context() };
    let setup = Setup { services: Arc::<Told>::clone(&told), ..context.into() };
    // One that means nothing, so that there is a frame after what was asked for.
    let shown = open_on(100, 40, setup, events, &format!("{keys}~")).await;
    let calls = told.calls.lock().unwrap().clone();
    (shown, calls)
}

/// The project's recording of a broker and a booking system with faults, judged.
fn faulty() -> Vec<Event> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/faulty.har");
    let recording = capture::open(&file).unwrap();
    let book = Arc::new(RuleBook::built_in().unwrap());
    let mut judge = Judge::new(
        book,
        BookingSystemInfo { base_uri: recording.meta.base_uri.clone(), ..BookingSystemInfo::default() },
    );
    let judged: Vec<Event> = recording
        .exchanges
        .map(|exchange| Event::Exchange(Arc::new(judge.judge(Arc::new(exchange.unwrap())))))
        .collect();
    let coverage = Event::Coverage(Arc::new(judge.coverage()));
    judged.into_iter().chain([coverage]).collect()
}

/// C1, C2 and B of one booking, of which B costs something else than C2.
fn dearer() -> Vec<Event> {
    let order =
        |price: &str| format!(r#"{{"@type":"Order","totalPaymentDue":{{"price":{price},"priceCurrency":"GBP"}}}}"#);
    vec![
        Fake::new(0).stage(Stage::C1).response_body(order("14.99")).event(),
        Fake::new(1).response_body(order("14.99")).event(),
        Fake::new(2).stage(Stage::B).response_body(order("19.99")).finding(wrong_price()).event(),
        feed(3),
    ]
}

/// A page of the Orders feed that tells of the booking.
fn feed(index: u64) -> Event {
    let page = format!(
        r#"{{"next":"x","items":[{{"state":"updated","kind":"Order","id":"{UUID}","modified":1,"data":{{"@type":"Order","orderedItem":[{{"orderItemStatus":"https://openactive.io/OrderItemConfirmed"}}]}}}}]}}"#
    );
    Fake::new(index).stage(Stage::OrdersFeed).uuid(None).response_body(page).event()
}

#[track_caller]
fn sees(shown: &Shown, words: &[&str]) {
    for word in words {
        assert!(shown.find(word).is_some(), "{word:?} is not on\n{}", shown.text());
    }
}

#[tokio::test(start_paused = true)]
async fn first_failure_and_its_fix_in_no_keys() {
    let (shown, _) = after(RunMode::View, faulty(), "").await;
    sees(
        &shown,
        &["✗ failure · the broker is at fault", "agent-broker/customer-required", "fix  ", "Send customer at C2"],
    );
}

#[tokio::test(start_paused = true)]
async fn one_booking_and_its_c2_against_its_b_in_three_keys() {
    let (shown, _) = after(RunMode::View, dearer(), "1⏎d").await;
    sees(&shown, &["C2 (exchange 2) → B (exchange 3)", "~ /totalPaymentDue/price", "14.99 → 19.99"]);
    // In a live run the bookings are there already.
    let (shown, _) = after(RunMode::Live, dearer(), "⏎d").await;
    sees(&shown, &["14.99 → 19.99"]);
}

#[tokio::test(start_paused = true)]
async fn a_comparison_shows_what_differs_in_long_values() {
    let order = |id: &str| format!(r#"{{"@id":"https://sandbox.example.com/api/openbooking/{id}/orders/{UUID}"}}"#);
    let events = vec![
        Fake::new(0).response_body(order("quote-of-one")).event(),
        Fake::new(1).stage(Stage::B).response_body(order("order-of-two")).event(),
    ];
    for width in [80, 120] {
        let context = RunContext { mode: RunMode::View, ..fake::context() };
        let shown = open_on(width, 24, context, events.clone(), "1⏎d").await;
        sees(&shown, &["~ /@id", "quote-of-one", "order-of-two"]);
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_booking_systems_failures_in_three_keys() {
    let (shown, _) = after(RunMode::Live, booking(), "2FF").await;
    sees(&shown, &["1 exchange · the booking system's failures"]);
}

#[tokio::test(start_paused = true)]
async fn copy_as_curl_and_the_finding_in_two_keys_each() {
    for (keys, said) in [("yc", "copied: curl"), ("yf", "copied: finding as Markdown"), ("yu", "copied: Order UUID")] {
        let (shown, _) = after(RunMode::View, faulty(), keys).await;
        // The last key took the word away; the menu has gone.
        assert!(shown.find("Copy: c curl").is_none(), "{}", shown.text());
        let shown = open_on(100, 40, RunContext { mode: RunMode::View, ..fake::context() }, faulty(), keys).await;
        sees(&shown, &[said]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_not_been_tried_in_one_key() {
    let events = booking().into_iter().chain([Event::Coverage(Arc::new(coverage()))]).collect();
    let (shown, _) = after(RunMode::Live, events, "4").await;
    sees(&shown, &["anonymous-leasing", "never tried"]);
    let (shown, _) = after(RunMode::View, faulty(), "4").await;
    sees(&shown, &["never tried", "of 54 features"]);
}

#[tokio::test(start_paused = true)]
async fn an_email_address_in_two_keys_and_its_letters() {
    let with = Fake::new(1).request_body(r#"{"customer":{"email":"geoff@example.com"}}"#).event();
    let events = vec![Fake::new(0).event(), with, Fake::new(2).event()];
    let (shown, _) = after(RunMode::View, events, "/geoff@example.com⏎").await;
    sees(&shown, &["1 exchange · all · /geoff@example.com"]);
}

#[tokio::test(start_paused = true)]
async fn setting_a_known_finding_aside_in_two_keys() {
    let events =
        vec![Fake::new(0).finding(missing_customer()).event(), Fake::new(1).finding(missing_customer()).event()];
    let (_, calls) = after(RunMode::View, events.clone(), "m⏎").await;
    assert_eq!(calls, ["set aside agent-broker/customer-required×2 for 90 days: set aside on the screen"]);
    let (shown, calls) = after(RunMode::View, events.clone(), "mticket 7⏎3").await;
    assert_eq!(calls, ["set aside agent-broker/customer-required×2 for 90 days: ticket 7"]);
    sees(&shown, &["1 cause · all · 1 set aside", "set aside until 2", ": ticket 7"]);
    // Until when can be typed, too.
    let (_, calls) = after(RunMode::View, events.clone(), "mknown⇥⌫⌫⌫⌫⌫⌫⌫⌫⌫⌫30d⏎").await;
    assert_eq!(calls, ["set aside agent-broker/customer-required×2 for 30 days: known"]);
    let (shown, calls) = after(RunMode::View, events, "mknown⇥⌫⌫soon⏎").await;
    assert_eq!(calls, [""; 0]);
    sees(&shown, &["no day: 2027-01-31, or 30d"]);
}

#[tokio::test(start_paused = true)]
async fn the_slowest_exchange_in_two_keys() {
    let slow = |index: u64, millis: u64| Fake::new(index).took(millis).event();
    let events = vec![slow(0, 20), slow(1, 900), slow(2, 300)];
    let (shown, _) = after(RunMode::Live, events.clone(), "5~").await;
    sees(&shown, &["900 ms  exchange 2", "300 ms  exchange 3", ", 2.3 GB"]);
    let (shown, _) = after(RunMode::Live, events.clone(), "5⏎").await;
    sees(&shown, &["exchange 2 · C2"]);
    let (shown, _) = after(RunMode::Live, events, "5↓⏎").await;
    sees(&shown, &["exchange 3 · C2"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_judged_in_part_is_not_plainly_ok() {
    let events = vec![Fake::new(0).event(), Fake::new(1).not_judged("a/b", "no quote was seen").event()];
    let (shown, _) = after(RunMode::View, events, "").await;
    sees(&shown, &["ok, 1 not judged"]);
    assert_eq!(shown.text().matches(" ok ").count(), 1 + 2, "one row, and both sides in the header\n{}", shown.text());
}

/// Exchanges past those that are kept; every tenth one has a finding.
fn many() -> Vec<Event> {
    let (good, bad) = (Fake::new(0).judged(), Fake::new(0).finding(missing_customer()).judged());
    let one = |index: u64| if index.is_multiple_of(10) { bad.clone() } else { good.clone() };
    (0..20_500).map(|index| Event::Exchange(Arc::new(Judged { index, ..one(index) }))).collect()
}

#[tokio::test(start_paused = true)]
async fn the_archive_goes_from_finding_to_finding_and_lists_what_has_some() {
    let (shown, _) = after(RunMode::Live, many(), "Agnn~").await;
    sees(&shown, &["All 20,500 exchanges · at 21 "]);
    let (shown, _) = after(RunMode::Live, many(), "AgF~").await;
    sees(&shown, &["2,050 of 20,500 exchanges · with findings"]);
    let (shown, _) = after(RunMode::Live, many(), "AgFF~").await;
    sees(&shown, &["0 of 20,500 exchanges · the booking system's failures"]);
}

#[tokio::test(start_paused = true)]
async fn a_filter_in_the_archive_looks_through_all_of_the_recording() {
    let (shown, calls) = after(RunMode::Live, many(), "Ag/stage:C2⏎~~").await;
    assert_eq!(calls, [0, 1_000, 2_000].map(|from| format!("searched stage:C2 from {from}")));
    sees(&shown, &["30 of 20,500 exchanges · stage:C2", "GET /read-back/100"]);
    // An empty one lists all again.
    let (shown, _) = after(RunMode::Live, many(), "Ag/stage:C2⏎~~/⌫⌫⌫⌫⌫⌫⌫⌫⏎~").await;
    sees(&shown, &["All 20,500 exchanges"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_let_go_is_compared_too() {
    let (shown, _) = after(RunMode::Live, many(), ":3⏎~~ :8⏎~~d~~").await;
    sees(&shown, &["(exchange 3) → ", "(exchange 8)"]);
}

#[tokio::test(start_paused = true)]
async fn opening_the_specification_in_one_key() {
    let (_, calls) = after(RunMode::View, faulty(), "o").await;
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert!(call.starts_with("opened https://openactive.io/open-booking-api/EditorsDraft/#"), "{call}");
}

#[tokio::test(start_paused = true)]
async fn feed_items_of_one_order_in_two_keys() {
    let (shown, _) = after(RunMode::View, dearer(), "1⏎").await;
    sees(&shown, &["feed✓", "OrderItemConfirmed"]);
    assert!(shown.text().lines().any(|line| line.contains("feed  ") && line.contains("OrderItemConfirmed")));
}

#[tokio::test(start_paused = true)]
async fn exporting_what_is_selected_in_two_keys() {
    let (_, calls) = after(RunMode::View, dearer(), "xe").await;
    assert_eq!(calls, ["exported Exchanges([3])"]);
    let (_, calls) = after(RunMode::View, dearer(), "Fxl").await;
    assert_eq!(calls, ["exported Exchanges([2])"]);
    let (_, calls) = after(RunMode::View, dearer(), "g  xm").await;
    assert_eq!(calls, ["exported Exchanges([0, 1])"]);
    let (_, calls) = after(RunMode::Live, dearer(), "xb").await;
    assert_eq!(calls, [format!("exported Bundle(\"{UUID}\")")]);
}

/// An outside world in which no export comes to its end before the sender is dropped.
struct Slow(Told, Mutex<std::sync::mpsc::Receiver<()>>);

impl Services for Slow {
    fn export(&self, export: &Export) -> Result<String, String> {
        let said = self.0.export(export);
        let _dropped = self.1.lock().unwrap().recv();
        said
    }
}

// The clock runs: it would stand still while the export does.
#[tokio::test]
async fn an_export_under_way_says_so_and_is_not_made_twice() {
    for (keys, word) in [
        ("xb", "making the bundle …"),
        ("xbxb", "this bundle is being made already …"),
        ("2xe", "making the HAR file …"),
        ("2xexe", "this HAR file is being made already …"),
    ] {
        let (_sender, receiver) = std::sync::mpsc::sync_channel(1);
        let services = Arc::new(Slow(Told::default(), Mutex::new(receiver)));
        let setup = Setup { services: Arc::<Slow>::clone(&services), ..fake::context().into() };
        let shown = open_on(100, 40, setup, dearer(), keys).await;
        sees(&shown, &[word]);
        assert!(services.0.calls.lock().unwrap().len() <= 1, "{keys}");
    }
}

#[tokio::test(start_paused = true)]
async fn latencies_and_errors_over_time_in_one_key() {
    let (shown, _) = after(RunMode::View, faulty(), "5").await;
    sees(&shown, &["requests", "errors", "p50", "p95", "p99", "answers", "latencies"]);
}

#[tokio::test(start_paused = true)]
async fn faults_are_armed_and_disarmed() {
    let (shown, calls) = after(RunMode::Live, booking(), "!⏎⏎").await;
    assert_eq!(calls, ["fault 0 armed true", "fault 0 armed false"]);
    sees(&shown, &["disarmed", "B status=503"]);
    // The header says so of those that are armed, and of no others.
    let warned = || RunContext { warnings: vec![FaultState::warning("B status=503")], ..fake::context() };
    for (keys, says) in [("!⏎~", true), ("!⏎⏎~", false)] {
        let setup = Setup { services: Arc::new(Told::default()), ..warned().into() };
        let shown = open_on(100, 40, setup, booking(), keys).await;
        assert_eq!(shown.find("‼ a fault is made on purpose: B status=503").is_some(), says, "{keys} {}", shown.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_unique_prefix_of_a_uuid_is_enough() {
    let other = "9f84aaaa-7278-4296-9c71-96669e5c5b00";
    let events = vec![Fake::new(0).event(), Fake::new(1).uuid(Some(other)).event()];
    let (shown, _) = after(RunMode::Live, events.clone(), ":9f84⏎").await;
    sees(&shown, &[&format!("Booking {other}")]);
    let (shown, _) = after(RunMode::Live, events, "2/order:9f84⏎").await;
    sees(&shown, &["1 exchange · all · /order:9f84"]);
}

#[tokio::test(start_paused = true)]
async fn exchanges_are_sorted_and_come_back() {
    let events =
        || vec![Fake::new(0).event(), Fake::new(1).took(900).event(), Fake::new(2).finding(wrong_price()).event()];
    let context = || RunContext { mode: RunMode::View, ..fake::context() };
    let order = |shown: &Shown| -> Vec<char> {
        let text = shown.text();
        let rows = text.lines().filter(|line| line.contains("PUT order-quotes"));
        rows.map(|row| row.chars().nth(5).unwrap_or_default()).collect()
    };
    for (keys, expected, words) in [
        ("", ['1', '2', '3'], "all · following"),
        ("s", ['2', '1', '3'], "slowest first · stopped at 2"),
        ("ss", ['3', '1', '2'], "weightiest first · stopped at 3"),
        ("sss", ['1', '2', '3'], "all · stopped at 3"),
        ("sf", ['1', '2', '3'], "all · following"),
    ] {
        let shown = open_on(100, 40, context(), events(), keys).await;
        assert_eq!(order(&shown), expected, "{keys}\n{}", shown.text());
        sees(&shown, &[words]);
    }
    // The first is in view, however far down the selection was.
    let many = (0..200).map(|index| Fake::new(index).took(index + 1).event()).collect();
    let shown = open_on(100, 40, context(), many, "gs").await;
    assert_eq!(shown.text().lines().nth(6).map(|row| row.contains(" 200 ")), Some(true), "{}", shown.text());
    // What comes later stands at the end, and numbers still lead to their exchanges.
    let steps = vec![
        Step::Events(events()),
        Step::Keys("s"),
        Step::Events(vec![Fake::new(3).took(5_000).event()]),
        Step::Keys(":2⏎"),
    ];
    let shown = show_steps(100, 40, context(), steps).await;
    assert_eq!(order(&shown), ['2', '1', '3', '4']);
    sees(&shown, &["stopped at 2 "]);
}

#[tokio::test(start_paused = true)]
async fn comments_stand_behind_their_exchanges() {
    let context = || RunContext { mode: RunMode::View, ..fake::context() };
    let row =
        |shown: &Shown| shown.text().lines().find(|line| line.contains("order-quotes")).unwrap_or_default().to_owned();
    let shown = open_on(120, 40, context(), vec![Fake::new(0).event()], "cask Robin⏎").await;
    assert!(row(&shown).contains("ok  # ask Robin"), "{}", shown.text());
    let shown = open_on(120, 40, context(), vec![Fake::new(0).event()], "cask Robin⏎c⌫⌫⌫⌫⌫Alex⏎").await;
    assert!(row(&shown).contains("# ask Alex"), "{}", shown.text());
    let shown = open_on(120, 40, context(), vec![Fake::new(0).event()], "cx⏎c⌫⏎").await;
    assert!(!row(&shown).contains('#'), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn the_palette_runs_commands_by_name() {
    let context = || RunContext { mode: RunMode::View, ..fake::context() };
    let shown = open_on(100, 40, context(), booking(), ":cov").await;
    sees(&shown, &["coverage", "Tab completes"]);
    for keys in [":coverage⏎", ":cov⇥⏎", ":cove⏎"] {
        let shown = open_on(100, 40, context(), booking(), keys).await;
        sees(&shown, &["Nothing has been judged yet"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_finding_rests_on_is_one_key_away() {
    let mut finding = wrong_price();
    finding.because_of = Some(umpire::finding::EarlierExchange { file: None, exchange: 0, stage: Stage::C2 });
    let events = vec![Fake::new(0).event(), Fake::new(1).finding(finding).event()];
    let (shown, _) = after(RunMode::View, events, "r").await;
    sees(&shown, &["stopped at 1 "]);
}

#[tokio::test(start_paused = true)]
async fn a_message_folds_wraps_and_is_searched() {
    let event = || vec![Fake::new(0).event()];
    let context = || RunContext { mode: RunMode::View, ..fake::context() };
    let folded = open_on(100, 40, context(), event(), "⇥⇥⏎-").await;
    sees(&folded, &["\"orderedItem\": [ ▸ 1 item ]", "\"totalPaymentDue\": { ▸ 3 members }"]);
    let unfolded = open_on(100, 40, context(), event(), "⇥⇥⏎-+").await;
    sees(&unfolded, &["\"price\": 14.990"]);
    let found = open_on(100, 12, context(), event(), "⇥⇥⏎/14.99⏎").await;
    sees(&found, &["\"price\": 14.990"]);
    let missing = open_on(100, 40, context(), event(), "⇥⇥⏎/nowhere⏎").await;
    sees(&missing, &["nowhere is not on this page"]);
    let nothing = open_on(100, 40, context(), event(), "⇥⇥⏎/⏎").await;
    assert!(nothing.find("is not on this page").is_none(), "{}", nothing.text());
    let hex = open_on(100, 40, context(), event(), "⇥⇥⏎vv").await;
    sees(&hex, &["00000000  7b 22 40 63"]);
    let raw = open_on(100, 40, context(), event(), "⇥⇥⏎v").await;
    sees(&raw, &["raw", "\"price\":14.990"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_message_is_laid_out_beside_the_screen() {
    let body = format!(r#"{{"items":[{}],"last":"here it ends"}}"#, vec![r#"{"a":1}"#; 10_000].join(","));
    let events = vec![Fake::new(0).response_body(body).event()];
    let context = RunContext { mode: RunMode::View, ..fake::context() };
    let shown = open_on(100, 40, context, events, "⇥⇥⏎~~~~~~~~~~G").await;
    sees(&shown, &["\"last\": \"here it ends\""]);
}

#[tokio::test(start_paused = true)]
async fn marked_exchanges_are_filtered_and_compared() {
    let (shown, _) = after(RunMode::View, dearer(), "g /is:marked⏎").await;
    sees(&shown, &["1 exchange · all · /is:marked"]);
    let (shown, _) = after(RunMode::View, dearer(), ":2⏎ Nd").await;
    sees(&shown, &["C2 (exchange 2) → "]);
    // Two that are marked are compared wherever the selection is: here on the one behind them, and on the first.
    for keys in [":1⏎ :2⏎ d", ":2⏎ :1⏎ gd"] {
        let (shown, _) = after(RunMode::View, dearer(), keys).await;
        sees(&shown, &["C1 (exchange 1) → C2 (exchange 2)"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_is_none_says_where_it_goes_wrong() {
    let context = || RunContext { mode: RunMode::View, ..fake::context() };
    let shown = open_on(100, 40, context(), booking(), "/stage:Q⏎").await;
    sees(&shown, &["Filter /stage:Q"]);
    let counted = open_on(100, 40, context(), booking(), "/stage:B").await;
    sees(&counted, &["2 match"]);
    let completed = open_on(100, 40, context(), booking(), "/sta⇥").await;
    sees(&completed, &["Filter /stage:"]);
}

#[tokio::test(start_paused = true)]
async fn a_cause_keeps_its_words_when_its_exchanges_are_let_go() {
    let bad = Fake::new(0).finding(missing_customer()).event();
    let good = Fake::new(1).judged();
    let later = (1..20_500).map(|index| Event::Exchange(Arc::new(Judged { index, ..good.clone() })));
    let events = std::iter::once(bad).chain(later).collect();
    let (shown, _) = after(RunMode::Live, events, "3~~").await;
    sees(&shown, &["1 cause", "the broker is at fault", "/request/body/customer", "What else was said of it"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_feed_says_wrongly_of_a_booking_is_on_its_row() {
    let other = "11111111-2222-4333-8444-555555555555";
    let page =
        format!(r#"{{"items": [{{"id": "{UUID}", "state": "updated"}}, {{"id": "{other}", "state": "updated"}}]}}"#);
    let on_the_first = Finding { pointer: "/response/body/items/0/data/customer".into(), ..wrong_price() };
    let feed = Fake::new(1).stage(Stage::OrdersFeed).uuid(None).response_body(page).finding(on_the_first);
    let (shown, _) = after(RunMode::Live, vec![Fake::new(0).event(), feed.event()], "1").await;
    let row =
        |uuid: &str| shown.text().lines().find(|line| line.contains(&uuid[..8])).map(str::to_owned).unwrap_or_default();
    assert!(row(UUID).contains("feed!") && row(UUID).contains(" !1 "), "{}", shown.text());
    assert!(row(other).contains("feed✓") && !row(other).contains('!'), "{}", shown.text());
}

#[tokio::test(start_paused = true)]
async fn the_finding_that_was_asked_for_is_shown_first() {
    let both = || vec![Fake::new(0).finding(missing_customer()).finding(accepted()).event()];
    let (shown, _) = after(RunMode::View, both(), "").await;
    sees(&shown, &["▌ ✗ failure · the broker is at fault · 1 of 2"]);
    let (shown, _) = after(RunMode::View, both(), "FF").await;
    sees(&shown, &["the booking system's failures", "▌ ✗ failure · the booking system is at fault · 2 of 2"]);
    let (shown, _) = after(RunMode::View, both(), "/side:system⏎").await;
    sees(&shown, &["▌ ✗ failure · the booking system is at fault · 2 of 2"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_set_aside_can_be_changed_and_is_so_stage_by_stage() {
    let at = |index, stage| Fake::new(index).stage(stage).finding(missing_customer()).event();
    let (shown, _) = after(RunMode::View, vec![at(0, Stage::C2), at(1, Stage::B)], "3mknown⏎~m").await;
    sees(&shown, &["because: known~▏"]);
    let (shown, _) = after(RunMode::View, vec![at(0, Stage::C2), at(1, Stage::B)], "3mknown⏎~").await;
    sees(&shown, &["set aside at B until"]);
    let (shown, _) = after(RunMode::View, vec![at(0, Stage::B), at(1, Stage::B)], "3mknown⏎~").await;
    sees(&shown, &["1 set aside", "set aside until"]);
}

#[tokio::test(start_paused = true)]
async fn the_index_goes_on_where_the_list_lets_go() {
    let one: Judged = Fake::new(0).finding(missing_customer()).judged();
    let event = |index| Event::Exchange(Arc::new(Judged { index, ..one.clone() }));
    let events: Vec<Event> = (0..20_500).map(event).collect();
    let (shown, _) = after(RunMode::Live, events.clone(), "3").await;
    sees(&shown, &["×20500"]);
    let (shown, _) = after(RunMode::Live, events.clone(), "").await;
    sees(&shown, &["1 booking ", "more not listed"]);
    // What was let go is read back.
    let (shown, _) = after(RunMode::Live, events.clone(), ":3⏎~~⇥").await;
    sees(&shown, &["All 20,500 exchanges · at 3 ", "GET /read-back/2", "GET /read-back/9"]);
    // From the first to the last.
    let (shown, _) = after(RunMode::Live, events, "Ag~~").await;
    sees(&shown, &["All 20,500 exchanges · at 1 ", "GET /read-back/0"]);
    let row = shown.text().lines().find(|line| line.contains("/read-back/9 ")).map(str::to_owned).unwrap_or_default();
    assert!(row.contains("✗ ") && row.contains("B✗") && !row.contains("not judged"), "{row}");
}

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Step {
    Step::Input(Input::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
}

#[tokio::test(start_paused = true)]
async fn the_mouse_scrolls_selects_opens_and_drags() {
    const CLICK: MouseEventKind = MouseEventKind::Down(MouseButton::Left);
    let context = || RunContext { mode: RunMode::View, ..fake::context() };
    let many = || Step::Events((0..60).map(|index| Fake::new(index).event()).collect());
    let with = |steps: Vec<Step>| show_steps(100, 40, context(), std::iter::once(many()).chain(steps).collect());
    // The first row has the names of the screens.
    let shown = with(vec![mouse(CLICK, 50, 0)]).await;
    sees(&shown, &["Nothing has been judged yet"]);
    // A click selects a row, another one opens it.
    let shown = with(vec![Step::Keys("g"), mouse(CLICK, 10, 8)]).await;
    sees(&shown, &["stopped at 3 ", "━━ 60 exchanges"]);
    let shown = with(vec![Step::Keys("g"), mouse(CLICK, 10, 8), mouse(CLICK, 10, 8)]).await;
    sees(&shown, &["── 60 exchanges", "━━ Findings"]);
    let shown = with(vec![Step::Keys("g"), mouse(MouseEventKind::ScrollDown, 10, 8)]).await;
    sees(&shown, &["stopped at 4 "]);
    // The divider goes where it is dragged to.
    let line = |shown: &Shown| shown.find("── Findings").map(|(row, _)| row);
    let before = line(&with(vec![]).await).expect("the divider");
    let drag = MouseEventKind::Drag(MouseButton::Left);
    let shown =
        with(vec![mouse(CLICK, 10, before), mouse(drag, 10, 30), mouse(MouseEventKind::Up(MouseButton::Left), 10, 30)])
            .await;
    assert!(line(&shown).is_some_and(|row| row.abs_diff(30) <= 1), "{:?} of {before}\n{}", line(&shown), shown.text());
}
