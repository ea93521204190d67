//! A JSON document as it was on the wire: literal numbers, order of keys and duplicate keys kept.
//!
//! `text → Document (one arena of nodes) → Value (a handle that borrows it)`
//!
//! Judging needs what a general JSON value throws away: `14.990` and `14.99` are different texts and
//! the same money, and a second `"@type"` in one object is a fault of the sender. A [`Document`] keeps
//! the text and one flat list of nodes over it; a [`Value`] is a copyable handle, so that looking
//! around in a message allocates nothing.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Deepest nesting that is read, in arrays and objects. A document that goes deeper is refused with
/// [`JsonError`]; the longest legitimate Open Booking message nests about a dozen levels.
pub const MAX_DEPTH: usize = 256;

/// Largest document that is read, in bytes. Offsets are kept in 32 bits.
pub const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Why a text is not the JSON that the judge can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct JsonError {
    /// What was wrong, in words.
    pub what: &'static str,
    /// Byte offset into the text.
    pub at: usize,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as its literal text.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    /// For strings: the decoded text lies in `decoded`, because the literal has escapes. For bools: the value.
    flag: bool,
    /// Start of the literal (strings: behind the quote) in the text or in `decoded`.
    start: u32,
    /// Length of the literal in bytes; for arrays and objects the number of children.
    len: u32,
    /// Index of the node behind this subtree.
    next: u32,
}

/// A parsed JSON text.
///
/// Bounded by [`MAX_DEPTH`] and [`MAX_BYTES`]; memory is about 20 bytes per node over the text itself.
#[derive(Clone)]
pub struct Document {
    text: Arc<str>,
    decoded: String,
    nodes: Vec<Node>,
    /// The nodes that are names of members, in the order of the text.
    names: Vec<u32>,
    duplicates: Vec<u32>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Document {
    /// Parses one JSON value that fills the whole of `bytes` (white space around it aside).
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| JsonError { what: "invalid UTF-8", at: error.valid_up_to() })?;
        // RFC 8259 section 8.1: a parser may ignore a byte order mark instead of failing.
        Self::parse_str(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// As [`Document::parse`], for text that is known to be UTF-8.
    pub fn parse_str(text: &str) -> Result<Self, JsonError> {
        if text.len() > MAX_BYTES {
            return Err(JsonError { what: "document larger than 256 MiB", at: MAX_BYTES });
        }
        let mut parser = Parser {
            bytes: text.as_bytes(),
            text,
            at: 0,
            nodes: Vec::with_capacity(text.len() / 12 + 4),
            decoded: String::new(),
            names: Vec::with_capacity(text.len() / 24 + 4),
            duplicates: Vec::new(),
        };
        parser.skip_space();
        parser.value(0)?;
        parser.skip_space();
        if parser.at < parser.bytes.len() {
            return Err(parser.error("text after the end of the document"));
        }
        let Parser { nodes, decoded, names, duplicates, .. } = parser;
        Ok(Self { text: Arc::from(text), decoded, nodes, names, duplicates })
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value { document: self, node: 0 }
    }

    /// The node at a [`Value::place`]; `None` if there is none.
    pub fn value_at(&self, place: u32) -> Option<Value<'_>> {
        ((place as usize) < self.nodes.len()).then_some(Value { document: self, node: place })
    }

    /// The text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Keys that stand more than once in their object, with the pointer of each repeated member.
    pub fn duplicate_keys(&self) -> impl Iterator<Item = String> + '_ {
        self.duplicates.iter().map(|&node| Value { document: self, node }.pointer())
    }

    /// True if some object holds a key twice.
    pub fn has_duplicate_keys(&self) -> bool {
        !self.duplicates.is_empty()
    }
}

