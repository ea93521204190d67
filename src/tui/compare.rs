//! Two messages compared member by member: what was added, what went, what changed.
//!
//! `two exchanges → requests, then answers` · `one exchange → its request with its answer` → rows

use std::collections::HashMap;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::cursor::Motion;
use super::exchanges::stage_name;
use super::index::bookings::document;
use super::model::ScreenModel;
use super::page::Row;
use super::theme::TextStyle;
use super::view::{rows, span, title};
use crate::exchange::{Body, Headers};
use crate::finding::Severity;
use crate::json::{Document, Value};
use crate::judged::Judged;
use crate::text::{self, SafeText, safe};

/// Most leaves of a message that are compared.
const MAX_LEAVES: usize = 5_000;

/// Most columns of a value.
const MAX_VALUE: usize = 400;

/// A comparison, and from where on it is seen.
#[derive(Debug, Default)]
pub(super) struct ComparisonPage {
    title: String,
    sections: Vec<ComparedMessages>,
    page: Vec<Row>,
    top: usize,
    height: usize,
}

/// Two messages.
#[derive(Debug)]
struct ComparedMessages {
    title: String,
    differences: Result<Vec<MessageDifference>, &'static str>,
    same: usize,
}

/// A place at which two messages differ.
#[derive(Debug, PartialEq, Eq)]
struct MessageDifference {
    pointer: String,
    first: Option<String>,
    second: Option<String>,
}

/// Two exchanges: their requests, then their answers.
pub(super) fn of_exchanges(first: &Arc<Judged>, second: &Arc<Judged>) -> ComparisonPage {
    let names = |judged: &Judged| format!("{} (exchange {})", stage_name(judged.stage), judged.number());
    let requests = section("request".to_owned(), Some(request(first)), Some(request(second)));
    let answers = section("answer".to_owned(), response(first), response(second));
    let title = format!("{} → {}", names(first), names(second));
    ComparisonPage { title, sections: vec![requests, answers], ..ComparisonPage::default() }
}

/// The request of an exchange with its answer.
pub(super) fn of_messages(judged: &Arc<Judged>) -> ComparisonPage {
    let title = format!("request → answer of exchange {} ({})", judged.number(), stage_name(judged.stage));
    let section = section("what the answer changes".to_owned(), Some(request(judged)), response(judged));
    ComparisonPage { title, sections: vec![section], ..ComparisonPage::default() }
}

type MessageRef<'j> = (&'j Body, &'j Headers);

fn request(judged: &Judged) -> MessageRef<'_> {
    (&judged.exchange.request.body, &judged.exchange.request.headers)
}

fn response(judged: &Judged) -> Option<MessageRef<'_>> {
    judged.exchange.response.as_ref().map(|response| (&response.body, &response.headers))
}

fn section(title: String, first: Option<MessageRef<'_>>, second: Option<MessageRef<'_>>) -> ComparedMessages {
    let read = |message: Option<MessageRef<'_>>| message.and_then(|(body, headers)| document(body, headers));
    match (read(first), read(second)) {
        (Some(first), Some(second)) => {
            let (differences, same) = differences(&first, &second);
            ComparedMessages { title, differences: Ok(differences), same }
        }
        (None, None) => ComparedMessages { title, differences: Err("neither is JSON that can be compared"), same: 0 },
        (None, _) => ComparedMessages { title, differences: Err("the first is no JSON that can be compared"), same: 0 },
        (_, None) => {
            ComparedMessages { title, differences: Err("the second is no JSON that can be compared"), same: 0 }
        }
    }
}

/// What differs, in the order of the second document, what went at its place in the first; and how much is the same.
fn differences(first: &Document, second: &Document) -> (Vec<MessageDifference>, usize) {
    let (before, after) = (leaves(first.root()), leaves(second.root()));
    let in_first: HashMap<&str, &str> = before.iter().map(|(at, value)| (at.as_str(), value.as_str())).collect();
    let in_second: HashMap<&str, &str> = after.iter().map(|(at, value)| (at.as_str(), value.as_str())).collect();
    let (mut found, mut same) = (Vec::new(), 0);
    let mut gone = before.iter().peekable();
    let difference = |pointer: &str| MessageDifference {
        pointer: pointer.to_owned(),
        first: in_first.get(pointer).map(|value| (*value).to_owned()),
        second: in_second.get(pointer).map(|value| (*value).to_owned()),
    };
    for (pointer, value) in &after {
        match in_first.get(pointer.as_str()) {
            Some(before) if before == value => same += 1,
            _ => found.push(difference(pointer)),
        }
        // What stood here before, and is not there any more.
        while let Some((at, _)) = gone.next_if(|(at, _)| at == pointer || !in_second.contains_key(at.as_str())) {
            if !in_second.contains_key(at.as_str()) {
                found.push(difference(at));
            }
        }
    }
    let listed: std::collections::HashSet<String> = found.iter().map(|one| one.pointer.clone()).collect();
    let rest = before.iter().filter(|(at, _)| !in_second.contains_key(at.as_str()) && !listed.contains(at));
    let rest: Vec<MessageDifference> = rest.map(|(at, _)| difference(at)).collect();
    found.extend(rest);
    (found, same)
}

/// Every value that holds no others, with its pointer.
fn leaves(root: Value<'_>) -> Vec<(String, String)> {
    let is_leaf = |value: &Value<'_>| value.is_empty() || !(value.is_object() || value.is_array());
    let all = root.descend().filter(is_leaf).take(MAX_LEAVES);
    all.map(|value| (value.pointer(), value.to_json_up_to(MAX_VALUE))).collect()
}

impl ComparisonPage {
    pub(super) fn go(&mut self, motion: Motion) {
        self.top = motion.from(self.top, self.height);
    }

