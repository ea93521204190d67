//! Whom the live client trusts, and who it is.
//!
//! `platform roots + PEM files ─► RootCertStore, Identity ─► ClientConfig (ring)`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::LiveError;
use crate::proxy::tls::certificate_and_key;

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

/// Who Umpire is to a booking system that asks (mutual TLS).
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    files: (PathBuf, PathBuf),
}

impl Identity {
    /// Reads a chain of certificates, its own first, and the key of the first.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, LiveError> {
        let wrong = |path: &Path, cause: String| LiveError::Identity { path: path.to_owned(), cause };
        let (chain, secret) = certificate_and_key(certificate, key, wrong)?;
        Ok(Self { chain, key: secret, files: (certificate.to_owned(), key.to_owned()) })
    }
}

/// TLS that trusts `store` and the platform's roots, or everybody if `insecure`. Platform certificates that can't be
/// used are logged and left out.
pub fn config(
    mut store: RootCertStore,
    identity: Option<&Identity>,
    insecure: bool,
) -> Result<Arc<ClientConfig>, LiveError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = if insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    } else {
        let native = rustls_native_certs::load_native_certs();
        let (_, unusable) = store.add_parsable_certificates(native.certs);
        if unusable > 0 || !native.errors.is_empty() {
            tracing::warn!(unusable, errors = ?native.errors, "some certificates of this computer can't be used");
        }
        if store.is_empty() {
            let cause = native.errors.first().map_or_else(|| "none installed".to_owned(), ToString::to_string);
            return Err(LiveError::NoRoots { cause });
        }
        builder.with_root_certificates(store)
    };
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { chain, key, files }) => {
            builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|error| LiveError::Identity {
                path: files.1.clone(),
                cause: format!("it does not go with {}: {error}", files.0.display()),
            })?
        }
    };
    Ok(Arc::new(config))
}

/// Why there is no TLS with `whom`, with what may help where it is known.
pub fn trouble(error: &std::io::Error, whom: &str) -> String {
    use rustls::CertificateError as Wrong;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let remedy = match inner {
        Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
            Wrong::UnknownIssuer | Wrong::BadSignature => "name the file of its authority with --upstream-ca",
            Wrong::Expired | Wrong::ExpiredContext { .. } => return format!("{error}; {whom} needs a new certificate"),
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => "compare this machine's clock with the real time",
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => "use a name that the certificate is for",
            Wrong::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                "a certificate authority's own certificate can't stand for a server: have it make one for the server"
            }
            _ => return error.to_string(),
        },
        Some(rustls::Error::AlertReceived(alert)) => {
            use rustls::AlertDescription as Alert;
            match alert {
                Alert::CertificateRequired | Alert::BadCertificate | Alert::UnknownCA | Alert::HandshakeFailure => {
                    "it may ask for a certificate of Umpire's that it knows: --upstream-cert and --upstream-key"
                }
                _ => return error.to_string(),
            }
        }
        _ => return error.to_string(),
    };
    format!("{error}; {remedy}")
}

/// Takes any certificate (`--insecure-upstream`); that the other side holds its key is still checked.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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
        assert!(config(store, None, false).is_ok());
    }
}
