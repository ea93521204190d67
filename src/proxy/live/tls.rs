//! Whom the live client trusts.
//!
//! `platform roots + PEM files ─► RootCertStore ─► ClientConfig (ring)`

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::LiveError;

/// The certificates of PEM files, at least one in each.
pub fn certificates<P: AsRef<Path>>(files: &[P]) -> Result<RootCertStore, LiveError> {
    let mut store = RootCertStore::empty();
    for path in files.iter().map(AsRef::as_ref) {
        let unreadable = |cause: String| LiveError::CaFile { path: path.to_owned(), cause };
        let before = store.len();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            store.add(certificate).map_err(|error| unreadable(error.to_string()))?;
        }
        if store.len() == before {
            return Err(LiveError::NoCertificate { path: path.to_owned() });
        }
    }
    Ok(store)
}

/// TLS that trusts `store` and the platform's roots. Platform certificates that can't be used are logged and left out.
pub fn config(mut store: RootCertStore) -> Result<ClientConfig, LiveError> {
    let native = rustls_native_certs::load_native_certs();
    let (_, unusable) = store.add_parsable_certificates(native.certs);
    if unusable > 0 || !native.errors.is_empty() {
        tracing::warn!(unusable, errors = ?native.errors, "some certificates of this computer can't be used");
    }
    if store.is_empty() {
        let cause = native.errors.first().map_or_else(|| "none installed".to_owned(), ToString::to_string);
        return Err(LiveError::NoRoots { cause });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
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
        assert!(matches!(certificates(&[file.path()]), Err(LiveError::CaFile { .. })));
    }

    #[test]
    fn a_certificate_is_taken() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(made.cert.pem().as_bytes()).unwrap();
        let store = certificates(&[file.path()]).unwrap();
        assert_eq!(store.len(), 1);
        assert!(config(store).is_ok());
    }
}
