//! The table of `umpire check --profile-rules`: what judging costs by scope, and the rules that cost most.
//!
//! It goes to standard error: the report stays the same byte for byte, whatever the clock says.

use std::io::{self, Write};
use std::time::Duration;

use crate::finding::Scope;
use crate::rules::{Profile, SLOW_RULE};

/// How many of the costliest rules are listed.
const MOST: usize = 10;

/// Writes the table.
pub fn write(out: &mut dyn Write, profile: &Profile) -> io::Result<()> {
    let per_exchange = |took: Duration| took.as_secs_f64() * 1e6 / profile.exchanges.max(1) as f64;
    writeln!(out, "cost of judging {} exchanges: processor time, in microseconds per exchange", profile.exchanges)?;
    writeln!(out, "  {:<12}{:>10.1}", "reading", per_exchange(profile.reading))?;
    for scope in Scope::ALL {
        let (took, rules) = profile.of_scope(scope);
        writeln!(out, "  {:<12}{:>10.1}   {rules} rules", scope.as_str(), per_exchange(took))?;
    }
    writeln!(out, "  {:<12}{:>10.1}", "remembering", per_exchange(profile.remembering))?;
    writeln!(out, "  {:<12}{:>10.1}", "all", per_exchange(profile.total()))?;
    writeln!(out, "the rules that cost most (what several ask together is put down to the first)")?;
    writeln!(out, "  {:>12}  {:>10}  {:>8}", "per exchange", "longest", "asked")?;
    let rules = profile.rules();
    for (rule, cost) in rules.iter().take(MOST) {
        let longest = cost.longest.as_secs_f64() * 1e6;
        writeln!(out, "  {:>12.2}  {longest:>10.1}  {:>8}  {}", per_exchange(cost.total), cost.asked, rule.id)?;
    }
    for (rule, cost) in rules.iter().filter(|(_, cost)| cost.longest > SLOW_RULE) {
        let (took, bound) = (cost.longest.as_millis(), SLOW_RULE.as_millis());
        writeln!(out, "rule {} is too slow: it took {took} ms on one exchange, more than {bound} ms", rule.id)?;
    }
    Ok(())
}
