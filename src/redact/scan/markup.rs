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

/// An attribute of a tag.
struct Attribute {
    name: Range<usize>,
    /// What is between its quotes, if it has some.
    value: Range<usize>,
    /// The place behind it.
    end: usize,
}

impl Scan<'_> {
    /// A tag: of an element that is named like a secret, or that names the one behind it.
    pub(super) fn tag(&mut self, at: usize) {
        let text = self.text;
        let end = at + 1 + self.run(at + 1, |byte| is_name(byte) || byte == b':');
        let name = &text[at + 1..end];
        let local = name.rsplit(|&byte| byte == b':').next().unwrap_or(name);
        if local.eq_ignore_ascii_case(b"input") {
            return self.input(end);
        }
        if !(may_be_secret(local) || pairs::may_be_label(local)) {
            return;
        }
        if pairs::is_label(local) {
            return self.named_by_element(at, end);
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

    /// `<name>token</name><value>abc</value>`, or the other way round; the tag of the element with the name begins at `start`,
    /// its name ends at `end`.
    fn named_by_element(&mut self, start: usize, end: usize) {
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
            return self.value_before(&text[named], start);
        }
        if let Some(open) = self.end_of_tag(name_end) {
            let content = self.content(open);
            self.named_elsewhere(&text[named], content);
        }
    }

    /// The element with a value that ends before the tag at `tag`.
    fn value_before(&mut self, named: &[u8], tag: usize) {
        let from = tag.saturating_sub(REACH);
        let before = self.text[from..tag].trim_ascii_end();
        let Some((close, open)) = memmem::rfind(before, b"</").and_then(|close| {
            let open = memchr::memrchr(b'>', &before[..close])?;
            Some((close, open + 1))
        }) else {
            return;
        };
        let name = before[close + 2..].strip_suffix(b">").unwrap_or_default();
        let local = name.rsplit(|&byte| byte == b':').next().unwrap_or(name);
        let content = &before[open..close];
        if !pairs::is_value(local) || content.contains(&b'<') {
            return;
        }
        let blanks = content.len() - content.trim_ascii_start().len();
        let value = from + open + blanks..from + open + blanks + content.trim_ascii().len();
        self.named_elsewhere(named, value);
    }

    /// `<input type="password" value="abc">`; the name of the element ends at `at`.
    fn input(&mut self, mut at: usize) {
        if !self.context.spend(REACH) {
            return;
        }
        let text = self.text;
        let most = at.saturating_add(REACH).min(text.len());
        let (mut is_password, mut value) = (false, None);
        while at < most
            && let Some(attribute) = self.attribute(at)
        {
            at = attribute.end;
            let name = &text[attribute.name];
            if name.eq_ignore_ascii_case(b"type") {
                is_password = text[attribute.value].eq_ignore_ascii_case(b"password");
            } else if name.eq_ignore_ascii_case(b"value") {
                value = Some(attribute.value);
            }
        }
        if let Some(value) = value.filter(|_| is_password) {
            self.plain_secret(value);
        }
    }

    /// The attribute at a place within a tag; `None` where there is none any more.
    fn attribute(&self, at: usize) -> Option<Attribute> {
        let at = self.behind_space(at);
        let name = at..at + self.run(at, |byte| is_name(byte) || byte == b':');
        let equals = self.behind_space(name.end);
        if name.is_empty() {
            return None;
        }
        if self.byte(equals) != Some(b'=') {
            return Some(Attribute { value: name.end..name.end, end: name.end, name });
        }
        let start = self.behind_space(equals + 1);
        // However long it is: a part of a secret is one, too.
        Some(match self.byte(start) {
            Some(sign @ (b'"' | b'\'')) => {
                let value = start + 1..start + 1 + self.run(start + 1, |byte| byte != sign);
                Attribute { name, end: value.end + 1, value }
            }
            _ => {
                let value = start..start + self.run(start, |byte| byte > b' ' && byte != b'>');
                Attribute { name, end: value.end, value }
            }
        })
    }

    /// The value of a tag that begins at `start` and has an attribute by which it is named: another attribute, or the text
    /// of the element.
    pub(super) fn named_in_tag(&mut self, named: &[u8], start: usize) {
        let text = self.text;
        let mut at = start + 1 + self.run(start + 1, |byte| is_name(byte) || byte == b':');
        let most = start.saturating_add(REACH).min(text.len());
        while at < most {
            let Some(attribute) = self.attribute(at) else {
                let end = self.behind_space(at);
                if self.byte(end) == Some(b'>') {
                    let content = self.content(end + 1);
                    self.named_elsewhere(named, content);
                }
                return;
            };
            at = attribute.end;
            if pairs::is_value(&text[attribute.name]) && !attribute.value.is_empty() {
                return self.named_elsewhere(named, attribute.value);
            }
        }
    }
}
