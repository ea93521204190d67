//! What a function does, and with what.

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::rules::lang::arena::Arena;
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::signature::Signature;
use crate::rules::lang::types::Type;
use crate::rules::lang::value::{EvalError, Val};
use crate::rules::state::exchange_ref::ExchangeRef;

/// A function that rules may call.
#[derive(Debug)]
pub(crate) struct Function {
    pub signature: Signature,
    /// Finds the earlier exchange that its value comes from.
    pub found_in: Option<fn(&FunctionCall<'_, '_>) -> Option<ExchangeRef>>,
    /// Steps that a call counts for, beside the one of every node. Functions that look at many values have it.
    pub cost: Option<fn(&FunctionCall<'_, '_>) -> u32>,
    pub apply: Apply,
}

/// What a function does. The number of arguments was checked when the rule was compiled.
pub(crate) type Apply = for<'c, 'a> fn(&FunctionCall<'c, 'a>) -> Result<Val<'a>, EvalError>;

/// An entry of a table of functions; [`Signature`] says what is what.
pub(crate) const fn function(
    name: &'static str,
    arguments: [usize; 2],
    gives: Type,
    usage: &'static str,
    meaning: &'static str,
    apply: Apply,
) -> Function {
    let signature = Signature {
        name,
        arguments,
        gives,
        gives_element: false,
        usage,
        meaning,
        is_cheap: false,
        looks_at_earlier: false,
    };
    Function { signature, found_in: None, cost: None, apply }
}

impl Function {
    pub(crate) const fn cheap(self) -> Self {
        Self { signature: Signature { is_cheap: true, ..self.signature }, ..self }
    }

    pub(crate) const fn gives_element(self) -> Self {
        Self { signature: Signature { gives_element: true, ..self.signature }, ..self }
    }

    pub(crate) const fn of_earlier(self) -> Self {
        Self { signature: Signature { looks_at_earlier: true, ..self.signature }, ..self }
    }

    pub(crate) const fn found_in(self, find: fn(&FunctionCall<'_, '_>) -> Option<ExchangeRef>) -> Self {
        Self { found_in: Some(find), ..self }
    }

    pub(crate) const fn costs(self, cost: fn(&FunctionCall<'_, '_>) -> u32) -> Self {
        Self { cost: Some(cost), ..self }
    }
}

/// The arguments of a call, and what it may look at.
#[derive(Clone, Copy)]
pub(crate) struct FunctionCall<'c, 'a> {
    pub arguments: &'c [Val<'a>],
    pub context: &'c RuleContext<'a>,
}

impl<'a> FunctionCall<'_, 'a> {
    pub(crate) fn first(&self) -> &Val<'a> {
        self.argument(0)
    }

    pub(crate) fn second(&self) -> &Val<'a> {
        self.argument(1)
    }

    pub(crate) fn third(&self) -> &Val<'a> {
        self.argument(2)
    }

    /// An argument; absent if it isn't given.
    fn argument(&self, place: usize) -> &Val<'a> {
        self.arguments.get(place).unwrap_or(&Val::Absent)
    }

    /// The first argument, if it is a text.
    pub(crate) fn text(&self) -> Option<&'a str> {
        self.first().as_str()
    }

    /// The first argument as an `@id`: a text, or that of an object.
    pub(crate) fn id(&self) -> Option<&'a str> {
        match self.first().as_object() {
            Some(node) => node.get("@id")?.as_str(),
            None => self.text(),
        }
    }

    /// The elements of the first argument; none if it is no list.
    pub(crate) fn elements(&self) -> &'a [Val<'a>] {
        self.first().elements(self.arena()).unwrap_or_default()
    }

    /// Room for what is given.
    pub(crate) fn arena(&self) -> &'a Arena {
        self.context.arena
    }

    /// A text of its own, if there is one.
    pub(crate) fn owned(&self, text: Option<String>) -> Val<'a> {
        text.map_or(Val::Absent, |text| self.arena().text(&text))
    }

    /// A number, if there is one.
    pub(crate) fn number(&self, number: Option<Decimal>) -> Val<'a> {
        number.map_or(Val::Absent, |number| self.arena().decimal(number))
    }

    /// An instant, if there is one.
    pub(crate) fn instant(&self, instant: Option<Timestamp>) -> Val<'a> {
        instant.map_or(Val::Absent, |instant| self.arena().instant(instant))
    }
}
