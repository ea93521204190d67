//! Values that a recording doesn't hold, and that its user gives: credentials, and what was redacted.
//!
//! `[CALLER:]NAME: VALUE, POINTER=VALUE → Substitutes → requests`

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;

/// A value that has to be given before a request can be sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum MissingValue {
    /// A header field of a recorded caller; the first one is 1.
    Field {
        /// Which caller.
        caller: u16,
        /// Name of the field, in lower case.
        name: String,
    },
    /// The value at a JSON pointer in request bodies.
    Value {
        /// The pointer.
        pointer: String,
    },
    /// Something in the path, the query or a body that is no JSON, which can't be given.
    Target,
}

impl fmt::Display for MissingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { caller: 1, name } => write!(f, "the header field {name} (--header '{name}: …')"),
            Self::Field { caller, name } => {
                write!(f, "the header field {name} of caller {caller} (--header '{caller}:{name}: …')")
            }
            Self::Value { pointer } => write!(f, "{pointer} of the request (--value '{pointer}=…')"),
            Self::Target => f.write_str("what was replaced in the path, the query or a body that is no JSON"),
        }
    }
}

/// A header field that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    /// No colon.
    #[error("a header field is written NAME: VALUE, or CALLER:NAME: VALUE for another caller than the first")]
    NoColon,
    /// Not a name.
    #[error("{0:?} is no name of a header field")]
    Name(String),
    /// A value with a line break or another control character.
    #[error("the value of {0} holds a control character")]
    Value(String),
}

/// Values given by the user. They are never printed, so there is no `Debug`.
#[derive(Default, Clone)]
pub(crate) struct Substitutes {
    headers: HashMap<(u16, String), Bytes>,
    values: HashMap<String, String>,
}

impl Substitutes {
    /// Takes up a header field, written `NAME: VALUE` or `CALLER:NAME: VALUE`.
    pub(crate) fn add_header(&mut self, written: &str) -> Result<(), HeaderError> {
        let (first, rest) = written.split_once(':').ok_or(HeaderError::NoColon)?;
        let (caller, name, value) = match first.trim().parse::<u16>() {
            Ok(caller) => {
                let (name, value) = rest.split_once(':').ok_or(HeaderError::NoColon)?;
                (caller.max(1), name, value)
            }
            Err(_) => (1, first, rest),
        };
        let name = name.trim().to_ascii_lowercase();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(HeaderError::Name(name));
        }
        let value = value.trim();
        if value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
            return Err(HeaderError::Value(name));
        }
        self.headers.insert((caller, name), Bytes::copy_from_slice(value.as_bytes()));
        Ok(())
    }

    /// Takes up the value at a JSON pointer in request bodies.
    pub(crate) fn add_value(&mut self, pointer: &str, value: &str) {
        self.values.insert(pointer.to_owned(), value.to_owned());
    }

    /// A header field of a caller.
    pub(crate) fn header(&self, caller: u16, name: &str) -> Option<&Bytes> {
        self.headers.get(&(caller, name.to_ascii_lowercase()))
    }

    /// The header fields of a caller.
    pub(crate) fn headers(&self, caller: u16) -> impl Iterator<Item = (&str, &Bytes)> {
        self.headers.iter().filter(move |((of, _), _)| *of == caller).map(|((_, name), value)| (name.as_str(), value))
    }

    /// The value at a JSON pointer.
    pub(crate) fn value(&self, pointer: &str) -> Option<&str> {
        self.values.get(pointer).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_with_and_without_a_caller() {
        let mut given = Substitutes::default();
        given.add_header("Authorization: Bearer a:b").unwrap();
        given.add_header("2:Authorization: Bearer c").unwrap();
        assert_eq!(given.header(1, "authorization").unwrap(), "Bearer a:b");
        assert_eq!(given.header(2, "AUTHORIZATION").unwrap(), "Bearer c");
        assert_eq!(given.header(3, "authorization"), None);
        assert_eq!(given.add_header("Authorization"), Err(HeaderError::NoColon));
        assert_eq!(given.add_header("A b: c"), Err(HeaderError::Name("a b".to_owned())));
        assert_eq!(given.add_header("A: c\r\nB: d"), Err(HeaderError::Value("a".to_owned())));
    }
}
