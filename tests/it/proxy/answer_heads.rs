//! How large the head of an answer may be, over either version of HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use umpire::exchange::FailureKind;
use umpire::proxy::upstream::live::{Dialer, Timeouts, UpstreamClient, UpstreamConfig, UpstreamHttp};
use umpire::proxy::{HeadLimits, Limits};

use super::h2_support::{Broker, Stream, System, answer, request};
use super::support::{Proxy, Server};

const LIMITS: HeadLimits = HeadLimits { bytes: 20_000, fields: 300 };

/// Fields, bytes of each, and whether such an answer passes.
const ANSWERS: [(usize, usize, bool); 4] = [(290, 1, true), (301, 1, false), (2, 9_000, true), (3, 9_000, false)];

async fn proxy(address: SocketAddr, http: UpstreamHttp) -> Proxy {
    let reach = UpstreamConfig { http, answer_head: LIMITS, ..UpstreamConfig::default() };
    let dialer = Arc::new(Dialer::new(&reach, Duration::from_secs(5)).unwrap());
    let base = format!("http://{address}").parse().unwrap();
    Proxy::with(Arc::new(UpstreamClient::dialing(&base, dialer, Timeouts::default()).unwrap()), Limits::default(), 4)
        .await
}

/// Asks for each answer as its path has it; what does not pass becomes 502.
async fn is_limited(mut proxy: Proxy) {
    let broker = Broker::connect(proxy.address).await;
    for (fields, length, passes) in ANSWERS {
        let got = broker.ask(request("GET", &format!("/{fields}/{length}"), &[]), b"").await.unwrap();
        assert_eq!(got.status, if passes { 200 } else { 502 }, "{fields} of {length}");
        assert!(!passes || got.headers.len() >= fields);
        let failure = proxy.recorded().await.failure;
        assert_eq!(failure.map(|failure| failure.kind), (!passes).then_some(FailureKind::BrokenOff));
    }
}

fn wanted(path: &str) -> (usize, usize) {
    let (fields, length) = path.trim_start_matches('/').split_once('/').unwrap();
    (fields.parse().unwrap(), length.parse().unwrap())
}

#[tokio::test]
async fn over_http1() {
    let server = Server::start().await;
    let proxy = proxy(server.address, UpstreamHttp::Http1).await;
    let answering = async {
        for _ in ANSWERS {
            let mut system = server.accept().await;
            let head = system.head().await;
            let (fields, length) = wanted(head.split(' ').nth(1).unwrap());
            let fields = (0..fields).map(|n| format!("x-{n}: {}\r\n", "v".repeat(length))).collect::<Vec<_>>().concat();
            system.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n")).await;
            // So that each request has a connection of its own.
            drop(system);
        }
    };
    tokio::join!(is_limited(proxy), answering);
}

#[tokio::test]
async fn over_http2() {
    let system = System::start(None, |(request, respond): Stream| async move {
        let (fields, length) = wanted(request.uri().path());
        let mut head = Response::builder();
        for n in 0..fields {
            head = head.header(format!("x-{n}"), "v".repeat(length));
        }
        answer(respond, head.body(()).unwrap(), b"", None);
    })
    .await;
    is_limited(proxy(system.address, UpstreamHttp::Http2).await).await;
}
