//! What is far too large, too deep or malformed is judged in bounded time and memory, nothing panics, and what had to be
//! left out is counted.
//!
//! `example → blown up → judge → a time limit`
//!
//! The limits are generous (tests run unoptimised, on whatever machine), but no quadratic algorithm keeps them.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use cpu_time::ThreadTime;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use umpire::exchange::{Body, Exchange, Headers, Request, Response, Timing, Version};
use umpire::judged::Judged;
use umpire::openbooking::Stage;
use umpire::openbooking::media_type::BOOKING_V1;
use umpire::rules::{BookingSystemInfo, Judge, MAX_FINDINGS, RuleBook};

/// Most processor time that one blown-up exchange may take, unoptimised.
const PATIENCE: Duration = Duration::from_secs(30);

const UUID: &str = "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3";

fn judge() -> Judge {
    static BOOK: LazyLock<Arc<RuleBook>> =
        LazyLock::new(|| Arc::new(RuleBook::built_in().expect("the built-in rules load")));
    Judge::new(Arc::clone(&BOOK), BookingSystemInfo::default())
}

fn example(name: &str) -> Value {
    let text = std::fs::read_to_string(format!("rules/examples/{name}.json")).expect("an example");
    serde_json::from_str(&text).expect("JSON")
}

fn start() -> Timestamp {
    "2026-06-01T08:00:00Z".parse().expect("a time")
}

/// An exchange with bodies as they are to be on the wire.
fn exchange(
    method: &str,
    target: &str,
    request: impl Into<Bytes>,
    status: u16,
    response: impl Into<Bytes>,
) -> Exchange {
    let headers = || -> Headers { [("content-type", BOOKING_V1)].into_iter().collect() };
    Exchange {
        id: 0,
        connection: 0,
        started: start(),
        origin: "https://booking.riverside.example".to_owned(),
        request: Request {
            method: method.to_owned(),
            target: target.to_owned(),
            version: Version::Http11,
            headers: headers(),
            body: Body::complete(request),
        },
        response: Some(Response {
            status,
            reason: String::new(),
            version: Version::Http11,
            headers: headers(),
            body: Body::complete(response),
        }),
        failure: None,
        rewritten: Vec::new(),
        simulated: None,
        timing: Timing::default(),
    }
}

/// An exchange of the form of the rules' examples.
fn of(example: &Value) -> Exchange {
    let (request, response) = (&example["request"], &example["response"]);
    let body = |message: &Value| message.get("body").map(Value::to_string).unwrap_or_default();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let fields = |message: &Value| -> Headers {
        let fields = message["headers"].as_object().expect("headers").iter();
        fields.map(|(name, value)| (name.clone(), text(value))).collect()
    };
    let mut exchange = exchange(
        &text(&request["method"]),
        &text(&request["path"]),
        body(request),
        response["status"].as_u64().expect("a status") as u16,
        body(response),
    );
    exchange.request.headers = fields(request);
    exchange.response.as_mut().expect("a response").headers = fields(response);
    exchange
}

trait With {
    fn with_uuid(self, uuid: &str) -> Self;
    fn after(self, seconds: u64) -> Self;
}

impl With for Exchange {
    fn with_uuid(mut self, uuid: &str) -> Self {
        let replaced = |body: &Body| Body::complete(String::from_utf8_lossy(&body.bytes).replace(UUID, uuid));
        self.request.target = self.request.target.replace(UUID, uuid);
        self.request.body = replaced(&self.request.body);
        let response = self.response.as_mut().expect("a response");
        response.body = replaced(&response.body);
        self
    }

    fn after(mut self, seconds: u64) -> Self {
        self.started = self.started.saturating_add(SignedDuration::from_secs(seconds as i64)).expect("a time");
        self
    }
}

/// Judges in time, and says the same when it is judged again.
#[track_caller]
fn judged(exchange: Exchange) -> Judged {
    let exchange = Arc::new(exchange);
    let begun = ThreadTime::now();
    let judged = judge().judge(Arc::clone(&exchange));
    let taken = begun.elapsed();
    assert!(taken < PATIENCE, "judging took {taken:?}");
    judged
}

