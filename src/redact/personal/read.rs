//! What of a body is personal, and what is to be searched.
//!
//! `Body → unpacked → BodyContent { JSON with its findings, form, open data, text, unreadable } → packed as it was`

use std::borrow::Cow;

use super::super::content::Unpacked;
use super::PersonalFields;
use super::names;
use super::places::{self, MemberRule};
use crate::exchange::{Body, BodyEnd, Headers};
use crate::json::{Document, JsonKind, Value};

/// The content of a body, as far as it can be read.
pub(super) enum BodyContent {
    /// There is none.
    Nothing,
    /// JSON, and what of it is personal or to be searched, in the order of the text.
    Json(Box<Document>, Vec<FoundValue>),
    /// Pairs of names and values, as forms send them.
    Form(String),
    /// Open data in HTML.
    Page,
    /// Text in which nobody knows what is personal.
    Unread(Vec<u8>),
    /// Text under a content coding that it is not in.
    Undecoded(Vec<u8>),
    /// Anything else.
    Unreadable,
}

/// A string or number of a body, or the name of a member, that is not simply left alone.
pub(super) struct FoundValue {
    /// Its node in the document.
    pub(super) place: u32,
    /// It is the name of a member.
    pub(super) is_name: bool,
    /// Its normal name.
    pub(super) name: Box<str>,
    /// Where it stands, in words for people; empty where it is not personal, and to be searched only.
    pub(super) label: Box<str>,
    /// The field of a form that it answers.
    pub(super) answers: Option<Box<str>>,
    /// The object around it, where it is the given name of a person.
    pub(super) person: Option<u32>,
}

impl FoundValue {
    /// True if it is personal by its place.
    pub(super) fn is_personal(&self) -> bool {
        !self.label.is_empty()
    }
}

/// A body that was read.
pub(super) struct ReadBody {
    pub(super) content: BodyContent,
    /// What the content was packed in beyond what the header fields say.
    packed: Option<Unpacked>,
    /// JSON behind a byte order mark, which is not a part of the document.
    has_mark: bool,
}

/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

impl ReadBody {
    /// Reads a body. `from_get` says that it answers a GET, as open data does.
    pub(super) fn of(body: &Body, headers: &Headers, from_get: bool, fields: &PersonalFields) -> Self {
        let unpacked = |content| Self { content, packed: None, has_mark: false };
        if body.bytes.is_empty() {
            return unpacked(BodyContent::Nothing);
        }
        let Ok(decoded) = body.content(headers) else {
            let text = std::str::from_utf8(&body.bytes).is_ok();
            return unpacked(if text { BodyContent::Undecoded(body.bytes.to_vec()) } else { BodyContent::Unreadable });
        };
        let Ok(packed) = Unpacked::of(&decoded) else { return unpacked(BodyContent::Unreadable) };
        let media_type = headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
        let is_page = from_get && body.end == BodyEnd::Complete && media_type.starts_with("text/html");
        let text = packed.text(&decoded);
        let content = BodyContent::read(text, &media_type, is_page, fields);
        let has_mark = matches!(content, BodyContent::Json(..)) && text.starts_with(MARK);
        Self { content, packed: Some(packed), has_mark }
    }

    /// Another content, packed as this one was; `None` if that fails.
    pub(super) fn pack(&self, clean: Vec<u8>) -> Option<Vec<u8>> {
        let clean = if self.has_mark { [MARK, &clean].concat() } else { clean };
        match &self.packed {
            Some(packed) => packed.pack(clean),
            None => Some(clean),
        }
    }
}

impl BodyContent {
    /// Reads a content that is packed no more. `is_page` says that it may be a page of open data.
    fn read(content: &[u8], media_type: &str, is_page: bool, fields: &PersonalFields) -> Self {
        if let Ok(document) = Document::parse(content) {
            let found = find(&document, fields);
            return Self::Json(Box::new(document), found);
        }
        let text = std::str::from_utf8(content);
        if media_type.contains("x-www-form-urlencoded")
            && let Ok(text) = text
        {
            return Self::Form(text.to_owned());
        }
        if is_page && text.is_ok_and(is_dataset) {
            return Self::Page;
        }
        let says_text = ["text/", "json", "xml"].iter().any(|kind| media_type.contains(kind));
        if text.is_ok() || says_text || (media_type.is_empty() && !content.contains(&0)) {
            return Self::Unread(content.to_vec());
        }
        Self::Unreadable
    }
}

