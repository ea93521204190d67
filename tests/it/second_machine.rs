//! A second machine, and what it reaches of the first by way of the forward proxy: two network namespaces with a wire between.
//!
//! ```text
//! namespace B: clients ── veth ── namespace A: umpire proxy, a service on all of A's addresses, A's own /etc/hosts
//! ```
//!
//! Needs root and iproute2. Where they are not to be had that is said, and what is left are the same requests with a
//! client's address that is handed to the proxy (`proxy::forward::local_targets`).

#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "what is printed is for whoever runs the test, also where it passes")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// Past the test harness, which keeps what passing tests print by its macros to itself.
macro_rules! loudly {
    ($($words:tt)*) => {
        std::io::stderr().write_all(format!("{}\n", format_args!($($words)*)).as_bytes()).unwrap()
    };
}

/// Nothing is waited for longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What A's own look-up knows. Each name is tried.
const HOSTS: &str = "\
127.0.0.1 localhost
::1 localhost ip6-localhost
127.0.0.1 booking.example.com a.wild.example v4.example
::1 b.wild.example v6.example
127.0.0.1 both.wild.example both.example
::1 both.wild.example both.example
169.254.77.1 link.wild.example link.example
0.0.0.0 none.wild.example none.example
10.77.0.2 elsewhere.wild.example elsewhere.example
";

/// Ways to say A itself, that are not intercepted.
const LOCAL: [&str; 20] = [
    "127.0.0.1",
    "127.8.9.10",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "0.0.0.0",
    "169.254.77.1",
    "2851960065",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:4d01]",
    "[::ffff:0.0.0.0]",
    "[fe80::77:1]",
    "localhost",
    "ip6-localhost",
    "v6.example",
    "both.example",
    "link.example",
];

/// And those that are.
const INTERCEPTED: [&str; 6] = [
    "booking.example.com",
    "a.wild.example",
    "b.wild.example",
    "both.wild.example",
    "link.wild.example",
    "none.wild.example",
];

/// Two namespaces with a wire between; gone when this is dropped.
struct Machines {
    first: String,
    second: String,
}

impl Machines {
    /// Of this test alone. `Err`: why there are none.
    fn new(test: &str) -> Result<Self, String> {
        let name = |machine: char| format!("umpire-{test}-{}-{machine}", std::process::id());
        let machines = Self { first: name('a'), second: name('b') };
        let (a, b) = (machines.first.as_str(), machines.second.as_str());
        ip(&["netns", "add", a])?;
        ip(&["netns", "add", b])?;
        ip(&["link", "add", "wire", "netns", a, "type", "veth", "peer", "name", "wire", "netns", b])?;
        for (machine, addresses) in [
            (a, &["10.77.0.1/24", "fd77::1/64", "169.254.77.1/16", "fe80::77:1/64"][..]),
            (b, &["10.77.0.2/24", "fd77::2/64"]),
        ] {
            ip(&["-n", machine, "link", "set", "lo", "up"])?;
            ip(&["-n", machine, "link", "set", "wire", "up"])?;
            for address in addresses {
                // Without waiting for whether somebody else has it.
                let version_6 = address.contains(':');
                let nodad: &[&str] = if version_6 { &["nodad"] } else { &[] };
                ip(&[&["-n", machine, "address", "add", address, "dev", "wire"], nodad].concat())?;
            }
        }
        let etc = etc_of(a);
        let write =
            |name: &str, text: &str| fs::write(etc.join(name), text).map_err(|error| format!("{name}: {error}"));
        fs::create_dir_all(&etc).map_err(|error| format!("{}: {error}", etc.display()))?;
        write("hosts", HOSTS)?;
        // Nobody answers: an unknown name is one at once.
        write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")?;
        Ok(machines)
    }

    /// Runs something on one of them, on a thread of its own.
    fn on<T: Send + 'static>(machine: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = File::open(Path::new("/run/netns").join(machine)).unwrap();
        let moved = thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        });
        moved.join().unwrap()
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for machine in [&self.first, &self.second] {
            let made = Path::new("/run/netns").join(machine).exists();
            if let Some(Err(error)) = made.then(|| ip(&["netns", "delete", machine])) {
                loudly!("{machine} is left behind: {error}");
            }
        }
        // It may not have been made.
        let _removed = fs::remove_dir_all(etc_of(&self.first));
    }
}

fn etc_of(machine: &str) -> PathBuf {
    Path::new("/etc/netns").join(machine)
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

/// A service on every address of a machine, and how often it was connected to.
fn service(machine: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = Machines::on(machine, || TcpListener::bind("[::]:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            count.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut head = [0; 4096];
                if stream.read(&mut head).is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
                    stream.write_all(answer).unwrap();
                }
            });
        }
    });
    (port, connections)
}

