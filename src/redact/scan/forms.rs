//! What is a secret by its form: tokens, credentials behind the name of their scheme, private keys, user-info of URLs,
//! what programs are given on their command line.

use memchr::memmem;

use super::super::credentials::is_basic;
use super::Scan;
use super::encoded::is_base64;
use crate::exchange::secrets::is_secret;

/// How what is looked for begins. It is spelled out, not matched in any case, and has three bytes and more, since that lets it
/// be found ten times as fast. Nor is it among these what most texts have many of: user-info is found by the colon before it.
pub(super) const FORMS: [&str; 12] = [
    "eyJ",
    "earer ",
    "EARER ",
    "earer+",
    "DPoP ",
    "asic ",
    "ASIC ",
    "asic+",
    "PRIVATE KEY",
    "curl ",
    "Private-Lines: ",
    "machine ",
];

/// What begins an option of a program.
pub(super) const OPTION: &str = "--";

/// The bytes of a user name and a password before the host of a URL.
static OF_USER_INFO: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        table[byte as usize] = !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'\\');
        byte += 1;
    }
    table
};

/// Fewest bytes of a token behind the name of a scheme; shorter ones may be words.
const SHORTEST_TOKEN: usize = 16;

/// Longest command line that is looked at, in bytes.
const LONGEST_COMMAND: usize = 8 << 10;

