//! The items of every `each`: where they come from, and what is kept of them.
//!
//! `each = path or expression ─► found when a rule first asks ─► items, each with room for shared parts`

use std::cell::Cell;

use crate::json::Value;
use crate::rules::lang::arena::Arena;
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::eval::evaluate;
use crate::rules::lang::memo::Memo;
use crate::rules::lang::node::ValueId;
use crate::rules::lang::path::Path;
use crate::rules::lang::value::EvalError;

/// What an `each` names, and its place among the different ones of a book.
#[derive(Debug, Clone)]
pub(crate) struct Each {
    pub items: ItemSource,
    /// Given by the book; 0 until then.
    pub place: usize,
}

/// Where the items of an `each` come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ItemSource {
    Path(Path),
    /// An expression that gives a list of nodes of the judged exchange.
    Nodes(ValueId),
}

impl ItemSource {
    /// Visits every item, in order.
    pub(crate) fn for_each<'a>(
        &self,
        context: &RuleContext<'a>,
        visit: &mut impl FnMut(Value<'a>),
    ) -> Result<(), EvalError> {
        let parsed = context.parsed;
        let nodes = match self {
            Self::Path(path) => return path.matches(parsed, visit),
            Self::Nodes(nodes) => evaluate(*nodes, context)?,
        };
        let elements = nodes.elements(context.arena);
        for element in elements.ok_or_else(|| {
            EvalError::unusable(format!("it looks at each item of a list, not of {}", nodes.name_of_kind()))
        })? {
            let is_own = |node: &Value<'a>| {
                [&parsed.request, &parsed.response].iter().any(|body| body.json().is_some_and(|body| node.is_of(body)))
            };
            match element.as_json().filter(is_own) {
                Some(node) => visit(node),
                None => return Err(EvalError::failed("each gives something else than nodes of the exchange")),
            }
        }
        Ok(())
    }
}

/// Most items of one `each` that keep the values of shared parts; those behind work them out each time.
const MAX_KEEPING: usize = 256;

/// A node that an `each` names.
#[derive(Debug)]
pub(crate) struct EachItem<'a> {
    pub value: Value<'a>,
    pub memo: Option<&'a Memo<'a>>,
}

/// The items of every `each`, found when a rule first asks.
#[derive(Debug)]
pub(crate) struct Items<'a>(&'a [Cell<Option<&'a [EachItem<'a>]>>]);

impl<'a> Items<'a> {
    /// Nothing found yet of so many different `each`.
    pub(crate) fn new(eaches: usize, arena: &'a Arena) -> Self {
        Self(arena.cells(eaches))
    }

    /// The items of the `each` with that place, each with room for shared parts.
    pub(crate) fn of(
        &self,
        each: usize,
        sources: &[ItemSource],
        context: &RuleContext<'a>,
    ) -> Result<&'a [EachItem<'a>], EvalError> {
        let (Some(found), Some(source)) = (self.0.get(each), sources.get(each)) else { return Ok(&[]) };
        if let Some(found) = found.get() {
            return Ok(found);
        }
        let slots = context.program.slots_of_items(each);
        let mut items = context.arena.vec();
        source.for_each(context, &mut |value| {
            let memo = (items.len() < MAX_KEEPING).then(|| &*context.arena.alloc(Memo::new(slots, context.arena)));
            items.push(EachItem { value, memo });
        })?;
        let items: &'a [EachItem<'a>] = items.into_bump_slice();
        found.set(Some(items));
        Ok(items)
    }
}
