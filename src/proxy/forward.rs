//! The forward proxy: which hosts are intercepted, and what becomes of all else.
//!
//! ```text
//! CONNECT host:port ─┬─ to be intercepted ─► TLS with a leaf of ca (or clear text) ─► client, recorded
//!                    └─ else ─► a tunnel, unread, counted
//! GET http://host/ ──┬─ to be intercepted ─► Relay, recorded
//!                    └─ else ─► Relay that records nothing, counted
//! GET / (to the proxy itself) ─► an explanation; there is nothing to fetch here
//! ```
//!
//! Clients of other machines are not let through to this machine's loopback and link-local addresses, by whatever name and
//! whether the host is intercepted or not; but where `--intercept` names such an address, or localhost, itself. What
//! they are told of a host that can't be reached does not depend on why.

mod admission;
#[cfg(test)]
mod local_targets;
mod tunnel;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::{Method, Response};
use quick_cache::sync::Cache;
use rustls::ServerConfig;
use tokio::time::Instant;

pub use self::admission::{ClientAllowList, ClientAllowListError, Credentials, CredentialsError};
pub use self::tunnel::Tunnel;
use crate::ca::{HostPattern, Leaves, Resolver};
use crate::proxy::base_uri::BaseUri;
use crate::proxy::event::{EventHandler, ProxyEvent};
use crate::proxy::message::head::{BodyLength, RequestHead};
use crate::proxy::message::problem;
use crate::proxy::relay::{ProxyShared, Relay};
use crate::proxy::server::tls::{TlsError, server_config};
use crate::proxy::upstream::live::{Dialer, Peer, Timeouts, UpstreamClient, UpstreamStream, no_connection};
use crate::proxy::upstream::{Upstream, WireBody};
use crate::proxy::wire_fault::TlsFault;

/// Most relays to hosts that are kept; past it those used least are dropped, with their connections.
const MAX_RELAYS: usize = 256;

/// What a forward proxy intercepts, and how.
pub struct ForwardConfig {
    hosts: Arc<[HostPattern]>,
    leaves: Arc<Leaves>,
    target: InterceptTarget,
    credentials: Option<Credentials>,
    tls: ServerConfig,
    faults: Option<ForwardFaults>,
}

/// Puts something in front of an upstream.
pub(crate) type UpstreamWrapper = Box<dyn Fn(Arc<dyn Upstream>) -> Arc<dyn Upstream> + Send + Sync>;

/// What goes wrong on purpose with the hosts that are intercepted.
pub(crate) struct ForwardFaults {
    /// Puts the faults of answers in front of a host.
    pub wrap: UpstreamWrapper,
    /// Says which handshakes are broken off.
    pub tls: TlsFault,
}

/// Who answers what is intercepted.
enum InterceptTarget {
    /// The hosts themselves. All else is carried to where it is meant for.
    Network { local_dialer: Arc<Dialer>, remote_dialer: Arc<Dialer>, timeouts: Timeouts },
    /// Somebody in their place. All else is refused: nothing is connected to.
    StandIn(Arc<dyn Upstream>),
}

impl ForwardConfig {
    /// Intercepts `hosts` with certificates of `leaves`. Hosts are reached with `local_dialer`; for clients of other machines with
    /// `remote_dialer` (see [`crate::proxy::upstream::live::UpstreamConfig::deny_local_targets`]).
    pub fn new(
        hosts: Arc<[HostPattern]>,
        leaves: Arc<Leaves>,
        (local_dialer, remote_dialer): (Arc<Dialer>, Arc<Dialer>),
        timeouts: Timeouts,
        credentials: Option<Credentials>,
    ) -> Result<Self, TlsError> {
        Self::with(hosts, leaves, InterceptTarget::Network { local_dialer, remote_dialer, timeouts }, credentials)
    }

    /// Intercepts `hosts` with certificates of `leaves`, and has `upstream` answer in their place. No connection is made.
    pub(crate) fn standing_in(
        hosts: Arc<[HostPattern]>,
        leaves: Arc<Leaves>,
        upstream: Arc<dyn Upstream>,
        credentials: Option<Credentials>,
    ) -> Result<Self, TlsError> {
        Self::with(hosts, leaves, InterceptTarget::StandIn(upstream), credentials)
    }

    fn with(
        hosts: Arc<[HostPattern]>,
        leaves: Arc<Leaves>,
        target: InterceptTarget,
        credentials: Option<Credentials>,
    ) -> Result<Self, TlsError> {
        let tls = server_config(Arc::new(Resolver::new(Arc::clone(&leaves), vec![], Arc::clone(&hosts))))?;
        Ok(Self { hosts, leaves, target, credentials, tls, faults: None })
    }

