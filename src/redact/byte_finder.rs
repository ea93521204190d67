//! Where bytes of a kind stand in a text, found 64 at a time.
//!
//! ```text
//! text ─► 64 bytes ─► 64 bits, one for each byte of the kind ─► the next place, the next run of so many
//! ```

use std::ops::Range;

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// Finds bytes of a kind, or runs of them, from the beginning of a text to its end.
pub(super) struct ByteFinder<'t, F> {
    text: &'t [u8],
    is_one: F,
    /// Where the block begins that was looked at last, and which of its bytes are of the kind, the first one's bit the lowest.
    block: usize,
    bits: u64,
}

impl<'t, F: Fn(u8) -> bool> ByteFinder<'t, F> {
    /// Of the bytes that the test holds for. It is asked of zero bytes behind the end too, and must not hold for them.
    pub(super) fn new(text: &'t [u8], is_one: F) -> Self {
        let bits = bits(text, 0, &is_one);
        Self { text, is_one, block: 0, bits }
    }

    /// The first such byte from `at` on. `at` never goes back.
    pub(super) fn next(&mut self, at: usize) -> Option<usize> {
        let mut left = self.from(at)?;
        while left == 0 {
            left = self.from(self.block + BLOCK)?;
        }
        Some(self.block + left.trailing_zeros() as usize)
    }

    /// The first run of at least so many such bytes, 64 at most, from `at` on; what stands before `at` is none of it. `at`
    /// never goes back.
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
        if at >= self.block + BLOCK {
            self.block = at - at % BLOCK;
            self.bits = bits(self.text, self.block, &self.is_one);
        }
        Some(self.bits & (u64::MAX << (at - self.block)))
    }
}

/// Which bytes of the block at `start` are of the kind.
fn bits(text: &[u8], start: usize, is_one: impl Fn(u8) -> bool) -> u64 {
    let rest = &text[start..];
    match rest.first_chunk::<BLOCK>() {
        Some(block) => bits_of_block(block, is_one),
        None => {
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            bits_of_block(&block, is_one)
        }
    }
}

/// The compiler makes a few vector instructions of the comparisons.
fn bits_of_block(block: &[u8; BLOCK], is_one: impl Fn(u8) -> bool) -> u64 {
    /// Brings the lowest bits of eight bytes together in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let ones = block.map(|byte| u8::from(is_one(byte)));
    let (eights, _) = ones.as_chunks::<8>();
    eights.iter().rev().fold(0, |bits, eight| bits << 8 | u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56)
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
            let is_one = |byte| byte == b'x';

            let (mut finder, mut at, mut found) = (ByteFinder::new(&text, is_one), from, Vec::new());
            while let Some(place) = finder.next(at) {
                found.push(place);
                at = place + 1;
            }
            let expected: Vec<usize> = (from..text.len()).filter(|&at| text[at] == b'x').collect();
            prop_assert_eq!(found, expected);

            let (mut finder, mut at, mut found) = (ByteFinder::new(&text, is_one), from, Vec::new());
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
    fn a_text_may_be_empty() {
        let mut finder = ByteFinder::new(b"", |byte| byte == b'x');
        assert_eq!((finder.next(0), finder.next_run(0, 1)), (None, None));
    }
}
