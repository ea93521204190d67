//! The state of the screen, and the one function that changes it.
//!
//! `Message → update → Model (and perhaps a Command)` · `Message::Frame` comes before each drawing: it fits the
//! state to the terminal's size and lays out what is to be seen, so that drawing itself changes nothing

use std::sync::Arc;

use ratatui::layout::Size;

use super::areas::ScreenLayout;
use super::coverage;
use super::log::Log;
use super::prompt::Prompt;
use super::sheet::{self, DetailPage, Row};
use crate::coverage::Coverage;
use crate::event::{Context, Event, Judged, Mode, Progress, Recording};
use crate::finding::{Finding, Tally, VerdictCounts, folded};

/// Something that changes the screen.
#[derive(Debug)]
pub(super) enum Message {
    /// Something has happened in the pipeline.
    Event(Event),
    /// So many events have been dropped on their way so far.
    NotShown(u64),
    /// A key was pressed.
    Action(Action),
    /// Text was pasted.
    Pasted(String),
    /// A frame of this size is about to be drawn.
    Frame(Size),
    /// Something to say about the last key, until the next one.
    Word(&'static str),
}

/// What keys ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Quit,
    Interrupt,
    Suspend,
    /// The frame is to be drawn again, where it has changed.
    Redraw,
    /// The whole screen is to be drawn again.
    Wipe,
    Help,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Left,
    Right,
    Enter,
    Back,
    NextTab,
    PreviousTab,
    Show(Tab),
    NextWithFindings,
    PreviousWithFindings,
    NextFinding,
    PreviousFinding,
    Filter,
    Follow,
    Coverage,
    /// To the exchange whose number is typed next.
    GoTo,
    /// A character for the line that is being typed.
    Type(char),
    /// Takes the last character of that line away.
    Erase,
}

/// What the screen asks of whoever runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// The user wants to leave.
    Quit,
    /// The user wants to go back to the shell for a while.
    Suspend,
    /// Something else has written on the screen: all of it is to be drawn again.
    Wipe,
}

/// Which part the arrow keys move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    List,
    Detail,
}

/// What the detail shows of the selected exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Findings,
    Request,
    Response,
}

impl Tab {
    pub(super) const ALL: [Self; 3] = [Self::Findings, Self::Request, Self::Response];
}

/// Everything that the screen shows.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) context: Context,
    pub(super) recording: Option<Recording>,
    /// The latest notice.
    pub(super) notice: Option<String>,
    /// What there is to say about the last key.
    pub(super) word: Option<String>,
    /// What the screen asks in place of the keys.
    pub(super) prompt: Option<Prompt>,
    /// The latest host that passed unread, and how many have.
    pub(super) unread: Option<(String, u64)>,
    pub(super) log: Log,
    pub(super) tally: Tally,
    pub(super) exchanges: u64,
    /// How far recording and judging have come, as last told.
    pub(super) progress: Option<Progress>,
    /// How many verdicts were given, and why others could not be.
    pub(super) verdicts: VerdictCounts,
    /// Findings on requests that were refused as they should be, which are not told.
    pub(super) muted: u64,
    /// Events that were dropped on their way to the screen.
    pub(super) not_shown: u64,
    pub(super) focus: Focus,
    pub(super) tab: Tab,
    /// Index of the selected finding of the selected exchange.
    pub(super) finding: usize,
    /// First line and first column of the detail that are seen.
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) help: bool,
    /// How far every rule has come, as last told.
    pub(super) coverage: Option<Arc<Coverage>>,
    /// The page of coverage while it is up.
    pub(super) coverage_page: Option<CoveragePage>,
    pub(super) areas: ScreenLayout,
    /// Of the terminal, at the last frame.
    size: Size,
    /// The laid out detail; `None` while nothing is selected.
    pub(super) sheet: Option<DetailPage>,
    /// The selected finding has yet to be scrolled into view.
    reveal: bool,
}

/// The page of coverage, laid out for the last frame.
#[derive(Debug, Default)]
pub(super) struct CoveragePage {
    pub(super) rows: Vec<Row>,
    /// The first row that is seen.
    pub(super) top: usize,
}

/// Columns of one step sideways.
const SIDEWAYS: usize = 8;

impl Model {
    pub(super) fn new(context: Context) -> Self {
        // Until there is something else to say.
        let notice = context.settings.as_ref().map(|settings| format!("settings of {settings}"));
        Self {
            context,
            recording: None,
            notice,
            word: None,
            prompt: None,
            unread: None,
            log: Log::new(),
            tally: Tally::default(),
            exchanges: 0,
            progress: None,
            verdicts: VerdictCounts::default(),
            muted: 0,
            not_shown: 0,
            focus: Focus::List,
            tab: Tab::Findings,
            finding: 0,
            top: 0,
            left: 0,
            help: false,
            coverage: None,
            coverage_page: None,
            areas: ScreenLayout::default(),
            size: Size::default(),
            sheet: None,
            reveal: false,
        }
    }

