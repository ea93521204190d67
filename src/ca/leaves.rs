//! Certificates for single hosts, made when they are asked for.
//!
//! ```text
//! ClientHello ─► Resolver: SNI if it is among its hosts, else its own host ─► Leaves: cached and fresh ─┬─► leaf
//!                                                                                 └─ else made anew ────┘
//! ```

use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use rcgen::{KeyPair, SanType};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;

use super::authority::{Authority, IssuedCertificate};
use super::hosts::HostPattern;

/// Most certificates that are kept; past it those that were used least are made anew when they are needed.
const KEPT: usize = 256;

/// How long a certificate is good for.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 30);

/// A certificate is made anew when less than this is left of it.
const RENEWED: SignedDuration = SignedDuration::from_hours(24 * 15);

/// Why there is no certificate for a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Outside every authority's name constraints.
    #[error("no certificate authority of Umpire's may vouch for {0}; `umpire ca init {0}` makes one")]
    Outside(String),
    /// It could not be made.
    #[error("cannot make a certificate for {0}: {1}")]
    Make(String, String),
    /// Every authority that could vouch for it is past its time, or before it.
    #[error(
        "the certificate authority for {0} is not good at this time; start Umpire anew, which makes another, or set the clock"
    )]
    Untimely(String),
}

/// What a certificate is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LeafSubject {
    Name(String),
    Address(IpAddr),
}

impl LeafSubject {
    fn new(host: &str) -> Self {
        host.parse().map_or_else(|_| Self::Name(host.to_ascii_lowercase()), Self::Address)
    }

    pub(super) fn to_san(&self) -> Result<SanType, String> {
        Ok(match self {
            Self::Name(name) => SanType::DnsName(name.as_str().try_into().map_err(|error| format!("{error:?}"))?),
            Self::Address(address) => SanType::IpAddress(*address),
        })
    }
}

struct Leaf {
    certified: Arc<CertifiedKey>,
    /// Good from: the clock may have been set back since.
    from: Timestamp,
    renew: Timestamp,
}

/// Makes and keeps certificates. All have one key, which never leaves memory.
pub struct Leaves {
    authorities: Vec<Authority>,
    key: KeyPair,
    signing: Arc<dyn rustls::sign::SigningKey>,
    kept: Cache<Vec<String>, Arc<Leaf>>,
}

impl std::fmt::Debug for Leaves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leaves({:?})", self.authorities)
    }
}

impl Leaves {
    /// Vouched for by these authorities; of two that may, the first does.
    pub fn new(authorities: Vec<Authority>) -> Result<Self, LeafError> {
        let failed = |error: String| LeafError::Make("any host".to_owned(), error);
        let key = KeyPair::generate().map_err(|error| failed(error.to_string()))?;
        let der = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| failed(error.to_owned()))?;
        let signing =
            rustls::crypto::ring::sign::any_supported_type(&der).map_err(|error| failed(error.to_string()))?;
        Ok(Self { authorities, key, signing, kept: Cache::new(KEPT) })
    }

    /// A certificate that holds for all of `hosts` at `now`, from the cache if it is fresh enough.
    pub fn certificate(&self, hosts: &[String], now: Timestamp) -> Result<Arc<CertifiedKey>, LeafError> {
        let key: Vec<String> = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        if let Some(leaf) = self.kept.get(&key)
            && leaf.from <= now
            && now < leaf.renew
        {
            return Ok(Arc::clone(&leaf.certified));
        }
        let all = hosts.join(", ");
        let may = |authority: &&Authority| hosts.iter().all(|host| authority.permits(host));
        let mut permitting = self.authorities.iter().filter(may).peekable();
        permitting.peek().ok_or_else(|| LeafError::Outside(all.clone()))?;
        let authority = permitting
            .find(|authority| authority.from <= now && now < authority.until)
            .ok_or_else(|| LeafError::Untimely(all.clone()))?;
        let subjects: Vec<LeafSubject> = key.iter().map(|host| LeafSubject::new(host)).collect();
        let IssuedCertificate { certificate, from, until } =
            authority.vouch(&subjects, &self.key, now, LIFETIME).map_err(|error| LeafError::Make(all, error))?;
        let chain = std::iter::once(certificate).chain(authority.chain()).collect();
        let certified = Arc::new(CertifiedKey::new(chain, Arc::clone(&self.signing)));
        // In an authority's last days a certificate is good for less time than is left when others are renewed.
        let renew = (until - RENEWED).max(now + (until - now) / 2);
        self.kept.insert(key, Arc::new(Leaf { certified: Arc::clone(&certified), from, renew }));
        Ok(certified)
    }

    #[cfg(test)]
    fn kept(&self) -> usize {
        self.kept.len()
    }
}

/// Chooses the certificate of one listener or tunnel.
#[derive(Debug)]
pub(crate) struct Resolver {
    leaves: Arc<Leaves>,
    own: Vec<String>,
    others: Arc<[HostPattern]>,
}

