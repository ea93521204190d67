//! The listener: access check, optional TLS, hand-off to the connection.
//!
//! `TCP accepted ─► an allowed client? ─► TLS handshake, where the listener has TLS ─► client`

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::proxy::event::{EventHandler, ProxyEvent};
use crate::proxy::forward::{ClientAllowList, ForwardConfig};
use crate::proxy::io::{Socket, TlsConnection};
use crate::proxy::upstream::Upstream;
use crate::proxy::wire_fault::TlsFault;

/// A socket that listens, who may connect to it, and where requests go.
pub struct Listener {
    /// Listens already.
    pub listener: TcpListener,
    /// With TLS, if given. What it offers by ALPN is the config's own affair.
    pub tls: Option<Arc<ServerConfig>>,
    /// The certificate is one of Umpire's own authority.
    pub own_ca: bool,
    /// Who may come in.
    pub allowed_clients: ClientAllowList,
    /// Where requests go.
    pub mode: ListenerMode,
    /// Rewrites links in answers that lead past this listener; has no effect on a forward proxy.
    pub rewrite_links: bool,
    /// Says which handshakes are broken off, if any are.
    pub tls_fault: Option<TlsFault>,
    /// Takes the events of this listener.
    pub on_event: EventHandler,
}

/// Where the requests of a listener go.
#[derive(Clone)]
pub enum ListenerMode {
    /// One upstream: a reverse proxy.
    Upstream(Arc<dyn Upstream>),
    /// The same, but nothing of it is recorded.
    Unrecorded(Arc<dyn Upstream>),
    /// All hosts: a forward proxy.
    Forward(Arc<ForwardConfig>),
}

impl Listener {
    /// A listener for one upstream, without TLS, open to everybody who can reach it.
    pub fn new(listener: TcpListener, upstream: Arc<dyn Upstream>) -> Self {
        let on_event = Arc::new(|_: ProxyEvent| tracing::info!("an event of the proxy that nobody wants to hear of"));
        let mode = ListenerMode::Upstream(upstream);
        Self {
            listener,
            tls: None,
            own_ca: false,
            allowed_clients: ClientAllowList::default(),
            mode,
            rewrite_links: false,
            tls_fault: None,
            on_event,
        }
    }
}

/// A fatal alert of TLS 1.2, as which every version reads it: handshake_failure (RFC 8446 section 6).
pub(crate) const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// Breaks a handshake off: answers what the broker opens with by an alert, and closes the connection.
pub(crate) async fn refuse_handshake(mut stream: TcpStream, patience: Duration) -> io::Result<()> {
    let refusing = async {
        let mut hello = [0; 4096];
        let _read = stream.read(&mut hello).await?;
        stream.write_all(&HANDSHAKE_FAILURE).await?;
        stream.shutdown().await
    };
    tokio::time::timeout(patience, refusing).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// The handshake, the broker being given that long.
pub(crate) async fn tls_accept(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    patience: Duration,
) -> io::Result<TlsConnection<Socket>> {
    let socket = Socket::new(stream);
    let reset_flag = socket.reset_flag();
    let stream = tokio::time::timeout(patience, TlsAcceptor::from(tls).accept(socket))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, format!("no handshake within {patience:?}")))??;
    Ok(TlsConnection { stream, reset_flag })
}
