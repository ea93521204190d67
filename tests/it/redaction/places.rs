//! Tables of places, each with a value of its own, searched for in everything that a run leaves behind.
//!
//! ```text
//! rows ─► redacted ─► capture, its WAL, HAR, NDJSON, plain and JSON lines ─┐
//!     └─► sent through `umpire proxy` ─► capture, log, output, exports ────┴─► none of the values
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use umpire::capture::{CaptureWriter, Meta, RecordingWriter};
use umpire::event::Event;
use umpire::exchange::{Body, Exchange, Headers};
use umpire::redact::{PersonalFields, Redactor};
use umpire::report::{JsonLines, Paint, PlainReport};
use umpire::rules::{BookingSystemInfo, Judge};

use super::person_places;
use super::secret_places::{self, Place};
use super::support::{book, done, everything, exchange, named, response};

/// How deep a packed content is unpacked to be searched.
const LEVELS: usize = 6;

/// The content and all that is packed in it, whatever says so.
pub fn unpacked(content: &[u8], levels: usize, all: &mut Vec<u8>) {
    all.extend_from_slice(content);
    all.push(b'\n');
    if levels == 0 {
        return;
    }
    let inside = |packed: &mut dyn std::io::Read| {
        let mut content = Vec::new();
        // Up to where it is cut off.
        let mut byte = [0];
        while let Ok(1) = packed.read(&mut byte) {
            content.push(byte[0]);
        }
        content
    };
    let mut inner = vec![
        inside(&mut flate2::read::MultiGzDecoder::new(content)),
        inside(&mut flate2::read::ZlibDecoder::new(content)),
    ];
    if let Ok(mut packed) = zstd::stream::read::Decoder::new(content) {
        inner.push(inside(&mut packed));
    }
    if content.contains(&0) {
        inner.push(content.iter().copied().filter(|&byte| byte != 0).collect());
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    inner.extend(meant(content));
    // A line break within base64 is none, an empty line parts two texts.
    let text = String::from_utf8_lossy(content).replace("\r\n\r\n", " ").replace("\r\n", "");
    let without_folds = text.as_bytes();
    let runs = without_folds.split(|byte| !(byte.is_ascii_alphanumeric() || b"+/-_".contains(byte)));
    for run in runs.filter(|run| run.len() >= 20) {
        for alphabet in [base64::alphabet::STANDARD, base64::alphabet::URL_SAFE] {
            let engine = GeneralPurpose::new(&alphabet, config);
            for parts in 0..run.split(|&byte| byte == b'/').count() {
                let part: Vec<&[u8]> = run.splitn(parts + 1, |&byte| byte == b'/').collect();
                inner.extend(part.last().and_then(|part| engine.decode(part).ok()));
            }
        }
    }
    inner.iter().filter(|inner| !inner.is_empty()).for_each(|inner| unpacked(inner, levels - 1, all));
}

/// The content with escapes of URLs, of markup and of JSON strings decoded, where it has any.
fn meant(content: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(content);
    let hex = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    let decode = |sign: &str, length: &dyn Fn(&str) -> Option<(char, usize)>| {
        let mut parts = text.split(sign);
        let mut decoded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            match length(part) {
                Some((character, length)) => {
                    decoded.push(character);
                    decoded += &part[length..];
                }
                None => {
                    decoded += sign;
                    decoded += part;
                }
            }
        }
        (decoded != text).then(|| decoded.into_bytes())
    };
    let percent = decode("%", &|part| Some((hex(part.get(..2)?)?, 2)));
    let escape = decode("\\u", &|part| Some((hex(part.get(..4)?)?, 4)));
    let reference = decode("&", &|part| {
        let (name, _) = part.split_once(';')?;
        let character = match name {
            "amp" => '&',
            "commat" => '@',
            "period" => '.',
            "quot" => '"',
            _ => match name.strip_prefix("#x") {
                Some(digits) => hex(digits)?,
                None => char::from_u32(name.strip_prefix('#')?.parse().ok()?)?,
            },
        };
        Some((character, name.len() + 1))
    });
    [percent, escape, reference].into_iter().flatten().collect()
}

