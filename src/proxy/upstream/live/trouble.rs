//! Why there is no connection upstream, in words, and what to do about it.
//!
//! `io::Error of a handshake, or of connecting + who named the host ─► what is wrong, what to do`

use std::fmt;
use std::io;

use jiff::Timestamp;
use rustls::{AlertDescription as Alert, CertificateError as Wrong, Error};
use rustls_pki_types::UnixTime;

/// Who is at the other end, and who named it: the remedy in the message depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A booking system that the operator named (`--to`).
    BookingSystem,
    /// A host that a client of the forward proxy named.
    HostOfClient,
    /// A proxy on the way.
    Proxy,
}

/// What is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Trouble {
    /// As an error of connecting, which [`no_connection`] reads again.
    pub(super) fn into_error(self, kind: io::ErrorKind) -> io::Error {
        io::Error::new(kind, self)
    }
}

impl std::error::Error for Trouble {}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// Why there is no connection. `error` is that of [`Dialer::dial`](crate::proxy::upstream::live::Dialer::dial).
pub(crate) fn no_connection(error: &io::Error, peer: Peer) -> Trouble {
    if let Some(known) = error.get_ref().and_then(|inner| inner.downcast_ref::<Trouble>()) {
        return known.clone();
    }
    let what = error.to_string();
    let unknown = what.contains("lookup");
    let remedy = match peer {
        Peer::BookingSystem if unknown => {
            "check the spelling of the host in --to; --resolve HOST:PORT:ADDR names an address for it"
        }
        Peer::HostOfClient if unknown => {
            "check the spelling of the host in the client; --resolve HOST:PORT:ADDR names an address for it"
        }
        Peer::BookingSystem => {
            "check that the booking system runs, that host and port of --to are right, and firewalls between"
        }
        Peer::HostOfClient => "check that the host runs, and the address that the client was given for it",
        Peer::Proxy => {
            "check --upstream-proxy, or HTTPS_PROXY and NO_PROXY of this environment (--upstream-proxy none leaves them out)"
        }
    };
    Trouble { what, remedy: remedy.to_owned() }
}

