//! What a part of an expression gives, as far as that is known when a rule is loaded.

/// A type. Nodes of messages have any members; what stands for exchanges, flows and the like has those of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// Not known.
    Any,
    /// `null`, or nothing.
    Nothing,
    /// A text, a number, an instant; true or false among others.
    Plain,
    /// True or false.
    Bool,
    /// A node of a message.
    Node,
    List(Element),
    Exchange,
    Request,
    Response,
    /// Header fields by name.
    Headers,
    Call,
    Flow,
    Feed,
    Recording,
    /// Texts by key.
    Names,
}

/// What the elements of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Any,
    Plain,
    Node,
    Exchange,
    Request,
    Response,
    Call,
    Flow,
}

impl Type {
    /// What an element of a list of this type is.
    pub(crate) fn element(self) -> Self {
        match self {
            Self::List(Element::Plain) => Self::Plain,
            Self::List(Element::Node) | Self::Node => Self::Node,
            Self::List(Element::Exchange) => Self::Exchange,
            Self::List(Element::Request) => Self::Request,
            Self::List(Element::Response) => Self::Response,
            Self::List(Element::Call) => Self::Call,
            Self::List(Element::Flow) => Self::Flow,
            _ => Self::Any,
        }
    }

    /// A list of elements of this type.
    pub(crate) fn list(self) -> Self {
        Self::List(match self {
            Self::Plain | Self::Bool => Element::Plain,
            Self::Node => Element::Node,
            Self::Exchange => Element::Exchange,
            Self::Request => Element::Request,
            Self::Response => Element::Response,
            Self::Call => Element::Call,
            Self::Flow => Element::Flow,
            _ => Element::Any,
        })
    }

    /// The type of a value that is one of two.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, only) | (only, Self::Nothing) => only,
            (one, other) if one == other => one,
            (Self::Plain | Self::Bool, Self::Plain | Self::Bool) => Self::Plain,
            _ => Self::Any,
        }
    }

    /// For an error message, and for the reference.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Nothing => "nothing",
            Self::Plain | Self::Bool => "a plain value",
            Self::Node => "a node of a message",
            Self::List(Element::Exchange) => "a list of exchanges",
            Self::List(Element::Flow) => "a list of flows",
            Self::List(_) => "a list",
            Self::Exchange => "an exchange",
            Self::Request => "a request",
            Self::Response => "a response",
            Self::Headers => "header fields",
            Self::Call => "a call",
            Self::Flow => "a flow",
            Self::Feed => "a feed",
            Self::Recording => "the recording",
            Self::Names => "a map",
        }
    }
}
