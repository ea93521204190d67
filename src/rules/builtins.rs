//! What functions and members do.
//!
//! ```text
//! vocabulary: what there is ─► resolved when a rule is loaded
//! BUILTINS:   what it does  ─► called while an expression is evaluated
//! ```

pub mod calls;
pub mod checks;
pub mod money;
pub mod nodes;
pub mod refusal;
pub mod select;

use crate::rules::lang::context::Builtins;
use calls::{call, cost};

use select::{member, select};

/// What functions and members do.
pub static BUILTINS: Builtins = Builtins { call, cost, select, member };
