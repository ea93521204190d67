//! The verdicts on a capture, kept in a file beside it, so that what was judged once starts at once.
//!
//! ```text
//! judging ─► Judged* ─► VerdictWriter ─► monday.db.verdicts, sealed once all of the capture has been judged
//! check, view, --filter ─► VerdictFile::open ─► same build, rules, settings, capture? ─► rows, totals
//!                                    └─ missing, unfinished, of something else, damaged ─► judged anew, and kept
//! ```
//!
//! It is a cache and never needed. Only the verdicts on a whole capture are used: a judge knows what came before, so that it
//! could go on behind the middle only after judging the first half again. The file holds what the rules said, and of each
//! exchange its request line, its status and what it says of its booking: nothing that the capture doesn't hold. Readable by its owner only.

mod block;
mod bytes;
mod file;
mod key;
mod totals;

pub(crate) use file::{VerdictFile, VerdictWriter, VerdictsFile};
pub(crate) use key::{CaptureId, VerdictsKey};
pub(crate) use totals::VerdictTotals;

/// Captures with fewer exchanges have no such file: they are judged in a moment.
pub(crate) const LEAST: u64 = 256;
