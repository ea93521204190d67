//! The way to a host: directly or through another proxy.
//!
//! ```text
//! host, port ─► UpstreamProxy: none ──► --resolve, else name look-up ─► TCP to the first that answers
//!                              one ───► TCP to it, TLS if it is https ─┬─ CONNECT host:port ─► a tunnel
//!                                                                      └─ for http: it is sent requests with whole URLs
//! ```
//!
//! For clients of other machines the addresses of a host are looked at before anything is connected to. Where another
//! proxy is on the way, it is that proxy which looks names up: of a host that is an address that is looked at all the same,
//! and of a name where the proxy runs on this machine.
//!
//! A connection that turns out to lead to one of Umpire's own listeners is given up: it would come back for ever.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::proxy::h1;
use crate::proxy::message::head::HeadLimits;
use crate::proxy::server::descriptors;
use crate::proxy::upstream::live::addresses::{OwnListenAddrs, Resolve, is_local, local_target, without_local};
use crate::proxy::upstream::live::happy_eyeballs::connect_first;
use crate::proxy::upstream::live::socket::UpstreamStream;
use crate::proxy::upstream::live::tls::{self, Identity};
use crate::proxy::upstream::live::trouble::{Peer, Trouble, no_connection, no_tls};
use crate::proxy::upstream::live::verify::TrustedCertificates;
use crate::proxy::upstream::live::{UpstreamClientError, UpstreamConfig, UpstreamHttp};

/// Most bytes of another proxy's answer to CONNECT; more is refused.
const MAX_ANSWER: usize = 16 * 1024;

/// Another proxy on the way.
#[derive(Debug, Clone)]
pub(crate) struct UpstreamProxy {
    host: String,
    port: u16,
    /// Value of Proxy-Authorization.
    pub authorization: Option<String>,
    /// The proxy itself is spoken to over TLS, and has a certificate for this name.
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

/// Connects to hosts, directly or through another proxy.
pub struct Dialer {
    trusted: TrustedCertificates,
    identity: Option<Identity>,
    insecure: bool,
    tls: OnceLock<Arc<ClientConfig>>,
    /// To proxies: their certificates are always looked at, and they are not told who Umpire is.
    proxy_tls: OnceLock<Arc<ClientConfig>>,
    proxies: Option<Matcher>,
    /// The proxy was named on the command line: it is used for loopback addresses too.
    proxy_named: bool,
    resolve: Vec<Resolve>,
    own: OwnListenAddrs,
    deny_local_targets: bool,
    http: UpstreamHttp,
    answer_head: HeadLimits,
    timeout: Duration,
}

impl Dialer {
    /// Reads the files of certificates; connects to nobody.
    pub fn new(reach: &UpstreamConfig, timeout: Duration) -> Result<Self, UpstreamClientError> {
        let proxies = match &reach.proxy {
            Some(proxy) => Some(Matcher::builder().all(proxy.as_str()).build()),
            None => reach.environment.then(Matcher::from_env),
        };
        let dialer = Self {
            trusted: tls::certificates(&reach.ca_files)?,
            identity: reach.identity.as_ref().map(|(cert, key)| Identity::read(cert, key)).transpose()?,
            insecure: reach.insecure,
            tls: OnceLock::new(),
            proxy_tls: OnceLock::new(),
            proxies,
            proxy_named: reach.proxy.is_some(),
            resolve: reach.resolve.clone(),
            own: reach.own.clone(),
            deny_local_targets: reach.deny_local_targets,
            http: reach.http,
            answer_head: reach.answer_head,
            timeout,
        };
        if let Some(proxy) = &reach.proxy {
            // A proxy that can't be used is an error now, not one of each request.
            let usable = dialer.via("https", "host.invalid", 443)?.is_some();
            if !usable {
                return Err(UpstreamClientError::Proxy(hidden(proxy)));
            }
        }
        Ok(dialer)
    }

    /// TLS to booking systems. Built when it is first needed, because a machine without roots can do without for http.
    pub fn tls(&self) -> Result<Arc<ClientConfig>, UpstreamClientError> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::config(self.trusted.clone(), self.identity.as_ref(), self.insecure)?;
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }

