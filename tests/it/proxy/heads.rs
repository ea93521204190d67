//! Heads in all four ways: a client and a booking system of HTTP/1 or HTTP/2 each. The rows are those of `wire`, as far as
//! both versions can say them, and those of HTTP/2 alone, which begin with a field.
//!
//! ```text
//! row ─► client (HTTP/1, HTTP/2) ─► proxy ─► system (HTTP/1, HTTP/2), which notes what it gets
//! ```
//!
//! What goes on, and what comes back, is compared in one form for both versions ([`canonical`]).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use umpire::proxy::Limits;
use umpire::proxy::upstream::live::UpstreamHttp;

use super::h2_frames::{Event, Fields, Frames, PREFACE};
use super::h2_support::live;
use super::support::{OK, Proxy, soon, text};
use super::wire::{bytes, message, rows};

/// Fields of one connection of HTTP/1, which no message of HTTP/2 has.
const OF_HTTP1: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// A message as HTTP/2 has it: sections of fields, and a body.
#[derive(Debug, Clone, Default)]
struct Message {
    /// Interim heads of an answer, and the head.
    heads: Vec<Fields>,
    body: Option<Vec<u8>>,
    trailers: Option<Fields>,
}

/// A message of HTTP/2, as its row has it: `name: value|…||body||trailers`. The body is `EMPTY` where a frame without any
/// follows.
fn of_row(row: &[u8]) -> Message {
    let mut parts = split(row, b"\r\n\r\n").into_iter();
    let fields = |part: &[u8]| -> Fields {
        let lines = split(part, b"\r\n").into_iter().filter(|line| !line.is_empty());
        lines
            .map(|line| {
                if let Some(value) = line.strip_prefix(b": ") {
                    return (vec![], value.to_vec());
                }
                let colon = line[1..].windows(2).position(|pair| pair == b": ").expect("a colon") + 1;
                (line[..colon].to_vec(), line[colon + 2..].to_vec())
            })
            .collect()
    };
    let heads = split(&parts.next().unwrap(), b"\r\n-\r\n").iter().map(|part| fields(part)).collect();
    let body = parts.next().filter(|body| !body.is_empty());
    let body = body.map(|body| if body == b"EMPTY" { vec![] } else { body });
    let trailers = parts.next().map(|part| fields(&part)).filter(|fields| !fields.is_empty());
    Message { heads, body, trailers }
}

fn split(bytes: &[u8], by: &[u8]) -> Vec<Vec<u8>> {
    let (mut parts, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(by.len()).position(|window| window == by) {
        parts.push(rest[..at].to_vec());
        rest = &rest[at + by.len()..];
    }
    parts.push(rest.to_vec());
    parts
}

/// Lines of a head of HTTP/1 and what is behind it.
fn taken_apart(message: &[u8]) -> Option<(Vec<Vec<u8>>, &[u8])> {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((split(&message[..end], b"\r\n"), &message[end + 4..]))
}

/// A field line, if HTTP/2 can say the same: names are in lower case there.
fn field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return None;
    }
    let colon = line.iter().position(|byte| *byte == b':')?;
    let is_space = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let value = &line[colon + 1..];
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |at| at + 1);
    Some((line[..colon].to_ascii_lowercase(), value[start..end].to_vec()))
}

/// False if its length is one, and not that of the body.
fn fits(fields: &Fields, body: &[u8]) -> bool {
    let is_length = |(name, _): &&(Vec<u8>, Vec<u8>)| name == b"content-length";
    let lengths: Vec<_> = fields.iter().filter(is_length).flat_map(|(_, value)| split(value, b",")).collect();
    let all = lengths.iter().map(|length| text(length).trim().parse().ok());
    match all.collect::<Option<Vec<usize>>>().as_deref() {
        Some([first, more @ ..]) if more.iter().all(|other| other == first) => *first == body.len(),
        _ => true,
    }
}

