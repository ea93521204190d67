//! Every file opens with what it is, and its drawing names only what there is.
//!
//! `//! of each file → code and drawings → names of types → each is somewhere in the sources`

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{is_word, plain_code, read, report, rust_files, shown};

/// Names in headings that occur in no source: examples, and words of HTTP.
const WORDS_OF_HEADINGS: [&str; 13] = [
    "Api",
    "Base",
    "Hale",
    "Monday",
    "Negotiate",
    "Nov",
    "Robin",
    "S3cret",
    "ScheduledSession",
    "Secure",
    "Tue",
    "Web",
    "Zq7c01ab",
];

/// The code and the drawings in a file's heading, without what they quote.
fn drawn_in_heading(source: &str) -> String {
    let lines = source.lines().take_while(|line| line.starts_with("//!")).map(|line| line.trim_start_matches("//!"));
    let mut drawn = String::new();
    let mut in_drawing = false;
    for line in lines {
        if line.trim_start().starts_with("```") {
            in_drawing = !in_drawing;
            continue;
        }
        let code = line.split('`').enumerate().filter(|(part, _)| in_drawing || part % 2 == 1);
        for (_, code) in code {
            let unquoted: String = code.split('"').step_by(2).collect();
            drawn.push_str(&unquoted);
            drawn.push('\n');
        }
    }
    drawn
}

/// Names of types and variants: words that begin with one capital. `Set-Cookie` is none.
fn type_names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(is_word(c) || c == '-'));
    let is_name = |word: &&str| {
        let mut beginning = word.chars();
        beginning.next().is_some_and(|c| c.is_ascii_uppercase())
            && beginning.next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            && !word.contains(['-', '_'])
    };
    words.filter(is_name).collect()
}

#[test]
fn every_file_opens_with_what_it_is() {
    let faults: Vec<String> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(rust_files)
        .filter(|path| !read(path).starts_with("//! "))
        .map(|path| format!("{}: begin with a `//!` line that says what the file is", shown(&path)))
        .collect();
    report(&faults);
}

#[test]
fn headings_name_only_what_there_is() {
    let sources: Vec<(PathBuf, String)> =
        rust_files("src").into_iter().map(|path| (path.clone(), read(&path))).collect();
    let code: Vec<String> = sources.iter().map(|(_, source)| plain_code(source)).collect();
    let mut known: BTreeSet<&str> = code.iter().flat_map(|code| type_names(code)).collect();
    // Types of the Open Booking API, fields and schemes stand in strings.
    known.extend(sources.iter().flat_map(|(_, source)| source.split('"')));
    known.extend(WORDS_OF_HEADINGS);
    let faults: Vec<String> = sources
        .iter()
        .flat_map(|(path, source)| {
            let drawn = drawn_in_heading(source);
            let gone: Vec<String> = type_names(&drawn).difference(&known).map(|&name| name.to_owned()).collect();
            gone.into_iter().map(|name| format!("{}: its heading names {name}, which is nowhere", shown(path)))
        })
        .collect();
    report(&faults);
}
