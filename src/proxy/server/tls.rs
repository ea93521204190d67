//! TLS towards brokers.
//!
//! `PEM files, or a Resolver of ca ─► ServerConfig ─► Listener, or tunnels that are intercepted`

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What is offered to brokers by ALPN, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [crate::proxy::h2::ALPN, crate::proxy::h1::ALPN];

/// Why a listener can't have TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that can't be used.
    #[error("cannot use {}: {cause}; --tls-cert needs a PEM file with the certificate (its chain behind it), --tls-key one with its key", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// TLS could not be set up.
    #[error("TLS could not be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// How a listener speaks TLS.
pub(crate) type ListenerTls = Arc<ServerConfig>;

/// TLS with certificates that are chosen for each connection.
pub(crate) fn server_config(certificates: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// In plain words what a TLS connection that ends without `close_notify` is; other errors stay. The kind stays, too.
pub(crate) fn in_plain_words(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        let words = "the TLS connection was closed without a word (close_notify), so that something may be missing; look into \
                     the log of the side that closed it";
        return io::Error::new(io::ErrorKind::UnexpectedEof, words);
    }
    error
}

/// A chain of certificates, its own first, and the key of the first, from PEM files. `wrong` makes the error of a file.
pub(crate) fn certificate_and_key<E>(
    certificate: &Path,
    key: &Path,
    wrong: impl Fn(&Path, String) -> E,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), E> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(certificate, "it holds no certificate".to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    Ok((chain, secret))
}

/// TLS with a certificate and its key from PEM files.
pub fn from_files(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let wrong = |path: &Path, cause: String| TlsError::File { path: path.to_owned(), cause };
    let (chain, secret) = certificate_and_key(certificate, key, wrong)?;
    let provider = rustls::crypto::ring::default_provider();
    let certified = CertifiedKey::from_der(chain, secret, &provider)
        .map_err(|error| wrong(key, format!("it does not go with {}: {error}", certificate.display())))?;
    server_config(Arc::new(SingleCertAndKey::from(certified)))
}
