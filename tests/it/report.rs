//! The printed reports and the JSON contract.

mod compare;
mod unjudged;

use std::sync::Arc;

use serde_json::Value;
use umpire::baseline::Baseline;
use umpire::event::{Event, RecordingStatus};
use umpire::finding::{EarlierExchange, Finding, Severity, Side, VerdictCounts};
use umpire::openbooking::Stage;
use umpire::report::{
    CheckReport, EarlierReport, FileReport, JsonLines, OmittedCounts, Paint, PlainReport, Recognized, ReportComparison,
    RuleSummary, Summary,
};
use umpire::report::{check_json, check_text, compare_json, compare_text};
use umpire::text::Printer;

use crate::fake::{self, Fake, accepted, context, coverage, finding, missing_customer, missing_email, wrong_price};

fn booking() -> Vec<Event> {
    vec![
        Fake::new(0).stage(Stage::C1).event(),
        Fake::new(1).finding(missing_customer()).finding(accepted()).finding(wrong_price()).event(),
        Fake::new(2).stage(Stage::OrdersFeed).uuid(None).event(),
        Fake::new(3).stage(Stage::B).unreachable().not_judged("errors/shape", "no answer came").event(),
        Event::Notice("rule x/y could not be judged: division by zero".into()),
        Event::Recording(RecordingStatus::Off { reason: "the disk is full".into(), missed: 2 }),
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
    let mut plain = PlainReport::new(Vec::new(), paint);
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
            .map(|(file, exchanges, bookings)| FileReport { file: file.into(), exchanges, bookings, ..judged_file() })
            .into(),
        findings,
        rules: [("price/item", 30, 5, 0), ("agent-broker/customer-required", 2, 5, 7)]
            .map(|(rule, passed, failed, not_judged)| RuleSummary { rule: rule.into(), passed, failed, not_judged })
            .into(),
        verdicts: verdicts(32, 10, &[("C2 was not seen", 3), ("no answer came", 4)]),
        ..CheckReport::default()
    }
}

fn verdicts(passed: u64, failed: u64, reasons: &[(&str, u64)]) -> VerdictCounts {
    let mut verdicts = VerdictCounts::default();
    (verdicts.passed, verdicts.failed) = (passed, failed);
    for (reason, count) in reasons {
        verdicts.add_not_judged(&Arc::from(*reason), *count);
    }
    verdicts
}

/// A file that could be judged.
fn judged_file() -> FileReport {
    let recognized = Recognized { calls: 1, ..Recognized::default() };
    FileReport { verdicts: verdicts(1, 0, &[]), recognized, ..FileReport::default() }
}

/// A finding of no single exchange and no order.
fn missing_whole() -> umpire::finding::Finding {
    finding(Side::Broker, Severity::Warning, "broker/uuid-reused", "")
}

fn text(report: &CheckReport, paint: Paint) -> String {
    let mut out = Vec::new();
    check_text(&mut Printer::new(&mut out), report, paint).unwrap();
    String::from_utf8(out).unwrap()
}

