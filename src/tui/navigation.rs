//! Which screen is shown, what it is about, and the way there and back.
//!
//! ```text
//! Command, row ─► push, show_main ─► stack of screens ─► leave ─► the screen before
//!                                         └─► subject ─► the exchange in the detail, kept or read back
//! ```

use std::sync::Arc;

use super::command::CommandContext;
use super::exchange_list::Destination;
use super::index::causes::CauseGroup;
use super::model::{Focus, Screen, ScreenModel};
use super::prompt::Prompt;
use super::services::Effect;
use crate::judged::Judged;

/// Most exchanges that were read back and are kept: those that are looked at, and two that are compared.
const MOST_FETCHED: usize = 4;

impl ScreenModel {
    /// The screen that is shown.
    pub(super) fn screen(&self) -> Screen {
        self.stack.last().copied().unwrap_or(Screen::Exchanges)
    }

    /// The screen with a number that is open.
    pub(super) fn root(&self) -> Screen {
        self.stack.iter().rev().find(|screen| Screen::MAIN.contains(screen)).copied().unwrap_or(Screen::Exchanges)
    }

    /// True if the screen shows an exchange beside its list.
    pub(super) fn has_detail(&self) -> bool {
        match self.screen() {
            Screen::Exchanges => !self.list.is_empty(),
            Screen::Booking => true,
            Screen::Archive => self.recorded() > 0,
            Screen::Findings => !self.index.causes.is_empty(),
            _ => false,
        }
    }

    /// Where keys are pressed.
    pub(super) fn place(&self) -> CommandContext {
        match self.screen() {
            Screen::Exchanges | Screen::Archive | Screen::Booking | Screen::Findings
                if self.focus == Focus::Detail && self.has_detail() =>
            {
                CommandContext::Detail
            }
            _ => self.list_place(),
        }
    }

    /// Where keys are pressed while the list has the focus.
    pub(super) fn list_place(&self) -> CommandContext {
        match self.screen() {
            Screen::Bookings => CommandContext::Bookings,
            Screen::Booking => CommandContext::Booking,
            Screen::Exchanges => CommandContext::Exchanges,
            Screen::Archive => CommandContext::Archive,
            Screen::Findings => CommandContext::Findings,
            Screen::Coverage => CommandContext::Coverage,
            Screen::Traffic => CommandContext::Traffic,
            Screen::Compare => CommandContext::Compare,
            Screen::EventLog => CommandContext::EventLog,
            Screen::Faults => CommandContext::Faults,
        }
    }

    pub(super) fn show_main(&mut self, screen: Screen) {
        (self.stack, self.focus) = (vec![screen], Focus::List);
        self.show_selected();
    }

    /// Opens a screen above the one that is shown.
    pub(super) fn push(&mut self, screen: Screen) {
        self.stack.retain(|other| *other != screen);
        self.stack.push(screen);
        self.focus = Focus::List;
        self.show_selected();
    }

    /// Leaves the detail, or the screen on top. False if nothing is left to leave.
    pub(super) fn leave(&mut self) -> bool {
        if self.focus == Focus::Detail && self.has_detail() {
            self.focus = Focus::List;
        } else if self.stack.len() > 1 {
            self.stack.pop();
            self.focus = Focus::List;
            self.show_selected();
        } else {
            return false;
        }
        true
    }

    /// Leaves what is open, or else the program; a run that carries traffic asks before it ends.
    pub(super) fn quit(&mut self) {
        if self.leave() {
            return;
        }
        if self.status.context.mode.carries_traffic() {
            self.prompt = Some(Prompt::StopRun);
        } else {
            self.ask(Effect::Quit);
        }
    }

