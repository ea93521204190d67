//! Who makes a request, as far as recordings tell.
//!
//! `Authorization ─► Caller: the first, the second, … in order of first use`

use crate::exchange::Headers;

/// Who calls, as far as recordings tell: never by value, only one from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// Without credentials.
    Nobody,
    /// The recording doesn't say.
    Unknown,
    /// With the credentials that were used first, second, …
    Known(u16),
}

/// The credentials of a request.
pub(super) fn credentials(headers: &Headers) -> Option<&[u8]> {
    let field = headers.0.iter().find(|field| field.name.eq_ignore_ascii_case("authorization"))?;
    Some(&field.value)
}
