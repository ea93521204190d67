//! Wrong requests that the rules know of, made of good ones and sent: how does the booking system answer?
//!
//! ```text
//! recording ─► good bookings ─┐
//! rules ─► RequestChange ─────┴─► plan: Probe { good steps before, wrong request } ─► run ─► capture
//! capture ─► judged ─► the rules on refusals ─► ProbeRow { asked, expected, answered, verdict }
//! ```
//!
//! Each probe is a booking of its own, with a fresh Order UUID, which is taken back afterwards.

mod plan;
mod run;
mod verdict;

pub(crate) use plan::{Probe, ProbePlan, ProbeSelection};
pub(crate) use run::run;
pub(crate) use run::{ProbeOutcome, ProbeProgress};
pub(crate) use verdict::rows;
pub(crate) use verdict::{JudgedAnswer, ProbeRow, ProbeVerdict, judge_answers};
