//! Room for what expressions make: lists, and texts that stand in no message.
//!
//! `exchange begins → values are made, none is given back → exchange ends → all of it is given back at once`
//!
//! So values are small, can be copied, and cost nothing to drop.

use bumpalo::Bump;

use super::value::Val;

/// Most memory that the values of one exchange take, in bytes; past it rules are "not judged".
pub const MAX_VALUES: usize = 64 << 20;

/// What is kept from one exchange to the next, in bytes.
const KEPT: usize = 1 << 20;

/// The room for one exchange.
#[derive(Debug, Default)]
pub struct Arena(Bump);

impl Arena {
    /// A list.
    pub fn list<'a>(&'a self, values: impl IntoIterator<Item = Val<'a>>) -> Val<'a> {
        Val::List(bumpalo::collections::Vec::from_iter_in(values, &self.0).into_bump_slice())
    }

    /// A list of elements that may fail.
    pub fn try_list<'a, E>(&'a self, values: impl IntoIterator<Item = Result<Val<'a>, E>>) -> Result<Val<'a>, E> {
        let values = values.into_iter();
        let mut list = bumpalo::collections::Vec::with_capacity_in(values.size_hint().0, &self.0);
        for value in values {
            list.push(value?);
        }
        Ok(Val::List(list.into_bump_slice()))
    }

    /// A list of strings.
    pub fn texts<'a, T: AsRef<str> + 'a>(&'a self, texts: impl IntoIterator<Item = &'a T>) -> Val<'a> {
        self.list(texts.into_iter().map(|text| Val::Str(text.as_ref())))
    }

    /// A text.
    pub fn text(&self, text: &str) -> Val<'_> {
        Val::Str(self.0.alloc_str(text))
    }

    /// True if there is no more room.
    pub fn is_full(&self) -> bool {
        self.0.allocated_bytes() > MAX_VALUES
    }

    /// Gives everything back.
    pub fn clear(&mut self) {
        if self.0.allocated_bytes() > KEPT {
            self.0 = Bump::new();
        } else {
            self.0.reset();
        }
    }
}
