//! Which names mean a secret: one list for header fields, parameters of URLs and forms, JSON members, and elements and
//! attributes of markup.
//!
//! ```text
//! "X-Api-Key" | "accessToken" | "user[password]" ─► words ─► the last of them ─► Certain | IfLikely | none
//! ```
//!
//! Names are compared by word, whatever the case and whatever separates the words: `client-secret`, `CLIENT_SECRET`,
//! `clientSecret` and `clientsecret` are one name. Where a word is an ordinary one too (`session`, `pin`), the value
//! decides: see `is_likely_secret`.
//!
//! Recordings hold fingerprints in place of secrets ([`fingerprint`]). Rules see of a secret what its fingerprint says, so
//! that they find the same in a redacted exchange. No property of the OpenActive models is in the list (`accessCode`, `accessPass` and
//! `hasCredential` stay).

mod endings;
mod fingerprint;
mod likely;
mod memo;
mod names;
mod words;

pub(crate) use endings::{Endings, may_be_secret, may_be_secret_member};
pub use fingerprint::fingerprint;
pub(crate) use fingerprint::{
    FINGERPRINT_MARK, SecretKind, SecretTraits, find_fingerprint, fingerprint_at, is_fingerprint,
};
pub(crate) use likely::is_likely_secret;
use names::{
    AMBIGUOUS, ENDINGS, HARMLESS, HARMLESS_FIELDS, HOLDERS, IN_FIELDS, LOGIN, OF_LOGINS, PARAMETERS, SUFFIXES, WORDS,
};
use words::NameWords;

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameContext {
    /// A header or trailer field.
    HeaderField,
    /// A parameter of a URL or a form.
    Parameter,
    /// A JSON member, an element or attribute of markup, a line of a text.
    Member,
}

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// It is a secret.
    Certain,
    /// It is one if it looks like one: [`is_likely_secret`].
    IfLikely,
}

/// How the value of a header field, or of a member of the same name, is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldSyntax {
    /// Credentials, perhaps behind the name of their scheme.
    Credentials,
    /// `name=value; name=value`
    Cookies,
    /// `name=value; Path=/`
    SetCookie,
    /// Challenges and what servers say of an authentication: parameters of which some are secrets.
    Challenge,
}

/// All that a name says, wherever it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NameMeaning {
    member: Option<Secrecy>,
    parameter: Option<Secrecy>,
    header_field: Option<Secrecy>,
    syntax: Option<FieldSyntax>,
}

impl NameMeaning {
    /// Of a name that means no secret anywhere.
    const NOTHING: Self = Self { member: None, parameter: None, header_field: None, syntax: None };

    fn of(name: &[u8]) -> Self {
        memo::known_or(name, || {
            let words = NameWords::of(name);
            let may_be = may_be_secret(name) && may_be_secret_member(name.iter().rev());
            Self {
                member: may_be.then(|| secrecy_of_words(words, NameContext::Member)).flatten(),
                parameter: may_be.then(|| secrecy_of_words(words, NameContext::Parameter)).flatten(),
                header_field: is_secret_words_of_field(&words).then_some(Secrecy::Certain),
                syntax: syntax_of_words(words),
            }
        })
    }
}

/// What a name says of its value where it stands; `None` for a name that means no secret.
pub(crate) fn secrecy(name: &[u8], context: NameContext) -> Option<Secrecy> {
    if context != NameContext::HeaderField && !may_be_secret(name) {
        return None;
    }
    let meaning = NameMeaning::of(name);
    match context {
        NameContext::HeaderField => meaning.header_field,
        NameContext::Parameter => meaning.parameter,
        NameContext::Member => meaning.member,
    }
}

/// Of a member or a parameter.
fn secrecy_of_words(words: NameWords, context: NameContext) -> Option<Secrecy> {
    let words = words.without_suffixes(&SUFFIXES);
    if words.either(is_certain) {
        return Some(Secrecy::Certain);
    }
    if context == NameContext::Parameter && PARAMETERS.contains(&words.all()) {
        return Some(Secrecy::Certain);
    }
    let is_ambiguous = words.either(|words| {
        AMBIGUOUS.iter().any(|known| words.ends_in(known)) && !HARMLESS.iter().any(|known| words.ends_with(known))
    });
    is_ambiguous.then_some(Secrecy::IfLikely)
}

/// True if the value of that name is a secret.
pub(crate) fn is_secret_value(name: &[u8], context: NameContext, value: &[u8]) -> bool {
    /// Digits of a PIN.
    const PIN: std::ops::RangeInclusive<usize> = 4..=12;
    let is_pin = || {
        let name = NameWords::of(name);
        name.all() == "pin" && PIN.contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
    };
    match secrecy(name, context) {
        Some(Secrecy::Certain) => true,
        Some(Secrecy::IfLikely) => is_likely_secret(value) || is_pin(),
        None => false,
    }
}

