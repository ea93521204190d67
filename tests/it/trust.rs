//! What clients make of Umpire's authorities: that they trust what is vouched for, and nothing that a stolen key could sign.
//!
//! ```text
//! authority ─► leaf for booking.example.com ─► TLS on 127.0.0.1 ◄─ openssl, curl, Node.js, Python, Java, Go, NSS: trusted
//! its key, past all of Umpire's looking ─► leaf for bank.example ─► ◄─ the same: refused
//! ```
//!
//! Each client is a program of this machine; what is not here is skipped, and said.

#![expect(clippy::disallowed_methods, reason = "what is printed is for whoever runs the test, also where it passes")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use umpire::ca::{Authority, HostPattern};

/// Past the test harness, which keeps what passing tests print by its macros to itself.
macro_rules! loudly {
    ($($words:tt)*) => {
        writeln!(std::io::stderr(), $($words)*).unwrap()
    };
}

/// A client may take so long: Java and Go compile first.
const PATIENCE: Duration = Duration::from_mins(2);

const HOST: &str = "booking.example.com";

/// Hosts for which the authority must be worth nothing: another domain, one above, and one that only looks alike.
const ELSEWHERE: [&str; 3] = ["bank.example", "example.com", "xbooking.example.com"];

/// A folder with the files that clients need.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }
}

/// Signs for any host with the key of an authority, as a thief would: the way from the certificate to the root, and the key.
fn stolen(authority: &Authority, content: &str, host: &str) -> (Vec<CertificateDer<'static>>, KeyPair) {
    let issuer_key = KeyPair::from_pem(content).unwrap();
    let issuing = authority.issuing.clone().unwrap_or_else(|| authority.certificate.clone());
    let issuer = Issuer::from_ca_cert_der(&issuing, issuer_key).unwrap();
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let until = jiff::tz::Offset::UTC.to_datetime(Timestamp::now()).date().tomorrow().unwrap();
    params.not_before = rcgen::date_time_ymd(i32::from(until.year()) - 1, 1, 1);
    params.not_after =
        rcgen::date_time_ymd(i32::from(until.year()), until.month().unsigned_abs(), until.day().unsigned_abs());
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap().der().clone();
    (std::iter::once(leaf).chain(authority.chain()).collect(), key)
}

/// Serves HTTP over TLS with these certificates on a port of this machine, for as long as the test runs.
fn serve(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> u16 {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            thread::spawn(move || {
                let mut stream = StreamOwned::new(session, stream);
                let mut head = [0; 4096];
                // A client that refuses the certificate breaks off.
                if stream.read(&mut head).is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
                    if stream.write_all(answer).is_ok() {
                        stream.conn.send_close_notify();
                        let _sent = stream.flush();
                    }
                }
            });
        }
    });
    port
}

/// Runs a program to its end, or ends it when its time is over; `None` if there is none of that name.
fn run(command: &mut Command) -> Option<Output> {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{command:?}: {error}"),
    };
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} did not end");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Some(child.wait_with_output().unwrap())
}

