//! A request or response laid out with the findings on it marked.
//!
//! `message → first line, header fields, body (JSON in colours; text; hexadecimal), trailer fields → rows`
//!
//! Each finding whose pointer leads into the message marks a row: that of the node it names, or, if the node is what
//! is missing, that of the nearest thing that is there.

use std::collections::HashSet;

use super::json_view;
use super::page::{MAX_ROWS, Row, hexadecimal};
use super::theme::TextStyle;
use crate::exchange::{Body, BodyEnd, Header, Headers, OmittedFields, decode};
use crate::finding::{Finding, Severity};
use crate::json::{Document, unescape};
use crate::judged::Judged;
use crate::text;

/// Most characters of one line of text that are shown.
const MAX_LINE: usize = 4_000;

/// Most columns of what a mark says.
const MAX_WORDS: usize = 200;

/// Most rewritten links that are listed.
const MAX_LINKS: usize = 20;

/// A finding on the message at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct FindingTarget<'f> {
    /// Index among the exchange's findings.
    pub(super) index: usize,
    pub(super) finding: &'f Finding,
    /// The pointer from the message on: `/body/customer`, `/headers/accept`, `/status`.
    rest: &'f str,
}

/// Marks a row with a finding; `missing` names what should have been there.
pub(super) fn mark(row: &mut Row, target: &FindingTarget<'_>, missing: Option<&str>) {
    let finding = target.finding;
    let words = match missing {
        Some(name) => format!("{}: no {}", finding.rule.id, text::clip(name, 40)),
        None => format!("{}: {}", finding.rule.id, text::clip(&finding.message, MAX_WORDS)),
    };
    row.findings.push(target.index);
    row.lit = row.lit.max(Some(finding.severity));
    row.marks.push((finding.severity, words));
}

pub(super) fn request(judged: &Judged, folded: &HashSet<String>) -> Vec<Row> {
    let request = &judged.exchange.request;
    // What points into neither message is shown on the request.
    let targets = targets(&judged.findings, |pointer| match pointer.strip_prefix("/request") {
        Some(rest) => Some(rest),
        None => (!pointer.starts_with("/response")).then_some(""),
    });
    let first = Row::new(TextStyle::Bold, &request.method)
        .with(TextStyle::Plain, &format!(" {}", text::clip(&request.target, MAX_LINE)))
        .with(TextStyle::Dim, &format!(" {}", request.version.as_str()));
    message(first, &request.headers, &request.body, &targets, folded)
}

pub(super) fn response(judged: &Judged, folded: &HashSet<String>) -> Vec<Row> {
    let targets = targets(&judged.findings, |pointer| pointer.strip_prefix("/response"));
    let mut failed = failure(judged);
    let Some(response) = &judged.exchange.response else {
        if failed.is_empty() {
            failed.push(Row::new(TextStyle::Bad, "no answer came"));
        }
        for target in &targets {
            mark(&mut failed[0], target, None);
        }
        return failed;
    };
    let first = Row::new(TextStyle::Dim, response.version.as_str())
        .with(if response.status < 400 { TextStyle::Good } else { TextStyle::Bad }, &format!(" {}", response.status))
        .with(TextStyle::Plain, &format!(" {}", response.reason));
    failed.extend(rewritten(judged));
    failed.extend(message(first, &response.headers, &response.body, &targets, folded));
    failed
}

/// What the broker was given in another form than what stands below; nothing if all of it was passed on as it was.
fn rewritten(judged: &Judged) -> Vec<Row> {
    let links = &judged.exchange.rewritten;
    if links.is_empty() {
        return Vec::new();
    }
    let count = text::count(links.len() as u64, "link");
    let words = format!("Umpire rewrote {count} for the broker; below is what the booking system sent");
    let mut rows = vec![Row::new(TextStyle::Of(Severity::Notice), &words)];
    for link in links.iter().take(MAX_LINKS) {
        rows.push(
            Row::new(TextStyle::Name, &text::clip(&link.at, MAX_LINE))
                .with(TextStyle::Dim, " sent ")
                .with(TextStyle::Plain, &text::clip(&link.sent, MAX_LINE))
                .with(TextStyle::Dim, " given ")
                .with(TextStyle::Plain, &text::clip(&link.given, MAX_LINE)),
        );
    }
    if links.len() > MAX_LINKS {
        rows.push(Row::new(TextStyle::Dim, &format!("… and {} more", links.len() - MAX_LINKS)));
    }
    rows.push(Row::default());
    rows
}

