//! The one enum between the pipeline and its front ends.
//!
//! `recorder → Event → plain, json or the terminal UI`
//!
//! Events may be dropped on the way to a slow front end, never on the way to the capture.

mod throttle;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
pub(crate) use throttle::Throttle;
use tokio::sync::mpsc;

use crate::coverage::Coverage;
use crate::judged::Judged;
use crate::openbooking::Stage;

/// Least time between two [`Event::Coverage`].
pub(crate) const COVERAGE_EVERY: Duration = Duration::from_secs(1);

/// Least time between two [`Event::Progress`].
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Something that a front end may want to show.
#[derive(Debug, Clone)]
pub enum Event {
    /// An exchange has ended, was recorded (or not: see [`Event::Recording`]) and judged.
    Exchange(Arc<Judged>),
    /// Exchanges in a row of a recording that was judged before, which a screen counts and doesn't list: without header fields and
    /// bodies. Only sent to the screen.
    Past(Vec<Judged>),
    /// The state of recording has changed, or more was missed.
    Recording(RecordingStatus),
    /// How far every rule has come since the start: sent at most once in `COVERAGE_EVERY`, and at the end.
    Coverage(Arc<Coverage>),
    /// How far recording and judging have come: sent at most once in `PROGRESS_EVERY`, and at the end.
    Progress(Progress),
    /// A request's head is complete; its exchange comes when it has ended. Only told while the front end keeps up, and of a flood
    /// 200 a second at most.
    Request(RequestUnderWay),
    /// A connection, or a request in clear text, passed unread: its host is not one to intercept.
    Unread {
        /// Host and port.
        authority: String,
        /// How many have passed so far, this one too.
        count: u64,
    },
    /// Something else worth a line, such as a rule that could not be judged for a fault of its own.
    Notice(String),
}

/// A request that has no answer yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestUnderWay {
    /// The same as of the exchange that it becomes ([`id`](crate::exchange::Exchange::id)).
    pub id: u64,
    /// When its head had arrived.
    pub started: Timestamp,
    /// Stage, as far as method and path tell.
    pub stage: Stage,
    /// Order UUID in lower case.
    pub order_uuid: Option<Arc<str>>,
}

/// How far recording and judging have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Exchanges that are in the recording.
    pub recorded: u64,
    /// Exchanges that were judged.
    pub judged: u64,
    /// How long the oldest exchange that waits to be judged has waited.
    pub lag: Duration,
}

/// Whether exchanges are being kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingStatus {
    /// Exchanges go to this file; where a recording is shown, they come from it.
    On {
        /// The capture.
        file: String,
        /// How many exchanges are missing from the recording so far.
        missed: u64,
    },
    /// Traffic goes on, but exchanges are not kept.
    Off {
        /// Why.
        reason: String,
        /// How many exchanges are missing from the recording so far.
        missed: u64,
    },
    /// The run has ended without an exchange, so the capture that it had made was removed.
    Removed {
        /// The capture.
        file: String,
    },
}

impl RecordingStatus {
    /// Why there is no recording any more, where it was removed.
    pub(crate) const REMOVED: &str = "no exchange came, so the capture was removed";

    /// How many exchanges are missing from the recording so far.
    pub fn missed(&self) -> u64 {
        match self {
            Self::On { missed, .. } | Self::Off { missed, .. } => *missed,
            Self::Removed { .. } => 0,
        }
    }
}

/// What a front end tells of the run before the first event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunContext {
    /// What kind of run it is.
    pub mode: RunMode,
    /// The Base URI to give to the broker; `None` where no traffic is taken.
    pub base_uri: Option<String>,
    /// Where requests go; `None` where no traffic is taken.
    pub upstream: Option<String>,
    /// The capture that is written or shown.
    pub capture: Option<String>,
    /// Further Base URIs for brokers, and where their requests go.
    pub also: Vec<(String, String)>,
    /// The forward proxy, if there is one.
    pub forward: Option<Forwarding>,
    /// What is unsafe about the run for as long as it lasts, in words.
    pub warnings: Vec<String>,
    /// The settings that hold: the `umpire.toml` that was found or named.
    pub settings: Option<String>,
}

/// What a client of the forward proxy needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// Its URL, for HTTP_PROXY and HTTPS_PROXY.
    pub proxy: String,
    /// The hosts that are intercepted.
    pub hosts: String,
    /// The file with the certificates to trust.
    pub ca: String,
}

/// The kinds of runs that have a front end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMode {
    /// A broker's traffic passes through the proxy.
    Live,
    /// A recording is shown.
    View,
    /// The embedded booking system and a scripted broker show what Umpire does.
    Demo,
    /// A recording stands in for the booking system.
    Replay,
}

impl RunMode {
    /// True if a broker's traffic depends on the run.
    pub(crate) fn carries_traffic(self) -> bool {
        matches!(self, Self::Live | Self::Replay)
    }

    /// Stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::View => "view",
            Self::Demo => "demo",
            Self::Replay => "replay",
        }
    }
}

/// Events on their way to a front end.
#[derive(Debug)]
pub struct EventReceiver {
    /// The bounded channel they come through. It closes when the run has ended.
    pub events: mpsc::Receiver<Event>,
    /// How many events the sender had to drop because the channel was full.
    pub dropped: Arc<AtomicU64>,
}

impl EventReceiver {
    /// How many events the sender had to drop so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The sender's side of a [`EventReceiver`].
#[derive(Debug, Clone)]
pub struct EventSender {
    events: mpsc::Sender<Event>,
    dropped: Arc<AtomicU64>,
}

/// A channel of at most `capacity` waiting events; what is sent past them is dropped and counted.
pub fn channel(capacity: usize) -> (EventSender, EventReceiver) {
    let (sender, events) = mpsc::channel(capacity.max(1));
    let dropped = Arc::new(AtomicU64::new(0));
    (EventSender { events: sender, dropped: Arc::clone(&dropped) }, EventReceiver { events, dropped })
}

impl EventSender {
    /// Sends an event without waiting. A front end that has gone drops it silently; one that is too slow counts it.
    pub fn send(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends an event that nobody misses, if at most half of the room is taken. It is made only then.
    pub(crate) fn send_if_idle(&self, event: impl FnOnce() -> Event) {
        if self.events.capacity() * 2 > self.events.max_capacity() {
            // It may be full by now.
            let _told = self.events.try_send(event());
        }
    }

    /// Sends an event, waiting for room; false if the front end has gone. Not from within an asynchronous task.
    pub(crate) fn send_blocking(&self, event: Event) -> bool {
        self.events.blocking_send(event).is_ok()
    }

    /// True if the front end has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.events.is_closed()
    }

    /// How many events the front end has yet to take.
    pub fn waiting(&self) -> usize {
        self.events.max_capacity() - self.events.capacity()
    }
}
