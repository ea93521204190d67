//! The state of the screen, and the one function that changes it.
//!
//! `ScreenInput → update → ScreenModel, and effects for whoever runs it` · `ScreenInput::Frame` comes before each drawing: it fits the
//! state to the terminal's size and lays out what is to be seen, so that drawing itself changes nothing

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ratatui::layout::Size;

use super::archive::ArchiveScreen;
use super::booking::BookingScreen;
use super::bookings::BookingsScreen;
use super::command::{self, Command};
use super::compare::ComparisonPage;
use super::counter::MatchCounter;
use super::coverage::CoverageScreen;
use super::cursor::Cursor;
use super::detail::Detail;
use super::dispatch;
use super::exchange_list::ExchangeList;
use super::findings::FindingsScreen;
use super::index::Index;
use super::keys::MouseAction;
use super::layout::{LayoutInput, ListArrangement, ScreenLayout};
use super::prompt::Prompt;
use super::services::{Effect, EffectReply, Export, FaultState, KnownFinding};
use super::status::Status;
use super::traffic::TrafficScreen;
use super::under_way::UnderWay;
use super::view::HelpScroll;
use crate::event::{Event, RequestUnderWay, RunContext, RunMode};
use crate::finding::{Finding, Severity};
use crate::judged::Judged;

/// How often it is asked how large the recording is.
const MEASURE_EVERY: SignedDuration = SignedDuration::from_secs(2);

/// How long one slice of what is done between two keys may take.
const SLICE: Duration = Duration::from_millis(5);

