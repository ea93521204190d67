//! The exchanges that the screen keeps, the filter on them, and which one is selected.
//!
//! `Judged → kept (capped, oldest go, but for those in view) → shown (those that pass the filter) → selected`
//!
//! While the screen doesn't follow, nothing in view moves: what is let go there stays listed until the reader has left it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::list_filter::ListFilter;
use crate::filter;
use crate::finding::{Finding, Severity};
use crate::judged::Judged;
use crate::openbooking::BookingFacts;

/// Most exchanges kept for looking at. Past it the oldest are let go (they stay in the capture) and counted. Those in
/// view come on top while the screen doesn't follow.
pub(super) const MAX_KEPT: usize = 20_000;

/// Most bytes of bodies and findings kept for looking at. Past it the oldest exchanges are let go and counted.
pub(super) const MAX_BYTES: usize = 48 * 1024 * 1024;

/// How long a filter that is new may hold up the key that asked for it. What is left is done between two keys.
const AT_ONCE: Duration = Duration::from_millis(20);

/// Rows that are taken to be in view where nothing was drawn yet.
const ROWS_AT_FIRST: usize = 40;

/// In which order exchanges are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListOrder {
    /// As they came.
    Number,
    /// Those that took longest first.
    Slowest,
    /// Those with the weightiest findings, and with most of them, first.
    Weightiest,
}

impl ListOrder {
    /// The words in the list's title; nothing for the usual order.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Slowest => "slowest first · ",
            Self::Weightiest => "weightiest first · ",
        }
    }
}

/// What became of going to an exchange by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// It is selected.
    Selected,
    /// It was let go.
    Evicted,
    /// There is none so far.
    Unknown,
}

/// The kept exchanges. They are numbered as they come, from 0; numbers of those let go are not used again.
#[derive(Debug)]
pub(super) struct ExchangeList {
    kept: VecDeque<Arc<Judged>>,
    /// Those let go while they were in view, all older than those kept. They go when they are out of view.
    pinned: BTreeMap<u64, Arc<Judged>>,
    bytes: usize,
    /// Number of the oldest kept one: how many have been let go.
    first: u64,
    /// Numbers of those that pass the filter: ascending, unless they were sorted otherwise; then those that have come since
    /// stand at the end.
    shown: VecDeque<u64>,
    order: ListOrder,
    filter: ListFilter,
    /// The next number to be held against a filter that is new.
    filtering: Option<u64>,
    /// 0-based indexes of the exchanges that are marked.
    marked: BTreeSet<u64>,
    /// Number of the selected one, which is always shown; `None` only if nothing is.
    selected: Option<u64>,
    /// What the reader had selected when the filter changed, until something else is: its number, and its row in the window.
    before_filter: Option<(u64, usize)>,
    following: bool,
    /// The first exchange with a failure is yet to be stopped at.
    seeking_failure: bool,
    /// Place in `shown` of the topmost row.
    top: usize,
    /// Rows of the window at the last frame.
    height: usize,
}

impl ExchangeList {
    pub(super) fn new() -> Self {
        Self {
            kept: VecDeque::new(),
            pinned: BTreeMap::new(),
            bytes: 0,
            first: 0,
            shown: VecDeque::new(),
            order: ListOrder::Number,
            filter: ListFilter::ALL,
            filtering: None,
            marked: BTreeSet::new(),
            selected: None,
            before_filter: None,
            following: true,
            seeking_failure: false,
            top: 0,
            height: 0,
        }
    }

    /// Stops at the first exchange with a failure, unless the reader has gone elsewhere by then.
    pub(super) fn stop_at_first_failure(&mut self) {
        self.seeking_failure = true;
    }

    pub(super) fn push(&mut self, judged: Arc<Judged>) {
        let number = self.first + self.kept.len() as u64;
        let failed = judged.findings.iter().any(|finding| finding.severity == Severity::Failure);
        // A filter that is new comes to it later.
        if self.filtering.is_none() && self.filter.admits(&judged, false) {
            self.shown.push_back(number);
            if self.following || self.selected.is_none() {
                self.selected = Some(number);
            }
            if self.seeking_failure && failed {
                (self.seeking_failure, self.following) = (false, false);
                // What comes next may come before it is drawn: what stands around it stays.
                self.height = self.height.max(ROWS_AT_FIRST);
                self.top = self.place().saturating_sub(self.height / 2);
            }
        }
        self.bytes += weight(&judged);
        self.kept.push_back(judged);
        while self.kept.len() > MAX_KEPT || (self.bytes > MAX_BYTES && self.kept.len() > 1) {
            self.evict_oldest();
        }
    }