/// All of an exchange, packed contents unpacked.
fn searchable(exchange: &Exchange) -> Vec<u8> {
    let mut all = everything(exchange).into_bytes();
    let response = exchange.response.as_ref();
    let bodies = [Some(&exchange.request.body), response.map(|response| &response.body)];
    for body in bodies.into_iter().flatten() {
        unpacked(&body.bytes, LEVELS, &mut all);
    }
    unpacked(exchange.request.target.as_bytes(), 2, &mut all);
    let fields = exchange.request.headers.0.iter().chain(response.iter().flat_map(|response| &response.headers.0));
    fields.for_each(|field| unpacked(&field.value, 2, &mut all));
    all
}

/// The names of the rows whose value is in the text, percent- and JSON-escaped or not.
fn left<'p>(rows: &'p [Place], searcher: &AhoCorasick, text: &[u8]) -> BTreeSet<&'p str> {
    searcher.find_overlapping_iter(text).map(|found| rows[found.pattern().as_usize()].name.as_str()).collect()
}

fn searcher(rows: &[Place]) -> AhoCorasick {
    AhoCorasick::new(rows.iter().map(|row| &row.secret)).expect("a searcher")
}

#[track_caller]
fn none_left(rows: &[Place], searcher: &AhoCorasick, text: &[u8], what: &str) {
    let left = left(rows, searcher, text);
    assert!(left.is_empty(), "{} of {} rows are left in {what}: {left:#?}", left.len(), rows.len());
}

/// Writes and judges what a redactor makes of the rows, and searches everything for their values.
pub fn check(rows: Vec<Place>, redactor: &Redactor, at_least: usize) {
    let searcher = searcher(&rows);
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "each row is another place");
    assert!(rows.len() >= at_least, "{} rows", rows.len());
    let mut unseen = Vec::new();
    let mut still_there = BTreeSet::new();
    let redacted: Vec<Exchange> = rows
        .iter()
        .map(|row| {
            if !is_planted(row) {
                unseen.push(row.name.as_str());
            }
            let redacted = redactor.redact(row.exchange.clone());
            still_there.extend(left(&rows, &searcher, &searchable(&redacted)));
            redacted
        })
        .collect();
    assert_eq!(unseen, Vec::<&str>::new(), "rows whose value the search doesn't find to begin with");
    assert!(still_there.is_empty(), "{} of {} rows are left: {still_there:#?}", still_there.len(), rows.len());

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.db");
    let meta = Meta::new(Some("https://booking.riverside.example/api/openbooking"), jiff::Timestamp::UNIX_EPOCH);
    let mut writer = CaptureWriter::create(&path, &meta).expect("a capture");
    let mut judge = Judge::new(book(), BookingSystemInfo::default());
    let (mut plain, mut lines) = (PlainReport::new(Vec::new(), Paint::PLAIN), JsonLines::new(Vec::new()));
    for exchange in redacted {
        writer.append(&exchange).expect("written");
        let event = Event::Exchange(Arc::new(judge.judge(Arc::new(exchange))));
        plain.event(&event).expect("written");
        lines.event(&event).expect("written");
    }
    writer.commit().expect("committed");
    none_left(&rows, &searcher, &fs::read(folder.path().join("a.db-wal")).expect("the log"), "the WAL");
    writer.finish().expect("finished");
    none_left(&rows, &searcher, &plain.into_inner(), "plain lines");
    none_left(&rows, &searcher, &lines.into_inner(), "JSON lines");
    searched(&rows, &searcher, &path);
}

