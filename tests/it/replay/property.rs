//! A run of the sandbox, recorded and played to the same broker on another day: the broker can't tell, and neither can the rules.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value};
use umpire::capture;
use umpire::exchange::Exchange;
use umpire::replay::{PlaybackOptions, TimeMode};
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

use super::support::{Client, open};

/// The same value with the members of each object in another order.
fn reordered(value: &Value, seed: u64) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| reordered(item, seed)).collect(),
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> =
                members.iter().map(|(name, value)| (name.clone(), reordered(value, seed))).collect();
            members.sort_by_key(|(name, _)| {
                name.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
            });
            Value::Object(members.into_iter().collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn recorded() -> Vec<Exchange> {
    let golden = capture::open("captures/golden.har".as_ref()).unwrap();
    golden.exchanges.map(Result::unwrap).collect()
}

/// The text with other Order UUIDs and customers in it.
fn present(text: &str, seed: u64) -> String {
    let mut text = text.to_owned();
    for exchange in recorded() {
        for segment in exchange.path().split('/').filter(|segment| umpire::openbooking::is_uuid(segment)) {
            let other = format!("{:08x}{}", seed as u32, &segment[8..]);
            text = text.replace(segment, &other);
        }
    }
    for name in ["Ida", "Marlowe", "ida.marlowe@mail.example", "01632 960404", "customer-4711"] {
        let other: String = name
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' => char::from(b'a' + ((u64::from(byte) + seed) % 26) as u8),
                b'A'..=b'Z' => char::from(b'A' + ((u64::from(byte) + seed) % 26) as u8),
                other => char::from(other),
            })
            .collect();
        text = text.replace(&format!("\"{name}\""), &format!("\"{other}\""));
    }
    text
}

fn verdicts(exchanges: &[Exchange]) -> Vec<(String, u64, u64, u64)> {
    let mut judge = Judge::new(Arc::new(RuleBook::built_in().unwrap()), BookingSystemInfo::default());
    for exchange in exchanges {
        judge.judge(Arc::new(exchange.clone()));
    }
    judge.tallies().map(|(rule, tally)| (rule.to_owned(), tally.passed, tally.failed, tally.not_judged)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn the_broker_cannot_tell(seed in 1_u64..1 << 32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let recorded = recorded();
        let golden = ["captures/golden.har".into()];
        let client = |time| Client {
            replay: open(&golden, PlaybackOptions { time, field: false, ..PlaybackOptions::default() }),
            token: Some("Bearer another"),
            _folder: None,
        };
        let (same_day, another_day) = (client(TimeMode::Recorded), client(TimeMode::Shift));
        let mut played = Vec::new();
        for exchange in &recorded {
            let (method, target) = (exchange.request.method.as_str(), present(&exchange.request.target, seed));
            let body = std::str::from_utf8(&exchange.request.body.bytes).unwrap();
            let asked = serde_json::from_str(&present(body, seed)).map_or(Value::Null, |body| reordered(&body, seed));
            let token = exchange.request.headers.get("authorization").map(|_| "Bearer another");
            let ask = |client: &Client| {
                let client = Client { replay: Arc::clone(&client.replay), token, _folder: None };
                runtime.block_on(async { client.ask(method, &target, &asked).await })
            };
            let seen = ask(&same_day).map_err(TestCaseError::fail)?;
            let response = exchange.response.as_ref().unwrap();
            prop_assert_eq!(seen.status, response.status);
            let expected = present(std::str::from_utf8(&response.body.bytes).unwrap(), seed);
            let expected: Value = serde_json::from_str(&expected).unwrap_or(Value::Null);
            prop_assert_eq!(&seen.body, &expected, "{} {}", method, target);
            let shifted = ask(&another_day).map_err(TestCaseError::fail)?;
            let mut again = exchange.clone();
            again.started = jiff::Timestamp::now();
            again.request.target.clone_from(&target);
            again.request.body = umpire::exchange::Body::complete(if asked.is_null() { String::new() } else { asked.to_string() });
            if let Some(response) = &mut again.response {
                response.status = shifted.status;
                response.body = umpire::exchange::Body::complete(shifted.bytes);
            }
            played.push(again);
        }
        prop_assert_eq!(verdicts(&played), verdicts(&recorded));
    }
}
