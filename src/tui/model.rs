//! The state of the screen, and the one function that changes it.
//!
//! `Message → update → Model, and effects for whoever runs it` · `Message::Frame` comes before each drawing: it fits the
//! state to the terminal's size and lays out what is to be seen, so that drawing itself changes nothing

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ratatui::layout::Size;

use super::archive::ArchiveScreen;
use super::booking::BookingScreen;
use super::bookings::BookingsScreen;
use super::command::{self, Command, Place};
use super::compare::Comparison;
use super::counter::Counter;
use super::coverage::CoverageScreen;
use super::cursor::Cursor;
use super::detail::Detail;
use super::exchange_list::{Destination, ExchangeList};
use super::findings::FindingsScreen;
use super::index::Index;
use super::keys::Pointer;
use super::layout::{Arrange, ScreenLayout, Wishes};
use super::prompt::Prompt;
use super::services::{Effect, FaultState, Reply};
use super::status::Status;
use super::traffic::TrafficScreen;
use super::under_way::UnderWay;
use crate::event::{Context, Event, Judged, Mode, RequestUnderWay};
use crate::finding::Severity;

/// How long one slice of what is done between two keys may take.
const SLICE: Duration = Duration::from_millis(5);

/// Something that changes the screen.
#[derive(Debug)]
pub(super) enum Message {
    /// Something has happened in the pipeline.
    Event(Event),
    /// So many events have been dropped on their way so far.
    NotShown(u64),
    /// A key was pressed, named as in the table of commands.
    Key(String),
    /// Text was pasted.
    Pasted(String),
    /// The mouse was used.
    Pointer(Pointer),
    /// The frame is to be drawn again.
    Redraw,
    /// A frame of this size is about to be drawn, at this time.
    Frame(Size, Timestamp),
    /// Something to say about the last key, until the next one.
    Word(&'static str),
    /// Something has come of an effect.
    Reply(Reply),
}

/// Which part the arrow keys move in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Focus {
    #[default]
    List,
    Detail,
}

/// The screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    Bookings,
    Booking,
    Exchanges,
    Archive,
    Findings,
    Coverage,
    Traffic,
    Compare,
    EventLog,
    Faults,
}

impl Screen {
    /// The screens that have a number, in order.
    pub(super) const MAIN: [Self; 5] = [Self::Bookings, Self::Exchanges, Self::Findings, Self::Coverage, Self::Traffic];
}

/// Everything that the screen shows.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) status: Status,
    pub(super) list: ExchangeList,
    pub(super) index: Index,
    /// Requests that have no answer yet.
    pub(super) under_way: UnderWay,
    /// The screens that are open; the last is the one that is shown, and there is always one.
    stack: Vec<Screen>,
    pub(super) bookings: BookingsScreen,
    pub(super) booking: BookingScreen,
    pub(super) archive: ArchiveScreen,
    pub(super) findings: FindingsScreen,
    pub(super) coverage: CoverageScreen,
    pub(super) traffic: TrafficScreen,
    pub(super) comparison: Comparison,
    pub(super) event_log: Cursor,
    pub(super) faults: Vec<FaultState>,
    pub(super) fault: Cursor,
    pub(super) detail: Detail,
    pub(super) focus: Focus,
    arrange: Arrange,
    divider: Option<u16>,
    /// The divider is being dragged.
    dragging: bool,
    /// What there is to say about the last key.
    pub(super) word: Option<String>,
    /// What the screen asks in place of the keys.
    pub(super) prompt: Option<Prompt>,
    /// How many exchanges the filter that is being typed would list.
    pub(super) counter: Option<Counter>,
    /// Filters that were typed before, the newest last.
    pub(super) history: Vec<String>,
    pub(super) help: bool,
    pub(super) layout: ScreenLayout,
    /// When the frame is drawn.
    pub(super) now: Timestamp,
    /// The exchange that was last read back from the recording; nothing while it is being read, or if it can't be.
    fetched: Option<(u64, Option<Arc<Judged>>)>,
    /// A new failure rings the bell.
    bell: bool,
    effects: Vec<Effect>,
}

