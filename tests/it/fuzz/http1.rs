//! Messages of HTTP/1.
//!
//! `bytes, whole and in pieces ─► head, body ─► the same, however they come` · `head ─► passed on ─► one reading only`

use std::fmt::Debug;

use bytes::BytesMut;
use umpire::exchange::Version;
use umpire::proxy::h1::{BodyDecoder, HeadWatch, RequestShape, Step, parse_request, parse_response, request_head};
use umpire::proxy::message::head::{BodyLength, HeadLimits};

use super::engine::fuzz;
use super::readers::readings;

/// The messages of a table of `tests/it/proxy/wire/`, bytes as good as they are there.
fn wire_rows(table: &str) -> Vec<Vec<u8>> {
    let rows = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let messages = rows.map(|row| row.split("  =>").next().unwrap_or_default());
    let messages = messages.filter_map(|row| row.split_once(' ')).map(|(_, message)| message.trim());
    messages
        .map(|message| message.replace('|', "\r\n").replace("\\r", "\r").replace("\\n", "\n").into_bytes())
        .collect()
}

const HTTP: [&str; 24] = [
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    ",",
    "0",
    "\r\n\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 4\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Host: h\r\n",
    "HTTP/1.1",
    "HTTP/1.0",
    "Connection: close\r\n",
    "\r\n folded",
    "\u{0}",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    ";a=\"b\"",
    "Expect: 100-continue\r\n",
    "http://h/",
];

/// A head, read from what comes in two pieces. Returns it, and what is left.
fn head_in_pieces<H: Debug>(
    input: &[u8],
    cut: usize,
    parse: impl Fn(&mut BytesMut) -> Result<Option<H>, String>,
) -> Result<Option<(String, Vec<u8>)>, ()> {
    let mut buf = BytesMut::from(&input[..cut]);
    let mut watch = HeadWatch::default();
    for whole in [false, true] {
        if whole {
            buf.extend_from_slice(&input[cut..]);
        }
        if watch.is_due(&buf, HeadLimits::default())
            && let Some(head) = parse(&mut buf).map_err(|_| ())?
        {
            let unread = if whole { &input[..0] } else { &input[cut..] };
            return Ok(Some((format!("{head:?}"), [&buf[..], unread].concat())));
        }
    }
    Ok(None)
}

