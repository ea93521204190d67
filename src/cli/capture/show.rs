//! `umpire capture show FILE NUMBER`: one exchange of a recording as text.
//!
//! `file, number → exchange → request, response: first line, header fields, body (JSON indented) → text`

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::capture::{CaptureReader, is_capture};
use crate::cli::stdio::print;
use crate::cli::{Exit, recording};
use crate::exchange::{Body, BodyEnd, Exchange, Headers, OmittedFields, decode};
use crate::json::{Document, JsonKind, Value, write_escaped};
use crate::text::{self, Printer, safe_format, visible};

/// `umpire capture show …`
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Capture, HAR or NDJSON file
    file: PathBuf,
    /// Number of the exchange, from 1: the one that the screen, `check` and `capture search` give
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    number: u64,
}

/// Runs `umpire capture show …`.
pub(super) fn run(show: &Show) -> anyhow::Result<Exit> {
    let exchange = find(&show.file, show.number)?;
    print(|out| print_exchange(out, show.number, &exchange))?;
    Ok(Exit::Clean)
}

/// Reads the exchange, or says how many there are.
fn find(file: &Path, number: u64) -> anyhow::Result<Exchange> {
    let index = number.saturating_sub(1);
    let exchanges = if is_capture(file)? {
        let reader = CaptureReader::open(file)?;
        let exchanges = reader.len()?;
        if index < exchanges {
            return Ok(reader.exchange(index)?);
        }
        exchanges
    } else {
        let mut exchanges = 0;
        for exchange in recording::open(file)?.exchanges {
            let exchange = exchange?;
            if exchanges == index {
                return Ok(exchange);
            }
            exchanges += 1;
        }
        exchanges
    };
    anyhow::bail!("{}: no exchange {number}; it holds {}", file.display(), text::count(exchanges, "exchange"))
}

fn print_exchange(out: &mut Printer<'_>, number: u64, exchange: &Exchange) -> io::Result<()> {
    let Exchange { request, response, .. } = exchange;
    let total = exchange.timing.total.as_millis();
    out.line(safe_format!("exchange {number} · {:.3} · {total} ms", exchange.started))?;
    if let Some(simulated) = &exchange.simulated {
        out.line(visible(&simulated.describe()))?;
    }
    if let Some(failure) = &exchange.failure {
        out.line(safe_format!("{}: {}", failure.kind.describe(), failure.detail))?;
        if let Some(status) = failure.answered {
            out.line(safe_format!("Umpire answered {status} in its place"))?;
        }
    }
    if !exchange.rewritten.is_empty() {
        let links = text::count(exchange.rewritten.len() as u64, "link");
        out.line(safe_format!("Umpire rewrote {links} for the broker; below is what the booking system sent"))?;
    }
    out.line("")?;
    let version = request.version.as_str();
    out.line(safe_format!("{} {}{} {version}", request.method, exchange.origin, request.target))?;
    print_message(out, &request.headers, &request.body)?;
    out.line("")?;
    match response {
        None => out.line("(no answer)"),
        Some(response) => {
            let words = format!("{} {} {}", response.version.as_str(), response.status, response.reason);
            out.line(visible(words.trim_end()))?;
            print_message(out, &response.headers, &response.body)
        }
    }
}

/// Header fields, body and trailer fields.
fn print_message(out: &mut Printer<'_>, headers: &Headers, body: &Body) -> io::Result<()> {
    print_fields(out, headers)?;
    match headers.1 {
        OmittedFields::Nothing => {}
        OmittedFields::Credentials => out.line("(the recording leaves out credentials and cookies)")?,
        OmittedFields::Unlisted => out.line("(the recording leaves out other header fields)")?,
    }
    if !body.is_empty() {
        out.line("")?;
        print_body(out, headers, body)?;
    }
    if !body.trailers.0.is_empty() {
        out.line("")?;
        print_fields(out, &body.trailers)?;
    }
    Ok(())
}

fn print_fields(out: &mut Printer<'_>, headers: &Headers) -> io::Result<()> {
    headers
        .0
        .iter()
        .try_for_each(|field| out.line(safe_format!("{}: {}", field.name, String::from_utf8_lossy(&field.value))))
}

/// The body: JSON indented, other text as it is, of anything else how long it is; and what is missing of it.
fn print_body(out: &mut Printer<'_>, headers: &Headers, body: &Body) -> io::Result<()> {
    match decode(&body.bytes, headers) {
        _ if body.bytes.is_empty() => {}
        Err(error) => out.line(safe_format!("({error})"))?,
        Ok(content) => match (Document::parse(&content), std::str::from_utf8(&content)) {
            (Ok(document), _) => {
                let mut json = String::new();
                write_indented(document.root(), 0, &mut json);
                out.lines(&json)?;
            }
            (Err(_), Ok(content)) => out.lines(content)?,
            (Err(_), Err(_)) => {
                out.line(safe_format!("({} that are no text)", text::bytes(content.len() as u64)))?;
            }
        },
    }
    let (passed, kept) = (text::bytes(body.length), text::bytes(body.bytes.len() as u64));
    match body.end {
        BodyEnd::Complete => Ok(()),
        BodyEnd::Truncated => out.line(safe_format!("({passed} passed, of which the first {kept} were kept)")),
        BodyEnd::Cancelled => out.line(safe_format!("(the body broke off after {passed})")),
        BodyEnd::NotRecorded => out.line("(the body was not recorded)"),
    }
}

/// Writes a value over several lines, with its numbers, its order and its duplicate keys as they are. The depth of a
/// document is limited where it is parsed.
fn write_indented(value: Value<'_>, depth: usize, json: &mut String) {
    let (open, close) = match value.kind() {
        JsonKind::Object => ('{', '}'),
        JsonKind::Array => ('[', ']'),
        _ => return json.push_str(&value.to_json()),
    };
    json.push(open);
    let mut first = true;
    let mut begin_member = |json: &mut String| {
        json.push_str(if std::mem::take(&mut first) { "\n" } else { ",\n" });
        json.push_str(&"  ".repeat(depth + 1));
    };
    if value.is_object() {
        for (key, member) in value.entries() {
            begin_member(json);
            for part in ["\"", &write_escaped(key), "\": "] {
                json.push_str(part);
            }
            write_indented(member, depth + 1, json);
        }
    } else {
        for item in value.items() {
            begin_member(json);
            write_indented(item, depth + 1, json);
        }
    }
    if !first {
        json.push('\n');
        json.push_str(&"  ".repeat(depth));
    }
    json.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_otherwise_as_it_was() {
        let document = Document::parse(br#"{"a":14.990,"a":[],"b":[1,{"c":"x\u0007"}],"d":{}}"#).unwrap();
        let mut json = String::new();
        write_indented(document.root(), 0, &mut json);
        let expected = "{\n  \"a\": 14.990,\n  \"a\": [],\n  \"b\": [\n    1,\n    {\n      \"c\": \"x\\u0007\"\n    }\n  ],\n  \
                        \"d\": {}\n}";
        assert_eq!(json, expected);
    }
}
