//! Who makes a call, as far as a recording shows it: secrets are fingerprints there, and equal ones mean equal secrets.
//!
//! `Authorization | API key → credential → the same caller, another one, or no telling`

use std::borrow::Cow;

use crate::exchange::secrets::{SecretKind, SecretTraits, find_fingerprint, is_fingerprint};
use crate::json::{Document, Value};
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::models::urls::{form_parameter, parameter};

/// What other programs put in the place of every secret alike.
const PLACEHOLDER: &str = "REDACTED";

/// What was seen of how callers are let in.
#[derive(Debug, Default)]
pub(crate) struct AccessFacts {
    /// The issuer of tokens that the dataset site advertises.
    pub issuer: Option<String>,
    /// The scopes of the last request for authorisation.
    pub asked_scope: Option<String>,
    /// A token was asked for.
    pub token_asked: bool,
    /// A booking call had credentials.
    pub credentials_seen: bool,
}

impl AccessFacts {
    /// Takes an exchange up.
    pub(crate) fn remember(&mut self, parsed: &ParsedExchange) {
        self.credentials_seen |= parsed.is_booking_call() && credential(parsed).is_some();
        match parsed.stage {
            Stage::DatasetSite => {
                let dataset = parsed.response.json().map(Document::root);
                let issuer = dataset
                    .and_then(|dataset| dataset.find("/accessService/authenticationAuthority").and_then(Value::as_str));
                self.issuer = issuer.map(str::to_owned).or_else(|| self.issuer.take());
            }
            Stage::Other if request_parameter(parsed, "grant_type").is_some() => self.token_asked = true,
            Stage::Other if request_parameter(parsed, "response_type").is_some() => {
                self.asked_scope = request_parameter(parsed, "scope");
            }
            _ => {}
        }
    }
}

/// A parameter of a request: of its query, or else of its form.
pub(crate) fn request_parameter(parsed: &ParsedExchange, name: &str) -> Option<String> {
    let request = &parsed.exchange.request;
    parameter(&request.target, name).or_else(|| {
        let form = request.headers.get("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
        let text = std::str::from_utf8(&request.body.bytes).ok().filter(|_| form)?;
        form_parameter(text, name)
    })
}

/// The credential of a request: `Authorization`, or else a header or parameter that is named like an API key.
pub(crate) fn credential(parsed: &ParsedExchange) -> Option<Cow<'_, str>> {
    let request = &parsed.exchange.request;
    if let Some(value) = request.headers.get("authorization").filter(|value| !value.trim().is_empty()) {
        return Some(Cow::Borrowed(value));
    }
    let header = request.headers.0.iter().find(|field| names_a_key(&field.name) && !field.value.is_empty());
    if let Some(field) = header {
        return Some(String::from_utf8_lossy(&field.value));
    }
    ["api_key", "apiKey", "apikey", "api-key", "access_token", "subscription-key"]
        .into_iter()
        .find_map(|name| parameter(&request.target, name))
        .map(Cow::Owned)
}

/// The recording doesn't tell; why, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CredentialsUnseen(pub &'static str);

/// The same, as far as the recording tells: unseen where it may have left them out.
pub(crate) fn known_credential(parsed: &ParsedExchange) -> Result<Option<Cow<'_, str>>, CredentialsUnseen> {
    match credential(parsed) {
        None if !parsed.exchange.request.headers.tells_credentials() => {
            Err(CredentialsUnseen("the credentials of the request were not recorded"))
        }
        found => Ok(found),
    }
}

/// Unseen if the recording doesn't tell who makes a call.
pub(crate) fn known_caller(parsed: &ParsedExchange) -> Result<(), CredentialsUnseen> {
    known_credential(parsed).map(drop)
}

/// Unseen if what a page of a feed holds depends on credentials, and the recording doesn't tell them.
pub(crate) fn known_reader(parsed: &ParsedExchange) -> Result<(), CredentialsUnseen> {
    match parsed.stage {
        Stage::OrdersFeed | Stage::OrderProposalsFeed => known_caller(parsed),
        _ => Ok(()),
    }
}

fn names_a_key(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    ["apikey", "subscriptionkey", "authtoken", "accesstoken", "apitoken", "clientsecret"]
        .iter()
        .any(|key| name.contains(key))
}

