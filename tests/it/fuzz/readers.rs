//! Programs that read HTTP/1 each in its own way, strict and lax. They share nothing with Umpire's own reading.
//!
//! `head ─► lines, as this one ends them ─► fields, as this one trims and names them ─► Reading: where the body ends`

/// How a program reads.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// What ends a line.
    line: LineEnd,
    /// Names are trimmed, and an underscore is a hyphen.
    lax_names: bool,
    /// A line that begins with white space goes on with the one before; else it is a field of its own.
    unfolds: bool,
    /// Of several lengths the last counts, else the first.
    last_length: bool,
    /// A length is read as far as it goes (`3x` is 3, `+3` too); else what is no number is none at all.
    lax_length: bool,
    /// `chunked` anywhere in Transfer-Encoding makes a body chunked; else only at its end.
    lax_coding: bool,
    /// Content-Length prevails over Transfer-Encoding.
    length_first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    CrLf,
    Lf,
    /// Either of the two alone will do.
    Any,
}

/// What it reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    /// The request line.
    pub line: Vec<u8>,
    /// The values of Host.
    pub hosts: Vec<Vec<u8>>,
    /// The body's length; `None` if it comes in chunks.
    pub length: Option<u64>,
    /// Bytes behind the empty line.
    pub rest: usize,
}

/// What each of them makes of a head.
pub fn readings(head: &[u8]) -> impl Iterator<Item = (Reader, Reading)> {
    (0..3 * 64_u32).map(move |number| {
        let bit = |place: u32| number >> place & 1 == 1;
        let reader = Reader {
            line: [LineEnd::CrLf, LineEnd::Lf, LineEnd::Any][number as usize / 64],
            lax_names: bit(0),
            unfolds: bit(1),
            last_length: bit(2),
            lax_length: bit(3),
            lax_coding: bit(4),
            length_first: bit(5),
        };
        (reader, reader.read(head))
    })
}

impl Reader {
    /// The next line, and how many bytes it takes with its end.
    fn next_line(self, head: &[u8]) -> (&[u8], usize) {
        let end = match self.line {
            LineEnd::CrLf => head.windows(2).position(|pair| pair == b"\r\n").map(|at| (at, 2)),
            LineEnd::Lf => head.iter().position(|byte| *byte == b'\n').map(|at| (at, 1)),
            LineEnd::Any => head
                .iter()
                .position(|byte| matches!(byte, b'\r' | b'\n'))
                .map(|at| (at, if head[at..].starts_with(b"\r\n") { 2 } else { 1 })),
        };
        let (at, length) = end.unwrap_or((head.len(), 0));
        let line = &head[..at];
        let line = if self.line == LineEnd::Lf { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        (line, at + length)
    }

    fn read(self, head: &[u8]) -> Reading {
        let (line, mut at) = self.next_line(head);
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        while at < head.len() {
            let (field, taken) = self.next_line(&head[at..]);
            at += taken;
            if field.is_empty() {
                break;
            }
            if self.unfolds
                && field[0].is_ascii_whitespace()
                && let Some((_, value)) = fields.last_mut()
            {
                value.extend_from_slice(field);
                continue;
            }
            let colon = field.iter().position(|byte| *byte == b':').unwrap_or(field.len());
            let mut name = field[..colon].to_ascii_lowercase();
            if self.lax_names {
                name = name.trim_ascii().iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect();
            }
            fields.push((name, field.get(colon + 1..).unwrap_or_default().trim_ascii().to_vec()));
        }
        let of = |name: &'static [u8]| fields.iter().filter(move |(other, _)| other == name).map(|(_, value)| value);
        let mut lengths = of(b"content-length").flat_map(|value| value.split(|byte| *byte == b','));
        let length = if self.last_length { lengths.last() } else { lengths.next() };
        let length = length.and_then(|value| self.number(value.trim_ascii()));
        let chunked = of(b"transfer-encoding").any(|value| {
            let value = value.to_ascii_lowercase();
            if self.lax_coding { value.windows(7).any(|part| part == b"chunked") } else { value.ends_with(b"chunked") }
        });
        let length = match (length, chunked) {
            (Some(length), true) if self.length_first => Some(length),
            (_, true) => None,
            (length, false) => Some(length.unwrap_or(0)),
        };
        Reading { line: line.to_vec(), hosts: of(b"host").cloned().collect(), length, rest: head.len() - at }
    }

    fn number(self, text: &[u8]) -> Option<u64> {
        let text = if self.lax_length { text.strip_prefix(b"+").unwrap_or(text) } else { text };
        let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        if end < text.len() && !self.lax_length {
            return None;
        }
        std::str::from_utf8(&text[..end]).ok()?.parse().ok()
    }
}

/// They do read differently: else they would prove nothing.
#[test]
fn readers_differ_where_a_request_is_ambiguous() {
    let set = |head: &str| {
        let mut lengths: Vec<_> =
            readings(head.as_bytes()).map(|(_, reading)| (reading.length, reading.rest)).collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    };
    assert_eq!(set("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"), [(Some(3), 0)]);
    for ambiguous in [
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: +3",
        "Content_Length: 3",
        "Content-Length : 3",
        "Transfer-Encoding: xchunked, gzip",
        "X: 1\r\n Content-Length: 3",
        "X: 1\rContent-Length: 3",
        "X: 1\n\nContent-Length: 3",
    ] {
        assert!(set(&format!("PUT / HTTP/1.1\r\nHost: h\r\n{ambiguous}\r\n\r\n")).len() > 1, "{ambiguous}");
    }
}
