//! Pages of feeds: by their cursor, and of bookings only those that the client has made, as far as it has got with them.
//!
//! ```text
//! recorded page ─► its items ─┬─ of no booking ─────────────► told
//!                             ├─ of one that has got there ─► told, of the client's own booking
//!                             └─ of one that hasn't ────────► held: none else on the page? an empty page that leads to itself
//!                                                                   else told on a later page, once the booking has got there
//! ```

use super::index::{EntryNumber, ReplayIndex};
use super::state::ReplayState;
use crate::json::{Document, Value};
use crate::shape::find_uuids;

/// Most items of a feed that are remembered as held.
const MOST_HELD: usize = 10_000;

/// An item of a page that is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageItem {
    /// The page that has it.
    pub page: EntryNumber,
    /// 0-based index of it there.
    pub at: usize,
    /// The run that it tells of.
    pub run: Option<u128>,
}

/// What a page is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PagePlan {
    /// The items to tell.
    pub items: Vec<PageItem>,
    /// Those that are held.
    pub held: Vec<usize>,
}

impl PagePlan {
    /// True if nothing of the page is told although there is something to tell: the client is to ask again.
    pub(super) fn waits(&self) -> bool {
        self.items.is_empty() && !self.held.is_empty()
    }

    /// True if the page is told as it was recorded.
    pub(super) fn is_recorded(&self, page: EntryNumber, items: usize) -> bool {
        self.items.len() == items && self.items.iter().enumerate().all(|(at, item)| item.page == page && item.at == at)
    }
}

/// The items of a document, if it is a page of a feed (RPDE).
pub(crate) fn items_of(document: &Document) -> Option<Vec<Value<'_>>> {
    let root = document.root();
    root.get("next")?;
    let items = root.get("items").filter(|items| items.is_array())?;
    Some(items.items().collect())
}

/// The recorded booking that an item tells of.
fn booking_of(index: &ReplayIndex, item: Value<'_>) -> Option<u32> {
    let texts = [item.get("id"), item.find("/data/@id"), item.find("/data/id"), item.find("/data/identifier")];
    let texts = texts.into_iter().flatten().filter_map(Value::as_str);
    texts.flat_map(find_uuids).find_map(|found| index.booking_of(found.uuid))
}

/// The runs of a booking that have got as far as it had when a page was recorded; `None` if the recording never saw it begin.
fn reached(index: &ReplayIndex, state: &ReplayState, booking: u32, page: EntryNumber) -> Option<Vec<u128>> {
    let entries = &index.bookings[booking as usize].entries;
    let before = entries.iter().copied().take_while(|&number| number < page);
    let last = before.filter(|&number| index.entry(number).changed_order()).last()?;
    let runs = state.runs_of.get(&booking).map_or(&[][..], Vec::as_slice);
    let got_there = |uuid: &&u128| state.runs.get(uuid).is_some_and(|run| run.served_at(last).is_some());
    Some(runs.iter().filter(got_there).copied().collect())
}

/// What to tell of a page: its own items, and those of pages before it that were held and have been reached.
pub(crate) fn plan(
    index: &ReplayIndex,
    state: &ReplayState,
    page: EntryNumber,
    items: &[Value<'_>],
    held: &[(EntryNumber, usize, u32)],
) -> PagePlan {
    let mut plan = PagePlan { items: Vec::new(), held: Vec::new() };
    let told = |page: EntryNumber, booking: u32| {
        let runs = reached(index, state, booking, page)?;
        let untold = |uuid: &u128| state.runs.get(uuid).is_some_and(|run| !run.told.contains(&page));
        let new: Vec<u128> = runs.iter().copied().filter(untold).collect();
        Some(if new.is_empty() { runs.last().copied().into_iter().collect() } else { new })
    };
    for &(page, at, booking) in held {
        let runs = told(page, booking).unwrap_or_default();
        plan.items.extend(runs.into_iter().map(|run| PageItem { page, at, run: Some(run) }));
    }
    for (at, &item) in items.iter().enumerate() {
        match booking_of(index, item).and_then(|booking| told(page, booking)) {
            None => plan.items.push(PageItem { page, at, run: None }),
            Some(runs) if runs.is_empty() => plan.held.push(at),
            Some(runs) => plan.items.extend(runs.into_iter().map(|run| PageItem { page, at, run: Some(run) })),
        }
    }
    plan
}

/// Notes what was told, and what is still to be.
pub(crate) fn has_told(
    index: &ReplayIndex,
    state: &mut ReplayState,
    path: &str,
    page: EntryNumber,
    plan: &PagePlan,
    items: &[Value<'_>],
) {
    for item in &plan.items {
        if let Some(run) = item.run.and_then(|uuid| state.runs.get_mut(&uuid))
            && !run.told.contains(&item.page)
        {
            run.told.push(item.page);
        }
    }
    let held = state.held.entry(path.to_owned()).or_default();
    held.retain(|&(page, at, _)| !plan.items.iter().any(|item| (item.page, item.at) == (page, at)));
    // A page that leads to itself is asked for again.
    if !plan.waits() {
        for &at in &plan.held {
            let booking = items.get(at).and_then(|&item| booking_of(index, item));
            if let Some(booking) = booking.filter(|_| held.len() < MOST_HELD)
                && !held.iter().any(|&(other, place, _)| (other, place) == (page, at))
            {
                held.push((page, at, booking));
            }
        }
    }
}

/// The text of a page with these items, each as JSON, and `next` in place of its own if given.
pub(crate) fn text_with(document: &Document, items: &[String], next: Option<&str>) -> String {
    let mut text = String::from("{");
    for (index, (name, value)) in document.root().entries().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push('"');
        text.push_str(&crate::json::write_escaped(name));
        text.push_str("\":");
        match (name, next) {
            ("items", _) => {
                text.push('[');
                text.push_str(&items.join(","));
                text.push(']');
            }
            ("next", Some(next)) => {
                text.push('"');
                text.push_str(&crate::json::write_escaped(next));
                text.push('"');
            }
            _ => text.push_str(&value.to_json()),
        }
    }
    text.push('}');
    text
}
