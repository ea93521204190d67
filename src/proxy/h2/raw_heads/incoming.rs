//! From the peer to the library.

use bytes::{Buf, Bytes, BytesMut};

use crate::exchange::Headers;
use crate::proxy::h2::PREFACE;
use crate::proxy::h2::hpack::{HpackDecoder, literal};
use crate::proxy::h2::packed::Packer;
use crate::proxy::h2::raw_heads::{
    CONTINUATION, END_HEADERS, END_STREAM, FrameHead, HEADERS, MAX_FRAME, PADDED, PRIORITY, write_block,
};
use crate::proxy::message::head::{HeadLimits, content_length};

/// A block whose only field is in no table.
const UNREADABLE: [u8; 1] = [0x80];

/// Fields with a length that are looked at; more of them are refused elsewhere.
const LENGTHS: usize = 128;

/// A header block of which more is to come.
struct PartialHead {
    head: FrameHead,
    block: BytesMut,
    frames: usize,
}

/// Packs the field sections in what the peer sends, before the `h2` library reads it.
pub(crate) struct IncomingHeads {
    /// Requests come in, not answers.
    requests: bool,
    limits: HeadLimits,
    decoder: HpackDecoder,
    /// Read, and not yet looked at.
    pub read: BytesMut,
    /// For the library.
    pub ready: BytesMut,
    /// Bytes that go on as they are.
    passing: usize,
    partial: Option<PartialHead>,
    /// The latest stream that the peer opened.
    latest: u32,
}

impl IncomingHeads {
    /// From a client: its preface comes first.
    pub(super) fn requests(limits: HeadLimits) -> Self {
        Self { requests: true, passing: PREFACE.len(), ..Self::answers(limits) }
    }

    /// From a server.
    pub(super) fn answers(limits: HeadLimits) -> Self {
        Self {
            requests: false,
            limits,
            decoder: HpackDecoder::default(),
            read: BytesMut::new(),
            ready: BytesMut::new(),
            passing: 0,
            partial: None,
            latest: 0,
        }
    }

    /// Goes on with what was read, when all of what is ready was taken; false if more has to be read.
    pub(crate) fn advance(&mut self) -> bool {
        if self.passing > 0 {
            let part = self.passing.min(self.read.len());
            self.passing -= part;
            self.ready = self.read.split_to(part);
            return part > 0;
        }
        let Some(head) = FrameHead::read(&self.read) else { return false };
        let is_block = match &self.partial {
            Some(partial) => head.kind == CONTINUATION && head.stream == partial.head.stream,
            None => head.kind == HEADERS,
        };
        if !is_block || head.length > MAX_FRAME {
            // Where it is wrong, the library says so.
            self.passing = FrameHead::SIZE + head.length;
            if let Some(partial) = self.partial.take() {
                self.open_block(partial.head);
            }
            return true;
        }
        if self.read.len() < FrameHead::SIZE + head.length {
            return false;
        }
        self.read.advance(FrameHead::SIZE);
        let payload = self.read.split_to(head.length);
        let partial = match self.partial.take() {
            Some(mut partial) => {
                partial.block.extend_from_slice(&payload);
                partial.frames += 1;
                partial
            }
            None => match unpadded(head.flags, payload) {
                Ok(block) => PartialHead { head, block, frames: 0 },
                Err(payload) => {
                    head.write(&mut self.ready);
                    self.ready.extend_from_slice(&payload);
                    self.passing = usize::MAX;
                    return true;
                }
            },
        };
        if head.flags & END_HEADERS != 0 {
            self.whole(&partial);
        } else if partial.frames > self.most_frames() || partial.block.len() / 4 > self.limits.bytes {
            self.flood(partial.head);
        } else {
            self.partial = Some(partial);
        }
        true
    }

    /// Frames that continue a block; the library allows about as many.
    fn most_frames(&self) -> usize {
        let needed = self.limits.bytes / MAX_FRAME;
        (needed + needed / 4).max(5)
    }

    fn whole(&mut self, partial: &PartialHead) {
        let PartialHead { head, block, .. } = partial;
        let mut packer = Packer::new(self.limits);
        let (mut has_pseudo, mut status, mut lengths) = (false, None, Headers::default());
        let read = self.decoder.decode(block, |name, value| {
            has_pseudo |= name.starts_with(b":");
            if name == ":status" {
                status.get_or_insert_with(|| value.clone());
            } else if name == "content-length" && lengths.0.len() < LENGTHS {
                lengths.push("content-length", value.clone());
            }
            packer.push(name, value);
        });
        if read.is_err() {
            write_block(head.stream, head.flags, &UNREADABLE, &mut self.ready);
            self.passing = usize::MAX;
            return;
        }
        if packer.is_abuse() {
            return self.flood(*head);
        }
        let opens = head.stream > self.latest;
        self.latest = self.latest.max(head.stream);
        let mut packed = Vec::with_capacity(block.len() * 2 + 64);
        let is_head = if self.requests { opens } else { has_pseudo };
        if is_head {
            if self.requests {
                // Whatever the request is: the library is told of a POST to "/".
                packed.extend([0x83, 0x86, 0x84]);
            } else {
                literal(b":status", &known_status(status.as_ref()), &mut packed);
            }
            // The library holds a body against its length.
            if head.flags & END_STREAM == 0
                && let Ok(Some(length)) = content_length(&lengths)
                && status.as_ref().is_none_or(|status| status != "204" && status != "304")
            {
                literal(b"content-length", length.to_string().as_bytes(), &mut packed);
            }
        }
        packer.finish(&mut packed);
        write_block(head.stream, head.flags, &packed, &mut self.ready);
    }

    /// A block that has begun, for the library to complain of what follows.
    fn open_block(&mut self, head: FrameHead) {
        FrameHead { length: 0, kind: HEADERS, flags: head.flags & END_STREAM, ..head }.write(&mut self.ready);
    }

    /// A block of more frames than the library allows, in place of one that is larger than anybody needs.
    fn flood(&mut self, head: FrameHead) {
        self.open_block(head);
        for _ in 0..self.most_frames() * 2 {
            FrameHead { length: 0, kind: CONTINUATION, flags: 0, ..head }.write(&mut self.ready);
        }
        self.passing = usize::MAX;
    }
}

/// A status that the library takes: the peer's, or else one that is not interim.
fn known_status(status: Option<&Bytes>) -> [u8; 3] {
    match status.map(|status| &status[..]) {
        Some(&[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']) => [a, b, c],
        _ => *b"502",
    }
}

/// The block in the payload of HEADERS, without padding and priority (RFC 9113 section 6.2); the payload itself, if it is
/// too short for them.
fn unpadded(flags: u8, mut payload: BytesMut) -> Result<BytesMut, BytesMut> {
    let (mut start, mut padding) = (0, 0);
    if flags & PADDED != 0 {
        padding = usize::from(payload.first().copied().unwrap_or(u8::MAX));
        start += 1;
    }
    if flags & PRIORITY != 0 {
        start += 5;
    }
    match payload.len().checked_sub(start + padding) {
        Some(length) => {
            payload.advance(start);
            payload.truncate(length);
            Ok(payload)
        }
        None => Err(payload),
    }
}
