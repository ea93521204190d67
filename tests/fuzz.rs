//! Inputs that nobody would write: seeds of the project, torn apart and put together anew, into everything that reads
//! what comes from outside.
//!
//! `seed → a few random changes → target` · a panic or a hang → the input in `target/fuzz/`, the test fails
//!
//! Each target runs for a moment with every `cargo test`; `UMPIRE_FUZZ_SECONDS=180 cargo test --test fuzz har` runs one
//! for three minutes. `UMPIRE_FUZZ_SEED` repeats a run; the seed is printed when it fails. Runs on stable Rust: there is
//! no feedback from coverage, so the seeds are many and of the right shape.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use cpu_time::ThreadTime;
use umpire::capture::{Fields, Redactor, har};
use umpire::exchange::{Body, Exchange, Headers, Request, Response, Timing, Version, decode};
use umpire::json::Document;
use umpire::openbooking::media_type::BOOKING_V1;
use umpire::proxy::h1::{Decoder, HeadLimits, HeadWatch, Length, Step, parse_request, parse_response};
use umpire::rules::{Judge, Known, RuleBook};

/// Most processor time that one input may take, unoptimised.
const PATIENCE: Duration = Duration::from_secs(20);

/// Largest input that is made, in bytes.
const MOST: usize = 1 << 20;

static BOOK: LazyLock<Arc<RuleBook>> =
    LazyLock::new(|| Arc::new(RuleBook::built_in().expect("the built-in rules load")));

/// xorshift64*: all that is needed of chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    /// A range of `length`; short ones are likelier.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = [4, 16, 64, 4096, length][self.below(5)];
        let end = (start + self.below(most + 1)).min(length);
        start..end
    }

    /// A seed with a few changes.
    fn input(&mut self, seeds: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let mut input = self.one_of(seeds).clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, seeds, words);
        }
        input.truncate(MOST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str]) {
        let range = self.range(input.len());
        match self.below(8) {
            0 => drop(input.drain(range)),
            1 => {
                let again = input[range.clone()].repeat(1 + self.below(20));
                drop(input.splice(range.end..range.end, again));
            }
            2 if !input.is_empty() => {
                let place = self.below(input.len());
                input[place] ^= 1 << self.below(8);
            }
            3 if !input.is_empty() => {
                let place = self.below(input.len());
                input[place] = *self.one_of(b"\0\"\\{}[],:0-.eE \n\xff\xc3\x80/'()=&|!<>");
            }
            4 => {
                let other = self.one_of(seeds).clone();
                let part = self.range(other.len());
                drop(input.splice(range, other[part].iter().copied()));
            }
            5 => input.truncate(range.start),
            _ => {
                let word = *self.one_of(words);
                let range = if self.below(2) == 0 { range.start..range.start } else { range };
                drop(input.splice(range, word.bytes()));
            }
        }
    }
}

/// Feeds changed seeds to a target until the time is over.
fn fuzz(name: &str, seeds: &[Vec<u8>], words: &[&str], mut target: impl FnMut(&[u8])) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seconds = number("UMPIRE_FUZZ_SECONDS");
    // With every `cargo test` the same inputs; a longer run tries others.
    let by_the_clock = || {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
        now.as_nanos() as u64
    };
    let seed = number("UMPIRE_FUZZ_SEED").unwrap_or_else(|| seconds.map_or(1, |_| by_the_clock()));
    let mut chance = Chance(seed.max(1));
    let mut runs = 0_u64;
    let mut feed = |input: &[u8]| {
        let begun = ThreadTime::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target(input)));
        if outcome.is_err() || begun.elapsed() > PATIENCE {
            let mut hasher = DefaultHasher::new();
            input.hash(&mut hasher);
            let folder = Path::new("target/fuzz");
            std::fs::create_dir_all(folder).expect("a folder");
            let file = folder.join(format!("{name}-{:016x}", hasher.finish()));
            std::fs::write(&file, input).expect("the input is kept");
            let what = if outcome.is_err() { "panicked" } else { "took too long" };
            panic!("{name} {what} on {} (UMPIRE_FUZZ_SEED={seed})", file.display());
        }
    };
    for seed in seeds {
        feed(seed);
    }
    let until = Instant::now() + seconds.map_or(Duration::from_millis(500), Duration::from_secs);
    while Instant::now() < until {
        feed(&chance.input(seeds, words));
        runs += 1;
    }
    eprintln!("{name}: {runs} inputs");
}

