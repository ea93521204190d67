//! Where `umpire proxy` listens, and for whom.
//!
//! ```text
//! --to [ADDR=]BASE_URI … ─► a listener each ┐ the first listens at --listen, the others at the ports after it,
//! --intercept HOST … ─────► one for all ──┘ where they don't say otherwise
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;

use super::listen;
use super::upstreams::UpstreamArgs;
use crate::ca::{EnsuredAuthorities, HostPattern, Leaves, Resolver, Store};
use crate::event::Forwarding;
use crate::fault::{Faults, FaultyUpstream};
use crate::proxy::forward::{ClientAllowList, Credentials, ForwardConfig, ForwardFaults};
use crate::proxy::server::tls::{ListenerTls, from_files, server_config};
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::live::{Dialer, OwnListenAddrs, Timeouts, UpstreamClient, UpstreamConfig};
use crate::proxy::wire_fault::TlsFault;
use crate::proxy::{BaseUri, BaseUriError, Limits, ListenerMode};
use crate::session::ListenerSpec;

/// Where it listens unless it is told.
pub(crate) const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// What stands for this machine in a certificate for it.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Where `umpire proxy` leads, and where it listens.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where and for whom")]
pub(crate) struct ListenerArgs {
    /// Base URI of the booking system, such as https://booking.example.com/api/openbooking. May be repeated, each with
    /// its own address to listen on: --to 127.0.0.1:8081=https://other.example.com/api
    #[arg(long, value_name = "[ADDR=]BASE_URI", required_unless_present_any = ["intercept", "fault"])]
    to: Vec<ReverseTarget>,
    #[command(flatten)]
    listening: ListenArgs,
}

/// Where to listen, and for whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where and for whom")]
pub(crate) struct ListenArgs {
    /// Be a forward proxy (HTTPS_PROXY of clients) that decrypts and records what goes to this host: HOST[:PORT],
    /// *.DOMAIN or an address. May be repeated. All else passes unread
    #[arg(long, value_name = "HOST")]
    intercept: Vec<HostPattern>,
    /// Address and port to listen on, or a port of 127.0.0.1; other machines can reach it only if it is not a loopback
    /// address. Further listeners take the ports after it [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = listen::address)]
    pub listen: Option<SocketAddr>,
    /// Address of the forward proxy, if not the next one
    #[arg(long, value_name = "ADDR", requires = "intercept", value_parser = listen::address)]
    proxy_listen: Option<SocketAddr>,
    /// Listen with TLS, with a certificate of Umpire's own authority for this machine (`umpire ca trust`). A forward
    /// proxy beside --to listens without
    #[arg(long, conflicts_with = "tls_cert")]
    tls: bool,
    /// A further name that brokers reach this machine by, for the certificate of --tls (may be repeated)
    #[arg(long, value_name = "HOST", requires = "tls")]
    tls_name: Vec<HostPattern>,
    /// Listen with TLS, with the certificate in this PEM file
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the key of --tls-cert
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Let in only clients of this address or network, and this machine's (may be repeated)
    #[arg(long, value_name = "ADDR[/BITS]")]
    allow_client: Vec<String>,
    /// Credentials that clients of the forward proxy must give. Other users of this machine can see what stands on a
    /// command line: the variable is safer
    #[arg(long, value_name = "USER:PASSWORD", env = "UMPIRE_PROXY_AUTH", hide_env_values = true)]
    proxy_auth: Option<String>,
}

/// `[ADDR=]BASE_URI`
#[derive(Debug, Clone)]
struct ReverseTarget {
    at: Option<SocketAddr>,
    base: BaseUri,
}

impl FromStr for ReverseTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let base = |text: &str| text.parse().map_err(|error: BaseUriError| error.to_string());
        match text.split_once('=').filter(|(at, _)| !at.contains("://")) {
            Some((at, rest)) => Ok(Self { at: Some(listen::address(at)?), base: base(rest)? }),
            None => Ok(Self { at: None, base: base(text)? }),
        }
    }
}

/// The listeners, ready to be bound.
pub(crate) struct Listeners {
    /// What to open, in order: one for each of `bases`, then perhaps the forward proxy.
    pub specs: Vec<ListenerSpec>,
    /// Where the reverse proxies lead.
    pub bases: Vec<BaseUri>,
    /// Where Umpire will listen, told by the session.
    pub own: OwnListenAddrs,
    /// What is unsafe about them.
    pub warnings: Vec<String>,
    /// What the user should know once.
    pub notices: Vec<String>,
    scheme: &'static str,
    name: Option<String>,
    hosts: Vec<HostPattern>,
    bundle: String,
}

