//! What is printed: safe for a terminal whatever others wrote, and its loss noticed.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::support::{FAULTY, GOLDEN, file, status, stderr, stdout, umpire, umpire_in};

/// Sets the title, colours, clears the screen, turns what follows around, goes up a line.
const EVIL: &str = "\u{1b}]0;OWNED\u{7}\u{1b}[31m\u{9b}2J\u{202e}\u{2066}\u{7f}\u{1b}[1A";

/// A recording of which every text that others choose holds [`EVIL`]: the program's name, URLs, header fields, bodies.
fn evil_recording(folder: &Path, name: &str) -> String {
    let mut har: Value = serde_json::from_slice(&fs::read(FAULTY).expect("the recording")).expect("JSON");
    har["log"]["creator"]["name"] = format!("x{EVIL}").into();
    har["log"]["creator"]["version"] = format!("1{EVIL}").into();
    har["log"]["_umpire"]["base_uri"] = format!("https://booking.example/{EVIL}").into();
    let in_json = serde_json::to_string(EVIL).expect("JSON");
    let in_json = in_json.trim_matches('"').replace('\u{9b}', "\\u009b");
    for entry in har["log"]["entries"].as_array_mut().expect("entries") {
        let url = entry["request"]["url"].as_str().expect("a URL").to_owned();
        entry["request"]["url"] = format!("{url}?x={EVIL}").into();
        let field = serde_json::json!({ "name": "x-evil", "value": EVIL });
        entry["request"]["headers"].as_array_mut().expect("fields").push(field.clone());
        entry["response"]["headers"].as_array_mut().expect("fields").push(field);
        entry["response"]["statusText"] = EVIL.into();
        for text in ["/request/postData/text", "/response/content/text"] {
            if let Some(Value::String(text)) = entry.pointer_mut(text) {
                *text = text.replace("AgentBroker", &format!("AgentBroker{in_json}")).replace("GBP", &in_json);
            }
        }
    }
    file(folder, name, har.to_string())
}

#[track_caller]
fn harmless(text: &[u8], of: &str) {
    let text = String::from_utf8_lossy(text);
    let obeyed =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if let Some(line) = text.lines().find(|line| line.contains(obeyed)) {
        panic!("{of}: {line:?}");
    }
}

#[test]
fn nothing_that_others_wrote_is_obeyed_by_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = if cfg!(unix) { format!("a{EVIL}.har") } else { "a.har".to_owned() };
    let har = evil_recording(folder.path(), &name);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (db, out, other) = (at("b.db"), at("c.har"), at("d.ndjson"));
    let (parts, report, known) = (at("parts.har"), at("report.json"), at("known.toml"));
    fs::create_dir_all(folder.path().join("rules/customer")).expect("a folder");
    let rule = fs::read_to_string("rules/customer/email-required.toml").expect("a rule");
    let in_toml: Vec<String> = EVIL.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let in_toml = in_toml.concat();
    let rule = rule.replacen("title    = \"", &format!("title    = \"{in_toml}"), 1);
    fs::write(folder.path().join("rules/customer/own.toml"), rule).expect("written");
    let missing = at(&format!("no{EVIL}.har"));
    let cases: &[&[&str]] = &[
        &["check", &har],
        &["check", &har, "--coverage"],
        &["check", &har, "--format", "json"],
        &["check", &har, "--profile-rules"],
        &["check", &har, "--write-baseline", &known],
        &["check", &har, "--baseline", &known],
        &["check", &missing],
        &["check", GOLDEN, "--baseline", &missing],
        &["check", GOLDEN, "--compare", &missing],
        &["check", GOLDEN, "--config", &missing],
        &["check", GOLDEN, "--rules", &missing],
        &["check", GOLDEN, &format!("--{EVIL}")],
        &["check", GOLDEN, "--format", EVIL],
        &[EVIL],
        &["view", &har, "--ui", "plain"],
        &["view", &har, "--ui", "json"],
        &["capture", "info", &har],
        &["capture", "info", &har, "--format", "json"],
        &["capture", "verify", &har],
        &["capture", "verify", &har, "--format", "json"],
        &["capture", "verify", &missing],
        &["capture", "convert", &har, "-o", &db],
        &["capture", "info", &db],
        &["capture", "index", &db],
        &["capture", "search", &db, "owned"],
        &["capture", "search", &har, "owned"],
        &["capture", "search", &har, "owned", "--format", "json"],
        &["capture", "search", &har, "--uuid", EVIL],
        &["capture", "export", &har, "-o", &out, "--keep-personal-data"],
        &["capture", "export", &har, "-o", &out],
        &["capture", "export", &har, "-o", &missing],
        &["capture", "export", &har, "-o", &other],
        &["capture", "merge", &har, &db, "-o", &at(&format!("m{EVIL}.har"))],
        &["capture", "split", &har, "--by-booking", "-o", &parts],
        &["capture", "prune", &har, "--drop", "--path", "orders", "-o", &at("p.har")],
        &["capture", "redact", &har, "--dry-run"],
        &["capture", "bundle", &har, "--booking", EVIL, "-o", &at("b.zip")],
        &["rules", "explain", EVIL],
        &["rules", "bases", EVIL],
        &["rules", "list", "--rules", &at("rules")],
        &["rules", "list", "--rules", &at("rules"), "--format", "json"],
        &["rules", "explain", "customer/own", "--rules", &at("rules")],
        &["rules", "test", &at("rules")],
        &["rules", "new", EVIL, "--dir", &at("new")],
        &["ca", "remove", EVIL],
        &["doctor", "--to", &format!("https://{EVIL}/")],
        &["proxy", "--to", &format!("https://booking.example/{EVIL}")],
        &["sandbox", "--misbehave", EVIL],
    ];
    for arguments in cases {
        let output = umpire_in(Path::new("."), arguments);
        harmless(&output.stdout, &format!("{arguments:?}"));
        harmless(&output.stderr, &format!("{arguments:?}, standard error"));
        if arguments[..] == ["check", &har, "--format", "json"] {
            fs::write(&report, &output.stdout).expect("written");
        }
    }
    for written in [&out, &other, &known] {
        harmless(&fs::read(written).expect(written), written);
    }
    let output = umpire(&["check", GOLDEN, "--compare", &report]);
    harmless(&output.stdout, "check --compare");
}