fn json(report: &CheckReport) -> Value {
    let mut out = Vec::new();
    check_json(&mut Printer::new(&mut out), report).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn plain_report() {
    insta::assert_snapshot!(plain(&booking(), Paint::PLAIN));
}

#[test]
fn where_the_recording_goes_is_said_when_it_changes() {
    let on = |file: &str| Event::Recording(RecordingStatus::On { file: file.into(), missed: 0 });
    let off = Event::Recording(RecordingStatus::Off { reason: "the disk is full".into(), missed: 2 });
    let events =
        [on("captures/today.db"), on("captures/today.db"), off, on("captures/today.db"), on("captures/next.db")];
    let said = plain(&events, Paint::PLAIN);
    let said: Vec<&str> = said.lines().filter(|line| line.to_lowercase().starts_with("recording to")).collect();
    assert_eq!(
        said,
        ["recording to captures/today.db", "recording to captures/today.db", "recording to captures/next.db"]
    );
}

#[test]
fn what_is_missing_from_the_recording_is_said_to_the_end() {
    let file = "captures/today.db".to_owned();
    let off = Event::Recording(RecordingStatus::Off { reason: "the recorder panicked".into(), missed: 3 });
    let on = Event::Recording(RecordingStatus::On { file: file.clone(), missed: 3 });
    let said = plain(&[off.clone(), on.clone()], Paint::PLAIN);
    for words in [
        "NOT RECORDING: the recorder panicked (3 exchanges missed; traffic goes on)",
        "\nrecording to captures/today.db; 3 exchanges missing from it",
        "  recording captures/today.db; 3 exchanges missing from it",
    ] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    let said = plain(std::slice::from_ref(&off), Paint::PLAIN);
    assert!(said.contains("NOT RECORDED: the recorder panicked (3 exchanges missed)"), "{said}");
    let said = plain(&[Event::Recording(RecordingStatus::Removed { file: file.clone() })], Paint::PLAIN);
    assert!(said.contains("none: no exchange came"), "{said}");

    let lines = json_lines(&[off, on, Event::Recording(RecordingStatus::Removed { file })]);
    let of = |line: usize, key: &str| lines[line][key].clone();
    assert_eq!((of(1, "on"), of(1, "missed")), (false.into(), 3.into()));
    assert_eq!((of(2, "on"), of(2, "missed")), (true.into(), 3.into()));
    assert_eq!((of(3, "on"), of(3, "file")), (false.into(), serde_json::Value::Null));
    let whole = json_lines(&[]);
    assert_eq!(whole.last().unwrap()["missed"], serde_json::Value::Null, "only if something is missing");
}

#[test]
fn plain_report_fits_a_terminal() {
    let text = plain(&booking(), Paint { colour: false, width: Some(70) });
    let wide: Vec<&str> = text
        .lines()
        .filter(|line| line.chars().count() > 70)
        // Columns and links are not broken.
        .filter(|line| !line.contains("  12:04:") && !line.contains("  UTC ") && !line.contains("https://"))
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
        Event::Recording(RecordingStatus::Off { reason: evil.into(), missed: 1 }),
    ];
    let report = CheckReport {
        files: vec![FileReport { file: evil.into(), exchanges: 1, bookings: 1, ..judged_file() }],
        findings: vec![(evil.into(), finding.findings[0].clone())],
        rules: vec![],
        verdicts: verdicts(5, 1, &[(evil, 1)]),
        ..CheckReport::default()
    };
    for text in [plain(&events, Paint::PLAIN), text(&report, Paint::PLAIN)] {
        assert!(text.contains("x\\u001b[2J"), "{text}");
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
    }
}