    /// With faults on what it intercepts.
    pub(crate) fn with_faults(self, faults: Option<ForwardFaults>) -> Self {
        Self { faults, ..self }
    }

    /// True if the handshake that begins now is to be broken off.
    fn breaks_handshake(&self) -> bool {
        self.faults.as_ref().is_some_and(|faults| (faults.tls)())
    }

    /// TLS for a tunnel to this host.
    fn tls_for(&self, host: &str) -> Arc<ServerConfig> {
        let own = vec![host.to_owned()];
        let resolver = Resolver::new(Arc::clone(&self.leaves), own, Arc::clone(&self.hosts));
        let mut config = self.tls.clone();
        config.cert_resolver = Arc::new(resolver);
        Arc::new(config)
    }

    fn intercepts(&self, host: &str, port: u16) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host, port))
    }

    /// True if a host must not turn out to be this machine: the client is on another one, and the host is no local
    /// address that is named as one to intercept.
    fn denies_local(&self, client: IpAddr, host: &str, port: u16) -> bool {
        let named = |pattern: &HostPattern| pattern.is_local() && pattern.matches(host, port);
        !client.is_loopback() && !self.hosts.iter().any(named)
    }

    /// What hosts are reached with; `None` if none are.
    fn dialer(&self, deny_local: bool) -> Option<(&Arc<Dialer>, Timeouts)> {
        match &self.target {
            InterceptTarget::Network { remote_dialer, timeouts, .. } if deny_local => Some((remote_dialer, *timeouts)),
            InterceptTarget::Network { local_dialer, timeouts, .. } => Some((local_dialer, *timeouts)),
            InterceptTarget::StandIn(_) => None,
        }
    }
}

/// Decides for each request of a forward proxy: proxy it, tunnel it, or refuse it.
pub(crate) struct ForwardProxy {
    forward: Arc<ForwardConfig>,
    pub(super) common: Arc<ProxyShared>,
    relays: Cache<(String, bool), Arc<Relay>>,
    on_event: EventHandler,
}

/// What becomes of a request.
pub(crate) enum Decision {
    /// It is carried.
    Proxy(Arc<Relay>),
    /// The connection becomes a tunnel.
    Tunnel(TunnelTarget),
    /// It is answered by Umpire.
    Respond(Response<WireBody>),
}

/// The other end of a tunnel.
pub(crate) enum TunnelTarget {
    /// Umpire itself, in this host's place.
    Mitm {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// The host, over this connection.
    Passthrough(UpstreamStream),
}

impl ForwardProxy {
    /// Events of the proxy are told to `on_event`.
    pub(crate) fn new(forward: Arc<ForwardConfig>, common: Arc<ProxyShared>, on_event: EventHandler) -> Self {
        Self { forward, common, relays: Cache::new(MAX_RELAYS), on_event }
    }

    /// Decides on a request of `client`. What is meant for this proxy alone is taken out of its head.
    pub(crate) async fn route(&self, head: &mut RequestHead, client: IpAddr) -> Decision {
        let given: Vec<_> = head.fields.all("proxy-authorization").map(str::to_owned).collect();
        head.fields.0.retain(|field| !field.name.eq_ignore_ascii_case("proxy-authorization"));
        let to_itself = head.method != Method::CONNECT && head.absolute.is_none();
        if to_itself {
            return Decision::Respond(problem::not_a_server());
        }
        if self.forward.credentials.as_ref().is_some_and(|wanted| !wanted.admit(&given)) {
            (self.on_event)(ProxyEvent::NoCredentials { client });
            return Decision::Respond(problem::credentials_wanted());
        }
        if head.method == Method::CONNECT {
            return self.connect(head, client).await;
        }
        let origin = head.absolute.clone().unwrap_or_default();
        let base = match origin.parse::<BaseUri>() {
            Ok(base) => base,
            Err(error) => return Decision::Respond(problem::bad_target(&error.to_string())),
        };
        let recorded = self.forward.intercepts(base.host(), base.port());
        if !recorded {
            if self.forward.dialer(false).is_none() {
                return Decision::Respond(problem::not_intercepted(&authority(base.host(), base.port())));
            }
            (self.on_event)(ProxyEvent::Unread { authority: authority(base.host(), base.port()) });
        }
        self.relay(&base, recorded, client)
            .map_or_else(|error| Decision::Respond(problem::host_unreachable(&error)), Decision::Proxy)
    }

