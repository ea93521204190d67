//! What an expression works with: values that borrow the exchange.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::json::{self, JsonKind, Name, Value};
use crate::openbooking::ParsedExchange;
use crate::rules::lang::arena::Arena;
use crate::rules::lang::node::Arithmetic;
use crate::rules::models::json_ld::same_values;
use crate::rules::models::shown::{MOST_SHOWN, MOST_SHOWN_BYTES, shorten, show};
use crate::rules::state::credentials::CredentialsUnseen;
use crate::rules::state::exchange_ref::FirstSeenNames;
use crate::rules::state::flow::Flow;

/// Why an expression has no value. Small, because every step of every expression may give one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EvalError(Arc<ErrorKind>);

/// See [`EvalError`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ErrorKind {
    /// What it needs can't be seen; the reason is for people.
    Unseen(Arc<str>),
    /// It takes longer than a rule may take.
    Exhausted(&'static str),
    /// The message has a value that the expression can't use, such as a string where it looks through a list.
    Unusable(String),
    /// The expression itself fails on this message.
    Failed(String),
}

impl EvalError {
    pub(crate) fn unseen(reason: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(ErrorKind::Unseen(reason.into())))
    }

    pub(crate) fn exhausted(reason: &'static str) -> Self {
        Self(Arc::new(ErrorKind::Exhausted(reason)))
    }

    pub(crate) fn unusable(text: impl Into<String>) -> Self {
        Self(Arc::new(ErrorKind::Unusable(text.into())))
    }

    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self(Arc::new(ErrorKind::Failed(text.into())))
    }

    pub(crate) fn kind(&self) -> &ErrorKind {
        &self.0
    }

    pub(crate) fn is_exhaustion(&self) -> bool {
        matches!(*self.0, ErrorKind::Exhausted(_))
    }
}

impl From<CredentialsUnseen> for EvalError {
    fn from(CredentialsUnseen(reason): CredentialsUnseen) -> Self {
        Self::unseen(reason)
    }
}

