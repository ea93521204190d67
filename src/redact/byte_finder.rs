//! Where bytes of a kind stand in a text, found 64 at a time.
//!
//! ```text
//! text ─► 64 bytes ─► four vectors ─► 64 bits, one for each byte of the kind ─► the next place, the next run of so many
//! ```

use std::ops::Range;

use wide::u8x16;

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// Bytes of a vector.
const LANES: usize = 16;

/// The lanes that hold one of these bytes.
#[inline]
pub(super) fn one_of<const N: usize>(lanes: u8x16, bytes: [u8; N]) -> u8x16 {
    bytes.into_iter().fold(u8x16::ZERO, |found, byte| found | lanes.simd_eq(u8x16::splat(byte)))
}

/// The lanes that hold a letter or a digit of ASCII.
#[inline]
pub(super) fn alphanumeric(lanes: u8x16) -> u8x16 {
    // Small letters differ from large ones in one bit.
    within(lanes | u8x16::splat(0x20), b'a', b'z') | within(lanes, b'0', b'9')
}

#[inline]
fn within(lanes: u8x16, first: u8, last: u8) -> u8x16 {
    let above = lanes - u8x16::splat(first);
    above.min(u8x16::splat(last - first)).simd_eq(above)
}

/// Finds bytes of a kind, or runs of them, from the beginning of a text to its end.
pub(super) struct ByteFinder<'t, F> {
    text: &'t [u8],
    kind: F,
    /// Where the block begins that was looked at last, and which of its bytes are of the kind, the first one's bit the lowest.
    block: usize,
    bits: u64,
}

impl<'t, F: Fn(u8x16) -> u8x16> ByteFinder<'t, F> {
    /// Of the bytes that `kind` finds: it sets all bits of the lanes that hold one. Zero bytes must not be of it: they fill up
    /// the last block.
    pub(super) fn new(text: &'t [u8], kind: F) -> Self {
        let bits = bits(text, 0, &kind);
        Self { text, kind, block: 0, bits }
    }

    /// The first such byte from `at` on.
    pub(super) fn next(&mut self, at: usize) -> Option<usize> {
        let mut left = self.from(at)?;
        while left == 0 {
            left = self.from(self.block + BLOCK)?;
        }
        Some(self.block + left.trailing_zeros() as usize)
    }

    /// The first run of at least so many such bytes, 64 at most, from `at` on; what stands before `at` is none of it.
    pub(super) fn next_run(&mut self, mut at: usize, least: usize) -> Option<Range<usize>> {
        loop {
            let left = self.from(at)?;
            let start = match starts_of_runs(left, least) {
                // A run that goes on in the next block, or begins there.
                0 => self.block + BLOCK - left.leading_ones() as usize,
                starts => self.block + starts.trailing_zeros() as usize,
            };
            let end = self.end_of_run(start);
            if end - start >= least {
                return Some(start..end);
            }
            at = end.max(start + 1);
        }
    }

    /// Where the run ends that begins at `start`: there, if none does.
    fn end_of_run(&mut self, start: usize) -> usize {
        let mut at = start;
        while let Some(left) = self.from(at) {
            let others = !left & (u64::MAX << (at - self.block));
            if others != 0 {
                return self.block + others.trailing_zeros() as usize;
            }
            at = self.block + BLOCK;
        }
        self.text.len().max(start)
    }

    /// The bits of the block that holds `at`, those before it left out; `None` behind the end of the text.
    fn from(&mut self, at: usize) -> Option<u64> {
        if at >= self.text.len() {
            return None;
        }
        let block = at - at % BLOCK;
        if block != self.block {
            self.block = block;
            self.bits = bits(self.text, self.block, &self.kind);
        }
        Some(self.bits & (u64::MAX << (at - self.block)))
    }
}

/// Which bytes of the block at `start` are of the kind.
fn bits(text: &[u8], start: usize, kind: impl Fn(u8x16) -> u8x16) -> u64 {
    let rest = &text[start..];
    match rest.first_chunk::<BLOCK>() {
        Some(block) => bits_of_block(block, kind),
        None => {
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            bits_of_block(&block, kind)
        }
    }
}

