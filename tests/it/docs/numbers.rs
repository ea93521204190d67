//! Numbers in the documents are those of the program.
//!
//! `document: phrase` and `src: definition` · tables and samples → what the program says

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use umpire::config::Config;
use umpire::proxy::{HeadLimits, Limits};

use super::markdown::{blocks, read, rewrite, root};

/// A phrase of a document, and the definitions in `src/` or `tests/` that make it true. Who changes a definition changes
/// the phrase, and the row.
const DEFINED: [(&str, &str, &[&str]); 56] = [
    ("ARCHITECTURE.md", "| 1 024 exchanges, those on the wire", &["QUEUE: usize = 1_024;"]),
    ("ARCHITECTURE.md", "waits 2 s for room", &["PATIENCE: Duration = Duration::from_secs(2);"]),
    ("ARCHITECTURE.md", "| 256 exchanges with 64 MiB", &["QUEUED: usize = 256;", "QUEUED_BYTES: usize = 64 << 20;"]),
    ("ARCHITECTURE.md", "| 8 192 events", &["EVENTS: usize = 8_192;"]),
    ("ARCHITECTURE.md", "| a decoded body | 64 MiB |", &["MAX_DECODED: usize = 64 * 1024 * 1024;"]),
    ("ARCHITECTURE.md", "| 256 levels, 4 million", &["MAX_DEPTH: usize = 256;", "MAX_NODES: usize = 4_000_000;"]),
    ("ARCHITECTURE.md", "| 2 million per rule,", &["MAX_RULE_STEPS: u32 = 2_000_000;"]),
    ("ARCHITECTURE.md", ", 20 million in all |", &["MAX_EXCHANGE_STEPS: u32 = 20_000_000;"]),
    ("ARCHITECTURE.md", "rules make of one exchange | 64 MiB |", &["MAX_VALUES: usize = 64 << 20;"]),
    ("ARCHITECTURE.md", "| findings on one exchange | 200 per rule |", &["MAX_FINDINGS: usize = 200;"]),
    ("ARCHITECTURE.md", "| 1 000 per rule, 50 000 in all |", &["MOST_FINDINGS: (usize, usize) = (1_000, 50_000);"]),
    ("ARCHITECTURE.md", "in one message | 1 000 |", &["MAX_DEVIATIONS: usize = 1_000;"]),
    ("ARCHITECTURE.md", "| booking flows | 32 MiB in all,", &["MAX_FLOW_BYTES: usize = 32 * 1024 * 1024;"]),
    ("ARCHITECTURE.md", ", 200 exchanges of each |", &["MAX_FLOW_EXCHANGES: usize = 200;"]),
    ("ARCHITECTURE.md", "| open data | 32 MiB |", &["MAX_OPEN_DATA_BYTES: usize = 32 * 1024 * 1024;"]),
    ("ARCHITECTURE.md", "| 64 pages,", &["MAX_FEEDS: usize = 64;"]),
    ("ARCHITECTURE.md", " 64 MiB | further feeds", &["MAX_PAGES_BYTES: usize = 64 * 1024 * 1024;"]),
    (
        "ARCHITECTURE.md",
        "| 10 000 to 100 000 of each kind,",
        &["MAX_NAMES: usize = 10_000;", "MAX_COUNTED: usize = 100_000;"],
    ),
    ("ARCHITECTURE.md", " 1 KiB each |", &["MAX_TEXT: usize = 1_024;"]),
    ("ARCHITECTURE.md", "that are counted | 2 million |", &["MOST: usize = 2_000_000;"]),
    ("ARCHITECTURE.md", "is moved from 16 MiB on", &["LONG: u64 = 16 << 20;"]),
    ("ARCHITECTURE.md", "it grows to 256 MiB", &["longest: 256 << 20 }"]),
    ("captures/README.md", "`-wal` has 16 MiB or little more", &["LONG: u64 = 16 << 20;"]),
    ("captures/README.md", "then up to 256 MiB", &["longest: 256 << 20 }"]),
    ("captures/README.md", "64 exchanges can hold a word", &["BLOCK: u64 = 64;"]),
    ("docs/check-report.md", "those past 200 of one rule", &["MAX_FINDINGS: usize = 200;"]),
    ("docs/check-report.md", "past 1,000 of one rule or 50,000", &["(usize, usize) = (1_000, 50_000);"]),
    ("docs/proxy.md", "in bodies up to 8 MiB", &["MOST: usize = 8 * 1024 * 1024;"]),
    ("docs/proxy.md", "good for two years", &["LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 730);"]),
    (
        "docs/proxy.md",
        "in their last\ntwo weeks",
        &["LAST_DAYS: SignedDuration = SignedDuration::from_hours(24 * 14);"],
    ),
    ("docs/proxy.md", "for thirty days", &["LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 30);"]),
    ("docs/proxy.md", "renewed after fifteen", &["RENEWED: SignedDuration = SignedDuration::from_hours(24 * 15);"]),
    ("docs/proxy.md", "from two days before", &["SKEW: SignedDuration = SignedDuration::from_hours(24 * 2);"]),
    ("docs/wire.md", "a line over 4 KiB", &["MAX_CHUNK_LINE: usize = 4096;"]),
    ("docs/wire.md", "trailers over 16 KiB", &["TRAILERS: HeadLimits = HeadLimits { bytes: 16 * 1024, fields: 64 };"]),
    ("docs/wire.md", " or 64 fields, folded", &["HeadLimits { bytes: 16 * 1024, fields: 64 };"]),
    ("docs/wire.md", "more than 64 interim answers", &["INTERIM: usize = 64;"]),
    ("docs/wire.md", "head over 64 KiB or 128 fields", &["bytes: 64 * 1024, fields: 128 }"]),
    ("docs/wire.md", "gets the body after a second", &["CONTINUE: Duration = Duration::from_secs(1);"]),
    ("docs/wire.md", "A short body (64 KiB)", &["GATHER: usize = 64 * 1024;"]),
    ("docs/wire.md", "within 5 ms", &["BODY_COALESCE_WAIT: Duration = Duration::from_millis(5);"]),
    ("docs/wire.md", "for 30 s at most", &["linger: Duration::from_secs(30),"]),
    ("docs/wire.md", "never longer than 5 s", &["linger_silence: Duration::from_secs(5),"]),
    ("docs/wire.md", "after 250 ms", &["ATTEMPT_DELAY: Duration = Duration::from_millis(250);"]),
    ("docs/wire.md", "share a connection, 100 at a time", &["STREAMS: usize = 100;"]),
    ("docs/wire.md", "a window of 256 KiB", &["WINDOW: u32 = 256 * 1024;"]),
    ("docs/wire.md", "takes back 100 more requests", &["RESETS: u32 = 100;"]),
    ("README.md", "up to 8 MiB", &["MOST: usize = 8 * 1024 * 1024;"]),
    ("SECURITY.md", "for thirty days", &["LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 30);"]),
    ("SECURITY.md", "a cache of at most 256", &["KEPT: usize = 256;"]),
    ("rules/REFERENCE.md", "the last 200 calls", &["MAX_RECENT: usize = 200;"]),
    ("rules/REFERENCE.md", "nor given up since; at most 200", &["MAX_FAILED: usize = 200;"]),
    ("CHANGELOG.md", "lists at most 50 000 findings", &["(usize, usize) = (1_000, 50_000);"]),
    ("CONTRIBUTING.md", "past about 500 lines of code", &["MOST_LINES: usize = 500;"]),
    ("CONTRIBUTING.md", "UMPIRE_KILLS=300", &["\"UMPIRE_KILLS\""]),
    ("CONTRIBUTING.md", "UMPIRE_FUZZ_SECONDS=180", &["\"UMPIRE_FUZZ_SECONDS\""]),
];

