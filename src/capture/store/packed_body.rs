//! A body as it is stored: `body ─► compressed, if that makes it smaller · its digest`

use super::digest;
use crate::exchange::Body;

/// Bodies below this size are stored as they are: compressing them gains nothing.
const SMALL: usize = 200;

/// A body on its way into the table.
pub(super) struct PackedBody<'b> {
    body: &'b Body,
    packed: Option<Vec<u8>>,
    digest: Option<ring::digest::Digest>,
}

impl<'b> PackedBody<'b> {
    /// The body, compressed if that makes it smaller.
    pub(super) fn new(body: &'b Body, zstd: &mut zstd::bulk::Compressor<'_>) -> rusqlite::Result<Self> {
        let packed = if body.bytes.len() < SMALL {
            None
        } else {
            let packed =
                zstd.compress(&body.bytes).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
            // What was compressed on the wire does not shrink again.
            (packed.len() < body.bytes.len()).then_some(packed)
        };
        let digest = (!body.bytes.is_empty()).then(|| digest(&body.bytes));
        Ok(Self { body, packed, digest })
    }

    /// True if it is compressed.
    pub(super) fn is_packed(&self) -> bool {
        self.packed.is_some()
    }

    /// What is stored; `None` for nothing.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        let bytes = self.packed.as_deref().unwrap_or(&self.body.bytes);
        (!bytes.is_empty()).then_some(bytes)
    }

    /// The digest of the body as it was; `None` of an empty one.
    pub(super) fn digest(&self) -> Option<&[u8]> {
        self.digest.as_ref().map(AsRef::as_ref)
    }
}
