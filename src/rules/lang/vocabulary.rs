//! What the language has beside operators and macros: functions, and the members of what stands for exchanges, flows and the
//! like. Names are resolved by these tables when a rule is loaded, and the reference is made of them.

mod functions;
mod members;

pub use functions::{Function, present_name};
pub use members::Member;
