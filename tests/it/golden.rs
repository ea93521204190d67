//! The verdicts on the recordings of the project, as `captures/verdicts.txt` lists them.
//!
//! `captures/*.har → umpire check --format json → lines → compared with the list`
//!
//! Words of findings may change without anybody noticing here; verdicts may not. A change that is meant is written by
//! `UMPIRE_REWRITE_VERDICTS=1 cargo test --test it golden::`. `scripts/same-verdicts` compares two builds over any folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const LIST: &str = "captures/verdicts.txt";

/// The committed recordings, in order.
fn recordings() -> Vec<PathBuf> {
    let files = fs::read_dir("captures").expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut recordings: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "har")).collect();
    recordings.sort();
    recordings
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A line for each finding, without its words, and one for each rule that had something to say.
fn verdicts(recording: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_umpire")).args(["check", "--format", "json"]).arg(recording).output();
    let report: Value = serde_json::from_slice(&output.expect("umpire runs").stdout).expect("JSON");
    let list = |name: &str| report[name].as_array().expect("a list").clone();
    let mut lines = vec![format!("# {}", recording.display())];
    lines.extend(list("findings").iter().map(|finding| {
        let of = ["exchange", "severity", "side", "rule", "pointer"].map(|key| text(&finding[key]));
        let because = finding.get("because_of").map(|earlier| format!(" because {}", earlier["exchange"]));
        format!("finding {}{}", of.join(" "), because.unwrap_or_default())
    }));
    lines.extend(list("rules").iter().filter_map(|rule| {
        let counts = ["passed", "failed", "not_judged"].map(|key| rule[key].as_u64().expect("a count"));
        let [passed, failed, not_judged] = counts;
        let id = text(&rule["rule"]);
        (counts != [0; 3]).then(|| format!("rule {id}: {passed} passed, {failed} failed, {not_judged} not judged"))
    }));
    lines.join("\n") + "\n"
}

#[test]
fn verdicts_on_the_recordings_are_those_listed() {
    let found: Vec<String> = recordings().iter().map(|recording| verdicts(recording)).collect();
    let found = found.join("\n");
    assert!(found.lines().filter(|line| line.starts_with("finding ")).count() > 100, "the recordings have findings");
    if std::env::var_os("UMPIRE_REWRITE_VERDICTS").is_some() {
        fs::write(LIST, &found).expect("the list can be written");
        return;
    }
    let listed = fs::read_to_string(LIST).expect("the list");
    let lacking = |of: &str, other: &str, sign: char| -> Vec<String> {
        of.lines().filter(|line| !other.lines().any(|one| one == *line)).map(|line| format!("{sign} {line}")).collect()
    };
    let differences = [lacking(&listed, &found, '-'), lacking(&found, &listed, '+')].concat();
    assert!(
        listed == found,
        "the verdicts differ; if they are meant to: UMPIRE_REWRITE_VERDICTS=1 cargo test --test it golden::\n{}",
        differences.join("\n")
    );
}