/// A proxy on the first machine; ended when this is dropped.
struct Umpire {
    process: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Umpire {
    fn start(machines: &Machines, folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &machines.first, env!("CARGO_BIN_EXE_umpire"), "proxy", "--ui", "json"]);
        command.args(["--allow-client", "10.77.0.0/24", "--allow-client", "fd77::/64"]).args(arguments);
        command.current_dir(folder).env("UMPIRE_HOME", folder.join("home")).stdout(Stdio::piped());
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "UMPIRE_PROXY_AUTH"] {
            command.env_remove(variable).env_remove(variable.to_lowercase());
        }
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    /// The line that it begins with.
    fn started(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let start: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert_eq!(start["event"], "start", "{start}");
        start
    }
}

impl Drop for Umpire {
    fn drop(&mut self) {
        // `ip netns exec` has become the program itself; it may have ended already.
        let _ended = self.process.kill();
        let _waited = self.process.wait();
    }
}

fn port_of(uri: &Value) -> u16 {
    uri.as_str().unwrap().split('/').nth(2).unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// What the second machine sends, and within what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    /// A whole URL.
    Absolute,
    /// A whole URL that asks for another protocol.
    Upgrade,
    /// CONNECT, and clear text in the tunnel.
    Tunnel,
    /// CONNECT, and TLS in the tunnel, trusting Umpire's authority.
    Tls,
}

/// The answer of the first machine's proxy to the second one: status, body, and how long it took.
fn answered(machines: &Machines, proxy: SocketAddr, way: Route, authority: &str, ca: &Path) -> (u16, String, Duration) {
    let (authority, ca) = (authority.to_owned(), ca.to_owned());
    Machines::on(&machines.second, move || {
        let mut stream = TcpStream::connect_timeout(&proxy, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let begun = Instant::now();
        let answer = match way {
            Route::Absolute | Route::Upgrade => {
                let upgrade = if way == Route::Upgrade {
                    "Connection: Upgrade\r\nUpgrade: x\r\n"
                } else {
                    "Connection: close\r\n"
                };
                let request = format!("GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n{upgrade}\r\n");
                stream.write_all(request.as_bytes()).unwrap();
                read(&mut stream)
            }
            Route::Tunnel | Route::Tls => {
                let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
                stream.write_all(request.as_bytes()).unwrap();
                let head = head(&mut stream);
                if !head.starts_with("HTTP/1.1 200 ") {
                    format!("{head}{}", body(&mut stream, &head))
                } else if way == Route::Tls {
                    let mut roots = RootCertStore::empty();
                    roots.add_parsable_certificates(CertificateDer::pem_file_iter(&ca).unwrap().map(Result::unwrap));
                    let config =
                        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                            .with_safe_default_protocol_versions()
                            .unwrap()
                            .with_root_certificates(roots)
                            .with_no_client_auth();
                    let name = ServerName::try_from(authority.split(':').next().unwrap().to_owned()).unwrap();
                    let session = ClientConnection::new(Arc::new(config), name).unwrap();
                    within(&mut StreamOwned::new(session, stream))
                } else {
                    within(&mut stream)
                }
            }
        };
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{authority}: {answer:?}"));
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned(), begun.elapsed())
    })
}

fn within(tunnel: &mut (impl Read + Write)) -> String {
    tunnel.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    tunnel.flush().unwrap();
    read(tunnel)
}

fn read(stream: &mut impl Read) -> String {
    let head = head(stream);
    format!("{head}{}", body(stream, &head))
}

fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "ended after {:?}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn body(stream: &mut impl Read, head: &str) -> String {
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// The machines, or `None`, which is said loudly.
fn machines(test: &str) -> Option<Machines> {
    match Machines::new(test) {
        Ok(machines) => Some(machines),
        Err(why) => {
            loudly!("NOT RUN: no second machine can be played here ({why}); it takes root and iproute2.");
            loudly!("What is left: proxy::forward::local_targets, with a client's address that is made up.");
            None
        }
    }
}

/// Both addresses of the first machine on the wire.
fn addresses(port: u16) -> [SocketAddr; 2] {
    [format!("10.77.0.1:{port}").parse().unwrap(), format!("[fd77::1]:{port}").parse().unwrap()]
}

