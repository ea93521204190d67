//! The golden recording, and others made of it, sent again to the sandbox and to servers made here.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use umpire::capture;

use super::support::{GOLDEN, exchanges, folder, text, umpire};

/// The booking of the golden recording that is cancelled, and in the Orders feed.
const CANCELLED: &str = "60fb92e9-5032-5ce2-a916-535c328ce4a3";

/// The credentials that the tests give.
const SECRET: &str = "Bearer known-to-nobody-else";

/// The embedded booking system in a process of its own.
pub struct SandboxProcess {
    child: Child,
    pub base_uri: String,
}

impl SandboxProcess {
    pub fn start(misbehave: &str) -> Self {
        let mut command = umpire();
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--misbehave", misbehave]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let base_uri = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, base_uri }
    }
}

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

pub fn resend(file: &str, to: &str, capture: &Path) -> Command {
    let mut command = umpire();
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command.args(["resend", file, "--to", to, "--format", "json", "--capture", text(capture)]);
    command
}

/// The report that a run printed.
#[track_caller]
fn report(output: &Output, status: i32) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn with_secret(command: &mut Command) -> Output {
    command.env("UMPIRE_AUTHORIZATION", SECRET).output().unwrap()
}

#[test]
fn the_golden_recording_comes_to_the_same_three_times_on_one_sandbox() {
    let (sandbox, folder) = (SandboxProcess::start(""), folder());
    for run in 1..=3 {
        let capture = folder.path().join(format!("{run}.db"));
        let report = report(&with_secret(&mut resend(GOLDEN, &sandbox.base_uri, &capture)), 0);
        let diff = &report["diff"];
        assert_eq!(
            (&report["sent"], &diff["paired"], &diff["same"]),
            (&json!(36), &json!(36), &json!(36)),
            "run {run}: {diff}"
        );
        assert_eq!((&diff["verdicts"], &diff["classes"]["other"]), (&json!([]), &Value::Null), "run {run}");
        assert_eq!(report["left_booked"].as_array().unwrap().len(), 6);
        // What was given is nowhere in what was recorded.
        let recorded = std::fs::read(&capture).unwrap();
        let hay = String::from_utf8_lossy(&recorded);
        assert!(!hay.contains("known-to-nobody-else"), "credentials were stored");
        let sent: Vec<_> = capture::open(&capture).unwrap().exchanges.map(Result::unwrap).collect();
        let uuid = |exchange: &umpire::exchange::Exchange| exchange.path().rsplit('/').next().unwrap().to_owned();
        assert_ne!(uuid(&sent[5]), "05b4474e-feb1-54ee-9688-8c5f9a2d19ef");
    }
}

#[test]
fn what_a_booking_system_does_wrong_in_its_answers_is_a_changed_verdict() {
    for (misbehaviour, rule) in [
        ("wrong-total", "price/total-sum-gross"),
        ("customer-in-c1", "customer/absent-in-c1-response"),
        ("leaks-customer-in-feed", "customer/unknown-to-broker-feed"),
    ] {
        let (sandbox, folder) = (SandboxProcess::start(misbehaviour), folder());
        let report = report(&with_secret(&mut resend(GOLDEN, &sandbox.base_uri, &folder.path().join("a.db"))), 1);
        let changes = report["diff"]["verdicts"].as_array().unwrap();
        assert!(
            changes.iter().any(|change| change["rule"] == rule && change["change"] == "new"),
            "{misbehaviour}: {changes:?}"
        );
    }
}

#[test]
fn totals_of_another_price_list_are_carried_on() {
    // Everything costs 1.00 more than recorded: B has to name the total of the present C2.
    let (sandbox, folder) = (SandboxProcess::start("wrong-total"), folder());
    let capture = folder.path().join("a.db");
    report(&with_secret(&mut resend(GOLDEN, &sandbox.base_uri, &capture)), 1);
    let sent: Vec<_> = capture::open(&capture).unwrap().exchanges.map(Result::unwrap).collect();
    let asked: Value = serde_json::from_slice(&sent[7].request.body.bytes).unwrap();
    assert_eq!(asked["totalPaymentDue"]["price"], json!(12.7), "recorded was 11.7");
}

