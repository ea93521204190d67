//! JSON in which a terminal finds nothing to obey.
//!
//! `value → serde_json → control characters beyond ASCII, bidirectional and invisible ones as \uXXXX`
//!
//! It is the same JSON to every reader: an escape stands for its character (RFC 8259, section 7).

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::is_harmless;

/// Writes a value as JSON on one line.
pub fn to_json(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    Ok(value.serialize(&mut Serializer::with_formatter(out, EscapingFormatter(CompactFormatter)))?)
}

/// Writes a value as indented JSON.
pub(crate) fn to_json_pretty(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    Ok(value.serialize(&mut Serializer::with_formatter(out, EscapingFormatter(PrettyFormatter::new())))?)
}

/// Another formatter, but for what it does with strings. `serde_json` itself escapes what lies below U+0020.
struct EscapingFormatter<F>(F);

impl<F: Formatter> Formatter for EscapingFormatter<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        // Nearly all strings are this.
        if fragment.bytes().all(|byte| byte < 0x7f) {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| !is_harmless(*character)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + character.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        to_json(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn control_and_bidirectional_characters_are_escaped_in_strings_and_keys() {
        let text = "\u{1b}é\u{7f}\u{9b}2J\u{202e}\u{e0041}日";
        let value = json!({ text: [text, "plain"] });
        let escaped = r"\u001bé\u007f\u009b2J\u202e\udb40\udc41日";
        assert_eq!(written(&value), format!(r#"{{"{escaped}":["{escaped}","plain"]}}"#));
        let mut pretty = Vec::new();
        to_json_pretty(&mut pretty, &value).unwrap();
        assert_eq!(
            String::from_utf8(pretty).unwrap(),
            format!("{{\n  \"{escaped}\": [\n    \"{escaped}\",\n    \"plain\"\n  ]\n}}")
        );
    }

    proptest! {
        /// Any text is read back as it was, and none of it is obeyed.
        #[test]
        fn reads_back(text in "\\PC{0,20}[\u{0}-\u{ffff}]{0,20}") {
            let json = written(&json!(text));
            prop_assert!(json.chars().all(is_harmless), "{json:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