/// What listening takes, whatever is behind it.
struct ListenerSetup {
    /// One address for each reverse proxy, then perhaps that of the forward proxy.
    addresses: Vec<SocketAddr>,
    allowed_clients: ClientAllowList,
    credentials: Option<Credentials>,
    tls: Option<ListenerTls>,
    leaves: Option<Arc<Leaves>>,
    warnings: Vec<String>,
    notices: Vec<String>,
    bundle: String,
}

impl ListenerArgs {
    /// Reads and makes what the listeners need; binds nothing yet.
    pub(super) fn listeners(
        &self,
        upstream: &UpstreamArgs,
        limits: &Limits,
        timeouts: Timeouts,
        faults: &Faults,
    ) -> anyhow::Result<Listeners> {
        if self.to.is_empty() && self.listening.intercept.is_empty() {
            bail!(
                "say where the booking system is, with --to BASE_URI, or whose traffic to intercept, with --intercept HOST"
            );
        }
        let own = OwnListenAddrs::default();
        let reach = UpstreamConfig { answer_head: limits.answer_head, ..upstream.reach(&own) };
        let near = Arc::new(Dialer::new(&reach, timeouts.connect)?);
        let given: Vec<Option<SocketAddr>> = self.to.iter().map(|to| to.at).collect();
        let mut prepared = self.listening.prepare(&given, DEFAULT)?;
        prepared.warnings.splice(0..0, upstream.warning());
        let mut behind = Vec::new();
        for to in &self.to {
            let live = Arc::new(UpstreamClient::dialing(&to.base, Arc::clone(&near), timeouts)?);
            behind.push(ListenerMode::Upstream(FaultyUpstream::wrap(live, faults)));
        }
        if let (Some(leaves), false) = (&prepared.leaves, self.listening.intercept.is_empty()) {
            near.tls()?;
            let far = Arc::new(Dialer::new(&UpstreamConfig { deny_local_targets: true, ..reach }, timeouts.connect)?);
            let (hosts, leaves) = (self.listening.intercept.clone().into(), Arc::clone(leaves));
            let forward = ForwardConfig::new(hosts, leaves, (near, far), timeouts, prepared.credentials.take())?
                .with_faults(on_hosts(faults));
            behind.push(ListenerMode::Forward(Arc::new(forward)));
        }
        let bases = self.to.iter().map(|to| to.base.clone()).collect();
        Ok(self.listening.listeners(prepared, behind, bases, own).with_tls_fault(tls_fault(faults)))
    }

    /// True if brokers can come in over TLS.
    pub(super) fn with_tls(&self) -> bool {
        self.listening.with_tls() || self.listening.intercepts()
    }
}

impl ListenArgs {
    /// The listeners of a recording that stands in for the booking system: one at the Base URI, and one for the hosts that are
    /// intercepted. It listens at `default` unless it is told where. Nothing is connected to.
    pub(crate) fn stand_in(
        &self,
        default: SocketAddr,
        upstream: &Arc<dyn Upstream>,
        base: BaseUri,
        faults: &Faults,
        recorded: bool,
    ) -> anyhow::Result<Listeners> {
        let upstream = &FaultyUpstream::wrap(Arc::clone(upstream), faults);
        let mut prepared = self.prepare(&[None], default)?;
        let of = if recorded { ListenerMode::Upstream } else { ListenerMode::Unrecorded };
        let mut behind = vec![of(Arc::clone(upstream))];
        if let (Some(leaves), false) = (&prepared.leaves, self.intercept.is_empty()) {
            let (hosts, leaves) = (self.intercept.clone().into(), Arc::clone(leaves));
            let forward = ForwardConfig::standing_in(hosts, leaves, Arc::clone(upstream), prepared.credentials.take())?;
            let on_tunnels =
                on_hosts(faults).map(|faults| ForwardFaults { wrap: Box::new(|upstream| upstream), ..faults });
            let forward = forward.with_faults(on_tunnels);
            behind.push(ListenerMode::Forward(Arc::new(forward)));
        }
        Ok(self.listeners(prepared, behind, vec![base], OwnListenAddrs::default()).with_tls_fault(tls_fault(faults)))
    }

    /// True if it is a forward proxy that reads what goes to some hosts.
    pub(super) fn intercepts(&self) -> bool {
        !self.intercept.is_empty()
    }

