//! The text of a rule file → a rule.
//!
//! `TOML → RuleDefinition → its expressions, paths and templates compiled → Rule`

use std::sync::Arc;

use toml::Spanned;

use crate::finding::{RuleInfo, Side};
use crate::openbooking::Stage;
use crate::rules::book::aliases::{Alias, is_id};
use crate::rules::book::definition::{CheckDefinition, RuleDefinition};
use crate::rules::book::rule::{Expectation, FindingLocation, Rule, RuleCheck, RuleFileError, Stages};
use crate::rules::builtins::checks::NamedCheck;
use crate::rules::lang::compile::{check_names, compile, compile_condition};
use crate::rules::lang::items::{Each, ItemSource};
use crate::rules::lang::named_expressions::NamedExpressions;
use crate::rules::lang::node::{BoolId, NodeId, ValueId};
use crate::rules::lang::parser::SyntaxError;
use crate::rules::lang::path::Path;
use crate::rules::lang::program::Program;
use crate::rules::lang::template::Template;
use crate::rules::models::check::{ModelCheck, ModelDefinition};

/// Compiles the text of a rule file. `id` is its path without `.toml`.
pub(in crate::rules) fn compile_rule(
    id: &str,
    file: &str,
    text: &str,
    outer: &NamedExpressions<'_>,
    program: &mut Program,
) -> Result<Rule, RuleFileError> {
    let mut definition = RuleDefinition::read(text).map_err(|(what, at)| RuleFileError { what, at })?;
    let aliases = aliases(&definition, file, text)?;
    let lets = std::mem::take(&mut definition.lets);
    let mut names = NamedExpressions::below(outer);
    for (signature, expression) in &lets {
        let (at, origin) = (signature.span().start, content_start(text, expression));
        names.add(signature.get_ref(), at, expression.get_ref(), origin).map_err(|error| in_key("let", error))?;
    }
    check_names(&names, program).map_err(|error| in_key("let", error))?;
    let rule = RuleCompiler { text, names: &names, program }.rule(id, definition)?;
    names.check_used().map_err(|error| in_key("let", error))?;
    Ok(rule.with_aliases(file, aliases))
}

/// Byte of a file at which the content of a string begins, behind its quotes.
pub(in crate::rules) fn content_start(file: &str, string: &Spanned<String>) -> usize {
    let start = string.span().start;
    let written = &file[start..];
    let is_long = written.starts_with("'''") || written.starts_with("\"\"\"");
    // A line break right behind three quotes is no part of the string.
    let line_break = if is_long { written[3..].len() - written[3..].trim_start_matches(['\r', '\n']).len() } else { 0 };
    start + if is_long { 3 + line_break.min(2) } else { 1 }
}

fn error_in(key: &str, spanned: &Spanned<String>, what: &str) -> RuleFileError {
    RuleFileError { what: format!("{key}: {what}"), at: Some(spanned.span().start) }
}

struct RuleCompiler<'c> {
    text: &'c str,
    names: &'c NamedExpressions<'c>,
    program: &'c mut Program,
}