/// A request of HTTP/1 as one of HTTP/2, if that can say it.
fn request_of(message: &[u8]) -> Option<Message> {
    let (lines, body) = taken_apart(message)?;
    let words = split(&lines[0], b" ");
    let [method, target, version] = &words[..] else { return None };
    if version != b"HTTP/1.1" || (method == b"CONNECT") || target.windows(3).any(|part| part == b"://") {
        return None;
    }
    let mut head: Fields = vec![
        (b":method".to_vec(), method.clone()),
        (b":scheme".to_vec(), b"http".to_vec()),
        (b":path".to_vec(), target.clone()),
    ];
    let mut fields = lines[1..].iter().map(|line| field(line)).collect::<Option<Fields>>()?;
    if !fits(&fields, body) {
        return None;
    }
    let hosts: Vec<usize> = (0..fields.len()).filter(|at| fields[*at].0 == b"host").collect();
    if let [host] = hosts[..] {
        head.push((b":authority".to_vec(), fields.remove(host).1));
    }
    head.extend(fields);
    let body = (!body.is_empty()).then(|| body.to_vec());
    Some(Message { heads: vec![head], body, trailers: None })
}

/// An answer of HTTP/1 as one of HTTP/2, if that can say it.
fn answer_of(message: &[u8], bodiless: bool) -> Option<Message> {
    let (mut heads, mut rest) = (Vec::new(), message);
    if message.ends_with(b"CLOSE") {
        return None;
    }
    loop {
        let (lines, body) = taken_apart(rest)?;
        let words = split(&lines[0], b" ");
        if words[0] != b"HTTP/1.1" || words.len() < 3 || lines[0].iter().any(u8::is_ascii_control) {
            return None;
        }
        // White space before a colon is mended in answers of HTTP/1.
        if lines[1..].iter().any(|line| split(line, b":")[0].ends_with(b" ")) {
            return None;
        }
        let mut head: Fields = vec![(b":status".to_vec(), words[1].clone())];
        head.extend(lines[1..].iter().map(|line| field(line)).collect::<Option<Fields>>()?);
        let (status, fields) = (words[1].clone(), head.clone());
        heads.push(head);
        rest = body;
        if status.starts_with(b"1") && status != b"101" && rest.starts_with(b"HTTP/1.1 ") {
            continue;
        }
        let framed = status == b"204" || status == b"304" || bodiless;
        if !(fits(&fields, body) || framed && body.is_empty()) {
            return None;
        }
        let body = (!body.is_empty()).then(|| body.to_vec());
        return Some(Message { heads, body, trailers: None });
    }
}

fn is_of_http1(fields: &Fields) -> bool {
    fields.iter().any(|(name, value)| {
        OF_HTTP1.iter().any(|known| known.as_bytes() == name) || (name == b"te" && value != b"trailers")
    })
}

/// One form for a message that came over either version: names in lower case and in their order, less what says how the
/// body comes.
fn canonical(first: &str, fields: &Fields, body: &[u8], trailers: &Fields) -> String {
    let lines = |fields: &Fields| {
        let mut lines: Vec<(String, String)> =
            fields.iter().map(|(name, value)| (text(name).to_ascii_lowercase(), text(value))).collect();
        lines.retain(|(name, _)| name != "transfer-encoding" && name != "connection" && !name.starts_with(':'));
        lines.retain(|(name, value)| !(name == "content-length" && value == "0" && body.is_empty()));
        lines.sort_by(|(a, _), (b, _)| a.cmp(b));
        lines.iter().map(|(name, value)| [name, ": ", value, "\n"].concat()).collect::<Vec<_>>().concat()
    };
    format!("{first}\n{}\n{}\n{}", lines(fields), text(body), lines(trailers))
}

/// The same of a message of HTTP/1, with one chunk at most.
fn canonical_of_http1(whole: &[u8]) -> String {
    let (lines, body) = taken_apart(whole).unwrap_or_else(|| panic!("no head in {:?}", text(whole)));
    let words = split(&lines[0], b" ");
    let first = if words[0].starts_with(b"HTTP/") {
        text(&words[1])
    } else {
        format!("{} {}", text(&words[0]), text(&words[1]))
    };
    let fields: Fields = lines[1..].iter().map(|line| field(line).expect("a field")).collect();
    let chunked = fields.iter().any(|(name, _)| name == b"transfer-encoding");
    if !chunked || body.is_empty() {
        return canonical(&first, &fields, body, &vec![]);
    }
    let (content, rest) = match split(body, b"\r\n") {
        parts if parts[0] == b"0" => (vec![], body[3..].to_vec()),
        parts => {
            let (size, start) = (usize::from_str_radix(&text(&parts[0]), 16).unwrap(), parts[0].len() + 2);
            (body[start..start + size].to_vec(), body[start + size + 5..].to_vec())
        }
    };
    let trailers =
        split(&rest, b"\r\n").iter().filter(|line| !line.is_empty()).map(|line| field(line).unwrap()).collect();
    canonical(&first, &fields, &content, &trailers)
}

