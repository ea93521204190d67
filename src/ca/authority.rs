//! One certificate authority.
//!
//! ```text
//! hosts → make → root certificate (trusted by clients; its key is dropped at once)
//!                  └─► issuing certificate and its key → pem (one file, root behind) → read
//! ```
//!
//! Both certificates carry the same name constraints. Most clients apply those of the certificate that they trust; Java
//! does not (RFC 5280 section 6.2 leaves it open), but it applies those of what is below. The key that is kept is the issuing
//! certificate's. Authorities of earlier versions have one certificate, which is root and issuer.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    PublicKeyData as _, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::hosts::{HostPattern, below, width};
use super::leaves::LeafSubject;

/// How long an authority is good for. Browsers and Apple's systems take up to 825 days of what a user installs.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 730);

/// An authority in its last days is not used any more: a new one is made, and clients are told to trust it.
const LAST_DAYS: SignedDuration = SignedDuration::from_hours(24 * 14);

/// Certificates are good from so long before they are made, for clients whose clocks are behind.
const SKEW: SignedDuration = SignedDuration::from_hours(24 * 2);

/// What every authority may vouch for: this machine.
const LOOPBACK: [(&str, u8); 2] = [("127.0.0.0", 8), ("::1", 128)];

/// A certificate authority with its key.
pub struct Authority {
    /// Eight hexadecimal digits: its file's name, and part of its own.
    pub id: String,
    /// The certificate that clients trust.
    pub certificate: CertificateDer<'static>,
    /// Good from.
    pub from: Timestamp,
    /// Good until.
    pub until: Timestamp,
    /// What clients are shown between the certificates that it signs and the one that they trust; `None` if that one is
    /// the issuer itself, as in earlier versions.
    pub issuing: Option<CertificateDer<'static>>,
    /// The domains that it may vouch for, with all below them, and the addresses; loopback left out.
    pub subjects: Vec<String>,
    names: Vec<String>,
    networks: Vec<IpNet>,
    issuer: Issuer<'static, KeyPair>,
}

/// What an authority vouched for.
pub(super) struct IssuedCertificate {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Good from, as it stands in it.
    pub from: Timestamp,
    /// Good until, as it stands in it.
    pub until: Timestamp,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({}, {:?})", self.id, self.subjects)
    }
}

impl Authority {
    /// A new one for these hosts; the other part is its file's content: key and certificate.
    pub fn make(hosts: &[HostPattern], now: Timestamp) -> Result<(Self, String), String> {
        let said = |error: rcgen::Error| error.to_string();
        let id = random_hex()?;
        let mut subjects: Vec<String> = hosts.iter().map(HostPattern::subject).collect();
        subjects.sort();
        subjects.dedup();
        let mut permitted = vec![GeneralSubtree::DnsName("localhost".to_owned())];
        for (address, prefix) in LOOPBACK {
            permitted.extend(address.parse().ok().map(|address| subnet(address, prefix)));
        }
        for subject in &subjects {
            permitted.push(match subject.parse::<IpAddr>() {
                Ok(address) => subnet(address, if address.is_ipv4() { 32 } else { 128 }),
                Err(_) => GeneralSubtree::DnsName(subject.clone()),
            });
        }
        let params = |name: String, below: u8| {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params.distinguished_name.push(DnType::OrganizationName, "Umpire, on this machine");
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let permitted_subtrees = permitted.clone();
            params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
            params.serial_number = Some(serial()?);
            params.use_authority_key_identifier_extension = true;
            valid(&mut params, now - SKEW, now + LIFETIME);
            Ok::<_, String>(params)
        };
        let key = KeyPair::generate().map_err(said)?;
        let issuing = params(format!("Umpire CA {id}, issuer"), 0)?;
        let content = {
            // Whoever had the key of the root could make another issuer, without constraints that Java heeds.
            let root = params(common_name(&id, &subjects), 1)?;
            let root = CertifiedIssuer::self_signed(root, KeyPair::generate().map_err(said)?).map_err(said)?;
            let issuing = issuing.signed_by(&key, &root).map_err(said)?;
            format!("{}{}{}", key.serialize_pem(), issuing.pem(), root.pem())
        };
        Self::read(&id, &content).map(|authority| (authority, content))
    }

