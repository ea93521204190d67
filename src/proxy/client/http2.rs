//! A broker's HTTP/2 connection.
//!
//! ```text
//! preface ─► accept ─► one exchange per stream ─► relay ─► head, body, trailers
//!               │            ├─ reset by the broker: this exchange alone is given up
//!               │            └─ CONNECT, to a forward proxy: the stream becomes a tunnel
//!               └─ shutdown, idle for long, or the broker sends no more ─► exchanges end ─► answers flushed ─► closed
//! ```
//!
//! All exchanges of a connection live in its one task: they end with it, and none is left when it has ended. An answer
//! counts as sent when the connection has flushed it, not when it was given to the connection.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::{Method, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::exchange::{FailureKind, Headers};
use crate::proxy::client::delayed_eof::{DelayedEof, EofState};
use crate::proxy::client::{ClientInfo, Route};
use crate::proxy::event::{EventHandler, ProxyEvent};
use crate::proxy::forward::{Decision, ForwardProxy, Tunnel, TunnelTarget};
use crate::proxy::h1::FinalWriteObserver as _;
use crate::proxy::h2::fields::outgoing_response;
use crate::proxy::h2::head::request as read_request;
use crate::proxy::h2::{
    CONNECTION_WINDOW, DuplexReadHalf, DuplexWriteHalf, H2SendError, IncomingBody, LateReset, OutgoingBody, RawHeads,
    SEND_BUFFER, STREAMS, WINDOW, packed_size,
};
use crate::proxy::logged::LoggedError;
use crate::proxy::message::fields::RawTrailers;
use crate::proxy::message::fields::has_token;
use crate::proxy::message::head::{RequestHead, bodiless, content_length};
use crate::proxy::message::problem;
use crate::proxy::record::exchange_builder::ExchangeBuilder;
use crate::proxy::relay::{ProxiedResponse, Relay};
use crate::proxy::upstream::{BodyError, Informational, InformationalResponse, WireBody};

/// How long a connection without an exchange is waited for after GOAWAY, so that the broker closes it.
const GOAWAY_GRACE: Duration = Duration::from_secs(1);

/// How many more exchanges a broker may reset than it let end. Past it the connection is closed with ENHANCE_YOUR_CALM:
/// requests that are taken back at once cost the booking system much and the broker nothing.
const RESETS: u32 = 100;

/// How an exchange ended.
enum StreamEnd {
    /// All of its answer was given to the connection, which may not have sent it yet. The builder of its record, where it is recorded.
    Answered(Option<Arc<ExchangeBuilder>>),
    /// The answer's body broke off: what came of it was given to the connection, and then the stream is to be reset.
    BrokenOff(LateReset),
    Reset,
}

/// What was given to the connection and is not flushed yet: at most one answer per stream.
#[derive(Default)]
struct Unflushed {
    answers: Vec<Arc<ExchangeBuilder>>,
    /// Resets of answers that broke off: each is sent when what came before it is flushed.
    resets: Vec<LateReset>,
}

impl Unflushed {
    /// Polls a connection, which flushes what it has, and tells the builders of exchanges what has become of their answers.
    fn poll<T>(&mut self, io: &EofState, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.answers.iter().for_each(|exchange_builder| exchange_builder.begins());
        let before = io.flushes();
        let polled = poll();
        let flushed = io.is_flushed() && io.flushes() > before;
        self.answers.iter().for_each(|exchange_builder| exchange_builder.ended(flushed));
        if flushed {
            self.answers.clear();
            if !self.resets.is_empty() {
                io.will_write();
            }
            // This wakes the task, which polls the connection again.
            self.resets.drain(..).for_each(LateReset::send);
        }
        polled
    }

    fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.resets.is_empty()
    }

    /// The broker takes nothing more.
    fn give_up(&self, patience: Duration) {
        self.answers.iter().for_each(|exchange_builder| {
            exchange_builder.failed(FailureKind::ClientGone, takes_nothing(patience), None);
        });
    }
}

fn takes_nothing(patience: Duration) -> String {
    format!("the broker took nothing more of its answer for {} s", patience.as_secs())
}