fn rules(judged: &Judged) -> Vec<&str> {
    judged.findings.iter().map(|finding| finding.rule.id.as_str()).collect()
}

#[test]
fn a_thousand_order_items() {
    let mut c2 = example("c2-ok");
    for message in ["request", "response"] {
        let item = c2[message]["body"]["orderedItem"][0].clone();
        let items = (0..1_000).map(|position| {
            let mut item = item.clone();
            item["position"] = position.into();
            item
        });
        c2[message]["body"]["orderedItem"] = items.collect();
    }
    let mut order = example("b-ok");
    for message in ["request", "response"] {
        let item = order[message]["body"]["orderedItem"][0].clone();
        let items = (0..1_000).map(|number| {
            let mut item = item.clone();
            if message == "request" {
                item["position"] = number.into();
            } else {
                item["@id"] =
                    format!("https://booking.riverside.example/api/openbooking/orders/{UUID}#/{number}").into();
            }
            item
        });
        order[message]["body"]["orderedItem"] = items.collect();
    }
    let mut judge = judge();
    for exchange in [of(&c2), of(&order).after(1)] {
        let begun = ThreadTime::now();
        let judged = judge.judge(Arc::new(exchange));
        assert!(begun.elapsed() < PATIENCE, "judging took {:?}", begun.elapsed());
        assert!(judged.passed > 50, "most rules are judged all the same");
        let too_slow = judged.not_judged.iter().filter(|not| not.because.contains("million steps")).count();
        assert!(too_slow < 40, "{too_slow} rules took too long");
    }
}

