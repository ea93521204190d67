//! Whom the live client trusts, and who it is.
//!
//! `platform roots + PEM files ─► TrustedCertificates, Identity ─► Verifier ─► ClientConfig (ring)`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::proxy::server::tls::certificate_and_key;
use crate::proxy::upstream::live::UpstreamClientError;
use crate::proxy::upstream::live::verify::{NoCertificateVerification, TrustedCertificates, Verifier};

/// The certificates of PEM files, at least one in each.
pub(super) fn certificates<P: AsRef<Path>>(files: &[P]) -> Result<TrustedCertificates, UpstreamClientError> {
    let mut trusted = TrustedCertificates { anchors: RootCertStore::empty(), pinned: Vec::new() };
    for path in files.iter().map(AsRef::as_ref) {
        let unreadable = |cause: String| UpstreamClientError::CaFile { path: path.to_owned(), cause };
        let before = trusted.pinned.len();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            trusted.anchors.add(certificate.clone()).map_err(|error| unreadable(error.to_string()))?;
            trusted.pinned.push(certificate);
        }
        if trusted.pinned.len() == before {
            return Err(UpstreamClientError::NoCertificate { path: path.to_owned() });
        }
    }
    Ok(trusted)
}

/// Who Umpire is to a booking system that asks (mutual TLS).
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    files: (PathBuf, PathBuf),
}

impl Identity {
    /// Reads a chain of certificates, its own first, and the key of the first.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, UpstreamClientError> {
        let wrong = |path: &Path, cause: String| UpstreamClientError::Identity { path: path.to_owned(), cause };
        let (chain, secret) = certificate_and_key(certificate, key, wrong)?;
        Ok(Self { chain, key: secret, files: (certificate.to_owned(), key.to_owned()) })
    }
}

/// TLS that trusts `trusted` and the platform's roots, or everybody if `insecure`. Platform certificates that can't be
/// used are logged and left out.
pub(super) fn config(
    mut trusted: TrustedCertificates,
    identity: Option<&Identity>,
    insecure: bool,
) -> Result<Arc<ClientConfig>, UpstreamClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = if insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(NoCertificateVerification(provider)))
    } else {
        let native = rustls_native_certs::load_native_certs();
        let (_, unusable) = trusted.anchors.add_parsable_certificates(native.certs);
        if unusable > 0 || !native.errors.is_empty() {
            tracing::warn!(unusable, errors = ?native.errors, "some certificates of this computer can't be used");
        }
        if trusted.anchors.is_empty() {
            let cause = native.errors.first().map_or_else(|| "none installed".to_owned(), ToString::to_string);
            return Err(UpstreamClientError::NoRoots { cause });
        }
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier::new(trusted, provider)?))
    };
    let config =
        match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key, files }) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|error| UpstreamClientError::Identity {
                    path: files.1.clone(),
                    cause: format!("it does not go with {}: {error}", files.0.display()),
                })?,
        };
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_is_not_pem_is_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"no certificate\n").unwrap();
        let error = certificates(&[file.path()]).unwrap_err().to_string();
        assert!(error.contains("holds no certificate") && error.contains(file.path().to_str().unwrap()), "{error}");
        let error = certificates(&["/nowhere/ca.pem"]).unwrap_err().to_string();
        assert!(error.contains("/nowhere/ca.pem") && error.contains("--upstream-ca"), "{error}");
        file.write_all(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(certificates(&[file.path()]), Err(UpstreamClientError::CaFile { .. })));
    }

    #[test]
    fn a_certificate_is_taken() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(made.cert.pem().as_bytes()).unwrap();
        let store = certificates(&[file.path()]).unwrap();
        assert_eq!((store.anchors.len(), store.pinned.len()), (1, 1));
        assert!(config(store, None, false).is_ok());
    }
}