    pub(super) fn scroll(&mut self, rows: isize) {
        self.top = self.top.saturating_add_signed(rows);
    }

    pub(super) fn fit(&mut self, width: usize, height: usize) {
        self.height = height;
        self.page = self.sections.iter().flat_map(|section| section_rows(section, width)).collect();
        self.top = self.top.min(self.page.len().saturating_sub(height));
    }
}

/// Two values in so many columns, each with half of them or what the other leaves. Where one is cut, the part that differs
/// is shown.
fn clip_to_difference(first: &str, second: &str, columns: usize) -> (SafeText, SafeText) {
    let (first, second) = (text::visible(first), text::visible(second));
    let half = columns / 2;
    let room = half.max(columns.saturating_sub(second.width())).min(first.width());
    let rest = columns.saturating_sub(room);
    let same = first.char_indices().zip(second.chars()).find(|((_, one), other)| one != other);
    let same = same.map_or(first.len().min(second.len()), |((at, _), _)| at);
    (clip_around(&first, same, room), clip_around(&second, same, rest))
}

/// The text in so many columns: where it is cut, from a little before a byte on.
fn clip_around(text: &str, at: usize, columns: usize) -> SafeText {
    let (before, behind) = text.split_at(text.floor_char_boundary(at));
    // A third stands before the difference, or what is left of the columns behind it.
    let ahead = (columns / 3).max(columns.saturating_sub(text::width(behind))).min(text::width(before));
    safe![text::clip_start(before, ahead), text::clip(behind, columns.saturating_sub(ahead))]
}

fn section_rows(section: &ComparedMessages, width: usize) -> Vec<Row> {
    let mut page = Vec::new();
    let differences = match &section.differences {
        Ok(differences) => differences,
        Err(why) => {
            page.push(Row::new(TextStyle::Bold, &section.title).with(TextStyle::Dim, &format!(": {why}")));
            page.push(Row::default());
            return page;
        }
    };
    let count = text::count(differences.len() as u64, "difference");
    page.push(
        Row::new(TextStyle::Bold, &section.title)
            .with(TextStyle::Dim, &format!(": {count}, {} the same", section.same)),
    );
    let widest = differences.iter().map(|one| text::width(&one.pointer)).max().unwrap_or(0);
    let pointer = widest.min(width * 2 / 5);
    let room = width.saturating_sub(pointer + 7);
    for MessageDifference { pointer: at, first, second } in differences {
        let (sign, ink) = match (first, second) {
            (None, _) => ("+", TextStyle::Good),
            (_, None) => ("-", TextStyle::Bad),
            _ => ("~", TextStyle::Of(Severity::Warning)),
        };
        let row = Row::new(ink, &format!("  {sign} "))
            .with(TextStyle::Name, &text::clip_middle(at, pointer).pad(pointer + 2));
        page.push(match (first, second) {
            (Some(first), Some(second)) => {
                let (first, second) = clip_to_difference(first, second, room.saturating_sub(3));
                row.with(TextStyle::Dim, &first).with(TextStyle::Dim, " → ").with(TextStyle::Plain, &second)
            }
            (Some(value), None) | (None, Some(value)) => row.with(TextStyle::Plain, &text::clip_middle(value, room)),
            (None, None) => row,
        });
    }
    page.push(Row::default());
    page
}

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let words = format!(" {} ", text::visible(&model.comparison.title));
    title(buffer, area, true, vec![span(TextStyle::Bold, words)]);
    rows(buffer, area, 1, &model.comparison.page, model.comparison.top);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cut_values_show_where_they_differ() {
        let clipped = |first: &str, second: &str, columns| {
            let (first, second) = clip_to_difference(first, second, columns);
            (first.to_string(), second.to_string())
        };
        let value = |part: &str| format!("https://sandbox.example.com/{part}/orders/4f2-f31a9b728255");
        let (first, second) = clipped(&value("one-seller"), &value("other-seller"), 40);
        assert_eq!((first.as_str(), second.as_str()), ("…com/one-seller/ord…", "…com/other-seller/o…"));
        // At the end, and at the beginning.
        let (first, second) = clipped(&format!("{}1", value("a")), &format!("{}2", value("a")), 30);
        assert!(first.ends_with("b7282551") && second.ends_with("b7282552"), "{first} {second}");
        let (first, second) = clipped(&format!("x{}", value("a")), &format!("y{}", value("a")), 30);
        assert!(first.starts_with("xhttps") && second.starts_with("yhttps"), "{first} {second}");
        // What fits is whole, and the other gets what is left.
        assert_eq!(clipped("14.99", "19.99", 13), ("14.99".into(), "19.99".into()));
        assert_eq!(clipped("1", "a longer one", 13), ("1".into(), "a longer one".into()));
        for columns in 0..60 {
            let (first, second) = clipped(&value("日本"), &value("日木"), columns);
            assert!(text::width(&first) + text::width(&second) <= columns, "{columns}: {first} {second}");
        }
    }

    #[test]
    fn what_was_added_went_and_changed() {
        let first = Document::parse_str(r#"{"a":1,"b":{"c":2,"d":[]},"e":"x"}"#).unwrap();
        let second = Document::parse_str(r#"{"a":1,"b":{"c":3},"f":true,"e":"x"}"#).unwrap();
        let (found, same) = differences(&first, &second);
        let told: Vec<(&str, Option<&str>, Option<&str>)> =
            found.iter().map(|one| (one.pointer.as_str(), one.first.as_deref(), one.second.as_deref())).collect();
        assert_eq!(told, [("/b/c", Some("2"), Some("3")), ("/b/d", Some("[]"), None), ("/f", None, Some("true"))]);
        assert_eq!(same, 2);
    }
}
