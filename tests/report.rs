//! The printed reports and the JSON contract.

mod fake;

use std::sync::Arc;

use fake::{Fake, accepted, context, finding, missing_customer, wrong_price};
use serde_json::Value;
use umpire::event::{Event, Recording};
use umpire::finding::{Severity, Side};
use umpire::openbooking::Stage;
use umpire::report::{CheckReport, FileReport, JsonLines, Paint, Plain, RuleTally, Summary, check_json, check_text};

fn booking() -> Vec<Event> {
    vec![
        Fake::new(0).stage(Stage::C1).event(),
        Fake::new(1).finding(missing_customer()).finding(accepted()).finding(wrong_price()).event(),
        Fake::new(2).stage(Stage::OrdersFeed).uuid(None).event(),
        Fake::new(3).stage(Stage::B).unreachable().not_judged("errors/shape", "no answer came").event(),
        Event::Notice("rule x/y could not be judged: division by zero".into()),
        Event::Recording(Recording::Off { reason: "the disk is full".into(), missed: 2 }),
    ]
}

fn summary(events: &[Event]) -> Summary {
    let mut summary = Summary::new();
    for event in events {
        summary.add(event);
    }
    summary
}

fn plain(events: &[Event], paint: Paint) -> String {
    let mut plain = Plain::new(Vec::new(), paint);
    plain.header(&context()).unwrap();
    for event in events {
        plain.event(event).unwrap();
    }
    plain.summary(&summary(events), &context()).unwrap();
    String::from_utf8(plain.into_inner()).unwrap()
}

