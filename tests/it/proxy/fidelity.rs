//! Bytes unchanged, both ways.

use std::io::Write;

use umpire::exchange::{BodyEnd, Header, Headers, Version};

use super::support::{OK, Peer, Proxy, Server, round_trip, text};

/// Latin-1 text to bytes, the inverse of [`text`].
fn raw(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect()
}

/// The fields as one text.
fn fields(headers: &[Header]) -> String {
    let lines: Vec<_> = headers.iter().map(|field| format!("{}: {}\r\n", field.name, text(&field.value))).collect();
    lines.concat()
}

async fn connect(proxy: &Proxy, server: &Server, request: &str) -> (Peer, Peer) {
    let mut broker = proxy.connect().await;
    broker.send(raw(request)).await;
    (broker, server.accept().await)
}

#[tokio::test]
async fn heads_and_bodies_pass_byte_for_byte_and_are_recorded_so() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let asked = "X-Odd: a\r\nhOST: broker.example\r\nX-Repeated: 1\r\nACCEPT: */*\r\nx-repeated: 2\r\n\
                 User-Agent: Mozilla/5.0 (\"quoted\"; \tx)\r\nEmpty: \r\nX-Latin: caf\u{e9}\u{ff}\r\n\
                 Authorization: Bearer abc==\r\nConTent-LENGTH: 5\r\nX_Under.score~!: 1\r\nX-Repeated: 3\r\n";
    let (mut broker, mut system) =
        connect(&proxy, &server, &format!("PUT /a%20b//c/..;x?q=1&q=%7B|}}&r=? HTTP/1.1\r\n{asked}\r\nhello")).await;
    let expected = asked.replace("broker.example", &server.address.to_string());
    assert_eq!(system.head().await, format!("PUT /a%20b//c/..;x?q=1&q=%7B|}}&r=? HTTP/1.1\r\n{expected}\r\n"));
    assert_eq!(system.exactly(5).await, b"hello");
    assert!(system.is_silent().await);

    let answered = "sErVer: x\r\nSet-Cookie: a=1; Path=/\r\ncontent-type: application/json\r\nSet-Cookie: b=2\r\n\
                    X-Latin: \u{a0}\u{e9}\r\nContent-Length: 4\r\nset-cookie: c=3\r\n";
    let answered = answered.replace("\u{a0}", "x");
    system.send(raw(&format!("HTTP/1.1 409 Nicht   m\u{f6}glich\r\n{answered}\r\n{{}}\r\n"))).await;
    assert_eq!(broker.head().await, format!("HTTP/1.1 409 Nicht   m\u{f6}glich\r\n{answered}\r\n"));
    assert_eq!(broker.exactly(4).await, b"{}\r\n");
    assert!(broker.is_silent().await, "the connection stays open and nothing is added");

    let exchange = proxy.recorded().await;
    assert_eq!(exchange.request.method, "PUT");
    assert_eq!(exchange.request.target, "/a%20b//c/..;x?q=1&q=%7B|}&r=?");
    assert_eq!(fields(&exchange.request.headers.0), asked);
    assert_eq!(exchange.origin, format!("http://{}", server.address));
    assert_eq!(&exchange.request.body.bytes[..], b"hello");
    let response = exchange.response.unwrap();
    assert_eq!((response.status, response.version), (409, Version::Http11));
    assert!(response.reason.starts_with("Nicht   m"));
    assert_eq!(fields(&response.headers.0), answered);
    assert_eq!((&response.body.bytes[..], response.body.end), (&b"{}\r\n"[..], BodyEnd::Complete));
    assert_eq!(exchange.failure, None);
    let timing = exchange.timing;
    assert!(timing.sent.unwrap() <= timing.first_byte.unwrap() && timing.first_byte.unwrap() <= timing.total);
    drop(broker);
    proxy.stop().await;
}

#[tokio::test]
async fn only_hop_by_hop_fields_stay_behind() {
    let server = Server::start().await;
    let proxy = Proxy::to(&server).await;
    let (mut broker, mut system) = connect(
        &proxy,
        &server,
        "GET / HTTP/1.1\r\nA: 1\r\nKeep-Alive: timeout=5\r\nHost: h\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\n\
         TE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nProxy-Authorization: Basic eA==\r\nB: 2\r\n\r\n",
    )
    .await;
    let host = server.address;
    assert_eq!(
        system.head().await,
        format!("GET / HTTP/1.1\r\nA: 1\r\nHost: {host}\r\nProxy-Authorization: Basic eA==\r\nB: 2\r\n\r\n")
    );
    system
        .send("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
        .await;
    assert_eq!(broker.until("ok").await, OK);
    // The connection goes on being used on both sides.
    round_trip(&mut broker, &mut system).await;
}

#[tokio::test]
async fn chunks_stay_chunks_and_trailers_follow() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let head = "POST /feed HTTP/1.1\r\nHost: h\r\ntransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
    let (mut broker, mut system) =
        connect(&proxy, &server, &format!("{head}3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\n")).await;
    assert_eq!(system.head().await, head.replace("Host: h", &format!("Host: {}", server.address)));
    assert_eq!(system.until("\r\n\r\n").await, "3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\n");
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n";
    system.send(format!("{head}4\r\nwxyz\r\n0\r\nx-T: 1\r\n\r\n")).await;
    assert_eq!(broker.head().await, head);
    assert_eq!(broker.until("\r\n\r\n").await, "4\r\nwxyz\r\n0\r\nx-T: 1\r\n\r\n");
    let exchange = proxy.recorded().await;
    assert_eq!(&exchange.request.body.bytes[..], b"abc0123456789");
    let answer = exchange.response.unwrap().body;
    assert_eq!(&answer.bytes[..], b"wxyz");
    assert_eq!(exchange.request.body.end, BodyEnd::Complete);
    let field = |name: &'static str, value: &'static str| [(name, value)].into_iter().collect::<Headers>();
    assert_eq!((exchange.request.body.trailers, answer.trailers), (field("X-Sum", "7"), field("x-T", "1")));
}

