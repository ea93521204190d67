//! Listening with TLS: the same connection code as without.

use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use umpire::exchange::BodyEnd;
use umpire::proxy::upstream::live::Timeouts;
use umpire::proxy::{Limits, Listener};

use super::support::{OK, Proxy, Server, live, soon, text};

fn ring() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A proxy with TLS before that server, and what trusts it.
async fn secured(server: &Server) -> (Proxy, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = live(&format!("http://{}", server.address), Timeouts::default());
    let listener = Listener { tls: Some(Arc::new(config)), ..Listener::new(listener, upstream) };
    (Proxy::with_listener(listener, Limits::default(), 4), TlsConnector::from(Arc::new(client)))
}

async fn connect(proxy: &Proxy, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    soon("a handshake", connector.connect(ServerName::try_from("localhost").unwrap(), stream)).await.unwrap()
}

#[tokio::test]
async fn requests_follow_each_other_over_tls() {
    let server = Server::start().await;
    let (mut proxy, connector) = secured(&server).await;
    let mut broker = connect(&proxy, &connector).await;
    for _ in 0..2 {
        broker
            .write_all(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        broker.write_all(b"abc").await.unwrap();
        let mut system = server.accept().await;
        let head = system.head().await;
        assert!(head.starts_with("POST /a HTTP/1.1\r\n"), "{head}");
        assert_eq!(system.exactly(3).await, b"abc");
        system.send(OK).await;
        let mut answer = Vec::new();
        soon("an answer", broker.read_to_end(&mut answer)).await.unwrap();
        assert!(text(&answer).ends_with("ok"), "{}", text(&answer));
        assert_eq!(&proxy.recorded().await.request.body.bytes[..], b"abc");
        broker = connect(&proxy, &connector).await;
    }
    drop(broker);
    proxy.stop().await;
}

#[tokio::test]
async fn a_body_that_broke_off_is_no_whole_body_over_tls_either() {
    let server = Server::start().await;
    let (mut proxy, connector) = secured(&server).await;
    let mut broker = connect(&proxy, &connector).await;
    broker.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut system = server.accept().await;
    system.head().await;
    system.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    let mut head = [0; 128];
    soon("the beginning", broker.read(&mut head)).await.unwrap();
    drop(system);
    let mut rest = Vec::new();
    assert!(soon("the end", broker.read_to_end(&mut rest)).await.is_err(), "an orderly end: {}", text(&rest));
    assert_eq!(proxy.recorded().await.response.unwrap().body.end, BodyEnd::Cancelled);
    proxy.stop().await;
}

#[tokio::test]
async fn who_does_not_speak_tls_gets_no_answer_and_harms_nobody() {
    let server = Server::start().await;
    let (mut proxy, connector) = secured(&server).await;
    let mut plain = proxy.connect().await;
    plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (rest, _) = plain.rest().await;
    assert!(!text(&rest).contains("HTTP/1.1"), "{}", text(&rest));
    let mut broker = connect(&proxy, &connector).await;
    broker.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut system = server.accept().await;
    system.head().await;
    system.send(OK).await;
    let mut answer = [0; 15];
    soon("an answer", broker.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    drop(broker);
    proxy.recorded().await;
    proxy.stop().await;
}