/// Serves one connection until it ends or, once `shutdown` is cancelled, until its exchanges have ended.
pub(super) async fn run<W>(
    wire: W,
    route: Route,
    client_info: ClientInfo,
    on_event: &EventHandler,
    shutdown: CancellationToken,
) where
    W: AsyncRead + AsyncWrite + Unpin,
{
    let common = Arc::clone(route.common());
    let limits = &common.limits;
    let (head_timeout, idle_timeout) = (limits.head_timeout, limits.idle_timeout);
    let mut builder = Builder::new();
    builder
        .initial_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(packed_size(limits.head))
        .max_concurrent_streams(STREAMS as u32)
        .max_send_buffer_size(SEND_BUFFER);
    let (wire, io) = DelayedEof::new(wire);
    let wire = RawHeads::server(wire, limits.head);
    let mut connection = match tokio::time::timeout(head_timeout, builder.handshake::<_, Bytes>(wire)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(error = %LoggedError(&error), "no HTTP/2 connection"),
        Err(_) => return tracing::debug!("no HTTP/2 connection in time"),
    };
    tracing::debug!("speaks HTTP/2");
    let mut exchanges = FuturesUnordered::new();
    let mut unflushed = Unflushed::default();
    let mut idle = pin!(tokio::time::sleep(idle_timeout));
    let (mut stalled, mut written) = (pin!(tokio::time::sleep(limits.stall_timeout)), 0);
    let mut evict_idle = pin!(common.evict_idle.notified());
    let (mut closing, mut overdue, mut resets) = (false, false, 0_u32);
    loop {
        tokio::select! {
            biased;
            Some(ended) = exchanges.next(), if !exchanges.is_empty() => {
                match ended {
                    Ok(StreamEnd::Answered(exchange_builder)) => {
                        unflushed.answers.extend(exchange_builder);
                        resets = resets.saturating_sub(1);
                    }
                    Ok(StreamEnd::BrokenOff(reset)) => {
                        unflushed.resets.push(reset);
                        resets = resets.saturating_sub(1);
                    }
                    Ok(StreamEnd::Reset) => resets += 1,
                    Err(_) => tracing::error!("an exchange panicked; the others are not affected"),
                }
                if resets > RESETS {
                    tracing::warn!("a broker takes back its requests all the time; closing its connection");
                    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    resets = 0;
                }
                if exchanges.is_empty() {
                    idle.as_mut().reset(Instant::now() + if closing { GOAWAY_GRACE } else { idle_timeout });
                }
            }
            () = shutdown.cancelled(), if !closing => {
                closing = true;
                connection.graceful_shutdown();
                idle.as_mut().reset(Instant::now() + GOAWAY_GRACE);
            }
            accepted = poll_fn(|cx| unflushed.poll(&io, || pin!(connection.accept()).poll(cx))) => match accepted {
                Some(Ok((request, respond))) => {
                    let ended = io.ended().clone();
                    let exchange = exchange(route.clone(), client_info, on_event, request, respond, ended, shutdown.clone());
                    exchanges.push(AssertUnwindSafe(exchange).catch_unwind());
                }
                Some(Err(error)) => return tracing::debug!(error = %LoggedError(&error), "ended"),
                None => return tracing::debug!("closed"),
            },
            // From here on the connection has just been polled: what it could flush is flushed.
            () = when(|| io.ended().is_cancelled() && io.is_flushed() && io.release()), if exchanges.is_empty() => {
                tracing::debug!("the broker sends no more, and has all of its answers");
            }
            () = when(|| overdue && io.is_flushed()), if exchanges.is_empty() => {
                return tracing::debug!("closed; the broker took no leave");
            }
            () = &mut evict_idle, if exchanges.is_empty() && io.is_flushed() => {
                return tracing::debug!("closed to make room");
            }
            // Looked at time and again: an answer may take up to twice as long as the limit says.
            () = &mut stalled => {
                if !unflushed.is_empty() && written == io.written() {
                    unflushed.give_up(limits.stall_timeout);
                    return tracing::debug!("the broker takes none of its answers");
                }
                written = io.written();
                stalled.as_mut().reset(Instant::now() + limits.stall_timeout);
            }
            () = &mut idle, if exchanges.is_empty() => {
                if closing && (overdue || io.is_flushed()) {
                    return tracing::debug!("closed; the broker took no leave");
                }
                // What is still to be flushed is given as long as any answer that the broker doesn't take.
                let wait = if closing { limits.stall_timeout } else { GOAWAY_GRACE };
                if closing {
                    overdue = true;
                } else {
                    closing = true;
                    connection.graceful_shutdown();
                }
                idle.as_mut().reset(Instant::now() + wait);
            }
        }
    }
}

