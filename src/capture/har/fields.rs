//! Header fields of HAR, and what a file doesn't tell of them.
//!
//! ```text
//! [{"name", "value"}, …] | {"name": value} | "Name: value" … ─► LenientFields ─► Headers, and which fields are left out
//! ```

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::lenient_value::LenientValue;
use super::text_to_value;
use crate::capture::odd::EntryOddity;
use crate::exchange::{Headers, OmittedFields, secrets};

/// Names and values, as a list of objects, of pairs or of lines, or as one object; whatever else stands there counts as none.
#[derive(Debug, Default, PartialEq)]
pub(in crate::capture) struct LenientFields(pub(in crate::capture) Vec<LenientField>);

/// A name and its values: mostly one. None where what stands there is no value.
#[derive(Debug, Default, PartialEq)]
pub(in crate::capture) struct LenientField {
    pub(in crate::capture) name: String,
    pub(in crate::capture) values: Vec<String>,
}

impl LenientFields {
    /// True if one of them holds credentials or cookies.
    pub(in crate::capture) fn hold_credentials(&self) -> bool {
        let secret = |name: &str| secrets::is_secret_field(name) || secrets::is_cookie_field(name);
        self.0.iter().any(|field| secret(&field.name) && field.values.iter().any(|value| !value.trim().is_empty()))
    }
}

/// What is known of a message beside its header fields.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::capture) struct MessageParts<'m> {
    /// In words: `request` or `response`.
    pub(in crate::capture) whose: &'static str,
    /// `mimeType` of its content: the value of Content-Type.
    pub(in crate::capture) mime_type: &'m str,
    /// What the whole file leaves out.
    pub(in crate::capture) omitted: OmittedFields,
    /// Its browser writes the field Host, or pseudo fields, wherever it lists what was sent.
    pub(in crate::capture) lists_host: bool,
    /// It can't have been sent without the field Host (RFC 9112 section 3.2).
    pub(in crate::capture) needs_host: bool,
}

/// The header fields of a message of another program's file. Pseudo header fields of HTTP/2 are no header fields. Chromium
/// joins fields that must not be joined by line feeds.
///
/// A message without any field can't have been sent like that (HTTP/1.1 demands Host): its fields are not in the file, and
/// `mimeType` tells the one that it tells. Nor can one with a field whose value is missing, or one whose `mimeType` only
/// Content-Type can have told, where that field isn't there. A request without Host may have had credentials: many programs
/// list what an application set, and the HTTP library adds both.
pub(in crate::capture) fn headers_of(
    fields: LenientFields,
    message: MessageParts<'_>,
    notes: &mut Vec<EntryOddity>,
) -> Headers {
    let mut headers = Headers::default();
    let (mut without_value, mut pseudo) = (false, false);
    for LenientField { name, values } in fields.0 {
        if name.is_empty() {
            continue;
        }
        if name.starts_with(':') {
            pseudo = true;
            continue;
        }
        without_value |= values.is_empty();
        for value in values {
            for line in value.split(['\r', '\n']).enumerate().filter(|(at, line)| *at == 0 || !line.is_empty()) {
                headers.push(name.clone(), text_to_value(line.1.to_owned()));
            }
        }
    }
    if without_value {
        notes.push(EntryOddity::not_recorded(format!("a header field of its {} has no value", message.whose)));
    }
    let without_host = !pseudo && headers.get("host").is_none();
    let mime_type = message.mime_type.trim();
    let typeless = headers.get("content-type").is_none();
    let provisional = message.lists_host && without_host;
    headers.1 = if without_value || headers.0.is_empty() || provisional || (typeless && is_json_type(mime_type)) {
        OmittedFields::Unlisted
    } else if message.needs_host && without_host && !has_credentials(&headers) {
        OmittedFields::Credentials
    } else {
        message.omitted
    };
    if headers.1 == OmittedFields::Unlisted && typeless && is_media_type(mime_type) {
        headers.push("Content-Type", text_to_value(mime_type.to_owned()));
    }
    headers
}

fn has_credentials(headers: &Headers) -> bool {
    headers.0.iter().any(|field| secrets::is_secret_field(&field.name) || secrets::is_cookie_field(&field.name))
}

/// True for a media type that no program makes out from the content, where there was no Content-Type: none is looked for JSON.
fn is_json_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    is_media_type(text) && (essence.ends_with("/json") || essence.ends_with("+json"))
}

