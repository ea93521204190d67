//! The reference of the language, as Markdown: generated from the tables that the language itself goes by.
//!
//! `PathRoot, Member, Signature, expressions.toml → rules/REFERENCE.md, umpire rules guide`

use std::fmt::Write as _;

use crate::rules::book::error::LoadError;
use crate::rules::book::expression_file::named_expressions;
use crate::rules::builtins::builtins;
use crate::rules::lang::members::Member;
use crate::rules::lang::signature::Signature;
use crate::rules::lang::types::Type;

/// What each name is, where it isn't told by its members.
const ROOTS: [(&str, &str); 11] = [
    ("request", "the request of the judged exchange"),
    ("response", "its response"),
    ("call", "what the request is to the Open Booking API"),
    ("item", "the node that `each` names; of a feed, `each = \"/response/body/items/*\"` names its items"),
    ("flow", "the booking flow of its Order UUID so far"),
    ("feed", "of a page of a feed, what was seen of that feed before"),
    ("recording", "what was seen before in this recording, and what is known of the booking system"),
    ("stage", "short for `call.stage`"),
    ("strict", "marker for `refused`"),
    ("seen", "in `message` and `expected`: what was seen"),
    ("expected", "in `message`: what was expected"),
];

/// The forms of the language that are neither members nor functions.
const FORMS: [(&str, &str); 8] = [
    ("`a && b`, `a \\|\\| b`, `!a`, `a ? b : c`", "as in CEL: a part that decides outweighs a failure of another"),
    ("`==`, `!=`, `<`, `<=`, `>`, `>=`, `+`, `-`, `*`, `/`, `%`", "as in CEL; `+` also joins texts and lists"),
    ("`x in list`", "true if an element equals x"),
    ("`has(x.name)`", "true if the member is there, whatever its value"),
    (
        "`list.all(one, …)`, `list.exists(one, …)`, `list.exists_one(one, …)`",
        "true if the rest holds for all, for some, for one of the elements",
    ),
    ("`list.filter(one, …)`", "the elements for which the rest holds"),
    (
        "`list.map(one, …)`, `list.map(one, condition, …)`",
        "what the rest gives for each element, or for each for which the condition holds",
    ),
    ("`s.matches(\"pattern\")`", "true if the regular expression is found in the text"),
];

/// The whole reference.
pub fn reference() -> Result<String, LoadError> {
    let mut text = "# What expressions are made of\n\nGenerated from the tables in the program. [GUIDE.md](GUIDE.md) says how rules are written.\n".to_owned();
    table(&mut text, "Names", ROOTS.map(|(name, meaning)| (format!("`{name}`"), meaning.to_owned())));
    for of in [Type::Request, Type::Response, Type::Call, Type::Exchange, Type::Flow, Type::Feed, Type::Recording] {
        let members = Member::ALL.iter().filter(|member| member.of() == of);
        table(&mut text, heading(of), members.map(|member| (format!("`.{}`", member.name()), describe(*member))));
    }
    let functions = builtins().functions.iter().map(|function| {
        let Signature { usage, meaning, .. } = function.signature;
        let usages: Vec<String> = usage.split("), ").map(|usage| format!("`{}`", closed(usage))).collect();
        (usages.join(", "), meaning.to_owned())
    });
    table(&mut text, "Functions", functions);
    table(&mut text, "Operators and macros", FORMS.map(|(form, meaning)| (form.to_owned(), meaning.to_owned())));
    text.push_str("\nA pattern of `matches` is written in the rule; a function can also be called as a method of its first argument.\n");
    let named = named_expressions()?.into_iter().map(|(name, means)| (format!("`{name}`"), means));
    table(&mut text, "Named expressions of the book", named);
    Ok(text)
}

fn heading(of: Type) -> &'static str {
    match of {
        Type::Request => "Members of `request`",
        Type::Response => "Members of `response`",
        Type::Call => "Members of `call`",
        Type::Exchange => "Members of an exchange",
        Type::Flow => "Members of `flow`",
        Type::Feed => "Members of `feed`",
        _ => "Members of `recording`",
    }
}

/// What a member gives and means.
fn describe(member: Member) -> String {
    match member.gives() {
        Type::Exchange => format!("exchange: {}", member.meaning()),
        Type::List(_) => format!("list: {}", member.meaning()),
        Type::Names => format!("map: {}", member.meaning()),
        _ => member.meaning().to_owned(),
    }
}

/// A call whose last parenthesis was taken off.
fn closed(usage: &str) -> String {
    if usage.ends_with(')') { usage.to_owned() } else { format!("{usage})") }
}

fn table(text: &mut String, heading: &str, rows: impl IntoIterator<Item = (String, String)>) {
    let _ = write!(text, "\n## {heading}\n\n| | |\n|---|---|\n");
    for (what, meaning) in rows {
        let _ = writeln!(text, "| {what} | {meaning} |");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::lang::node::PathRoot;

    #[test]
    fn every_name_and_function_is_in_the_reference() {
        let reference = reference().unwrap();
        for name in PathRoot::NAMES.into_iter().chain(["strict"]) {
            assert!(reference.contains(&format!("| `{name}` |")), "{name}");
        }
        for function in &builtins().functions {
            let name = function.signature.name;
            assert!(reference.contains(&format!("{name}(")), "{name}");
        }
    }
}
