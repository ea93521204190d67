//! Puts each caption of the demo before the exchanges that it describes.
//!
//! `events of the session + captions → relay → the same events, each caption after the exchanges made before it`
//!
//! The scripted broker is ahead of the recorder and the judge, so a caption sent straight to the front end would come
//! before the exchanges of the step before.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use crate::demo::USER_AGENT;
use crate::event::{Event, EventReceiver};
use crate::judged::Judged;

/// Events that may wait between relay and front end. Past them the relay waits, and the session's own channel fills.
const EVENTS: usize = 64;

/// A line to be shown once the exchanges of the first `calls` calls of the demo have been shown.
#[derive(Debug)]
pub(super) struct Caption {
    pub(super) calls: u64,
    pub(super) text: String,
}

/// Takes the session's events and the captions; `run` passes them on to the receiver that [`CaptionMerger::new`] returns.
pub(super) struct CaptionMerger {
    session: EventReceiver,
    captions: mpsc::Receiver<Caption>,
    out: mpsc::Sender<Event>,
    waiting: VecDeque<Caption>,
    /// Exchanges of the scripted broker that were passed on.
    shown: u64,
}

impl CaptionMerger {
    /// A relay that holds at most `most` captions not yet taken, the sender for them, and the receiver for the front end.
    pub(super) fn new(session: EventReceiver, most: usize) -> (Self, mpsc::Sender<Caption>, EventReceiver) {
        let (sender, captions) = mpsc::channel(most.max(1));
        let (out, events) = mpsc::channel(EVENTS);
        let receiver = EventReceiver { events, dropped: session.dropped.clone() };
        (Self { session, captions, out, waiting: VecDeque::new(), shown: 0 }, sender, receiver)
    }

    /// Runs until the session has ended or the front end has gone. Captions of exchanges that never came, because they
    /// were not judged any more, are passed on at the end.
    pub(super) async fn run(mut self) {
        loop {
            let event = tokio::select! {
                // A caption was sent before the calls that it describes were made: it is taken before their events.
                biased;
                Some(caption) = self.captions.recv() => {
                    self.waiting.push_back(caption);
                    None
                }
                event = self.session.events.recv() => match event {
                    Some(event) => Some(event),
                    None => break,
                },
            };
            if let Some(event) = event {
                self.shown += u64::from(matches!(&event, Event::Exchange(judged) if is_of_the_demo(judged)));
                if self.out.send(event).await.is_err() {
                    return;
                }
            }
            // An event that was dropped may have been an exchange.
            let passed = self.shown + self.session.dropped();
            while let Some(caption) = self.waiting.pop_front_if(|caption| caption.calls <= passed) {
                if self.out.send(Event::Notice(caption.text)).await.is_err() {
                    return;
                }
            }
        }
        while let Ok(caption) = self.captions.try_recv() {
            self.waiting.push_back(caption);
        }
        for caption in self.waiting {
            if self.out.send(Event::Notice(caption.text)).await.is_err() {
                return;
            }
        }
    }
}

/// False for exchanges of others who call the demo's proxy meanwhile.
fn is_of_the_demo(judged: &Judged) -> bool {
    judged.exchange.request.headers.get("user-agent") == Some(USER_AGENT)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::channel;
    use crate::exchange::Exchange;
    use crate::openbooking::Stage;

    fn exchange(path: &str, user_agent: &str) -> Event {
        let mut exchange = Exchange::get("http://a.example", path);
        exchange.request.headers.push("user-agent", user_agent.to_owned());
        let judged = Judged::without_verdicts(0, Arc::new(exchange), Stage::C1, None);
        Event::Exchange(Arc::new(Judged { passed: 1, ..judged }))
    }

    /// What the front end gets of these events and captions, all of which are there before the relay runs.
    async fn shown(events: &[Event], captions: &[(u64, &str)]) -> Vec<String> {
        let (event_sender, session) = channel(64);
        let (relay, sender, mut receiver) = CaptionMerger::new(session, 8);
        for &(calls, text) in captions {
            sender.send(Caption { calls, text: text.to_owned() }).await.unwrap();
        }
        for event in events {
            event_sender.send(event.clone());
        }
        drop((event_sender, sender));
        relay.run().await;
        let mut shown = Vec::new();
        while let Some(event) = receiver.events.recv().await {
            shown.push(match event {
                Event::Exchange(judged) => judged.exchange.request.target.clone(),
                Event::Notice(text) => text,
                other => format!("{other:?}"),
            });
        }
        shown
    }

    #[tokio::test]
    async fn captions_wait_for_the_exchanges_before_them() {
        let events = [exchange("/1", USER_AGENT), exchange("/2", USER_AGENT), exchange("/3", USER_AGENT)];
        let captions = [(0, "first"), (2, "second"), (3, "over")];
        assert_eq!(shown(&events, &captions).await, ["first", "/1", "/2", "second", "/3", "over"]);
    }

    #[tokio::test]
    async fn calls_of_others_do_not_move_captions() {
        let events = [exchange("/other", "curl/8"), exchange("/1", USER_AGENT), exchange("/2", USER_AGENT)];
        assert_eq!(shown(&events, &[(1, "second")]).await, ["/other", "/1", "second", "/2"]);
    }

    #[tokio::test]
    async fn captions_of_exchanges_that_never_came_are_shown_at_the_end() {
        let events = [exchange("/1", USER_AGENT), Event::Notice("something".into())];
        assert_eq!(shown(&events, &[(2, "second"), (3, "third")]).await, ["/1", "something", "second", "third"]);
    }
}
