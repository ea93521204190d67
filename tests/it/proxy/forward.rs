//! The forward proxy: what is intercepted, what passes unread, and who may use it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use umpire::ca::{Authority, HostPattern, Leaves};
use umpire::exchange::{BodyEnd, FailureKind, Version};
use umpire::proxy::event::ProxyEvent;
use umpire::proxy::forward::{ClientAllowList, ForwardConfig};
use umpire::proxy::upstream::live::{Dialer, OwnListenAddrs, Timeouts, UpstreamConfig};
use umpire::proxy::{Limits, Listener, ListenerMode};

use super::support::{OK, Peer, Proxy, Server, soon, text};
use super::tls::serve_tls;

pub const NAME: &str = "booking.example.com";

/// A forward proxy, what trusts it, and what it told.
pub struct Rig {
    pub proxy: Proxy,
    pub trusting: TlsConnector,
    told: Arc<Mutex<Vec<ProxyEvent>>>,
}

/// How a rig differs from the usual.
#[derive(Default)]
pub struct Wishes {
    pub credentials: Option<&'static str>,
    pub allowed_clients: ClientAllowList,
    pub reach: UpstreamConfig,
    pub deny_local_targets: bool,
    pub tls: Option<Arc<ServerConfig>>,
}

/// Intercepts [`NAME`] and `*.wild.example`, which are at 127.0.0.1 on these ports.
pub async fn rig(ports: &[u16], wishes: Wishes) -> Rig {
    let hosts: Vec<HostPattern> = [NAME, "*.wild.example"].iter().map(|host| host.parse().unwrap()).collect();
    let (authority, _) = Authority::make(&hosts, Timestamp::now()).unwrap();
    let trusting = trusting(&authority);
    let leaves = Arc::new(Leaves::new(vec![authority]).unwrap());
    let own = OwnListenAddrs::default();
    let resolve = ports.iter().map(|port| format!("*:{port}:127.0.0.1").parse().unwrap()).collect();
    let reach = UpstreamConfig { resolve, own: own.clone(), ..wishes.reach };
    let near = Arc::new(Dialer::new(&reach, Duration::from_secs(5)).unwrap());
    let far =
        Arc::new(Dialer::new(&UpstreamConfig { deny_local_targets: true, ..reach }, Duration::from_secs(5)).unwrap());
    let near = if wishes.deny_local_targets { Arc::clone(&far) } else { near };
    let credentials = wishes.credentials.map(|text| text.parse().unwrap());
    let forward = ForwardConfig::new(hosts.into(), leaves, (near, far), Timeouts::default(), credentials).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    own.add(listener.local_addr().unwrap());
    let listener = Listener {
        listener,
        tls: wishes.tls,
        own_ca: false,
        allowed_clients: wishes.allowed_clients,
        mode: ListenerMode::Forward(Arc::new(forward)),
        rewrite_links: false,
        tls_fault: None,
        on_event: Arc::new({
            let told = Arc::clone(&told);
            move |incident| told.lock().unwrap().push(incident)
        }),
    };
    let limits = Limits { idle_timeout: Duration::from_secs(2), ..Limits::default() };
    Rig { proxy: Proxy::with_listener(listener, limits, 16), trusting, told }
}

fn trusting(authority: &Authority) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

impl Rig {
    /// A connection on which CONNECT was answered with 200.
    pub async fn connect(&self, target: &str) -> Peer {
        let mut client = self.proxy.connect().await;
        client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        client
    }

    /// TLS in a tunnel to that name.
    pub async fn tunnel(&self, name: &str, port: u16) -> TlsStream<TcpStream> {
        let client = self.connect(&format!("{name}:{port}")).await;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        soon("a handshake", self.trusting.connect(name, client.stream)).await.unwrap()
    }

