//! The command line: exit statuses, and one clear message for each bad input.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn umpire(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).env_remove("RUST_LOG").output().expect("umpire runs")
}

fn umpire_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG").output().expect("umpire runs")
}

fn report(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

fn findings(report: &serde_json::Value) -> &[serde_json::Value] {
    report["findings"].as_array().expect("findings")
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("umpire ends by itself")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Status 2, nothing on standard output, and a message that names all of `words` without a panic.
#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) {
    let output = umpire(arguments);
    let message = stderr(&output);
    assert_eq!(status(&output), 2, "{arguments:?}: {message}");
    assert_eq!(stdout(&output), "", "{arguments:?}");
    for word in words {
        assert!(message.contains(word), "{arguments:?} should say {word:?}: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, content).expect("a file");
    path.display().to_string()
}

const GOLDEN: &str = "captures/golden.har";
const FAULTY: &str = "captures/faulty.har";

#[test]
fn exit_statuses_of_check() {
    assert_eq!(status(&umpire(&["check", GOLDEN])), 0);
    assert_eq!(status(&umpire(&["check", FAULTY])), 1);
    assert_eq!(status(&umpire(&["check", GOLDEN, FAULTY])), 1);
    assert_eq!(status(&umpire(&["check", FAULTY, "--fail-on", "never"])), 0);
    assert_eq!(status(&umpire(&["check", GOLDEN, "--fail-on", "warning"])), 0);
}

#[test]
fn one_side_alone_can_be_asked_for() {
    let output = umpire(&["check", FAULTY, "--side", "broker", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    assert!(!findings.is_empty());
    assert!(findings.iter().all(|finding| finding["side"] == "broker"));
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
    umpire(&["check", FAULTY, "--write-baseline", &known, "--side", "broker"]);
    umpire(&["check", FAULTY, "--write-baseline", &known, "--side", "booking-system"]);
    let again = fs::read_to_string(&known).expect("the baseline");
    let reasoned = text.replacen("reason = \"\"", "reason = \"the old app\"\nexpires = 2020-02-29", 1);
    assert_eq!(again, reasoned, "counts as found, and what people wrote");

    let broken = file(folder.path(), "broken.toml", "format_version = 1\n[[known]]\nrule = 3\n");
    refused(&["check", FAULTY, "--baseline", &broken], &["broken.toml:3"]);
    refused(&["check", FAULTY, "--write-baseline", &broken], &["broken.toml:3"]);
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
fn bad_recordings_are_named_and_never_green() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = fs::read(GOLDEN).expect("the golden recording");
    let cases: [(&str, Vec<u8>); 6] = [
        ("empty.har", Vec::new()),
        ("text.har", b"hello".to_vec()),
        ("other.har", b"{\"log\": 1}".to_vec()),
        ("none.har", br#"{"log":{"version":"1.2","entries":[]}}"#.to_vec()),
        ("entry.har", br#"{"log":{"version":"1.2","entries":[{"request":{"method":"PUT"}}]}}"#.to_vec()),
        ("cut.har", whole[..whole.len() / 2].to_vec()),
    ];
    for (name, content) in cases {
        let path = file(folder.path(), name, content);
        refused(&["check", &path], &[name]);
        refused(&["view", "--ui", "plain", &path], &[name]);
        let output = folder.path().join("out.db").display().to_string();
        refused(&["capture", "import", &path, "-o", &output], &[name]);
        assert!(!Path::new(&output).exists(), "{name} left a half-written file");
    }
    refused(&["check", "no-such-file.har"], &["no-such-file.har"]);
    refused(&["check", GOLDEN, "no-such-file.har"], &["no-such-file.har"]);
}

#[test]
fn wrong_usage() {
    refused(&["check"], &["FILE"]);
    refused(&["check", "--frmat", "json", GOLDEN], &["--frmat"]);
    refused(&["proxy"], &["--to"]);
    for uri in ["booking.example.com", "ftp://booking.example.com", "https://", "https://booking.example.com/api?x=1"] {
        refused(&["proxy", "--to", uri], &[uri]);
    }
    refused(&["proxy", "--to", "http://127.0.0.1:9/api", "--listen", "nowhere"], &["nowhere"]);
    refused(&["sandbox", "--misbehave", "nonsense"], &["nonsense", "accepts-missing-customer"]);
    refused(&["rules", "explain", "agent-broker/customer"], &["agent-broker/customer-required"]);
}

#[test]
fn a_busy_port_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("x.db").display().to_string();
    let to = "http://127.0.0.1:9/api";
    refused(
        &["proxy", "--to", to, "--listen", &address, "--capture", &capture, "--ui", "plain"],
        &[&address, "--listen"],
    );
    assert!(!Path::new(&capture).exists());
    refused(&["sandbox", "--listen", &address], &[&address, "--listen"]);
}

#[test]
fn a_capture_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let there = file(folder.path(), "there.db", "mine");
    refused(
        &["proxy", "--to", "http://127.0.0.1:9/api", "--listen", "127.0.0.1:0", "--capture", &there],
        &["there.db"],
    );
    refused(&["capture", "import", GOLDEN, "-o", &there], &["there.db"]);
    assert_eq!(fs::read(&there).expect("still there"), b"mine");
}

#[test]
fn a_broken_rule_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let area = folder.path().join("mine");
    fs::create_dir(&area).expect("an area");
    let rule = |when: &str| {
        format!(
            "title = \"t\"\nseverity = \"failure\"\nside = \"broker\"\nscope = \"request\"\nstages = [\"B\"]\nspec = \"https://openactive.io/#x\"\nwhen = '{when}'\nexpect = 'true'\nat = \"/request/body\"\nwhy = \"w\"\nfix = \"f\"\n"
        )
    };
    let rules = folder.path().display().to_string();
    for (text, words) in [
        (rule("request.body.x =="), vec!["broken.toml:7", "when"]),
        (rule("unheard_of(1)"), vec!["broken.toml:7", "unheard_of"]),
        (rule("true").replace("stages", "stagess"), vec!["broken.toml:5", "stagess"]),
        (rule("true").replace("\"B\"", "\"B9\""), vec!["broken.toml:5", "B9"]),
        ("title = ".to_owned(), vec!["broken.toml:1"]),
    ] {
        file(&area, "broken.toml", text);
        refused(&["check", GOLDEN, "--rules", &rules], &words);
        refused(&["rules", "list", "--rules", &rules], &words);
    }
    refused(&["rules", "test", "no-such-folder"], &["no-such-folder"]);
}

#[test]
fn rules_can_be_added_and_overridden() {
    let folder = tempfile::tempdir().expect("a folder");
    let area = folder.path().join("agent-broker");
    fs::create_dir(&area).expect("an area");
    let mine = "title = \"Mine\"\nseverity = \"notice\"\nside = \"broker\"\nscope = \"request\"\nstages = [\"B\"]\nspec = \"https://openactive.io/#x\"\nexpect = 'false'\nat = \"/request/body\"\nmessage = \"mine\"\nwhy = \"w\"\nfix = \"f\"\n";
    file(&area, "customer-required.toml", mine);
    file(&area, "new-one.toml", mine);
    let rules = folder.path().display().to_string();
    let listed = stdout(&umpire(&["rules", "list", "--rules", &rules]));
    assert!(listed.contains("agent-broker/new-one"));
    let report: serde_json::Value =
        serde_json::from_slice(&umpire(&["check", GOLDEN, "--rules", &rules, "--format", "json"]).stdout)
            .expect("JSON");
    let of = |rule: &str| {
        let findings = report["findings"].as_array().expect("findings");
        findings.iter().filter(|finding| finding["rule"] == rule).count()
    };
    assert!(of("agent-broker/new-one") > 0);
    assert_eq!(of("agent-broker/new-one"), of("agent-broker/customer-required"));
}

#[test]
fn nothing_is_said_only_of_what_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let area = folder.path().join("mine");
    fs::create_dir(&area).expect("an area");
    for (name, at) in [("there", "/request/body/broker"), ("absent", "/request/body/nickname")] {
        let rule = format!(
            "title = \"{name}\"\nseverity = \"notice\"\nside = \"broker\"\nscope = \"request\"\nstages = [\"B\"]\nspec = \"https://openactive.io/#x\"\nexpect = 'false'\nat = \"{at}\"\nseen = 'request.body.nickname'\nwhy = \"w\"\nfix = \"f\"\n"
        );
        file(&area, &format!("{name}.toml"), rule);
    }
    let rules = folder.path().display().to_string();
    let found = report(&umpire(&["check", GOLDEN, "--rules", &rules, "--format", "json"]));
    let seen = |rule: &str| {
        let finding = findings(&found).iter().find(|finding| finding["rule"] == rule).expect("a finding");
        finding["seen"].clone()
    };
    assert_eq!((seen("mine/there"), seen("mine/absent")), ("nothing of the kind".into(), "nothing".into()));
}

#[test]
fn the_list_of_rules_as_json() {
    let output = umpire(&["rules", "list", "--format", "json"]);
    let rules: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(rules.len() > 100);
    for rule in &rules {
        for key in ["id", "severity", "side", "scope", "stages", "title", "spec", "feature"] {
            assert!(rule.get(key).is_some(), "{rule} lacks {key}");
        }
    }
    assert_eq!(status(&umpire(&["rules", "test"])), 0);
}

#[test]
fn a_recording_goes_to_a_capture_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (db, har) =
        (folder.path().join("x.db").display().to_string(), folder.path().join("x.har").display().to_string());
    assert_eq!(status(&umpire(&["capture", "import", FAULTY, "-o", &db])), 0);
    assert_eq!(status(&umpire(&["capture", "export", &db, "-o", &har, "--keep-personal-data"])), 0);
    let findings = |file: &str| {
        let report: serde_json::Value =
            serde_json::from_slice(&umpire(&["check", file, "--format", "json"]).stdout).expect("JSON");
        report["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .map(|f| format!("{} {} {} {}", f["exchange"], f["rule"], f["pointer"], f["seen"]))
            .collect::<Vec<_>>()
    };
    let original = findings(FAULTY);
    assert!(!original.is_empty());
    assert_eq!(findings(&db), original);
    assert_eq!(findings(&har), original);
    let viewed = umpire(&["view", &db, "--ui", "plain"]);
    assert_eq!(status(&viewed), 0);
    assert!(stdout(&viewed).contains("agent-broker/customer-required"));
}

#[test]
fn the_demo_runs_once_and_ends_with_a_summary() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("demo.db").display().to_string();
    let output = umpire(&["demo", "--ui", "plain", "--pace", "0", "--capture", &capture]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("agent-broker/missing-customer-error") && text.contains("bookings"), "{text}");
}

#[test]
fn settings_are_found_above_and_change_what_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("a/b");
    fs::create_dir_all(&below).expect("folders");
    fs::copy(FAULTY, below.join("x.har")).expect("the faulty recording");
    let check = ["check", "x.har", "--format", "json"];
    let of = |report: &serde_json::Value, rule: &str| -> Vec<String> {
        let of_rule = findings(report).iter().filter(|finding| finding["rule"] == rule);
        of_rule.map(|finding| finding["severity"].as_str().expect("a severity").to_owned()).collect()
    };
    let plain = report(&umpire_in(&below, &check));
    let (required, refusal) = ("agent-broker/customer-required", "agent-broker/missing-customer-error");
    assert!(of(&plain, required).iter().all(|severity| severity == "failure") && !of(&plain, required).is_empty());
    assert!(!of(&plain, refusal).is_empty());

    file(
        folder.path(),
        "umpire.toml",
        format!("off = ['{refusal}']\n[severity]\nagent-broker = 'failure'\n'{required}' = 'notice'\n"),
    );
    let settled = report(&umpire_in(&below, &check));
    assert_eq!(of(&settled, required), vec!["notice"; of(&plain, required).len()]);
    assert_eq!(of(&settled, refusal), Vec::<String>::new());
    let asked = |report: &serde_json::Value| report["rules"].as_array().expect("rules").len();
    assert_eq!(asked(&settled) + 1, asked(&plain));
    let rest = |report: &serde_json::Value| {
        let rest = findings(report).iter().filter(|finding| finding["rule"] != required && finding["rule"] != refusal);
        let mut rest: Vec<serde_json::Value> = rest.cloned().collect();
        // An index, which shifts where findings are gone.
        for finding in &mut rest {
            finding.as_object_mut().expect("an object").remove("caused_by");
        }
        rest
    };
    assert_eq!(rest(&settled), rest(&plain), "nothing else has changed");
    let viewed = stdout(&umpire_in(&below, &["view", "x.har", "--ui", "plain"]));
    assert!(!viewed.contains(refusal) && viewed.contains(required), "check and view agree");

    assert!(stdout(&umpire_in(&below, &["rules", "list"])).contains(", 1 switched off"));
    assert!(stdout(&umpire_in(&below, &["rules", "explain", refusal])).contains("Switched off"));
    assert!(stdout(&umpire_in(&below, &["rules", "explain", required])).contains("notice"));

    let other = file(folder.path(), "other.toml", "");
    assert_eq!(report(&umpire_in(&below, &["check", "x.har", "--format", "json", "--config", &other])), plain);
}

#[test]
fn folders_of_rules_are_relative_to_the_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let mine = folder.path().join("site/mine");
    let made = umpire_in(folder.path(), &["rules", "new", "customer/telephone-given", "--dir", "site/mine"]);
    assert_eq!(status(&made), 0, "{}", stderr(&made));
    assert!(mine.join("customer/telephone-given.toml").is_file());
    file(&folder.path().join("site"), "umpire.toml", "rules = ['mine']");
    let listed = stdout(&umpire_in(&mine, &["rules", "list"]));
    assert!(listed.contains("customer/telephone-given"));
}

