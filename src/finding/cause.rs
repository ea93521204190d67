//! Which findings follow from another one, and what a place looks like whatever the index.
//!
//! ```text
//! broker ✗ /request/body/customer        saw nothing   ◄─┐ one cause,
//! broker ✗ /request/body/customer/email  saw nothing   ──┘ one failure
//! ```
//!
//! A finding follows from another one on the same exchange and the same side if
//!
//! - both point to the same node and saw the same there,
//! - it points below a node where the other one saw nothing, or that the other one says must not be there
//!   ([`RuleInfo::superfluous`](super::RuleInfo)),
//! - it names members of the object that it points to, and the other one says what is wrong with one of them,
//! - it says that two messages differ ([`RuleInfo::comparison`](super::RuleInfo)), and the other one says what is wrong with
//!   the value, or with what is in it, or
//! - the other one says that the answer as a whole is no answer ([`RuleInfo::unusable_answer`](super::RuleInfo)).
//!
//! The cause weighs at least as much as what follows from it, and follows from nothing itself. The status of an answer
//! stands for the answer as a whole, so findings on it are never taken together; nor are those on no place at all.

use std::collections::HashMap;

use super::{Finding, Side};

/// What a finding says it saw where there was nothing at its pointer, and only there.
pub(crate) const NOTHING: &str = "nothing";

/// Most members that a finding names and that are looked for.
const MOST_NAMES: usize = 8;

/// Most findings of which each follows from the next.
const MOST_STEPS: usize = 8;

/// Stands for the answer as a whole.
const STATUS: &str = "/response/status";

/// Exchange, side, pointer and what was seen there.
type CausePlace<'f> = (u64, Side, &'f str, &'f str);

/// For each finding of one recording the index of the one that it follows from; `None` for those that stand for
/// themselves.
pub fn causes(findings: &[&Finding]) -> Vec<Option<usize>> {
    let mut first: HashMap<CausePlace<'_>, usize> = HashMap::with_capacity(findings.len());
    let mut unusable: HashMap<(u64, Side), usize> = HashMap::new();
    let mut superfluous: HashMap<(u64, Side, &str), usize> = HashMap::new();
    let compared = ComparedFindings::of(findings);
    let mut members: HashMap<(u64, Side, &str), usize> = HashMap::new();
    for (index, finding) in findings.iter().enumerate() {
        if let Some(exchange) = finding.exchange.filter(|_| finding.rule.unusable_answer) {
            let weightiest = unusable.entry((exchange, finding.rule.side)).or_insert(index);
            if finding.severity > findings[*weightiest].severity {
                *weightiest = index;
            }
        }
        if let Some((exchange, side, pointer, _)) = place(finding).filter(|_| finding.rule.superfluous) {
            superfluous.entry((exchange, side, pointer)).or_insert(index);
        }
        if let Some((exchange, side, pointer, _)) = place(finding) {
            let weightiest = members.entry((exchange, side, pointer)).or_insert(index);
            if finding.severity > findings[*weightiest].severity {
                *weightiest = index;
            }
        }
        if let Some(place) = place(finding) {
            let weightiest = first.entry(place).or_insert(index);
            if stands_before(finding, findings[*weightiest]) {
                *weightiest = index;
            }
        }
    }
    let cause = |index: usize, finding: &Finding| {
        if finding.rule.unusable_answer {
            return None;
        }
        let no_answer = finding.exchange.and_then(|exchange| unusable.get(&(exchange, finding.rule.side)));
        if let Some(&cause) = no_answer.filter(|&&cause| findings[cause].severity >= finding.severity) {
            return Some(cause);
        }
        let own @ (exchange, side, pointer, _) = place(finding)?;
        let mut above = pointer.match_indices('/').map(|(end, _)| &pointer[..end]).skip(1);
        let whole = above.find_map(|above| {
            let missing = first.get(&(exchange, side, above, NOTHING));
            let causes = missing.into_iter().chain(superfluous.get(&(exchange, side, above)));
            causes.copied().find(|&cause| findings[cause].severity >= finding.severity)
        });
        let member = || {
            let names = finding.seen.rsplit(": ").next().unwrap_or_default();
            let names =
                names.split(", ").take(MOST_NAMES).filter(|name| !name.is_empty() && !name.contains(['/', '~']));
            let below = names.filter(|_| !finding.rule.superfluous).map(|name| format!("{pointer}/{name}"));
            let causes = below.filter_map(|below| members.get(&(exchange, side, below.as_str())).copied());
            causes.into_iter().find(|&cause| findings[cause].severity >= finding.severity)
        };
        let same = || first.get(&own).copied().filter(|&cause| cause != index);
        let cause = whole.or_else(|| compared.cause(finding, findings)).or_else(member).or_else(same);
        cause.filter(|&cause| cause != index)
    };
    let causes: Vec<Option<usize>> =
        findings.iter().enumerate().map(|(index, finding)| cause(index, finding)).collect();
    // What a cause follows from is the cause of both.
    let first_of = |mut index: usize| {
        for _ in 0..MOST_STEPS {
            match causes[index] {
                Some(next) => index = next,
                None => break,
            }
        }
        index
    };
    let is_first = |cause: usize| causes[cause].is_none();
    causes.iter().map(|cause| cause.map(first_of).filter(|&cause| is_first(cause))).collect()
}

