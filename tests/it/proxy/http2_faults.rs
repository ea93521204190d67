//! HTTP/2 where something goes wrong, is too much, or ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::Reason;
use hyper::Response;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use umpire::exchange::{BodyEnd, FailureKind};
use umpire::proxy::Limits;
use umpire::proxy::upstream::live::{Timeouts, UpstreamHttp};

use super::h2_support::{
    Broker, Got, Stream, System, answer, before, before_http1, echo, live, live_within, read, request,
};
use super::support::{Peer, Proxy, Server, soon};

#[tokio::test]
async fn a_stream_that_the_broker_resets_takes_nothing_else_with_it() {
    let (told, mut seen) = mpsc::channel(4);
    let system = System::start(None, move |(request, mut respond): Stream| {
        let told = told.clone();
        async move {
            if request.uri().path() == "/slow" {
                told.send(None).await.unwrap();
                let reset = std::future::poll_fn(|cx| respond.poll_reset(cx)).await.unwrap();
                told.send(Some(reset)).await.unwrap();
            } else {
                echo((request, respond)).await;
            }
        }
    })
    .await;
    let mut proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    let (slow, mut sending) = broker.begin(request("GET", "/slow", &[]), true).await;
    assert_eq!(soon("the request", seen.recv()).await.unwrap(), None);
    let (quick, _) = broker.begin(request("GET", "/quick", &[]), true).await;
    sending.send_reset(Reason::CANCEL);
    drop(slow);
    assert_eq!(soon("the reset", seen.recv()).await.unwrap(), Some(Reason::CANCEL), "it is told upstream");
    assert_eq!(Got::of(quick).await.unwrap().text(), "GET /quick ");
    let mut exchanges = [proxy.recorded().await, proxy.recorded().await];
    exchanges.sort_by_key(|exchange| exchange.id);
    let failure = exchanges[0].failure.as_ref().unwrap();
    assert_eq!((failure.kind, exchanges[0].response.as_ref()), (FailureKind::ClientGone, None));
    assert_eq!(exchanges[1].failure, None);
    assert_eq!(broker.ask(request("GET", "/again", &[]), b"").await.unwrap().status, 200);
    assert_eq!(system.connections(), 1);
}

#[tokio::test]
async fn resets_within_a_body_are_told_on() {
    // By the broker, within its request: the booking system sees it.
    let (told, mut seen) = mpsc::channel(4);
    let system = System::start(None, move |(request, mut respond): Stream| {
        let told = told.clone();
        async move {
            if request.method() == "PUT" {
                told.send(read(request.into_body()).await.unwrap_err().reason()).await.unwrap();
            } else {
                let mut stream = respond.send_response(Response::new(()), false).unwrap();
                stream.send_data(Bytes::from_static(b"half"), false).unwrap();
                // The answer's beginning is to be on its way before it is broken off.
                tokio::time::sleep(Duration::from_millis(100)).await;
                stream.send_reset(Reason::ENHANCE_YOUR_CALM);
            }
        }
    })
    .await;
    let mut proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    let (_response, mut sending) = broker.begin(request("PUT", "/x", &[]), false).await;
    sending.send_data(Bytes::from_static(b"half"), false).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    sending.send_reset(Reason::CANCEL);
    assert_eq!(soon("the reset", seen.recv()).await.unwrap(), Some(Reason::CANCEL));
    let exchange = proxy.recorded().await;
    assert_eq!((&exchange.request.body.bytes[..], exchange.request.body.end), (&b"half"[..], BodyEnd::Cancelled));
    assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone);
    // By the booking system, within its answer: the broker sees the same reason.
    let (response, _) = broker.begin(request("GET", "/x", &[]), true).await;
    let mut body = soon("an answer", response).await.unwrap().into_body();
    assert_eq!(soon("data", body.data()).await.unwrap().unwrap(), "half");
    let error = soon("the reset", body.data()).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM));
    let exchange = proxy.recorded().await;
    let kept = exchange.response.unwrap().body;
    assert_eq!((&kept.bytes[..], kept.end), (&b"half"[..], BodyEnd::Cancelled));
    assert_eq!(exchange.failure.unwrap().kind, FailureKind::BrokenOff);
    // To a broker that speaks HTTP/1 no end of the body is made up.
    let mut broker = proxy.connect().await;
    broker.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (got, _) = broker.rest().await;
    assert!(got.ends_with(b"4\r\nhalf\r\n"), "{}", String::from_utf8_lossy(&got));
    assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::BrokenOff);
}

