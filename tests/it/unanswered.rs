//! What the booking system never answered is no finding on it: each answer of the project's recordings is taken away in turn.
//!
//! ```text
//! recording ─┬─ an answer is lost: unreachable, timed out, broken off ─► judged ─┐ nothing new on the booking system,
//!            ├─ lost, and asked for again: the recorded answer follows ─► judged ─┤ and no rule fails
//!            └─ a booking is lost, and not known afterwards            ─► judged ─┘
//! ```

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use umpire::capture;
use umpire::exchange::{Body, BodyEnd, Exchange, Failure, FailureKind};
use umpire::finding::Side;
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

static BOOK: LazyLock<Arc<RuleBook>> =
    LazyLock::new(|| Arc::new(RuleBook::built_in().expect("the built-in rules load")));

fn recording(name: &str) -> Vec<Exchange> {
    let recording = capture::open(Path::new(&format!("captures/{name}.har"))).expect("a recording");
    recording.exchanges.map(|exchange| exchange.expect("an exchange")).collect()
}

/// How an answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Unreachable,
    TimedOut,
    BrokenOff,
    /// Before anything came of the body.
    BrokenOffBehindHead,
    /// Behind half of the body.
    BrokenOffWithinBody,
}

/// The longer recording has its answers lost in fewer ways, to save time.
const RECORDINGS: [(&str, &[Loss]); 2] = [
    (
        "golden",
        &[Loss::Unreachable, Loss::TimedOut, Loss::BrokenOff, Loss::BrokenOffBehindHead, Loss::BrokenOffWithinBody],
    ),
    ("faulty", &[Loss::Unreachable, Loss::TimedOut, Loss::BrokenOffBehindHead]),
];

/// The exchange as the proxy records it when the answer is lost.
fn lost(exchange: &Exchange, loss: Loss) -> Exchange {
    let (kind, answered) = match loss {
        Loss::Unreachable => (FailureKind::Unreachable, Some(502)),
        Loss::TimedOut => (FailureKind::TimedOut, Some(504)),
        Loss::BrokenOff => (FailureKind::BrokenOff, Some(502)),
        Loss::BrokenOffBehindHead | Loss::BrokenOffWithinBody => (FailureKind::BrokenOff, None),
    };
    let mut exchange = exchange.clone();
    match loss {
        Loss::Unreachable | Loss::TimedOut | Loss::BrokenOff => exchange.response = None,
        Loss::BrokenOffBehindHead | Loss::BrokenOffWithinBody => {
            if let Some(response) = &mut exchange.response {
                let half = if loss == Loss::BrokenOffWithinBody { response.body.bytes.len() / 2 } else { 0 };
                let bytes = response.body.bytes.slice(..half);
                response.body = Body::ended(bytes, BodyEnd::Cancelled);
            }
        }
    }
    exchange.failure = Some(Failure { kind, detail: "the booking system gave no answer".to_owned(), answered });
    exchange
}

/// What judging says of a recording: rule and side of each finding, and the rules that failed themselves.
#[derive(Debug, Default)]
struct Said {
    found: BTreeSet<(String, Side)>,
    failed: Vec<String>,
}

fn judge(exchanges: impl IntoIterator<Item = Exchange>) -> Said {
    let mut judge = Judge::new(Arc::clone(&BOOK), BookingSystemInfo::default());
    let mut said = Said::default();
    for (number, mut exchange) in (1..).zip(exchanges) {
        exchange.id = number;
        let judged = judge.judge(Arc::new(exchange));
        said.found.extend(judged.findings.iter().map(|finding| (finding.rule.id.clone(), finding.rule.side)));
        let is_failure = |because: &str| because.contains("the rule itself failed") || because.contains("can't use");
        let failed = judged.not_judged.iter().filter(|it| is_failure(&it.because));
        said.failed.extend(failed.map(|it| format!("{} on {number}: {}", it.rule, it.because)));
    }
    said
}

/// What is wrong with what is said once answers are lost, that was not said of the whole recording.
fn wrong(whole: &Said, said: Said, what: &str, wrongs: &mut Vec<String>) {
    // A booking at another total than was sent is a fault as well where the quote is not known: the general rule says so then.
    let general = ("order/reflects-total".to_owned(), Side::BookingSystem);
    let narrower = ("price/total-mismatch-error".to_owned(), Side::BookingSystem);
    let is_known = |found: &(String, Side)| *found == general && whole.found.contains(&narrower);
    let new = said.found.difference(&whole.found).filter(|it| it.1 == Side::BookingSystem && !is_known(it));
    wrongs.extend(new.map(|(rule, _)| format!("{rule}: {what}")));
    wrongs.extend(said.failed.into_iter().map(|failed| format!("{failed}: {what}")));
}

