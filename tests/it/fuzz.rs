//! Inputs that nobody would write: seeds of the project, torn apart and put together anew, into everything that reads
//! what comes from outside.
//!
//! `engine: seed → a few random changes → target` · content, judging, http1, http2: the targets, by subject
//!
//! Each target runs for a moment with every `cargo test`; `UMPIRE_FUZZ_SECONDS=180 cargo test --test it fuzz::content::har` runs one
//! for three minutes. `UMPIRE_FUZZ_SEED` repeats a run; the seed is printed when it fails. Runs on stable Rust: there is
//! no feedback from coverage, so the seeds are many and of the right shape.

mod content;
mod engine;
mod http1;
mod http2;
mod judging;
mod material;
mod readers;
