//! Wrong requests made of the golden recording, sent to the sandbox as it should be, and as it should not.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use umpire::capture;
use umpire::sandbox::Misbehaviour;

use super::send::SandboxProcess;
use super::support::{GOLDEN, folder, text, umpire};

fn probe(to: &str, capture: &Path) -> Command {
    let mut command = umpire();
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).env("UMPIRE_AUTHORIZATION", "Bearer given");
    command.args(["probe", "--from", GOLDEN, "--to", to, "--format", "json", "--capture", text(capture)]);
    command
}

#[track_caller]
fn report(output: &Output, status: i32) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The lines that name probes.
fn listed(arguments: &[&str]) -> Vec<String> {
    let folder = folder();
    let output = probe("http://127.0.0.1:9/api", &folder.path().join("a.db")).arg("--list").args(arguments).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().filter(|line| line.contains(" · of exchange ")).map(str::to_owned).collect()
}

#[test]
fn at_least_a_hundred_wrong_requests_are_made_of_the_golden_recording() {
    let quotes = listed(&[]);
    assert!(quotes.len() >= 100, "{}", quotes.len());
    let books = |line: &&String| {
        ["B ", "P ", "B-after-P", "order-cancel", "order-delete"].iter().any(|stage| line.starts_with(stage))
    };
    assert_eq!(quotes.iter().filter(books).collect::<Vec<_>>(), Vec::<&String>::new(), "nothing books without --book");
    let with_bookings = listed(&["--book"]);
    assert!(with_bookings.len() > quotes.len());
    // The founding case: at C2 without --book, at B with it.
    let founding = |lines: &[String]| -> Vec<String> {
        let of = lines.iter().filter(|line| line.contains("agent-broker/customer-required: "));
        of.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    assert!(founding(&quotes).iter().all(|stage| stage == "C2") && !founding(&quotes).is_empty(), "{quotes:?}");
    assert!(founding(&with_bookings).iter().all(|stage| stage == "B"), "{with_bookings:?}");
    let of_feature = listed(&["--feature", "no-broker"]);
    assert!(!of_feature.is_empty() && of_feature.iter().all(|line| line.contains(" · no-broker · ")), "{of_feature:?}");
    assert!(listed(&["--rule", "headers/request-json"]).len() >= 3);
}

#[test]
fn a_booking_system_that_conforms_has_no_findings_and_keeps_nothing() {
    let folder = folder();
    for (arguments, least) in [(&[][..], 100), (&["--book"][..], 150)] {
        let (sandbox, capture) = (SandboxProcess::start(""), folder.path().join(format!("{least}.db")));
        let report = report(&probe(&sandbox.base_uri, &capture).args(arguments).output().unwrap(), 0);
        let probes = report["probes"].as_array().unwrap();
        assert!(probes.len() >= least, "{}", probes.len());
        let wrong: Vec<&Value> = probes
            .iter()
            .filter(|row| !["conforming", "refused", "accepted"].contains(&row["verdict"].as_str().unwrap()))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(report["verdicts"]["conforming"].as_u64().unwrap() >= 45, "{}", report["verdicts"]);
        assert_eq!(report["left_booked"], json!([]));
        let seen = |when: &str| report["coverage"][when]["features"]["seen"].as_u64().unwrap();
        assert!(seen("after") > seen("before"), "{}", report["coverage"]);
        let sent: Vec<_> = capture::open(&capture).unwrap().exchanges.map(Result::unwrap).collect();
        let bookings = sent.iter().filter(|it| it.request.method == "PUT" && it.path().contains("/orders/")).count();
        assert_eq!(bookings == 0, arguments.is_empty(), "{bookings}");
        let secret = |it: &umpire::exchange::Exchange| it.request.headers.get("authorization") == Some("Bearer given");
        assert!(!sent.iter().any(secret), "credentials were stored");
    }
}

/// What shows in the answer to a wrong request, and the broker's rules whose probes show it.
const SHOWN: [(Misbehaviour, &[&str]); 25] = [
    (Misbehaviour::AcceptsMissingCustomer, &["agent-broker/customer-required"]),
    (Misbehaviour::WrongError, &["agent-broker/customer-required"]),
    (Misbehaviour::AcceptsMissingBroker, &["agent-broker/broker-required"]),
    (Misbehaviour::AcceptsIncompleteBroker, &["broker/type-organization"]),
    (Misbehaviour::AcceptsIncompleteCustomer, &["customer/email-required"]),
    (Misbehaviour::AcceptsBrokerUnderNoBroker, &["no-broker/broker-absent"]),
    (Misbehaviour::DropsBrokerRole, &["json-ld/request-context"]),
    (Misbehaviour::RenamesBroker, &["json-ld/request-context"]),
    (Misbehaviour::ChangesCustomer, &["json-ld/request-context"]),
    (Misbehaviour::AddsCustomerData, &["json-ld/request-context"]),
    (Misbehaviour::CustomerInC1, &["order-quote/c1-no-customer"]),
    (Misbehaviour::LeaksCustomerInFeed, &["headers/feed-request-accept", "customer/recommended-names"]),
    (Misbehaviour::PlainJson, &["json-ld/request-context"]),
    (Misbehaviour::WrongErrorStatus, &["customer/email-required"]),
    (Misbehaviour::ErrorWith200, &["customer/email-required"]),
    (Misbehaviour::GenericErrors, &["customer/email-required"]),
    (Misbehaviour::NoErrorContext, &["customer/email-required"]),
    (Misbehaviour::HtmlErrors, &["customer/email-required"]),
    (Misbehaviour::AcceptsUnknownPath, &["endpoint/known-path"]),
    (Misbehaviour::AcceptsWrongType, &["request/type-matches-endpoint"]),
    (Misbehaviour::AcceptsWrongTotal, &["flow/total-payment-due-matches-c2"]),
    (Misbehaviour::WrongTotal, &["json-ld/request-context"]),
    (Misbehaviour::RelativeIds, &["json-ld/request-context"]),
    (Misbehaviour::DropsItem, &["json-ld/request-context"]),
    (Misbehaviour::DemandsCustomerNames, &["customer/recommended-names"]),
];

/// What shows in answers to good requests alone: a resend finds it.
const FOR_A_RESEND: [Misbehaviour; 3] =
    [Misbehaviour::AddsBrokerUnderNoBroker, Misbehaviour::DemandsResellersCustomer, Misbehaviour::Oversells];

#[test]
fn every_misbehaviour_is_found_by_a_probe_or_by_a_resend() {
    let all = SHOWN.iter().map(|(misbehaviour, _)| *misbehaviour).chain(FOR_A_RESEND);
    let mut all: Vec<Misbehaviour> = all.collect();
    all.sort();
    assert_eq!(all, {
        let mut every = Misbehaviour::ALL.to_vec();
        every.sort();
        every
    });
    let folder = folder();
    for (misbehaviour, rules) in SHOWN {
        let (sandbox, capture) = (SandboxProcess::start(misbehaviour.name()), folder.path().join(misbehaviour.name()));
        let output = probe(&sandbox.base_uri, &capture)
            .arg("--book")
            .args(rules.iter().flat_map(|rule| ["--rule", rule]))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}, probed by {rules:?}", misbehaviour.name());
        let report = report(&output, 1);
        let rows = report["probes"].as_array().unwrap();
        let findings = rows.iter().flat_map(|row| row["findings"].as_array().unwrap());
        let rules: Vec<&str> = findings.map(|finding| finding["rule"].as_str().unwrap()).collect();
        assert!(rules.contains(&misbehaviour.caught_by()), "{}: {rules:?}", misbehaviour.name());
    }
    for misbehaviour in FOR_A_RESEND {
        let (sandbox, capture) = (SandboxProcess::start(misbehaviour.name()), folder.path().join(misbehaviour.name()));
        let mut command = super::send::resend(GOLDEN, &sandbox.base_uri, &capture);
        let report = report(&command.env("UMPIRE_AUTHORIZATION", "Bearer given").output().unwrap(), 1);
        let changes = report["diff"]["verdicts"].as_array().unwrap();
        let is_caught = |change: &Value| change["rule"] == misbehaviour.caught_by() && change["change"] == "new";
        assert!(changes.iter().any(is_caught), "{}: {changes:?}", misbehaviour.name());
    }
}

#[test]
fn the_guards_are_those_of_a_resend() {
    let folder = folder();
    let capture = folder.path().join("a.db");
    let run = |to: &str, arguments: &[&str]| {
        let output = probe(to, &capture).args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (status, said) = run("https://booking.example.com/api", &[]);
    assert!(status == Some(2) && said.contains("--yes") && said.contains("10 bookings"), "{said}");
    let (status, said) = run("http://127.0.0.1:9/api", &["--rule", "agent-broker/customer-requird"]);
    assert!(status == Some(2) && said.contains("there is no rule"), "{said}");
    let (status, said) = run("http://127.0.0.1:9/api", &["--feature", "nothing"]);
    assert!(status == Some(2) && said.contains("no rule belongs to a feature nothing"), "{said}");
    let (status, said) = run("http://127.0.0.1:9/api", &["--dry-run", "--rule", "agent-broker/customer-required"]);
    assert!(status == Some(0) && said.contains("PUT http://127.0.0.1:9/api/order-quotes/"), "{said}");
    assert!(!said.contains("\"customer\":{") && said.contains("\"broker\""), "{said}");
    assert!(!capture.exists());
}
