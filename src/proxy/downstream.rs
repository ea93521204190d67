//! A broker's HTTP/1 connection.
//!
//! ```text
//! ┌► read head ─► body ─► relay (meanwhile: 100 Continue, is the broker still there?)
//! └──── keep alive ◄─ write head and body ◄─┘
//!            └─ else: close, after what is unread was drained
//! ```
//!
//! One task does all of it. A broker that closes its sending side is taken to be gone, as with other proxies.

mod source;

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use hyper::body::Body as _;
use hyper::{Method, Response};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use self::source::{Event, Source};
use super::forward::{Course, Desk, Opened, Tunnel};
use super::h1::{
    Coding, HeadError, Outgoing, Reader, RequestHead, ResponseShape, SendError, bodiless, parse_request,
    response_coding, response_head,
};
use super::problem;
use super::relay::{Answer, Common, Relay};
use super::upstream::WireBody;
use super::wire::{Output as _, Wire};
use crate::exchange::Version;

/// What is drained of a request that was answered before its end, so that the answer isn't lost in a reset.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 1024 * 1024);

/// Whose connection it is.
#[derive(Debug, Clone, Copy)]
pub struct Guest {
    /// Number of the connection.
    pub connection: u64,
    /// Where it comes from.
    pub address: IpAddr,
}

/// Where the requests of a connection go.
#[derive(Clone)]
pub enum Way {
    /// All to one upstream.
    To(Arc<Relay>),
    /// Where each says: it is a forward proxy's.
    Forward(Arc<Desk>),
}

/// What is left of a connection that became a tunnel.
pub type Parted<W> = (Opened, Tunnel<<W as Wire>::Input, <W as Wire>::Output>);

/// Serves one connection until it ends, becomes a tunnel or, once `shutdown` is cancelled, until its exchange has ended.
pub async fn run<W: Wire>(wire: W, way: Way, guest: Guest, shutdown: CancellationToken) -> Option<Parted<W>> {
    let (reader, writer) = wire.halves();
    let common = Arc::clone(match &way {
        Way::To(relay) => &relay.common,
        Way::Forward(desk) => &desk.common,
    });
    let source = Source::new(Reader::new(reader));
    let mut connection: Connection<W> = Connection { way, common, guest, shutdown, source };
    tracing::debug!("opened");
    let ended = connection.serve(writer).await;
    match &ended {
        Ok(_) => tracing::debug!("closed"),
        Err(error) => tracing::debug!(%error, "ended"),
    }
    ended.ok().flatten()
}

struct Connection<W: Wire> {
    way: Way,
    common: Arc<Common>,
    guest: Guest,
    shutdown: CancellationToken,
    source: Source<W::Input>,
}

/// Why a connection ends before its time.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the broker is gone")]
    Gone,
    #[error("writing to the broker failed: {0}")]
    Write(io::Error),
    #[error("reading from the broker failed: {0}")]
    Read(io::Error),
    #[error("the answer's body broke off: {0}")]
    Body(super::upstream::BodyError),
}

/// How reading a head ended.
enum Opening {
    Head(RequestHead),
    Closed,
    Bad(HeadError),
    Slow,
}

impl<W: Wire> Connection<W> {
    async fn serve(&mut self, mut writer: W::Output) -> Result<Option<Parted<W>>, Ended> {
        loop {
            let mut head = match self.read_head().await? {
                Opening::Head(head) => head,
                Opening::Closed => return Ok(None),
                Opening::Bad(error) => return self.refuse(writer, problem::bad_request(&error)).await,
                Opening::Slow => return self.refuse(writer, problem::slow_request()).await,
            };
            let relay = match &self.way {
                Way::To(_) if head.method == Method::CONNECT => return self.refuse(writer, problem::no_tunnel()).await,
                Way::To(relay) => Arc::clone(relay),
                Way::Forward(desk) => match desk.receive(&mut head, self.guest.address).await {
                    Course::Carry(relay) => relay,
                    Course::Refuse(response) => return self.refuse(writer, response).await,
                    Course::Open(opened) => return self.part(opened, writer).await,
                },
            };
            let length = match head.length() {
                Ok(length) => length,
                Err(error) => return self.refuse(writer, problem::bad_request(&error)).await,
            };
            let client = Client { method: head.method.clone(), version: head.version, keeps_alive: head.keeps_alive() };
            let body = self.source.lend(length, head.expects_continue());
            let answer = self.ask(&relay, head, body, &mut writer).await?;
            let keep;
            (writer, keep) = self.write(answer, &client, writer).await?;
            if !(keep && self.source.is_at_end()) {
                return self.close(writer).await.map(|()| None);
            }
        }
    }

    /// Tells the broker that it has its tunnel, and lets go of the connection.
    async fn part(&mut self, opened: Opened, mut writer: W::Output) -> Result<Option<Parted<W>>, Ended> {
        writer.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.map_err(Ended::Write)?;
        writer.flush().await.map_err(Ended::Write)?;
        let Some(reader) = self.source.take() else { return Ok(None) };
        let (buf, io) = reader.into_parts();
        Ok(Some((opened, Tunnel::new(buf, io, writer))))
    }

