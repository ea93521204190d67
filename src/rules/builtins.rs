//! What the language of rules has beside operators and macros: functions, and the members of what
//! stands for exchanges, flows and the like.
//!
//! ```text
//! members: one table of names, types and meanings ─► resolved when a rule is loaded, and documented
//!    └► select: what each gives
//! ```

mod functions;
mod members;
mod select;

pub use functions::{Function, present_name};
pub use members::Member;
pub use select::{member, seen_in, select};