/// Something that changes the screen.
#[derive(Debug)]
pub(super) enum ScreenInput {
    /// Something has happened in the pipeline.
    Event(Event),
    /// No more events come.
    End,
    /// It is this time: for what comes next.
    Time(Timestamp),
    /// So many events have been dropped on their way so far.
    NotShown(u64),
    /// A key was pressed, named as in the table of commands.
    Key(String),
    /// Text was pasted.
    Pasted(String),
    /// The mouse was used.
    Pointer(MouseAction),
    /// The frame is to be drawn again.
    Redraw,
    /// A frame of this size is about to be drawn, at this time.
    Frame(Size, Timestamp),
    /// Something to say about the last key, until the next one.
    Word(&'static str),
    /// Something has come of an effect.
    Reply(EffectReply),
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
pub(super) struct ScreenModel {
    pub(super) status: Status,
    pub(super) list: ExchangeList,
    pub(super) index: Index,
    /// Requests that have no answer yet.
    pub(super) under_way: UnderWay,
    /// The screens that are open; the last is the one that is shown, and there is always one.
    pub(super) stack: Vec<Screen>,
    pub(super) bookings: BookingsScreen,
    pub(super) booking: BookingScreen,
    pub(super) archive: ArchiveScreen,
    pub(super) findings: FindingsScreen,
    pub(super) coverage: CoverageScreen,
    pub(super) traffic: TrafficScreen,
    pub(super) comparison: ComparisonPage,
    pub(super) event_log: Cursor,
    pub(super) faults: Vec<FaultState>,
    pub(super) fault: Cursor,
    pub(super) detail: Detail,
    pub(super) focus: Focus,
    pub(super) arrange: ListArrangement,
    pub(super) divider: Option<u16>,
    /// The divider is being dragged.
    pub(super) dragging: bool,
    /// What there is to say about the last key.
    pub(super) word: Option<String>,
    /// What the screen asks in place of the keys.
    pub(super) prompt: Option<Prompt>,
    /// How many exchanges the filter that is being typed would list.
    pub(super) counter: Option<MatchCounter>,
    /// What the reader wrote about exchanges, by their 0-based indexes.
    pub(super) comments: BTreeMap<u64, String>,
    /// Filters that were typed before, the newest last.
    pub(super) history: Vec<String>,
    /// The help, while it is open.
    pub(super) help: Option<HelpScroll>,
    pub(super) layout: ScreenLayout,
    /// When the frame is drawn.
    pub(super) now: Timestamp,
    /// The exchanges that were last read back from the recording; nothing while one is being read, or if it can't be.
    pub(super) fetched: VecDeque<(u64, Option<Arc<Judged>>)>,
    /// What the detail was last asked to show, as [`Self::subject`] has it.
    pub(super) shown_subject: Option<(u64, Option<usize>)>,
    /// Two exchanges that are compared when they have been read back.
    pub(super) to_compare: Option<(u64, u64)>,
    /// The exports under way.
    pub(super) exports: Vec<Export>,
    /// Findings that are set aside; `None` before anybody wanted to know.
    pub(super) known: Option<Vec<KnownFinding>>,
    /// Bytes of the recording on disk, and when that was asked for.
    pub(super) size: Option<u64>,
    measured: Timestamp,
    /// A new failure rings the bell.
    bell: bool,
    effects: Vec<Effect>,
}

impl ScreenModel {
    pub(super) fn new(context: RunContext, bell: bool, now: Timestamp) -> Self {
        let mut list = ExchangeList::new();
        let first = if context.mode == RunMode::View {
            list.stop_at_first_failure();
            Screen::Exchanges
        } else {
            Screen::Bookings
        };
        Self {
            status: Status::new(context, now),
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
            comparison: ComparisonPage::default(),
            event_log: Cursor::following(),
            faults: Vec::new(),
            fault: Cursor::default(),
            detail: Detail::new(),
            focus: Focus::List,
            arrange: ListArrangement::default(),
            divider: None,
            dragging: false,
            word: None,
            prompt: None,
            counter: None,
            comments: BTreeMap::new(),
            history: Vec::new(),
            help: None,
            layout: ScreenLayout::default(),
            now,
            fetched: VecDeque::new(),
            shown_subject: None,
            to_compare: None,
            exports: Vec::new(),
            known: None,
            size: None,
            measured: Timestamp::UNIX_EPOCH,
            bell,
            effects: Vec::new(),
        }
    }

    /// Takes one message in; what is to be done outside of the model.
    pub(super) fn update(&mut self, message: ScreenInput) -> Vec<Effect> {
        match message {
            ScreenInput::Word(word) => self.say(word),
            ScreenInput::Pasted(text) => self.paste(&text),
            ScreenInput::Event(event) => self.event(event),
            ScreenInput::End => self.status.ended = true,
            ScreenInput::Time(now) => self.now = now,
            ScreenInput::NotShown(count) => {
                // Whose end was dropped would be under way for ever.
                if count > self.status.not_shown {
                    self.under_way = UnderWay::default();
                }
                self.status.not_shown = count;
            }
            ScreenInput::Frame(size, now) => self.frame(size, now),
            ScreenInput::Redraw => {}
            ScreenInput::Key(key) => self.key(&key),
            ScreenInput::Pointer(pointer) => self.pointer(pointer),
            ScreenInput::Reply(EffectReply::Word(word)) => self.word = Some(word),
            ScreenInput::Reply(EffectReply::Exported(export, word)) => {
                self.exports.retain(|under_way| *under_way != export);
                self.word = Some(word);
            }
            ScreenInput::Reply(EffectReply::Panicked(word)) => {
                self.exports.clear();
                self.word = Some(word);
            }
            ScreenInput::Reply(EffectReply::Faults(faults)) => self.faults = faults,
            ScreenInput::Reply(EffectReply::Page(page)) => self.detail.take(*page),
            ScreenInput::Reply(EffectReply::PageRead(page, read)) => self.archive.take(page, read),
            ScreenInput::Reply(EffectReply::Fetched(index, fetched)) => {
                let fetched = fetched.map_err(|why| self.say(why)).ok().map(|judged| self.with_examples(judged));
                if fetched.is_none() {
                    self.to_compare = None;
                }
                if let Some((_, place)) = self.fetched.iter_mut().find(|(known, _)| *known == index) {
                    *place = fetched;
                }
                self.compare_when_there();
                self.show_selected();
            }
            ScreenInput::Reply(EffectReply::Known(known)) => self.known = Some(known),
            ScreenInput::Reply(EffectReply::SetAside(word, known)) => {
                (self.word, self.known) = (Some(word), Some(known));
            }
            ScreenInput::Reply(EffectReply::Measured(size)) => self.size = size,
            ScreenInput::Reply(EffectReply::Found(number, slice)) => {
                let marked = self.list.marked();
                let effect = self.archive.take_found(number, slice, &self.index.verdicts, marked);
                self.effects.extend(effect);
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
                if self.bell && failed && self.status.context.mode != RunMode::View && self.effects.is_empty() {
                    self.effects.push(Effect::Bell);
                }
                self.list.push(judged);
                self.show_selected();
            }
            Event::Past(past) => self.count_past(&past),
            Event::Request(request) => self.under_way.begin(request),
            Event::Recording(state) => self.status.recording = Some(state),
            Event::Progress(progress) => {
                self.index.traffic.note(progress);
                self.status.progress = Some(progress);
            }
            Event::Coverage(coverage) => self.status.coverage = Some(coverage),
            Event::Unread { authority, count } => self.status.unread = Some((authority, count)),
            Event::Notice(notice) => self.status.notice(self.now, notice),
        }
    }

    /// An exchange that was read back, with those of its findings that are kept as examples of their causes, where its verdicts are not
    /// kept.
    fn with_examples(&self, judged: Arc<Judged>) -> Arc<Judged> {
        if judged.passed > 0 || !judged.findings.is_empty() || !judged.not_judged.is_empty() {
            return judged;
        }
        let findings: Vec<Finding> = self.index.causes.examples(judged.index).cloned().collect();
        if findings.is_empty() { judged } else { Arc::new(Judged { findings, ..(*judged).clone() }) }
    }

    /// Counts exchanges that are not listed: they are in the recording.
    fn count_past(&mut self, past: &[Judged]) {
        let gone = self.index.bookings.gone();
        for judged in past {
            self.status.count(judged);
            self.index.add(judged);
        }
        let gone = (self.index.bookings.gone() - gone) as usize;
        self.bookings.cursor.lose_first(gone);
        self.booking.lose_first(gone);
        self.list.pass_over(past.len() as u64);
        self.show_selected();
    }

    fn key(&mut self, key: &str) {
        self.word = None;
        match command::of_key(key, self.place()) {
            // Whatever is open.
            Some(command @ (Command::Interrupt | Command::Suspend | Command::Redraw)) => self.run(command),
            // While the help is open, every key only scrolls it or closes it.
            command if self.help.is_some() => self.key_in_help(command),
            _ if self.prompt.is_some() => self.answer(key),
            Some(command) => self.run(command),
            None if self.place() != self.list_place() && command::of_key(key, self.list_place()).is_some() => {
                self.say(format!("{key} works in the list (Esc leads there)"));
            }
            None => self.word = command::elsewhere(key),
        }
    }

    fn key_in_help(&mut self, command: Option<Command>) {
        match (&mut self.help, command.and_then(dispatch::motion)) {
            (Some(help), Some(motion)) if help.is_cut() => help.go(motion),
            _ => self.help = None,
        }
    }

    /// Does what a command says.
    pub(super) fn run(&mut self, command: Command) {
        match command {
            Command::Interrupt => self.ask(Effect::Quit),
            Command::Suspend => self.ask(Effect::Suspend),
            Command::Redraw => self.ask(Effect::Wipe),
            Command::Help => self.help = Some(HelpScroll::default()),
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
                    ListArrangement::Auto if self.layout.is_side => ListArrangement::Stacked,
                    ListArrangement::Auto => ListArrangement::Side,
                    ListArrangement::Side | ListArrangement::Stacked => ListArrangement::Auto,
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
        let is_live = self.status.context.mode != RunMode::View;
        let leased =
            || self.index.bookings.all().iter().rev().take(100).any(|booking| booking.lease() > Some(self.now));
        is_live
            && match self.screen() {
                _ if !self.under_way.is_empty() => true,
                Screen::Bookings | Screen::Booking => leased(),
                _ => false,
            }
    }

    /// The requests under way that have a row below the list: while its end is in sight.
    pub(super) fn rows_under_way(&self) -> Vec<&RequestUnderWay> {
        let at_end = self.list.following() || self.list.place() + 1 == self.list.shown();
        if at_end { self.under_way.waiting(self.now) } else { Vec::new() }
    }

    /// Asks for what the screen shows of the outside world: once, or once in a while.
    fn look_outside(&mut self) {
        if self.known.is_none() && self.status.exchanges > 0 {
            self.known = Some(Vec::new());
            self.effects.push(Effect::ListKnown);
        }
        if self.screen() == Screen::Traffic && self.now.duration_since(self.measured) >= MEASURE_EVERY {
            self.measured = self.now;
            self.effects.push(Effect::Measure);
        }
    }

    fn frame(&mut self, size: Size, now: Timestamp) {
        self.now = now;
        let rows = match self.screen() {
            Screen::Exchanges => Some(self.list.shown() + self.rows_under_way().len()),
            Screen::Archive => Some(self.archive.len(self.recorded())),
            Screen::Booking => Some(self.booking.len(&self.index)),
            Screen::Findings => Some(self.count_groups()),
            _ => None,
        };
        let list = rows.filter(|_| self.has_detail()).map(|rows| rows.saturating_add(3));
        let wishes = LayoutInput { focus: self.focus, arrange: self.arrange, list, divider: self.divider };
        self.look_outside();
        self.layout = ScreenLayout::new(size, wishes);
        self.fit();
        self.show_selected();
        let place = self.place();
        if let Some(help) = &mut self.help {
            help.fit(place, size);
        }
        if self.has_detail() {
            let effect = self.detail.fit(self.layout.detail_size());
            self.effects.extend(effect);
        }
    }
}
