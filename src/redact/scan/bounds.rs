//! How much time and room a text may take, whatever it holds.

use super::tests::shown;
use super::*;
use crate::redact::Redactor;

#[test]
fn no_text_takes_long() {
    let fingerprinter = Redactor::new().unwrap().fingerprinter;
    let scanner = Scanner::new().unwrap();
    let parts = [
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
    for part in parts {
        // Quadratic work on so much would take minutes.
        let text = part.repeat(300_000 / part.len());
        let begun = cpu_time::ThreadTime::now();
        scanner.replace(text.as_bytes(), &fingerprinter);
        assert!(begun.elapsed().as_secs() < 60, "{part}: {:?}", begun.elapsed());
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
