//! `umpire rules index`: every built-in rule by area, and what no rule judges, as Markdown for rules/README.md.
//!
//! `RuleBook, not-judged.toml → Markdown → printed, or put between the marks of a file`

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::rules::{NotJudgedHere, RuleBook, area};

/// What stands before and after the index in a file.
const MARKS: [&str; 2] = ["<!-- INDEX: made by `umpire rules index --into FILE` -->", "<!-- /INDEX -->"];

/// The index as Markdown.
pub(super) fn markdown(book: &RuleBook, not_judged: &[NotJudgedHere]) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(&format!("{} rules. `umpire rules explain ID` says more of each.", book.rules().len()));
    let mut last = "";
    for rule in book.rules() {
        let info = &rule.info;
        let here = area(&info.id);
        if here != last {
            last = here;
            line("");
            line(&format!("### {here}"));
            line("");
            line("| rule | side | severity | what ought to be |");
            line("|---|---|---|---|");
        }
        let mut title = info.title.replace('|', "\\|");
        if !info.aliases.is_empty() {
            let former: Vec<String> = info.aliases.iter().map(|id| format!("`{id}`")).collect();
            let _ = write!(title, " (formerly {})", former.join(", "));
        }
        line(&format!("| [{0}]({0}.toml) | {1} | {2} | {title} |", info.id, info.side.in_words(), info.severity));
    }
    line("");
    line("## What is not judged");
    line("");
    line("Requirements of the specification that leave too little on the wire (`not-judged.toml`):");
    line("");
    for NotJudgedHere { id, because } in not_judged {
        line(&format!("- `{id}`: {because}."));
    }
    text
}

/// Puts the index between the marks of a file.
pub(crate) fn put_into(file: &Path, index: &str) -> anyhow::Result<()> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("{name}: can't be read"))?;
    let [start, end] = MARKS;
    let parts = text.split_once(start).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let Some((before, after)) = parts else {
        bail!("{name} has no place for the index: put the lines {start} and {end} where it is to stand");
    };
    let mut whole = String::with_capacity(before.len() + index.len() + after.len() + 100);
    let _ = write!(whole, "{before}{start}\n\n{index}\n{end}{after}");
    fs::write(file, whole).with_context(|| format!("{name}: can't be written"))
}
