//! Recordings played again: stands in for the booking system, without one.
//!
//! ```text
//! captures, HAR, NDJSON ─► library ─► index (a thread, in recorded order; requests are answered meanwhile)
//! request ─► request ─► matching ─► bind, time, pages ─► answer        upstream: all of it behind an `Upstream`
//!                           └─► miss ─► report
//! ```
//!
//! It opens no connection, and knows neither rules nor screens: the listener that it is given to, the recorder and the rules
//! are those of the proxy. What is compared in requests, and what counts as their sender's own choice, is in
//! `crate::shape`.

mod answer;
mod index;
mod library;
mod matching;
mod miss;
mod pages;
mod player;
mod report;
mod request;
mod state;
mod time;
mod upstream;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::capture::CaptureError;
use crate::openbooking::{Endpoint, classify};
use crate::panics;
use library::{ReplaySource, UnreadExchanges};
use player::{Player, PlayerSettings};
pub use report::{MissReport, RecordedReport, ReplayReport};
pub use time::TimeMode;
pub use upstream::MAX_REQUEST;

/// Exchanges that are read before the replay listens, so that the Base URI can be told from them.
const READ_FIRST: usize = 500;

/// Exchanges that are indexed at a time.
const BATCH: usize = 64;

/// How fast answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// As long after the request as they did when they were recorded.
    Recorded,
    /// At once.
    Fast,
}

/// How recordings are played.
#[derive(Debug, Clone)]
pub struct PlaybackOptions {
    /// How time passes.
    pub time: TimeMode,
    /// How fast answers come.
    pub speed: Speed,
    /// The nearest exchange is served where none fits.
    pub lenient: bool,
    /// Answers say which exchange they were made of.
    pub field: bool,
    /// Scheme by which clients know this machine, `http` or `https`.
    pub scheme: &'static str,
    /// Base URI of the recorded booking system, if the recordings don't say it.
    pub base_uri: Option<String>,
}

impl Default for PlaybackOptions {
    fn default() -> Self {
        let (time, speed) = (TimeMode::Shift, Speed::Fast);
        Self { time, speed, lenient: false, field: true, scheme: "http", base_uri: None }
    }
}

/// Why recordings can't be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A recording can't be read.
    #[error(transparent)]
    Recording(#[from] CaptureError),
    /// There is no room for a temporary file.
    #[error("no temporary file can be made for what doesn't fit into memory: {0}; set TMPDIR to a folder with room")]
    Temporary(io::Error),
    /// No file was given.
    #[error("no recording was given; name at least one capture, HAR or NDJSON file")]
    NoRecording,
    /// Too many files were given.
    #[error("more than 65535 recordings; merge some of them with `umpire capture merge`")]
    TooMany,
    /// The thread that reads recordings can't be started.
    #[error("cannot start reading the recordings: {0}")]
    Thread(io::Error),
}

/// Recordings that stand in for the booking system.
pub struct Replay {
    options: PlaybackOptions,
    origin: String,
    base_path: Option<String>,
    recorded_base_uris: Vec<String>,
    recordings: Vec<String>,
    player: Mutex<Player>,
    sources: Arc<[ReplaySource]>,
    progress: Notify,
    stop: AtomicBool,
    read_error: Mutex<Option<String>>,
}

impl Replay {
    /// Opens recordings, which are played as one in this order. They are read while requests are answered already; see
    /// `Self::start_reading`.
    pub fn open(files: &[PathBuf], options: PlaybackOptions) -> Result<(Arc<Self>, UnreadRecordings), ReplayError> {
        if files.len() > usize::from(u16::MAX) {
            return Err(ReplayError::TooMany);
        }
        let (mut sources, mut unread) = (Vec::new(), Vec::new());
        for file in files {
            let (source, rest) = ReplaySource::open(file)?;
            sources.push(source);
            unread.push(rest);
        }
        let (Some(source), Some(rest)) = (sources.first(), unread.first_mut()) else {
            return Err(ReplayError::NoRecording);
        };
        let mut first = Vec::new();
        while first.len() < READ_FIRST {
            match source.read(rest) {
                Some(exchange) => first.push(exchange?),
                None => break,
            }
        }
        let Some(began) = first.first().map(|exchange| exchange.started) else {
            return Err(CaptureError::Empty { file: source.file.clone() }.into());
        };
        let said = options.base_uri.clone().or_else(|| source.meta.base_uri.clone());
        let said = said.as_deref().and_then(split);
        let inferred = || {
            first.iter().find_map(|exchange| {
                let call = classify(&exchange.request.method, exchange.path(), None, false);
                matches!(call.endpoint, Endpoint::Known(_))
                    .then(|| (exchange.origin.clone(), call.base_path.to_owned()))
            })
        };
        let found = said.or_else(inferred);
        let origin = found.as_ref().map_or_else(|| first[0].origin.clone(), |(origin, _)| origin.clone());
        let mut recorded_base_uris = source.meta.base_uris();
        if let Some(base_uri) = &options.base_uri {
            recorded_base_uris = vec![base_uri.clone()];
        }
        source.settle()?;
        let recordings = sources.iter().map(ReplaySource::name).collect();
        let sources: Arc<[ReplaySource]> = sources.into();
        let rules = PlayerSettings { time: options.time, lenient: options.lenient };
        let mut player = Player::new(Arc::clone(&sources), rules, origin.clone(), began);
        for (index, exchange) in first.iter().enumerate() {
            player.index.add(0, index as u32, exchange);
        }
        let replay = Self {
            options,
            origin,
            base_path: found.map(|(_, path)| path),
            recorded_base_uris,
            recordings,
            player: Mutex::new(player),
            sources,
            progress: Notify::new(),
            stop: AtomicBool::new(false),
            read_error: Mutex::new(None),
        };
        Ok((Arc::new(replay), UnreadRecordings { unread, done: first.len() as u32 }))
    }