#[test]
fn a_dry_run_says_what_it_would_send_and_sends_nothing() {
    let folder = folder();
    let capture = folder.path().join("a.db");
    // Nobody listens there.
    let mut command = resend(GOLDEN, "http://127.0.0.1:9/elsewhere", &capture);
    let output = with_secret(command.arg("--dry-run"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(said.lines().filter(|line| line.contains("http://127.0.0.1:9/")).count(), 36, "{said}");
    assert!(
        said.contains("PUT http://127.0.0.1:9/elsewhere/order-quotes/") && said.contains("36 requests for 9 bookings"),
        "{said}"
    );
    assert!(!said.contains("05b4474e") && !said.contains("known-to-nobody-else"), "{said}");
    assert!(!capture.exists());
}

#[test]
fn without_credentials_what_needs_them_is_left_out() {
    let (sandbox, folder) = (SandboxProcess::start(""), folder());
    let report = report(&resend(GOLDEN, &sandbox.base_uri, &folder.path().join("a.db")).output().unwrap(), 0);
    // Open data is given to everybody.
    assert_eq!((&report["sent"], report["left_out"].as_array().unwrap().len()), (&json!(5), 11));
    assert!(report["left_out"][0]["why"].as_str().unwrap().contains("header field authorization"), "{report}");
}

#[test]
fn other_machines_are_asked_about_and_bookings_are_few() {
    let folder = folder();
    let capture = folder.path().join("a.db");
    let output = with_secret(&mut resend(GOLDEN, "https://booking.example.com/api", &capture));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("36 requests for 9 bookings would go to https://booking.example.com/api")
            && said.contains("--yes"),
        "{said}"
    );
    assert!(!capture.exists());
    let output =
        with_secret(resend(GOLDEN, "http://127.0.0.1:9/", &capture).args(["--dry-run", "--max-bookings", "2"]));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.matches("--max-bookings").count(), 7, "{said}");
}

#[test]
fn bookings_are_chosen_by_uuid_stage_and_rule() {
    let folder = folder();
    let run = |file: &str, arguments: &[&str]| {
        let mut command = resend(file, "http://127.0.0.1:9/api", &folder.path().join("a.db"));
        let output = with_secret(command.arg("--dry-run").args(arguments));
        let said = String::from_utf8(output.stdout).unwrap();
        let numbers: Vec<u64> = said.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
        (output.status.code(), numbers)
    };
    // The last number is the count. The Orders feed tells of the second booking.
    assert_eq!(run(GOLDEN, &["--booking", "05B4474E"]), (Some(0), vec![6, 7, 8, 3]));
    assert_eq!(run(GOLDEN, &["--booking", "60fb92e9"]).1, [23, 24, 25, 26, 27, 5]);
    assert_eq!(run(GOLDEN, &["--booking", "f9ad7d8d", "--stage", "C2"]).1, [9, 10, 2]);
    assert_eq!(run(GOLDEN, &["--stage", "order-cancel"]).1, [23, 24, 25, 26, 4]);
    assert_eq!(run(GOLDEN, &["--stage", "dataset-site"]).1, [1, 1]);
    assert_eq!(run(GOLDEN, &["--booking", "00000000"]).0, Some(2));
    assert_eq!(run(GOLDEN, &["--stage", "C3"]).0, Some(2));
    let (status, numbers) = run("captures/faulty.har", &["--rule", "agent-broker/missing-customer-error"]);
    assert_eq!(status, Some(0));
    assert!(numbers.len() > 3 && !numbers.contains(&6), "{numbers:?}");
}

