//! The exchanges that the screen keeps, the filter on them, and which one is selected.
//!
//! `Judged → kept (capped, oldest go) → shown (those that pass the filter) → selected`

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::Judged;
use crate::exchange::Exchange;
use crate::finding::Side;

/// Most exchanges kept for looking at. Past it the oldest are let go (they stay in the capture) and counted.
pub(super) const MAX_KEPT: usize = 20_000;

/// Most bytes of bodies kept for looking at. Past it the oldest exchanges are let go and counted.
pub(super) const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Which exchanges are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// All.
    All,
    /// Those with findings.
    Findings,
    /// Those with findings on one side.
    At(Side),
}

impl Filter {
    fn next(self) -> Self {
        match self {
            Self::All => Self::Findings,
            Self::Findings => Self::At(Side::Broker),
            Self::At(Side::Broker) => Self::At(Side::BookingSystem),
            Self::At(Side::BookingSystem) => Self::All,
        }
    }

    fn admits(self, judged: &Judged) -> bool {
        match self {
            Self::All => true,
            Self::Findings => !judged.findings.is_empty(),
            Self::At(side) => judged.findings.iter().any(|finding| finding.rule.side == side),
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Findings => "with findings",
            Self::At(Side::Broker) => "broker at fault",
            Self::At(Side::BookingSystem) => "booking system at fault",
        }
    }
}

/// The kept exchanges. They are numbered as they come, from 0; numbers of those let go are not used again.
#[derive(Debug)]
pub(super) struct Log {
    kept: VecDeque<Arc<Judged>>,
    bytes: usize,
    /// Number of the oldest kept one: how many have been let go.
    first: u64,
    /// Numbers of those that pass the filter, ascending.
    shown: VecDeque<u64>,
    filter: Filter,
    /// Number of the selected one, which is always shown; `None` only if nothing is.
    selected: Option<u64>,
    following: bool,
    /// Place in `shown` of the topmost row.
    top: usize,
}

impl Log {
    pub(super) fn new() -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            first: 0,
            shown: VecDeque::new(),
            filter: Filter::All,
            selected: None,
            following: true,
            top: 0,
        }
    }

    pub(super) fn push(&mut self, judged: Arc<Judged>) {
        let number = self.first + self.kept.len() as u64;
        if self.filter.admits(&judged) {
            self.shown.push_back(number);
            if self.following || self.selected.is_none() {
                self.selected = Some(number);
            }
        }
        self.bytes += weight(&judged.exchange);
        self.kept.push_back(judged);
        while self.kept.len() > MAX_KEPT || (self.bytes > MAX_BYTES && self.kept.len() > 1) {
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        let Some(oldest) = self.kept.pop_front() else { return };
        self.bytes -= weight(&oldest.exchange);
        if self.shown.front() == Some(&self.first) {
            self.shown.pop_front();
            self.top = self.top.saturating_sub(1);
            if self.selected == Some(self.first) {
                self.selected = self.shown.front().copied();
            }
        }
        self.first += 1;
    }

    /// How many have been let go.
    pub(super) fn gone(&self) -> u64 {
        self.first
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many pass the filter.
    pub(super) fn shown(&self) -> usize {
        self.shown.len()
    }

    pub(super) fn filter(&self) -> Filter {
        self.filter
    }

    pub(super) fn following(&self) -> bool {
        self.following
    }

    fn get(&self, number: u64) -> Option<&Arc<Judged>> {
        self.kept.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The selected exchange and its number.
    pub(super) fn selected(&self) -> Option<(u64, &Arc<Judged>)> {
        let number = self.selected?;
        Some((number, self.get(number)?))
    }

    /// Place of the selected one among those shown.
    pub(super) fn place(&self) -> usize {
        self.selected.map_or(0, |number| self.shown.partition_point(|&other| other < number))
    }

    /// Selects by place, past the ends the nearest. Follows from now on if it is the newest and `follow` says so.
    pub(super) fn select(&mut self, place: usize, follow: bool) {
        let last = self.shown.len().saturating_sub(1);
        self.selected = self.shown.get(place.min(last)).copied();
        self.following = follow && place >= last;
    }

    /// Selects the next or previous shown exchange with findings; stays where there is none.
    pub(super) fn select_with_findings(&mut self, forward: bool) {
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
        match next {
            Some(place) => self.select(place, false),
            None => self.following = false,
        }
    }

    /// Goes on to the next filter and keeps the selection as near as it can.
    pub(super) fn next_filter(&mut self) {
        self.filter = self.filter.next();
        let (filter, first) = (self.filter, self.first);
        let numbered = self.kept.iter().zip(first..);
        self.shown = numbered.filter(|(judged, _)| filter.admits(judged)).map(|(_, number)| number).collect();
        let place = if self.following { usize::MAX } else { self.place() };
        let following = self.following;
        self.select(place, following);
        self.following = following;
        self.top = 0;
    }

    /// Moves the window of `height` rows so that the selected row is in it.
    pub(super) fn reveal(&mut self, height: usize) {
        let (place, height) = (self.place(), height.max(1));
        self.top = self.top.min(place).max((place + 1).saturating_sub(height));
        // No empty rows below while there is something above.
        self.top = self.top.min(self.shown.len().saturating_sub(height));
    }

    /// The rows of the window, with whether each is the selected one.
    pub(super) fn window(&self, height: usize) -> impl Iterator<Item = (&Arc<Judged>, bool)> {
        let end = (self.top + height).min(self.shown.len());
        self.shown
            .range(self.top.min(end)..end)
            .filter_map(|&number| Some((self.get(number)?, self.selected == Some(number))))
    }
}

/// Bytes of the bodies of an exchange, and something for the rest of it.
fn weight(exchange: &Exchange) -> usize {
    let response = exchange.response.as_ref().map_or(0, |response| response.body.bytes.len());
    2_000 + exchange.request.body.bytes.len() + response
}
