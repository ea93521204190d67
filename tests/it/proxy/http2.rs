//! HTTP/2 on either side, and on both.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use hyper::{HeaderMap, Response};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use umpire::exchange::{BodyEnd, Exchange, FailureKind, Headers, Version};
use umpire::proxy::upstream::live::UpstreamHttp;
use umpire::proxy::{Limits, Listener};

use super::h2_support::{
    Broker, Certified, Got, Stream, System, answer, before, before_http1, echo, live, read, request,
};
use super::support::{OK, Proxy, Server, soon};

fn field<'e>(exchange: &'e Exchange, name: &str) -> &'e str {
    exchange.request.headers.get(name).unwrap_or_default()
}

#[tokio::test]
async fn concurrent_exchanges_each_get_their_own_answer() {
    let certified = Certified::new();
    for (broker_tls, system_tls) in [(false, false), (false, true), (true, false), (true, true)] {
        let system = System::start(system_tls.then(|| certified.server(&["h2"])), echo).await;
        let scheme = if system_tls { "https" } else { "http" };
        let upstream = live(&format!("{scheme}://{}", system.address), Some(&certified), UpstreamHttp::Http2);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls = broker_tls.then(|| certified.server(&["h2", "http/1.1"]));
        let mut proxy =
            Proxy::with_listener(Listener { tls, ..Listener::new(listener, upstream) }, Limits::default(), 256);
        let broker = if broker_tls {
            Broker::over(certified.connect(proxy.address, "h2").await).await
        } else {
            Broker::connect(proxy.address).await
        };
        let asked = (0..90).map(|number| {
            let (broker, mark) = (broker.clone(), format!("mark {number}"));
            async move {
                let request = request("PUT", &format!("/orders/{number}?a=b"), &[("x-mark", &mark)]);
                let got = broker.ask(request, mark.as_bytes()).await.unwrap();
                assert_eq!(got.headers["x-mark"], mark.as_str());
                assert_eq!((got.status, got.text()), (200, format!("PUT /orders/{number}?a=b {mark}")));
            }
        });
        join_all(asked).await;
        assert_eq!(system.connections(), 1, "all of them on one connection");
        for _ in 0..90 {
            let exchange = proxy.recorded().await;
            let mark = field(&exchange, "x-mark").to_owned();
            let response = exchange.response.unwrap();
            assert_eq!((exchange.request.version, response.version), (Version::Http2, Version::Http2));
            assert_eq!(response.reason, "", "HTTP/2 has none");
            assert_eq!(response.headers.get("x-mark"), Some(mark.as_str()));
            assert_eq!(exchange.request.body.bytes, mark.as_bytes());
            assert_eq!((exchange.failure, exchange.connection), (None, 1));
            assert_eq!(exchange.origin, format!("{scheme}://{}", system.address));
        }
        drop(broker);
        proxy.stop().await;
    }
}

