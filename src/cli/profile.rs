//! The table of `umpire check --profile-rules`: what judging costs by scope, and the rules that cost most.
//!
//! It goes to standard error: the report stays the same byte for byte, whatever the clock says.

use std::io;
use std::time::Duration;

use crate::finding::Scope;
use crate::rules::{Profile, SLOW_RULE};
use crate::text::{self, Printer, safe_format};

/// How many of the costliest rules are listed.
const MOST: usize = 10;

/// Writes the table.
pub(super) fn write(out: &mut Printer<'_>, profile: &Profile) -> io::Result<()> {
    let per_exchange = |took: Duration| took.as_secs_f64() * 1e6 / profile.exchanges.max(1) as f64;
    let exchanges = text::count(profile.exchanges, "exchange");
    out.line(safe_format!("cost of judging {exchanges}: processor time, in microseconds per exchange"))?;
    let cost = |what: &str, took: Duration| safe_format!("  {what:<12}{:>10.1}", per_exchange(took));
    out.line(cost("reading", profile.reading))?;
    for scope in Scope::ALL {
        let (took, rules) = profile.of_scope(scope);
        out.line(safe_format!("{}   {}", cost(scope.as_str(), took), text::count(rules as u64, "rule")))?;
    }
    out.line(cost("remembering", profile.remembering))?;
    out.line(cost("all", profile.total()))?;
    out.line("the rules that cost most (what several ask together is put down to the first)")?;
    out.line(safe_format!("  {:>12}  {:>10}  {:>8}", "per exchange", "longest", "asked"))?;
    let rules = profile.rules();
    for (rule, cost) in rules.iter().take(MOST) {
        let longest = cost.longest.as_secs_f64() * 1e6;
        let all = per_exchange(cost.total);
        out.line(safe_format!("  {all:>12.2}  {longest:>10.1}  {:>8}  {}", cost.asked, rule.id))?;
    }
    for (rule, cost) in rules.iter().filter(|(_, cost)| cost.longest > SLOW_RULE) {
        let (took, bound) = (cost.longest.as_millis(), SLOW_RULE.as_millis());
        let rule = &rule.id;
        out.line(safe_format!("rule {rule} is too slow: it took {took} ms on one exchange, more than {bound} ms"))?;
    }
    Ok(())
}
