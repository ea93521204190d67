//! hudsucker as a proxy that intercepts and passes everything, for `tls.py`. To be built within its own sources:
//!
//!     cp hudsucker.rs …/hudsucker/examples/pass.rs
//!     cargo build --release --example pass --no-default-features --features http2,rcgen-ca,rustls-client
//!
//! `pass PORT ROOT.pem`: trusts that authority and no other.

use std::net::SocketAddr;

use hudsucker::Proxy;
use hudsucker::certificate_authority::RcgenAuthority;
use hudsucker::rcgen::{Issuer, KeyPair};
use hudsucker::rustls::crypto::aws_lc_rs;
use hudsucker::rustls::pki_types::{CertificateDer, pem::PemObject};
use hudsucker::rustls::{ClientConfig, RootCertStore};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().expect("a port").parse().expect("a port");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(arguments.next().expect("a file")).expect("a certificate")).expect("a root");
    let key = KeyPair::from_pem(include_str!("ca/hudsucker.key")).expect("its key");
    let issuer = Issuer::from_ca_cert_pem(include_str!("ca/hudsucker.cer"), key).expect("its authority");
    let tls = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector =
        hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions().build();
    let proxy = Proxy::builder()
        .with_addr(SocketAddr::from(([127, 0, 0, 1], port)))
        .with_ca(RcgenAuthority::new(issuer, 1_000, aws_lc_rs::default_provider()))
        .with_http_connector(connector)
        .build()
        .expect("a proxy");
    proxy.start().await.expect("it runs");
}