/// True for the page of a dataset site, whose data are published for everybody.
fn is_dataset(page: &str) -> bool {
    page.split("application/ld+json").skip(1).any(|rest| {
        let script = rest.split_once('>').and_then(|(_, rest)| rest.split("</script").next()).unwrap_or_default();
        let document = Document::parse_str(script.trim());
        document.is_ok_and(|document| type_of(document.root()) == Some("Dataset"))
    })
}

fn type_of(value: Value<'_>) -> Option<&str> {
    value.get("@type").or_else(|| value.get("type")).and_then(Value::as_str)
}

/// True for open data: a page of a feed without Orders, or a dataset.
fn is_open_data(root: Value<'_>) -> bool {
    if let Some(items) = root.get("items").filter(|items| items.is_array()) {
        let is_order = |item: Value<'_>| {
            let kind = item.get("kind").and_then(Value::as_str).unwrap_or_default();
            let of_data = item.get("data").and_then(type_of).unwrap_or_default();
            kind.starts_with("Order") || of_data.starts_with("Order")
        };
        return root.get("next").is_some() && !items.items().any(is_order);
    }
    matches!(type_of(root), Some("Dataset" | "DataCatalog"))
}

/// What of a document is personal or to be searched, in the order of the text.
pub(super) fn find(document: &Document, fields: &PersonalFields) -> Vec<FoundValue> {
    let root = document.root();
    let place = if is_open_data(root) { MemberRule::Published } else { MemberRule::Plain };
    let mut walk = BodyWalk { fields, found: Vec::new(), path: Vec::new(), label: Vec::new() };
    walk.value(root, place, Declaration::No, "", None);
    walk.found
}

/// True for the name of a member that may hold an e-mail address or be somebody's name: those of the models are neither.
fn may_be_value(key: &str) -> bool {
    let is_name_like = |c: char| c.is_uppercase() || c.is_whitespace() || !c.is_ascii();
    key.get(1..).is_some_and(|rest| rest.contains(['@', '%', '&'])) || key.contains(is_name_like)
}

/// Members that say which value another member of the same object holds, and those that hold it.
const PAIRS: ([&str; 7], [&str; 5]) = (
    ["name", "key", "field", "fieldName", "header", "property", "parameter"],
    ["value", "val", "content", "text", "data"],
);

/// True if another member of the object says that the value of this one is personal.
fn is_named_personal(name: &str, around: Option<Value<'_>>) -> bool {
    let Some(around) = around.filter(|_| PAIRS.1.contains(&name)) else { return false };
    let names = PAIRS.0.iter().filter_map(|label| around.get(label)?.as_str());
    names.into_iter().any(names::is_personal_field)
}

/// True for an element of a list behind the name of a header field that is personal: `["X-Customer-Name", "Robin"]`.
fn is_behind_personal(list: Value<'_>, index: usize) -> bool {
    let before = index.checked_sub(1).filter(|before| before % 2 == 0).and_then(|before| list.at(before));
    before.and_then(Value::as_str).is_some_and(|name| name.contains(['-', '_']) && names::is_personal_field(name))
}

/// Whether somebody said that a field is personal, which nothing below it takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declaration {
    No,
    Yes,
}

struct BodyWalk<'d, 'f> {
    fields: &'f PersonalFields,
    found: Vec<FoundValue>,
    /// Names of members, and `*` for elements.
    path: Vec<Cow<'d, str>>,
    /// Names of members from the first that is personal on.
    label: Vec<&'d str>,
}