    async fn connect(&self, head: &RequestHead, client: IpAddr) -> Decision {
        if head.length() != Ok(BodyLength::Known(0)) {
            return Decision::Respond(problem::bad_target("a CONNECT request has no body"));
        }
        let Some((host, port)) = host_and_port(&head.target) else {
            return Decision::Respond(problem::bad_target("the target of CONNECT must be HOST:PORT"));
        };
        if self.forward.intercepts(&host, port) {
            return Decision::Tunnel(TunnelTarget::Mitm { host, port });
        }
        let authority = authority(&host, port);
        let Some((dialer, _)) = self.forward.dialer(self.forward.denies_local(client, &host, port)) else {
            return Decision::Respond(problem::not_intercepted(&authority));
        };
        let patience = dialer.timeout();
        let deadline = Instant::now() + patience;
        let dialing = async {
            let via = dialer.via("https", &host, port).map_err(io::Error::other)?;
            dialer.dial(&host, port, via.as_ref(), true, deadline).await
        };
        let error = match tokio::time::timeout_at(deadline, dialing).await {
            Ok(Ok(stream)) => {
                (self.on_event)(ProxyEvent::Unread { authority });
                return Decision::Tunnel(TunnelTarget::Passthrough(stream));
            }
            Ok(Err(error)) => error,
            Err(_) => {
                let words = format!("it did not accept a connection within {patience:?}");
                io::Error::new(io::ErrorKind::TimedOut, words)
            }
        };
        let why = format!("cannot connect to {authority}: {}", no_connection(&error, Peer::HostOfClient));
        if client.is_loopback() {
            return Decision::Respond(problem::host_unreachable(&why));
        }
        let refusal = problem::unreachable_without_reason(&authority);
        (self.on_event)(ProxyEvent::NotReached { authority, why });
        Decision::Respond(refusal)
    }

    /// The way to a base URI's host.
    fn relay(&self, base: &BaseUri, recorded: bool, client: IpAddr) -> Result<Arc<Relay>, String> {
        let remote_dialer = !client.is_loopback();
        let deny_local = self.forward.denies_local(client, base.host(), base.port());
        let make = || {
            let upstream: Arc<dyn Upstream> = match (&self.forward.target, self.forward.dialer(deny_local)) {
                (InterceptTarget::Network { .. }, Some((dialer, timeouts))) => {
                    let live = UpstreamClient::for_client(base, Arc::clone(dialer), timeouts);
                    Arc::new(live.map_err(|error| error.to_string())?)
                }
                (InterceptTarget::StandIn(upstream), _) => Arc::clone(upstream),
                (InterceptTarget::Network { .. }, None) => return Err("nothing is connected to".to_owned()),
            };
            let upstream = match &self.forward.faults {
                Some(faults) if recorded => (faults.wrap)(upstream),
                _ => upstream,
            };
            let relay = Relay::new(upstream, Arc::clone(&self.common));
            let relay = if remote_dialer { relay.hiding_reasons(Arc::clone(&self.on_event)) } else { relay };
            Ok(Arc::new(if recorded { relay } else { relay.unrecorded() }))
        };
        self.relays.get_or_insert_with(&(base.origin().to_owned(), remote_dialer), make)
    }

    /// The way to an intercepted host.
    fn intercepted(&self, scheme: &str, host: &str, port: u16, client: IpAddr) -> Result<Arc<Relay>, String> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let port = match (scheme, port) {
            ("http", 80) | ("https", 443) => String::new(),
            _ => format!(":{port}"),
        };
        let base: BaseUri = format!("{scheme}://{host}{port}").parse().map_err(|error| format!("{error}"))?;
        self.relay(&base, true, client)
    }
}

/// As it stands in a URL.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The target of CONNECT (RFC 9110 section 9.3.6): a host, a colon and a port.
fn host_and_port(target: &str) -> Option<(String, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        None => host.to_ascii_lowercase(),
    };
    let usable = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    (!host.is_empty() && host.chars().all(usable)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_connect() {
        let parsed = |target| host_and_port(target).map(|(host, port)| authority(&host, port));
        assert_eq!(parsed("A.example:443").as_deref(), Some("a.example:443"));
        assert_eq!(parsed("[::1]:8443").as_deref(), Some("[::1]:8443"));
        for wrong in
            ["a.example", "a.example:", "a.example:0", ":443", "a b:443", "user@a.example:443", "[::1:443", "/:1"]
        {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