#[tokio::test]
async fn trailers_that_go_no_further_are_recorded_too() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let trailers = "Content-Length: 9\r\nX-Sum: 7\r\nx-sum: 8\r\n";
    let (mut broker, mut system) = connect(&proxy, &server, &format!("{head}1\r\na\r\n0\r\n{trailers}\r\n")).await;
    system.head().await;
    assert_eq!(system.until("\r\n\r\n").await, "1\r\na\r\n0\r\nX-Sum: 7\r\nx-sum: 8\r\n\r\n");
    system.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    broker.head().await;
    let request = proxy.recorded().await.request;
    let expected: Headers = [("Content-Length", "9"), ("X-Sum", "7"), ("x-sum", "8")].into_iter().collect();
    assert_eq!(request.body.trailers, expected);
}

#[tokio::test]
async fn a_compressed_body_passes_compressed() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&b"{\"a\": 1} ".repeat(100)).unwrap();
    let gzip = gzip.finish().unwrap();
    let (mut broker, mut system) =
        connect(&proxy, &server, "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip, br;q=0.5\r\n\r\n").await;
    assert!(system.head().await.contains("\r\nAccept-Encoding: gzip, br;q=0.5\r\n"));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len());
    system.send(&head).await;
    system.send(&gzip).await;
    assert_eq!(broker.head().await, head);
    assert_eq!(broker.exactly(gzip.len()).await, gzip);
    let response = proxy.recorded().await.response.unwrap();
    assert_eq!(&response.body.bytes[..], &gzip[..]);
    assert_eq!(umpire::exchange::decode(&response.body.bytes, &response.headers).unwrap().len(), 900);
}

#[tokio::test]
async fn answers_without_a_body() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let (mut broker, mut system) = connect(&proxy, &server, "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n").await;
    for (request, answer) in [
        ("", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
        ("HEAD /c HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("DELETE /o HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET /c HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 9\r\n\r\n"),
        ("PUT /o HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        broker.send(request).await;
        let head = system.head().await;
        assert!(request.is_empty() || head.replace(&server.address.to_string(), "h") == request, "{head}");
        system.send(answer).await;
        assert_eq!(broker.head().await, answer);
        assert!(broker.is_silent().await, "{request}");
        let exchange = proxy.recorded().await;
        let body = exchange.response.unwrap().body;
        assert_eq!((body.length, body.end, exchange.failure), (0, BodyEnd::Complete, None), "{request}");
    }
}

#[tokio::test]
async fn a_body_until_the_end_of_the_connection_stays_one() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let (mut broker, mut system) = connect(&proxy, &server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    system.head().await;
    system.send("HTTP/1.0 200 OK\r\nX: y\r\n\r\nall of it").await;
    drop(system);
    let (answer, reset) = broker.rest().await;
    assert_eq!(text(&answer), "HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\nall of it");
    assert!(!reset);
    let exchange = proxy.recorded().await;
    let response = exchange.response.unwrap();
    assert_eq!((response.version, response.body.end), (Version::Http10, BodyEnd::Complete));
    assert_eq!(&response.body.bytes[..], b"all of it");
}

#[tokio::test]
async fn an_old_client_gets_what_it_understands() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let (mut broker, mut system) = connect(&proxy, &server, "GET / HTTP/1.0\r\nX: y\r\n\r\n").await;
    assert_eq!(system.head().await, format!("GET / HTTP/1.1\r\nHost: {}\r\nX: y\r\n\r\n", server.address));
    system.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
    assert_eq!(text(&broker.rest().await.0), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok");
    assert_eq!(proxy.recorded().await.request.version, Version::Http10);

    let mut broker = proxy.connect().await;
    for _ in 0..2 {
        broker.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
        system.head().await;
        system.send(OK).await;
        assert!(broker.until("ok").await.contains("\r\nConnection: keep-alive\r\n"));
    }
}

#[tokio::test]
async fn absolute_form_is_understood() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let (mut broker, mut system) =
        connect(&proxy, &server, "GET http://booking.example/a?b HTTP/1.1\r\nHost: booking.example\r\n\r\n").await;
    assert_eq!(system.head().await, format!("GET /a?b HTTP/1.1\r\nHost: {}\r\n\r\n", server.address));
    system.send(OK).await;
    broker.until("ok").await;
    assert_eq!(proxy.recorded().await.request.target, "/a?b");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let (mut broker, mut system) = connect(
        &proxy,
        &server,
        "PUT /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nonePUT /2 HTTP/1.1\r\nHost: h\r\n\
         Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    )
    .await;
    for number in 1..=3 {
        let head = system.head().await;
        assert!(head.contains(&format!(" /{number} HTTP/1.1\r\n")), "{head}");
        match number {
            1 => assert_eq!(system.exactly(3).await, b"one"),
            2 => assert_eq!(system.until("0\r\n\r\n").await, "3\r\ntwo\r\n0\r\n\r\n"),
            _ => assert!(system.is_silent().await),
        }
        system.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}")).await;
    }
    let one = |number| format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n3";
    assert_eq!(text(&broker.rest().await.0), format!("{}{}{last}", one(1), one(2)));
    let mut ids = Vec::new();
    for _ in 0..3 {
        let exchange = proxy.recorded().await;
        assert_eq!(exchange.connection, 1);
        ids.push(exchange.id);
    }
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(proxy.stop().await.connections, 1);
}