/// The texts of all files below a folder with an ending.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(folder).to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().map(|path| std::fs::read_to_string(path).expect("a text")).collect()
}

fn bytes(texts: Vec<String>) -> Vec<Vec<u8>> {
    texts.into_iter().map(String::into_bytes).collect()
}

/// The bodies of the examples.
fn bodies() -> Vec<Vec<u8>> {
    let examples = files("rules/examples", "json").into_iter();
    let examples = examples.map(|text| serde_json::from_str::<serde_json::Value>(&text).expect("JSON"));
    examples
        .flat_map(|example| ["request", "response"].map(|message| example[message]["body"].clone()))
        .filter(|body| !body.is_null())
        .map(|body| body.to_string().into_bytes())
        .collect()
}

fn exchange(method: &str, target: &str, kind: &str, request: &[u8], response: &[u8]) -> Exchange {
    let headers = || -> Headers { [("content-type", kind.to_owned())].into_iter().collect() };
    Exchange {
        id: 0,
        connection: 0,
        started: "2026-06-01T08:00:00Z".parse().expect("a time"),
        origin: "https://booking.example.com".to_owned(),
        request: Request {
            method: method.to_owned(),
            target: target.to_owned(),
            version: Version::Http11,
            headers: headers(),
            body: Body::complete(request.to_vec()),
        },
        response: Some(Response {
            status: 200,
            reason: String::new(),
            version: Version::Http11,
            headers: headers(),
            body: Body::complete(response.to_vec()),
        }),
        failure: None,
        rewritten: Vec::new(),
        timing: Timing::default(),
    }
}

const JSON: [&str; 22] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"\"",
    "null",
    "true",
    "-0",
    "1e999",
    "0.1",
    "99999999999999999999999999999",
    "\\u0000",
    "\\ud800",
    "\\udc00\\ud800",
    "\"@type\":",
    "\"@id\":",
    "{\"a\":1,\"a\":2}",
    "[[[[",
    "\u{feff}",
    "\"x\":{\"y\":[",
];

#[test]
fn json() {
    fuzz("json", &bodies(), &JSON, |input| {
        let ours = Document::parse(input);
        let theirs = serde_json::from_slice::<serde_json::Value>(input);
        match &ours {
            Ok(document) => {
                let root = document.root();
                let again = Document::parse_str(&root.to_json()).expect("what was written reads back");
                assert!(again.root().same(root) || document.has_duplicate_keys());
                for (key, value) in root.entries() {
                    assert_eq!(root.find(&value.pointer()).is_some(), root.get(key).is_some());
                }
                assert!(root.to_json_up_to(100).len() < 1_000);
            }
            // Nothing is refused that others read.
            Err(error) => assert!(theirs.is_err() || error.is_limit(), "{error}"),
        }
    });
}

#[test]
fn har() {
    let mut seeds = bytes(vec![
        r#"{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"entries":[{"startedDateTime":"2026-06-01T08:00:00Z","time":5,
        "request":{"method":"PUT","url":"https://a.example/api/orders/5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3?x=1","httpVersion":"HTTP/1.1",
        "headers":[{"name":"Authorization","value":"Bearer abc"},{"name":"Content-Encoding","value":"gzip"}],"queryString":[],"cookies":[],
        "postData":{"mimeType":"application/json","text":"{\"@type\":\"Order\"}","params":[{"name":"a","value":"b"}]},"headersSize":-1,"bodySize":17},
        "response":{"status":200,"statusText":"OK","httpVersion":"h2","headers":[{"name":"Set-Cookie","value":"a=b\nc=d"}],"cookies":[],
        "content":{"size":8,"mimeType":"application/json","text":"eyJhIjoxfQ==","encoding":"base64"},"redirectURL":"","headersSize":-1,"bodySize":-1,
        "_error":"net::ERR"},"cache":{},"timings":{"send":1,"wait":2,"receive":3,"blocked":-1},"connection":"7","_umpire":{"id":3,"total_ns":5,
        "failure":{"kind":"broken-off","detail":"x","answered":502},"response_body":{"length":9,"end":"truncated","coded":true}}}]}}"#
            .to_owned(),
    ]);
    // A few entries of the project's own recording; the whole is too long for chance.
    let golden: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("captures/golden.har").expect("a text")).expect("JSON");
    for entry in golden["log"]["entries"].as_array().expect("entries").iter().step_by(5) {
        let log =
            serde_json::json!({ "log": { "version": "1.2", "creator": golden["log"]["creator"], "entries": [entry] } });
        seeds.push(log.to_string().into_bytes());
    }
    let redactor = Redactor::of_persons(Fields::default()).expect("a redactor");
    let words =
        [&JSON[..], &["\"encoding\":\"base64\"", "\"status\":0", "\"_umpire\":{", "\"params\":[", "gzip", "zstd"]]
            .concat();
    fuzz("har", &seeds, &words, |input| {
        let file = Path::new("fuzz.har");
        let Ok((meta, exchanges)) = har::read(file, input) else { return };
        let mut written = Vec::new();
        har::write(file, &meta, exchanges.iter().cloned().map(Ok), &mut written).expect("what was read can be written");
        let (_, again) = har::read(file, &written).expect("what was written can be read");
        assert_eq!(again, exchanges);
        let mut judge = Judge::new(Arc::clone(&BOOK), Known { base_uri: meta.base_uri, ..Known::default() });
        for exchange in exchanges {
            judge.judge(Arc::new(redactor.redact(exchange)));
        }
    });
}