/// True if a finding takes the place of another one as the first of those that saw the same at one node: it weighs more, or
/// as much where the other one only says that two messages differ.
fn stands_before(finding: &Finding, other: &Finding) -> bool {
    finding.severity > other.severity
        || finding.severity == other.severity && other.rule.comparison && !finding.rule.comparison
}

/// The findings of exchanges on which a rule says that messages differ, by exchange and side.
struct ComparedFindings(HashMap<(u64, Side), Vec<usize>>);

impl ComparedFindings {
    fn of(findings: &[&Finding]) -> Self {
        let mut all: HashMap<(u64, Side), Vec<usize>> = HashMap::new();
        for finding in findings.iter().filter(|finding| finding.rule.comparison) {
            if let Some((exchange, side, ..)) = place(finding) {
                all.entry((exchange, side)).or_default();
            }
        }
        for (index, finding) in findings.iter().enumerate() {
            if let Some((exchange, side, ..)) = place(finding)
                && let Some(of_exchange) = all.get_mut(&(exchange, side))
            {
                of_exchange.push(index);
            }
        }
        Self(all)
    }

    /// What a finding of a rule that compares messages follows from: the first finding that says what is wrong with a
    /// value at its place or below, or that differs below.
    fn cause(&self, finding: &Finding, findings: &[&Finding]) -> Option<usize> {
        let (exchange, side, pointer, _) = place(finding).filter(|_| finding.rule.comparison)?;
        let is_within = |other: &Finding| {
            let below = other.pointer.strip_prefix(pointer);
            // Of two differences the one further down says more.
            below.is_some_and(|below| below.is_empty() && !other.rule.comparison || below.starts_with('/'))
        };
        let of_exchange = self.0.get(&(exchange, side))?.iter().copied();
        of_exchange
            .into_iter()
            .find(|&other| is_within(findings[other]) && findings[other].severity >= finding.severity)
    }
}

/// Findings that stand for themselves, in their order, each with those that follow from it: indices into `findings`.
pub fn folded(findings: &[&Finding]) -> Vec<(usize, Vec<usize>)> {
    let causes = causes(findings);
    let mut folded: Vec<(usize, Vec<usize>)> =
        (0..findings.len()).filter(|&index| causes[index].is_none()).map(|index| (index, Vec::new())).collect();
    for (index, cause) in causes.iter().enumerate() {
        if let Some(cause) = cause
            && let Ok(at) = folded.binary_search_by_key(cause, |(index, _)| *index)
        {
            folded[at].1.push(index);
        }
    }
    folded
}

fn place(finding: &Finding) -> Option<CausePlace<'_>> {
    let pointer = finding.pointer.as_str();
    let somewhere = !pointer.is_empty() && pointer != STATUS;
    somewhere.then_some((finding.exchange?, finding.rule.side, pointer, without_label(&finding.seen)))
}

