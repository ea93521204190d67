//! The `umpire` command.
//!
//! Exit status: 0 done, or nothing at or above the threshold; 1 findings; 2 wrong usage, or something that could not be
//! read or written.

use std::process::ExitCode;

fn main() -> ExitCode {
    umpire::cli::main()
}
