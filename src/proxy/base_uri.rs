//! The base URI that `--to` names: where the booking system is.
//!
//! `"https://booking.example.com/api/" → BaseUri { origin: "https://booking.example.com", path: "/api" }`

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

/// Base URI of a booking system: http or https, an authority and a path without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUri {
    origin: String,
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

/// Why a text is not a usable base URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseUriError {
    /// No `http://` or `https://` in front.
    #[error("{0:?} has no scheme: write it out, such as https://{0}")]
    NoScheme(String),
    /// A scheme other than http and https.
    #[error("{uri:?} has the scheme {scheme:?}: only http and https are supported")]
    Scheme {
        /// What was given.
        uri: String,
        /// Its scheme.
        scheme: String,
    },
    /// Nothing between `//` and the path.
    #[error("{0:?} names no host: write it as https://HOST/PATH")]
    NoHost(String),
    /// User name or password before the host.
    #[error("{0:?} holds a user name or password: leave out all up to the @; the broker sends its own credentials")]
    Credentials(String),
    /// A port that is none.
    #[error("{0:?} has an unusable port: it must be a number from 1 to 65535")]
    Port(String),
    /// A query.
    #[error("{0:?} has a query: a base URI ends before the question mark")]
    Query(String),
    /// A fragment.
    #[error("{0:?} has a fragment: a base URI ends before the #")]
    Fragment(String),
    /// Anything else that is not a URI.
    #[error("{uri:?} is not a URI: {cause}")]
    Malformed {
        /// What was given.
        uri: String,
        /// The parser's words.
        cause: String,
    },
}

impl BaseUri {
    /// Scheme and authority, such as `https://booking.example.com:8443`; scheme and host in lower case.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and, where it was given, port: the value of the Host field.
    pub fn authority(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Path without a slash at its end, such as `/api/openbooking`; empty for the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host as a name or an address, without the brackets of IPv6.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port, the scheme's own where none was given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True for https.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }
}

impl fmt::Display for BaseUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl FromStr for BaseUri {
    type Err = BaseUriError;

    fn from_str(text: &str) -> Result<Self, BaseUriError> {
        let given = text.trim();
        // What it holds before an @ may be a secret: no message repeats it.
        if let Some(host) = behind_user_info(given) {
            return Err(BaseUriError::Credentials(format!("…@{host}")));
        }
        // Nor what stands in a query or fragment.
        let owned = || match given.find(['?', '#']) {
            Some(sign) if sign + 1 < given.len() => format!("{}…", &given[..=sign]),
            _ => given.to_owned(),
        };
        let (scheme, rest) = given.split_once("://").ok_or_else(|| BaseUriError::NoScheme(owned()))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            "" => return Err(BaseUriError::NoScheme(owned().trim_start_matches("://").to_owned())),
            _ => return Err(BaseUriError::Scheme { uri: owned(), scheme: scheme.to_owned() }),
        };
        if rest.contains('#') {
            return Err(BaseUriError::Fragment(owned()));
        }
        if rest.contains('?') {
            return Err(BaseUriError::Query(owned()));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.is_empty() || authority.starts_with(':') {
            return Err(BaseUriError::NoHost(owned()));
        }
        let uri: Uri = given.parse().map_err(|error: hyper::http::uri::InvalidUri| BaseUriError::Malformed {
            uri: owned(),
            cause: error.to_string(),
        })?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| BaseUriError::NoHost(owned()))?;
        let port = match authority.strip_prefix(host).unwrap_or_default() {
            "" => {
                if tls {
                    443
                } else {
                    80
                }
            }
            port => port[1..].parse().ok().filter(|port| *port != 0).ok_or_else(|| BaseUriError::Port(owned()))?,
        };
        let scheme = if tls { "https" } else { "http" };
        Ok(Self {
            origin: format!("{scheme}://{}", authority.to_ascii_lowercase()),
            tls,
            host: host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase(),
            port,
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// The host, if a user name or a password stands before it. Passwords may hold slashes where nobody escaped them.
fn behind_user_info(given: &str) -> Option<&str> {
    let rest = given.split_once("://").map_or(given, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@').or_else(|| {
        // A colon that no port follows.
        let colon = rest[..end].rfind(':')?;
        let port = &rest[colon + 1..end];
        (port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())).then(|| rest.rfind('@'))?
    })?;
    let host = &rest[at + 1..];
    Some(&host[..host.find(['/', '?', '#']).unwrap_or(host.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let uri: BaseUri = "https://Booking.example.com/api/openbooking/".parse().unwrap();
        assert_eq!(uri.origin(), "https://booking.example.com");
        assert_eq!(uri.authority(), "booking.example.com");
        assert_eq!(uri.path(), "/api/openbooking");
        assert_eq!((uri.host(), uri.port(), uri.is_tls()), ("booking.example.com", 443, true));
        assert_eq!(uri.to_string(), "https://booking.example.com/api/openbooking");
    }

    #[test]
    fn the_root_has_an_empty_path() {
        for text in ["http://localhost:5001", "HTTP://localhost:5001/", " http://localhost:5001 "] {
            let uri: BaseUri = text.parse().unwrap();
            assert_eq!((uri.origin(), uri.path(), uri.port()), ("http://localhost:5001", "", 5001), "{text}");
            assert!(!uri.is_tls());
        }
    }

    #[test]
    fn an_address_loses_its_brackets_only_for_connecting() {
        let uri: BaseUri = "http://[::1]:8080/x".parse().unwrap();
        assert_eq!((uri.authority(), uri.host(), uri.port()), ("[::1]:8080", "::1", 8080));
        let uri: BaseUri = "http://[::1]/x".parse().unwrap();
        assert_eq!((uri.authority(), uri.host(), uri.port()), ("[::1]", "::1", 80));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("booking.example.com/api", "has no scheme: write it out, such as https://booking.example.com/api"),
            ("", "has no scheme"),
            ("://booking.example.com", "has no scheme"),
            ("ftp://booking.example.com", "the scheme \"ftp\": only http and https"),
            ("https:///api", "names no host"),
            ("https://:8080/api", "names no host"),
            ("http://host:99999/", "unusable port"),
            ("http://host:0/", "unusable port"),
            ("http://host:/", "unusable port"),
            ("http://host/api?x=1", "has a query"),
            ("http://host/api#x", "has a fragment"),
            ("http://ho st/api", "is not a URI"),
        ] {
            let error = text.parse::<BaseUri>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        for given in [
            "https://me:secret@host/",
            "https://me:secret@host/?a",
            "https://me:secret@host/#a",
            "https://secret@host:99999",
            "me:secret@host/api",
            "ftp://me:secret@host",
            "https://me:secret/secret@host/",
            "https://me:secret#secret@host/",
            "https://me:se:cret/secret@host/",
            "https://me:secret@ho st/",
        ] {
            let error = given.parse::<BaseUri>().unwrap_err().to_string();
            assert!(error.contains("password") && error.contains("ho"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        for given in
            ["https://host/?key=secret", "https://host/#key=secret", "host?key=secret", "ftp://host?key=secret"]
        {
            let error = given.parse::<BaseUri>().unwrap_err().to_string();
            assert!(error.contains("host") && !error.contains("secret"), "{error}");
        }
        assert!("https://host/a@b".parse::<BaseUri>().is_ok());
        assert!("https://host:8080/a@b".parse::<BaseUri>().is_ok());
    }
}
