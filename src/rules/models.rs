//! The facts of the data models: `rules/models/*.toml`, but for `errors.toml`.
//!
//! `TOML → Models (types and properties by name)`, then per message `walk → Deviations → the rules that ask for them`
//!
//! A message is walked once, however many rules ask; each rule picks its own kinds of deviation, types and properties
//! ([`ModelCheck`]). How the files are written is described in `rules/models/README.md`.

pub mod check;
pub mod codes;
pub mod data_model;
pub mod errors;
pub mod formats;
pub mod json_ld;
pub mod load;
mod message_kind;
pub mod shown;
pub mod urls;
pub mod walk;