/// All Rust sources below a folder, one after the other.
fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("docs/numbers.rs") {
            *into += &fs::read_to_string(&path).expect("a source");
        }
    }
}

#[test]
fn numbers_in_sentences_are_those_of_the_sources() {
    let mut text = String::new();
    sources(&root().join("src"), &mut text);
    sources(&root().join("tests"), &mut text);
    let mut faults = Vec::new();
    for (document, phrase, definitions) in DEFINED {
        if !read(document).contains(phrase) {
            faults.push(format!("{document} no longer says {phrase:?}"));
        }
        let gone = definitions.iter().filter(|definition| !text.contains(**definition));
        faults.extend(gone.map(|gone| format!("{document} says {phrase:?}, and no source has `{gone}` any more")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_limits_in_the_table_are_those_that_hold() {
    let Config { limits, timeouts, .. } = Config::default();
    // How long the rest of a request is drained is no setting.
    let Limits { kept_body, connections, head, answer_head, head_timeout, idle_timeout, stall_timeout, grace, .. } =
        limits;
    let HeadLimits { bytes, fields } = head;
    let hold: BTreeMap<&str, u64> = BTreeMap::from([
        ("kept-body-bytes", kept_body as u64),
        ("connections", connections as u64),
        ("head-bytes", bytes as u64),
        ("head-fields", fields as u64),
        ("answer-head-bytes", answer_head.bytes as u64),
        ("answer-head-fields", answer_head.fields as u64),
        ("head-seconds", head_timeout.as_secs()),
        ("stall-seconds", stall_timeout.as_secs()),
        ("idle-seconds", idle_timeout.as_secs()),
        ("grace-seconds", grace.as_secs()),
        ("connect-seconds", timeouts.connect.as_secs()),
        ("answer-seconds", timeouts.head.as_secs()),
    ]);
    let document = read("docs/configuration.md");
    let rows = document.lines().skip_while(|line| !line.starts_with("| key | default |")).skip(2);
    let told: BTreeMap<&str, u64> = rows
        .map_while(|line| line.strip_prefix("| `"))
        .map(|row| {
            let (key, rest) = row.split_once("` | ").expect("a key");
            (key, rest.split(' ').next().expect("a default").parse().expect("a number"))
        })
        .collect();
    assert_eq!(told, hold);
}

/// The counts in the sample of `--coverage` are those of the project's recording.
#[test]
fn the_counts_of_features_and_rules_are_those_of_today() {
    let arguments = ["check", "captures/faulty.har", "--coverage", "--format", "json"];
    let output = Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).output().expect("umpire runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    let line = |name: &str| {
        let counts = &report["coverage"][name];
        format!("  \"{name}\": {{ \"all\": {}, \"seen\": {} }},\n", counts["all"], counts["seen"])
    };
    let (features, rules) = (line("features"), line("rules"));
    let document = read("docs/check-report.md");
    let (before, rest) = document.split_once("```json\n{\n  \"features\"").expect("the sample");
    let end = rest.find("  \"groups\"").expect("its groups");
    let stands = format!("  \"features\"{}", &rest[..end]);
    let should_be = format!("{features}{rules}");
    let anew = format!("{before}```json\n{{\n{should_be}{}", &rest[end..]);
    rewrite("docs/check-report.md", &stands, &should_be, &anew);
}

#[test]
fn versions_are_those_of_the_package() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).expect("it").parse().expect("TOML");
    let of_package = |name: &str| manifest["package"][name].as_str().expect("a text").to_owned();
    let (version, rust) = (of_package("version"), of_package("rust-version"));
    assert!(read("README.md").contains(&format!("Needs Rust {rust} or later")));
    assert!(read("captures/README.md").contains(&format!("`creator` (`umpire {version}`)")));
    let changes = read("CHANGELOG.md");
    let newest = changes.lines().find_map(|line| line.strip_prefix("## ")).expect("a heading");
    assert!(newest.starts_with(&version), "CHANGELOG.md begins with {newest}, the package is {version}");
}

/// `PRAGMA user_version` and the sample of meta data, as a capture of today has them.
#[test]
fn the_version_of_the_capture_format_is_that_of_a_new_capture() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.db");
    let capture = file.display().to_string();
    let arguments = ["capture", "convert", "captures/golden.har", "-o", &capture];
    assert!(Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).status().expect("umpire runs").success());
    let database = rusqlite::Connection::open(&file).expect("a database");
    let pragma = |name: &str| database.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let (version, application) = (pragma("user_version").expect("it"), pragma("application_id").expect("it"));
    let document = read("captures/README.md");
    let heading = document.lines().find(|line| line.starts_with("## The capture format, version")).expect("a heading");
    assert!(heading.split([' ', ',']).any(|word| word == version.to_string()), "{heading}");
    assert!(document.contains(&format!("`PRAGMA user_version = {version}`")));
    assert!(document.contains(&format!("`PRAGMA application_id = 0x{application:X}`")));
    let tables = "SELECT name FROM pragma_table_info('exchange')";
    let mut statement = database.prepare(tables).expect("the columns");
    let columns = statement.query_map([], |row| row.get::<_, String>(0)).expect("the columns");
    for column in columns.map(|column| column.expect("a name")) {
        let told = [&column, column.trim_start_matches("request"), column.trim_start_matches("response")];
        let is_told =
            told.iter().any(|name| document.contains(&format!("`{name}`")) || document.contains(&format!("`…{name}`")));
        assert!(is_told, "captures/README.md does not name the column {column}");
    }
}

