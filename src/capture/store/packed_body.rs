//! A body as it is stored: `body ─► compressed with a checksum, if that makes it smaller; else with its digest`

use zstd::bulk::Compressor;

use super::digest;
use crate::exchange::Body;

/// Bodies below this size, in bytes, are stored as they are: compressing them gains nothing.
const SMALL: usize = 200;

/// A body on its way into the table.
pub(super) struct PackedBody<'b> {
    body: &'b Body,
    packed: Option<Vec<u8>>,
    digest: Option<ring::digest::Digest>,
}

/// What compresses bodies at a level of zstd, each into a frame with a checksum of its content.
pub(super) fn compressor(level: i32) -> std::io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(level)?;
    compressor.include_checksum(true)?;
    Ok(compressor)
}

/// True if a frame of zstd says that it ends with a checksum of its content (RFC 8878, 3.1.1.1.1).
pub(super) fn has_checksum(frame: &[u8]) -> bool {
    const MAGIC_LENGTH: usize = 4;
    const CHECKSUM_FLAG: u8 = 0b100;
    frame.get(MAGIC_LENGTH).is_some_and(|descriptor| descriptor & CHECKSUM_FLAG != 0)
}

impl<'b> PackedBody<'b> {
    /// The body, compressed if that makes it smaller.
    pub(super) fn new(body: &'b Body, compressor: &mut Compressor<'_>) -> rusqlite::Result<Self> {
        let packed = if body.bytes.len() < SMALL {
            None
        } else {
            let packed = compressor
                .compress(&body.bytes)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
            // What was compressed on the wire does not shrink again.
            (packed.len() < body.bytes.len()).then_some(packed)
        };
        let digest = (packed.is_none() && !body.bytes.is_empty()).then(|| digest(&body.bytes));
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

    /// The digest of the body as it is stored; `None` of an empty one and of a compressed one.
    pub(super) fn digest(&self) -> Option<&[u8]> {
        self.digest.as_ref().map(AsRef::as_ref)
    }
}
