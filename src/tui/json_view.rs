//! JSON laid out in lines and colours, with the nodes that findings are about marked.
//!
//! `Document, pointers → rows (indent, key, value) with marks`
//!
//! What is folded takes one row, which says how much is in it. Numbers keep the literal of the wire and members their order, repeated ones included.

use std::collections::{HashMap, HashSet};

use super::message::{FindingTarget, mark};
use super::page::{MAX_ROWS, Row};
use super::theme::TextStyle;
use crate::json::{Document, JsonKind, Value, escape, unescape};
use crate::text;

/// Columns per level.
const INDENT: usize = 2;

/// Most characters of one value that are shown; what is longer ends with `…`.
const MAX_VALUE: usize = 4_000;

/// A marked node of more rows than this is lit on its first row only.
const MAX_LIT: usize = 16;

/// Appends the rows of a document; `targets` come with their pointers into it.
pub(super) fn rows(
    document: &Document,
    targets: &[(&str, FindingTarget<'_>)],
    folded: &HashSet<String>,
    rows: &mut Vec<Row>,
) {
    let mut nodes: HashMap<String, Vec<FoundText<'_>>> = HashMap::new();
    for (pointer, target) in targets {
        let (there, missing) = nearest(document.root(), pointer);
        nodes.entry(there.to_owned()).or_default().push(FoundText { target, missing });
    }
    Layout { rows, nodes, folded, pointer: String::new() }.value(document.root(), 0, None, false);
}

/// A finding at the node it marks.
struct FoundText<'t> {
    target: &'t FindingTarget<'t>,
    /// The step below the node that isn't there, if the finding is about something missing.
    missing: Option<String>,
}

/// The longest beginning of a pointer that names a node, and the step after it if there is one.
fn nearest<'p>(root: Value<'_>, pointer: &'p str) -> (&'p str, Option<String>) {
    let (mut there, mut missing) = (pointer, None);
    while root.find(there).is_none() {
        let Some((before, step)) = there.rsplit_once('/') else { return ("", missing) };
        missing = Some(unescape(step).into_owned());
        there = before;
    }
    (there, missing)
}

struct Layout<'r, 't> {
    rows: &'r mut Vec<Row>,
    nodes: HashMap<String, Vec<FoundText<'t>>>,
    folded: &'r HashSet<String>,
    /// Where the layout is.
    pointer: String,
}

impl Layout<'_, '_> {
    fn value(&mut self, value: Value<'_>, depth: usize, key: Option<&str>, comma: bool) {
        // One row more than is shown, so that the sheet knows that there is more.
        if self.rows.len() > MAX_ROWS {
            return;
        }
        let start = self.rows.len();
        let mut row = Row { pointer: Some(self.pointer.as_str().into()), ..Row::default() };
        if depth > 0 {
            row.pieces.push((TextStyle::Plain, " ".repeat(depth * INDENT)));
        }
        if let Some(key) = key {
            row = row.with(TextStyle::Name, &quoted(key)).with(TextStyle::Dim, ": ");
        }
        let (open, close) = match value.kind() {
            JsonKind::Object => ("{", "}"),
            JsonKind::Array => ("[", "]"),
            _ => ("", ""),
        };
        let end = if comma { "," } else { "" };
        if open.is_empty() {
            let (ink, words) = scalar(value);
            row = row.with(ink, &words).with(TextStyle::Dim, end);
            self.rows.push(row);
        } else if value.is_empty() {
            self.rows.push(row.with(TextStyle::Dim, &format!("{open}{close}{end}")));
        } else if self.folded.contains(&self.pointer) {
            let row = Row { foldable: true, ..row };
            let inside = text::count(value.len() as u64, if open == "{" { "member" } else { "item" });
            self.rows.push(row.with(TextStyle::Dim, &format!("{open} ▸ {inside} {close}{end}")));
            self.mark_all_below(start);
        } else {
            self.rows.push(Row { foldable: true, ..row }.with(TextStyle::Dim, open));
            self.children(value, depth + 1);
            let row = Row::new(TextStyle::Plain, &" ".repeat(depth * INDENT));
            self.rows.push(row.with(TextStyle::Dim, &format!("{close}{end}")));
        }
        self.mark(start);
    }

    fn children(&mut self, value: Value<'_>, depth: usize) {
        let (count, here) = (value.len(), self.pointer.len());
        for (index, item) in value.items().enumerate() {
            self.pointer.push('/');
            self.pointer.push_str(&index.to_string());
            self.value(item, depth, None, index + 1 < count);
            self.pointer.truncate(here);
        }
        for (index, (key, member)) in value.entries().enumerate() {
            self.pointer.push('/');
            self.pointer.push_str(&escape(key));
            self.value(member, depth, Some(key), index + 1 < count);
            self.pointer.truncate(here);
        }
    }

    /// Marks a folded node with what is wrong inside of it.
    fn mark_all_below(&mut self, start: usize) {
        let inside = format!("{}/", self.pointer);
        let below = self.nodes.iter().filter(|(pointer, _)| pointer.starts_with(&inside));
        for found in below.flat_map(|(_, found)| found) {
            mark(&mut self.rows[start], found.target, found.missing.as_deref());
        }
    }

    /// Marks the node whose rows begin at `start` and end with the last one.
    fn mark(&mut self, start: usize) {
        let Some(found) = self.nodes.get(self.pointer.as_str()) else { return };
        for FoundText { target, missing } in found {
            mark(&mut self.rows[start], target, missing.as_deref());
            if missing.is_none() && self.rows.len() - start <= MAX_LIT {
                for row in &mut self.rows[start..] {
                    row.lit = row.lit.max(Some(target.finding.severity));
                }
            }
        }
    }
}

fn scalar(value: Value<'_>) -> (TextStyle, String) {
    if let Some(string) = value.as_str() {
        return (TextStyle::Text, quoted(string));
    }
    match value.kind() {
        JsonKind::Number => (TextStyle::Number, text::clip(&value.to_json(), MAX_VALUE).into()),
        _ => (TextStyle::Word, value.to_json()),
    }
}

/// A JSON string as it might stand on the wire, control characters escaped.
fn quoted(string: &str) -> String {
    let ahead = string.char_indices().nth(MAX_VALUE).map_or(string.len(), |(at, _)| at);
    let json = serde_json::Value::from(&string[..ahead]).to_string();
    let shown = text::visible(&json);
    if ahead < string.len() { format!("{}…\"", shown.trim_end_matches('"')) } else { shown.into() }
}
