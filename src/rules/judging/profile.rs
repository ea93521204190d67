//! What judging costs, by rule.
//!
//! ```text
//! exchange ─► clock (one time per rule) ─► Profile: by scope, the costliest rules   `--profile-rules`
//!         └─► slower than SLOW_EXCHANGE ─► asked once more with a clock ─► SlowRule: the rule that took longest
//! ```
//!
//! Without a profile there is one time per exchange, not per rule. What several rules ask together (the data models,
//! shared parts of expressions) is put down to the first that asks. A profile has processor time of the judging thread:
//! time that other programs take is not put down to any rule.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;

use crate::finding::{RuleInfo, Scope, number};
use crate::rules::book::rule_book::RuleBook;

/// An exchange that takes longer than this to judge is asked once more, to name the rule that takes longest.
pub(crate) const SLOW_EXCHANGE: Duration = Duration::from_millis(250);

/// A rule that takes more processor time than this on one exchange is too slow.
pub(crate) const SLOW_RULE: Duration = Duration::from_millis(50);

/// Most rules of a recording that are named as too slow while it is judged; then nobody looks any more.
const MAX_SLOW: usize = 10;

/// What one rule costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCost {
    /// Exchanges on which it was asked.
    pub asked: u64,
    /// In all.
    pub total: Duration,
    /// On the exchange that took it longest.
    pub longest: Duration,
}

/// What judging costs.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Exchanges judged.
    pub exchanges: u64,
    /// Classifying, decoding and parsing them.
    pub reading: Duration,
    /// Keeping what later exchanges are judged by.
    pub remembering: Duration,
    rules: BTreeMap<String, (Arc<RuleInfo>, RuleCost)>,
}

/// A rule that was too slow on an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SlowRule {
    /// Its id.
    pub rule: String,
    /// 0-based index of the exchange within the recording.
    pub exchange: u64,
    /// How long it took there.
    pub took: Duration,
}

impl std::fmt::Display for SlowRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rule, exchange, took } = self;
        let (took, bound, exchange) = (took.as_millis(), SLOW_RULE.as_millis(), number(*exchange));
        write!(f, "rule {rule} is too slow: it took {took} ms on exchange {exchange}, more than {bound} ms")
    }
}

impl Profile {
    /// The rules that were asked and what each costs, the costliest first.
    pub fn rules(&self) -> Vec<(&RuleInfo, RuleCost)> {
        let mut rules: Vec<(&RuleInfo, RuleCost)> = self.rules.values().map(|(rule, cost)| (&**rule, *cost)).collect();
        rules.sort_by_key(|(_, cost)| std::cmp::Reverse(cost.total));
        rules
    }

    /// What the rules of a scope cost in all, and how many of them were asked.
    pub(crate) fn of_scope(&self, scope: Scope) -> (Duration, usize) {
        let of_scope = || self.rules.values().filter(|(rule, _)| rule.scope == scope);
        (of_scope().map(|(_, cost)| cost.total).sum(), of_scope().count())
    }

    /// Everything.
    pub fn total(&self) -> Duration {
        self.reading + self.remembering + self.rules.values().map(|(_, cost)| cost.total).sum::<Duration>()
    }

    /// Adds another profile.
    pub fn add(&mut self, other: &Self) {
        self.exchanges += other.exchanges;
        self.reading += other.reading;
        self.remembering += other.remembering;
        for (rule, cost) in other.rules.values() {
            let sum =
                &mut self.rules.entry(rule.id.clone()).or_insert_with(|| (Arc::clone(rule), RuleCost::default())).1;
            sum.asked += cost.asked;
            sum.total += cost.total;
            sum.longest = sum.longest.max(cost.longest);
        }
    }

    /// Adds one exchange.
    pub(in crate::rules) fn take(
        &mut self,
        book: &RuleBook,
        reading: Duration,
        rules: RuleClock,
        remembering: Duration,
    ) {
        self.exchanges += 1;
        self.reading += reading;
        self.remembering += remembering;
        for (place, took) in rules.took.into_inner() {
            let rule = &book.rules()[place].info;
            // Ids are cloned once per rule, not per exchange.
            if !self.rules.contains_key(&rule.id) {
                self.rules.insert(rule.id.clone(), (Arc::clone(rule), RuleCost::default()));
            }
            if let Some((_, cost)) = self.rules.get_mut(&rule.id) {
                cost.asked += 1;
                cost.total += took;
                cost.longest = cost.longest.max(took);
            }
        }
    }
}

