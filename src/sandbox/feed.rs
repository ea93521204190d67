//! RPDE pages of both feeds, ordered by change number.
//!
//! `GET feed → page of changes → next … → empty page whose next is itself`
//!
//! An item stands at its latest change only, so a change moves it towards the end.

use serde_json::{Value, json};

use super::Misbehaviours;
use super::answer::Builder;
use super::book::{Book, Booking};
use super::catalogue::{LISTINGS, Uris};
use super::problem::{self, Problem};

/// Path of the opportunity feed.
pub(super) const SESSIONS_PATH: &str = "/feeds/scheduled-sessions";

/// Items on one page; small, so that a reader has to follow `next`.
pub(super) const PAGE: usize = 4;

/// The change number that a page starts behind; `None` for the start of the feed.
pub(super) fn after(query: Option<&str>) -> Result<Option<u64>, Problem> {
    let Some(value) = query.into_iter().flat_map(|query| query.split('&')).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        (name == "afterChangeNumber").then_some(value)
    }) else {
        return Ok(None);
    };
    value
        .parse()
        .map(Some)
        .map_err(|_| Problem::new(&problem::MALFORMED, format!("afterChangeNumber cannot be {value:?}")))
}

/// A page of the open data on sessions.
pub(super) fn sessions(book: &Book, uris: &Uris, after: Option<u64>) -> Value {
    let items = book.sessions.iter().zip(&LISTINGS).enumerate().map(|(at, (session, listing))| {
        let data = uris.open_data_json(listing, session.start, book.unsold(at));
        let item = json!({
            "state": "updated",
            "kind": "ScheduledSession",
            "id": listing.key,
            "modified": session.modified,
            "data": data,
        });
        (session.modified, item)
    });
    let mut page = page(&format!("{}{SESSIONS_PATH}", uris.origin), after, items);
    page["license"] = json!("https://creativecommons.org/licenses/by/4.0/");
    page
}

/// A page of the caller's Orders feed: those that have changed after they were made.
pub(super) fn orders(
    book: &Book,
    uris: &Uris,
    caller: &str,
    misbehaviours: Misbehaviours,
    after: Option<u64>,
) -> Value {
    let items = book.bookings_of(caller).filter_map(|(uuid, booking)| match booking {
        Booking::Live(order) => {
            let modified = order.modified?;
            let key = (caller.to_owned(), uuid.to_owned());
            let data = Builder { book, uris, key: &key, misbehaviours }.feed_item(order);
            let item = json!({ "state": "updated", "kind": "Order", "id": uuid, "modified": modified, "data": data });
            Some((modified, item))
        }
        Booking::Deleted(modified) => {
            let modified = (*modified)?;
            Some((modified, json!({ "state": "deleted", "kind": "Order", "id": uuid, "modified": modified })))
        }
    });
    page(&format!("{}/orders-rpde", uris.base()), after, items)
}

fn page(url: &str, after: Option<u64>, items: impl Iterator<Item = (u64, Value)>) -> Value {
    let mut items: Vec<_> = items.filter(|(modified, _)| after.is_none_or(|after| *modified > after)).collect();
    items.sort_by_key(|(modified, _)| *modified);
    items.truncate(PAGE);
    let next = match items.last().map(|(modified, _)| *modified).or(after) {
        Some(last) => format!("{url}?afterChangeNumber={last}"),
        None => url.to_owned(),
    };
    let items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
    json!({ "next": next, "items": items })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_numbers() {
        assert!(matches!(after(None), Ok(None)));
        assert!(matches!(after(Some("limit=5")), Ok(None)));
        assert!(matches!(after(Some("limit=5&afterChangeNumber=12")), Ok(Some(12))));
        assert!(after(Some("afterChangeNumber=x")).is_err());
    }

    #[test]
    fn the_end_is_its_own_next() {
        let empty = page("https://a.example/f", None, std::iter::empty());
        assert_eq!(empty, json!({ "next": "https://a.example/f", "items": [] }));
        let last = page("https://a.example/f", Some(7), [(7, json!(1))].into_iter());
        assert_eq!(last, json!({ "next": "https://a.example/f?afterChangeNumber=7", "items": [] }));
        let first = page("https://a.example/f", None, (0..9).rev().map(|n| (n, json!(n))));
        assert_eq!(first, json!({ "next": "https://a.example/f?afterChangeNumber=3", "items": [0, 1, 2, 3] }));
    }
}
