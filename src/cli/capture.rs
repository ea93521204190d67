//! `umpire capture …`: recordings looked at, checked, turned into another format, joined, parted, searched and shown.
//!
//! `file(s) → open → select → OutputTarget → RecordingWriter (whole or not at all)`

mod convert;
mod info;
mod search;
pub(super) mod select;
mod show;
mod split;
mod target;
mod verify;

use clap::{Args, Subcommand};

use super::Exit;
use super::signals::end_at_signal;

/// `umpire capture …`
#[derive(Debug, Args)]
pub(super) struct Capture {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what a recording holds: exchanges, bookings, times, size, format
    Info(info::Info),
    /// Check that a recording is whole, say what is wrong, and save what can be read
    Verify(verify::Verify),
    /// Write a recording in the format that the output's name asks for, personal data replaced by pseudonyms
    Export(convert::Convert),
    /// Replace personal data by pseudonyms of the same form
    Redact(super::redact::Redact),
    /// Put one booking, its findings and its requests into a file for the other side's developers
    Bundle(super::bundle::BundleArgs),
    /// Write a recording in another format; personal data stay in a capture only
    #[command(alias = "import")]
    Convert(convert::Convert),
    /// Join recordings into one, by time
    Merge(convert::Merge),
    /// Part a recording by booking, time or size
    Split(split::Split),
    /// Keep or drop exchanges by time, path, booking or stage
    Prune(convert::Prune),
    /// Print one exchange: request and response as text, JSON indented
    Show(show::Show),
    /// Find exchanges by what stands in path, header fields or bodies
    Search(search::Search),
    /// Make the index that search needs, or continue it; search does so by itself
    Index(search::IndexArgs),
}

/// Runs `umpire capture …`.
pub(super) fn run(capture: Capture) -> anyhow::Result<Exit> {
    end_at_signal(|| match capture.command {
        Command::Info(info) => info::run(&info),
        Command::Verify(verify) => verify::run(&verify),
        Command::Export(export) => convert::export(&export),
        Command::Redact(redact) => super::redact::run(redact),
        Command::Bundle(bundle) => super::bundle::run(bundle),
        Command::Convert(convert) => convert::convert(&convert),
        Command::Merge(merge) => convert::merge(&merge),
        Command::Split(split) => split::run(&split),
        Command::Prune(prune) => convert::prune(&prune),
        Command::Show(show) => show::run(&show),
        Command::Search(search) => search::search(&search),
        Command::Index(index) => search::index(&index),
    })
}
