//! Text → nodes: one pass, in the order of the text.
//!
//! `text → Parser (nodes, names, indices of large objects, duplicate keys) → Document`

use std::sync::Arc;

use super::{Document, FEW_MEMBERS, Indices, JsonError, JsonKind, MAX_DEPTH, MAX_NODES, Node, TOO_DEEP, TOO_MANY, tag};

/// Parses one JSON value that fills the whole of `text`, white space around it aside.
pub(super) fn parse(text: &str) -> Result<Document, JsonError> {
    let mut parser = Parser {
        bytes: text.as_bytes(),
        text,
        at: 0,
        nodes: Vec::with_capacity((text.len() / 12 + 4).min(MAX_NODES)),
        decoded: String::new(),
        names: Vec::with_capacity((text.len() / 24 + 4).min(MAX_NODES)),
        duplicates: Vec::new(),
        indices: Indices::new(),
        escaped: Vec::new(),
    };
    parser.skip_space();
    parser.value(0)?;
    parser.skip_space();
    if parser.at < parser.bytes.len() {
        return Err(parser.error("text after the end of the document"));
    }
    let Parser { nodes, decoded, names, duplicates, indices, escaped, .. } = parser;
    let tags = names.iter().map(|&name| nodes[name as usize].tag).collect();
    Ok(Document { text: Arc::from(text), decoded, nodes, names, tags, duplicates, indices, escaped })
}

struct Parser<'t> {
    bytes: &'t [u8],
    text: &'t str,
    at: usize,
    nodes: Vec<Node>,
    decoded: String,
    names: Vec<u32>,
    duplicates: Vec<u32>,
    indices: Indices,
    escaped: Vec<(u32, u32, u32)>,
}