/// True if the search finds the value of a row before anything is replaced.
fn is_planted(row: &Place) -> bool {
    let text = searchable(&row.exchange);
    let text = String::from_utf8_lossy(&text);
    text.contains(&row.secret) || row.name.contains("Basic")
}

/// Searches a capture and what other files are made of it.
fn searched(rows: &[Place], searcher: &AhoCorasick, path: &Path) {
    none_left(rows, searcher, &fs::read(path).expect("the capture"), "the capture");
    let folder = path.parent().expect("a folder");
    for name in ["a.har", "a.ndjson", "again.db"] {
        let out = folder.join(name);
        let recording = umpire::capture::open(path).expect("it opens");
        let mut output = RecordingWriter::create(&out, &recording.meta, true).expect("a file");
        for exchange in recording.exchanges {
            let exchange = exchange.expect("an exchange");
            none_left(rows, searcher, &searchable(&exchange), "what is read back");
            output.append(&exchange).expect("written");
        }
        output.finish().expect("finished");
        none_left(rows, searcher, &fs::read(&out).expect("the file"), name);
        for exchange in umpire::capture::open(&out).expect("it opens").exchanges {
            none_left(rows, searcher, &searchable(&exchange.expect("an exchange")), name);
        }
    }
}

#[test]
fn secrets_of_every_place_are_replaced() {
    check(secret_places::all(), &Redactor::new().expect("a redactor"), 315);
}

#[test]
fn persons_of_every_place_are_replaced() {
    check(person_places::all(), &Redactor::of_persons(PersonalFields::default()).expect("a redactor"), 71);
}

#[test]
fn persons_of_every_place_are_gone_from_what_is_given_away() {
    let rows = person_places::all();
    let searcher = searcher(&rows);
    let folder = tempfile::tempdir().expect("a folder");
    let (path, name) = named(&folder, "a.db");
    let mut output =
        RecordingWriter::create(&path, &Meta::new(None, jiff::Timestamp::UNIX_EPOCH), false).expect("a file");
    for row in &rows {
        output.append(&row.exchange).expect("written");
    }
    output.finish().expect("finished");
    for (command, out) in [
        ("export", "e.har"),
        ("export", "e.ndjson"),
        ("export", "e.db"),
        ("convert", "c.har"),
        ("convert", "c.ndjson.gz"),
        ("redact", "r.db"),
        ("redact", "r.har"),
    ] {
        let (file, out) = named(&folder, out);
        let said = done(&["capture", command, &name, "-o", &out]);
        none_left(&rows, &searcher, said.as_bytes(), "what is said");
        let mut whole = Vec::new();
        unpacked(&fs::read(&file).expect("the file"), 1, &mut whole);
        none_left(&rows, &searcher, &whole, &out);
        for exchange in umpire::capture::open(&file).expect("it opens").exchanges {
            none_left(&rows, &searcher, &searchable(&exchange.expect("an exchange")), &out);
        }
    }
}

#[test]
fn redacting_the_places_twice_changes_nothing_more() {
    let redactor = Redactor::new().expect("a redactor");
    for row in secret_places::all() {
        let once = redactor.redact(row.exchange);
        assert_eq!(redactor.redact(once.clone()), once, "{}", row.name);
    }
}

#[test]
fn json_stays_json() {
    let redactor = Redactor::new().expect("a redactor");
    let shape = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok().map(|value| shape_of(&value));
    let mut compared = 0;
    for row in secret_places::all() {
        let redacted = redactor.redact(row.exchange.clone());
        assert_eq!(shape(&redacted.request.body.bytes), shape(&row.exchange.request.body.bytes), "{}", row.name);
        let body = |exchange: &Exchange| exchange.response.as_ref().and_then(|response| shape(&response.body.bytes));
        assert_eq!(body(&redacted), body(&row.exchange), "{}", row.name);
        compared += usize::from(shape(&redacted.request.body.bytes).is_some());
    }
    assert!(compared > 50, "{compared}");
    let persons = Redactor::of_persons(PersonalFields::default()).expect("a redactor");
    let is_named = |row: &Place| !row.name.contains("member name");
    for row in person_places::all().into_iter().filter(is_named) {
        let redacted = persons.redact(row.exchange.clone());
        let body = |exchange: &Exchange| exchange.response.as_ref().and_then(|response| shape(&response.body.bytes));
        assert_eq!(shape(&redacted.request.body.bytes), shape(&row.exchange.request.body.bytes), "{}", row.name);
        assert_eq!(body(&redacted), body(&row.exchange), "{}", row.name);
    }
}

