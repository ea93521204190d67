//! A recording shown: told to a front end as events, and read back by the screen.
//!
//! `file ─► ViewSource ─► Event*` · `index, page, filter ─► Archive ─► exchanges with their verdicts`

mod archive;
mod source;

pub(crate) use archive::{Archive, ArchiveVerdicts};
pub(crate) use source::{SourceMode, ViewSource};
