//! Malformed and ambiguous messages of HTTP/1: `wire/requests.txt` and `wire/responses.txt`, each row over real sockets.
//! `heads` has the same rows in all four ways between HTTP/1 and HTTP/2.
//!
//! ```text
//! row ─► client ─► proxy ─► system, which notes what it gets, byte for byte
//! ```
//!
//! Each request goes out in one piece, and once more byte by byte: what becomes of it must not depend on how it was cut.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use umpire::exchange::FailureKind;

use super::support::{OK, Peer, Proxy, Server, soon, text};

/// What follows a message that is refused, and must never be taken for one.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

/// What is asked for to see whether a connection, or a system, is still in step.
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";

/// A row: what is expected or asked, the message, what is to come of it.
pub struct Row {
    pub line: usize,
    pub key: String,
    pub message: Vec<u8>,
    pub outcome: String,
}

pub fn rows(table: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, line) in table.lines().enumerate() {
        let line_without = line.split("  # ").next().unwrap_or_default();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, rest) = line_without.split_once(' ').expect("a key and a message");
        let (message, outcome) = rest.split_once(" => ").unwrap_or((rest, ""));
        rows.push(Row {
            line: number + 1,
            key: key.to_owned(),
            message: bytes(message.trim()),
            outcome: outcome.trim().to_owned(),
        });
    }
    assert!(rows.len() > 80, "the table is there");
    rows
}

impl Row {
    /// True if only HTTP/2 can say it: it begins with a field.
    pub fn is_of_http2(&self) -> bool {
        let colon = self.message.windows(2).position(|pair| pair == b": ");
        colon.is_some_and(|colon| !self.message[..colon].iter().any(u8::is_ascii_whitespace))
    }
}

fn rows_of_http1(table: &str) -> impl Iterator<Item = Row> {
    rows(table).into_iter().filter(|row| !row.is_of_http2())
}

/// The bytes that a cell stands for.
pub fn bytes(cell: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = cell;
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        match char {
            '|' => out.extend(b"\r\n"),
            '{' if rest.contains('*') && rest[..1].bytes().all(|byte| byte.is_ascii_digit()) => {
                let (repeated, after) = rest.split_once('}').expect("a closing brace");
                let (times, repeated) = repeated.split_once('*').unwrap();
                out.extend(bytes(repeated).repeat(times.parse().unwrap()));
                rest = after;
            }
            '\\' => {
                let (code, after) = rest.split_at(1);
                rest = after;
                match code {
                    "x" => {
                        out.push(u8::from_str_radix(&rest[..2], 16).expect("two digits"));
                        rest = &rest[2..];
                    }
                    "n" => out.push(b'\n'),
                    "r" => out.push(b'\r'),
                    "t" => out.push(b'\t'),
                    "0" => out.push(0),
                    "\\" => out.push(b'\\'),
                    other => panic!("\\{other} means nothing"),
                }
            }
            other => out.extend(other.to_string().bytes()),
        }
    }
    out
}

/// A message off the front of `seen`, its chunks joined; `None` if it isn't whole. As strict as can be: it is the judge.
pub fn message(seen: &mut Vec<u8>, bodiless: bool) -> Option<Vec<u8>> {
    let end = seen.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = text(&seen[..end]);
    let lower = head.to_ascii_lowercase();
    let field =
        |name: &str| lower.split(&format!("\r\n{name}: ")).nth(1).map(|rest| rest.split("\r\n").next().unwrap());
    let mut whole = seen[..end].to_vec();
    let mut at = end;
    if bodiless
        || lower.starts_with("http/1.1 1")
        || lower.starts_with("http/1.1 204")
        || lower.starts_with("http/1.1 304")
    {
    } else if field("transfer-encoding").is_some() {
        let mut content = Vec::new();
        loop {
            let line = at + seen[at..].windows(2).position(|window| window == b"\r\n")?;
            let size = usize::from_str_radix(&text(&seen[at..line]), 16).expect("a size as the proxy writes it");
            at = line + 2;
            if size == 0 {
                break;
            }
            content.extend_from_slice(seen.get(at..at.checked_add(size)?)?);
            assert_eq!(seen.get(at + size..at + size + 2)?, b"\r\n", "a chunk ends where it should");
            at += size + 2;
        }
        let trailers = at;
        loop {
            let line = at + seen[at..].windows(2).position(|window| window == b"\r\n")? + 2;
            let last = line == at + 2;
            at = line;
            if last {
                break;
            }
        }
        if !content.is_empty() {
            whole.extend(format!("{:X}\r\n", content.len()).bytes().chain(content).chain(*b"\r\n"));
        }
        whole.extend_from_slice(b"0\r\n");
        whole.extend_from_slice(&seen[trailers..at]);
    } else if let Some(length) = field("content-length") {
        let length: usize = length.parse().expect("a length as the proxy writes it");
        whole.extend_from_slice(seen.get(at..at.checked_add(length)?)?);
        at += length;
    }
    seen.drain(..at);
    Some(whole)
}