/// Names of members and kinds of values.
fn shape_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}:{}", shape_of(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        serde_json::Value::Array(items) => format!("[{}]", items.iter().map(shape_of).collect::<Vec<_>>().join(",")),
        serde_json::Value::String(_) => "s".to_owned(),
        other => other.to_string(),
    }
}

/// A booking system that answers each request with what the row says that its path names.
fn booking_system(rows: &[Place]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let answers: Vec<Vec<u8>> = rows
        .iter()
        .map(|row| {
            let response = row.exchange.response.as_ref().expect("an answer");
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n", response.body.bytes.len());
            let head = [head.as_bytes(), &lines(&response.headers), b"\r\n"].concat();
            [head, response.body.bytes.to_vec()].concat()
        })
        .collect();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let Some(number) = received(&stream) else { continue };
            let answer = answers.get(number.wrapping_sub(1)).cloned().unwrap_or_default();
            // A proxy that has gone needs no answer.
            let _ = (&stream).write_all(&answer);
        }
    });
    address
}

fn lines(headers: &Headers) -> Vec<u8> {
    let line = |field: &umpire::exchange::Header| [field.name.as_bytes(), b": ", &field.value, b"\r\n"].concat();
    headers.0.iter().flat_map(line).collect()
}

/// A proxy that runs no longer than its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended can't be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads a request; the number of the row that its path names.
fn received(stream: &TcpStream) -> Option<usize> {
    let mut reader = BufReader::new(stream);
    let (mut number, mut length) = (None, 0);
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).ok()? == 0 || line == b"\r\n" {
            break;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        if let Some((_, rest)) = line.split_once("/row/") {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            number = number.or(digits.parse().ok());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    number
}

/// Sends the request of a row to the proxy and waits for the end of the answer.
fn send(proxy: &str, row: &Place) {
    let request = &row.exchange.request;
    let target = request.target.split('#').next().unwrap_or_default();
    let mut stream = TcpStream::connect(proxy).expect("the proxy listens");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
    let head = format!(
        "{} {target} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\nConnection: close\r\n",
        request.method,
        request.body.bytes.len()
    );
    let head = [head.as_bytes(), &lines(&request.headers), b"\r\n"].concat();
    stream.write_all(&[head, request.body.bytes.to_vec()].concat()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 "), "{}: {}", row.name, String::from_utf8_lossy(&answer));
}

#[test]
fn secrets_of_every_place_are_gone_from_what_a_run_leaves() {
    let rows = secret_places::all();
    let searcher = searcher(&rows);
    let folder = tempfile::tempdir().expect("a folder");
    let of = |name: &str| folder.path().join(name);
    let address = booking_system(&rows);
    let proxy = Command::new(env!("CARGO_BIN_EXE_umpire"))
        .args(["proxy", "--to", &format!("http://{address}"), "--listen", "127.0.0.1:0", "--ui", "json", "--isolated"])
        .arg("--capture")
        .arg(of("run.db"))
        .arg("--log")
        .arg(of("run.log"))
        .env("RUST_LOG", "trace")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("umpire starts");
    let mut proxy = Running(proxy);
    let mut output = BufReader::new(proxy.0.stdout.take().expect("its output"));
    let mut first = String::new();
    output.read_line(&mut first).expect("a line");
    let start: serde_json::Value = serde_json::from_str(&first).expect("JSON");
    let base_uri = start.to_string();
    let listening = base_uri.split("127.0.0.1:").find_map(|rest| {
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (!port.is_empty() && !address.ends_with(&format!(":{port}"))).then_some(port)
    });
    let listening = format!("127.0.0.1:{}", listening.expect("where it listens"));
    let reader = std::thread::spawn(move || {
        let mut rest = first.into_bytes();
        output.read_to_end(&mut rest).map(|_| rest)
    });
    for row in &rows {
        send(&listening, row);
    }
    for name in ["run.db", "run.db-wal"] {
        none_left(&rows, &searcher, &fs::read(of(name)).unwrap_or_default(), name);
    }
    let mut messages = proxy.0.stderr.take().expect("its messages");
    assert!(Command::new("kill").arg(proxy.0.id().to_string()).status().expect("kill runs").success());
    let mut said = Vec::new();
    messages.read_to_end(&mut said).expect("its messages");
    assert!(proxy.0.wait().expect("it ends").success());
    let shown = reader.join().expect("read").expect("its output");
    none_left(&rows, &searcher, &shown, "its output");
    none_left(&rows, &searcher, &said, "its messages");
    let log = fs::read(of("run.log")).expect("the log");
    assert!(!log.is_empty());
    none_left(&rows, &searcher, &log, "the log");
    let capture = of("run.db").display().to_string();
    let count = umpire::capture::open(&of("run.db")).expect("it opens").exchanges.count();
    assert!(count + 5 > rows.len(), "{count} of {} rows were recorded", rows.len());
    searched(&rows, &searcher, &of("run.db"));
    let shown = done(&["view", &capture, "--ui", "plain"]);
    none_left(&rows, &searcher, shown.as_bytes(), "plain lines");
    for name in ["kept.har", "kept.ndjson", "shared.har"] {
        let out = of(name).display().to_string();
        let keep: &[&str] = if name.starts_with("kept") { &["--keep-personal-data"] } else { &[] };
        done(&[&["capture", "export", &capture, "-o", &out], keep].concat());
        none_left(&rows, &searcher, &fs::read(of(name)).expect("the file"), name);
        for exchange in umpire::capture::open(&of(name)).expect("it opens").exchanges {
            none_left(&rows, &searcher, &searchable(&exchange.expect("an exchange")), name);
        }
    }
}

#[test]
fn what_cant_be_read_is_not_exported_and_that_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, name) = named(&folder, "a.db");
    let mut output =
        RecordingWriter::create(&path, &Meta::new(None, jiff::Timestamp::UNIX_EPOCH), false).expect("a file");
    let bodies: [&[u8]; 6] = [
        b"{\"a\": 1}",
        b"caf\xe9 au lait",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR a secret",
        b"PK\x03\x04\x14\0\0\0 a secret",
        b"\x82\xa5token\xa8a secret\0\0",
        b"",
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        let answer =
            response(&[("Content-Type", if number == 1 { "text/plain" } else { "image/png" }.to_owned())], body);
        let target = format!("/{number}");
        let exchange = exchange(number as i64, "GET", target, Headers::default(), Body::empty(), answer);
        output.append(&exchange).expect("written");
    }
    output.finish().expect("finished");
    for options in [&["--keep-personal-data"][..], &[]] {
        let (out, out_name) = named(&folder, &format!("{}.har", options.len()));
        let said = done(&[&["capture", "export", &name, "-o", &out_name], options].concat());
        assert!(said.contains("3 bodies that can't be read left out"), "{said}");
        let kept: Vec<bool> = umpire::capture::open(&out)
            .expect("it opens")
            .exchanges
            .filter_map(|exchange| exchange.expect("an exchange").response)
            .map(|response| response.body.bytes.is_empty())
            .collect();
        assert_eq!(kept, [false, false, true, true, true, true]);
    }
}