#[tokio::test]
async fn breaking_off_in_mid_body_over_http1_resets_the_stream() {
    let server = Server::start().await;
    let mut proxy = before_http1(&server).await;
    let broker = Broker::connect(proxy.address).await;
    let (response, _) = broker.begin(request("GET", "/x", &[]), true).await;
    let mut system = server.accept().await;
    system.head().await;
    system.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it").await;
    let mut body = soon("an answer", response).await.unwrap().into_body();
    assert_eq!(soon("data", body.data()).await.unwrap().unwrap(), "half of it");
    drop(system);
    let error = soon("the reset", body.data()).await.unwrap().unwrap_err();
    assert!(error.is_reset() && error.reason() == Some(Reason::INTERNAL_ERROR), "{error}");
    assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::BrokenOff);
}

/// A reset drops what waits to be written: it has to wait for that.
#[tokio::test]
async fn what_came_of_an_answer_that_breaks_off_arrives_before_the_reset() {
    const CAME: usize = 60_000;
    let server = Server::start().await;
    let mut proxy = before_http1(&server).await;
    for _ in 0..10 {
        let broker = Broker::connect(proxy.address).await;
        let (response, _) = broker.begin(request("GET", "/x", &[]), true).await;
        let mut system = server.accept().await;
        system.head().await;
        system.send([b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec(), vec![b'x'; CAME]].concat()).await;
        drop(system);
        let mut body = soon("an answer", response).await.unwrap().into_body();
        let mut got = 0;
        let error = loop {
            match soon("data", body.data()).await.unwrap() {
                Ok(data) => got += data.len(),
                Err(error) => break error,
            }
        };
        assert!(error.is_reset() && error.reason() == Some(Reason::INTERNAL_ERROR), "{error}");
        assert_eq!(got, CAME);
        assert_eq!(proxy.recorded().await.response.unwrap().body.bytes.len(), CAME);
    }
}

#[tokio::test]
async fn what_was_refused_is_sent_again_whatever_its_method() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&refusals);
    let system = System::start(None, move |(request, mut respond): Stream| {
        let counter = Arc::clone(&counter);
        async move {
            if counter.fetch_add(1, Ordering::Relaxed) < 2 {
                respond.send_reset(Reason::REFUSED_STREAM);
            } else {
                echo((request, respond)).await;
            }
        }
    })
    .await;
    let mut proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    let got = broker.ask(request("POST", "/x", &[("content-length", "5")]), b"hello").await.unwrap();
    assert_eq!(got.text(), "POST /x hello");
    assert_eq!(refusals.load(Ordering::Relaxed), 3);
    assert_eq!(proxy.recorded().await.failure, None);
    // One that is always refused is an error in the end.
    refusals.store(0, Ordering::Relaxed);
    let system = System::start(None, |(_, mut respond): Stream| async move {
        respond.send_reset(Reason::REFUSED_STREAM);
    })
    .await;
    let mut proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().status, 502);
    let failure = proxy.recorded().await.failure.unwrap();
    assert_eq!((failure.kind, failure.answered), (FailureKind::BrokenOff, Some(502)));
}

/// A booking system that does as the test says with each connection, in order.
async fn scripted<F, A>(each: F) -> SocketAddr
where
    F: Fn(usize, h2::server::Connection<tokio::net::TcpStream, Bytes>) -> A + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 1.. {
            let (stream, _) = listener.accept().await.unwrap();
            let connection = h2::server::handshake(stream).await.unwrap();
            tokio::spawn(each(number, connection));
        }
    });
    address
}

