//! Cookies of a message, taken apart as HAR lists them beside the header fields.
//!
//! `Cookie: a=1; b=2 → [a, b]` · `Set-Cookie: a=1; Path=/; Secure → [a with its attributes]` (RFC 6265 section 5.2)

use jiff::fmt::rfc2822::DateTimeParser;
use serde::Serialize;

use super::value_to_text;
use super::write::Pair;
use crate::exchange::Headers;

/// A cookie that an answer sets.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cookie {
    name: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    http_only: bool,
    secure: bool,
}

/// The cookies that a request sends.
pub(super) fn sent(headers: &Headers) -> Vec<Pair> {
    values(headers, "cookie").flat_map(|value| value.split(';').filter_map(pair).collect::<Vec<_>>()).collect()
}

/// The cookies that an answer sets.
pub(super) fn set(headers: &Headers) -> Vec<Cookie> {
    values(headers, "set-cookie").filter_map(|value| cookie(&value)).collect()
}

fn values(headers: &Headers, name: &str) -> impl Iterator<Item = String> {
    headers.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| value_to_text(&field.value))
}

fn pair(text: &str) -> Option<Pair> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let (name, value) = (name.trim(), value.trim());
    (!name.is_empty()).then(|| Pair { name: name.to_owned(), value: value.to_owned() })
}

fn cookie(text: &str) -> Option<Cookie> {
    let mut parts = text.split(';');
    let Pair { name, value } = pair(parts.next()?)?;
    let mut cookie = Cookie { name, value, ..Cookie::default() };
    for Pair { name, value } in parts.filter_map(pair) {
        match name.to_ascii_lowercase().as_str() {
            "path" => cookie.path = Some(value),
            "domain" => cookie.domain = Some(value),
            // HAR wants ISO 8601; a date in another form is left out, and stands in the header field all the same.
            "expires" => {
                cookie.expires = DateTimeParser::new().parse_timestamp(&value).ok().map(|time| time.to_string());
            }
            "httponly" => cookie.http_only = true,
            "secure" => cookie.secure = true,
            _ => {}
        }
    }
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_taken_apart() {
        let headers: Headers = [
            ("Cookie", "a=1; b = x=y;;c"),
            ("set-cookie", "id=2; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT; HttpOnly; SameSite=Lax"),
            ("Set-Cookie", "n=; domain=a.example; Secure; expires=soon"),
        ]
        .into_iter()
        .collect();
        let pair = |name: &str, value: &str| Pair { name: name.to_owned(), value: value.to_owned() };
        assert_eq!(sent(&headers), [pair("a", "1"), pair("b", "x=y"), pair("c", "")]);
        let first = Cookie {
            name: "id".to_owned(),
            value: "2".to_owned(),
            path: Some("/".to_owned()),
            expires: Some("1970-01-01T00:00:10Z".to_owned()),
            http_only: true,
            ..Cookie::default()
        };
        let second =
            Cookie { name: "n".to_owned(), domain: Some("a.example".to_owned()), secure: true, ..Cookie::default() };
        assert_eq!(set(&headers), [first, second]);
    }
}
