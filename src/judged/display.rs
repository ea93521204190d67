//! The texts that every front end uses for a judged exchange.
//!
//! `Judged → clock, short UUID, request, status, duration, failure: texts that are safe to print`

use super::Judged;
use crate::finding::FindingTally;
use crate::openbooking::is_uuid;
use crate::text::{self, SafeText};

impl Judged {
    /// When the request arrived: `12:04:05`, in UTC.
    pub fn clock(&self) -> String {
        self.exchange.started.strftime("%H:%M:%S").to_string()
    }

    /// The first eight characters of the Order UUID, enough to tell bookings apart; `-` where there is none.
    pub(crate) fn short_uuid(&self) -> &str {
        self.order_uuid.as_deref().map_or("-", |uuid| uuid.get(..8).unwrap_or(uuid))
    }

    /// Method and the tail of the path: `PUT`, `…/orders/14a19ffd`. UUIDs are cut to eight characters, the query is
    /// left out, and what is longer than 60 columns loses its start.
    pub(crate) fn request_words(&self) -> (SafeText, SafeText) {
        // A tunnel has no path: what matters is where it was to lead.
        if self.exchange.request.method == "CONNECT" {
            let (_, authority) = self.exchange.origin.split_once("://").unwrap_or_default();
            return ("CONNECT".into(), text::clip_start(authority, 60));
        }
        let path = self.exchange.path();
        let mut segments = path.rsplitn(3, '/');
        let last = segments.next().unwrap_or_default();
        let last = if is_uuid(last) { &last[..8] } else { last };
        let tail = match (segments.next(), segments.next()) {
            (Some(""), None) => format!("/{last}"),
            (Some(before), Some("")) => format!("/{before}/{last}"),
            (Some(before), Some(_)) => format!("…/{before}/{last}"),
            _ => last.to_owned(),
        };
        (text::clip(&self.exchange.request.method, 8), text::clip_start(&tail, 60))
    }

    /// The status that the booking system sent: `201`, `200~` if the answer broke off, `none` if none came.
    pub(crate) fn status_words(&self) -> String {
        match (&self.exchange.response, &self.exchange.failure) {
            (Some(response), None) => response.status.to_string(),
            (Some(response), Some(_)) => format!("{}~", response.status),
            (None, _) => "none".to_owned(),
        }
    }

    /// How long the exchange took: `35 ms`, `12.3 s`.
    pub(crate) fn duration_words(&self) -> String {
        let total = self.exchange.timing.total;
        match total.as_millis() {
            millis @ 0..10_000 => format!("{millis} ms"),
            _ => format!("{:.1} s", total.as_secs_f64()),
        }
    }

    /// What kept the exchange from being whole, in a sentence; `None` if nothing did.
    pub(crate) fn failure_words(&self) -> Option<String> {
        let failure = self.exchange.failure.as_ref()?;
        let answered = failure.answered.map(|status| format!(" (Umpire answered {status} in its place)"));
        Some(format!(
            "{}: {}{}",
            failure.kind.describe(),
            text::visible(&failure.detail),
            answered.as_deref().unwrap_or_default()
        ))
    }

    /// The findings, counted.
    pub fn tally(&self) -> FindingTally {
        self.findings.iter().collect()
    }
}