/// Every command that prints, with files of its own where it writes some.
const PRINTING: [&[&str]; 31] = [
    &["check", FAULTY],
    &["check", FAULTY, "--format", "json"],
    &["check", GOLDEN, "--coverage"],
    &["rules", "list"],
    &["rules", "list", "--format", "json"],
    &["rules", "explain", "agent-broker/customer-required"],
    &["rules", "guide"],
    &["rules", "bases"],
    &["rules", "index"],
    &["rules", "new", "customer/own", "--dir", "{}/rules"],
    &["capture", "info", FAULTY],
    &["capture", "verify", FAULTY, "--format", "json"],
    &["capture", "convert", FAULTY, "-o", "{}/i.db"],
    &["capture", "export", FAULTY, "-o", "{}/e.har"],
    &["capture", "export", FAULTY, "-o", "-"],
    &["capture", "convert", FAULTY, "-o", "-", "--as", "ndjson"],
    &["capture", "prune", FAULTY, "--drop", "--path", "orders", "-o", "-"],
    &["capture", "redact", FAULTY, "-o", "{}/r.har"],
    &["capture", "merge", FAULTY, GOLDEN, "-o", "{}/m.db"],
    &["capture", "split", FAULTY, "--by-booking", "-o", "{}/s.har"],
    &["capture", "prune", FAULTY, "--drop", "--path", "orders", "-o", "{}/p.har"],
    &["capture", "redact", FAULTY, "--dry-run"],
    &["capture", "search", FAULTY, "customer"],
    &["view", FAULTY, "--ui", "plain"],
    &["view", FAULTY, "--ui", "json"],
    &["ca", "show", "--format", "json"],
    &["doctor", "--listen", "127.0.0.1:0"],
    &["sandbox", "--listen", "127.0.0.1:0"],
    &["sandbox", "--misbehave", "list"],
    &["demo", "--ui", "plain", "--script", "golden", "--capture", "{}/d.db"],
    &["--help"],
];

/// Runs a command with this standard output, and standard error too if it is given one.
fn run(arguments: &[&str], stdout: Stdio, stderr: Option<Stdio>) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().display().to_string();
    let arguments = arguments.iter().map(|argument| argument.replace("{}", &place));
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.args(arguments).env_remove("RUST_LOG").env("UMPIRE_HOME", &place);
    command.stdout(stdout).stderr(stderr.unwrap_or_else(Stdio::piped)).output().expect("umpire runs")
}

fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[cfg(unix)]
fn full_disk() -> Stdio {
    File::options().write(true).open("/dev/full").expect("a full disk").into()
}

#[test]
fn a_closed_pipe_ends_every_command_quietly() {
    for arguments in PRINTING {
        let output = run(arguments, closed_pipe(), None);
        assert_eq!(complaints(&output), [""; 0], "{arguments:?}");
        let right =
            if arguments[0] == "doctor" { 0..=1 } else { 0..=i32::from(arguments.starts_with(&["check", FAULTY])) };
        assert!(right.contains(&status(&output)), "{arguments:?}: {}", status(&output));
    }
    // The verdict does not depend on who reads it.
    assert_eq!(status(&run(&["check", FAULTY], closed_pipe(), None)), 1);
    assert_eq!(status(&run(&["capture", "search", FAULTY, "nosuchword"], closed_pipe(), None)), 1);
}