/// Why there is no TLS. `error` is that of the handshake.
pub(crate) fn no_tls(error: &io::Error, peer: Peer) -> Trouble {
    let whom = match peer {
        Peer::BookingSystem => "the booking system",
        Peer::HostOfClient => "the host",
        Peer::Proxy => "the proxy",
    };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let (what, remedy) = match inner {
        Some(Error::InvalidCertificate(wrong)) => certificate(wrong, peer, whom),
        Some(Error::NoCertificatesPresented) => (format!("{whom} shows no certificate"), server_of(whom)),
        Some(Error::AlertReceived(alert)) => alerted(*alert, peer, whom),
        Some(Error::InvalidMessage(_)) => (format!("what {whom} answers is no TLS"), plain(peer)),
        Some(Error::PeerIncompatible(_)) => (
            format!("{whom} and Umpire have no version or cipher of TLS in common"),
            format!("{whom} must speak TLS 1.2 or later: look into its settings"),
        ),
        Some(Error::NoApplicationProtocol) => (
            format!("{whom} speaks none of the versions of HTTP that it was offered"),
            "leave out --upstream-http, or choose another version with it".to_owned(),
        ),
        Some(error) => (format!("TLS with {whom} failed: {error}"), server_of(whom)),
        None if error.kind() == io::ErrorKind::UnexpectedEof || is_reset(error) => (
            format!("{whom} closed the connection within the handshake"),
            format!(
                "look into its log; it may speak no TLS at that port ({}), or want a certificate of Umpire's \
                 (--upstream-cert and --upstream-key)",
                plain(peer)
            ),
        ),
        None => (error.to_string(), "look into the network between".to_owned()),
    };
    Trouble { what, remedy }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

fn server_of(whom: &str) -> String {
    format!("look into the log and the TLS settings of {whom}")
}

/// What to do where somebody speaks no TLS.
fn plain(peer: Peer) -> String {
    match peer {
        Peer::BookingSystem => "if it speaks plain HTTP there, write http:// in --to; else check the port",
        Peer::HostOfClient => "if it speaks plain HTTP there, the client must ask for http://; else check the port",
        Peer::Proxy => "if it speaks plain HTTP, write http:// in --upstream-proxy or HTTPS_PROXY",
    }
    .to_owned()
}

fn certificate(wrong: &Wrong, peer: Peer, whom: &str) -> (String, String) {
    const GIVE: &str = "if you trust it as it is, give that very certificate with --upstream-ca";
    let pair = |what: String, remedy: &str| (what, remedy.to_owned());
    match wrong {
        Wrong::UnknownIssuer => pair(
            format!("nobody whom this machine trusts vouches for the certificate of {whom} (UnknownIssuer)"),
            "give the file of its authority, or of the certificate itself if it is self-signed, with --upstream-ca",
        ),
        Wrong::BadSignature => pair(
            format!("the certificate of {whom} is signed by another authority of the same name (BadSignature)"),
            "give the file of the one that signed it with --upstream-ca",
        ),
        Wrong::Expired => pair(format!("the certificate of {whom} has expired"), "it needs a new one"),
        Wrong::ExpiredContext { not_after, .. } => (
            format!("the certificate of {whom} expired on {}", day(*not_after)),
            "it needs a new one; if that day is not past, set this machine's clock".to_owned(),
        ),
        Wrong::NotValidYet => pair(
            format!("the certificate of {whom} is not valid yet"),
            "compare this machine's clock with the real time",
        ),
        Wrong::NotValidYetContext { not_before, .. } => pair(
            format!("the certificate of {whom} is not valid before {}", day(*not_before)),
            "compare this machine's clock with the real time",
        ),
        Wrong::NotValidForName => pair(format!("the certificate of {whom} is for another name"), &other_name(peer)),
        Wrong::NotValidForNameContext { expected, presented } if presented.is_empty() => (
            format!("the certificate of {whom} names no host, and so not {} (no subjectAltName)", expected.to_str()),
            format!("have it made with a subjectAltName; {GIVE}"),
        ),
        Wrong::NotValidForNameContext { expected, presented } => (
            format!("the certificate of {whom} is not for {} but for {}", expected.to_str(), names(presented)),
            other_name(peer),
        ),
        Wrong::InvalidPurpose | Wrong::InvalidPurposeContext { .. } => pair(
            format!("the certificate of {whom} is not one for servers"),
            "have one made for a TLS server (serverAuth)",
        ),
        Wrong::Revoked => pair(format!("the certificate of {whom} was revoked"), "it needs a new one"),
        Wrong::Other(other) => match other.to_string().as_str() {
            own if own.contains("CaUsedAsEndEntity") => {
                pair(format!("the certificate of {whom} is an authority's own, which may not stand for a server"), GIVE)
            }
            version if version.contains("UnsupportedCertVersion") => pair(
                format!("the certificate of {whom} is of X.509 version 1, which nothing says whom it is for"),
                "have it made anew, of version 3 and with a subjectAltName (openssl req -x509 -addext)",
            ),
            other => pair(format!("the certificate of {whom} can't be used ({other})"), GIVE),
        },
        other => pair(format!("the certificate of {whom} can't be used ({other:?})"), GIVE),
    }
}

fn other_name(peer: Peer) -> String {
    match peer {
        Peer::BookingSystem => {
            "use a name in --to that it is for (--resolve says where that name is), or have it made for this one"
        }
        Peer::HostOfClient => "the client must ask for a name that it is for, or it must be made for this one",
        Peer::Proxy => "use a name that it is for in --upstream-proxy or HTTPS_PROXY",
    }
    .to_owned()
}

fn alerted(alert: Alert, peer: Peer, whom: &str) -> (String, String) {
    let what = format!("{whom} broke off the handshake ({alert:?})");
    let remedy = match alert {
        Alert::CertificateRequired
        | Alert::BadCertificate
        | Alert::CertificateExpired
        | Alert::CertificateRevoked
        | Alert::CertificateUnknown
        | Alert::UnsupportedCertificate
        | Alert::UnknownCA
        | Alert::AccessDenied => {
            "it may ask for a certificate of Umpire's that it knows: --upstream-cert and --upstream-key".to_owned()
        }
        Alert::HandshakeFailure => format!(
            "it may ask for a certificate of Umpire's (--upstream-cert and --upstream-key), or have no cipher in common with \
             TLS 1.2 and 1.3: look into the log of {whom}"
        ),
        Alert::UnrecognisedName => match peer {
            Peer::BookingSystem => "it does not serve the host of --to: compare that with its settings".to_owned(),
            Peer::HostOfClient => "it does not serve the host that the client asked for".to_owned(),
            Peer::Proxy => "it does not serve the name in --upstream-proxy or HTTPS_PROXY".to_owned(),
        },
        Alert::ProtocolVersion | Alert::InsufficientSecurity => format!("{whom} must speak TLS 1.2 or later"),
        Alert::NoApplicationProtocol => {
            "leave out --upstream-http, or choose another version of HTTP with it".to_owned()
        }
        _ => server_of(whom),
    };
    (what, remedy)
}

/// As rustls writes them: `DnsName("a.example")`, `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    const MOST: usize = 4;
    let bare = |text: &String| {
        let inner = text.split_once('(').map_or(text.as_str(), |(_, inner)| inner.trim_end_matches(')'));
        inner.trim_matches('"').to_owned()
    };
    let mut shown: Vec<String> = presented.iter().take(MOST).map(bare).collect();
    if presented.len() > MOST {
        shown.push(format!("{} more", presented.len() - MOST));
    }
    shown.join(", ")
}

