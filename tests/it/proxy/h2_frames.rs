//! HTTP/2 frame by frame, for heads that no library writes and none would read.
//!
//! `fields, as they are ─► HEADERS, CONTINUATION … ─► socket` · `socket ─► frames ─► fields, as they are`

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use umpire::proxy::h2::hpack::{HpackDecoder, literal};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END: u8 = 1;
const END_HEADERS: u8 = 4;

/// Names and values.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What happens on a stream, or to the connection.
#[derive(Debug)]
pub enum Event {
    Fields { stream: u32, fields: Fields, end: bool },
    Data { stream: u32, data: Vec<u8>, end: bool },
    Reset { stream: u32 },
    Gone,
}

/// One connection.
pub struct Frames {
    stream: TcpStream,
    read: Vec<u8>,
    decoder: HpackDecoder,
    /// A block that has begun.
    block: Vec<u8>,
}

impl Frames {
    /// Says the preface of a client.
    pub async fn client(mut stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.write_all(PREFACE).await.unwrap();
        Self::of(stream, Vec::new()).await
    }

    /// A client's preface has been read, and this behind it.
    pub async fn of(stream: TcpStream, read: Vec<u8>) -> Self {
        let mut frames = Self { stream, read, decoder: HpackDecoder::default(), block: Vec::new() };
        frames.frame(SETTINGS, 0, 0, &[]).await;
        frames
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend_from_slice(payload);
        // Who has had enough need not take it.
        let _taken = self.stream.write_all(&frame).await;
    }

    /// Sends a section.
    pub async fn fields(&mut self, stream: u32, fields: &[(Vec<u8>, Vec<u8>)], end: bool) {
        let mut block = Vec::new();
        for (name, value) in fields {
            literal(name, value, &mut block);
        }
        let parts: Vec<&[u8]> = if block.is_empty() { vec![&[]] } else { block.chunks(16_000).collect() };
        for (at, part) in parts.iter().enumerate() {
            let last = if at + 1 == parts.len() { END_HEADERS } else { 0 };
            let (kind, first) = if at == 0 { (HEADERS, u8::from(end)) } else { (CONTINUATION, 0) };
            self.frame(kind, first | last, stream, part).await;
        }
    }

    /// Sends a part of a body.
    pub async fn data(&mut self, stream: u32, data: &[u8], end: bool) {
        let parts: Vec<&[u8]> = if data.is_empty() { vec![&[]] } else { data.chunks(16_000).collect() };
        for (at, part) in parts.iter().enumerate() {
            let last = end && at + 1 == parts.len();
            self.frame(DATA, u8::from(last), stream, part).await;
        }
    }

    /// What happens next.
    pub async fn next(&mut self) -> Event {
        loop {
            while self.read.len() < 9 || self.read.len() < 9 + self.length() {
                if self.stream.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                    return Event::Gone;
                }
            }
            let length = self.length();
            let frame: Vec<u8> = self.read.drain(..9 + length).collect();
            let (kind, flags, payload) = (frame[3], frame[4], &frame[9..]);
            let stream = u32::from_be_bytes([frame[5] & 0x7f, frame[6], frame[7], frame[8]]);
            let end = flags & END != 0;
            match kind {
                DATA => return Event::Data { stream, data: payload.to_vec(), end },
                HEADERS | CONTINUATION => {
                    self.block.extend_from_slice(payload);
                    assert!(flags & END_HEADERS != 0, "no head of these tests needs more");
                    let mut fields = Vec::new();
                    let block = std::mem::take(&mut self.block);
                    let field = |name: &Bytes, value: &Bytes| fields.push((name.to_vec(), value.to_vec()));
                    self.decoder.decode(&block, field).expect("a block");
                    return Event::Fields { stream, fields, end };
                }
                RST_STREAM => return Event::Reset { stream },
                SETTINGS if !end => self.frame(SETTINGS, END, 0, &[]).await,
                PING if !end => self.frame(PING, END, 0, &[0; 8]).await,
                GOAWAY => return Event::Gone,
                _ => {}
            }
        }
    }

    fn length(&self) -> usize {
        u32::from_be_bytes([0, self.read[0], self.read[1], self.read[2]]) as usize
    }
}
