//! The content of a body, decoded once for all who read it while an exchange is recorded and judged.
//!
//! `body, Content-Encoding → decode → kept → secrets, personal data, links, rules → released`

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Body, DecodeError, Headers, codings, decode, encode};

/// Longest content that is kept, in bytes. What is longer is decoded by each reader.
const MAX_KEPT: usize = 1 << 20;

/// The decoded copy of a body, for as long as it is needed. Copies of the body have none, and it makes no difference between two.
#[derive(Default)]
pub struct DecodedCopy(Mutex<Option<Box<Decoded>>>);

/// What some bytes are in some content codings. It has hold of the bytes, so that no others can be where these are.
struct Decoded {
    bytes: Bytes,
    codings: Vec<String>,
    content: Result<Bytes, Arc<DecodeError>>,
}

impl DecodedCopy {
    fn lock(&self) -> MutexGuard<'_, Option<Box<Decoded>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for DecodedCopy {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for DecodedCopy {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for DecodedCopy {}

impl Body {
    /// The content behind the codings that `Content-Encoding` names; see [`decode`]. What was decoded is kept for the next reader,
    /// until [`Body::release_content`]. Without a coding nothing is copied.
    pub(crate) fn content(&self, headers: &Headers) -> Result<Bytes, Arc<DecodeError>> {
        let codings = codings(headers);
        if codings.is_empty() {
            return Ok(self.bytes.clone());
        }
        let mut kept = self.decoded.lock();
        let is_of = |kept: &&Decoded| {
            kept.codings == codings
                && kept.bytes.as_ptr() == self.bytes.as_ptr()
                && kept.bytes.len() == self.bytes.len()
        };
        if let Some(kept) = kept.as_deref().filter(is_of) {
            return kept.content.clone();
        }
        let content = decode(&self.bytes, headers).map(|content| Bytes::from(content.into_owned())).map_err(Arc::new);
        if content.as_ref().map_or(0, Bytes::len) <= MAX_KEPT {
            *kept = Some(Box::new(Decoded { bytes: self.bytes.clone(), codings, content: content.clone() }));
        }
        content
    }

    /// Puts another content in place of this one, in the codings that `Content-Encoding` names. False if one of them is unknown:
    /// then nothing has changed.
    pub(crate) fn replace_content(&mut self, content: Vec<u8>, headers: &Headers) -> bool {
        let codings = codings(headers);
        if codings.is_empty() {
            self.bytes = Bytes::from(content);
            return true;
        }
        let Some(coded) = encode(&content, headers) else { return false };
        self.bytes = Bytes::from(coded);
        self.release_content();
        if content.len() <= MAX_KEPT {
            let content = Ok(Bytes::from(content));
            *self.decoded.lock() = Some(Box::new(Decoded { bytes: self.bytes.clone(), codings, content }));
        }
        true
    }

    /// Bytes of memory that it holds, its decoded copy included.
    pub(crate) fn held(&self) -> usize {
        let decoded = self.decoded.lock();
        let content = decoded.as_ref().and_then(|decoded| decoded.content.as_ref().ok());
        self.bytes.len() + content.map_or(0, Bytes::len)
    }

    /// Lets the decoded copy go: nobody is expected to read it any more.
    pub(crate) fn release_content(&self) {
        *self.decoded.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_decoded_once_and_anew_when_it_has_changed() {
        let headers: Headers = [("Content-Encoding", "gzip")].into_iter().collect();
        let coded = |text: &str| Bytes::from(encode(text.as_bytes(), &headers).unwrap());
        let mut body = Body::complete(coded("one"));
        let first = body.content(&headers).unwrap();
        assert_eq!(first, "one");
        let again = body.content(&headers).unwrap();
        assert_eq!(again.as_ptr(), first.as_ptr(), "the same copy");
        body.bytes = coded("two");
        assert_eq!(body.content(&headers).unwrap(), "two");
        assert_eq!(body.content(&Headers::default()).unwrap(), body.bytes, "other codings");
        assert!(body.replace_content(b"three".to_vec(), &headers) && body.held() == body.bytes.len() + 5);
        assert_eq!(body.content(&headers).unwrap(), "three");
        assert_eq!(decode(&body.bytes, &headers).unwrap(), &b"three"[..]);
        body.release_content();
        assert!(body.decoded.lock().is_none());
        assert_eq!(body.content(&headers).unwrap(), "three");
        assert_eq!(body.clone(), body, "equal whether decoded or not");
        body.bytes = Bytes::from_static(b"none");
        assert!(body.content(&headers).is_err() && body.content(&headers).is_err());
    }
}
