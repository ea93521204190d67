//! Where brokers come in.
//!
//! `TCP accepted ─► TLS handshake, where the door has TLS ─► Wire ─► downstream`

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::upstream::Upstream;
use super::wire::{Secured, Socket};

/// A listener, and what is behind it.
pub struct Door {
    /// Listens already.
    pub listener: TcpListener,
    /// With TLS, if given. What it offers by ALPN is the config's own affair.
    pub tls: Option<Arc<ServerConfig>>,
    /// Who answers.
    pub upstream: Arc<dyn Upstream>,
    /// Links in answers that lead past this door are rewritten to lead through it.
    pub rewrite_links: bool,
}

impl Door {
    /// A door without TLS.
    pub fn new(listener: TcpListener, upstream: Arc<dyn Upstream>) -> Self {
        Self { listener, tls: None, upstream, rewrite_links: false }
    }
}

/// The handshake, the broker being given that long.
pub async fn secure(stream: TcpStream, tls: Arc<ServerConfig>, patience: Duration) -> io::Result<Secured<Socket>> {
    let socket = Socket::new(stream);
    let doom = socket.doom();
    let stream = tokio::time::timeout(patience, TlsAcceptor::from(tls).accept(socket))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, format!("no handshake within {patience:?}")))??;
    Ok(Secured { stream, doom })
}
