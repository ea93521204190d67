//! What a rule says of an exchange.

use std::sync::Arc;

use crate::finding::Finding;
use crate::json::{Document, Value};
use crate::rules::book::rule::{Rule, RuleCheck};
use crate::rules::judging::finding_builder::finding;
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::eval::evaluate;
use crate::rules::lang::messages::{answered, body};
use crate::rules::lang::value::EvalError;
use crate::rules::models::check::{ModelCheck, describe};
use crate::rules::models::data_model::DeviationKind;
use crate::rules::models::errors::ModelTables;
use crate::rules::models::walk::Deviation;

/// Most findings of one rule on one exchange that are told one by one; further ones are counted.
pub const MAX_FINDINGS: usize = 200;

/// What one rule says of one exchange.
#[derive(Debug)]
pub(in crate::rules) enum RuleOutcome {
    /// It doesn't apply.
    Silent,
    Passed,
    NotJudged(Arc<str>),
    Failed(Findings),
}

impl RuleOutcome {
    /// The findings that are told one by one.
    pub(crate) fn told(&self) -> impl Iterator<Item = &Finding> {
        let told = if let Self::Failed(findings) = self { findings.told.as_slice() } else { &[] };
        told.iter().map(|(finding, _)| finding)
    }
}

/// The findings of one rule on one exchange.
#[derive(Debug, Default)]
pub(in crate::rules) struct Findings {
    /// Each with the value for which it is reported only once. At most [`MAX_FINDINGS`].
    pub told: Vec<(Finding, Option<String>)>,
    /// How many more there are.
    pub omitted: u64,
    /// Some are said only once, and have been.
    reported_before: bool,
}

impl Findings {
    /// Adds a finding, unless it is reported only once and was already reported in this recording.
    pub(crate) fn add<'a>(
        &mut self,
        rule: &'a Rule,
        check: &'a RuleCheck,
        context: &RuleContext<'a>,
        make: impl FnOnce() -> Result<Finding, EvalError>,
    ) -> Result<(), EvalError> {
        if self.told.len() >= MAX_FINDINGS {
            self.omitted += 1;
            return Ok(());
        }
        let once = check.report_once_per.map(|once| evaluate(once, context).map(|value| value.show())).transpose()?;
        if once.as_ref().is_some_and(|value| context.state.was_reported(&rule.info.id, value)) {
            self.reported_before = true;
        } else {
            self.told.push((make()?, once));
        }
        Ok(())
    }

    pub(crate) fn are_none(&self) -> bool {
        self.told.is_empty() && !self.reported_before
    }
}

/// What of an Order the broker says, and the booking system only repeats; the steps of a pointer, `*` for any.
const REPEATED: [&[&str]; 6] = [
    &["brokerRole"],
    &["broker"],
    &["customer"],
    &["payment"],
    &["orderedItem", "*", "attendee"],
    &["orderedItem", "*", "orderItemIntakeFormResponse"],
];

/// True if `node` of an answer deviates because the booking system repeated what the broker sent: the deviation is the
/// broker's. `sent` is the body of the request.
fn echoes(sent: Value<'_>, node: Value<'_>, what: DeviationKind) -> bool {
    let pointer = node.pointer();
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    let is_repeated = |path: &&[&str]| {
        path.len() <= steps.len() && path.iter().zip(&steps).all(|(wanted, step)| *wanted == "*" || wanted == step)
    };
    REPEATED.iter().any(is_repeated)
        && sent.find(&pointer).is_some_and(|twin| {
            node.same(twin)
                || matches!(what, DeviationKind::Untyped | DeviationKind::UnknownType)
                    && match (node.get("@type"), twin.get("@type")) {
                        (Some(own), Some(other)) => own.same(other),
                        (None, None) => twin.is_object(),
                        _ => false,
                    }
        })
}

/// Asks the data models; true if there was a body to look at.
pub(in crate::rules) fn deviations<'a>(
    rule: &'a Rule,
    check: &'a RuleCheck,
    asked: &ModelCheck,
    context: &RuleContext<'a>,
    findings: &mut Findings,
) -> Result<bool, EvalError> {
    let ModelTables { models, wanted: of_models, .. } = context.facts;
    let (parsed, walks) = (context.parsed, context.walks);
    let (content, message) =
        if asked.request { (&parsed.request, "/request/body") } else { (&parsed.response, "/response/body") };
    if !asked.request {
        answered(parsed)?;
    }
    let Some(root) = body(content, asked.request)? else { return Ok(false) };
    let found = if asked.request {
        walks.request(root, parsed, models, of_models.0)
    } else {
        walks.response(root, parsed, models, of_models.1)
    };
    let sent = if asked.request { None } else { parsed.request.json().map(Document::root) };
    let is_echo = |deviation: &Deviation| {
        sent.zip(root.document().value_at(deviation.node))
            .is_some_and(|(sent, node)| echoes(sent, node, deviation.what))
    };
    for deviation in found.iter().filter(|deviation| asked.is_about(deviation, root.document(), models)) {
        if is_echo(deviation) {
            continue;
        }
        let context = context.of_item(root.document().value_at(deviation.node), None);
        findings.add(rule, check, &context, || {
            let described = describe(deviation, root.document(), models);
            let expected = check.expected.is_empty().then_some(described.expected);
            let pointer = format!("{message}{}", described.pointer);
            let mut found = finding(rule, check, &context, pointer, described.seen, expected)?;
            if check.message.is_empty() {
                found.message = described.message;
            }
            Ok(found)
        })?;
    }
    Ok(true)
}