/// Ends when the condition holds. It is only looked at when the task is polled: whatever changes it must wake the task.
async fn when(holds: impl Fn() -> bool) {
    poll_fn(|_| if holds() { Poll::Ready(()) } else { Poll::Pending }).await;
}

async fn exchange(
    route: Route,
    client_info: ClientInfo,
    on_event: &EventHandler,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    ended: CancellationToken,
    shutdown: CancellationToken,
) -> StreamEnd {
    let (parts, stream) = request.into_parts();
    let limits = &route.common().limits;
    let mut head = match read_request(&parts.headers, !stream.is_end_stream(), limits.head) {
        Ok(head) => head,
        Err(error) => {
            on_event(ProxyEvent::NotUnderstood { client: client_info.address, detail: error.to_string() });
            let answer = ProxiedResponse::own(problem::bad_request(&error));
            return send(answer, &Method::GET, limits.stall_timeout, respond).await;
        }
    };
    let method = head.method.clone();
    let course = match &route {
        _ if head.max_forwards() == Some(0) => Decision::Respond(problem::last_hop(&method)),
        Route::To(_) if method == Method::CONNECT => Decision::Respond(problem::no_tunnel()),
        Route::To(relay) => Decision::Proxy(Arc::clone(relay)),
        Route::Forward(forward_proxy) => forward_proxy.route(&mut head, client_info.address).await,
    };
    let answer = match course {
        Decision::Proxy(relay) => {
            let length = content_length(&head.fields).ok().flatten();
            let incoming = IncomingBody::new(stream, length).within(limits.stall_timeout, ended);
            let (body, asked) = body(incoming, has_token(&head.fields, "expect", "100-continue"));
            match await_response(&relay, client_info.connection, head, body, asked, &mut respond).await {
                Some(answer) => answer,
                None => return StreamEnd::Reset,
            }
        }
        Decision::Respond(response) => ProxiedResponse::own(response),
        Decision::Tunnel(opened) => match &route {
            Route::Forward(forward_proxy) => {
                let stream = DuplexReadHalf::new(stream, ended);
                return tunnel(Arc::clone(forward_proxy), opened, client_info, (stream, respond), shutdown).await;
            }
            Route::To(_) => ProxiedResponse::own(problem::no_tunnel()),
        },
    };
    send(answer, &method, limits.stall_timeout, respond).await
}

/// The stream as a tunnel, from the answer to its CONNECT on. In a box, because what runs within it may speak HTTP/2 again.
fn tunnel(
    forward_proxy: Arc<ForwardProxy>,
    opened: TunnelTarget,
    client_info: ClientInfo,
    (stream, mut respond): (DuplexReadHalf, SendResponse<Bytes>),
    shutdown: CancellationToken,
) -> BoxFuture<'static, StreamEnd> {
    Box::pin(async move {
        match respond.send_response(Response::new(()), false) {
            Ok(sending) => {
                let tunnel = Tunnel::new(BytesMut::new(), stream, DuplexWriteHalf::new(sending));
                forward_proxy.serve(opened, tunnel, client_info, shutdown).await;
                StreamEnd::Answered(None)
            }
            Err(error) => {
                tracing::debug!(error = %LoggedError(&error), "given up before its tunnel was there");
                StreamEnd::Reset
            }
        }
    })
}

/// Waits for the answer; `None` if the broker took the request back.
async fn await_response(
    relay: &Relay,
    id: u64,
    head: RequestHead,
    body: WireBody,
    mut asked: Option<oneshot::Receiver<()>>,
    respond: &mut SendResponse<Bytes>,
) -> Option<ProxiedResponse> {
    let (interim, mut interims) = Informational::channel();
    let mut answer = pin!(relay.forward(id, head, (body, RawTrailers::default()), Some(interim)));
    poll_fn(|cx| {
        let answer = answer.as_mut().poll(cx);
        while let Poll::Ready(head) = interims.poll_recv(cx) {
            if head.status == 100 {
                asked = None;
            }
            send_interim(respond, &head);
        }
        if let Poll::Ready(answer) = answer {
            return Poll::Ready(Some(answer));
        }
        if let Some(wanted) = &mut asked
            && let Poll::Ready(wanted) = Pin::new(wanted).poll(cx)
        {
            asked = None;
            if wanted.is_ok() {
                send_interim(
                    respond,
                    &InformationalResponse { status: 100, reason: Bytes::new(), fields: Headers::default() },
                );
            }
        }
        respond.poll_reset(cx).map(|_| None)
    })
    .await
}

