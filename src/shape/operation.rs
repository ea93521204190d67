//! The operation of a request: method, path without the Order UUID, query. Never the text of the URL.

use super::{find_uuids, parse_uuid};
use crate::openbooking::{Endpoint, classify};

/// What a request line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Method, path with `*` for the Order UUID, and query, its parameters in order of the alphabet:
    /// `PUT /api/openbooking/orders/*`.
    pub key: String,
    /// The UUID in the path that the sender chose.
    pub uuid: Option<u128>,
}

/// The operation of a request to `target` (path and query).
///
/// The Order UUID is the segment where the Open Booking API has it; elsewhere it is the first UUID of the path that
/// `is_order` knows, or, of a request that changes something, the first UUID of the path.
/// UUIDs of orders within the query are left out as well.
pub(crate) fn operation(method: &str, target: &str, is_order: &dyn Fn(u128) -> bool) -> Operation {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    let call = classify(method, path, None, false);
    let by_api = match call.endpoint {
        Endpoint::Known(_) | Endpoint::WrongVerb(_) => call.uuid_segment.and_then(parse_uuid),
        _ => None,
    };
    let is_safe = matches!(method, "GET" | "HEAD" | "OPTIONS");
    let chosen = by_api.or_else(|| {
        let mut segments = path.split('/').filter_map(parse_uuid);
        segments.find(|&uuid| is_order(uuid) || !is_safe)
    });
    let mut key = format!("{method} ");
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            key.push('/');
        }
        match parse_uuid(segment) {
            Some(uuid) if Some(uuid) == chosen => key.push('*'),
            _ => key.push_str(segment),
        }
    }
    if let Some(query) = query {
        let mut pairs: Vec<String> = query
            .split('&')
            .map(|pair| super::replace_uuids(pair, |uuid| is_order(uuid).then(|| "*".into())).unwrap_or(pair.into()))
            .collect();
        pairs.sort();
        key.push('?');
        key.push_str(&pairs.join("&"));
    }
    let in_query = || query.and_then(|query| find_uuids(query).map(|found| found.uuid).find(|&uuid| is_order(uuid)));
    Operation { key, uuid: chosen.or_else(in_query) }
}
