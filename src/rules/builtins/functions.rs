//! The functions that rules may call, beside the operators and macros of the language: one entry for each, with what it does.

mod answers;
mod credentials;
mod numbers;
mod recording;
mod texts;
mod values;

use crate::rules::lang::function::{Function, FunctionCall};
use crate::rules::lang::types::{Element, Type};

/// All functions, in the order of the reference.
pub(crate) static FUNCTIONS: [&[Function]; 6] = [
    values::FUNCTIONS,
    texts::FUNCTIONS,
    numbers::FUNCTIONS,
    answers::FUNCTIONS,
    recording::FUNCTIONS,
    credentials::FUNCTIONS,
];

const TEXTS: Type = Type::List(Element::Plain);

const NODES: Type = Type::List(Element::Node);

/// Steps of a look at all values of the first argument.
fn weight_of_first(call: &FunctionCall<'_, '_>) -> u32 {
    call.first().weight() / 4
}
