//! A JSON document as it was on the wire: literal numbers, order of keys and duplicate keys kept.
//!
//! `text → Document (one arena of nodes) → Value (a handle that borrows it: json/value)`
//!
//! Judging needs what a general JSON value throws away: `14.990` and `14.99` are different texts and
//! the same money, and a second `"@type"` in one object is a fault of the sender. A [`Document`] keeps
//! the text and one flat list of nodes over it; a [`Value`] is a copyable handle, so that looking
//! around in a message allocates nothing.

mod parse;
mod value;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use value::Value;
use value::write_string;

/// Deepest nesting that is read, in arrays and objects. A document that goes deeper is refused with
/// [`JsonError`]; the longest legitimate Open Booking message nests about a dozen levels.
pub const MAX_DEPTH: usize = 256;

/// Largest document that is read, in bytes. Offsets are kept in 32 bits.
pub(crate) const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Most values and names that are read of one document. One that holds more is refused with [`JsonError`]; a page of
/// ten thousand bookings has about a million.
pub const MAX_NODES: usize = 4_000_000;

/// Objects with more members than this have an index, so that finding a member takes no search through all of them.
const FEW_MEMBERS: usize = 32;

const TOO_DEEP: &str = "nested deeper than 256 levels";
const TOO_LARGE: &str = "document larger than 256 MiB";
const TOO_MANY: &str = "more than 4 million values";

/// Why a text is not the JSON that the judge can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct JsonError {
    /// What was wrong, in words.
    pub what: &'static str,
    /// Byte offset into the text.
    pub at: usize,
}

impl JsonError {
    /// True if nothing is wrong with the text but that it goes beyond what is read of any document.
    pub fn is_limit(&self) -> bool {
        matches!(self.what, TOO_DEEP | TOO_LARGE | TOO_MANY)
    }
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonKind {
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
    kind: JsonKind,
    /// For strings: the decoded text lies in `decoded`, because the literal has escapes. For bools: the value.
    flag: bool,
    /// Of a name of a member: its [`tag`].
    tag: u16,
    /// Start of the literal (strings: behind the quote) in the text or in `decoded`.
    start: u32,
    /// Length of the literal in bytes; for arrays and objects the number of children.
    len: u32,
    /// Index of the node behind this subtree; of a name, behind its value.
    next: u32,
}

/// Tells most names apart without a look at their texts.
fn tag(name: &[u8]) -> u16 {
    let (first, last) = (name.first().copied().unwrap_or_default(), name.last().copied().unwrap_or_default());
    (name.len() as u16) ^ (u16::from(first) << 4) ^ (u16::from(last) << 9)
}

/// The name of a member, made ready to be looked for: see `Value::get_named`.
#[derive(Debug, Clone)]
pub struct Name {
    text: Box<str>,
    tag: u16,
}

impl Name {
    /// Makes a name ready.
    pub fn new(text: &str) -> Self {
        Self { text: text.into(), tag: tag(text.as_bytes()) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A parsed JSON text.
///
/// Bounded by [`MAX_DEPTH`], `MAX_BYTES` and [`MAX_NODES`]; memory is about 20 bytes per node over the text itself.
#[derive(Clone)]
pub struct Document {
    text: Arc<str>,
    decoded: String,
    nodes: Vec<Node>,
    /// The nodes that are names of members, in the order of the text.
    names: Vec<u32>,
    /// Their tags.
    tags: Vec<u16>,
    duplicates: Vec<u32>,
    indices: Indices,
    /// The strings with escapes: their node, and start and length of the literal in the text.
    escaped: Vec<(u32, u32, u32)>,
}

/// Of each object with many members, by its node: the nodes of their names in the order of the alphabet, equal ones in
/// the order of the text.
type Indices = HashMap<u32, Box<[u32]>>;

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
            return Err(JsonError { what: TOO_LARGE, at: MAX_BYTES });
        }
        parse::parse(text)
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value { document: self, node: 0 }
    }

    /// The node at a [`Value::place`]; `None` if there is none.
    pub(crate) fn value_at(&self, place: u32) -> Option<Value<'_>> {
        ((place as usize) < self.nodes.len()).then_some(Value { document: self, node: place })
    }

    /// The text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Bytes of memory that the document takes, roughly.
    pub fn memory(&self) -> usize {
        let lists = self.names.capacity()
            + self.duplicates.capacity()
            + self.indices.values().map(|index| index.len()).sum::<usize>();
        let lists = lists + 3 * self.escaped.capacity();
        self.text.len()
            + self.decoded.capacity()
            + size_of::<Node>() * self.nodes.capacity()
            + 4 * lists
            + 2 * self.tags.capacity()
    }

    /// Keys that stand more than once in their object, with the pointer of each repeated member.
    pub(crate) fn duplicate_keys(&self) -> impl Iterator<Item = String> + '_ {
        self.duplicates.iter().map(|&node| Value { document: self, node }.pointer())
    }

    /// How often a key stands in its object once more.
    pub(crate) fn number_of_duplicate_keys(&self) -> usize {
        self.duplicates.len()
    }

    /// True if some object holds a key twice.
    pub fn has_duplicate_keys(&self) -> bool {
        !self.duplicates.is_empty()
    }
}

/// The value of a JSON number literal as a decimal; `None` beyond 28 digits or 10^28, where nothing is rounded silently.
pub(crate) fn decimal(literal: &str) -> Option<rust_decimal::Decimal> {
    let value = if literal.contains(['e', 'E']) {
        rust_decimal::Decimal::from_scientific(literal)
    } else {
        rust_decimal::Decimal::from_str_exact(literal)
    };
    value.ok().map(|number| number.normalize())
}

/// A text as it stands within the quotes of a JSON string.
pub(crate) fn write_escaped(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    write_string(text, &mut quoted, usize::MAX);
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// One step of a JSON pointer, with `~` and `/` escaped.
pub fn escape(step: &str) -> Cow<'_, str> {
    if step.contains(['~', '/']) { Cow::Owned(step.replace('~', "~0").replace('/', "~1")) } else { Cow::Borrowed(step) }
}

/// One step of a JSON pointer, unescaped.
pub(crate) fn unescape(step: &str) -> Cow<'_, str> {
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
        fn accepts_what_serde_json_accepts(text in r#"[\[\]{}",:0-9a-df-z\\.+\- ]{0,24}"#) {
            // No exponents: serde_json refuses numbers beyond f64, where this parser keeps the literal.
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let lone_surrogate = text.contains("\\ud");
            prop_assert!(lone_surrogate || Document::parse_str(&text).is_ok() == theirs, "{}", text);
        }
    }
}
