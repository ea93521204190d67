//! Finds its way through JSON text without building anything: where a value begins and where it ends.
//!
//! ```text
//! bytes ─► peek · take · key ─► skip (a value passed over) | copy (its text taken out) ─► …
//! ```
//!
//! Brackets, strings and separators are followed; whether a value in between is good JSON is for whoever parses it. One
//! buffer of 64 KiB, whatever the size of the text.

use std::io::{self, Read};

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 16;

/// Why the text could not be followed.
#[derive(Debug)]
pub(super) enum SkimError {
    /// It ends within a value.
    Cut,
    /// Something else stands here than JSON allows: what was expected.
    NotJson(&'static str),
    /// A value is larger than it may be.
    TooLarge,
    /// It could not be read.
    Io(io::Error),
}

/// Reads JSON text from a reader token by token, without building values.
pub(super) struct JsonScanner<R> {
    input: R,
    chunk: Box<[u8]>,
    at: usize,
    end: usize,
    /// Offset of the chunk's first byte in the whole text.
    offset: u64,
}

impl<R: Read> JsonScanner<R> {
    /// Begins where `input` stands, which is `offset` bytes into the text.
    pub(super) fn new(input: R, offset: u64) -> Self {
        Self { input, chunk: vec![0; CHUNK].into_boxed_slice(), at: 0, end: 0, offset }
    }

    /// Bytes of the text before this place.
    pub(super) fn offset(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// The next byte, white space included; `None` at the end.
    fn byte(&mut self) -> Result<Option<u8>, SkimError> {
        if self.at == self.end {
            self.offset += self.end as u64;
            (self.at, self.end) = (0, 0);
            self.end = loop {
                match self.input.read(&mut self.chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read.map_err(SkimError::Io)?,
                }
            };
        }
        Ok((self.at < self.end).then(|| self.chunk[self.at]))
    }

    /// The next byte that is no white space, which stays; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, SkimError> {
        while let Some(byte) = self.byte()? {
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.at += 1;
        }
        Ok(None)
    }

    /// Passes over one certain byte.
    pub(super) fn take(&mut self, wanted: u8, expected: &'static str) -> Result<(), SkimError> {
        match self.peek()? {
            Some(byte) if byte == wanted => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(SkimError::NotJson(expected)),
            None => Err(SkimError::Cut),
        }
    }

    /// Passes over the comma before an element or member after the first, or over the bracket that closes the list, also
    /// where a comma stands before it. False if it was closed. Between objects of a list the comma may be missing.
    pub(super) fn another(&mut self, first: bool, close: u8) -> Result<bool, SkimError> {
        match self.peek()? {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                let closed = self.peek()? == Some(close);
                self.at += usize::from(closed);
                Ok(!closed)
            }
            Some(b'{') if close == b']' => Ok(true),
            Some(_) if first => Ok(true),
            Some(_) => Err(SkimError::NotJson("a comma or the end of the list")),
            None => Err(SkimError::Cut),
        }
    }

    /// The name of a member, and the colon behind it. Names longer than 1 KiB, or with escapes that are no JSON, read as
    /// empty: nobody asks for them.
    pub(super) fn key(&mut self) -> Result<String, SkimError> {
        if self.peek()? != Some(b'"') {
            return Err(if self.byte()?.is_none() {
                SkimError::Cut
            } else {
                SkimError::NotJson("the name of a member")
            });
        }
        let mut text = Vec::new();
        self.string(&mut |part| {
            if text.len() <= 1024 {
                text.extend_from_slice(part);
            }
            Ok(())
        })?;
        self.take(b':', "a colon")?;
        Ok(if text.len() > 1024 { String::new() } else { serde_json::from_slice(&text).unwrap_or_default() })
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) -> Result<(), SkimError> {
        self.value(&mut |_| Ok(()))
    }

    /// Appends the text of a value to `text`, of at most `most` bytes. One that is too large is passed over all the same.
    pub(super) fn copy(&mut self, text: &mut Vec<u8>, most: usize) -> Result<(), SkimError> {
        let mut too_large = false;
        self.value(&mut |part| {
            too_large |= text.len() + part.len() > most;
            if !too_large {
                text.extend_from_slice(part);
            }
            Ok(())
        })?;
        if too_large { Err(SkimError::TooLarge) } else { Ok(()) }
    }

    /// Passes over the rest of the object or list that was entered last, to behind its closing bracket.
    pub(super) fn leave(&mut self) -> Result<(), SkimError> {
        self.brackets(1, &mut |_| Ok(()))
    }

    fn value(&mut self, found: &mut dyn FnMut(&[u8]) -> Result<(), SkimError>) -> Result<(), SkimError> {
        match self.peek()? {
            None => return Err(SkimError::Cut),
            Some(b'"') => return self.string(found),
            Some(b'{' | b'[') => {}
            Some(b',' | b':' | b'}' | b']') => return Err(SkimError::NotJson("a value")),
            Some(_) => return self.word(found),
        }
        self.brackets(0, found)
    }