impl Resolver {
    /// For a name among `own` or `others` that the client asks for; else for all of `own` at once.
    pub(crate) fn new(leaves: Arc<Leaves>, own: Vec<String>, others: Arc<[HostPattern]>) -> Self {
        Self { leaves, own, others }
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let other = hello
            .server_name()
            .filter(|name| self.others.iter().any(|pattern| pattern.matches_host(name)))
            .map(|name| vec![name.to_owned()]);
        match self.leaves.certificate(other.as_ref().unwrap_or(&self.own), Timestamp::now()) {
            Ok(certified) => Some(certified),
            Err(_) => {
                tracing::warn!("no certificate could be made");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::client::danger::ServerCertVerifier as _;

    use super::*;

    fn leaves(hosts: &[&str]) -> Leaves {
        let hosts: Vec<HostPattern> = hosts.iter().map(|host| host.parse().unwrap()).collect();
        Leaves::new(vec![Authority::make(&hosts, Timestamp::now()).unwrap().0]).unwrap()
    }

    fn certificate(leaves: &Leaves, host: &str, now: Timestamp) -> Result<Arc<CertifiedKey>, LeafError> {
        leaves.certificate(&[host.to_owned()], now)
    }

    #[test]
    fn a_certificate_is_kept_and_renewed_well_before_its_end() {
        let (leaves, now) = (leaves(&["*.example.com"]), Timestamp::now());
        let first = certificate(&leaves, "api.example.com", now).unwrap();
        let again = certificate(&leaves, "API.example.com", now + SignedDuration::from_hours(24 * 14)).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let later = certificate(&leaves, "api.example.com", now + SignedDuration::from_hours(24 * 16)).unwrap();
        assert!(!Arc::ptr_eq(&first, &later));
    }

    /// From and until, as they stand in it.
    fn validity(certified: &CertifiedKey) -> (Timestamp, Timestamp) {
        let (_, parsed) = x509_parser::parse_x509_certificate(&certified.cert[0]).unwrap();
        let instant = |at: x509_parser::time::ASN1Time| Timestamp::from_second(at.timestamp()).unwrap();
        (instant(parsed.validity().not_before), instant(parsed.validity().not_after))
    }

    #[test]
    fn a_clock_that_is_set_back_gets_a_certificate_of_its_time() {
        let (leaves, now) = (leaves(&["a.example"]), Timestamp::now() + SignedDuration::from_hours(24 * 100));
        let first = certificate(&leaves, "a.example", now).unwrap();
        for days in [3, 60, 99] {
            let earlier = now - SignedDuration::from_hours(24 * days);
            let made = certificate(&leaves, "a.example", earlier).unwrap();
            assert!(!Arc::ptr_eq(&first, &made), "{days} days back");
            let (from, until) = validity(&made);
            assert!(from <= earlier && earlier < until, "{days} days back: {from} to {until}");
        }
    }

    #[test]
    fn no_certificate_outlives_its_authority_or_comes_before_it() {
        let now = Timestamp::now();
        let (authority, _) = Authority::make(&["a.example".parse().unwrap()], now).unwrap();
        let (from, until) = (authority.from, authority.until);
        let leaves = Leaves::new(vec![authority]).unwrap();
        for at in [from, now, until - SignedDuration::from_hours(24 * 13), until - SignedDuration::from_hours(1)] {
            let made = certificate(&leaves, "a.example", at).unwrap();
            let (starts, ends) = validity(&made);
            assert!(from <= starts && starts <= at && at < ends && ends <= until, "at {at}: {starts} to {ends}");
            assert!(
                Arc::ptr_eq(&made, &certificate(&leaves, "a.example", at).unwrap()),
                "kept for a while, also at {at}"
            );
        }
        for at in [from - SignedDuration::from_secs(1), until, until + SignedDuration::from_hours(24)] {
            let error = certificate(&leaves, "a.example", at).unwrap_err();
            assert_eq!(error, LeafError::Untimely("a.example".to_owned()), "at {at}");
        }
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let leaves = leaves(&["*.example.com"]);
        for number in 0..2 * KEPT {
            certificate(&leaves, &format!("h{number}.example.com"), Timestamp::now()).unwrap();
        }
        assert!(leaves.kept() <= KEPT && leaves.kept() > KEPT / 2, "{}", leaves.kept());
    }

    /// What a client that trusts the authority says of a certificate that it signed.
    fn verified(authority: &Authority, leaf: &rustls_pki_types::CertificateDer<'_>, host: &str) -> Result<(), String> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let name = rustls_pki_types::ServerName::try_from(host.to_owned()).unwrap();
        let now = rustls_pki_types::UnixTime::now();
        let verdict =
            verifier.build().unwrap().verify_server_cert(leaf, &authority.chain().collect::<Vec<_>>(), &name, &[], now);
        verdict.map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_stolen_key_is_worth_nothing_elsewhere() {
        let hosts: Vec<HostPattern> = ["booking.example.com", "10.0.0.7"].map(|host| host.parse().unwrap()).into();
        let (authority, _) = Authority::make(&hosts, Timestamp::now()).unwrap();
        let key = KeyPair::generate().unwrap();
        for (host, good) in [
            ("booking.example.com", true),
            ("localhost", true),
            ("10.0.0.7", true),
            ("bank.example", false),
            ("example.com", false),
            ("10.0.0.8", false),
        ] {
            // Straight from the key, past all of Umpire's own looking.
            let leaf =
                authority.vouch(&[LeafSubject::new(host)], &key, Timestamp::now(), LIFETIME).unwrap().certificate;
            let verdict = verified(&authority, &leaf, host);
            assert_eq!(verdict.is_ok(), good, "{host}: {verdict:?}");
        }
    }

    #[test]
    fn nothing_outside_the_constraints_is_vouched_for() {
        let leaves = leaves(&["booking.example.com", "10.0.0.7"]);
        for host in ["booking.example.com", "a.booking.example.com", "10.0.0.7", "localhost", "127.0.0.1", "::1"] {
            assert!(certificate(&leaves, host, Timestamp::now()).is_ok(), "{host}");
        }
        for host in ["example.com", "xbooking.example.com", "10.0.0.8", "::2"] {
            let error = certificate(&leaves, host, Timestamp::now()).unwrap_err();
            assert_eq!(error, LeafError::Outside(host.to_owned()));
        }
    }
}
