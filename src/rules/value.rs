//! What an expression works with: values that borrow the exchange.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::arena::Arena;
use super::memory::{Flow, Memory};
use crate::json::{self, Kind, Value};
use crate::openbooking::Reading;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// What it needs can't be seen; the reason is for people.
    Unseen(Arc<str>),
    /// It takes longer than a rule may take.
    Exhausted(&'static str),
    /// The expression itself fails on this message.
    Fault(String),
}

impl Stop {
    pub fn fault(text: impl Into<String>) -> Self {
        Self::Fault(text.into())
    }
}

/// A value of an expression. Borrows the exchange and the arena (`'a`).
#[derive(Debug, Clone, Copy)]
pub enum Val<'a> {
    /// A member that isn't there.
    Absent,
    /// JSON null.
    Null,
    Bool(bool),
    Int(i64),
    Decimal(Decimal),
    /// A number beyond what decimals hold, as it stood on the wire.
    Beyond(&'a str),
    Str(&'a str),
    /// A node of a message, scalars included: it knows where it stands, so that `at` can point to it.
    Json(Value<'a>),
    List(&'a [Val<'a>]),
    Instant(Timestamp),
    Exchange(&'a Reading),
    Request(&'a Reading),
    Response(&'a Reading),
    RequestHeaders(&'a Reading),
    ResponseHeaders(&'a Reading),
    Call(&'a Reading),
    Flow(Option<&'a Flow>),
    /// The feed that the judged page belongs to.
    Feed(&'a Reading, &'a Memory),
    Recording(&'a Memory),
    /// Names by key: the first name seen of each error type, the tax mode of each Seller.
    Names(&'a HashMap<Box<str>, Box<str>>),
    /// What becomes of a refusal, by its place in [`Refusals`](super::refusal::Refusals).
    Refusal(usize),
    /// The marker for `refused`.
    Strict,
}

impl<'a> Val<'a> {
    /// The plain value behind a JSON scalar; anything else as it is.
    fn plain(self) -> Val<'a> {
        let Self::Json(value) = self else { return self };
        match value.kind() {
            Kind::Null => Self::Null,
            Kind::Bool => Self::Bool(value.as_bool().unwrap_or_default()),
            Kind::Number => Self::number(value.as_number().unwrap_or_default()),
            Kind::String => Self::text(value.as_str()),
            Kind::Array | Kind::Object => self,
        }
    }

    /// The number that a JSON literal stands for.
    pub fn number(literal: &'a str) -> Self {
        if let Ok(int) = literal.parse::<i64>() {
            return Self::Int(int);
        }
        json::decimal(literal).map_or(Self::Beyond(literal), Self::Decimal)
    }

    pub fn option(value: Option<Value<'a>>) -> Self {
        value.map_or(Self::Absent, Self::Json)
    }

    pub fn text(value: Option<&'a str>) -> Self {
        value.map_or(Self::Absent, Self::Str)
    }

    /// The seconds from one instant to another, to the millisecond.
    pub fn seconds_between(from: Timestamp, to: Timestamp) -> Self {
        let milliseconds = to.duration_since(from).as_millis();
        Self::Decimal(Decimal::new(i64::try_from(milliseconds).unwrap_or(i64::MAX), 3))
    }

    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            Self::Json(value) => value.as_str(),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Json(value) => value.as_bool(),
            _ => None,
        }
    }

    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Absent | Self::Null => true,
            Self::Json(value) => value.is_null(),
            _ => false,
        }
    }

    /// The elements that a macro, `in` or `size` runs over; `None` for what is no list.
    pub fn elements(self, arena: &'a Arena) -> Option<&'a [Val<'a>]> {
        match self {
            Self::Absent | Self::Null => Some(&[]),
            Self::Json(value) if value.is_null() => Some(&[]),
            Self::Json(value) if value.is_array() => arena.list(value.items().map(Val::Json)).elements(arena),
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// True if a list has the same elements as another, in the same order.
    fn same_list(self, other: Val<'_>) -> bool {
        match (self, other) {
            (Self::List(a), Val::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b)),
            (Self::List(list), Val::Json(array)) => {
                array.is_array()
                    && array.len() == list.len()
                    && array.items().zip(list).all(|(a, b)| Val::Json(a).equals(b))
            }
            (Self::Json(_), Val::List(_)) => other.same_list(self),
            _ => false,
        }
    }

    /// The number as a place in a list.
    pub fn place(&self) -> Option<usize> {
        match self.plain() {
            Self::Int(place) => usize::try_from(place).ok(),
            Self::Decimal(place) if place.is_integer() => usize::try_from(place).ok(),
            _ => None,
        }
    }

    /// Number of elements of a list.
    pub fn len(&self) -> u32 {
        match self {
            Self::Json(value) => value.len() as u32,
            Self::List(list) => list.len() as u32,
            _ => 0,
        }
    }

    /// About how many values a look at the whole of it sees.
    pub fn weight(&self) -> u32 {
        match self {
            Self::Json(value) => value.weight(),
            Self::List(list) => list.len() as u32,
            _ => 1,
        }
    }

    pub fn decimal(&self) -> Option<Decimal> {
        match self.plain() {
            Self::Int(int) => Some(Decimal::from(int)),
            Self::Decimal(decimal) => Some(decimal),
            _ => None,
        }
    }

    pub fn name_of_kind(&self) -> &'static str {
        match self.plain() {
            Self::Absent => "nothing",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Decimal(_) | Self::Beyond(_) => "a number",
            Self::Str(_) => "a string",
            Self::Json(value) if value.is_array() => "an array",
            Self::Json(_) => "an object",
            Self::List(_) => "a list",
            Self::Instant(_) => "an instant",
            _ => "no plain value",
        }
    }

    /// Equality as `==` has it. Values of different kinds are unequal; absent and null are equal.
    pub fn equals(&self, other: &Val<'_>) -> bool {
        if let (Some(a), Some(b)) = (self.as_str(), other.as_str()) {
            return a == b;
        }
        if let (Self::Json(a), Val::Json(b)) = (self, other) {
            return a.same(*b);
        }
        match (self.plain(), other.plain()) {
            (Self::Absent | Self::Null, Val::Absent | Val::Null) => true,
            (Self::Bool(a), Val::Bool(b)) => a == b,
            (Self::Int(a), Val::Int(b)) => a == b,
            (Self::Beyond(a), Val::Beyond(b)) => a == b,
            (Self::Instant(a), Val::Instant(b)) => a == b,
            (a @ (Self::Json(_) | Self::List(_)), b @ (Val::Json(_) | Val::List(_))) => a.same_list(b),
            (a, b) => a.decimal().is_some_and(|a| Some(a) == b.decimal()),
        }
    }

    /// Order of two numbers, strings or instants.
    pub fn compare(&self, other: &Val<'_>) -> Result<Ordering, Stop> {
        if let (Some(a), Some(b)) = (self.as_str(), other.as_str()) {
            return Ok(a.cmp(b));
        }
        match (self.plain(), other.plain()) {
            (Self::Int(a), Val::Int(b)) => Ok(a.cmp(&b)),
            (Self::Instant(a), Val::Instant(b)) => Ok(a.cmp(&b)),
            (a, b) => match (a.decimal(), b.decimal()) {
                (Some(a), Some(b)) => Ok(a.cmp(&b)),
                _ => Err(self.mismatch("compare", other)),
            },
        }
    }

    pub fn mismatch(&self, what: &str, other: &Val<'_>) -> Stop {
        Stop::fault(format!("cannot {what} {} and {}", self.name_of_kind(), other.name_of_kind()))
    }

    /// `+ - * / %`; `+` also joins strings and lists, `-` also gives the seconds between two instants.
    pub fn arithmetic(self, operator: Arithmetic, other: Val<'a>, arena: &'a Arena) -> Result<Val<'a>, Stop> {
        if operator == Arithmetic::Add {
            if let (Some(a), Some(b)) = (self.as_str(), other.as_str()) {
                return Ok(arena.text(&format!("{a}{b}")));
            }
            if let (Self::List(_) | Self::Json(_), Val::List(_) | Val::Json(_)) = (self, other)
                && let (Some(a), Some(b)) = (self.elements(arena), other.elements(arena))
            {
                return Ok(arena.list(a.iter().chain(b).copied()));
            }
        }
        if let (Arithmetic::Subtract, Self::Instant(a), Val::Instant(b)) = (operator, self, other) {
            return Ok(Self::seconds_between(b, a));
        }
        let (Some(a), Some(b)) = (self.decimal(), other.decimal()) else {
            return Err(self.mismatch("calculate with", &other));
        };
        let result = match operator {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Subtract => a.checked_sub(b),
            Arithmetic::Multiply => a.checked_mul(b),
            Arithmetic::Divide => a.checked_div(b),
            Arithmetic::Modulo => a.checked_rem(b),
        };
        result.map(Self::Decimal).ok_or_else(|| Stop::fault("a number went beyond its range, or was divided by zero"))
    }

    /// For people: strings bare, everything else as JSON; `nothing` for what isn't there. At most about 200 characters.
    pub fn show(&self) -> String {
        let text = match self.plain() {
            Self::Absent => "nothing".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Decimal(value) => value.to_string(),
            Self::Beyond(literal) => literal[..literal.len().min(MOST_SHOWN_BYTES)].to_owned(),
            Self::Str("") => "\"\"".to_owned(),
            Self::Str(text) => text[..text.floor_char_boundary(MOST_SHOWN_BYTES)].to_owned(),
            Self::Json(value) => value.to_json_up_to(MOST_SHOWN_BYTES),
            // More than these are not shown anyway.
            Self::List(list) => list.iter().take(MOST_SHOWN).map(Val::show).collect::<Vec<_>>().join(", "),
            Self::Instant(instant) => instant.to_string(),
            other => other.name_of_kind().to_owned(),
        };
        shorten(text)
    }
}

/// Most characters of a value that people are shown.
const MOST_SHOWN: usize = 200;

/// So many bytes have more characters than are shown.
const MOST_SHOWN_BYTES: usize = 4 * MOST_SHOWN;

/// Cuts a text for people at about 200 characters.
pub fn shorten(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(MOST_SHOWN) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// Operators of [`Val::arithmetic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values are moved about at every step of every expression.
    #[test]
    fn values_are_small() {
        assert!(size_of::<Val<'_>>() <= 24, "{}", size_of::<Val<'_>>());
        assert!(size_of::<Result<Val<'_>, Stop>>() <= 32, "{}", size_of::<Result<Val<'_>, Stop>>());
    }
}