/// The lines on standard error, but for the notice that the end of a run takes a while, as it may on a busy machine.
fn complaints(output: &Output) -> Vec<String> {
    let is_notice = |line: &&str| line.contains("waiting for exchanges under way");
    stderr(output).lines().filter(|line| !is_notice(line)).map(str::to_owned).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_once_and_is_a_failure() {
    for arguments in PRINTING {
        let output = run(arguments, full_disk(), None);
        let said = complaints(&output);
        assert_eq!(status(&output), 2, "{arguments:?}: {said:?}");
        assert!(
            matches!(&said[..], [line] if line.contains("standard output") && line.contains("No space left")),
            "{arguments:?}: {said:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_error_that_can_not_be_written_is_no_panic() {
    for arguments in [
        &["check", "no-such-file.har"][..],
        &["check", FAULTY, "--profile-rules"],
        &["check", "--nonsense"],
        &["capture", "verify", FAULTY, "--save", "{}/x.har"],
    ] {
        for stderr in [closed_pipe, full_disk] {
            let right = if arguments.contains(&"--profile-rules") { 1 } else { 2 };
            let right = if arguments.contains(&"--save") { 0 } else { right };
            assert_eq!(status(&run(arguments, Stdio::piped(), Some(stderr()))), right, "{arguments:?}");
        }
    }
}

#[test]
fn the_reader_of_a_recording_may_leave_early() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.args(["view", FAULTY, "--ui", "json"]).stdout(writer).stderr(Stdio::piped()).env_remove("RUST_LOG");
    let child = command.spawn().expect("umpire runs");
    drop(command);
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(reader));
    assert!(lines.next().expect("a line").expect("text").contains("\"start\""));
    drop(lines);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    assert_eq!(stdout(&output), "");
}

/// The files of a bundle.
fn unzipped(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(File::open(path).expect("the bundle")).expect("a ZIP");
    let count = zip.len();
    let read = |index| {
        let mut file = zip.by_index(index).expect("a file");
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut content).expect("content");
        (file.name().expect("a name").into_owned(), content)
    };
    (0..count).map(read).collect()
}

/// Whoever gets a bundle looks at its files on a terminal, and runs its script.
#[cfg(unix)]
#[test]
fn neither_a_terminal_nor_a_shell_obeys_a_bundle() {
    let folder = tempfile::tempdir().expect("a folder");
    let har = evil_recording(folder.path(), "a.har");
    let commands = "$(touch pwned)`touch pwned`'\"; touch pwned; \\";
    let mut recording: Value = serde_json::from_slice(&fs::read(&har).expect("written")).expect("JSON");
    let mut origins = 0;
    for entry in recording["log"]["entries"].as_array_mut().expect("entries") {
        let url = entry["request"]["url"].as_str().expect("a URL").to_owned();
        let (scheme, rest) = url.split_once("://").expect("absolute");
        let (_, path) = rest.split_once('/').expect("a path");
        entry["request"]["url"] =
            format!("{scheme}://a$(touch${{IFS}}pwned)`touch${{IFS}}pwned`b/{path}{commands}").into();
        origins += 1;
        let field = serde_json::json!({ "name": "x-more", "value": commands });
        entry["request"]["headers"].as_array_mut().expect("fields").push(field);
    }
    assert!(origins > 100);
    fs::write(&har, recording.to_string()).expect("written");
    let refused = stderr(&umpire(&["capture", "bundle", &har, "--booking", "none", "-o", "none.zip"]));
    let uuid = refused.split("it holds ").nth(1).and_then(|list| list.split(',').next()).expect("a booking").trim();
    let bundle = folder.path().join("b.zip");
    let written = umpire(&["capture", "bundle", &har, "--booking", uuid, "-o", &bundle.display().to_string()]);
    assert_eq!(status(&written), 0, "{}", stderr(&written));
    let place = folder.path().join("run");
    fs::create_dir_all(place.join("bin")).expect("a folder");
    for (name, content) in unzipped(&bundle) {
        harmless(&content, &name);
        fs::write(place.join(name), content).expect("written");
    }
    let curl = file(&place, "bin/curl", "#!/bin/sh\nprintf '%s\\n' \"$@\" >> sent\n");
    let executable = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(&curl, executable).expect("it can be run");
    let path = format!("{}:{}", place.join("bin").display(), std::env::var("PATH").expect("a path"));
    let mut script = Command::new("sh");
    script.arg("requests.sh").current_dir(&place).env("PATH", path).envs([("TOKEN", "t"), ("SECRET", "s")]);
    let ran = script.output().expect("a shell");
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    let sent = fs::read_to_string(place.join("sent")).expect("curl was called");
    assert!(sent.contains(&format!("x-evil: {EVIL}\n")) && sent.contains(&format!("x-more: {commands}\n")), "{sent:?}");
    assert!(sent.contains("://a$(touch${IFS}pwned)`touch${IFS}pwned`b/"), "{sent:?}");
    assert!(
        !place.join("pwned").exists(),
        "a shell obeyed: {}",
        fs::read_to_string(place.join("requests.sh")).unwrap()
    );
}
