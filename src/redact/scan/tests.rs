//! What the scan finds in texts of each kind, and what it leaves alone.

#![allow(clippy::needless_raw_string_hashes)] // One form for all rows of a table.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;
use crate::exchange::secrets::find_fingerprint;
use crate::redact::Redactor;

/// A value that looks like a secret.
const LIKELY: &str = "Zq7c4ca4238a0b923820dccKp9";

/// The text with each fingerprint shown as `#`.
pub(super) fn shown(text: &str) -> String {
    let fingerprinter = Redactor::new().unwrap().fingerprinter;
    let scanner = Scanner::new().unwrap();
    let clean = scanner.replace(text.as_bytes(), &fingerprinter).unwrap_or_else(|| text.as_bytes().to_vec());
    let again = scanner.replace(&clean, &fingerprinter).map(|again| String::from_utf8(again).unwrap());
    assert_eq!(again, None, "a second time: {text}");
    let clean = String::from_utf8(clean).unwrap();
    if serde_json::from_str::<serde_json::Value>(text).is_ok() {
        assert!(serde_json::from_str::<serde_json::Value>(&clean).is_ok(), "no JSON any more: {clean}");
    }
    without_fingerprints(&clean)
}

fn without_fingerprints(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(fingerprint) = find_fingerprint(rest) {
        shown += &rest[..fingerprint.start];
        shown.push('#');
        rest = &rest[fingerprint.end..];
    }
    shown + rest
}

/// Each row's text, in which `S` in angle quotes stands for a value that looks like a secret, with what becomes of it.
pub(super) fn check(rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        assert_eq!(shown(&text.replace("«S»", LIKELY)), expected.replace("«S»", LIKELY), "{text}");
    }
}

