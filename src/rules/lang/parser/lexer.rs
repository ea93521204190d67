//! The tokens of an expression.

use std::borrow::Cow;

use super::{Operator, SyntaxError};
use crate::rules::lang::node::Arithmetic;
use crate::rules::lang::node::Comparison;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprToken<'t> {
    Name(&'t str),
    /// A number, as it is written.
    Number(&'t str),
    /// The text that a string stands for.
    Text(Cow<'t, str>),
    /// An operator, or a sign between parts.
    Sign(&'t str),
    End,
}

impl ExprToken<'_> {
    /// The operator that a token is, with its precedence.
    pub(crate) fn operator(&self) -> Option<(u8, Operator)> {
        Some(match self {
            ExprToken::Sign("==") => (1, Operator::Equal),
            ExprToken::Sign("!=") => (1, Operator::Unequal),
            ExprToken::Sign("<") => (1, Operator::Compare(Comparison::Less)),
            ExprToken::Sign("<=") => (1, Operator::Compare(Comparison::LessOrEqual)),
            ExprToken::Sign(">") => (1, Operator::Compare(Comparison::Greater)),
            ExprToken::Sign(">=") => (1, Operator::Compare(Comparison::GreaterOrEqual)),
            ExprToken::Name("in") => (1, Operator::In),
            ExprToken::Sign("+") => (2, Operator::Arithmetic(Arithmetic::Add)),
            ExprToken::Sign("-") => (2, Operator::Arithmetic(Arithmetic::Subtract)),
            ExprToken::Sign("*") => (3, Operator::Arithmetic(Arithmetic::Multiply)),
            ExprToken::Sign("/") => (3, Operator::Arithmetic(Arithmetic::Divide)),
            ExprToken::Sign("%") => (3, Operator::Arithmetic(Arithmetic::Modulo)),
            _ => return None,
        })
    }

    /// For an error message.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Name(text) | Self::Number(text) | Self::Sign(text) => format!("{text:?}"),
            Self::Text(_) => "a string".to_owned(),
            Self::End => "the end of the expression".to_owned(),
        }
    }
}

/// Signs of two characters before those that begin with the same one.
const SIGNS: [&str; 23] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ".", ",", "(", ")", "[", "]",
    "{",
];

/// Splits a text into tokens.
pub(crate) struct Lexer<'t> {
    text: &'t str,
    /// Byte of the text, not of the file.
    at: usize,
    origin: usize,
}

impl<'t> Lexer<'t> {
    /// Of a text that begins at byte `origin` of its file.
    pub(super) fn new(text: &'t str, origin: usize) -> Self {
        Self { text, at: 0, origin }
    }