    /// The exchange that the screen is about, and of it a finding where one is selected.
    pub(super) fn subject(&self) -> Option<(u64, Option<usize>)> {
        match self.screen() {
            Screen::Exchanges => self.list.selected().map(|(_, judged)| {
                let marked = self.list.is_marked(judged.index);
                (judged.index, self.list.filter().finding_of(judged, marked))
            }),
            Screen::Archive => self.archive.selected(self.recorded()).map(|index| (index, None)),
            Screen::Booking => self.booking.selected(&self.index).map(|step| (step.exchange, None)),
            Screen::Findings => {
                self.findings.selected(&self.index, self.list.filter().narrow).map(|group| self.occurrence(group))
            }
            _ => None,
        }
    }

    /// The newest finding of a group, or the first one where the newest is listed no more.
    fn occurrence(&self, group: &CauseGroup) -> (u64, Option<usize>) {
        let has_findings = |index| self.list.by_index(index).is_some_and(|judged| !judged.findings.is_empty());
        if has_findings(group.newest.exchange) {
            return (group.newest.exchange, Some(group.newest.finding));
        }
        let place = if has_findings(group.first.exchange) {
            Some(group.first.finding)
        } else {
            self.index.causes.place_of_example(group)
        };
        (group.first.exchange, place)
    }

    /// The number, from 1, of the exchange that the screen is about.
    pub(super) fn subject_number(&self) -> Option<u64> {
        self.subject().map(|(exchange, _)| crate::finding::number(exchange))
    }

    /// Shows in the detail what is selected in the list.
    pub(super) fn show_selected(&mut self) {
        if !self.has_detail() {
            return;
        }
        let subject = self.subject();
        let judged = subject.and_then(|(exchange, _)| self.recall(exchange));
        let same = self.detail.judged().map(|judged| judged.index) == judged.as_ref().map(|judged| judged.index);
        let finding = subject.and_then(|(_, finding)| finding);
        // Steps within the detail are the reader's own.
        let is_list_of_findings = self.screen() == Screen::Findings;
        let is_new = std::mem::replace(&mut self.shown_subject, subject) != subject;
        let finding = finding.filter(|_| !same || is_new || is_list_of_findings && self.focus == Focus::List);
        self.detail.show(judged.as_ref(), finding);
    }

    /// The exchange of an index: as it is kept, or read back. If it is neither it is asked for.
    pub(super) fn recall(&mut self, index: u64) -> Option<Arc<Judged>> {
        if let Some(kept) = self.list.by_index(index) {
            return Some(Arc::clone(kept));
        }
        match self.fetched.iter().find(|(known, _)| *known == index) {
            Some((_, fetched)) => fetched.clone(),
            None => {
                if self.fetched.len() >= MOST_FETCHED {
                    self.fetched.pop_front();
                }
                self.fetched.push_back((index, None));
                self.ask(Effect::Fetch(index));
                None
            }
        }
    }

    /// Opens an exchange by its 0-based index, and of it a finding.
    pub(super) fn open_exchange(&mut self, exchange: u64, finding: Option<usize>) {
        let number = crate::finding::number(exchange);
        match self.list.select_number(number) {
            Destination::Selected => {
                self.push(Screen::Exchanges);
                if let Some(finding) = finding {
                    let judged = self.list.by_index(exchange).cloned();
                    self.detail.show(judged.as_ref(), Some(finding));
                    self.focus = Focus::Detail;
                }
            }
            Destination::Unknown => self.say(format!("no exchange {number}")),
            Destination::Evicted => {
                self.archive.select(exchange);
                self.push(Screen::Archive);
            }
        }
    }

    /// Opens the booking of a place in the index.
    pub(super) fn open_booking(&mut self, place: usize) {
        self.bookings.cursor.select(place);
        let from = self.detail.judged().map(|judged| judged.index);
        self.booking.open(place, &self.index, from);
        self.push(Screen::Booking);
    }

    /// The exchange in the detail.
    pub(super) fn judged(&self) -> Option<&Arc<Judged>> {
        self.detail.judged().filter(|_| self.has_detail())
    }
}