    /// TLS to proxies.
    fn proxy_tls(&self) -> Result<Arc<ClientConfig>, UpstreamClientError> {
        if let Some(config) = self.proxy_tls.get() {
            return Ok(Arc::clone(config));
        }
        let mut config = ClientConfig::clone(&*tls::config(self.trusted.clone(), None, false)?);
        config.alpn_protocols = vec![h1::ALPN.to_vec()];
        Ok(Arc::clone(self.proxy_tls.get_or_init(|| Arc::new(config))))
    }

    /// Which version of HTTP booking systems are spoken to with.
    pub fn http(&self) -> UpstreamHttp {
        self.http
    }

    /// How large the head of an answer may be.
    pub fn answer_head(&self) -> HeadLimits {
        self.answer_head
    }

    /// How long connecting may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The proxy on the way to this host, if there is one.
    pub(crate) fn via(
        &self,
        scheme: &str,
        host: &str,
        port: u16,
    ) -> Result<Option<UpstreamProxy>, UpstreamClientError> {
        let Some(proxies) = &self.proxies else { return Ok(None) };
        if !self.proxy_named && (host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())) {
            return Ok(None);
        }
        let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let Ok(uri) = format!("{scheme}://{authority}/").parse::<Uri>() else { return Ok(None) };
        let Some(proxy) = proxies.intercept(&uri) else { return Ok(None) };
        let unusable = || UpstreamClientError::Proxy(hidden(&proxy.uri().to_string()));
        let host = proxy.uri().host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (usual, tls) = match proxy.uri().scheme_str() {
            Some("http") => (80, None),
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|_| unusable())?;
                (443, Some((name, self.proxy_tls()?)))
            }
            _ => return Err(unusable()),
        };
        let authorization = proxy.basic_auth().and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Some(UpstreamProxy { host, port: proxy.uri().port_u16().unwrap_or(usual), authorization, tls }))
    }

    /// A connection to a host, or to the proxy on the way; `tunnel`: which then makes a tunnel to it. Of several addresses the
    /// first that connects is taken. At `deadline` the error names those that were tried; the caller bounds the rest.
    pub(crate) async fn dial(
        &self,
        host: &str,
        port: u16,
        via: Option<&UpstreamProxy>,
        tunnel: bool,
        deadline: Instant,
    ) -> io::Result<UpstreamStream> {
        let Some(via) = via else {
            let addresses = self.addresses(host, port).await?;
            let addresses = if self.deny_local_targets { without_local(addresses)? } else { addresses };
            return self.tcp(&addresses, deadline).await.map(UpstreamStream::Tcp);
        };
        if self.deny_local_targets && host.parse().is_ok_and(is_local) {
            return Err(local_target());
        }
        let connecting = async { self.tcp(&self.addresses(&via.host, via.port).await?, deadline).await };
        let stream = connecting.await.map_err(|error| {
            let Trouble { what, remedy } = no_connection(&error, Peer::Proxy);
            let what = format!("the proxy {}:{} can't be reached: {what}", via.host, via.port);
            Trouble { what, remedy }.into_error(error.kind())
        })?;
        if self.deny_local_targets && stream.local_addr()?.ip() == stream.peer_addr()?.ip() {
            self.deny_local_names(host, port).await?;
        }
        let mut line = UpstreamStream::Tcp(stream);
        if let Some((name, tls)) = &via.tls {
            let shaken = TlsConnector::from(Arc::clone(tls)).connect(name.clone(), line).await;
            let shaken = shaken.map_err(|error| {
                let Trouble { what, remedy } = no_tls(&error, Peer::Proxy);
                let what = format!("no TLS connection with the proxy {}:{}: {what}", via.host, via.port);
                Trouble { what, remedy }.into_error(io::ErrorKind::Other)
            });
            line = UpstreamStream::Tls(Box::new(shaken?));
        }
        if tunnel {
            through(&mut line, host, port, via).await?;
        }
        Ok(line)
    }

    /// Looks at a host that a proxy on this machine is to lead to. A name that can't be looked up here is left to it.
    async fn deny_local_names(&self, host: &str, port: u16) -> io::Result<()> {
        match self.addresses(host, port).await {
            Ok(addresses) if addresses.iter().any(|address| is_local(address.ip())) => Err(local_target()),
            _ => Ok(()),
        }
    }

    /// Where a host is.
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self.resolve.iter().find_map(|resolve| resolve.addresses(host, port)) {
            Some(addresses) => Ok(addresses),
            None => descriptors::lookup(host, port).await,
        }
    }

    async fn tcp(&self, addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
        let stream = connect_first(addresses, deadline, descriptors::connect).await?;
        if self.own.holds(stream.local_addr()?, stream.peer_addr()?) {
            let what = "that is Umpire itself: the request would come back for ever".to_owned();
            let remedy = "name the address of the booking system, not the one that Umpire listens on".to_owned();
            return Err(Trouble { what, remedy }.into_error(io::ErrorKind::Other));
        }
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Asks a proxy for a tunnel.
async fn through(stream: &mut UpstreamStream, host: &str, port: u16, via: &UpstreamProxy) -> io::Result<()> {
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(authorization) = &via.authorization {
        request.push_str("Proxy-Authorization: ");
        request.push_str(authorization);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    // Byte by byte at its end: what follows the head belongs to the tunnel. A head is a few hundred bytes.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MAX_ANSWER {
            return Err(io::Error::other("the proxy's answer to CONNECT is too long"));
        }
        answer.push(stream.read_u8().await?);
    }
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    match line.split(' ').nth(1) {
        Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
        status => {
            let (what, remedy) = match status {
                Some("407") => ("wants credentials", "give them in its URL: http://USER:PASSWORD@HOST:PORT"),
                _ => (
                    "refused the tunnel",
                    "ask who runs it to let this host through, or leave it out with NO_PROXY or --upstream-proxy none",
                ),
            };
            let what = format!("the proxy {}:{} {what} ({line})", via.host, via.port);
            Err(Trouble { what, remedy: remedy.to_owned() }.into_error(io::ErrorKind::Other))
        }
    }
}

