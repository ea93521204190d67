//! The answer of a recorded exchange as the present client is to get it: its values, its time, its bookings in feeds.
//!
//! `recorded answer ─► what stands where in it changes ─► edited text ─► in the coding of the recording`

use jiff::Timestamp;

use super::{ParsedRecorded, Player, ServedAnswer};
use crate::capture::CaptureError;
use crate::exchange::{Exchange, Response, decode};
use crate::json::{Document, Value};
use crate::replay::answer::{AnswerChanges, Shift, TextEdit, coded, edited};
use crate::replay::index::EntryNumber;
use crate::replay::pages;
use crate::replay::state::BookingRun;
use crate::replay::time::{TimeMode, seconds_between};
use crate::shape::{Bindings, replace_uuids};

impl Player {
    /// The answer of a recorded exchange as the client is to get it.
    pub(super) fn present(
        &mut self,
        number: EntryNumber,
        recorded: &ParsedRecorded,
        run: Option<u128>,
        passing: &Bindings,
        target: &str,
        now: Timestamp,
    ) -> Result<ServedAnswer, CaptureError> {
        let exchange = &recorded.exchange;
        let Some(response) = &exchange.response else {
            let what = "it has no answer".to_owned();
            return Err(CaptureError::Exchange { file: self.source(number).file.clone(), index: number.into(), what });
        };
        let shift = (self.rules.time == TimeMode::Shift).then(|| Shift {
            seconds: seconds_between(self.began, self.epoch.unwrap_or(now)),
            recorded: exchange
                .started
                .saturating_add(exchange.timing.first_byte.unwrap_or(exchange.timing.total))
                .unwrap_or(exchange.started),
            now,
        });
        let page = recorded.answer.as_ref().and_then(|document| Some((document, pages::items_of(document)?)));
        let (content, is_bound) = match (&recorded.answer, page) {
            (_, Some((document, items))) => self.page(number, exchange, document, &items, target, shift)?,
            (Some(document), None) => {
                let own = run.and_then(|uuid| self.state.runs.get(&uuid));
                let order = |uuid: u128| self.order(own, uuid);
                let bindings = own.map_or(passing, |run| &run.bindings);
                let changes = AnswerChanges { bindings: Some(bindings), order: &order, shift };
                let mut edits: Vec<TextEdit> = Vec::new();
                changes.edits(document.root(), "", &mut edits);
                ((!edits.is_empty()).then(|| edited(document, &edits)), !edits.is_empty())
            }
            (None, None) => (self.text(response, run), false),
        };
        let content = content.and_then(|content| coded(content, &response.headers));
        let is_changed = content.is_some();
        let body = content.unwrap_or_else(|| response.body.bytes.clone());
        let own = run.and_then(|uuid| self.state.runs.get(&uuid));
        let order = |uuid: u128| self.order(own, uuid);
        let changes = AnswerChanges { bindings: own.map(|run| &run.bindings), order: &order, shift };
        // Of an answer to HEAD the length is that of a body that it doesn't have.
        let length = (!body.is_empty()).then_some(body.len());
        let headers = changes.fields(&response.headers, length, is_changed);
        let entry = self.index.entry(number);
        Ok(ServedAnswer {
            recording: self.source(number).name().into(),
            exchange: u64::from(entry.index) + 1,
            is_bound,
            is_nearest: false,
            status: response.status,
            reason: response.reason.clone(),
            headers,
            body,
            trailers: response.body.trailers.clone(),
            took: (exchange.timing.first_byte.unwrap_or(exchange.timing.total), exchange.timing.total),
        })
    }

    /// The present Order UUID in place of a recorded one: of the run at hand, or else of the last run of that booking.
    pub(super) fn order(&self, own: Option<&BookingRun>, recorded: u128) -> Option<String> {
        if let Some(run) = own
            && self.index.bookings[run.booking as usize].uuid == recorded
        {
            return Some(run.uuid.clone());
        }
        self.state.present(&self.index, recorded)
    }

    /// A page of a feed, with what the client has made.
    fn page(
        &mut self,
        number: EntryNumber,
        exchange: &Exchange,
        document: &Document,
        items: &[Value<'_>],
        target: &str,
        shift: Option<Shift>,
    ) -> Result<(Option<Vec<u8>>, bool), CaptureError> {
        let path = target.split_once('?').map_or(target, |(path, _)| path).to_owned();
        let held = self.state.held.get(&path).cloned().unwrap_or_default();
        let held: Vec<_> = held.into_iter().filter(|(page, ..)| *page < number).collect();
        let plan = pages::plan(&self.index, &self.state, number, items, &held);
        let is_recorded = plan.is_recorded(number, items.len());
        let rebuilt = if is_recorded {
            None
        } else {
            let mut texts = Vec::new();
            for item in &plan.items {
                if item.page == number {
                    texts.extend(items.get(item.at).map(|item| item.to_json()));
                } else {
                    let other = self.ready(item.page)?;
                    let others = other.answer.as_ref().and_then(pages::items_of);
                    texts.extend(others.and_then(|others| others.get(item.at).map(|item| item.to_json())));
                }
            }
            let own = exchange.url();
            Document::parse_str(&pages::text_with(document, &texts, plan.waits().then_some(own.as_str()))).ok()
        };
        let shown = rebuilt.as_ref().unwrap_or(document);
        let mut edits: Vec<TextEdit> = Vec::new();
        for (name, value) in shown.root().entries() {
            if name != "items" {
                let order = |uuid: u128| self.order(None, uuid);
                let changes = AnswerChanges { bindings: None, order: &order, shift };
                changes.edits(value, &format!("/{name}"), &mut edits);
                continue;
            }
            for (item, told) in value.items().zip(&plan.items) {
                let own = told.run.and_then(|uuid| self.state.runs.get(&uuid));
                let order = |uuid: u128| self.order(own, uuid);
                let changes = AnswerChanges { bindings: own.map(|run| &run.bindings), order: &order, shift };
                for (name, member) in item.entries().filter(|(name, _)| *name != "modified") {
                    changes.edits(member, &format!("/{name}"), &mut edits);
                }
            }
        }
        edits.sort_by_key(|(place, _)| place.start);
        pages::has_told(&self.index, &mut self.state, &path, number, &plan, items);
        if edits.is_empty() && is_recorded {
            return Ok((None, false));
        }
        Ok((Some(edited(shown, &edits)), true))
    }

    /// Content that is no JSON, with the client's Order UUIDs in it; `None` if there are none.
    fn text(&self, response: &Response, run: Option<u128>) -> Option<Vec<u8>> {
        let content = decode(&response.body.bytes, &response.headers).ok()?;
        let text = std::str::from_utf8(&content).ok()?;
        let own = run.and_then(|uuid| self.state.runs.get(&uuid));
        replace_uuids(text, |uuid| self.order(own, uuid)).map(String::into_bytes)
    }
}
