//! The macros: `all`, `exists`, `exists_one`, `filter` and `map`.

use smallvec::SmallVec;

use super::{Evaluation, Interrupted};
use crate::rules::lang::program::{MacroKind, Node, NodeId};
use crate::rules::lang::value::Val;

/// Elements of a result that take no room on the heap while it is made.
const FEW: usize = 8;

impl<'a> Evaluation<'_, 'a> {
    #[inline(never)]
    pub(super) fn fold(&mut self, kind: MacroKind, range: NodeId, body: NodeId) -> Result<Val<'a>, Interrupted> {
        let range = self.value(range)?;
        match range {
            Val::List(list) => self.fold_over(kind, body, list.iter().copied()),
            _ => match range.as_array() {
                Some(list) => {
                    let arena = self.context.arena;
                    self.fold_over(kind, body, list.items().map(|value| arena.json(value)))
                }
                None if range.is_nothing() => self.fold_over(kind, body, std::iter::empty()),
                None => self.fault(|| format!("a macro runs over a list, not {}", range.name_of_kind())),
            },
        }
    }

    fn fold_over(
        &mut self,
        kind: MacroKind,
        body: NodeId,
        elements: impl Iterator<Item = Val<'a>>,
    ) -> Result<Val<'a>, Interrupted> {
        let mut kept = SmallVec::new();
        let mut count = 0_usize;
        let mut failed = None;
        for element in elements {
            self.locals.push(element);
            let outcome = self.fold_one(kind, body, element, &mut kept, &mut count);
            self.locals.pop();
            match outcome {
                Ok(None) => {}
                Ok(Some(decided)) => return Ok(Val::bool(decided)),
                // As with && and ||: a later element may still decide.
                Err(Interrupted) => {
                    let stop = self.kind();
                    if !matches!(kind, MacroKind::All | MacroKind::Exists) || stop.is_exhaustion() {
                        return self.halt(stop);
                    }
                    failed = failed.or(Some(stop));
                }
            }
        }
        if let Some(stop) = failed {
            return self.halt(stop);
        }
        Ok(match kind {
            MacroKind::All => Val::bool(true),
            MacroKind::Exists => Val::bool(false),
            MacroKind::ExistsOne => Val::bool(count == 1),
            MacroKind::Filter | MacroKind::Map => {
                self.room()?;
                self.context.arena.list(kept)
            }
        })
    }

    fn fold_one(
        &mut self,
        kind: MacroKind,
        body: NodeId,
        element: Val<'a>,
        kept: &mut SmallVec<[Val<'a>; FEW]>,
        count: &mut usize,
    ) -> Result<Option<bool>, Interrupted> {
        match kind {
            MacroKind::All => return Ok((!self.truth(body)?).then_some(false)),
            MacroKind::Exists => return Ok(self.truth(body)?.then_some(true)),
            MacroKind::ExistsOne => *count += usize::from(self.truth(body)?),
            MacroKind::Filter => {
                if self.truth(body)? {
                    kept.push(element);
                }
            }
            MacroKind::Map => match *self.context.program.node(body) {
                Node::Filtered(filter, value) => {
                    if self.truth(filter)? {
                        kept.push(self.value(value)?);
                    }
                }
                _ => kept.push(self.value(body)?),
            },
        }
        Ok(None)
    }
}