/// What was seen without the word before it: members that are missing are the same as those that changed.
fn without_label(seen: &str) -> &str {
    const LABELS: [&str; 3] = ["missing: ", "superfluous: ", "changed: "];
    LABELS.iter().find_map(|label| seen.strip_prefix(label)).unwrap_or(seen)
}

/// A pointer with `*` in place of each array index, so that the same fault in other items looks the same.
pub fn shape(pointer: &str) -> String {
    let steps = pointer.split('/').map(|step| {
        let index = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        if index { "*" } else { step }
    });
    steps.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::finding::Severity;

    fn finding(side: Side, severity: Severity, pointer: &str, seen: &str) -> Finding {
        let finding = Finding::for_tests("area/name", side, severity);
        Finding { exchange: Some(3), pointer: pointer.to_owned(), seen: seen.to_owned(), ..finding }
    }

    fn of(findings: &[Finding]) -> Vec<Option<usize>> {
        causes(&findings.iter().collect::<Vec<_>>())
    }

    use Severity::{Failure, Notice, Warning};
    use Side::{BookingSystem, Broker};

    #[test]
    fn what_lies_below_a_superfluous_node_follows_from_it() {
        let mut children = finding(BookingSystem, Failure, "/response/body/event", "event");
        Arc::make_mut(&mut children.rule).superfluous = true;
        let below = finding(BookingSystem, Failure, "/response/body/event/0/startDate", "nothing");
        let further = finding(BookingSystem, Failure, "/response/body/event/0/startDate/x", "y");
        let beside = finding(BookingSystem, Failure, "/response/body/eventStatus", "z");
        assert_eq!(of(&[below, children, further, beside]), [Some(1), None, Some(1), None]);
    }

    #[test]
    fn the_same_members_are_the_same_whatever_is_said_of_them() {
        let changed = finding(BookingSystem, Failure, "/response/body/offer", "changed: price");
        let missing = finding(BookingSystem, Warning, "/response/body/offer", "missing: price");
        assert_eq!(of(&[changed, missing]), [None, Some(0)]);
    }

    #[test]
    fn who_names_a_member_follows_from_what_is_wrong_with_it() {
        let names = finding(BookingSystem, Failure, "/response/body/seller", "missing: email, name");
        let member = finding(BookingSystem, Failure, "/response/body/seller/name", "null");
        let milder = finding(BookingSystem, Warning, "/response/body/seller/email", "7");
        assert_eq!(of(&[names.clone(), member]), [Some(1), None]);
        assert_eq!(of(&[names, milder]), [None, None]);
    }

    #[test]
    fn a_difference_follows_from_what_is_wrong_with_the_value() {
        let mut difference = finding(BookingSystem, Warning, "/response/body/seller", "name");
        Arc::make_mut(&mut difference.rule).comparison = true;
        let wrong = finding(BookingSystem, Failure, "/response/body/seller/name", "7");
        let elsewhere = finding(BookingSystem, Failure, "/response/body/sellers", "7");
        let milder = finding(BookingSystem, Notice, "/response/body/seller/name", "7");
        assert_eq!(of(&[difference.clone(), wrong]), [Some(1), None]);
        assert_eq!(of(&[difference.clone(), elsewhere]), [None, None]);
        assert_eq!(of(&[difference, milder]), [None, None]);
    }

    #[test]
    fn a_difference_that_stands_first_follows_from_what_is_wrong_with_the_same_value() {
        let mut difference = finding(BookingSystem, Failure, "/response/body/broker/name", "null");
        Arc::make_mut(&mut difference.rule).comparison = true;
        let wrong = finding(BookingSystem, Failure, "/response/body/broker/name", "null");
        assert_eq!(of(&[difference.clone(), wrong.clone()]), [Some(1), None]);
        assert_eq!(of(&[wrong, difference]), [None, Some(0)]);
    }

    #[test]
    fn what_lies_below_a_missing_node_follows_from_it() {
        let findings = [
            finding(Broker, Failure, "/request/body/customer/email", NOTHING),
            finding(Broker, Failure, "/request/body/customer", NOTHING),
            finding(Broker, Warning, "/request/body/customer/address/country", "GB"),
            finding(Broker, Failure, "/request/body/customerId", NOTHING),
        ];
        assert_eq!(of(&findings), [Some(1), None, Some(1), None]);
    }

    #[test]
    fn the_topmost_missing_node_is_the_cause_of_all() {
        let findings = [
            finding(Broker, Failure, "/request/body/a/b/c", NOTHING),
            finding(Broker, Failure, "/request/body/a/b", NOTHING),
            finding(Broker, Failure, "/request/body/a", NOTHING),
        ];
        assert_eq!(of(&findings), [Some(2), Some(2), None]);
    }

    #[test]
    fn the_same_seen_at_the_same_node_is_one_cause_and_the_weightiest_is_first() {
        let findings = [
            finding(BookingSystem, Warning, "/response/body/@id", "x"),
            finding(BookingSystem, Failure, "/response/body/@id", "x"),
            finding(BookingSystem, Failure, "/response/body/@id", "x"),
            finding(BookingSystem, Failure, "/response/body/@id", "y"),
        ];
        assert_eq!(of(&findings), [Some(1), None, Some(1), None]);
    }

    #[test]
    fn nothing_follows_from_what_weighs_less() {
        let findings = [
            finding(Broker, Notice, "/request/body/customer", NOTHING),
            finding(Broker, Failure, "/request/body/customer/email", NOTHING),
            finding(Broker, Notice, "/request/body/customer/name", NOTHING),
        ];
        assert_eq!(of(&findings), [None, None, Some(0)]);
    }

    #[test]
    fn sides_exchanges_and_the_answer_as_a_whole_stay_apart() {
        let mut other = finding(Broker, Failure, "/request/body/customer", NOTHING);
        other.exchange = Some(4);
        let findings = [
            finding(Broker, Failure, "/request/body/customer", NOTHING),
            finding(BookingSystem, Failure, "/request/body/customer", NOTHING),
            other,
            finding(BookingSystem, Failure, "/response/status", "200 Order"),
            finding(BookingSystem, Failure, "/response/status", "200 Order"),
            finding(BookingSystem, Failure, "", NOTHING),
            finding(BookingSystem, Failure, "", NOTHING),
            finding(BookingSystem, Failure, "/response/body/x", "1"),
            finding(BookingSystem, Failure, "/response/body/x/y", "1"),
        ];
        assert_eq!(of(&findings), [None; 9]);
    }

    #[test]
    fn all_that_is_wrong_with_an_answer_that_is_none_follows_from_that() {
        let mut redirect = finding(BookingSystem, Failure, "/response/status", "302");
        Arc::make_mut(&mut redirect.rule).unusable_answer = true;
        let mut error = finding(BookingSystem, Warning, "/response/body/@type", "Error");
        Arc::make_mut(&mut error.rule).unusable_answer = true;
        let findings = [
            finding(BookingSystem, Failure, "/response/status", "302"),
            finding(BookingSystem, Warning, "/response/body", NOTHING),
            finding(BookingSystem, Notice, "/response/body/seller", NOTHING),
            redirect,
            error,
            finding(Broker, Failure, "/request/body/customer", NOTHING),
        ];
        assert_eq!(of(&findings), [Some(3), Some(3), Some(3), None, None, None]);
    }

    #[test]
    fn what_follows_stands_under_its_cause() {
        let findings = [
            finding(Broker, Failure, "/request/body/customer/email", NOTHING),
            finding(Broker, Failure, "/request/body/broker", NOTHING),
            finding(Broker, Failure, "/request/body/customer", NOTHING),
            finding(Broker, Failure, "/request/body/customer/name", NOTHING),
        ];
        let findings: Vec<&Finding> = findings.iter().collect();
        assert_eq!(folded(&findings), [(1, vec![]), (2, vec![0, 3])]);
    }

    #[test]
    fn array_indexes_do_not_tell_places_apart() {
        assert_eq!(shape("/response/body/orderedItem/12/error/0/@type"), "/response/body/orderedItem/*/error/*/@type");
        assert_eq!(shape(""), "");
    }
}