impl RuleCompiler<'_> {
    fn rule(&mut self, id: &str, definition: RuleDefinition) -> Result<Rule, RuleFileError> {
        let stages = stages(&definition.stages)?;
        let mut rule_when = self.optional_condition("when", definition.when.as_ref())?;
        let mut checks = Vec::new();
        for check in &definition.checks {
            checks.push(self.check(&definition, check)?);
        }
        if checks.is_empty() {
            let mut check = self.single_check(&definition)?;
            if check.each.is_some() {
                // With `each`, the rule's own condition is asked for each node.
                check.when = rule_when.take();
            }
            checks.push(check);
        }
        let mut not_judged = Vec::new();
        for entry in &definition.not_judged {
            not_judged.push((self.condition("not_judged.when", &entry.when)?, Arc::from(entry.because.as_str())));
        }
        let mut downgrades = Vec::new();
        for entry in &definition.downgrades {
            downgrades.push((self.condition("downgrade.when", &entry.when)?, entry.severity));
        }
        let asks_refusal = |check: &RuleCheck| {
            check.asks_refusal
                || matches!(check.expect, Expectation::Expression(expect) if self.program.calls(NodeId::Value(expect), "refused"))
        };
        let judges_refusals =
            definition.side == Side::BookingSystem && (definition.asks_refusal || checks.iter().any(asks_refusal));
        let info = RuleInfo {
            id: id.to_owned(),
            aliases: Vec::new(),
            severity: definition.severity,
            side: definition.side,
            scope: definition.scope,
            stages: definition.stages.into_inner(),
            title: definition.title,
            spec: definition.spec,
            feature: definition.feature,
            unusable_answer: definition.unusable_answer,
            superfluous: definition.superfluous,
            comparison: definition.comparison,
            why: definition.why,
            fix: definition.fix,
        };
        Ok(Rule {
            info: Arc::new(info),
            file: String::new(),
            aliases: Vec::new(),
            stages,
            when: rule_when,
            not_judged,
            downgrades,
            general: definition.general,
            refutes_refusal: definition.refutes_refusal,
            judges_refusals,
            checks,
            examples: definition.examples,
        })
    }

    fn condition(&mut self, key: &str, text: &Spanned<String>) -> Result<BoolId, RuleFileError> {
        compile_condition(text.get_ref(), content_start(self.text, text), self.names, self.program)
            .map_err(|error| in_key(key, error))
    }

    fn optional_condition(
        &mut self,
        key: &str,
        text: Option<&Spanned<String>>,
    ) -> Result<Option<BoolId>, RuleFileError> {
        text.map(|text| self.condition(key, text)).transpose()
    }

    fn expression(&mut self, key: &str, text: &Spanned<String>) -> Result<ValueId, RuleFileError> {
        compile(text.get_ref(), content_start(self.text, text), self.names, self.program)
            .map_err(|error| in_key(key, error))
    }

    fn optional(&mut self, key: &str, text: Option<&Spanned<String>>) -> Result<Option<ValueId>, RuleFileError> {
        text.map(|text| self.expression(key, text)).transpose()
    }

    fn template(&mut self, key: &str, text: Option<&Spanned<String>>) -> Result<Template, RuleFileError> {
        let Some(text) = text else { return Ok(Template::default()) };
        Template::parse(text.get_ref(), content_start(self.text, text), self.names, self.program)
            .map_err(|error| in_key(key, error))
    }

    fn single_check(&mut self, definition: &RuleDefinition) -> Result<RuleCheck, RuleFileError> {
        let expect = match (&definition.expect, &definition.native) {
            (Some(_), Some(name)) => return Err(error_in("native", name, "a rule has either expect or native")),
            (None, Some(name)) if definition.model.is_none() => {
                Expectation::InRust(NamedCheck::from_name(name.get_ref()).ok_or_else(|| {
                    error_in("native", name, &format!("there is no check named {:?}", name.get_ref()))
                })?)
            }
            (expect, _) => self.expectation("expect", expect.as_ref(), definition.model.as_ref())?,
        };
        let each = self.each(definition.each.as_ref())?;
        Ok(RuleCheck {
            at: self.at(definition.at.as_ref(), each.is_some(), &expect)?,
            when: None,
            seen: self.optional("seen", definition.seen.as_ref())?,
            seen_as: definition.seen_as,
            expected: self.template("expected", definition.expected.as_ref())?,
            message: self.template("message", definition.message.as_ref())?,
            report_once_per: self.optional("report_once_per", definition.report_once_per.as_ref())?,
            because: self.optional("because", definition.because.as_ref())?,
            severity: definition.severity,
            asks_refusal: definition.asks_refusal,
            expect,
            each,
        })
    }

    fn expectation(
        &mut self,
        key: &str,
        expect: Option<&Spanned<String>>,
        model: Option<&Spanned<ModelDefinition>>,
    ) -> Result<Expectation, RuleFileError> {
        match (expect, model) {
            (Some(expect), None) => Ok(Expectation::Expression(self.expression(key, expect)?)),
            (None, Some(model)) => {
                let at = Some(model.span().start);
                let check = ModelCheck::try_from(model.get_ref().clone());
                check.map(Expectation::Model).map_err(|what| RuleFileError { what: format!("model: {what}"), at })
            }
            (Some(expect), Some(_)) => Err(error_in(key, expect, "there is either expect or model")),
            (None, None) => Err(RuleFileError { what: format!("{key} is missing"), at: None }),
        }
    }

    fn check(&mut self, definition: &RuleDefinition, check: &CheckDefinition) -> Result<RuleCheck, RuleFileError> {
        let expect = self.expectation("check.expect", check.expect.as_ref(), check.model.as_ref())?;
        let each = match expect {
            Expectation::Model(_) => None,
            _ => self.each(check.each.as_ref().or(definition.each.as_ref()))?,
        };
        Ok(RuleCheck {
            at: self.at(check.at.as_ref().or(definition.at.as_ref()), each.is_some(), &expect)?,
            when: self.optional_condition("check.when", check.when.as_ref())?,
            seen: self.optional("check.seen", check.seen.as_ref().or(definition.seen.as_ref()))?,
            seen_as: if check.seen.is_some() { check.seen_as } else { check.seen_as.or(definition.seen_as) },
            expected: self.template("check.expected", check.expected.as_ref().or(definition.expected.as_ref()))?,
            message: self.template("check.message", check.message.as_ref().or(definition.message.as_ref()))?,
            report_once_per: self.optional(
                "check.report_once_per",
                check.report_once_per.as_ref().or(definition.report_once_per.as_ref()),
            )?,
            because: self.optional("check.because", check.because.as_ref().or(definition.because.as_ref()))?,
            severity: check.severity.unwrap_or(definition.severity),
            asks_refusal: check.asks_refusal || definition.asks_refusal,
            expect,
            each,
        })
    }

    fn each(&mut self, text: Option<&Spanned<String>>) -> Result<Option<Each>, RuleFileError> {
        let Some(text) = text else { return Ok(None) };
        let items = if text.get_ref().starts_with('/') {
            ItemSource::Path(Path::parse(text.get_ref()).map_err(|what| error_in("each", text, &what))?)
        } else {
            ItemSource::Nodes(self.expression("each", text)?)
        };
        Ok(Some(Each { items, place: 0 }))
    }

    fn at(
        &mut self,
        text: Option<&Spanned<String>>,
        with_each: bool,
        expect: &Expectation,
    ) -> Result<FindingLocation, RuleFileError> {
        let Some(text) = text else {
            let points_by_itself = match expect {
                Expectation::InRust(_) | Expectation::Model(_) => true,
                Expectation::Expression(expect) => self.program.call_of(*expect, "refused").is_some(),
            };
            return match (with_each, points_by_itself) {
                (true, _) => Ok(FindingLocation::Item(String::new())),
                (false, true) => Ok(FindingLocation::Pointer(String::new())),
                (false, false) => {
                    Err(RuleFileError { what: "at is missing: say where a finding points".to_owned(), at: None })
                }
            };
        };
        let pointer = text.get_ref();
        if pointer.starts_with('/') {
            let known = ["/request", "/response"].iter().any(|root| pointer.starts_with(root));
            return if known {
                Ok(FindingLocation::Pointer(pointer.clone()))
            } else {
                Err(error_in("at", text, "a pointer starts with /request or /response"))
            };
        }
        if pointer == "." || pointer.starts_with("./") {
            return if with_each {
                Ok(FindingLocation::Item(pointer[1..].to_owned()))
            } else {
                Err(error_in("at", text, "a relative pointer needs each"))
            };
        }
        self.expression("at", text).map(FindingLocation::Expression)
    }
}

