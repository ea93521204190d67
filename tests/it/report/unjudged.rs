//! What could not be judged is said first, and never looks like a pass.

use super::*;

/// A recording of which hardly anything could be judged: a HAR without bodies.
fn without_bodies() -> CheckReport {
    let verdicts = verdicts(400, 0, &[("the response body was not recorded", 5_600), ("no quote was seen", 55)]);
    let file = FileReport { file: "a.har".into(), exchanges: 90, bookings: 9, ..judged_file() };
    CheckReport { files: vec![FileReport { verdicts: verdicts.clone(), ..file }], verdicts, ..CheckReport::default() }
}

const WITHOUT_BODIES: &str = "400 passed, 5,655 not judged: bodies are missing; save the HAR with content";

#[test]
fn what_could_not_be_judged_does_not_look_green() {
    let report = without_bodies();
    let said = text(&report, Paint::PLAIN);
    assert_eq!(said.lines().next(), Some(WITHOUT_BODIES));
    assert!(said.contains("a.har: 90 exchanges, 9 bookings: no findings in what could be judged"), "{said}");
    assert!(said.contains("5600   the response body was not recorded; save the HAR with content"), "{said}");
    assert!(said.trim_end().ends_with("no findings in what could be judged; 400 passed, 5,655 not judged"), "{said}");
    let coloured = text(&report, Paint { colour: true, width: None });
    assert!(!coloured.contains("\u{1b}[32m"), "nothing is green: {coloured:?}");
    let json = json(&report);
    assert_eq!((&json["summary"]["passed"], &json["summary"]["not_judged"]), (&400.into(), &5_655.into()));
    assert_eq!(json["reasons"][0]["because"], "the response body was not recorded");
    assert_eq!((&json["reasons"][0]["count"], &json["reasons"][1]["count"]), (&5_600.into(), &55.into()));
    assert_eq!(json["reasons"][0]["remedy"], "save the HAR with content");
    assert_eq!(json["reasons"][1].get("remedy"), None);
}

#[test]
fn one_file_of_several_that_could_not_be_judged_is_named_first() {
    let mut report = check_report();
    let [unjudged] = without_bodies().files.try_into().unwrap();
    report.files.push(FileReport { file: "bare.har".into(), ..unjudged });
    let said = text(&report, Paint::PLAIN);
    assert_eq!(said.lines().next(), Some(format!("bare.har: {WITHOUT_BODIES}").as_str()));
    assert!(!text(&check_report(), Paint::PLAIN).lines().next().unwrap().contains("not judged"));
}

#[test]
fn a_recording_without_booking_calls_says_which_paths_it_has() {
    let others = |calls, open_data, others| Recognized {
        calls,
        open_data,
        others,
        paths: vec!["PUT /v1/quotes/…".into(), "GET /".into()],
        ..Recognized::default()
    };
    let of = |recognized: Recognized, counts: VerdictCounts| {
        let file = FileReport { file: "a.har".into(), exchanges: 40, ..judged_file() };
        let file = FileReport { verdicts: counts.clone(), recognized, ..file };
        text(&CheckReport { files: vec![file], verdicts: counts, ..CheckReport::default() }, Paint::PLAIN)
    };
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let said = of(others(0, 0, 40), verdicts(0, 0, &[]));
    assert_eq!(
        first(&said),
        "0 passed, 0 not judged: no call of the booking API among 40 exchanges; seen: PUT /v1/quotes/…, GET /; --base-uri says where the booking API is"
    );
    assert!(said.contains("a.har: 40 exchanges, 0 bookings: nothing could be judged"), "{said}");
    let base = Some("https://booking.example.com/api".to_owned());
    let said = of(Recognized { unmatched_base: base, ..others(0, 0, 40) }, verdicts(0, 0, &[]));
    assert!(first(&said).contains("none of 40 exchanges lies under the Base URI https://booking.example.com/api"));
    // A harvest of open data is judged: what is beside it is said, and alarms nobody.
    let said = of(others(0, 38, 2), verdicts(300, 0, &[]));
    assert!(first(&said).ends_with("no findings"), "{said}");
    assert!(said.contains("no call of the booking API among 40 exchanges"), "{said}");
    let said = of(others(30, 8, 2), verdicts(300, 0, &[]));
    assert!(!said.contains("--base-uri"), "{said}");
}

#[test]
fn a_run_of_which_little_was_judged_says_so_first() {
    let bare = |index| Fake::new(index).not_judged("errors/shape", "the response body was not recorded");
    let events: Vec<Event> = (0..3)
        .map(|index| {
            let fake =
                (0..30).fold(bare(index), |fake, _| fake.not_judged("a/b", "the response body was not recorded"));
            fake.event()
        })
        .collect();
    let said = plain(&events, Paint::PLAIN);
    let summary: Vec<&str> = said.lines().rev().take_while(|line| !line.is_empty()).collect();
    assert_eq!(
        summary.last().copied(),
        Some("63 passed, 93 not judged: bodies are missing; save the HAR with content"),
        "{said}"
    );
    assert!(!said.contains(" ok"), "{said}");
    let lines = json_lines(&events);
    let last = lines.last().unwrap();
    assert_eq!((&last["passed"], &last["not_judged"]), (&63.into(), &93.into()));
    assert_eq!(last["reasons"][0]["count"], 93);
}
