//! `umpire rules list | explain | test | new | bases | guide | index`

mod index;
mod page;
mod skeleton;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use self::page::page;
use super::judging::RuleArgs;
use super::{Exit, Format};
use crate::finding::RuleInfo;
use crate::rules::{RuleBook, built_in_bases, features, guide, not_judged_here, test_examples};

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
        rules: RuleArgs,
        /// A table for people, or an array of objects
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Show one rule: what it asks, why, how to put it right, where the specification says so
    Explain {
        /// The rule's id, such as agent-broker/customer-required
        id: String,
        #[command(flatten)]
        rules: RuleArgs,
    },
    /// Run the examples of the built-in rules, or of a folder of rules
    Test {
        /// Folder of rules
        folder: Option<PathBuf>,
    },
    /// Write a rule that works, with examples and comments, to start from
    New {
        /// The rule's id, such as customer/telephone-given
        id: String,
        /// Folder of rules to write it to
        #[arg(long, value_name = "DIR", default_value = "rules")]
        dir: PathBuf,
    },
    /// List the exchanges that examples of rules start from, or show one
    Bases {
        /// Name of one, such as c2-ok
        name: Option<String>,
    },
    /// Print how rules are written: every key, member and function
    Guide,
    /// List the built-in rules by area, and what is not judged, as Markdown
    Index {
        /// Put it between the marks of this file instead of printing it
        #[arg(long, value_name = "FILE")]
        into: Option<PathBuf>,
    },
}

/// Runs `umpire rules …`.
pub fn run(rules: Rules) -> anyhow::Result<Exit> {
    match rules.command {
        Command::List { rules, format } => list(&rules.load()?.1, format),
        Command::Explain { id, rules } => explain(&rules.load()?.1, &id),
        Command::Test { folder } => test(folder),
        Command::New { id, dir } => new(&id, &dir),
        Command::Bases { name } => bases(name.as_deref()),
        Command::Guide => {
            io::stdout().write_all(guide().as_bytes())?;
            Ok(Exit::Clean)
        }
        Command::Index { into } => index(into.as_deref()),
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
            let off = match book.off().len() {
                0 => String::new(),
                number => format!(", {number} switched off"),
            };
            writeln!(out, "{} rules{off}", rules.len())?;
        }
    }
    Ok(Exit::Clean)
}

fn explain(book: &RuleBook, id: &str) -> anyhow::Result<Exit> {
    let (rule, off) = match (book.rule(id), book.off().iter().find(|rule| rule.info.id == id)) {
        (Some(rule), _) => (rule, false),
        (None, Some(rule)) => (rule, true),
        (None, None) => bail!("there is no rule {id}: {}", book.hint(id)),
    };
    io::stdout().write_all(page(rule, off, &features()?).as_bytes())?;
    Ok(Exit::Clean)
}

fn new(id: &str, folder: &Path) -> anyhow::Result<Exit> {
    let file = skeleton::write(id, folder)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} is a rule that works; make it yours. Try it with:", file.display())?;
    writeln!(out, "  umpire rules test {}", folder.display())?;
    if RuleBook::built_in()?.rule(id).is_some() {
        writeln!(out, "With --rules {} it takes the place of the built-in rule {id}.", folder.display())?;
    }
    Ok(Exit::Clean)
}

fn bases(name: Option<&str>) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    let Some(name) = name else {
        for (name, _) in built_in_bases() {
            writeln!(out, "{name}")?;
        }
        return Ok(Exit::Clean);
    };
    let Some((_, text)) = built_in_bases().find(|(known, _)| known == name) else {
        bail!("there is no exchange {name}: `umpire rules bases` lists them");
    };
    writeln!(out, "{}", text.trim_end())?;
    Ok(Exit::Clean)
}

fn index(into: Option<&Path>) -> anyhow::Result<Exit> {
    let text = index::markdown(&RuleBook::built_in()?, &not_judged_here()?);
    match into {
        Some(file) => index::put_into(file, &text)?,
        None => io::stdout().write_all(text.as_bytes())?,
    }
    Ok(Exit::Clean)
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