/// Sends an interim answer. One that can't be sent means little: the answer itself follows, or the end.
fn send_interim(respond: &mut SendResponse<Bytes>, interim: &InformationalResponse) {
    let Ok(status) = StatusCode::from_u16(interim.status) else { return };
    let mut head = Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = outgoing_response(interim.status, &interim.fields);
    if let Err(error) = respond.send_informational(head) {
        tracing::debug!(error = %LoggedError(&error), %status, "an interim answer could not be sent");
    }
}

/// Sends an answer as far as the broker takes it.
async fn send(
    answer: ProxiedResponse,
    method: &Method,
    patience: Duration,
    mut respond: SendResponse<Bytes>,
) -> StreamEnd {
    let ProxiedResponse { status, headers, body, exchange_builder, reset, .. } = answer;
    if reset {
        respond.send_reset(Reason::INTERNAL_ERROR);
        return StreamEnd::Answered(None);
    }
    let mut head = Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = outgoing_response(status.as_u16(), &headers);
    // The record's own copy of the fields is to be the last one when the exchange ends.
    drop(headers);
    let bodiless = bodiless(status.as_u16(), method) || body.is_end_stream();
    let body = (!bodiless).then_some(body);
    let gone = |error: &h2::Error| {
        if let Some(exchange_builder) = &exchange_builder {
            let detail = format!("the broker gave up the stream before the answer had ended: {error}");
            exchange_builder.failed(FailureKind::ClientGone, detail, None);
        }
        tracing::debug!(error = %LoggedError(error), "given up");
        StreamEnd::Reset
    };
    let stream = match respond.send_response(head, bodiless) {
        Ok(stream) => stream,
        Err(error) => return gone(&error),
    };
    let mut outgoing = OutgoingBody::new(stream, body);
    let (mut stalled, mut sent) = (pin!(tokio::time::sleep(patience)), 0);
    let result = poll_fn(|cx| {
        if let Poll::Ready(result) = outgoing.poll_send(cx) {
            return Poll::Ready(Some(result));
        }
        if sent != outgoing.sent() || outgoing.waits_for_body() {
            sent = outgoing.sent();
            stalled.as_mut().reset(Instant::now() + patience);
        }
        stalled.as_mut().poll(cx).map(|()| None)
    })
    .await;
    match result {
        Some(Ok(())) => StreamEnd::Answered(exchange_builder),
        Some(Err(H2SendError::Stream(error))) => gone(&error),
        None => {
            let detail = takes_nothing(patience);
            tracing::debug!("the broker takes nothing more of its answer");
            if let Some(exchange_builder) = &exchange_builder {
                exchange_builder.failed(FailureKind::ClientGone, detail, None);
            }
            StreamEnd::Reset
        }
        Some(Err(H2SendError::Body(error))) => {
            tracing::debug!(error = %LoggedError(&*error), "the answer's body broke off");
            StreamEnd::BrokenOff(outgoing.into_reset(&error))
        }
    }
}

/// The request's body, and what fires when it is first asked for, where the broker waits for that.
fn body(incoming: IncomingBody, expects: bool) -> (WireBody, Option<oneshot::Receiver<()>>) {
    if !expects || incoming.is_end_stream() {
        return (incoming.boxed(), None);
    }
    let (sender, receiver) = oneshot::channel();
    (ExpectedBody { incoming, await_response: Some(sender) }.boxed(), Some(receiver))
}

/// A body that the broker sends when it is told to.
struct ExpectedBody {
    incoming: IncomingBody,
    await_response: Option<oneshot::Sender<()>>,
}

impl Body for ExpectedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(await_response) = this.await_response.take() {
            // Nobody listens once the answer has begun: the broker is told by that.
            let _listened = await_response.send(());
        }
        Pin::new(&mut this.incoming).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
