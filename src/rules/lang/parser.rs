//! The text of an expression → its syntax tree. The language is CEL's, without maps, structs and byte strings.
//!
//! ```text
//! text ─► Lexer ─► tokens ─► Parser (precedence climbing) ─► Expr, each with its place in the text
//! ```
//!
//! Grammar and precedence are those of <https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax>. Numbers stay the
//! text that they are, macros are told by their names, and `&&` and `||` are flat lists.

mod lexer;

use std::borrow::Cow;

use lexer::{ExprToken, Lexer};

use crate::rules::lang::node::Arithmetic;
use crate::rules::lang::node::Comparison;

/// Longest text of an expression, in bytes.
const MAX_TEXT: usize = 6_000;

/// Deepest nesting of parentheses, lists, arguments and conditions.
const MAX_NESTING: usize = 64;

/// Precedence of `==` and its like, the lowest of the operators that evaluate both operands.
const RELATION: u8 = 1;

/// Highest tree. A long chain of one operator (`1 + 1 + …`) is a high tree; chains of `&&` and `||` are not.
const MAX_HEIGHT: u8 = 100;

/// A part of an expression.
#[derive(Debug, PartialEq)]
pub(crate) struct Expr<'t> {
    pub kind: ExprKind<'t>,
    /// Byte of the file at which its name or operator stands, or where it begins.
    pub at: usize,
    height: u8,
}

