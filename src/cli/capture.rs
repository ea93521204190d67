//! `umpire capture export | import`: captures to HAR and back.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Exit;
use crate::capture::{Writer, har};

/// Exchanges per transaction of an import.
const BATCH: u64 = 500;

/// `umpire capture …`
#[derive(Debug, Args)]
pub struct Capture {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a recording as HAR 1.2
    Export {
        /// Capture or HAR file
        file: PathBuf,
        /// HAR file to write; must not exist
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Read a HAR file into a capture
    Import {
        /// HAR file
        file: PathBuf,
        /// Capture to write; must not exist
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

/// Runs `umpire capture …`.
pub fn run(capture: Capture) -> anyhow::Result<Exit> {
    match capture.command {
        Command::Export { file, output } => export(&file, &output),
        Command::Import { file, output } => import(&file, &output),
    }
}

fn export(file: &Path, output: &Path) -> anyhow::Result<Exit> {
    let recording = super::recording::open(file)?;
    let count = har::export(output, &recording.meta, recording.exchanges)?;
    println!("{count} exchanges in {}", output.display());
    Ok(Exit::Clean)
}

fn import(file: &Path, output: &Path) -> anyhow::Result<Exit> {
    let recording = super::recording::open(file)?;
    let mut writer = Writer::create(output, &recording.meta)?;
    let written = recording.exchanges.into_iter().try_for_each(|exchange| {
        let index = writer.append(&exchange?)?;
        if index % BATCH == BATCH - 1 { writer.commit() } else { Ok(()) }
    });
    if let Err(error) = written {
        writer.discard();
        return Err(error).context("nothing was imported");
    }
    let count = writer.finish()?;
    println!("{count} exchanges in {}", output.display());
    Ok(Exit::Clean)
}
