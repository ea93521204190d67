//! Why a rule set did not load, and where.

use std::path::PathBuf;

/// Why a rule set did not load. Names the file, and the line where that is known.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A rule file has an error.
    #[error("{file}:{place}: {what}")]
    Rule {
        /// The file.
        file: String,
        /// Where in it.
        place: FilePlace,
        /// What is wrong.
        what: String,
    },
    /// A file or folder could not be read.
    #[error("{path}: {cause}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A folder named with `--rules` holds no rule.
    #[error("{0} holds no rule: rules are files AREA/NAME.toml below it")]
    Empty(PathBuf),
    /// A setting names a rule or area that there isn't.
    #[error("{origin}: there is no rule or area {name:?}: {hint}")]
    NoSuchRule {
        /// Where the setting stands.
        origin: String,
        /// The name.
        name: String,
        /// What to do about it.
        hint: String,
    },
}

/// A place in a file, for people: its line and, where that is known, its column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePlace {
    line: usize,
    column: Option<usize>,
}

impl FilePlace {
    /// A line, of which no more is known.
    pub fn line(line: usize) -> Self {
        Self { line, column: None }
    }

    /// The place of a byte of a text; the first line where it isn't known.
    pub fn of(text: &str, at: Option<usize>) -> Self {
        let Some(before) = at.and_then(|at| text.get(..at)) else { return Self::line(1) };
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: 1 + before.matches('\n').count(), column: Some(1 + line.chars().count()) }
    }
}

impl std::fmt::Display for FilePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.column {
            Some(column) => write!(f, "{}:{column}", self.line),
            None => write!(f, "{}", self.line),
        }
    }
}
