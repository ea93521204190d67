//! A connection that has become a tunnel.
//!
//! ```text
//! CONNECT answered 200 ─► Tunnel (what was read ahead, then the connection)
//!     ├─ Mitm ─► first byte: TLS record? ─┬─ yes ─► handshake ─┬─► client, https
//!     │                                   │                    └─ failed ─► recorded, with the remedy
//!     │                                   └─ no ──► client, http
//!     └─ Passthrough ─► bytes both ways until either side ends, or nothing has passed for the idle time
//! ```

use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::proxy::client::{ClientInfo, Route, run};
use crate::proxy::event::handshake_trouble;
use crate::proxy::forward::{ForwardProxy, TunnelTarget};
use crate::proxy::io::{
    PassedBytes, PrefixedIo, ReadSide, ResetFlag, ResetOnDrop, TlsConnection, Transport, WriteSide, pass_both_ways,
};
use crate::proxy::logged::LoggedError;
use crate::proxy::server::listener::HANDSHAKE_FAILURE;
use crate::proxy::upstream::Duplex as _;
use crate::proxy::upstream::live::UpstreamStream;

/// The type of a TLS record that a handshake begins with (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 0x16;

/// What unread tunnels are given to end by themselves at shutdown.
const TUNNEL_DRAIN: Duration = Duration::from_secs(1);

/// A broker's connection from behind the head of its CONNECT request.
pub struct Tunnel<I, O: WriteSide> {
    input: PrefixedIo<I>,
    /// It ends with a TCP reset if its flag was set before it was dropped.
    output: ResetOnDrop<O, ResetFlag>,
}

impl<I: ReadSide, O: WriteSide> Tunnel<I, O> {
    /// `buf`: what was read ahead.
    pub fn new(buf: BytesMut, io: I, output: O) -> Self {
        Self { input: PrefixedIo { prefix: buf, io }, output: ResetOnDrop::new(output, ResetFlag::default()) }
    }

    /// The first byte, which stays; `None` if there is none.
    async fn first(&mut self) -> io::Result<Option<u8>> {
        if self.input.prefix.is_empty() {
            self.input.io.read_buf(&mut self.input.prefix).await?;
        }
        Ok(self.input.prefix.first().copied())
    }
}

impl<I: ReadSide, O: WriteSide> Transport for Tunnel<I, O> {
    type ReadSide = PrefixedIo<I>;
    type WriteSide = ResetOnDrop<O, ResetFlag>;

    fn into_halves(self) -> (Self::ReadSide, Self::WriteSide) {
        (self.input, self.output)
    }
}

impl ForwardProxy {
    /// Serves what a connection has become.
    pub(crate) async fn serve<I: ReadSide, O: WriteSide>(
        &self,
        opened: TunnelTarget,
        mut tunnel: Tunnel<I, O>,
        client_info: ClientInfo,
        shutdown: CancellationToken,
    ) {
        let (host, port) = match opened {
            TunnelTarget::Mitm { host, port } => (host, port),
            TunnelTarget::Passthrough(line) => {
                return pass(tunnel, line, self.common.limits.idle_timeout, shutdown).await;
            }
        };
        let patience = self.common.limits.head_timeout;
        let first = tokio::select! {
            biased;
            first = tokio::time::timeout(patience, tunnel.first()) => first,
            () = shutdown.cancelled() => return,
        };
        let scheme = match first {
            Ok(Ok(Some(HANDSHAKE))) => "https",
            Ok(Ok(Some(_))) => "http",
            Ok(Ok(None)) => return tracing::debug!("the tunnel was closed unused"),
            Ok(Err(error)) => return tracing::debug!(error = %LoggedError(&error), "the tunnel broke off unused"),
            Err(_) => return tracing::debug!("the tunnel was not used in time"),
        };
        // Hosts and certificates were looked at when Umpire started.
        let Ok(relay) = self.intercepted(scheme, &host, port, client_info.address) else {
            return tracing::warn!("cannot intercept: no URL can hold this host");
        };
        if scheme == "http" {
            let way = Route::To(relay);
            return drop(run(tunnel, way, client_info, &self.on_event, shutdown).await);
        }
        if self.forward.breaks_handshake() {
            if let Err(error) = tunnel.output.write_all(&HANDSHAKE_FAILURE).await {
                tracing::debug!(error = %LoggedError(&error), "the handshake to break off had gone");
            }
            return relay.broken_handshake(client_info.connection).await;
        }
        let reset_flag = tunnel.output.condition().clone();
        let handshake = TlsAcceptor::from(self.forward.tls_for(&host)).accept(tunnel);
        let handshake = tokio::time::timeout(patience, handshake).await.unwrap_or_else(|_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the client finished no handshake within {patience:?}"),
            ))
        });
        match handshake {
            Ok(stream) => {
                drop(
                    run(TlsConnection { stream, reset_flag }, Route::To(relay), client_info, &self.on_event, shutdown)
                        .await,
                );
            }
            Err(error) => relay.no_handshake(client_info.connection, handshake_trouble(&error, true)).await,
        }
    }
}

/// Passes bytes both ways; a reset as one.
async fn pass<I: ReadSide, O: WriteSide>(
    tunnel: Tunnel<I, O>,
    mut line: UpstreamStream,
    idle: Duration,
    shutdown: CancellationToken,
) {
    let Tunnel { input, mut output } = tunnel;
    let passed = PassedBytes::default();
    let stopped = async {
        shutdown.cancelled().await;
        tokio::time::sleep(TUNNEL_DRAIN).await;
    };
    let ended = tokio::select! {
        ended = pass_both_ways(input, &mut output, &mut line, &passed, idle) => ended,
        () = stopped => return tracing::debug!("the tunnel ended with Umpire"),
    };
    match ended {
        Ok(()) => {
            let (up, down) = (passed.up.load(Ordering::Relaxed), passed.down.load(Ordering::Relaxed));
            tracing::debug!(up, down, "the tunnel ended");
        }
        Err(error) => {
            if error.is_reset() {
                line.reset_on_drop();
                output.reset();
            }
            tracing::debug!(error = %LoggedError(&error), "the tunnel broke off");
        }
    }
}

impl<I: ReadSide, O: WriteSide> AsyncRead for Tunnel<I, O> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_read(cx, buf)
    }
}

impl<I: ReadSide, O: WriteSide> AsyncWrite for Tunnel<I, O> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.output).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_shutdown(cx)
    }
}
