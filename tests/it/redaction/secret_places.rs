//! Places of secrets, one a row: a name, where it stands, how it is written. Each row has a secret of its own.
//!
//! `field X-Jwt · member access_token, with escapes · parameter token[], encoded twice · gzip without a header field · …`

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use umpire::exchange::{Body, Exchange, Failure, FailureKind, Headers};

use super::support::{exchange, response};

/// A place, and an exchange that has a secret there.
pub struct Place {
    pub name: String,
    pub secret: String,
    pub exchange: Exchange,
}

/// A value that looks like a secret, and that no other name has.
pub fn secret(name: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("Zq7{hash:016x}{:04x}Kp9", (hash >> 7) as u16)
}

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";
pub const TEXT: &str = "text/plain";
pub const XML: &str = "application/xml";

/// The table under construction.
#[derive(Default)]
struct Table(Vec<Place>);

impl Table {
    fn add(&mut self, name: String, place: impl FnOnce(&str, &mut Exchange)) {
        let secret = secret(&name);
        let number = self.0.len() as i64 + 1;
        let answer = response(&[], "");
        let mut exchange =
            exchange(number, "POST", format!("/row/{number}"), Headers::default(), Body::empty(), answer);
        place(&secret, &mut exchange);
        self.0.push(Place { name, secret, exchange });
    }

    /// A body of the request, or in every other row of the answer.
    fn body(&mut self, name: String, media_type: &str, body: impl FnOnce(&str) -> Vec<u8>) {
        let in_answer = self.0.len() % 2 == 1;
        self.add(name, |secret, exchange| {
            let headers: Headers = [("Content-Type", media_type.to_owned())].into_iter().collect();
            let body = Body::complete(body(secret));
            match &mut exchange.response {
                Some(response) if in_answer => (response.headers, response.body) = (headers, body),
                _ => (exchange.request.headers, exchange.request.body) = (headers, body),
            }
        });
    }

    fn json(&mut self, name: String, body: impl FnOnce(&str) -> String) {
        self.body(format!("JSON, {name}"), JSON, |secret| body(secret).into_bytes());
    }

    fn text(&mut self, name: String, media_type: &str, body: impl FnOnce(&str) -> String) {
        self.body(name, media_type, |secret| body(secret).into_bytes());
    }

    fn target(&mut self, name: String, target: impl FnOnce(&str) -> String) {
        self.add(format!("URL, {name}"), |secret, exchange| exchange.request.target += &target(secret));
    }
}

/// Every place, in a stable order.
pub fn all() -> Vec<Place> {
    let mut table = Table::default();
    fields(&mut table);
    members(&mut table);
    names_with_escapes(&mut table);
    pairs(&mut table);
    parameters(&mut table);
    forms(&mut table);
    markup(&mut table);
    texts(&mut table);
    packed(&mut table);
    elsewhere(&mut table);
    table.0
}

