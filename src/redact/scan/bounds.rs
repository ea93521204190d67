//! How much time and room a text may take, whatever it holds.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::tests::shown;
use super::*;
use crate::redact::Redactor;

/// What the search takes a second look at.
const PARTS: &[&str] = &[
    "eyJ",
    "eyJ.",
    "token",
    "\"token\":",
    "\"token\":[",
    "a=",
    "%3D",
    "://",
    "\\\"",
    "key=",
    "{\"token\":{",
    "\\",
    "\\\\\"",
    "%25",
    "&amp;",
    "&#38;",
    "<token>",
    "<a name=token ",
    "\"name\":\"token\",",
    "{\"name\":\"token\",\"value\":",
    "state=",
    "&state=a",
    "name=\"token\"",
    "\"token\",",
    "PRIVATE KEY-",
    "BEGIN PRIVATE KEY-----",
    "curl -u ",
    "Private-Lines: 1\n",
    "API key: ",
    "a key = ",
    "ghp_",
    "machine a login ",
    "//a:",
    "<input type=password ",
    "<input a='",
    "<name>token</name>",
    "<value>a</value><name>token</name>",
    "token: |\n ",
    "tokens:\n- ",
    "('token', '",
    "{token: ab},",
    "/ghp_",
    "--token ",
    "cookie: a=b;",
    "\"cookies\":[",
    "\"pin\":[",
    "form-data; name=\"token\"\n",
    "form-data;\n name*=UTF-8''token\n",
    "ewogICJhIjogMSwgImIiOiAyIH0",
    "https%3A%2F%2F",
    "<![CDATA[",
    "\"session\":[\"",
    "\"session\":{\"",
    "\"session\":{\"a\":",
    "{\"auth\":{\"a\":[",
    "{\"auth\":{\"@a\":[",
    "{\"kty\":",
    "{\"kty\":\"a\",",
    "\\u0022",
    "\\u0026amp;%2525",
    "[[[",
    "'token':",
    "token:'",
    "name=a",
    "sid=",
    "sid=a&",
    "Session: ",
    "Cookie: a;",
    "Cookie: a\n",
    "Authorization: Digest a=",
    "Authorization: Digest a=\"",
    "Authorization: Digest nonce=\"b\",",
];

#[test]
fn no_text_takes_long() {
    let fingerprinter = Redactor::new().unwrap().fingerprinter;
    let scanner = Scanner::new().unwrap();
    for part in PARTS {
        // Quadratic work on so much would take minutes.
        let text = part.repeat(300_000 / part.len());
        let begun = cpu_time::ThreadTime::now();
        scanner.replace(text.as_bytes(), &fingerprinter);
        assert!(begun.elapsed().as_secs() < 60, "{part}: {:?}", begun.elapsed());
    }
}

proptest! {
    #[test]
    fn any_text_is_searched_to_its_end(parts in vec(select(PARTS), 0..24), in_json in any::<bool>()) {
        let text = parts.concat();
        let text = if in_json { serde_json::json!([text, parts]).to_string() } else { text };
        let fingerprinter = Redactor::new().unwrap().fingerprinter;
        // It would panic where it looked behind the end, or cut a character.
        let clean = Scanner::new().unwrap().replace(text.as_bytes(), &fingerprinter);
        prop_assert!(clean.is_none_or(|clean| String::from_utf8(clean).is_ok()));
    }
}

#[test]
fn what_is_encoded_too_often_or_too_much_stays_bounded() {
    let mut text = String::from("\"token\":\"abc\"");
    for _ in 0..12 {
        text = serde_json::to_string(&text).unwrap();
        shown(&text);
        if text.len() > 100_000 {
            break;
        }
    }
    // Beyond what may be decoded of one text it is replaced as a whole.
    let long = format!("{{\"a\": \"\\n{}\"}}", "x".repeat(LONGEST_PART));
    assert_eq!(shown(&long), "{\"a\": \"#\"}");
}