    /// Takes note of so many that are not kept. What is kept is let go before them, but for what is in view.
    pub(super) fn pass_over(&mut self, count: u64) {
        while !self.kept.is_empty() {
            self.evict_oldest();
        }
        self.first += count;
    }

    fn evict_oldest(&mut self) {
        let Some(oldest) = self.kept.pop_front() else { return };
        let number = self.first;
        self.first += 1;
        if !self.following && (self.is_chosen(number) || self.in_view(number)) {
            self.pinned.insert(number, oldest);
            return;
        }
        self.bytes -= weight(&oldest);
        self.unlist(number);
    }

    /// True if the reader has selected this one, or comes back to it without a filter.
    fn is_chosen(&self, number: u64) -> bool {
        self.selected == Some(number) || self.before_filter.is_some_and(|(before, _)| before == number)
    }

    /// True if this one was in the window at the last frame.
    fn in_view(&self, number: u64) -> bool {
        let end = (self.top + self.height).min(self.shown.len());
        self.shown.range(self.top.min(end)..end).any(|&shown| shown == number)
    }

    /// Takes one that was let go out of those shown.
    fn unlist(&mut self, number: u64) {
        let Some(place) = self.place_of(number) else { return };
        self.shown.remove(place);
        if place < self.top {
            self.top -= 1;
        }
        if self.selected == Some(number) {
            self.selected = self.shown.get(place).or_else(|| self.shown.back()).copied();
        }
    }

    /// Lets those go that were kept only because they were in view.
    fn unpin(&mut self) {
        let leaving = |&number: &u64| !self.is_chosen(number) && (self.following || !self.in_view(number));
        let leaving: Vec<u64> = self.pinned.keys().copied().filter(leaving).collect();
        for number in leaving {
            if let Some(judged) = self.pinned.remove(&number) {
                self.bytes -= weight(&judged);
                self.unlist(number);
            }
        }
    }

