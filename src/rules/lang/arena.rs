//! Room for what expressions make: lists, and texts that stand in no message.
//!
//! `exchange begins → values are made, none is given back → exchange ends → all of it is given back at once`
//!
//! So values are small, can be copied, and cost nothing to drop.

use std::cell::Cell;

use bumpalo::Bump;
use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::json::{self, Value};
use crate::rules::lang::value::Val;

/// Most memory that the values of one exchange take, in bytes; past it rules are "not judged".
pub(crate) const MAX_VALUES: usize = 64 << 20;

/// What is kept from one exchange to the next, in bytes.
const KEPT: usize = 1 << 20;

/// The room for one exchange.
#[derive(Debug, Default)]
pub(crate) struct Arena(Bump);

impl Arena {
    /// A list.
    pub(crate) fn list<'a>(&'a self, values: impl IntoIterator<Item = Val<'a>>) -> Val<'a> {
        self.slice(bumpalo::collections::Vec::from_iter_in(values, &self.0).into_bump_slice())
    }

    /// A list of elements that may fail.
    pub(crate) fn try_list<'a, E>(
        &'a self,
        values: impl IntoIterator<Item = Result<Val<'a>, E>>,
    ) -> Result<Val<'a>, E> {
        let values = values.into_iter();
        let mut list = bumpalo::collections::Vec::with_capacity_in(values.size_hint().0, &self.0);
        for value in values {
            list.push(value?);
        }
        Ok(self.slice(list.into_bump_slice()))
    }

    /// A node of a message; nothing, if there is none.
    pub(crate) fn node<'a>(&'a self, value: Option<Value<'a>>) -> Val<'a> {
        value.map_or(Val::Absent, |value| self.json(value))
    }

    /// A node of a message.
    pub(crate) fn json<'a>(&'a self, value: Value<'a>) -> Val<'a> {
        Val::Json(self.0.alloc(value))
    }

    /// A list of nodes.
    pub(crate) fn nodes<'a>(&'a self, values: impl IntoIterator<Item = Value<'a>>) -> Val<'a> {
        self.list(values.into_iter().map(|value| self.json(value)))
    }

    /// A list that stands elsewhere.
    pub(crate) fn slice<'a>(&'a self, list: &'a [Val<'a>]) -> Val<'a> {
        Val::List(self.0.alloc(list))
    }

    /// A list of strings.
    pub(crate) fn texts<'a, T: AsRef<str> + 'a>(&'a self, texts: impl IntoIterator<Item = &'a T>) -> Val<'a> {
        self.list(texts.into_iter().map(|text| self.str(text.as_ref())))
    }

    /// A text of its own.
    pub(crate) fn text(&self, text: &str) -> Val<'_> {
        self.str(self.0.alloc_str(text))
    }

    /// A text that stands elsewhere.
    pub(crate) fn str<'a>(&'a self, text: &'a str) -> Val<'a> {
        Val::Str(self.0.alloc(text))
    }

    /// A text that stands elsewhere, if it is there.
    pub(crate) fn maybe<'a>(&'a self, text: Option<&'a str>) -> Val<'a> {
        text.map_or(Val::Absent, |text| self.str(text))
    }

    /// A number.
    pub(crate) fn decimal(&self, number: Decimal) -> Val<'_> {
        Val::Decimal(self.0.alloc(number))
    }

    /// The number that a JSON literal stands for.
    pub(crate) fn number<'a>(&'a self, literal: &'a str) -> Val<'a> {
        if let Ok(int) = literal.parse() {
            return Val::Int(int);
        }
        json::decimal(literal).map_or_else(|| Val::BigNumber(self.0.alloc(literal)), |number| self.decimal(number))
    }

    /// An instant.
    pub(crate) fn instant(&self, instant: Timestamp) -> Val<'_> {
        Val::Instant(self.0.alloc(instant))
    }

    /// The seconds from one instant to another, to the millisecond.
    pub(crate) fn seconds_between(&self, from: Timestamp, to: Timestamp) -> Val<'_> {
        let milliseconds = to.duration_since(from).as_millis();
        self.decimal(Decimal::new(i64::try_from(milliseconds).unwrap_or(i64::MAX), 3))
    }

    /// Cells, each empty or zero.
    pub(crate) fn cells<T: Copy + Default>(&self, count: usize) -> &[Cell<T>] {
        self.0.alloc_slice_fill_default(count)
    }

    /// Any value that lives as long as the exchange is judged, and has nothing to drop.
    pub(crate) fn alloc<T>(&self, value: T) -> &mut T {
        self.0.alloc(value)
    }

    /// A list to be filled. What it holds is not dropped.
    pub(crate) fn vec<T>(&self) -> bumpalo::collections::Vec<'_, T> {
        bumpalo::collections::Vec::new_in(&self.0)
    }

    /// True if there is no more room.
    pub(crate) fn is_full(&self) -> bool {
        self.0.allocated_bytes() > MAX_VALUES
    }

    /// Gives everything back.
    pub(crate) fn clear(&mut self) {
        if self.0.allocated_bytes() > KEPT {
            self.0 = Bump::new();
        } else {
            self.0.reset();
        }
    }
}
