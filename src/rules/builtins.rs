//! What functions and members do.
//!
//! ```text
//! vocabulary: what there is ─► resolved when a rule is loaded
//! BUILTINS:   what it does  ─► called while an expression is evaluated
//! ```

mod select;

use super::context::Builtins;
use super::functions::{call, cost};

pub use select::seen_in;
use select::{member, select};

/// What functions and members do.
pub static BUILTINS: Builtins = Builtins { call, cost, select, member };
