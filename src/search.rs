//! Looks for text in exchanges: in paths, header fields and bodies.
//!
//! `TextQuery + Exchange → where the text stands, and what stands around it`

mod words;

use std::ops::Range;

use words::lower;
pub(crate) use words::{content, fields, words};

use crate::exchange::{Body, Exchange, Headers};

/// Characters that are shown on either side of what was found.
const AROUND: usize = 40;

/// A part of an exchange that can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchPart {
    /// Path and query.
    Path,
    /// Header fields of the request.
    RequestHeaders,
    /// Content of the request.
    RequestBody,
    /// Header fields of the answer.
    ResponseHeaders,
    /// Content of the answer.
    ResponseBody,
}

impl SearchPart {
    /// Stable name, like the beginning of a pointer into the exchange.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Path => "/request/path",
            Self::RequestHeaders => "/request/headers",
            Self::RequestBody => "/request/body",
            Self::ResponseHeaders => "/response/headers",
            Self::ResponseBody => "/response/body",
        }
    }
}

/// Which parts of an exchange are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SearchParts {
    /// Path and query.
    pub path: bool,
    /// Header and trailer fields of both messages.
    pub headers: bool,
    /// Contents of both messages.
    pub bodies: bool,
}

impl SearchParts {
    /// All of them.
    pub(crate) const ALL: Self = Self { path: true, headers: true, bodies: true };
}

/// Texts that must all be there, in whichever of the places. Upper and lower case are the same; each text begins where a
/// word begins.
#[derive(Debug, Clone)]
pub(crate) struct TextQuery {
    /// In lower case.
    texts: Vec<String>,
    places: SearchParts,
}

impl TextQuery {
    /// A query for texts; blank ones are left out. `None` if none is left that holds a letter or a digit.
    pub(crate) fn new(texts: &[String], places: SearchParts) -> Option<Self> {
        let texts: Vec<String> = texts
            .iter()
            .map(|text| lower(text.trim()).into_owned())
            .filter(|text| words(text).next().is_some())
            .collect();
        (!texts.is_empty()).then_some(Self { texts, places })
    }

    /// The same as a query of SQLite's FTS5, which finds at least what this finds: every word of the texts, the last of each
    /// maybe only the beginning of one.
    pub(crate) fn fts5_terms(&self) -> String {
        let mut terms = String::new();
        for text in &self.texts {
            let open = text.ends_with(char::is_alphanumeric);
            let all: Vec<_> = words(text).collect();
            for (at, word) in all.iter().enumerate() {
                // Words hold neither quotes nor anything else that means something to FTS5 within quotes.
                terms.extend(["\"", word, "\"", if open && at + 1 == all.len() { "* " } else { " " }]);
            }
        }
        terms
    }

    /// Where the texts are found in an exchange; `None` unless all of them are.
    pub(crate) fn find(&self, exchange: &Exchange) -> Option<(SearchPart, String)> {
        let mut found: Vec<Option<(SearchPart, String)>> = vec![None; self.texts.len()];
        let mut look = |place: SearchPart, text: &str| {
            let low = lower(text);
            for (query, found) in self.texts.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                *found = find(&low, query).map(|range| (place, around(&low, text, range)));
            }
            found.iter().all(Option::is_some)
        };
        let SearchParts { path, headers, bodies } = self.places;
        let (request, response) = (&exchange.request, exchange.response.as_ref());
        let mut all = path && look(SearchPart::Path, &request.target);
        let mut message = |at: SearchPart, body_at: SearchPart, of: &Headers, body: &Body| {
            (headers && (look(at, &fields(of)) || look(at, &fields(&body.trailers))))
                || (bodies && look(body_at, &content(body, of)))
        };
        all = all
            || message(SearchPart::RequestHeaders, SearchPart::RequestBody, &request.headers, &request.body)
            || response.is_some_and(|response| {
                message(SearchPart::ResponseHeaders, SearchPart::ResponseBody, &response.headers, &response.body)
            });
        if all { found.into_iter().next().flatten() } else { None }
    }
}

/// A text that stands anywhere in another, in the same case; `*` in it stands for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// The pattern that is written like this.
    pub(crate) fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// True if the parts of the pattern between its stars stand in the text, in their order.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let mut rest = text;
        self.0.split('*').all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    }
}

/// Where a text stands at the beginning of a word.
fn find(text: &str, query: &str) -> Option<Range<usize>> {
    let begins_word = query.starts_with(char::is_alphanumeric);
    memchr::memmem::find_iter(text.as_bytes(), query)
        .find(|&at| !begins_word || !text[..at].ends_with(char::is_alphanumeric))
        .map(|at| at..at + query.len())
}

/// What stands around a range of the text in lower case; from the text itself where both have their letters in the same
/// places.
fn around(low: &str, text: &str, range: Range<usize>) -> String {
    let shown = if text.is_ascii() { text } else { low };
    let start = shown[..range.start].char_indices().rev().take(AROUND).last().map_or(range.start, |(at, _)| at);
    let end = shown[range.end..].char_indices().nth(AROUND).map_or(shown.len(), |(at, _)| range.end + at);
    let part = shown[start..end].split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{}{part}{}", if start > 0 { "\u{2026}" } else { "" }, if end < shown.len() { "\u{2026}" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(texts: &[&str]) -> TextQuery {
        TextQuery::new(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), SearchParts::ALL).unwrap()
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("orders", "/api/orders/1", true),
            ("/api/*/1", "/api/orders/1?x", true),
            ("1*orders", "/api/orders/1", false),
            ("", "/", true),
            ("quotes", "/api/orders/1", false),
        ] {
            assert_eq!(Pattern::new(pattern).is_in(text), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn texts_begin_where_words_begin() {
        for (text, query, expected) in [
            ("an order quote", "order", Some(3..8)),
            ("disorder, order", "order", Some(10..15)),
            ("disorder", "order", None),
            ("x@a.example", "@a", Some(1..3)),
        ] {
            assert_eq!(find(text, query), expected, "{query} in {text}");
        }
    }

    #[test]
    fn the_index_is_asked_for_words_and_beginnings() {
        assert_eq!(query(&["Robin.Hale@post", "\"price\": "]).fts5_terms(), "\"robin\" \"hale\" \"post\"* \"price\" ");
        assert!(TextQuery::new(&["  ".to_owned(), "--".to_owned()], SearchParts::ALL).is_none());
    }

    #[test]
    fn little_is_shown_around() {
        let text = format!("{}Robin\n Hale{}", "a ".repeat(100), "\u{e9} ".repeat(100));
        let low = lower(&text);
        let range = find(&low, "robin").unwrap();
        let shown = around(&low, &text, range);
        assert!(
            shown.starts_with('\u{2026}') && shown.ends_with('\u{2026}') && shown.contains("robin hale"),
            "{shown}"
        );
        assert!(shown.chars().count() < 100, "{shown}");
        assert_eq!(around("order", "Order", 0..5), "Order");
    }
}
