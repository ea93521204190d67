//! A request without a body has none, whichever versions of HTTP it goes through.
//!
//! `broker: HTTP/1.1 or 2 ─► proxy ─► booking system: HTTP/1.1 or 2, over TLS or not`

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use umpire::exchange::BodyEnd;
use umpire::proxy::Limits;
use umpire::proxy::upstream::live::UpstreamHttp;

use super::h2_support::{Broker, Certified, Stream, System, Wire, accepting, answer, live, request};
use super::support::{OK, Proxy, soon};

/// What arrived: the fields that speak of a body, in lower case, and whether there was more than a head.
type Arrived = (Vec<String>, bool);

/// Tells what it gets over HTTP/1.1, once nothing more comes for a moment, and answers.
async fn http1(mut stream: Box<dyn Wire>, told: mpsc::Sender<Arrived>) {
    let mut seen = Vec::new();
    loop {
        let at = loop {
            if let Some(at) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let more = tokio::time::timeout(std::time::Duration::from_millis(30), stream.read_buf(&mut seen)).await;
        let head = String::from_utf8_lossy(&seen[..at]).to_lowercase();
        let framing = |line: &&str| line.starts_with("content-length") || line.starts_with("transfer-encoding");
        let fields = head.lines().filter(framing).map(str::to_owned).collect();
        told.send((fields, more.is_ok() || seen.len() > at)).await.unwrap();
        seen.clear();
        let ok = if head.starts_with("head") { OK.trim_end_matches("ok") } else { OK };
        stream.write_all(ok.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
}

/// The same over HTTP/2.
async fn http2((request, respond): Stream, told: mpsc::Sender<Arrived>) {
    let fields = request.headers().iter().filter(|(name, _)| *name == "content-length");
    let fields = fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    told.send((fields, !request.body().is_end_stream())).await.unwrap();
    answer(respond, hyper::Response::new(()), b"", None);
}

#[tokio::test]
async fn in_every_combination_of_versions() {
    let certified = Certified::new();
    // TLS, what ALPN offers, and what Umpire is told to speak.
    let systems: [(Option<&[&str]>, UpstreamHttp); 7] = [
        (None, UpstreamHttp::Auto),
        (None, UpstreamHttp::Http2),
        (Some(&["http/1.1"]), UpstreamHttp::Auto),
        (Some(&[]), UpstreamHttp::Auto),
        (Some(&["http/1.1", "h2"]), UpstreamHttp::Http1),
        (Some(&["h2"]), UpstreamHttp::Auto),
        (Some(&["h2"]), UpstreamHttp::Http2),
    ];
    // Method, Content-Length, and whether HTTP/2 says in a frame of its own that there is no body.
    let requests = [
        ("GET", None, false),
        ("GET", None, true),
        ("HEAD", None, false),
        ("DELETE", None, false),
        ("DELETE", None, true),
        ("PUT", None, false),
        ("PUT", Some("0"), false),
        ("PUT", Some("0"), true),
        ("POST", Some("0"), false),
    ];
    for (alpn, http) in systems {
        for broker_http2 in [false, true] {
            let speaks_http2 = match alpn {
                _ if http != UpstreamHttp::Auto => http == UpstreamHttp::Http2,
                None => false,
                Some(alpn) => broker_http2 && alpn.contains(&"h2"),
            };
            if !broker_http2 && alpn == Some(&["h2"]) && http == UpstreamHttp::Auto {
                continue; // They have no version in common.
            }
            let (told, mut arrived) = mpsc::channel(4);
            let tls = alpn.map(|alpn| certified.server(alpn));
            let address = if speaks_http2 {
                System::start(tls, move |stream| http2(stream, told.clone())).await.address
            } else {
                accepting(tls, move |stream| http1(stream, told.clone())).await
            };
            let scheme = if alpn.is_some() { "https" } else { "http" };
            let upstream = live(&format!("{scheme}://{address}"), Some(&certified), http);
            let mut proxy = Proxy::with(upstream, Limits::default(), 64).await;
            let mut plain = proxy.connect().await;
            let broker = Broker::connect(proxy.address).await;
            for (method, length, own_frame) in requests {
                let what = format!("{method} {length:?} {own_frame} from HTTP/2: {broker_http2}, to {alpn:?} {http:?}");
                let fields: Vec<_> = length.map(|length| ("content-length", length)).into_iter().collect();
                if broker_http2 {
                    let (response, mut sending) = broker.begin(request(method, "/x", &fields), !own_frame).await;
                    if own_frame {
                        sending.send_data(Bytes::new(), true).unwrap();
                    }
                    assert_eq!(soon(&what, response).await.unwrap().status(), 200, "{what}");
                } else if !own_frame {
                    let length = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
                    plain.send(format!("{method} /x HTTP/1.1\r\nHost: h\r\n{length}\r\n")).await;
                    assert!(plain.head().await.starts_with("HTTP/1.1 200 "), "{what}");
                    if method != "HEAD" && !speaks_http2 {
                        plain.exactly(2).await;
                    }
                } else {
                    continue;
                }
                let (got, more) = soon("the request", arrived.recv()).await.unwrap();
                let expected: Vec<_> = length.map(|length| format!("content-length: {length}")).into_iter().collect();
                assert_eq!(got, expected, "{what}");
                // Over HTTP/2 a body may end in a frame of its own, which is no content.
                assert!(!more || (speaks_http2 && own_frame), "{what}");
                let body = proxy.recorded().await.request.body;
                assert_eq!((body.length, body.end), (0, BodyEnd::Complete), "{what}");
            }
        }
    }
}

/// A body of which no more is known than that there is one keeps its chunks.
#[tokio::test]
async fn a_body_without_a_length_is_still_a_body() {
    let certified = Certified::new();
    let (told, mut arrived) = mpsc::channel(4);
    let tls = certified.server(&["http/1.1"]);
    let address = accepting(Some(tls), move |stream| http1(stream, told.clone())).await;
    let upstream = live(&format!("https://{address}"), Some(&certified), UpstreamHttp::Auto);
    let mut proxy = Proxy::with(upstream, Limits::default(), 4).await;
    let broker = Broker::connect(proxy.address).await;
    let (response, mut sending) = broker.begin(request("PUT", "/x", &[]), false).await;
    sending.send_data(Bytes::from_static(b"abc"), true).unwrap();
    let (got, more) = soon("the request", arrived.recv()).await.unwrap();
    assert_eq!((got, more), (vec!["transfer-encoding: chunked".to_owned()], true));
    assert_eq!(soon("an answer", response).await.unwrap().status(), 200);
    assert_eq!(proxy.recorded().await.request.body.bytes, "abc");
}
