//! The forward proxy spoken to over HTTP/2: whole URLs, and streams that become tunnels.

use bytes::Bytes;
use hyper::{Method, Request, Uri};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use umpire::exchange::Version;
use umpire::proxy::event::ProxyEvent;
use umpire::proxy::upstream::live::UpstreamConfig;

use super::forward::{NAME, Rig, Wishes, rig};
use super::h2_support::{Broker, Certified, Got};
use super::support::{OK, Server, soon, text};
use super::tls::serve_tls;

/// A request with a whole URL.
fn get(url: &str) -> Request<()> {
    Request::get(url).body(()).unwrap()
}

fn connect(authority: &str) -> Request<()> {
    let uri = Uri::builder().authority(authority).build().unwrap();
    Request::builder().method(Method::CONNECT).uri(uri).body(()).unwrap()
}

/// A tunnel in a stream of the broker's connection; the bytes of it.
pub async fn tunnel(broker: &Broker, authority: &str) -> DuplexStream {
    let (response, mut sending) = broker.begin(connect(authority), false).await;
    let response = soon("a tunnel", response).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut receiving = response.into_body();
    let (here, there) = tokio::io::duplex(64 * 1024);
    let (mut from_test, mut to_test) = tokio::io::split(there);
    tokio::spawn(async move {
        while let Some(Ok(data)) = receiving.data().await {
            receiving.flow_control().release_capacity(data.len()).unwrap();
            if to_test.write_all(&data).await.is_err() {
                return;
            }
        }
        to_test.shutdown().await.unwrap();
    });
    tokio::spawn(async move {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_test.read(&mut piece).await {
            let mut data = Bytes::copy_from_slice(&piece[..read]);
            while !data.is_empty() {
                sending.reserve_capacity(data.len());
                let Some(Ok(room)) = std::future::poll_fn(|cx| sending.poll_capacity(cx)).await else { return };
                sending.send_data(data.split_to(room.min(data.len())), false).unwrap();
            }
        }
        // It may be gone already.
        let _ended = sending.send_data(Bytes::new(), true);
    });
    here
}

/// TLS within a tunnel, offering these protocols.
async fn secured(rig: &Rig, tunnel: DuplexStream, alpn: &[&str]) -> TlsStream<DuplexStream> {
    let mut config = ClientConfig::clone(rig.trusting.config());
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let connecting =
        TlsConnector::from(std::sync::Arc::new(config)).connect(ServerName::try_from(NAME).unwrap(), tunnel);
    soon("a handshake", connecting).await.unwrap()
}

#[tokio::test]
async fn whole_urls_are_carried() {
    let server = Server::start().await;
    let port = server.address.port();
    let mut rig = rig(&[port], Wishes::default()).await;
    let broker = Broker::connect(rig.proxy.address).await;
    let mut system = None;
    for (host, recorded) in [(NAME, true), ("other.example", false), (NAME, true)] {
        let (response, _) = broker.begin(get(&format!("http://{host}:{port}/x?y=1")), true).await;
        let connection = server.accept();
        let mut peer = match system.take() {
            Some(peer) if recorded => peer,
            _ => connection.await,
        };
        let head = peer.head().await;
        assert!(head.starts_with("GET /x?y=1 HTTP/1.1\r\n") && head.contains(&format!("{host}:{port}\r\n")), "{head}");
        peer.send(OK).await;
        let got = Got::of(response).await.unwrap();
        assert_eq!((got.status, got.text().as_str()), (200, "ok"));
        if recorded {
            let exchange = rig.proxy.recorded().await;
            assert_eq!((exchange.origin, exchange.request.version), (format!("http://{NAME}:{port}"), Version::Http2));
            system = Some(peer);
        }
    }
    assert_eq!(rig.told(), [ProxyEvent::Unread { authority: format!("other.example:{port}") }]);
    // To the proxy itself.
    let got = broker.ask(get(&format!("http://{}/", rig.proxy.address)), b"").await.unwrap();
    assert!(got.status == 502 && got.text().contains("Umpire itself"), "{}", got.text());
    rig.proxy.stop().await;
}

