//! One exchange: its findings, its request, its answer. The right, or lower, part of the screens that list exchanges.
//!
//! ```text
//! show(exchange) · commands ─► Detail ─► fit(size) ─► page in order? ─► drawn from
//!                                           └─ a long message ─► Effect::LayOut ─► EffectReply::Page
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use super::command::Command;
use super::cursor::Motion;
use super::page::{DetailPage, DetailTab, MessageView, PageKey, PageRequest};
use super::services::Effect;
use crate::exchange::{Body, Headers, decode};
use crate::finding::{Finding, folded};
use crate::json::{Value, escape};
use crate::judged::Judged;

/// Columns of one step sideways.
const SIDEWAYS: usize = 8;

/// Most nodes that are folded at once.
const MAX_FOLDED: usize = 50_000;

/// What is shown of an exchange, and from where on.
#[derive(Debug)]
pub(super) struct Detail {
    judged: Option<Arc<Judged>>,
    pub(super) tab: DetailTab,
    pub(super) view: MessageView,
    pub(super) wrap: bool,
    /// Index of the selected finding of the exchange.
    pub(super) finding: usize,
    /// First row and first column that are seen.
    pub(super) top: usize,
    pub(super) left: usize,
    /// The selected row, in messages.
    pub(super) row: usize,
    /// The laid out page; `None` while nothing is selected.
    pub(super) page: Option<DetailPage>,
    /// The page that is being laid out elsewhere.
    pub(super) waiting: Option<PageKey>,
    folded: Arc<HashSet<String>>,
    folds: u64,
    /// The selected finding has yet to be scrolled into view.
    reveal: bool,
    /// What was looked for last.
    pub(super) sought: String,
    size: (usize, usize),
}

impl Detail {
    pub(super) fn new() -> Self {
        Self {
            judged: None,
            tab: DetailTab::Findings,
            view: MessageView::Tree,
            wrap: true,
            finding: 0,
            top: 0,
            left: 0,
            row: 0,
            page: None,
            waiting: None,
            folded: Arc::default(),
            folds: 0,
            reveal: false,
            sought: String::new(),
            size: (0, 0),
        }
    }

    /// The exchange that is shown.
    pub(super) fn judged(&self) -> Option<&Arc<Judged>> {
        self.judged.as_ref()
    }

    /// The finding that is selected.
    pub(super) fn selected_finding(&self) -> Option<&Finding> {
        self.judged.as_ref()?.findings.get(self.finding)
    }

    /// Shows an exchange, and of it a finding if one is named. Nothing changes if it is shown already.
    pub(super) fn show(&mut self, judged: Option<&Arc<Judged>>, finding: Option<usize>) {
        let index = |judged: &Arc<Judged>| judged.index;
        let same = self.judged.as_ref().map(index) == judged.map(index);
        if !same {
            self.judged = judged.cloned();
            (self.top, self.left, self.row, self.folded, self.waiting) = (0, 0, 0, Arc::default(), None);
            self.folds += 1;
            self.finding = finding.or_else(|| self.order().first().copied()).unwrap_or(0);
            self.reveal = true;
        } else if let Some(finding) = finding
            && finding != self.finding
        {
            (self.finding, self.reveal) = (finding, true);
        }
    }

    /// Indices of the findings as they stand on their page: what follows from one right behind it.
    fn order(&self) -> Vec<usize> {
        let Some(judged) = &self.judged else { return Vec::new() };
        let findings: Vec<&Finding> = judged.findings.iter().collect();
        folded(&findings).into_iter().flat_map(|(cause, follow)| [vec![cause], follow].concat()).collect()
    }

    /// Does what a command says; false if it means nothing here.
    pub(super) fn update(&mut self, command: Command) -> bool {
        match command {
            Command::Up => self.go(Motion::Up),
            Command::Down => self.go(Motion::Down),
            Command::PageUp => self.go(Motion::PageUp),
            Command::PageDown => self.go(Motion::PageDown),
            Command::First => self.go(Motion::First),
            Command::Last => self.go(Motion::Last),
            Command::Left => self.left = self.left.saturating_sub(SIDEWAYS),
            Command::Right => self.left += SIDEWAYS,
            Command::NextTab => self.show_tab(cycle(self.tab, 1)),
            Command::PreviousTab => self.show_tab(cycle(self.tab, DetailTab::ALL.len() - 1)),
            Command::NextView => self.next_view(),
            Command::Wrap => self.wrap = !self.wrap,
            Command::Open if self.tab == DetailTab::Findings => self.show_place(),
            Command::Open => self.fold(),
            Command::FoldAll => self.fold_all(),
            Command::UnfoldAll => self.set_folded(HashSet::new()),
            _ => return false,
        }
        true
    }

