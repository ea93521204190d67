//! From the library to the peer.

use std::io::{self, IoSlice};

use bytes::BytesMut;

use crate::proxy::h2::PREFACE;
use crate::proxy::h2::hpack::replace_path;
use crate::proxy::h2::packed::unpack_target;
use crate::proxy::h2::raw_heads::{CONTINUATION, END_HEADERS, FrameHead, HEADERS, write_block};

/// Puts targets back into the field sections that the `h2` library sends.
pub(crate) struct OutgoingHeads {
    /// Bytes that go on as they are.
    passing: usize,
    /// A frame that is looked at, as far as it has come.
    frame: Vec<u8>,
    /// A block of which more is to come, and the head of its first frame.
    block: Option<(FrameHead, Vec<u8>)>,
    /// For the peer, before anything else.
    pub ready: BytesMut,
}

impl Default for OutgoingHeads {
    fn default() -> Self {
        Self { passing: PREFACE.len(), frame: Vec::new(), block: None, ready: BytesMut::new() }
    }
}

/// True if a frame is looked at.
fn is_block(head: FrameHead) -> bool {
    head.kind == HEADERS || head.kind == CONTINUATION
}

impl OutgoingHeads {
    /// How many of these go on as they are, and how many bytes of the one behind them.
    pub(super) fn passes(&self, bufs: &[IoSlice<'_>]) -> (usize, usize) {
        let mut passing = self.passing;
        if passing == 0 && !self.frame.is_empty() {
            return (0, 0);
        }
        for (whole, buf) in bufs.iter().enumerate() {
            let mut at = 0;
            loop {
                let part = passing.min(buf.len() - at);
                (passing, at) = (passing - part, at + part);
                if at == buf.len() {
                    break;
                }
                match FrameHead::read(&buf[at..]) {
                    Some(head) if !is_block(head) => passing = FrameHead::SIZE + head.length,
                    _ => return (whole, at),
                }
            }
        }
        (bufs.len(), 0)
    }

    /// So many bytes, none of them beyond [`Self::passes`], have gone on.
    pub(super) fn passed(&mut self, bufs: &[IoSlice<'_>], mut count: usize) {
        for buf in bufs {
            let mut at = 0;
            while count > 0 && at < buf.len() {
                if self.passing == 0 {
                    let Some(head) = FrameHead::read(&buf[at..]) else { return };
                    self.passing = FrameHead::SIZE + head.length;
                }
                let part = self.passing.min(buf.len() - at).min(count);
                self.passing -= part;
                (at, count) = (at + part, count - part);
            }
        }
    }

    /// Takes what begins with a frame that is looked at, or goes on with one; how many bytes were taken.
    pub(super) fn take(&mut self, buf: &[u8]) -> io::Result<usize> {
        let head = FrameHead::read(&self.frame);
        let wanted = FrameHead::SIZE + head.map_or(0, |head| head.length) - self.frame.len();
        let count = wanted.min(buf.len());
        self.frame.extend_from_slice(&buf[..count]);
        let Some(head) = FrameHead::read(&self.frame) else { return Ok(count) };
        if !is_block(head) {
            self.ready.extend_from_slice(&self.frame);
            self.frame.clear();
            self.passing = head.length;
        } else if self.frame.len() == FrameHead::SIZE + head.length {
            let payload = &self.frame[FrameHead::SIZE..];
            let (first, mut block) = self.block.take().unwrap_or((head, Vec::new()));
            block.extend_from_slice(payload);
            self.frame.clear();
            if head.flags & END_HEADERS == 0 {
                self.block = Some((first, block));
            } else {
                let rewritten = replace_path(&block, unpack_target).map_err(io::Error::other)?;
                write_block(first.stream, first.flags, &rewritten.unwrap_or(block), &mut self.ready);
            }
        }
        Ok(count)
    }
}
