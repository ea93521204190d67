//! Places of secrets, one a row: a name, where it stands, how it is written. Each row has a secret of its own.
//!
//! `field X-Jwt · member access_token, with escapes · parameter token[], encoded twice · gzip without a header field · …`

mod packed;
mod texts;

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use umpire::exchange::{Body, Exchange, Failure, FailureKind, Headers};

use super::support::{exchange, response};
use packed::packed;
pub use packed::{Packing, gzip, nested, utf16, zlib, zstd};
use texts::{forms, markup, texts};

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
        exchange.rewritten = vec![umpire::exchange::RewrittenLink { at, sent, given }];
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
