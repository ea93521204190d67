//! Faults on the wire: what a client sees of them, and what is recorded.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use umpire::event::{Event, EventReceiver};
use umpire::exchange::{BodyEnd, FailureKind};
use umpire::fault::{Faults, FaultyUpstream};
use umpire::finding::Side;
use umpire::rules::RuleBook;
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviours, Sandbox};
use umpire::session::{ListenerSpec, Session, SessionOptions};

use super::support::*;

/// What of an answer arrives, however it ends.
fn raw(broker: Broker, target: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(broker.address()).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer a\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(read) = stream.read(&mut part) {
        if read == 0 {
            break;
        }
        all.extend_from_slice(&part[..read]);
    }
    all
}

const FEED: &str = "/feeds/scheduled-sessions";

fn body(answer: &[u8]) -> &[u8] {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    &answer[head + 4..]
}

#[tokio::test]
async fn a_cut_body_and_a_wrong_length_end_the_connection() {
    let judged = judged(&["opportunity-feed cut=100 times=1", "opportunity-feed wrong-length=7 times=1"], |broker| {
        let cut = raw(broker, FEED);
        assert_eq!(body(&cut).len(), 100);
        let short = raw(broker, FEED);
        let head = String::from_utf8_lossy(&short).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().to_owned();
        assert_eq!(length.parse::<usize>().unwrap(), body(&short).len() + 7);
        let whole = broker.get(FEED).unwrap();
        assert_eq!(whole.text.len(), body(&short).len());
    })
    .await;
    let of = |at: usize| (&judged[at].exchange.response, &judged[at].exchange.failure);
    for at in [0, 1] {
        assert_eq!(of(at).1.as_ref().map(|failure| failure.kind), Some(FailureKind::Fault), "{at}");
        assert!(judged[at].exchange.is_faulted());
    }
    let cut = &of(0).0.as_ref().unwrap().body;
    assert_eq!((cut.bytes.len(), cut.end), (100, BodyEnd::Cancelled));
    assert!(judged[2].exchange.failure.is_none() && !judged[2].exchange.is_faulted());
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
}

#[tokio::test]
async fn a_reset_connection_asks_nobody() {
    let judged = judged(&["B reset times=1"], |broker| {
        let id = uuid(1);
        assert_eq!((broker.c1(&id).unwrap().status, broker.c2(&id).unwrap().status), (200, 200));
        let error = broker.b(&id).expect_err("no answer");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        wait(1.5);
        assert_eq!(broker.b(&id).unwrap().body["orderNumber"], "SBX-000001");
    })
    .await;
    assert_eq!(judged.len(), 4);
    let reset = &judged[2].exchange;
    assert!(reset.response.is_none() && reset.is_faulted());
    assert!(!reset.request.body.bytes.is_empty() && reset.request.body.end == BodyEnd::Complete);
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
}

#[tokio::test]
async fn a_slow_body_comes_whole() {
    let judged = judged(&["C2 slow=4000"], |broker| {
        let start = Instant::now();
        let quoted = broker.c2(&uuid(1)).unwrap();
        assert_eq!(quoted.body["@type"], "OrderQuote");
        let least = Duration::from_millis(quoted.text.len() as u64 / 4).saturating_sub(Duration::from_millis(200));
        assert!(start.elapsed() >= least, "{:?} for {} bytes", start.elapsed(), quoted.text.len());
    })
    .await;
    assert!(judged[0].exchange.is_faulted() && judged[0].exchange.failure.is_none());
}

