//! What an operator has settled about the rules: further folders, other severities, rules switched off.
//!
//! `RuleSet → RuleBook::load: built-in rules, folders, then each Setting in turn`

use std::path::PathBuf;

use super::book::LoadError;
use super::rule::Rule;
use crate::finding::Severity;

/// Most names that a hint offers.
const MOST_HINTS: usize = 5;

/// Which rules are in force, and how much their findings weigh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// Folders of rules that add to the built-in ones and override them by id; the later the folder, the stronger.
    pub folders: Vec<PathBuf>,
    /// What differs from the rule files. What is said of a rule prevails over what is said of its area.
    pub settings: Vec<Setting>,
}

/// One setting of a rule or of an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Id of a rule (`broker/reflected`), or an area: the part before the slash.
    pub of: String,
    /// What its findings weigh; `None` switches it off.
    pub severity: Option<Severity>,
    /// Where it is said, for error messages: `umpire.toml:7`.
    pub origin: String,
}

impl Setting {
    fn is_of_area(&self) -> bool {
        !self.of.contains('/')
    }

    fn is_about(&self, rule: &Rule) -> bool {
        rule.info.id == self.of || (self.is_of_area() && area(&rule.info.id) == self.of)
    }
}

/// The area of a rule's id.
pub fn area(id: &str) -> &str {
    id.split_once('/').map_or(id, |(area, _)| area)
}

/// Applies the settings; the rules that are on, and those that are off.
pub(super) fn apply(mut rules: Vec<Rule>, settings: &[Setting]) -> Result<(Vec<Rule>, Vec<Rule>), LoadError> {
    for setting in settings {
        if !rules.iter().any(|rule| setting.is_about(rule)) {
            let ids: Vec<&str> = rules.iter().map(|rule| rule.info.id.as_str()).collect();
            let hint = hint(&setting.of, &ids);
            return Err(LoadError::NoSuchRule { origin: setting.origin.clone(), name: setting.of.clone(), hint });
        }
    }
    let (areas, ids): (Vec<&Setting>, Vec<&Setting>) = settings.iter().partition(|setting| setting.is_of_area());
    for setting in areas.into_iter().chain(ids) {
        let Some(severity) = setting.severity else { continue };
        for rule in rules.iter_mut().filter(|rule| setting.is_about(rule)) {
            rule.set_severity(severity);
        }
    }
    let is_off = |rule: &Rule| settings.iter().any(|setting| setting.severity.is_none() && setting.is_about(rule));
    Ok(rules.into_iter().partition(|rule| !is_off(rule)))
}

/// What to do about a name that is neither a rule nor an area.
pub fn hint(name: &str, ids: &[&str]) -> String {
    let last = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
    let mut areas: Vec<&str> = ids.iter().map(|id| area(id)).collect();
    areas.sort_unstable();
    areas.dedup();
    let known = ids.iter().chain(&areas).copied();
    let mut near: Vec<(usize, &str)> = known
        .filter_map(|known| {
            let distance = distance(name, known);
            let alike = distance <= 2 + name.len() / 8 || known.contains(name) || last(known) == last(name);
            alike.then_some((distance, known))
        })
        .collect();
    near.sort_unstable();
    near.truncate(MOST_HINTS);
    if near.is_empty() {
        return "`umpire rules list` lists the rules; the part before the slash is the area".to_owned();
    }
    let names: Vec<&str> = near.into_iter().map(|(_, known)| known).collect();
    format!("did you mean {}?", names.join(", "))
}

/// Letters to insert, take away or change to get from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (place, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = place + 1;
        for column in 1..row.len() {
            let change = diagonal + usize::from(to[column - 1] != letter);
            diagonal = row[column];
            row[column] = change.min(row[column] + 1).min(row[column - 1] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_what_is_near() {
        let ids = ["agent-broker/customer-required", "broker/reflected", "broker/type", "customer/type"];
        assert_eq!(hint("broker/reflekted", &ids), "did you mean broker/reflected?");
        assert_eq!(hint("brokr", &ids), "did you mean broker?");
        assert_eq!(hint("nobody/customer-required", &ids), "did you mean agent-broker/customer-required?");
        assert!(hint("something-else-entirely", &ids).contains("rules list"));
    }

    #[test]
    fn distances() {
        for (from, to, wanted) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("broker", "brokr", 1)] {
            assert_eq!(distance(from, to), wanted, "{from} {to}");
            assert_eq!(distance(to, from), wanted, "{to} {from}");
        }
    }
}
