//! Which hosts: names, `*.` wildcards, addresses, each perhaps with a port.
//!
//! `"*.example.com:8443" → HostPattern → matches("api.example.com", 8443)`
//!
//! An authority for a name vouches for all names below it. So a name must be one that somebody can own: no name without a
//! dot but localhost, no public suffix (`co.uk`, `github.io`), and none below which every name is one.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host, or all hosts below a name. Names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern {
    host: Host,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Host {
    /// This name.
    Name(String),
    /// Every name that ends with a dot and this.
    Below(String),
    /// This address.
    Address(IpAddr),
}

/// Why a text names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// A whole URL.
    #[error("{0:?} is a URL: name the host alone, such as booking.example.com")]
    Url(String),
    /// Nothing, or characters that no host has.
    #[error("{0:?} is no host: write HOST, HOST:PORT, *.DOMAIN or an address (names beyond ASCII as xn--…)")]
    Host(String),
    /// `*`, `*.com`
    #[error(
        "{0:?} would take in the whole internet or a whole top-level domain: name the hosts, such as *.example.com"
    )]
    Wide(String),
    /// `com`, `intranet`
    #[error(
        "{0:?} has no dot: an authority for it would vouch for every name that ends with it. Write the whole name, such as \
         booking.example.com, or the address; of names without a dot only localhost will do"
    )]
    NoDot(String),
    /// `co.uk`, `*.github.io`
    #[error(
        "{given:?} is too wide: {domain} is a public suffix, below which anybody can have a name. Name the hosts, such as \
         booking-system.{domain}"
    )]
    PublicSuffix {
        /// What was given.
        given: String,
        /// The name that certificates would be about.
        domain: String,
    },
    /// No port.
    #[error("{0:?} has an unusable port: it must be a number from 1 to 65535")]
    Port(String),
}

impl HostPattern {
    /// True if the pattern means this host (a name in any case, or an address without brackets) and port.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        self.port.is_none_or(|own| own == port) && self.matches_host(host)
    }

    /// True if the pattern means this host, on whatever port.
    pub(crate) fn matches_host(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        match &self.host {
            Host::Name(name) => name.eq_ignore_ascii_case(host),
            Host::Address(address) => host.parse() == Ok(*address),
            Host::Below(domain) => below(host, domain),
        }
    }

    /// True if the pattern names this machine itself: a loopback, link-local or unspecified address, or localhost.
    pub(crate) fn is_local(&self) -> bool {
        match &self.host {
            Host::Name(name) => name == "localhost",
            Host::Address(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
            Host::Address(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified(),
            Host::Below(_) => false,
        }
    }

    /// True if the pattern means all ports.
    pub(crate) fn is_any_port(&self) -> bool {
        self.port.is_none()
    }

    /// The name or address that certificates for it are about: of a wildcard, the domain.
    pub fn subject(&self) -> String {
        match &self.host {
            Host::Name(name) | Host::Below(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        }
    }
}

/// True if `host` is a name below `domain`, in any case.
pub(super) fn below(host: &str, domain: &str) -> bool {
    let Some(at) = host.len().checked_sub(domain.len() + 1) else { return false };
    host.is_char_boundary(at)
        && host.is_char_boundary(at + 1)
        && at > 0
        && host.as_bytes()[at] == b'.'
        && host[at + 1..].eq_ignore_ascii_case(domain)
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let given = text.trim();
        let owned = || given.to_owned();
        if given.contains("://") || given.contains('/') {
            return Err(HostPatternError::Url(owned()));
        }
        if let Ok(address) = given.parse::<IpAddr>() {
            return Ok(Self { host: Host::Address(address), port: None });
        }
        let (host, port) = match given.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (host, Some(port.ok_or_else(|| HostPatternError::Port(owned()))?))
            }
            None => (given, None),
        };
        if let Some(inner) = host.strip_prefix('[') {
            let address = inner.strip_suffix(']').and_then(|inner| inner.parse().ok());
            let address = address.ok_or_else(|| HostPatternError::Host(owned()))?;
            return Ok(Self { host: Host::Address(address), port });
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Self { host: Host::Address(address), port });
        }
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let host = match host.strip_prefix('*') {
            None if is_name(&host) => match width(&host) {
                None => Host::Name(host),
                Some(TooWide::NoDot) => return Err(HostPatternError::NoDot(owned())),
                Some(TooWide::PublicSuffix) => {
                    return Err(HostPatternError::PublicSuffix { given: owned(), domain: host });
                }
            },
            None => return Err(HostPatternError::Host(owned())),
            Some("") => return Err(HostPatternError::Wide(owned())),
            Some(rest) => match rest.strip_prefix('.') {
                Some(domain) if !is_name(domain) => return Err(HostPatternError::Host(owned())),
                Some(domain) if !domain.contains('.') => return Err(HostPatternError::Wide(owned())),
                Some(domain) if width(domain).is_some() => {
                    return Err(HostPatternError::PublicSuffix { given: owned(), domain: domain.to_owned() });
                }
                Some(domain) => Host::Below(domain.to_owned()),
                None => return Err(HostPatternError::Host(owned())),
            },
        };
        Ok(Self { host, port })
    }
}