    async fn read_head(&mut self) -> Result<Opening, Ended> {
        let limits = &self.common.limits;
        let Some(reader) = self.source.reader() else { return Ok(Opening::Closed) };
        if reader.buf.is_empty() {
            let filled = tokio::select! {
                biased;
                filled = tokio::time::timeout(limits.idle_timeout, poll_fn(|cx| reader.poll_fill(cx))) => filled,
                () = self.shutdown.cancelled() => return Ok(Opening::Closed),
            };
            match filled {
                Err(_) | Ok(Ok(0)) => return Ok(Opening::Closed),
                Ok(filled) => filled.map_err(Ended::Read)?,
            };
        }
        if let Some(opening) = parsed(parse_request(&mut reader.buf)) {
            return Ok(opening);
        }
        let reading = async {
            loop {
                if poll_fn(|cx| reader.poll_fill(cx)).await.map_err(Ended::Read)? == 0 {
                    return Ok(Opening::Closed);
                }
                if let Some(opening) = parsed(parse_request(&mut reader.buf)) {
                    return Ok(opening);
                }
            }
        };
        tokio::time::timeout(limits.head_timeout, reading).await.unwrap_or(Ok(Opening::Slow))
    }

    /// Waits for the answer, and meanwhile for what else may happen on this connection.
    async fn ask(
        &mut self,
        relay: &Relay,
        head: RequestHead,
        body: WireBody,
        writer: &mut W::Output,
    ) -> Result<Answer, Ended> {
        let mut answer = std::pin::pin!(relay.answer(self.guest.connection, head, body));
        loop {
            let event = tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                event = poll_fn(|cx| self.source.poll_event(cx)) => event,
            };
            match event {
                Event::Continue => {
                    writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(Ended::Write)?;
                    writer.flush().await.map_err(Ended::Write)?;
                }
                Event::Gone => return Err(Ended::Gone),
                Event::Failed(error) => return Err(Ended::Read(error)),
            }
        }
    }

    /// Writes an answer; the socket and whether the connection can go on.
    async fn write(&mut self, answer: Answer, client: &Client, writer: W::Output) -> Result<(W::Output, bool), Ended> {
        let Answer { response, fields, reason, from_wire, draft } = answer;
        let mut shape = ResponseShape {
            bodiless: bodiless(response.status().as_u16(), &client.method),
            size: response.body().size_hint().exact(),
            from_wire,
            chunks: client.version != Version::Http10,
            connection: None,
        };
        let coding = response_coding(&fields, &shape);
        let keep = client.keeps_alive && coding != Coding::UntilClose && !self.shutdown.is_cancelled();
        shape.connection = match (keep, client.version) {
            (false, _) => Some("close"),
            (true, Version::Http10) => Some("keep-alive"),
            (true, _) => None,
        };
        let mut start = BytesMut::with_capacity(8 * 1024);
        response_head(&mut start, response.status().as_u16(), &reason, &fields, &shape, coding);
        // The record's own copy of the fields is to be the last one when the exchange ends.
        drop(fields);
        let body = if shape.bodiless {
            drop(response);
            None
        } else {
            Some(response.into_body())
        };
        let outgoing = Outgoing::new(writer, start, body, coding);
        let mut outgoing = match draft {
            Some(draft) => outgoing.before_last(move || draft.delivered()),
            None => outgoing,
        };
        let sent = poll_fn(|cx| match outgoing.poll_send(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(SendError::Body(error))) => Poll::Ready(Err(Ended::Body(error))),
            Poll::Ready(Err(SendError::Write(error))) => Poll::Ready(Err(Ended::Write(error))),
            Poll::Pending => match self.source.poll_event(cx) {
                Poll::Ready(Event::Gone) => Poll::Ready(Err(Ended::Gone)),
                Poll::Ready(Event::Failed(error)) => Poll::Ready(Err(Ended::Read(error))),
                // The answer has begun: it is too late to ask for the body. Whoever asked gets its end by the answer.
                Poll::Ready(Event::Continue) | Poll::Pending => Poll::Pending,
            },
        })
        .await;
        if let Err(error) = sent {
            if matches!(error, Ended::Body(_)) && coding == Coding::UntilClose {
                outgoing.into_io().reset();
            }
            return Err(error);
        }
        Ok((outgoing.into_io(), keep))
    }

    async fn refuse<T>(&mut self, writer: W::Output, response: Response<WireBody>) -> Result<Option<T>, Ended> {
        tracing::debug!(status = response.status().as_u16(), "refused");
        let client = Client { method: Method::GET, version: Version::Http11, keeps_alive: false };
        let (writer, _) = self.write(Answer::own(response), &client, writer).await?;
        self.source.refused();
        self.close(writer).await.map(|()| None)
    }

    /// Closes the connection; first drains what is unread, because closing over it would reset the connection and the
    /// answer could be lost on its way.
    async fn close(&mut self, mut writer: W::Output) -> Result<(), Ended> {
        writer.shutdown().await.map_err(Ended::Write)?;
        if self.source.is_at_end() {
            return Ok(());
        }
        let Some(reader) = self.source.reader() else { return Ok(()) };
        let (time, most) = LINGER;
        let draining = async {
            let mut drained = 0;
            while drained < most {
                reader.buf.clear();
                match poll_fn(|cx| reader.poll_fill(cx)).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => drained += read,
                }
            }
        };
        // Draining is a courtesy: when its time is over the connection is closed all the same.
        let _in_time = tokio::time::timeout(time, draining).await;
        Ok(())
    }
}

/// What the answer depends on.
struct Client {
    method: Method,
    version: Version,
    keeps_alive: bool,
}

fn parsed(result: Result<Option<RequestHead>, HeadError>) -> Option<Opening> {
    match result {
        Ok(Some(head)) => Some(Opening::Head(head)),
        Ok(None) => None,
        Err(error) => Some(Opening::Bad(error)),
    }
}
