//! `umpire rules list | explain | test | new | bases | guide | index`

mod index;
mod page;
mod skeleton;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use self::page::page;
use super::judging::RuleArgs;
use super::stdio::{note, print};
use super::{Exit, TextOrJson};
use crate::exchange::Exchange;
use crate::finding::RuleInfo;
use crate::new_file::Existing;
use crate::redact::Redactor;
use crate::rules::{RuleBook, built_in_bases, features, guide, not_judged_here, reference, renamed, test_examples};
use crate::text::{self, SafeText, safe, safe_format, visible};

/// `umpire rules …`
#[derive(Debug, Args)]
pub(super) struct Rules {
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
        #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
        format: TextOrJson,
    },
    /// Show one rule, also by a former id: what it asks, why, how to put it right, where the specification says so
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
        /// Replace the file if it exists
        #[arg(long)]
        force: bool,
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
pub(super) fn run(rules: Rules) -> anyhow::Result<Exit> {
    match rules.command {
        Command::List { rules, format } => list(&rules.load()?.1, format),
        Command::Explain { id, rules } => explain(&rules.load()?.1, &id),
        Command::Test { folder } => test(folder),
        Command::New { id, dir, force } => new(&id, &dir, Existing::with_force(force)),
        Command::Bases { name } => bases(name.as_deref()),
        Command::Guide => {
            let reference = reference()?;
            print(|out| {
                out.lines(guide())?;
                out.lines("")?;
                out.lines(&reference)
            })?;
            Ok(Exit::Clean)
        }
        Command::Index { into } => index(into.as_deref()),
    }
}

fn list(book: &RuleBook, format: TextOrJson) -> anyhow::Result<Exit> {
    let rules: Vec<&RuleInfo> = book.rules().iter().map(|rule| rule.info.as_ref()).collect();
    print(|out| match format {
        TextOrJson::Json => out.json(&rules),
        TextOrJson::Text => {
            let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
            for rule in &rules {
                out.line(safe_format!("{:width$}  {:8} {:14} {}", rule.id, rule.severity, rule.side, rule.title))?;
            }
            let off = match book.off().len() {
                0 => SafeText::default(),
                number => safe![", ", number, " switched off"],
            };
            out.line(safe![text::count(rules.len() as u64, "rule"), off])
        }
    })?;
    Ok(Exit::Clean)
}

fn explain(book: &RuleBook, id: &str) -> anyhow::Result<Exit> {
    let new = book.aliases().current(id);
    if let Some(new) = new {
        note(visible(&renamed(id, new)));
    }
    let id = new.unwrap_or(id);
    let (rule, off) = match (book.rule(id), book.off().iter().find(|rule| rule.info.id == id)) {
        (Some(rule), _) => (rule, false),
        (None, Some(rule)) => (rule, true),
        (None, None) => bail!("there is no rule {id}: {}", book.suggest_rule(id)),
    };
    let page = page(rule, off, &features()?);
    print(|out| out.lines(&page))?;
    Ok(Exit::Clean)
}

fn new(id: &str, folder: &Path, existing: Existing) -> anyhow::Result<Exit> {
    let built_in = RuleBook::built_in()?;
    if let Some(new) = built_in.aliases().current(id) {
        bail!(
            "{id} is a former id of the built-in rule {new}; give your rule another one, or {new} to replace that rule"
        );
    }
    let file = skeleton::write(id, folder, existing)?;
    let is_built_in = built_in.rule(id).is_some();
    print(|out| {
        out.line(safe_format!("{} is a rule that works; make it yours. Try it with:", file.display()))?;
        out.line(safe!["  umpire rules test ", text::quoted(&folder.to_string_lossy())])?;
        if is_built_in {
            let folder = folder.display();
            out.line(safe_format!("With --rules {folder} it takes the place of the built-in rule {id}."))?;
        }
        Ok(())
    })?;
    Ok(Exit::Clean)
}

fn bases(name: Option<&str>) -> anyhow::Result<Exit> {
    let Some(name) = name else {
        print(|out| built_in_bases().try_for_each(|(name, _)| out.line(visible(&name))))?;
        return Ok(Exit::Clean);
    };
    let Some((_, text)) = built_in_bases().find(|(known, _)| known == name) else {
        bail!("there is no exchange {name}: `umpire rules bases` lists them");
    };
    print(|out| out.lines(text))?;
    Ok(Exit::Clean)
}

fn index(into: Option<&Path>) -> anyhow::Result<Exit> {
    let text = index::markdown(&RuleBook::built_in()?, &not_judged_here()?);
    match into {
        Some(file) => index::put_into(file, &text)?,
        None => drop(print(|out| out.lines(&text))?),
    }
    Ok(Exit::Clean)
}

fn test(folder: Option<PathBuf>) -> anyhow::Result<Exit> {
    let book = match &folder {
        Some(folder) => RuleBook::only(folder),
        None => RuleBook::built_in(),
    };
    let book = Arc::new(book?);
    // Secrets are fingerprints by the time they are judged.
    let recorded = |exchanges: Vec<Exchange>| {
        let redactor = Redactor::new().map_err(|error| error.to_string())?;
        Ok(exchanges.into_iter().map(|exchange| redactor.redact(exchange)).collect())
    };
    let report = test_examples(&book, folder.as_deref(), recorded).context("the examples could not be read")?;
    print(|out| {
        for failure in &report.failures {
            out.line(safe_format!("{}: example {:?}", failure.rule, failure.example))?;
            out.lines(&failure.what)?;
            out.line("")?;
        }
        let (examples, rules) =
            (text::count(report.examples as u64, "example"), text::count(report.rules as u64, "rule"));
        out.line(safe![examples, " of ", rules, ", ", report.failures.len(), " not as expected"])
    })?;
    Ok(if report.failures.is_empty() { Exit::Clean } else { Exit::Findings })
}
