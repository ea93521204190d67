//! What the screen asks in place of the keys: a question, a line to be typed, or one of several things to do.
//!
//! `Prompt, key or pasted text → Prompt, and at its end what was asked for`

use jiff::civil::Date;
use jiff::{ToSpan as _, tz::TimeZone};

use super::clipboard::{self, CopyChoice};
use super::command::{self, Command, CommandEntry};
use super::counter::MatchCounter;
use super::line_editor::LineEditor;
use super::model::{Screen, ScreenModel};
use super::services::{Effect, Export, KnownFinding};
use crate::event::RunMode;
use crate::filter::{self, Completion, Filter};
use crate::finding::{Finding, number, shape};
use crate::judged::Judged;

/// Most filters that are kept to be used again.
const MAX_HISTORY: usize = 50;

/// Most comments that are kept.
const MAX_COMMENTS: usize = 1_000;

/// Most commands that the palette lists.
const MAX_LISTED: usize = 8;

/// How long a finding is set aside for unless the reader says otherwise, in days.
const DAYS: i64 = 90;

/// Numbers of days that may be typed.
const MOST_DAYS: std::ops::RangeInclusive<i32> = -36_500..=36_500;

/// Least characters of the beginning of an Order UUID.
const LEAST_PREFIX: usize = 4;

/// Something that the screen asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Whether to end a run that carries traffic.
    StopRun,
    /// A line that is being typed. `before` says how many filters back in the history it is.
    Line {
        of: PromptPurpose,
        line: LineEditor,
        before: usize,
    },
    /// One of several things, by a letter.
    Copy,
    Export,
}

/// What a line that is typed is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PromptPurpose {
    /// The number of an exchange, the beginning of an Order UUID, or a command.
    GoTo,
    Filter,
    Find,
    /// A comment on the exchange of this index.
    Comment(u64),
    /// Why a finding is set aside, or until when.
    SetAside(SettingAside),
}

/// A finding that is to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SettingAside {
    rule: String,
    /// The day is typed, and not the reason.
    types_day: bool,
    /// What is not being typed: the day, or the reason.
    other: String,
}

/// A prompt in words: what stands before the line that is typed, the line, and what stands behind it.
pub(super) struct PromptWords<'p> {
    pub(super) before: String,
    pub(super) line: Option<&'p LineEditor>,
    pub(super) behind: String,
}

impl From<String> for PromptWords<'_> {
    fn from(before: String) -> Self {
        Self { before, line: None, behind: String::new() }
    }
}

impl Prompt {
    fn line(of: PromptPurpose, text: &str) -> Self {
        Self::Line { of, line: LineEditor::new(text), before: 0 }
    }

    pub(super) fn go_to() -> Self {
        Self::line(PromptPurpose::GoTo, "")
    }

    pub(super) fn filter(typed: &str) -> Self {
        Self::line(PromptPurpose::Filter, typed)
    }

    pub(super) fn find() -> Self {
        Self::line(PromptPurpose::Find, "")
    }

    pub(super) fn comment(index: u64, comment: &str) -> Self {
        Self::line(PromptPurpose::Comment(index), comment)
    }

    /// `known`: how it is set aside already.
    pub(super) fn set_aside(rule: &str, known: Option<&KnownFinding>, today: Date) -> Self {
        let day = known.and_then(|known| known.expires).filter(|day| *day >= today);
        let other = day.unwrap_or_else(|| today.saturating_add(DAYS.days())).to_string();
        let reason = known.map_or("", |known| &known.reason);
        Self::line(PromptPurpose::SetAside(SettingAside { rule: rule.to_owned(), types_day: false, other }), reason)
    }

    pub(super) fn copy() -> Self {
        Self::Copy
    }

    pub(super) fn export() -> Self {
        Self::Export
    }
}

