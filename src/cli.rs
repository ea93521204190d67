//! The command line: clap types and one function per subcommand. The only place that uses anyhow.
//!
//! `arguments → Cli → run → Exit`

mod address_space;
mod broker_run;
mod bundle;
mod ca;
mod capture;
mod check;
mod demo;
mod diff;
mod doctor;
mod listeners;
mod faults;
mod front;
mod judging;
mod limits;
mod listen;
mod logging;
mod probe;
mod profile;
mod proxy;
mod recording;
mod redact;
mod redaction;
mod replay;
mod resend;
mod rules;
mod sandbox;
mod screen;
mod signals;
mod stdio;
mod upstreams;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};

use crate::text::{self, SafeText};

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Nothing at or above the threshold; or, of other commands: done. Status 0.
    Clean,
    /// Findings at or above the threshold, examples that fail, or something that `doctor` found not to work. Status 1.
    Findings,
    /// The arguments are wrong; that was said. Status 2.
    Usage,
    /// Something could not be read, which was said; the rest was. Status 2.
    Unread,
    /// A command that was run ended with this status, which becomes that of Umpire.
    OfCommand(u8),
}

/// Umpire stands between a broker and a booking system, records their traffic and calls each violation of the
/// OpenActive Open Booking API, live or on recordings.
#[derive(Debug, Parser)]
#[command(name = "umpire", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Write the log of Umpire itself to this file, behind what it holds (level by RUST_LOG, such as `umpire=debug`)
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: an embedded booking system, the proxy and a scripted broker in one process
    Demo(demo::Demo),
    /// Stand between a broker and a booking system: record, judge and show their traffic
    Proxy(Box<proxy::Proxy>),
    /// Show a recording, also while it is being written
    View(view::View),
    /// Judge recordings: captures and HAR files
    Check(check::Check),
    /// Compare two recordings: verdicts that changed first, then values that differ
    Diff(diff::Diff),
    /// Look at recordings, check, convert, redact, join, part, search and bundle them
    Capture(capture::Capture),
    /// Certificate authorities of `proxy --tls` and `proxy --intercept`: make, list, export, trust, remove
    Ca(ca::Ca),
    /// Look at what the proxy needs: port, booking system, certificates, clocks, trust, disk; say what to do
    Doctor(doctor::Doctor),
    /// Stand in for the booking system with a recording, also under a command: replay FILE -- COMMAND
    Replay(Box<replay::ReplayArgs>),
    /// Stand in for the broker with a recording: send its requests again, compare what comes of them
    Resend(Box<resend::ResendArgs>),
    /// Send wrong requests made of good ones, and judge the answers
    Probe(Box<probe::ProbeArgs>),
    /// Run the embedded booking system, conforming or misbehaving
    Sandbox(sandbox::SandboxArgs),
    /// List, explain and test the rules
    Rules(rules::Rules),
}

/// The formats of commands that have these two. A command with a third has an enum of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TextOrJson {
    Text,
    Json,
}

/// Runs the program: reads its arguments, does what they say, says what went wrong. Status 2 if something did.
pub fn main() -> ExitCode {
    let done = match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => explain(&error),
    };
    match done {
        Ok(Exit::Clean) => ExitCode::SUCCESS,
        Ok(Exit::Findings) => ExitCode::from(1),
        Ok(Exit::Usage | Exit::Unread) => ExitCode::from(2),
        Ok(Exit::OfCommand(status)) => ExitCode::from(status),
        Err(error) => {
            stdio::note(SafeText::lines_of(without_passwords(&format!("{error:#}"))));
            ExitCode::from(2)
        }
    }
}

/// Help and version go to standard output, wrong usage to standard error.
fn explain(error: &clap::Error) -> anyhow::Result<Exit> {
    let page = error.render();
    if error.use_stderr() {
        // It repeats arguments, which may have been pasted from anywhere.
        stdio::note_with(|out| out.lines(&without_queries(&without_passwords(&page.to_string()))));
        return Ok(Exit::Usage);
    }
    stdio::print_help(&page)?;
    Ok(Exit::Clean)
}

/// The text without the values in queries and fragments of URLs: `https://host/?…`.
fn without_queries(text: &str) -> String {
    let clean = |word: &str| match word.find(['?', '#']) {
        Some(sign) if word[sign..].contains('=') => format!("{}…", &word[..=sign]),
        _ => word.to_owned(),
    };
    by_words(text, clean)
}

/// The text without user names and passwords that stand before a host: `https://…@host`, `…@host:443`.
fn without_passwords(text: &str) -> String {
    let clean = |word: &str| {
        let Some(at) = word.rfind('@') else { return word.to_owned() };
        let start = word[..at].find("://").map(|slashes| slashes + 3);
        match start.or_else(|| word[..at].contains(':').then_some(0)) {
            Some(start) => format!("{}…{}", &word[..start], &word[at..]),
            None => word.to_owned(),
        }
    };
    by_words(text, clean)
}

/// The text with each word, which ends at a blank or a quotation mark, as `clean` gives it.
fn by_words(text: &str, clean: impl Fn(&str) -> String) -> String {
    let is_border = |c: char| c.is_whitespace() || "'\"`".contains(c);
    text.split_inclusive(is_border)
        .map(|part| {
            let word = part.trim_end_matches(is_border);
            clean(word) + &part[word.len()..]
        })
        .collect()
}

/// Runs the command that the arguments name.
fn run(cli: Cli) -> anyhow::Result<Exit> {
    logging::start(cli.log.as_deref())?;
    match cli.command {
        Command::Demo(demo) => demo::run(demo),
        Command::Proxy(proxy) => proxy::run(*proxy),
        Command::View(view) => view::run(view),
        Command::Check(check) => check::run(check),
        Command::Diff(diff) => diff::run(diff),
        Command::Capture(capture) => capture::run(capture),
        Command::Ca(ca) => ca::run(ca),
        Command::Doctor(doctor) => doctor::run(doctor),
        Command::Replay(replay) => replay::run(*replay),
        Command::Resend(resend) => resend::run(*resend),
        Command::Probe(probe) => probe::run(*probe),
        Command::Sandbox(sandbox) => sandbox::run(sandbox),
        Command::Rules(rules) => rules::run(rules),
    }
}

/// Runs a command that moves traffic to its end. What it has left under way then (a name that is being looked up) is not
/// waited for longer than a second.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(command);
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

/// The runtime of the commands that move traffic.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// How this program was called, so that commands can be copied from its output.
fn program() -> SafeText {
    let called = std::env::args().next().filter(|called| called.contains(std::path::is_separator));
    called.map_or_else(|| "umpire".into(), |called| text::quoted(&called))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_repeated() {
        for (text, clean) in [
            ("'https://me:secret@h/?x' for", "'https://…@h/?x' for"),
            ("'127.0.0.1:1=https://me:s@cret@h': \"me:secret@h:443\"", "'127.0.0.1:1=https://…@h': \"…@h:443\""),
            ("me@h.example is  as it was\n", "me@h.example is  as it was\n"),
            ("https://secret@h", "https://…@h"),
        ] {
            assert_eq!(without_passwords(text), clean);
        }
    }

    #[test]
    fn values_of_queries_are_not_repeated() {
        for (text, clean) in [
            ("'https://h/x?api_key=secret' for", "'https://h/x?…' for"),
            ("'h?key=secret&a' \"https://h/#token=secret\"\n", "'h?…' \"https://h/#…\"\n"),
            ("is it --to?  a=b https://h/x?", "is it --to?  a=b https://h/x?"),
        ] {
            assert_eq!(without_queries(text), clean);
        }
    }
}
