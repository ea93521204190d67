//! `umpire doctor`, as a user runs it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

fn umpire(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.args(arguments).current_dir(home).env("UMPIRE_HOME", home.join("home"));
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    for (variable, _) in umpire::doctor::VARIABLES {
        command.env_remove(variable);
    }
    command.envs(variables.iter().copied()).output().unwrap()
}

fn doctor(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, Vec<Value>) {
    let output = umpire(home, &[&["doctor", "--format", "json"], arguments].concat(), variables);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["checks"].as_array().unwrap().clone();
    let status = output.status.code().unwrap();
    assert_eq!(report["works"], status == 0);
    for check in &checks {
        assert!(check["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{check}");
    }
    (status, checks)
}

/// State and words of a check.
fn of(checks: &[Value], what: &str) -> (String, String) {
    let check = checks.iter().find(|check| check["check"] == what).unwrap_or_else(|| panic!("no {what}: {checks:?}"));
    (check["state"].as_str().unwrap().to_owned(), format!("{}; {}", check["found"], check["advice"]))
}

/// A booking system that answers each connection with this.
fn system(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            // The first connection only looks whether there is somebody.
            if stream.read(&mut head).is_ok_and(|read| read > 0) {
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    address
}

#[test]
fn a_booking_system_in_order_is_in_order() {
    let home = tempfile::tempdir().unwrap();
    let body = r#"{"@type":"UnauthenticatedError"}"#;
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    let answer = format!(
        "HTTP/1.1 401 No\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let at = system(Box::leak(answer.into_boxed_str()));
    let (status, checks) = doctor(home.path(), &["--to", &format!("http://{at}/api"), "--listen", "127.0.0.1:0"], &[]);
    assert_eq!(status, 0, "{checks:?}");
    for what in ["listen", "upstream", "api", "clock"] {
        assert_eq!(of(&checks, what).0, "good", "{checks:?}");
    }
}

#[test]
fn what_does_not_work_is_said_with_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let (status, checks) = doctor(home.path(), &["--listen", &at], &[]);
    assert_eq!(status, 1);
    assert!(of(&checks, "listen").1.contains("choose another address with --listen"), "{checks:?}");

    let free = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let (status, checks) = doctor(home.path(), &["--to", &format!("http://{free}"), "--listen", "127.0.0.1:0"], &[]);
    assert_eq!(status, 1);
    assert!(of(&checks, "upstream").1.contains("check that the booking system runs"), "{checks:?}");

    let plain = system("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
    let (status, checks) = doctor(home.path(), &["--to", &format!("https://{plain}"), "--listen", "127.0.0.1:0"], &[]);
    assert_eq!(status, 1);
    assert!(of(&checks, "certificate").1.contains("write http:// in --to"), "{checks:?}");

    let web = system("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n");
    let (status, checks) = doctor(home.path(), &["--to", &format!("http://{web}"), "--listen", "127.0.0.1:0"], &[]);
    assert_eq!(status, 0, "warnings are no failure");
    assert!(of(&checks, "api").1.contains("endpointUrl"), "{checks:?}");
    assert!(of(&checks, "clock").1.contains("no usable Date"), "{checks:?}");
}

/// All of one kind: state and words.
fn all_of(checks: &[Value], what: &str) -> Vec<(String, String)> {
    let text = |check: &Value, member: &str| check[member].as_str().unwrap().to_owned();
    let of = checks.iter().filter(|check| check["check"] == what);
    of.map(|check| (text(check, "state"), format!("{} {}", text(check, "found"), text(check, "advice")))).collect()
}

#[test]
fn trust_is_looked_up_where_clients_look() {
    let home = tempfile::tempdir().unwrap();
    let at = ["--listen", "127.0.0.1:0", "--intercept", "booking.example.com"];
    let other = home.path().join("other.pem");
    let certificate = rcgen::generate_simple_self_signed(vec!["a.example".into()]).unwrap().cert;
    std::fs::write(&other, certificate.pem()).unwrap();
    let other = other.to_str().unwrap();
    let (_, checks) = doctor(home.path(), &at, &[("SSL_CERT_FILE", other), ("CURL_CA_BUNDLE", other)]);
    assert!(of(&checks, "authority").1.contains("umpire ca init booking.example.com"), "{checks:?}");
    assert_eq!(all_of(&checks, "trust"), [], "nobody trusts what there is not");

    umpire(home.path(), &["ca", "init", "booking.example.com"], &[]);
    let (status, checks) = doctor(home.path(), &at, &[]);
    assert_eq!((status, of(&checks, "authority").0.as_str()), (0, "good"));
    assert!(of(&checks, "trust").1.contains("umpire ca trust"), "{checks:?}");

    let bundle = home.path().join("home/ca.pem").display().to_string();
    let set = [
        ("NODE_EXTRA_CA_CERTS", bundle.as_str()),
        ("DENO_CERT", &bundle),
        ("SSL_CERT_FILE", other),
        ("CURL_CA_BUNDLE", other),
    ];
    let (status, checks) = doctor(home.path(), &at, &set);
    let [(good, trusted), (warning, lacking)] = &all_of(&checks, "trust")[..] else { panic!("{checks:?}") };
    assert_eq!((status, good.as_str(), warning.as_str()), (0, "good", "warning"));
    assert!(trusted.contains("NODE_EXTRA_CA_CERTS") && trusted.contains("DENO_CERT"), "{trusted}");
    assert!(lacking.contains("SSL_CERT_FILE") && lacking.contains("CURL_CA_BUNDLE"), "{lacking}");
    assert!(lacking.contains("does not hold authority") && lacking.contains("both.pem"), "{lacking}");

    let (status, checks) = doctor(home.path(), &at, &[("CURL_CA_BUNDLE", "/nowhere/ca.pem")]);
    assert_eq!((status, of(&checks, "trust").0.as_str()), (1, "bad"), "{checks:?}");

    let elsewhere = ["--listen", "127.0.0.1:0", "--intercept", "other.example"];
    let (_, checks) = doctor(home.path(), &elsewhere, &[("SSL_CERT_FILE", other)]);
    assert!(of(&checks, "hosts").1.contains("umpire ca init other.example"), "{checks:?}");
    assert_eq!(all_of(&checks, "trust"), [], "no authority is for that host");
}

#[test]
fn of_tls_only_what_the_run_needs_is_said() {
    let home = tempfile::tempdir().unwrap();
    umpire(home.path(), &["ca", "init", "booking.example.com"], &[]);
    let (_, checks) = doctor(home.path(), &["--listen", "127.0.0.1:0"], &[("SSL_CERT_FILE", "/nowhere/ca.pem")]);
    let said: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(said, ["listen", "disk"]);
    let (_, checks) = doctor(home.path(), &["--listen", "127.0.0.1:0", "--tls"], &[]);
    let said: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(said, ["listen", "disk", "authority", "trust"]);
}

#[test]
fn an_authority_for_names_that_nobody_owns_is_named() {
    use rcgen::{BasicConstraints, CertificateParams, GeneralSubtree, IsCa, KeyPair, NameConstraints};
    let home = tempfile::tempdir().unwrap();
    // Made by the program, so that folders and modes are right; then given another content.
    umpire(home.path(), &["ca", "init", "booking.example.com"], &[]);
    let file = std::fs::read_dir(home.path().join("home/authorities")).unwrap().next().unwrap().unwrap().path();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let permitted_subtrees = vec![GeneralSubtree::DnsName("com".to_owned())];
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    std::fs::write(&file, format!("{}{certificate}", key.serialize_pem())).unwrap();
    let id = file.file_stem().unwrap().to_str().unwrap();
    let (status, checks) = doctor(home.path(), &["--listen", "127.0.0.1:0"], &[]);
    let (state, words) = of(&checks, "authority");
    assert_eq!((status, state.as_str()), (1, "bad"), "{checks:?}");
    assert!(words.contains("below com") && words.contains(&format!("umpire ca remove {id}")), "{words}");
    let shown = umpire(home.path(), &["ca", "show"], &[]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("below com"), "{shown}");
    let exported = umpire(home.path(), &["ca", "export"], &[]);
    assert!(!exported.status.success() && exported.stdout.is_empty(), "{exported:?}");
}
