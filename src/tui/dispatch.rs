//! What each command does on the screen that is shown.
//!
//! `Command, Screen, Focus → the screen's own update` · what concerns several screens is done here

use super::command::Command;
use super::cursor::Motion;
use super::exchange_list::ListOrder;
use super::model::{Focus, Screen, ScreenModel};
use super::prompt::Prompt;
use super::services::{Effect, KnownFinding};
use super::{clipboard, compare};
use crate::finding::shape;
use crate::text;

/// The motion of a command, if it is one.
pub(super) fn motion(command: Command) -> Option<Motion> {
    Some(match command {
        Command::Up => Motion::Up,
        Command::Down => Motion::Down,
        Command::PageUp => Motion::PageUp,
        Command::PageDown => Motion::PageDown,
        Command::First => Motion::First,
        Command::Last => Motion::Last,
        _ => return None,
    })
}

/// The text without what a terminal would obey: not every pager keeps that away from it.
fn safe_lines(text: &str) -> String {
    let line = |line: &str| format!("{}\n", text::visible(line.trim_end_matches('\r')).replace("\\t", "\t"));
    text.lines().map(line).collect()
}

impl ScreenModel {
    /// Does what a command says on the screen that is shown.
    pub(super) fn run_here(&mut self, command: Command) {
        let in_detail = self.has_detail() && self.focus == Focus::Detail;
        match command {
            Command::Find => self.prompt = Some(Prompt::find()),
            Command::Filter if self.screen() == Screen::Archive => {
                self.prompt = Some(Prompt::filter(&self.archive.filter().text()));
            }
            Command::Filter => self.prompt = Some(Prompt::filter(&self.list.filter().text())),
            Command::Narrow if self.screen() == Screen::Archive => {
                self.choose_in_archive(self.archive.filter().narrower());
            }
            Command::Narrow => {
                self.list.narrow();
                self.show_selected();
            }
            Command::Comment => match self.judged().map(|judged| judged.index) {
                Some(index) => {
                    let before = self.comments.get(&index).map_or("", String::as_str);
                    self.prompt = Some(Prompt::comment(index, before));
                }
                None => self.say("no exchange is selected"),
            },
            Command::Sort => {
                self.list.sort();
                self.show_selected();
            }
            Command::NextFinding => self.next_finding(true),
            Command::PreviousFinding => self.next_finding(false),
            Command::Copy => self.prompt = Some(Prompt::copy()),
            Command::Export => self.prompt = Some(Prompt::export()),
            Command::Specification => self.open_specification(),
            Command::SetAside => self.set_aside(),
            Command::RestsOn => self.open_what_it_rests_on(),
            Command::Booking => self.open_its_booking(),
            Command::Pager => self.open_pager(),
            Command::Compare => self.compare(),
            Command::Mark => self.mark(),
            Command::NextTab | Command::PreviousTab => drop(self.detail.update(command)),
            command if in_detail => drop(self.detail.update(command)),
            command => self.run_in_list(command),
        }
    }

    fn run_in_list(&mut self, command: Command) {
        match (self.screen(), command) {
            (Screen::Bookings, Command::Open) => {
                if !self.index.bookings.is_empty() {
                    self.open_booking(self.bookings.cursor.at);
                }
            }
            (Screen::Bookings, Command::Follow) => self.bookings.cursor.toggle_following(),
            (Screen::Exchanges, Command::Follow) => {
                let place = if self.list.following() { self.list.place() } else { usize::MAX };
                let follow = !self.list.following();
                while follow && self.list.order() != ListOrder::Number {
                    self.list.sort();
                }
                self.list.select(place, follow);
            }
            (Screen::Exchanges | Screen::Archive | Screen::Booking | Screen::Findings, Command::Open) => {
                if self.judged().is_some() {
                    self.focus = Focus::Detail;
                }
            }
            (Screen::Coverage, Command::Open) => self.open_feature(),
            (Screen::Traffic, Command::Open) => match self.traffic.selected(&self.index.traffic) {
                Some(slow) => self.open_exchange(slow.exchange, None),
                None => self.say("nothing has passed yet"),
            },
            (Screen::Faults, Command::Open) => {
                if let Some(fault) = self.faults.get(self.fault.at) {
                    let armed = !fault.armed;
                    self.ask(Effect::Arm(self.fault.at, armed));
                }
            }
            (_, Command::Left | Command::Right) => drop(self.detail.update(command)),
            (screen, command) => {
                let Some(motion) = motion(command) else { return };
                match screen {
                    Screen::Bookings => self.bookings.cursor.go(motion, self.index.bookings.len(), true),
                    Screen::Booking => self.booking.cursor.go(motion, self.booking.len(&self.index), false),
                    Screen::Exchanges => self.move_in_list(motion),
                    Screen::Archive => {
                        let len = self.archive.len(self.recorded());
                        self.archive.cursor.go(motion, len, false);
                    }
                    Screen::Findings => {
                        let len = self.count_groups();
                        self.findings.cursor.go(motion, len, false);
                    }
                    Screen::Coverage => self.coverage.go(motion),
                    Screen::Traffic => self.traffic.go(motion, &self.index.traffic),
                    Screen::Compare => self.comparison.go(motion),
                    Screen::EventLog => self.event_log.go(motion, self.status.notices.len(), true),
                    Screen::Faults => self.fault.go(motion, self.faults.len(), false),
                }
            }
        }
        self.show_selected();
    }

