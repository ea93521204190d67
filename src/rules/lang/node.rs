//! The parts that expressions are made of.
//!
//! - a [`BoolNode`] is true or false
//! - a [`PathNode`] names a node of a message: `request.body.customer.email` is one part
//! - a [`ValueNode`] is everything else

use rust_decimal::Decimal;

use crate::rules::lang::members::Member;
use crate::rules::lang::types::Type;

/// Place of a part that is true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BoolId(pub(super) u32);

/// Place of a part with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ValueId(pub(super) u32);

/// Place of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PathId(pub(super) u32);

/// Place of any part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NodeId {
    Bool(BoolId),
    Value(ValueId),
    Path(PathId),
}

/// Place of a name or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TextId(pub(super) u32);

/// Place of a function among those of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FunctionId(pub(super) u8);

/// Place of several parts of one kind, of a list or of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Span(pub(super) u32);

/// A part that is true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BoolNode {
    Constant(bool),
    /// `a && b && …`
    All(Span),
    /// `a || b || …`
    Any(Span),
    Not(BoolId),
    /// A condition, and the two parts of which it chooses one.
    Conditional(BoolId, Span),
    /// A value that has to be true or false.
    Value(ValueId),
    Equal(ValueId, ValueId),
    /// `x == "text"`
    IsText(ValueId, TextId),
    /// `x == null`
    IsNothing(ValueId),
    PathIsText(PathId, TextId),
    PathIsNothing(PathId),
    /// `has(…)` of a path.
    Exists(PathId),
    /// `has(x.name)`
    Has(ValueId, TextId),
    Compare(Comparison, ValueId, ValueId),
    In(ValueId, ValueId),
    /// `x in [a, b, …]`
    OneOf(ValueId, Span),
    /// A macro by its range and what it asks of each element.
    Macro(Quantifier, ValueId, BoolId),
    /// A text and a pattern, by its place.
    Matches(ValueId, u32),
    Call(FunctionId, Span),
    /// A part that is asked for more than once, and its slot in the memo.
    Shared(MemoScope, u16, BoolId),
}

/// A part with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ValueNode {
    Null,
    /// The word `strict`.
    Strict,
    Text(TextId),
    /// A number, by its place.
    Number(u32),
    Root(PathRoot),
    /// A variable of a macro: of the innermost one around for 0, of the next one for 1. So a part that names no variable of
    /// the macros around it is the same node at any depth.
    Local(u32),
    Bool(BoolId),
    Path(PathId),
    /// A member of a node that is no path, or of what has any members.
    Member(ValueId, TextId),
    /// A member that was resolved when the rule was loaded.
    Select(ValueId, Member),
    Index(ValueId, ValueId),
    /// A condition, and the two parts of which it chooses one.
    Conditional(BoolId, Span),
    Arithmetic(Arithmetic, ValueId, ValueId),
    Negate(ValueId),
    List(Span),
    Filter(ValueId, BoolId),
    Map(ValueId, ValueId),
    /// `list.map(x, …)` of the elements for which a condition holds, the last part.
    MapWhere(Span, BoolId),
    Call(FunctionId, Span),
    /// A part that is asked for more than once, and its slot in the memo.
    Shared(MemoScope, u16, ValueId),
}

/// A chain of members from a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PathNode {
    pub start: PathStart,
    /// The longest part of the chain that has a slot of its own.
    pub from: Option<PathId>,
    /// The names behind `from`, or behind the start.
    pub names: Span,
    /// Its slot in the memo, if it is asked for more than once.
    pub slot: Option<u16>,
}

/// A message of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MessageSide {
    Request,
    Response,
}

/// What a path starts at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PathStart {
    Body(MessageSide),
    /// The item of an `each`.
    Item,
    /// A variable of a macro, which is a node or nothing.
    Local(u32),
}

impl PathStart {
    /// The memo that keeps what paths from here lead to; `None` where nothing is kept.
    pub(crate) fn scope(self) -> Option<MemoScope> {
        match self {
            Self::Body(_) => Some(MemoScope::Exchange),
            Self::Item => Some(MemoScope::Item),
            Self::Local(_) => None,
        }
    }
}

/// What a shared part depends on, and keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MemoScope {
    Exchange,
    /// The item of an `each`.
    Item,
}

/// A literal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NumberLiteral {
    Int(i64),
    Decimal(Decimal),
}

/// `<`, `<=`, `>`, `>=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// `+ - * / %`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// The macros that are true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Quantifier {
    All,
    Exists,
    ExistsOne,
}

/// Slots for shared parts, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SlotCounts {
    pub bools: usize,
    pub values: usize,
    pub paths: usize,
}

/// The names an expression starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PathRoot {
    Request,
    Response,
    Call,
    Stage,
    Item,
    Flow,
    Feed,
    Recording,
    Seen,
    Expected,
}

impl PathRoot {
    /// All names.
    pub(crate) const NAMES: [&str; 10] =
        ["request", "response", "call", "stage", "item", "flow", "feed", "recording", "seen", "expected"];

    /// What it gives.
    pub(crate) fn gives(self) -> Type {
        match self {
            Self::Request => Type::Request,
            Self::Response => Type::Response,
            Self::Call => Type::Call,
            Self::Stage | Self::Seen | Self::Expected => Type::Plain,
            Self::Item => Type::Node,
            Self::Flow => Type::Flow,
            Self::Feed => Type::Feed,
            Self::Recording => Type::Recording,
        }
    }

    /// The root with a name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "request" => Self::Request,
            "response" => Self::Response,
            "call" => Self::Call,
            "stage" => Self::Stage,
            "item" => Self::Item,
            "flow" => Self::Flow,
            "feed" => Self::Feed,
            "recording" => Self::Recording,
            "seen" => Self::Seen,
            "expected" => Self::Expected,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that an exchange is asked has to fit in a cache.
    #[test]
    fn nodes_are_small() {
        assert!(size_of::<BoolNode>() <= 12, "{}", size_of::<BoolNode>());
        assert!(size_of::<ValueNode>() <= 12, "{}", size_of::<ValueNode>());
    }
}