struct Parser<'t> {
    bytes: &'t [u8],
    text: &'t str,
    at: usize,
    nodes: Vec<Node>,
    decoded: String,
    names: Vec<u32>,
    duplicates: Vec<u32>,
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

    fn push(&mut self, kind: Kind, flag: bool, start: usize, len: usize) -> usize {
        let index = self.nodes.len();
        self.nodes.push(Node { kind, flag, start: start as u32, len: len as u32, next: index as u32 + 1 });
        index
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.bytes.get(self.at) {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Kind::Bool, true),
            Some(b'f') => self.word("false", Kind::Bool, false),
            Some(b'n') => self.word("null", Kind::Null, false),
            Some(_) => Err(self.error("not a JSON value")),
            None => Err(self.error("unexpected end of text")),
        }
    }

    fn word(&mut self, word: &str, kind: Kind, flag: bool) -> Result<(), JsonError> {
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
        self.push(Kind::Number, false, start, self.at - start);
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
                    self.push(Kind::String, false, start, self.at - start);
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
                    self.push(Kind::String, true, begin, self.decoded.len() - begin);
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
        let index = self.open(Kind::Array, depth)?;
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
        let index = self.open(Kind::Object, depth)?;
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
                self.names.push(self.nodes.len() as u32);
                self.string()?;
                self.skip_space();
                if self.bytes.get(self.at) != Some(&b':') {
                    return Err(self.error("a colon is missing behind a key"));
                }
                self.at += 1;
                self.skip_space();
                self.value(depth + 1)?;
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

    fn open(&mut self, kind: Kind, depth: usize) -> Result<usize, JsonError> {
        if depth >= MAX_DEPTH {
            return Err(self.error("nested deeper than 256 levels"));
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
        /// Up to this many keys a quadratic comparison is faster than a set.
        const FEW: usize = 16;
        let end = self.nodes[object].next as usize;
        let mut seen: [u32; FEW] = [0; FEW];
        let mut many = (count as usize > FEW).then(|| std::collections::HashSet::with_capacity(count as usize));
        let (mut key, mut number) = (object + 1, 0);
        let mut found = Vec::new();
        while key < end {
            let repeated = if let Some(many) = &mut many {
                !many.insert(self.key(key))
            } else {
                let name = self.key(key);
                let repeated = seen[..number].iter().any(|&other| {
                    self.nodes[other as usize].len as usize == name.len() && self.key(other as usize) == name
                });
                seen[number] = key as u32;
                number += 1;
                repeated
            };
            if repeated {
                found.push(key as u32 + 1);
            }
            key = self.nodes[key + 1].next as usize;
        }
        self.duplicates.extend(found);
    }
}

/// A handle on one node of a [`Document`].
#[derive(Clone, Copy)]
pub struct Value<'d> {
    document: &'d Document,
    node: u32,
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl<'d> Value<'d> {
    fn raw(self) -> &'d Node {
        &self.document.nodes[self.node as usize]
    }

    /// What the node is.
    pub fn kind(self) -> Kind {
        self.raw().kind
    }

    /// Where the node stands in its document, for [`Document::value_at`].
    pub fn place(self) -> u32 {
        self.node
    }

    /// The document that the node belongs to.
    pub fn document(self) -> &'d Document {
        self.document
    }

    /// True if the node belongs to this very document.
    pub fn is_of(self, document: &Document) -> bool {
        std::ptr::eq(self.document, document)
    }

    /// The string, with escapes decoded; `None` for anything else.
    pub fn as_str(self) -> Option<&'d str> {
        let node = self.raw();
        (node.kind == Kind::String).then(|| self.literal(node))
    }

    /// The literal text of a number, as it stood on the wire; `None` for anything else.
    pub fn as_number(self) -> Option<&'d str> {
        let node = self.raw();
        (node.kind == Kind::Number).then(|| self.literal(node))
    }

    /// The boolean; `None` for anything else.
    pub fn as_bool(self) -> Option<bool> {
        let node = self.raw();
        (node.kind == Kind::Bool).then_some(node.flag)
    }

    /// True for `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// True for an object.
    pub fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    /// True for an array.
    pub fn is_array(self) -> bool {
        self.kind() == Kind::Array
    }

    fn literal(self, node: &Node) -> &'d str {
        let text: &str =
            if node.flag && node.kind == Kind::String { &self.document.decoded } else { &self.document.text };
        &text[node.start as usize..(node.start + node.len) as usize]
    }

    /// Number of elements or members; 0 for scalars.
    pub fn len(self) -> usize {
        let node = self.raw();
        if matches!(node.kind, Kind::Array | Kind::Object) { node.len as usize } else { 0 }
    }

    /// True if there are no elements or members.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a member. Of a key that stands twice the last counts, as in ECMAScript's `JSON.parse`.
    pub fn get(self, key: &str) -> Option<Value<'d>> {
        let object = self.raw();
        if object.kind != Kind::Object {
            return None;
        }
        let nodes = &self.document.nodes;
        let must_see_all = self.document.has_duplicate_keys();
        let (mut at, mut found) = (self.node + 1, None);
        while at < object.next {
            let name = &nodes[at as usize];
            if (name.flag || name.len as usize == key.len()) && self.literal(name) == key {
                found = Some(Value { document: self.document, node: at + 1 });
                if !must_see_all {
                    break;
                }
            }
            at = nodes[at as usize + 1].next;
        }
        found
    }

    /// The element at an index of an array.
    pub fn at(self, index: usize) -> Option<Value<'d>> {
        self.items().nth(index)
    }

    /// The elements of an array; nothing for anything else.
    pub fn items(self) -> impl Iterator<Item = Value<'d>> {
        let node = self.raw();
        let end = if node.kind == Kind::Array { node.next } else { 0 };
        let mut at = self.node + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let value = Value { document: self.document, node: at };
                at = value.raw().next;
                value
            })
        })
    }

    /// The members of an object in their order; nothing for anything else.
    pub fn entries(self) -> impl Iterator<Item = (&'d str, Value<'d>)> {
        let node = self.raw();
        let end = if node.kind == Kind::Object { node.next } else { 0 };
        let mut at = self.node + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let key = self.literal(&self.document.nodes[at as usize]);
                let value = Value { document: self.document, node: at + 1 };
                at = value.raw().next;
                (key, value)
            })
        })
    }

    /// The node that a JSON pointer (RFC 6901) names, seen from this one.
    pub fn find(self, pointer: &str) -> Option<Value<'d>> {
        let mut value = self;
        for step in pointer.split('/').skip(1) {
            value = match value.kind() {
                Kind::Object => value.get(&unescape(step))?,
                Kind::Array => value.at(step.parse().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// The JSON pointer of this node within its document; empty for the root.
    pub fn pointer(self) -> String {
        let mut pointer = String::new();
        let mut here = Value { document: self.document, node: 0 };
        while here.node != self.node {
            let holds = |child: Value<'_>| child.node <= self.node && self.node < child.raw().next;
            let step = if here.is_object() {
                here.entries().find(|&(_, child)| holds(child)).map(|(key, child)| (escape(key).into_owned(), child))
            } else {
                here.items()
                    .enumerate()
                    .find(|&(_, child)| holds(child))
                    .map(|(index, child)| (index.to_string(), child))
            };
            let Some((step, child)) = step else { break };
            pointer.push('/');
            pointer.push_str(&step);
            here = child;
        }
        pointer
    }

    /// Equality of JSON values: key order is ignored, numbers are compared as numbers.
    pub fn same(self, other: Value<'_>) -> bool {
        match (self.kind(), other.kind()) {
            (Kind::Object, Kind::Object) => {
                self.len() == other.len()
                    && self.entries().all(|(key, value)| other.get(key).is_some_and(|twin| value.same(twin)))
            }
            (Kind::Array, Kind::Array) => {
                self.len() == other.len() && self.items().zip(other.items()).all(|(a, b)| a.same(b))
            }
            (Kind::Number, Kind::Number) => {
                let (a, b) = (self.as_number(), other.as_number());
                a == b || a.and_then(decimal).is_some_and(|a| Some(a) == b.and_then(decimal))
            }
            (Kind::String, Kind::String) => self.as_str() == other.as_str(),
            (Kind::Bool, Kind::Bool) => self.as_bool() == other.as_bool(),
            (Kind::Null, Kind::Null) => true,
            _ => false,
        }
    }

    /// Compact JSON text of this node, numbers in their own literals.
    pub fn to_json(self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(self, out: &mut String) {
        match self.kind() {
            Kind::String => write_string(self.as_str().unwrap_or_default(), out),
            Kind::Array => {
                out.push('[');
                for (index, item) in self.items().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Kind::Object => {
                out.push('{');
                for (index, (key, value)) in self.entries().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            Kind::Null | Kind::Bool | Kind::Number => out.push_str(self.literal(self.raw())),
        }
    }

    /// Name and value of every member at any depth below this node, in the order of the text.
    pub fn members_below(self) -> impl Iterator<Item = (&'d str, Value<'d>)> {
        let document = self.document;
        let end = self.raw().next;
        let start = document.names.partition_point(|&name| name <= self.node);
        document.names[start..].iter().take_while(move |&&name| name < end).map(move |&name| {
            let name_node = Value { document, node: name };
            (name_node.literal(name_node.raw()), Value { document, node: name + 1 })
        })
    }

    /// The values of every member of this name at any depth below this node, in the order of the text.
    pub fn named_below(self, name: &str) -> impl Iterator<Item = Value<'d>> {
        self.members_below()
            .filter(move |(other, _)| other.len() == name.len() && *other == name)
            .map(|(_, value)| value)
    }

    /// This node and all below it, depth first.
    pub fn descend(self) -> impl Iterator<Item = Value<'d>> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            let value = stack.pop()?;
            let first_child = stack.len();
            stack.extend(value.items());
            stack.extend(value.entries().map(|(_, child)| child));
            stack[first_child..].reverse();
            Some(value)
        })
    }
}

/// The value of a JSON number literal as a decimal; `None` beyond 28 digits or 10^28, where nothing is rounded silently.
pub fn decimal(literal: &str) -> Option<rust_decimal::Decimal> {
    let value = if literal.contains(['e', 'E']) {
        rust_decimal::Decimal::from_scientific(literal)
    } else {
        rust_decimal::Decimal::from_str_exact(literal)
    };
    value.ok().map(|number| number.normalize())
}

fn write_string(text: &str, out: &mut String) {
    // Serialising a &str to a String cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// One step of a JSON pointer, with `~` and `/` escaped.
pub fn escape(step: &str) -> Cow<'_, str> {
    if step.contains(['~', '/']) { Cow::Owned(step.replace('~', "~0").replace('/', "~1")) } else { Cow::Borrowed(step) }
}

/// One step of a JSON pointer, unescaped.
pub fn unescape(step: &str) -> Cow<'_, str> {
    if step.contains('~') { Cow::Owned(step.replace("~1", "/").replace("~0", "~")) } else { Cow::Borrowed(step) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_literals_order_and_duplicates() {
        let document = Document::parse(br#"{"price":14.990,"a":{"x":1,"x":2},"b":[true,null,"\u00e9\n"]}"#).unwrap();
        let root = document.root();
        assert_eq!(root.get("price").unwrap().as_number(), Some("14.990"));
        assert_eq!(root.find("/a/x").unwrap().as_number(), Some("2"));
        assert_eq!(document.duplicate_keys().collect::<Vec<_>>(), ["/a/x"]);
        assert_eq!(root.find("/b/2").unwrap().as_str(), Some("é\n"));
        assert_eq!(root.find("/b/2").unwrap().pointer(), "/b/2");
        assert_eq!(root.entries().map(|(key, _)| key).collect::<Vec<_>>(), ["price", "a", "b"]);
    }

    #[test]
    fn members_at_any_depth() {
        let document = Document::parse_str(r#"{"a":{"k":1,"b":[{"k":2}]},"k":3,"c":"k"}"#).unwrap();
        let found = |node: Value<'_>| node.named_below("k").map(super::Value::to_json).collect::<Vec<_>>();
        assert_eq!(found(document.root()), ["1", "2", "3"]);
        assert_eq!(found(document.root().find("/a/b").unwrap()), ["2"]);
        assert_eq!(found(document.root().find("/k").unwrap()), Vec::<String>::new());
        assert_eq!(
            document.root().members_below().map(|(name, _)| name).collect::<Vec<_>>(),
            ["a", "k", "b", "k", "k", "c"]
        );
    }

    #[test]
    fn compares_by_value() {
        let a = Document::parse_str(r#"{"a":1.0,"b":[1]}"#).unwrap();
        let b = Document::parse_str(r#"{"b":[1e0],"a":1}"#).unwrap();
        assert!(a.root().same(b.root()));
        assert!(!a.root().same(a.root().get("b").unwrap()));
    }

    #[test]
    fn refuses_what_is_not_json() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("{\"a\" 1}", 5),
            ("01", 1),
            ("1.", 2),
            ("\"\\x\"", 3),
            ("tru", 0),
            ("1 2", 2),
            ("\"\n\"", 1),
        ] {
            assert_eq!(Document::parse_str(text).map(|_| ()).unwrap_err().at, at, "{text:?}");
        }
        assert!(Document::parse(b"\"\xff\"").is_err());
        assert!(Document::parse_str(&"[".repeat(100_000)).unwrap_err().what.contains("deeper"));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<i32>().prop_map(|n| (f64::from(n) / 16.0).into()),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 64, 20, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
                prop::collection::btree_map(".{0,4}", inner, 0..20)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// serde_json and this parser read the same values, and what is written reads back the same.
        #[test]
        fn agrees_with_serde_json(value in json()) {
            let text = serde_json::to_string_pretty(&value).unwrap();
            let document = Document::parse_str(&text).unwrap();
            let again: serde_json::Value = serde_json::from_str(&document.root().to_json()).unwrap();
            prop_assert_eq!(&again, &value);
            for node in document.root().descend() {
                let pointer = node.pointer();
                let twin: serde_json::Value = serde_json::from_str(&node.to_json()).unwrap();
                prop_assert_eq!(value.pointer(&pointer), Some(&twin));
            }
        }

        /// Whatever the bytes, the parser returns, and it accepts exactly what serde_json accepts.
        #[test]
        fn accepts_what_serde_json_accepts(text in r#"[\[\]{}",:0-9a-z\\.eE+\- ]{0,24}"#) {
            // serde_json refuses numbers beyond f64; this parser keeps their literal.
            prop_assume!(!text.contains(['e', 'E']));
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let lone_surrogate = text.contains("\\ud");
            prop_assert!(lone_surrogate || Document::parse_str(&text).is_ok() == theirs, "{}", text);
        }
    }
}