/// Who answered in the booking system's place, and what kept the exchange from being whole, in a few short rows.
fn failure(judged: &Judged) -> Vec<Row> {
    let simulated = judged
        .exchange
        .simulated
        .as_ref()
        .map(|simulated| Row::new(TextStyle::Of(Severity::Warning), &text::clip(&simulated.describe(), MAX_LINE)));
    let Some(failure) = &judged.exchange.failure else {
        return simulated.map(|row| vec![row, Row::default()]).unwrap_or_default();
    };
    let mut rows = vec![
        Row::new(TextStyle::Bad, failure.kind.describe()),
        Row::new(TextStyle::Plain, &text::clip(&failure.detail, MAX_LINE)),
    ];
    if let Some(status) = failure.answered {
        rows.push(Row::new(TextStyle::Plain, &format!("Umpire answered {status} in its place")));
    }
    rows.push(Row::default());
    rows
}

fn targets<'f>(findings: &'f [Finding], rest: impl Fn(&'f str) -> Option<&'f str>) -> Vec<FindingTarget<'f>> {
    let numbered = findings.iter().enumerate();
    numbered
        .filter_map(|(index, finding)| Some(FindingTarget { index, finding, rest: rest(&finding.pointer)? }))
        .collect()
}

fn message(
    first: Row,
    headers: &Headers,
    body: &Body,
    targets: &[FindingTarget<'_>],
    folded: &HashSet<String>,
) -> Vec<Row> {
    let mut rows = vec![first];
    rows.extend(headers.0.iter().map(field_row));
    let omitted = match headers.1 {
        OmittedFields::Nothing => None,
        OmittedFields::Credentials => Some("(the recording leaves out credentials and cookies)"),
        OmittedFields::Unlisted if headers.0.is_empty() => Some("(the recording has no header fields)"),
        OmittedFields::Unlisted => Some("(the recording leaves out other header fields)"),
    };
    rows.extend(omitted.map(|omitted| Row::new(TextStyle::Dim, omitted)));
    let mut on_body = Vec::new();
    for target in targets {
        if let Some(pointer) = target.rest.strip_prefix("/body") {
            on_body.push((pointer, *target));
            continue;
        }
        let name = target.rest.strip_prefix("/headers/").map(|step| unescape(step.split('/').next().unwrap_or(step)));
        let field =
            name.as_deref().and_then(|name| headers.0.iter().position(|field| field.name.eq_ignore_ascii_case(name)));
        match (field, &name) {
            (Some(field), _) => mark(&mut rows[field + 1], target, None),
            (None, Some(name)) => mark(&mut rows[0], target, Some(name)),
            (None, None) => mark(&mut rows[0], target, None),
        }
    }
    rows.push(Row::default());
    body_rows(headers, body, &on_body, folded, &mut rows);
    if !body.trailers.0.is_empty() {
        rows.extend([Row::default(), Row::new(TextStyle::Dim, "behind the body (trailer fields)")]);
        rows.extend(body.trailers.0.iter().map(field_row));
    }
    rows
}

fn field_row(field: &Header) -> Row {
    let value = String::from_utf8_lossy(&field.value);
    Row::new(TextStyle::Name, &field.name)
        .with(TextStyle::Dim, ": ")
        .with(TextStyle::Plain, &text::clip(&value, MAX_LINE))
}

/// The body's rows; whatever it is, findings on it mark one of them.
fn body_rows(
    headers: &Headers,
    body: &Body,
    targets: &[(&str, FindingTarget<'_>)],
    folded: &HashSet<String>,
    rows: &mut Vec<Row>,
) {
    let start = rows.len();
    let how = match body.end {
        BodyEnd::Complete => None,
        BodyEnd::Truncated => Some(format!(
            "{} passed, of which the first {} were kept",
            text::bytes(body.length),
            text::bytes(body.bytes.len() as u64)
        )),
        BodyEnd::Cancelled => Some(format!("the body broke off after {}", text::bytes(body.length))),
        BodyEnd::NotRecorded => Some(match body.known_length() {
            Some(length) => format!("the body of {} was not recorded", text::bytes(length)),
            None => "the body was not recorded".to_owned(),
        }),
    };
    if let Some(how) = how {
        rows.push(Row::new(TextStyle::Bad, &how));
    }
    match decode(&body.bytes, headers) {
        _ if body.end == BodyEnd::NotRecorded => {}
        _ if body.bytes.is_empty() => rows.push(Row::new(TextStyle::Dim, "(no body)")),
        Ok(content) => match Document::parse(&content) {
            Ok(document) => {
                let document_start = rows.len();
                json_view::rows(&document, targets, folded, rows);
                if document_start > start {
                    rows[start].pieces.push((TextStyle::Dim, " (what is there reads as JSON)".to_owned()));
                }
                return;
            }
            Err(error) => opaque(&content, headers, &error.to_string(), rows),
        },
        Err(error) => {
            rows.push(Row::new(TextStyle::Bad, &error.to_string()));
            rows.extend(in_hexadecimal(&body.bytes));
        }
    }
    for (_, target) in targets {
        mark(&mut rows[start], target, None);
    }
}

/// Text as text, anything else in hexadecimal.
fn opaque(content: &[u8], headers: &Headers, error: &str, rows: &mut Vec<Row>) {
    let says_json = headers.get("content-type").is_some_and(crate::openbooking::media_type::is_json);
    let ink = if says_json { TextStyle::Bad } else { TextStyle::Dim };
    rows.push(Row::new(ink, &format!("not JSON: {error} ({})", text::bytes(content.len() as u64))));
    match std::str::from_utf8(content) {
        Ok(text) => {
            let lines = text.lines().take(MAX_ROWS);
            rows.extend(lines.map(|line| Row::new(TextStyle::Plain, &text::clip(line, MAX_LINE))));
        }
        Err(_) => rows.extend(in_hexadecimal(content)),
    }
}

/// As many bytes as there are rows for; `v` shows all of them.
fn in_hexadecimal(bytes: &[u8]) -> impl Iterator<Item = Row> {
    bytes.chunks(16).take(MAX_ROWS).enumerate().map(|(number, chunk)| hexadecimal(number * 16, chunk))
}

/// A request as text: its first line, header fields, and the body with its coding taken off.
pub(super) fn raw_request(judged: &Judged) -> Vec<Row> {
    let request = &judged.exchange.request;
    let first = format!("{} {} {}", request.method, request.target, request.version.as_str());
    raw(&first, &request.headers, &request.body)
}

/// As [`raw_request`], of the answer.
pub(super) fn raw_response(judged: &Judged) -> Vec<Row> {
    let Some(response) = &judged.exchange.response else { return failure(judged) };
    let first = format!("{} {} {}", response.version.as_str(), response.status, response.reason);
    raw(&first, &response.headers, &response.body)
}

fn raw(first: &str, headers: &Headers, body: &Body) -> Vec<Row> {
    let mut rows = vec![Row::new(TextStyle::Bold, &text::clip(first, MAX_LINE))];
    rows.extend(headers.0.iter().map(field_row));
    rows.push(Row::default());
    let content = decode(&body.bytes, headers).unwrap_or_else(|_| (&*body.bytes).into());
    match std::str::from_utf8(&content) {
        Ok(text) => {
            // A line of a megabyte is shown in pieces: each character of it is there.
            let lines = text.lines().flat_map(|line| in_pieces(line.trim_end_matches('\r')));
            rows.extend(lines.take(MAX_ROWS).map(|line| Row::new(TextStyle::Plain, line)));
        }
        Err(_) => rows.extend(in_hexadecimal(&content)),
    }
    rows.extend(body.trailers.0.iter().map(field_row));
    rows
}

fn in_pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest.take()?;
        let Some((at, _)) = line.char_indices().nth(MAX_LINE) else { return Some(line) };
        rest = Some(&line[at..]);
        Some(&line[..at])
    })
}
