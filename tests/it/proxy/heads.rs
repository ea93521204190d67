//! Heads in all four ways: a client and a booking system of HTTP/1 or HTTP/2 each. The rows are those of `wire`, as far as
//! both versions can say them, and those of HTTP/2 alone, which begin with a field.
//!
//! ```text
//! row ─► client (HTTP/1, HTTP/2) ─► proxy ─► system (HTTP/1, HTTP/2), which notes what it gets
//! ```
//!
//! What goes on, and what comes back, is compared in one form for both versions ([`canonical`]).

mod message;
mod peers;

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
use message::{answer_of, canonical_of_http1, is_of_http1, of_row, request_of, taken_apart, value};
use peers::{Got, Scripted, System, over_http1, over_http2, send};

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
