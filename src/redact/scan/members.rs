//! Names in quotes and their values: JSON, and what programs print of their objects.
//!
//! `"access_token": "abc" | 'token' => 'abc' | "cookies": [{"name": "sid", "value": "abc"}] | ["X-Api-Key", "abc"]`

use std::ops::Range;

use super::super::credentials::secret_of;
use super::super::views::DecodedPart;
use super::edits::{Replacement, SecretEdit};
use super::{Scan, is_name, pairs, string_end};
use crate::exchange::secrets::{
    Endings, FieldSyntax, NameContext, Secrecy, field_syntax, holds_secrets, is_likely_secret, is_secret_value,
    may_be_secret, may_be_secret_member, secrecy,
};

/// Longest name, in bytes, with what stands in brackets behind it.
const LONGEST_NAME: usize = 256;

/// Which strings within a value are secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SecretStrings {
    /// All of them.
    Everything,
    /// Those that look like one, and each `value` of a cookie.
    Cookies,
}

/// The private members of a JSON Web Key (RFC 7518), and that which each key has.
const PRIVATE_MEMBERS: [&[u8]; 7] = [b"d", b"p", b"q", b"dp", b"dq", b"qi", b"k"];
const KEY_TYPE: &str = "kty";

/// False for most names that are none of a challenge, by their end.
fn may_be_challenge(name: &[u8]) -> bool {
    // Most have another last letter.
    if !name.last().is_some_and(|last| matches!(last | 0x20, b'e' | b'o')) {
        return false;
    }
    let ending = name.last_chunk::<6>().map(|ending| ending.map(|byte| byte.to_ascii_lowercase()));
    ending.is_some_and(|ending| {
        ending == *b"ticate" || ending == *b"n-info" || ending == *b"n_info" || ending == *b"oninfo"
    })
}

/// How names of members end that mean a secret, name another member, or are those of a challenge.
static TELLING: Endings =
    Endings::OF_SECRETS.with(&pairs::LABELS).with(&["certificate", "authenticate", "info", KEY_TYPE]);

/// False for nearly all members that are of no interest; `before` is the text before the quote that ends the name.
fn may_be_telling_member(before: &[u8], quote: u8) -> bool {
    TELLING.may_hold(before).unwrap_or_else(|| {
        let name = before.iter().rev().take_while(|&&byte| byte != quote);
        pairs::may_be_label(before) || may_be_challenge(before) || may_be_secret_member(name)
    })
}

/// False for most names that are none of a secret in a header field, a parameter or a member.
fn may_be_telling(before: &[u8]) -> bool {
    before.last().is_some_and(|last| b"eyrdmkv".contains(&last.to_ascii_lowercase()))
        || may_be_secret(before)
        || may_be_challenge(before)
}