#[test]
fn rules() {
    let seeds = bytes(files("rules", "toml"));
    let words = [
        "[[check]]\n",
        "[[example]]\n",
        "when = ''' '''\n",
        "each = \"/request/body/**/*\"\n",
        "stages = [\"any\"]\n",
        "'''",
        "\"\"\"",
        "at = \".\"\n",
        "native = \"request-json\"\n",
        "model = { of = \"request\", finds = [] }\n",
        "(",
        ")",
        "{",
        "}",
        "= 1\n",
        "milder",
        "not_judged",
        "once",
        "\"",
        "matches(\"(a*)*b\")",
        "{seen}",
    ];
    fuzz("rules", &seeds, &words, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        if let Ok(book) = RuleBook::of_texts(&[("area/name", text)]) {
            assert_eq!(book.rules().len(), 1);
        }
    });
}

#[test]
fn expressions() {
    // Every expression of the book, to be mixed with one another.
    let seeds: Vec<Vec<u8>> = files("rules", "toml")
        .iter()
        .flat_map(|text| text.split("'''").skip(1).step_by(2).map(|part| part.as_bytes().to_vec()).collect::<Vec<_>>())
        .collect();
    let words = [
        "request.body",
        "response.body",
        "flow.earlier",
        "flow.b",
        "recording.recent",
        "item",
        "call.order_uuid",
        "size(",
        "distinct(",
        "anywhere(request.body, \"a\")",
        ".exists(x, ",
        ".all(x, ",
        ".filter(x, ",
        ".map(x, ",
        ".exists_one(x, ",
        ")",
        "(",
        " && ",
        " || ",
        " == ",
        " != ",
        " < ",
        " + ",
        " / 0",
        " % 0",
        " - ",
        "!",
        "-",
        "?",
        " : ",
        "[0]",
        "[-1]",
        "[1.5]",
        "[\"@type\"]",
        " in ",
        "null",
        "true",
        "1e300",
        "9223372036854775807",
        "same(",
        "quoted(",
        "instant(",
        "seconds(\"P9999999999D\")",
        "refused(400, \"A\")",
        "sum(",
        "near(1, 2, 3)",
        ".matches(\"a|b\")",
        "has(request.body.x)",
        "open_data(",
        "others(",
        "flow_of(",
        "x",
        "[",
        "]",
        ",",
        "'",
        "\"",
    ];
    let bodies = bodies();
    let paths = ["order-quote-templates", "order-quotes", "orders", "order-proposals"];
    let traffic: Vec<Arc<Exchange>> = (0..12)
        .map(|number| {
            let target = format!("/a/{}/5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3", paths[number % paths.len()]);
            let (request, response) = (&bodies[number * 3 % bodies.len()], &bodies[number * 7 % bodies.len()]);
            Arc::new(exchange("PUT", &target, BOOKING_V1, request, response))
        })
        .collect();
    fuzz("expressions", &seeds, &words, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        if text.contains("'''") {
            return;
        }
        let rule = |each: &str| {
            format!(
                "title = \"t\"\nseverity = \"failure\"\nside = \"broker\"\nscope = \"flow\"\nstages = [\"any\"]\nspec = \"s\"\n\
                 why = \"w\"\nfix = \"f\"\nat = \"/request\"\nexpected = \"e\"\nmessage = \"{{seen}}\"\n{each}expect = '''\n{text}'''\n"
            )
        };
        for each in ["", "each = \"/request/body/**/*\"\n"] {
            let Ok(book) = RuleBook::of_texts(&[("area/name", &rule(each))]) else { return };
            let mut judge = Judge::new(Arc::new(book), Known::default());
            for exchange in &traffic {
                judge.judge(Arc::clone(exchange));
            }
        }
    });
}

