//! The bytes that the text of a body stands for, in whatever encoding a program wrote it.
//!
//! `text, encoding → bytes` · `text that isn't what its encoding says → what it must be, or not recorded`

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{alphabet, engine::DecodePaddingMode};
use bytes::Bytes;

use super::part::BodyText;
use crate::capture::odd::EntryOddity;
use crate::exchange::Headers;
use crate::json::Document;

/// The content of a body as it stands in the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::capture) struct ContentText {
    /// The bytes; `None` if there are none, or none that can be read.
    pub(in crate::capture) bytes: Option<Bytes>,
    /// They stood there in an encoding of bytes, such as base64.
    pub(in crate::capture) binary: bool,
    /// Something stands there, and it can't be read.
    pub(in crate::capture) unreadable: bool,
}

/// Reads the text of a body of another program's file; `whose` is `request` or `response`.
pub(in crate::capture) fn written(
    text: BodyText,
    encoding: &str,
    whose: &str,
    notes: &mut Vec<EntryOddity>,
) -> ContentText {
    let plain = |text: String| ContentText { bytes: Some(Bytes::from(text)), ..ContentText::default() };
    let text = match text {
        BodyText::Nothing => return ContentText::default(),
        BodyText::Text(text) => text,
        BodyText::Json(json) => {
            notes.push(EntryOddity::mended(format!(
                "the text of its {whose} body is JSON and no text; read as it stands"
            )));
            return plain(json.to_string());
        }
    };
    let name: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let bytes = match name.as_str() {
        "" | "utf8" | "text" | "plain" | "none" | "identity" | "unicode" | "8bit" | "7bit" | "ascii" | "usascii" => {
            return plain(text);
        }
        "base64" | "base64url" => from_base64(&text).or_else(|| chunks(&text, from_base64)),
        "hex" => from_hex(&text).or_else(|| chunks(&text, from_hex)),
        "binary" | "latin1" | "iso88591" => text.chars().map(|character| u8::try_from(character).ok()).collect(),
        _ => None,
    };
    if let Some(bytes) = bytes {
        return ContentText { bytes: Some(Bytes::from(bytes)), binary: true, unreadable: false };
    }
    let marked =
        if name == "base64" { "is marked as base64 and is none" } else { "has an encoding that can't be read" };
    // Whether it is what was sent can be told of what is no base64 by far.
    if text.contains(['{', '<', '"', '\u{fffd}']) && !matches!(name.as_str(), "gzip" | "br" | "deflate" | "zstd") {
        notes.push(EntryOddity::mended(format!("its {whose} body {marked}; read as text")));
        return plain(text);
    }
    notes.push(EntryOddity::not_recorded(format!("its {whose} body {marked}")));
    ContentText { unreadable: true, ..ContentText::default() }
}

/// The bytes behind base64, in lines or not, padded or not, in either alphabet.
pub(in crate::capture) fn from_base64(text: &str) -> Option<Vec<u8>> {
    /// Padding is left out by some programs.
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let engine = if text.bytes().any(|byte| matches!(byte, b'-' | b'_')) { URL } else { STANDARD };
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return engine.decode(text.split_ascii_whitespace().collect::<String>()).ok();
    }
    engine.decode(text).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    text.chunks(2).map(pair).collect()
}

/// Polly.JS writes the chunks of a body one by one, as a list in JSON.
fn chunks(text: &str, decode: fn(&str) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let chunks: Vec<String> = serde_json::from_str(text).ok()?;
    let chunks: Option<Vec<Vec<u8>>> = chunks.iter().map(|chunk| decode(chunk)).collect();
    Some(chunks?.concat())
}

/// True for the text of a body that is longer than it, if more of it might have been JSON: it is neither JSON already nor
/// something else, such as a page or a form. Such a text was cut off, or stands in the place of a body that was left out.
pub(in crate::capture) fn is_cut_off(content: &[u8], headers: &Headers) -> bool {
    const MARKUP: [&[u8]; 4] = [b"<!doctype", b"<html", b"<?xml", b"<!--"];
    let text = content.trim_ascii_start();
    let begins = |with: &[u8]| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if MARKUP.into_iter().any(begins) || !may_be_json(headers) {
        return false;
    }
    // A text or a number may also stand in the place of an object.
    !matches!(text.first(), Some(b'{' | b'[')) || Document::parse(content).is_err()
}

fn may_be_json(headers: &Headers) -> bool {
    let media_type = headers.get("content-type").unwrap_or_default().trim().to_ascii_lowercase();
    !["application/x-www-form-urlencoded", "multipart/"].into_iter().any(|other| media_type.starts_with(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::odd::OddityOutcome;

    fn read(text: &str, encoding: &str) -> (Option<Vec<u8>>, Option<OddityOutcome>) {
        let mut notes = Vec::new();
        let written = written(BodyText::Text(text.to_owned()), encoding, "response", &mut notes);
        assert_eq!(written.unreadable, written.bytes.is_none());
        (written.bytes.map(|bytes| bytes.to_vec()), notes.first().map(|note| note.outcome))
    }

    #[test]
    fn texts_in_every_encoding() {
        let json = br#"{"a": 1}"#;
        for (text, encoding) in [
            (r#"{"a": 1}"#, ""),
            (r#"{"a": 1}"#, "UTF-8"),
            ("eyJhIjogMX0=", "base64"),
            ("eyJh\n IjogMX0", "BASE64"),
            (r#"["eyJhIjog", "MX0="]"#, "base64"),
            ("7b2261223a20317d", "hex"),
            (r#"["7b2261", "223a20317D"]"#, "hex"),
        ] {
            assert_eq!(read(text, encoding), (Some(json.to_vec()), None), "{text} {encoding}");
        }
        assert_eq!(read("caf\u{e9}", "binary"), (Some(b"caf\xe9".to_vec()), None));
        assert_eq!(read("-_-_", "base64"), (Some(vec![0xfb, 0xff, 0xbf]), None));
    }

    #[test]
    fn what_its_encoding_does_not_fit_is_text_or_not_recorded() {
        for (text, encoding, outcome) in [
            (r#"{"a": 1}"#, "base64", OddityOutcome::Mended),
            (r#"["H4sIAAAAAAAA", "!"]"#, "base64", OddityOutcome::Mended),
            ("<html></html>", "base64", OddityOutcome::Mended),
            (r#"{"a": 1}"#, "rot13", OddityOutcome::Mended),
            // Base64 that was cut off says nothing of what was sent.
            ("eyJhIjogMX0=*", "base64", OddityOutcome::NotRecorded),
            ("eyJhI", "base64", OddityOutcome::NotRecorded),
            ("0g", "hex", OddityOutcome::NotRecorded),
            ("H4sI", "gzip", OddityOutcome::NotRecorded),
        ] {
            let (bytes, told) = read(text, encoding);
            assert_eq!(told, Some(outcome), "{text} {encoding}");
            let expected = (outcome == OddityOutcome::Mended).then(|| text.as_bytes().to_vec());
            assert_eq!(bytes, expected, "{text} {encoding}");
        }
    }

    #[test]
    fn json_in_the_place_of_text() {
        let mut notes = Vec::new();
        let text = BodyText::Json(serde_json::json!({ "b": 1, "a": [2.5] }));
        let written = written(text, "", "request", &mut notes);
        assert_eq!(written.bytes.as_deref(), Some(&br#"{"b":1,"a":[2.5]}"#[..]));
        assert_eq!(notes, [EntryOddity::mended("the text of its request body is JSON and no text; read as it stands")]);
    }
}
