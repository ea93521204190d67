//! Upstreams over https.

use std::io::Write;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use umpire::exchange::FailureKind;
use umpire::proxy::Limits;
use umpire::proxy::upstream::live::{Timeouts, UpstreamClient};

use super::support::{OK, Proxy, text};

/// A booking system over TLS that answers every request with "ok"; its port, and the file of its private CA.
pub async fn serve_tls(names: &[&str]) -> (u16, NamedTempFile) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
    (serve_with(certificate.der().clone(), &key).await, pem_file(&ca.pem()))
}

fn pem_file(pem: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    file
}

/// The same with this certificate; its port.
async fn serve_with(certificate: CertificateDer<'static>, key: &KeyPair) -> u16 {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate breaks off.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut seen = Vec::new();
                while stream.read_buf(&mut seen).await.is_ok_and(|read| read > 0) {
                    if seen.ends_with(b"\r\n\r\n") {
                        seen.clear();
                        stream.write_all(OK.as_bytes()).await.unwrap();
                        stream.flush().await.unwrap();
                    }
                }
            });
        }
    });
    port
}

async fn proxy(base: &str, ca_files: &[&std::path::Path]) -> Proxy {
    let live = UpstreamClient::new(&base.parse().unwrap(), ca_files, Timeouts::default()).unwrap();
    Proxy::with(Arc::new(live), Limits::default(), 4).await
}

#[tokio::test]
async fn a_private_ca_is_trusted_where_it_is_named() {
    let (port, ca) = serve_tls(&["localhost", "127.0.0.1"]).await;
    for host in ["localhost", "127.0.0.1"] {
        let mut proxy = proxy(&format!("https://{host}:{port}/api"), &[ca.path()]).await;
        let mut broker = proxy.connect().await;
        for _ in 0..3 {
            broker.send("GET /api HTTP/1.1\r\nHost: x\r\n\r\n").await;
            assert_eq!(broker.until("ok").await, OK);
            let exchange = proxy.recorded().await;
            assert_eq!((exchange.origin, exchange.failure), (format!("https://{host}:{port}"), None));
        }
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_502() {
    let (port, _) = serve_tls(&["localhost", "127.0.0.1"]).await;
    let (_, other_ca) = serve_tls(&["localhost", "127.0.0.1"]).await;
    let mut proxy = proxy(&format!("https://localhost:{port}"), &[other_ca.path()]).await;
    let mut broker = proxy.connect().await;
    broker.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let answer = text(&broker.rest().await.0);
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    assert!(answer.contains("no TLS connection with localhost:") && answer.contains("certificate"), "{answer}");
    assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::Unreachable);
}

/// As `openssl req -x509 -subj /CN=localhost` makes it: an authority's own, and perhaps without alternative names.
fn self_signed(alternative: &[&str]) -> (rcgen::Certificate, KeyPair) {
    let names: Vec<String> = alternative.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap(), key)
}

/// The answer to one request through a proxy to that base URI.
async fn asked(base: &str, ca_files: &[&std::path::Path]) -> String {
    let proxy = proxy(base, ca_files).await;
    let mut broker = proxy.connect().await;
    broker.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    text(&broker.rest().await.0)
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_where_it_is_given_itself() {
    for alternative in [&["localhost", "127.0.0.1"][..], &[]] {
        let (certificate, key) = self_signed(alternative);
        let port = serve_with(certificate.der().clone(), &key).await;
        let given = pem_file(&certificate.pem());
        let answer = asked(&format!("https://localhost:{port}"), &[given.path()]).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        // It is good for its own names alone, and another one of the same name is no substitute.
        let answer = asked(&format!("https://localhost.localdomain.invalid:{port}"), &[given.path()]).await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        let other = pem_file(&self_signed(alternative).0.pem());
        let answer = asked(&format!("https://localhost:{port}"), &[other.path()]).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("--upstream-ca"), "{answer}");
        assert!(!answer.contains("docs.rs"), "{answer}");
    }
}

#[tokio::test]
async fn what_to_do_about_a_failed_handshake_is_said() {
    // A port that speaks no TLS.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    });
    let answer = asked(&format!("https://localhost:{port}"), &[]).await;
    assert!(answer.contains("is no TLS") && answer.contains("http:// in --to"), "{answer}");
    // A certificate for another name.
    let (port, ca) = serve_tls(&["other.example"]).await;
    let answer = asked(&format!("https://localhost:{port}"), &[ca.path()]).await;
    assert!(answer.contains("not for localhost but for other.example") && answer.contains("name in --to"), "{answer}");
}

#[tokio::test]
async fn an_end_without_a_word_is_said_in_plain_ones() {
    let (certificate, key) = self_signed(&["localhost"]);
    let given = pem_file(&certificate.pem());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut head = [0; 1024];
            assert_ne!(stream.read(&mut head).await.unwrap(), 0);
            // Dropped without TLS's own end, and before any answer.
        }
    });
    let answer = asked(&format!("https://localhost:{port}"), &[given.path()]).await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("close_notify"), "{answer}");
    assert!(!answer.contains("://"), "{answer}");
}