    fn go(&mut self, motion: Motion) {
        if self.tab == DetailTab::Findings {
            self.top = motion.from(self.top, self.size.1);
        } else {
            self.row = motion.from(self.row, self.size.1);
        }
    }

    /// Scrolls without moving what is selected further than it has to.
    pub(super) fn scroll(&mut self, rows: isize) {
        self.top = self.top.saturating_add_signed(rows);
        let last = self.top + self.size.1.saturating_sub(1);
        self.row = self.row.clamp(self.top, last);
    }

    fn show_tab(&mut self, tab: DetailTab) {
        (self.tab, self.top, self.left, self.row, self.reveal) = (tab, 0, 0, 0, true);
    }

    fn next_view(&mut self) {
        if self.tab == DetailTab::Findings {
            self.show_tab(DetailTab::Request);
            return;
        }
        self.view = match self.view {
            MessageView::Tree => MessageView::Raw,
            MessageView::Raw => MessageView::Hex,
            MessageView::Hex => MessageView::Tree,
        };
        (self.top, self.left, self.row, self.reveal) = (0, 0, 0, true);
    }

    /// Shows the message that the selected finding points into.
    fn show_place(&mut self) {
        let Some(finding) = self.selected_finding() else { return };
        let tab = if finding.pointer.starts_with("/response") { DetailTab::Response } else { DetailTab::Request };
        self.view = MessageView::Tree;
        self.show_tab(tab);
    }

    /// Selects another finding of the exchange, and stays in the messages if one of them is shown. False at its end.
    pub(super) fn step_finding(&mut self, forward: bool) -> bool {
        let order = self.order();
        let place = order.iter().position(|&index| index == self.finding).unwrap_or(0);
        // In a message, the first step goes to the first finding unless it is in view already.
        let here = self.tab == DetailTab::Findings
            || self.page.as_ref().is_some_and(|page| page.anchor(self.finding).is_some());
        let next = match (here, forward) {
            (false, _) => Some(place),
            (true, true) => Some(place + 1),
            (true, false) => place.checked_sub(1),
        };
        let Some(&finding) = next.and_then(|next| order.get(next)) else { return false };
        (self.finding, self.reveal) = (finding, true);
        if self.tab != DetailTab::Findings {
            self.show_place();
        }
        true
    }

    /// Selects the last finding.
    pub(super) fn select_last_finding(&mut self) {
        if let Some(&last) = self.order().last() {
            (self.finding, self.reveal) = (last, true);
        }
    }

    fn set_folded(&mut self, folded: HashSet<String>) {
        self.folded = Arc::new(folded);
        self.folds += 1;
    }

    /// Folds or unfolds the node of the selected row.
    fn fold(&mut self) {
        let Some(row) = self.page.as_ref().and_then(|page| page.row(self.row)) else { return };
        let Some(pointer) = row.pointer.filter(|_| row.foldable) else { return };
        let mut folded = HashSet::clone(&self.folded);
        if !folded.remove(&*pointer) && folded.len() < MAX_FOLDED {
            folded.insert(pointer.into());
        }
        self.set_folded(folded);
    }

    /// Folds what lies below the first level.
    fn fold_all(&mut self) {
        let Some(document) = self.message().and_then(|(body, headers)| super::index::bookings::document(body, headers))
        else {
            return;
        };
        let root = document.root();
        let members = root.entries().map(|(key, value)| (format!("/{}", escape(key)), value));
        let items = root.items().enumerate().map(|(index, value)| (format!("/{index}"), value));
        let holds = |value: &Value<'_>| (value.is_object() || value.is_array()) && !value.is_empty();
        let folded = members.chain(items).filter(|(_, value)| holds(value)).map(|(pointer, _)| pointer);
        self.set_folded(folded.take(MAX_FOLDED).collect());
    }

    /// The message that is shown: its body and header fields.
    fn message(&self) -> Option<(&Body, &Headers)> {
        let exchange = &self.judged.as_ref()?.exchange;
        match self.tab {
            DetailTab::Findings => None,
            DetailTab::Request => Some((&exchange.request.body, &exchange.request.headers)),
            DetailTab::Response => exchange.response.as_ref().map(|response| (&response.body, &response.headers)),
        }
    }