fn day(at: UnixTime) -> String {
    let instant = i64::try_from(at.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    instant.map_or_else(|| "?".to_owned(), |instant| instant.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(error: Error, peer: Peer) -> String {
        no_tls(&io::Error::new(io::ErrorKind::InvalidData, error), peer).to_string()
    }

    #[test]
    fn every_failure_names_the_remedy_of_the_mode() {
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_000_000_000));
        let name = || rustls_pki_types::ServerName::try_from("a.example").unwrap();
        let presented = vec!["DnsName(\"b.example\")".to_owned(), "IpAddress(127.0.0.1)".to_owned()];
        let rows: Vec<(Error, &str, &str)> = vec![
            (Wrong::UnknownIssuer.into(), "--upstream-ca", "--upstream-ca"),
            (Wrong::BadSignature.into(), "--upstream-ca", "--upstream-ca"),
            (Wrong::ExpiredContext { time, not_after: time }.into(), "2001-09-09", "needs a new one"),
            (Wrong::NotValidYetContext { time, not_before: time }.into(), "clock", "clock"),
            (Wrong::NotValidForNameContext { expected: name(), presented }.into(), "name in --to", "client must ask"),
            (
                Wrong::NotValidForNameContext { expected: name(), presented: vec![] }.into(),
                "subjectAltName",
                "--upstream-ca",
            ),
            (Error::AlertReceived(Alert::CertificateRequired), "--upstream-cert", "--upstream-cert"),
            (Error::AlertReceived(Alert::HandshakeFailure), "--upstream-cert", "--upstream-cert"),
            (Error::AlertReceived(Alert::UnrecognisedName), "host of --to", "that the client asked for"),
            (Error::AlertReceived(Alert::InternalError), "log", "log"),
            (
                Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                "http:// in --to",
                "client must ask for http://",
            ),
            (Error::NoApplicationProtocol, "--upstream-http", "--upstream-http"),
        ];
        for (error, to, client) in rows {
            let (of_to, of_client) =
                (words(error.clone(), Peer::BookingSystem), words(error.clone(), Peer::HostOfClient));
            assert!(of_to.contains(to), "{error}: {of_to}");
            assert!(of_client.contains(client) && !of_client.contains("--to"), "{error}: {of_client}");
            let of_proxy = words(error, Peer::Proxy);
            for text in [of_to, of_client, of_proxy] {
                assert!(text.contains("; ") && !text.contains("https://") && !text.contains("DnsName"), "{text}");
            }
        }
        let closed = no_tls(&io::ErrorKind::UnexpectedEof.into(), Peer::BookingSystem).to_string();
        assert!(closed.contains("closed the connection") && closed.contains("--upstream-cert"), "{closed}");
    }
}
