//! The Huffman code of HPACK (RFC 7541 appendix B), read.
//!
//! The code is canonical: within one length its words ascend in the order of the symbols, and longer words continue
//! where shorter ones ended. So the lengths alone say all of it.

use std::sync::LazyLock;

/// How many bits each byte has, and the end of a string (256).
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The longest word.
const LONGEST: usize = 30;

/// Stands for the end of a string, which is never in one.
const END: u16 = 256;

/// All words of one length.
#[derive(Clone, Copy, Default)]
struct CodesOfLength {
    length: usize,
    /// The first 32 bits of the word behind the last one.
    end: u64,
    /// The first word, and where its symbol is.
    first: u64,
    symbols: usize,
}

struct HuffmanCode {
    words: Vec<CodesOfLength>,
    symbols: Vec<u16>,
}

static CODE: LazyLock<HuffmanCode> = LazyLock::new(|| {
    let (mut words, mut symbols, mut next) = (Vec::new(), Vec::with_capacity(LENGTHS.len()), 0_u64);
    for length in 1..=LONGEST {
        next <<= 1;
        let (first, before) = (next, symbols.len());
        symbols.extend((0..=END).filter(|&symbol| usize::from(LENGTHS[usize::from(symbol)]) == length));
        next += (symbols.len() - before) as u64;
        if next > first {
            words.push(CodesOfLength { length, end: next << (32 - length), first, symbols: before });
        }
    }
    HuffmanCode { words, symbols }
});

/// Appends what `coded` stands for; false if it is no such code. One byte becomes at most one and three fifths.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> bool {
    let code = &*CODE;
    // The bits that were taken and not yet read stand at the upper end of the lower `count` bits.
    let (mut bits, mut count) = (0_u64, 0_usize);
    let mut rest = coded.iter();
    loop {
        while count <= 32
            && let Some(byte) = rest.next()
        {
            bits = (bits << 8) | u64::from(*byte);
            count += 8;
        }
        if count == 0 {
            return true;
        }
        // Behind the end there are ones: the beginning of the word that ends a string.
        let window = if count >= 32 {
            (bits >> (count - 32)) & 0xffff_ffff
        } else {
            ((bits << (32 - count)) | (0xffff_ffff >> count)) & 0xffff_ffff
        };
        let Some(words) = code.words.iter().find(|words| window < words.end) else { return false };
        if words.length > count {
            // Padding: fewer than eight bits, all of them ones (section 5.2).
            return count < 8 && bits & ((1 << count) - 1) == (1 << count) - 1;
        }
        let index = words.symbols + ((window >> (32 - words.length)) - words.first) as usize;
        match code.symbols.get(index) {
            Some(&symbol) if symbol != END => out.push(symbol as u8),
            _ => return false,
        }
        count -= words.length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn decoded(code: &str) -> Option<String> {
        let mut out = Vec::new();
        decode(&hex(code), &mut out).then(|| String::from_utf8(out).unwrap())
    }

    /// RFC 7541 appendix C.4 and C.6.
    #[test]
    fn the_examples_of_the_rfc() {
        for (code, text) in [
            ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"),
            ("a8eb10649cbf", "no-cache"),
            ("25a849e95ba97d7f", "custom-key"),
            ("25a849e95bb8e8b4bf", "custom-value"),
            ("6402", "302"),
            ("aec3771a4b", "private"),
            ("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com"),
            ("", ""),
        ] {
            assert_eq!(decoded(code).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for (code, why) in [
            ("ff", "eight bits of padding"),
            ("fffffffc", "the end of a string within it"),
            ("f1e3c2e5f23a6ba0ab90f4fe", "padding that is not of ones"),
            ("f1e3c2e5f23a6ba0ab90f4ffff", "more padding than needed"),
            ("ffffffffff", "the end of a string within it"),
        ] {
            assert_eq!(decoded(code), None, "{why}");
        }
    }
}