    /// The body that is shown as text; that of the request where the findings are.
    pub(super) fn body_text(&self) -> Option<String> {
        let exchange = &self.judged.as_ref()?.exchange;
        let (body, headers) = self.message().unwrap_or((&exchange.request.body, &exchange.request.headers));
        let content = decode(&body.bytes, headers).ok()?;
        String::from_utf8(content.into_owned()).ok()
    }

    /// The pointer of what is selected: of the row in a message, else of the finding.
    pub(super) fn pointer(&self) -> Option<String> {
        let of_row = || {
            let row = self.page.as_ref()?.row(self.row)?;
            let side = if self.tab == DetailTab::Request { "/request/body" } else { "/response/body" };
            Some(format!("{side}{}", row.pointer?))
        };
        let of_finding = || self.selected_finding().map(|finding| finding.pointer.clone());
        if self.tab == DetailTab::Findings { of_finding() } else { of_row().or_else(of_finding) }
    }

    /// Goes to the next row with what is sought. False if there is none.
    pub(super) fn find(&mut self) -> bool {
        if !self.folded.is_empty() {
            self.set_folded(HashSet::new());
        }
        let from = if self.tab == DetailTab::Findings { self.top } else { self.row };
        let found = self.page.as_ref().and_then(|page| page.find(&self.sought, from));
        let Some(row) = found.filter(|_| !self.sought.is_empty()) else { return false };
        self.row = row;
        if self.tab == DetailTab::Findings || row < self.top || row >= self.top + self.size.1 {
            self.top = row.saturating_sub(self.size.1 / 3);
        }
        true
    }

    /// Takes a page that was laid out elsewhere.
    pub(super) fn take(&mut self, page: DetailPage) {
        if self.waiting.is_some_and(|key| page.fits(key)) {
            (self.page, self.waiting) = (Some(page), None);
        }
    }

    /// Lays out what is to be seen in so many columns and rows, or asks for it to be done.
    pub(super) fn fit(&mut self, size: (usize, usize)) -> Option<Effect> {
        let ((width, height), resized) = (size, self.size != size);
        self.size = size;
        self.reveal |= resized;
        let Some(judged) = self.judged.clone() else {
            self.page = None;
            return None;
        };
        if height == 0 || width == 0 {
            return None;
        }
        let (tab, view, wrap, folds) = (self.tab, self.view, self.wrap, self.folds);
        let key = PageKey { exchange: judged.index, tab, view, width, wrap, folds };
        let mut effect = None;
        if self.page.as_ref().is_none_or(|page| !page.fits(key)) {
            let request = PageRequest { key, judged, folded: Arc::clone(&self.folded) };
            if !request.is_long() {
                self.take_fresh(DetailPage::new(&request));
            } else if self.waiting != Some(key) {
                self.waiting = Some(key);
                self.page.take_if(|page| !page.resembles(key));
                effect = Some(Effect::LayOut(Box::new(request)));
            }
        }
        self.keep_in_view(key);
        effect
    }

    fn take_fresh(&mut self, page: DetailPage) {
        // What was selected stays so, whatever was folded above it.
        let pointer = self.page.as_ref().and_then(|page| page.row(self.row)).and_then(|row| row.pointer);
        if let Some(row) = pointer.and_then(|pointer| page.row_of(&pointer))
            && !self.reveal
        {
            self.row = row;
        }
        (self.page, self.waiting) = (Some(page), None);
    }

    fn keep_in_view(&mut self, key: PageKey) {
        let Some(page) = self.page.as_ref().filter(|page| page.fits(key)) else { return };
        let (width, height) = self.size;
        if self.reveal {
            self.reveal = false;
            if let Some(line) = page.anchor(self.finding).or_else(|| page.first_anchor()) {
                self.row = line;
                // A finding's page begins with it; a message shows something of what stands around it.
                let lead = if self.tab == DetailTab::Findings { 0 } else { height / 3 };
                let in_view = line >= self.top && line + 2 < self.top + height;
                if self.tab == DetailTab::Findings || !in_view {
                    self.top = line.saturating_sub(lead);
                }
            }
        }
        self.row = self.row.min(page.len().saturating_sub(1));
        if self.tab != DetailTab::Findings {
            self.top = self.top.min(self.row).max((self.row + 1).saturating_sub(height));
        }
        self.top = self.top.min(page.len().saturating_sub(height));
        self.left = self.left.min(page.width().saturating_sub(width / 2));
    }
}

fn cycle(tab: DetailTab, step: usize) -> DetailTab {
    DetailTab::ALL[(tab as usize + step) % DetailTab::ALL.len()]
}
