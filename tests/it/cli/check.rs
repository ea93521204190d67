//! `umpire check`: what is judged, what of it is told, and what is set aside.

use std::fs;

use super::support::{FAULTY, GOLDEN, file, findings, refused, report, status, stderr, stdout, umpire};

#[test]
fn one_side_alone_can_be_asked_for() {
    let output = umpire(&["check", FAULTY, "--side", "broker", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    assert!(!findings.is_empty());
    assert!(findings.iter().all(|finding| finding["side"] == "broker"));
}

#[test]
fn a_filter_chooses_findings() {
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&umpire(&[&["check", FAULTY, "--format", "json"], arguments].concat()).stdout)
            .expect("JSON")
    };
    let all = json(&[]);
    let filtered = json(&["--filter", "side:system sev:failure stage:B"]);
    let (all, chosen) = (all["findings"].as_array().unwrap(), filtered["findings"].as_array().unwrap());
    let wanted = all.iter().filter(|finding| {
        finding["side"] == "booking-system" && finding["severity"] == "failure" && finding["stage"] == "B"
    });
    let places = |finding: &serde_json::Value| (finding["exchange"].clone(), finding["rule"].clone());
    assert!(!chosen.is_empty());
    assert_eq!(chosen.iter().map(places).collect::<Vec<_>>(), wanted.map(places).collect::<Vec<_>>());
    let filter = &filtered["summary"]["filter"];
    assert_eq!(filter["filter"], "side:system sev:failure stage:B");
    assert_eq!(filter["hidden"], all.len() - chosen.len());
    // What is counted, and what the status says, is what is listed.
    assert_eq!(filtered["summary"]["failure"], chosen.len());
    let none = umpire(&["check", FAULTY, "--filter", "no:99999"]);
    assert_eq!(status(&none), 0);
    assert!(stdout(&none).contains("filter \"no:99999\": 0 exchanges matched"), "{}", stdout(&none));
    assert!(!stdout(&none).contains("no findings\n"), "{}", stdout(&none));
    // In two files, numbers are those of each.
    let two = umpire(&["check", GOLDEN, FAULTY, "--as-one", "--filter", "no:1", "--format", "json"]);
    let two: serde_json::Value = serde_json::from_slice(&two.stdout).expect("JSON");
    assert_eq!(two["summary"]["filter"]["exchanges"], 2);
}

#[test]
fn the_same_input_gives_the_same_output() {
    for format in ["text", "json"] {
        let once = umpire(&["check", FAULTY, "--format", format]);
        assert_eq!(stdout(&once), stdout(&umpire(&["check", FAULTY, "--format", format])));
    }
}