#[test]
fn a_recording_without_its_personal_data_asks_for_them() {
    let (sandbox, folder) = (SandboxProcess::start(""), folder());
    let redacted = folder.path().join("redacted.har");
    let output = umpire()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["capture", "redact", GOLDEN, "-o", text(&redacted)])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let asked = ["--booking", "05b4474e", "--stage", "C2"];
    let output = with_secret(resend(text(&redacted), &sandbox.base_uri, &folder.path().join("a.db")).args(asked));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--value '/customer/email=…'") && said.contains("/customer/givenName"), "{said}");
    let capture = folder.path().join("b.db");
    let values = ["email=ann@post.example", "givenName=Ann", "familyName=Lee", "telephone=1", "identifier=2"];
    let values = values.iter().flat_map(|value| ["--value".to_owned(), format!("/customer/{value}")]);
    let values = values.chain(["--value".to_owned(), "/payment/accountId=A".to_owned()]);
    let output = with_secret(resend(text(&redacted), &sandbox.base_uri, &capture).args(asked).args(values));
    assert_eq!(report(&output, 0)["sent"], json!(2));
    let sent: Vec<_> = capture::open(&capture).unwrap().exchanges.map(Result::unwrap).collect();
    let asked: Value = serde_json::from_slice(&sent[1].request.body.bytes).unwrap();
    assert_eq!(asked["customer"]["email"], json!("ann@post.example"));
    let customer = asked["customer"].as_object().unwrap();
    assert_eq!(customer.len(), 6, "{customer:?}");
}

#[test]
fn what_was_booked_is_taken_back_with_tidy() {
    let (sandbox, folder) = (SandboxProcess::start(""), folder());
    let capture = folder.path().join("a.db");
    let report = report(&with_secret(resend(GOLDEN, &sandbox.base_uri, &capture).arg("--tidy")), 0);
    assert_eq!((&report["left_booked"], &report["sent"]), (&json!([]), &json!(36)));
    let sent: Vec<_> = capture::open(&capture).unwrap().exchanges.map(Result::unwrap).collect();
    assert!(sent.len() >= 36 + 6, "{}", sent.len());
    let last = sent.last().unwrap();
    assert!(matches!(&*last.request.method, "PATCH" | "DELETE"), "{}", last.request.method);
    assert!(last.response.as_ref().is_some_and(|response| response.status == 204));
}

#[test]
fn a_run_that_is_interrupted_says_what_is_left_booked() {
    let (sandbox, folder) = (SandboxProcess::start(""), folder());
    let mut command = resend(GOLDEN, &sandbox.base_uri, &folder.path().join("a.db"));
    command.env("UMPIRE_AUTHORIZATION", SECRET).args(["--rate", "4"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(", B, ") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    // Both at a time: either may be more than a pipe holds.
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        rest
    });
    let report = report(&child.wait_with_output().unwrap(), 1);
    said.push_str(&rest.join().unwrap());
    assert_eq!(report["stopped"], json!(true));
    assert!(report["sent"].as_u64().unwrap() < 36 && said.contains("stopping"), "{said}");
    assert!(!report["left_booked"].as_array().unwrap().is_empty(), "{report}");
}

/// Reads a request to its end; gives its first line.
fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    first
}

/// A booking system that answers what it is told, one request for each.
fn answers(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<(Instant, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_uri = format!("http://{}/api", listener.local_addr().unwrap());
    let serve = move || {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let first = read_request(&stream);
            seen.push((Instant::now(), first.trim().to_owned()));
            stream.write_all(answer.as_bytes()).unwrap();
        }
        seen
    };
    (base_uri, std::thread::spawn(serve))
}

fn answer(status: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{fields}\r\n{body}"
    )
}

#[test]
fn it_waits_as_long_as_retry_after_says_and_sends_the_same_again() {
    let (base_uri, server) =
        answers(vec![answer("429 Too Many Requests", "Retry-After: 1\r\n", "{}"), answer("200 OK", "", "{}")]);
    let folder = folder();
    let mut command = resend(GOLDEN, &base_uri, &folder.path().join("a.db"));
    let report = report(&with_secret(command.args(["--booking", "05b4474e", "--stage", "C1"])), 1);
    let seen = server.join().unwrap();
    assert_eq!(report["sent"], json!(1));
    assert_eq!(seen[0].1, seen[1].1, "the same UUID");
    assert!(seen[1].0 - seen[0].0 >= Duration::from_secs(1), "{seen:?}");
    assert_eq!(report["diff"]["paired"], json!(1));
}