/// A client: its name, and what it says of `https://HOST:PORT/` where HOST is at 127.0.0.1; `None` if it isn't here.
type Client = (&'static str, fn(&Files, &str, u16) -> Option<(bool, String)>);

fn said(output: Output) -> (bool, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

fn openssl(files: &Files, host: &str, port: u16) -> Option<(bool, String)> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", host, "-verify_hostname", host]);
    command.args(["-verify_return_error", "-brief", "-CAfile"]).arg(files.path("ca.pem"));
    run(&mut command).map(said)
}

fn curl(files: &Files, host: &str, port: u16) -> Option<(bool, String)> {
    let mut command = Command::new("curl");
    command.args(["-sS", "--noproxy", "*", "--resolve", &format!("{host}:{port}:127.0.0.1"), "--cacert"]);
    command.arg(files.path("ca.pem")).arg(format!("https://{host}:{port}/"));
    run(&mut command).map(said)
}

fn node(files: &Files, host: &str, port: u16) -> Option<(bool, String)> {
    let script = files.write(
        "client.mjs",
        "import https from 'node:https';
         const [host, port] = process.argv.slice(2);
         const request = https.get({ host: '127.0.0.1', port, servername: host }, (answer) => answer.resume());
         request.on('error', (error) => { console.error(error.code ?? error); process.exit(1); });\n",
    );
    let mut command = Command::new("node");
    command.env("NODE_EXTRA_CA_CERTS", files.path("ca.pem")).arg(script).args([host, &port.to_string()]);
    run(&mut command).map(said)
}

fn python(files: &Files, host: &str, port: u16) -> Option<(bool, String)> {
    let script = "import socket, ssl, sys\n\
                  host, port = sys.argv[1], int(sys.argv[2])\n\
                  context = ssl.create_default_context()\n\
                  with socket.create_connection(('127.0.0.1', port), 20) as plain:\n\
                  \x20   context.wrap_socket(plain, server_hostname=host).close()\n";
    let mut command = Command::new("python3");
    command.env("SSL_CERT_FILE", files.path("ca.pem")).args(["-c", script, host, &port.to_string()]);
    run(&mut command).map(said)
}

fn java(files: &Files, host: &str, port: u16) -> Option<(bool, String)> {
    let store = files.path("umpire.p12");
    if !store.exists() {
        let mut keytool = Command::new("keytool");
        keytool.args([
            "-importcert",
            "-noprompt",
            "-alias",
            "umpire",
            "-storetype",
            "PKCS12",
            "-storepass",
            "changeit",
        ]);
        keytool.arg("-file").arg(files.path("ca.pem")).arg("-keystore").arg(&store);
        let made = run(&mut keytool)?;
        assert!(made.status.success(), "{made:?}");
    }
    let source = files.write(
        "Client.java",
        "import javax.net.ssl.*;
         public class Client {
             public static void main(String[] given) throws Exception {
                 var plain = new java.net.Socket(\"127.0.0.1\", Integer.parseInt(given[1]));
                 var factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
                 var socket = (SSLSocket) factory.createSocket(plain, given[0], plain.getPort(), true);
                 var parameters = socket.getSSLParameters();
                 parameters.setEndpointIdentificationAlgorithm(\"HTTPS\");
                 socket.setSSLParameters(parameters);
                 socket.startHandshake();
             }
         }\n",
    );
    let mut command = Command::new("java");
    command.arg(format!("-Djavax.net.ssl.trustStore={}", store.display()));
    command.arg("-Djavax.net.ssl.trustStorePassword=changeit").arg(source).args([host, &port.to_string()]);
    run(&mut command).map(said)
}

fn go(files: &Files, host: &str, port: u16) -> Option<(bool, String)> {
    let program = files.path("client");
    if !program.exists() {
        let source = files.write(
            "client.go",
            "package main
             import (\"crypto/tls\"; \"fmt\"; \"os\")
             func main() {
                 connection, err := tls.Dial(\"tcp\", \"127.0.0.1:\"+os.Args[2], &tls.Config{ServerName: os.Args[1]})
                 if err != nil { fmt.Println(err); os.Exit(1) }
                 connection.Close()
             }\n",
        );
        let mut command = Command::new("go");
        command.env("GOCACHE", files.path("go-cache")).env("GO111MODULE", "off");
        let built = run(command.arg("build").arg("-o").arg(&program).arg(source))?;
        assert!(built.status.success(), "{built:?}");
    }
    let mut command = Command::new(program);
    command.env("SSL_CERT_FILE", files.path("ca.pem")).args([host, &port.to_string()]);
    run(&mut command).map(said)
}

/// NSS (Firefox, Chrome on Linux until 2021) without a connection: its own look at the certificates that were served.
fn nss(files: &Files, host: &str, _port: u16) -> Option<(bool, String)> {
    let folder = format!("sql:{}", files.folder.path().display());
    let certutil = |arguments: &[&str]| run(Command::new("certutil").args(["-d", &folder]).args(arguments));
    let taken = |output: Output| assert!(output.status.success(), "{output:?}");
    if !files.path("cert9.db").exists() {
        taken(certutil(&["-N", "--empty-password"])?);
        taken(certutil(&["-A", "-n", "root", "-t", "C,,", "-a", "-i", files.path("ca.pem").to_str().unwrap()])?);
    }
    for (place, name) in [(0, "leaf"), (1, "issuing")] {
        let file = files.path(&format!("{host}.{place}.pem"));
        if file.exists() {
            taken(certutil(&["-A", "-n", &format!("{name} {host}"), "-t", ",,", "-a", "-i", file.to_str().unwrap()])?);
        }
    }
    certutil(&["-V", "-u", "V", "-n", &format!("leaf {host}")]).map(said)
}

const CLIENTS: [Client; 7] = [
    ("OpenSSL", openssl),
    ("curl", curl),
    ("Node.js", node),
    ("Python", python),
    ("Java", java),
    ("Go", go),
    ("NSS", nss),
];

fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn served(files: &Files, authority: &Authority, content: &str, host: &str) -> u16 {
    let (chain, key) = stolen(authority, content, host);
    for (place, certificate) in chain.iter().enumerate().take(chain.len() - 1) {
        files.write(&format!("{host}.{place}.pem"), &pem(certificate));
    }
    serve(chain, &key)
}

fn files_of(authority: &Authority) -> Files {
    let files = Files { folder: tempfile::tempdir().unwrap() };
    files.write("ca.pem", &authority.pem());
    files
}

#[test]
fn a_stolen_key_is_worth_nothing_elsewhere_to_any_client() {
    let hosts: Vec<HostPattern> = vec![HOST.parse().unwrap()];
    let (authority, content) = Authority::make(&hosts, Timestamp::now()).unwrap();
    let files = files_of(&authority);
    let good = served(&files, &authority, &content, HOST);
    let bad = ELSEWHERE.map(|host| (host, served(&files, &authority, &content, host)));
    let mut tried = 0;
    for (name, client) in CLIENTS {
        let Some((trusted, words)) = client(&files, HOST, good) else {
            loudly!("SKIPPED: {name} is not on this machine");
            continue;
        };
        assert!(trusted, "{name} refused what the authority may vouch for: {words}");
        for (host, port) in bad {
            let (trusted, words) = client(&files, host, port).unwrap();
            assert!(!trusted, "{name} took a certificate for {host}: {words}");
            loudly!("{name} refused {host}: {}", telling(&words));
        }
        tried += 1;
    }
    if tried == 0 {
        loudly!("NOT RUN: no client is on this machine");
    }
}

/// As earlier versions made them: the certificate that clients trust is the issuer itself.
fn of_an_earlier_version() -> (Authority, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Umpire CA 0badcafe");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let permitted_subtrees = vec![GeneralSubtree::DnsName(HOST.to_owned())];
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
    let key = KeyPair::generate().unwrap();
    let content = format!("{}{}", key.serialize_pem(), params.self_signed(&key).unwrap().pem());
    (Authority::read("0badcafe", &content).unwrap(), content)
}

/// Why `umpire ca trust` and `umpire doctor` speak of authorities of earlier versions: Java lets them vouch for all.
#[test]
fn an_authority_of_an_earlier_version_is_bound_to_its_hosts_but_not_by_java() {
    let (authority, content) = of_an_earlier_version();
    let files = files_of(&authority);
    let (good, bad) = (served(&files, &authority, &content, HOST), served(&files, &authority, &content, ELSEWHERE[0]));
    for (name, client) in CLIENTS {
        let Some((trusted, words)) = client(&files, HOST, good) else {
            loudly!("SKIPPED: {name} is not on this machine");
            continue;
        };
        assert!(trusted, "{name}: {words}");
        let (trusted, words) = client(&files, ELSEWHERE[0], bad).unwrap();
        assert_eq!(trusted, name == "Java", "{name}: {words}");
    }
}

/// The line of a client's words that says why.
fn telling(words: &str) -> &str {
    let why = |line: &&str| {
        ["permitted", "onstrain", "PERMITTED", "not valid", "invalid", "ERR_", "not permit"]
            .iter()
            .any(|word| line.contains(word))
    };
    words.lines().find(why).or_else(|| words.lines().last()).unwrap_or_default().trim()
}
