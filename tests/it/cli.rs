//! The command line: exit statuses, and one clear message for each bad input.
//!
//! `arguments, files → umpire (a process of its own) → status, standard output, standard error`

mod aliases;
mod check;
mod output;
mod plurals;
mod recordings;
mod rules;
mod settings;
pub mod support;
mod unjudged;
mod usage;
mod versions;
mod writing;
