//! Texts within texts: JSON in a string, escapes of URLs, markup and strings, base64.
//!
//! ```text
//! text ─► JSON? ─► read like a body
//!      ─► addresses, known values, what it names ──────────────┐
//!      ─► %40, &#64;, \\u0040 ─► decoded ─► the same again ─────┼─► edits
//!      ─► base64 of a text ─► decoded, unpacked ─► the same ───┘
//! ```

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;

use super::super::content::Unpacked;
use super::super::scan::{FIRST, engine, is_base64, may_be_encoded_text};
use super::super::views::DecodedPart;
use super::again::{decoded, emails, encoded};
use super::edits::{PersonalEdit, apply, merged};
use super::named;
use super::work::{ExchangeRedactor, SearchScope, whole};

/// How often a text is decoded; a text within it stays as it is.
const MOST_LEVELS: u8 = 5;

/// Fewest letters of base64 that are looked into.
const SHORTEST: usize = 20;

impl ExchangeRedactor<'_> {
    /// What of a text is replaced, in its order and without overlaps. `level` says how often it was decoded.
    pub(super) fn edits(&mut self, text: &str, known: SearchScope, level: u8) -> Vec<PersonalEdit> {
        if let Some(document) = whole(text) {
            let clean = if level < MOST_LEVELS { self.document(&document, level + 1) } else { None };
            let start = text.len() - document.text().len();
            return clean.map(|with| PersonalEdit { range: start..text.len(), with }).into_iter().collect();
        }
        let pseudonyms = &self.personal.pseudonyms;
        let mut edits = match known {
            SearchScope::Addresses => emails(text, pseudonyms),
            SearchScope::Values => self.memory.again.edits(text, &[], self.host, pseudonyms),
            SearchScope::Words => self.memory.again.edits(text, self.words, self.host, pseudonyms),
        };
        edits.extend(named::values(text).into_iter().filter_map(|range| self.named(text, range)));
        if level < MOST_LEVELS {
            for view in views(text) {
                edits.extend(self.within(text, &view, known, level));
            }
            edits.extend(self.base64_runs(text, known, level));
        }
        merged(edits)
    }

    /// A value that its own text names.
    fn named(&self, text: &str, range: Range<usize>) -> Option<PersonalEdit> {
        let value = text.get(range.clone())?;
        if super::super::is_mask(value.as_bytes()) {
            return None;
        }
        let plain = decoded(value, false);
        let clean = self.personal.pseudonyms.of(&plain, self.host);
        let with = if *plain == *value { clean } else { encoded(&clean, "%20") };
        Some(PersonalEdit { range, with })
    }

    /// Takes from the budget; false if it is used up.
    fn spend(&mut self, bytes: usize) -> bool {
        let left = self.budget.checked_sub(bytes);
        self.budget = left.unwrap_or_default();
        left.is_some()
    }

    /// A text of which there is too much to be looked into is replaced as a whole.
    fn all(&self, text: &str, range: Range<usize>) -> Vec<PersonalEdit> {
        let with = self.personal.pseudonyms.unread(text[range.clone()].as_bytes());
        vec![PersonalEdit { range, with: String::from_utf8_lossy(&with).into_owned() }]
    }

    /// The edits of a text as it is meant, where they stand in it.
    fn within(&mut self, text: &str, view: &DecodedPart, known: SearchScope, level: u8) -> Vec<PersonalEdit> {
        if !self.spend(text.len()) {
            return self.all(text, 0..text.len());
        }
        let edits = self.edits(&readable(&view.text), known, level + 1).into_iter();
        edits
            .map(|PersonalEdit { range, with }| PersonalEdit { range: view.range(range), with: view.written(&with) })
            .collect()
    }

    /// Runs of base64 that hold a text.
    fn base64_runs(&mut self, text: &str, known: SearchScope, level: u8) -> Vec<PersonalEdit> {
        let bytes = text.as_bytes();
        let mut edits = Vec::new();
        let mut at = SHORTEST - 1;
        let mut behind = 0;
        while let Some(&byte) = bytes.get(at) {
            if !is_base64(byte) {
                at += SHORTEST;
                continue;
            }
            let start = at - bytes[behind..at].iter().rev().take_while(|&&byte| is_base64(byte)).count();
            let end = at + bytes[at..].iter().take_while(|&&byte| is_base64(byte)).count();
            behind = end;
            at = end + SHORTEST;
            if end - start >= SHORTEST {
                edits.extend(self.base64_run(text, start..end, known, level));
            }
        }
        edits
    }

    /// A run of letters that may be base64, or the path of a URL whose last part is.
    fn base64_run(&mut self, text: &str, run: Range<usize>, known: SearchScope, level: u8) -> Vec<PersonalEdit> {
        let bytes = text.as_bytes();
        let is_text = |start: usize| bytes.get(start..start + FIRST).is_some_and(may_be_encoded_text);
        let slashes = memchr::memchr_iter(b'/', &bytes[run.clone()]).map(|slash| run.start + slash + 1);
        let starts = std::iter::once(run.start).chain(slashes);
        let Some(start) = starts.take_while(|start| run.end - start >= SHORTEST).find(|&start| is_text(start)) else {
            return Vec::new();
        };
        let end = run.end + bytes[run.end..].iter().take_while(|&&byte| byte == b'=').count().min(2);
        let raw = &bytes[start..end];
        let engine = engine(raw);
        // What is cut off in the middle of four letters has one too many.
        let letters = if (run.end - start) % 4 == 1 { &bytes[start..run.end - 1] } else { raw };
        let Ok(packed) = engine.decode(letters) else { return Vec::new() };
        if !self.spend(packed.len()) {
            return self.all(text, start..end);
        }
        let Ok(unpacked) = Unpacked::of(&packed) else { return Vec::new() };
        let Ok(inner) = std::str::from_utf8(unpacked.text(&packed)) else { return Vec::new() };
        let inner_edits = self.edits(inner, known, level + 1);
        let clean = apply(inner, &inner_edits).and_then(|clean| unpacked.pack(clean.into_bytes()));
        clean.map(|clean| PersonalEdit { range: start..end, with: engine.encode(clean) }).into_iter().collect()
    }
}

/// A text with a question mark for each byte that is no UTF-8, so that every other byte stays in its place.
fn readable(text: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(text) {
        return Cow::Borrowed(text);
    }
    let mut readable = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        readable.push_str(chunk.valid());
        readable.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(readable)
}

/// The ways to decode a text that change anything.
fn views(text: &str) -> Vec<DecodedPart> {
    let bytes = text.as_bytes();
    let has = |sign: u8| memchr::memchr(sign, bytes).is_some();
    let mut views = Vec::new();
    if has(b'%') {
        views.push(DecodedPart::of_percent(bytes));
    }
    if has(b'&') && has(b';') {
        views.push(DecodedPart::of_references(bytes));
    }
    if has(b'\\') {
        views.push(DecodedPart::of_string(bytes));
    }
    views.retain(|view| view.text != bytes);
    views
}