/// A booking system that notes every whole request, and answers from a list, or else "ok".
#[derive(Clone, Default)]
struct Noting {
    requests: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
}

impl Noting {
    async fn start(&self) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let noting = self.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let noting = noting.clone();
                tokio::spawn(async move {
                    let mut seen = Vec::new();
                    while stream.read_buf(&mut seen).await.is_ok_and(|read| read > 0) {
                        while let Some(request) = message(&mut seen, false) {
                            noting.requests.lock().unwrap().push(text(&request).replace(&address.to_string(), "UP"));
                            let answer = noting.answers.lock().unwrap().pop_front();
                            let answer = answer.unwrap_or_else(|| OK.as_bytes().to_vec());
                            let (sent, close) = match answer.strip_suffix(b"CLOSE") {
                                Some(sent) => (sent, true),
                                None => (&answer[..], false),
                            };
                            // The proxy may have had enough of it.
                            let _written = stream.write_all(sent).await;
                            if close {
                                return;
                            }
                        }
                    }
                });
            }
        });
        address
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

async fn noting_proxy(noting: &Noting) -> Proxy {
    let address = noting.start().await;
    let upstream =
        super::support::live(&format!("http://{address}"), umpire::proxy::upstream::live::Timeouts::default());
    Proxy::with(upstream, umpire::proxy::Limits::default(), 4096).await
}

/// Sends in one piece or many; who refuses what has come so far need not take the rest.
async fn send(peer: &mut Peer, bytes: &[u8], piece: usize) {
    for piece in bytes.chunks(piece) {
        if peer.stream.write_all(piece).await.is_err() {
            return;
        }
        if bytes.len() > piece.len() {
            tokio::task::yield_now().await;
        }
    }
}

async fn everything(peer: &mut Peer) -> String {
    text(&peer.rest().await.0)
}