#[tokio::test]
async fn from_http1_to_http2() {
    let system = System::start(None, echo).await;
    let mut proxy = before(&system).await;
    let mut broker = proxy.connect().await;
    broker
        .send(
            "PUT /a?b=%7B HTTP/1.1\r\nHost: broker.example\r\nX-Mark: one\r\nConnection: keep-alive, X-Gone\r\n\
             X-Gone: 1\r\nCookie: a=1; b=2\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
             3\r\nabc\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n",
        )
        .await;
    // Without a length the answer is chunked, and its trailers come with it.
    let got = broker.until("\r\n0\r\nx-sum: 7\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
    assert!(got.contains("\r\nx-mark: one\r\n") && got.contains("\r\nTransfer-Encoding: chunked\r\n"), "{got}");
    assert!(got.contains("PUT /a?b=%7B abc"), "{got}");
    let exchange = proxy.recorded().await;
    assert_eq!((exchange.request.version, exchange.response.unwrap().version), (Version::Http11, Version::Http2));
    assert_eq!(exchange.request.headers.0[0].name, "Host", "as the broker wrote it");
    let sent: Headers = [("X-Sum", "7"), ("Content-Length", "9")].into_iter().collect();
    assert_eq!(exchange.request.body.trailers, sent, "all that was sent, though not all of it went on");
    // An answer without content has a length of nothing.
    let system = System::start(None, |(_, respond): Stream| async move {
        answer(respond, Response::new(()), b"", None);
    })
    .await;
    let mut proxy = before(&system).await;
    let mut broker = proxy.connect().await;
    for _ in 0..2 {
        broker.send("DELETE /a HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let head = broker.head().await;
        assert!(head.contains("\r\nContent-Length: 0\r\n"), "{head}");
        assert_eq!(proxy.recorded().await.failure, None);
    }
}

#[tokio::test]
async fn what_http2_gets_of_an_http1_request() {
    let (told, mut seen) = mpsc::channel(1);
    let system = System::start(None, move |(request, respond): Stream| {
        let told = told.clone();
        async move {
            told.send(request.into_parts().0).await.unwrap();
            answer(respond, Response::new(()), b"ok", None);
        }
    })
    .await;
    let proxy = before(&system).await;
    let mut broker = proxy.connect().await;
    broker
        .send(
            "GET /a%20b//c?q=|{} HTTP/1.1\r\nhOST: broker.example\r\nX-ODD: caf\u{e9}\r\nKeep-Alive: 5\r\n\
             Proxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings\r\n\
             TE: trailers\r\nA: 1\r\na: 2\r\n\r\n",
        )
        .await;
    broker.until("ok").await;
    let parts = soon("the request", seen.recv()).await.unwrap();
    assert_eq!(parts.uri.path_and_query().unwrap().as_str(), "/a%20b//c?q=|{}");
    assert_eq!(parts.uri.authority().unwrap().as_str(), system.address.to_string());
    assert_eq!(parts.uri.scheme_str(), Some("http"));
    let names: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let expected: [(&str, &[u8]); 4] =
        [("x-odd", "caf\u{e9}".as_bytes()), ("te", b"trailers"), ("a", b"1"), ("a", b"2")];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn from_http2_to_http1() {
    let server = Server::start().await;
    let mut proxy = before_http1(&server).await;
    let broker = Broker::connect(proxy.address).await;
    let fields = [("cookie", "a=1"), ("x-mark", "one"), ("cookie", "b=2"), ("content-length", "3")];
    let (response, mut sending) = broker.begin(request("PUT", "/orders/1?x", &fields), false).await;
    sending.send_data(Bytes::from_static(b"abc"), true).unwrap();
    let mut system = server.accept().await;
    let head = system.head().await;
    assert!(head.starts_with("PUT /orders/1?x HTTP/1.1\r\n"), "{head}");
    for line in [
        format!("\r\nhost: {}\r\n", server.address),
        "\r\ncookie: a=1; b=2\r\n".to_owned(),
        "\r\ncontent-length: 3\r\n".to_owned(),
    ] {
        assert!(head.contains(&line), "{line:?} in {head}");
    }
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    assert_eq!(system.exactly(3).await, b"abc");
    system
        .send(
            "HTTP/1.1 201 Made\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 1\r\nKeep-Alive: 5\r\nX-Kept: 2\r\n\
             Transfer-Encoding: chunked\r\n\r\n4\r\nmade\r\n0\r\nX-Sum: 9\r\n\r\n",
        )
        .await;
    let got = Got::of(response).await.unwrap();
    assert_eq!((got.status, got.text()), (201, "made".to_owned()));
    assert_eq!(got.trailers.unwrap()["x-sum"], "9");
    let names: Vec<_> = got.headers.keys().map(hyper::header::HeaderName::as_str).collect();
    assert_eq!(names, ["x-kept"]);
    let exchange = proxy.recorded().await;
    assert_eq!((exchange.request.version, field(&exchange, "host")), (Version::Http2, "broker.example"));
    let crumbs: Vec<_> = exchange.request.headers.all("cookie").collect();
    assert_eq!(crumbs, ["a=1", "b=2"], "as the broker sent them");
    let response = exchange.response.unwrap();
    assert_eq!((response.version, response.reason.as_str()), (Version::Http11, "Made"));
    // Without a length, what has a body goes out in chunks, and its trailers with it.
    let (response, mut sending) = broker.begin(request("POST", "/x", &[]), false).await;
    sending.send_data(Bytes::from_static(b"abc"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().unwrap());
    sending.send_trailers(trailers).unwrap();
    let mut system = server.accept().await;
    let got = system.until("x-sum: 7\r\n\r\n").await;
    assert!(got.contains("\r\nTransfer-Encoding: chunked\r\n") && got.contains("3\r\nabc\r\n0\r\n"), "{got}");
    system.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(Got::of(response).await.unwrap().status, 204);
    // And what has none has neither length nor chunks.
    let (response, _) = broker.begin(request("GET", "/x", &[]), true).await;
    let head = system.head().await;
    assert!(!head.to_lowercase().contains("transfer-encoding") && !head.contains("ontent-"), "{head}");
    system.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n").await;
    let got = Got::of(response).await.unwrap();
    assert_eq!((got.status, got.headers["content-length"].to_str().unwrap()), (304, "7"));
}

#[tokio::test]
async fn head_and_until_close_over_http2() {
    let server = Server::start().await;
    let mut proxy = before_http1(&server).await;
    let broker = Broker::connect(proxy.address).await;
    let (response, _) = broker.begin(request("HEAD", "/x", &[]), true).await;
    let mut system = server.accept().await;
    assert!(system.head().await.starts_with("HEAD /x "));
    system.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
    let got = Got::of(response).await.unwrap();
    assert_eq!((got.headers["content-length"].to_str().unwrap(), got.body.len()), ("5", 0));
    assert_eq!(proxy.recorded().await.failure, None);
    let (response, _) = broker.begin(request("GET", "/x", &[]), true).await;
    system.head().await;
    system.send("HTTP/1.1 200 OK\r\n\r\nall of it").await;
    drop(system);
    assert_eq!(Got::of(response).await.unwrap().text(), "all of it");
    assert_eq!(proxy.recorded().await.failure, None);
}

#[tokio::test]
async fn trailers_pass_from_end_to_end() {
    let system = System::start(None, echo).await;
    let mut proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    let (response, mut sending) = broker.begin(request("POST", "/x", &[("te", "trailers")]), false).await;
    sending.send_data(Bytes::from_static(b"abc"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().unwrap());
    trailers.insert("content-type", "text/plain".parse().unwrap());
    sending.send_trailers(trailers).unwrap();
    let got = Got::of(response).await.unwrap();
    let came: Headers = [("x-sum", "7")].into_iter().collect();
    assert_eq!((got.text(), got.trailers.unwrap()["x-sum"].to_str().unwrap()), ("POST /x abc".to_owned(), "7"));
    let exchange = proxy.recorded().await;
    assert_eq!(exchange.request.body.trailers.get("content-type"), Some("text/plain"), "it went no further");
    assert_eq!(exchange.response.unwrap().body.trailers, came);
}

#[tokio::test]
async fn interim_answers_pass_from_end_to_end() {
    let system = System::start(None, |(request, mut respond): Stream| async move {
        let mut early = Response::new(());
        *early.status_mut() = hyper::StatusCode::EARLY_HINTS;
        early.headers_mut().insert("link", "</x>; rel=preload".parse().unwrap());
        respond.send_informational(early).unwrap();
        echo((request, respond)).await;
    })
    .await;
    let proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    let (mut response, _) = broker.begin(request("GET", "/x", &[]), true).await;
    let interim = soon("103", std::future::poll_fn(|cx| response.poll_informational(cx))).await.unwrap().unwrap();
    assert_eq!((interim.status().as_u16(), interim.headers()["link"].to_str().unwrap()), (103, "</x>; rel=preload"));
    assert_eq!(Got::of(response).await.unwrap().text(), "GET /x ");
    let mut broker = proxy.connect().await;
    broker.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(broker.head().await, "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n");
    assert!(broker.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    let server = Server::start().await;
    let proxy = before_http1(&server).await;
    let broker = Broker::connect(proxy.address).await;
    let (mut response, _) = broker.begin(request("GET", "/x", &[]), true).await;
    let mut system = server.accept().await;
    system.head().await;
    system.send("HTTP/1.1 103 Early Hints\r\nLink: </y>\r\n\r\n").await;
    let interim = soon("103", std::future::poll_fn(|cx| response.poll_informational(cx))).await.unwrap().unwrap();
    assert_eq!((interim.status().as_u16(), interim.headers()["link"].to_str().unwrap()), (103, "</y>"));
    system.send(OK).await;
    assert_eq!(Got::of(response).await.unwrap().text(), "ok");
}

#[tokio::test]
async fn large_bodies_pass_and_are_waited_for() {
    const LENGTH: usize = 24 * 1024 * 1024;
    let (told, mut sent) = mpsc::channel(1);
    let system = System::start(None, move |(request, mut respond): Stream| {
        let told = told.clone();
        async move {
            let (all, _) = read(request.into_body()).await.unwrap();
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            let mut rest = Bytes::from(all);
            while !rest.is_empty() {
                stream.reserve_capacity(rest.len());
                let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
                let part = rest.split_to(room.min(rest.len()));
                stream.send_data(part, rest.is_empty()).unwrap();
            }
            told.send(()).await.unwrap();
        }
    })
    .await;
    let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
    let limits = Limits { kept_body: 1024, ..Limits::default() };
    let mut proxy = Proxy::with(upstream, limits, 4).await;
    let broker = Broker::connect(proxy.address).await;
    let (response, mut sending) = broker.begin(request("PUT", "/x", &[]), false).await;
    let body: Vec<u8> = (0..LENGTH).map(|n| (n % 251) as u8).collect();
    let mut rest = Bytes::from(body.clone());
    while !rest.is_empty() {
        sending.reserve_capacity(rest.len());
        let room = soon("room", std::future::poll_fn(|cx| sending.poll_capacity(cx))).await.unwrap().unwrap();
        let part = rest.split_to(room.min(rest.len()));
        sending.send_data(part, rest.is_empty()).unwrap();
    }
    let (_, body_back) = soon("an answer", response).await.unwrap().into_parts();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(sent.try_recv().is_err(), "nothing on the way takes 24 MiB");
    let (back, _) = read(body_back).await.unwrap();
    assert!(back == body, "byte for byte");
    soon("the end of sending", sent.recv()).await.unwrap();
    let exchange = proxy.recorded().await;
    let response = exchange.response.unwrap();
    for kept in [exchange.request.body, response.body] {
        assert_eq!((kept.length, kept.end, kept.bytes.len()), (LENGTH as u64, BodyEnd::Truncated, 1024));
    }
}

#[tokio::test]
async fn which_version_is_spoken_upstream() {
    let certified = Certified::new();
    // The booking system offers both: the broker's version is spoken.
    let versions = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&versions);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = certified.server(&["h2", "http/1.1"]);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = tokio_rustls::TlsAcceptor::from(Arc::clone(&tls)).accept(stream).await.unwrap();
            let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            seen.lock().await.push(String::from_utf8(alpn.clone().unwrap_or_default()).unwrap());
            tokio::spawn(async move {
                if alpn.as_deref() == Some(b"h2") {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok(stream)) = connection.accept().await {
                        tokio::spawn(echo(stream));
                    }
                } else {
                    answer_all(stream).await;
                }
            });
        }
    });
    let base = format!("https://{address}");
    for (http, from_http1, from_http2) in [
        (UpstreamHttp::Auto, "http/1.1", "h2"),
        (UpstreamHttp::Http1, "http/1.1", "http/1.1"),
        (UpstreamHttp::Http2, "h2", "h2"),
    ] {
        versions.lock().await.clear();
        let proxy = Proxy::with(live(&base, Some(&certified), http), Limits::default(), 4).await;
        let mut broker = proxy.connect().await;
        broker.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        let (got, _) = broker.rest().await;
        assert!(got.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&got));
        assert_eq!(versions.lock().await.last().map(String::as_str), Some(from_http1), "{http:?}");
        versions.lock().await.clear();
        let proxy = Proxy::with(live(&base, Some(&certified), http), Limits::default(), 4).await;
        let broker = Broker::connect(proxy.address).await;
        for _ in 0..2 {
            assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().status, 200);
        }
        assert_eq!(*versions.lock().await, [from_http2], "{http:?}");
    }
}