/// A value of an expression. Borrows the exchange, the code and the arena (`'a`). A tag and one word, so that it goes through two
/// registers: what is larger stands in the arena.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Val<'a> {
    /// A member that isn't there.
    Absent,
    /// JSON null.
    Null,
    False,
    True,
    Int(i64),
    Decimal(&'a Decimal),
    /// A number beyond what decimals hold, as it stood on the wire.
    BigNumber(&'a &'a str),
    Str(&'a &'a str),
    /// A text of the program.
    Literal(&'a Name),
    /// A node of a message, scalars included: it knows where it stands, so that `at` can point to it. See
    /// [`Val::as_json`].
    Json(&'a Value<'a>),
    List(&'a &'a [Val<'a>]),
    Instant(&'a Timestamp),
    Exchange(&'a ParsedExchange),
    Request(&'a ParsedExchange),
    Response(&'a ParsedExchange),
    RequestHeaders(&'a ParsedExchange),
    ResponseHeaders(&'a ParsedExchange),
    Call(&'a ParsedExchange),
    Flow(Option<&'a Flow>),
    /// The feed that the judged page belongs to.
    Feed(&'a ParsedExchange),
    Recording,
    /// Names by key: the first name seen of each error type, the tax mode of each Seller.
    Names(&'a FirstSeenNames),
    /// What becomes of a refusal, by its place in [`Refusals`](crate::rules::builtins::refusal::Refusals).
    Refusal(usize),
    /// The marker for `refused`.
    Strict,
}

/// A value as operators see it: a JSON scalar is what it stands for.
#[derive(Clone, Copy)]
enum PlainValue<'a> {
    Nothing,
    Bool(bool),
    Int(i64),
    Decimal(Decimal),
    BigNumber(&'a str),
    Str(&'a str),
    Instant(Timestamp),
    Other,
}

impl<'a> PlainValue<'a> {
    fn number(literal: &'a str) -> Self {
        match literal.parse() {
            Ok(int) => Self::Int(int),
            Err(_) => json::decimal(literal).map_or(Self::BigNumber(literal), Self::Decimal),
        }
    }

    fn decimal(self) -> Option<Decimal> {
        match self {
            Self::Int(int) => Some(Decimal::from(int)),
            Self::Decimal(decimal) => Some(decimal),
            _ => None,
        }
    }
}

impl<'a> Val<'a> {
    pub(crate) const NO_LIST: Val<'static> = Val::List(&(&[] as &[Val<'static>]));

    pub(crate) fn bool(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    pub(crate) fn as_json(&self) -> Option<Value<'a>> {
        match self {
            Self::Json(value) => Some(**value),
            _ => None,
        }
    }

    fn plain(self) -> PlainValue<'a> {
        match self {
            Self::Absent | Self::Null => PlainValue::Nothing,
            Self::False => PlainValue::Bool(false),
            Self::True => PlainValue::Bool(true),
            Self::Int(value) => PlainValue::Int(value),
            Self::Decimal(value) => PlainValue::Decimal(*value),
            Self::BigNumber(literal) => PlainValue::BigNumber(literal),
            Self::Str(text) => PlainValue::Str(text),
            Self::Literal(text) => PlainValue::Str(text.as_str()),
            Self::Instant(instant) => PlainValue::Instant(*instant),
            Self::Json(value) => match value.kind() {
                JsonKind::Null => PlainValue::Nothing,
                JsonKind::Bool => PlainValue::Bool(value.as_bool().unwrap_or_default()),
                JsonKind::Number => PlainValue::number(value.as_number().unwrap_or_default()),
                JsonKind::String => PlainValue::Str(value.as_str().unwrap_or_default()),
                JsonKind::Array | JsonKind::Object => PlainValue::Other,
            },
            _ => PlainValue::Other,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            Self::Literal(text) => Some(text.as_str()),
            Self::Json(value) => value.as_str(),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Json(value) => value.as_bool(),
            _ => None,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Absent | Self::Null => true,
            Self::Json(value) => value.is_null(),
            _ => false,
        }
    }

    /// The node, if it is an array.
    pub(crate) fn as_array(&self) -> Option<Value<'a>> {
        self.as_json().filter(|value| value.is_array())
    }

    /// The node, if it is an object.
    pub(crate) fn as_object(&self) -> Option<Value<'a>> {
        self.as_json().filter(|value| value.is_object())
    }

    /// The elements that a macro, `in` or `size` runs over; `None` for what is no list.
    pub(crate) fn elements(self, arena: &'a Arena) -> Option<&'a [Val<'a>]> {
        match self {
            Self::List(list) => Some(list),
            _ if self.is_nothing() => Some(&[]),
            _ => arena.nodes(self.as_array()?.items()).elements(arena),
        }
    }

    /// True if a list has the same elements as another, in the same order.
    fn same_list(self, other: Val<'_>) -> bool {
        match (self, other) {
            (Self::List(a), Val::List(b)) => a.len() == b.len() && a.iter().zip(*b).all(|(a, b)| a.equals(b)),
            (Self::List(list), Val::Json(..)) => other.as_array().is_some_and(|array| {
                array.len() == list.len() && array.items().zip(*list).all(|(a, b)| Val::Json(&a).equals(b))
            }),
            (Self::Json(..), Val::List(_)) => other.same_list(self),
            _ => false,
        }
    }

    /// The number as a place in a list.
    pub(crate) fn place(&self) -> Option<usize> {
        match self.plain() {
            PlainValue::Int(place) => usize::try_from(place).ok(),
            PlainValue::Decimal(place) if place.is_integer() => usize::try_from(place).ok(),
            _ => None,
        }
    }

    /// Number of elements of a list.
    pub(crate) fn len(&self) -> u32 {
        match self {
            Self::Json(value) => value.len() as u32,
            Self::List(list) => list.len() as u32,
            _ => 0,
        }
    }

    /// About how many values a look at the whole of it sees.
    pub(crate) fn weight(&self) -> u32 {
        match self {
            Self::Json(value) => value.weight(),
            Self::List(list) => list.len() as u32,
            _ => 1,
        }
    }

    pub(crate) fn decimal(&self) -> Option<Decimal> {
        self.plain().decimal()
    }

    pub(crate) fn name_of_kind(&self) -> &'static str {
        match self.plain() {
            PlainValue::Nothing if matches!(self, Self::Absent) => "nothing",
            PlainValue::Nothing => "null",
            PlainValue::Bool(_) => "a boolean",
            PlainValue::Int(_) | PlainValue::Decimal(_) | PlainValue::BigNumber(_) => "a number",
            PlainValue::Str(_) => "a string",
            PlainValue::Instant(_) => "an instant",
            PlainValue::Other => match self {
                Self::Json(..) if self.as_array().is_some() => "an array",
                Self::Json(..) => "an object",
                Self::List(_) => "a list",
                _ => "no plain value",
            },
        }
    }

    /// Equality as `==` has it. Values of different kinds are unequal; absent and null are equal.
    pub(crate) fn equals(&self, other: &Val<'_>) -> bool {
        if let (Some(a), Some(b)) = (self.as_json(), other.as_json()) {
            return same_values(a, b);
        }
        match (self.plain(), other.plain()) {
            (PlainValue::Str(a), PlainValue::Str(b)) | (PlainValue::BigNumber(a), PlainValue::BigNumber(b)) => a == b,
            (PlainValue::Nothing, PlainValue::Nothing) => true,
            (PlainValue::Bool(a), PlainValue::Bool(b)) => a == b,
            (PlainValue::Int(a), PlainValue::Int(b)) => a == b,
            (PlainValue::Instant(a), PlainValue::Instant(b)) => a == b,
            (PlainValue::Other, PlainValue::Other) => self.same_list(*other),
            (a, b) => a.decimal().is_some_and(|a| Some(a) == b.decimal()),
        }
    }

    /// Order of two numbers, strings or instants.
    pub(crate) fn compare(&self, other: &Val<'_>) -> Result<Ordering, EvalError> {
        match (self.plain(), other.plain()) {
            (PlainValue::Str(a), PlainValue::Str(b)) => Ok(a.cmp(b)),
            (PlainValue::Int(a), PlainValue::Int(b)) => Ok(a.cmp(&b)),
            (PlainValue::Instant(a), PlainValue::Instant(b)) => Ok(a.cmp(&b)),
            (a, b) => match (a.decimal(), b.decimal()) {
                (Some(a), Some(b)) => Ok(a.cmp(&b)),
                _ => Err(self.mismatch("compare", other)),
            },
        }
    }

    pub(crate) fn mismatch(&self, what: &str, other: &Val<'_>) -> EvalError {
        EvalError::unusable(format!("it can't {what} {} and {}", self.name_of_kind(), other.name_of_kind()))
    }

    /// `+ - * / %`; `+` also joins strings and lists, `-` also gives the seconds between two instants.
    pub(crate) fn arithmetic(
        self,
        operator: Arithmetic,
        other: Val<'a>,
        arena: &'a Arena,
    ) -> Result<Val<'a>, EvalError> {
        if operator == Arithmetic::Add {
            if let (Some(a), Some(b)) = (self.as_str(), other.as_str()) {
                return Ok(arena.text(&format!("{a}{b}")));
            }
            if let (Self::List(_) | Self::Json(..), Val::List(_) | Val::Json(..)) = (self, other)
                && let (Some(a), Some(b)) = (self.elements(arena), other.elements(arena))
            {
                return Ok(arena.list(a.iter().chain(b).copied()));
            }
        }
        if let (Arithmetic::Subtract, Self::Instant(a), Val::Instant(b)) = (operator, self, other) {
            return Ok(arena.seconds_between(*b, *a));
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
        result
            .map(|result| arena.decimal(result))
            .ok_or_else(|| EvalError::unusable("a number goes beyond its range, or is divided by zero"))
    }

    /// For people: strings bare, everything else as JSON; `nothing` for what isn't there. At most about 200 characters.
    pub(crate) fn show(&self) -> String {
        if let Self::Json(value) = self {
            return show(Some(**value));
        }
        let text = match self.plain() {
            PlainValue::Nothing => if matches!(self, Self::Absent) { "nothing" } else { "null" }.to_owned(),
            PlainValue::Bool(value) => value.to_string(),
            PlainValue::Int(value) => value.to_string(),
            PlainValue::Decimal(value) => value.to_string(),
            PlainValue::BigNumber(literal) => literal[..literal.len().min(MOST_SHOWN_BYTES)].to_owned(),
            PlainValue::Str("") => "\"\"".to_owned(),
            PlainValue::Str(text) => text[..text.floor_char_boundary(MOST_SHOWN_BYTES)].to_owned(),
            PlainValue::Instant(instant) => instant.to_string(),
            PlainValue::Other => match self {
                // More than these are not shown anyway.
                Self::List(list) => list.iter().take(MOST_SHOWN).map(Val::show).collect::<Vec<_>>().join(", "),
                other => other.name_of_kind().to_owned(),
            },
        };
        shorten(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values are moved about at every step of every expression.
    #[test]
    fn values_are_small() {
        assert_eq!(size_of::<Val<'_>>(), 16);
        assert_eq!(size_of::<Result<Val<'_>, EvalError>>(), 16);
        assert_eq!(size_of::<Result<bool, EvalError>>(), 16);
    }
}