/// True if two requests come from the same caller, false if not. A bearer token is renewed from time to time, and the
/// one for the feed is another than the one for bookings, so that different ones tell nothing.
pub(crate) fn same_caller(a: &ParsedExchange, b: &ParsedExchange) -> Result<bool, CredentialsUnseen> {
    let unseen = |why: &'static str| Err(CredentialsUnseen(why));
    match (known_credential(a)?, known_credential(b)?) {
        (Some(a), Some(b)) if a == b => {
            if a.contains(PLACEHOLDER) {
                return unseen("the credentials were taken out of the recording");
            }
            Ok(true)
        }
        (Some(a), Some(b)) if is_bearer(&a) || is_bearer(&b) => {
            unseen("two different tokens may belong to the same booking partner")
        }
        (Some(_), Some(_)) => Ok(false),
        _ => unseen("a call without credentials has no caller"),
    }
}

fn is_bearer(credential: &str) -> bool {
    without_scheme(credential, "bearer").is_some()
}

/// What is known of the secret that a text is, perhaps behind the word `Bearer`. Secrets and their fingerprints say the same.
pub(crate) fn secret_traits(text: &str) -> Option<SecretTraits> {
    let text = text.trim();
    SecretTraits::of_text(without_scheme(text, "bearer").unwrap_or(text))
}

/// What kind of secret a text is: `jwt`, `basic`, `private-key`, or `bearer` for another token behind that word; `None` if
/// it isn't known to be one.
pub(crate) fn secret_kind(text: &str) -> Option<&'static str> {
    /// Fewest letters of a token; shorter ones may be words, as in the name of a firm.
    const SHORTEST_TOKEN: usize = 16;
    let text = text.trim();
    if let Some(traits) = secret_traits(text) {
        return Some(traits.kind.as_str());
    }
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let is_token = |token: &str| is_fingerprint(token) || token.len() >= SHORTEST_TOKEN && token.bytes().all(of_token);
    let is_basic = |token: &str| {
        let traits = SecretTraits::of_secret(token.as_bytes());
        is_fingerprint(token) || traits.is_some_and(|traits| traits.kind == SecretKind::Basic)
    };
    if without_scheme(text, "bearer").is_some_and(is_token) {
        Some("bearer")
    } else if without_scheme(text, "basic").is_some_and(is_basic) {
        Some(SecretKind::Basic.as_str())
    } else if text.contains("PRIVATE KEY-----") {
        Some(SecretKind::PrivateKey.as_str())
    } else {
        None
    }
}

/// True if a text is a secret of a known kind, or has one in it that is told by its look.
pub(crate) fn holds_secret(text: &str) -> bool {
    let whole = text.trim();
    secret_kind(whole).is_some() || has_web_token(whole) || has_password(whole)
}

/// True if a JSON Web Token stands somewhere in a text, or the fingerprint of one.
fn has_web_token(text: &str) -> bool {
    let of_token = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let is_token = |word: &str| SecretTraits::of_text(word).is_some_and(|traits| traits.kind == SecretKind::WebToken);
    let mut rest = text;
    while let Some(place) = find_fingerprint(rest) {
        if is_token(&rest[place.clone()]) {
            return true;
        }
        rest = &rest[place.end..];
    }
    text.contains("eyJ")
        && text.split(|letter| !of_token(letter)).any(|word| is_token(word) || is_token(word.trim_end_matches('.')))
}

/// True if a URL somewhere in a text has a user name and a password before its host.
fn has_password(text: &str) -> bool {
    let ends = |letter: char| letter.is_whitespace() || "/?#\"'<>\\".contains(letter);
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(ends).next().unwrap_or_default();
        let user_info = authority.rsplit_once('@').and_then(|(user_info, _)| user_info.split_once(':'));
        user_info.is_some_and(|(_, password)| !password.is_empty())
    })
}

/// The token behind the name of a scheme.
fn without_scheme<'t>(credential: &'t str, scheme: &str) -> Option<&'t str> {
    let (name, token) = credential.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then(|| token.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_within_texts() {
        const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.c2lnbmVk";
        const FINGERPRINT: &str = "umpire:3f9a0c7d2be95f36~jwt~";
        for text in [
            TOKEN.to_owned(),
            format!("token: {TOKEN}."),
            format!("https://meadow.example/?token={TOKEN}&x=1"),
            FINGERPRINT.to_owned(),
            format!("https://meadow.example/?token={FINGERPRINT}&x=1"),
            "https://user:passw0rdX@meadow.example/".to_owned(),
            "https://umpire:3f9a0c7d2be95f36@meadow.example/".to_owned(),
        ] {
            assert!(holds_secret(&text), "{text}");
        }
        for text in [
            "Your password manager of fitness: keep your token of gratitude",
            "https://meadow.example:8443/a@b:c",
            "https://user@meadow.example",
            "eyJhbGciOi",
            "ACME-1234-5678",
            "myfitnessapp-production-broker-account-0001",
            "token: umpire:3f9a0c7d2be95f36",
            "umpire:3f9a0c7d2be95f36",
        ] {
            assert!(!holds_secret(text), "{text}");
        }
    }
}