fn named(exchange: &Exchange) -> String {
    format!("{} {}", exchange.request.method, exchange.request.target)
}

/// The Order UUID in the path of an exchange.
fn order_uuid(exchange: &Exchange) -> Option<&str> {
    let segment = exchange.path().rsplit('/').next()?;
    (segment.len() == 36 && segment.matches('-').count() == 4).then_some(segment)
}

/// The exchanges that matter to the one at `at`, and where it is among them: those of its booking, and those of none.
fn around(exchanges: &[Exchange], at: usize) -> (Vec<Exchange>, usize) {
    let uuid = order_uuid(&exchanges[at]);
    let matters = |it: &Exchange| order_uuid(it).is_none_or(|of| uuid.is_none_or(|uuid| of == uuid));
    let before = exchanges[..at].iter().filter(|it| matters(it)).count();
    (exchanges.iter().filter(|it| matters(it)).cloned().collect(), before)
}

/// For each exchange and each way in which its answer is lost: is anything wrong with what is said of the recording that `change`
/// makes of those around it?
fn each_lost(change: impl Fn(&[Exchange], usize, Loss) -> Option<Vec<Exchange>>) {
    let mut wrongs = Vec::new();
    let mut judged = 0;
    for (name, losses) in RECORDINGS {
        let all = recording(name);
        for exchange in 0..all.len() {
            let (exchanges, at) = around(&all, exchange);
            let whole = judge(exchanges.clone());
            for &loss in losses {
                let Some(changed) = change(&exchanges, at, loss) else { continue };
                let what = format!("{name}, {loss:?}, exchange {}: {}", exchange + 1, named(&all[exchange]));
                wrong(&whole, judge(changed), &what, &mut wrongs);
                judged += 1;
            }
        }
    }
    assert!(judged > 10, "{judged}");
    assert!(wrongs.is_empty(), "{}:\n{}", wrongs.len(), wrongs.join("\n"));
}

#[test]
fn an_answer_that_is_lost_is_no_finding_on_the_booking_system() {
    each_lost(|exchanges, at, loss| {
        let mut exchanges = exchanges.to_vec();
        exchanges[at] = lost(&exchanges[at], loss);
        Some(exchanges)
    });
}

#[test]
fn an_answer_that_is_given_when_asked_again_is_no_finding_on_the_booking_system() {
    each_lost(|exchanges, at, loss| {
        let mut exchanges = exchanges.to_vec();
        exchanges.insert(at, lost(&exchanges[at], loss));
        Some(exchanges)
    });
}

/// The booking system did not do what it was asked for, and says so afterwards.
#[test]
fn a_booking_that_was_not_made_is_not_known_later() {
    each_lost(|exchanges, at, loss| {
        let mut exchanges = exchanges.to_vec();
        exchanges[at] = lost(&exchanges[at], loss);
        let is_booking = exchanges[at].request.method == "PUT" && exchanges[at].path().contains("/orders/");
        // Behind the head of an answer the booking is known to be made.
        if !is_booking || exchanges[at].response.is_some() {
            return None;
        }
        let uuid = order_uuid(&exchanges[at]).map(str::to_owned);
        let later = exchanges[at + 1..].iter_mut().filter(|it| order_uuid(it) == uuid.as_deref());
        later.take_while(|it| it.request.method != "PUT").for_each(not_found);
        Some(exchanges)
    });
}

fn not_found(exchange: &mut Exchange) {
    let body = r#"{"@context":"https://openactive.io/","@type":"UnknownOrderError","statusCode":404,
        "name":"There is no such Order","description":"No Order has this identifier"}"#;
    if let Some(response) = &mut exchange.response {
        response.status = 404;
        response.body = Body::complete(body);
        response.headers.0.retain(|field| !field.name.to_ascii_lowercase().starts_with("content-"));
        response.headers.push("Content-Type", "application/vnd.openactive.booking+json; version=1");
    }
}

/// Of a request to a booking system that can't be reached the proxy may have read nothing but the head.
#[test]
fn a_request_that_broke_off_behind_its_head_has_no_empty_body() {
    let mut exchanges = recording("golden");
    for exchange in exchanges.iter_mut().filter(|it| it.path().contains("/order-quote")) {
        *exchange = lost(exchange, Loss::Unreachable);
        exchange.request.body = Body::ended("", BodyEnd::Cancelled);
    }
    let said = judge(exchanges);
    assert_eq!((said.found, said.failed), (BTreeSet::new(), Vec::new()));
}
