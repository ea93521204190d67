//! Links that lead past the proxy, rewritten on their way to the broker.

use std::io::Write as _;

use tokio::net::TcpListener;
use umpire::exchange::{Exchange, decode};
use umpire::proxy::upstream::live::Timeouts;
use umpire::proxy::{Limits, Listener};

use super::h2_support::{Broker, Certified, request};
use super::support::{OK, Peer, Proxy, Server, live};

/// A proxy that rewrites links, and the booking system behind it.
async fn rewriting() -> (Proxy, Server) {
    let server = Server::start().await;
    let upstream = live(&format!("http://{}", server.address), Timeouts::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = Listener { rewrite_links: true, ..Listener::new(listener, upstream) };
    (Proxy::with_listener(listener, Limits::default(), 8), server)
}

fn page(server: &Server) -> String {
    let origin = format!("http://{}", server.address);
    format!(
        "{{ \"next\": \"{origin}/feed?after=7\",\n  \"items\": [{{\"id\": \"{origin}/s/1\", \"price\": 1.50, \
         \"data\": {{\"@id\": \"{origin}/s/1\"}}}}] }}"
    )
}

fn body(exchange: &Exchange) -> String {
    let response = exchange.response.as_ref().unwrap();
    String::from_utf8(decode(&response.body.bytes, &response.headers).unwrap().into_owned()).unwrap()
}

/// Answers the next request with these fields and this body, and returns what the broker got: head and body.
async fn exchange(broker: &mut Peer, system: &mut Peer, fields: &str, content: &[u8]) -> (String, String) {
    broker.send("GET /feed HTTP/1.1\r\nHost: umpire.example:81\r\n\r\n").await;
    system.head().await;
    system.send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n")).await;
    system.send(content).await;
    let head = broker.head().await;
    let length = head.to_ascii_lowercase().split_once("content-length: ").unwrap().1.to_owned();
    let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
    (head, String::from_utf8(broker.exactly(length).await).unwrap())
}

#[tokio::test]
async fn the_broker_is_given_links_through_the_proxy() {
    let (mut proxy, server) = rewriting().await;
    let page = page(&server);
    let expected = page.replacen(&format!("http://{}/feed", server.address), "http://umpire.example:81/feed", 1);
    let mut broker = proxy.connect().await;
    let gzipped = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(page.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let chunked = [format!("{:x}\r\n", page.len()).as_bytes(), page.as_bytes(), b"\r\n0\r\n\r\n"].concat();
    let json = "Content-Type: application/vnd.openactive.rpde+json; version=1";
    // So that there is a connection to play on.
    broker.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut system = server.accept().await;
    system.head().await;
    system.send(OK).await;
    broker.until("ok").await;
    assert!(proxy.recorded().await.rewritten.is_empty());
    for (fields, content) in [
        (format!("{json}\r\nETag: \"x\"\r\nContent-Length: {}", page.len()), page.as_bytes()),
        (format!("{json}\r\nContent-Encoding: gzip\r\nContent-Length: {}", gzipped.len()), &gzipped),
        (format!("{json}\r\nTransfer-Encoding: chunked"), &chunked),
    ] {
        let (head, got) = exchange(&mut broker, &mut system, &fields, content).await;
        assert_eq!(got, expected, "{fields}");
        let head = head.to_ascii_lowercase();
        assert!(!head.contains("content-encoding") && !head.contains("transfer-encoding"), "{head}");
        assert!(!head.contains("\r\netag: \"x\""), "{head}");
        let recorded = proxy.recorded().await;
        assert_eq!(body(&recorded), page, "what was sent is what is recorded");
        assert_eq!(recorded.rewritten.len(), 1);
        let link = &recorded.rewritten[0];
        assert_eq!(link.at, "/next");
        assert_eq!(link.sent, format!("http://{}/feed?after=7", server.address));
        assert_eq!(link.given, "http://umpire.example:81/feed?after=7");
    }
}

#[tokio::test]
async fn fields_lead_through_the_proxy_also_where_no_body_follows() {
    let (mut proxy, server) = rewriting().await;
    let origin = format!("http://{}", server.address);
    let mut broker = proxy.connect().await;
    let mut system: Option<Peer> = None;
    for (method, status, fields, expected) in [
        ("PUT", "201 Created", "Location: {}/orders/1\r\n", vec!["field Location"]),
        (
            "GET",
            "308 Permanent Redirect",
            "location: {}/api/\r\nLink: <{}/a>; rel=x, </b>, <{}/c>\r\n",
            vec!["field location", "field Link 1", "field Link 3"],
        ),
        (
            "HEAD",
            "200 OK",
            "Content-Location: {}/feed\r\nContent-Type: application/json\r\n",
            vec!["field Content-Location"],
        ),
        ("GET", "304 Not Modified", "Content-Location: {}/feed\r\nETag: \"x\"\r\n", vec!["field Content-Location"]),
        ("DELETE", "303 See Other", "Location: http://elsewhere.example/\r\n", vec![]),
    ] {
        broker.send(format!("{method} /x HTTP/1.1\r\nHost: umpire.example:81\r\nContent-Length: 0\r\n\r\n")).await;
        if system.is_none() {
            system = Some(server.accept().await);
        }
        let system = system.as_mut().unwrap();
        system.head().await;
        let length = if status.starts_with("304") { "" } else { "Content-Length: 0\r\n" };
        let sent = format!("HTTP/1.1 {status}\r\n{}{length}\r\n", fields.replace("{}", &origin));
        system.send(&sent).await;
        assert_eq!(broker.head().await, sent.replace(&origin, "http://umpire.example:81"));
        let recorded = proxy.recorded().await;
        let at: Vec<&str> = recorded.rewritten.iter().map(|link| link.at.as_str()).collect();
        assert_eq!(at, expected, "{sent}");
        let fields = &recorded.response.as_ref().unwrap().headers;
        for link in &recorded.rewritten {
            assert!(
                fields.0.iter().any(|field| String::from_utf8_lossy(&field.value).contains(&link.sent)),
                "{link:?}"
            );
            assert_eq!(link.given, link.sent.replace(&origin, "http://umpire.example:81"));
        }
    }
}

#[tokio::test]
async fn nothing_else_of_an_answer_changes() {
    let (mut proxy, server) = rewriting().await;
    let mut broker = proxy.connect().await;
    let mut system: Option<Peer> = None;
    let page = page(&server);
    for (fields, content) in [
        ("Content-Type: text/plain\r\nETag: \"x\"", page.as_str()),
        ("Content-Type: application/json\r\nETag: \"x\"", r#"{"@id": "http://up.example/", "x" : 1.50}"#),
        ("Content-Type: application/json\r\nETag: \"x\"", r#"{"next": "not JSON"#),
        ("Content-Type: application/json\r\nCache-Control: no-transform", page.as_str()),
    ] {
        broker.send("GET /x HTTP/1.1\r\nHost: umpire.example:81\r\n\r\n").await;
        if system.is_none() {
            system = Some(server.accept().await);
        }
        let system = system.as_mut().unwrap();
        system.head().await;
        let sent = format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {}\r\n\r\n{content}", content.len());
        system.send(&sent).await;
        assert_eq!(broker.until(content).await, sent);
        assert!(proxy.recorded().await.rewritten.is_empty());
    }
}

#[tokio::test]
async fn over_http2_and_tls_the_address_is_the_brokers() {
    let certified = Certified::new();
    let server = Server::start().await;
    let upstream = live(&format!("http://{}", server.address), Timeouts::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = Some(certified.server(&["h2"]));
    let mut proxy = Proxy::with_listener(
        Listener { tls, rewrite_links: true, ..Listener::new(listener, upstream) },
        Limits::default(),
        8,
    );
    let broker = Broker::over(certified.connect(proxy.address, "h2").await).await;
    let page = page(&server);
    let answering = async {
        let mut system = server.accept().await;
        system.head().await;
        let head = format!("Content-Type: application/json\r\nContent-Length: {}", page.len());
        system.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{page}")).await;
        system
    };
    let (got, mut system) = tokio::join!(broker.ask(request("GET", "/feed", &[]), b""), answering);
    let got = got.unwrap();
    let expected = page.replacen(&format!("http://{}/feed", server.address), "https://broker.example/feed", 1);
    assert_eq!(got.text(), expected);
    assert_eq!(got.headers["content-length"].to_str().unwrap(), expected.len().to_string());
    assert_eq!(proxy.recorded().await.rewritten.len(), 1);
    // The link leads to where it led before.
    let (response, _) = broker.begin(request("GET", "/feed?after=7", &[]), true).await;
    assert!(system.head().await.starts_with("GET /feed?after=7 HTTP/1.1\r\n"));
    drop(response);
}