/// True if a JSON member or a parameter of that name is a secret wherever it stands, and all that is within it.
pub(crate) fn is_secret(name: &[u8]) -> bool {
    secrecy(name, NameContext::Member) == Some(Secrecy::Certain)
}

/// True if the value of a header field is a secret as a whole, but for the name of a scheme. Of cookies and challenges
/// parts are: [`field_syntax`].
pub(crate) fn is_secret_field(name: &str) -> bool {
    let in_parts = |syntax: FieldSyntax| syntax != FieldSyntax::Credentials;
    secrecy(name.as_bytes(), NameContext::HeaderField).is_some() && !field_syntax(name.as_bytes()).is_some_and(in_parts)
}

/// True if what looks like a secret is one in an object of that name, however deep it stands.
pub(crate) fn holds_secrets(name: &[u8]) -> bool {
    let words = NameWords::of(name).without_suffixes(&SUFFIXES);
    words.either(|words| HOLDERS.iter().any(|known| words.ends_in(known)))
}

/// How the value of a header field is written, or that of a member which logs one; `None` for any other name.
pub(crate) fn field_syntax(name: &[u8]) -> Option<FieldSyntax> {
    // As none of these, nor a plural, ends.
    let last = name.iter().rev().find(|byte| byte.is_ascii_alphabetic())?;
    if !matches!(last.to_ascii_lowercase(), b'e' | b's' | b'o' | b'n') {
        return None;
    }
    NameMeaning::of(name).syntax
}

fn syntax_of_words(words: NameWords) -> Option<FieldSyntax> {
    const CHALLENGES: [&str; 4] =
        ["wwwauthenticate", "proxyauthenticate", "authenticationinfo", "proxyauthenticationinfo"];
    let name = words.all();
    if name.ends_with("setcookie") {
        Some(FieldSyntax::SetCookie)
    } else if words.either(|words| words.ends_in("cookie")) {
        Some(FieldSyntax::Cookies)
    } else if CHALLENGES.iter().any(|known| name.ends_with(known)) {
        Some(FieldSyntax::Challenge)
    } else if name.ends_with("authorization") || words.ends_in("authentication") {
        Some(FieldSyntax::Credentials)
    } else {
        None
    }
}

/// True for the fields that hold cookies.
pub(crate) fn is_cookie_field(name: &str) -> bool {
    ["cookie", "set-cookie"].iter().any(|field| name.eq_ignore_ascii_case(field))
}

/// True for `state` and `nonce`, which are secrets in the URL of a login.
pub(crate) fn is_secret_of_login(name: &[u8]) -> bool {
    OF_LOGINS.contains(&NameWords::of(name).all())
}

/// True for a parameter that only the URL of a login has.
pub(crate) fn is_parameter_of_login(name: &[u8]) -> bool {
    LOGIN.contains(&NameWords::of(name).all())
}

fn is_certain(words: NameWords) -> bool {
    ENDINGS.iter().any(|ending| words.ends_with(ending)) || WORDS.iter().any(|known| words.ends_in(known))
}