impl Model {
    pub(super) fn new(context: Context, bell: bool) -> Self {
        let mut list = ExchangeList::new();
        let first = if context.mode == Mode::View {
            list.stop_at_first_failure();
            Screen::Exchanges
        } else {
            Screen::Bookings
        };
        Self {
            status: Status::new(context),
            list,
            index: Index::default(),
            under_way: UnderWay::default(),
            stack: vec![first],
            bookings: BookingsScreen::new(),
            booking: BookingScreen::default(),
            archive: ArchiveScreen::default(),
            findings: FindingsScreen::default(),
            coverage: CoverageScreen::default(),
            traffic: TrafficScreen::default(),
            comparison: Comparison::default(),
            event_log: Cursor::following(),
            faults: Vec::new(),
            fault: Cursor::default(),
            detail: Detail::new(),
            focus: Focus::List,
            arrange: Arrange::default(),
            divider: None,
            dragging: false,
            word: None,
            prompt: None,
            counter: None,
            history: Vec::new(),
            help: false,
            layout: ScreenLayout::default(),
            now: Timestamp::UNIX_EPOCH,
            fetched: None,
            bell,
            effects: Vec::new(),
        }
    }

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
    pub(super) fn place(&self) -> Place {
        match self.screen() {
            Screen::Exchanges | Screen::Archive | Screen::Booking | Screen::Findings
                if self.focus == Focus::Detail && self.has_detail() =>
            {
                Place::Detail
            }
            Screen::Bookings => Place::Bookings,
            Screen::Booking => Place::Booking,
            Screen::Exchanges => Place::Exchanges,
            Screen::Archive => Place::Archive,
            Screen::Findings => Place::Findings,
            Screen::Coverage => Place::Coverage,
            Screen::Traffic => Place::Traffic,
            Screen::Compare => Place::Compare,
            Screen::EventLog => Place::EventLog,
            Screen::Faults => Place::Faults,
        }
    }