#[tokio::test]
async fn streams_become_tunnels_that_are_intercepted() {
    let certified = Certified::new();
    let (port, ca) = serve_tls(&[NAME]).await;
    let reach = UpstreamConfig { ca_files: vec![ca.path().to_owned()], ..UpstreamConfig::default() };
    let tls = Some(certified.server(&["h2", "http/1.1"]));
    let mut rig = rig(&[port], Wishes { reach, tls, ..Wishes::default() }).await;
    let broker = Broker::over(certified.connect(rig.proxy.address, "h2").await).await;
    let authority = format!("{NAME}:{port}");
    // HTTP/1.1 and HTTP/2 within, side by side.
    let mut older = secured(&rig, tunnel(&broker, &authority).await, &["http/1.1"]).await;
    let newer = Broker::over(secured(&rig, tunnel(&broker, &authority).await, &["h2"]).await).await;
    for _ in 0..2 {
        older.write_all(format!("GET /a HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = vec![0; OK.len()];
        soon("an answer", older.read_exact(&mut answer)).await.unwrap();
        assert_eq!(text(&answer), OK);
        let exchange = rig.proxy.recorded().await;
        assert_eq!(
            (exchange.origin.as_str(), exchange.request.version),
            (&*format!("https://{authority}"), Version::Http11)
        );
        assert_eq!(newer.ask(get(&format!("https://{authority}/b")), b"").await.unwrap().text(), "ok");
        let exchange = rig.proxy.recorded().await;
        assert_eq!(
            (exchange.origin.as_str(), exchange.request.version),
            (&*format!("https://{authority}"), Version::Http2)
        );
    }
    drop((older, newer));
    let served = rig.proxy.stop().await;
    assert_eq!((served.connections, served.cut), (1, 0));
}

#[tokio::test]
async fn unread_tunnels_carry_any_bytes_both_ways_to_their_ends() {
    const MUCH: usize = 3_000_000;
    let server = Server::start().await;
    let port = server.address.port();
    let rig = rig(&[port], Wishes::default()).await;
    let broker = Broker::connect(rig.proxy.address).await;
    let authority = format!("other.example:{port}");
    let (client, mut system) = tokio::join!(tunnel(&broker, &authority), server.accept());
    let (mut parsed, mut writing) = tokio::io::split(client);
    let sent: Vec<u8> = (0..MUCH).map(|n| (n % 251) as u8).collect();
    let up = async {
        writing.write_all(&sent).await.unwrap();
        writing.shutdown().await.unwrap();
    };
    let ((), got) = tokio::join!(up, async {
        let (got, reset) = system.rest().await;
        assert!(!reset);
        got
    });
    assert!(got == sent, "what went up");
    // Its half is still open.
    let mut got = Vec::new();
    let ((), read) = tokio::join!(
        async {
            system.send(&sent).await;
            drop(system);
        },
        soon("what went down", parsed.read_to_end(&mut got))
    );
    assert_eq!(read.unwrap(), MUCH);
    assert!(got == sent, "what went down");
    assert_eq!(rig.told(), [ProxyEvent::Unread { authority }]);
    rig.proxy.stop().await;
}

#[tokio::test]
async fn a_tunnel_that_is_given_up_takes_nothing_else_with_it() {
    let server = Server::start().await;
    let authority = format!("other.example:{}", server.address.port());
    let rig = rig(&[server.address.port()], Wishes::default()).await;
    let broker = Broker::connect(rig.proxy.address).await;
    let (first, mut first_system) = tokio::join!(tunnel(&broker, &authority), server.accept());
    let (mut second, mut second_system) = tokio::join!(tunnel(&broker, &authority), server.accept());
    let (response, mut stream) = broker.begin(connect(&authority), false).await;
    let mut third_system = server.accept().await;
    let third = soon("a tunnel", response).await.unwrap();
    stream.send_reset(h2::Reason::CANCEL);
    drop((first, third));
    first_system.rest().await;
    third_system.rest().await;
    second.write_all(b"still there").await.unwrap();
    assert_eq!(second_system.exactly(11).await, b"still there");
    second_system.send("so am I").await;
    let mut got = [0; 7];
    soon("an answer", second.read_exact(&mut got)).await.unwrap();
    assert_eq!(&got, b"so am I");
    // And a host that can't be reached is said.
    drop(server);
    let (response, _stream) = broker.begin(connect(&authority), false).await;
    let got = Got::of(response).await.unwrap();
    assert!(got.status == 502 && got.text().contains("cannot connect"), "{}", got.text());
    let served = rig.proxy.stop().await;
    assert_eq!(served.cut, 0, "shutdown does not wait for tunnels");
}

#[tokio::test]
async fn credentials_are_asked_for_and_kept() {
    let server = Server::start().await;
    let port = server.address.port();
    let mut rig = rig(&[port], Wishes { credentials: Some("me:long-enough"), ..Wishes::default() }).await;
    let broker = Broker::connect(rig.proxy.address).await;
    let got = broker.ask(get(&format!("http://{NAME}:{port}/")), b"").await.unwrap();
    assert_eq!(got.status, 407);
    assert!(got.headers["proxy-authenticate"].to_str().unwrap().starts_with("Basic "));
    assert_eq!(Got::of(broker.begin(connect("other.example:1"), true).await.0).await.unwrap().status, 407);
    let mut right = get(&format!("http://{NAME}:{port}/"));
    right.headers_mut().insert("proxy-authorization", "Basic bWU6bG9uZy1lbm91Z2g=".parse().unwrap());
    let (response, _) = broker.begin(right, true).await;
    let mut system = server.accept().await;
    let head = system.head().await;
    assert!(!head.to_lowercase().contains("proxy-"), "{head}");
    system.send(OK).await;
    assert_eq!(Got::of(response).await.unwrap().status, 200);
    assert!(rig.proxy.recorded().await.request.headers.get("proxy-authorization").is_none());
    rig.proxy.stop().await;
}

#[tokio::test]
async fn user_names_and_passwords_before_hosts_go_nowhere() {
    let server = Server::start().await;
    let (port, ca) = serve_tls(&[NAME]).await;
    let reach = UpstreamConfig { ca_files: vec![ca.path().to_owned()], ..UpstreamConfig::default() };
    let rig = rig(&[port, server.address.port()], Wishes { reach, ..Wishes::default() }).await;
    let plain = server.address.port();
    let mut answers = Vec::new();
    for request in [
        format!("CONNECT me:secret@{NAME}:{port} HTTP/1.1\r\nHost: {NAME}:{port}\r\n\r\n"),
        format!("CONNECT {NAME}:{port} HTTP/1.1\r\nHost: me:secret@{NAME}:{port}\r\n\r\n"),
        format!("GET http://me:secret@{NAME}:{plain}/ HTTP/1.1\r\nHost: {NAME}:{plain}\r\n\r\n"),
        format!("GET http://{NAME}:{plain}/ HTTP/1.1\r\nHost: me:secret@{NAME}:{plain}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: me:secret@{NAME}:{plain}\r\n\r\n"),
    ] {
        let mut client = rig.proxy.connect().await;
        client.send(request).await;
        answers.push(text(&client.rest().await.0));
    }
    // Within a tunnel that is intercepted.
    let mut client = rig.tunnel(NAME, port).await;
    client.write_all(format!("GET / HTTP/1.1\r\nHost: me:secret@{NAME}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    soon("an answer", client.read_to_end(&mut answer)).await.unwrap();
    answers.push(text(&answer));
    let refused = answers.iter().all(|answer| answer.starts_with("HTTP/1.1 400 "));
    assert!(refused && !answers.concat().contains("secret"), "{answers:?}");
    // The same over HTTP/2.
    let broker = Broker::connect(rig.proxy.address).await;
    let mut got = vec![
        Got::of(broker.begin(connect(&format!("me:secret@{NAME}:{port}")), false).await.0).await.unwrap(),
        broker.ask(get(&format!("http://me:secret@{NAME}:{plain}/")), b"").await.unwrap(),
        broker.ask(get(&format!("https://me:secret@{NAME}:{port}/")), b"").await.unwrap(),
    ];
    let within = Broker::over(secured(&rig, tunnel(&broker, &format!("{NAME}:{port}")).await, &["h2"]).await).await;
    got.push(within.ask(get(&format!("https://me:secret@{NAME}:{port}/")), b"").await.unwrap());
    for got in got {
        assert!(got.status == 400 && !got.text().contains("secret"), "{} {}", got.status, got.text());
    }
    drop((client, broker, within));
    let told = rig.told();
    assert_eq!(told.len(), 10, "each is said: {told:?}");
    assert!(!format!("{told:?}").contains("secret"), "{told:?}");
    assert!(server.is_silent().await, "none of it went on");
    rig.proxy.stop().await;
}
