//! The command line: clap types and one function per subcommand. The only place (with `main.rs`) that uses anyhow.
//!
//! `arguments → Cli → run → Exit`

mod rules;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::rules::RuleBook;

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing at or above the threshold; or, of other commands: done. Status 0.
    Clean,
    /// Findings at or above the threshold, or examples that fail. Status 1.
    Findings,
}

/// Umpire stands between a broker and a booking system, records their traffic and calls each violation of the
/// OpenActive Open Booking API, live or on recordings.
#[derive(Debug, Parser)]
#[command(name = "umpire", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Write the log to this file (level by RUST_LOG, such as `umpire=debug`)
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List, explain and test the rules
    Rules(rules::Rules),
}

/// Further rules, for every command that judges.
#[derive(Debug, clap::Args)]
pub struct RuleFolders {
    /// Folder of rules that add to the built-in ones and override them by id (may be repeated)
    #[arg(long = "rules", value_name = "DIR")]
    folders: Vec<PathBuf>,
}

impl RuleFolders {
    fn load(&self) -> anyhow::Result<RuleBook> {
        Ok(RuleBook::load(&self.folders)?)
    }
}

/// Runs the command that the arguments name.
pub fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Rules(rules) => rules::run(rules),
    }
}
