//! The tasks and threads of a session: whoever ends before it was asked to is noticed at once.
//!
//! ```text
//! listeners ─► ended ─► while the session runs? ─► reported, SessionFailure ─► the run ends, with the reason
//! rules     ─► ended ─► while the session runs? ─► reported; the rules in force stay
//! recorder  ─► panics beyond what it can mend ─► reported; traffic goes on, what is missed is counted
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::event::{Event, EventSender, RecordingStatus};
use crate::panics::{self, Panicked};
use crate::proxy::ServerSummary;
use crate::recorder::{Recorder, RunSummary};

/// How often it is looked how much is missed while nobody records.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// Set when a part has ended without which the session is of no use.
#[derive(Debug, Clone, Default)]
pub(super) struct SessionFailure {
    token: CancellationToken,
    why: Arc<OnceLock<String>>,
}

impl SessionFailure {
    fn set(&self, why: String) {
        // The first reason counts.
        let _later = self.why.set(why);
        self.token.cancel();
    }

    /// Waits for it; why.
    pub(super) async fn wait(&self) -> String {
        self.token.cancelled().await;
        self.why.get().cloned().unwrap_or_default()
    }
}

/// Runs the listeners, and notices if they end before `drain`.
pub(super) fn watch_listeners(
    listeners: JoinHandle<ServerSummary>,
    events: EventSender,
    drain: CancellationToken,
    broken: SessionFailure,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let ended = listeners.await;
        if ended.is_ok() && drain.is_cancelled() {
            return;
        }
        let why = "the listener has failed: no requests are taken any more";
        tracing::error!("{why}");
        events.send(Event::Notice(format!("A fault of Umpire itself: {why}. What was recorded is safe.")));
        broken.set(why.to_owned());
    })
}

/// Watches over whoever looks for new rules.
pub(super) fn watch_reload(reload: JoinHandle<()>, events: EventSender, drain: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        if reload.await.is_ok() {
            return;
        }
        tracing::error!("rules on disk are watched no longer");
        if !drain.is_cancelled() {
            let words = "Rules on disk are watched no longer, by a fault of Umpire itself. Those in force stay.";
            events.send(Event::Notice(words.to_owned()));
        }
    })
}

/// Runs the recorder on the thread that calls. Should it fail for good, what passes without being recorded is reported until
/// the proxy has ended, which `drained` tells.
pub(super) fn record(
    recorder: Recorder,
    missed: &AtomicU64,
    events: &EventSender,
    drained: &CancellationToken,
) -> RunSummary {
    let panicked = match panics::catch(|| recorder.run()) {
        Ok(closing) => return closing,
        Err(panicked) => panicked,
    };
    count_missed(&panicked, missed, events, drained)
}

fn count_missed(
    panicked: &Panicked,
    missed: &AtomicU64,
    events: &EventSender,
    drained: &CancellationToken,
) -> RunSummary {
    let trouble = format!("the recorder {panicked}; the capture is whole up to its last commit");
    tracing::error!("nothing is recorded any more: {trouble}");
    let mut told = None;
    let mut tell = || {
        let missed = missed.load(Ordering::Relaxed);
        if told.replace(missed) != Some(missed) {
            let reason = format!("{trouble}; restart the proxy to record again");
            events.send(Event::Recording(RecordingStatus::Off { reason, missed }));
        }
        missed
    };
    while !drained.is_cancelled() {
        tell();
        std::thread::sleep(COUNT_EVERY);
    }
    RunSummary { missed: tell(), trouble: Some(trouble.clone()), ..RunSummary::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventReceiver, channel};

    fn notices(mut receiver: EventReceiver) -> Vec<String> {
        let mut notices = Vec::new();
        while let Ok(event) = receiver.events.try_recv() {
            let Event::Notice(words) = event else { panic!("{event:?}") };
            notices.push(words);
        }
        notices
    }

    #[tokio::test]
    async fn listeners_that_end_by_themselves_break_the_session() {
        let (broken, drain) = (SessionFailure::default(), CancellationToken::new());
        let (event_sender, receiver) = channel(4);
        let failing = tokio::spawn(async { panic!("on purpose") });
        watch_listeners(failing, event_sender, drain, broken.clone()).await.unwrap();
        assert!(broken.wait().await.contains("listener"));
        let said = notices(receiver);
        assert!(said.len() == 1 && said[0].contains("no requests are taken any more"), "{said:?}");
    }

    #[tokio::test]
    async fn listeners_that_were_asked_to_end_do_not() {
        let (broken, drain) = (SessionFailure::default(), CancellationToken::new());
        let (event_sender, receiver) = channel(4);
        drain.cancel();
        let served = tokio::spawn(async { ServerSummary { connections: 0, cut: 0 } });
        watch_listeners(served, event_sender, drain, broken.clone()).await.unwrap();
        assert!(notices(receiver).is_empty() && !broken.token.is_cancelled());
    }

    #[tokio::test]
    async fn a_watch_over_rules_that_fails_is_reported() {
        let (event_sender, receiver) = channel(4);
        let failing = tokio::spawn(async { panic!("on purpose") });
        watch_reload(failing, event_sender, CancellationToken::new()).await.unwrap();
        let said = notices(receiver);
        assert!(said.len() == 1 && said[0].contains("watched no longer"), "{said:?}");
    }

    #[test]
    fn without_a_recorder_what_is_missed_is_counted_to_the_end() {
        let (event_sender, mut receiver) = channel(16);
        let (missed, drained) = (Arc::new(AtomicU64::new(2)), CancellationToken::new());
        let panicked = panics::catch(|| -> () { panic!("on purpose") }).unwrap_err();
        let counting = std::thread::spawn({
            let (missed, drained) = (Arc::clone(&missed), drained.clone());
            move || count_missed(&panicked, &missed, &event_sender, &drained)
        });
        let mut off = || match receiver.events.blocking_recv() {
            Some(Event::Recording(RecordingStatus::Off { reason, missed })) => (reason, missed),
            other => panic!("{other:?}"),
        };
        let (reason, first) = off();
        assert!(first == 2 && reason.contains("panicked"), "{reason}");
        missed.store(5, Ordering::Relaxed);
        assert_eq!(off().1, 5);
        missed.store(6, Ordering::Relaxed);
        drained.cancel();
        let closing = counting.join().unwrap();
        assert!(closing.missed == 6 && closing.trouble.is_some(), "{closing:?}");
    }
}
