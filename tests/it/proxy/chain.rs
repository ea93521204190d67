//! Another proxy on the way upstream, spoken to in clear or over TLS.
//!
//! `client ─► Umpire, a forward proxy ─► the far proxy ─► booking system`

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use umpire::proxy::upstream::live::UpstreamConfig;

use super::forward::{NAME, Rig, Wishes, refused, rig};
use super::h2_support::Certified;
use super::support::{Server, soon, text};
use super::tls::serve_tls;

/// A far proxy that answers CONNECT with this status line, and where its tunnels lead.
async fn chain(answer: &'static str, tls: Option<Arc<ServerConfig>>) -> (SocketAddr, Server) {
    let server = Server::start().await;
    let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, target) = (far.local_addr().unwrap(), server.address);
    tokio::spawn(async move {
        while let Ok((stream, _)) = far.accept().await {
            match tls.clone() {
                None => drop(tokio::spawn(serve(stream, answer, target))),
                // Who does not trust it breaks off.
                Some(tls) => drop(tokio::spawn(async move {
                    if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                        serve(stream, answer, target).await;
                    }
                })),
            }
        }
    });
    (address, server)
}

/// One connection to the far proxy. A tunnel to port 443 leads to where its name says, any other one to `target`.
async fn serve(mut client: impl AsyncRead + AsyncWrite + Unpin, answer: &str, target: SocketAddr) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = text(&head);
    assert!(head.contains("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"), "{head}");
    if let Some(to) = head.strip_prefix("CONNECT ") {
        client.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.unwrap();
        let port = to.split(' ').next().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        let target = if port == 25 { target } else { SocketAddr::from(([127, 0, 0, 1], port)) };
        let mut system = TcpStream::connect(target).await.unwrap();
        // It ends when the test does.
        let _ended = tokio::io::copy_bidirectional(&mut client, &mut system).await;
    } else {
        let body = head.lines().next().unwrap_or_default();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
    }
}

/// Reaches everything through that proxy, which may be certified.
fn through(scheme: &str, proxy: SocketAddr, certified: &[&std::path::Path]) -> Wishes {
    let ca_files = certified.iter().map(|file| (*file).to_owned()).collect();
    let reach =
        UpstreamConfig { proxy: Some(format!("{scheme}://me:secret@{proxy}")), ca_files, ..UpstreamConfig::default() };
    Wishes { reach, ..Wishes::default() }
}

/// Unread tunnels, and requests in clear text, go through.
async fn is_gone_through(mut rig: Rig, server: Server) {
    let mut client = rig.connect("other.example:25").await;
    let mut system = server.accept().await;
    system.send("220 hello\r\n").await;
    assert_eq!(client.until("\r\n").await, "220 hello\r\n");
    // In clear text: the whole URL goes to the other proxy.
    let mut client = rig.proxy.connect().await;
    client.send(format!("GET http://{NAME}/x HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n")).await;
    let answer = text(&client.rest().await.0);
    assert!(answer.ends_with(&format!("GET http://{NAME}/x HTTP/1.1")), "{answer}");
    let exchange = rig.proxy.recorded().await;
    assert_eq!((exchange.origin, exchange.request.target), (format!("http://{NAME}"), "/x".to_owned()));
    rig.proxy.stop().await;
}

#[tokio::test]
async fn another_proxy_on_the_way_is_gone_through() {
    let (proxy, server) = chain("200 Fine", None).await;
    is_gone_through(rig(&[], through("http", proxy, &[])).await, server).await;
}

#[tokio::test]
async fn it_may_be_spoken_to_over_tls() {
    let certified = Certified::new();
    let (proxy, server) = chain("200 Fine", Some(certified.server(&["http/1.1"]))).await;
    is_gone_through(rig(&[], through("https", proxy, &[certified.ca_file.path()])).await, server).await;
}

#[tokio::test]
async fn tls_goes_through_tls() {
    let certified = Certified::new();
    let (port, ca) = serve_tls(&[NAME]).await;
    let (proxy, _server) = chain("200 Fine", Some(certified.server(&[]))).await;
    let mut rig = rig(&[], through("https", proxy, &[certified.ca_file.path(), ca.path()])).await;
    let mut client = rig.tunnel(NAME, port).await;
    client.write_all(format!("GET /x HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 17];
    soon("an answer", client.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK\r\n");
    assert_eq!(rig.proxy.recorded().await.origin, format!("https://{NAME}:{port}"));
    drop(client);
    rig.proxy.stop().await;
}

#[tokio::test]
async fn a_proxy_that_nobody_vouches_for_is_not_spoken_to() {
    let (certified, other) = (Certified::new(), Certified::new());
    let (proxy, server) = chain("200 Fine", Some(certified.server(&[]))).await;
    let wishes = through("https", proxy, &[other.ca_file.path()]);
    // Which is for booking systems alone.
    let wishes = Wishes { reach: UpstreamConfig { insecure: true, ..wishes.reach }, ..wishes };
    let rig = rig(&[], wishes).await;
    let answer = refused(&rig, "CONNECT other.example:25 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let expected = format!("no TLS connection with the proxy {proxy}: ");
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains(&expected), "{answer}");
    assert!(answer.contains("--upstream-ca"), "{answer}");
    assert!(server.is_silent().await);
    rig.proxy.stop().await;
}

#[tokio::test]
async fn what_another_proxy_refuses_is_said() {
    let (proxy, _server) = chain("407 No", None).await;
    let rig = rig(&[], through("http", proxy, &[])).await;
    let answer = refused(&rig, "CONNECT other.example:25 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("wants credentials"), "{answer}");
    assert!(!answer.contains("secret"), "{answer}");
    rig.proxy.stop().await;
}
