//! A value of another type than it should be is a fault of the message, never one of the rule: values of the project's recording
//! are exchanged for odd ones in turn.
//!
//! `recording ─► every seventh value of each body becomes null, a text, a number, a list, an object ─► judged ─► no rule fails itself`

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use umpire::capture;
use umpire::exchange::{Body, Exchange};
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

/// Of so many values one is exchanged at a time.
const STEP: usize = 7;

/// Exchanges each value whose number, in the order of the text, leaves `rest` when divided by [`STEP`].
fn exchange_values(value: &mut Value, odd: &Value, rest: usize, number: &mut usize) {
    *number += 1;
    if *number % STEP == rest {
        odd.clone_into(value);
        return;
    }
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(|member| exchange_values(member, odd, rest, number));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| exchange_values(item, odd, rest, number)),
        _ => {}
    }
}

fn with_odd_values(body: &mut Body, odd: &Value, rest: usize) {
    if let Ok(mut content) = serde_json::from_slice::<Value>(&body.bytes) {
        exchange_values(&mut content, odd, rest, &mut 0);
        *body = Body::complete(content.to_string());
    }
}

#[test]
fn no_rule_fails_itself_on_a_value_of_another_type() {
    let recording = capture::open(Path::new("captures/golden.har")).expect("a recording");
    let recording: Vec<Exchange> = recording.exchanges.map(|exchange| exchange.expect("an exchange")).collect();
    let book = Arc::new(RuleBook::built_in().expect("the built-in rules load"));
    let mut failed = BTreeSet::new();
    let mut unusable = 0;
    for odd in [json!(null), json!("x"), json!(-1.5), json!([[]]), json!({ "@type": 5 })] {
        for rest in 0..STEP {
            let mut judge = Judge::new(Arc::clone(&book), BookingSystemInfo::default());
            for exchange in &recording {
                let mut exchange = exchange.clone();
                with_odd_values(&mut exchange.request.body, &odd, rest);
                if let Some(response) = &mut exchange.response {
                    with_odd_values(&mut response.body, &odd, rest);
                }
                for it in judge.judge(Arc::new(exchange)).not_judged {
                    unusable += usize::from(it.because.contains("a value that the rule can't use"));
                    if it.because.contains("the rule itself failed") {
                        failed.insert(format!("{} with {odd}: {}", it.rule, it.because));
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(unusable > 0, "the values are not odd enough to show anything");
}
