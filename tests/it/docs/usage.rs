//! Every command that a document names is one that Umpire understands.
//!
//! `document → sh blocks, code spans → umpire … → the command line's own parser`

use std::collections::BTreeSet;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use umpire::cli::Cli;

use super::markdown::{DOCUMENTS, MEASUREMENTS, blocks, root, spans};
use super::words::simple_commands;

/// Options in code spans that are other programs'.
const OF_OTHERS: [&str; 4] = ["--password", "--locked", "--all-targets", "--release"];

/// The arguments of an `umpire` command, also where cargo runs it; `None` for other commands.
fn arguments(words: &[String]) -> Option<&[String]> {
    let is_setting = |word: &&String| word.split_once('=').is_some_and(|(name, _)| !name.starts_with('-'));
    let words = &words[words.iter().take_while(is_setting).count()..];
    match words {
        [time, rest @ ..] if time == "time" => arguments(rest),
        [umpire, ..] if umpire == "umpire" => Some(words),
        [cargo, run, ..] if cargo == "cargo" && run == "run" => {
            words.iter().position(|word| word == "--").map(|at| &words[at..])
        }
        _ => None,
    }
}

/// What is wrong with a command, if anything is. Where a command is only named, it may lack arguments.
fn wrong(words: &[String], whole: bool) -> Option<String> {
    let error = Cli::try_parse_from(words).err()?;
    let lacks = [ErrorKind::MissingRequiredArgument, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    let fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        // A placeholder such as BASE_URI.
        ErrorKind::ValueValidation => {
            !whole && words.iter().any(|word| word.chars().all(|c| c.is_uppercase() || c == '_'))
        }
        // The value of the last option is left out.
        ErrorKind::InvalidValue => !whole && error.to_string().contains("but none was supplied"),
        kind => !whole && lacks.contains(&kind),
    };
    (!fine).then(|| error.to_string())
}

#[test]
fn every_umpire_command_in_a_block_is_understood() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for document in DOCUMENTS.into_iter().chain(MEASUREMENTS) {
        for block in blocks(document).into_iter().filter(|block| block.language == "sh") {
            // The variable of the one loop.
            for words in simple_commands(&block.text.replace("$script", "faulty")) {
                if let Some(arguments) = arguments(&words) {
                    count += 1;
                    let fault = wrong(arguments, true);
                    faults.extend(fault.map(|fault| format!("{document}:{}: {words:?}\n{fault}", block.line)));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 40, "only {count} commands were found");
}

#[test]
fn every_umpire_command_in_a_sentence_is_understood() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for document in DOCUMENTS.into_iter().chain(MEASUREMENTS) {
        for (line, span) in spans(document) {
            // `umpire 0.1.0` is a creator, not a command.
            let span = span.replace(['[', ']'], "").replace("...", "");
            let commands = simple_commands(&span);
            let Some(words) = commands.first().and_then(|words| arguments(words)) else { continue };
            let words: Vec<String> = words.iter().filter(|word| *word != "…").cloned().collect();
            if words.get(1).is_none_or(|word| word.starts_with(|first: char| first.is_ascii_digit())) {
                continue;
            }
            count += 1;
            faults.extend(wrong(&words, false).map(|fault| format!("{document}:{line}: {span}\n{fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 40, "only {count} commands were found");
}

/// All long options of a command and of those below it.
fn options(command: &clap::Command, into: &mut BTreeSet<String>) {
    into.extend(command.get_arguments().filter_map(|argument| argument.get_long()).map(|long| format!("--{long}")));
    command.get_subcommands().for_each(|below| options(below, into));
}

#[test]
fn every_option_in_a_sentence_exists() {
    let mut known = BTreeSet::from(["--help".to_owned(), "--version".to_owned()]);
    options(&Cli::command(), &mut known);
    known.extend(OF_OTHERS.map(str::to_owned));
    let mut faults = Vec::new();
    for document in DOCUMENTS.into_iter().chain(MEASUREMENTS) {
        for (line, span) in spans(document).into_iter().filter(|(_, span)| span.starts_with("--")) {
            let option = span.split([' ', '=']).next().unwrap_or_default();
            if !known.contains(option) && option != "--" {
                faults.push(format!("{document}:{line}: {span}"));
            }
        }
    }
    assert!(faults.is_empty(), "no command has these options:\n{}", faults.join("\n"));
}

#[test]
fn no_document_is_forgotten() {
    let mut found = BTreeSet::new();
    for folder in ["", "docs", "captures", "rules", "benches", "tests", "src"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                found.insert(format!("{folder}/{name}").trim_start_matches('/').to_owned());
            }
        }
    }
    let known: BTreeSet<String> = DOCUMENTS.into_iter().chain(MEASUREMENTS).map(str::to_owned).collect();
    assert_eq!(found, known);
}