impl ScreenModel {
    /// The prompt in words.
    pub(super) fn prompt_words(&self) -> Option<PromptWords<'_>> {
        Some(match self.prompt.as_ref()? {
            Prompt::StopRun if self.status.context.mode == RunMode::Replay => "Stop the replay? y/n".to_owned().into(),
            Prompt::StopRun => "Stop the proxy? y/n".to_owned().into(),
            Prompt::Line { of, line, .. } => {
                let (before, behind) = self.around_line(of, line);
                PromptWords { before, line: Some(line), behind }
            }
            Prompt::Copy => format!("Copy: {}", clipboard::menu()).into(),
            Prompt::Export => format!(
                "Export: e this exchange · l the {} listed · m the {} marked · b a bundle of the booking",
                self.list.shown(),
                self.list.marked().len()
            )
            .into(),
        })
    }

    /// What stands before and behind a line that is typed.
    fn around_line(&self, of: &PromptPurpose, line: &LineEditor) -> (String, String) {
        match of {
            PromptPurpose::GoTo => {
                (":".to_owned(), " number, UUID or command; Enter goes there, Tab completes, Esc leaves".to_owned())
            }
            PromptPurpose::Filter => {
                let count = self.counter.as_ref().map_or_else(String::new, |counter| counter.words(&self.list));
                let candidates = self.candidates(line);
                let behind = format!(" {count}  {candidates} (Enter lists them, Tab completes, ↑ earlier)");
                ("Filter /".to_owned(), behind)
            }
            PromptPurpose::Find => ("Find /".to_owned(), " (Enter finds it, again the next)".to_owned()),
            PromptPurpose::Comment(index) => {
                (format!("Comment on exchange {}: ", number(*index)), " (Enter keeps it for this session)".to_owned())
            }
            PromptPurpose::SetAside(SettingAside { rule, types_day: false, other }) => {
                (format!("Set {rule} aside until {other}, because: "), " (Enter does, Tab: until when)".to_owned())
            }
            PromptPurpose::SetAside(SettingAside { rule, other, .. }) => {
                let behind = match day_of(line.text(), self.today()) {
                    Err(why) if !line.text().is_empty() => format!(" {why}"),
                    _ => format!(" (a day, or 30d; Enter does, Tab: why), because: {other}"),
                };
                (format!("Set {rule} aside until "), behind)
            }
        }
    }

    /// The commands that the palette lists for what was typed.
    pub(super) fn palette(&self) -> Vec<&'static CommandEntry> {
        let Some(Prompt::Line { of: PromptPurpose::GoTo, line, .. }) = &self.prompt else { return Vec::new() };
        let typed = line.text().trim().to_lowercase();
        let here = || command::at(self.place()).filter(|entry| entry.id != Command::Palette);
        let by_name = here().filter(|entry| entry.name.starts_with(&typed));
        let within = here()
            .filter(|entry| !entry.name.starts_with(&typed))
            .filter(|entry| entry.name.contains(&typed) || entry.words.to_lowercase().contains(&typed));
        by_name.chain(within).take(MAX_LISTED).collect()
    }

    /// Takes pasted text into the line that is being typed. Anywhere else it means nothing.
    pub(super) fn paste(&mut self, pasted: &str) {
        self.word = None;
        match &mut self.prompt {
            Some(Prompt::Line { line, .. }) if self.help.is_none() => {
                pasted.trim().chars().take_while(|character| !character.is_control()).for_each(|one| line.insert(one));
            }
            _ => self.say("pasted text is ignored: no line is being typed"),
        }
    }

    /// What a key means for the prompt.
    pub(super) fn answer(&mut self, key: &str) {
        let Some(mut prompt) = self.prompt.take() else { return };
        match &mut prompt {
            Prompt::StopRun if matches!(key, "y" | "Y") => self.ask(Effect::Quit),
            Prompt::StopRun => {}
            Prompt::Copy => self.copy(key),
            Prompt::Export => self.export(key),
            Prompt::Line { of, line, before } => {
                match key {
                    "Esc" => return,
                    "Enter" => return self.take_line(&of.clone(), line.text().trim().to_owned()),
                    // With nothing left to erase, the prompt goes.
                    "Backspace" if line.text().is_empty() => return,
                    "↑" | "↓" if *of == PromptPurpose::Filter => {
                        let len = self.history.len();
                        *before = if key == "↑" { (*before + 1).min(len) } else { before.saturating_sub(1) };
                        let earlier = len.checked_sub(*before).and_then(|at| self.history.get(at));
                        *line = LineEditor::new(earlier.cloned().unwrap_or_default());
                    }
                    key => line.press(key),
                }
                let completes = key == "Tab";
                self.prompt = Some(prompt);
                if completes {
                    self.complete();
                }
                self.count_filter();
            }
        }
    }

    /// Completes the line by its first candidate.
    fn complete(&mut self) {
        let first = self.palette().first().map(|entry| entry.name);
        let rules = self.index.causes.rules();
        match &mut self.prompt {
            Some(Prompt::Line { of: PromptPurpose::GoTo, line, .. }) => {
                if let Some(name) = first {
                    *line = LineEditor::new(name);
                }
            }
            Some(Prompt::Line { of: PromptPurpose::Filter, line, .. }) => {
                let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
                let Completion { range, candidates } = filter::complete(line.text(), line.cursor(), &rules);
                if let Some((candidate, _)) = candidates.first() {
                    line.replace(range, candidate);
                }
            }
            Some(Prompt::Line { of: PromptPurpose::SetAside(aside), line, .. }) => {
                aside.types_day = !aside.types_day;
                let other = std::mem::take(&mut aside.other);
                let other = if aside.types_day { LineEditor::suggestion(other) } else { LineEditor::new(other) };
                aside.other = std::mem::replace(line, other).into_text();
            }
            _ => {}
        }
    }

    /// What could stand where the filter is being typed, in words.
    fn candidates(&self, line: &LineEditor) -> String {
        let rules = self.index.causes.rules();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let found = filter::complete(line.text(), line.cursor(), &rules).candidates;
        let names: Vec<&str> = found.iter().take(MAX_LISTED).map(|(name, _)| name.as_str()).collect();
        names.join(" ")
    }

    /// Begins to count what the filter that is being typed would list.
    fn count_filter(&mut self) {
        let Some(Prompt::Line { of: PromptPurpose::Filter, line, .. }) = &self.prompt else { return };
        self.counter = line.text().parse().ok().map(MatchCounter::new);
    }

    fn take_line(&mut self, of: &PromptPurpose, line: String) {
        match of {
            PromptPurpose::GoTo => self.go_to(&line),
            PromptPurpose::Filter => {
                self.counter = None;
                let filter = match line.parse::<Filter>() {
                    Ok(filter) => filter,
                    Err(error) => {
                        let mut line = LineEditor::new(line);
                        line.go_behind_word(error.column);
                        self.prompt = Some(Prompt::Line { of: PromptPurpose::Filter, line, before: 0 });
                        return self.say(error.to_string());
                    }
                };
                if !line.is_empty() && self.history.last() != Some(&line) {
                    self.history.push(line.clone());
                    if self.history.len() > MAX_HISTORY {
                        self.history.remove(0);
                    }
                }
                if self.screen() == Screen::Archive {
                    return self.choose_in_archive(self.archive.filter().typed(filter));
                }
                self.list.type_filter(filter);
                self.show_selected();
            }
            PromptPurpose::Find => {
                if !line.is_empty() {
                    self.detail.sought = line;
                }
                if !self.detail.sought.is_empty() && !self.detail.find() {
                    let sought = self.detail.sought.clone();
                    self.say(format!("{sought} is not on this page"));
                }
            }
            PromptPurpose::Comment(index) => {
                self.comments.remove(index);
                if !line.is_empty() && self.comments.len() < MAX_COMMENTS {
                    self.comments.insert(*index, line);
                }
            }
            PromptPurpose::SetAside(aside) => self.take_aside(aside, line),
        }
    }

    fn take_aside(&mut self, aside: &SettingAside, line: String) {
        let (reason, day) = if aside.types_day { (&aside.other, &line) } else { (&line, &aside.other) };
        let Ok(expires) = day_of(day, self.today()) else {
            // Its line says what is wrong.
            let (types_day, other) = (true, reason.clone());
            let of = PromptPurpose::SetAside(SettingAside { types_day, other, ..aside.clone() });
            self.prompt = Some(Prompt::line(of, day));
            return;
        };
        let reason = if reason.trim().is_empty() { "set aside on the screen" } else { reason.trim() };
        if let Some(finding) = self.detail.selected_finding().cloned() {
            let (count, reason) = (self.count_like(&finding), reason.to_owned());
            self.ask(Effect::SetAside { finding: Box::new(finding), count, reason, expires });
        }
    }

    /// The day in UTC.
    pub(super) fn today(&self) -> Date {
        TimeZone::UTC.to_datetime(self.now).date()
    }

    fn go_to(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        // Digits are a number first; they may begin a UUID as well.
        let number = line.parse::<u64>().ok();
        let is_prefix = line.len() >= LEAST_PREFIX && line.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let bookings = if is_prefix { self.index.bookings.with_prefix(line) } else { Vec::new() };
        let command = self.place_commands(line);
        match (number, bookings[..].first(), command) {
            (Some(number), None, _) => self.open_number(number),
            (Some(number), ..) if number <= self.status.exchanges => self.open_number(number),
            (_, _, Some(command)) => self.run(command),
            (_, Some(&place), _) if bookings.len() == 1 => self.open_booking(place),
            (_, Some(_), _) => self.say(format!("several bookings begin with {line}; type more of it")),
            (_, None, None) if is_prefix => self.say(format!("no booking begins with {line}")),
            (_, None, None) => self.say(format!("{line} is neither a number of an exchange nor a command")),
        }
    }

    /// The command of this name, or the only one whose name begins so.
    fn place_commands(&self, line: &str) -> Option<Command> {
        let here = || command::at(self.place());
        let exact = here().find(|entry| entry.name == line);
        let mut begin = here().filter(|entry| entry.name.starts_with(line));
        exact.or_else(|| begin.next().filter(|_| begin.next().is_none())).map(|entry| entry.id)
    }

    /// How many findings of the same rule, stage and place are kept.
    fn count_like(&self, finding: &Finding) -> u64 {
        let place = shape(&finding.pointer);
        let like = |other: &&Finding| {
            (&other.rule.id, other.stage) == (&finding.rule.id, finding.stage) && shape(&other.pointer) == place
        };
        let kept = self.list.kept().flat_map(|judged| &judged.findings);
        (kept.filter(like).count() as u64).max(1)
    }

    fn open_number(&mut self, number: u64) {
        match number.checked_sub(1) {
            Some(index) => self.open_exchange(index, None),
            None => self.say(format!("no exchange {number}")),
        }
    }

    fn copy(&mut self, key: &str) {
        let Some(choice) = CopyChoice::of_key(key) else { return };
        let copied = self.judged().and_then(|judged| clipboard::text(choice, judged, &self.detail));
        match copied {
            Some(text) if text.len() > clipboard::MAX => {
                self.say("that is more than a terminal's clipboard takes; e opens all of it in a pager");
            }
            Some(text) => {
                self.ask(Effect::Copy(text));
                self.say(format!("copied: {}", choice.words()));
            }
            None => self.say(format!("there is no {} here", choice.words())),
        }
    }

    fn export(&mut self, key: &str) {
        let index = |judged: &std::sync::Arc<Judged>| judged.index;
        let of_booking = || self.index.bookings.get(self.bookings.cursor.at).map(|booking| booking.uuid.clone());
        let export = match key {
            "e" => Export::Exchanges(self.judged().map(index).into_iter().collect()),
            "l" => Export::Exchanges(self.list.listed().map(index).collect()),
            "m" => Export::Exchanges(self.list.marked().iter().copied().collect()),
            "b" => {
                let uuid = match self.screen() {
                    Screen::Bookings | Screen::Booking => of_booking(),
                    _ => self.judged().and_then(|judged| judged.order_uuid.clone()),
                };
                match uuid {
                    Some(uuid) => Export::Bundle(uuid.to_string()),
                    None => return self.say("no booking is selected"),
                }
            }
            _ => return,
        };
        match export {
            Export::Exchanges(indexes) if indexes.is_empty() => self.say("nothing is selected"),
            export if self.exports.contains(&export) => {
                self.say(format!("this {} is being made already …", export.noun()));
            }
            export => {
                self.say(format!("making the {} …", export.noun()));
                self.exports.push(export.clone());
                self.ask(Effect::Export(export));
            }
        }
    }
}