fn fields(table: &mut Table) {
    let names = [
        "X-Jwt",
        "X-Db-Pwd",
        "X-Db-Passwd",
        "X-Passphrase",
        "X-Passcode",
        "X-Password",
        "Authentication",
        "X-Api-Credential",
        "X-Credentials",
        "Session-Id",
        "X-Session",
        "X-Session-Token",
        "X-Api-Key",
        "ApiKey",
        "x-functions-key",
        "Ocp-Apim-Subscription-Key",
        "X-Access-Key",
        "X-Signing-Key",
        "X-Encryption-Key",
        "X-Auth",
        "X-Auth-User",
        "X-Auth-Token",
        "X-Auth-Key",
        "X-Csrf-Token",
        "X-XSRF-TOKEN",
        "X-Csrf",
        "X-Hub-Signature-256",
        "Signature",
        "X-Sig",
        "X-Hmac",
        "DPoP",
        "X-Otp",
        "X-TOTP",
        "X-Pin",
        "X-Code-Verifier",
        "X-Client-Assertion",
        "X-Device-Code",
        "X-Amz-Security-Token",
        "X-Bearer",
        "X-Client-Secret",
        "Proxy-Authorization",
        "X-Forwarded-Authorization",
        "X_API_KEY",
        "X-OAuth2-Token",
    ];
    for (at, name) in names.into_iter().enumerate() {
        table.add(format!("field {name}"), |secret, exchange| match (at % 4, &mut exchange.response) {
            (1, Some(response)) => response.headers.push(name, secret.to_owned()),
            (2, _) => exchange.request.body.trailers.push(name, secret.to_owned()),
            (3, Some(response)) => response.body.trailers.push(name, secret.to_owned()),
            _ => exchange.request.headers.push(name, secret.to_owned()),
        });
    }
    let valued: [(&str, &str, &str); 16] = [
        ("Authorization", "Bearer ", ""),
        ("Authorization", "Token ", ""),
        ("Authorization", "Digest username=\"a\", nonce=\"b\", response=\"", "\""),
        ("Authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=", ""),
        ("Cookie", "a=b; sid=", "; c=d"),
        ("Cookie2", "sid=", ""),
        ("Set-Cookie", "sid=", "; Path=/"),
        ("Set-Cookie2", "sid=", "; Version=1"),
        ("WWW-Authenticate", "Digest realm=\"a, b\", nonce=\"", "\", qop=\"auth\""),
        ("WWW-Authenticate", "Digest realm=\"a\", opaque=", ""),
        ("WWW-Authenticate", "Basic realm=\"a\", Negotiate ", ""),
        ("Proxy-Authenticate", "NTLM ", "=="),
        ("Authentication-Info", "qop=auth, nextnonce=\"", "\""),
        ("Authentication-Info", "rspauth=\"", "\", nc=00000001"),
        ("Proxy-Authentication-Info", "nextnonce=", ""),
        ("Link", "<https://a.example/?token=", ">; rel=next"),
    ];
    for (name, before, behind) in valued {
        table.add(format!("field {name}: {before}…"), |secret, exchange| {
            exchange.request.headers.push(name, format!("{before}{secret}{behind}"));
        });
    }
}

