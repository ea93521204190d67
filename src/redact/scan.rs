//! A pass over any text (JSON, forms, URLs, markup, logs) for what is a secret by its name or by its form.
//!
//! ```text
//! text ─► what parts a name from its value (: = , <) ─► the name ─► its value ─────────────────┐
//!      ─► eyJ… (a JSON Web Token), Bearer …, a private key, ://…@ (user-info), curl -u ────────┼─► edits ─► fingerprinter
//!      ─► a string with escapes, a part with %xx or &quot; ─► decoded ─► the same pass ────────┤
//!      ─► base64 of a text ─► decoded ─► the same pass ─► encoded again ───────────────────────┘
//! ```
//!
//! The text is not parsed: it may be cut off, or no JSON at all. A value that the end of the text cuts off is replaced
//! like a whole one. What is encoded in the text is looked at as it is meant, and replaced where it stands, so that every
//! other byte stays. A text without secrets is not copied.

mod assignments;
#[cfg(test)]
mod bounds;
mod edits;
mod encoded;
mod forms;
mod issued;
mod markup;
mod members;
mod pairs;
mod tables;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem;

use super::byte_finder::{ByteFinder, one_of};
use super::views::{self, DecodedPart};
use super::{Fingerprinter, credentials};
use crate::redact::RedactError;
use edits::{Replacement, SecretEdit};
pub(super) use encoded::{FIRST, engine, is_base64, may_be_encoded_text};

/// How often a text within a text is decoded: JSON in base64 in a parameter of a URL in a JSON string has four. What is
/// encoded more often stays as it is.
const MOST_LEVELS: u8 = 6;

/// Decoded bytes that a text may take, as a multiple of its length. What is beyond it is replaced as a whole.
const MOST_DECODED: usize = 8;

/// The same for short texts.
const LEAST_DECODED: usize = 1 << 20;

/// Longest part of a text that is decoded, in bytes. A longer one is replaced as a whole.
const LONGEST_PART: usize = 8 << 20;

/// Finds and replaces secrets in texts.
pub(super) struct Scanner {
    forms: AhoCorasick,
    option: memmem::Finder<'static>,
}

impl Scanner {
    pub(super) fn new() -> Result<Self, RedactError> {
        let forms = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(forms::FORMS)
            .map_err(|error| RedactError::Hints { cause: error.to_string() })?;
        Ok(Self { forms, option: memmem::Finder::new(forms::OPTION) })
    }

    /// The text with its secrets replaced; `None` if it holds none.
    pub(super) fn replace(&self, text: &[u8], fingerprinter: &Fingerprinter) -> Option<Vec<u8>> {
        let budget = Cell::new(text.len().saturating_mul(MOST_DECODED).max(LEAST_DECODED));
        Scan::new(text, ScanContext { scanner: self, fingerprinter, budget: &budget, level: 0 }).clean()
    }
}

/// What all levels of a text share.
#[derive(Clone, Copy)]
struct ScanContext<'t> {
    scanner: &'t Scanner,
    fingerprinter: &'t Fingerprinter,
    /// Bytes that may still be decoded or looked at twice.
    budget: &'t Cell<usize>,
    /// How often the text was decoded.
    level: u8,
}

impl ScanContext<'_> {
    /// Takes from the budget; false if it is used up.
    fn spend(&self, bytes: usize) -> bool {
        let left = self.budget.get().checked_sub(bytes);
        self.budget.set(left.unwrap_or_default());
        left.is_some()
    }
}

/// The pass over one text.
struct Scan<'t> {
    text: &'t [u8],
    context: ScanContext<'t>,
    /// The text is JSON: a quote ends a string wherever it stands.
    is_json: bool,
    edits: Vec<SecretEdit>,
    /// User-info of URLs.
    user_infos: Vec<Range<usize>>,
    /// Up to here names have been looked for.
    done: usize,
    /// Up to here strings with escapes have been decoded.
    unescaped: usize,
    /// Up to here percent escapes have been decoded.
    percent: usize,
    /// Up to here character references have been decoded.
    references: usize,
    /// Up to here the texts of elements, the values of cookies and the arguments of programs have been looked at.
    elements: usize,
    cookies: usize,
    arguments: usize,
    /// Up to here objects have been looked at in which what looks like a secret is one.
    likely: usize,
    /// The parameters that were looked at last for signs of a login, and whether there were any.
    login: (Range<usize>, bool),
}

