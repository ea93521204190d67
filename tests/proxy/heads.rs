//! Heads over HTTP/2 are looked at as strictly as those over HTTP/1.

use hyper::{Request, Response, StatusCode};
use umpire::exchange::FailureKind;

use crate::h2_support::{Broker, Stream, System, answer, before, before_http1, echo};
use crate::support::Server;

/// A request with any method, URI and fields that the library lets through.
fn odd(method: &str, uri: &str, fields: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

#[tokio::test]
async fn what_http1_refuses_is_refused() {
    let system = System::start(None, echo).await;
    let proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    for (method, uri, fields, body, why) in [
        ("GET", "http://me:secret@h/", &[][..], "", "Host"),
        ("GET", "http://h/", &[("transfer_encoding", "chunked")], "", "transfer_encoding"),
        ("GET", "http://h/", &[("content_length", "3")], "", "content_length"),
        ("GET", "http://h:65536/", &[], "", "Host"),
        ("GET", "http://h,i/", &[], "", "Host"),
        ("TRACE", "http://h/", &[], "abc", "TRACE"),
        ("GET", "http://h/", &[("host", "i")], "", "Host"),
    ] {
        let got = broker.ask(odd(method, uri, fields), body.as_bytes()).await.unwrap();
        assert_eq!(got.status, 400, "{method} {uri} {fields:?}");
        assert!(got.text().contains(why) && !got.text().contains("secret"), "{}", got.text());
    }
    assert_eq!(system.connections(), 0, "none of it went on");
    let got = broker.ask(odd("GET", "http://h:65535/a", &[]), b"").await.unwrap();
    assert_eq!(got.text(), "GET /a ");
    let (_, exchanges) = proxy.stop_with().await;
    assert_eq!(exchanges.len(), 1, "what was refused is no exchange");
}

#[tokio::test]
async fn answers_that_http1_refuses_become_502() {
    let system = System::start(None, |(request, mut respond): Stream| async move {
        let mut head = Response::new(());
        match request.uri().path() {
            "/101" => *head.status_mut() = StatusCode::SWITCHING_PROTOCOLS,
            "/interim-101" => {
                *head.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                // Whether the library lets it through is its own affair.
                let _sent = respond.send_informational(head);
                head = Response::new(());
            }
            "/coding" => drop(head.headers_mut().insert("transfer_encoding", "chunked".parse().unwrap())),
            "/length" => drop(head.headers_mut().insert("content_length", "3".parse().unwrap())),
            _ => {}
        }
        answer(respond, head, b"", None);
    })
    .await;
    let mut proxy = before(&system).await;
    let over_http2 = Broker::connect(proxy.address).await;
    for path in ["/101", "/interim-101", "/coding", "/length"] {
        let got = over_http2.ask(odd("GET", &format!("http://h{path}"), &[]), b"").await.unwrap();
        assert_eq!(got.status, 502, "{path}");
        assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::BrokenOff);
        let mut over_http1 = proxy.connect().await;
        over_http1.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        assert!(over_http1.head().await.starts_with("HTTP/1.1 502 "), "{path}");
        assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::BrokenOff);
    }
    assert_eq!(over_http2.ask(odd("GET", "http://h/", &[]), b"").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_length_is_said_once_and_never_where_there_is_no_body() {
    let server = Server::start().await;
    let proxy = before_http1(&server).await;
    let broker = Broker::connect(proxy.address).await;
    for (answer, length) in [
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 02, 2\r\n\r\nok", Some("2")),
    ] {
        let (response, _) = broker.begin(odd("GET", "http://h/", &[]), true).await;
        let mut system = server.accept().await;
        system.head().await;
        system.send(answer).await;
        let got = crate::h2_support::Got::of(response).await.unwrap();
        assert_eq!(got.headers.get("content-length").map(|value| value.to_str().unwrap()), length, "{answer}");
        drop(system);
    }
}
