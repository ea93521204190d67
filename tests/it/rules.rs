//! The rule book as a whole: every example comes out as its file says, and every rule says what a reader needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use umpire::exchange::Exchange;
use umpire::redact::Redactor;
use umpire::rules::{BookingSystemInfo, Judge, RuleBook, RuleSetting, RuleSources, RuleTally, test_examples};

fn book() -> Arc<RuleBook> {
    Arc::new(RuleBook::built_in().expect("the built-in rules load"))
}

#[test]
fn every_example_comes_out_as_its_file_says() {
    examples_come_out(Ok);
}

/// Rules see what a recording holds: fingerprints in place of secrets. No example is excepted.
#[test]
fn every_example_comes_out_the_same_without_secrets() {
    examples_come_out(|exchanges| {
        let redactor = Redactor::new().expect("a redactor");
        Ok(exchanges.into_iter().map(|exchange| redactor.redact(exchange)).collect())
    });
}

fn examples_come_out(recorded: impl Fn(Vec<Exchange>) -> Result<Vec<Exchange>, String>) {
    let report = test_examples(&book(), None, recorded).expect("the examples can be read");
    let failures: Vec<String> = report
        .failures
        .iter()
        .map(|failure| format!("{}: {:?}\n{}", failure.rule, failure.example, failure.what))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(report.examples >= 2 * report.rules, "{} examples of {} rules", report.examples, report.rules);
}

#[test]
fn every_rule_says_what_a_reader_needs() {
    for rule in book().rules() {
        let info = &rule.info;
        let (area, name) = info.id.split_once('/').expect("an id is area/name");
        assert!(!area.is_empty() && !name.contains('/'), "{}", info.id);
        for (what, text) in [("title", &info.title), ("why", &info.why), ("fix", &info.fix)] {
            assert!(text.len() > 15, "{}: {what} says little: {text:?}", info.id);
        }
        assert!(
            info.spec.starts_with("https://openactive.io/") && info.spec.contains('#'),
            "{}: {}",
            info.id,
            info.spec
        );
    }
}

#[test]
fn titles_are_told_apart() {
    let book = book();
    let titles: BTreeSet<(&str, &str)> =
        book.rules().iter().map(|rule| (rule.info.side.as_str(), rule.info.title.as_str())).collect();
    assert_eq!(titles.len(), book.rules().len(), "two rules of one side have the same title");
}

/// `captures/faulty.findings.json` lists what is to be found in `captures/faulty.har`; `captures/README.md` says how it is
/// made anew.
#[test]
fn the_recordings_of_the_project_have_the_findings_listed_beside_them() {
    let findings = |file: &str| -> serde_json::Value {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_umpire"))
            .args(["check", "--format", "json", file])
            .output()
            .expect("umpire runs");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["findings"].clone()
    };
    let listed = std::fs::read_to_string("captures/faulty.findings.json").expect("the list");
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(findings("captures/faulty.har"), listed["findings"]);
    assert_eq!(findings("captures/golden.har"), serde_json::json!([]));
}

/// `rules/README.md` has every rule. What to do when this fails: `cargo run -- rules index --into rules/README.md`
#[test]
fn the_index_of_the_rules_is_up_to_date() {
    let readme = std::fs::read_to_string("rules/README.md").expect("the README of the rules");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_umpire")).args(["rules", "index"]).output();
    let index = String::from_utf8(output.expect("umpire runs").stdout).expect("text");
    assert!(index.contains("agent-broker/customer-required") && index.contains("## What is not judged"));
    let stands = readme.split_once("<!-- INDEX").and_then(|(_, rest)| rest.split_once("-->\n\n"));
    let stands = stands.and_then(|(_, rest)| rest.split_once("\n<!-- /INDEX -->"));
    let stands = stands.map(|(index, _)| index).expect("the marks of the index");
    let stale = index.lines().find(|line| !stands.lines().any(|stands| stands == *line));
    assert!(
        stands == index,
        "stale, first at {stale:?}; make it anew: cargo run -- rules index --into rules/README.md"
    );
}

