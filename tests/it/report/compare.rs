//! A report held against an earlier one.

use super::*;

/// A report as it was reported.
fn earlier(report: &CheckReport) -> EarlierReport {
    EarlierReport::parse(json(report).to_string().as_bytes()).unwrap()
}

#[test]
fn the_same_has_not_changed() {
    for report in [CheckReport::default(), check_report(), one_cause()] {
        let comparison = ReportComparison::new(&report, &earlier(&report));
        assert_eq!(changes(&comparison), "nothing has changed\n");
        assert_eq!(comparison.worst(), None);
    }
}

fn changes(comparison: &ReportComparison) -> String {
    let mut out = Vec::new();
    compare_text(&mut Printer::new(&mut out), comparison, Paint::PLAIN).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_changed_is_said_and_nothing_else() {
    let before = check_report();
    let mut after = check_report();
    // One is gone, one weighs less, one is new; a file is gone and a rule says otherwise.
    after.findings.retain(|(file, finding)| &**file != "a.har" && finding.exchange != Some(5));
    for (_, finding) in after.findings.iter_mut().filter(|(_, finding)| finding.exchange == Some(4)) {
        finding.severity = finding.severity.min(Severity::Warning);
    }
    after.findings.push((Arc::from("b.har"), Fake::new(1).finding(accepted()).judged().findings.remove(0)));
    after.files.remove(1);
    after.rules[0].passed += 2;
    after.rules[0].rule = "price/item".into();
    after.rules[1] = RuleSummary { rule: "price/new".into(), passed: 1, failed: 0, not_judged: 0 };
    after.rules.push(RuleSummary { rule: "price/silent".into(), passed: 0, failed: 0, not_judged: 0 });
    let comparison = ReportComparison::new(&after, &earlier(&before));
    assert_eq!(comparison.worst(), Some(Severity::Failure));
    insta::assert_snapshot!(changes(&comparison));

    let mut out = Vec::new();
    compare_json(&mut Printer::new(&mut out), &comparison, "other.json").unwrap();
    let out: Value = serde_json::from_slice(&out).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../../docs/check-compare.schema.json")).unwrap();
    assert_eq!(fake::schema::faults(&schema, &schema, &out, ""), Vec::<String>::new());
    let gone = json(&before)["findings"].as_array().unwrap().iter().find(|f| f["exchange"] == 5).cloned().unwrap();
    assert!(out["gone"].as_array().unwrap().contains(&gone), "as it was reported");
}

#[test]
fn another_recording_numbers_its_exchanges_otherwise() {
    let one = |file: &str, indexes: &[u64]| CheckReport {
        files: vec![FileReport { file: file.into(), exchanges: 9, bookings: 1, ..judged_file() }],
        findings: indexes
            .iter()
            .map(|&index| {
                let pointer = format!("/response/body/orderedItem/{index}/price");
                let finding = finding(Side::BookingSystem, Severity::Warning, "price/item", &pointer);
                (Arc::from(file), Fake::new(index).finding(finding).judged().findings.remove(0))
            })
            .collect(),
        verdicts: verdicts(1, 0, &[]),
        ..CheckReport::default()
    };
    let same = ReportComparison::new(&one("tuesday.har", &[2, 5]), &earlier(&one("monday.har", &[7, 5])));
    assert_eq!((same.new.len(), same.gone.len()), (0, 0));
    let more = ReportComparison::new(&one("tuesday.har", &[2, 5, 7]), &earlier(&one("monday.har", &[7, 5])));
    let new: Vec<_> = more.new.iter().map(|(_, finding)| finding.exchange).collect();
    assert_eq!(new, [Some(2)], "those of the same exchange belong together");
    // A pair that is new and gone in files of several.
    let mut two = one("tuesday.har", &[2]);
    two.files.push(FileReport { file: "monday.har".into(), exchanges: 1, bookings: 1, ..judged_file() });
    let apart = ReportComparison::new(&two, &earlier(&one("monday.har", &[2])));
    assert_eq!((apart.new.len(), apart.gone.len()), (1, 1), "files of several are matched by name");
}

#[test]
fn what_is_no_report_is_not_compared_with() {
    for (text, words) in [("[]", "not a report"), ("{\"format_version\":2}", "format_version 2"), ("x", "not a report")]
    {
        assert!(EarlierReport::parse(text.as_bytes()).unwrap_err().to_string().contains(words), "{text}");
    }
}

#[test]
fn a_renamed_rule_is_the_same_rule() {
    let report = check_report();
    let mut old: Value = json(&report);
    let rename = |value: &mut Value| {
        if value["rule"] == "price/item" {
            value["rule"] = "price/of-item".into();
        }
    };
    old["findings"].as_array_mut().unwrap().iter_mut().for_each(rename);
    old["rules"].as_array_mut().unwrap().iter_mut().for_each(rename);
    let mut earlier = EarlierReport::parse(old.to_string().as_bytes()).unwrap();
    assert!(!ReportComparison::new(&report, &earlier).new.is_empty());
    let renamed = earlier.follow_renames(|id| (id == "price/of-item").then_some("price/item"));
    assert_eq!(renamed.into_iter().collect::<Vec<_>>(), [("price/of-item".to_owned(), "price/item".to_owned())]);
    let comparison = ReportComparison::new(&report, &earlier);
    assert!(comparison.new.is_empty() && comparison.gone.is_empty() && comparison.rules.is_empty(), "{comparison:?}");
}