async fn answer_all<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(mut stream: S) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut seen = Vec::new();
    while stream.read_buf(&mut seen).await.is_ok_and(|read| read > 0) {
        if seen.ends_with(b"\r\n\r\n") {
            seen.clear();
            stream.write_all(OK.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_booking_system_without_http2() {
    let certified = Certified::new();
    for alpn in [&["http/1.1"][..], &[]] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = certified.server(alpn);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A handshake that finds no common protocol fails.
                let Ok(stream) = tokio_rustls::TlsAcceptor::from(Arc::clone(&tls)).accept(stream).await else {
                    continue;
                };
                tokio::spawn(answer_all(stream));
            }
        });
        let base = format!("https://{address}");
        let mut proxy = Proxy::with(live(&base, Some(&certified), UpstreamHttp::Auto), Limits::default(), 64).await;
        let broker = Broker::connect(proxy.address).await;
        let asked = (0..20).map(|_| broker.ask(request("GET", "/x", &[]), b""));
        for got in join_all(asked).await {
            assert_eq!(got.unwrap().text(), "ok");
        }
        for _ in 0..20 {
            assert_eq!(proxy.recorded().await.response.unwrap().version, Version::Http11);
        }
        let mut proxy = Proxy::with(live(&base, Some(&certified), UpstreamHttp::Http2), Limits::default(), 4).await;
        let broker = Broker::connect(proxy.address).await;
        assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().status, 502);
        assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::Unreachable, "{alpn:?}");
    }
}