    /// True if it listens with TLS.
    pub(super) fn with_tls(&self) -> bool {
        self.tls || self.tls_cert.is_some()
    }

    /// Reads and makes what listening takes: one listener for each of `given`, and one for what is intercepted.
    fn prepare(&self, given: &[Option<SocketAddr>], default: SocketAddr) -> anyhow::Result<ListenerSetup> {
        let allowed_clients = ClientAllowList::new(&self.allow_client).context("--allow-client")?;
        let credentials: Option<Credentials> =
            self.proxy_auth.as_deref().map(str::parse).transpose().context("--proxy-auth or UMPIRE_PROXY_AUTH")?;
        let addresses = self.addresses(given, default);
        let forward_at = (!self.intercept.is_empty()).then(|| addresses[given.len()]);
        let mut warnings = Vec::new();
        if let Some(at) = forward_at.filter(|at| !at.ip().is_loopback())
            && allowed_clients.is_empty()
            && credentials.is_none()
        {
            bail!(
                "a forward proxy at {at} could be used by everybody who reaches it: name the clients with --allow-client, \
                 or ask for credentials with UMPIRE_PROXY_AUTH=USER:PASSWORD"
            );
        }
        if addresses[..given.len()].iter().any(|at| !at.ip().is_loopback()) && allowed_clients.is_empty() {
            warnings.push("open to everybody who reaches this machine (--allow-client limits it)".to_owned());
        }
        if forward_at.is_some_and(|at| !at.ip().is_loopback()) {
            let whole = self.intercept.iter().filter(|host| host.is_local() && host.is_any_port());
            warnings.extend(whole.map(|host| {
                format!("clients of other machines reach every port of {host} (--intercept {host}:PORT limits it)")
            }));
        }
        let mut notices = Vec::new();
        let store = super::ca::store()?;
        let leaves = if self.tls || !self.intercept.is_empty() {
            Some(Arc::new(self.leaves(&store, &addresses, &mut notices)?))
        } else {
            None
        };
        let tls = match (&self.tls_cert, &self.tls_key, &leaves) {
            (Some(certificate), Some(key), _) => Some(Arc::new(from_files(certificate, key)?)),
            (_, _, Some(leaves)) if self.tls => {
                let resolver =
                    Resolver::new(Arc::clone(leaves), self.own_names(&addresses), self.tls_name.clone().into());
                Some(Arc::new(server_config(Arc::new(resolver))?))
            }
            _ => None,
        };
        let bundle = store.bundle().display().to_string();
        Ok(ListenerSetup { addresses, allowed_clients, credentials, tls, leaves, warnings, notices, bundle })
    }

    /// What leads to these, in this order; the first of them to the Base URIs.
    fn listeners(
        &self,
        prepared: ListenerSetup,
        modes: Vec<ListenerMode>,
        bases: Vec<BaseUri>,
        own: OwnListenAddrs,
    ) -> Listeners {
        let ListenerSetup { addresses, allowed_clients, tls, warnings, notices, bundle, .. } = prepared;
        let specs = addresses.into_iter().zip(modes).map(|(listen, mode)| ListenerSpec {
            listen,
            tls: match &mode {
                ListenerMode::Upstream(_) | ListenerMode::Unrecorded(_) => tls.clone(),
                ListenerMode::Forward(_) => tls.clone().filter(|_| bases.is_empty()),
            },
            own_ca: self.tls,
            allowed_clients: allowed_clients.clone(),
            mode,
            tls_fault: None,
        });
        Listeners {
            specs: specs.collect(),
            bases,
            own,
            warnings,
            notices,
            scheme: if tls.is_some() { "https" } else { "http" },
            name: self.tls_name.first().map(HostPattern::subject),
            hosts: self.intercept.clone(),
            bundle,
        }
    }

    /// The address of each listener.
    fn addresses(&self, given: &[Option<SocketAddr>], default: SocketAddr) -> Vec<SocketAddr> {
        let forward = (!self.intercept.is_empty()).then_some(self.proxy_listen);
        let mut next = self.listen.unwrap_or(default);
        let given = given.iter().copied().chain(forward);
        given
            .map(|at| {
                at.unwrap_or_else(|| {
                    let free = next;
                    // Port 0 is any free port, each time; past the last port listening fails, and says so.
                    next.set_port(if free.port() == 0 { 0 } else { free.port().saturating_add(1) });
                    free
                })
            })
            .collect()
    }

