//! Whether the certificate that a booking system shows is one to trust.
//!
//! ```text
//! certificate ─┬─ byte for byte one of --upstream-ca ─► is it good now, and for this host? ─► trusted
//!              └─ else ─► does an authority vouch for it, for now, for this host? ─► trusted
//! ```
//!
//! The first is what curl does with `--cacert`, and what a self-signed certificate needs: `openssl req -x509` makes it an
//! authority's own, which may not stand for a server otherwise.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Certificates that are trusted.
#[derive(Debug, Clone)]
pub(crate) struct TrustedCertificates {
    /// Whose owners may vouch for others.
    pub anchors: RootCertStore,
    /// Those of `--upstream-ca`, each of which may stand for a server, too.
    pub pinned: Vec<CertificateDer<'static>>,
}

/// Verifies the certificate of a booking system: against the certificates of `--upstream-ca` themselves, then by authorities.
#[derive(Debug)]
pub(super) struct Verifier {
    pinned: Vec<CertificateDer<'static>>,
    /// `None` if there is no authority at all.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Looks at certificates by these.
    pub(super) fn new(trusted: TrustedCertificates, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let TrustedCertificates { anchors, pinned } = trusted;
        let authorities = if anchors.is_empty() {
            None
        } else {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), Arc::clone(&provider));
            Some(verifier.build().map_err(|error| Error::General(error.to_string()))?)
        };
        Ok(Self { pinned, authorities, provider })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.pinned.contains(certificate) {
            return good_for(certificate, name, now).map(|()| ServerCertVerified::assertion());
        }
        match &self.authorities {
            Some(authorities) => authorities.verify_server_cert(certificate, between, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        if self.pinned.contains(certificate) {
            // Its key is all that counts: so X.509 version 1 will do, which is not read otherwise.
            let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
            let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
            return verify_tls13_signature_with_raw_key(message, &key, signature, algorithms);
        }
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a certificate holds now and for that host. Without alternative names its common name counts, as with curl.
fn good_for(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let instant = |at: x509_parser::time::ASN1Time| {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at.timestamp()).unwrap_or(0)))
    };
    let (from, until) = (instant(parsed.validity().not_before), instant(parsed.validity().not_after));
    if now < from {
        return Err(CertificateError::NotValidYetContext { time: now, not_before: from }.into());
    }
    if until < now {
        return Err(CertificateError::ExpiredContext { time: now, not_after: until }.into());
    }
    if parsed.subject_alternative_name().is_ok_and(|names| names.is_none()) {
        let names = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        let presented: Vec<String> = names.map(str::to_owned).collect();
        if presented.iter().any(|common| common.eq_ignore_ascii_case(&name.to_str())) {
            return Ok(());
        }
        return Err(CertificateError::NotValidForNameContext { expected: name.to_owned(), presented }.into());
    }
    rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
}

/// Takes any certificate (`--insecure-upstream`); that the other side holds its key is still checked.
#[derive(Debug)]
pub(crate) struct NoCertificateVerification(pub Arc<CryptoProvider>);

impl ServerCertVerifier for NoCertificateVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

    use super::*;

    const DAY: u64 = 86_400;

    /// As `openssl req -x509 -subj /CN=…` makes it.
    fn self_signed(common: &str, alternative: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = alternative.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2024, 1, 1), rcgen::date_time_ymd(2034, 1, 1));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn at(day: u64) -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(day * DAY))
    }

    fn verified(pinned: &CertificateDer<'static>, shown: &CertificateDer<'_>, host: &str, now: UnixTime) -> String {
        let mut anchors = RootCertStore::empty();
        anchors.add(pinned.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(TrustedCertificates { anchors, pinned: vec![pinned.clone()] }, provider).unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        match verifier.verify_server_cert(shown, &[], &name, &[], now) {
            Ok(_) => "trusted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_very_certificate_is_taken_for_its_names_and_its_time() {
        // 2026-11-20, 2023-12-01, 2034-02-01.
        let (now, before, after) = (at(20_777), at(19_692), at(23_407));
        let certificate = self_signed("ignored.example", &["localhost", "*.club.example", "127.0.0.1"]);
        for (host, time, words) in [
            ("localhost", now, "trusted"),
            ("LocalHost", now, "trusted"),
            ("a.club.example", now, "trusted"),
            ("127.0.0.1", now, "trusted"),
            ("ignored.example", now, "not valid for name"),
            ("127.0.0.2", now, "not valid for name"),
            ("localhost", before, "not valid yet"),
            ("localhost", after, "expired"),
        ] {
            let said = verified(&certificate, &certificate, host, time);
            assert!(said.contains(words), "{host}: {said}");
        }
    }

    #[test]
    fn without_alternative_names_the_common_name_counts() {
        let now = at(20_777);
        let named = self_signed("Booking.example", &[]);
        assert_eq!(verified(&named, &named, "booking.example", now), "trusted");
        assert!(verified(&named, &named, "other.example", now).contains("not valid for name"));
        let address = self_signed("127.0.0.1", &[]);
        assert_eq!(verified(&address, &address, "127.0.0.1", now), "trusted");
    }

    #[test]
    fn another_certificate_of_the_same_name_is_not_taken() {
        let now = at(20_777);
        let (given, shown) = (self_signed("localhost", &["localhost"]), self_signed("localhost", &["localhost"]));
        assert_ne!(verified(&given, &shown, "localhost", now), "trusted");
    }
}