fn value(fields: &Fields, name: &str) -> String {
    let value = fields.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| text(value));
    value.unwrap_or_default()
}

/// The same of a request that came over HTTP/2: its `:authority` is the Host.
fn canonical_request(head: &Fields, body: &[u8], trailers: &Fields) -> String {
    let mut fields = head.clone();
    fields.push((b"host".to_vec(), value(head, ":authority").into_bytes()));
    canonical(&format!("{} {}", value(head, ":method"), value(head, ":path")), &fields, body, trailers)
}

/// An answer in both versions.
#[derive(Clone)]
struct Scripted {
    http1: Option<Vec<u8>>,
    http2: Option<Message>,
}

/// A booking system that speaks what it is spoken to in, notes every whole request, and answers from a list, or else "ok".
#[derive(Clone, Default)]
struct System {
    requests: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<Scripted>>>,
}

impl System {
    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let system = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(system.clone().serve(stream, address));
            }
        });
        address
    }

    async fn serve(self, mut stream: TcpStream, address: SocketAddr) {
        stream.set_nodelay(true).unwrap();
        let mut seen = Vec::new();
        while stream.read_buf(&mut seen).await.is_ok_and(|read| read > 0) {
            if seen.starts_with(PREFACE) {
                let frames = Frames::of(stream, seen[PREFACE.len()..].to_vec()).await;
                return self.serve_http2(frames, address).await;
            }
            if PREFACE.starts_with(&seen) {
                continue;
            }
            while let Some(request) = message(&mut seen, false) {
                self.note(canonical_of_http1(&request), address);
                let scripted = self.answers.lock().unwrap().pop_front();
                let answer = scripted.map_or(OK.as_bytes().to_vec(), |answer| answer.http1.expect("one of HTTP/1"));
                // The proxy may have had enough of it.
                let _written = stream.write_all(&answer).await;
            }
        }
    }

    async fn serve_http2(self, mut frames: Frames, address: SocketAddr) {
        let mut open: Vec<(u32, Message)> = Vec::new();
        loop {
            let (stream, ended) = match frames.next().await {
                Event::Fields { stream, fields, end } => {
                    match open.iter_mut().find(|(known, _)| *known == stream) {
                        Some((_, request)) => request.trailers = Some(fields),
                        None => open.push((stream, Message { heads: vec![fields], ..Message::default() })),
                    }
                    (stream, end)
                }
                Event::Data { stream, data, end } => {
                    let request = open.iter_mut().find(|(known, _)| *known == stream);
                    request.expect("a head").1.body.get_or_insert_default().extend(data);
                    (stream, end)
                }
                Event::Reset { stream } => {
                    open.retain(|(known, _)| *known != stream);
                    continue;
                }
                Event::Gone => return,
            };
            if !ended {
                continue;
            }
            let at = open.iter().position(|(known, _)| *known == stream).expect("a head");
            let (_, request) = open.remove(at);
            let (body, trailers) = (request.body.unwrap_or_default(), request.trailers.unwrap_or_default());
            self.note(canonical_request(&request.heads[0], &body, &trailers), address);
            let scripted = self.answers.lock().unwrap().pop_front();
            let answer = scripted.map_or_else(|| answer_of(OK.as_bytes(), false), |answer| answer.http2);
            send(&mut frames, stream, &answer.expect("one of HTTP/2")).await;
        }
    }

    fn note(&self, request: String, address: SocketAddr) {
        self.requests.lock().unwrap().push(request.replace(&address.to_string(), "UP"));
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

async fn send(frames: &mut Frames, stream: u32, message: &Message) {
    let Message { heads, body, trailers } = message;
    let ends_with_head = body.is_none() && trailers.is_none();
    for (at, head) in heads.iter().enumerate() {
        frames.fields(stream, head, ends_with_head && at + 1 == heads.len()).await;
    }
    if let Some(body) = body {
        frames.data(stream, body, trailers.is_none()).await;
    }
    if let Some(trailers) = trailers {
        frames.fields(stream, trailers, true).await;
    }
}

/// What a client got.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    /// Of the booking system, in the one form; the heads of interim answers before it.
    Answer(String),
    /// One of Umpire's own.
    Own {
        status: u16,
        detail: String,
    },
    /// The stream was reset, or the connection closed.
    Reset,
    Gone,
}