/// Why an authority must not be about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooWide {
    /// It has no dot: a top-level domain, of today or tomorrow.
    NoDot,
    /// It is a public suffix (<https://publicsuffix.org>), or all names right below it are.
    PublicSuffix,
}

/// Why an authority must not be about a name (in lower case); `None` if it may.
pub(super) fn width(name: &str) -> Option<TooWide> {
    /// Stands for any label: no suffix has it by name.
    const ANY: &str = "any-label";
    let name = name.strip_prefix('.').unwrap_or(name);
    if name == "localhost" {
        None
    } else if !name.contains('.') {
        Some(TooWide::NoDot)
    } else if psl::domain_str(name).is_none() || psl::domain_str(&format!("{ANY}.{name}")).is_none() {
        Some(TooWide::PublicSuffix)
    } else {
        None
    }
}

/// Letters, digits, hyphens and underscores in labels of up to 63, 253 characters in all.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (Host::Name(name), _) => write!(f, "{name}")?,
            (Host::Below(domain), _) => write!(f, "*.{domain}")?,
            (Host::Address(address @ IpAddr::V6(_)), Some(_)) => write!(f, "[{address}]")?,
            (Host::Address(address), _) => write!(f, "{address}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn hosts_are_matched() {
        for (text, host, port, matches) in [
            ("booking.example.com", "Booking.Example.com", 443, true),
            ("booking.example.com", "booking.example.com.", 80, true),
            ("booking.example.com", "x.booking.example.com", 443, false),
            ("booking.example.com:8443", "booking.example.com", 8443, true),
            ("booking.example.com:8443", "booking.example.com", 443, false),
            ("*.example.com", "a.example.com", 1, true),
            ("*.example.com", "a.b.example.com", 1, true),
            ("*.example.com", "example.com", 1, false),
            ("*.example.com", "badexample.com", 1, false),
            ("*.example.com", ".example.com", 1, false),
            ("*.example.com", "é.example.com", 1, true),
            ("*.example.com", "éxample.com", 1, false),
            ("127.0.0.1", "127.0.0.1", 9, true),
            ("[::1]:443", "0:0:0:0:0:0:0:1", 443, true),
            ("::1", "::1", 443, true),
            ("10.0.0.1:80", "10.0.0.2", 80, false),
        ] {
            assert_eq!(pattern(text).matches(host, port), matches, "{text} {host} {port}");
        }
    }

    #[test]
    fn a_pattern_is_written_as_it_is_read() {
        for text in ["a.example", "*.a.example:8443", "127.0.0.1", "[::1]:443", "::1", "localhost:5001"] {
            assert_eq!(pattern(text).to_string(), text);
        }
        assert_eq!(pattern("*.Example.COM").subject(), "example.com");
    }

    #[test]
    fn names_that_somebody_owns_are_taken() {
        for text in [
            "booking.co.uk",
            "*.booking.co.uk",
            "robin.github.io",
            "club.azurewebsites.net:8443",
            "www.ck",
            "booking.lan",
            "localhost",
            "10.0.0.1",
        ] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn this_machine_is_known_where_it_is_named_itself() {
        for local in ["localhost:5001", "127.0.0.1", "127.8.8.8", "[::1]:80", "169.254.169.254", "fe80::1", "0.0.0.0"] {
            assert!(pattern(local).is_local(), "{local}");
        }
        for other in ["a.localhost", "*.local.example", "10.0.0.1", "fd00::1"] {
            assert!(!pattern(other).is_local(), "{other}");
        }
        assert!(pattern("localhost").is_any_port() && !pattern("localhost:5001").is_any_port());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("https://a.example/x", "is a URL"),
            ("a.example/x", "is a URL"),
            ("", "is no host"),
            ("a b", "is no host"),
            ("münchen.example", "xn--"),
            ("a..b", "is no host"),
            ("*x.example.com", "is no host"),
            ("*", "whole internet"),
            ("*.com", "top-level"),
            ("*.intranet", "top-level"),
            ("com", "has no dot"),
            ("booking:8443", "has no dot"),
            ("Intranet.", "has no dot"),
            ("co.uk", "booking-system.co.uk"),
            ("*.Co.UK:443", "is a public suffix"),
            ("github.io.", "is a public suffix"),
            ("*.azurewebsites.net", "is a public suffix"),
            ("*.kawasaki.jp", "is a public suffix"),
            ("xn--55qx5d.cn", "is a public suffix"),
            ("a.example:0", "unusable port"),
            ("a.example:x", "unusable port"),
            ("[::1", "is no host"),
            ("[::x]:1", "is no host"),
        ] {
            let error = text.parse::<HostPattern>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