#[test]
fn json_members() {
    check(&[
        (r#"{"id_token":"  ","token":""}"#, r#"{"id_token":"  ","token":""}"#),
        (r#"{"access_token": "abc", "token_type": "bearer"}"#, r##"{"access_token": "#", "token_type": "bearer"}"##),
        (r#"{"a":[{"clientSecret":"a\"b\\"}],"x":1}"#, r##"{"a":[{"clientSecret":"#"}],"x":1}"##),
        (r#"{"PASSWORD" : 1234, "password": null}"#, r#"{"PASSWORD" : 0, "password": null}"#),
        (
            r#"{"token": {"value": "abc", "n": [-1.5e3, "x"]}, "y": 7}"#,
            r##"{"token": {"value": "#", "n": [0, "#"]}, "y": 7}"##,
        ),
        (
            r#"{"token": {"@id": "x", "@type": ["y", "z"], "a": "abc"}}"#,
            r##"{"token": {"@id": "#", "@type": ["#", "#"], "a": "#"}}"##,
        ),
        (r#"{"authorization": "Bearer abc"}"#, r#"{"authorization": "Bearer #"}"#),
        (r#"{"token": "", "id_token": "REDACTED"}"#, r#"{"token": "", "id_token": "REDACTED"}"#),
        (r#"{"token": "abc"#, r##"{"token": "#"##),
        (r#"{"token": ["abc", "de"#, r##"{"token": ["#", "#"##),
        (
            r#"{"accessCode": [{"name": "Pin", "description": "1234"}]}"#,
            r#"{"accessCode": [{"name": "Pin", "description": "1234"}]}"#,
        ),
        (r#"{"db_pwd": "abc", "jwt": "x"}"#, r##"{"db_pwd": "#", "jwt": "#"}"##),
        (r#"["token", "secret"]"#, r#"["token", "secret"]"#),
        (
            r#"{"tokens": ["a", {"b": "c"}], "API Keys": ["d"]}"#,
            r##"{"tokens": ["#", {"b": "#"}], "API Keys": ["#"]}"##,
        ),
        (
            r#"{"token[]": "a", "user[password]": "b", "db.password": "c"}"#,
            r##"{"token[]": "#", "user[password]": "#", "db.password": "#"}"##,
        ),
    ]);
}

#[test]
fn names_with_escapes() {
    check(&[
        (r#"{"access\u005ftoken": "abc", "x": 1}"#, r##"{"access\u005ftoken": "#", "x": 1}"##),
        (r#"{"\u0070\u0061ssword" : {"a": "b\n"}}"#, r##"{"\u0070\u0061ssword" : {"a": "#"}}"##),
        (r#"{"x": "a\"b", "p\u0069n": "4711"}"#, r##"{"x": "a\"b", "p\u0069n": "#"}"##),
    ]);
}

#[test]
fn words_that_are_ordinary_too() {
    check(&[
        (
            r#"{"session": "«S»", "sessionId": "«S»", "sig": "«S»"}"#,
            r##"{"session": "#", "sessionId": "#", "sig": "#"}"##,
        ),
        (r#"{"pass": "«S»", "verifier": ["«S»", "a"]}"#, r##"{"pass": "#", "verifier": ["#", "a"]}"##),
        (
            r#"{"state": "updated", "@type": "ScheduledSession"}"#,
            r#"{"state": "updated", "@type": "ScheduledSession"}"#,
        ),
        (r#"{"session": "Monday 10:00", "sessionId": "1234"}"#, r#"{"session": "Monday 10:00", "sessionId": "1234"}"#),
        (r#"{"session": {"id": "«S»"}, "key": "«S»"}"#, r##"{"session": {"id": "#"}, "key": "«S»"}"##),
        (r#"{"pin": "4711", "pin": 4711, "pinCode": "4711"}"#, r##"{"pin": "#", "pin": 0, "pinCode": "4711"}"##),
        (
            r#"{"session": "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3"}"#,
            r#"{"session": "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3"}"#,
        ),
        (r#"{"sessions": [{"identifier": "«S»"}]}"#, r#"{"sessions": [{"identifier": "«S»"}]}"#),
    ]);
}

#[test]
fn objects_that_are_named_like_secrets() {
    check(&[
        (r#"{"credentials": {"user": "bob", "value": "«S»"}}"#, r##"{"credentials": {"user": "bob", "value": "#"}}"##),
        (
            r#"{"credentials": [{"client": {"id": "bob", "k": "«S»"}}, "«S»"], "x": "«S»"}"#,
            r##"{"credentials": [{"client": {"id": "bob", "k": "#"}}, "#"], "x": "«S»"}"##,
        ),
        (r#"{"auth": {"user": "bob", "pw": "open sesame"}}"#, r##"{"auth": {"user": "bob", "pw": "#"}}"##),
        (
            r#"{"auth": {"header": "Bearer «S»", "n": 5, "on": true, "u": "https://a.example/«S»"}}"#,
            r##"{"auth": {"header": "Bearer #", "n": 5, "on": true, "u": "https://a.example/«S»"}}"##,
        ),
        (
            r#"{"auth": {"oauth2": [{"key": "accessToken", "value": "«S»"}]}}"#,
            r##"{"auth": {"oauth2": [{"key": "accessToken", "value": "#"}]}}"##,
        ),
        (r#"{"auth": {"a": "«S»"#, r##"{"auth": {"a": "#"##),
        // Of a booking.
        (
            r#"{"session": {"@type": "ScheduledSession", "id": "«S»", "a": {"b": "«S»"}}}"#,
            r#"{"session": {"@type": "ScheduledSession", "id": "«S»", "a": {"b": "«S»"}}}"#,
        ),
        (
            r#"{"session": {"id": "«S»", "a": ["«S»"], "@id": "x"}, "auth": {"a": "«S»"}}"#,
            r##"{"session": {"id": "«S»", "a": ["«S»"], "@id": "x"}, "auth": {"a": "#"}}"##,
        ),
        (
            r#"{"auth": {"a": "«S»", "seller": {"b": "«S»", "c": {"d": "«S»"}, "@type": "Organization"}, "e": "«S»"}}"#,
            r##"{"auth": {"a": "#", "seller": {"b": "«S»", "c": {"d": "«S»"}, "@type": "Organization"}, "e": "#"}}"##,
        ),
        (
            r#"{"session": {"identifier": "«S»", "position": "x", "place": {"id": "«S»"}}}"#,
            r#"{"session": {"identifier": "«S»", "position": "x", "place": {"id": "«S»"}}}"#,
        ),
        (r#"{"passes": [{"id": "«S»"}], "pass": ["«S»"]}"#, r##"{"passes": [{"id": "«S»"}], "pass": ["#"]}"##),
    ]);
}

#[test]
fn json_web_keys() {
    check(&[
        (
            r#"{"keys": [{"kty": "EC", "crv": "P-256", "x": "abc", "y": "def", "d": "ghi", "kid": "1"}, {"d": "x"}]}"#,
            r##"{"keys": [{"kty": "EC", "crv": "P-256", "x": "abc", "y": "def", "d": "#", "kid": "1"}, {"d": "x"}]}"##,
        ),
        (r#"{"k": "abc", "kty": "oct"}"#, r##"{"k": "#", "kty": "oct"}"##),
        (
            r#"{"kty":"RSA","n":"a","e":"AQAB","p":"b","q":"c","dp":"d","dq":"e","qi":"f"}"#,
            r##"{"kty":"RSA","n":"a","e":"AQAB","p":"#","q":"#","dp":"#","dq":"#","qi":"#"}"##,
        ),
        (r#"{"kty": "RSA", "n": "«S»", "e": "AQAB"}"#, r#"{"kty": "RSA", "n": "«S»", "e": "AQAB"}"#),
    ]);
}

#[test]
fn header_fields_in_json() {
    check(&[
        (r#"{"headers": {"cookie": "sid=abc; theme=x"}}"#, r##"{"headers": {"cookie": "sid=#; theme=#"}}"##),
        (r#"{"Set-Cookie": "sid=abc; Path=/"}"#, r##"{"Set-Cookie": "sid=#; Path=/"}"##),
        (
            r#"{"set-cookie": "a=b; Path=/, sid=abc; Expires=Wed, 21 Oct 2026 07:28:00 GMT, c=\"d;e\"; HttpOnly"}"#,
            r##"{"set-cookie": "a=#; Path=/, sid=#; Expires=Wed, 21 Oct 2026 07:28:00 GMT, c=#; HttpOnly"}"##,
        ),
        (r#"{"set-cookie": ["sid=abc; Path=/"]}"#, r##"{"set-cookie": ["sid=#; Path=/"]}"##),
        (
            r#"{"www-authenticate": "Digest realm=\"a\", nonce=\"abc\""}"#,
            r##"{"www-authenticate": "Digest realm=\"a\", nonce=\"#\""}"##,
        ),
        (
            r#"{"cookies": [{"name": "sid", "value": "abc", "path": "/"}]}"#,
            r##"{"cookies": [{"name": "sid", "value": "#", "path": "/"}]}"##,
        ),
        (r#"[["X-Api-Key", "«S»"], ["Cookie", "a=b"]]"#, r##"[["X-Api-Key", "#"], ["Cookie", "a=#"]]"##),
        ("[('X-Api-Key', '«S»'), ('Host', 'a')]", "[('X-Api-Key', '#'), ('Host', 'a')]"),
        ("it's 'a token', 'and such', (\"X-Token\", \"«S»\")", "it's 'a token', 'and such', (\"X-Token\", \"#\")"),
        (
            "data: {\"access_token\":\ndata: \"abc\", \"b\": 1}\n\n",
            "data: {\"access_token\":\ndata: \"#\", \"b\": 1}\n\n",
        ),
        (r#"["Host", "a", "Authorization", "Bearer «S»"]"#, r##"["Host", "a", "Authorization", "Bearer #"]"##),
    ]);
}

#[test]
fn pairs_of_names_and_values() {
    check(&[
        (r#"{"name": "password", "value": "abc"}"#, r##"{"name": "password", "value": "#"}"##),
        (
            r#"[{"name":"X-API-Key","value":"«S»"},{"name":"Host","value":"a"}]"#,
            r##"[{"name":"X-API-Key","value":"#"},{"name":"Host","value":"a"}]"##,
        ),
        (
            r#"{"value": "abc", "x": {"y": "}"}, "name": "client_secret"}"#,
            r##"{"value": "#", "x": {"y": "}"}, "name": "client_secret"}"##,
        ),
        (r#"{"key": "token", "value": 5, "name": "x"}"#, r#"{"key": "token", "value": 0, "name": "x"}"#),
        (r#"{"name": "Cookie", "value": "a=b; c=d"}"#, r##"{"name": "Cookie", "value": "a=#; c=#"}"##),
        (r#"{"name": "Session-Id", "value": "«S»"}"#, r##"{"name": "Session-Id", "value": "#"}"##),
        (r#"{"name": "Authorization", "value": "Bearer abc"}"#, r#"{"name": "Authorization", "value": "Bearer #"}"#),
        (
            r#"{"@type": "PropertyValue", "name": "Pin Code", "value": "327282"}"#,
            r#"{"@type": "PropertyValue", "name": "Pin Code", "value": "327282"}"#,
        ),
        (
            r#"{"@type": "PropertyValue", "name": "Password", "value": "open sesame"}"#,
            r#"{"@type": "PropertyValue", "name": "Password", "value": "open sesame"}"#,
        ),
        (
            r#"{"name": "Access Token", "value": "the blue one"}"#,
            r#"{"name": "Access Token", "value": "the blue one"}"#,
        ),
        (r#"{"a": {"name": "token"}, "value": "abc"}"#, r#"{"a": {"name": "token"}, "value": "abc"}"#),
        (r#"{"name": "token", "b": {"value": "abc"}}"#, r#"{"name": "token", "b": {"value": "abc"}}"#),
    ]);
}

#[test]
fn json_within_strings() {
    check(&[
        (
            r#"{"body": "{\"refresh_token\": \"abc\", \"x\": 1}"}"#,
            r##"{"body": "{\"refresh_token\": \"#\", \"x\": 1}"}"##,
        ),
        (
            r#"{"a": "{\"b\": \"{\\\"token\\\": \\\"abc\\\", \\\"n\\\": 1}\"}", "c": "\n"}"#,
            r##"{"a": "{\"b\": \"{\\\"token\\\": \\\"#\\\", \\\"n\\\": 1}\"}", "c": "\n"}"##,
        ),
        (r#"{"a": "{\"token\": \"abc"}"#, r##"{"a": "{\"token\": \"#"}"##),
        (
            r#"{"url": "https:\/\/u:p@a.example\/?token=a\/b\u0026x=1"}"#,
            r##"{"url": "https:\/\/#@a.example\/?token=#\u0026x=1"}"##,
        ),
        (
            r#"{"say": "no: Authorization: Bearer ab1, x-api-key: dEf\r\n"}"#,
            r#"{"say": "no: Authorization: Bearer #, x-api-key: #\r\n"}"#,
        ),
        (r#"{"head": "Cookie: a=b; c=d\r\nHost: x"}"#, r##"{"head": "Cookie: a=#; c=#\r\nHost: x"}"##),
        (r#"{"head": "GET /\r\nCookie: «S»\r\nHost: x"}"#, r##"{"head": "GET /\r\nCookie: #\r\nHost: x"}"##),
        (r#"["'token':", "'token': ", "x"]"#, r#"["'token':", "'token': ", "x"]"#),
        (r#"[{'token': "abc"}]"#, r##"[{'token': "#"}]"##),
        (
            r#"{"cut": "Authorization: Digest nonce=", "x": "y"}"#,
            r#"{"cut": "Authorization: Digest nonce=", "x": "y"}"#,
        ),
        (
            r#"{"head": "Authorization: Digest username=\"a\", response=\"def\"\r\n", "x": "response=\"y\""}"#,
            r##"{"head": "Authorization: Digest username=\"a\", response=\"#\"\r\n", "x": "response=\"y\""}"##,
        ),
        (
            r#"{"html": "<input name=\"csrf_token\" value=\"«S»\">"}"#,
            r##"{"html": "<input name=\"csrf_token\" value=\"#\">"}"##,
        ),
    ]);
}

#[test]
fn parameters() {
    check(&[
        ("/x?access_token=abc&limit=5", "/x?access_token=#&limit=5"),
        ("/x?limit=5&key=abc#top", "/x?limit=5&key=##top"),
        ("grant_type=password&password=a+b&code=x", "grant_type=password&password=#&code=#"),
        ("code=x", "code=#"),
        ("/x?postcode=x&barcode=y", "/x?postcode=x&barcode=y"),
        ("see \"https://a.example/?api_key=abc\".", "see \"https://a.example/?api_key=#\"."),
        ("/cb#access_token=abc&state=1", "/cb#access_token=#&state=1"),
        ("the code=5 of it", "the code=5 of it"),
        ("user[password]=a&user%5Bpassword%5D=b&x[code]=c", "user[password]=#&user%5Bpassword%5D=#&x[code]=c"),
        ("token[]=a&token%5B%5D=b%26c&TOKEN.VALUE=d", "token[]=#&token%5B%5D=#&TOKEN.VALUE=#"),
        ("X-Amz-Signature=a&X-Amz-Date=b", "X-Amz-Signature=#&X-Amz-Date=b"),
        ("/x;jsessionid=abc?a=1", "/x;jsessionid=#?a=1"),
        ("access%5Ftoken=abc&%70assword=d", "access%5Ftoken=#&%70assword=#"),
        ("/x?sessionId=12&sessionId=«S»", "/x?sessionId=12&sessionId=#"),
        ("/cb?code=abc&state=0123456789&x=1", "/cb?code=#&state=#&x=1"),
        ("/authorize?client_id=a&nonce=0123456789&state=0123456789", "/authorize?client_id=a&nonce=#&state=#"),
        ("/feed?state=0123456789&nonce=0123456789", "/feed?state=0123456789&nonce=0123456789"),
        ("if token == null then", "if token == null then"),
        (r#"["token=", "a", "x?token=", "token = ", "b"]"#, r#"["token=", "a", "x?token=", "token = ", "b"]"#),
        ("DB_PASSWORD = abc\nX='d'", "DB_PASSWORD = #\nX='d'"),
        ("$a = ['token' => 'abc', \"secret\" => \"d\"]", "$a = ['token' => '#', \"secret\" => \"#\"]"),
        ("Server=x;Password=abc;Timeout=5", "Server=x;Password=#;Timeout=5"),
    ]);
}

#[test]
fn urls_within_urls() {
    check(&[
        ("/x?u=https%3A%2F%2Fa%3Ftoken%3Dabc%26b%3D1&c=2", "/x?u=https%3A%2F%2Fa%3Ftoken%3D#%26b%3D1&c=2"),
        ("/x?u=%3Fcode%3Dabc%26sig%3Dd", "/x?u=%3Fcode%3D#%26sig%3D#"),
        (
            "/x?u=https%253A%252F%252Fa%253Ftoken%253Dabc%2526b%253D1&c=2",
            "/x?u=https%253A%252F%252Fa%253Ftoken%253D#%2526b%253D1&c=2",
        ),
        ("d=%7B%22token%22%3A%22abc%22%2C%22n%22%3A%221%22%7D", "d=%7B%22token%22%3A%22#%22%2C%22n%22%3A%221%22%7D"),
        ("u=https%3A%2F%2Fme%3Apw%40a.example%2Fx", "u=https%3A%2F%2F#%40a.example%2Fx"),
        ("/x%3Bjsessionid%3Dabc", "/x%3Bjsessionid%3D#"),
    ]);
}

#[test]
fn markup() {
    check(&[
        ("<access_token>abc</access_token>", "<access_token>#</access_token>"),
        ("<a:Password Type=\"x\">abc</a:Password>", "<a:Password Type=\"x\">#</a:Password>"),
        ("<secret><a>b</a> c</secret><d>e</d>", "<secret><a>#</a> #</secret><d>e</d>"),
        ("<token><![CDATA[a<b]]></token>", "<token><![CDATA[#]]></token>"),
        ("<user password=\"a b\" key='c'/>", "<user password=\"#\" key='c'/>"),
        ("<input value='«S»' type=hidden name='csrf-token'>", "<input value='#' type=hidden name='csrf-token'>"),
        ("<meta name=\"api_key\" content=\"abc\">", "<meta name=\"api_key\" content=\"#\">"),
        (
            "<add key=\"ApiKey\" value=\"abc\"/><add key=\"x\" value=\"y\"/>",
            "<add key=\"ApiKey\" value=\"#\"/><add key=\"x\" value=\"y\"/>",
        ),
        ("<input type=\"password\" name=\"x\" value=\"abc\">", "<input type=\"password\" name=\"x\" value=\"#\">"),
        ("<INPUT value=abc required type=Password>", "<INPUT value=# required type=Password>"),
        ("<input type='text' value='password'>", "<input type='text' value='password'>"),
        ("<p><value>abc</value>\n<name>password</name></p>", "<p><value>#</value>\n<name>password</name></p>"),
        (
            "<name>a</name><value>b</value><name>password</name><value>c</value>",
            "<name>a</name><value>b</value><name>password</name><value>#</value>",
        ),
        ("<param name=\"password\">abc</param>", "<param name=\"password\">#</param>"),
        ("<key>token</key>\n<string>abc</string>", "<key>token</key>\n<string>#</string>"),
        (
            "<Header><Name>X-Api-Key</Name><Value>«S»</Value></Header>",
            "<Header><Name>X-Api-Key</Name><Value>#</Value></Header>",
        ),
        ("<session>Monday</session><pin>4711</pin>", "<session>Monday</session><pin>#</pin>"),
        (
            "<p data='{&quot;token&quot;:&quot;abc&quot;}'>&#34;pin&#34;:&#34;4711&#34;</p>",
            "<p data='{&quot;token&quot;:&quot;#&quot;}'>&#34;pin&#34;:&#34;#&#34;</p>",
        ),
        ("<a href=\"/x?a=1&amp;token=abc&amp;b=2\">token</a>", "<a href=\"/x?a=1&amp;token=#&amp;b=2\">token</a>"),
    ]);
}

#[test]
fn a_value_in_markup_is_replaced_whole_however_long_it_is() {
    let long = "ab ".repeat(5_000);
    for tag in ["<input name=\"SAMLResponse\" value=", "<input type=password value=", "<x name='password' value="] {
        assert_eq!(shown(&format!("{tag}\"{long}\"/>")), format!("{tag}\"#\"/>"));
    }
}

#[test]
fn multipart_forms() {
    let form = |name: &str, value: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--b--\r\n"
        )
    };
    for name in ["\"password\"", "\"user[password]\"", "client_secret", "\"code\""] {
        assert_eq!(shown(&form(name, "two words\r\nmore")), form(name, "#"), "{name}");
    }
    assert_eq!(shown(&form("\"note\"", "two words")), form("\"note\"", "two words"));
    for disposition in [
        "FORM-DATA; NAME=\"password\"",
        "Form-Data; Name=password",
        "form-data; name*=UTF-8''password",
        "form-data; name*=utf-8'en'pass%77ord; filename=a",
        "form-data;\r\n name=\"password\"",
        "form-data; filename=\"a\";\r\n\tname=\"password\"",
    ] {
        let part = |value: &str| format!("--b\r\nContent-Disposition: {disposition}\r\n\r\n{value}\r\n--b--\r\n");
        assert_eq!(shown(&part("two words")), part("#"), "{disposition}");
    }
    let note = "--b\r\nContent-Disposition: form-data; name*=UTF-8''note\r\n\r\ntwo words\r\n--b--\r\n";
    assert_eq!(shown(note), note);
    assert_eq!(shown("form-data; name\n=\"password\"\n\nab"), "form-data; name\n=\"password\"\n\nab");
}

#[test]
fn lines() {
    check(&[
        ("X-Api-Key: abc1\r\nHost: a", "X-Api-Key: #\r\nHost: a"),
        ("password: hunter2\nuser: a", "password: #\nuser: a"),
        ("  - token: \"a b\"\n", "  - token: \"#\"\n"),
        ("{token: 'abc', x: 1}", "{token: '#', x: 1}"),
        ("{'access_token': 'abc', 'x': 'y'}", "{'access_token': '#', 'x': 'y'}"),
        ("Send your password: required", "Send your password: required"),
        ("Session: «S»", "Session: #"),
        ("Session: Monday10", "Session: Monday10"),
        ("Set-Cookie: a=b; Path=/", "Set-Cookie: a=#; Path=/"),
        ("WWW-Authenticate: Digest nonce=\"abc\"", "WWW-Authenticate: Digest nonce=\"#\""),
        ("Cookies: we use them", "Cookies: we use them"),
        ("Cookie: «S»\nHost: x", "Cookie: #\nHost: x"),
        ("Cookie: «S»; «S»", "Cookie: #; #"),
        ("Set-Cookie: «S»", "Set-Cookie: #"),
        ("curl -H 'Cookie: «S»' https://a.example", "curl -H 'Cookie: #' https://a.example"),
        ("Cookie: required, see below; or none", "Cookie: required, see below; or none"),
        (
            "Authorization: Digest username=\"a, b\", uri=\"/x\", nonce=\"abc\", response=\"def\"\nresponse=\"x\"",
            "Authorization: Digest username=\"a, b\", uri=\"/x\", nonce=\"#\", response=\"#\"\nresponse=\"x\"",
        ),
        (
            "Authorization: Digest username=\"a\", response=«S», qop=auth",
            "Authorization: Digest username=\"a\", response=#, qop=auth",
        ),
        ("Authorization: Digest «S»==", "Authorization: Digest #"),
        ("API key: «S»\nYour API key = «S» for you", "API key: #\nYour API key = # for you"),
        ("Subscription key: «S», Secret key: '«S»'", "Subscription key: #, Secret key: '#'"),
        ("Your one time code is short. Otp code: Ab3dE9fG.1", "Your one time code is short. Otp code: #"),
        (r#"{"description": "Your API key: «S»."}"#, r##"{"description": "Your API key: #"}"##),
        (r#"{"a": "password: 'open sesame'"}"#, r##"{"a": "password: '#'"}"##),
        ("API key: ask at the desk. Secret key = null", "API key: ask at the desk. Secret key = null"),
        ("The key: «S». Access code: «S». Post code = «S»", "The key: «S». Access code: «S». Post code = «S»"),
        ("Security code: 123456, PIN code: 4711", "Security code: 123456, PIN code: 4711"),
    ]);
}

#[test]
fn lines_below_a_name() {
    check(&[
        ("password: >-\n  open\n\n  sesame\nuser: a\n", "password: >-\n  #\nuser: a\n"),
        ("a:\n  token: |\n    abc\n  b: c", "a:\n  token: |\n    #\n  b: c"),
        ("tokens:\n  - «S»\n  - '«S»'\nx: «S»", "tokens:\n  - #\n  - '#'\nx: «S»"),
        ("tokens:\n- «S»\n- a: b\n", "tokens:\n- #\n- a: b\n"),
        (
            "- token: |\n    abc\n- b: c\n- tokens:\n  - «S»\n- «S»",
            "- token: |\n    #\n- b: c\n- tokens:\n  - #\n- «S»",
        ),
        ("Tokens:\n - one for the locker\n", "Tokens:\n - one for the locker\n"),
        ("password:\n", "password:\n"),
        ("user,password\r\nbob,abc\r\n\"a, b\",\"d,e\"\r\n", "user,password\r\nbob,#\r\n\"a, b\",\"#\"\r\n"),
        ("user\tApi Key\nbob\tabc", "user\tApi Key\nbob\t#"),
        ("name,price\na,b", "name,price\na,b"),
        ("Bring a towel, a password\nand your shoes.", "Bring a towel, a password\nand your shoes."),
        ("password\nabc", "password\nabc"),
    ]);
}

#[test]
fn base64_of_texts() {
    let inner = format!(r#"{{"a": 1, "client_secret": "{LIKELY}", "b": "?>~~~ some more text"}}"#);
    let clean_of =
        |text: &str, engine: &dyn Fn(&str) -> Vec<u8>| without_fingerprints(&String::from_utf8(engine(text)).unwrap());
    for (encoded, decode) in [
        (STANDARD.encode(&inner), &(|text: &str| STANDARD.decode(text).unwrap()) as &dyn Fn(&str) -> Vec<u8>),
        (URL_SAFE_NO_PAD.encode(&inner), &|text: &str| URL_SAFE_NO_PAD.decode(text).unwrap()),
    ] {
        let text = format!(r#"{{"x": "{encoded}", "y": 1}}"#);
        let fingerprinter = Redactor::new().unwrap().fingerprinter;
        let scanner = Scanner::new().unwrap();
        let clean = String::from_utf8(scanner.replace(text.as_bytes(), &fingerprinter).unwrap()).unwrap();
        assert_eq!(scanner.replace(clean.as_bytes(), &fingerprinter), None);
        let value: serde_json::Value = serde_json::from_str(&clean).unwrap();
        assert_eq!(clean_of(value["x"].as_str().unwrap(), decode), inner.replace(LIKELY, "#"));
        // In a form.
        let form = format!("/a/{encoded}?b={}", encoded.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
        let clean = String::from_utf8(scanner.replace(form.as_bytes(), &fingerprinter).unwrap()).unwrap();
        assert!(!clean.contains(&encoded[30..40]), "{clean}");
    }
    // Not in base64 at all, or of no text.
    check(&[
        ("/api/openbooking/order-quotes/lantern", "/api/openbooking/order-quotes/lantern"),
        (
            "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
            "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
        ),
    ]);
}

#[test]
fn equal_secrets_are_equal_however_they_are_written() {
    let fingerprinter = Redactor::new().unwrap().fingerprinter;
    let scanner = Scanner::new().unwrap();
    let of = |text: &str| {
        let clean = String::from_utf8(scanner.replace(text.as_bytes(), &fingerprinter).unwrap()).unwrap();
        clean.split_once("umpire:").unwrap().1[..16].to_owned()
    };
    let plain = of("token=a/b c".replace(' ', "+").as_str());
    for text in [r#"{"token": "a\/b\u002bc"}"#, "x=1&token=a%2Fb%2bc", "{\"s\": \"{\\\"token\\\": \\\"a/b+c\\\"}\"}"] {
        assert_eq!(of(text), plain, "{text}");
    }
}
