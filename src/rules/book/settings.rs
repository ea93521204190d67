//! What an operator has settled about the rules: further folders, other severities, rules switched off.
//!
//! `RuleSources → RuleBook::load: built-in rules, folders, then each RuleSetting in turn`

use std::path::PathBuf;

use crate::finding::Severity;
use crate::rules::book::aliases::renamed;
use crate::rules::book::error::LoadError;
use crate::rules::book::rule::Rule;
use crate::rules::lang::suggest::distance;

/// Most names that a hint offers.
const MOST_HINTS: usize = 5;

/// Folders of rule files, and the settings that switch rules off or change their severity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSources {
    /// Folders of rules that add to the built-in ones and override them by id; the later the folder, the stronger.
    pub folders: Vec<PathBuf>,
    /// What differs from the rule files. What is said of a rule prevails over what is said of its area.
    pub settings: Vec<RuleSetting>,
}

/// One setting of a rule or of an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetting {
    /// Id of a rule (`broker/reflected`), or an area: the part before the slash.
    pub of: String,
    /// What its findings weigh; `None` switches it off.
    pub severity: Option<Severity>,
    /// Where it is said, for error messages: `umpire.toml:7`.
    pub origin: String,
}

impl RuleSetting {
    fn is_of_area(&self) -> bool {
        !self.of.contains('/')
    }

    fn is_about(&self, rule: &Rule) -> bool {
        rule.info.id == self.of || (self.is_of_area() && area(&rule.info.id) == self.of)
    }

    /// True if it names the rule by a former id, or by the area that it was in.
    fn is_about_former(&self, rule: &Rule) -> bool {
        let is_it = |alias: &String| *alias == self.of || (self.is_of_area() && area(alias) == self.of);
        rule.info.aliases.iter().any(is_it)
    }
}

/// The rules as they are with the settings.
pub(in crate::rules) struct RulesInForce {
    pub on: Vec<Rule>,
    pub off: Vec<Rule>,
    /// What there is to say of settings that name a rule by a former id.
    pub notices: Vec<String>,
}

/// The area of a rule's id.
pub fn area(id: &str) -> &str {
    id.split_once('/').map_or(id, |(area, _)| area)
}

/// Applies the settings. One that names a rule by a former id holds for the rule, unless another one names it as it is called
/// now.
pub(in crate::rules) fn apply(mut rules: Vec<Rule>, settings: &[RuleSetting]) -> Result<RulesInForce, LoadError> {
    let mut notices = Vec::new();
    // From the weakest to the strongest: areas, former ids, ids.
    let (mut of_areas, mut of_former, mut of_ids) = (Vec::new(), Vec::new(), Vec::new());
    for setting in settings {
        let places = |is_it: fn(&RuleSetting, &Rule) -> bool| -> Vec<usize> {
            rules.iter().enumerate().filter(|(_, rule)| is_it(setting, rule)).map(|(place, _)| place).collect()
        };
        let now = places(RuleSetting::is_about);
        if !now.is_empty() {
            if setting.is_of_area() { &mut of_areas } else { &mut of_ids }.push((setting, now));
            continue;
        }
        let former = places(RuleSetting::is_about_former);
        if former.is_empty() {
            let ids: Vec<&str> = rules.iter().map(|rule| rule.info.id.as_str()).collect();
            let hint = suggest_rule(&setting.of, &ids);
            return Err(LoadError::NoSuchRule { origin: setting.origin.clone(), name: setting.of.clone(), hint });
        }
        for &place in &former {
            let info = &rules[place].info;
            let of_setting = |alias: &&String| **alias == setting.of || area(alias) == setting.of;
            let old = info.aliases.iter().find(of_setting).unwrap_or(&setting.of);
            notices.push(format!("{}: {}", setting.origin, renamed(old, &info.id)));
        }
        if setting.is_of_area() { &mut of_areas } else { &mut of_former }.push((setting, former));
    }
    let mut is_off = vec![false; rules.len()];
    for (setting, places) in of_areas.into_iter().chain(of_former).chain(of_ids) {
        for place in places {
            match setting.severity {
                Some(severity) => rules[place].set_severity(severity),
                None => is_off[place] = true,
            }
        }
    }
    let (mut on, mut off) = (Vec::with_capacity(rules.len()), Vec::new());
    for (rule, is_off) in rules.into_iter().zip(is_off) {
        if is_off { &mut off } else { &mut on }.push(rule);
    }
    Ok(RulesInForce { on, off, notices })
}

/// What to do about a name that is neither a rule nor an area.
pub(crate) fn suggest_rule(name: &str, ids: &[&str]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_what_is_near() {
        let ids = ["agent-broker/customer-required", "broker/reflected", "broker/type", "customer/type"];
        assert_eq!(suggest_rule("broker/reflekted", &ids), "did you mean broker/reflected?");
        assert_eq!(suggest_rule("brokr", &ids), "did you mean broker?");
        assert_eq!(suggest_rule("nobody/customer-required", &ids), "did you mean agent-broker/customer-required?");
        assert!(suggest_rule("something-else-entirely", &ids).contains("rules list"));
    }
}