    /// Goes on to behind the bracket that closes the `depth` ones that are open, or those that open here.
    fn brackets(
        &mut self,
        mut depth: u32,
        found: &mut dyn FnMut(&[u8]) -> Result<(), SkimError>,
    ) -> Result<(), SkimError> {
        while self.byte()?.is_some() {
            let rest = &self.chunk[self.at..self.end];
            let telling = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']'));
            let Some(place) = telling else {
                found(rest)?;
                self.at = self.end;
                continue;
            };
            if rest[place] == b'"' {
                found(&rest[..place])?;
                self.at += place;
                self.string(found)?;
                continue;
            }
            found(&rest[..=place])?;
            depth = if matches!(rest[place], b'{' | b'[') { depth + 1 } else { depth - 1 };
            self.at += place + 1;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(SkimError::Cut)
    }

    /// A string with its quotes; the place is at the first of them.
    fn string(&mut self, found: &mut dyn FnMut(&[u8]) -> Result<(), SkimError>) -> Result<(), SkimError> {
        found(b"\"")?;
        self.at += 1;
        while self.byte()?.is_some() {
            let rest = &self.chunk[self.at..self.end];
            let Some(place) = memchr::memchr2(b'"', b'\\', rest) else {
                found(rest)?;
                self.at = self.end;
                continue;
            };
            let quote = rest[place] == b'"';
            found(&rest[..=place])?;
            self.at += place + 1;
            if quote {
                return Ok(());
            }
            let Some(escaped) = self.byte()? else { break };
            found(&[escaped])?;
            self.at += 1;
        }
        Err(SkimError::Cut)
    }

    /// A number, `true`, `false` or `null`, or another word in their place: up to what ends it. At the end of the text it may
    /// be cut.
    fn word(&mut self, found: &mut dyn FnMut(&[u8]) -> Result<(), SkimError>) -> Result<(), SkimError> {
        while let Some(byte) = self.byte()? {
            match byte {
                b',' | b'}' | b']' | b':' => return Ok(()),
                byte if byte.is_ascii_whitespace() => return Ok(()),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.' => found(&[byte])?,
                _ => return Err(SkimError::NotJson("a value")),
            }
            self.at += 1;
        }
        Err(SkimError::Cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte at a time, so that every value lies across chunks.
    struct Drip<'t>(&'t [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let Some((&byte, rest)) = self.0.split_first() else { return Ok(0) };
            out[0] = byte;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn values_end_where_they_end() {
        for value in [r#""a\"b\\""#, r#"{"a": ["}", {"b": "\\\""}]}"#, "-1.5e3", "null", "[]", r#"[1, "]"]"#] {
            for rest in [" , 1", "]", "}"] {
                let text = format!(" {value}{rest}");
                let mut skim = JsonScanner::new(Drip(text.as_bytes()), 0);
                let mut copy = Vec::new();
                skim.copy(&mut copy, 100).unwrap();
                assert_eq!(String::from_utf8(copy).unwrap(), value);
                assert_eq!(skim.offset(), value.len() as u64 + 1);
                assert_eq!(skim.peek().unwrap(), rest.trim().bytes().next());
            }
        }
    }

    #[test]
    fn keys_are_read_and_cuts_are_seen() {
        let mut skim = JsonScanner::new(&b"{\"l\\u006fg\" : {}}"[..], 0);
        skim.take(b'{', "an object").unwrap();
        assert!(skim.another(true, b'}').unwrap());
        assert_eq!(skim.key().unwrap(), "log");
        skim.skip().unwrap();
        assert!(!skim.another(false, b'}').unwrap());
        for cut in ["", " ", "{", "[1", "\"a", "\"a\\", "{\"a\": \"b\"", "12"] {
            assert!(matches!(JsonScanner::new(cut.as_bytes(), 0).skip(), Err(SkimError::Cut)), "{cut:?}");
        }
        for wrong in [",", "]", "<html>", ":"] {
            assert!(matches!(JsonScanner::new(wrong.as_bytes(), 0).skip(), Err(SkimError::NotJson(_))), "{wrong:?}");
        }
        let deep = "[".repeat(10_000);
        assert!(matches!(JsonScanner::new(deep.as_bytes(), 0).skip(), Err(SkimError::Cut)));
        let mut skim = JsonScanner::new(&b"\"abcdef\" 1"[..], 0);
        assert!(matches!(skim.copy(&mut Vec::new(), 4), Err(SkimError::TooLarge)));
        assert_eq!(skim.peek().unwrap(), Some(b'1'));
    }

    /// Reads the elements of a list; the text behind it.
    fn elements(text: &str) -> (Vec<String>, Option<u8>) {
        let mut skim = JsonScanner::new(text.as_bytes(), 0);
        skim.take(b'[', "a list").unwrap();
        let mut elements = Vec::new();
        while skim.another(elements.is_empty(), b']').unwrap() {
            let mut element = Vec::new();
            skim.copy(&mut element, 100).unwrap();
            elements.push(String::from_utf8(element).unwrap());
        }
        (elements, skim.peek().unwrap())
    }

    #[test]
    fn commas_too_many_or_too_few_are_passed_over() {
        for text in ["[{}, {}]x", "[{}, {}, ]x", "[{} {}]x"] {
            assert_eq!(elements(text), (vec!["{}".to_owned(); 2], Some(b'x')), "{text}");
        }
        assert_eq!(elements("[]x"), (vec![], Some(b'x')));
        assert_eq!(elements("[NaN,]x"), (vec!["NaN".to_owned()], Some(b'x')));
    }

    #[test]
    fn an_object_can_be_left_from_within() {
        let mut skim = JsonScanner::new(&b"{\"a\": [1, \"}\", {}] \"b\" }, 2"[..], 0);
        skim.take(b'{', "an object").unwrap();
        assert_eq!(skim.key().unwrap(), "a");
        skim.leave().unwrap();
        assert_eq!(skim.peek().unwrap(), Some(b','));
    }
}
