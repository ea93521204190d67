//! `expressions.toml`: the named expressions of a rule book.
//!
//! `TOML → entries (name, meaning, expression) → NamedExpressions, for every rule of the book`

use std::borrow::Cow;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::rules::book::error::{FilePlace, LoadError};
use crate::rules::book::files::{built_in_text, read_text};
use crate::rules::book::rule_compiler::content_start;
use crate::rules::lang::compile::check_names;
use crate::rules::lang::named_expressions::NamedExpressions;
use crate::rules::lang::program::Program;

/// Name of the file, at the root of a folder of rules.
const FILE: &str = "expressions.toml";

/// The named expressions of one folder of rules.
#[derive(Debug)]
pub(in crate::rules) struct ExpressionFile {
    path: String,
    text: Cow<'static, str>,
    entries: Vec<LetEntry>,
}

/// `[[let]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LetEntry {
    /// `name` or `name(parameter, …)`
    name: Spanned<String>,
    /// What it means, for the reference.
    means: String,
    is: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    #[serde(default, rename = "let")]
    entries: Vec<LetEntry>,
}

impl ExpressionFile {
    /// That of the built-in rules.
    pub(crate) fn built_in() -> Result<Self, LoadError> {
        Self::parse(format!("rules/{FILE}"), Cow::Borrowed(built_in_text(FILE)))
    }

    /// That of a folder; without entries where it has none.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, LoadError> {
        let path = folder.join(FILE);
        let text = if path.is_file() { read_text(&path)? } else { String::new() };
        Self::parse(path.display().to_string(), Cow::Owned(text))
    }

    fn parse(path: String, text: Cow<'static, str>) -> Result<Self, LoadError> {
        match toml::from_str(&text) {
            Ok(Entries { entries }) => Ok(Self { path, text, entries }),
            Err(error) => {
                let place = FilePlace::of(&text, error.span().map(|span| span.start));
                Err(LoadError::Rule { file: path, place, what: error.message().to_owned() })
            }
        }
    }

    /// Its names, beside those of `outer`. All of them are compiled, so that an error is told where it is.
    pub(crate) fn names<'n>(
        &'n self,
        outer: Option<&'n NamedExpressions<'n>>,
        program: &mut Program,
    ) -> Result<NamedExpressions<'n>, LoadError> {
        let mut names = outer.map_or_else(NamedExpressions::default, NamedExpressions::below);
        let added = self.entries.iter().try_for_each(|LetEntry { name, is, .. }| {
            names.add(name.get_ref(), name.span().start, is.get_ref(), content_start(&self.text, is))
        });
        added.and_then(|()| check_names(&names, program)).map_err(|error| {
            let (file, place) = (self.path.clone(), FilePlace::of(&self.text, Some(error.at)));
            LoadError::Rule { file, place, what: error.what }
        })?;
        Ok(names)
    }

    /// Each name as it is used, and what it means.
    pub(crate) fn meanings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (entry.name.get_ref().as_str(), entry.means.as_str()))
    }
}

/// The named expressions that every rule can use: each as it is used, and what it means.
pub(crate) fn named_expressions() -> Result<Vec<(String, String)>, LoadError> {
    let file = ExpressionFile::built_in()?;
    Ok(file.meanings().map(|(name, means)| (name.to_owned(), means.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::book::rule_book::compile_built_in;
    use crate::rules::book::tables::{compile_claims, facts};
    use crate::rules::builtins::builtins;
    use crate::rules::{RuleBook, RuleSources};

    /// A name of the book that no rule and no claim of an error uses only makes the list longer.
    #[test]
    fn every_name_of_the_book_is_used() {
        let (mut program, file) = (builtins().program(), ExpressionFile::built_in().unwrap());
        let names = file.names(None, &mut program).unwrap();
        compile_built_in(&names, &mut program).unwrap();
        compile_claims(&facts().unwrap(), &names, &mut program).unwrap();
        assert_eq!(names.check_used(), Ok(()));
    }

    #[test]
    fn a_folder_of_rules_has_names_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let area = folder.path().join("customer");
        std::fs::create_dir(&area).unwrap();
        let rule = "title = 't'\nseverity = 'failure'\nside = 'broker'\nscope = 'request'\nstages = ['B']\nwhy = 'w'\nfix = 'f'\n\
                    spec = 'https://example.org'\nexpect = 'is_reachable(request.body.customer)'\nat = '/request/body'\n";
        std::fs::write(area.join("reachable.toml"), rule).unwrap();
        let set = RuleSources { folders: vec![folder.path().to_owned()], ..RuleSources::default() };
        let error = RuleBook::load(&set).unwrap_err().to_string();
        assert!(error.contains("reachable.toml:9:11: expect: unknown function \"is_reachable\""), "{error}");
        let names = "[[let]]\nname = 'is_reachable(one)'\nmeans = 'm'\nis = '!blank(one.email)'\n";
        std::fs::write(folder.path().join(FILE), names).unwrap();
        assert!(RuleBook::load(&set).unwrap().rule("customer/reachable").is_some());
    }

    #[test]
    fn an_error_names_the_file_and_the_place() {
        let text = "[[let]]\nname = \"paid\"\nmeans = \"m\"\nis = '''\n  reqest.body'''\n";
        let file = ExpressionFile::parse("expressions.toml".to_owned(), text.into()).unwrap();
        let error = file.names(None, &mut builtins().program()).unwrap_err().to_string();
        assert_eq!(error, "expressions.toml:5:3: unknown name \"reqest\"; did you mean request?");
        assert_eq!(file.meanings().collect::<Vec<_>>(), [("paid", "m")]);
    }
}
