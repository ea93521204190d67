//! Recordings compared, and sent again.
//!
//! `captures/golden.har → changed here and there → diff` · `captures/golden.har → resend → sandbox → the same verdicts`

mod diff;
mod probe;
mod send;
mod support;
