//! Wiring of a running proxy: listener, proxy, recorder, events, and how they end.
//!
//! `start → running (events flow) → stop: no new connections → drain → flush → RunSummary`

mod parts;
mod proxy_events;
mod reload;
mod under_way;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::capture::{CaptureError, Meta, RotatingWriter, Rotation};
use crate::event::{Event, EventReceiver, EventSender, RecordingStatus, channel};
use crate::proxy::forward::ClientAllowList;
use crate::proxy::record::sink;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::live::OwnListenAddrs;
use crate::proxy::wire_fault::TlsFault;
use crate::proxy::{Limits, Listener, ListenerMode, Shutdown, serve};
use crate::recorder::{BypassLinkDetector, JudgeBacklog, Recorder, RuleBookSlot, RunSummary};
use crate::redact::{RedactError, Redactor};
use crate::rules::{BookingSystemInfo, Judge, RuleBook};
use parts::SessionFailure;

pub use reload::{LoadedRules, RuleSource};

/// Exchanges that may be on the wire or wait for the recorder at once; see [`sink::channel`].
pub const QUEUE: usize = 1_024;

/// Events that may wait for the front end; past them events are dropped and counted, never exchanges.
pub const EVENTS: usize = 8_192;

/// What a session needs.
pub struct SessionOptions {
    /// Base URI of the booking system, as recorded: what the broker's requests go to. `None`: a forward proxy's only
    /// say where they go.
    pub base_uri: Option<String>,
    /// Those of further booking systems, where several are behind the proxy. Each exchange is judged with its own.
    pub also_base_uris: Vec<String>,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Capture to write; `None` records nothing.
    pub capture: Option<PathBuf>,
    /// When the recording goes on in a new file.
    pub rotation: Rotation,
    /// The rules.
    pub book: Arc<RuleBook>,
    /// Where the rules come from, if they are to be loaded anew when they change on disk.
    pub rules_on_disk: Option<RuleSource>,
    /// What is known of the booking system; its Base URI is the one above.
    pub known: BookingSystemInfo,
    /// Leave out the broker's findings on requests that were refused as they should be.
    pub mute_refused: bool,
    /// Limits of the proxy.
    pub limits: Limits,
    /// Is told where the session listens.
    pub own: OwnListenAddrs,
    /// What becomes of links that lead past the proxy.
    pub links: LinkPolicy,
    /// What is taken out before anything is recorded, judged or shown; `None` takes secrets out.
    pub redactor: Option<Redactor>,
}

/// How one listener of the proxy is set up.
pub struct ListenerSpec {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// With TLS, if given.
    pub tls: Option<Arc<ServerConfig>>,
    /// The certificate is one of Umpire's own authority.
    pub own_ca: bool,
    /// Who may come in.
    pub allowed_clients: ClientAllowList,
    /// Where requests go.
    pub mode: ListenerMode,
    /// Says which handshakes are broken off, if any are.
    pub tls_fault: Option<TlsFault>,
}

impl ListenerSpec {
    /// A reverse proxy without TLS, open to whoever reaches it.
    pub fn new(listen: SocketAddr, upstream: Arc<dyn Upstream>) -> Self {
        let mode = ListenerMode::Upstream(upstream);
        Self { listen, tls: None, own_ca: false, allowed_clients: ClientAllowList::default(), mode, tls_fault: None }
    }
}

impl SessionOptions {
    /// A proxy on a free port of this machine that judges by `book` and records nothing.
    pub fn new(base_uri: String, book: Arc<RuleBook>) -> Self {
        Self {
            base_uri: Some(base_uri),
            also_base_uris: Vec::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            capture: None,
            rotation: Rotation::default(),
            book,
            rules_on_disk: None,
            known: BookingSystemInfo::default(),
            mute_refused: false,
            limits: Limits::default(),
            own: OwnListenAddrs::default(),
            links: LinkPolicy::Ignored,
            redactor: None,
        }
    }
}