impl Got {
    fn of(interim: String, status: u16, fields: &Fields, body: &[u8], trailers: &Fields) -> Self {
        if value(fields, "content-type") == "application/problem+json" {
            let body = text(body);
            let detail = body.split("\"detail\":\"").nth(1).unwrap_or_default();
            let detail = detail.split("\",\"").next().unwrap_or_default().to_owned();
            return Self::Own { status, detail };
        }
        Self::Answer(format!("{interim}{}", canonical(&status.to_string(), fields, body, trailers)))
    }

    /// The same, but for what only one version can say: the case of names, line ends. Who expects to be told to go on, and has
    /// sent the body already, is told so over HTTP/2 alone.
    fn is_like(&self, newer: &Self) -> bool {
        match (self, newer) {
            (Self::Own { status, detail }, Self::Own { status: other, detail: newer }) => {
                let of_lines = detail.contains("line feed") || detail.contains("new line");
                status == other && (of_lines || detail.eq_ignore_ascii_case(newer))
            }
            (Self::Answer(older), Self::Answer(newer)) => older == newer.strip_prefix("100\n\n\n").unwrap_or(newer),
            _ => self == newer,
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Own { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Sends a request on its stream of a connection, and reads to the end of its answer.
async fn over_http2(frames: &mut Frames, stream: u32, request: &Message) -> Got {
    send(frames, stream, request).await;
    let (mut heads, mut body, mut trailers) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let ended = match soon("an answer", frames.next()).await {
            Event::Fields { stream: of, fields, end } if of == stream => {
                if fields.iter().any(|(name, _)| name == b":status") {
                    heads.push(fields);
                } else {
                    trailers = fields;
                }
                end
            }
            Event::Data { stream: of, data, end } if of == stream => {
                body.extend(data);
                end
            }
            Event::Reset { stream: of } if of == stream => return Got::Reset,
            Event::Gone => return Got::Gone,
            _ => false,
        };
        if ended {
            break;
        }
    }
    let head = heads.pop().expect("a head");
    let interim = heads.iter().map(|head| canonical(&value(head, ":status"), head, b"", &vec![])).collect();
    Got::of(interim, value(&head, ":status").parse().unwrap(), &head, &body, &trailers)
}

async fn over_http1(stream: &mut TcpStream, request: &[u8], bodiless: bool) -> Got {
    // Who refuses what has come so far need not take the rest.
    let _taken = stream.write_all(request).await;
    let (mut seen, mut interim) = (Vec::new(), String::new());
    loop {
        if let Some(whole) = message(&mut seen, bodiless) {
            let (lines, _) = taken_apart(&whole).unwrap();
            let fields: Fields = lines[1..].iter().map(|line| field(line).unwrap()).collect();
            let status: u16 = text(&lines[0])[9..12].parse().unwrap();
            if status < 200 && status != 101 {
                interim += &canonical_of_http1(&whole);
                continue;
            }
            let canonical = canonical_of_http1(&whole);
            return match Got::of(String::new(), status, &fields, taken_apart(&whole).unwrap().1, &vec![]) {
                Got::Answer(_) => Got::Answer(interim + &canonical),
                own => own,
            };
        }
        if soon("an answer", stream.read_buf(&mut seen)).await.unwrap_or(0) == 0 {
            return Got::Gone;
        }
    }
}

async fn proxy(system: &System, http: UpstreamHttp) -> Proxy {
    let address = system.start().await;
    Proxy::with(live(&format!("http://{address}"), None, http), Limits::default(), 8192).await
}

const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n";

fn next_noted() -> String {
    canonical_of_http1(b"GET /next HTTP/1.1\r\nHost: UP\r\n\r\n")
}

const WAYS: [UpstreamHttp; 2] = [UpstreamHttp::Http1, UpstreamHttp::Http2];

#[tokio::test]
async fn requests_fare_alike_in_all_four_ways() {
    let (mut wrong, mut both, mut of_http2) = (Vec::new(), 0, 0);
    for http in WAYS {
        let system = System::default();
        let mut proxy = proxy(&system, http).await;
        for row in rows(include_str!("wire/requests.txt")) {
            let own = row.is_of_http2();
            let Some(request) = (if own { Some(of_row(&row.message)) } else { request_of(&row.message) }) else {
                continue;
            };
            if row.key == "gone" {
                continue;
            }
            let (line, message) = (row.line, text(&row.message));
            let mut frames = Frames::client(TcpStream::connect(proxy.address).await.unwrap()).await;
            let got = over_http2(&mut frames, 1, &request).await;
            let noted = system.taken();
            // The stream is over, the connection is not.
            let next = over_http2(&mut frames, 3, &request_of(NEXT).unwrap()).await;
            if !matches!(&next, Got::Answer(answer) if answer.starts_with("200\n")) {
                wrong.push(format!("line {line} {http:?}: the next request got {next:?}"));
            }
            if system.taken() != [next_noted()] {
                wrong.push(format!("line {line} {http:?}: something else went on"));
            }
            let expected = if is_of_http1(&request.heads[0]) && !own { "400" } else { row.key.as_str() };
            let fine = match expected {
                "pass" => match row.outcome.as_str() {
                    "" => matches!(got, Got::Answer(_)),
                    outcome => noted == [canonical_of_http1(&bytes(outcome))],
                },
                "reset" => got == Got::Reset && noted.is_empty(),
                "204" => matches!(&got, Got::Answer(answer) if answer.starts_with("204\n")) && noted.is_empty(),
                status => got.status().is_some_and(|got| got.to_string() == status) && noted.is_empty(),
            };
            if !fine {
                wrong.push(format!("line {line} {http:?} {message:.200}:\n  {got:?}\n  noted {noted:?}"));
            }
            if own {
                of_http2 += 1;
                continue;
            }
            // Over HTTP/1 the same, in the same words.
            let mut stream = TcpStream::connect(proxy.address).await.unwrap();
            let older = over_http1(&mut stream, &row.message, false).await;
            let noted_of_older = system.taken();
            both += 1;
            let alike = if is_of_http1(&request.heads[0]) { older.status().is_some() } else { older.is_like(&got) };
            if expected == row.key && !(alike && noted_of_older == noted) {
                wrong.push(format!(
                    "line {line} {http:?} {message:.200}:\n  {older:?} over HTTP/1\n  {got:?} over HTTP/2\n  {noted_of_older:?} over HTTP/1\n  {noted:?} over HTTP/2"
                ));
            }
        }
        while let Some(exchange) = proxy.exchange_receiver.try_next() {
            let exchange = exchange.release();
            assert!(!format!("{exchange:?}").contains("secret"), "{exchange:?}");
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert!(both / 2 > 100 && of_http2 / 2 > 70, "{both} rows of both, {of_http2} of HTTP/2");
}

#[tokio::test]
async fn answers_fare_alike_in_all_four_ways() {
    let (mut wrong, mut both, mut of_http2) = (Vec::new(), 0, 0);
    for http in WAYS {
        let system = System::default();
        let proxy = proxy(&system, http).await;
        for row in rows(include_str!("wire/responses.txt")) {
            let own = row.is_of_http2();
            let bodiless = row.key == "HEAD";
            let Some(answer) = (if own { Some(of_row(&row.message)) } else { answer_of(&row.message, bodiless) })
            else {
                continue;
            };
            if own && http == UpstreamHttp::Http1 || row.outcome.starts_with("cut") {
                continue;
            }
            let (line, message) = (row.line, text(&row.message));
            let scripted = Scripted { http1: (!own).then(|| row.message.clone()), http2: Some(answer.clone()) };
            let request = format!("{} / HTTP/1.1\r\nHost: h\r\n\r\n", row.key).into_bytes();
            let of_http1 = answer.heads.iter().any(is_of_http1) && !own && http == UpstreamHttp::Http2;
            let outcome = if of_http1 { "502" } else { row.outcome.as_str() };
            let expected = match outcome {
                "same" if own => None,
                "same" => Some(canonical_of_answers(&row.message)),
                "502" | "cut" => None,
                outcome => Some(canonical_of_answers(&bytes(outcome))),
            };
            let mut results = Vec::new();
            for newer in [false, true] {
                system.answers.lock().unwrap().push_back(scripted.clone());
                results.push(if newer {
                    let mut frames = Frames::client(TcpStream::connect(proxy.address).await.unwrap()).await;
                    over_http2(&mut frames, 1, &request_of(&request).unwrap()).await
                } else {
                    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
                    over_http1(&mut stream, &request, bodiless).await
                });
                system.taken();
            }
            for got in &results {
                let fine = match (&expected, got) {
                    (Some(expected), Got::Answer(got)) => got == expected,
                    (None, Got::Own { status: 502, .. }) => outcome == "502",
                    (None, Got::Answer(_)) => outcome == "same",
                    (None, Got::Reset | Got::Gone) => outcome == "cut",
                    _ => false,
                };
                if !fine {
                    wrong.push(format!("line {line} {http:?} {message:.200}:\n  {results:?}\nnot {expected:?}"));
                    break;
                }
            }
            if results[0] != results[1] && outcome != "cut" {
                wrong.push(format!("line {line} {http:?} {message:.200}: {results:?} are not alike"));
            }
            *(if own { &mut of_http2 } else { &mut both }) += 1;
            // And the way to the booking system is still in step.
            let mut stream = TcpStream::connect(proxy.address).await.unwrap();
            let next = over_http1(&mut stream, NEXT, false).await;
            if !matches!(&next, Got::Answer(answer) if answer.starts_with("200\n")) {
                wrong.push(format!("line {line} {http:?}: the next request got {next:?}"));
            }
            system.taken();
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert!(both / 2 > 40 && of_http2 > 20, "{both} rows of both, {of_http2} of HTTP/2");
}

/// Interim answers and the answer, one behind the other.
fn canonical_of_answers(whole: &[u8]) -> String {
    let (lines, rest) = taken_apart(whole).unwrap();
    if rest.starts_with(b"HTTP/1.1 ") {
        let head = &whole[..whole.len() - rest.len()];
        assert!(lines[0].starts_with(b"HTTP/1.1 1"));
        return canonical_of_http1(head) + &canonical_of_answers(rest);
    }
    canonical_of_http1(whole)
}

/// Of two requests on one connection to the booking system, only that one fails whose answer is malformed.
#[tokio::test]
async fn a_malformed_head_ends_its_stream_alone_on_either_side() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::with(live(&format!("http://{address}"), None, UpstreamHttp::Http2), Limits::default(), 64).await;
    let system = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 24]).await.unwrap();
        let mut frames = Frames::of(stream, vec![]).await;
        let mut streams = Vec::new();
        while streams.len() < 2 {
            if let Event::Fields { stream, .. } = soon("a request", frames.next()).await {
                streams.push(stream);
            }
        }
        // Both are waited for: the answer of the first is malformed.
        let malformed = of_row(b":status: 200\r\na: b\0c\r\n\r\nabc");
        send(&mut frames, streams[0], &malformed).await;
        send(&mut frames, streams[1], &answer_of(OK.as_bytes(), false).unwrap()).await;
        frames
    };
    let client = async {
        let mut frames = Frames::client(TcpStream::connect(proxy.address).await.unwrap()).await;
        let get = request_of(NEXT).unwrap();
        send(&mut frames, 1, &get).await;
        // And a third, which is malformed itself.
        send(&mut frames, 3, &of_row(b":method: GET\r\n:scheme: http\r\n:authority: h\r\n:path: /\r\na: \x01\r\n\r\n"))
            .await;
        send(&mut frames, 5, &get).await;
        let mut statuses = Vec::new();
        while statuses.len() < 3 {
            if let Event::Fields { stream, fields, .. } = soon("an answer", frames.next()).await {
                statuses.push((stream, value(&fields, ":status")));
            }
        }
        statuses.sort();
        statuses
    };
    let (_frames, statuses) = tokio::join!(system, client);
    let statuses: Vec<_> = statuses.iter().map(|(stream, status)| (*stream, status.as_str())).collect();
    assert!(
        statuses == [(1, "502"), (3, "400"), (5, "200")] || statuses == [(1, "200"), (3, "400"), (5, "502")],
        "{statuses:?}"
    );
}