#[tokio::test]
async fn no_request_is_passed_on_that_two_could_read_differently() {
    let noting = Noting::default();
    let proxy = noting_proxy(&noting).await;
    let mut wrong = Vec::new();
    for row in rows_of_http1(include_str!("wire/requests.txt")) {
        for piece in [usize::MAX, if row.message.len() > 1000 { 700 } else { 1 }] {
            let mut client = proxy.connect().await;
            let got = match row.key.as_str() {
                "pass" => {
                    send(&mut client, &row.message, piece).await;
                    let answer = soon("the answer", client.either("ok", "\"detail\"")).await;
                    if answer.contains("\r\n\r\nok") && !answer.contains("Connection: close") {
                        client.send(NEXT).await;
                        client.until("ok").await;
                    }
                    let mut got = noting.taken();
                    if got.last().is_some_and(|next| *next == NEXT.replace("Host: h", "Host: UP")) {
                        got.pop();
                    }
                    if got.is_empty() { answer } else { got.join(" and ") }
                }
                "gone" => {
                    send(&mut client, &row.message, piece).await;
                    client.stream.shutdown().await.unwrap();
                    everything(&mut client).await;
                    noting.taken().join(" and ")
                }
                _ => {
                    send(&mut client, &row.message, piece).await;
                    send(&mut client, SMUGGLED.as_bytes(), usize::MAX).await;
                    let answer = everything(&mut client).await;
                    let passed = noting.taken();
                    let once = answer.matches("HTTP/1.1 4").count()
                        + answer.matches("HTTP/1.1 5").count()
                        + answer.matches("HTTP/1.1 2").count()
                        == 1
                        && answer.contains("Connection: close");
                    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or_default();
                    if once && passed.is_empty() { status.to_owned() } else { format!("{answer:?} {passed:?}") }
                }
            };
            let expected = match row.key.as_str() {
                "pass" => text(&bytes(&row.outcome)),
                "gone" => String::new(),
                status => status.to_owned(),
            };
            if got != expected {
                wrong.push(format!("line {} in pieces of {piece}:\n  {got:?}\nnot {expected:?}", row.line));
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_control_byte_anywhere_in_a_head_is_refused() {
    let noting = Noting::default();
    let proxy = noting_proxy(&noting).await;
    for byte in (0..0x20).chain([0x7f]) {
        for place in [
            "G@ET / HTTP/1.1|Host: h||",
            "GET /@ HTTP/1.1|Host: h||",
            "GET / HT@TP/1.1|Host: h||",
            "GET / HTTP/1.1@|Host: h||",
            "GET / HTTP/1.1|Host: h|A@: b||",
            "GET / HTTP/1.1|Host: h|A: b@c||",
            "GET / HTTP/1.1|Host: h@||",
            "POST / HTTP/1.1|Host: h|Content-Length: @3||abc",
            "POST / HTTP/1.1|Host: h|Content-Length: 3@||abc",
            "POST / HTTP/1.1|Host: h|Content-@Length: 3||abc",
            "POST / HTTP/1.1|Host: h|Transfer-Encoding: @chunked||0||",
            "POST / HTTP/1.1|Host: h|Transfer-Encoding: chunked@||0||",
            "POST / HTTP/1.1|Host: h|@Transfer-Encoding: chunked||0||",
        ] {
            // White space around a value is no part of it, and a line feed after a carriage return ends a line.
            if byte == b'\t' && (place.contains(": @") || place.contains("@|") || place.contains("b@c")) {
                continue;
            }
            let at = place.find('@').unwrap();
            let mut request = bytes(&place[..at]);
            request.push(byte);
            request.extend(bytes(&place[at + 1..]));
            request.extend_from_slice(SMUGGLED.as_bytes());
            let mut client = proxy.connect().await;
            send(&mut client, &request, usize::MAX).await;
            let answer = everything(&mut client).await;
            assert!(
                answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 505 "),
                "{byte} {place}: {answer}"
            );
            assert_eq!(noting.taken(), [""; 0], "{byte} {place}");
        }
    }
}

#[tokio::test]
async fn no_answer_is_passed_on_that_two_could_read_differently() {
    let noting = Noting::default();
    let proxy = noting_proxy(&noting).await;
    let mut wrong = Vec::new();
    for row in rows_of_http1(include_str!("wire/responses.txt")) {
        let mut client = proxy.connect().await;
        noting.answers.lock().unwrap().push_back(row.message.clone());
        client.send(format!("{} / HTTP/1.1\r\nHost: h\r\n\r\n", row.key)).await;
        let mut seen = Vec::new();
        let mut got = Vec::new();
        // Interim answers, and the answer.
        let open = loop {
            if let Some(message) = message(&mut seen, row.key == "HEAD") {
                let until_close = !text(&message).to_ascii_lowercase().contains("content-length")
                    && text(&message).contains("\r\nConnection: close\r\n");
                let interim = message.starts_with(b"HTTP/1.1 1");
                got.extend(message);
                if until_close {
                    got.append(&mut seen);
                    soon("the rest", client.stream.read_to_end(&mut got)).await.unwrap();
                    break false;
                }
                if !interim {
                    break true;
                }
            } else if soon("an answer", client.stream.read_buf(&mut seen)).await.unwrap_or(0) == 0 {
                break false;
            }
        };
        got.extend_from_slice(if open { b"" } else { &seen });
        let cut = if open || seen.is_empty() { "" } else { "cut " };
        let got = format!("{cut}{}", text(&got));
        let own = got.contains("HTTP/1.1 502 Bad Gateway\r\ncontent-type: application/problem+json\r\n");
        let expected = match row.outcome.as_str() {
            "502" => "502".to_owned(),
            "same" => text(&row.message),
            other => text(&bytes(other)),
        };
        let got = if own { "502".to_owned() } else { got };
        if got != expected {
            wrong.push(format!("line {}:\n  {got:?}\nnot {expected:?}", row.line));
        }
        if !open {
            client = proxy.connect().await;
        }
        client.send(NEXT).await;
        let answer = client.until("ok").await;
        if answer != OK {
            wrong.push(format!("line {}: the next request got {answer:?}", row.line));
        }
        assert_eq!(noting.taken().len(), 2, "line {}", row.line);
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn what_could_not_be_read_to_its_end_is_recorded_so() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    let mut system = server.accept().await;
    system.until("abc\r\n").await;
    client.send("0x3\r\nabc\r\n0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 400 "));
    let failure = proxy.recorded().await.failure.unwrap();
    assert_eq!((failure.kind, failure.answered), (FailureKind::BadRequest, Some(400)));
    assert!(failure.detail.contains("hexadecimal"), "{}", failure.detail);
    assert!(system.rest().await.0.is_empty(), "the booking system sees the request break off");
}