#[test]
fn feeds() {
    let pages = ["orders-feed", "proposals-feed", "opportunity-feed", "sessions-with-offers"];
    let seeds: Vec<Vec<u8>> = pages
        .iter()
        .map(|name| std::fs::read_to_string(format!("rules/examples/{name}.json")).expect("a text"))
        .map(|text| {
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["response"]["body"].to_string().into_bytes()
        })
        .collect();
    let words = [
        &JSON[..],
        &[
            "\"items\":[",
            "\"next\":",
            "\"modified\":",
            "\"state\":\"deleted\"",
            "\"kind\":",
            "\"data\":{",
            "\"id\":\"1\"",
            "\"superEvent\":",
        ],
    ]
    .concat();
    let site = ("/openactive", "text/html");
    let feeds = [
        ("/api/orders-rpde?afterTimestamp=1", BOOKING_V1),
        ("/api/order-proposals-rpde", BOOKING_V1),
        ("/feeds/sessions?afterChangeNumber=1", "application/vnd.openactive.rpde+json; version=1"),
        site,
    ];
    fuzz("feeds", &seeds, &words, |input| {
        let mut judge = Judge::new(Arc::clone(&BOOK), Known::default());
        let html = [b"<script type=\"application/ld+json\">", input, b"</script>"].concat();
        for (target, kind) in feeds {
            let body = if target == site.0 { &html } else { input };
            for _ in 0..2 {
                judge.judge(Arc::new(exchange("GET", target, kind, b"", body)));
            }
        }
    });
}

#[test]
fn content_codings() {
    let text = bodies().into_iter().next().expect("a body");
    let gzip = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).expect("it is written to memory");
        gzip.finish().expect("it is written to memory")
    };
    let zlib = {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&text).expect("it is written to memory");
        zlib.finish().expect("it is written to memory")
    };
    let mut brotli = Vec::new();
    brotli::CompressorWriter::new(&mut brotli, 4096, 5, 20).write_all(&text).expect("it is written to memory");
    let zstd = zstd::encode_all(&text[..], 1).expect("it is written to memory");
    let redactor = Redactor::of_persons(Fields::default()).expect("a redactor");
    fuzz("content_codings", &[text, gzip, zlib, brotli, zstd], &["\u{1f}\u{8b}"], |input| {
        for coding in ["gzip", "deflate", "br", "zstd", "gzip, zstd", "br, br", "identity", "x"] {
            let headers: Headers = [("content-encoding", coding)].into_iter().collect();
            let decoded = decode(input, &headers).map(|content| content.len());
            let mut exchange = exchange("PUT", "/", "application/json", input, input);
            exchange.request.headers.push("content-encoding", coding);
            let redacted = redactor.redact(exchange);
            let again = decode(&redacted.request.body.bytes, &redacted.request.headers);
            assert!(decoded.is_err() || again.is_ok(), "what could be read can be read after it was redacted");
        }
    });
}

/// The messages of a table of `tests/proxy/wire/`, bytes as good as they are there.
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
fn head_in_pieces<H: std::fmt::Debug>(
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
    let seeds = wire_rows(include_str!("proxy/wire/requests.txt"));
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
    let seeds = wire_rows(include_str!("proxy/wire/responses.txt"));
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
    let rows = wire_rows(include_str!("proxy/wire/requests.txt")).into_iter();
    let seeds: Vec<Vec<u8>> = rows
        .filter_map(|row| {
            let end = row.windows(4).position(|window| window == b"\r\n\r\n")?;
            Some(row[end + 4..].to_vec())
        })
        .chain([b"5;a=b\r\nhello\r\n1\r\n \r\n0\r\nX-Sum: 7\r\n\r\nGET".to_vec()])
        .collect();
    // Content, trailers and what is left; or that it can't be read, or isn't whole.
    let decode = |input: &[u8], piece: usize| {
        let (mut decoder, mut buf) = (Decoder::new(Length::Chunked), BytesMut::new());
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
