//! The facts of the data models: `rules/models/*.toml`, but for `errors.toml`.
//!
//! `TOML → Models (types and properties by name)`, then per message `walk → Deviation … → the rules that ask for them`
//!
//! A message is walked once, however many rules ask; each rule picks its own kinds of deviation, types and properties
//! ([`ModelCheck`]). How the files are written is described in `rules/models/README.md`.

pub(super) mod check;
pub(super) mod codes;
pub(crate) mod data_model;
pub(super) mod errors;
pub(super) mod formats;
pub(crate) mod json_ld;
pub(super) mod load;
mod message_kind;
pub(super) mod shown;
pub(super) mod urls;
pub(super) mod walk;
