//! What is written, read and set aside.
//!
//! `findings → baseline → findings`, a day in June 2026

use jiff::civil::date;

use super::*;
use crate::finding::{Severity, Side};

fn finding(rule: &str, pointer: &str) -> Finding {
    Finding { pointer: pointer.to_owned(), ..Finding::for_tests(rule, Side::Broker, Severity::Failure) }
}

fn findings() -> Vec<Finding> {
    [
        ("a/price", "/request/body/orderedItem/0/price"),
        ("a/price", "/request/body/orderedItem/1/price"),
        ("a/price", "/request/body/orderedItem/2/price"),
        ("a/customer", "/request/body/customer"),
    ]
    .map(|(rule, pointer)| finding(rule, pointer))
    .into()
}

fn apply(baseline: &Baseline, findings: &[Finding]) -> AppliedBaseline {
    baseline.apply(&findings.iter().collect::<Vec<_>>(), date(2026, 6, 1), |_| true)
}

fn states(applied: &AppliedBaseline) -> Vec<(u64, EntryState)> {
    applied.entries.iter().map(|(_, outcome)| (outcome.found, outcome.state)).collect()
}

#[test]
fn what_was_written_is_set_aside_whole() {
    let baseline = Baseline::of(&findings());
    assert_eq!(Baseline::parse(&baseline.to_toml()), Ok(baseline.clone()));
    let applied = apply(&baseline, &findings());
    assert_eq!((applied.set_aside(), states(&applied)), (4, vec![(1, EntryState::Within), (3, EntryState::Within)]));
}

#[test]
fn a_file_is_small_and_readable() {
    let mut baseline = Baseline::of(&findings());
    baseline.entries[0].reason = "the \"old\" app;\nit goes in June".to_owned();
    baseline.entries[0].expires = Some(date(2026, 6, 30));
    assert_eq!(Baseline::parse(&baseline.to_toml()), Ok(baseline.clone()));
    let text = baseline.to_toml();
    let (head, entries) = text.split_once("\n\n").unwrap();
    assert!(head.lines().all(|line| line.starts_with("# ")));
    insta::assert_snapshot!(entries, @r#"
    format_version = 1

    [[known]]
    rule = "a/customer"
    stage = "C2"
    pointer = "/request/body/customer"
    count = 1
    reason = """
    the "old" app;
    it goes in June"""
    expires = 2026-06-30

    [[known]]
    rule = "a/price"
    stage = "C2"
    pointer = "/request/body/orderedItem/*/price"
    count = 3
    reason = ""
    "#);
}

#[test]
fn what_goes_beyond_the_count_is_not_set_aside() {
    let baseline = Baseline::of(&findings()[1..]);
    let applied = apply(&baseline, &findings());
    assert_eq!(applied.aside, [true, true, false, true], "the first are those that are known");
    assert_eq!(states(&applied), [(1, EntryState::Within), (3, EntryState::Beyond)]);
}

#[test]
fn what_is_found_less_or_no_more_is_said() {
    let baseline = Baseline::of(&findings());
    let applied = apply(&baseline, &findings()[..2]);
    assert_eq!(states(&applied), [(0, EntryState::Stale), (2, EntryState::Fewer)]);
    let applied = baseline.apply(&[], date(2026, 6, 1), |rule| rule != "a/price");
    assert_eq!(states(&applied), [(0, EntryState::Stale)], "nobody asked for the other");
}

#[test]
fn an_entry_holds_to_the_end_of_its_last_day() {
    let mut baseline = Baseline::of(&findings());
    baseline.entries[0].expires = Some(date(2026, 6, 1));
    assert_eq!(apply(&baseline, &findings()).set_aside(), 4);
    baseline.entries[0].expires = Some(date(2026, 5, 31));
    let applied = apply(&baseline, &findings());
    assert_eq!(applied.aside, [true, true, true, false]);
    assert_eq!(states(&applied), [(1, EntryState::Expired), (3, EntryState::Within)]);
}

#[test]
fn another_stage_or_place_is_not_known() {
    let baseline = Baseline::of(&findings());
    let mut others = findings();
    others[3].stage = Stage::B;
    others[0].pointer = "/request/body/totalPaymentDue/price".to_owned();
    assert_eq!(apply(&baseline, &others).aside, [false, true, true, false]);
}

#[test]
fn writing_anew_keeps_what_people_wrote() {
    let mut older = Baseline::of(&findings());
    older.entries[1].reason = "known".to_owned();
    older.entries[1].expires = Some(date(2026, 6, 30));
    let newer = Baseline::of(&findings()[..1]).in_place_of(&older, |_| true);
    assert_eq!(newer.entries, [BaselineEntry { count: 1, ..older.entries[1].clone() }]);
    let newer = Baseline::of(&findings()[..1]).in_place_of(&older, |rule| rule == "a/price");
    assert_eq!(newer.entries.len(), 2, "what was not asked stays");
}

#[test]
fn what_is_no_baseline_is_said_with_its_place() {
    let good = Baseline::of(&findings()).to_toml();
    let twice = format!("{good}{}", &good[good.find("\n[[known]]").unwrap()..]);
    for (text, at, words) in [
        (good.replace("format_version = 1", "format_version = 2"), "2", "format_version 2"),
        (good.replace("\"C2\"", "\"C9\""), "\"C9\"", "C9"),
        (good.replace("reason = \"\"", "expires = 2026-06-01T00:00:00Z"), "2026-06-01T", "a day such as"),
        (good.replace("count = 3", "cuont = 3"), "cuont", "cuont"),
        (twice, "", "twice"),
        ("{}".to_owned(), "", ""),
    ] {
        let (what, byte) = Baseline::parse(&text).unwrap_err();
        assert!(what.contains(words), "{what}");
        assert!(text[byte..].starts_with(at), "{what} at {:?}", &text[byte..]);
    }
}

#[test]
fn entries_of_renamed_rules_follow() {
    let text = r#"
format_version = 1

[[known]]
rule = "a/old"
stage = "C2"
pointer = "/request/body/x"
count = 2
reason = "old"
expires = 2027-01-31

[[known]]
rule = "a/older"
stage = "C2"
pointer = "/request/body/y"
count = 1

[[known]]
rule = "b/new"
stage = "C2"
pointer = "/request/body/x"
count = 3
reason = "new"
expires = 2026-12-31
"#;
    let mut baseline = Baseline::parse(text).unwrap();
    let renamed = baseline.follow_renames(|id| ["a/old", "a/older"].contains(&id).then_some("b/new"));
    let renamed: Vec<_> = renamed.iter().map(|(old, new)| format!("{old} {new}")).collect();
    assert_eq!(renamed, ["a/old b/new", "a/older b/new"]);
    let entries: Vec<_> = baseline
        .entries()
        .iter()
        .map(|entry| {
            let expires = entry.expires.map(|day| day.to_string()).unwrap_or_default();
            format!("{} {} {} {} {expires}", entry.rule, entry.pointer, entry.count, entry.reason)
        })
        .collect();
    assert_eq!(entries, ["b/new /request/body/x 5 old; new 2026-12-31", "b/new /request/body/y 1  "]);
    assert!(baseline.follow_renames(|_| None).is_empty());
}
