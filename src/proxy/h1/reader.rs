//! A socket's reading side and what was read ahead.
//!
//! `socket ─► fill ─► buf ─► parse, decode`

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::Frame;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::proxy::h1::{BodyDecoder, Step};
use crate::proxy::message::fields::{RawTrailers, to_map};
use crate::proxy::upstream::BodyError;

/// Room made before each read.
const CHUNK: usize = 16 * 1024;

/// Reads ahead into a buffer. It grows only while its owner asks for more, who must stop at a limit of its own
/// ([`crate::proxy::HeadLimits`] for a head; content is taken out as it comes).
#[derive(Debug)]
pub(crate) struct MessageReader<R> {
    io: R,
    /// What was read and not yet taken.
    pub buf: BytesMut,
    ended: bool,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    /// These bytes were read already.
    pub(crate) fn having_read(io: R, buf: BytesMut) -> Self {
        Self { io, buf, ended: false }
    }

    /// Reads once; 0 at the end of the stream, and ever after it. A TLS stream that ends without `close_notify` is an error
    /// the first time ([`io::ErrorKind::UnexpectedEof`]), and then an end like any other.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        if self.buf.is_empty() {
            // All of the room is there again once nobody has what was read before.
            let _reclaimed = self.buf.try_reclaim(CHUNK);
        }
        if self.buf.capacity() - self.buf.len() < CHUNK / 4 {
            self.buf.reserve(CHUNK);
        }
        // `read_buf` keeps nothing between polls: a new future each time loses nothing.
        let read = ready!(pin!(self.io.read_buf(&mut self.buf)).poll(cx));
        self.ended = match &read {
            Ok(count) => *count == 0,
            Err(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        };
        Poll::Ready(read)
    }

    /// True once the end of the stream was read.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The stream itself. Reading from it leaves out what was read ahead.
    pub(crate) fn io(&mut self) -> &mut R {
        &mut self.io
    }

    /// The stream itself and what was read ahead of it.
    pub(crate) fn into_parts(self) -> (R, BytesMut) {
        (self.io, self.buf)
    }

    /// The next frame of the body that the decoder is in; `None` at its end. Trailers go to `trailers` too.
    pub(crate) fn poll_body(
        &mut self,
        decoder: &mut BodyDecoder,
        trailers: &RawTrailers,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match decoder.step(&mut self.buf) {
                Ok(Step::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Step::Trailers(fields)) => {
                    let map = to_map(&fields);
                    trailers.set(fields);
                    return Poll::Ready(Some(Ok(Frame::trailers(map))));
                }
                Ok(Step::End) => return Poll::Ready(None),
                Ok(Step::More) => match ready!(self.poll_fill(cx)) {
                    Ok(0) if decoder.close() => return Poll::Ready(None),
                    Ok(0) => return Poll::Ready(Some(Err("the connection was closed within the body".into()))),
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(Some(Err(error.into()))),
                },
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn the_same_room_is_read_into_again() {
        let (near, mut far) = tokio::io::duplex(2 * CHUNK);
        let mut reader = MessageReader::having_read(near, BytesMut::new());
        let mut rooms = Vec::new();
        for length in [CHUNK - 10, CHUNK, CHUNK] {
            far.write_all(&vec![b'a'; length]).await.unwrap();
            assert_eq!(poll_fn(|cx| reader.poll_fill(cx)).await.unwrap(), length);
            rooms.push(reader.buf.as_ptr());
            drop(reader.buf.split().freeze());
        }
        assert_eq!(rooms, [rooms[0]; 3]);
    }
}
