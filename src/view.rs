//! A recording shown: told to a front end as events, and read back by the screen.
//!
//! `file ─► ViewSource ─► Event*` · `index, page, filter ─► Archive ─► exchanges with their verdicts`

mod archive;
mod source;

pub use archive::{Archive, ArchiveVerdicts};
pub use source::{SourceMode, ViewError, ViewSource};