/// False for what programs write where they know of no media type.
fn is_media_type(text: &str) -> bool {
    text.contains('/') && !text.contains(['\r', '\n']) && !text.eq_ignore_ascii_case("x-unknown")
}

impl<'de> Deserialize<'de> for LenientFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = LenientFields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names and values")
    }

    fn visit_unit<E>(self) -> Result<LenientFields, E> {
        Ok(LenientFields::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<LenientFields, E> {
        Ok(LenientFields::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<LenientFields, E> {
        Ok(LenientFields::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<LenientFields, E> {
        Ok(LenientFields::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<LenientFields, E> {
        Ok(LenientFields::default())
    }

    fn visit_str<E>(self, lines: &str) -> Result<LenientFields, E> {
        Ok(LenientFields(lines.lines().map(line).filter(|field| !field.name.is_empty()).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<LenientFields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = items.next_element()? {
            fields.push(field);
        }
        Ok(LenientFields(fields))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<LenientFields, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, OneOrMany(values))) = members.next_entry()? {
            fields.push(LenientField { name, values });
        }
        Ok(LenientFields(fields))
    }
}

/// A line as on the wire; one without a colon has no name.
fn line(line: &str) -> LenientField {
    let at = line.bytes().skip(1).position(|byte| byte == b':').map(|at| at + 1);
    at.map_or_else(LenientField::default, |at| LenientField {
        name: line[..at].trim().to_owned(),
        values: vec![line[at + 1..].trim().to_owned()],
    })
}

impl<'de> Deserialize<'de> for LenientField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = LenientField;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name and a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<LenientField, A::Error> {
        let name = items.next_element::<LenientValue>()?.unwrap_or_default();
        let OneOrMany(values) = items.next_element()?.unwrap_or_default();
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(LenientField { name: name.text().unwrap_or_default(), values })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<LenientField, A::Error> {
        let (mut name, mut values) = (LenientValue::Nothing, OneOrMany::default());
        while let Some(key) = members.next_key::<String>()? {
            match key.as_str() {
                "name" => name = members.next_value()?,
                "value" => values = members.next_value()?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(LenientField { name: name.text().unwrap_or_default(), values: values.0 })
    }

    fn visit_str<E>(self, text: &str) -> Result<LenientField, E> {
        Ok(line(text))
    }

    fn visit_unit<E>(self) -> Result<LenientField, E> {
        Ok(LenientField::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<LenientField, E> {
        Ok(LenientField::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<LenientField, E> {
        Ok(LenientField::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<LenientField, E> {
        Ok(LenientField::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<LenientField, E> {
        Ok(LenientField::default())
    }
}

/// A value, or a list of them.
#[derive(Debug, Default)]
struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Array(items) => items.into_iter().filter_map(value).collect(),
            other => value(other).into_iter().collect(),
        }))
    }
}

fn value(value: serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text),
        other @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => Some(other.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> LenientFields {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn names_and_values_in_every_form() {
        let expected = |values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            LenientFields(vec![LenientField { name: "a".to_owned(), values }])
        };
        for (text, values) in [
            (r#"[{"name": "a", "value": "1", "comment": {}}]"#, &["1"][..]),
            (r#"[{"name": "a", "value": 1}]"#, &["1"]),
            (r#"[["a", 1, 2]]"#, &["1"]),
            (r#"{"a": 1}"#, &["1"]),
            (r#"{"a": ["1", 2, null]}"#, &["1", "2"]),
            (r#"[{"name": "a", "value": ["1", "2"]}]"#, &["1", "2"]),
            (r#"["a: 1"]"#, &["1"]),
            ("\"a: 1\\r\\n\\r\\n\"", &["1"]),
            (r#"[{"name": "a", "value": null}]"#, &[]),
            (r#"[{"name": "a"}]"#, &[]),
            (r#"{"a": {"b": 1}}"#, &[]),
        ] {
            assert_eq!(fields(text), expected(values), "{text}");
        }
        for none in ["null", "true", "7", "-1", "0.5", "\"\"", "\"x\"", "[]", "{}"] {
            assert_eq!(fields(none), LenientFields::default(), "{none}");
        }
        for nameless in ["[null]", "[7]", "[-7]", "[0.5]", "[true]", "[[]]", "[{}]", "[\"x\"]", r#"[{"name": null}]"#] {
            assert_eq!(fields(nameless), LenientFields(vec![LenientField::default()]), "{nameless}");
        }
        assert_eq!(fields(r#"[":path: /x"]"#).0[0].name, ":path");
    }

    fn read(text: &str, message: MessageParts<'_>) -> (Vec<(String, String)>, OmittedFields, usize) {
        let mut notes = Vec::new();
        let headers = headers_of(fields(text), message, &mut notes);
        let pairs = headers.0.iter().map(|field| (field.name.clone(), super::super::value_to_text(&field.value)));
        (pairs.collect(), headers.1, notes.len())
    }

    #[test]
    fn what_is_left_out_is_known() {
        let plain = MessageParts { whose: "request", omitted: OmittedFields::Nothing, ..MessageParts::default() };
        let typed = MessageParts { mime_type: "application/json; charset=utf-8", ..plain };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let content_type = || pair("Content-Type", "application/json; charset=utf-8");
        assert_eq!(read("[]", plain), (vec![], OmittedFields::Unlisted, 0));
        assert_eq!(read("[]", typed), (vec![content_type()], OmittedFields::Unlisted, 0));
        assert_eq!(read("[]", MessageParts { mime_type: "x-unknown", ..plain }), (vec![], OmittedFields::Unlisted, 0));
        assert_eq!(read(r#"[":method: PUT"]"#, typed), (vec![content_type()], OmittedFields::Unlisted, 0));
        // Where fields are listed, one that isn't there was not sent, unless something says that it was.
        assert_eq!(read(r#"["a: 1"]"#, plain), (vec![pair("a", "1")], OmittedFields::Nothing, 0));
        assert_eq!(read(r#"["a: 1"]"#, typed), (vec![pair("a", "1"), content_type()], OmittedFields::Unlisted, 0));
        let vendor = MessageParts { mime_type: "application/vnd.openactive.booking+json; version=1", ..plain };
        assert_eq!(read(r#"["Content-Length: 9"]"#, vendor).1, OmittedFields::Unlisted);
        for guessed in ["text/plain", "text/html; charset=utf-8", "application/octet-stream", "x-unknown", "json"] {
            let guessed = MessageParts { mime_type: guessed, ..plain };
            assert_eq!(read(r#"["a: 1"]"#, guessed), (vec![pair("a", "1")], OmittedFields::Nothing, 0));
        }
        let same = MessageParts { mime_type: "application/json", ..plain };
        assert_eq!(read(r#"["content-type: text/html"]"#, same).1, OmittedFields::Nothing);
        let sanitised = MessageParts { omitted: OmittedFields::Credentials, ..plain };
        assert_eq!(read(r#"["a: 1"]"#, sanitised), (vec![pair("a", "1")], OmittedFields::Credentials, 0));
        // Provisional ones of a browser lack what every request has.
        let browser = MessageParts { lists_host: true, ..plain };
        assert_eq!(read(r#"["a: 1"]"#, browser).1, OmittedFields::Unlisted);
        assert_eq!(read(r#"["a: 1", "Host: x"]"#, browser).1, OmittedFields::Nothing);
        assert_eq!(read(r#"["a: 1", ":authority: x"]"#, browser).1, OmittedFields::Nothing);
        // Over HTTP/1.1 a request without Host was not sent as it is listed, by whichever program.
        let one = MessageParts { needs_host: true, ..plain };
        assert_eq!(read(r#"["Accept: x"]"#, one).1, OmittedFields::Credentials);
        assert_eq!(read(r#"["Accept: x", "Authorization: Bearer x"]"#, one).1, OmittedFields::Nothing);
        assert_eq!(read(r#"["Accept: x", "X-Api-Key: x"]"#, one).1, OmittedFields::Nothing);
        assert_eq!(read(r#"["Accept: x", "host: x"]"#, one).1, OmittedFields::Nothing);
        // A field whose value is gone was sent.
        assert_eq!(
            read(r#"{"a": 1, "Authorization": null}"#, plain),
            (vec![pair("a", "1")], OmittedFields::Unlisted, 1)
        );
    }

    #[test]
    fn credentials_are_told_by_their_names() {
        for (text, expected) in [
            (r#"{"Authorization": "Bearer x"}"#, true),
            (r#"{"cookie": "a=1"}"#, true),
            (r#"{"Set-Cookie": "a=1"}"#, true),
            (r#"{"X-Api-Key": "1"}"#, true),
            (r#"{"Authorization": " "}"#, false),
            (r#"{"Accept": "*/*"}"#, false),
        ] {
            assert_eq!(fields(text).hold_credentials(), expected, "{text}");
        }
    }
}