#[test]
fn nesting() {
    for depth in [100, 255, 256, 257, 100_000] {
        for (open, close) in [("[", "]"), (r#"{"superEvent":"#, "}"), (r#"{"@type":"Slot","facilityUse":"#, "}")] {
            let text = |inner: &str| format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            let mut judged = judged(exchange("PUT", &format!("/a/order-quotes/{UUID}"), text("1"), 200, text("{}")));
            judged.findings.retain(|finding| finding.rule.id == "headers/response-json" && open != "[");
            assert_eq!(judged.findings.len(), 0, "our own limit is nobody's fault");
        }
    }
}

#[test]
fn megabytes_of_json() {
    let words: Vec<String> = (0..300_000).map(|number| format!("\"{number}\":{number}")).collect();
    let large = format!("{{{}}}", words.join(","));
    judged(exchange("PUT", &format!("/a/order-quotes/{UUID}"), large.clone(), 200, large.clone()));
    let list =
        format!("{{\"@type\":\"OrderQuote\",\"orderedItem\":[{}]}}", vec!["{\"position\":0}"; 100_000].join(","));
    judged(exchange("PUT", &format!("/a/order-quotes/{UUID}"), list.clone(), 200, list));
    let zeros = format!("[{}0]", "0,".repeat(2_000_000));
    judged(exchange("PUT", &format!("/a/order-quotes/{UUID}"), zeros.clone(), 200, zeros));
    let mut quote = example("c2-ok");
    quote["request"]["body"]["broker"]["description"] = "x".repeat(4_000_000).into();
    quote["response"]["body"]["broker"]["description"] = "y".repeat(4_000_000).into();
    let judged = judged(of(&quote));
    assert!(judged.findings.iter().all(|finding| finding.seen.len() + finding.message.len() < 4_000));
}

#[test]
fn odd_members() {
    let mut quote = example("c2-ok");
    for message in ["request", "response"] {
        for number in 0..20_000 {
            quote[message]["body"][format!("acme:n{number}")] = number.into();
            quote[message]["body"]["customer"][format!("n{number}")] = json!([number]);
        }
    }
    judged(of(&quote));
    // A finding for each of 20 000 duplicates is not told one by one, but counted.
    let members = "\"@type\":\"Order\",\"a\":{\"b\":1,\"b\":2},".repeat(20_000);
    let twice = format!("{{{members}\"@type\":\"OrderQuote\"}}");
    let mut judge = judge();
    let found = judge.judge(Arc::new(exchange("PUT", &format!("/a/order-quotes/{UUID}"), twice.clone(), 200, twice)));
    let told = |rule: &str| rules(&found).into_iter().filter(|id| *id == rule).count();
    assert_eq!((told("headers/request-json"), told("headers/response-json")), (MAX_FINDINGS, MAX_FINDINGS));
    let counted = |rule: &str| judge.tallies().find(|(id, _)| *id == rule).map_or(0, |(_, tally)| tally.failed);
    // 20 000 times @type once more, 19 999 times a, and b twice in each.
    assert_eq!(counted("headers/request-json"), 20_000 + 19_999 + 20_000);
    assert!(judge.untold_findings() > 2 * 59_000);
}

#[test]
fn malformed_texts() {
    let bodies: [&[u8]; 9] = [
        b"\xff\xfe{\"@type\":\"OrderQuote\"}",
        b"{\"@type\":\"Order\xc3\x28Quote\"}",
        br#"{"@type":"OrderQuote","customer":{"email":"\ud800"},"broker":{"name":"\udc00\ud800x"}}"#,
        br#"{"@type":"OrderQuote","totalPaymentDue":{"price":1e400,"priceCurrency":"GBP"}}"#,
        br#"{"@type":"OrderQuote","totalPaymentDue":{"price":-0.000000000000000000000000000000000000000001}}"#,
        br#"{"@type":"OrderQuote","orderedItem":[{"position":99999999999999999999999999999},{"position":1e-400}]}"#,
        b"",
        b"null",
        br#"{"@type":["OrderQuote",null,3],"@context":{},"orderedItem":{"0":[]},"seller":[[]],"customer":"x"}"#,
    ];
    for body in bodies {
        for (method, path) in [
            ("PUT", "order-quote-templates"),
            ("PUT", "order-quotes"),
            ("PUT", "orders"),
            ("PUT", "order-proposals"),
            ("PATCH", "orders"),
            ("PATCH", "order-proposals"),
            ("DELETE", "orders"),
            ("GET", "orders"),
        ] {
            for status in [200, 409, 500] {
                let target = format!("/api/openbooking/{path}/{UUID}");
                judge().judge(Arc::new(exchange(method, &target, body.to_vec(), status, body.to_vec())));
            }
        }
    }
}

#[test]
fn ten_thousand_header_fields() {
    let mut quote = of(&example("c2-ok"));
    for number in 0..10_000_u32 {
        let value: Vec<u8> = (0..40).map(|place| (number * 31 + place * 7) as u8).collect();
        quote.request.headers.push(format!("x-{number}"), value.clone());
        quote.response.as_mut().unwrap().headers.push("set-cookie", value);
    }
    judged(quote);
}

#[test]
fn compressed_bombs() {
    let zeros = std::io::repeat(b' ').take(200 * 1024 * 1024);
    let bomb = zstd::encode_all(zeros, 1).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bomb).unwrap();
    for (coding, bytes) in [("zstd", bomb), ("zstd, gzip", gzip.finish().unwrap())] {
        let mut quote = of(&example("c2-ok"));
        let response = quote.response.as_mut().unwrap();
        response.headers.push("content-encoding", coding);
        response.body = Body::complete(bytes);
        let judged = judged(quote);
        let because = "body is larger than 64 MiB when decoded";
        assert!(judged.not_judged.iter().any(|not| not.because.contains(because)));
    }
}

#[test]
fn feed_pages_of_ten_thousand_items() {
    let session = example("sessions-with-offers");
    let order = example("orders-feed");
    for (example, items) in [(session, 10_000), (order, 10_000)] {
        let mut page = example;
        let item = page["response"]["body"]["items"][0].clone();
        let items = (0..items).map(|number: u32| {
            let mut item = item.clone();
            item["modified"] = number.into();
            item["id"] = format!("{number:08x}-6d1c-4f0a-9c52-7e1a4d90b6c3").into();
            item["data"]["@id"] = format!("https://booking.riverside.example/id/{number}").into();
            item
        });
        page["response"]["body"]["items"] = items.collect();
        let judged = judged(of(&page));
        assert!(matches!(judged.stage, Stage::OpportunityFeed | Stage::OrdersFeed), "{}", judged.stage);
    }
}