fn members(table: &mut Table) {
    for name in [
        "access_token",
        "refreshToken",
        "id-token",
        "TOKEN",
        "token",
        "tokens",
        "client_secret",
        "clientSecret",
        "secret",
        "password",
        "Password",
        "userPassword",
        "passwd",
        "db_pwd",
        "passphrase",
        "passcode",
        "pass",
        "db_pass",
        "pin",
        "otp",
        "otpCode",
        "totp",
        "cookie",
        "credential",
        "credentials",
        "session",
        "session_id",
        "sessionToken",
        "sid",
        "PHPSESSID",
        "JSESSIONID",
        "verifier",
        "code_verifier",
        "device_code",
        "user_code",
        "authCode",
        "authorization_code",
        "jwt",
        "bearer",
        "dpop",
        "auth",
        "authentication",
        "authorization",
        "api_key",
        "apiKey",
        "API KEY",
        "api.key",
        "encryption_key",
        "encryptionKey",
        "signing_key",
        "signingKey",
        "private_key",
        "secretKey",
        "access_key",
        "sharedKey",
        "hmac",
        "request_hmac",
        "sig",
        "signature",
        "csrf",
        "_csrf",
        "password_confirmation",
        "passwordHash",
        "new_password",
        "token2",
        "tokenValue",
        "samlAssertion",
        "HTTP_X_API_KEY",
        "cvv",
        "user[password]",
        "token[]",
        "acme:access_token",
    ] {
        table.json(format!("member {name}"), |secret| format!(r#"{{"a": 1, "{name}": "{secret}", "z": null}}"#));
    }
    for (kind, json) in [
        ("a list of tokens", r#"{"tokens": ["«»", "x"]}"#),
        ("an object that is a secret", r#"{"client_secret": {"value": {"deep": ["«»"]}}}"#),
        ("a session in a list", r#"{"session": ["«»"]}"#),
        ("no blanks", r#"[{"a":{"b":[{"api_key":"«»"}]}}]"#),
        ("blanks and lines", "{\n  \"api_key\"\t:\r\n  \"«»\"\n}"),
        ("cut off", r#"{"api_key": "«»"#),
        ("behind a byte order mark", "\u{feff}{\"api_key\": \"«»\"}"),
        ("in lines", "{\"a\": 1}\n{\"api_key\": \"«»\"}\n"),
        ("a header field authorization", r#"{"headers": {"authorization": "Bearer «»"}}"#),
        ("a header field cookie", r#"{"headers": {"cookie": "a=b; sid=«»"}}"#),
        ("a header field set-cookie", r#"{"headers": {"set-cookie": ["sid=«»; Path=/"]}}"#),
        ("a header field HTTP_COOKIE", r#"{"env": {"HTTP_COOKIE": "sid=«»"}}"#),
        ("a header field x-api-key", r#"{"headers": {"x-api-key": ["«»"]}}"#),
        ("a header field www-authenticate", r#"{"www-authenticate": "Digest realm=\"a\", nonce=\"«»\""}"#),
        ("cookies of HAR", r#"{"cookies": [{"name": "theme", "value": "«»", "path": "/"}]}"#),
        ("cookies by name", r#"{"cookies": {"sid": "«»"}}"#),
    ] {
        table.json(kind.to_owned(), |secret| json.replace("«»", secret));
    }
}

fn names_with_escapes(table: &mut Table) {
    for name in [
        r"access\u005ftoken",
        r"access_tok\u0065n",
        r"\u0061ccess_token",
        r"\u0061\u0063\u0063\u0065\u0073\u0073\u005f\u0074\u006f\u006b\u0065\u006e",
        r"client\u002Dsecret",
        r"p\u0061ssword",
        r"token\u005b\u005d",
        r"api\u0020key",
        r"session\u005Fid",
        r"cook\u0069e",
        r"\u0070in",
    ] {
        table.json(format!("member {name}"), |secret| format!(r#"{{"x": "a\nb", "{name}": "{secret}"}}"#));
    }
    table.json("a secret with escapes".to_owned(), |secret| {
        let escaped: Vec<String> = secret.chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
        let escaped = escaped.concat();
        format!(r#"{{"api_key": "{escaped}"}}"#)
    });
}

fn pairs(table: &mut Table) {
    for (kind, json) in [
        ("X-API-Key", r#"[{"name": "X-API-Key", "value": "«»"}]"#),
        ("password", r#"{"name": "password", "value": "«»"}"#),
        ("the value first", r#"{"value": "«»", "name": "client_secret"}"#),
        ("members between", r#"{"name": "token", "a": {"b": ["}"]}, "c": 1, "value": "«»"}"#),
        ("key and value", r#"{"key": "api_key", "value": "«»"}"#),
        ("Name and Value", r#"{"Name": "Password", "Value": "«»"}"#),
        ("header and value", r#"{"header": "Authorization", "value": "Bearer «»"}"#),
        ("Cookie", r#"{"name": "Cookie", "value": "a=b; sid=«»"}"#),
        ("Set-Cookie", r#"{"name": "Set-Cookie", "value": "sid=«»; Path=/"}"#),
        ("Session-Id", r#"{"name": "Session-Id", "value": "«»"}"#),
        ("code of HAR", r#"{"queryString": [{"name": "code", "value": "«»"}]}"#),
        ("no blanks", r#"{"headers":[{"name":"Host","value":"a"},{"name":"X-Auth-Token","value":"«»"}]}"#),
        ("a list of two", r#"[["X-Api-Key", "«»"], ["Host", "a"]]"#),
        ("a flat list", r#"["Host", "a", "Authorization", "Bearer «»", "Accept", "*/*"]"#),
        ("a flat list of cookies", r#"["Cookie", "sid=«»", "Accept", "*/*"]"#),
        ("within a string", r#"{"log": "{\"name\": \"X-API-Key\", \"value\": \"«»\"}"}"#),
    ] {
        table.json(format!("pair, {kind}"), |secret| json.replace("«»", secret));
    }
}

fn parameters(table: &mut Table) {
    for name in [
        "access_token",
        "accessToken",
        "client_secret",
        "password",
        "passcode",
        "passphrase",
        "pwd",
        "pass",
        "api_key",
        "apikey",
        "API-KEY",
        "key",
        "code",
        "sig",
        "signature",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Goog-Credential",
        "hmac",
        "sid",
        "session_id",
        "otp",
        "pin",
        "jwt",
        "auth",
        "assertion",
        "client_assertion",
        "code_verifier",
        "device_code",
        "ticket",
        "token[]",
        "token%5B%5D",
        "user[password]",
        "user%5Bpassword%5D",
        "customer.password",
        "access%5Ftoken",
        "%61ccess_token",
        "TOKEN",
    ] {
        table.target(format!("parameter {name}"), |secret| format!("?a=1&{name}={secret}&z=2"));
    }
    for (kind, target) in [
        ("state of a login", "?code=a&state=«»"),
        ("state of a request for a login", "?response_type=code&client_id=a&state=«»"),
        ("nonce of a login", "?client_id=a&nonce=«»&redirect_uri=b"),
        ("state of a login that failed", "?error=access_denied&state=«»"),
        ("session in the path", ";jsessionid=«»?a=1"),
        ("session in the path, encoded", "%3Bjsessionid%3D«»"),
        ("fragment", "#access_token=«»&token_type=bearer"),
        ("URL within", "?u=https%3A%2F%2Fb.example%2F%3Ftoken%3D«»%26c%3D1"),
        ("URL within, encoded twice", "?u=https%253A%252F%252Fb.example%252F%253Ftoken%253D«»%2526c%253D1"),
        ("URL within, encoded three times", "?u=b%25252F%25253Ftoken%25253D«»%252526c%25253D1"),
        ("name and sign encoded twice", "?u=client%255Fsecret%253D«»"),
        ("user-info within", "?u=https%3A%2F%2Fme%3A«»%40b.example"),
        ("JSON within", "?q=%7B%22access_token%22%3A%22«»%22%7D"),
        ("JSON within, encoded twice", "?q=%257B%2522access_token%2522%253A%2522«»%2522%257D"),
    ] {
        table.target(kind.to_owned(), |secret| target.replace("«»", secret));
    }
    table.target("JSON in base64".to_owned(), |secret| {
        format!("?q={}&z=1", URL_SAFE_NO_PAD.encode(format!(r#"{{"access_token": "{secret}"}}"#)))
    });
    table.target("JSON in base64 in the path".to_owned(), |secret| {
        format!("/{}/x", URL_SAFE_NO_PAD.encode(format!(r#"{{"access_token": "{secret}"}}"#)))
    });
}

fn forms(table: &mut Table) {
    for name in [
        "code",
        "code_verifier",
        "passcode",
        "client_secret",
        "refresh_token",
        "password",
        "user[password]",
        "token[]",
        "login.pwd",
        "device_code",
        "client_assertion",
        "SAMLResponse",
        "_csrf",
        "pin",
        "otp",
        "access%255Ftoken",
    ] {
        table.text(format!("form, {name}"), FORM, |secret| format!("grant_type=a&{name}={secret}&z="));
    }
    table.text("form, JSON within".to_owned(), FORM, |secret| {
        format!("payload=%7B%22token%22%3A+%22{secret}%22%7D&x=1")
    });
    for name in [
        "\"password\"",
        "\"api_key\"",
        "\"user[password]\"",
        "client_secret",
        "\"code\"",
        "\"token\"; filename=\"a.txt\"",
    ] {
        let multipart = "multipart/form-data; boundary=b";
        table.text(format!("multipart, {name}"), multipart, |secret| {
            let head = "Content-Disposition: form-data; name";
            format!("--b\r\n{head}=\"a\"\r\n\r\n1\r\n--b\r\n{head}={name}\r\nContent-Type: text/plain\r\n\r\n{secret}\r\n--b--\r\n")
        });
    }
    table.text("multipart, JSON within".to_owned(), "multipart/form-data; boundary=b", |secret| {
        format!("--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: application/json\r\n\r\n{{\"token\": \"{secret}\"}}\r\n--b--\r\n")
    });
    table.text("multipart, JSON within in folded base64".to_owned(), "multipart/mixed; boundary=b", |secret| {
        let json = format!("{{\"a\": \"{}\", \"token\": \"{secret}\", \"z\": \"{}\"}}", "b".repeat(40), "c".repeat(40));
        let encoded = STANDARD.encode(json);
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        format!("--b\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n", lines.join("\r\n"))
    });
}

fn markup(table: &mut Table) {
    for (kind, xml) in [
        ("element", "<a><password>«»</password></a>"),
        ("element of a namespace", "<w:Token><w:AccessToken>«»</w:AccessToken></w:Token>"),
        ("element with attributes", "<wsse:Password Type=\"text\" b='c'>«»</wsse:Password>"),
        ("elements within", "<secret><part>a</part><part>«»</part></secret>"),
        ("CDATA", "<apiKey><![CDATA[«»]]></apiKey>"),
        ("session", "<SessionId>«»</SessionId>"),
        ("attribute", "<user name=\"a\" password=\"«»\"/>"),
        ("attribute in single quotes", "<user apiKey='«»'></user>"),
        ("attribute with blanks", "<user client_secret = \"«»\" />"),
        ("attribute of a namespace", "<x a:token=\"«»\"/>"),
        ("key and value", "<add key=\"ApiKey\" value=\"«»\"/>"),
        ("value and key", "<add value='«»' key='ApiKey'/>"),
        ("named element", "<property name=\"db.password\">«»</property>"),
        ("pair of elements", "<header><name>X-Api-Key</name><value>«»</value></header>"),
        ("property list", "<dict><key>password</key>\n<string>«»</string></dict>"),
        ("hidden field", "<input type=hidden name=\"csrf_token\" value=\"«»\">"),
        ("meta", "<meta name=\"csrf-token\" content=\"«»\">"),
        ("http-equiv", "<meta http-equiv=\"Set-Cookie\" content=\"sid=«»; Path=/\">"),
        ("link", "<a href=\"/x?a=1&amp;access_token=«»&amp;b=2\">b</a>"),
        ("JSON in an attribute", "<div data-x=\"{&quot;token&quot;:&quot;«»&quot;}\"></div>"),
        ("JSON in references by number", "<p>&#123;&#34;token&#34;:&#x22;«»&#x22;}</p>"),
        ("name in references", "<p>&#116;oken&equals;«»</p>"),
        ("script", "<script>var config = {token: '«»', x: 1};</script>"),
    ] {
        table.text(format!("markup, {kind}"), XML, |secret| xml.replace("«»", secret));
    }
}

fn texts(table: &mut Table) {
    for (kind, text) in [
        ("header field", "POST / HTTP/1.1\r\nX-Api-Key: «»\r\nHost: a\r\n\r\n"),
        ("cookie", "> Cookie: a=b; sid=«»\n> Host: a\n"),
        ("set-cookie", "< Set-Cookie: sid=«»; Path=/\n"),
        ("challenge", "< WWW-Authenticate: Digest realm=\"a\", nonce=\"«»\"\n"),
        ("authorization in a sentence", "it was sent as Authorization: Bearer «» and refused"),
        ("bearer in a sentence", "Bearer «» is unknown"),
        ("dpop in a sentence", "DPoP «» is unknown"),
        ("YAML", "a: 1\nclient:\n  secret: «»\n"),
        ("YAML in quotes", "- api_key: \"«»\"\n"),
        ("settings", "HOST=a\nDB_PASSWORD=«»\n"),
        ("settings with blanks", "[a]\npassword = «»\n"),
        ("settings in quotes", "password = \"«»\"\n"),
        ("Python", "{'access_token': '«»', 'a': 1}"),
        ("PHP", "['token' => '«»']"),
        ("Ruby", "{\"token\" => \"«»\"}"),
        ("JavaScript", "const a = { apiKey: \"«»\" };"),
        ("connection string", "Server=a;User=b;Password=«»;Timeout=5"),
        ("URL with user-info", "see postgres://me:«»@db.example/a"),
        ("URL", "see https://a.example/?api_key=«». Or don't."),
        ("curl -u", "curl -u bob:«» https://b.example/"),
        ("curl -u in quotes", "curl -s -u 'bob:«»' https://b.example/"),
        ("curl -ubob", "curl -ubob:«» https://b.example/"),
        ("curl --user", "curl --user bob:«» https://b.example/"),
        ("curl --user=", "curl --user=bob:«» https://b.example/"),
        ("curl -b", "curl -b 'a=b; sid=«»' https://b.example/"),
        ("curl --oauth2-bearer", "curl --oauth2-bearer «» https://b.example/"),
        ("curl -H", "curl -H 'X-Api-Key: «»' https://b.example/"),
        ("wget", "wget --http-password=«» https://b.example/"),
        ("--password", "tool --password «» -v"),
        ("private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n«»\n-----END RSA PRIVATE KEY-----\n"),
        (
            "private key, encrypted",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n«»\n-----END RSA PRIVATE KEY-----\n",
        ),
        ("private key, cut off", "-----BEGIN EC PRIVATE KEY-----\nMIIB\n«»"),
        (
            "private key of PGP",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n«»\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----\n",
        ),
    ] {
        table.text(format!("text, {kind}"), TEXT, |secret| text.replace("«»", secret));
        let in_json = serde_json::to_string(&text).expect("JSON");
        table.json(format!("string, {kind}"), |secret| {
            format!(r#"{{"log": {}, "x": "y"}}"#, in_json.replace("«»", secret))
        });
    }
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    coder.write_all(content).expect("gzip");
    coder.finish().expect("gzip")
}

pub fn zlib(content: &[u8]) -> Vec<u8> {
    let mut coder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    coder.write_all(content).expect("zlib");
    coder.finish().expect("zlib")
}

pub fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("zstd")
}

pub fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

/// What becomes of a secret on its way into a body.
pub type Packing<'p> = &'p dyn Fn(&str) -> Vec<u8>;

fn packed(table: &mut Table) {
    let json = |secret: &str| format!(r#"{{"a": "é", "access_token": "{secret}", "z": 1}}"#);
    let packings: [(&str, Packing<'_>); 22] = [
        ("gzip", &|secret| gzip(json(secret).as_bytes())),
        ("zstd", &|secret| zstd(json(secret).as_bytes())),
        ("zlib", &|secret| zlib(json(secret).as_bytes())),
        ("gzip twice", &|secret| gzip(&gzip(json(secret).as_bytes()))),
        ("gzip in zstd", &|secret| zstd(&gzip(json(secret).as_bytes()))),
        ("gzip of a form", &|secret| gzip(format!("a=1&client_secret={secret}").as_bytes())),
        ("UTF-16, little", &|secret| utf16(&json(secret), false)),
        ("UTF-16, big", &|secret| utf16(&json(secret), true)),
        ("UTF-16, little, with a mark", &|secret| utf16(&format!("\u{feff}{}", json(secret)), false)),
        ("UTF-16, big, with a mark", &|secret| utf16(&format!("\u{feff}{}", json(secret)), true)),
        ("UTF-16 in gzip", &|secret| gzip(&utf16(&json(secret), false))),
        ("base64", &|secret| STANDARD.encode(json(secret)).into_bytes()),
        ("base64 for URLs", &|secret| URL_SAFE_NO_PAD.encode(json(secret)).into_bytes()),
        ("base64 twice", &|secret| STANDARD.encode(STANDARD.encode(json(secret))).into_bytes()),
        ("base64 of gzip", &|secret| STANDARD.encode(gzip(json(secret).as_bytes())).into_bytes()),
        ("base64 of JSON in JSON", &|secret| format!(r#"{{"a": "{}"}}"#, STANDARD.encode(json(secret))).into_bytes()),
        ("base64 of gzip in JSON", &|secret| {
            format!(r#"{{"a": "{}"}}"#, STANDARD.encode(gzip(json(secret).as_bytes()))).into_bytes()
        }),
        ("base64 of a form in JSON", &|secret| {
            format!(r#"{{"a": "{}"}}"#, STANDARD.encode(format!("a=1&client_secret={secret}"))).into_bytes()
        }),
        ("JSON in a string", &|secret| nested(&json(secret), 1)),
        ("JSON in a string in a string", &|secret| nested(&json(secret), 2)),
        ("JSON in strings, three deep", &|secret| nested(&json(secret), 3)),
        ("base64 of JSON with JSON in a string", &|secret| STANDARD.encode(nested(&json(secret), 1)).into_bytes()),
    ];
    for (kind, pack) in packings {
        table.body(format!("packed, {kind}"), JSON, pack);
    }
    for (coding, body) in [
        ("br", &gzip as &dyn Fn(&[u8]) -> Vec<u8>),
        ("gzip", &zstd),
        ("identity", &gzip),
        ("lzma", &zstd),
        ("gzip", &|content| gzip(&gzip(content))),
        ("zstd", &|content| zstd(&zlib(content))),
        ("gzip", &|content| content.to_vec()),
        ("gzip", &|content| {
            let mut cut = gzip(content);
            cut.truncate(cut.len() - 8);
            cut
        }),
    ] {
        let number = table.0.len();
        table.add(format!("packed under {coding}, {number}"), |secret, exchange| {
            exchange.request.headers = [("Content-Type", JSON), ("Content-Encoding", coding)].into_iter().collect();
            exchange.request.body = Body::complete(body(json(secret).as_bytes()));
        });
    }
}

/// JSON as the text of a member of JSON, so many times.
pub fn nested(json: &str, times: usize) -> Vec<u8> {
    let once = |json: String, _| serde_json::json!({ "a": json }).to_string();
    (0..times).fold(json.to_owned(), once).into_bytes()
}

fn elsewhere(table: &mut Table) {
    table.add("user-info of the origin".to_owned(), |secret, exchange| {
        exchange.origin = format!("https://me:{secret}@booking.riverside.example");
    });
    table.add("reason phrase".to_owned(), |secret, exchange| {
        if let Some(response) = &mut exchange.response {
            response.reason = format!("Bearer {secret} is unknown");
        }
    });
    table.add("failure".to_owned(), |secret, exchange| {
        let detail = format!("https://a.example/?token={secret}");
        exchange.failure = Some(Failure { kind: FailureKind::BrokenOff, detail, answered: None });
    });
    table.add("rewritten link".to_owned(), |secret, exchange| {
        let link = |host: &str| format!("https://{host}.example/?token={secret}");
        let (at, sent, given) = ("/next".to_owned(), link("a"), link("b"));
        exchange.rewritten = vec![umpire::exchange::Rewritten { at, sent, given }];
    });
    table.add("the credentials, repeated".to_owned(), |secret, exchange| {
        exchange.request.headers.push("Authorization", format!("Bearer {secret}"));
        exchange.request.headers.push("X-Note", format!("as {secret}."));
        exchange.request.body = Body::complete(format!("<p>{secret}</p>"));
    });
    table.add("the password of Basic credentials, repeated".to_owned(), |secret, exchange| {
        exchange.request.headers.push("Authorization", format!("Basic {}", STANDARD.encode(format!("me:{secret}"))));
        exchange.request.body = Body::complete(format!("said {secret}"));
    });
    for (name, value) in [
        ("Location", "/cb?code=«»&state=a"),
        ("Referer", "https://a.example/?api_key=«»"),
        ("X-Url", "https://me:«»@a.example"),
    ] {
        table.add(format!("field {name}"), |secret, exchange| {
            exchange.request.headers.push(name, value.replace("«»", secret));
        });
    }
}
