//! HTTP client of whoever stands in for a broker: one request, one connection, HTTP/1.1.
//!
//! `connect → send → response head → body (capped) → ClientResponse, under a time limit`

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::exchange::Headers;

/// Longest answer that is read, in bytes. A longer one is an error.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Longest that one call may take. The booking system has 60 s for the head of its answer.
const TIMEOUT: Duration = Duration::from_secs(90);

/// An answer.
#[derive(Debug)]
pub(crate) struct ClientResponse {
    /// Status code.
    pub status: u16,
    /// Header fields.
    pub headers: Headers,
    /// Content.
    pub body: Bytes,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct ClientRequest {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields, without `Host` and `Content-Length`.
    pub headers: Vec<(String, Bytes)>,
    /// Content.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpClientError {
    /// The request can't be written as HTTP.
    #[error("the request can't be sent: {0}")]
    Request(#[from] hyper::http::Error),
    /// There is no connection.
    #[error("cannot connect to {authority}: {cause}")]
    Connect {
        /// Host and port.
        authority: String,
        /// Why.
        cause: io::Error,
    },
    /// The other side speaks no HTTP, or ended the connection.
    #[error("no answer: {0}")]
    NoAnswer(hyper::Error),
    /// The answer is too long, or broke off.
    #[error("the answer broke off: {0}")]
    BrokenOff(String),
    /// It took too long.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
}

/// Sends a request to `authority` and waits for the whole answer.
pub(crate) async fn send(authority: &str, request: ClientRequest) -> Result<ClientResponse, HttpClientError> {
    tokio::time::timeout(TIMEOUT, converse(authority, request)).await.unwrap_or(Err(HttpClientError::TimedOut))
}

async fn converse(authority: &str, outgoing: ClientRequest) -> Result<ClientResponse, HttpClientError> {
    let ClientRequest { method, target, headers, body } = outgoing;
    let mut request = Request::builder().method(&*method).uri(target).header(hyper::header::HOST, authority);
    for (name, value) in &headers {
        request = request.header(name, &**value);
    }
    let request = request.body(Full::new(body))?;
    let failed = |cause| HttpClientError::Connect { authority: authority.to_owned(), cause };
    let stream = TcpStream::connect(authority).await.map_err(failed)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(HttpClientError::NoAnswer)?;
    let answer = async move {
        let response = sender.send_request(request).await.map_err(HttpClientError::NoAnswer)?;
        let status = response.status().as_u16();
        let fields = response.headers().iter();
        let headers = fields.map(|(name, value)| (name.as_str(), value.as_bytes().to_vec())).collect();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| HttpClientError::BrokenOff(error.to_string()))?.to_bytes();
        Ok(ClientResponse { status, headers, body })
    };
    // The connection has to be driven for the answer to come; what ends it shows in the answer.
    let drive = async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the proxy ended early");
        }
        std::future::pending::<HttpClientError>().await
    };
    tokio::select! {
        answer = answer => answer,
        never = drive => Err(never),
    }
}
