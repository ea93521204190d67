//! Names without quotes and their values: parameters of URLs and forms, attributes of markup, fields of multipart forms,
//! lines as in the head of a message or in a settings file.
//!
//! `?token=abc&x=1 | token="abc" | name="token" value="abc" | X-Api-Key: abc | DB_PASSWORD = abc`

use std::ops::Range;

use memchr::memmem;

use super::super::challenge;
use super::super::views::DecodedPart;
use super::{Scan, is_name, pairs};
use crate::exchange::secrets::{
    FieldSyntax, NameContext, Secrecy, field_syntax, is_likely_secret, is_parameter_of_login, is_secret_of_login,
    is_secret_value, may_be_secret, secrecy,
};

/// Longest name, in bytes.
const LONGEST_NAME: usize = 256;

/// How far the parameters of one URL are looked at for signs of a login, in bytes before a parameter and behind it.
const REACH: usize = 4096;

/// Longest word of a name in words, in bytes.
const LONGEST_WORD: usize = 24;

/// From so many small letters on a value in a text is hardly a word.
const LONG_WORD: usize = 16;

/// The type of the parts of a multipart form, in `Content-Disposition`.
const FORM_DATA: &[u8] = b"form-data";

/// What stands before a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preceding {
    /// The text begins with it.
    Nothing,
    /// A sign or a blank.
    Byte(u8),
    /// It is in quotes.
    Quoted,
}

/// Fewest bytes of what keeps a login and its answer together; a shorter one could be guessed.
const SHORTEST_OF_LOGIN: usize = 8;