/// Which of the 256 bytes are among these: one look at a table for each byte of a text.
pub(super) const fn table(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

/// The signs that a name or a code may stand before or behind.
const TELLING_SIGNS: [u8; 7] = *b":,=<\\%&";

/// Bytes at which a part of a URL or form ends, blanks and control characters apart.
static AROUND_URL: [bool; 256] = table(b"\"'<>\\`{}");

impl<'t> Scan<'t> {
    fn new(text: &'t [u8], context: ScanContext<'t>) -> Self {
        Self {
            text,
            context,
            is_json: is_json(text),
            edits: Vec::new(),
            user_infos: Vec::new(),
            done: 0,
            unescaped: 0,
            percent: 0,
            references: 0,
            elements: 0,
            cookies: 0,
            arguments: 0,
            likely: 0,
            login: (0..0, false),
        }
    }

    /// The text with its secrets replaced; `None` if it holds none.
    fn clean(self) -> Option<Vec<u8>> {
        let (text, fingerprinter) = (self.text, self.context.fingerprinter);
        edits::apply(text, self.edits(), fingerprinter)
    }

    /// What is to be replaced, in the order of the text.
    fn edits(mut self) -> Vec<SecretEdit> {
        if self.context.level == 0 && !self.is_json {
            self.columns();
        }
        self.names();
        self.forms();
        self.encoded_runs();
        edits::merged(self.edits, self.text)
    }

    fn names(&mut self) {
        let (mut at, mut finder) = (0, ByteFinder::new(self.text, |lanes| one_of(lanes, TELLING_SIGNS)));
        while let Some(here) = finder.next(at) {
            match self.text[here] {
                b':' => {
                    self.user_info(here);
                    self.colon(here);
                }
                b'=' => self.equals(here),
                b',' => self.comma(here),
                b'<' => self.tag(here),
                b'\\' => self.escaped_string(here),
                b'%' => self.percent_escape(here),
                _ => self.character_reference(here),
            }
            at = self.done.max(here + 1);
            // Names are not looked for in what has been looked at, URLs are.
            if at > here + 1 {
                let text = self.text;
                for colon in memchr::memchr_iter(b':', &text[here + 1..at.min(text.len())]) {
                    self.user_info(here + 1 + colon);
                }
            }
        }
    }

    /// A secret that stands at `range`, and what it is where it is written with escapes.
    fn secret(&mut self, range: Range<usize>, plain: &[u8]) {
        if !super::is_blank_or_replaced(plain) {
            self.edits.push(SecretEdit { range, with: Replacement::Fingerprint(plain.into()) });
        }
    }

    /// A secret as it stands.
    fn plain_secret(&mut self, range: Range<usize>) {
        let text = self.text;
        self.secret(range.clone(), &text[range]);
    }

    /// The secrets within the value of a header field, or of a member that logs one.
    fn field_value(&mut self, name: &[u8], range: Range<usize>, view: &DecodedPart) {
        for within in credentials::secrets_within(name, &view.text) {
            let plain = &view.text[within.clone()];
            let raw = view.range(within);
            self.secret(range.start + raw.start..range.start + raw.end, plain);
        }
    }

    /// Looks at a part of the text as it is meant.
    fn look_into(&mut self, range: Range<usize>, view: &DecodedPart) {
        let context = ScanContext { level: self.context.level + 1, ..self.context };
        for edit in Scan::new(&view.text, context).edits() {
            let raw = view.range(edit.range);
            let with = match edit.with {
                Replacement::Bytes(bytes) => Replacement::Bytes(view.encoded(bytes)),
                fingerprint @ Replacement::Fingerprint(_) => fingerprint,
            };
            self.edits.push(SecretEdit { range: range.start + raw.start..range.start + raw.end, with });
        }
    }

    /// True if a part of the text may be decoded. Where there is too much of it, it is replaced as a whole.
    fn may_decode(&mut self, range: Range<usize>) -> bool {
        if self.context.level >= MOST_LEVELS {
            return false;
        }
        let fits = range.len() <= LONGEST_PART && self.context.spend(range.len());
        if !fits {
            self.plain_secret(range);
        }
        fits
    }

    /// A string of JSON that holds a backslash at `at`.
    fn escaped_string(&mut self, at: usize) {
        if at < self.unescaped {
            return;
        }
        let start =
            memchr::memrchr(b'"', &self.text[self.unescaped..at]).map_or(self.unescaped, |q| self.unescaped + q + 1);
        let end = string_end(self.text, at);
        self.unescaped = end + 1;
        self.done = self.done.max(end);
        if !self.may_decode(start..end) {
            return;
        }
        let view = DecodedPart::of_string(&self.text[start..end]);
        let colon = self.behind_space(end + 1);
        if self.byte(end) == Some(b'"') && self.byte(colon) == Some(b':') {
            self.member(&view.text, start..end, colon + 1);
        } else {
            self.look_into(start..end, &view);
        }
    }

    /// A part of a URL or form that holds a percent escape at `at`.
    fn percent_escape(&mut self, at: usize) {
        let is_escape = self.text.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        if at < self.percent || !is_escape {
            return;
        }
        let within = |byte: u8| byte > b' ' && !AROUND_URL[usize::from(byte)];
        let start = at - self.text[self.percent..at].iter().rev().take_while(|&&byte| within(byte)).count();
        let end = at + self.run(at, within);
        self.percent = end;
        if self.may_decode(start..end) {
            let view = DecodedPart::of_percent(&self.text[start..end]);
            self.look_into(start..end, &view);
        }
    }

    /// Text of markup that holds a character reference at `at`.
    fn character_reference(&mut self, at: usize) {
        if at < self.references || views::reference(&self.text[at..]).is_none() {
            return;
        }
        let within = |byte: u8| !b"<>\"".contains(&byte);
        let start = at - self.text[self.references..at].iter().rev().take_while(|&&byte| within(byte)).count();
        let end = at + self.run(at, within);
        self.references = end;
        if self.may_decode(start..end) {
            let view = DecodedPart::of_references(&self.text[start..end]);
            self.look_into(start..end, &view);
        }
    }

    /// Number of bytes from `at` on that the test holds for.
    fn run(&self, at: usize, test: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        rest.iter().position(|&byte| !test(byte)).unwrap_or(rest.len())
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// The first place from `at` on that holds no white space.
    fn behind_space(&self, at: usize) -> usize {
        at + self.run(at, |byte| byte.is_ascii_whitespace())
    }

    /// The first place from `at` on that holds no white space, and no plus as forms have it for a blank.
    fn behind_blanks(&self, at: usize) -> usize {
        at + self.run(at, |byte| byte.is_ascii_whitespace() || byte == b'+')
    }

    /// The place behind the last byte before `at` that is no blank. So many blanks, and no more, part a name from its sign.
    fn before_space(&self, at: usize) -> usize {
        const MOST: usize = 8;
        if at > 0 && !self.text[at - 1].is_ascii_whitespace() {
            return at;
        }
        let blanks = self.text[..at].iter().rev().take(MOST).take_while(|byte| byte.is_ascii_whitespace());
        at - blanks.count()
    }
}

/// True for a text that begins like JSON, not like a script or a log.
fn is_json(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    match text.split_first() {
        Some((b'{', rest)) => matches!(rest.trim_ascii_start().first(), None | Some(b'"' | b'}')),
        Some((b'[', rest)) => {
            let next = rest.trim_ascii_start().first().copied();
            next.is_none_or(|byte| b"\"{[]-tfn".contains(&byte) || byte.is_ascii_digit())
        }
        Some((b'"', _)) => true,
        _ => false,
    }
}

/// Where a string of JSON ends: before its closing quote, or at the end of the text. `start` is within the string, and
/// not behind a backslash.
fn string_end(text: &[u8], start: usize) -> usize {
    let Some(rest) = text.get(start..) else { return text.len() };
    for at in memchr::memchr_iter(b'"', rest) {
        let slashes = rest[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
        if slashes % 2 == 0 {
            return start + at;
        }
    }
    text.len()
}

/// True for a byte of a name without quotes.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}
