//! What functions and members do.
//!
//! ```text
//! signatures, members: what there is ─► resolved when a rule is loaded
//! Builtins:            what it does  ─► called while an expression is evaluated
//! ```

pub(super) mod checks;
pub(super) mod functions;
pub(crate) mod money;
pub(super) mod nodes;
pub(super) mod refusal;
pub(super) mod select;

use std::sync::LazyLock;

use crate::rules::lang::context::Builtins;
use functions::FUNCTIONS;
use select::{member, select};

/// What functions and members do.
pub(crate) fn builtins() -> &'static Builtins {
    static BUILTINS: LazyLock<Builtins> =
        LazyLock::new(|| Builtins { functions: FUNCTIONS.into_iter().flatten().collect(), select, member });
    &BUILTINS
}
