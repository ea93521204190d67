//! What can be copied of an exchange, and how it reads.
//!
//! `CopyChoice, Judged, Detail → text` → the terminal's clipboard (OSC 52), a pager

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::detail::Detail;
use crate::exchange::{Body, Headers, decode};
use crate::judged::Judged;
use crate::report::{Secrets, curl, finding_markdown};

/// Most bytes that are copied: what terminals take.
pub(super) const MAX: usize = 74_000;

/// What can be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyChoice {
    Curl,
    Raw,
    Json,
    Finding,
    Pointer,
    Uuid,
}

/// Each with its key and its words.
const CHOICES: [(CopyChoice, &str, &str); 6] = [
    (CopyChoice::Curl, "c", "curl"),
    (CopyChoice::Raw, "r", "raw HTTP"),
    (CopyChoice::Json, "j", "JSON"),
    (CopyChoice::Finding, "f", "finding as Markdown"),
    (CopyChoice::Pointer, "p", "pointer"),
    (CopyChoice::Uuid, "u", "Order UUID"),
];

impl CopyChoice {
    pub(super) fn of_key(key: &str) -> Option<Self> {
        CHOICES.iter().find(|(_, own, _)| *own == key).map(|(choice, ..)| *choice)
    }

    pub(super) fn words(self) -> &'static str {
        CHOICES.iter().find(|(choice, ..)| *choice == self).map_or("", |(.., words)| words)
    }
}

/// The choices in a line.
pub(super) fn menu() -> String {
    CHOICES.map(|(_, key, words)| format!("{key} {words}")).join(" · ")
}

/// What is copied; `None` if there is no such thing.
pub(super) fn text(choice: CopyChoice, judged: &Judged, detail: &Detail) -> Option<String> {
    match choice {
        CopyChoice::Curl => {
            let mut secrets = Secrets::default();
            let line = curl(&judged.exchange, &mut secrets);
            // The line names the origin by a variable, so that it can be sent elsewhere.
            Some(format!("ORIGIN={}\n{line}\n", crate::text::quoted(&judged.exchange.origin)))
        }
        CopyChoice::Raw => Some(whole(judged)),
        CopyChoice::Json => detail.body_text(),
        CopyChoice::Finding => detail.selected_finding().map(|finding| finding_markdown(finding).into()),
        CopyChoice::Pointer => detail.pointer(),
        CopyChoice::Uuid => judged.order_uuid.as_deref().map(str::to_owned),
    }
}

/// Request and answer as they were on the wire, as text, the coding of their contents taken off.
pub(super) fn whole(judged: &Judged) -> String {
    let exchange = &judged.exchange;
    let request = &exchange.request;
    let mut text = format!("{} {} {}\n", request.method, request.target, request.version.as_str());
    message(&mut text, &request.headers, &request.body);
    if let Some(response) = &exchange.response {
        text.push_str("\n\n");
        // Writing to a String cannot fail.
        let _written = writeln!(text, "{} {} {}", response.version.as_str(), response.status, response.reason);
        message(&mut text, &response.headers, &response.body);
    }
    text
}

fn message(text: &mut String, headers: &Headers, body: &Body) {
    for field in &headers.0 {
        let _written = writeln!(text, "{}: {}", field.name, String::from_utf8_lossy(&field.value));
    }
    text.push('\n');
    match decode(&body.bytes, headers) {
        Ok(content) => text.push_str(&String::from_utf8_lossy(&content)),
        Err(_) => text.push_str(&String::from_utf8_lossy(&body.bytes)),
    }
}

/// The sequence by which a terminal takes a text into its clipboard.
pub(super) fn osc_52(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{7}", STANDARD.encode(text))
}
