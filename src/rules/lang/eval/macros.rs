//! The macros: `all`, `exists`, `exists_one`, `filter` and `map`.

use smallvec::SmallVec;

use super::{Evaluation, Interrupted};
use crate::rules::lang::node::{BoolId, Quantifier, ValueId};
use crate::rules::lang::value::{EvalError, Val};

/// Elements of a result that take no room on the heap while it is made.
const FEW: usize = 8;

impl<'a> Evaluation<'_, 'a> {
    #[inline(never)]
    pub(super) fn quantify(
        &mut self,
        quantifier: Quantifier,
        range: ValueId,
        body: BoolId,
    ) -> Result<bool, Interrupted> {
        let mut count = 0_usize;
        // As with && and ||: a later element may still decide.
        let mut failed: Option<EvalError> = None;
        let decided = self.for_each(range, |evaluation, _| {
            match evaluation.bool(body) {
                Ok(holds) => match quantifier {
                    Quantifier::All if !holds => return Ok(Some(false)),
                    Quantifier::Exists if holds => return Ok(Some(true)),
                    _ => count += usize::from(holds),
                },
                Err(Interrupted) => {
                    let stop = evaluation.kind();
                    if quantifier == Quantifier::ExistsOne || stop.is_exhaustion() {
                        return evaluation.halt(stop);
                    }
                    failed.get_or_insert(stop);
                }
            }
            Ok(None)
        })?;
        match (decided, failed) {
            (Some(decided), _) => Ok(decided),
            (None, Some(stop)) => self.halt(stop),
            (None, None) => Ok(match quantifier {
                Quantifier::All => true,
                Quantifier::Exists => false,
                Quantifier::ExistsOne => count == 1,
            }),
        }
    }

    #[inline(never)]
    pub(super) fn filter(&mut self, range: ValueId, condition: BoolId) -> Result<Val<'a>, Interrupted> {
        let mut kept = SmallVec::<[Val<'a>; FEW]>::new();
        self.for_each(range, |evaluation, element| {
            if evaluation.bool(condition)? {
                kept.push(element);
            }
            Ok(None::<()>)
        })?;
        self.room()?;
        Ok(self.context.arena.list(kept))
    }

    #[inline(never)]
    pub(super) fn map(
        &mut self,
        range: ValueId,
        value: ValueId,
        condition: Option<BoolId>,
    ) -> Result<Val<'a>, Interrupted> {
        let mut made = SmallVec::<[Val<'a>; FEW]>::new();
        self.for_each(range, |evaluation, _| {
            if condition.map_or(Ok(true), |condition| evaluation.bool(condition))? {
                made.push(evaluation.value(value)?);
            }
            Ok(None::<()>)
        })?;
        self.room()?;
        Ok(self.context.arena.list(made))
    }

    /// Looks at each element of a list, as the variable of a macro, until `look` gives something.
    fn for_each<T>(
        &mut self,
        range: ValueId,
        mut look: impl FnMut(&mut Self, Val<'a>) -> Result<Option<T>, Interrupted>,
    ) -> Result<Option<T>, Interrupted> {
        let range = self.value(range)?;
        let mut look_at = |evaluation: &mut Self, element| {
            evaluation.locals.push(element);
            let result = look(evaluation, element);
            evaluation.locals.pop();
            result
        };
        if let Val::List(list) = range {
            for &element in *list {
                if let Some(found) = look_at(self, element)? {
                    return Ok(Some(found));
                }
            }
        } else if let Some(list) = range.as_array() {
            let arena = self.context.arena;
            for element in list.items() {
                if let Some(found) = look_at(self, arena.json(element))? {
                    return Ok(Some(found));
                }
            }
        } else if !range.is_nothing() {
            return self.unusable(|| format!("it looks through a list, not through {}", range.name_of_kind()));
        }
        Ok(None)
    }
}