    /// Path of the Base URI of the recorded booking system, without a trailing slash, as far as it can be told.
    pub fn base_path(&self) -> Option<&str> {
        self.base_path.as_deref()
    }

    /// The Base URIs that the recordings say.
    pub fn recorded_base_uris(&self) -> &[String] {
        &self.recorded_base_uris
    }

    /// The names of the recordings.
    pub fn recordings(&self) -> &[String] {
        &self.recordings
    }

    /// What it amounts to so far.
    pub fn report(&self) -> ReplayReport {
        self.player().report()
    }

    /// Answers so far: those that fit, those that were only nearest, and requests that were not answered.
    pub fn tally(&self) -> (u64, u64, u64) {
        self.player().tally()
    }

    /// Why the recordings could not be read to their end, if that is so. What stands before is played.
    pub fn read_error(&self) -> Option<String> {
        self.read_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn player(&self) -> MutexGuard<'_, Player> {
        // What a panic left behind is counted too low at worst.
        self.player.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the rest of the recordings read by a thread, which ends when all is read, or with [`Self::stop_reading`].
    pub(crate) fn start_reading(self: &Arc<Self>, reading: UnreadRecordings) -> Result<(), ReplayError> {
        let replay = Arc::clone(self);
        let read = move || {
            if let Err(panicked) = panics::catch(|| replay.read(reading)) {
                tracing::error!("reading the recordings {panicked}");
                replay.note_read_error(format!("reading it {panicked}, by a fault of Umpire itself"));
                // Whoever waits for more waits in vain.
                replay.player().index.complete = true;
                replay.progress.notify_waiters();
            }
        };
        std::thread::Builder::new().name("replay".to_owned()).spawn(read).map(drop).map_err(ReplayError::Thread)
    }

    fn note_read_error(&self, what: String) {
        self.read_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }

    /// Ends the thread that reads the recordings.
    pub(crate) fn stop_reading(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Reads the rest of the recordings.
    pub fn read(&self, reading: UnreadRecordings) {
        let UnreadRecordings { mut unread, done } = reading;
        for (file, (source, rest)) in self.sources.iter().zip(&mut unread).enumerate() {
            let mut index = if file == 0 { done } else { 0 };
            let mut batch = Vec::with_capacity(BATCH);
            loop {
                let next = source.read(rest);
                let ended = !matches!(next, Some(Ok(_)));
                match next {
                    Some(Ok(exchange)) => batch.push(exchange),
                    Some(Err(error)) => {
                        self.note_read_error(error.to_string());
                    }
                    None => {}
                }
                if batch.len() == BATCH || ended {
                    if let Err(error) = source.settle() {
                        self.note_read_error(error.to_string());
                    }
                    let mut player = self.player();
                    for exchange in batch.drain(..) {
                        player.index.add(file as u16, index, &exchange);
                        index += 1;
                    }
                    drop(player);
                    self.progress.notify_waiters();
                }
                if ended || self.stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
        self.player().index.complete = true;
        self.progress.notify_waiters();
    }
}

/// What is left to be read of the recordings of a replay.
pub struct UnreadRecordings {
    unread: Vec<UnreadExchanges>,
    /// Exchanges of the first recording that have been read.
    done: u32,
}

/// Origin and path of a Base URI.
fn split(base_uri: &str) -> Option<(String, String)> {
    let (scheme, rest) = base_uri.trim_end_matches('/').split_once("://")?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let authority = rest[..slash].rsplit('@').next().unwrap_or_default();
    Some((format!("{scheme}://{authority}"), rest[slash..].to_owned()))
}