    /// Takes one message in.
    pub(super) fn update(&mut self, message: Message) -> Option<Command> {
        if matches!(message, Message::Action(_) | Message::Pasted(_)) {
            self.word = None;
        }
        match message {
            Message::Word(word) => self.word = Some(word.to_owned()),
            Message::Pasted(text) => self.paste(&text),
            Message::Action(Action::Suspend) => return Some(Command::Suspend),
            Message::Action(Action::Wipe) => return Some(Command::Wipe),
            Message::Event(event) => self.event(event),
            Message::NotShown(count) => self.not_shown = count,
            Message::Frame(size) => self.frame(size),
            Message::Action(Action::Interrupt) => return Some(Command::Quit),
            Message::Action(Action::Redraw) => {}
            // While the help is up, every key only takes it away.
            Message::Action(_) if self.help => self.help = false,
            Message::Action(action) if self.prompt.is_some() => return self.answer(action),
            Message::Action(Action::GoTo) => self.prompt = Some(Prompt::ExchangeNumber(String::new())),
            Message::Action(Action::Quit) => return self.leave(),
            Message::Action(action) if self.coverage_page.is_some() => self.act_on_coverage(action),
            Message::Action(action) => self.act(action),
        }
        None
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Exchange(judged) => {
                self.exchanges += 1;
                self.muted += u64::from(judged.muted);
                judged.findings.iter().for_each(|finding| self.tally.add(finding));
                self.count_verdicts(&judged);
                self.keeping_detail(|log| log.push(judged));
            }
            Event::Recording(state) => self.recording = Some(state),
            Event::Progress(progress) => self.progress = Some(progress),
            Event::Coverage(coverage) => self.coverage = Some(coverage),
            Event::Unread { authority, count } => self.unread = Some((authority, count)),
            Event::Notice(notice) => self.notice = Some(notice),
        }
    }

    fn count_verdicts(&mut self, judged: &Judged) {
        self.verdicts.passed += u64::from(judged.passed);
        self.verdicts.failed += judged.findings.len() as u64 + u64::from(judged.muted);
        judged.not_judged.iter().for_each(|missing| self.verdicts.add_not_judged(&missing.because, 1));
    }

    /// How long the oldest exchange that is not judged has waited, in whole seconds.
    pub(super) fn lag_seconds(&self) -> u64 {
        self.progress.map_or(0, |progress| progress.lag.as_secs())
    }

    /// What there is to say of a recording of which little could be judged.
    pub(super) fn little_judged(&self) -> Option<String> {
        let little = self.context.mode == Mode::View && self.exchanges > 0 && self.verdicts.is_mostly_unjudged();
        little.then(|| format!("little was judged: {}", self.verdicts.headline()))
    }

    /// Leaves the page that is up, or the detail, or else the screen; a run that carries traffic asks before it ends.
    fn leave(&mut self) -> Option<Command> {
        if self.coverage_page.take().is_some() {
            return None;
        }
        if self.focus == Focus::Detail {
            self.focus = Focus::List;
            return None;
        }
        if self.context.mode.carries_traffic() {
            self.prompt = Some(Prompt::StopRun);
            return None;
        }
        Some(Command::Quit)
    }

    /// Changes the log; if that selects another exchange, its detail begins at its start.
    pub(super) fn keeping_detail(&mut self, change: impl FnOnce(&mut Log)) {
        let number = |log: &Log| log.selected().map(|(number, _)| number);
        let before = number(&self.log);
        change(&mut self.log);
        if number(&self.log) != before {
            let first = self.order().first().copied().unwrap_or(0);
            (self.finding, self.top, self.left, self.reveal) = (first, 0, 0, true);
        }
    }

    /// Indices of the selected exchange's findings as they stand on its page: what follows from one right behind it.
    fn order(&self) -> Vec<usize> {
        let Some((_, judged)) = self.log.selected() else { return Vec::new() };
        let findings: Vec<&Finding> = judged.findings.iter().collect();
        folded(&findings).into_iter().flat_map(|(cause, follow)| [vec![cause], follow].concat()).collect()
    }

    fn act_on_coverage(&mut self, action: Action) {
        let Some(page) = &mut self.coverage_page else { return };
        let height = usize::from(self.areas.body.height).saturating_sub(2).max(1);
        match action {
            Action::Up => page.top = page.top.saturating_sub(1),
            Action::Down => page.top += 1,
            Action::PageUp => page.top = page.top.saturating_sub(height),
            Action::PageDown => page.top += height,
            Action::First => page.top = 0,
            // The next frame brings it back to the last page.
            Action::Last => page.top = page.rows.len(),
            Action::Help => self.help = true,
            Action::Coverage | Action::Back => self.coverage_page = None,
            _ => {}
        }
    }

    fn act(&mut self, action: Action) {
        let page = match self.focus {
            Focus::List => self.areas.list_rows(),
            Focus::Detail => self.areas.detail_size().1,
        };
        let page = page.saturating_sub(1).max(1);
        match action {
            Action::Up => self.go(|at| at.saturating_sub(1)),
            Action::Down => self.go(|at| at + 1),
            Action::PageUp => self.go(|at| at.saturating_sub(page)),
            Action::PageDown => self.go(|at| at + page),
            Action::First => self.go(|_| 0),
            Action::Last if self.focus == Focus::Detail => self.top = usize::MAX,
            Action::Last => self.keeping_detail(|log| log.select(usize::MAX, true)),
            Action::Follow if self.log.following() => self.keeping_detail(|log| log.select(log.place(), false)),
            Action::Follow => self.keeping_detail(|log| log.select(usize::MAX, true)),
            Action::Left => self.left = self.left.saturating_sub(SIDEWAYS),
            Action::Right => self.left += SIDEWAYS,
            Action::Help => self.help = true,
            Action::Coverage => self.coverage_page = Some(CoveragePage::default()),
            Action::Filter => self.keeping_detail(Log::next_filter),
            Action::NextWithFindings => self.go_to_findings(true),
            Action::PreviousWithFindings => self.go_to_findings(false),
            Action::NextTab => self.show(cycle(self.tab, 1)),
            Action::PreviousTab => self.show(cycle(self.tab, Tab::ALL.len() - 1)),
            Action::Show(tab) => self.show(tab),
            Action::Enter if self.focus == Focus::List => self.focus = Focus::Detail,
            Action::Enter if self.tab == Tab::Findings => self.show_place(),
            Action::Back => self.focus = Focus::List,
            Action::NextFinding => self.step_finding(true),
            Action::PreviousFinding => self.step_finding(false),
            // What is left was dealt with before, or has a meaning in a prompt alone.
            _ => {}
        }
    }

    fn go_to_findings(&mut self, forward: bool) {
        let mut found = false;
        self.keeping_detail(|log| found = log.select_with_findings(forward));
        if !found {
            let where_to = if forward { "later" } else { "earlier" };
            self.word = Some(format!("no {where_to} exchange with findings"));
        }
    }

    /// Moves the selection or the detail's first line, whichever has the focus.
    fn go(&mut self, step: impl FnOnce(usize) -> usize) {
        match self.focus {
            Focus::Detail => self.top = step(self.top),
            Focus::List => self.keeping_detail(|log| {
                let (before, following) = (log.place(), log.following());
                let place = step(before);
                log.select(place, following && place >= before);
            }),
        }
    }

    fn show(&mut self, tab: Tab) {
        (self.tab, self.top, self.left, self.reveal) = (tab, 0, 0, true);
    }

    /// Shows the message that the selected finding points into.
    fn show_place(&mut self) {
        let Some((_, judged)) = self.log.selected() else { return };
        let Some(finding) = judged.findings.get(self.finding) else { return };
        let tab = if finding.pointer.starts_with("/response") { Tab::Response } else { Tab::Request };
        self.show(tab);
    }

    /// Selects another finding of the exchange, and stays in the messages if one of them is shown.
    fn step_finding(&mut self, forward: bool) {
        let order = self.order();
        if order.is_empty() {
            return;
        }
        let step = if forward { 1 } else { order.len() - 1 };
        // In a message, the first step goes to the first finding unless it is in view already.
        let here = self.sheet.as_ref().is_some_and(|sheet| sheet.anchor(self.finding).is_some());
        if here || self.tab == Tab::Findings {
            let place = order.iter().position(|&index| index == self.finding).unwrap_or(0);
            self.finding = order[(place + step) % order.len()];
        }
        self.reveal = true;
        if self.tab != Tab::Findings {
            self.show_place();
        }
    }

    fn frame(&mut self, size: Size) {
        self.areas = ScreenLayout::new(size, self.focus);
        if self.size != size {
            (self.size, self.reveal) = (size, true);
        }
        if let Some(page) = &mut self.coverage_page {
            page.rows = coverage::rows(self.coverage.as_deref(), usize::from(size.width));
            let height = usize::from(self.areas.body.height).saturating_sub(1);
            page.top = page.top.min(page.rows.len().saturating_sub(height));
        }
        self.log.reveal(self.areas.list_rows());
        let (width, height) = self.areas.detail_size();
        let Some((number, judged)) = self.log.selected() else {
            self.sheet = None;
            return;
        };
        let key = sheet::Key { number, tab: self.tab, width };
        if height > 0 && self.sheet.as_ref().is_none_or(|sheet| !sheet.fits(key)) {
            self.sheet = Some(DetailPage::new(key, judged));
        }
        let Some(sheet) = self.sheet.as_ref().filter(|sheet| sheet.fits(key)) else { return };
        if self.reveal && height > 0 {
            self.reveal = false;
            if let Some(line) = sheet.anchor(self.finding).or_else(|| sheet.first_anchor()) {
                // A finding's page begins with it; a message shows something of what stands around it.
                let lead = if self.tab == Tab::Findings { 0 } else { height / 3 };
                let in_view = line >= self.top && line + 1 < self.top + height;
                if self.tab == Tab::Findings || !in_view {
                    self.top = line.saturating_sub(lead);
                }
            }
        }
        self.top = self.top.min(sheet.len().saturating_sub(height));
        self.left = self.left.min(sheet.width().saturating_sub(width / 2));
    }
}

fn cycle(tab: Tab, step: usize) -> Tab {
    Tab::ALL[(tab as usize + step) % Tab::ALL.len()]
}