async fn serve_all(mut connection: h2::server::Connection<tokio::net::TcpStream, Bytes>) {
    while let Some(Ok(stream)) = connection.accept().await {
        tokio::spawn(echo(stream));
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_in_order_is_replaced() {
    let address = scripted(|number, mut connection| async move {
        if number == 1 {
            // One request is answered; GOAWAY comes with the answer.
            let stream = connection.accept().await.unwrap().unwrap();
            connection.graceful_shutdown();
            tokio::spawn(echo(stream));
        }
        serve_all(connection).await;
    })
    .await;
    let mut proxy =
        Proxy::with(live(&format!("http://{address}"), None, UpstreamHttp::Http2), Limits::default(), 8).await;
    let broker = Broker::connect(proxy.address).await;
    for number in 0..3 {
        let path = format!("/{number}");
        let got = broker.ask(request("POST", &path, &[("content-length", "2")]), b"hi").await.unwrap();
        assert_eq!(got.text(), format!("POST {path} hi"));
        assert_eq!(proxy.recorded().await.failure, None);
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_is_no_error_where_sending_again_does_no_harm() {
    let address = scripted(|number, mut connection| async move {
        if number % 2 == 1 {
            echo(connection.accept().await.unwrap().unwrap()).await;
            // The next request is taken, and the connection lost without a word.
            let taken = connection.accept().await.unwrap().unwrap();
            drop((connection, taken));
        } else {
            serve_all(connection).await;
        }
    })
    .await;
    let mut proxy =
        Proxy::with(live(&format!("http://{address}"), None, UpstreamHttp::Http2), Limits::default(), 8).await;
    let broker = Broker::connect(proxy.address).await;
    for mark in ["first", "second"] {
        let got = broker.ask(request("PUT", "/x", &[("content-length", "5")]), &mark.as_bytes()[..5]).await.unwrap();
        assert_eq!(got.text(), format!("PUT /x {}", &mark[..5]));
        assert_eq!(proxy.recorded().await.failure, None, "{mark}");
    }
    // What may have been carried out is not sent again.
    let address = scripted(|_, mut connection| async move {
        drop(connection.accept().await);
    })
    .await;
    let mut proxy =
        Proxy::with(live(&format!("http://{address}"), None, UpstreamHttp::Http2), Limits::default(), 8).await;
    let broker = Broker::connect(proxy.address).await;
    let got = broker.ask(request("POST", "/x", &[("content-length", "2")]), b"hi").await.unwrap();
    assert_eq!(got.status, 502);
    assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::BrokenOff);
}

#[tokio::test]
async fn no_answer_in_time_is_504_and_ends_the_stream_only() {
    let (told, mut seen) = mpsc::channel(4);
    let system = System::start(None, move |(request, mut respond): Stream| {
        let told = told.clone();
        async move {
            if request.uri().path() == "/slow" {
                told.send(std::future::poll_fn(|cx| respond.poll_reset(cx)).await.unwrap()).await.unwrap();
            } else {
                echo((request, respond)).await;
            }
        }
    })
    .await;
    let timeouts = Timeouts { head: Duration::from_millis(200), ..Timeouts::default() };
    let upstream = live_within(&format!("http://{}", system.address), None, UpstreamHttp::Http2, timeouts);
    let mut proxy = Proxy::with(upstream, Limits::default(), 4).await;
    let broker = Broker::connect(proxy.address).await;
    let got = broker.ask(request("GET", "/slow", &[]), b"").await.unwrap();
    assert_eq!(got.status, 504);
    assert!(got.text().contains("Umpire"), "{}", got.text());
    soon("the reset", seen.recv()).await.unwrap();
    assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::TimedOut);
    assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().status, 200);
    assert_eq!(system.connections(), 2, "nobody waits for a connection that may be dead");
}

#[tokio::test]
async fn a_system_that_is_down_is_said_to_all_who_wait() {
    let server = Server::start().await;
    let address = server.address;
    drop(server);
    let mut proxy =
        Proxy::with(live(&format!("http://{address}"), None, UpstreamHttp::Http2), Limits::default(), 64).await;
    let broker = Broker::connect(proxy.address).await;
    let asked = (0..20).map(|_| broker.ask(request("GET", "/x", &[]), b""));
    for got in join_all(asked).await {
        assert_eq!(got.unwrap().status, 502);
    }
    for _ in 0..20 {
        assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::Unreachable);
    }
}