impl Scan<'_> {
    /// An equals sign: in a URL or form, in markup, in a line.
    pub(super) fn equals(&mut self, at: usize) {
        let (text, end) = (self.text, self.before_space(at));
        // `==`, and `'token' => 'abc'`.
        let mut start = at + 1;
        let is_spaced = end < at || self.byte(start) == Some(b'>');
        match self.byte(start) {
            Some(b'=') => return,
            Some(b'>') => start += 1,
            _ => {}
        }
        if let Some(&quote @ (b'"' | b'\'')) = text[..end].last() {
            // JSON has no such sign behind a string.
            if is_spaced && let Some(name) = self.assigned_name(end - 1, quote) {
                self.assigned(&text[name], Preceding::Quoted, self.behind_space(start), at);
            }
            return;
        }
        if text[..end].ends_with(b"*") {
            return self.extended_parameter(end - 1, self.behind_space(start), at);
        }
        let from = self.done.max(end.saturating_sub(LONGEST_NAME)).min(end);
        let within = |byte: &&u8| is_name(**byte) || b"[]%:".contains(byte);
        let length = text[from..end].iter().rev().take_while(within).count();
        let name = &text[end - length..end];
        // What is percent-encoded may part names too.
        let is_encoded = memchr::memchr(b'%', name).is_some();
        let decoded = is_encoded.then(|| DecodedPart::of_percent(name).text);
        let name = decoded.as_deref().unwrap_or(name);
        let parted = name.iter().rposition(|byte| b"?&;#=".contains(byte)).map_or(0, |at| at + 1);
        let left = if parted > 0 { Some(name[parted - 1]) } else { text[..end - length].last().copied() };
        let name = &name[parted..];
        let caption = self.caption(end - length..end);
        let name = caption.map_or(name, |caption| &text[caption]);
        if name.is_empty() || !(may_be_secret(name) || pairs::may_be_label(name)) {
            return;
        }
        let left = if is_spaced { Preceding::Byte(b' ') } else { left.map_or(Preceding::Nothing, Preceding::Byte) };
        let start = if is_spaced { start + self.run(start, |byte| byte == b' ') } else { start };
        self.assigned(name, left, start, at);
    }

    /// A name whose value begins at `start`; `left` stands before it, the equals sign at `sign`.
    fn assigned(&mut self, name: &[u8], left: Preceding, start: usize, sign: usize) {
        let among_parameters = matches!(left, Preceding::Nothing | Preceding::Byte(b'?' | b'&' | b'#' | b';'));
        let quote = self.byte(start).filter(|byte| matches!(byte, b'"' | b'\''));
        if quote == Some(b'"') && self.is_json && left != Preceding::Quoted {
            // The end of a string.
            return;
        }
        if pairs::is_label(name) && !among_parameters {
            if self.context.spend(LONGEST_NAME) {
                let value = self.assigned_value(quote, start, left, LONGEST_NAME);
                self.named_by_attribute(value, sign);
            }
            return;
        }
        let context = if among_parameters { NameContext::Parameter } else { NameContext::Member };
        let secrecy = secrecy(name, context);
        if secrecy.is_none() && !(among_parameters && is_secret_of_login(name) && self.is_login(sign)) {
            return;
        }
        let value = self.assigned_value(quote, start, left, usize::MAX);
        // Where there is too much to be looked at, what may be a secret is one.
        let is_certain = secrecy == Some(Secrecy::Certain) || !self.context.spend(value.len());
        let plain = DecodedPart::of_percent(&self.text[value.clone()]).text;
        let is_caption = !among_parameters && memchr::memchr(b' ', name).is_some();
        let is_secret = match secrecy {
            _ if is_caption => is_likely_secret(&plain),
            _ if is_certain => true,
            Some(_) => is_secret_value(name, context, &plain),
            None => plain.len() >= SHORTEST_OF_LOGIN,
        };
        if !is_secret {
            return;
        }
        if let (Some(_), Some(FieldSyntax::Cookies | FieldSyntax::SetCookie)) = (quote, field_syntax(name)) {
            let view = DecodedPart::plain(&self.text[value.clone()]);
            return self.field_value(name, value, &view);
        }
        self.done = self.done.max(value.end);
        self.secret(value, &plain);
    }

    /// The value that begins at `start`, or behind its quote; of a longer one the first `most` bytes.
    fn assigned_value(&self, quote: Option<u8>, start: usize, left: Preceding, most: usize) -> Range<usize> {
        let run = |start: usize, within: &dyn Fn(u8) -> bool| {
            self.text.get(start..).unwrap_or_default().iter().take(most).take_while(|byte| within(**byte)).count()
        };
        if let Some(quote) = quote {
            let end = start + 1 + run(start + 1, &|byte| byte != quote && !(self.is_json && byte == b'"'));
            return start + 1..end;
        }
        let end = start + run(start, &|byte| byte > b' ' && !b"&#;\"'<>\\`".contains(&byte));
        // `/path;jsessionid=abc?query`
        let in_path = memchr::memchr(b'?', &self.text[start..end]).filter(|_| left == Preceding::Byte(b';'));
        start..in_path.map_or(end, |at| start + at)
    }

    /// True if one of the parameters around a sign is one that only logins have.
    fn is_login(&mut self, sign: usize) -> bool {
        if !self.login.0.contains(&sign) {
            let within = |byte: &u8| *byte > b' ' && !b"\"'<>\\`".contains(byte);
            let text = self.text;
            let before = text[..sign].iter().rev().take(REACH).take_while(|byte| within(byte)).count();
            let behind = text[sign..].iter().take(REACH).take_while(|byte| within(byte)).count();
            let range = sign - before..sign + behind;
            let mut names = text[range.clone()].split(|byte| b"?&#;".contains(byte));
            let is_login = |pair: &[u8]| pair.split(|&byte| byte == b'=').next().is_some_and(is_parameter_of_login);
            self.login = (range.clone(), names.any(is_login));
        }
        self.login.1
    }

    /// `name*=UTF-8''token` in the head of a part of a multipart form (RFC 8187). The name of the parameter ends at `end`, its
    /// value begins at `start`.
    fn extended_parameter(&mut self, end: usize, start: usize, sign: usize) {
        let text = self.text;
        let name = &text[end.saturating_sub(b"name".len())..end];
        if !name.eq_ignore_ascii_case(b"name") || !self.context.spend(LONGEST_NAME) {
            return;
        }
        let within = |byte: &&u8| byte.is_ascii_graphic() && **byte != b';';
        let length = text[start.min(text.len())..].iter().take(LONGEST_NAME).take_while(within).count();
        let mut parts = text[start.min(text.len())..][..length].splitn(3, |&byte| byte == b'\'');
        if let Some(named) = parts.nth(2) {
            self.named_by_parameter(&DecodedPart::of_percent(named).text, sign);
        }
    }

    /// `name="token"` in a tag, or in the head of a part of a multipart form.
    fn named_by_attribute(&mut self, named: Range<usize>, sign: usize) {
        let text = self.text;
        let named = &text[named];
        if !may_be_secret(named) || self.named_by_parameter(named, sign) || self.is_json {
            return;
        }
        let before = &text[sign.saturating_sub(REACH)..sign];
        if let Some(tag) = memchr::memrchr2(b'<', b'>', before).filter(|&at| before[at] == b'<') {
            self.named_in_tag(named, sign - before.len() + tag);
        }
    }

    /// `name="token"` in the head of a part of a multipart form. True if there is nothing more to be looked for.
    fn named_by_parameter(&mut self, named: &[u8], sign: usize) -> bool {
        if !self.context.spend(2 * REACH) {
            return true;
        }
        let before = &self.text[sign.saturating_sub(REACH)..sign];
        // A header field goes on in the next line, if that begins with a blank.
        let mut start = before.len();
        loop {
            start = memchr::memrchr(b'\n', &before[..start]).unwrap_or_default();
            if start == 0 || !matches!(before.get(start + 1), Some(b' ' | b'\t')) {
                break;
            }
        }
        let is_part = before[start..].windows(FORM_DATA.len()).any(|window| window.eq_ignore_ascii_case(FORM_DATA));
        if is_part {
            self.part_of_form(named, sign);
        }
        is_part
    }

    /// The part of a multipart form in whose head `head` stands.
    fn part_of_form(&mut self, named: &[u8], head: usize) {
        let behind = &self.text[head..(head + REACH).min(self.text.len())];
        let blank = [&b"\r\n\r\n"[..], b"\n\n"];
        let start = blank.iter().filter_map(|blank| Some(memmem::find(behind, blank)? + blank.len())).min();
        let Some(start) = start.map(|at| head + at) else { return };
        let rest = &self.text[start..];
        let ends = [&b"\r\n--"[..], b"\n--"];
        let end = ends.iter().filter_map(|end| memmem::find(rest, end)).min().unwrap_or(rest.len());
        let value = start..start + end;
        if is_secret_value(named, NameContext::Parameter, &self.text[value.clone()]) {
            self.done = self.done.max(value.end);
            self.plain_secret(value);
        }
    }

    /// `name: value` as in the head of a message or in a settings file, within a text. The colon stands at `at`.
    pub(super) fn line(&mut self, at: usize) {
        let text = self.text;
        let from = self.done.max(at.saturating_sub(LONGEST_NAME)).min(at);
        let length = text[from..at].iter().rev().take_while(|byte| is_name(**byte) || b"[]".contains(byte)).count();
        let name = &text[at - length..at];
        if matches!(name, b"http" | b"https") {
            return;
        }
        if let Some(syntax) = syntax_of_line(name) {
            return self.field_of_line(name, syntax, at);
        }
        // Behind a scheme it has been looked for.
        if length > 0 && text[..at - length].ends_with(b"//") && !text[..at - length].ends_with(b"://") {
            self.user_info_of_host(at - length);
        }
        let caption = self.caption(at - length..at);
        let name = caption.clone().map_or(name, |caption| &text[caption]);
        let Some(secrecy) = may_be_secret(name).then(|| secrecy(name, NameContext::Member)).flatten() else { return };
        let start = at + 1 + self.run(at + 1, |byte| byte == b' ' || byte == b'+');
        let before = text[..at - length].iter().rev().find(|byte| !matches!(byte, b' ' | b'\t' | b'-'));
        let begins_line = before.is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b'{'));
        if begins_line && caption.is_none() && secrecy == Secrecy::Certain && self.block(at - length, start) {
            return;
        }
        if self.byte(start).is_some_and(|byte| byte == b'\'' || byte == b'"' && !self.is_json) {
            if let Some(value) = self.quoted(start)
                && is_secret_value(name, NameContext::Member, &text[value.clone()])
                && (caption.is_none() || is_likely_secret(&text[value.clone()]))
            {
                self.done = self.done.max(value.end);
                self.plain_secret(value);
            }
            return;
        }
        // A name that words don't look like, or one that stands where a line begins.
        let is_field = || {
            name.iter().any(|byte| matches!(byte, b'-' | b'_')) || field_syntax(name) == Some(FieldSyntax::Credentials)
        };
        let is_sure = secrecy == Secrecy::Certain && caption.is_none() && (begins_line || is_field());
        self.word(name, start, is_sure);
    }

    /// A name in words, such as `API key`, whose last word is none of a secret by itself. `word` is where that stands.
    fn caption(&self, word: Range<usize>) -> Option<Range<usize>> {
        /// Words before the last one.
        const WORDS: usize = 2;
        let text = self.text;
        if text[..word.start].last() != Some(&b' ') || !may_be_secret(&text[word.clone()]) {
            return None;
        }
        let mut start = word.start;
        for _ in 0..WORDS {
            let before = &text[start.saturating_sub(LONGEST_WORD + 1)..start];
            let Some((b' ', before)) = before.split_last() else { break };
            let length = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
            if !(1..LONGEST_WORD).contains(&length) {
                break;
            }
            start -= length + 1;
        }
        let is_secret = |name: Range<usize>| secrecy(&text[name], NameContext::Member).is_some();
        (start < word.start && is_secret(start..word.end) && !is_secret(word.clone())).then_some(start..word.end)
    }

    /// The value of a line, which ends at a blank. Of one that is not sure to be a secret the look decides.
    fn word(&mut self, name: &[u8], start: usize, is_sure: bool) {
        let end = start + self.run(start, |byte| byte.is_ascii_graphic() && !b"\"'\\<>,;".contains(&byte));
        let value = &self.text[start..end];
        let schemes = [&b"bearer"[..], b"basic", b"digest", b"token", b"apikey", b"dpop"];
        if matches!(self.byte(end), Some(b' ' | b'+')) && schemes.iter().any(|known| value.eq_ignore_ascii_case(known))
        {
            let behind = end + self.run(end, |byte| byte == b' ' || byte == b'+');
            if value.eq_ignore_ascii_case(b"digest") && self.has_parameter(behind) {
                return self.parameters_of_digest(behind);
            }
            return self.word(name, behind, is_sure);
        }
        // A word of a sentence: "send Authorization: Bearer and a token".
        let is_word = value.len() < LONG_WORD && value.iter().all(u8::is_ascii_lowercase);
        let is_secret = if is_sure { !is_word } else { is_likely_secret(value) };
        if is_secret && is_secret_value(name, NameContext::Member, value) {
            self.plain_secret(start..end);
        }
    }

    /// Cookies or a challenge, up to the end of the line or of the string.
    fn field_of_line(&mut self, name: &[u8], syntax: FieldSyntax, colon: usize) {
        let start = colon + 1 + self.run(colon + 1, |byte| byte == b' ');
        if start < self.cookies {
            return;
        }
        let end = self.end_of_line(start);
        self.cookies = end;
        // "Cookies: we use them" is none of a message; a cookie without a name is known by its look.
        if syntax != FieldSyntax::Challenge && memchr::memchr(b'=', &self.text[start..end]).is_none() {
            return self.cookies_without_names(start..end);
        }
        let view = DecodedPart::plain(&self.text[start..end]);
        self.field_value(name, start..end, &view);
    }

    /// The end of the line that goes on at `start`, or of the string.
    fn end_of_line(&self, start: usize) -> usize {
        let is_json = self.is_json;
        let ends = |byte| matches!(byte, b'\n' | b'\r') || is_json && matches!(byte, b'"' | b'\\');
        start + self.run(start, |byte| !ends(byte))
    }

    fn cookies_without_names(&mut self, line: Range<usize>) {
        let text = self.text;
        let mut start = line.start;
        for item in text[line].split(|&byte| byte == b';') {
            let first = start + item.len() - item.trim_ascii_start().len();
            let within = |byte: &&u8| byte.is_ascii_graphic() && !b"\"'\\<>,".contains(byte);
            let end = first + text[first..start + item.len()].iter().take_while(within).count();
            if is_likely_secret(&text[first..end]) {
                self.plain_secret(first..end);
            }
            start += item.len() + 1;
        }
    }

    /// True if a parameter, such as `username="bob"`, begins at `start`.
    fn has_parameter(&self, start: usize) -> bool {
        let name = self.run(start, is_name);
        name > 0 && self.byte(start + name) == Some(b'=') && !matches!(self.byte(start + name + 1), None | Some(b'='))
    }

    /// The answer to a challenge, up to the end of the line: `username="bob", nonce="abc", response="def"`.
    fn parameters_of_digest(&mut self, start: usize) {
        if start < self.cookies {
            return;
        }
        let (text, end) = (self.text, self.end_of_line(start));
        self.cookies = end;
        let mut at = start;
        while let Some(sign) = memchr::memchr(b'=', &text[at..end]).map(|sign| at + sign) {
            let length = text[at..sign].iter().rev().take_while(|byte| is_name(**byte)).count();
            let quoted = text[..end].get(sign + 1) == Some(&b'"');
            let first = sign + 1 + usize::from(quoted);
            let within = |byte: &&u8| if quoted { **byte != b'"' } else { byte.is_ascii_graphic() && **byte != b',' };
            let value = first..first + text[first..end].iter().take_while(within).count();
            let is_value = quoted || is_likely_secret(&text[value.clone()]);
            if is_value && challenge::is_secret_parameter(&text[sign - length..sign]) {
                self.plain_secret(value.clone());
            }
            at = value.end;
        }
    }
}

/// How the rest of a line is written that begins with this name.
fn syntax_of_line(name: &[u8]) -> Option<FieldSyntax> {
    let last = name.last()?.to_ascii_lowercase();
    // Of cookies, of challenges and what follows them.
    let may_be = b"eso2".contains(&last) && name.len() >= 6;
    may_be.then(|| field_syntax(name)).flatten().filter(|syntax| *syntax != FieldSyntax::Credentials)
}