/// The rule in CONTRIBUTING.md works, and the settings in docs/configuration.md load.
#[test]
fn the_rule_and_the_settings_that_are_shown_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let block = |document: &str| {
        let found = blocks(document).into_iter().find(|block| block.language == "toml");
        found.unwrap_or_else(|| panic!("{document} shows none")).text
    };
    fs::create_dir_all(place("our-rules/customer")).expect("a folder");
    fs::write(place("our-rules/customer/email-required.toml"), block("CONTRIBUTING.md")).expect("a rule");
    fs::write(place("umpire.toml"), block("docs/configuration.md")).expect("settings");
    fs::copy(root().join("captures/golden.har"), place("golden.har")).expect("a recording");
    for arguments in
        [["rules", "test", "our-rules"].as_slice(), &["rules", "list"], &["check", "golden.har", "--fail-on", "never"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
        let output = command.args(arguments).current_dir(folder.path()).output().expect("umpire runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_keys_of_filters_are_those_of_the_program() {
    let document = read("docs/filter.md");
    let head = "| key | an exchange matches if | example |\n|---|---|---|\n";
    let (before, rest) = document.split_once(head).expect("the table of keys");
    let end = rest.find("\n## ").expect("what follows the table");
    let row = |(key, asks, example): (&str, &str, &str)| format!("| `{key}` | {asks} | `{key}:{example}` |\n");
    let should_be: String = umpire::filter::keys().map(row).collect();
    let anew = format!("{before}{head}{should_be}{}", &rest[end..]);
    rewrite("docs/filter.md", &rest[..end], &should_be, &anew);
}

/// `rules/REFERENCE.md` is what `umpire rules guide` prints behind the guide.
#[test]
fn the_reference_of_rules_is_made_of_the_tables_of_the_language() {
    let reference = umpire::rules::reference().expect("the reference");
    let stands = std::fs::read_to_string(root().join("rules/REFERENCE.md")).unwrap_or_default();
    rewrite("rules/REFERENCE.md", &stands, &reference, &reference);
}