#[test]
fn every_feature_is_one_of_the_test_suite() {
    let features = umpire::rules::features().expect("the features");
    assert!(features.all().count() > 50);
    for rule in book().rules() {
        if let Some(feature) = &rule.info.feature {
            assert!(features.get(feature).is_some(), "{}: the test suite has no feature {feature}", rule.info.id);
        }
    }
}

#[test]
fn what_is_not_judged_has_a_reason_and_no_rule() {
    let book = book();
    for missing in umpire::rules::not_judged_here().expect("the list") {
        assert!(book.rule(&missing.id).is_none(), "{} is judged after all", missing.id);
        assert!(missing.because.len() > 20 && !missing.because.ends_with('.'), "{}: {}", missing.id, missing.because);
    }
}

#[test]
fn another_book_keeps_what_was_seen_and_counted() {
    let open = || umpire::capture::open(std::path::Path::new("captures/golden.har")).expect("the recording");
    let exchanges: Vec<_> = open().exchanges.map(|exchange| Arc::new(exchange.expect("an exchange"))).collect();
    let half = exchanges.len() / 2;
    let known = || BookingSystemInfo { base_uri: open().meta.base_uri, ..BookingSystemInfo::default() };
    let tallies = |judge: &Judge| -> BTreeMap<String, RuleTally> {
        judge.tallies().map(|(id, tally)| (id.to_owned(), tally.clone())).collect()
    };
    let mut through = Judge::new(book(), known());
    let mut changing = Judge::new(book(), known());
    for exchange in &exchanges[..half] {
        through.judge(Arc::clone(exchange));
        changing.judge(Arc::clone(exchange));
    }
    let at_half = tallies(&through);
    let off = RuleSetting { of: "headers".into(), severity: None, origin: "here".into() };
    let less = RuleBook::load(&RuleSources { settings: vec![off], ..RuleSources::default() }).expect("the rules load");
    assert!(book().rules().len() > less.rules().len());
    changing.adopt(Arc::new(less));
    assert_eq!(
        tallies(&changing).iter().filter(|(_, t)| t.passed > 0).count(),
        at_half.values().filter(|t| t.passed > 0).count()
    );
    for exchange in &exchanges[half..] {
        through.judge(Arc::clone(exchange));
        changing.judge(Arc::clone(exchange));
    }
    changing.adopt(book());
    let (through, changing) = (tallies(&through), tallies(&changing));
    let is_off = |id: &str| id.starts_with("headers/");
    for (id, tally) in &changing {
        let wanted = if is_off(id) { &at_half[id] } else { &through[id] };
        assert_eq!(tally, wanted, "{id}");
    }
    assert!(at_half.iter().any(|(id, tally)| is_off(id) && *tally != through[id]), "it could have failed");
}

#[test]
fn the_example_of_the_settings_names_rules_that_there_are() {
    let document = std::fs::read_to_string("docs/configuration.md").expect("the document");
    let example = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the example");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("umpire.toml");
    std::fs::write(&file, example).expect("a file");
    let config = umpire::config::Config::read(&file).expect("it can be read");
    let book = RuleBook::load(&RuleSources { folders: Vec::new(), ..config.rules }).expect("every name is known");
    assert!(book.off().len() > 1);
}

/// Longest expression that is read at a glance, in characters, a run of white space counted as one.
const LONGEST: usize = 200;

/// Longest text that may stand twice in the expressions of a file, in characters.
const LONGEST_REPEATED: usize = 80;

/// Expressions that are longer than [`LONGEST`], each with the reason.
const LONG: [(&str, &str, &str); 2] = [
    ("rules/expressions.toml", "is_for_sale(data)", "the five members of open data that say so, one a line"),
    ("rules/expressions.toml", "is_embedded_whole(opportunity)", "one condition for each kind of opportunity"),
];