#[test]
fn check_as_text() {
    insta::assert_snapshot!(text(&check_report(), Paint::PLAIN));
    let clean = CheckReport { findings: vec![], verdicts: verdicts(32, 0, &[]), ..check_report() };
    insta::assert_snapshot!(text(&clean, Paint::PLAIN), @r"
    b.har: 6 exchanges, 2 bookings: no findings
    a.har: 10 exchanges, 3 bookings: no findings
    clean.db: 4 exchanges, 1 booking: no findings
    20 exchanges, 6 bookings in 3 files: no findings; 32 passed, 0 not judged
    ");
}

#[test]
fn what_there_was_no_room_for_is_said() {
    let left_out = OmittedCounts { flows: 3, open_data: 1, findings: 40 };
    let report = CheckReport { findings: vec![], verdicts: verdicts(32, 0, &[]), left_out, ..check_report() };
    let said =
        "left out for lack of room: earlier exchanges of 3 booking flows, open data of 1 opportunity, 40 more findings";
    assert!(text(&report, Paint::PLAIN).contains(said), "{}", text(&report, Paint::PLAIN));
    let wanted = serde_json::json!({ "flows": 3, "open_data": 1, "findings": 40 });
    assert_eq!(json(&report)["summary"]["left_out"], wanted);
    assert!(json(&check_report())["summary"].get("left_out").is_none());
}

/// The customer is missing three times, and everything that follows from it.
fn one_cause() -> CheckReport {
    let judged = [2, 5, 6].map(|index| {
        let name =
            Finding { severity: Severity::Warning, ..finding(Side::Broker, Severity::Warning, "customer/name", "") };
        let name = Finding { pointer: "/request/body/customer/name".into(), ..name };
        Fake::new(index).finding(missing_email()).finding(missing_customer()).finding(accepted()).finding(name).judged()
    });
    let findings = judged.into_iter().flat_map(|judged| judged.findings);
    CheckReport {
        files: vec![FileReport { file: "a.har".into(), exchanges: 9, bookings: 1, ..judged_file() }],
        findings: findings.map(|finding| (Arc::from("a.har"), finding)).collect(),
        verdicts: verdicts(1, 0, &[]),
        ..CheckReport::default()
    }
}

#[test]
fn one_cause_is_one_failure() {
    insta::assert_snapshot!(text(&one_cause(), Paint::PLAIN));
    let report = json(&one_cause());
    let causes: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|finding| finding.get("caused_by").cloned()).collect();
    let one = |first: u64| [None, Some(Value::from(first)), None, Some(Value::from(first))];
    assert_eq!(causes, [one(0), one(4), one(8)].concat());
}

#[test]
fn one_cause_is_one_failure_while_it_happens() {
    let event = Fake::new(0).finding(missing_email()).finding(missing_customer()).finding(accepted()).event();
    let text = plain(std::slice::from_ref(&event), Paint::PLAIN);
    let rules: Vec<&str> = text.lines().filter(|line| line.contains("customer")).collect();
    insta::assert_snapshot!(rules.join("\n"));
    assert_eq!(json_lines(&[event])[1]["findings"][0]["caused_by"], 1);
}

/// The baseline knows two missing customers until May, too few prices, and two findings that are no more.
fn with_baseline() -> CheckReport {
    let mut report = check_report();
    let known = |rule: &str, pointer: &str, count: u64, expires: &str| {
        format!("[[known]]\nrule = \"{rule}\"\nstage = \"C2\"\npointer = \"{pointer}\"\ncount = {count}\n{expires}\n")
    };
    let text = [
        "format_version = 1\n".to_owned(),
        known("agent-broker/customer-required", "/request/body/customer", 2, "expires = 2026-05-31"),
        known("price/item", "/response/body/orderedItem/*/price", 3, "reason = \"rounding, see #12\""),
        known("headers/cache", "/response/headers/cache-control", 9, ""),
        known("gone/rule", "", 1, ""),
        known("agent-broker/customer-required-error", "/response/status", 1, ""),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known.toml");
    std::fs::write(&path, text.concat()).unwrap();
    let baseline = Baseline::read(&path).unwrap();
    report.set_aside(&baseline, "known.toml", "2026-06-01".parse().unwrap(), |_| true);
    report
}

#[test]
fn known_findings_are_not_counted() {
    let report = with_baseline();
    assert_eq!(report.findings.len(), check_report().findings.len() - 9);
    let text = text(&report, Paint::PLAIN);
    let (_, end) = text.split_once("known.toml").unwrap();
    insta::assert_snapshot!(format!("known.toml{end}"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&report)["baseline"]).unwrap());
}

#[test]
fn coverage_in_every_format() {
    let report = CheckReport { findings: vec![], coverage: Some(coverage()), ..check_report() };
    insta::assert_snapshot!(text(&report, Paint::PLAIN));
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&report)["coverage"]).unwrap());
    let events = [Fake::new(0).event(), Event::Coverage(Arc::new(coverage()))];
    let plain = plain(&events, Paint::PLAIN);
    let line = "coverage  1 of 2 features of the test suite seen, 2 of 5 rules exercised; nobody has yet tried \
                anonymous-leasing (The title of lease/extended)";
    assert!(plain.contains(line), "{plain}");
    let lines = json_lines(&events);
    assert_eq!(lines.len(), 3, "coverage is told in the last line only");
    assert_eq!(lines[2]["coverage"], json(&report)["coverage"]);
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
    let schema: Value = serde_json::from_str(include_str!("../../docs/check-report.schema.json")).unwrap();
    assert_eq!(fake::schema::faults(&schema, &schema, &json(&muted), ""), Vec::<String>::new());
    assert!(json(&check_report())["summary"].get("muted").is_none());
    assert!(!text(&check_report(), Paint::PLAIN).contains("muted"));
}