/// The day that was typed: `2027-01-31`, or `30d` for so many days from today on. It is still to come.
fn day_of(text: &str, today: Date) -> Result<Date, String> {
    let text = text.trim();
    let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<i32>().ok());
    let days = days.filter(|days| MOST_DAYS.contains(days));
    let day = match days {
        Some(days) => today.checked_add(days.days()).ok(),
        None => text.parse().ok(),
    };
    match day {
        Some(day) if day > today => Ok(day),
        Some(_) => Err("that is over, or today".to_owned()),
        None => Err("no day: 2027-01-31, or 30d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_date_or_a_number_of_days_and_to_come() {
        let today = jiff::civil::date(2026, 11, 30);
        assert_eq!(day_of(" 2026-12-24 ", today), Ok(jiff::civil::date(2026, 12, 24)));
        assert_eq!(day_of("30d", today), Ok(jiff::civil::date(2026, 12, 30)));
        for wrong in ["2026-11-30", "0d", "-3d", "2025-01-01"] {
            assert!(day_of(wrong, today).is_err_and(|why| why.contains("is over")), "{wrong}");
        }
        for wrong in ["", "soon", "30", "99999999999d", "2026-13-01", "9999999d"] {
            assert!(day_of(wrong, today).is_err_and(|why| why.contains("no day")), "{wrong}");
        }
    }
}