impl Parser<'_> {
    fn error(&self, what: &'static str) -> JsonError {
        JsonError { what, at: self.at }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: JsonKind, flag: bool, start: usize, len: usize) -> usize {
        let index = self.nodes.len();
        self.nodes.push(Node { kind, flag, tag: 0, start: start as u32, len: len as u32, next: index as u32 + 1 });
        index
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        if self.nodes.len() >= MAX_NODES {
            return Err(self.error(TOO_MANY));
        }
        match self.bytes.get(self.at) {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", JsonKind::Bool, true),
            Some(b'f') => self.word("false", JsonKind::Bool, false),
            Some(b'n') => self.word("null", JsonKind::Null, false),
            Some(_) => Err(self.error("not a JSON value")),
            None => Err(self.error("unexpected end of text")),
        }
    }

    fn word(&mut self, word: &str, kind: JsonKind, flag: bool) -> Result<(), JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error("not a JSON value"));
        }
        self.push(kind, flag, self.at, word.len());
        self.at += word.len();
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.bytes.get(self.at) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("a digit is missing in a number")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.bytes.get(self.at) {
                return Err(self.error("a number starts with a superfluous zero"));
            }
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(JsonKind::Number, false, start, self.at - start);
        Ok(())
    }

    /// Skips bytes of a string that mean themselves, eight at a time; stops at the latest at a quote, a backslash or a
    /// control character.
    fn skip_plain(&mut self) {
        const EACH: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = 0x8080_8080_8080_8080;
        // The high bit of the lowest byte that is below `limit` is set; bits above it may be set in error.
        let below = |word: u64, limit: u8| word.wrapping_sub(EACH * u64::from(limit)) & !word & HIGH;
        while let Some(&chunk) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(chunk);
            let quote = below(word ^ (EACH * u64::from(b'"')), 1);
            let backslash = below(word ^ (EACH * u64::from(b'\\')), 1);
            let stop = quote | backslash | below(word, 0x20);
            if stop != 0 {
                self.at += (stop.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        let start = self.at;
        loop {
            self.skip_plain();
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.push(JsonKind::String, false, start, self.at - start);
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => return self.escaped_string(start),
                Some(0..=0x1f) => return Err(self.error("a control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.error("unexpected end of text")),
            }
        }
    }

    fn escaped_string(&mut self, start: usize) -> Result<(), JsonError> {
        let begin = self.decoded.len();
        let mut plain = start;
        loop {
            self.skip_plain();
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.decoded.push_str(&self.text[plain..self.at]);
                    let node = self.push(JsonKind::String, true, begin, self.decoded.len() - begin);
                    self.escaped.push((node as u32, start as u32, (self.at - start) as u32));
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.decoded.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    let escape = self.bytes.get(self.at).copied();
                    self.at += 1;
                    let character = match escape {
                        Some(c @ (b'"' | b'\\' | b'/')) => c as char,
                        Some(b'b') => '\u{8}',
                        Some(b'f') => '\u{c}',
                        Some(b'n') => '\n',
                        Some(b'r') => '\r',
                        Some(b't') => '\t',
                        Some(b'u') => self.unicode_escape()?,
                        _ => return Err(self.error("an unknown escape in a string")),
                    };
                    self.decoded.push(character);
                    plain = self.at;
                }
                Some(0..=0x1f) => return Err(self.error("a control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.error("unexpected end of text")),
            }
        }
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.bytes.get(self.at).and_then(|&byte| (byte as char).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.error("four hexadecimal digits must follow \\u"))?;
            self.at += 1;
        }
        Ok(code)
    }

    /// A lone surrogate stands for no character; as most parsers do, it is read as U+FFFD.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let behind_first = self.at;
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = behind_first;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonError> {
        let index = self.open(JsonKind::Array, depth)?;
        let mut count = 0;
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b']') {
            self.at += 1;
        } else {
            loop {
                self.skip_space();
                self.value(depth + 1)?;
                count += 1;
                if self.comma_or_end(b']')? {
                    break;
                }
            }
        }
        self.close(index, count);
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonError> {
        let index = self.open(JsonKind::Object, depth)?;
        let mut count = 0;
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b'}') {
            self.at += 1;
        } else {
            loop {
                self.skip_space();
                if self.bytes.get(self.at) != Some(&b'"') {
                    return Err(self.error("a key in double quotes is missing"));
                }
                let name = self.nodes.len();
                self.names.push(name as u32);
                self.string()?;
                self.nodes[name].tag = tag(self.key(name).as_bytes());
                self.skip_space();
                if self.bytes.get(self.at) != Some(&b':') {
                    return Err(self.error("a colon is missing behind a key"));
                }
                self.at += 1;
                self.skip_space();
                self.value(depth + 1)?;
                self.nodes[name].next = self.nodes.len() as u32;
                count += 1;
                if self.comma_or_end(b'}')? {
                    break;
                }
            }
        }
        self.close(index, count);
        self.note_duplicates(index, count);
        Ok(())
    }

    fn open(&mut self, kind: JsonKind, depth: usize) -> Result<usize, JsonError> {
        if depth >= MAX_DEPTH {
            return Err(self.error(TOO_DEEP));
        }
        let index = self.push(kind, false, self.at, 0);
        self.at += 1;
        Ok(index)
    }

    fn close(&mut self, index: usize, count: u32) {
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[index];
        node.len = count;
        node.next = next;
    }

    fn comma_or_end(&mut self, end: u8) -> Result<bool, JsonError> {
        self.skip_space();
        match self.bytes.get(self.at) {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(&byte) if byte == end => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => Err(self.error("a comma or the end of an array or object is missing")),
            None => Err(self.error("unexpected end of text")),
        }
    }

    fn key(&self, node: usize) -> &str {
        let Node { flag, start, len, .. } = self.nodes[node];
        let text = if flag { self.decoded.as_str() } else { self.text };
        &text[start as usize..(start + len) as usize]
    }

    fn note_duplicates(&mut self, object: usize, count: u32) {
        if count as usize > FEW_MEMBERS {
            return self.index(object, count);
        }
        let end = self.nodes[object].next as usize;
        let mut seen = [(0_u16, 0_u32); FEW_MEMBERS];
        // A bit for each tag, several tags to a bit: where it is not set, the name is new.
        let mut tags = 0_u64;
        let (mut key, mut number) = (object + 1, 0);
        while key < end {
            let tag = self.nodes[key].tag;
            let bit = 1 << ((tag ^ (tag >> 6)) & 63);
            let same = |&(other_tag, other): &(u16, u32)| other_tag == tag && self.key(other as usize) == self.key(key);
            let repeated = tags & bit != 0 && seen[..number].iter().any(same);
            tags |= bit;
            seen[number] = (tag, key as u32);
            number += 1;
            if repeated {
                self.duplicates.push(key as u32 + 1);
            }
            key = self.nodes[key].next as usize;
        }
    }

    /// Indexes an object with many members, and notes those that stand twice.
    fn index(&mut self, object: usize, count: u32) {
        let end = self.nodes[object].next as usize;
        let mut names = Vec::with_capacity(count as usize);
        let mut key = object + 1;
        while key < end {
            names.push(key as u32);
            key = self.nodes[key].next as usize;
        }
        names.sort_by(|&a, &b| self.key(a as usize).cmp(self.key(b as usize)));
        let repeated = names.windows(2).filter(|pair| self.key(pair[0] as usize) == self.key(pair[1] as usize));
        let mut repeated: Vec<u32> = repeated.map(|pair| pair[1] + 1).collect();
        repeated.sort_unstable();
        self.duplicates.extend(repeated);
        self.indices.insert(object as u32, names.into());
    }
}
