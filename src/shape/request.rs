//! A request as whoever compares requests reads it, recorded and present ones alike.
//!
//! `request line, fields, body ─► operation, Order UUID, shape`

use super::{Normalizer, Operation, Shape, find_uuids, operation, shape_of, shape_of_text};
use crate::exchange::{BodyEnd, Request, decode};
use crate::json::Document;

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct RequestOutline {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Method, path without the Order UUID, query.
    pub operation: Operation,
    /// The Order UUID that it is about: that of its path, or the first one of its body that is known.
    pub order: Option<u128>,
    /// What it asks for, apart from what its sender was free to choose.
    pub shape: Option<Shape>,
    /// Its body, if that is JSON.
    pub document: Option<Document>,
}

impl RequestOutline {
    /// Reads a request. `shape` is `None` where its body can't be read.
    pub(crate) fn read(request: &Request, normalizer: Normalizer<'_>) -> Self {
        let operation = operation(&request.method, &request.target, normalizer.is_order);
        let own = operation.uuid;
        let knows = |uuid: u128| Some(uuid) == own || (normalizer.is_order)(uuid);
        let normalizer = Normalizer { is_order: &knows, ..normalizer };
        let whole = request.body.end == BodyEnd::Complete;
        let content = whole.then(|| decode(&request.body.bytes, &request.headers).ok()).flatten();
        let document = content.as_deref().filter(|content| looks_like_json(content));
        let document = document.and_then(|content| Document::parse(content).ok());
        let shape = match (&document, &content) {
            (Some(document), _) => Some(shape_of(document.root(), normalizer)),
            (None, Some(content)) => Some(shape_of_text(content, normalizer)),
            (None, None) => None,
        };
        let order = own.or_else(|| {
            let text = std::str::from_utf8(content.as_deref()?).ok()?;
            find_uuids(text).map(|found| found.uuid).find(|&uuid| (normalizer.is_order)(uuid))
        });
        Self { method: request.method.clone(), target: request.target.clone(), operation, order, shape, document }
    }

    /// True for a request that changes nothing.
    pub(crate) fn is_safe(&self) -> bool {
        is_safe(&self.method)
    }
}

/// True for the methods that change nothing (RFC 9110 section 9.2.1).
pub(crate) fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// True for what begins as an object or a list does.
pub(crate) fn looks_like_json(content: &[u8]) -> bool {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    content.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'['))
}