/// Time per exchange of a flow, for its first and last stretch.
#[test]
fn a_long_flow_is_judged_as_fast_at_its_end_as_at_its_start() {
    let mut judge = judge();
    let quote = of(&example("c2-ok"));
    let mut stretch = |from: u64, to: u64| {
        let begun = ThreadTime::now();
        for number in from..to {
            judge.judge(Arc::new(quote.clone().after(number)));
        }
        begun.elapsed() / (to - from) as u32
    };
    let first = stretch(0, 20);
    let _ = stretch(20, 980);
    let last = stretch(980, 1_000);
    assert!(last < 5 * first + Duration::from_millis(30), "{first:?} at first, {last:?} at last");
}

#[test]
fn many_order_uuids() {
    let mut judge = judge();
    let calls: Vec<Exchange> = ["c1-ok", "b-ok"].iter().map(|name| of(&example(name))).collect();
    for number in 0..2_000_u64 {
        let uuid = format!("{number:08x}-6d1c-4f0a-9c52-7e1a4d90b6c3");
        for (place, call) in calls.iter().enumerate() {
            judge.judge(Arc::new(call.clone().with_uuid(&uuid).after(2 * number + place as u64)));
        }
    }
    assert_eq!(judge.bookings(), 2_000);
    assert!(judge.forgotten_flows() > 0, "two thousand flows don't fit");
}

/// What is remembered of open data is bounded; what is let go of is counted.
#[test]
fn more_open_data_than_there_is_room_for() {
    let mut judge = judge();
    let mut page = example("sessions-with-offers");
    let item = page["response"]["body"]["items"][0].clone();
    for part in 0..8_u32 {
        let items = (0..1_000_u32).map(|number| {
            let mut item = item.clone();
            item["data"]["@id"] = format!("https://booking.riverside.example/id/{part}-{number}").into();
            item["data"]["description"] = "d".repeat(4_000).into();
            item
        });
        page["response"]["body"]["items"] = items.collect();
        judge.judge(Arc::new(of(&page).after(u64::from(part))));
    }
    assert!(judge.forgotten_open_data() > 0);
}

/// One flow of huge messages is bounded as well, and a message that is larger than all there is room for is let go of.
#[test]
fn a_flow_of_huge_messages() {
    let mut judge = judge();
    let mut quote = example("c2-ok");
    quote["response"]["body"]["broker"]["description"] = "d".repeat(9_000_000).into();
    for number in 0..5 {
        judge.judge(Arc::new(of(&quote).after(number)));
    }
    assert_eq!(judge.forgotten_flows(), 1, "the flow is counted once");
}

/// A rule that joins long texts again and again would take gigabytes: 2 000 times 2 MiB.
#[test]
fn rules_that_make_too_much_are_not_judged() {
    let rule = r#"
        title = "Joins texts"
        severity = "notice"
        side = "booking-system"
        scope = "response"
        stages = ["C2"]
        spec = "https://openactive.io/open-booking-api/EditorsDraft/"
        why = "none"
        fix = "none"
        expect = "response.body.orderedItem.all(i, size(response.body.name + response.body.name) > 0)"
        at = "/response/body"
        expected = "nothing"
    "#;
    let book = RuleBook::of_texts(&[("trial/joins", rule)]).expect("a rule");
    let mut judge = Judge::new(Arc::new(book), BookingSystemInfo::default());
    let body = json!({ "name": "x".repeat(1 << 20), "orderedItem": vec![0; 2_000] }).to_string();
    let target = format!("/api/openbooking/order-quotes/{UUID}");
    let judged = judge.judge(Arc::new(exchange("PUT", &target, "{}", 200, body)));
    assert!(judged.findings.is_empty());
    let because: Vec<&str> = judged.not_judged.iter().map(|not| &*not.because).collect();
    assert!(matches!(because[..], [why] if why.contains("64 MiB")), "{because:?}");
}