    /// Takes one message in; what is to be done outside of the model.
    pub(super) fn update(&mut self, message: Message) -> Vec<Effect> {
        match message {
            Message::Word(word) => self.say(word),
            Message::Pasted(text) => self.paste(&text),
            Message::Event(event) => self.event(event),
            Message::NotShown(count) => {
                // Whose end was dropped would be under way for ever.
                if count > self.status.not_shown {
                    self.under_way = UnderWay::default();
                }
                self.status.not_shown = count;
            }
            Message::Frame(size, now) => self.frame(size, now),
            Message::Redraw => {}
            Message::Key(key) => self.key(&key),
            Message::Pointer(pointer) => self.pointer(pointer),
            Message::Reply(Reply::Word(word)) => self.word = Some(word),
            Message::Reply(Reply::Faults(faults)) => self.faults = faults,
            Message::Reply(Reply::Page(page)) => self.detail.take(*page),
            Message::Reply(Reply::PageRead(page, read)) => self.archive.take(page, read),
            Message::Reply(Reply::Fetched(index, fetched)) => {
                self.fetched = Some((index, fetched.map_err(|why| self.say(why)).ok()));
                self.show_selected();
            }
        }
        std::mem::take(&mut self.effects)
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Exchange(judged) => {
                self.under_way.end(judged.exchange.id);
                self.status.count(&judged);
                let gone = self.index.bookings.gone();
                self.index.add(&judged);
                let gone = (self.index.bookings.gone() - gone) as usize;
                self.bookings.cursor.lose_first(gone);
                self.booking.lose_first(gone);
                let failed = judged.findings.iter().any(|finding| finding.severity == Severity::Failure);
                if self.bell && failed && self.status.context.mode != Mode::View && self.effects.is_empty() {
                    self.effects.push(Effect::Bell);
                }
                self.list.push(judged);
                self.show_selected();
            }
            Event::Request(request) => self.under_way.begin(request),
            Event::Recording(state) => self.status.recording = Some(state),
            Event::Progress(progress) => {
                self.index.traffic.note(progress);
                self.status.progress = Some(progress);
            }
            Event::Coverage(coverage) => self.status.coverage = Some(coverage),
            Event::Unread { authority, count } => self.status.unread = Some((authority, count)),
            Event::Notice(notice) => self.status.notice(notice),
        }
    }

    fn key(&mut self, key: &str) {
        self.word = None;
        match command::of_key(key, self.place()) {
            // Whatever is open.
            Some(command @ (Command::Interrupt | Command::Suspend | Command::Redraw)) => self.run(command),
            // While the help is up, every key only takes it away.
            _ if self.help => self.help = false,
            _ if self.prompt.is_some() => self.answer(key),
            Some(command) => self.run(command),
            None => {}
        }
    }

    /// Does what a command says.
    pub(super) fn run(&mut self, command: Command) {
        match command {
            Command::Interrupt => self.ask(Effect::Quit),
            Command::Suspend => self.ask(Effect::Suspend),
            Command::Redraw => self.ask(Effect::Wipe),
            Command::Help => self.help = true,
            Command::Palette => self.prompt = Some(Prompt::go_to()),
            Command::Quit => self.quit(),
            Command::Back => drop(self.leave()),
            Command::Bookings => self.show_main(Screen::Bookings),
            Command::Exchanges => self.show_main(Screen::Exchanges),
            Command::Findings => self.show_main(Screen::Findings),
            Command::Coverage => self.show_main(Screen::Coverage),
            Command::Traffic => self.show_main(Screen::Traffic),
            Command::Archive => self.push(Screen::Archive),
            Command::EventLog => self.push(Screen::EventLog),
            Command::Faults => {
                self.ask(Effect::ListFaults);
                self.push(Screen::Faults);
            }
            Command::Arrange => {
                self.divider = None;
                self.arrange = match self.arrange {
                    Arrange::Auto if self.layout.is_side => Arrange::Stacked,
                    Arrange::Auto => Arrange::Side,
                    Arrange::Side | Arrange::Stacked => Arrange::Auto,
                };
            }
            command => self.run_here(command),
        }
    }

    /// Asks for something to be done outside.
    pub(super) fn ask(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Says something about the last key.
    pub(super) fn say(&mut self, word: impl Into<String>) {
        self.word = Some(word.into());
    }

    fn show_main(&mut self, screen: Screen) {
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
    fn leave(&mut self) -> bool {
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
    fn quit(&mut self) {
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
    fn subject(&self) -> Option<(u64, Option<usize>)> {
        match self.screen() {
            Screen::Exchanges => self.list.selected().map(|(_, judged)| (judged.index, None)),
            Screen::Archive => self.archive.selected(self.recorded()).map(|index| (index, None)),
            Screen::Booking => self.booking.selected(&self.index).map(|step| (step.exchange, None)),
            Screen::Findings => self
                .findings
                .selected(&self.index, self.list.filter().narrow)
                .map(|group| (group.newest.exchange, Some(group.newest.finding))),
            _ => None,
        }
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
        let finding = finding.filter(|_| !same || self.focus == Focus::List);
        self.detail.show(judged.as_ref(), finding);
    }

    /// The exchange of an index: as it is kept, or read back. If it is neither it is asked for.
    fn recall(&mut self, index: u64) -> Option<Arc<Judged>> {
        if let Some(kept) = self.list.by_index(index) {
            return Some(Arc::clone(kept));
        }
        match &self.fetched {
            Some((known, fetched)) if *known == index => fetched.clone(),
            _ => {
                self.fetched = Some((index, None));
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
                self.archive.cursor.select(usize::try_from(exchange).unwrap_or(usize::MAX));
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

    /// True if something waits to be done between two keys.
    pub(super) fn has_work(&self) -> bool {
        self.list.filtered().is_some() || self.counter.as_ref().is_some_and(|counter| !counter.is_done(&self.list))
    }

    /// Does a little of what waits to be done.
    pub(super) fn work(&mut self) {
        if self.list.filtered().is_some() {
            self.list.go_on_filtering(SLICE);
        } else if let Some(counter) = &mut self.counter {
            counter.go_on(&self.list, SLICE);
        }
    }

    /// True if something on the screen changes with time alone.
    pub(super) fn has_clock(&self) -> bool {
        let is_live = self.status.context.mode != Mode::View;
        let leased =
            || self.index.bookings.all().iter().rev().take(100).any(|booking| booking.lease() > Some(self.now));
        is_live
            && match self.screen() {
                Screen::Exchanges => !self.under_way.is_empty(),
                Screen::Bookings | Screen::Booking => leased(),
                _ => false,
            }
    }

    /// The exchange in the detail.
    pub(super) fn judged(&self) -> Option<&Arc<Judged>> {
        self.detail.judged().filter(|_| self.has_detail())
    }

    /// The requests under way that have a row below the list: while its end is in sight.
    pub(super) fn rows_under_way(&self) -> Vec<&RequestUnderWay> {
        let at_end = self.list.following() || self.list.place() + 1 == self.list.shown();
        if at_end { self.under_way.waiting(self.now) } else { Vec::new() }
    }

    fn frame(&mut self, size: Size, now: Timestamp) {
        self.now = now;
        let rows = match self.screen() {
            Screen::Exchanges => Some(self.list.shown() + self.rows_under_way().len()),
            Screen::Archive => Some(self.recorded()),
            Screen::Booking => Some(self.booking.len(&self.index)),
            Screen::Findings => Some(self.count_groups()),
            _ => None,
        };
        let list = rows.filter(|_| self.has_detail()).map(|rows| rows.saturating_add(3));
        let wishes = Wishes { focus: self.focus, arrange: self.arrange, list, divider: self.divider };
        self.layout = ScreenLayout::new(size, wishes);
        self.fit();
        self.show_selected();
        if self.has_detail() {
            let effect = self.detail.fit(self.layout.detail_size());
            self.effects.extend(effect);
        }
    }

    fn pointer(&mut self, pointer: Pointer) {
        if self.help || self.prompt.is_some() {
            return;
        }
        let layout = self.layout;
        let has_detail = self.has_detail();
        let in_detail = |x, y| has_detail && layout.detail.contains(ratatui::layout::Position { x, y });
        match pointer {
            Pointer::Wheel { x, y, rows } if in_detail(x, y) => self.detail.scroll(rows),
            Pointer::Wheel { rows, .. } => self.scroll(rows),
            Pointer::Down { x, y } => {
                let at_divider =
                    has_detail && if layout.is_side { x + 1 == layout.detail.x } else { y == layout.detail.y && y > 0 };
                self.dragging = at_divider;
                if at_divider {
                } else if y == layout.header.y {
                    if let Some(screen) = super::view::tab_at(self, x) {
                        self.show_main(screen);
                    }
                } else if in_detail(x, y) {
                    self.focus = Focus::Detail;
                    let row = usize::from(y.saturating_sub(layout.detail.y + 1));
                    self.detail.row = self.detail.top + row;
                } else if layout.list.contains(ratatui::layout::Position { x, y }) {
                    self.focus = Focus::List;
                    let head = layout.list.y + layout.list_head();
                    if let Some(row) = y.checked_sub(head) {
                        self.click(usize::from(row));
                    }
                }
            }
            Pointer::Drag { x, y } if self.dragging => {
                let body = layout.body;
                let (at, whole) =
                    if layout.is_side { (x - body.x.min(x), body.width) } else { (y - body.y.min(y), body.height) };
                let hundredths = u32::from(at) * 100 / u32::from(whole.max(1));
                self.divider = Some(hundredths.clamp(10, 90) as u16);
            }
            Pointer::Drag { .. } => {}
            Pointer::Up => self.dragging = false,
        }
    }
}
