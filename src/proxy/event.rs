//! Events of the proxy that are no exchanges: refused clients, failed handshakes, bad requests.
//!
//! `listener, forward ─► ProxyEvent ─► EventHandler ─► whoever shows it`

use std::net::IpAddr;
use std::sync::Arc;

/// An event of the proxy, reported once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyEvent {
    /// A connection, or a request in clear text, passed unread and unrecorded: its host is not one to intercept.
    Unread {
        /// Host and port.
        authority: String,
    },
    /// A broker and a listener found no common TLS.
    NoHandshake {
        /// The broker.
        client: IpAddr,
        /// Why, and what may help.
        detail: String,
    },
    /// A request was refused because its head can't be read, or could be read in two ways. It went no further.
    NotUnderstood {
        /// Who sent it.
        client: IpAddr,
        /// What is wrong with it.
        detail: String,
    },
    /// A client that is not on the allow-list was turned away.
    TurnedAway {
        /// Who.
        client: IpAddr,
    },
    /// A host whose requests are not recorded could not be reached for a client of another machine, which is not told
    /// why.
    NotReached {
        /// Host and port.
        authority: String,
        /// Why.
        why: String,
    },
    /// A client of the forward proxy had no credentials, or wrong ones.
    NoCredentials {
        /// Who.
        client: IpAddr,
    },
}

/// Takes the proxy's events. Called from the tasks of connections: must not wait.
pub(crate) type EventHandler = Arc<dyn Fn(ProxyEvent) + Send + Sync>;

/// Why a handshake failed, in words, with what may help.
pub(crate) fn handshake_trouble(error: &std::io::Error, of_own_ca: bool) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let trust = if of_own_ca {
        "the client does not trust Umpire's certificate authority: `umpire ca trust` says what it needs"
    } else {
        "the client does not trust the certificate of --tls-cert, or it is for another name"
    };
    match inner {
        Some(rustls::Error::AlertReceived(alert)) => {
            use rustls::AlertDescription as Alert;
            match alert {
                Alert::UnknownCA
                | Alert::BadCertificate
                | Alert::CertificateUnknown
                | Alert::UnsupportedCertificate => {
                    format!("{trust} (it said {alert:?})")
                }
                Alert::CertificateExpired => {
                    format!(
                        "the client holds the certificate to be expired: compare the clocks of both (it said {alert:?})"
                    )
                }
                Alert::ProtocolVersion => "the client speaks no TLS 1.2 or later: update it".to_owned(),
                _ => format!("the client broke off with {alert:?}: its own log says why; perhaps {trust}"),
            }
        }
        Some(rustls::Error::PeerIncompatible(why)) => {
            format!(
                "client and Umpire have no TLS version, cipher or key exchange in common ({why:?}): update the client"
            )
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "what the client sent is no TLS: if it speaks plain HTTP, give it an http:// address".to_owned()
        }
        Some(rustls::Error::General(why)) if why.contains("no server certificate chain resolved") => {
            "Umpire could make no certificate for the name that the client asked for; start it anew, and if that does not help \
             look at `umpire ca show`"
                .to_owned()
        }
        Some(error) => format!("TLS failed: {error}; look into the client's log, or update it"),
        None if error.kind() == std::io::ErrorKind::TimedOut => {
            format!("{error}; if it waits for an answer in clear text, give it an http:// address")
        }
        None => format!("the client closed the connection within the handshake; most likely {trust}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustls::AlertDescription;

    use super::*;

    fn trouble(error: rustls::Error, own: bool) -> String {
        handshake_trouble(&io::Error::new(io::ErrorKind::InvalidData, error), own)
    }

    #[test]
    fn the_remedy_is_named() {
        for alert in
            [AlertDescription::UnknownCA, AlertDescription::BadCertificate, AlertDescription::CertificateUnknown]
        {
            assert!(trouble(rustls::Error::AlertReceived(alert), true).contains("umpire ca trust"));
            assert!(trouble(rustls::Error::AlertReceived(alert), false).contains("--tls-cert"));
        }
        let expired = rustls::Error::AlertReceived(AlertDescription::CertificateExpired);
        assert!(trouble(expired, true).contains("clocks"));
        let closed = handshake_trouble(&io::ErrorKind::UnexpectedEof.into(), true);
        assert!(closed.contains("closed") && closed.contains("umpire ca trust"), "{closed}");
        for error in [
            rustls::Error::AlertReceived(AlertDescription::InternalError),
            rustls::Error::AlertReceived(AlertDescription::DecryptError),
            rustls::Error::General("x".into()),
            rustls::Error::DecryptError,
        ] {
            let words = trouble(error, true);
            assert!(words.contains("log") && !words.contains("://"), "{words}");
        }
    }
}