    fn move_in_list(&mut self, motion: Motion) {
        let (before, following) = (self.list.place(), self.list.following());
        let place = motion.from(before, self.layout.list_rows());
        self.list.select(place, motion == Motion::Last || following && place >= before);
    }

    /// Selects a row of the list by its place in the window; one that is selected already is opened.
    pub(super) fn click(&mut self, row: usize) {
        let (cursor, len) = match self.screen() {
            Screen::Exchanges => {
                let before = self.list.selected().map(|(number, _)| number);
                self.list.select_row(row);
                self.show_selected();
                if self.list.selected().map(|(number, _)| number) == before {
                    self.run_here(Command::Open);
                }
                return;
            }
            Screen::Bookings => (&mut self.bookings.cursor, self.index.bookings.len()),
            Screen::Booking => {
                let len = self.booking.len(&self.index);
                (&mut self.booking.cursor, len)
            }
            Screen::Findings => {
                let len = self.count_groups();
                (&mut self.findings.cursor, len)
            }
            Screen::Archive => {
                let len = self.archive.len(self.recorded());
                (&mut self.archive.cursor, len)
            }
            Screen::Coverage => self.coverage.rows(),
            Screen::Faults => (&mut self.fault, self.faults.len()),
            _ => return,
        };
        let at = cursor.top + row;
        if at >= len {
            return;
        }
        let again = cursor.at == at;
        cursor.select(at);
        self.show_selected();
        if again {
            self.run_here(Command::Open);
        }
    }

    /// Scrolls the list of the screen.
    pub(super) fn scroll(&mut self, rows: isize) {
        match self.screen() {
            Screen::Bookings => self.bookings.cursor.scroll(rows, self.index.bookings.len()),
            Screen::Booking => self.booking.cursor.scroll(rows, self.booking.len(&self.index)),
            Screen::Exchanges => self.list.scroll(rows),
            Screen::Archive => {
                let len = self.archive.len(self.recorded());
                self.archive.cursor.scroll(rows, len);
            }
            Screen::Findings => {
                let len = self.count_groups();
                self.findings.cursor.scroll(rows, len);
            }
            Screen::Coverage => self.coverage.scroll(rows),
            Screen::Traffic => self.traffic.scroll(rows),
            Screen::Compare => self.comparison.scroll(rows),
            Screen::EventLog => self.event_log.scroll(rows, self.status.notices.len()),
            Screen::Faults => self.fault.scroll(rows, self.faults.len()),
        }
        self.show_selected();
    }

    /// Fits the windows of the screen to the layout.
    pub(super) fn fit(&mut self) {
        let layout = self.layout;
        let (rows, width) = (layout.list_rows(), usize::from(layout.body.width));
        match self.screen() {
            Screen::Bookings => self.bookings.fit(&self.index, layout.body),
            Screen::Booking => self.booking.fit(&self.index, rows),
            Screen::Exchanges => self.list.reveal(rows.saturating_sub(self.rows_under_way().len()).max(1)),
            Screen::Archive => {
                let len = self.recorded();
                let missing = self.archive.fit(len, rows, |index| self.list.by_index(index).is_some());
                for effect in missing {
                    self.ask(effect);
                }
            }
            Screen::Findings => {
                let len = self.count_groups();
                self.findings.cursor.fit(len, rows);
            }
            Screen::Coverage => self.coverage.fit(self.status.coverage.as_deref(), rows),
            Screen::Traffic => self.traffic.fit(&self.index.traffic, &self.status, self.size, layout.body),
            Screen::Compare => self.comparison.fit(width, usize::from(layout.body.height).saturating_sub(1)),
            Screen::EventLog => {
                self.event_log.fit(self.status.notices.len(), usize::from(layout.body.height).saturating_sub(1));
            }
            Screen::Faults => self.fault.fit(self.faults.len(), rows),
        }
    }

