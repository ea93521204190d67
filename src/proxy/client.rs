//! A broker's connection: its first bytes tell which version of HTTP it speaks. Over HTTP/1 it goes on here.
//!
//! ```text
//! first bytes ─► HTTP/2? ─► http2
//!    └─ HTTP/1
//! ┌► read head ─► body ─► relay (meanwhile: interim answers, was the connection reset?)
//! └──── keep alive ◄─ write head and body ◄─┤
//!            └─ else: close, after what   101: bytes both ways ─► close
//!               is unread was drained
//! ```
//!
//! One task does all of it. A broker that closes its sending side still gets the answers to the requests that it sent
//! whole (RFC 9112 section 9.6). It is gone when its connection is reset or can't be written to.

mod delayed_eof;
mod http2;
mod opening;
mod source;
mod tunnel;

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use hyper::body::Body as _;
use hyper::{Method, Response};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use self::source::{ClientEvent, ClientReader, is_end};
use crate::exchange::{Headers, Version};
use crate::proxy::event::{EventHandler, ProxyEvent};
use crate::proxy::forward::{Decision, ForwardProxy, Tunnel, TunnelTarget};
use crate::proxy::h1::{
    BodyEncoding, H1SendError, HeadWatch, MessageReader, MessageWriter, ResponseShape, interim_head, parse_request,
    response_coding, response_head,
};
use crate::proxy::io::{ResetOnDrop, Transport, TunnelError, WriteSide as _};
use crate::proxy::logged::LoggedError;
use crate::proxy::message::fields::RawTrailers;
use crate::proxy::message::head::{BodyLength, HeadError, RequestHead, bodiless};
use crate::proxy::message::problem;
use crate::proxy::relay::{ProxiedResponse, ProxyShared, Relay};
use crate::proxy::upstream::live::BODY_COALESCE_WAIT;
use crate::proxy::upstream::{Informational, InformationalResponse, WireBody};

/// Bytes of an answer that there is room for from the beginning: most are shorter.
const GATHER: usize = 8 * 1024;

/// Connection id and client address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientInfo {
    /// Number of the connection.
    pub connection: u64,
    /// Where it comes from.
    pub address: IpAddr,
}

/// Where the requests of a connection go.
#[derive(Clone)]
pub(super) enum Route {
    /// All to one upstream.
    To(Arc<Relay>),
    /// Where each says: it is a forward proxy's.
    Forward(Arc<ForwardProxy>),
}

impl Route {
    fn common(&self) -> &Arc<ProxyShared> {
        match self {
            Self::To(relay) => &relay.common,
            Self::Forward(forward_proxy) => &forward_proxy.common,
        }
    }
}

/// What is left of a connection that became a tunnel.
pub(crate) type ConnectUpgrade<W> = (TunnelTarget, Tunnel<<W as Transport>::ReadSide, <W as Transport>::WriteSide>);

/// Serves one connection until it ends, becomes a tunnel or, once `shutdown` is cancelled, until its exchange has ended.
pub(super) async fn run<W: Transport>(
    wire: W,
    route: Route,
    client_info: ClientInfo,
    on_event: &EventHandler,
    shutdown: CancellationToken,
) -> Option<ConnectUpgrade<W>> {
    tracing::debug!("opened");
    let common = Arc::clone(route.common());
    let opened = match opening::open(wire, &common, &shutdown).await {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            tracing::debug!("closed unused");
            return None;
        }
        Err(error) => {
            tracing::debug!(error = %LoggedError(&error), "ended unused");
            return None;
        }
    };
    if opened.http2 {
        http2::run(opened.rejoin(), route, client_info, on_event, shutdown).await;
        return None;
    }
    let (reader, writer) = opened.wire.into_halves();
    let source = ClientReader::new(MessageReader::having_read(reader, opened.read));
    let mut connection: Connection<W> = Connection {
        route,
        common,
        client_info,
        on_event: Arc::clone(on_event),
        shutdown,
        source,
        out: BytesMut::new(),
    };
    let ended = connection.serve(writer).await;
    match &ended {
        Ok(_) => tracing::debug!("closed"),
        Err(error) => tracing::debug!(error = %LoggedError(error), "ended"),
    }
    ended.ok().flatten()
}