/// What becomes of links in answers that lead past the proxy, to the booking system's own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPolicy {
    /// Nothing: there is no other way to the booking system.
    Ignored,
    /// They are said, once each.
    Said,
    /// They are rewritten to lead through the proxy; those that can't be are said.
    Rewritten,
}

impl LinkPolicy {
    /// Watches for links to what is behind reverse proxies: who uses a forward proxy uses it for every link.
    fn watch(self, specs: &[ListenerSpec]) -> Option<BypassLinkDetector> {
        let upstreams = specs.iter().filter_map(|spec| match &spec.mode {
            ListenerMode::Upstream(upstream) => Some(upstream.origin()),
            ListenerMode::Unrecorded(_) | ListenerMode::Forward(_) => None,
        });
        (self != Self::Ignored).then(|| BypassLinkDetector::new(upstreams, self == Self::Rewritten))
    }
}

/// Why a session did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}: {cause}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        cause: io::Error,
    },
    /// The capture can't be made.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Secrets can't be taken out, so nothing may be recorded.
    #[error(transparent)]
    Redact(#[from] RedactError),
    /// The recorder's thread can't be started.
    #[error("cannot start the recorder: {0}")]
    Thread(io::Error),
}

/// A running proxy with its recorder.
pub struct Session {
    /// The first address that it listens on.
    pub address: SocketAddr,
    /// All of them, in the order of the specs.
    pub addresses: Vec<SocketAddr>,
    /// The capture being written.
    pub capture: Option<PathBuf>,
    /// For notices to the front end. The front end ends when every copy is gone.
    pub notices: EventSender,
    shutdown: Shutdown,
    broken: SessionFailure,
    /// Ends with the listeners.
    proxy: JoinHandle<()>,
    /// The proxy has ended.
    drained: CancellationToken,
    /// Comes when the recorder has ended.
    recorder: oneshot::Receiver<RunSummary>,
    judging_deadline: CancellationToken,
    backlog: JudgeBacklog,
    grace: Duration,
    reload: Option<JoinHandle<()>>,
}

impl Session {
    /// Listens where the options say, as a reverse proxy to `upstream`.
    pub async fn start(
        options: SessionOptions,
        upstream: Arc<dyn Upstream>,
    ) -> Result<(Self, EventReceiver), StartError> {
        let spec = ListenerSpec::new(options.listen, upstream);
        Self::open(options, vec![spec]).await
    }

