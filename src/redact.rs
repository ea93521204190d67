//! Replaces secrets by keyed fingerprints, and personal data by pseudonyms, before anything reaches the disk.
//!
//! ```text
//! Exchange ─► bodies unpacked (content) ─► names of header fields, parameters, JSON members ─┐
//!                                      ─► JWTs, user-info, the exchange's own credentials ─┴─► umpire:3f9a… in their place
//! ```
//!
//! Only values change: names, structure and every other byte stay, and so do the lengths that were on the wire. So a
//! redacted exchange gives the same verdicts as the original. Redacting twice changes nothing more.

mod byte_finder;
mod challenge;
mod content;
mod cookies;
mod credentials;
mod level;
mod personal;
mod scan;
mod seen;
mod views;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ring::hmac;
use ring::rand::SystemRandom;

use crate::exchange::secrets::{fingerprint, fingerprint_at};
use crate::exchange::{Body, BodyEnd, DecodeError, Exchange, Headers, codings, salvage};
use credentials::OwnCredentials;
pub use level::RedactionLevel;
use personal::Personal;
pub use personal::{FieldCount, PersonalFields};
use scan::Scanner;
use seen::KnownSecrets;

/// What other programs and people put in a secret's place.
const PLACEHOLDER: &str = "REDACTED";

/// Why no [`Redactor`] can be made, and so nothing can be recorded safely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactError {
    /// The system gave no random numbers for the redaction key.
    #[error("no random numbers for the key that fingerprints secrets; nothing can be recorded safely")]
    Random,
    /// The search for secrets could not be set up.
    #[error("the search for secrets can't be set up, so nothing can be recorded safely: {cause}")]
    Hints {
        /// The cause in words.
        cause: String,
    },
}

/// Replaces the secrets of exchanges. Its key is made when it is made and never leaves it: equal secrets give equal
/// fingerprints within one run, and a fingerprint can't be tried out against guesses.
pub struct Redactor {
    fingerprinter: Fingerprinter,
    scanner: Scanner,
    personal: Option<Personal>,
    /// A body that is no text is left out, since nobody knows what is in it.
    texts_only: bool,
    /// Bodies of which nothing was kept.
    left_out: AtomicU64,
}

impl Redactor {
    /// A redactor of secrets, with a key of its own.
    pub fn new() -> Result<Self, RedactError> {
        Self::with(Fingerprinter::new(key()?), None)
    }

    /// A redactor of secrets and of personal data: what the models say is personal, and what `fields` add.
    ///
    /// It remembers what it has replaced, so that it is found again in later exchanges: use one for each recording, and
    /// give it the exchanges in their order. An answer to an intake form is replaced until the form has been seen; choices
    /// among its options stay from then on. Of a recording that is there already all can be known beforehand:
    /// [`Redactor::learn`].
    pub fn of_persons(fields: PersonalFields) -> Result<Self, RedactError> {
        Self::with(Fingerprinter::new(key()?), Some(Personal::new(key()?, fields)))
    }