#[test]
fn a_wrong_setting_names_file_line_key_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, words) in [
        (
            "\noff = ['broker/reflekted']",
            vec!["bad.toml:2", "off", "broker/reflekted", "did you mean broker/reflected"],
        ),
        ("[severity]\nbrocker = 'notice'", vec!["bad.toml:2", "severity", "did you mean broker"]),
        ("[severity]\nbroker = 'bad'", vec!["bad.toml:2", "broker", "`notice`"]),
        ("colour = true", vec!["bad.toml:1", "colour", "booking-system"]),
        ("rules = ['nowhere']", vec!["nowhere"]),
    ] {
        let config = file(folder.path(), "bad.toml", text);
        refused(&["check", GOLDEN, "--config", &config], &words);
        refused(&["view", GOLDEN, "--ui", "plain", "--config", &config], &words);
        refused(&["rules", "list", "--config", &config], &words);
        refused(&["proxy", "--to", "http://127.0.0.1:9/api", "--config", &config], &words);
    }
    refused(&["check", GOLDEN, "--config", "no-such.toml"], &["no-such.toml"]);
}

#[test]
fn properly_refused_requests_can_be_muted() {
    let plain = report(&umpire(&["check", FAULTY, "--format", "json"]));
    let muted = report(&umpire(&["check", FAULTY, "--format", "json", "--mute-refused"]));
    assert!(plain["summary"].get("muted").is_none());
    let hidden = muted["summary"]["muted"].as_u64().expect("a number") as usize;
    assert!(hidden > 0);
    assert_eq!(findings(&plain).len(), findings(&muted).len() + hidden);
    let gone: Vec<_> = findings(&plain).iter().filter(|finding| !findings(&muted).contains(finding)).collect();
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
fn a_new_rule_works_as_it_is_and_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = |id: &str| umpire_in(folder.path(), &["rules", "new", id, "--dir", "my-rules"]);
    let made = new("mine/telephone-given");
    assert_eq!(status(&made), 0, "{}", stderr(&made));
    let tested = umpire_in(folder.path(), &["rules", "test", "my-rules"]);
    assert_eq!((status(&tested), stdout(&tested).trim()), (0, "2 examples of 1 rules, 0 not as expected"));

    let path = folder.path().join("my-rules/mine/telephone-given.toml");
    fs::write(&path, fs::read_to_string(&path).expect("the rule").replace("finds = []", "finds = [\"/request/body\"]"))
        .expect("a changed rule");
    let tested = umpire_in(folder.path(), &["rules", "test", "my-rules"]);
    assert_eq!(status(&tested), 1);
    let text = stdout(&tested);
    for words in ["mine/telephone-given: example \"given\"", "expected /request/body", "found    nothing"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }

    let changed = fs::read(&path).expect("the rule");
    let again = new("mine/telephone-given");
    assert_eq!(status(&again), 2);
    assert!(stderr(&again).contains("telephone-given.toml is there already"), "{}", stderr(&again));
    assert_eq!(fs::read(&path).expect("the rule"), changed);
    for id in ["telephone", "Mine/x", "mine/", "/x", "a/b/c", "models/x", "../x", "mine/x.toml"] {
        let output = new(id);
        assert_eq!(status(&output), 2, "{id}");
        assert!(stderr(&output).contains(id), "{id}: {}", stderr(&output));
    }
}

