//! `umpire rules explain ID`: one rule for people who are to act on it.
//!
//! `Rule → what, why, what to do, examples, where the test suite exercises it`

use std::fmt::Write as _;

use crate::rules::{Feature, Features, PACKAGE, Rule};

/// The page of a rule; `off` if it is switched off.
pub(super) fn page(rule: &Rule, off: bool, features: &Features) -> String {
    let info = &rule.info;
    let mut page = String::new();
    let mut line = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    line(&info.id);
    line(&info.title);
    line("");
    if off {
        line("  Switched off   by the settings; it says nothing");
    }
    if !info.aliases.is_empty() {
        line(&format!("  Former ids     {}", info.aliases.join(", ")));
    }
    line(&format!("  Side at fault  {}", info.side.in_words()));
    line(&format!("  Severity       {}", info.severity));
    line(&format!("  Looks at       {} at {}", info.scope.as_str(), info.stages.join(", ")));
    line(&format!("  Specification  {}", info.spec));
    let fix = format!("What the {} can do", info.side.in_words());
    for (head, text) in [("Why", &info.why), (fix.as_str(), &info.fix)] {
        line("");
        line(head);
        line(&indent(text));
    }
    line("");
    line("Examples");
    for (name, outcome) in rule.examples() {
        line(&format!("  {name}: {outcome}"));
    }
    if let Some(name) = &info.feature {
        line("");
        line("In OpenActive's test suite");
        match features.get(name) {
            Some(feature) => page.push_str(&in_test_suite(feature)),
            None => line(&format!("  Feature {name}")),
        }
    }
    page
}

fn in_test_suite(feature: Feature<'_>) -> String {
    let Feature { category, name, tested } = feature;
    let folder = feature.folder();
    let mut text = indent(&format!("Feature {name} of category {category}, in {PACKAGE}/{folder}."));
    if tested {
        text.push_str("\n\n");
        let setting = format!(
            "To run its tests alone, at the root of the test suite, with {name} set to true under implementedFeatures of the configuration that NODE_ENV names:"
        );
        text.push_str(&indent(&setting));
        let _ = write!(text, "\n\n    npm start -- --runInBand {folder}/\n\n");
        text.push_str(&indent(
            "To have its traffic judged, run Umpire between the suite and the booking system: the suite goes by the Base URI that the dataset site advertises.",
        ));
    } else {
        text.push(' ');
        text.push_str("It has no tests yet.");
    }
    text.push('\n');
    text
}

/// Wraps prose at 96 columns, two spaces in.
fn indent(text: &str) -> String {
    let mut wrapped = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        if width == 0 || width + word.len() > 94 {
            let _ = write!(wrapped, "{}  {word}", if width == 0 { "" } else { "\n" });
            width = word.len();
        } else {
            let _ = write!(wrapped, " {word}");
            width += word.len() + 1;
        }
    }
    wrapped
}