    /// How many have been let go.
    pub(super) fn gone(&self) -> u64 {
        self.first - self.pinned.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The newest one.
    pub(super) fn newest(&self) -> Option<&Arc<Judged>> {
        self.kept.back()
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.pinned.len() + self.kept.len()
    }

    /// How many pass the filter.
    pub(super) fn shown(&self) -> usize {
        self.shown.len()
    }

    pub(super) fn filter(&self) -> &ListFilter {
        &self.filter
    }

    pub(super) fn following(&self) -> bool {
        self.following
    }

    fn get(&self, number: u64) -> Option<&Arc<Judged>> {
        if number < self.first {
            return self.pinned.get(&number);
        }
        self.kept.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The selected exchange and its number.
    pub(super) fn selected(&self) -> Option<(u64, &Arc<Judged>)> {
        let number = self.selected?;
        Some((number, self.get(number)?))
    }

    /// Place of the selected one among those shown.
    pub(super) fn place(&self) -> usize {
        match (self.selected, self.order) {
            (None, _) => 0,
            (Some(number), ListOrder::Number) => self.shown.partition_point(|&other| other < number),
            (Some(number), _) => self.place_of(number).unwrap_or(0),
        }
    }

    /// Selects by place, past the ends the nearest. Follows from now on if it is the newest and `follow` says so.
    pub(super) fn select(&mut self, place: usize, follow: bool) {
        let last = self.shown.len().saturating_sub(1);
        self.selected = self.shown.get(place.min(last)).copied();
        self.before_filter = None;
        self.following = follow && place >= last;
        self.seeking_failure = false;
    }

    /// The exchange of a 0-based index in the recording, if it is kept.
    pub(super) fn by_index(&self, index: u64) -> Option<&Arc<Judged>> {
        self.get(self.number_of(index)?)
    }

    /// The number of the exchange of an index in the recording. They mostly come in order.
    fn number_of(&self, index: u64) -> Option<u64> {
        let place = self.kept.partition_point(|judged| judged.index < index);
        let is_it = |judged: &Arc<Judged>| judged.index == index;
        if self.kept.get(place).is_some_and(is_it) {
            return Some(self.first + place as u64);
        }
        let pinned = || self.pinned.iter().find(|(_, judged)| is_it(judged)).map(|(&number, _)| number);
        let kept = || self.kept.iter().position(is_it).map(|place| self.first + place as u64);
        pinned().or_else(kept)
    }

    /// Selects an exchange by the number that people know it by, and lists all if the filter hides it.
    pub(super) fn select_number(&mut self, number: u64) -> Destination {
        let Some(at) = number.checked_sub(1).and_then(|index| self.number_of(index)) else {
            let newer = self.kept.front().map_or(number > self.first, |oldest| oldest.number() <= number);
            return if newer || number == 0 { Destination::Unknown } else { Destination::Evicted };
        };
        if self.place_of(at).is_none() {
            self.set_filter(ListFilter::ALL);
        }
        self.select(self.place_of(at).unwrap_or(0), false);
        Destination::Selected
    }

    /// Selects the next or previous shown exchange with findings. False if there is none: then nothing changes.
    pub(super) fn select_with_findings(&mut self, forward: bool) -> bool {
        let place = self.place();
        let found = |&place: &usize| {
            let judged = self.shown.get(place).and_then(|&number| self.get(number));
            judged.is_some_and(|judged| !judged.findings.is_empty())
        };
        let next = if forward {
            (place + 1..self.shown.len()).find(found)
        } else {
            (0..place.min(self.shown.len())).rev().find(found)
        };
        if let Some(place) = next {
            self.select(place, false);
        }
        next.is_some()
    }

    /// Goes on to the next quick choice.
    pub(super) fn narrow(&mut self) {
        self.set_filter(self.filter.narrower());
    }

    /// Goes on to the next order, and selects what comes first in it. Back in the usual order, what was selected stays so; the
    /// end is followed there only.
    pub(super) fn sort(&mut self) {
        if self.filtering.is_some() {
            return;
        }
        self.order = match self.order {
            ListOrder::Number => ListOrder::Slowest,
            ListOrder::Slowest => ListOrder::Weightiest,
            ListOrder::Weightiest => ListOrder::Number,
        };
        (self.following, self.seeking_failure) = (false, false);
        let mut numbers: Vec<u64> = self.shown.iter().copied().collect();
        numbers.sort_unstable();
        let of = |number: u64| self.get(number).map(|judged| &**judged);
        match self.order {
            ListOrder::Number => {}
            ListOrder::Slowest => {
                numbers.sort_by_cached_key(|&number| Reverse(of(number).map(|judged| judged.exchange.timing.total)));
            }
            ListOrder::Weightiest => numbers.sort_by_cached_key(|&number| {
                let findings = of(number).map_or(&[][..], |judged| &judged.findings);
                let worst = findings.iter().map(|finding| finding.severity).max();
                Reverse((worst, findings.iter().filter(|finding| Some(finding.severity) == worst).count()))
            }),
        }
        self.shown = numbers.into();
        if self.order != ListOrder::Number {
            self.select(0, false);
        }
    }

    pub(super) fn order(&self) -> ListOrder {
        self.order
    }

    /// The place of a number among those shown.
    fn place_of(&self, number: u64) -> Option<usize> {
        match self.order {
            ListOrder::Number => self.shown.binary_search(&number).ok(),
            _ => self.shown.iter().position(|&other| other == number),
        }
    }

    /// Lists what passes a filter that was typed.
    pub(super) fn type_filter(&mut self, typed: filter::Filter) {
        self.set_filter(self.filter.typed(typed));
    }

    /// True if the exchange of a 0-based index in the recording is marked.
    pub(super) fn is_marked(&self, index: u64) -> bool {
        self.marked.contains(&index)
    }

    /// The indexes of the exchanges that are marked, ascending.
    pub(super) fn marked(&self) -> &BTreeSet<u64> {
        &self.marked
    }

    /// Marks an exchange, or takes its mark away.
    pub(super) fn mark(&mut self, index: u64) {
        if !self.marked.remove(&index) {
            self.marked.insert(index);
        }
    }

    /// The kept exchanges, the oldest first.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Arc<Judged>> {
        self.pinned.values().chain(&self.kept)
    }

    /// The exchanges that are listed.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Arc<Judged>> {
        self.shown.iter().filter_map(|&number| self.get(number))
    }