    /// What the certificate of --tls is for.
    fn own_names(&self, addresses: &[SocketAddr]) -> Vec<String> {
        let mut names: Vec<String> = LOOPBACK.iter().map(ToString::to_string).collect();
        let specific = addresses.iter().map(SocketAddr::ip).filter(|ip| !ip.is_unspecified() && !ip.is_loopback());
        names.extend(self.tls_name.iter().map(HostPattern::subject).chain(specific.map(|ip| ip.to_string())));
        names.dedup();
        names
    }

    /// Certificates for what is intercepted and for the listeners; makes the authority that lacks.
    fn leaves(&self, store: &Store, addresses: &[SocketAddr], notices: &mut Vec<String>) -> anyhow::Result<Leaves> {
        let now = Timestamp::now();
        let EnsuredAuthorities { mut authorities, made } = store.ensure(&self.intercept, now)?;
        let mut made: Vec<_> = made.into_iter().collect();
        let names = if self.tls { self.own_names(addresses) } else { vec![] };
        if !authorities.iter().any(|authority| names.iter().all(|name| authority.permits(name))) {
            // One certificate has one issuer.
            let hosts = names.iter().map(|name| name.parse()).collect::<Result<Vec<HostPattern>, _>>()?;
            let authority = store.make(&hosts, now)?;
            made.push((authority.id.clone(), authority.subjects.clone()));
            authorities.push(authority);
        }
        for (id, subjects) in made {
            notices.push(format!(
                "made certificate authority {id} for {}; clients have yet to trust it: `umpire ca trust`",
                super::ca::hosts_in_words(&subjects)
            ));
        }
        Ok(Leaves::new(authorities)?)
    }
}

/// What goes wrong on purpose with the hosts that a forward proxy intercepts.
fn on_hosts(faults: &Faults) -> Option<ForwardFaults> {
    let tls = tls_fault(faults)?;
    let faults = faults.clone();
    Some(ForwardFaults { wrap: Box::new(move |upstream| FaultyUpstream::wrap(upstream, &faults)), tls })
}

/// Says which handshakes are broken off; `None` where there are no faults.
fn tls_fault(faults: &Faults) -> Option<TlsFault> {
    let faults = Some(faults).filter(|faults| !faults.is_empty())?.clone();
    Some(Arc::new(move || faults.breaks_handshake()))
}

impl Listeners {
    fn with_tls_fault(mut self, fault: Option<TlsFault>) -> Self {
        for entrance in &mut self.specs {
            entrance.tls_fault.clone_from(&fault);
        }
        self
    }

    /// The Base URIs to give to brokers, and where each leads.
    pub(super) fn base_uris(&self, addresses: &[SocketAddr]) -> Vec<(String, String)> {
        let uri = |(base, at): (&BaseUri, &SocketAddr)| (format!("{}{}", self.url(*at), base.path()), base.to_string());
        self.bases.iter().zip(addresses).map(uri).collect()
    }

    /// What clients of the forward proxy need to know.
    pub(crate) fn forwarding(&self, addresses: &[SocketAddr]) -> Option<Forwarding> {
        let at = addresses.get(self.bases.len())?;
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        // Few clients can speak TLS to a proxy: beside others it has none.
        let proxy = if self.bases.is_empty() { self.url(*at) } else { format!("http://{}", listen::from_here(*at)) };
        Some(Forwarding { proxy, hosts: hosts.join(", "), ca: self.bundle.clone() })
    }

    /// Where other machines reach what listens on all addresses: what else than [`Self::base_uris`] there is to say.
    pub(crate) fn for_other_machines(&self, addresses: &[SocketAddr]) -> Vec<String> {
        let mut lines = Vec::new();
        for (index, at) in addresses.iter().enumerate() {
            let Some(elsewhere) = listen::from_elsewhere(*at) else { continue };
            let (scheme, path) = match self.bases.get(index) {
                Some(base) => (self.scheme, base.path()),
                None if self.bases.is_empty() => (self.scheme, ""),
                None => ("http", ""),
            };
            let lacks = match (scheme, &self.name) {
                ("https", Some(_)) => continue,
                ("https", None) => "; its certificate is not for that address: --tls-name NAME makes one for a name",
                _ => "",
            };
            let here = listen::from_here(*at);
            lines.push(format!("other machines reach {here} at {scheme}://{elsewhere}{path}{lacks}"));
        }
        lines
    }

    /// Reachable from this machine.
    fn url(&self, at: SocketAddr) -> String {
        match &self.name {
            Some(name) => format!("{}://{name}:{}", self.scheme, at.port()),
            None => format!("{}://{}", self.scheme, listen::from_here(at)),
        }
    }
}