    /// Binds the addresses of the specs, makes the capture and starts to serve.
    pub async fn open(options: SessionOptions, specs: Vec<ListenerSpec>) -> Result<(Self, EventReceiver), StartError> {
        let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
        for ListenerSpec { listen: address, .. } in &specs {
            let failed = |cause| StartError::Listen { address: *address, cause };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            options.own.add(bound);
            addresses.push(bound);
            listeners.push(listener);
        }
        let redactor = options.redactor.map_or_else(Redactor::new, Ok)?;
        let meta = Meta::new(options.base_uri.as_deref(), Timestamp::now())
            .and_also(options.also_base_uris.iter().map(String::as_str))
            .redacted(redactor.level());
        let series = |path| RotatingWriter::create(path, meta, options.rotation);
        let series = options.capture.as_deref().map(series).transpose()?;
        let (events, receiver) = channel(EVENTS);
        if let Some(series) = &series {
            let file = series.file().display().to_string();
            events.send(Event::Recording(RecordingStatus::On { file, missed: 0 }));
        }
        let capture = series.as_ref().map(|series| series.file().to_owned());
        let (sink, intake) = sink::channel(QUEUE);
        let sink = sink.announcing(under_way::announcer(events.clone()));
        let missed = intake.missed_counter();
        let base_uri = options.base_uri.clone().or(options.known.base_uri.clone());
        let known = BookingSystemInfo { base_uri, also_base_uris: options.also_base_uris, ..options.known };
        let judge = Judge::new(options.book, known).muting_refused(options.mute_refused);
        let new_rules = RuleBookSlot::default();
        let recorder = Recorder::new(intake, redactor, series, judge, events.clone(), new_rules.clone())
            .watching_links(options.links.watch(&specs));
        let (judging_deadline, backlog, grace) =
            (recorder.judging_deadline(), recorder.backlog(), options.limits.grace);
        let (ended, recorded) = oneshot::channel();
        let (drained, broken) = (CancellationToken::new(), SessionFailure::default());
        let run = {
            let (drained, events) = (drained.clone(), events.clone());
            move || {
                if ended.send(parts::record(recorder, &missed, &events, &drained)).is_err() {
                    tracing::warn!("nobody waited for the recorder");
                }
            }
        };
        std::thread::Builder::new().name("recorder".to_owned()).spawn(run).map_err(StartError::Thread)?;
        let shutdown = Shutdown::default();
        let (on_event, rewrite_links) =
            (proxy_events::event_handler(events.clone()), options.links == LinkPolicy::Rewritten);
        let listeners = specs.into_iter().zip(listeners).map(|(spec, listener)| {
            let ListenerSpec { tls, own_ca, allowed_clients, mode, tls_fault, .. } = spec;
            Listener {
                listener,
                tls,
                own_ca,
                allowed_clients,
                mode,
                rewrite_links,
                tls_fault,
                on_event: Arc::clone(&on_event),
            }
        });
        let serving = tokio::spawn(serve(listeners.collect(), sink, options.limits, shutdown.clone()));
        let proxy = parts::watch_listeners(serving, events.clone(), shutdown.drain.clone(), broken.clone());
        let reload = options.rules_on_disk.map(|source| {
            let watch = reload::RuleWatch::new(source);
            let watching = tokio::spawn(reload::watch(watch, new_rules, events.clone(), shutdown.drain.clone()));
            parts::watch_reload(watching, events.clone(), shutdown.drain.clone())
        });
        let address = addresses.first().copied().unwrap_or(options.listen);
        let (notices, recorder) = (events, recorded);
        let session = Self {
            address,
            addresses,
            capture,
            notices,
            shutdown,
            broken,
            proxy,
            drained,
            recorder,
            judging_deadline,
            backlog,
            grace,
            reload,
        };
        Ok((session, receiver))
    }

    /// Waits until a part has failed without which no traffic can pass; why. What remains to be done is to stop.
    pub fn broken(&self) -> impl Future<Output = String> + use<> {
        let broken = self.broken.clone();
        async move { broken.wait().await }
    }

    /// How much the judge has before it.
    pub(crate) fn backlog(&self) -> JudgeBacklog {
        self.backlog.clone()
    }

    /// Cancelled, it makes [`Self::stop`] wait for exchanges under way no longer.
    pub(crate) fn force(&self) -> CancellationToken {
        self.shutdown.force.clone()
    }

    /// Stops accepting, lets exchanges end under the grace time of the limits, flushes the capture. What waits to be judged
    /// by then has the rest of that time, and a second at the least.
    pub async fn stop(self) -> RunSummary {
        const LEAST: Duration = Duration::from_secs(1);
        let start = Instant::now();
        drop(self.notices);
        self.shutdown.drain.cancel();
        if let Some(reload) = self.reload
            && reload.await.is_err()
        {
            tracing::error!("watching the rules ended badly");
        }
        if self.proxy.await.is_err() {
            tracing::error!("the proxy ended badly");
        }
        self.drained.cancel();
        let (mut recorder, left) = (self.recorder, self.grace.saturating_sub(start.elapsed()).max(LEAST));
        let closing = tokio::select! {
            closing = &mut recorder => closing,
            () = self.shutdown.force.cancelled() => { self.judging_deadline.cancel(); recorder.await }
            () = tokio::time::sleep(left) => { self.judging_deadline.cancel(); recorder.await }
        };
        closing.unwrap_or_else(|_| RunSummary {
            trouble: Some("the recorder ended badly; the capture is whole up to its last commit".to_owned()),
            ..RunSummary::default()
        })
    }
}