/// A URL without its user name and password.
fn hidden(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
            format!("{scheme}://{rest}")
        }
        None => url.rsplit_once('@').map_or(url, |(_, rest)| rest).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(reach: &UpstreamConfig, scheme: &str, host: &str) -> Option<String> {
        let dialer = Dialer::new(reach, Duration::from_secs(1)).unwrap();
        dialer.via(scheme, host, 443).unwrap().map(|via| format!("{}:{}", via.host, via.port))
    }

    #[test]
    fn a_named_proxy_is_used_for_all() {
        let reach =
            UpstreamConfig { proxy: Some("http://me:secret@proxy.example:3128".into()), ..UpstreamConfig::default() };
        for scheme in ["http", "https"] {
            assert_eq!(via(&reach, scheme, "booking.example.com").unwrap(), "proxy.example:3128");
            assert_eq!(via(&reach, scheme, "127.0.0.1").unwrap(), "proxy.example:3128");
        }
        let dialer = Dialer::new(&reach, Duration::from_secs(1)).unwrap();
        let authorization = dialer.via("https", "a.example", 443).unwrap().unwrap().authorization;
        assert_eq!(authorization.as_deref(), Some("Basic bWU6c2VjcmV0"));
        let reach = UpstreamConfig { proxy: Some("https://proxy.example".into()), ..UpstreamConfig::default() };
        let via = Dialer::new(&reach, Duration::from_secs(1)).unwrap().via("http", "a.example", 80).unwrap().unwrap();
        assert!(via.port == 443 && via.tls.is_some_and(|(name, _)| name == "proxy.example".try_into().unwrap()));
    }

    #[test]
    fn a_proxy_of_another_kind_is_refused_without_its_password() {
        for proxy in ["socks5://me:secret@proxy.example:1080", "https://me:secret@proxy_.example!", ""] {
            let reach = UpstreamConfig { proxy: Some(proxy.into()), ..UpstreamConfig::default() };
            let error = Dialer::new(&reach, Duration::from_secs(1)).err().unwrap().to_string();
            assert!(error.contains("http://") && !error.contains("secret"), "{error}");
        }
    }
}