#[test]
fn a_second_machine_reaches_no_loopback_and_no_link_local_by_any_name() {
    let Some(machines) = machines("denied") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (service_port, connections) = service(&machines.first);
    let (elsewhere, asked) = service(&machines.second);
    // A port that was free a moment ago is closed.
    let closed = Machines::on(&machines.first, || TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port());
    let hosts = ["--intercept", "booking.example.com", "--intercept", "*.wild.example"];
    let listen = ["--listen", "[::]:0", "--capture", "x.db"];
    let mut umpire = Umpire::start(&machines, folder.path(), &[&hosts[..], &listen].concat());
    let proxy = port_of(&umpire.started()["forward"]["proxy"]);
    let ca = folder.path().join("home/ca.pem");
    let ask = |proxy, way, host: &str, port: u16| answered(&machines, proxy, way, &format!("{host}:{port}"), &ca);

    // The proxy does its work: the second machine's own service, and the first one's address on the wire.
    let [v4, v6] = addresses(proxy);
    for (host, port) in
        [("elsewhere.example", elsewhere), ("elsewhere.wild.example", elsewhere), ("10.77.0.1", service_port)]
    {
        for way in [Route::Absolute, Route::Tunnel] {
            let (status, body, _) = ask(v4, way, host, port);
            assert_eq!((status, body.as_str()), (200, "ok"), "{way:?} {host}");
        }
    }
    assert_eq!((asked.load(Ordering::SeqCst), connections.swap(0, Ordering::SeqCst)), (4, 2));

    let mut tried = 0;
    for proxy in [v4, v6] {
        let ways = |host: &&'static str, ways: &'static [Route]| {
            let host = *host;
            ways.iter().map(move |way| (host, *way)).collect::<Vec<_>>()
        };
        let of_local = LOCAL.iter().flat_map(|host| ways(host, &[Route::Absolute, Route::Upgrade, Route::Tunnel]));
        let all = [Route::Absolute, Route::Upgrade, Route::Tunnel, Route::Tls];
        let of_intercepted = INTERCEPTED.iter().flat_map(|host| all.map(|way| (*host, way)));
        for (host, way) in of_local.chain(of_intercepted) {
            let (status, body, time) = ask(proxy, way, host, service_port);
            assert_eq!(status, 502, "{way:?} {host} by {proxy}: {body}");
            assert_eq!(connections.load(Ordering::SeqCst), 0, "{way:?} {host} by {proxy} was connected to");
            // It is as if nobody listened, and as quick.
            let (other_status, other, other_time) = ask(proxy, way, host, closed);
            let other = other.replace(&closed.to_string(), &service_port.to_string());
            assert_eq!((status, body), (other_status, other), "{way:?} {host} by {proxy}");
            assert!(
                time.max(other_time) < Duration::from_secs(3),
                "{way:?} {host} by {proxy}: {time:?}, {other_time:?}"
            );
            tried += 1;
        }
    }
    // A closed port of an address that may be reached looks the same, too.
    let (status, closed_body, _) = ask(v4, Route::Tunnel, "10.77.0.1", closed);
    let (_, denied, _) = ask(v4, Route::Tunnel, "127.0.0.1", closed);
    assert_eq!((status, closed_body.replace("10.77.0.1", "127.0.0.1")), (502, denied));
    loudly!("{tried} requests of a second machine, each to an open and a closed port: none got through");
}

#[test]
fn a_second_machine_reaches_what_the_operator_names() {
    let Some(machines) = machines("named") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (port, connections) = service(&machines.first);
    let (to, host) = (format!("http://127.0.0.1:{port}/api"), format!("127.0.0.1:{port}"));
    let arguments = ["--to", &to, "--intercept", &host, "--listen", "10.77.0.1:0", "--capture", "x.db"];
    let mut umpire = Umpire::start(&machines, folder.path(), &arguments);
    let start = umpire.started();
    let base = port_of(&start["base_uri"]);
    let answer = Machines::on(&machines.second, move || {
        let mut stream = TcpStream::connect_timeout(&addresses(base)[0], PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        within(&mut stream)
    });
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
    let [proxy, _] = addresses(port_of(&start["forward"]["proxy"]));
    let ca = folder.path().join("home/ca.pem");
    for way in [Route::Absolute, Route::Tunnel] {
        let (status, body, _) = answered(&machines, proxy, way, &host, &ca);
        assert_eq!((status, body.as_str()), (200, "ok"), "{way:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
    let (status, ..) = answered(&machines, proxy, Route::Tunnel, &format!("localhost:{port}"), &ca);
    assert_eq!((status, connections.load(Ordering::SeqCst)), (502, 3), "another name of it");
}
