//! Requests under way, on their way to the front end.
//!
//! `head of a request ─► stage, Order UUID (nothing of what it says else: it is not redacted yet) ─► Event::Request`

use std::sync::Arc;

use crate::event::{Event, EventSender, RequestUnderWay};
use crate::openbooking::{classify, is_uuid};
use crate::proxy::record::exchange_builder::RequestMeta;
use crate::proxy::record::sink::Announcer;

/// Tells a front end of requests, as long as it keeps up.
pub(super) fn announcer(events: EventSender) -> Announcer {
    Announcer(Arc::new(move |opening| events.send_if_idle(|| Event::Request(request(opening)))))
}

fn request(opening: &RequestMeta) -> RequestUnderWay {
    let path = opening.target.split('?').next().unwrap_or_default();
    let call = classify(&opening.method, path, None, false);
    let uuid = call.uuid_segment.filter(|segment| is_uuid(segment)).map(|uuid| uuid.to_ascii_lowercase().into());
    RequestUnderWay { id: opening.id, started: opening.started, stage: call.stage, order_uuid: uuid }
}