fn is_secret_words_of_field(words: &NameWords) -> bool {
    let name = words.all();
    if name.starts_with("accesscontrol") || HARMLESS_FIELDS.iter().any(|known| name.ends_with(known)) {
        return false;
    }
    let words = words.without_suffixes(&SUFFIXES);
    let last = |words: NameWords| {
        is_certain(words) || words.ends_with("key") || AMBIGUOUS.iter().any(|known| words.ends_in(known))
    };
    words.either(last) || IN_FIELDS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, context: NameContext) -> Option<Secrecy> {
        secrecy(name.as_bytes(), context)
    }

    #[test]
    fn names_are_compared_as_they_are_meant() {
        for name in [
            "access_token",
            "accessToken",
            "ACCESS-TOKEN",
            "access.token",
            "access token",
            "acme:accesstoken",
            "token[]",
            "token[0]",
            "user[password]",
            "customer[card][cvv]",
            "oauth2Token",
            "token2",
            "password_confirmation",
            "passwordHash",
            "old_password",
            "tokens",
            "API_KEYS",
            "HTTPAuthorization",
        ] {
            assert_eq!(of(name, NameContext::Member), Some(Secrecy::Certain), "{name}");
        }
    }

    #[test]
    fn members() {
        use NameContext::Member;
        for name in [
            "clientSecret",
            "Password",
            "db_pwd",
            "db_passwd",
            "passphrase",
            "passcode",
            "api_key",
            "signing_key",
            "encryptionKey",
            "hmac",
            "signature",
            "jwt",
            "otp",
            "otp_code",
            "app_key",
            "appkey",
            "applicationKey",
            "licenseKey",
            "integrationKey",
            "writeKey",
            "securityKey",
            "passkey",
            "pw",
            "PW",
            "dbPw",
            "db_pw[0]",
            "secretAnswer",
            "resetCode",
            "activationCode",
            "smsCode",
            "twoFactorCode",
            "passwordAgain",
            "tokenString",
            "client_secret_basic",
            "loginToken2FA",
            "secretKeyBase",
            "dpop",
            "device_code",
            "userCode",
            "code_verifier",
            "_csrf",
            "Authorization",
            "HTTP_AUTHORIZATION",
            "PHPSESSID",
        ] {
            assert_eq!(of(name, Member), Some(Secrecy::Certain), "{name}");
        }
        for name in [
            "sig",
            "session",
            "session_id",
            "sessionId",
            "cookies",
            "credentials",
            "pin",
            "db_pass",
            "auth",
            "authHeader",
            "auth_string",
            "serviceKey",
            "storageKey",
            "tokenId",
            "secret_id",
            "sas",
        ] {
            assert_eq!(of(name, Member), Some(Secrecy::IfLikely), "{name}");
        }
        for name in [
            "accessCode",
            "accessPass",
            "accessChannel",
            "hasCredential",
            "postalCode",
            "statusCode",
            "beta:codeType",
            "authenticationAuthority",
            "keywords",
            "token_type",
            "tokenEndpoint",
            "password_reset_url",
            "identifier",
            "code",
            "key",
            "keys",
            "state",
            "nonce",
            "superEvent",
            "SessionSeries",
            "sessionSeries",
            "shopping",
            "design",
            "laptop",
            "author",
            "propertyID",
            "bookingKey",
            "promoCode",
            "confirmationCode",
            "gasAndSas1x",
            "mpw1",
            "sofa",
            "alfa",
            "queryString",
            "address",
            "access",
            "",
            "s",
        ] {
            assert_eq!(of(name, Member), None, "{name}");
        }
    }

    #[test]
    fn parameters() {
        use NameContext::Parameter;
        for name in
            ["key", "code", "sig", "pin", "X-Amz-Signature", "X-Amz-Credential", "access_token", "jsessionid", "sid"]
        {
            assert_eq!(of(name, Parameter), Some(Secrecy::Certain), "{name}");
        }
        for name in ["afterTimestamp", "afterId", "postcode", "limit", "keys", "version", "q", "state", "accessCode"] {
            assert_eq!(of(name, Parameter), None, "{name}");
        }
        assert_eq!(of("sessionId", Parameter), Some(Secrecy::IfLikely));
        assert_eq!([of("pw", Parameter), of("appkey", Parameter)], [Some(Secrecy::Certain); 2]);
        assert!(is_secret_of_login(b"state") && is_parameter_of_login(b"client_id") && !is_parameter_of_login(b"q"));
    }

    #[test]
    fn objects_that_hold_secrets() {
        for name in ["credentials", "clientCredential", "auth", "basic_auth", "authentication"] {
            assert!(holds_secrets(name.as_bytes()), "{name}");
        }
        for name in ["session", "passes", "author", "cookies"] {
            assert!(!holds_secrets(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn fields() {
        for name in [
            "X-API-Key",
            "apikey",
            "Ocp-Apim-Subscription-Key",
            "X-Auth-User",
            "X-CSRF-Token",
            "X-Amz-Security-Token",
            "X-Client-Secret",
            "Authorization",
            "Proxy-Authorization",
            "X-Forwarded-Authorization",
            "Authentication",
            "X-Jwt",
            "X-Db-Pwd",
            "X-Db-Passwd",
            "X-Passphrase",
            "X-Api-Credential",
            "Session-Id",
            "DPoP",
            "X-Hub-Signature-256",
            "X-OTP",
        ] {
            assert!(is_secret_field(name), "{name}");
        }
        for name in [
            "Content-Type",
            "Accept",
            "WWW-Authenticate",
            "Sec-WebSocket-Key",
            "Idempotency-Key",
            "Cache-Control",
            "Access-Control-Allow-Headers",
            "Host",
            "ETag",
            "Authentication-Info",
            "Signature-Input",
            "X-Request-Id",
            "Cookie",
            "Set-Cookie2",
        ] {
            assert!(!is_secret_field(name), "{name}");
        }
    }

    #[test]
    fn syntaxes() {
        for (name, expected) in [
            ("cookie", Some(FieldSyntax::Cookies)),
            ("HTTP_COOKIE", Some(FieldSyntax::Cookies)),
            ("cookies", Some(FieldSyntax::Cookies)),
            ("Set-Cookie2", Some(FieldSyntax::SetCookie)),
            ("www-authenticate", Some(FieldSyntax::Challenge)),
            ("Authentication-Info", Some(FieldSyntax::Challenge)),
            ("Proxy-Authorization", Some(FieldSyntax::Credentials)),
            ("X-Api-Key", None),
        ] {
            assert_eq!(field_syntax(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn no_property_of_the_models_is_certainly_a_secret() {
        for file in std::fs::read_dir("rules/models").unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for name in text.split('"').filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
                assert!(!is_secret(name.as_bytes()), "{name}");
            }
        }
    }
}
