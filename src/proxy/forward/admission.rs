//! Who may use the proxy.
//!
//! `address ─► ClientAllowList` · `Proxy-Authorization ─► Credentials`

use std::net::IpAddr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use ring::hmac;
use ring::rand::SystemRandom;

/// The client addresses that may connect. Clients of this machine always may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientAllowList(Vec<IpNet>);

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network such as 192.168.1.0/24")]
pub struct ClientAllowListError(String);

impl ClientAllowList {
    /// Reads addresses and networks.
    pub fn new<T: AsRef<str>>(texts: &[T]) -> Result<Self, ClientAllowListError> {
        let network = |text: &T| {
            let text = text.as_ref().trim();
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| ClientAllowListError(text.to_owned()))
        };
        texts.iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// True if nobody is named: then everybody is let in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if this client is let in.
    pub(crate) fn admit(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.0.is_empty() || client.is_loopback() || self.0.iter().any(|network| network.contains(&client))
    }
}

/// A user name and a password, kept as a keyed digest: comparing tells nothing by the time that it takes.
#[derive(Debug, Clone)]
pub struct Credentials {
    key: hmac::Key,
    tag: hmac::Tag,
}

/// Why a text is no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Not `USER:PASSWORD`. The text is not repeated: it may be a password.
    #[error("credentials of the proxy are written USER:PASSWORD, with a password of at least 8 characters")]
    Form,
    /// No random numbers.
    #[error("the system has no random numbers")]
    Random,
}

impl FromStr for Credentials {
    type Err = CredentialsError;

    fn from_str(text: &str) -> Result<Self, CredentialsError> {
        let (user, password) = text.split_once(':').ok_or(CredentialsError::Form)?;
        if user.is_empty() || password.chars().count() < 8 {
            return Err(CredentialsError::Form);
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| CredentialsError::Random)?;
        let tag = hmac::sign(&key, text.as_bytes());
        Ok(Self { key, tag })
    }
}

impl Credentials {
    /// True if these values of Proxy-Authorization are one, and the right one (RFC 7617).
    pub(crate) fn admit<T: AsRef<str>>(&self, given: &[T]) -> bool {
        let [value] = given else { return false };
        let Some((scheme, token)) = value.as_ref().trim().split_once(' ') else { return false };
        let Ok(decoded) = STANDARD.decode(token.trim()) else { return false };
        scheme.eq_ignore_ascii_case("basic") && hmac::verify(&self.key, &decoded, self.tag.as_ref()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_credentials_are_let_in() {
        let credentials: Credentials = "robin:correct horse".parse().unwrap();
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(credentials.admit(&[basic("robin:correct horse")]));
        assert!(credentials.admit(&[basic("robin:correct horse").replace("Basic", "BASIC")]));
        for wrong in ["robin:wrong horse", "robin:", "Robin:correct horse", "robin:correct horse "] {
            assert!(!credentials.admit(&[basic(wrong)]), "{wrong}");
        }
        let right = basic("robin:correct horse");
        assert!(!credentials.admit::<&str>(&[]));
        assert!(!credentials.admit(&[right.clone(), right.clone()]), "twice is ambiguous");
        assert!(!credentials.admit(&[right.replace("Basic", "Bearer")]));
        assert!(!format!("{credentials:?}").contains("horse"));
        for wrong in ["robin", "robin:short", ":longenough"] {
            let error = wrong.parse::<Credentials>().unwrap_err().to_string();
            assert!(!error.contains("short"), "{error}");
        }
    }

    #[test]
    fn only_guests_and_this_machine_are_let_in() {
        let allowed_clients = ClientAllowList::new(&["192.168.1.0/24", "2001:db8::7"]).unwrap();
        for (client, admitted) in [
            ("192.168.1.9", true),
            ("::ffff:192.168.1.9", true),
            ("192.168.2.9", false),
            ("2001:db8::7", true),
            ("2001:db8::8", false),
            ("127.0.0.1", true),
            ("::1", true),
        ] {
            assert_eq!(allowed_clients.admit(client.parse().unwrap()), admitted, "{client}");
        }
        assert!(ClientAllowList::default().admit("8.8.8.8".parse().unwrap()));
        assert!(ClientAllowList::new(&["192.168.1.0/33"]).is_err());
    }
}