#[inline]
fn bits_of_block(block: &[u8; BLOCK], kind: impl Fn(u8x16) -> u8x16) -> u64 {
    let (vectors, _) = block.as_chunks::<LANES>();
    let bits = |vector: &[u8; LANES]| u64::from(kind(u8x16::new(*vector)).to_bitmask());
    vectors.iter().rev().fold(0, |found, vector| found << LANES | bits(vector))
}

/// The bits at which at least so many ones begin, 64 at most.
fn starts_of_runs(bits: u64, least: usize) -> u64 {
    let (mut starts, mut length) = (bits, 1);
    while length < least {
        let step = length.min(least - length);
        starts &= starts >> step;
        length += step;
    }
    starts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All runs, one byte after another.
    fn runs(text: &[u8], least: usize) -> Vec<Range<usize>> {
        let (mut found, mut start) = (Vec::new(), 0);
        for at in 0..=text.len() {
            if text.get(at) != Some(&b'x') {
                if at - start >= least {
                    found.push(start..at);
                }
                start = at + 1;
            }
        }
        found
    }

    proptest! {
        #[test]
        fn places_and_runs_are_those_that_are_found_byte_by_byte(
            lengths in proptest::collection::vec((0_usize..90, 1_usize..4), 0..12),
            least in 1_usize..=64,
            from in 0_usize..200,
        ) {
            let text: Vec<u8> =
                lengths.iter().flat_map(|&(ones, others)| [vec![b'x'; ones], vec![b'-'; others]].concat()).collect();
            let is_x = |lanes| one_of(lanes, [b'x']);

            let (mut finder, mut at, mut found) = (ByteFinder::new(&text, is_x), from, Vec::new());
            while let Some(place) = finder.next(at) {
                found.push(place);
                at = place + 1;
            }
            let expected: Vec<usize> = (from..text.len()).filter(|&at| text[at] == b'x').collect();
            prop_assert_eq!(found, expected);

            let (mut finder, mut at, mut found) = (ByteFinder::new(&text, is_x), from, Vec::new());
            while let Some(run) = finder.next_run(at, least) {
                at = run.end;
                found.push(run);
            }
            let rest = text.get(from..).unwrap_or_default();
            let expected: Vec<_> = runs(rest, least).into_iter().map(|run| run.start + from..run.end + from).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn kinds_are_those_of_the_standard_library() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let found = |kind: fn(u8x16) -> u8x16| -> Vec<u8> {
            let (mut finder, mut found) = (ByteFinder::new(&all, kind), Vec::new());
            while let Some(at) = finder.next(found.last().map_or(0, |&last| usize::from(last) + 1)) {
                found.push(all[at]);
            }
            found
        };
        let expected: Vec<u8> = all.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
        assert_eq!(found(alphanumeric), expected);
        assert_eq!(found(|lanes| one_of(lanes, [b'=', 0xff, b'%'])), [b'%', b'=', 0xff]);
    }

    #[test]
    fn a_place_may_lie_before_the_last_one() {
        let text = [vec![b'x'; 2 * BLOCK], vec![b'-'; BLOCK], vec![b'x'; 3]].concat();
        let mut finder = ByteFinder::new(&text, |lanes| one_of(lanes, [b'x']));
        assert_eq!(finder.next_run(0, 20), Some(0..2 * BLOCK));
        assert_eq!(finder.next_run(30, 20), Some(30..2 * BLOCK));
        assert_eq!((finder.next(3 * BLOCK + 1), finder.next(5)), (Some(3 * BLOCK + 1), Some(5)));
    }

    #[test]
    fn a_text_may_be_empty() {
        let mut finder = ByteFinder::new(b"", |lanes| one_of(lanes, [b'x']));
        assert_eq!((finder.next(0), finder.next_run(0, 1)), (None, None));
    }
}