/// The expressions of a rule file, or of the book, by where they stand.
fn expressions(file: &toml::Table) -> Vec<(String, String)> {
    fn of_table(table: &toml::Table, within: &str, found: &mut Vec<(String, String)>) {
        let mut add = |key: &str, text: &str| {
            found.push((format!("{within}{key}"), text.split_whitespace().collect::<Vec<_>>().join(" ")));
        };
        for (key, value) in table {
            match (key.as_str(), value) {
                ("let", toml::Value::Table(names)) => {
                    for (name, expression) in names {
                        add(name, expression.as_str().expect("an expression"));
                    }
                }
                ("let", toml::Value::Array(entries)) => {
                    for entry in entries {
                        add(entry["name"].as_str().expect("a name"), entry["is"].as_str().expect("an expression"));
                    }
                }
                ("at" | "each", toml::Value::String(text)) if text.starts_with(['/', '.']) => {}
                ("because", toml::Value::String(_)) if within.starts_with("not_judged") => {}
                (
                    "when" | "each" | "expect" | "at" | "seen" | "report_once_per" | "because",
                    toml::Value::String(text),
                ) => {
                    add(key, text);
                }
                ("message" | "expected", toml::Value::String(text)) => {
                    for part in text.split('{').skip(1) {
                        add(key, part.split('}').next().unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    of_table(file, "", &mut found);
    for section in ["check", "not_judged", "downgrade"] {
        for (place, entry) in file.get(section).and_then(toml::Value::as_array).into_iter().flatten().enumerate() {
            of_table(entry.as_table().expect("a table"), &format!("{section} {}: ", place + 1), &mut found);
        }
    }
    found
}

/// A text that stands twice in the expressions of a file, with where it does.
fn repeated_text(expressions: &[(String, String)]) -> Option<String> {
    let mut seen: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (place, (key, text)) in expressions.iter().enumerate() {
        let letters: Vec<char> = text.chars().collect();
        for (start, window) in letters.windows(LONGEST_REPEATED).enumerate() {
            let part: String = window.iter().collect();
            match seen.get(&part) {
                Some((other, at)) if *other != place || start - at >= LONGEST_REPEATED => {
                    return Some(format!("{part:?} in {} and in {key}", expressions[*other].0));
                }
                Some(_) => {}
                None => drop(seen.insert(part, (place, start))),
            }
        }
    }
    None
}

/// What a rule says twice, or what takes a while to read, has a name: `[let]`, see `rules/GUIDE.md`.
#[test]
fn no_rule_repeats_itself_or_takes_long_to_read() {
    let rules = std::fs::read_dir("rules").expect("the folder").map(|entry| entry.expect("an entry").path());
    let folders = rules.filter(|path| path.is_dir() && !path.ends_with("models") && !path.ends_with("examples"));
    let in_folder = |folder: std::path::PathBuf| std::fs::read_dir(folder).expect("a folder");
    let files = folders.flat_map(in_folder).map(|entry| entry.expect("an entry").path());
    let mut faults = Vec::new();
    let mut long: BTreeSet<(String, String)> = BTreeSet::new();
    let mut read = 0;
    for path in files.chain([std::path::PathBuf::from("rules/expressions.toml")]) {
        let file: toml::Table = std::fs::read_to_string(&path).expect("a file").parse().expect("TOML");
        let expressions = expressions(&file);
        read += expressions.len();
        let name = path.display().to_string();
        let is_long = |(_, text): &&(String, String)| text.chars().count() > LONGEST;
        long.extend(expressions.iter().filter(is_long).map(|(key, _)| (name.clone(), key.clone())));
        faults.extend(repeated_text(&expressions).map(|what| format!("{name}: {what}")));
    }
    assert!(read > 2_000, "{read} expressions");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let listed: BTreeSet<(String, String)> =
        LONG.iter().map(|(file, key, _)| ((*file).to_owned(), (*key).to_owned())).collect();
    assert_eq!(long, listed, "expressions of more than {LONGEST} characters");
}