/// How long each rule took on one exchange, by its place in the book. Only processor time of the thread counts: a rule is
/// not slow because the machine is busy.
#[derive(Debug, Default)]
pub(in crate::rules) struct RuleClock {
    took: RefCell<Vec<(usize, Duration)>>,
}

impl RuleClock {
    /// Times one rule.
    pub(crate) fn time<T>(&self, place: usize, apply: impl FnOnce() -> T) -> T {
        let start = ThreadTime::now();
        let outcome = apply();
        self.took.borrow_mut().push((place, start.elapsed()));
        outcome
    }

    /// The place of the rule that took longest, and how long.
    fn longest(&self) -> Option<(usize, Duration)> {
        self.took.borrow().iter().copied().max_by_key(|&(_, took)| took)
    }
}

/// The rules that were too slow.
#[derive(Debug, Default)]
pub(in crate::rules) struct SlowRules {
    named: Vec<String>,
    omitted: Option<SlowRule>,
}

impl SlowRules {
    /// True if somebody is to look which rule it was.
    pub(crate) fn is_suspicious(&self, took: Duration) -> bool {
        took > SLOW_EXCHANGE && self.named.len() < MAX_SLOW
    }

    /// Names the rule that took longest, if it is too slow and was not named before.
    pub(crate) fn look(&mut self, book: &RuleBook, exchange: u64, clock: &RuleClock) {
        let Some((place, took)) = clock.longest().filter(|&(_, took)| took > SLOW_RULE) else { return };
        let rule = &book.rules()[place].info.id;
        if !self.named.contains(rule) {
            self.named.push(rule.clone());
            self.omitted = Some(SlowRule { rule: rule.clone(), exchange, took });
        }
    }

    /// The rule that was named last, once.
    pub(crate) fn tell(&mut self) -> Option<SlowRule> {
        self.omitted.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_named_once_and_only_if_it_is_slow() {
        let book = RuleBook::built_in().unwrap();
        let clock = |took: &[u64]| {
            let took = took.iter().enumerate().map(|(place, &took)| (place, Duration::from_millis(took)));
            RuleClock { took: RefCell::new(took.collect()) }
        };
        let mut slow = SlowRules::default();
        slow.look(&book, 0, &clock(&[1, 30]));
        assert_eq!(slow.tell(), None);
        for _ in 0..2 {
            slow.look(&book, 7, &clock(&[1, 300]));
        }
        let told = slow.tell().unwrap();
        assert_eq!((told.rule.as_str(), told.exchange), (book.rules()[1].info.id.as_str(), 7));
        assert!(told.to_string().ends_with("took 300 ms on exchange 8, more than 50 ms"), "{told}");
        assert_eq!(slow.tell(), None);
        assert!(slow.is_suspicious(Duration::from_secs(1)) && !slow.is_suspicious(Duration::from_millis(1)));
        for place in 0..MAX_SLOW {
            let mut took = vec![0; place + 2];
            took[place + 1] = 300;
            slow.look(&book, 8, &clock(&took));
        }
        assert!(!slow.is_suspicious(Duration::from_secs(1)), "enough have been named");
    }

    #[test]
    fn time_that_the_thread_waits_is_not_put_down_to_a_rule() {
        let clock = RuleClock::default();
        clock.time(3, || std::thread::sleep(Duration::from_millis(200)));
        let (place, took) = clock.longest().unwrap();
        assert_eq!(place, 3);
        assert!(took < Duration::from_millis(100), "{took:?}");
    }

    #[test]
    fn costs_add_up() {
        let book = RuleBook::built_in().unwrap();
        let (ms, mut profile) = (Duration::from_millis, Profile::default());
        for took in [2, 5] {
            let took = RefCell::new(vec![(0, ms(took)), (1, ms(1))]);
            profile.take(&book, ms(10), RuleClock { took }, ms(1));
        }
        let mut twice = profile.clone();
        twice.add(&profile);
        for (profile, times) in [(&profile, 1), (&twice, 2)] {
            let rules = profile.rules();
            assert_eq!(rules[0].0.id, book.rules()[0].info.id);
            assert_eq!(rules[0].1, RuleCost { asked: 2 * u64::from(times), total: ms(7) * times, longest: ms(5) });
            assert_eq!((profile.exchanges, profile.total()), (2 * u64::from(times), ms(31) * times));
            assert_eq!(Scope::ALL.map(|scope| profile.of_scope(scope).0).iter().sum::<Duration>(), ms(9) * times);
        }
    }
}