#[test]
fn known_findings_are_set_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let known = folder.path().join("known.toml").display().to_string();
    let json = |arguments: &[&str]| -> serde_json::Value {
        let output = umpire(&[&["check", FAULTY, "--format", "json"], arguments].concat());
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let all = json(&[])["findings"].as_array().expect("findings").len();
    let written = umpire(&["check", FAULTY, "--write-baseline", &known]);
    assert_eq!(status(&written), 0, "{}", stderr(&written));
    assert!(stdout(&written).contains(&format!("{all} known findings set aside")), "{}", stdout(&written));

    let with = json(&["--baseline", &known]);
    assert_eq!((&with["findings"], &with["summary"]["failure"]), (&serde_json::json!([]), &0.into()));
    assert_eq!(with["baseline"]["set_aside"], all);
    assert_eq!(status(&umpire(&["check", FAULTY, "--baseline", &known, "--fail-on", "warning"])), 0);
    let golden = stdout(&umpire(&["check", GOLDEN, "--baseline", &known]));
    assert!(golden.contains("0 known findings set aside") && golden.contains("stale"), "{golden}");

    // People write a reason; one entry is known once less often, and another has expired.
    let text = fs::read_to_string(&known).expect("the baseline");
    let changed = text
        .replacen("reason = \"\"", "reason = \"the old app\"\nexpires = 2020-02-29", 1)
        .replace("count = 2\n", "count = 1\n");
    fs::write(&known, &changed).expect("the baseline");
    let beyond = umpire(&["check", FAULTY, "--baseline", &known]);
    assert_eq!(status(&beyond), 1);
    let said = stdout(&beyond);
    for words in ["beyond", "2 found, 1 known", "expired", "after 2020-02-29", "(the old app)"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // Entries of rules that were not asked are neither stale nor lost.
    let broker = umpire(&["check", FAULTY, "--baseline", &known, "--side", "broker"]);
    assert!(!stdout(&broker).contains("stale"), "{}", stdout(&broker));
    umpire(&["check", FAULTY, "--write-baseline", &known, "--force", "--side", "broker"]);
    umpire(&["check", FAULTY, "--write-baseline", &known, "--force", "--side", "booking-system"]);
    let again = fs::read_to_string(&known).expect("the baseline");
    let reasoned = text.replacen("reason = \"\"", "reason = \"the old app\"\nexpires = 2020-02-29", 1);
    assert_eq!(again, reasoned, "counts as found, and what people wrote");

    let broken = file(folder.path(), "broken.toml", "format_version = 1\n[[known]]\nrule = 3\n");
    refused(&["check", FAULTY, "--baseline", &broken], &["broken.toml:3"]);
    refused(&["check", FAULTY, "--write-baseline", &broken], &["broken.toml", "--force"]);
    refused(&["check", FAULTY, "--write-baseline", &broken, "--force"], &["broken.toml:3"]);
    refused(&["check", FAULTY, "--baseline", "no-such.toml"], &["no-such.toml", "--write-baseline"]);
}

#[test]
fn what_judging_costs_is_said_apart_from_the_report() {
    let plain = umpire(&["check", GOLDEN, FAULTY, "--format", "json"]);
    let profiled = umpire(&["check", GOLDEN, FAULTY, "--format", "json", "--profile-rules"]);
    assert_eq!(stdout(&profiled), stdout(&plain), "the report doesn't depend on the clock");
    assert_eq!(status(&profiled), status(&plain));
    let table = stderr(&profiled);
    for words in ["microseconds per exchange", "\n  reading ", "\n  request ", "\n  flow ", "cost most"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let listed = table.lines().skip_while(|line| !line.contains("longest")).skip(1);
    // On a busy machine a rule may be called slow, too.
    assert_eq!(listed.filter(|line| line.contains('/') && !line.starts_with("umpire: ")).count(), 10, "{table}");
}

#[test]
fn only_what_changed_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = |of: &str| {
        let output = umpire(&["check", of, "--format", "json"]);
        file(folder.path(), &format!("{}.json", of.replace('/', "-")), output.stdout)
    };
    let (golden, faulty) = (report(GOLDEN), report(FAULTY));
    let same = umpire(&["check", FAULTY, "--compare", &faulty]);
    assert_eq!((status(&same), stdout(&same).as_str()), (0, "nothing has changed\n"), "known failures don't count");
    let worse = umpire(&["check", FAULTY, "--compare", &golden]);
    assert_eq!(status(&worse), 1);
    assert!(stdout(&worse).contains("new findings, 0 gone findings"), "{}", stdout(&worse));
    let better = umpire(&["check", GOLDEN, "--compare", &faulty, "--side", "broker", "--format", "json"]);
    let changes: serde_json::Value = serde_json::from_slice(&better.stdout).expect("JSON");
    let gone = changes["gone"].as_array().expect("gone findings");
    assert!(!gone.is_empty() && gone.iter().all(|finding| finding["side"] == "broker"));
    assert_eq!((status(&better), &changes["new"]), (0, &serde_json::json!([])));
    let broken = file(folder.path(), "broken.json", "{}");
    refused(&["check", FAULTY, "--compare", &broken], &["broken.json", "report"]);
    refused(&["check", FAULTY, "--compare", "no-such.json"], &["no-such.json"]);
}

#[test]
fn properly_refused_requests_can_be_muted() {
    let plain = report(&umpire(&["check", FAULTY, "--format", "json"]));
    let muted = report(&umpire(&["check", FAULTY, "--format", "json", "--mute-refused"]));
    assert!(plain["summary"].get("muted").is_none());
    let hidden = muted["summary"]["muted"].as_u64().expect("a number") as usize;
    assert!(hidden > 0);
    assert_eq!(findings(&plain).len(), findings(&muted).len() + hidden);
    // `caused_by` is an index, which shifts where findings are gone.
    let told = |report: &serde_json::Value| -> Vec<serde_json::Value> {
        let mut findings = findings(report).to_vec();
        for finding in &mut findings {
            finding.as_object_mut().expect("an object").remove("caused_by");
        }
        findings
    };
    let left = told(&muted);
    let gone: Vec<_> = told(&plain).into_iter().filter(|finding| !left.contains(finding)).collect();
    assert_eq!(gone.len(), hidden);
    assert!(gone.iter().all(|finding| finding["side"] == "broker"));
    assert!(gone.iter().any(|finding| finding["rule"] == "agent-broker/customer-required"));
    // A request without a customer that was accepted is still the broker's fault.
    let accepted = findings(&muted).iter().filter(|f| f["rule"] == "agent-broker/missing-customer-error");
    let accepted: Vec<_> = accepted.map(|finding| &finding["exchange"]).collect();
    assert!(!accepted.is_empty());
    for exchange in accepted {
        let broker =
            |f: &&serde_json::Value| f["rule"] == "agent-broker/customer-required" && f["exchange"] == *exchange;
        assert!(findings(&muted).iter().any(|finding| broker(&finding)));
    }
    // The verdicts themselves stay.
    assert_eq!(plain["rules"], muted["rules"]);
    assert!(stdout(&umpire(&["check", FAULTY, "--mute-refused"])).contains(&format!("{hidden} findings on properly")));
    assert!(
        stdout(&umpire(&["view", FAULTY, "--ui", "plain", "--mute-refused"])).contains("refused as it should be, ")
    );
    assert_eq!(status(&umpire(&["check", GOLDEN, "--mute-refused"])), 0);
}

#[test]
fn isolation_lets_rules_on_capacity_judge() {
    let judged = |extra: &[&str]| {
        let arguments: Vec<&str> = ["check", GOLDEN, "--format", "json"].iter().chain(extra).copied().collect();
        let report = report(&umpire(&arguments));
        let rules = report["rules"].as_array().expect("rules").clone();
        let rule =
            rules.into_iter().find(|rule| rule["rule"] == "opportunity/quote-capacity-current").expect("the rule");
        rule["passed"].as_u64().expect("a number") + rule["failed"].as_u64().expect("a number")
    };
    assert_eq!(judged(&[]), 0);
    assert!(judged(&["--isolated"]) > 0);
}

#[test]
fn a_long_list_of_findings_is_cut_and_counted() {
    const CALLS: usize = 1_005;
    const RULE: &str = "agent-broker/customer-required";
    let folder = tempfile::tempdir().expect("a folder");
    let mut har: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(FAULTY).expect("a recording")).expect("JSON");
    let entries = har["log"]["entries"].as_array_mut().expect("entries");
    *entries = vec![entries[10].clone(); CALLS];
    let many = file(folder.path(), "many.har", har.to_string());
    let told = |arguments: &[&str]| {
        let output = umpire(arguments);
        let report = report(&output);
        let listed = findings(&report).iter().filter(|finding| finding["rule"] == RULE).count();
        let tally = report["rules"].as_array().expect("rules").iter().find(|rule| rule["rule"] == RULE).cloned();
        (listed, tally.expect("a tally")["failed"].as_u64().expect("a count") as usize, report["summary"].clone())
    };
    let (listed, failed, summary) = told(&["check", &many, "--format", "json"]);
    assert_eq!((listed, failed), (1_000, CALLS));
    assert!(summary["failure"].as_u64().is_some_and(|count| count >= CALLS as u64), "{summary}");
    assert!(summary["left_out"]["findings"].as_u64().is_some_and(|count| count >= 5), "{summary}");
    // Held against known ones, each counts.
    let known = folder.path().join("known.toml").display().to_string();
    assert_eq!(told(&["check", &many, "--format", "json", "--write-baseline", &known]).2["failure"], 0);
}
