//! The `umpire` command.
//!
//! Exit status: 0 done, or nothing at or above the threshold; 1 findings; 2 wrong usage or unreadable input.

use std::process::ExitCode;

use clap::Parser;
use umpire::cli::{Cli, Exit, run};

fn main() -> ExitCode {
    // clap itself ends with status 2 on wrong usage.
    match run(Cli::parse()) {
        Ok(Exit::Clean) => ExitCode::SUCCESS,
        Ok(Exit::Findings) => ExitCode::from(1),
        Err(error) => {
            eprintln!("umpire: {error:#}");
            ExitCode::from(2)
        }
    }
}