/// What a part of an expression is.
#[derive(Debug, PartialEq)]
pub(crate) enum ExprKind<'t> {
    Null,
    Bool(bool),
    /// A number as it is written, with its sign.
    Number(&'t str),
    Text(Cow<'t, str>),
    Name(&'t str),
    Member(Box<Expr<'t>>, &'t str),
    /// `has(operand.name)`
    Has(Box<Expr<'t>>, &'t str),
    Index(Box<Expr<'t>>, Box<Expr<'t>>),
    /// A function and its arguments; the object of a method call is the first.
    Call(&'t str, Vec<Expr<'t>>),
    Macro(Box<Macro<'t>>),
    Not(Box<Expr<'t>>),
    Negate(Box<Expr<'t>>),
    All(Vec<Expr<'t>>),
    Any(Vec<Expr<'t>>),
    /// Condition, value if it holds, value if not.
    Conditional(Box<[Expr<'t>; 3]>),
    Binary(Operator, Box<[Expr<'t>; 2]>),
    List(Vec<Expr<'t>>),
}

/// `range.all(variable, body)` and the like.
#[derive(Debug, PartialEq)]
pub(crate) struct Macro<'t> {
    pub kind: MacroKind,
    pub range: Expr<'t>,
    pub variable: &'t str,
    /// Of `range.map(variable, filter, body)`.
    pub filter: Option<Expr<'t>>,
    pub body: Expr<'t>,
}

/// The macros of CEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MacroKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// Operators of two operands that evaluate both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Compare(Comparison),
    Arithmetic(Arithmetic),
    In,
}

/// What is wrong with an expression, and at which byte of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub what: String,
    pub at: usize,
}

impl SyntaxError {
    pub(crate) fn new(at: usize, what: impl Into<String>) -> Self {
        Self { what: what.into(), at }
    }

    /// The same error, told as one of the named expression in which it is.
    pub(crate) fn within(self, name: &str) -> Self {
        Self { what: format!("{name}: {}", self.what), ..self }
    }
}

/// Reads an expression whose text begins at byte `origin` of its file. All places are bytes of the file.
pub(crate) fn parse(text: &str, origin: usize) -> Result<Expr<'_>, SyntaxError> {
    if text.len() > MAX_TEXT {
        return Err(SyntaxError::new(origin, format!("the expression has more than {MAX_TEXT} bytes: split the rule")));
    }
    let mut parser = Parser { lexer: Lexer::new(text, origin), token: ExprToken::End, at: 0, nesting: 0 };
    parser.advance()?;
    let expr = parser.expression()?;
    match parser.token {
        ExprToken::End => Ok(expr),
        _ => Err(parser.unexpected("an operator or the end of the expression")),
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token at hand, and where it begins.
    token: ExprToken<'t>,
    at: usize,
    nesting: usize,
}

impl<'t> Parser<'t> {
    fn advance(&mut self) -> Result<ExprToken<'t>, SyntaxError> {
        let (token, at) = self.lexer.next_token()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn unexpected(&self, wanted: &str) -> SyntaxError {
        SyntaxError::new(self.at, format!("expected {wanted}, found {}", self.token.describe()))
    }

    fn is_at(&self, sign: &str) -> bool {
        self.token == ExprToken::Sign(sign)
    }

    /// Steps over a sign, if it is the token at hand.
    fn eat(&mut self, sign: &str) -> Result<bool, SyntaxError> {
        let found = self.is_at(sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, sign: &str) -> Result<(), SyntaxError> {
        if self.eat(sign)? { Ok(()) } else { Err(self.unexpected(&format!("{sign:?}"))) }
    }

    fn expression(&mut self) -> Result<Expr<'t>, SyntaxError> {
        if self.nesting == MAX_NESTING {
            return Err(SyntaxError::new(self.at, format!("the expression nests more than {MAX_NESTING} deep")));
        }
        self.nesting += 1;
        let condition = self.any()?;
        let at = self.at;
        let whole = if self.eat("?")? {
            let yes = self.any()?;
            self.expect(":")?;
            let no = self.expression()?;
            Expr::above(at, [condition, yes, no], |parts| ExprKind::Conditional(Box::new(parts)))?
        } else {
            condition
        };
        self.nesting -= 1;
        Ok(whole)
    }

    fn any(&mut self) -> Result<Expr<'t>, SyntaxError> {
        self.chain("||", Self::all, ExprKind::Any)
    }

    fn all(&mut self) -> Result<Expr<'t>, SyntaxError> {
        self.chain("&&", |parser| parser.binary(RELATION), ExprKind::All)
    }

    /// `a && b && c` as one list; the same for `||`.
    fn chain(
        &mut self,
        sign: &str,
        part: fn(&mut Self) -> Result<Expr<'t>, SyntaxError>,
        make: fn(Vec<Expr<'t>>) -> ExprKind<'t>,
    ) -> Result<Expr<'t>, SyntaxError> {
        let first = part(self)?;
        if !self.is_at(sign) {
            return Ok(first);
        }
        let (at, mut parts) = (self.at, vec![first]);
        while self.eat(sign)? {
            parts.push(part(self)?);
        }
        Expr::above_all(at, parts, make)
    }

    /// Operators of at least this precedence, all of which associate to the left.
    fn binary(&mut self, least: u8) -> Result<Expr<'t>, SyntaxError> {
        let mut left = self.unary()?;
        while let Some((precedence, operator)) = self.token.operator().filter(|(precedence, _)| *precedence >= least) {
            let at = self.at;
            self.advance()?;
            let right = self.binary(precedence + 1)?;
            left = Expr::above(at, [left, right], |sides| ExprKind::Binary(operator, Box::new(sides)))?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr<'t>, SyntaxError> {
        let mut signs = Vec::new();
        while self.is_at("!") || self.is_at("-") {
            signs.push((self.is_at("!"), self.at));
            self.advance()?;
            if let (Some((false, start)), ExprToken::Number(digits)) = (signs.last().copied(), &self.token)
                && start + 1 == self.at
            {
                let literal = self.lexer.slice(start, self.at + digits.len());
                signs.pop();
                self.advance()?;
                let number = Expr::leaf(start, ExprKind::Number(literal));
                return Self::signed(signs, self.behind(number)?);
            }
        }
        let operand = self.primary()?;
        Self::signed(signs, self.behind(operand)?)
    }

    fn signed(signs: Vec<(bool, usize)>, operand: Expr<'t>) -> Result<Expr<'t>, SyntaxError> {
        signs.into_iter().rev().try_fold(operand, |operand, (is_not, at)| {
            let make = if is_not { ExprKind::Not } else { ExprKind::Negate };
            Expr::above(at, [operand], |[operand]| make(Box::new(operand)))
        })
    }

    /// Members, indexes and method calls behind a value.
    fn behind(&mut self, mut value: Expr<'t>) -> Result<Expr<'t>, SyntaxError> {
        loop {
            let at = self.at;
            if self.eat("[")? {
                let index = self.expression()?;
                self.expect("]")?;
                value = Expr::above(at, [value, index], |[value, index]| {
                    ExprKind::Index(Box::new(value), Box::new(index))
                })?;
            } else if self.eat(".")? {
                let at = self.at;
                let name = self.name("the name of a member")?;
                value = if self.eat("(")? {
                    let arguments = self.list(")")?;
                    method(at, name, value, arguments)?
                } else {
                    Expr::above(at, [value], |[value]| ExprKind::Member(Box::new(value), name))?
                };
            } else {
                return Ok(value);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr<'t>, SyntaxError> {
        let at = self.at;
        if self.eat("(")? {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.eat("[")? {
            let elements = self.list("]")?;
            return Expr::above_all(at, elements, ExprKind::List);
        }
        let kind = match &self.token {
            ExprToken::Number(_) | ExprToken::Text(_) | ExprToken::Name(_) => match self.advance()? {
                ExprToken::Number(literal) => ExprKind::Number(literal),
                ExprToken::Text(text) => ExprKind::Text(text),
                ExprToken::Name("null") => ExprKind::Null,
                ExprToken::Name("true") => ExprKind::Bool(true),
                ExprToken::Name("false") => ExprKind::Bool(false),
                ExprToken::Name(name) => {
                    if self.eat("(")? {
                        let arguments = self.list(")")?;
                        return function(at, name, arguments);
                    }
                    ExprKind::Name(name)
                }
                ExprToken::Sign(_) | ExprToken::End => return Err(self.unexpected("a value")),
            },
            ExprToken::Sign("{") => return Err(SyntaxError::new(at, "maps are not used in rules")),
            ExprToken::Sign(_) | ExprToken::End => return Err(self.unexpected("a value")),
        };
        Ok(Expr::leaf(at, kind))
    }

    fn name(&mut self, wanted: &str) -> Result<&'t str, SyntaxError> {
        match self.token {
            ExprToken::Name(name) => self.advance().map(|_| name),
            _ => Err(self.unexpected(wanted)),
        }
    }

    /// Expressions with commas between them, up to a closing sign. A comma may stand behind the last.
    fn list(&mut self, close: &str) -> Result<Vec<Expr<'t>>, SyntaxError> {
        let mut elements = Vec::new();
        while !self.eat(close)? {
            elements.push(self.expression()?);
            if !self.eat(",")? {
                self.expect(close)?;
                break;
            }
        }
        Ok(elements)
    }
}

/// A method call: a macro, or a function whose first argument is the object.
fn method<'t>(
    at: usize,
    name: &'t str,
    object: Expr<'t>,
    mut arguments: Vec<Expr<'t>>,
) -> Result<Expr<'t>, SyntaxError> {
    let (kind, count) = match (name, arguments.len()) {
        ("all", count) => (MacroKind::All, count),
        ("exists", count) => (MacroKind::Exists, count),
        ("exists_one", count) => (MacroKind::ExistsOne, count),
        ("filter", count) => (MacroKind::Filter, count),
        ("map", count) => (MacroKind::Map, count),
        _ => {
            arguments.insert(0, object);
            return Expr::above_all(at, arguments, |arguments| ExprKind::Call(name, arguments));
        }
    };
    let most = if kind == MacroKind::Map { 3 } else { 2 };
    if !(2..=most).contains(&count) {
        return Err(SyntaxError::new(at, format!("{name} takes a variable and an expression")));
    }
    let variable = match arguments.remove(0) {
        Expr { kind: ExprKind::Name(variable), .. } => variable,
        other => return Err(SyntaxError::new(other.at, format!("{name} takes the name of a variable first"))),
    };
    let height = arguments.iter().map(|argument| argument.height).max().unwrap_or_default().max(object.height);
    let filter = (count == 3).then(|| arguments.remove(0));
    let body = arguments.remove(0);
    Expr::new(at, height, ExprKind::Macro(Box::new(Macro { kind, range: object, variable, filter, body })))
}

/// A call of a function, or `has(operand.name)`.
fn function<'t>(at: usize, name: &'t str, mut arguments: Vec<Expr<'t>>) -> Result<Expr<'t>, SyntaxError> {
    if name != "has" {
        return Expr::above_all(at, arguments, |arguments| ExprKind::Call(name, arguments));
    }
    match (arguments.len(), arguments.pop()) {
        (1, Some(Expr { kind: ExprKind::Member(operand, member), at, height })) => {
            Ok(Expr { kind: ExprKind::Has(operand, member), at, height })
        }
        _ => Err(SyntaxError::new(at, "has takes a member, as in has(item.name)")),
    }
}

impl<'t> Expr<'t> {
    fn leaf(at: usize, kind: ExprKind<'t>) -> Self {
        Self { kind, at, height: 0 }
    }

    fn new(at: usize, below: u8, kind: ExprKind<'t>) -> Result<Self, SyntaxError> {
        if below >= MAX_HEIGHT {
            let what = format!("the expression goes more than {MAX_HEIGHT} levels deep: make its chains shorter");
            return Err(SyntaxError::new(at, what));
        }
        Ok(Self { kind, at, height: below + 1 })
    }

    fn above<const N: usize>(
        at: usize,
        parts: [Self; N],
        make: impl FnOnce([Self; N]) -> ExprKind<'t>,
    ) -> Result<Self, SyntaxError> {
        let height = parts.iter().map(|part| part.height).max().unwrap_or_default();
        Self::new(at, height, make(parts))
    }

    fn above_all(
        at: usize,
        parts: Vec<Self>,
        make: impl FnOnce(Vec<Self>) -> ExprKind<'t>,
    ) -> Result<Self, SyntaxError> {
        let height = parts.iter().map(|part| part.height).max().unwrap_or_default();
        Self::new(at, height, make(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in a form that shows its shape.
    fn shape(text: &str) -> String {
        parse(text, 0).map_or_else(|error| format!("{}: {}", error.at, error.what), |expr| show(&expr))
    }

    fn show(expr: &Expr<'_>) -> String {
        let list = |parts: &[Expr<'_>]| parts.iter().map(show).collect::<Vec<_>>().join(" ");
        match &expr.kind {
            ExprKind::Null => "null".to_owned(),
            ExprKind::Bool(value) => value.to_string(),
            ExprKind::Number(literal) => (*literal).to_owned(),
            ExprKind::Text(text) => format!("{text:?}"),
            ExprKind::Name(name) => (*name).to_owned(),
            ExprKind::Member(operand, name) => format!("(. {} {name})", show(operand)),
            ExprKind::Has(operand, name) => format!("(has {} {name})", show(operand)),
            ExprKind::Index(operand, index) => format!("(at {} {})", show(operand), show(index)),
            ExprKind::Call(name, arguments) => format!("({name} {})", list(arguments)),
            ExprKind::Macro(folded) => {
                let filter = folded.filter.as_ref().map(|filter| format!("{} ", show(filter))).unwrap_or_default();
                let Macro { kind, range, variable, body, .. } = &**folded;
                format!("({kind:?} {} {variable} {filter}{})", show(range), show(body))
            }
            ExprKind::Not(operand) => format!("(! {})", show(operand)),
            ExprKind::Negate(operand) => format!("(- {})", show(operand)),
            ExprKind::All(parts) => format!("(&& {})", list(parts)),
            ExprKind::Any(parts) => format!("(|| {})", list(parts)),
            ExprKind::Conditional(parts) => format!("(? {})", list(&parts[..])),
            ExprKind::Binary(operator, sides) => format!("({operator:?} {})", list(&sides[..])),
            ExprKind::List(elements) => format!("[{}]", list(elements)),
        }
    }

    #[test]
    fn precedence_is_that_of_cel() {
        for (text, expected) in [
            ("a || b && c || d", "(|| a (&& b c) d)"),
            ("a == b && !c", "(&& (Equal a b) (! c))"),
            ("1 + 2 * 3 - 4", "(Arithmetic(Subtract) (Arithmetic(Add) 1 (Arithmetic(Multiply) 2 3)) 4)"),
            ("a - b < c", "(Compare(Less) (Arithmetic(Subtract) a b) c)"),
            ("a ? b : c ? d : e", "(? a b (? c d e))"),
            ("x in [1, 2,]", "(In x [1 2])"),
            ("-1 + -a", "(Arithmetic(Add) -1 (- a))"),
            ("a -1", "(Arithmetic(Subtract) a 1)"),
            ("!a.b[0].c(d)", "(! (c (at (. a b) 0) d))"),
            ("(a || b) || c", "(|| (|| a b) c)"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn macros_and_calls_are_told_by_their_names() {
        for (text, expected) in [
            ("has(a.b.c)", "(has (. a b) c)"),
            ("l.all(x, x > 1)", "(All l x (Compare(Greater) x 1))"),
            ("l.map(x, x.y, x.z)", "(Map l x (. x y) (. x z))"),
            ("a.startsWith('b')", r#"(startsWith a "b")"#),
            ("success()", "(success )"),
            ("filter(a)", "(filter a)"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn an_error_names_its_place() {
        for (text, expected) in [
            ("a ==", "4: expected a value, found the end of the expression"),
            ("a b", "2: expected an operator or the end of the expression, found \"b\""),
            ("f(a, b", "6: expected \")\", found the end of the expression"),
            ("a.all(1, b)", "6: all takes the name of a variable first"),
            ("a.all(x)", "2: all takes a variable and an expression"),
            ("has(a)", "0: has takes a member, as in has(item.name)"),
            ("{'a': 1}", "0: maps are not used in rules"),
            ("a && 'b", "5: the string is not closed"),
            ("a = b", "2: '=' is no operator; two values are compared with =="),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_expressions_are_refused_before_they_fill_the_stack() {
        let nested = |open: &str, inner: &str, close: &str, times| open.repeat(times) + inner + &close.repeat(times);
        let shapes: [(&str, &dyn Fn(usize) -> String); 9] = [
            ("sum", &|n| vec!["1"; n].join(" + ")),
            ("or", &|n| vec!["request.body.x == null"; n].join(" || ")),
            ("members", &|n| format!("request{}", ".a".repeat(n))),
            ("indexes", &|n| format!("request{}", "[0]".repeat(n))),
            ("not", &|n| "!".repeat(n) + "true"),
            ("parentheses", &|n| nested("(", "1", ")", n)),
            ("lists", &|n| nested("[", "1", "]", n)),
            ("conditions", &|n| nested("true ? 1 : ", "2", "", n)),
            ("macros", &|n| nested("[1].all(x, ", "true", ")", n)),
        ];
        for (shape, of) in shapes {
            assert!(parse(&of(8), 0).is_ok(), "{shape}");
            for times in [20, 40, 60, 80, 150, 300, 600, 1_000, 1_900, 2_900, 5_900, 20_000] {
                // Fine or refused, but not the end of the program.
                let _either = parse(&of(times), 0);
            }
        }
        assert!(parse(&shapes[2].1(20_000), 0).is_err_and(|error| error.what.contains("bytes")));
        assert!(parse(&shapes[0].1(110), 0).is_err_and(|error| error.what.contains("levels deep")));
    }
}