impl<'d> BodyWalk<'d, '_> {
    fn value(&mut self, value: Value<'d>, place: MemberRule, told: Declaration, name: &str, around: Option<Value<'d>>) {
        match value.kind() {
            JsonKind::Object => self.members(value, place, told),
            JsonKind::Array => {
                for (index, item) in value.items().enumerate() {
                    self.path.push(index.to_string().into());
                    let is_personal =
                        place == MemberRule::Plain && item.as_str().is_some() && is_behind_personal(value, index);
                    let place = if is_personal { MemberRule::Personal } else { place };
                    self.value(item, place, told, name, around);
                    self.path.pop();
                }
            }
            JsonKind::String | JsonKind::Number => self.scalar(value, place, told, name, around),
            JsonKind::Null | JsonKind::Bool => {}
        }
    }

    fn members(&mut self, object: Value<'d>, place: MemberRule, told: Declaration) {
        for (key, child) in object.entries() {
            if place != MemberRule::Published && may_be_value(key) {
                self.found.push(FoundValue {
                    // The name stands right before its value.
                    place: child.place() - 1,
                    is_name: true,
                    name: Box::default(),
                    label: Box::default(),
                    answers: None,
                    person: None,
                });
            }
            let (place, last) = names::resolved(place, key);
            let name = places::normal(last);
            self.path.push(Cow::Borrowed(key));
            let told = if told == Declaration::Yes || self.fields.says(&name, &self.path) {
                Declaration::Yes
            } else {
                Declaration::No
            };
            let below = match child.kind() {
                JsonKind::Object | JsonKind::Array => match places::below(place, &name, child.is_object()) {
                    MemberRule::Plain if names::says_person(last) || names::says_personal(last) => MemberRule::Personal,
                    below => below,
                },
                _ if place == MemberRule::Plain && names::says_personal(last) => MemberRule::Personal,
                _ => place,
            };
            let begins = below != place && !matches!(below, MemberRule::Plain | MemberRule::Published);
            let outer = begins.then(|| std::mem::take(&mut self.label));
            self.label.push(key);
            self.value(child, below, told, &name, Some(object));
            self.label.pop();
            if let Some(outer) = outer {
                self.label = outer;
            }
            self.path.pop();
        }
    }

    fn scalar(
        &mut self,
        value: Value<'d>,
        place: MemberRule,
        told: Declaration,
        name: &str,
        around: Option<Value<'d>>,
    ) {
        let personal = told == Declaration::Yes
            || places::is_personal(place, name)
            || (place == MemberRule::Plain && is_named_personal(name, around));
        if !personal
            && (place == MemberRule::Published || value.kind() == JsonKind::Number || places::is_structure(name))
        {
            return;
        }
        let property = || around?.get("propertyID")?.as_str();
        self.found.push(FoundValue {
            place: value.place(),
            is_name: false,
            name: name.into(),
            label: if personal { self.label(place).into() } else { Box::default() },
            answers: (place == MemberRule::Answers).then(property).flatten().map(Box::from),
            person: around.filter(|_| personal && name == "givenname").map(Value::place),
        });
    }

    /// Where a personal value stands: from the object that is personal on, or by its own name.
    fn label(&self, place: MemberRule) -> String {
        match place {
            MemberRule::Plain | MemberRule::Published => self.label.last().map_or("(root)", |name| *name).to_owned(),
            _ => self.label.join("."),
        }
    }
}

