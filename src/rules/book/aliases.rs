//! Former ids of rules: what was said of a rule under its old id still holds.
//!
//! `aliases = ["old/id"] in the rule file → Aliases → settings, baselines and earlier reports follow, with a notice`

use std::collections::BTreeMap;

use crate::rules::book::error::{FilePlace, LoadError};
use crate::rules::book::rule::Rule;

/// A former id of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rules) struct Alias {
    pub id: String,
    /// Where it stands, for error messages: file and line.
    pub file: String,
    pub line: usize,
}

/// Former ids, each with the id of the rule that has taken its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases(BTreeMap<String, String>);

impl Aliases {
    /// Gathers the aliases of rules. An error if two rules share one, or if one is the id of a rule.
    pub(in crate::rules) fn of(rules: &[Rule]) -> Result<Self, LoadError> {
        let mut aliases = BTreeMap::new();
        for rule in rules {
            let new = &rule.info.id;
            for Alias { id, file, line } in &rule.aliases {
                let wrong = |what: String| LoadError::Rule { file: file.clone(), place: FilePlace::line(*line), what };
                if let Some(live) = rules.iter().find(|rule| rule.info.id == *id) {
                    return Err(wrong(format!(
                        "aliases: {id} is the id of a rule ({}); it can't be the former id of {new} as well. A file that is to replace {new} is called {new}.toml",
                        live.file
                    )));
                }
                if let Some(other) = aliases.insert(id.clone(), new.clone()) {
                    let what = if other == *new {
                        format!("aliases: {id} is listed twice")
                    } else {
                        format!("aliases: {id} is a former id of {other} already; only one rule can take its place")
                    };
                    return Err(wrong(what));
                }
            }
        }
        Ok(Self(aliases))
    }

    /// The id of the rule that has taken the place of a former one; `None` if the id is no former one.
    pub fn current(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}

/// True for a text that can be the id of a rule: `area/name`.
pub(in crate::rules) fn is_id(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    text.contains('/') && text.split('/').all(plain)
}

/// What people are told of a former id that they use.
pub fn renamed(old: &str, new: &str) -> String {
    format!("rule {old} is now {new}; use the new id")
}

#[cfg(test)]
mod tests {
    use crate::rules::{RuleBook, RuleSetting, RuleSources};

    fn rule(aliases: &str) -> String {
        format!(
            "title = \"t\"\nseverity = \"failure\"\nside = \"broker\"\nscope = \"request\"\nstages = [\"C2\"]\nspec = \"s\"\n{aliases}\nexpect = 'true'\nat = \"/request/body\"\nwhy = \"w\"\nfix = \"f\"\n"
        )
    }

    fn book(rules: &[(&str, &str)]) -> Result<RuleBook, String> {
        let texts: Vec<(&str, String)> = rules.iter().map(|(id, aliases)| (*id, rule(aliases))).collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(id, text)| (*id, text.as_str())).collect();
        RuleBook::of_texts(&texts).map_err(|error| error.to_string())
    }

    #[test]
    fn a_former_id_leads_to_the_rule() {
        let book = book(&[("new/one", "aliases = [\"old/one\", \"older/one\"]"), ("new/two", "")]).unwrap();
        assert_eq!(book.aliases().current("old/one"), Some("new/one"));
        assert_eq!(book.aliases().current("older/one"), Some("new/one"));
        assert_eq!(book.aliases().current("new/one"), None);
        assert_eq!(book.rule("new/one").unwrap().info.aliases, ["old/one", "older/one"]);
    }

    #[test]
    fn mistakes_name_the_file_and_the_line() {
        let error =
            book(&[("new/one", "aliases = [\"old/one\"]"), ("new/two", "aliases = [\"old/one\"]")]).unwrap_err();
        assert!(error.starts_with("new/two.toml:7: aliases: old/one is a former id of new/one"), "{error}");
        let error = book(&[("new/one", "aliases = [\"new/two\"]"), ("new/two", "")]).unwrap_err();
        assert!(error.starts_with("new/one.toml:7: aliases: new/two is the id of a rule (new/two.toml)"), "{error}");
        let error = book(&[("new/one", "aliases = [\"new/one\"]")]).unwrap_err();
        assert!(error.contains("new/one is the id of a rule"), "{error}");
        let error = book(&[("new/one", "aliases = [\"old/one\", \"old/one\"]")]).unwrap_err();
        assert!(error.contains("old/one is listed twice"), "{error}");
        let error = book(&[("new/one", "aliases = [\"old\"]")]).unwrap_err();
        assert!(error.contains("aliases: \"old\" is no id of a rule; write area/name"), "{error}");
    }

    #[test]
    fn settings_follow_with_a_notice() {
        let folder = tempfile::tempdir().unwrap();
        let area = folder.path().join("new");
        std::fs::create_dir(&area).unwrap();
        std::fs::write(area.join("one.toml"), rule("aliases = [\"old/one\"]")).unwrap();
        std::fs::write(area.join("two.toml"), rule("aliases = [\"old/two\"]")).unwrap();
        let load = |of: &str, severity| {
            let setting = RuleSetting { of: of.to_owned(), severity, origin: "umpire.toml:3: off".to_owned() };
            let set = RuleSources { folders: vec![folder.path().to_owned()], settings: vec![setting] };
            RuleBook::load(&set)
        };
        let book = load("old/one", None).unwrap();
        assert!(book.rule("new/one").is_none() && book.rule("new/two").is_some());
        assert_eq!(book.notices(), ["umpire.toml:3: off: rule old/one is now new/one; use the new id"]);
        assert_eq!(book.aliases().current("old/one"), Some("new/one"), "also of a rule that is off");
        let book = load("old/two", Some(crate::finding::Severity::Notice)).unwrap();
        assert_eq!(book.rule("new/two").unwrap().info.severity, crate::finding::Severity::Notice);
        // An area that all rules have left.
        let book = load("old", None).unwrap();
        assert!(book.rule("new/one").is_none() && book.rule("new/two").is_none());
        assert_eq!(book.notices().len(), 2);
        assert!(load("older", None).is_err());
    }

    #[test]
    fn a_rule_that_replaces_a_built_in_one_keeps_its_former_ids() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let write = |aliases: &str| std::fs::write(folder.path().join("a/b.toml"), rule(aliases)).unwrap();
        write("aliases = [\"old/b\"]");
        let further = tempfile::tempdir().unwrap();
        std::fs::create_dir(further.path().join("a")).unwrap();
        std::fs::write(further.path().join("a/b.toml"), rule("")).unwrap();
        let folders = vec![folder.path().to_owned(), further.path().to_owned()];
        let book = RuleBook::load(&RuleSources { folders, settings: Vec::new() }).unwrap();
        assert_eq!(book.aliases().current("old/b"), Some("a/b"));
    }
}
