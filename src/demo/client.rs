//! The scripted broker's HTTP client: one request, one connection.
//!
//! `connect → send → response head → body (capped) → Received, under a time limit`

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest answer that is read, in bytes. A longer one is an error.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Longest that one call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// A request to be sent; `target` is path and query.
pub(super) struct Outgoing<'o> {
    pub(super) method: &'o str,
    pub(super) target: &'o str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

/// Sends a request to `authority` and waits for the whole answer. Errors are described for people.
pub(super) async fn call(authority: &str, request: Outgoing<'_>) -> Result<Received, String> {
    match tokio::time::timeout(TIMEOUT, converse(authority, request)).await {
        Ok(received) => received,
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}

async fn converse(authority: &str, outgoing: Outgoing<'_>) -> Result<Received, String> {
    let mut request =
        Request::builder().method(outgoing.method).uri(outgoing.target).header(hyper::header::HOST, authority);
    for (name, value) in &outgoing.headers {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(outgoing.body)).map_err(|error| format!("the request is unfit: {error}"))?;
    let stream =
        TcpStream::connect(authority).await.map_err(|error| format!("cannot connect to {authority}: {error}"))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| format!("no HTTP with {authority}: {error}"))?;
    let answer = async move {
        let response = sender.send_request(request).await.map_err(|error| format!("no answer: {error}"))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| format!("the answer broke off: {error}"))?.to_bytes();
        Ok(Received { status, body })
    };
    // The connection has to be driven for the answer to come; what ends it shows in the answer.
    let drive = async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection of the demo ended early");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = answer => answer,
        () = drive => Err("the connection ended".to_owned()),
    }
}