#[test]
fn an_author_needs_no_source_code() {
    let bases = stdout(&umpire(&["rules", "bases"]));
    assert!(bases.lines().any(|name| name == "c2-ok"), "{bases}");
    let base: serde_json::Value = serde_json::from_slice(&umpire(&["rules", "bases", "c2-ok"]).stdout).expect("JSON");
    assert_eq!(base["request"]["method"], "PUT");
    refused(&["rules", "bases", "c2-okay"], &["c2-okay", "umpire rules bases"]);
    let guide = stdout(&umpire(&["rules", "guide"]));
    assert!(guide.contains("[[not_judged]]") && guide.contains("`is(x, \"X\")`"));
}

#[test]
fn explain_says_where_the_test_suite_exercises_a_rule() {
    let page = stdout(&umpire(&["rules", "explain", "agent-broker/customer-required"]));
    for words in [
        "What the broker can do",
        "packages/openactive-integration-tests/test/features/core/agent-broker",
        "npm start -- --runInBand test/features/core/agent-broker/",
    ] {
        assert!(page.contains(words), "{words:?} in {page}");
    }
}

/// A HAR file of another tool holds what was sent; nothing of it may reach the screen or a file of ours.
#[test]
fn secrets_of_a_foreign_recording_are_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let golden = fs::read_to_string(GOLDEN).expect("the golden recording");
    let mut har: serde_json::Value = serde_json::from_str(&golden).expect("JSON");
    let secret = "s3cr3t-that-nobody-may-see";
    for entry in har["log"]["entries"].as_array_mut().expect("entries") {
        let headers = entry["request"]["headers"].as_array_mut().expect("headers");
        headers.retain(|header| !header["name"].as_str().unwrap_or_default().eq_ignore_ascii_case("authorization"));
        headers.push(serde_json::json!({ "name": "Authorization", "value": format!("Bearer {secret}") }));
    }
    let path = file(folder.path(), "foreign.har", har.to_string());
    let db = folder.path().join("foreign.db").display().to_string();
    let exported = folder.path().join("exported.har").display().to_string();
    for arguments in [
        vec!["check", &path, "--format", "json", "--fail-on", "never"],
        vec!["check", &path, "--fail-on", "never"],
        vec!["view", &path, "--ui", "plain"],
        vec!["view", &path, "--ui", "json"],
        vec!["capture", "import", &path, "-o", &db],
        vec!["capture", "export", &path, "-o", &exported],
    ] {
        let output = umpire(&arguments);
        assert_eq!(status(&output), 0, "{arguments:?}: {}", stderr(&output));
        assert!(!stdout(&output).contains(secret) && !stderr(&output).contains(secret), "{arguments:?}");
    }
    for written in [&db, &exported] {
        let bytes = fs::read(written).expect("written");
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{written}");
    }
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