    /// A redactor whose fingerprints and pseudonyms follow from a secret, so that those of several recordings, or of the
    /// same one at another time, can be compared by whoever has the secret. With `fields` it is one of personal data.
    pub fn under(secret: &[u8], fields: Option<PersonalFields>) -> Result<Self, RedactError> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = |purpose: &str| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, purpose.as_bytes()).as_ref());
        let personal = fields.map(|fields| Personal::new(key("personal data"), fields));
        Self::with(Fingerprinter::new(key("secrets")), personal)
    }

    fn with(fingerprinter: Fingerprinter, personal: Option<Personal>) -> Result<Self, RedactError> {
        let (scanner, left_out) = (Scanner::new()?, AtomicU64::new(0));
        Ok(Self { fingerprinter, scanner, personal, texts_only: false, left_out })
    }

    /// The same, for recordings that others are to have: of a body that is no text nothing is kept, since secrets and
    /// personal data can't be found in it.
    #[must_use]
    pub(crate) fn for_others(self) -> Self {
        Self { texts_only: true, ..self }
    }

    /// Bodies of which nothing was kept so far, because they can't be read.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// What it replaces.
    pub fn level(&self) -> RedactionLevel {
        if self.personal.is_some() { RedactionLevel::Personal } else { RedactionLevel::Secrets }
    }

    /// The personal data that have been replaced so far, by field, in the order of the alphabet.
    pub fn counts(&self) -> Vec<FieldCount> {
        self.personal.as_ref().map(Personal::counts).unwrap_or_default()
    }

    /// The exchange without its secrets. Costs a scan of the bodies; what holds none is not copied.
    ///
    /// Replaced are: credentials (the scheme stays), cookie values (names and attributes stay), header and trailer fields,
    /// parameters and JSON members that are named like keys, tokens, secrets or passwords, user-info in URLs, JSON Web
    /// Tokens anywhere, this request's own credentials wherever they turn up again, and every secret wherever it is
    /// repeated from then on. A secret that is a number in JSON becomes 0. A compressed body is decoded for this, and coded
    /// again if it held a secret; what can't be decoded is dropped, and the body counts as truncated.
    ///
    /// `length` of a body stays what it was on the wire, so it may differ from `bytes.len()` even of a complete one.
    pub fn redact(&self, exchange: Exchange) -> Exchange {
        let bodies = bodies(&exchange);
        let mut exchange = self.without_secrets(exchange);
        if let Some(personal) = &self.personal {
            personal.redact(&mut exchange);
        }
        self.left_out.fetch_add(bodies.saturating_sub(self::bodies(&exchange)), Ordering::Relaxed);
        exchange
    }

    /// Takes up what an exchange says of people and of intake forms, and its secrets, before the recording is redacted: so
    /// they are found in the exchanges before it too, and what is equal stays equal throughout.
    pub fn learn(&self, exchange: Exchange) {
        let exchange = self.without_secrets(exchange);
        if let Some(personal) = &self.personal {
            personal.learn(&exchange);
        }
    }

    fn without_secrets(&self, mut exchange: Exchange) -> Exchange {
        let known = self.fingerprinter.seen().version();
        let own = OwnCredentials::of(&exchange.request.headers);
        // Bodies first: the rest is short, and what they hold may stand there too.
        self.body(&mut exchange.request.body, &exchange.request.headers, &own);
        if let Some(response) = &mut exchange.response {
            self.body(&mut response.body, &response.headers, &own);
            self.headers(&mut response.headers, &own);
            self.headers(&mut response.body.trailers, &own);
            self.replace_text(&mut response.reason, &own);
        }
        for link in &mut exchange.rewritten {
            for text in [&mut link.at, &mut link.sent, &mut link.given] {
                self.replace_text(text, &own);
            }
        }
        self.headers(&mut exchange.request.headers, &own);
        self.headers(&mut exchange.request.body.trailers, &own);
        self.replace_text(&mut exchange.origin, &own);
        self.replace_text(&mut exchange.request.target, &own);
        if exchange.request.method == "CONNECT" {
            // Its target is a host.
            let target = credentials::replace("host", exchange.request.target.as_bytes(), &self.fingerprinter);
            if let Some(clean) = target.and_then(|clean| String::from_utf8(clean).ok()) {
                exchange.request.target = clean;
            }
        }
        if let Some(failure) = &mut exchange.failure {
            self.replace_text(&mut failure.detail, &own);
        }
        // What was found at last may stand in what was looked at first.
        if self.fingerprinter.seen().version() != known {
            self.replace_known(&mut exchange);
        }
        exchange
    }

    /// The short parts of an exchange, searched once more for the secrets that are known by now.
    fn replace_known(&self, exchange: &mut Exchange) {
        let seen = self.fingerprinter.seen();
        let request = &mut exchange.request;
        let mut all = vec![&mut request.headers, &mut request.body.trailers];
        if let Some(response) = &mut exchange.response {
            all.extend([&mut response.headers, &mut response.body.trailers]);
        }
        for field in all.into_iter().flat_map(|headers| &mut headers.0) {
            if let Some(clean) = seen.replace(&field.value) {
                field.value = Bytes::from(clean);
            }
        }
        if let Some(clean) = seen.replace(exchange.request.target.as_bytes()) {
            exchange.request.target = String::from_utf8_lossy(&clean).into_owned();
        }
    }

    /// The text with what looks like a secret replaced, or `None` if nothing does.
    fn clean(&self, text: &[u8], own: &OwnCredentials) -> Option<Vec<u8>> {
        let first = own.replace(text, &self.fingerprinter);
        let second = self.scanner.replace(first.as_deref().unwrap_or(text), &self.fingerprinter).or(first);
        let third = self.fingerprinter.seen().replace(second.as_deref().unwrap_or(text));
        third.or(second)
    }

    fn replace_text(&self, text: &mut String, own: &OwnCredentials) {
        if let Some(clean) = self.clean(text.as_bytes(), own) {
            // Secrets are cut at ASCII characters, so this is UTF-8; were it not, it would still be no secret.
            *text = String::from_utf8_lossy(&clean).into_owned();
        }
    }

    fn headers(&self, headers: &mut Headers, own: &OwnCredentials) {
        for field in &mut headers.0 {
            let clean = credentials::replace(&field.name, &field.value, &self.fingerprinter);
            let again = self.clean(clean.as_deref().unwrap_or(&field.value), own);
            if let Some(clean) = again.or(clean) {
                field.value = Bytes::from(clean);
            }
        }
    }

    fn body(&self, body: &mut Body, headers: &Headers, own: &OwnCredentials) {
        if body.bytes.is_empty() {
            return;
        }
        match body.content(headers) {
            Ok(content) => self.content(body, &content, own, |body, clean| put_back(body, clean, headers)),
            // What decodes to that much is not judged either.
            Err(error) if *error == DecodeError::TooLarge => give_up(body),
            Err(_) => self.undecodable(body, headers, own),
        }
    }

    /// The content of a body, which may be packed once more than its header fields say.
    fn content(&self, body: &mut Body, content: &[u8], own: &OwnCredentials, put: impl FnOnce(&mut Body, Vec<u8>)) {
        let is_unreadable = Cell::new(false);
        let clean = |text: &[u8]| {
            is_unreadable.set(self.texts_only && !content::is_text(text));
            self.clean(text, own)
        };
        match content::unpacked(content, clean) {
            Ok(_) if is_unreadable.get() => give_up(body),
            Ok(Some(clean)) => put(body, clean),
            Ok(None) => {}
            Err(_) => {
                let packing = content::packing(content);
                let beginning = packing.map(|packing| packing.salvage(content)).unwrap_or_default();
                let clean = self.clean(&beginning, own).unwrap_or(beginning);
                match packing.and_then(|packing| packing.pack(&clean)).filter(|_| !clean.is_empty()) {
                    Some(packed) => {
                        put(body, packed);
                        cut(body);
                    }
                    None => give_up(body),
                }
            }
        }
    }

    /// A part that can be decoded is kept, since a secret in it is seen; the rest might hold one unseen.
    fn undecodable(&self, body: &mut Body, headers: &Headers, own: &OwnCredentials) {
        let bytes = body.bytes.clone();
        if let Some(content::Packing::Coded(coding)) = content::packing(&bytes)
            && !codings(headers).iter().any(|known| known.ends_with(coding))
        {
            // The header lies, the bytes don't.
            return self.content(body, &bytes, own, |body, clean| body.bytes = Bytes::from(clean));
        }
        let content = salvage(&bytes, headers);
        if !content.is_empty() {
            let clean = self.clean(&content, own);
            put_back(body, clean.unwrap_or(content), headers);
            cut(body);
        } else if std::str::from_utf8(&bytes).is_ok() {
            // Plain text under a header that lies: a secret in it is seen.
            if let Some(clean) = self.clean(&bytes, own) {
                body.bytes = Bytes::from(clean);
            }
        } else {
            give_up(body);
        }
    }
}

