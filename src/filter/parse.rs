//! Reads filters.
//!
//! ```text
//! or    = and, { "or", and }
//! and   = unary, { [ "and" ], unary }
//! unary = ( "not" | "-" ), unary | "(", or, ")" | condition
//! condition = key, ":", value | text
//! ```

use super::condition::{Condition, KEYS};
use super::{Expression, FilterError};

/// Most brackets and `not` that may be open at once.
const MAX_DEPTH: usize = 32;

/// Reads a filter.
pub(super) fn parse(text: &str) -> Result<Expression, FilterError> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, end: text.chars().count() + 1 };
    if tokens.is_empty() {
        return Ok(Expression::All(Vec::new()));
    }
    let expression = parser.or()?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(token.error("this ) closes nothing")),
    }
}

/// A word of a filter, and where it begins, in characters from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FilterToken {
    pub(super) column: usize,
    pub(super) kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Open,
    Close,
    And,
    Or,
    Not,
    /// A key and its value; without a key, text.
    Condition(Option<String>, String),
}

impl FilterToken {
    fn error(&self, what: impl Into<String>) -> FilterError {
        FilterError { column: self.column, what: what.into() }
    }
}

/// The words of a filter.
pub(super) fn tokens(text: &str) -> Result<Vec<FilterToken>, FilterError> {
    let mut reader = FilterLexer { text: text.chars().collect(), at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = reader.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct FilterLexer {
    text: Vec<char>,
    at: usize,
}

impl FilterLexer {
    fn next(&mut self) -> Result<Option<FilterToken>, FilterError> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let column = self.at + 1;
        let single = match self.peek() {
            None => return Ok(None),
            Some('(') => Some(TokenKind::Open),
            Some(')') => Some(TokenKind::Close),
            Some('!') => Some(TokenKind::Not),
            Some('-') if self.text.get(self.at + 1).is_some_and(|next| !next.is_whitespace()) => Some(TokenKind::Not),
            Some(_) => None,
        };
        if let Some(kind) = single {
            self.at += 1;
            return Ok(Some(FilterToken { column, kind }));
        }
        if self.peek() == Some('"') {
            let text = self.quoted()?;
            return Ok(Some(FilterToken { column, kind: TokenKind::Condition(None, text) }));
        }
        let mut word = String::new();
        let mut key = None;
        while let Some(character) =
            self.peek().filter(|&character| !character.is_whitespace() && !"()".contains(character))
        {
            if key.is_none() && character == ':' && !word.is_empty() {
                self.at += 1;
                key = Some(std::mem::take(&mut word));
                if self.peek() == Some('"') {
                    word = self.quoted()?;
                    break;
                }
            } else {
                word.push(character);
                self.at += 1;
            }
        }
        let kind = match (key, word.to_ascii_lowercase().as_str()) {
            (None, "and" | "&&" | "&") => TokenKind::And,
            (None, "or" | "||" | "|") => TokenKind::Or,
            (None, "not") => TokenKind::Not,
            (key, _) => TokenKind::Condition(key, word),
        };
        Ok(Some(FilterToken { column, kind }))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    /// A text in quotes, in which a backslash takes its meaning from the next character.
    fn quoted(&mut self) -> Result<String, FilterError> {
        let column = self.at + 1;
        self.at += 1;
        let mut text = String::new();
        loop {
            let character = self.peek();
            self.at += 1;
            match character {
                None => return Err(FilterError { column, what: "the text has no closing quote".to_owned() }),
                Some('"') => return Ok(text),
                Some('\\') => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                Some(character) => text.push(character),
            }
        }
    }
}

struct Parser<'t> {
    tokens: &'t [FilterToken],
    at: usize,
    depth: usize,
    /// The column behind the text.
    end: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t FilterToken> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, kind: &TokenKind) -> bool {
        let is = self.peek().is_some_and(|token| token.kind == *kind);
        self.at += usize::from(is);
        is
    }

    fn or(&mut self) -> Result<Expression, FilterError> {
        let mut any = vec![self.and()?];
        while self.take(&TokenKind::Or) {
            any.push(self.and()?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Expression::Any(any) })
    }

    fn and(&mut self) -> Result<Expression, FilterError> {
        let mut all = vec![self.unary()?];
        loop {
            if !self.take(&TokenKind::And)
                && self.peek().is_none_or(|token| matches!(token.kind, TokenKind::Or | TokenKind::Close))
            {
                return Ok(if all.len() == 1 { all.remove(0) } else { Expression::All(all) });
            }
            all.push(self.unary()?);
        }
    }

    fn unary(&mut self) -> Result<Expression, FilterError> {
        let Some(token) = self.peek() else {
            return Err(FilterError { column: self.end, what: "a condition is missing".to_owned() });
        };
        self.at += 1;
        match &token.kind {
            TokenKind::Not => {
                self.deeper(token)?;
                let operand = self.unary()?;
                self.depth -= 1;
                Ok(Expression::Not(Box::new(operand)))
            }
            TokenKind::Open => {
                self.deeper(token)?;
                let inner = self.or()?;
                self.depth -= 1;
                if self.take(&TokenKind::Close) { Ok(inner) } else { Err(token.error("this ( is not closed")) }
            }
            TokenKind::Condition(key, value) => condition(token, key.as_deref(), value).map(Expression::Condition),
            TokenKind::And | TokenKind::Or | TokenKind::Close => Err(token.error("a condition is missing before this")),
        }
    }

    fn deeper(&mut self, token: &FilterToken) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(token.error("too many brackets are open")) } else { Ok(()) }
    }
}

fn condition(token: &FilterToken, key: Option<&str>, value: &str) -> Result<Condition, FilterError> {
    let key = key.unwrap_or("text").to_ascii_lowercase();
    let Some((key, asks, example)) = KEYS.iter().find(|(known, ..)| *known == key) else {
        return Err(token.error(unknown(&key)));
    };
    if value.is_empty() {
        return Err(token.error(format!("{key}: needs a value, such as {key}:{example} ({asks})")));
    }
    Condition::new(key, value).map_err(|what| token.error(what))
}

/// What to say of a key that there is not: the nearest one, and how to look for the text.
fn unknown(key: &str) -> String {
    let keys = KEYS.iter().map(|(known, ..)| *known);
    let near = keys.clone().min_by_key(|known| strsim::osa_distance(known, key));
    match near.filter(|near| near.starts_with(key) || strsim::osa_distance(near, key) <= 2) {
        Some(near) => format!("there is no key {key:?}; did you mean {near}:?"),
        None => {
            let keys: Vec<&str> = keys.collect();
            format!("there is no key {key:?}; the keys are {}; text with a colon goes in quotes", keys.join(", "))
        }
    }
}