struct Connection<W: Transport> {
    route: Route,
    common: Arc<ProxyShared>,
    client_info: ClientInfo,
    on_event: EventHandler,
    shutdown: CancellationToken,
    source: ClientReader<W::ReadSide>,
    /// What answers are gathered in, empty between two of them.
    out: BytesMut,
}

/// Why a connection ends before its time.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("writing to the broker failed: {0}")]
    Write(#[source] io::Error),
    #[error("reading from the broker failed: {0}")]
    Read(#[source] io::Error),
    #[error("after the protocol was switched, {0}")]
    Tunnel(#[source] TunnelError),
    #[error("the broker took nothing more of its answer for {0:?}")]
    Stalled(Duration),
    #[error("the answer's body broke off: {0}")]
    Body(#[source] crate::proxy::upstream::BodyError),
}

/// How reading a head ended.
enum NextRequest {
    Head(RequestHead),
    Closed,
    Bad(HeadError),
    Slow,
}

impl<W: Transport> Connection<W> {
    async fn serve(&mut self, mut writer: W::WriteSide) -> Result<Option<ConnectUpgrade<W>>, ConnectionError> {
        loop {
            let mut head = match self.read_head().await? {
                NextRequest::Head(head) => head,
                NextRequest::Closed => return self.close(writer).await.map(|()| None),
                NextRequest::Bad(error) => return self.refuse_unread(writer, &error).await,
                NextRequest::Slow => {
                    self.not_understood("its head did not come to an end in time".to_owned());
                    return self.refuse(writer, problem::slow_request()).await;
                }
            };
            if head.max_forwards() == Some(0) {
                return self.refuse(writer, problem::last_hop(&head.method)).await;
            }
            let relay = match &self.route {
                Route::To(_) if head.method == Method::CONNECT => {
                    return self.refuse(writer, problem::no_tunnel()).await;
                }
                Route::To(relay) => {
                    if head.absolute.is_some() {
                        tracing::debug!("the target is in absolute form; the host that it names means nothing here");
                    }
                    Arc::clone(relay)
                }
                Route::Forward(forward_proxy) => match forward_proxy.route(&mut head, self.client_info.address).await {
                    Decision::Proxy(relay) => relay,
                    Decision::Respond(response) => return self.refuse(writer, response).await,
                    Decision::Tunnel(opened) => return self.part(opened, writer).await,
                },
            };
            let length = match head.length() {
                Ok(length) => length,
                Err(error) => return self.refuse_unread(writer, &error).await,
            };
            let client =
                ResponseContext { method: head.method.clone(), version: head.version, keeps_alive: head.keeps_alive() };
            let patience = self.common.limits.stall_timeout;
            let waits = head.expects_continue()
                && length != BodyLength::Known(0)
                && !self.source.has_begun_body(BODY_COALESCE_WAIT).await;
            head.body_unasked = !waits;
            let (body, trailers) = self.source.take_body(length, waits, patience);
            let answer = self.await_response(&relay, head, body, trailers, &mut writer).await?;
            if answer.reset {
                drop(answer);
                writer.reset();
                return Ok(None);
            }
            if answer.upgrade.is_some() {
                return self.switch(answer, writer).await.map(|()| None);
            }
            let keep;
            (writer, keep) = self.write(answer, &client, writer).await?;
            if keep && self.source.is_at_end() {
                continue;
            }
            let linger = self.linger();
            let drained = keep && linger.while_it_lasts(self.source.drain_body(linger.silence)).await == Some(true);
            if !drained {
                return self.close_lingering(writer, linger).await.map(|()| None);
            }
        }
    }

    /// Tells the broker that it has its tunnel, and lets go of the connection.
    async fn part(
        &mut self,
        opened: TunnelTarget,
        mut writer: W::WriteSide,
    ) -> Result<Option<ConnectUpgrade<W>>, ConnectionError> {
        writer.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.map_err(ConnectionError::Write)?;
        writer.flush().await.map_err(ConnectionError::Write)?;
        let Some(reader) = self.source.take() else { return Ok(None) };
        let (io, buf) = reader.into_parts();
        Ok(Some((opened, Tunnel::new(buf, io, writer))))
    }

    async fn read_head(&mut self) -> Result<NextRequest, ConnectionError> {
        let limits = &self.common.limits;
        let Some(reader) = self.source.reader() else { return Ok(NextRequest::Closed) };
        let mut idle = std::pin::pin!(tokio::time::sleep(limits.idle_timeout));
        let mut evict_idle = std::pin::pin!(self.common.evict_idle.notified());
        loop {
            // Some clients send an empty line too many behind a body (RFC 9112 section 2.2).
            while reader.buf.starts_with(b"\r\n") {
                reader.buf.advance(2);
            }
            if !(reader.buf.is_empty() || &reader.buf[..] == b"\r") {
                break;
            }
            let filled = tokio::select! {
                biased;
                filled = fill(reader) => filled.map_err(ConnectionError::Read)?,
                () = &mut idle => 0,
                () = &mut evict_idle => 0,
                () = self.shutdown.cancelled() => 0,
            };
            if filled == 0 {
                return Ok(NextRequest::Closed);
            }
        }
        let mut watch = HeadWatch::default();
        let reading = async {
            loop {
                if watch.is_due(&reader.buf, limits.head) {
                    match parse_request(&mut reader.buf, limits.head) {
                        Ok(Some(head)) => return Ok(NextRequest::Head(head)),
                        Ok(None) => {}
                        Err(error) => return Ok(NextRequest::Bad(error)),
                    }
                }
                if fill(reader).await.map_err(ConnectionError::Read)? == 0 {
                    return Ok(NextRequest::Closed);
                }
            }
        };
        tokio::select! {
            biased;
            opening = tokio::time::timeout(limits.head_timeout, reading) => opening.unwrap_or(Ok(NextRequest::Slow)),
            () = &mut evict_idle => Ok(NextRequest::Slow),
        }
    }

    /// Waits for the answer, and meanwhile for what else may happen on this connection.
    async fn await_response(
        &mut self,
        relay: &Relay,
        head: RequestHead,
        body: WireBody,
        trailers: RawTrailers,
        writer: &mut W::WriteSide,
    ) -> Result<ProxiedResponse, ConnectionError> {
        let (interim, mut interims) = Informational::channel();
        // HTTP/1.0 has no interim answers (RFC 9110 section 15.2).
        let interim = (head.version != Version::Http10).then_some(interim);
        let mut answer = std::pin::pin!(relay.forward(self.client_info.connection, head, (body, trailers), interim));
        loop {
            let event = tokio::select! {
                biased;
                answer = &mut answer => {
                    while let Some(head) = interims.try_recv() {
                        self.write_interim(writer, &head).await?;
                    }
                    return Ok(answer);
                }
                head = poll_fn(|cx| interims.poll_recv(cx)) => {
                    if head.status == 100 {
                        self.source.continue_sent();
                    }
                    self.write_interim(writer, &head).await?;
                    continue;
                }
                event = poll_fn(|cx| self.source.poll_event(cx)) => event,
            };
            match event {
                ClientEvent::Continue => {
                    let reason = Bytes::from_static(b"Continue");
                    let head = InformationalResponse { status: 100, reason, fields: Headers::default() };
                    self.write_interim(writer, &head).await?;
                }
                ClientEvent::Failed(error) => return Err(ConnectionError::Read(error)),
            }
        }
    }

    /// A broker that takes nothing is given as long for an interim answer as for any other.
    async fn write_interim(
        &self,
        writer: &mut W::WriteSide,
        head: &InformationalResponse,
    ) -> Result<(), ConnectionError> {
        let mut out = BytesMut::new();
        interim_head(&mut out, head.status, &head.reason, &head.fields);
        let writing = async {
            writer.write_all(&out).await?;
            writer.flush().await
        };
        let patience = self.common.limits.stall_timeout;
        let written = tokio::time::timeout(patience, writing).await;
        written.map_err(|_| ConnectionError::Stalled(patience))?.map_err(ConnectionError::Write)
    }

    /// The answer was 101: what follows is not HTTP, and passes as it is.
    async fn switch(&mut self, answer: ProxiedResponse, mut writer: W::WriteSide) -> Result<(), ConnectionError> {
        let passage = tunnel::UpgradeRelay::of(answer.exchange_builder);
        let shape = ResponseShape {
            status: 101,
            bodiless: true,
            size: None,
            from_wire: answer.is_from_wire,
            chunks: true,
            connection: Some("Upgrade"),
        };
        let mut head = BytesMut::new();
        response_head(&mut head, &answer.reason, &answer.headers, &shape, BodyEncoding::Known(0));
        drop(answer.headers);
        writer.write_all(&head).await.map_err(ConnectionError::Write)?;
        writer.flush().await.map_err(ConnectionError::Write)?;
        let (Some(upstream), Some(reader)) = (answer.upgrade, self.source.reader()) else { return Ok(()) };
        passage.pass(reader, writer, upstream, self.common.limits.idle_timeout).await.map_err(ConnectionError::Tunnel)
    }

    /// Writes an answer; the socket and whether the connection can go on.
    async fn write(
        &mut self,
        answer: ProxiedResponse,
        client: &ResponseContext,
        writer: W::WriteSide,
    ) -> Result<(W::WriteSide, bool), ConnectionError> {
        let ProxiedResponse { status, reason, headers, is_from_wire, body, trailers, exchange_builder, .. } = answer;
        let mut shape = ResponseShape {
            status: status.as_u16(),
            bodiless: bodiless(status.as_u16(), &client.method),
            size: body.size_hint().exact(),
            from_wire: is_from_wire,
            chunks: client.version != Version::Http10,
            connection: None,
        };
        let coding = response_coding(&headers, &shape);
        let keep = client.keeps_alive
            && coding != BodyEncoding::UntilClose
            && !self.source.has_unread_body()
            // It may send the body all the same, or take the answer for a refusal and send another request.
            && !self.source.awaits_continue()
            && !self.shutdown.is_cancelled();
        shape.connection = match (keep, client.version) {
            (false, _) => Some("close"),
            (true, Version::Http10) => Some("keep-alive"),
            (true, _) => None,
        };
        let mut start = std::mem::take(&mut self.out);
        start.reserve(GATHER);
        response_head(&mut start, &reason, &headers, &shape, coding);
        // The record's own copy of the fields is to be the last one when the exchange ends.
        drop(headers);
        let body = (!shape.bodiless).then_some(body);
        // Where the connection's end is that of the body, an orderly one would say that the body is whole, whatever ends this before
        // it is: Umpire itself, the upstream, the broker, or the time.
        let writer = ResetOnDrop::new(writer, coding == BodyEncoding::UntilClose);
        let outgoing = MessageWriter::new(writer, start, body, coding).with_trailers(trailers);
        let mut outgoing = match exchange_builder {
            Some(exchange_builder) => outgoing.telling(exchange_builder),
            None => outgoing,
        };
        let patience = self.common.limits.stall_timeout;
        let mut stalled: Option<(u64, Pin<Box<Sleep>>)> = None;
        poll_fn(|cx| {
            match outgoing.poll_send(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(H1SendError::Body(error))) => return Poll::Ready(Err(ConnectionError::Body(error))),
                Poll::Ready(Err(H1SendError::Write(error))) => return Poll::Ready(Err(ConnectionError::Write(error))),
                Poll::Pending => {}
            }
            match self.source.poll_event(cx) {
                Poll::Ready(ClientEvent::Failed(error)) => return Poll::Ready(Err(ConnectionError::Read(error))),
                // The answer has begun: it is too late to ask for the body. Whoever asked gets its end by the answer.
                Poll::Ready(ClientEvent::Continue) | Poll::Pending => {}
            }
            if outgoing.waits_for_body() {
                stalled = None;
                return Poll::Pending;
            }
            let written = outgoing.written();
            let (_, timer) = match &mut stalled {
                Some(waiting) if waiting.0 == written => waiting,
                _ => stalled.insert((written, Box::pin(tokio::time::sleep(patience)))),
            };
            timer.as_mut().poll(cx).map(|()| Err(ConnectionError::Stalled(patience)))
        })
        .await?;
        let (writer, out) = outgoing.into_parts();
        let writer = writer.keep().ok_or_else(|| ConnectionError::Write(io::ErrorKind::NotConnected.into()))?;
        // What a large answer took is not kept.
        self.out = if out.capacity() > 2 * GATHER { BytesMut::new() } else { out };
        Ok((writer, keep))
    }

    /// Refuses a request that nobody but its sender and the one who watches learns of.
    async fn refuse_unread<T>(
        &mut self,
        writer: W::WriteSide,
        error: &HeadError,
    ) -> Result<Option<T>, ConnectionError> {
        self.not_understood(error.to_string());
        self.refuse(writer, problem::bad_request(error)).await
    }

    fn not_understood(&self, detail: String) {
        (self.on_event)(ProxyEvent::NotUnderstood { client: self.client_info.address, detail });
    }

    async fn refuse<T>(
        &mut self,
        writer: W::WriteSide,
        response: Response<WireBody>,
    ) -> Result<Option<T>, ConnectionError> {
        tracing::debug!(status = response.status().as_u16(), "refused");
        let client = ResponseContext { method: Method::GET, version: Version::Http11, keeps_alive: false };
        let (writer, _) = self.write(ProxiedResponse::own(response), &client, writer).await?;
        self.source.refused();
        self.close(writer).await.map(|()| None)
    }

    /// How long what is unread is drained from now on.
    fn linger(&self) -> Linger {
        let limits = &self.common.limits;
        Linger {
            until: Instant::now() + limits.linger,
            silence: limits.linger_silence,
            shutdown: self.shutdown.clone(),
            common: Arc::clone(&self.common),
        }
    }

    async fn close(&mut self, writer: W::WriteSide) -> Result<(), ConnectionError> {
        let linger = self.linger();
        self.close_lingering(writer, linger).await
    }

    /// Closes the connection; first drains what is unread, because closing over it would reset the connection and the
    /// answer could be lost on its way. Nothing of it is kept.
    async fn close_lingering(&mut self, mut writer: W::WriteSide, linger: Linger) -> Result<(), ConnectionError> {
        let patience = self.common.limits.stall_timeout;
        tokio::time::timeout(patience, writer.shutdown())
            .await
            .map_err(|_| ConnectionError::Stalled(patience))?
            .map_err(ConnectionError::Write)?;
        if self.source.is_at_end() {
            return Ok(());
        }
        let Some(reader) = self.source.reader() else { return Ok(()) };
        let draining = async {
            loop {
                reader.buf.clear();
                match tokio::time::timeout(linger.silence, poll_fn(|cx| reader.poll_fill(cx))).await {
                    Ok(Ok(0) | Err(_)) | Err(_) => break,
                    Ok(Ok(_)) => {}
                }
            }
        };
        // Draining is a courtesy: when its time is over the connection is closed all the same.
        let _in_time = linger.while_it_lasts(draining).await;
        Ok(())
    }
}

/// How long what a broker still sends is read, and dropped, behind an answer that came before the end of its request.
struct Linger {
    until: Instant,
    /// Longest time without a byte.
    silence: Duration,
    shutdown: CancellationToken,
    common: Arc<ProxyShared>,
}

impl Linger {
    /// Drains as long as there is time, nobody else needs the room of the connection, and Umpire is not stopped. What has come
    /// already is read all the same.
    async fn while_it_lasts<T>(&self, draining: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            drained = draining => Some(drained),
            () = self.shutdown.cancelled() => None,
            () = self.common.evict_idle.notified() => None,
            () = tokio::time::sleep_until(self.until) => None,
        }
    }
}

/// Reads once; 0 at the end.
async fn fill<I: AsyncRead + Unpin>(reader: &mut MessageReader<I>) -> io::Result<usize> {
    match poll_fn(|cx| reader.poll_fill(cx)).await {
        Err(error) if is_end(&error) => Ok(0),
        filled => filled,
    }
}

/// What the answer depends on.
struct ResponseContext {
    method: Method,
    version: Version,
    keeps_alive: bool,
}