#[tokio::test]
async fn an_early_answer_to_a_long_request_ends_it() {
    let system = System::start(None, |(_, respond): Stream| async move {
        let mut head = Response::new(());
        *head.status_mut() = hyper::StatusCode::PAYLOAD_TOO_LARGE;
        answer(respond, head, b"no", None);
    })
    .await;
    let mut proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    let (response, mut sending) = broker.begin(request("PUT", "/x", &[]), false).await;
    sending.send_data(Bytes::from_static(b"begin"), false).unwrap();
    let got = Got::of(response).await.unwrap();
    assert_eq!((got.status, got.text()), (413, "no".to_owned()));
    let reset = soon("the reset", std::future::poll_fn(|cx| sending.poll_reset(cx))).await.unwrap();
    assert_eq!(reset, Reason::NO_ERROR, "no more is wanted, and nothing is wrong");
    let exchange = proxy.recorded().await;
    assert_eq!((exchange.response.unwrap().status, exchange.failure), (413, None));
}

#[tokio::test]
async fn what_cannot_be_right_is_refused() {
    let system = System::start(None, echo).await;
    let proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    let got = broker.ask(request("GET", "/x", &[("host", "other.example")]), b"").await.unwrap();
    assert_eq!(got.status, 400);
    assert!(got.text().contains("Umpire could not read the request"), "{}", got.text());
    let connect = hyper::Request::builder().method("CONNECT").uri("booking.example:443").body(()).unwrap();
    assert_eq!(broker.ask(connect, b"").await.unwrap().status, 405);
    let large = "x".repeat(60_000);
    let got = broker.ask(request("GET", "/x", &[("a", &large), ("b", &large)]), b"").await;
    assert!(got.map_or(true, |got| got.status == 431), "a head of 120 KB is too large");
    assert_eq!(system.connections(), 0, "none of it went on");
    assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().status, 200);
    proxy.stop_with().await;
}