impl Scan<'_> {
    /// A colon: behind the name of a member, or in a line of a text.
    pub(super) fn colon(&mut self, at: usize) {
        let end = self.before_space(at);
        match end.checked_sub(1).map(|last| self.text[last]) {
            Some(quote @ (b'"' | b'\'')) => {
                if may_be_telling_member(&self.text[..end - 1], quote)
                    && let Some(name) = self.quoted_name(end - 1, quote)
                    && !(quote == b'\'' && self.ends_string(self.behind_space(at + 1)))
                {
                    self.named(name, at + 1);
                }
            }
            Some(byte) if (is_name(byte) || byte == b']') && end == at => self.line(at),
            _ => {}
        }
    }

    /// True if a string of JSON ends at `at`, where a value would begin in a text that is none.
    fn ends_string(&self, at: usize) -> bool {
        let is_sign = |byte| matches!(byte, b',' | b':' | b']' | b'}');
        self.is_json && self.byte(at) == Some(b'"') && self.byte(self.behind_space(at + 1)).is_none_or(is_sign)
    }

    /// The name in quotes whose closing one stands at `end`. One with escapes is not among them: it is looked at as a string
    /// with escapes.
    fn quoted_name(&self, end: usize, quote: u8) -> Option<Range<usize>> {
        let from = end.saturating_sub(LONGEST_NAME);
        let before = &self.text[from..end];
        if before.last() == Some(&b'\\') {
            return None;
        }
        let start = from + memchr::memrchr(quote, before)? + 1;
        let is_escaped = start >= 2 && self.text[start - 2] == b'\\';
        (!is_escaped && start < end).then_some(start..end)
    }

    /// The name in quotes of something that is assigned to it; `None` for most that name nothing of interest.
    pub(super) fn assigned_name(&self, end: usize, quote: u8) -> Option<Range<usize>> {
        may_be_telling(&self.text[..end]).then(|| self.quoted_name(end, quote)).flatten()
    }

    fn named(&mut self, name: Range<usize>, behind: usize) {
        let text = self.text;
        self.member(&text[name.clone()], name, behind);
    }

    /// The member of a name that stands in quotes at `place`; its value follows at `behind`, perhaps after blanks.
    pub(super) fn member(&mut self, name: &[u8], place: Range<usize>, behind: usize) {
        let at = self.behind_data_field(self.behind_blanks(behind));
        if pairs::may_be_label(name) && pairs::is_label(name) {
            return self.label(place, at);
        }
        if may_be_challenge(name) && field_syntax(name) == Some(FieldSyntax::Challenge) {
            return self.value(name, Some(FieldSyntax::Challenge), at);
        }
        if name == KEY_TYPE.as_bytes() {
            return self.web_key(place.start - 1);
        }
        let Some(secrecy) = secrecy(name, NameContext::Member) else { return };
        let syntax = field_syntax(name);
        match self.byte(at) {
            Some(b'"' | b'\'') => self.value(name, syntax, at),
            Some(b'{' | b'[') if secrecy == Secrecy::Certain => self.container(name, at, SecretStrings::Everything),
            Some(b'{' | b'[') if matches!(syntax, Some(FieldSyntax::Cookies | FieldSyntax::SetCookie)) => {
                self.container(name, at, SecretStrings::Cookies);
            }
            Some(b'{' | b'[') => self.likely_strings(name, at),
            Some(b'-' | b'0'..=b'9') => {
                let end = at + self.run(at, |byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
                if is_secret_value(name, NameContext::Member, &self.text[at..end]) {
                    self.number(at..end);
                }
            }
            _ => {}
        }
    }

    /// The place behind the name of a field, if one of an event stream begins there: its data may go on in another line.
    fn behind_data_field(&self, at: usize) -> usize {
        const NAME: &[u8] = b"data:";
        let is_one = self.byte(at) == Some(NAME[0]) && self.text[at..].starts_with(NAME);
        if is_one && self.text[..at].ends_with(b"\n") { self.behind_blanks(at + NAME.len()) } else { at }
    }

    /// The value in quotes that begins at `quote`.
    fn value(&mut self, name: &[u8], syntax: Option<FieldSyntax>, quote: usize) {
        let Some(range) = self.quoted(quote) else { return };
        let view = self.view(range.clone());
        let plain = view.text.as_slice();
        match syntax {
            Some(FieldSyntax::Cookies | FieldSyntax::SetCookie | FieldSyntax::Challenge)
                if memchr::memchr(b'=', plain).is_some() || syntax == Some(FieldSyntax::Challenge) =>
            {
                self.field_value(name, range.clone(), &view);
            }
            _ => {
                let secret = secret_of(name, plain);
                if !is_secret_value(name, NameContext::Member, secret) {
                    return;
                }
                let within = view.range(plain.len() - secret.len()..plain.len());
                self.secret(range.start + within.start..range.start + within.end, secret);
            }
        }
        self.done = self.done.max(range.end);
        self.unescaped = self.unescaped.max(range.end + 1);
    }

    /// What is between the quotes of a string that begins at `quote`; `None` if there is none.
    pub(super) fn quoted(&self, quote: usize) -> Option<Range<usize>> {
        let start = quote + 1;
        match self.byte(quote)? {
            b'"' => Some(start..string_end(self.text, start)),
            b'\'' => Some(start..start + self.run(start, |byte| !b"'\n\"".contains(&byte))),
            _ => None,
        }
    }

    /// A part of the text, decoded if it has escapes of a string.
    pub(super) fn view(&self, range: Range<usize>) -> DecodedPart {
        let raw = &self.text[range];
        if memchr::memchr(b'\\', raw).is_some() { DecodedPart::of_string(raw) } else { DecodedPart::plain(raw) }
    }

    /// A number stays a number.
    pub(super) fn number(&mut self, range: Range<usize>) {
        self.done = self.done.max(range.end);
        if &self.text[range.clone()] != b"0" {
            self.edits.push(SecretEdit { range, with: Replacement::Bytes(b"0".to_vec()) });
        }
    }

    /// The strings and numbers within an array or object, but for the names of members.
    fn container(&mut self, name: &[u8], start: usize, which: SecretStrings) {
        if which == SecretStrings::Cookies && start < self.cookies {
            return;
        }
        let (mut depth, mut at) = (0_usize, start);
        let mut is_value = false;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'"' => {
                    let range = at + 1..string_end(self.text, at + 1);
                    at = range.end;
                    if self.byte(self.behind_space(range.end + 1)) == Some(b':') && self.byte(range.end) == Some(b'"') {
                        is_value = &self.text[range] == b"value";
                    } else {
                        let view = self.view(range.clone());
                        if which == SecretStrings::Cookies && !is_value && memchr::memchr(b'=', &view.text).is_some() {
                            self.field_value(name, range, &view);
                            continue;
                        }
                        let secret = secret_of(name, &view.text);
                        let within = view.range(view.text.len() - secret.len()..view.text.len());
                        if which == SecretStrings::Everything
                            || (which == SecretStrings::Cookies && is_value)
                            || is_likely_secret(secret)
                        {
                            self.secret(range.start + within.start..range.start + within.end, secret);
                        }
                        is_value = false;
                    }
                }
                b'-' | b'0'..=b'9' => {
                    let end = at + self.run(at, |byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
                    if which == SecretStrings::Everything {
                        self.number(at..end);
                    }
                    at = end - 1;
                }
                _ => {}
            }
            at += 1;
        }
        let end = at.min(self.text.len());
        if which == SecretStrings::Cookies {
            self.cookies = end;
        }
        if which == SecretStrings::Everything {
            self.done = self.done.max(end);
            self.unescaped = self.unescaped.max(end);
        }
    }

    /// The private members of a JSON Web Key; the name of one of its members opens at `quote`.
    fn web_key(&mut self, quote: usize) {
        if !self.context.spend(pairs::REACH) {
            return;
        }
        let text = self.text;
        let members = self.object_around(quote).unwrap_or_default();
        for member in members.iter().filter(|member| PRIVATE_MEMBERS.contains(&&text[member.name.clone()])) {
            if member.is_string {
                self.plain_secret(member.value.clone());
            }
        }
    }

    /// The strings that look like secrets within an array or object whose name may be an ordinary word: the elements of an
    /// array, the members of an object, and where names of people's secrets stand, as in `auth`, all that is within.
    ///
    /// An object of the models or of another vocabulary has members such as `@type`: nothing in it is one.
    fn likely_strings(&mut self, name: &[u8], start: usize) {
        /// Members that identify what others know too.
        const IDENTIFIERS: [&[u8]; 2] = [b"identifier", b"propertyID"];
        if start < self.likely || self.context.budget.get() == 0 {
            return;
        }
        let is_deep = holds_secrets(name);
        // How many edits there were where each object that is open began, and how many are open around what is none of ours.
        let mut open: Vec<usize> = Vec::new();
        let mut vocabulary = usize::MAX;
        let (mut at, mut is_identifier) = (start, false);
        while let Some(byte) = self.byte(at) {
            match byte {
                b'{' | b'[' => {
                    open.push(self.edits.len());
                    is_identifier = false;
                    if !is_deep && open.len() > 1 && self.byte(start) == Some(b'[') {
                        break;
                    }
                }
                b'}' | b']' => {
                    open.pop();
                    if open.is_empty() {
                        break;
                    }
                    if open.len() < vocabulary {
                        vocabulary = usize::MAX;
                    }
                }
                b'"' => {
                    let range = at + 1..string_end(self.text, at + 1);
                    at = range.end;
                    if self.byte(range.end) == Some(b'"') && self.byte(self.behind_space(range.end + 1)) == Some(b':') {
                        let name = &self.text[range];
                        is_identifier = IDENTIFIERS.contains(&name);
                        if name.starts_with(b"@") && open.len() < vocabulary {
                            vocabulary = open.len();
                            self.edits.truncate(open.last().copied().unwrap_or_default());
                        }
                    } else if !is_identifier && open.len() < vocabulary && (is_deep || open.len() == 1) {
                        let view = self.view(range.clone());
                        let secret = secret_of(name, &view.text);
                        if is_likely_secret(secret) {
                            let within = view.range(view.text.len() - secret.len()..view.text.len());
                            self.secret(range.start + within.start..range.start + within.end, secret);
                        }
                    }
                }
                b',' if self.byte(start) == Some(b'{') => is_identifier = false,
                _ => {}
            }
            at += 1;
        }
        let end = at.min(self.text.len());
        self.context.spend(end - start);
        if is_deep {
            self.likely = end;
        }
    }

    /// A comma between two strings of a list, of which the first may name the second: `["X-Api-Key", "abc"]`, `('X-Api-Key', 'abc')`.
    pub(super) fn comma(&mut self, at: usize) {
        let end = self.before_space(at);
        let Some((&sign @ (b'"' | b'\''), before)) = self.text[..end].split_last() else { return };
        // Most strings name nothing, and that costs least.
        if !may_be_telling(before) {
            return;
        }
        let quote = self.behind_space(at + 1);
        if self.byte(quote) != Some(sign) {
            return;
        }
        let Some(value) = self.quoted(quote) else { return };
        // Most commas have the name of a member behind them.
        if !matches!(self.byte(self.behind_space(value.end + 1)), Some(b',' | b']' | b')')) {
            return;
        }
        let Some(name) = self.quoted_name(end - 1, sign) else { return };
        let before = self.before_space(name.start - 1);
        if !before.checked_sub(1).is_some_and(|last| matches!(self.text[last], b'[' | b',' | b'(')) {
            return;
        }
        let (name, view) = (&self.text[name], self.view(value.clone()));
        // Words of a list may be anything.
        if field_syntax(name).is_some() || is_likely_secret(secret_of(name, &view.text)) {
            self.named_elsewhere(name, value);
        }
    }

    /// A value whose name stands in another place, as that of a header field or a parameter. Where only a header field
    /// or a parameter of that name is a secret, the value decides.
    pub(super) fn named_elsewhere(&mut self, name: &[u8], value: Range<usize>) {
        let view = self.view(value.clone());
        if let Some(FieldSyntax::Cookies | FieldSyntax::SetCookie | FieldSyntax::Challenge) = field_syntax(name)
            && memchr::memchr(b'=', &view.text).is_some()
        {
            self.field_value(name, value, &view);
            return;
        }
        let secret = secret_of(name, &view.text);
        if pairs::is_secret_pair(name, secret) {
            let within = view.range(view.text.len() - secret.len()..view.text.len());
            self.secret(value.start + within.start..value.start + within.end, secret);
        }
    }
}
