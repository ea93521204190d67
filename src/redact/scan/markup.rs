//! Elements and attributes of XML and HTML.
//!
//! `<password>abc</password> | <input name="token" value="abc"> | <key>token</key><string>abc</string>`

use std::ops::Range;

use memchr::memmem;

use super::{Scan, is_name, pairs};
use crate::exchange::secrets::{NameContext, Secrecy, is_secret_value, may_be_secret, secrecy};

/// How far a tag, or the text of an element without elements in it, is looked at, in bytes.
const REACH: usize = 4096;

/// What begins and ends a text in which nothing is markup.
const CDATA: (&[u8], &[u8]) = (b"<![CDATA[", b"]]>");

impl Scan<'_> {
    /// A tag: of an element that is named like a secret, or that names the one behind it.
    pub(super) fn tag(&mut self, at: usize) {
        let text = self.text;
        let end = at + 1 + self.run(at + 1, |byte| is_name(byte) || byte == b':');
        let name = &text[at + 1..end];
        let local = name.rsplit(|&byte| byte == b':').next().unwrap_or(name);
        if !(may_be_secret(local) || pairs::may_be_label(local)) {
            return;
        }
        if pairs::is_label(local) {
            return self.named_by_element(end);
        }
        let Some(secrecy) = secrecy(local, NameContext::Member) else { return };
        let Some(open) = self.end_of_tag(end) else { return };
        if secrecy == Secrecy::IfLikely {
            let content = self.content(open);
            if is_secret_value(local, NameContext::Member, &text[content.clone()]) {
                self.plain_secret(content);
            }
            return;
        }
        // All texts up to the end of the element.
        if open < self.elements {
            return;
        }
        let close = [b"</", name].concat();
        let mut at = open;
        let most = open.saturating_add(REACH).min(text.len());
        loop {
            let content = self.content(at);
            at = content.end;
            self.elements = at;
            self.plain_secret(content);
            if at >= most || text[at..].starts_with(&close) {
                return;
            }
            let Some(next) = self.end_of_tag(at + 1) else { return };
            if text[at..].starts_with(b"</") && at == open {
                return;
            }
            at = next;
        }
    }

    /// The place behind the tag that `at` is in; `None` for one without content, and for a text that is no tag.
    fn end_of_tag(&self, at: usize) -> Option<usize> {
        let is_json = self.is_json;
        let length = self.run(at, |byte| byte != b'>' && byte != b'<' && !(is_json && matches!(byte, b'"' | b'\\')));
        let end = at + length;
        (self.byte(end) == Some(b'>') && self.text.get(end - 1) != Some(&b'/') && length <= REACH).then_some(end + 1)
    }

    /// The text from a place on up to the next tag, white space around it aside.
    fn content(&self, at: usize) -> Range<usize> {
        let is_json = self.is_json;
        let at = self.behind_space(at);
        if self.text.get(at..).is_some_and(|rest| rest.starts_with(CDATA.0)) {
            let start = at + CDATA.0.len();
            let length = memmem::find(&self.text[start..], CDATA.1).unwrap_or(self.text.len() - start);
            return start..start + length;
        }
        let end = at + self.run(at, |byte| byte != b'<' && !(is_json && matches!(byte, b'"' | b'\\')));
        at..at + self.text[at..end].trim_ascii_end().len()
    }

    /// `<name>token</name><value>abc</value>`; the name of the first element ends at `end`.
    fn named_by_element(&mut self, end: usize) {
        let text = self.text;
        let Some(open) = self.end_of_tag(end) else { return };
        let named = self.content(open);
        if !may_be_secret(&text[named.clone()]) || !text[named.end..].starts_with(b"</") {
            return;
        }
        let Some(behind) = self.end_of_tag(named.end + 1) else { return };
        let next = self.behind_space(behind);
        let name_end = next + 1 + self.run(next + 1, |byte| is_name(byte) || byte == b':');
        let Some(name) = text.get(next + 1..name_end) else { return };
        let local = name.rsplit(|&byte| byte == b':').next().unwrap_or(name);
        if self.byte(next) != Some(b'<') || !(pairs::is_value(local) || local == b"string") {
            return;
        }
        if let Some(open) = self.end_of_tag(name_end) {
            let content = self.content(open);
            self.named_elsewhere(&text[named], content);
        }
    }

    /// The value of a tag that begins at `start` and has an attribute by which it is named: another attribute, or the text
    /// of the element.
    pub(super) fn named_in_tag(&mut self, named: &[u8], start: usize) {
        let text = self.text;
        let mut at = start + 1 + self.run(start + 1, |byte| is_name(byte) || byte == b':');
        let most = start.saturating_add(REACH).min(text.len());
        while at < most {
            at = self.behind_space(at);
            let name = at..at + self.run(at, |byte| is_name(byte) || byte == b':');
            let equals = self.behind_space(name.end);
            if self.byte(equals) != Some(b'=') {
                match self.byte(name.end) {
                    Some(b'>') if name.is_empty() => {
                        let content = self.content(name.end + 1);
                        return self.named_elsewhere(named, content);
                    }
                    _ if name.is_empty() => return,
                    _ => {
                        at = name.end;
                        continue;
                    }
                }
            }
            let quote = self.behind_space(equals + 1);
            let value = match self.byte(quote) {
                Some(sign @ (b'"' | b'\'')) => quote + 1..quote + 1 + self.run(quote + 1, |byte| byte != sign),
                _ => quote..quote + self.run(quote, |byte| byte > b' ' && byte != b'>'),
            };
            at = if value.start > quote { value.end + 1 } else { value.end };
            if pairs::is_value(&text[name]) {
                return self.named_elsewhere(named, value);
            }
        }
    }
}
