//! Wiring of a running proxy: listener, proxy, recorder, events, and how they end.
//!
//! `start → running (events flow) → stop: no new connections → drain → flush → Closing`

mod reload;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::capture::{CaptureError, Meta, Redactor, Rotation, Series};
use crate::event::{Event, Feed, Outlet, Recording, feed};
use crate::proxy::sink;
use crate::proxy::upstream::Upstream;
use crate::proxy::{Door, Limits, Shutdown, serve};
use crate::recorder::{Closing, NewRules, Recorder};
use crate::rules::{Judge, Known, RuleBook};

pub use reload::{Loaded, RuleSource};

/// Exchanges that may be on the wire or wait for the recorder at once; see [`sink::channel`].
pub const QUEUE: usize = 1_024;

/// Events that may wait for the front end; past them events are dropped and counted, never exchanges.
pub const EVENTS: usize = 8_192;

/// What a session needs.
pub struct Options {
    /// Base URI of the booking system, as recorded: what the broker's requests go to.
    pub base_uri: String,
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
    pub known: Known,
    /// Leave out the broker's findings on requests that were refused as they should be.
    pub mute_refused: bool,
    /// Limits of the proxy.
    pub limits: Limits,
}

impl Options {
    /// A proxy on a free port of this machine that judges by `book` and records nothing.
    pub fn new(base_uri: String, book: Arc<RuleBook>) -> Self {
        Self {
            base_uri,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            capture: None,
            rotation: Rotation::default(),
            book,
            rules_on_disk: None,
            known: Known::default(),
            mute_refused: false,
            limits: Limits::default(),
        }
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
    /// The recorder's thread can't be started.
    #[error("cannot start the recorder: {0}")]
    Thread(io::Error),
}

/// A running proxy with its recorder.
pub struct Session {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The capture being written.
    pub capture: Option<PathBuf>,
    /// For notices to the front end. The front end ends when every copy is gone.
    pub notices: Outlet,
    shutdown: Shutdown,
    proxy: tokio::task::JoinHandle<crate::proxy::Served>,
    /// Comes when the recorder has ended.
    recorder: oneshot::Receiver<Closing>,
    reload: Option<tokio::task::JoinHandle<()>>,
}

impl Session {
    /// Binds the address, makes the capture and starts to serve.
    pub async fn start(options: Options, upstream: Arc<dyn Upstream>) -> Result<(Self, Feed), StartError> {
        let listen_failed = |cause| StartError::Listen { address: options.listen, cause };
        let listener = TcpListener::bind(options.listen).await.map_err(listen_failed)?;
        let address = listener.local_addr().map_err(listen_failed)?;
        let meta = Meta::new(Some(&options.base_uri), Timestamp::now());
        let series = |path| Series::create(path, meta, options.rotation);
        let series = options.capture.as_deref().map(series).transpose()?;
        let (events, feed) = feed(EVENTS);
        if let Some(series) = &series {
            events.send(Event::Recording(Recording::On { file: series.file().display().to_string() }));
        }
        let capture = series.as_ref().map(|series| series.file().to_owned());
        let (sink, intake) = sink::channel(QUEUE);
        let known = Known { base_uri: Some(options.base_uri.clone()), ..options.known };
        let judge = Judge::new(options.book, known).muting_refused(options.mute_refused);
        let new_rules = NewRules::default();
        let recorder = Recorder::new(intake, Redactor::new()?, series, judge, events.clone(), new_rules.clone());
        let (ended, recorded) = oneshot::channel();
        let run = move || {
            if ended.send(recorder.run()).is_err() {
                tracing::warn!("nobody waited for the recorder");
            }
        };
        std::thread::Builder::new().name("recorder".to_owned()).spawn(run).map_err(StartError::Thread)?;
        let shutdown = Shutdown::default();
        let door = Door::new(listener, upstream);
        let proxy = tokio::spawn(serve(vec![door], sink, options.limits, shutdown.clone()));
        let reload = options.rules_on_disk.map(|source| {
            let watch = reload::Watch::new(source);
            tokio::spawn(reload::watch(watch, new_rules, events.clone(), shutdown.drain.clone()))
        });
        Ok((Self { address, capture, notices: events, shutdown, proxy, recorder: recorded, reload }, feed))
    }

    /// Cancelled, it makes [`Self::stop`] wait for exchanges under way no longer.
    pub fn at_once(&self) -> CancellationToken {
        self.shutdown.at_once.clone()
    }

    /// Stops accepting, lets exchanges end under the grace time of the limits, flushes the capture.
    pub async fn stop(self) -> Closing {
        drop(self.notices);
        self.shutdown.drain.cancel();
        if let Some(reload) = self.reload
            && let Err(error) = reload.await
        {
            tracing::error!("watching the rules ended badly: {error}");
        }
        if let Err(error) = self.proxy.await {
            tracing::error!("the proxy ended badly: {error}");
        }
        self.recorder.await.unwrap_or_else(|_| Closing {
            trouble: Some("the recorder ended badly; the capture is whole up to its last commit".to_owned()),
            ..Closing::default()
        })
    }
}