    /// A part of the text, by its place in the file.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'t str {
        self.part(start - self.origin, end - self.origin)
    }

    fn part(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn error<T>(&self, at: usize, what: &str) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(self.origin + at, what))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// The next token, and where it begins.
    pub(crate) fn next_token(&mut self) -> Result<(ExprToken<'t>, usize), SyntaxError> {
        self.skip_blanks();
        let (at, rest) = (self.at, self.rest());
        let token = match rest.chars().next() {
            None => ExprToken::End,
            Some('"' | '\'') => self.string(false)?,
            Some('r' | 'R') if rest[1..].starts_with(['"', '\'']) => {
                self.at += 1;
                self.string(true)?
            }
            Some(first) if first.is_ascii_alphabetic() || first == '_' => {
                ExprToken::Name(self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
            }
            Some(first) if first.is_ascii_digit() => self.number(),
            Some(other) => {
                let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
                    let hint = if other == '=' { "; two values are compared with ==" } else { "" };
                    return self.error(at, &format!("{other:?} is no operator{hint}"));
                };
                self.at += sign.len();
                ExprToken::Sign(sign)
            }
        };
        Ok((token, self.origin + at))
    }

    /// White space, and comments up to the end of their line.
    fn skip_blanks(&mut self) {
        loop {
            self.at = self.text.len() - self.rest().trim_ascii_start().len();
            if !self.rest().starts_with("//") {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.bytes().position(|byte| !wanted(byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn number(&mut self) -> ExprToken<'t> {
        let start = self.at;
        self.take_while(|byte| byte.is_ascii_digit());
        // `list[0].name` has a member behind a number, `1.5` a fraction.
        let is_fraction =
            |rest: &str| rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if is_fraction(self.rest()) {
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit());
        }
        ExprToken::Number(self.part(start, self.at))
    }

    /// A string in quotes of either kind, or in three of them; raw ones have no escapes.
    fn string(&mut self, raw: bool) -> Result<ExprToken<'t>, SyntaxError> {
        let start = self.at;
        let one = &self.rest()[..1];
        let three = one.repeat(3);
        let quote = if self.rest().starts_with(&three) { three } else { one.to_owned() };
        self.at += quote.len();
        let mut text = Cow::Borrowed("");
        let mut plain = self.at;
        loop {
            let rest = self.rest();
            if rest.starts_with(&quote) {
                append(&mut text, self.part(plain, self.at));
                self.at += quote.len();
                return Ok(ExprToken::Text(text));
            }
            match rest.chars().next() {
                None => return self.error(start, "the string is not closed"),
                Some('\n') if quote.len() == 1 => return self.error(start, "the string is not closed"),
                Some('\\') if !raw => {
                    append(&mut text, self.part(plain, self.at));
                    text.to_mut().push(self.escape()?);
                    plain = self.at;
                }
                Some(other) => self.at += other.len_utf8(),
            }
        }
    }

    /// The character behind a backslash.
    fn escape(&mut self) -> Result<char, SyntaxError> {
        let at = self.origin + self.at;
        let unknown = || SyntaxError::new(at, "unknown escape; in a raw string, r\"…\", a backslash stands for itself");
        let named = self.rest()[1..].chars().next().ok_or_else(unknown)?;
        self.at += 1 + named.len_utf8();
        Ok(match named {
            '\\' | '"' | '\'' | '`' | '?' => named,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'x' | 'X' | 'u' | 'U' => {
                let digits = match named {
                    'u' => 4,
                    'U' => 8,
                    _ => 2,
                };
                let program = self.rest().get(..digits).ok_or_else(unknown)?;
                self.at += digits;
                u32::from_str_radix(program, 16).ok().and_then(char::from_u32).ok_or_else(unknown)?
            }
            _ => return Err(unknown()),
        })
    }
}

fn append<'t>(text: &mut Cow<'t, str>, more: &'t str) {
    if text.is_empty() {
        *text = Cow::Borrowed(more);
    } else {
        text.to_mut().push_str(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<ExprToken<'_>> {
        let mut lexer = Lexer::new(text, 0);
        let mut tokens = Vec::new();
        while let Ok((token, _)) = lexer.next_token() {
            if token == ExprToken::End {
                return tokens;
            }
            tokens.push(token);
        }
        panic!("{text} has tokens");
    }

    #[test]
    fn strings_are_what_they_stand_for() {
        for (text, expected) in [
            (r#""a\"b\n""#, "a\"b\n"),
            (r#"'it is "so"'"#, "it is \"so\""),
            (r#"r"^\d+$""#, r"^\d+$"),
            ("\"\"\"two\nlines\"\"\"", "two\nlines"),
            (r#""\u00e9\x41""#, "éA"),
            ("''", ""),
        ] {
            assert_eq!(tokens(text), [ExprToken::Text(expected.into())], "{text}");
        }
        assert!(Lexer::new(r#""\d""#, 0).next_token().is_err_and(|error| error.what.contains("escape")));
    }

    #[test]
    fn numbers_stay_as_they_are_written() {
        assert_eq!(tokens("0.10"), [ExprToken::Number("0.10")]);
        assert_eq!(
            tokens("a[0].b"),
            ["a", "[", "0", "]", ".", "b"].map(|text| match text {
                "a" | "b" => ExprToken::Name(text),
                "0" => ExprToken::Number(text),
                sign => ExprToken::Sign(sign),
            })
        );
        assert_eq!(tokens("1 // one\n+ 2").len(), 3);
    }
}