/// How many bodies of an exchange hold anything.
fn bodies(exchange: &Exchange) -> u64 {
    let response = exchange.response.as_ref().is_some_and(|response| !response.body.bytes.is_empty());
    u64::from(!exchange.request.body.bytes.is_empty()) + u64::from(response)
}

/// Puts new content into a body, in the codings that the header names.
fn put_back(body: &mut Body, content: Vec<u8>, headers: &Headers) {
    if !body.replace_content(content, headers) {
        give_up(body);
    }
}

fn key() -> Result<hmac::Key, RedactError> {
    hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| RedactError::Random)
}

/// Better no body than a secret on the disk.
fn give_up(body: &mut Body) {
    body.bytes = Bytes::new();
    cut(body);
}

/// Not all of a body is there any more.
fn cut(body: &mut Body) {
    if body.end == BodyEnd::Complete {
        body.end = BodyEnd::Truncated;
    }
}

/// Makes fingerprints under a key, and knows the secrets of this recording so far.
struct Fingerprinter {
    key: hmac::Key,
    seen: Mutex<KnownSecrets>,
}

impl Fingerprinter {
    fn new(key: hmac::Key) -> Self {
        Self { key, seen: Mutex::default() }
    }

    /// The fingerprint of a secret, which is remembered; `None` if there is nothing to hide.
    fn fingerprint(&self, secret: &[u8]) -> Option<String> {
        if is_blank_or_replaced(secret) {
            return None;
        }
        if let Some(mask) = self.seen().mask_of(secret) {
            return Some(mask.to_owned());
        }
        let tag = hmac::sign(&self.key, secret);
        let mask = fingerprint(secret, *tag.as_ref().first_chunk()?);
        self.seen().remember(secret, &mask);
        Some(mask)
    }

    fn seen(&self) -> MutexGuard<'_, KnownSecrets> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True where there is nothing to hide.
fn is_blank_or_replaced(secret: &[u8]) -> bool {
    std::str::from_utf8(secret).is_ok_and(|text| text.trim().is_empty()) || is_mask(secret)
}

/// True for what already stands in a secret's place, also where it was percent-encoded since.
fn is_mask(text: &[u8]) -> bool {
    text == PLACEHOLDER.as_bytes() || fingerprint_at(text) == Some(text.len())
}

/// A URL without its user-info.
pub(super) fn without_user_info(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_stay_equal_within_a_run_only() {
        let (one, other) = (Redactor::new().unwrap().fingerprinter, Redactor::new().unwrap().fingerprinter);
        let mask = one.fingerprint(b"secret").unwrap();
        assert!(is_mask(mask.as_bytes()) && mask.len() == 23, "{mask}");
        assert_eq!(one.fingerprint(b"secret"), Some(mask.clone()));
        assert_ne!(one.fingerprint(b"secret2"), Some(mask.clone()));
        assert_ne!(other.fingerprint(b"secret"), Some(mask.clone()));
        assert_eq!(one.fingerprint(mask.as_bytes()), None);
        assert_eq!(one.fingerprint(b"REDACTED"), None);
    }

    #[test]
    fn user_info_goes() {
        assert_eq!(without_user_info("https://a:b@c.example:1/x@y"), "https://c.example:1/x@y");
        assert_eq!(without_user_info("https://c.example/x@y"), "https://c.example/x@y");
        assert_eq!(without_user_info("nonsense@"), "nonsense@");
    }
}