#[test]
fn the_schema_describes_the_report_and_nothing_else() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/check-report.schema.json")).unwrap();
    let covered = CheckReport { coverage: Some(coverage()), ..check_report() };
    for report in [CheckReport::default(), check_report(), one_cause(), covered, with_baseline()] {
        assert_eq!(fake::schema::faults(&schema, &schema, &json(&report), ""), Vec::<String>::new());
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
        assert!(!fake::schema::faults(&schema, &schema, &bad, "").is_empty(), "{pointer}");
    }
    for (pointer, key) in [("", "rules"), ("/findings/0", "spec"), ("/files/0", "bookings")] {
        let mut bad = good.clone();
        bad.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        assert!(!fake::schema::faults(&schema, &schema, &bad, "").is_empty(), "{pointer} without {key}");
        bad = good.clone();
        bad.pointer_mut(pointer).unwrap()["surprise"] = Value::Null;
        assert!(!fake::schema::faults(&schema, &schema, &bad, "").is_empty(), "{pointer} with one more");
    }
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

/// A finding that rests on the quote of the third exchange.
fn dearer() -> Finding {
    let because_of = Some(EarlierExchange { file: None, exchange: 2, stage: Stage::C2 });
    Finding { because_of, ..finding(Side::BookingSystem, Severity::Failure, "flow/total", "/response/body/total") }
}

#[test]
fn the_exchange_that_a_finding_rests_on_is_named_everywhere() {
    let judged = Fake::new(11).stage(Stage::B).finding(dearer()).judged();
    let findings = judged.findings.iter().map(|finding| (Arc::from("a.har"), finding.clone())).collect();
    let files = vec![FileReport { file: "a.har".into(), exchanges: 12, bookings: 1, ..judged_file() }];
    let report = CheckReport { files, findings, verdicts: verdicts(9, 1, &[]), ..CheckReport::default() };
    let said = text(&report, Paint::PLAIN);
    assert!(said.contains("exchange 12 · B"), "numbers are from 1: {said}");
    assert!(said.contains("because of exchange 3, C2"), "{said}");
    let of_json = json(&report);
    let found = &of_json["findings"][0];
    assert_eq!((&found["exchange"], &found["number"]), (&11.into(), &12.into()));
    assert_eq!(found["because_of"], serde_json::json!({ "exchange": 2, "number": 3, "stage": "C2" }));
    let event = Event::Exchange(Arc::new(judged));
    let said = plain(std::slice::from_ref(&event), Paint::PLAIN);
    assert!(said.contains("because of exchange 3, C2"), "{said}");
    assert!(said.lines().any(|line| line.starts_with("   12  ")), "{said}");
    let lines = json_lines(&[event]);
    assert_eq!((&lines[1]["index"], &lines[1]["number"]), (&11.into(), &12.into()));
    assert_eq!(lines[1]["findings"][0]["because_of"]["number"], 3);
    let earlier = EarlierReport::parse(json(&report).to_string().as_bytes()).unwrap();
    let now = CheckReport { findings: Vec::new(), ..report };
    let mut out = Vec::new();
    compare_text(&mut Printer::new(&mut out), &ReportComparison::new(&now, &earlier), Paint::PLAIN).unwrap();
    let said = String::from_utf8(out).unwrap();
    assert!(said.contains("exchange 12 · B") && said.contains("because of exchange 3, C2"), "{said}");
}