    /// Selects by row of the window.
    pub(super) fn select_row(&mut self, row: usize) {
        self.select(self.top + row, false);
    }

    /// Scrolls the window, and takes the selection along where it would leave it.
    pub(super) fn scroll(&mut self, rows: isize) {
        let last = self.shown.len().saturating_sub(self.height);
        self.top = self.top.saturating_add_signed(rows).min(last);
        let place = self.place().clamp(self.top, self.top + self.height.saturating_sub(1));
        self.select(place, false);
    }

    /// Lists what passes the filter. What was selected stays so, in its row; while the filter hides it, the nearest one is.
    fn set_filter(&mut self, filter: ListFilter) {
        let row = self.place().saturating_sub(self.top);
        self.before_filter = self.before_filter.or(self.selected.map(|number| (number, row)));
        (self.filter, self.order) = (filter, ListOrder::Number);
        self.shown.clear();
        self.filtering = Some(self.pinned.keys().next().copied().unwrap_or(self.first));
        self.go_on_filtering(AT_ONCE);
    }

    /// How much of the kept exchanges a filter that is new has been held against, in hundredths; `None` if all.
    pub(super) fn filtered(&self) -> Option<u64> {
        let done = self.filtering?.saturating_sub(self.first);
        Some(done * 100 / (self.kept.len() as u64).max(1))
    }

    /// Holds further exchanges against a filter that is new, for so long at most.
    pub(super) fn go_on_filtering(&mut self, most: Duration) {
        let begun = Instant::now();
        while let Some(number) = self.filtering {
            let Some(judged) = self.get(number) else {
                let pinned = self.pinned.range(number..).next().map(|(&number, _)| number);
                let kept = (number < self.first).then_some(self.first);
                self.filtering = pinned.or(kept);
                continue;
            };
            if self.filter.admits(judged, self.is_marked(judged.index)) {
                self.shown.push_back(number);
            }
            self.filtering = Some(number + 1);
            if begun.elapsed() > most {
                break;
            }
        }
        self.select_nearest();
    }

    /// Selects what was selected before the filter changed, or what comes nearest.
    fn select_nearest(&mut self) {
        if self.following {
            self.selected = self.shown.back().copied();
            if self.filtering.is_none() {
                self.before_filter = None;
            }
            return;
        }
        let (number, row) = self.before_filter.unwrap_or_default();
        let place = self.shown.partition_point(|&other| other < number);
        self.selected = self.shown.get(place).or_else(|| self.shown.back()).copied();
        self.top = self.place().saturating_sub(row);
    }

    /// Moves the window of `height` rows so that the selected row is in it.
    pub(super) fn reveal(&mut self, height: usize) {
        let (place, height) = (self.place(), height.max(1));
        self.top = self.top.min(place).max((place + 1).saturating_sub(height));
        // No empty rows below while there is something above.
        self.top = self.top.min(self.shown.len().saturating_sub(height));
        self.height = height;
        self.unpin();
    }

    /// The rows of the window, with whether each is the selected one.
    pub(super) fn window(&self, height: usize) -> impl Iterator<Item = (&Arc<Judged>, bool)> {
        let end = (self.top + height).min(self.shown.len());
        self.shown
            .range(self.top.min(end)..end)
            .filter_map(|&number| Some((self.get(number)?, self.selected == Some(number))))
    }
}

/// Bytes of an exchange's bodies and findings, and something for the rest of it.
fn weight(judged: &Judged) -> usize {
    let exchange = &judged.exchange;
    let response = exchange.response.as_ref().map_or(0, |response| response.body.bytes.len());
    let of_finding = |finding: &Finding| {
        size_of::<Finding>()
            + finding.pointer.len()
            + finding.message.len()
            + finding.seen.len()
            + finding.expected.len()
    };
    let verdicts = judged.findings.iter().map(of_finding).sum::<usize>() + judged.not_judged.len() * 32;
    let bookings: usize = judged.booking_facts.iter().map(BookingFacts::weight).sum();
    2_000 + exchange.request.body.bytes.len() + response + verdicts + bookings
}

#[cfg(test)]
mod tests;
