//! `umpire rules list | explain | test`

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::{Exit, Format, RuleFolders};
use crate::finding::RuleInfo;
use crate::rules::{Rule, RuleBook, test_examples};

/// `umpire rules …`
#[derive(Debug, Args)]
pub struct Rules {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List every rule
    List {
        #[command(flatten)]
        folders: RuleFolders,
        /// A table for people, or an array of objects
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Show one rule: what it asks, why, how to put it right, where the specification says so
    Explain {
        /// The rule's id, such as agent-broker/customer-required
        id: String,
        #[command(flatten)]
        folders: RuleFolders,
    },
    /// Run the examples of the built-in rules, or of a folder of rules
    Test {
        /// Folder of rules
        folder: Option<PathBuf>,
    },
}

/// Runs `umpire rules …`.
pub fn run(rules: Rules) -> anyhow::Result<Exit> {
    match rules.command {
        Command::List { folders, format } => list(&folders.load()?, format),
        Command::Explain { id, folders } => explain(&folders.load()?, &id),
        Command::Test { folder } => test(folder),
    }
}

fn list(book: &RuleBook, format: Format) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    let rules: Vec<&RuleInfo> = book.rules().iter().map(|rule| rule.info.as_ref()).collect();
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &rules)?;
            writeln!(out)?;
        }
        Format::Text => {
            let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
            for rule in &rules {
                writeln!(out, "{:width$}  {:8} {:14} {}", rule.id, rule.severity, rule.side, rule.title)?;
            }
            writeln!(out, "{} rules", rules.len())?;
        }
    }
    Ok(Exit::Clean)
}

fn explain(book: &RuleBook, id: &str) -> anyhow::Result<Exit> {
    let Some(rule) = book.rule(id) else {
        let near: Vec<&str> = book
            .rules()
            .iter()
            .map(|rule| rule.info.id.as_str())
            .filter(|known| known.contains(id) || id.split('/').next_back().is_some_and(|name| known.ends_with(name)))
            .take(5)
            .collect();
        let hint = if near.is_empty() {
            "`umpire rules list` lists them".to_owned()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        bail!("there is no rule {id}: {hint}");
    };
    io::stdout().write_all(page(rule).as_bytes())?;
    Ok(Exit::Clean)
}

fn page(rule: &Rule) -> String {
    let info = &rule.info;
    let mut page = String::new();
    let mut line = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    line(&info.id);
    line(&info.title);
    line("");
    line(&format!("  Side at fault  {}", info.side.in_words()));
    line(&format!("  Severity       {}", info.severity));
    line(&format!("  Looks at       {} at {}", info.scope.as_str(), info.stages.join(", ")));
    if let Some(feature) = &info.feature {
        line(&format!("  Test suite     feature {feature}"));
    }
    line(&format!("  Specification  {}", info.spec));
    for (head, text) in [("Why", &info.why), ("How to put it right", &info.fix)] {
        line("");
        line(head);
        line(&indent(text));
    }
    line("");
    line("Examples");
    for (name, outcome) in rule.examples() {
        line(&format!("  {name}: {outcome}"));
    }
    page
}

/// Wraps prose at 96 columns, two spaces in.
fn indent(text: &str) -> String {
    let mut wrapped = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        if width == 0 || width + word.len() > 94 {
            let _ = write!(wrapped, "{}  {word}", if width == 0 { "" } else { "\n" });
            width = word.len();
        } else {
            let _ = write!(wrapped, " {word}");
            width += word.len() + 1;
        }
    }
    wrapped
}

fn test(folder: Option<PathBuf>) -> anyhow::Result<Exit> {
    let book = match &folder {
        Some(folder) => RuleBook::only(folder),
        None => RuleBook::built_in(),
    };
    let book = Arc::new(book?);
    let report = test_examples(&book, folder.as_deref()).context("the examples could not be read")?;
    let mut out = io::stdout().lock();
    for failure in &report.failures {
        writeln!(out, "{}: example {:?}\n{}\n", failure.rule, failure.example, failure.what)?;
    }
    writeln!(out, "{} examples of {} rules, {} not as expected", report.examples, report.rules, report.failures.len())?;
    Ok(if report.failures.is_empty() { Exit::Clean } else { Exit::Findings })
}
