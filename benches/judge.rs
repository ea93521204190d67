//! What judging costs, against parsing the same bodies with serde_json alone.
//!
//! `cargo bench --bench judge`; `UMPIRE_BENCH_HAR="a.har b.har" cargo bench --bench judge` takes other recordings.

use std::path::PathBuf;
use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use umpire::capture;
use umpire::exchange::Exchange;
use umpire::openbooking::ParsedExchange;
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

fn main() {
    divan::main();
}

/// The recordings, each a list of exchanges.
fn recordings() -> Vec<Vec<Arc<Exchange>>> {
    let given =
        std::env::var("UMPIRE_BENCH_HAR").unwrap_or_else(|_| "captures/golden.har captures/faulty.har".to_owned());
    given
        .split_whitespace()
        .map(|file| {
            let recording = capture::open(&PathBuf::from(file)).unwrap_or_else(|error| panic!("{error}"));
            recording.exchanges.map(|exchange| Arc::new(exchange.unwrap_or_else(|error| panic!("{error}")))).collect()
        })
        .collect()
}

fn items(recordings: &[Vec<Arc<Exchange>>]) -> ItemsCount {
    ItemsCount::new(recordings.iter().map(Vec::len).sum::<usize>())
}

/// The yardstick: every body that is JSON, parsed to a `serde_json::Value`.
#[divan::bench]
fn serde_json_parses_the_bodies(bencher: Bencher) {
    let recordings = recordings();
    bencher.counter(items(&recordings)).bench(|| {
        for exchange in recordings.iter().flatten() {
            black_box(serde_json::from_slice::<serde_json::Value>(&exchange.request.body.bytes).ok());
            if let Some(response) = &exchange.response {
                black_box(serde_json::from_slice::<serde_json::Value>(&response.body.bytes).ok());
            }
        }
    });
}

/// Classifying, decoding and parsing alone, as the judge does it.
#[divan::bench]
fn read(bencher: Bencher) {
    let recordings = recordings();
    bencher.counter(items(&recordings)).bench(|| {
        for exchange in recordings.iter().flatten() {
            black_box(ParsedExchange::new(0, Arc::clone(exchange), None));
        }
    });
}

/// Reading and every rule.
#[divan::bench]
fn judge(bencher: Bencher) {
    let recordings = recordings();
    let book = Arc::new(RuleBook::built_in().unwrap_or_else(|error| panic!("{error}")));
    bencher.counter(items(&recordings)).bench(|| {
        for recording in &recordings {
            let mut judge = Judge::new(Arc::clone(&book), BookingSystemInfo::default());
            for exchange in recording {
                black_box(judge.judge(Arc::clone(exchange)));
            }
        }
    });
}

/// Loading the rule book, once per run of the program.
#[divan::bench]
fn load_the_rule_book() -> RuleBook {
    RuleBook::built_in().unwrap_or_else(|error| panic!("{error}"))
}