#[test]
fn request_heads() {
    let seeds = wire_rows(include_str!("../proxy/wire/requests.txt"));
    let parse = |buf: &mut BytesMut| {
        let parsed = parse_request(buf, HeadLimits::default()).map_err(|error| error.to_string());
        if let Ok(Some(head)) = &parsed {
            // Nothing ambiguous is left in what was taken.
            let text = |name: &str| head.fields.0.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
            assert!(text("host") == 1 || head.version == Version::Http10 && text("host") == 0);
            assert!(
                head.fields.0.iter().all(|field| !field.value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')))
            );
            assert!(head.target.starts_with('/') || head.target == "*" || head.method == "CONNECT", "{}", head.target);
            assert!(!head.target.contains(['#', ' ', '\r', '\n']));
            if head.length().is_ok() {
                assert!(text("content-length") == 0 || text("transfer-encoding") == 0);
            }
        }
        parsed
    };
    let mut number = 0;
    fuzz("request_heads", &seeds, &HTTP, |input| {
        number += 1;
        let whole = head_in_pieces(input, input.len(), parse);
        let cut = head_in_pieces(input, number * 7 % (input.len() + 1), parse);
        // However it is cut: the same, unless what is wrong with it is seen earlier.
        assert!(whole == cut || whole.is_err() || cut.is_err(), "{whole:?} {cut:?}");
        assert_eq!(matches!(whole, Ok(Some(_))), matches!(cut, Ok(Some(_))));
    });
}

#[test]
fn response_heads() {
    let seeds = wire_rows(include_str!("../proxy/wire/responses.txt"));
    let parse = |buf: &mut BytesMut| {
        let parsed = parse_response(buf, HeadLimits::default()).map_err(|error| error.to_string());
        if let Ok(Some(head)) = &parsed {
            assert!((100..1000).contains(&head.status));
            assert!(!head.reason.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')), "{:?}", head.reason);
            for method in ["GET", "HEAD"] {
                let _read_or_refused = head.length(&method.parse().expect("a method"));
            }
        }
        parsed
    };
    let mut number = 0;
    fuzz("response_heads", &seeds, &HTTP, |input| {
        number += 1;
        let whole = head_in_pieces(input, input.len(), parse);
        let cut = head_in_pieces(input, number * 7 % (input.len() + 1), parse);
        assert!(whole == cut || whole.is_err() || cut.is_err(), "{whole:?} {cut:?}");
    });
}

#[test]
fn chunked_bodies() {
    let rows = wire_rows(include_str!("../proxy/wire/requests.txt")).into_iter();
    let seeds: Vec<Vec<u8>> = rows
        .filter_map(|row| {
            let end = row.windows(4).position(|window| window == b"\r\n\r\n")?;
            Some(row[end + 4..].to_vec())
        })
        .chain([b"5;a=b\r\nhello\r\n1\r\n \r\n0\r\nX-Sum: 7\r\n\r\nGET".to_vec()])
        .collect();
    // Content, trailers and what is left; or that it can't be read, or isn't whole.
    let decode = |input: &[u8], piece: usize| {
        let (mut decoder, mut buf) = (BodyDecoder::new(BodyLength::Chunked), BytesMut::new());
        let (mut content, mut pieces) = (Vec::new(), input.chunks(piece));
        loop {
            match decoder.step(&mut buf) {
                Ok(Step::Data(data)) => content.extend_from_slice(&data),
                Ok(Step::Trailers(fields)) => {
                    buf.extend(pieces.flatten());
                    return Ok(Some((content, format!("{fields:?}"), buf.to_vec())));
                }
                Ok(Step::End) => {
                    buf.extend(pieces.flatten());
                    return Ok(Some((content, String::new(), buf.to_vec())));
                }
                Ok(Step::More) => match pieces.next() {
                    Some(piece) => buf.extend_from_slice(piece),
                    None => return Ok(None),
                },
                Err(error) => return Err(error),
            }
        }
    };
    fuzz("chunked_bodies", &seeds, &HTTP, |input| {
        let whole = decode(input, usize::MAX);
        for piece in [1, 3] {
            let cut = decode(input, piece);
            assert_eq!(matches!(whole, Ok(Some(_))), matches!(cut, Ok(Some(_))), "{whole:?} {cut:?}");
            if let (Ok(Some(whole)), Ok(Some(cut))) = (&whole, &cut) {
                assert_eq!(whole, cut, "however it is cut, it is the same");
            }
        }
    });
}

/// What other programs make of a request that Umpire passes on: all of them the same, whatever it was made of.
#[test]
fn requests_passed_on() {
    const HOST: &str = "booking.example";
    let seeds = wire_rows(include_str!("../proxy/wire/requests.txt"));
    let words =
        [&HTTP[..], &["_", "Content_Length: 3\r\n", "+", "\u{b}", "\u{a0}", "chunked", "\r\n\r\nGET / HTTP/1.1\r\n"]]
            .concat();
    fuzz("requests_passed_on", &seeds, &words, |input| {
        let mut buf = BytesMut::from(input);
        let Ok(Some(head)) = parse_request(&mut buf, HeadLimits::default()) else { return };
        let Ok(length) = head.length() else { return };
        let size = match length {
            BodyLength::Known(size) => Some(size),
            BodyLength::Chunked | BodyLength::UntilClose => None,
        };
        let shape =
            RequestShape { method: head.method.as_str(), target: &head.target, host: HOST, size, upgrade: None };
        let mut sent = BytesMut::new();
        request_head(&mut sent, &head.fields, &shape);
        for (reader, reading) in readings(&sent) {
            let passed_on = String::from_utf8_lossy(&sent);
            assert_eq!(reading.rest, 0, "{reader:?} takes a part of the head for content: {passed_on}");
            assert_eq!(
                reading.line,
                format!("{} {} HTTP/1.1", head.method, head.target).into_bytes(),
                "{reader:?}: {passed_on}"
            );
            assert_eq!(reading.hosts, [HOST.as_bytes()], "{reader:?}: {passed_on}");
            let expected = match length {
                BodyLength::Known(size) => Some(size),
                BodyLength::Chunked | BodyLength::UntilClose => None,
            };
            assert_eq!(reading.length, expected, "{reader:?}: {passed_on}");
        }
    });
}