#[tokio::test]
async fn a_broker_that_does_not_wait_for_a_late_answer_is_not_the_booking_systems_affair() {
    let judged = judged(&["B delay=3s times=1"], |broker| {
        let id = uuid(1);
        assert_eq!((broker.c1(&id).unwrap().status, broker.c2(&id).unwrap().status), (200, 200));
        let mut stream = TcpStream::connect(broker.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let target = format!("/api/openbooking/orders/{id}");
        send_over(&mut stream, "PUT", &target, &order(7.5).to_string()).expect_err("it gives up");
        // Its connection ends with unread bytes under way, so that the proxy notices.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        wait(0.5);
        assert_eq!(broker.b(&id).unwrap().body["orderNumber"], "SBX-000001", "it was booked the first time");
    })
    .await;
    let late = judged.iter().find(|judged| judged.exchange.is_faulted()).expect("it is marked all the same");
    assert_eq!(late.exchange.failure.as_ref().map(|failure| failure.kind), Some(FailureKind::ClientGone));
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
}

/// A GET over HTTP/2 with prior knowledge: status and body, or the reason why the stream ended.
async fn over_http2(broker: Broker, target: &str) -> Result<(u16, usize), String> {
    let stream = tokio::net::TcpStream::connect(broker.address()).await.map_err(|error| error.to_string())?;
    let (mut client, connection) = h2::client::handshake(stream).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let request = hyper::Request::get(format!("http://proxy{target}")).header("authorization", "Bearer a");
    let (response, _) = client.send_request(request.body(()).unwrap(), true).map_err(|error| error.to_string())?;
    let answered = async {
        let response = response.await.map_err(|error| error.to_string())?;
        let (status, mut body, mut length) = (response.status().as_u16(), response.into_body(), 0);
        while let Some(data) = body.data().await {
            let data = data.map_err(|error| error.to_string())?;
            length += data.len();
            body.flow_control().release_capacity(data.len()).map_err(|error| error.to_string())?;
        }
        Ok((status, length))
    };
    let answered = answered.await;
    connection.abort();
    answered
}

#[tokio::test]
async fn over_http2_it_is_the_stream_that_ends() {
    let faults =
        ["opportunity-feed reset times=1", "opportunity-feed cut=10 times=1", "opportunity-feed wrong-length times=1"];
    let run = Run::start(&faults).await;
    for _ in &faults {
        let ended = over_http2(run.broker, FEED).await.expect_err("the stream is reset");
        assert!(ended.contains("stream"), "{ended}");
    }
    let (status, length) = over_http2(run.broker, FEED).await.unwrap();
    assert!(status == 200 && length > 100, "{status} {length}");
    let judged = run.end().await;
    let faulted = judged.iter().filter(|judged| judged.exchange.is_faulted());
    let kinds: Vec<_> = faulted.map(|judged| judged.exchange.failure.as_ref().map(|failure| failure.kind)).collect();
    assert_eq!(kinds, [Some(FailureKind::Fault); 3]);
}

/// A listener with a certificate of its own, before a sandbox; and a client that trusts it.
async fn with_tls(faults: &Faults) -> (Session, EventReceiver, tokio_rustls::TlsConnector) {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let tls = umpire::proxy::server::tls::from_files(&certificate, &key).unwrap();
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).unwrap());
    let base = sandbox.base_uri();
    let broken = faults.clone();
    let entrance = ListenerSpec {
        tls: Some(Arc::new(tls)),
        tls_fault: Some(Arc::new(move || broken.breaks_handshake())),
        ..ListenerSpec::new(([127, 0, 0, 1], 0).into(), FaultyUpstream::wrap(sandbox, faults))
    };
    let options = SessionOptions::new(base, Arc::new(RuleBook::built_in().unwrap()));
    let (session, receiver) = Session::open(options, vec![entrance]).await.unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (session, receiver, tokio_rustls::TlsConnector::from(Arc::new(config)))
}

#[tokio::test]
async fn a_handshake_is_broken_off_as_often_as_it_is_asked_for() {
    let faults = Faults::new(["tls-failure times=2".parse().unwrap()]);
    let (session, mut receiver, connector) = with_tls(&faults).await;
    let connect = || async {
        let stream = tokio::net::TcpStream::connect(session.address).await.unwrap();
        connector.connect("localhost".try_into().unwrap(), stream).await
    };
    for _ in 0..2 {
        let error = connect().await.expect_err("no handshake").to_string();
        assert!(error.contains("HandshakeFailure"), "{error}");
    }
    assert!(connect().await.is_ok());
    assert_eq!(faults.status()[0].made, 2);
    session.stop().await;
    let mut notices = Vec::new();
    while let Some(event) = receiver.events.recv().await {
        if let Event::Notice(words) = event {
            notices.push(words);
        }
    }
    assert!(notices.iter().any(|words| words.contains("Umpire broke the handshake off itself")), "{notices:?}");
}
