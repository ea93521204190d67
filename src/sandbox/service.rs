//! The embedded booking system on the wire: behind a listener of its own, or in the proxy's process.
//!
//! `connection → request, body collected (capped) → Sandbox::answer → response`

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Sandbox, SandboxAnswer};
use crate::exchange::{FailureKind, Headers};
use crate::proxy::message::fields::from_map;
use crate::proxy::upstream::{OutboundRequest, ResponseFuture, Upstream, UpstreamError, UpstreamResponse, full_body};

/// Longest request body, in bytes. A longer one is answered with status 413.
pub const MAX_REQUEST: usize = 1024 * 1024;

/// Most connections at one time. Further ones wait to be accepted.
pub(crate) const MAX_CONNECTIONS: usize = 256;

/// How long connections may take to end after the shutdown has begun.
const GRACE: Duration = Duration::from_secs(5);

/// How long a client may take to send the head of a request, or to keep a connection idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);

/// Answers on `listener` until `shutdown`; then lets requests in hand end, for five seconds at most.
///
/// Fails only if the listener itself does for good.
pub async fn serve(listener: TcpListener, sandbox: Arc<Sandbox>, shutdown: CancellationToken) -> io::Result<()> {
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let connection = converse(stream, Arc::clone(&sandbox), shutdown.clone());
                let abort = abort.clone();
                connections.spawn(async move {
                    tokio::select! {
                        () = connection => {}
                        () = abort.cancelled() => {}
                    }
                    drop(permit);
                });
            }
            // Such as too many open files: others may end meanwhile.
            Err(error) => {
                tracing::warn!(%error, "the sandbox could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::warn!("the sandbox cut off connections that did not end");
        abort.cancel();
        connections.wait().await;
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn converse(stream: TcpStream, sandbox: Arc<Sandbox>, shutdown: CancellationToken) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let sandbox = Arc::clone(&sandbox);
        async move {
            let (head, body) = request.into_parts();
            let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
            let answer = respond(&sandbox, head.method.as_str(), target, &from_map(&head.headers), body).await;
            answer.map(|answer| into_response(answer).map(Full::new))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // A client may close its sending side behind a whole request and wait for the answer (RFC 9112 section 9.6).
        .half_close(true)
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the sandbox ended early");
    }
}

/// A request that ended before its body did.
#[derive(Debug, thiserror::Error)]
#[error("the request to the sandbox broke off: {0}")]
struct BrokenOff(String);

/// Collects the request and asks the sandbox.
async fn respond<B>(
    sandbox: &Sandbox,
    method: &str,
    target: &str,
    headers: &Headers,
    body: B,
) -> Result<SandboxAnswer, BrokenOff>
where
    B: Body<Data = Bytes>,
    B::Error: Display,
{
    let body = body.map_err(|error| BrokenOff(error.to_string()));
    let body = match Limited::new(body, MAX_REQUEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(sandbox.refuse_length()),
        Err(error) => return Err(error.downcast().map_or_else(|error| BrokenOff(error.to_string()), |broken| *broken)),
    };
    Ok(sandbox.answer(method, target, headers, &body, Timestamp::now()))
}

fn into_response(answer: SandboxAnswer) -> Response<Bytes> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for field in answer.headers.0 {
        match (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_maybe_shared(field.value)) {
            (Ok(name), Ok(value)) => {
                response.headers_mut().append(name, value);
            }
            _ => tracing::error!(name = field.name, "the sandbox made a header field that HTTP does not allow"),
        }
    }
    response
}

/// The sandbox in the proxy's own process: nothing goes over a wire.
impl Upstream for Sandbox {
    fn origin(&self) -> &str {
        Sandbox::origin(self)
    }

    fn send(&self, request: OutboundRequest) -> ResponseFuture<'_> {
        Box::pin(async move {
            let headers = request.end_to_end_headers(Sandbox::origin(self));
            match respond(self, request.method.as_str(), &request.target, &headers, request.body).await {
                Ok(SandboxAnswer { status, headers, body }) => {
                    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                    Ok(UpstreamResponse::new(status, headers, full_body(body)))
                }
                Err(error) => Err(UpstreamError { kind: FailureKind::BrokenOff, detail: error.to_string() }),
            }
        })
    }
}
