//! A connection between a peer and the `h2` library, on which field sections are packed: see [`crate::proxy::h2::packed`].
//!
//! ```text
//! peer ─► frames ─┬─ HEADERS, CONTINUATION … ─► whole block ─► HpackDecoder ─► Packer ─► HEADERS ┬─► h2
//!                 └─ all others, as they come ───────────────────────────────────────────────────┘
//! h2 ─► frames ─┬─ HEADERS with a packed target ─► HEADERS with the target ┬─► peer
//!               └─ all others ─────────────────────────────────────────────┘
//! ```
//!
//! What breaks the rules of HTTP/2 itself (frames in the wrong order, blocks that can't be read) is handed to the library in
//! a form in which it breaks a rule there too, so that it closes the connection in its own way.

mod incoming;
mod outgoing;

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use self::incoming::IncomingHeads;
use self::outgoing::OutgoingHeads;
use crate::proxy::message::head::HeadLimits;

/// Room made before each read.
const CHUNK: usize = 16 * 1024;

/// Longest frame, as the library announces it by saying nothing (RFC 9113 section 6.5.2).
const MAX_FRAME: usize = 16 * 1024;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// A connection whose field sections are packed on their way to the `h2` library. Holds one header block of at most four times the limit of a head, and what was read ahead: about
/// 32 KiB.
pub(crate) struct RawHeads<S> {
    io: S,
    incoming: IncomingHeads,
    /// Nothing is packed in answers.
    outgoing: Option<OutgoingHeads>,
}

impl<S> RawHeads<S> {
    /// A connection on which requests come in. Their heads, and trailers, must be within `limits`.
    pub(crate) fn server(io: S, limits: HeadLimits) -> Self {
        Self { io, incoming: IncomingHeads::requests(limits), outgoing: None }
    }

    /// A connection on which requests go out, and answers come in. Their heads, and trailers, must be within `limits`.
    pub(crate) fn client(io: S, limits: HeadLimits) -> Self {
        Self { io, incoming: IncomingHeads::answers(limits), outgoing: Some(OutgoingHeads::default()) }
    }
}

