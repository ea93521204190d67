//! What the documents say is so: commands run, numbers are those of the program, pictures are what it draws.
//!
//! `README.md, docs/, … → blocks, spans, tables → the program → compared`
//!
//! Where a test says that something is stale, `UMPIRE_REWRITE_DOCS=1 cargo test --test it docs::` writes it anew.

#[cfg(unix)]
mod commands;
mod film;
mod keys;
mod links;
mod markdown;
mod numbers;
mod picture;
mod svg;
#[cfg(unix)]
mod shell;
mod usage;
#[cfg(unix)]
mod words;