impl Scan<'_> {
    pub(super) fn forms(&mut self) {
        let (scanner, text) = (self.context.scanner, self.text);
        for range in std::mem::take(&mut self.user_infos) {
            self.plain_secret(range);
        }
        for option in scanner.option.find_iter(text) {
            self.option(option);
        }
        // Up to here no JSON Web Token begins any more.
        let mut no_token = 0;
        for form in scanner.forms.find_iter(self.text) {
            match form.pattern().as_usize() {
                0 if form.start() >= no_token => no_token = self.web_token(form.start()),
                1..=4 => self.scheme(form.end(), false),
                5..=7 => self.scheme(form.end(), true),
                8 => self.private_key(form.start()),
                9 => self.command(form.end()),
                10 => self.putty_key(form.end()),
                11 => self.netrc(form.end()),
                _ => {}
            }
        }
    }

    /// JSON Web Tokens, signed or encrypted: base64url parts with dots between, the first one a JSON object. One whose
    /// end is cut off is known by the length of its first part. Gives the place up to which no other one begins.
    fn web_token(&mut self, start: usize) -> usize {
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let head = start + self.run(start, base64);
        let end = head + self.run(head, |byte| base64(byte) || byte == b'.');
        let is_dotted = head - start >= 10 && self.byte(head) == Some(b'.') && self.byte(head + 1).is_some_and(base64);
        let is_cut_off = end == self.text.len() && end - start >= 16 && self.context.level == 0;
        if is_dotted || is_cut_off {
            self.plain_secret(start..end);
            return end;
        }
        // A later start in the same run of letters has the same end, which made this one none.
        head
    }

    /// Credentials behind the name of their scheme, in any text.
    fn scheme(&mut self, start: usize, basic: bool) {
        let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let end = start + self.run(start, in_token);
        let token = &self.text[start..end];
        if if basic { is_basic(token) } else { token.len() >= SHORTEST_TOKEN } {
            self.plain_secret(start..end);
        }
    }

    /// A private key in PEM: what is between its first line and its last one.
    fn private_key(&mut self, at: usize) {
        const REACH: usize = 64;
        let before = &self.text[at.saturating_sub(REACH)..at];
        let begins = memmem::rfind(before, b"BEGIN").is_some_and(|begin| {
            before[begin..].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ')
        });
        if !begins {
            return;
        }
        let words = at + self.run(at, |byte| byte.is_ascii_uppercase() || byte == b' ');
        let start = words + self.run(words, |byte| byte == b'-');
        let in_key =
            |byte: u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=\\:,.".contains(&byte);
        let mut end = start;
        // A hyphen is the end, but for one in the head of an encrypted key.
        loop {
            end += self.run(end, in_key);
            if self.byte(end) != Some(b'-') || self.byte(end + 1) == Some(b'-') || start == words {
                break;
            }
            end += 1;
        }
        let text = &self.text[start..end];
        let key = text.trim_ascii();
        let first = start + (text.len() - text.trim_ascii_start().len());
        self.plain_secret(first..first + key.len());
    }

    /// The lines of a private key as PuTTY writes it, behind the number of them.
    fn putty_key(&mut self, at: usize) {
        let start = at + self.run(at, |byte| byte.is_ascii_digit());
        let first = self.behind_space(start);
        let key = &self.text[first..];
        let length = key.iter().take_while(|&&byte| is_base64(byte) || b"=\r\n".contains(&byte)).count();
        let lines = &key[..length];
        // The last word is the name in the line behind them.
        let last = memchr::memrchr(b'\n', lines).map_or(0, |end| end + 1);
        let length = if key.get(length) == Some(&b':') { last } else { length };
        self.plain_secret(first..first + key[..length].trim_ascii_end().len());
    }

    /// `machine a.example login bob password abc`, as in a file `.netrc`; the name of the machine follows at `at`.
    fn netrc(&mut self, at: usize) {
        let word = |at: usize| {
            let start = self.behind_space(at);
            start..start + self.run(start, |byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
        };
        let text = self.text;
        let machine = word(at);
        let login = word(machine.end);
        let user = word(login.end);
        let password = word(user.end);
        let value = word(password.end);
        if &text[login] == b"login" && &text[password] == b"password" {
            self.plain_secret(value);
        }
    }

    /// The user-info of a URL whose colon stands at `colon`, if it has one.
    pub(super) fn user_info(&mut self, colon: usize) {
        let start = colon + 3;
        if self.text.get(colon + 1..start) == Some(b"//") {
            self.user_info_of_host(start);
        }
    }

    /// The user-info before the host of a URL, with a scheme or without.
    pub(super) fn user_info_of_host(&mut self, start: usize) {
        let mut sign = None;
        for (at, &byte) in self.text[start..].iter().enumerate() {
            if byte == b'@' {
                sign = Some(start + at);
            } else if !OF_USER_INFO[usize::from(byte)] {
                break;
            }
        }
        if let Some(sign) = sign {
            self.user_infos.push(start..sign);
        }
    }

    /// `-u user:password` and `-b cookies` of curl, up to the end of the line.
    fn command(&mut self, start: usize) {
        if start < self.arguments {
            return;
        }
        let is_json = self.is_json;
        let within = |byte: &&u8| **byte != b'\n' && !(is_json && matches!(byte, b'"' | b'\\'));
        let end = start + self.text[start..].iter().take(LONGEST_COMMAND).take_while(within).count();
        self.arguments = end;
        let mut at = start;
        while let Some(next) = self.text.get(at..end).and_then(|rest| memchr::memchr(b'-', rest)) {
            let option = at + next;
            at = option + 2;
            let begins = self.text[..option].last().is_some_and(u8::is_ascii_whitespace);
            match self.byte(option + 1) {
                Some(b'u' | b'U') if begins => self.argument(at, end, OptionArgument::User),
                Some(b'b') if begins => self.argument(at, end, OptionArgument::Cookies),
                _ => {}
            }
        }
    }

    /// `--user name:password`, `--oauth2-bearer abc`, `--password abc`.
    fn option(&mut self, at: usize) {
        let start = at + 2;
        let end = start + self.run(start, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let begins = self.text[..at].last().is_none_or(|byte| byte.is_ascii_whitespace() || b"\"'".contains(byte));
        let name = &self.text[start..end];
        if !begins || name.is_empty() || !matches!(self.byte(end), Some(b' ' | b'=')) {
            return;
        }
        let argument = match name {
            b"user" | b"proxy-user" => OptionArgument::User,
            b"cookie" => OptionArgument::Cookies,
            b"oauth2-bearer" | b"pass" => OptionArgument::Secret,
            _ if is_secret(name) => OptionArgument::Secret,
            _ => return,
        };
        let most = end.saturating_add(LONGEST_COMMAND).min(self.text.len());
        self.argument(end + 1, most, argument);
    }

    /// The argument of an option, which may stand in quotes.
    fn argument(&mut self, at: usize, most: usize, argument: OptionArgument) {
        let start = at + self.run(at, |byte| byte == b' ');
        let is_json = self.is_json;
        let value = match self.byte(start) {
            Some(quote @ (b'"' | b'\'')) if !(is_json && quote == b'"') => {
                start + 1..start + 1 + self.run(start + 1, |byte| byte != quote && !(is_json && byte == b'"'))
            }
            _ => start..start + self.run(start, |byte| byte > b' ' && !b"\"'\\<>".contains(&byte)),
        };
        if value.end > most {
            return;
        }
        let text = &self.text[value.clone()];
        match argument {
            OptionArgument::Secret if text.first() != Some(&b'-') => self.plain_secret(value),
            OptionArgument::User => {
                if let Some(colon) = memchr::memchr(b':', text) {
                    self.plain_secret(value.start + colon + 1..value.end);
                }
            }
            OptionArgument::Cookies if memchr::memchr(b'=', text).is_some() => {
                let view = super::super::views::DecodedPart::plain(text);
                self.field_value(b"cookie", value, &view);
            }
            _ => {}
        }
    }
}

/// What the argument of an option holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OptionArgument {
    /// A secret.
    Secret,
    /// A name, a colon, a password.
    User,
    /// Cookies, or the name of a file with them.
    Cookies,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes)] // One form for all rows of a table.

    use crate::redact::scan::tests::{check, shown};

    #[test]
    fn forms_of_secrets() {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        assert_eq!(shown(&format!("say {token}, please")), "say #, please");
        assert_eq!(shown(&format!("\"{}", &token[..30])), "\"#");
        check(&[
            ("eyJust a word. And more", "eyJust a word. And more"),
            ("https://user:pass@a.example/x@y", "https://#@a.example/x@y"),
            ("see //user:pass@a.example/x, //a.example:80/@x", "see //#@a.example/x, //a.example:80/@x"),
            ("{\"@id\":\"https://a.example\",\"@type\":\"x\"}", "{\"@id\":\"https://a.example\",\"@type\":\"x\"}"),
            (
                r#"["Bearer 0123456789abcdef", "Basic dXNlcjpwYXNz", "basic yoga"]"#,
                r#"["Bearer #", "Basic #", "basic yoga"]"#,
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\nMIIB+/=\n-----END RSA PRIVATE KEY-----\nx",
                "-----BEGIN RSA PRIVATE KEY-----\n#\n-----END RSA PRIVATE KEY-----\nx",
            ),
            (
                r#"{"pem": "-----BEGIN PRIVATE KEY-----\nMIIB\nAB==\n-----END PRIVATE KEY-----\n", "x": "y"}"#,
                r##"{"pem": "-----BEGIN PRIVATE KEY-----#-----END PRIVATE KEY-----\n", "x": "y"}"##,
            ),
            (r#"{"pem": "-----BEGIN PRIVATE KEY-----MIIB"}"#, r##"{"pem": "-----BEGIN PRIVATE KEY-----#"}"##),
            (
                "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
                "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            ),
            (
                "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 2\nAAAA/+\nBB==\nPrivate-MAC: x\n",
                "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 2\n#\nPrivate-MAC: x\n",
            ),
            (
                r#"{"ppk": "Private-Lines: 1\r\nAAAA\r\nPrivate-MAC: x"}"#,
                r##"{"ppk": "Private-Lines: 1\r\n#\r\nPrivate-MAC: x"}"##,
            ),
            (
                r#"{"curl": "curl -u bob:pw https://b.example/ -d x"}"#,
                r##"{"curl": "curl -u bob:# https://b.example/ -d x"}"##,
            ),
            ("curl -ubob:pw --user 'al:p w' -b 'a=b; c=d' x", "curl -ubob:# --user 'al:#' -b 'a=#; c=#' x"),
            ("tool --password abc --token=d --oauth2-bearer e -x", "tool --password # --token=# --oauth2-bearer # -x"),
            ("the PRIVATE KEY is private", "the PRIVATE KEY is private"),
            ("machine a.example login bob password abc\n", "machine a.example login bob password #\n"),
            ("machine a.example\n  login bob\n  password abc", "machine a.example\n  login bob\n  password #"),
            ("a rowing machine and a password follow", "a rowing machine and a password follow"),
        ]);
    }
}