fn json_lines(events: &[Event]) -> Vec<Value> {
    let mut lines = JsonLines::new(Vec::new());
    lines.header(&context()).unwrap();
    for event in events {
        lines.event(event).unwrap();
    }
    lines.summary(&summary(events)).unwrap();
    let text = String::from_utf8(lines.into_inner()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check_report() -> CheckReport {
    let mut findings = Vec::new();
    for index in [5, 1, 3, 2, 4] {
        let judged = Fake::new(index)
            .finding(missing_customer())
            .finding(finding(Side::BookingSystem, Severity::Notice, "headers/cache", "/response/headers/cache-control"))
            .finding(finding(
                Side::BookingSystem,
                Severity::Warning,
                "price/item",
                &format!("/response/body/orderedItem/{index}/price"),
            ))
            .judged();
        findings.extend(judged.findings.into_iter().map(|finding| (Arc::from("b.har"), finding)));
    }
    findings.push((Arc::from("b.har"), missing_whole()));
    findings.push((Arc::from("a.har"), Fake::new(9).finding(accepted()).judged().findings.remove(0)));
    CheckReport {
        files: [("b.har", 6, 2), ("a.har", 10, 3), ("clean.db", 4, 1)]
            .map(|(file, exchanges, bookings)| FileReport { file: file.into(), exchanges, bookings })
            .into(),
        findings,
        rules: [("price/item", 30, 5, 0), ("agent-broker/customer-required", 2, 5, 7)]
            .map(|(rule, passed, failed, not_judged)| RuleTally { rule: rule.into(), passed, failed, not_judged })
            .into(),
        not_judged: vec![("C2 was not seen".into(), 3), ("no answer came".into(), 4)],
        muted: 0,
    }
}

/// A finding of no single exchange and no order.
fn missing_whole() -> umpire::finding::Finding {
    finding(Side::Broker, Severity::Warning, "broker/uuid-reused", "")
}

fn text(report: &CheckReport, paint: Paint) -> String {
    let mut out = Vec::new();
    check_text(&mut out, report, paint).unwrap();
    String::from_utf8(out).unwrap()
}

fn json(report: &CheckReport) -> Value {
    let mut out = Vec::new();
    check_json(&mut out, report).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn plain_report() {
    insta::assert_snapshot!(plain(&booking(), Paint::PLAIN));
}

#[test]
fn plain_report_fits_a_terminal() {
    let text = plain(&booking(), Paint { colour: false, width: Some(70) });
    let wide: Vec<&str> = text
        .lines()
        .filter(|line| line.chars().count() > 70)
        // Columns and links are not broken.
        .filter(|line| !line.starts_with("12:") && !line.starts_with("UTC") && !line.contains("https://"))
        .filter(|line| !line.contains(" ✗ ") && !line.starts_with("NOT RECORDING"))
        .collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn colours_only_where_asked_for() {
    let escape = '\u{1b}';
    let coloured = Paint { colour: true, width: None };
    assert!(!plain(&booking(), Paint::PLAIN).contains(escape));
    assert!(!text(&check_report(), Paint::PLAIN).contains(escape));
    let strip = |text: &str| {
        let mut pieces = text.split(escape);
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |text, piece| text + piece.split_once('m').unwrap().1)
    };
    let painted = plain(&booking(), coloured);
    assert!(painted.contains(escape));
    assert_eq!(strip(&painted), plain(&booking(), Paint::PLAIN), "colours change nothing else");
    assert_eq!(strip(&text(&check_report(), coloured)), text(&check_report(), Paint::PLAIN));
}

#[test]
fn control_characters_are_not_printed() {
    let evil = "x\u{1b}[2J\u{9b}1m\u{202e}\u{7}";
    let mut bad = wrong_price();
    (bad.seen, bad.expected, bad.message, bad.pointer) = (evil.into(), evil.into(), evil.into(), evil.into());
    let judged = Fake::new(0).finding(bad).not_judged("a/b", evil);
    let finding = judged.judged();
    let events = [
        Event::Exchange(Arc::new(finding.clone())),
        Event::Notice(evil.into()),
        Event::Recording(Recording::Off { reason: evil.into(), missed: 1 }),
    ];
    let report = CheckReport {
        files: vec![FileReport { file: evil.into(), exchanges: 1, bookings: 1 }],
        findings: vec![(evil.into(), finding.findings[0].clone())],
        rules: vec![],
        not_judged: vec![(evil.into(), 1)],
        muted: 0,
    };
    for text in [plain(&events, Paint::PLAIN), text(&report, Paint::PLAIN)] {
        assert!(text.contains("x\\u001b[2J"), "{text}");
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
    }
}

#[test]
fn check_as_text() {
    insta::assert_snapshot!(text(&check_report(), Paint::PLAIN));
    let clean = CheckReport { findings: vec![], not_judged: vec![], ..check_report() };
    insta::assert_snapshot!(text(&clean, Paint::PLAIN), @r"
    b.har: 6 exchanges, 2 bookings: no findings
    a.har: 10 exchanges, 3 bookings: no findings
    clean.db: 4 exchanges, 1 booking: no findings
    20 exchanges, 6 bookings in 3 files: no findings
    ");
}

#[test]
fn check_as_json() {
    let report = check_report();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&report)).unwrap());
    let mut shuffled = report.clone();
    shuffled.findings.reverse();
    shuffled.rules.reverse();
    assert_eq!(json(&shuffled), json(&report), "the order does not depend on that of the findings");
}

#[test]
fn the_worst_decides() {
    assert_eq!(CheckReport::default().worst(), None);
    assert_eq!(check_report().worst(), Some(Severity::Failure));
    let mut mild = check_report();
    mild.findings.retain(|(_, finding)| finding.severity < Severity::Failure);
    assert_eq!(mild.worst(), Some(Severity::Warning));
}

#[test]
fn what_was_muted_is_said_where_something_was() {
    let muted = CheckReport { muted: 3, ..check_report() };
    assert_eq!(json(&muted)["summary"]["muted"], 3);
    assert!(text(&muted, Paint::PLAIN).ends_with("; 3 findings on properly refused requests muted\n"));
    let schema: Value = serde_json::from_str(include_str!("../docs/check-report.schema.json")).unwrap();
    assert_eq!(faults(&schema, &schema, &json(&muted), ""), Vec::<String>::new());
    assert!(json(&check_report())["summary"].get("muted").is_none());
    assert!(!text(&check_report(), Paint::PLAIN).contains("muted"));
}

#[test]
fn the_schema_describes_the_report_and_nothing_else() {
    let schema: Value = serde_json::from_str(include_str!("../docs/check-report.schema.json")).unwrap();
    for report in [CheckReport::default(), check_report()] {
        assert_eq!(faults(&schema, &schema, &json(&report), ""), Vec::<String>::new());
    }
    let good = json(&check_report());
    let breaks: [(&str, Value); 6] = [
        ("/format_version", 2.into()),
        ("/findings/0/severity", "error".into()),
        ("/findings/0/side", "client".into()),
        ("/findings/0/exchange", "0".into()),
        ("/rules/0/passed", (-1).into()),
        ("/summary", Value::Null),
    ];
    for (pointer, value) in breaks {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(!faults(&schema, &schema, &bad, "").is_empty(), "{pointer}");
    }
    for (pointer, key) in [("", "rules"), ("/findings/0", "spec"), ("/files/0", "bookings")] {
        let mut bad = good.clone();
        bad.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        assert!(!faults(&schema, &schema, &bad, "").is_empty(), "{pointer} without {key}");
        bad = good.clone();
        bad.pointer_mut(pointer).unwrap()["surprise"] = Value::Null;
        assert!(!faults(&schema, &schema, &bad, "").is_empty(), "{pointer} with one more");
    }
}

/// The part of JSON Schema 2020-12 that the schema uses; a keyword beyond it is a fault as well.
fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let target = root.pointer(rule.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
                found.extend(faults(root, target, value, at));
                true
            }
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "type" => {
                let is = |name: &str| match name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                match rule {
                    Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
                    name => is(name.as_str().unwrap()),
                }
            }
            "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
            "required" => value.as_object().is_none_or(|object| {
                rule.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))
            }),
            "additionalProperties" => {
                assert_eq!(rule, &Value::Bool(false));
                value.as_object().is_none_or(|object| object.keys().all(|key| schema["properties"].get(key).is_some()))
            }
            "properties" => {
                for (key, rule) in rule.as_object().unwrap() {
                    if let Some(member) = value.get(key) {
                        found.extend(faults(root, rule, member, &format!("{at}/{key}")));
                    }
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(root, rule, item, &format!("{at}/{index}")));
                }
                true
            }
            other => panic!("the schema uses {other}, which this test doesn't know"),
        };
        if !holds {
            found.push(format!("{at}: {keyword} {rule}"));
        }
    }
    found
}

#[test]
fn lines_of_json() {
    let lines = json_lines(&booking());
    let kinds: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["start", "exchange", "exchange", "exchange", "exchange", "notice", "recording", "summary"]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&lines).unwrap());
    let fields = |finding: &Value| finding.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&lines[2]["findings"][0]), fields(&json(&check_report())["findings"][0]));
}

#[test]
fn a_summary_counts_bookings_once() {
    let events: Vec<Event> =
        (0..6).map(|index| Fake::new(index).uuid([None, Some("a"), Some("b")][index as usize % 3]).event()).collect();
    let summary = summary(&events);
    assert_eq!((summary.exchanges(), summary.bookings(), summary.failed_exchanges()), (6, 2, 0));
}
