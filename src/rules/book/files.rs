//! The files of a rule book: those in the binary, and those of folders.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::rules::book::error::LoadError;

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// Folders of the rule book that hold no rules.
pub(crate) const NOT_RULES: [&str; 2] = ["models", "examples"];

/// A file of the built-in rules; nothing, if there is none.
pub(crate) fn built_in_text(file: &str) -> &'static str {
    BUILT_IN.get_file(file).and_then(include_dir::File::contents_utf8).unwrap_or_default()
}

/// How a rule is written: `rules/GUIDE.md`.
pub fn guide() -> &'static str {
    built_in_text("GUIDE.md")
}

/// The built-in exchanges that examples start from: path below `examples/` without `.json`, and text.
pub(crate) fn built_in_bases() -> impl Iterator<Item = (String, &'static str)> {
    files_below(BUILT_IN.get_dir("examples"), ".json")
        .into_iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("examples/")?.to_owned(), text)))
}

/// The built-in rule files: id and text, by id.
pub(crate) fn built_in_files() -> Vec<(String, &'static str)> {
    let mut files: Vec<_> = BUILT_IN
        .dirs()
        .filter(|dir| !NOT_RULES.iter().any(|name| dir.path() == Path::new(name)))
        .flat_map(|dir| files_below(Some(dir), ".toml"))
        .collect();
    files.sort();
    files
}

/// Every built-in file below a folder with an ending: path without the ending, and text.
fn files_below(dir: Option<&'static Dir<'static>>, ending: &str) -> Vec<(String, &'static str)> {
    let Some(dir) = dir else { return Vec::new() };
    let mut found: Vec<_> = dir
        .files()
        .filter_map(|file| {
            let path = file.path().to_str()?.replace('\\', "/");
            Some((path.strip_suffix(ending)?.to_owned(), file.contents_utf8()?))
        })
        .collect();
    for dir in dir.dirs() {
        found.extend(files_below(Some(dir), ending));
    }
    found
}

/// Reads a file; the error names it.
pub(crate) fn read_text(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|cause| LoadError::Unreadable { path: path.to_owned(), cause })
}

/// Every file below a folder with an ending: path relative to the folder without the ending, and full path. Sorted.
pub(crate) fn files_on_disk(folder: &Path, ending: &str) -> Result<Vec<(String, PathBuf)>, LoadError> {
    let unreadable = |cause| LoadError::Unreadable { path: folder.to_owned(), cause };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(
                files_on_disk(&path, ending)?.into_iter().map(|(inner, path)| (format!("{name}/{inner}"), path)),
            );
        } else if let Some(stem) = name.strip_suffix(ending) {
            found.push((stem.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

/// The files of the data models: path below the folder of rules without the ending, and text.
pub(crate) fn built_in_models() -> Vec<(String, &'static str)> {
    files_below(BUILT_IN.get_dir("models"), ".toml")
}