/// Where each node of a JSON text stands, by its place: of strings what is between the quotes.
pub(super) fn literals(text: &str) -> Vec<(u32, u32)> {
    let bytes = text.as_bytes();
    let mut literals = Vec::with_capacity(bytes.len() / 12);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b'"' => {
                let start = at + 1;
                let mut end = start;
                while let Some(&byte) = bytes.get(end) {
                    match byte {
                        b'"' => break,
                        b'\\' => end += 2,
                        _ => end += 1,
                    }
                }
                literals.push((start as u32, end as u32));
                at = end + 1;
                continue;
            }
            b'{' | b'[' => at + 1,
            b'-' | b'0'..=b'9' | b'a'..=b'z' => {
                let in_literal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
                at + bytes[at..].iter().position(|&byte| !in_literal(byte)).unwrap_or(bytes.len() - at)
            }
            _ => {
                at += 1;
                continue;
            }
        };
        literals.push((at as u32, end as u32));
        at = end;
    }
    literals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(json: &str) -> Vec<String> {
        let document = Document::parse_str(json).unwrap();
        find(&document, &PersonalFields::default())
            .iter()
            .filter(|found| found.is_personal())
            .map(|found| format!("{} {}", found.label, document.value_at(found.place).unwrap().to_json()))
            .collect()
    }

    #[test]
    fn what_is_personal() {
        let order = r#"{"@type": "Order", "seller": {"name": "s", "email": "s"}, "broker": {"telephone": "b"},
            "customer": {"@type": "Person", "name": "a", "address": {"streetAddress": "b", "addressCountry": "GB"},
                "identifier": [1, {"propertyID": "x", "value": "c"}]},
            "orderedItem": [{"attendee": {"email": "d"}, "orderedItem": {"name": "y", "organizer": {"email": "o"}},
                "orderItemIntakeFormResponse": [{"propertyID": "q", "value": "e"}],
                "accessPass": [{"@type": "Barcode", "text": "f"}], "accessCode": [{"name": "Pin", "description": "g"}]}],
            "payment": {"name": "p", "identifier": "h", "accountId": "i"}, "given_name": "j", "orderNumber": "n"}"#;
        assert_eq!(
            labels(order),
            [
                "customer.name \"a\"",
                "customer.address.streetAddress \"b\"",
                "customer.identifier 1",
                "customer.identifier.value \"c\"",
                "attendee.email \"d\"",
                "orderItemIntakeFormResponse.value \"e\"",
                "accessPass.text \"f\"",
                "accessCode.description \"g\"",
                "payment.identifier \"h\"",
                "payment.accountId \"i\"",
                "given_name \"j\"",
            ]
        );
    }

    #[test]
    fn open_data_are_nobodys() {
        let page = |data: &str| format!(r#"{{"next": "x", "items": [{{"kind": "k", "data": {data}}}]}}"#);
        assert!(labels(&page(r#"{"@type": "Event", "leader": [{"givenName": "a"}], "email": "b"}"#)).is_empty());
        assert_eq!(labels(&page(r#"{"@type": "Event", "customer": {"name": "a"}}"#)), ["customer.name \"a\""]);
        assert_eq!(labels(&page(r#"{"@type": "Order", "email": "b"}"#)), ["email \"b\""]);
    }

    #[test]
    fn what_was_told_counts_with_all_below_it() {
        let mut fields = PersonalFields::default();
        fields.add("/orderedItem/*/acme:note");
        fields.add("customer_notice");
        let text = r#"{"orderedItem": [{"acme:note": {"a": ["x", 1, true]}, "b": "y", "customerNotice": "z"}], "acme:note": "w"}"#;
        let document = Document::parse_str(text).unwrap();
        let found = find(&document, &fields);
        let personal: Vec<String> = found
            .iter()
            .filter(|found| found.is_personal())
            .map(|found| document.value_at(found.place).unwrap().to_json())
            .collect();
        assert_eq!(personal, ["\"x\"", "1", "\"z\""]);
    }

    #[test]
    fn nodes_are_found_in_the_text() {
        let text = r#" {"a\"b": [1.5e3, true, null, "c\\"], "": {"d": "\u00e9"}} "#;
        let document = Document::parse_str(text).unwrap();
        let literals = literals(text);
        for node in document.root().descend() {
            let (start, end) = literals[node.place() as usize];
            let literal = &text[start as usize..end as usize];
            match node.kind() {
                JsonKind::String => assert_eq!(
                    serde_json::from_str::<String>(&format!("\"{literal}\"")).unwrap(),
                    node.as_str().unwrap()
                ),
                JsonKind::Object | JsonKind::Array => assert!(literal == "{" || literal == "["),
                _ => assert_eq!(literal, node.to_json()),
            }
        }
    }
}