fn in_key(key: &str, SyntaxError { what, at }: SyntaxError) -> RuleFileError {
    RuleFileError { what: format!("{key}: {what}"), at: Some(at) }
}

/// The former ids that a rule file lists.
fn aliases(definition: &RuleDefinition, file: &str, text: &str) -> Result<Vec<Alias>, RuleFileError> {
    let alias = |listed: &Spanned<String>| {
        let (id, at) = (listed.get_ref(), listed.span().start);
        if !is_id(id) {
            return Err(error_in("aliases", listed, &format!("{id:?} is no id of a rule; write area/name")));
        }
        let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
        Ok(Alias { id: id.clone(), file: file.to_owned(), line })
    };
    definition.aliases.iter().map(alias).collect()
}

fn stages(names: &Spanned<Vec<String>>) -> Result<Stages, RuleFileError> {
    let at = Some(names.span().start);
    if names.get_ref().iter().any(|name| name == "any") {
        return Ok(Stages::Any);
    }
    let stages = names
        .get_ref()
        .iter()
        .map(|name| {
            Stage::from_name(name).ok_or_else(|| RuleFileError { what: format!("stages: unknown stage {name:?}"), at })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if stages.is_empty() {
        return Err(RuleFileError { what: "stages: name at least one stage, or any".to_owned(), at });
    }
    Ok(Stages::Some(stages))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::exchange::{Body, Exchange};
    use crate::rules::{BookingSystemInfo, Judge, RuleBook};

    const RULE: &str = r#"
title = "t"
severity = "failure"
side = "broker"
scope = "request"
stages = ["other"]
spec = "https://example.org"
why = "w"
fix = "f"
when = "is_order"
expected = "{wanted}"
message = "{count} of {wanted}, {seen}"

[let]
lines = "request.body.orderedItem"
is_order = "is_list(lines)"
count = "size(lines)"
wanted = "'b'"
unwanted = "lines.filter(line, !is_wanted(line))"
"is_wanted(line)" = "line.name == wanted"
"#;

    fn findings(rest: &str) -> Vec<(String, String, String)> {
        let book = Arc::new(RuleBook::of_texts(&[("a/b", &format!("{RULE}{rest}"))]).unwrap());
        let mut exchange = Exchange::get("http://a.example", "/x");
        exchange.request.body = Body::complete(r#"{"orderedItem": [{"name": "a"}, {"name": "b"}]}"#);
        let judged = Judge::new(book, BookingSystemInfo::default()).judge(Arc::new(exchange));
        assert!(judged.not_judged.is_empty(), "{:?}", judged.not_judged);
        let found = judged.findings.into_iter();
        found.map(|found| (found.pointer, found.severity.to_string(), found.message)).collect()
    }

    #[test]
    fn named_expressions_can_be_used_wherever_expressions_can() {
        let expected = |severity: &str, seen: &str| {
            ("/request/body/orderedItem/0/name".to_owned(), severity.to_owned(), format!("2 of b, {seen}"))
        };
        let check = "[[check]]\nexpect = 'size(unwanted) == 0'\nat = 'unwanted[0].name'\nreport_once_per = 'wanted'\n";
        assert_eq!(findings(check), [expected("failure", "a")]);
        let downgraded = format!("{check}seen = 'count'\n[[downgrade]]\nwhen = 'count == 2'\nseverity = 'notice'\n");
        assert_eq!(findings(&downgraded), [expected("notice", "2")]);
        let each = "[[check]]\neach = 'unwanted'\nexpect = 'is_wanted(item)'\nat = './name'\n";
        assert_eq!(findings(each), [expected("failure", "a")]);
        let all = "[[check]]\neach = 'lines'\nwhen = 'is_order && item.name != null'\nexpect = 'is_wanted(item) || item in unwanted'\n";
        assert_eq!(findings(all), []);
        let text = format!("{RULE}{check}[[not_judged]]\nwhen = 'is_order'\nbecause = 'it is one'\n");
        assert!(RuleBook::of_texts(&[("a/b", &text)]).is_ok());
    }

    #[test]
    fn a_former_key_names_the_present_one() {
        for (former, message) in [
            ("once = 'wanted'\n", "the key once is now report_once_per"),
            ("[[milder]]\nwhen = 'is_order'\nseverity = 'notice'\n", "the key milder is now downgrade"),
        ] {
            let rule = RULE.replace("[let]", &format!("{former}[let]")) + "[[check]]\nexpect = 'count == 2'\n";
            let error = RuleBook::of_texts(&[("a/b", &rule)]).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn a_name_that_fails_matters_only_where_it_is_used() {
        let lazy = "[[check]]\nexpect = 'size(unwanted) == 0 || count == 2 || broken'\nat = '/request/body'\n";
        let rule = format!("{RULE}{lazy}").replace("[let]", "[let]\nbroken = 'count < wanted'");
        assert!(RuleBook::of_texts(&[("a/b", &rule)]).is_ok());
        let unused =
            format!("{RULE}{lazy}").replace(" || broken", "").replace("[let]", "[let]\nbroken = 'count < wanted'");
        let error = RuleBook::of_texts(&[("a/b", &unused)]).unwrap_err().to_string();
        assert!(error.starts_with("a/b.toml:15:1: let: broken is not used"), "{error}");
    }
}