    pub fn told(&self) -> Vec<ProxyEvent> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

/// One GET over TLS; the answer, up to its body "ok".
async fn get(client: &mut TlsStream<TcpStream>, path: &str) -> String {
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = vec![0; OK.len()];
    soon("an answer", client.read_exact(&mut answer)).await.unwrap();
    text(&answer)
}

pub async fn refused(rig: &Rig, request: &str) -> String {
    let mut client = rig.proxy.connect().await;
    client.send(request).await;
    text(&client.rest().await.0)
}

#[tokio::test]
async fn a_named_host_is_decrypted_and_recorded() {
    let (port, ca) = serve_tls(&[NAME, "a.b.wild.example"]).await;
    let reach = UpstreamConfig { ca_files: vec![ca.path().to_owned()], ..UpstreamConfig::default() };
    let mut rig = rig(&[port], Wishes { reach, ..Wishes::default() }).await;
    for name in [NAME, "a.b.wild.example"] {
        let mut client = rig.tunnel(name, port).await;
        for path in ["/one", "/two?x=1"] {
            assert_eq!(get(&mut client, path).await, OK);
            let exchange = rig.proxy.recorded().await;
            assert_eq!(exchange.origin, format!("https://{name}:{port}"));
            assert_eq!((exchange.request.target.as_str(), exchange.failure), (path, None));
        }
    }
    assert_eq!(rig.told(), []);
    rig.proxy.stop().await;
}

#[tokio::test]
async fn a_tunnel_may_be_spoken_to_over_http2() {
    let (port, ca) = serve_tls(&[NAME]).await;
    let reach = UpstreamConfig { ca_files: vec![ca.path().to_owned()], ..UpstreamConfig::default() };
    let mut rig = rig(&[port], Wishes { reach, ..Wishes::default() }).await;
    let client = rig.connect(&format!("{NAME}:{port}")).await;
    let mut config = ClientConfig::clone(rig.trusting.config());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(NAME).unwrap();
    let secured = soon("a handshake", TlsConnector::from(Arc::new(config)).connect(name, client.stream)).await.unwrap();
    assert_eq!(secured.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut requests, connection) = soon("a preface", h2::client::handshake(secured)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = hyper::Request::get(format!("https://{NAME}:{port}/x")).body(()).unwrap();
    let (response, _) = requests.send_request(request, true).unwrap();
    let mut response = soon("an answer", response).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(&soon("a body", response.body_mut().data()).await.unwrap().unwrap()[..], b"ok");
    let exchange = rig.proxy.recorded().await;
    assert_eq!((exchange.request.version, exchange.failure), (Version::Http2, None));
    assert_eq!((exchange.origin, exchange.request.target), (format!("https://{NAME}:{port}"), "/x".to_owned()));
    drop((requests, response));
    let served = rig.proxy.stop().await;
    assert_eq!(served.cut, 0);
    soon("the end", connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn all_else_passes_unread_and_is_counted() {
    let (port, _ca) = serve_tls(&["other.example"]).await;
    let server = Server::start().await;
    let rig = rig(&[port, server.address.port()], Wishes::default()).await;
    // A tunnel carries whatever it is: here no TLS at all, the server first.
    let mut client = rig.connect(&format!("other.example:{}", server.address.port())).await;
    let mut system = server.accept().await;
    system.send("220 hello\r\n").await;
    assert_eq!(client.until("\r\n").await, "220 hello\r\n");
    client.send("QUIT\r\n").await;
    assert_eq!(system.until("\r\n").await, "QUIT\r\n");
    drop(system);
    assert_eq!(client.rest().await.0, b"");
    // In clear text it is carried, but not kept.
    let mut client = rig.proxy.connect().await;
    let authority = format!("other.example:{}", server.address.port());
    client
        .send(format!("GET http://{authority}/x?y HTTP/1.1\r\nHost: wrong\r\nProxy-Connection: keep-alive\r\n\r\n"))
        .await;
    let mut system = server.accept().await;
    let head = system.head().await;
    assert!(
        head.starts_with("GET /x?y HTTP/1.1\r\n") && head.contains(&format!("\r\nHost: {authority}\r\n")),
        "{head}"
    );
    assert!(!head.to_lowercase().contains("proxy-"), "{head}");
    system.send(OK).await;
    assert!(client.until("ok").await.starts_with("HTTP/1.1 200 OK"));
    drop((client, system));
    let unread = ProxyEvent::Unread { authority };
    assert_eq!(rig.told(), [unread.clone(), unread]);
    // Nothing was recorded.
    rig.proxy.stop().await;
}

#[tokio::test]
async fn clear_text_to_a_named_host_is_recorded_with_and_without_a_tunnel() {
    let server = Server::start().await;
    let port = server.address.port();
    let mut rig = rig(&[port], Wishes::default()).await;
    let mut client = rig.proxy.connect().await;
    client.send(format!("GET http://{NAME}:{port}/absolute HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    let mut system = server.accept().await;
    assert!(system.head().await.starts_with("GET /absolute HTTP/1.1\r\n"));
    system.send(OK).await;
    client.until("ok").await;
    let mut tunnel = rig.connect(&format!("{NAME}:{port}")).await;
    tunnel.send("GET /within HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(system.head().await.starts_with("GET /within HTTP/1.1\r\n"));
    system.send(OK).await;
    tunnel.until("ok").await;
    for target in ["/absolute", "/within"] {
        let exchange = rig.proxy.recorded().await;
        assert_eq!((exchange.origin, exchange.request.target), (format!("http://{NAME}:{port}"), target.to_owned()));
    }
    drop((client, tunnel));
    rig.proxy.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_is_a_row_with_the_remedy() {
    let mut rig = rig(&[], Wishes::default()).await;
    let (stranger, _) = Authority::make(&[NAME.parse().unwrap()], Timestamp::now()).unwrap();
    let client = rig.connect(&format!("{NAME}:443")).await;
    let name = ServerName::try_from(NAME).unwrap();
    soon("a refusal", trusting(&stranger).connect(name, client.stream)).await.unwrap_err();
    let exchange = rig.proxy.recorded().await;
    assert_eq!(
        (exchange.origin.as_str(), exchange.request.method.as_str()),
        ("https://booking.example.com", "CONNECT")
    );
    let failure = exchange.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::NoHandshake);
    assert!(failure.detail.contains("umpire ca trust"), "{}", failure.detail);
    // One that closes without a word, as some do.
    let mut client = rig.connect(&format!("{NAME}:443")).await;
    client.send([0x16, 3, 1]).await;
    drop(client);
    let failure = rig.proxy.recorded().await.failure.unwrap();
    assert!(failure.detail.contains("closed the connection within the handshake"), "{}", failure.detail);
    rig.proxy.stop().await;
}

#[tokio::test]
async fn a_body_that_broke_off_is_a_reset_through_the_tunnel() {
    let server = Server::start().await;
    let port = server.address.port();
    let mut rig = rig(&[port], Wishes::default()).await;
    // Clear text in the tunnel, so that what is seen is the connection itself.
    let mut client = rig.connect(&format!("{NAME}:{port}")).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let mut system = server.accept().await;
    system.head().await;
    system.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    client.until("hello").await;
    drop(system);
    assert!(client.rest().await.1, "an orderly end");
    assert_eq!(rig.proxy.recorded().await.response.unwrap().body.end, BodyEnd::Cancelled);
    rig.proxy.stop().await;
}

#[tokio::test]
async fn a_reset_in_a_tunnel_is_passed_on_as_one() {
    let server = Server::start().await;
    let port = server.address.port();
    let rig = rig(&[port], Wishes::default()).await;
    for of_client in [true, false] {
        let mut client = rig.connect(&format!("other.example:{port}")).await;
        let mut system = server.accept().await;
        client.send("up").await;
        system.until("up").await;
        system.send("down").await;
        client.until("down").await;
        let (resetting, mut other) = if of_client { (client, system) } else { (system, client) };
        resetting.stream.set_zero_linger().unwrap();
        drop(resetting);
        assert_eq!(other.rest().await, (Vec::new(), true), "of the client: {of_client}");
    }
    rig.proxy.stop().await;
}

#[tokio::test]
async fn the_proxy_itself_is_answered_and_never_looped() {
    let rig = rig(&[], Wishes::default()).await;
    let own = rig.proxy.address;
    for target in ["/", "/ca.pem", "/authorities", "*"] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let answer = refused(&rig, &format!("{method} {target} HTTP/1.1\r\nHost: {own}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("not a server"), "{answer}");
        assert!(!answer.contains("BEGIN"), "{answer}");
    }
    let answer = refused(&rig, &format!("CONNECT {own} HTTP/1.1\r\nHost: {own}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("Umpire itself"), "{answer}");
    let request = format!("GET http://localhost:{}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", own.port());
    let answer = refused(&rig, &request).await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("Umpire itself"), "{answer}");
    rig.proxy.stop().await;
}

#[tokio::test]
async fn targets_that_are_none_are_refused() {
    let rig = rig(&[], Wishes::default()).await;
    for (request, status) in [
        ("CONNECT booking.example.com HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("CONNECT booking.example.com:0 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("CONNECT user@booking.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("CONNECT booking.example.com:443 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 400),
        ("GET http://me:secret@booking.example.com/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ] {
        let answer = refused(&rig, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(!answer.contains("secret"), "{answer}");
    }
    rig.proxy.stop().await;
}

#[tokio::test]
async fn credentials_are_asked_for_and_go_no_further() {
    let server = Server::start().await;
    let port = server.address.port();
    let mut rig = rig(&[port], Wishes { credentials: Some("robin:correct horse"), ..Wishes::default() }).await;
    let wrong = "Proxy-Authorization: Basic cm9iaW46d3JvbmcgaG9yc2U=\r\n";
    for request in [
        format!("GET http://{NAME}:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET http://{NAME}:{port}/ HTTP/1.1\r\nHost: x\r\n{wrong}\r\n"),
        format!("CONNECT {NAME}:{port} HTTP/1.1\r\nHost: x\r\n{wrong}\r\n"),
        format!("CONNECT other.example:{port} HTTP/1.1\r\nHost: x\r\n\r\n"),
    ] {
        let answer = refused(&rig, &request).await;
        assert!(answer.starts_with("HTTP/1.1 407 "), "{request}: {answer}");
        assert!(answer.to_lowercase().contains("\r\nproxy-authenticate: basic realm=\"umpire\""), "{answer}");
    }
    assert_eq!(rig.told().len(), 4);
    assert!(server.is_silent().await);
    let right = "Proxy-Authorization: Basic cm9iaW46Y29ycmVjdCBob3JzZQ==\r\n";
    let mut client = rig.proxy.connect().await;
    client.send(format!("GET http://{NAME}:{port}/ HTTP/1.1\r\nHost: x\r\n{right}\r\n")).await;
    let mut system = server.accept().await;
    let head = system.head().await.to_lowercase();
    assert!(!head.contains("proxy-authorization"), "{head}");
    system.send(OK).await;
    client.until("ok").await;
    let exchange = rig.proxy.recorded().await;
    assert_eq!(exchange.request.headers.get("proxy-authorization"), None);
    drop(client);
    rig.proxy.stop().await;
}

#[tokio::test]
async fn clients_of_other_machines_do_not_get_at_this_machine() {
    let server = Server::start().await;
    let port = server.address.port();
    let rig = rig(&[port], Wishes { deny_local_targets: true, ..Wishes::default() }).await;
    let answer = refused(&rig, &format!("CONNECT other.example:{port} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    assert!(
        answer.starts_with("HTTP/1.1 502 ") && answer.contains("clients of other machines are not let"),
        "{answer}"
    );
    rig.proxy.stop().await;
}

#[tokio::test]
async fn a_tunnel_that_is_silent_for_too_long_ends() {
    let server = Server::start().await;
    let rig = rig(&[server.address.port()], Wishes::default()).await;
    let mut client = rig.connect(&format!("other.example:{}", server.address.port())).await;
    let _system = server.accept().await;
    assert_eq!(client.rest().await.0, b"");
    rig.proxy.stop().await;
}

#[tokio::test]
async fn shutdown_does_not_wait_for_tunnels() {
    let server = Server::start().await;
    let rig = rig(&[server.address.port()], Wishes::default()).await;
    let _client = rig.connect(&format!("other.example:{}", server.address.port())).await;
    let _unused = rig.connect(&format!("{NAME}:443")).await;
    let served = rig.proxy.stop().await;
    assert_eq!((served.connections, served.cut), (2, 0));
}