    /// Reads the content of a file.
    pub fn read(id: &str, content: &str) -> Result<Self, String> {
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(content.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| format!("no certificate: {error}"))?;
        let (issuer, issuing, certificate) = match &certificates[..] {
            [own] => (own, None, own),
            [issuing, root] => (issuing, Some(issuing.clone()), root),
            other => return Err(format!("it holds {} certificates in place of 2", other.len())),
        };
        let key = KeyPair::from_pem(content).map_err(|error| format!("no key: {error}"))?;
        let (_, parsed) = X509Certificate::from_der(issuer).map_err(|error| error.to_string())?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err("key and certificate don't belong together".to_owned());
        }
        let (_, root) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        if parsed.issuer().as_raw() != root.subject().as_raw() {
            return Err("its two certificates don't belong together".to_owned());
        }
        let constraints = parsed
            .name_constraints()
            .map_err(|error| error.to_string())?
            .ok_or("its certificate has no name constraints")?;
        let (mut names, mut networks) = (Vec::new(), Vec::new());
        for subtree in constraints.value.permitted_subtrees.iter().flatten() {
            match &subtree.base {
                GeneralName::DNSName(name) => names.push(name.to_ascii_lowercase()),
                GeneralName::IPAddress(bytes) => networks.extend(network(bytes)),
                _ => {}
            }
        }
        let instant = |seconds| Timestamp::from_second(seconds).map_err(|error| error.to_string());
        let (from, until) =
            (instant(parsed.validity().not_before.timestamp())?, instant(parsed.validity().not_after.timestamp())?);
        let mut subjects: Vec<String> = names.iter().filter(|name| *name != "localhost").cloned().collect();
        subjects.extend(networks.iter().map(IpNet::addr).filter(|one| !one.is_loopback()).map(|one| one.to_string()));
        let issuer = Issuer::from_ca_cert_der(issuer, key).map_err(|error| error.to_string())?;
        let certificate = certificate.clone();
        Ok(Self { id: id.to_owned(), certificate, issuing, from, until, subjects, names, networks, issuer })
    }

    /// True while it may be used: it is neither too young nor in its last days.
    pub(crate) fn is_current(&self, now: Timestamp) -> bool {
        self.from <= now && now + LAST_DAYS < self.until
    }

    /// Its hosts that are no one's own, such as `com` or `co.uk`: earlier versions made such authorities. One that has any
    /// is not used, nor given to clients.
    pub(crate) fn too_wide(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| width(name).is_some())
    }

    /// True if it may be used at `now`, and is not too wide.
    pub(crate) fn is_usable(&self, now: Timestamp) -> bool {
        self.is_current(now) && self.too_wide().next().is_none()
    }

    /// True if it may vouch for all that a pattern takes in.
    pub(crate) fn covers(&self, pattern: &HostPattern) -> bool {
        self.permits(&pattern.subject())
    }

    /// True if it may vouch for this name or address.
    pub(crate) fn permits(&self, host: &str) -> bool {
        match host.parse::<IpAddr>() {
            Ok(address) => self.networks.iter().any(|network| network.contains(&address)),
            Err(_) => self.names.iter().any(|name| name.eq_ignore_ascii_case(host) || below(host, name)),
        }
    }

    /// A certificate for these subjects and that key, within the authority's own time.
    pub(super) fn vouch(
        &self,
        subjects: &[LeafSubject],
        key: &KeyPair,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Result<IssuedCertificate, String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // The name itself is in the alternative names, which is where clients look.
        params.distinguished_name.push(DnType::CommonName, "Umpire intercepts");
        params.subject_alt_names = subjects.iter().map(LeafSubject::to_san).collect::<Result<_, _>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial()?);
        let (from, until) = valid(&mut params, (now - SKEW).max(self.from), (now + lifetime).min(self.until));
        let made = params.signed_by(key, &self.issuer).map_err(|error| error.to_string())?;
        Ok(IssuedCertificate { certificate: made.der().clone(), from, until })
    }

    /// True if every client that applies name constraints at all applies these: also one that does not apply those of the
    /// certificate that it trusts, as Java.
    pub(crate) fn binds_java(&self) -> bool {
        self.issuing.is_some()
    }

    /// What clients are shown behind a certificate that it signed: the way to the one that they trust, and that one, for
    /// those that were given only a part of the way.
    pub fn chain(&self) -> impl Iterator<Item = CertificateDer<'static>> {
        self.issuing.iter().chain([&self.certificate]).cloned()
    }

    /// SHA-256 of the certificate, as tools show it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.certificate);
        digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// The certificate, as PEM.
    pub fn pem(&self) -> String {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// How long it is still good for; nothing if it has expired.
    pub fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_until(self.until)).unwrap_or_default()
    }
}

/// At most 64 characters (X.509's bound): names that don't fit are counted.
fn common_name(id: &str, subjects: &[String]) -> String {
    let start = format!("Umpire CA {id}");
    let Some(first) = subjects.first() else { return start };
    let more = if subjects.len() > 1 { format!(" and {} more", subjects.len() - 1) } else { String::new() };
    let whole = format!("{start} for {first}{more}");
    if whole.len() <= 64 { whole } else { start }
}

fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system has no random numbers".to_owned())?;
    Ok(bytes)
}

fn random_hex() -> Result<String, String> {
    Ok(format!("{:08x}", u32::from_be_bytes(random()?)))
}

/// Never the same twice, as browsers ask for; positive.
fn serial() -> Result<SerialNumber, String> {
    let mut bytes = random::<16>()?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn subnet(address: IpAddr, prefix: u8) -> GeneralSubtree {
    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix))
}

/// From and until in whole days of UTC, rounded down; what that comes to.
fn valid(params: &mut CertificateParams, from: Timestamp, until: Timestamp) -> (Timestamp, Timestamp) {
    let day = |at: Timestamp| {
        let second = at.as_second();
        Timestamp::from_second(second - second.rem_euclid(86_400)).unwrap_or(at)
    };
    let written = |at: Timestamp| {
        let date = jiff::tz::Offset::UTC.to_datetime(at).date();
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    let (from, until) = (day(from), day(until));
    (params.not_before, params.not_after) = (written(from), written(until));
    (from, until)
}

/// Address and mask, as name constraints have them (RFC 5280 section 4.2.1.10).
fn network(bytes: &[u8]) -> Option<IpNet> {
    let (address, mask): (IpAddr, IpAddr) = match bytes.len() {
        8 => (<[u8; 4]>::try_from(&bytes[..4]).ok()?.into(), <[u8; 4]>::try_from(&bytes[4..]).ok()?.into()),
        32 => (<[u8; 16]>::try_from(&bytes[..16]).ok()?.into(), <[u8; 16]>::try_from(&bytes[16..]).ok()?.into()),
        _ => return None,
    };
    IpNet::with_netmask(address, mask).ok()
}
