//! The sandbox behind a listener, under the scripted broker, and as an upstream in the same process.
//!
//! `socket or Upstream → Sandbox::answer → response`

use std::sync::Arc;

use serde_json::Value;
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviours, Sandbox, serve};

use super::support::*;

/// The scripted broker against the sandbox over real sockets, every status as the script says.
#[tokio::test]
async fn the_whole_demo_over_a_real_socket() {
    use std::time::Duration;
    use tokio_util::sync::CancellationToken;
    use umpire::demo;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base_uri = format!("http://{}/api/openbooking", listener.local_addr().expect("its address"));
    let sandbox = Arc::new(Sandbox::new(&base_uri, Misbehaviours::NONE).expect("fit"));
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, Arc::clone(&sandbox), shutdown.clone()));

    let mut told = Vec::new();
    let tell = |progress: demo::DemoProgress| told.push(progress);
    let ended = demo::run(demo::faulty(), &base_uri, &sandbox, Duration::ZERO, tell, &shutdown).await;
    assert_eq!(ended, Ok(demo::DemoEnd::Finished));
    let titles: Vec<_> = demo::faulty().iter().map(|step| Some(step.title)).chain([None]).collect();
    assert_eq!(told.iter().map(|progress| progress.title).collect::<Vec<_>>(), titles);
    assert!(told.is_sorted_by(|a, b| a.calls < b.calls) && told[0].calls == 0, "{told:?}");
    assert!(sandbox.misbehaviours().is_empty());

    // A failure names the step and the call: the same Order UUIDs are used up.
    let error = demo::run(demo::golden(), &base_uri, &sandbox, Duration::ZERO, |_| {}, &shutdown).await;
    let error = error.expect_err("the UUIDs are used").to_string();
    assert!(error.starts_with("the demo failed in the step \"agent-paid\", at C1: PUT /api/openbooking/order-quote-"));
    assert!(error.contains("was answered 500, not 200") && error.contains("OrderAlreadyExistsError"), "{error}");

    shutdown.cancel();
    let none = |progress| panic!("nothing is announced that is not made: {progress:?}");
    let stopped = demo::run(demo::golden(), &base_uri, &sandbox, Duration::ZERO, none, &shutdown).await;
    assert_eq!(stopped, Ok(demo::DemoEnd::Stopped));
    server.await.expect("no panic").expect("no failure");
    let error = demo::run(demo::golden(), &base_uri, &sandbox, Duration::ZERO, |_| {}, &CancellationToken::new()).await;
    let error = error.expect_err("nobody listens").to_string();
    assert!(error.contains("cannot connect to 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn the_sandbox_stands_in_for_an_upstream() {
    use http_body_util::BodyExt;
    use umpire::proxy::upstream::{OutboundRequest, Upstream, full_body};

    let sandbox = Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("fit");
    let send = |body: Vec<u8>| {
        let target = format!("/api/openbooking/order-quote-templates/{UUID}");
        let headers = [("Authorization", "Bearer a")].into_iter().collect();
        sandbox.send(OutboundRequest::new(hyper::Method::PUT, target, headers, full_body(body)))
    };
    assert_eq!(Upstream::origin(&sandbox), ORIGIN);
    let response = send(quote().to_string().into_bytes()).await.expect("an answer");
    assert_eq!((response.status.as_u16(), response.headers.get("content-type")), (200, Some(BOOKING)));
    let body = response.body.collect().await.expect("a body").to_bytes();
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["@type"], "OrderQuote");
    let long = send(vec![b' '; umpire::sandbox::MAX_REQUEST + 1]).await.expect("an answer");
    assert_eq!(long.status.as_u16(), 413);
}

/// A client that closes its sending side behind a whole request waits for the answer.
#[tokio::test]
async fn a_half_closed_client_is_answered() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_util::sync::CancellationToken;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let base_uri = format!("http://{address}/api/openbooking");
    let sandbox = Arc::new(Sandbox::new(&base_uri, Misbehaviours::NONE).expect("fit"));
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, sandbox, shutdown.clone()));
    for _ in 0..20 {
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET /openactive HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("closed on one side");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an orderly end");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    shutdown.cancel();
    server.await.expect("no panic").expect("no failure");
}