    fn next_finding(&mut self, forward: bool) {
        let in_detail = self.focus == Focus::Detail && self.has_detail();
        if in_detail && self.detail.step_finding(forward) {
            return;
        }
        let found = match self.screen() {
            Screen::Exchanges => self.list.select_with_findings(forward),
            Screen::Booking => self.booking.next_finding(&self.index, forward),
            Screen::Archive => {
                let recorded = self.recorded();
                self.archive.step_to_findings(&self.index.verdicts, recorded, forward)
            }
            Screen::Bookings => self.bookings.next_finding(&self.index, forward),
            _ => false,
        };
        self.show_selected();
        if !found {
            let (way, what) = (if forward { "later" } else { "earlier" }, self.noun());
            self.say(format!("no {way} {what} with findings"));
        } else if in_detail && !forward {
            self.detail.select_last_finding();
        }
    }

    fn noun(&self) -> &'static str {
        match self.screen() {
            Screen::Bookings => "booking",
            Screen::Booking => "call",
            _ => "exchange",
        }
    }

    fn open_specification(&mut self) {
        match self.detail.selected_finding().map(|finding| finding.rule.spec.clone()) {
            Some(address) if self.judged().is_some() => self.ask(Effect::Open(address)),
            _ => self.say("no finding is selected"),
        }
    }

    fn set_aside(&mut self) {
        match self.detail.selected_finding() {
            Some(finding) if self.judged().is_some() => {
                // What was said of it before is there to be changed.
                let place = shape(&finding.pointer);
                let is_it = |known: &&KnownFinding| {
                    known.rule == finding.rule.id && known.pointer == place && known.stage == finding.stage
                };
                let known = self.known.iter().flatten().find(is_it);
                self.prompt = Some(Prompt::set_aside(&finding.rule.id, known, self.today()));
            }
            _ => self.say("no finding is selected"),
        }
    }

    fn open_what_it_rests_on(&mut self) {
        let finding = self.detail.selected_finding().filter(|_| self.judged().is_some());
        let Some(earlier) = finding.and_then(|finding| finding.because_of.clone()) else {
            self.say("the finding rests on this exchange alone");
            return;
        };
        match earlier.file {
            Some(ref file) => self.say(format!("it rests on exchange {} of {file}", earlier.number())),
            None => self.open_exchange(earlier.exchange, None),
        }
    }

    fn open_its_booking(&mut self) {
        let uuid = self.judged().and_then(|judged| judged.order_uuid.clone());
        match uuid.and_then(|uuid| self.index.bookings.place_of(&uuid)) {
            Some(place) => self.open_booking(place),
            None => self.say("this exchange belongs to no booking"),
        }
    }

    fn open_pager(&mut self) {
        match self.judged().map(|judged| clipboard::whole(judged)) {
            Some(text) => self.ask(Effect::Pager(safe_lines(&text))),
            None => self.say("no exchange is selected"),
        }
    }

    fn mark(&mut self) {
        let Some(index) = self.judged().map(|judged| judged.index) else { return };
        self.list.mark(index);
        // On to the next row, as one marks several.
        self.run_in_list(Command::Down);
    }

    fn compare(&mut self) {
        let Some(chosen) = self.judged().cloned() else { return self.say("no exchange is selected") };
        let both: Vec<u64> = self.list.marked().iter().copied().collect();
        let marked = both.iter().rev().find(|&&marked| marked != chosen.index).copied();
        let pair = match self.screen() {
            // Two that are marked, whatever is selected.
            _ if both.len() == 2 => Some((both[0], both[1])),
            // Two calls of a booking: C2 and B by default, whichever is selected.
            Screen::Booking if marked.is_none() => self.booking.quote_and_order(&self.index),
            _ => marked.map(|marked| (marked, chosen.index)),
        };
        let Some((first, second)) = pair else {
            self.comparison = compare::of_messages(&chosen);
            return self.push(Screen::Compare);
        };
        self.to_compare = Some((first, second));
        self.compare_when_there();
    }

    /// Compares two exchanges once both of them are at hand.
    pub(super) fn compare_when_there(&mut self) {
        let Some((first, second)) = self.to_compare else { return };
        // Both are asked for at once.
        let (one, other) = (self.recall(first), self.recall(second));
        let (Some(one), Some(other)) = (one, other) else { return };
        self.to_compare = None;
        self.comparison = compare::of_exchanges(&one, &other);
        self.push(Screen::Compare);
    }

    /// Lists the exchanges with findings of the rules of a feature.
    fn open_feature(&mut self) {
        let Some((name, rule)) = self.coverage.selected(self.status.coverage.as_deref()) else { return };
        let Some(rule) = rule else {
            self.say(format!("no exchange so far has a finding on {name}"));
            return;
        };
        match format!("rule:{rule}").parse() {
            Ok(filter) => self.list.type_filter(filter),
            Err(error) => return self.say(format!("{rule}: {error}")),
        }
        self.push(Screen::Exchanges);
    }
}
