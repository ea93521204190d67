//! A handle on one node of a document: what it is, what it holds, where it stands.
//!
//! `Value ─► kind, text, members, items · pointer ─► Value ─► pointer · written as JSON`

use std::fmt;
use std::ops::Range;

use super::{Document, FEW_MEMBERS, JsonKind, Name, Node, decimal, escape, tag, unescape};

/// A handle on one node of a [`Document`].
#[derive(Clone, Copy)]
pub struct Value<'d> {
    pub(super) document: &'d Document,
    pub(super) node: u32,
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
    pub fn kind(self) -> JsonKind {
        self.raw().kind
    }

    /// Where the node stands in its document, for `Document::value_at`.
    pub fn place(self) -> u32 {
        self.node
    }

    /// The document that the node belongs to.
    pub fn document(self) -> &'d Document {
        self.document
    }

    /// True if the node belongs to this very document.
    pub(crate) fn is_of(self, document: &Document) -> bool {
        std::ptr::eq(self.document, document)
    }

    /// The string, with escapes decoded; `None` for anything else.
    pub fn as_str(self) -> Option<&'d str> {
        let node = self.raw();
        (node.kind == JsonKind::String).then(|| self.literal(node))
    }

    /// The literal text of a number, as it stood on the wire; `None` for anything else.
    pub(crate) fn as_number(self) -> Option<&'d str> {
        let node = self.raw();
        (node.kind == JsonKind::Number).then(|| self.literal(node))
    }

    /// The boolean; `None` for anything else.
    pub(crate) fn as_bool(self) -> Option<bool> {
        let node = self.raw();
        (node.kind == JsonKind::Bool).then_some(node.flag)
    }

    /// True for `null`.
    pub fn is_null(self) -> bool {
        self.kind() == JsonKind::Null
    }

    /// True for an object.
    pub fn is_object(self) -> bool {
        self.kind() == JsonKind::Object
    }

    /// True for an array.
    pub fn is_array(self) -> bool {
        self.kind() == JsonKind::Array
    }

    fn text_of(self, node: &Node) -> &'d str {
        if node.flag && node.kind == JsonKind::String { &self.document.decoded } else { &self.document.text }
    }

    fn literal(self, node: &Node) -> &'d str {
        &self.text_of(node)[node.start as usize..(node.start + node.len) as usize]
    }

    /// As [`Self::literal`], without a look at where characters begin.
    fn literal_bytes(self, node: &Node) -> &'d [u8] {
        &self.text_of(node).as_bytes()[node.start as usize..(node.start + node.len) as usize]
    }

    /// Where the literal of a string stands in [`Document::text`], without its quotes; `None` for anything else.
    pub(crate) fn literal_place(self) -> Option<std::ops::Range<usize>> {
        let node = self.raw();
        let (start, length) = match node.kind {
            JsonKind::String if node.flag => {
                let escaped = &self.document.escaped;
                let &(_, start, length) = &escaped[escaped.binary_search_by_key(&self.node, |entry| entry.0).ok()?];
                (start, length)
            }
            JsonKind::String => (node.start, node.len),
            _ => return None,
        };
        Some(start as usize..(start + length) as usize)
    }

    /// Where the literal of a number stands in [`Document::text`]; `None` for anything else.
    pub(crate) fn number_place(self) -> Option<std::ops::Range<usize>> {
        let node = self.raw();
        (node.kind == JsonKind::Number).then(|| node.start as usize..(node.start + node.len) as usize)
    }

    /// Number of nodes of the tree that begins here: this one, the names of members, and all below.
    pub fn weight(self) -> u32 {
        self.raw().next - self.node
    }

    /// Number of elements or members; 0 for scalars.
    pub fn len(self) -> usize {
        let node = self.raw();
        if matches!(node.kind, JsonKind::Array | JsonKind::Object) { node.len as usize } else { 0 }
    }

    /// True if there are no elements or members.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// True for this very string.
    pub(crate) fn is_str(self, text: &str) -> bool {
        let node = self.raw();
        node.kind == JsonKind::String && node.len as usize == text.len() && self.literal_bytes(node) == text.as_bytes()
    }

    /// The value of a member. Of a key that stands twice the last counts, as in ECMAScript's `JSON.parse`.
    pub fn get(self, key: &str) -> Option<Value<'d>> {
        self.member(key, tag(key.as_bytes()))
    }

    /// As [`Value::get`], by a name that is looked for again and again.
    pub(crate) fn get_named(self, name: &Name) -> Option<Value<'d>> {
        self.member(&name.text, name.tag)
    }

    fn member(self, key: &str, tag: u16) -> Option<Value<'d>> {
        let object = self.raw();
        if object.kind != JsonKind::Object {
            return None;
        }
        if object.len as usize > FEW_MEMBERS {
            return self.look_up(key);
        }
        let must_see_all = self.document.has_duplicate_keys();
        // Nothing of what stands behind the object is looked at.
        let nodes = &self.document.nodes[..object.next as usize];
        let (mut at, mut found) = (self.node + 1, None);
        while let Some(name) = nodes.get(at as usize) {
            if name.tag == tag && self.literal_bytes(name) == key.as_bytes() {
                found = Some(Value { document: self.document, node: at + 1 });
                if !must_see_all {
                    break;
                }
            }
            at = name.next;
        }
        found
    }

    fn look_up(self, key: &str) -> Option<Value<'d>> {
        let name = |node: u32| self.literal(&self.document.nodes[node as usize]);
        let names = self.document.indices.get(&self.node)?;
        let behind = names.partition_point(|&node| name(node) <= key);
        let found = *names[..behind].last()?;
        (name(found) == key).then_some(Value { document: self.document, node: found + 1 })
    }

    /// The element at an index of an array.
    pub fn at(self, index: usize) -> Option<Value<'d>> {
        self.items().nth(index)
    }

    /// The elements of an array; nothing for anything else.
    pub fn items(self) -> impl Iterator<Item = Value<'d>> {
        let node = self.raw();
        let end = if node.kind == JsonKind::Array { node.next } else { 0 };
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
        let end = if node.kind == JsonKind::Object { node.next } else { 0 };
        let mut at = self.node + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let name = &self.document.nodes[at as usize];
                let value = Value { document: self.document, node: at + 1 };
                at = name.next;
                (self.literal(name), value)
            })
        })
    }

    /// The node that a JSON pointer (RFC 6901) names, seen from this one.
    pub fn find(self, pointer: &str) -> Option<Value<'d>> {
        let mut value = self;
        for step in pointer.split('/').skip(1) {
            value = match value.kind() {
                JsonKind::Object => value.get(&unescape(step))?,
                JsonKind::Array => value.at(step.parse().ok()?)?,
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
            (JsonKind::Object, JsonKind::Object) => {
                self.len() == other.len()
                    && self.entries().all(|(key, value)| other.get(key).is_some_and(|twin| value.same(twin)))
            }
            (JsonKind::Array, JsonKind::Array) => {
                self.len() == other.len() && self.items().zip(other.items()).all(|(a, b)| a.same(b))
            }
            (JsonKind::Number, JsonKind::Number) => {
                let (a, b) = (self.as_number(), other.as_number());
                a == b || a.and_then(decimal).is_some_and(|a| Some(a) == b.and_then(decimal))
            }
            (JsonKind::String, JsonKind::String) => self.as_str() == other.as_str(),
            (JsonKind::Bool, JsonKind::Bool) => self.as_bool() == other.as_bool(),
            (JsonKind::Null, JsonKind::Null) => true,
            _ => false,
        }
    }

    /// Compact JSON text of this node, numbers in their own literals.
    pub fn to_json(self) -> String {
        self.to_json_up_to(usize::MAX)
    }

    /// As [`Value::to_json`], but not much more than `most` bytes of it: where it is longer, it breaks off.
    pub fn to_json_up_to(self, most: usize) -> String {
        let mut text = String::new();
        self.write(&mut text, most);
        text
    }

    fn write(self, out: &mut String, most: usize) {
        match self.kind() {
            JsonKind::String => write_string(self.as_str().unwrap_or_default(), out, most),
            JsonKind::Array => {
                out.push('[');
                for (index, item) in self.items().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    if out.len() > most {
                        return;
                    }
                    item.write(out, most);
                }
                out.push(']');
            }
            JsonKind::Object => {
                out.push('{');
                for (index, (key, value)) in self.entries().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    if out.len() > most {
                        return;
                    }
                    write_string(key, out, most);
                    out.push(':');
                    value.write(out, most);
                }
                out.push('}');
            }
            JsonKind::Null | JsonKind::Bool | JsonKind::Number => {
                let literal = self.literal(self.raw());
                out.push_str(literal.get(..most).unwrap_or(literal));
            }
        }
    }

    /// Name and value of every member at any depth below this node, in the order of the text.
    pub(crate) fn members_below(self) -> impl Iterator<Item = (&'d str, Value<'d>)> {
        let document = self.document;
        self.document.names[self.names_below()].iter().map(move |&name| {
            let name_node = Value { document, node: name };
            (name_node.literal(name_node.raw()), Value { document, node: name + 1 })
        })
    }

    /// The nodes of the names of all members at any depth below this node.
    fn names_below(self) -> Range<usize> {
        let names = &self.document.names;
        let start = names.partition_point(|&name| name <= self.node);
        start..start + names[start..].partition_point(|&name| name < self.raw().next)
    }

    /// The values of every member of this name at any depth below this node, in the order of the text.
    pub(crate) fn named_below(self, name: &str) -> impl Iterator<Item = Value<'d>> {
        let (document, tag, below) = (self.document, tag(name.as_bytes()), self.names_below());
        let tagged = document.names[below.clone()].iter().zip(&document.tags[below]);
        tagged
            .filter(move |(_, own)| **own == tag)
            .map(move |(&node, _)| Value { document, node })
            .filter(move |node| node.literal(node.raw()) == name)
            .map(move |node| Value { document, node: node.node + 1 })
    }

    /// This node and all below it, depth first.
    pub(crate) fn descend(self) -> impl Iterator<Item = Value<'d>> {
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

/// A text as a JSON string, as far as `most` bytes of it.
pub(super) fn write_string(text: &str, out: &mut String, most: usize) {
    let text = if text.len() > most { &text[..text.floor_char_boundary(most)] } else { text };
    // Serialising a &str to a String cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
