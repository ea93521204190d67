//! Events of the proxy's listeners, on their way to the front end.
//!
//! `ProxyEvent ─► counted (unread) or put into words ─► Event, the same one not twice within a while`

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, EventSender};
use crate::proxy::event::{EventHandler, ProxyEvent};

/// The same trouble is told anew only after so long: a client that tries again and again is one line.
const AGAIN: Duration = Duration::from_secs(10);

/// Most troubles that are remembered for that; past it the oldest may be told too early.
const REMEMBERED: usize = 64;

/// Tells the proxy's events to a front end.
pub(crate) fn event_handler(events: EventSender) -> EventHandler {
    let (unread, told) = (AtomicU64::new(0), Mutex::new(Vec::<(ProxyEvent, Instant)>::new()));
    Arc::new(move |proxy_event| {
        if let ProxyEvent::Unread { authority } = proxy_event {
            let count = unread.fetch_add(1, Ordering::Relaxed) + 1;
            return events.send(Event::Unread { authority, count });
        }
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(_, at)| at.elapsed() < AGAIN);
        if told.iter().any(|(before, _)| *before == proxy_event) {
            return;
        }
        if told.len() >= REMEMBERED {
            told.remove(0);
        }
        events.send(Event::Notice(words(&proxy_event)));
        told.push((proxy_event, Instant::now()));
    })
}

fn words(proxy_event: &ProxyEvent) -> String {
    match proxy_event {
        ProxyEvent::Unread { authority } => format!("{authority} passed unread"),
        ProxyEvent::NoHandshake { client, detail } => format!("no TLS with {client}: {detail}"),
        ProxyEvent::NotUnderstood { client, detail } => {
            format!("a request of {client} was refused and went no further: {detail}")
        }
        ProxyEvent::TurnedAway { client } => format!("{client} was turned away: it is not named by --allow-client"),
        ProxyEvent::NotReached { authority, why } => {
            format!("{authority} was not reached for a client of another machine: {why}")
        }
        ProxyEvent::NoCredentials { client } => {
            format!("{client} was refused: it gave no credentials of --proxy-auth, or wrong ones")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::channel;

    #[test]
    fn the_same_trouble_is_one_line_and_unread_ones_are_counted() {
        let (event_sender, mut receiver) = channel(16);
        let on_event = event_handler(event_sender);
        let client = "192.0.2.1".parse().unwrap();
        for _ in 0..3 {
            on_event(ProxyEvent::TurnedAway { client });
            on_event(ProxyEvent::Unread { authority: "a.example:443".into() });
        }
        on_event(ProxyEvent::NoCredentials { client });
        let mut lines = Vec::new();
        while let Ok(event) = receiver.events.try_recv() {
            lines.push(match event {
                Event::Notice(words) => words,
                Event::Unread { authority, count } => format!("{authority} {count}"),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(lines.len(), 5, "{lines:?}");
        assert!(lines[0].contains("--allow-client") && lines[4].contains("--proxy-auth"), "{lines:?}");
        assert_eq!(lines[3], "a.example:443 3");
    }
}