#[tokio::test]
async fn an_announced_body_waits_to_be_asked_for() {
    let (told, mut seen) = mpsc::channel(4);
    let system = System::start(None, move |(request, mut respond): Stream| {
        let told = told.clone();
        async move {
            told.send(()).await.unwrap();
            if request.uri().path() == "/refused" {
                let mut head = Response::new(());
                *head.status_mut() = hyper::StatusCode::UNAUTHORIZED;
                return answer(respond, head, b"no", None);
            }
            let mut go_on = Response::new(());
            *go_on.status_mut() = hyper::StatusCode::CONTINUE;
            respond.send_informational(go_on).unwrap();
            echo((request, respond)).await;
        }
    })
    .await;
    let mut proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    let fields = [("expect", "100-continue"), ("content-length", "4")];
    let (mut response, mut sending) = broker.begin(request("PUT", "/x", &fields), false).await;
    soon("the head", seen.recv()).await.unwrap();
    let interim = std::future::poll_fn(|cx| response.poll_informational(cx));
    assert_eq!(soon("100", interim).await.unwrap().unwrap().status(), 100);
    sending.send_data(Bytes::from_static(b"body"), true).unwrap();
    assert_eq!(Got::of(response).await.unwrap().text(), "PUT /x body");
    assert_eq!(proxy.recorded().await.failure, None);
    let (response, sending) = broker.begin(request("PUT", "/refused", &fields), false).await;
    assert_eq!(Got::of(response).await.unwrap().status, 401);
    drop(sending);
    let exchange = proxy.recorded().await;
    assert_eq!((exchange.request.body.length, exchange.request.body.end), (0, BodyEnd::Cancelled));
    assert_eq!((exchange.response.unwrap().status, exchange.failure), (401, None));
}