/// The largest list of fields that the library is to take: packing makes one larger.
pub(crate) fn packed_size(limits: HeadLimits) -> u32 {
    let size = limits.bytes.saturating_add(limits.fields.saturating_mul(40)).saturating_add(1024);
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// A frame's head.
#[derive(Debug, Clone, Copy)]
struct FrameHead {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl FrameHead {
    const SIZE: usize = 9;

    fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<{ Self::SIZE }>()?;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        Some(Self { length, kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff })
    }

    fn write(self, out: &mut impl BufMut) {
        out.put_uint(self.length as u64, 3);
        out.put_u8(self.kind);
        out.put_u8(self.flags);
        out.put_u32(self.stream);
    }
}

/// Writes a block as HEADERS and as many CONTINUATION frames as it needs. Of the `flags` END_STREAM counts.
fn write_block(stream: u32, flags: u8, block: &[u8], out: &mut impl BufMut) {
    let mut parts = block.chunks(MAX_FRAME).peekable();
    let (mut kind, mut flags) = (HEADERS, flags & END_STREAM);
    loop {
        let part = parts.next().unwrap_or_default();
        let last = if parts.peek().is_none() { END_HEADERS } else { 0 };
        FrameHead { length: part.len(), kind, flags: flags | last, stream }.write(out);
        out.put_slice(part);
        if last != 0 {
            return;
        }
        (kind, flags) = (CONTINUATION, 0);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RawHeads<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { io, incoming, .. } = self.get_mut();
        loop {
            if !incoming.ready.is_empty() {
                let count = incoming.ready.len().min(buf.remaining());
                buf.put_slice(&incoming.ready[..count]);
                incoming.ready.advance(count);
                return Poll::Ready(Ok(()));
            }
            if incoming.advance() {
                continue;
            }
            incoming.read.reserve(CHUNK);
            // `read_buf` keeps nothing between polls: a new future each time loses nothing.
            if ready!(pin!(io.read_buf(&mut incoming.read)).poll(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> RawHeads<S> {
    /// Writes what was rewritten.
    fn poll_rewritten(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(outgoing) = &mut self.outgoing else { return Poll::Ready(Ok(())) };
        while !outgoing.ready.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &outgoing.ready))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => outgoing.ready.advance(count),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RawHeads<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_rewritten(cx))?;
        let Some(outgoing) = &mut this.outgoing else { return Pin::new(&mut this.io).poll_write_vectored(cx, bufs) };
        let empty = bufs.iter().take_while(|buf| buf.is_empty()).count();
        let bufs = &bufs[empty..];
        let (whole, part) = outgoing.passes(bufs);
        let io = Pin::new(&mut this.io);
        let count = match bufs.get(whole) {
            _ if whole > 0 => ready!(io.poll_write_vectored(cx, &bufs[..whole]))?,
            Some(buf) if part > 0 => ready!(io.poll_write(cx, &buf[..part]))?,
            Some(buf) => return Poll::Ready(outgoing.take(buf)),
            None => 0,
        };
        outgoing.passed(bufs, count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_rewritten(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_rewritten(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::time::Duration;

    use bytes::Bytes;
    use h2::Reason;
    use hyper::{Request, Response};
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::proxy::h2::hpack::literal;
    use crate::proxy::h2::packed::unpack;
    use crate::proxy::h2::{PREFACE, pack_target};

    const LIMITS: HeadLimits = HeadLimits { bytes: 4096, fields: 20 };

    /// Takes and gives at most so many bytes at a time.
    struct Pieces(DuplexStream, usize);

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let mut piece = vec![0; self.1.min(buf.remaining())];
            let mut part = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut self.0).poll_read(cx, &mut part))?;
            buf.put_slice(part.filled());
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Pieces {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            let most = self.1.min(buf.len());
            Pin::new(&mut self.0).poll_write(cx, &buf[..most])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            // Across the borders of the parts.
            let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
            let most = self.1.min(all.len());
            Pin::new(&mut self.0).poll_write(cx, &all[..most])
        }

        fn is_write_vectored(&self) -> bool {
            self.1.is_multiple_of(2)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    /// All bytes that a value may have, each in the code that the library writes.
    fn any_value() -> Vec<u8> {
        let allowed = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
        (0..=u8::MAX).filter(allowed).collect()
    }

    /// Sends one request from library to library; what it was when it came, its body, and the fields of the answer.
    async fn passed(target: &str, body: &'static [u8], most: usize) -> (Vec<(Vec<u8>, Vec<u8>)>, usize, Vec<Vec<u8>>) {
        let (client, server) = duplex(64 * 1024);
        let (client, server) = (Pieces(client, most), Pieces(server, most));
        let serving = async {
            let mut connection = h2::server::handshake(RawHeads::server(server, LIMITS)).await.unwrap();
            let (request, mut respond) = connection.accept().await.unwrap().unwrap();
            let (parts, mut stream) = request.into_parts();
            let fields = unpack(&parts.headers).unwrap();
            let reading = async {
                let mut length = 0;
                while let Some(data) = stream.data().await {
                    let data = data.unwrap();
                    length += data.len();
                    stream.flow_control().release_capacity(data.len()).unwrap();
                }
                let answer = Response::builder().status(201).header("x", "1").header("y", "2").header("x", "3");
                respond.send_response(answer.body(()).unwrap(), true).unwrap();
                length
            };
            let mut reading = pin!(reading);
            let length = loop {
                tokio::select! {
                    length = &mut reading => break length,
                    more = connection.accept() => assert!(more.is_none()),
                }
            };
            connection.graceful_shutdown();
            while let Some(Ok(_)) = connection.accept().await {}
            (fields, length)
        };
        let asking = async {
            let (mut sender, connection) = h2::client::handshake(RawHeads::client(client, LIMITS)).await.unwrap();
            let driver = tokio::spawn(connection);
            let path = std::str::from_utf8(&pack_target(target)).unwrap().to_owned();
            let request = Request::put(format!("http://h{path}")).header("a", &any_value()[..]).body(()).unwrap();
            let (response, mut sending) = sender.send_request(request, body.is_empty()).unwrap();
            if !body.is_empty() {
                sending.send_data(Bytes::from_static(body), true).unwrap();
            }
            let fields = unpack(response.await.unwrap().headers()).unwrap();
            drop((sender, sending));
            let _closed = driver.await.unwrap();
            fields.into_iter().map(|(name, value)| [name, value].join(&b"="[..])).collect()
        };
        let ((fields, length), answer) = tokio::join!(serving, asking);
        (fields, length, answer)
    }

    #[tokio::test]
    async fn any_target_passes_however_it_is_cut() {
        static BODY: LazyLock<Vec<u8>> = LazyLock::new(|| vec![b'x'; 60_000]);
        let body: &'static [u8] = &BODY;
        for most in [1, 2, 7, 8, 9, 10, 64, 5_000, 100_000, 100_001] {
            for target in ["/a", "/\"<>{}\\^`#\u{e9}", "*", "/~/"] {
                let (fields, length, answer) = passed(target, if most < 64 { b"xyz" } else { body }, most).await;
                assert_eq!(length, if most < 64 { 3 } else { body.len() });
                let wanted = [(":method", "PUT"), (":scheme", "http"), (":authority", "h"), (":path", target)];
                let mut wanted: Vec<_> =
                    wanted.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
                let any_value = any_value();
                wanted.push((b"a", &any_value));
                assert!(fields.iter().map(|(name, value)| (&name[..], &value[..])).eq(wanted), "{fields:?} {most}");
                assert_eq!(answer, [&b":status=201"[..], b"x=1", b"x=3", b"y=2"]);
            }
        }
    }

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        FrameHead { length: payload.len(), kind, flags, stream }.write(&mut out);
        out.extend_from_slice(payload);
        out
    }

    /// What a server makes of these frames behind the preface: the fields of each of so many requests, or why it closes.
    async fn served(frames: &[Vec<u8>], wanted: usize) -> (Vec<usize>, Option<Reason>) {
        let (client, server) = duplex(1 << 20);
        let (_reading, mut writing): (_, tokio::io::WriteHalf<DuplexStream>) = tokio::io::split(client);
        writing.write_all(&[PREFACE, &frame(4, 0, 0, &[]), &frames.concat()].concat()).await.unwrap();
        let mut builder = h2::server::Builder::new();
        builder.max_header_list_size(packed_size(LIMITS));
        let mut connection = builder.handshake::<_, Bytes>(RawHeads::server(server, LIMITS)).await.unwrap();
        let (mut requests, mut kept) = (Vec::new(), Vec::new());
        while requests.len() < wanted {
            let accepted = tokio::time::timeout(Duration::from_secs(10), connection.accept());
            match accepted.await.expect("a request or an error").expect("not closed") {
                Ok((request, respond)) => {
                    requests.push(unpack(request.headers()).map_or(0, |fields| fields.len()));
                    kept.push((request, respond));
                }
                Err(error) => return (requests, error.reason()),
            }
        }
        (requests, None)
    }

    #[tokio::test]
    async fn blocks_come_in_pieces_padded_and_with_priority() {
        let mut block = vec![0x82, 0x86, 0x84];
        literal(b":authority", b"h", &mut block);
        let end = END_STREAM | END_HEADERS;
        let padded = [&[2, 0, 0, 0, 0, 9][..], &block, &[0, 0]].concat();
        let frames = [
            frame(HEADERS, end, 1, &block),
            frame(HEADERS, END_STREAM, 3, &block[..5]),
            frame(CONTINUATION, 0, 3, &[]),
            frame(CONTINUATION, END_HEADERS, 3, &block[5..]),
            frame(HEADERS, end | PADDED | PRIORITY, 5, &padded),
            // A frame of a kind that nobody knows.
            frame(0x77, 0, 5, b"hello"),
        ];
        let (requests, why) = served(&frames, 3).await;
        assert_eq!((requests, why), (vec![4, 4, 4], None));
    }

    #[tokio::test]
    async fn what_breaks_the_rules_ends_the_connection() {
        let end = END_STREAM | END_HEADERS;
        let good = [0x82, 0x86, 0x84, 0x41, 1, b'h'];
        let mut large = good.to_vec();
        // Kept in the table, and referred to until it is more than four times what there is room for.
        large.extend([0x40, 1, b'a', 0x7f, 0x81, 0x0e]);
        large.extend([b'v'; 1920]);
        let abuse = [&large[..], &[0xbe; 20]].concat();
        let too_large = [&large[..], &[0xbe; 3]].concat();
        for (frames, requests, reason) in [
            (vec![frame(HEADERS, end, 1, &[0x80])], 0, Some(Reason::PROTOCOL_ERROR)),
            (vec![frame(HEADERS, END_STREAM, 1, &good), frame(0, 0, 1, b"x")], 0, Some(Reason::PROTOCOL_ERROR)),
            (vec![frame(HEADERS, 0, 1, &good), frame(CONTINUATION, 4, 3, &[])], 0, Some(Reason::PROTOCOL_ERROR)),
            (vec![frame(CONTINUATION, 4, 1, &good)], 0, Some(Reason::PROTOCOL_ERROR)),
            (vec![frame(HEADERS, end | PADDED, 1, &[9, 0x82])], 0, Some(Reason::PROTOCOL_ERROR)),
            (vec![frame(HEADERS, end, 0, &good)], 0, Some(Reason::PROTOCOL_ERROR)),
            (vec![frame(HEADERS, end, 1, &[0; 16_385])], 0, Some(Reason::FRAME_SIZE_ERROR)),
            (vec![frame(0, 1, 1, &[0; 16_385])], 0, Some(Reason::FRAME_SIZE_ERROR)),
            (
                [vec![frame(HEADERS, 1, 1, &good)], vec![frame(CONTINUATION, 0, 1, &[]); 50]].concat(),
                0,
                Some(Reason::ENHANCE_YOUR_CALM),
            ),
            (
                vec![
                    frame(HEADERS, 1, 1, &good),
                    frame(CONTINUATION, 0, 1, &[0x82; 16_384]),
                    frame(CONTINUATION, 0, 1, &[0x82]),
                ],
                0,
                Some(Reason::ENHANCE_YOUR_CALM),
            ),
            (vec![frame(HEADERS, end, 1, &abuse)], 0, Some(Reason::ENHANCE_YOUR_CALM)),
            (vec![frame(HEADERS, end, 1, &too_large), frame(HEADERS, end, 3, &good)], 2, None),
            (vec![frame(HEADERS, end, 1, &good)], 1, None),
        ] {
            let (seen, why) = served(&frames, if reason.is_some() { 1 } else { requests }).await;
            let shown = frames.iter().map(|frame| &frame[..frame.len().min(20)]).collect::<Vec<_>>();
            assert_eq!((seen.len(), why), (requests, reason), "{shown:?}");
        }
    }
}