#[tokio::test]
async fn stopping_lets_exchanges_end() {
    let (told, mut seen) = mpsc::channel::<()>(4);
    let gate = Arc::new(tokio::sync::Notify::new());
    let open = Arc::clone(&gate);
    let system = System::start(None, move |stream: Stream| {
        let (told, gate) = (told.clone(), Arc::clone(&gate));
        async move {
            told.send(()).await.unwrap();
            gate.notified().await;
            echo(stream).await;
        }
    })
    .await;
    let proxy = before(&system).await;
    let broker = Broker::connect(proxy.address).await;
    let (response, _) = broker.begin(request("GET", "/x", &[]), true).await;
    soon("the request", seen.recv()).await.unwrap();
    let stop = proxy.shutdown.clone();
    let stopping = tokio::spawn(proxy.stop_with());
    stop.cancel();
    // It takes no new exchange, and says so.
    let refused = async {
        loop {
            let Ok(mut sender) = broker.sender.clone().ready().await else { break };
            if sender.send_request(request("GET", "/late", &[]), true).is_err() {
                break;
            }
            open.notify_waiters();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("GOAWAY", refused).await;
    open.notify_waiters();
    open.notify_one();
    assert_eq!(Got::of(response).await.unwrap().text(), "GET /x ");
    let (served, exchanges) = soon("the end", stopping).await.unwrap();
    assert_eq!(served.cut, 0);
    assert!(exchanges.iter().any(|exchange| exchange.request.target == "/x" && exchange.failure.is_none()));
}

#[tokio::test]
async fn past_the_grace_time_exchanges_are_cut_off() {
    let system = System::start(None, |(_, mut respond): Stream| async move {
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        stream.send_data(Bytes::from_static(b"half"), false).unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
    let limits = Limits { grace: Duration::from_millis(200), ..Limits::default() };
    let proxy = Proxy::with(upstream, limits, 4).await;
    let broker = Broker::connect(proxy.address).await;
    let (response, _) = broker.begin(request("GET", "/x", &[]), true).await;
    let mut body = soon("an answer", response).await.unwrap().into_body();
    assert_eq!(soon("data", body.data()).await.unwrap().unwrap(), "half");
    let (served, exchanges) = proxy.stop_with().await;
    assert_eq!((served.cut, exchanges.len()), (1, 1));
    assert_eq!(exchanges[0].failure.as_ref().unwrap().kind, FailureKind::Stopped);
    assert_eq!(exchanges[0].response.as_ref().unwrap().body.bytes, "half");
}

#[tokio::test]
async fn a_broker_that_resets_all_the_time_is_shown_the_door() {
    let system = System::start(None, |(_, mut respond): Stream| async move {
        let _reset = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
    })
    .await;
    let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
    let mut proxy = Proxy::with(upstream, Limits::default(), 4096).await;
    let broker = Broker::connect(proxy.address).await;
    let abuse = async {
        for number in 0..5_000 {
            let Ok(mut sender) = broker.sender.clone().ready().await else { return number };
            let Ok((response, mut sending)) = sender.send_request(request("GET", "/x", &[]), true) else {
                return number;
            };
            tokio::time::sleep(Duration::from_millis(1)).await;
            sending.send_reset(Reason::CANCEL);
            drop(response);
        }
        5_000
    };
    let number = soon("the door", abuse).await;
    assert!(number < 1_000, "after {number} resets it was still served");
    // The others don't notice.
    let mut other = proxy.connect().await;
    other.send("GET /x HTTP/1.1\r\n\r\n").await;
    assert!(!other.is_silent().await || proxy.recorded().await.failure.is_some());
}

#[tokio::test]
async fn a_broker_that_idles_is_told_to_go() {
    let system = System::start(None, echo).await;
    let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
    let limits = Limits { idle_timeout: Duration::from_millis(200), ..Limits::default() };
    let proxy = Proxy::with(upstream, limits, 4).await;
    let broker = Broker::connect(proxy.address).await;
    assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().status, 200);
    let gone = async {
        while broker.sender.clone().ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("GOAWAY", gone).await;
    // One that says nothing at all, or half of the preface, is not waited for either.
    for said in ["", "PRI * HTTP/2.0\r\n\r\n"] {
        let limits = Limits {
            idle_timeout: Duration::from_millis(100),
            head_timeout: Duration::from_millis(100),
            ..Limits::default()
        };
        let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
        let proxy = Proxy::with(upstream, limits, 4).await;
        let mut broker: Peer = proxy.connect().await;
        broker.send(said).await;
        broker.rest().await;
    }
}

#[tokio::test]
async fn a_broker_that_stalls_is_given_up_in_its_stream_only() {
    let system = System::start(None, |(request, mut respond): Stream| async move {
        if request.uri().path() == "/large" {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            let _room = stream.send_data(vec![b'x'; 8 * 1024 * 1024].into(), true);
        } else {
            let _either = read(request.into_body()).await;
            answer(respond, Response::new(()), b"ok", None);
        }
    })
    .await;
    let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
    let limits = Limits { stall_timeout: Duration::from_millis(300), ..Limits::default() };
    let mut proxy = Proxy::with(upstream, limits, 8).await;
    let broker = Broker::connect(proxy.address).await;
    // It takes nothing of its answer.
    let (response, _) = broker.begin(request("GET", "/large", &[]), true).await;
    let answer = soon("an answer", response).await.unwrap();
    let failure = proxy.recorded().await.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::ClientGone);
    assert!(failure.detail.contains("took nothing more of its answer"), "{}", failure.detail);
    drop(answer);
    // It sends half of its request.
    let (response, mut sending) = broker.begin(request("PUT", "/x", &[("content-length", "4")]), false).await;
    sending.send_data(Bytes::from_static(b"ha"), false).unwrap();
    assert!(soon("an answer", response).await.map_or(true, |answer| answer.status().is_client_error()));
    let failure = proxy.recorded().await.failure.unwrap();
    assert!(failure.detail.contains("sent nothing more of it"), "{}", failure.detail);
    assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_preface_in_pieces_is_still_a_preface() {
    let system = System::start(None, echo).await;
    let proxy = before(&system).await;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let ((mut from, mut to), (mut reading, mut writing)) = (tokio::io::split(theirs), stream.into_split());
        let slowly = async {
            let mut byte = [0];
            let mut count = 0;
            while from.read_exact(&mut byte).await.is_ok() {
                writing.write_all(&byte).await.unwrap();
                count += 1;
                if count < 30 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        };
        let _either = tokio::join!(slowly, tokio::io::copy(&mut reading, &mut to));
    });
    let broker = Broker::over(ours).await;
    assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().text(), "GET /x ");
}
