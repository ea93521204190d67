//! The rule book is part of the binary: when a file of it changes, the binary is made anew. So is a number for the sources:
//! verdicts that another build gave are not taken for those of this one.
#![expect(clippy::disallowed_macros, reason = "cargo reads what is printed")]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// What verdicts depend on: the engine, the rules, the libraries.
const SOURCES: [&str; 3] = ["src", "rules", "Cargo.lock"];

fn main() {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
        collect(Path::new(source), &mut files);
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        (&file, std::fs::read(&file).unwrap_or_default()).hash(&mut hasher);
    }
    println!("cargo:rustc-env=UMPIRE_SOURCES={:016x}", hasher.finish());
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| collect(&entry.path(), files)),
        Err(_) => files.push(path.to_owned()),
    }
}