#[test]
fn feeds_are_asked_until_they_tell_what_the_recorded_ones_told() {
    // A booking that is in the feed as it was recorded on the third page only: behind one of somebody else, and behind itself
    // before it was cancelled.
    let folder = folder();
    let recorded: Vec<_> = exchanges(GOLDEN).into_iter().enumerate().filter(|(at, _)| matches!(at, 22..=26)).collect();
    let file = folder.path().join("recorded.db");
    let meta = capture::Meta::new(Some("https://sandbox.example/api/openbooking"), recorded[0].1.started);
    let mut writer = capture::CaptureWriter::create(&file, &meta).unwrap();
    for (_, exchange) in &recorded {
        writer.append(exchange).unwrap();
    }
    writer.finish().unwrap();
    let page = &recorded[4].1.response.as_ref().unwrap().body.bytes;
    let page: Value = serde_json::from_slice(page).unwrap();
    let item = page["items"][0].to_string();
    assert!(item.contains("CustomerCancelled"), "{item}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_uri = format!("http://{}/api/openbooking", listener.local_addr().unwrap());
    let serve = move || {
        let (mut uuid, mut pages, mut targets) = (String::new(), 0, Vec::new());
        while pages < 3 {
            let (mut stream, _) = listener.accept().unwrap();
            let first = read_request(&stream);
            let target = first.split(' ').nth(1).unwrap().to_owned();
            let body = if target.contains("orders-rpde") {
                pages += 1;
                targets.push(target);
                let item = match pages {
                    1 => r#"{"id":"somebody","modified":1,"state":"updated"}"#.to_owned(),
                    2 => item.replace(CANCELLED, &uuid).replace("CustomerCancelled", "OrderItemConfirmed"),
                    _ => item.replace(CANCELLED, &uuid),
                };
                format!(r#"{{"next":"/api/openbooking/orders-rpde?afterChangeNumber={pages}","items":[{item}]}}"#)
            } else {
                uuid = target.rsplit('/').next().unwrap().to_owned();
                "{}".to_owned()
            };
            stream.write_all(answer("200 OK", "", &body).as_bytes()).unwrap();
        }
        targets
    };
    let server = std::thread::spawn(serve);
    let output = with_secret(&mut resend(text(&file), &base_uri, &folder.path().join("a.db")));
    assert_eq!(report(&output, 1)["notes"], json!([]));
    let targets = server.join().unwrap();
    let cursors: Vec<_> = targets.iter().map(|target| target.rsplit(['?', '/']).next().unwrap()).collect();
    assert_eq!(cursors, ["orders-rpde", "afterChangeNumber=1", "afterChangeNumber=2"]);
}

#[test]
fn a_booking_system_that_is_not_there_is_said_and_nothing_more_is_tried() {
    let folder = folder();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = resend(GOLDEN, &format!("http://{free}/api"), &folder.path().join("a.db"));
    let output = with_secret(&mut command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("can't be reached"), "{said}");
}

#[test]
fn what_was_done_is_reported_also_where_the_booking_system_goes_away() {
    let gone = answers((0..3).map(|_| answer("200 OK", "", "{}")).collect());
    let folder = folder();
    let output = with_secret(&mut resend(GOLDEN, &gone.0, &folder.path().join("a.db")));
    let report = report(&output, 2);
    gone.1.join().unwrap();
    assert_eq!((&report["stopped"], &report["planned"]), (&json!(true), &json!(36)));
    assert!(report["sent"].as_u64().unwrap() >= 3 && report["diff"]["paired"].as_u64().unwrap() >= 3, "{report}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("can't be reached"));
}

#[test]
fn a_second_interruption_ends_it_at_once() {
    // It takes the request and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_uri = format!("http://{}/api", listener.local_addr().unwrap());
    let folder = folder();
    let mut command = resend(GOLDEN, &base_uri, &folder.path().join("a.db"));
    command.env("UMPIRE_AUTHORIZATION", SECRET).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_exact(&mut [0]).unwrap();
    let pid = child.id().to_string();
    let interrupt = || assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    interrupt();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("stopping") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    interrupt();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{said}");
    assert!(said.contains("ended before the request under way was answered"), "{said}");
}
