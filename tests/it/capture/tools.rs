//! HAR files in the manner of the programs that write them, quirks and all. Each is written for the test.

use std::fs;
use std::path::Path;

use umpire::capture::{self, CaptureError, RecordingWriter, har};
use umpire::exchange::{Body, Exchange, FailureKind, Version, decode};

use super::arbitrary::{gzip, ordinary};

fn read(har: &str) -> Vec<Exchange> {
    har::read(Path::new("x.har"), har.as_bytes()).unwrap().1
}

fn targets(exchanges: &[Exchange]) -> Vec<&str> {
    exchanges.iter().map(|exchange| exchange.request.target.as_str()).collect()
}

fn content(exchange: &Exchange) -> String {
    let response = exchange.response.as_ref().unwrap();
    String::from_utf8(decode(&response.body.bytes, &response.headers).unwrap().into_owned()).unwrap()
}

#[test]
fn chromium() {
    let exchanges = read(
        r#"{"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"},
        "pages": [{"startedDateTime": "2026-11-24T07:00:00.000Z", "id": "page_1", "title": "x", "pageTimings": {"onLoad": null}}],
        "entries": [
          {"_connectionId": "4181", "_initiator": {"type": "script"}, "_priority": "High", "_resourceType": "fetch", "cache": {},
           "connection": "443", "pageref": "page_1",
           "request": {"method": "PUT", "url": "https://a.example/api/order-quotes/1", "httpVersion": "http/2.0",
             "headers": [{"name": ":authority", "value": "a.example"}, {"name": ":method", "value": "PUT"},
               {"name": "content-type", "value": "application/json"}],
             "queryString": [], "cookies": [{"name": "s", "value": "[REDACTED]"}], "headersSize": -1, "bodySize": 8,
             "postData": {"mimeType": "application/json", "text": "{\"a\": 1}"}},
           "response": {"status": 200, "statusText": "", "httpVersion": "http/2.0",
             "headers": [{"name": "content-encoding", "value": "br"}, {"name": "set-cookie", "value": "a=1\nb=2"}],
             "cookies": [], "content": {"size": 11, "mimeType": "application/json", "compression": 3, "text": "{\"b\": \"\u00e9\"}"},
             "redirectURL": "", "headersSize": -1, "bodySize": -1, "_transferSize": 120, "_error": null, "_fetchedViaServiceWorker": false},
           "serverIPAddress": "[::1]", "startedDateTime": "2026-11-24T07:00:01.250Z", "time": 12.5,
           "timings": {"blocked": 1.5, "dns": -1, "ssl": -1, "connect": -1, "send": 0.25, "wait": 10, "receive": 0.75, "_blocked_queueing": 1, "_workerStart": -1}},
          {"_resourceType": "websocket", "_webSocketMessages": [{"type": "send", "time": 1.5, "opcode": 1, "data": "hi"}],
           "request": {"method": "GET", "url": "wss://a.example/live", "httpVersion": "http/1.1", "headers": [], "queryString": [], "cookies": [], "headersSize": -1, "bodySize": 0},
           "response": {"status": 101, "statusText": "Switching Protocols", "httpVersion": "http/1.1", "headers": [], "cookies": [],
             "content": {"size": 0, "mimeType": "x-unknown"}, "redirectURL": "", "headersSize": -1, "bodySize": -1, "_transferSize": 0},
           "startedDateTime": "2026-11-24T07:00:02Z", "time": 100, "timings": {}},
          {"request": {"method": "GET", "url": "data:image/png;base64,AAAA", "headers": []}, "response": {"status": 200}, "startedDateTime": "2026-11-24T07:00:03Z"},
          {"request": {"method": "GET", "url": "https://ads.example/x", "headers": [], "bodySize": 0},
           "response": {"status": 0, "statusText": "", "httpVersion": "", "headers": [], "content": {"size": 0, "mimeType": "x-unknown"},
             "bodySize": -1, "_transferSize": 0, "_error": "net::ERR_BLOCKED_BY_CLIENT"},
           "startedDateTime": "2026-11-24T07:00:04Z", "time": 0.5, "timings": {"blocked": 0.5, "send": 0, "wait": 0, "receive": 0}}
        ]}}"#,
    );
    assert_eq!(targets(&exchanges), ["/api/order-quotes/1", "/live", "/x"], "data: never was on the wire");
    let first = &exchanges[0];
    assert_eq!((first.request.version, first.request.headers.0.len()), (Version::Http2, 1));
    assert_eq!(content(first), "{\"b\": \"\u{e9}\"}");
    assert_eq!(first.response.as_ref().unwrap().headers.all("set-cookie").count(), 2);
    assert_eq!(first.timing.sent.unwrap().as_micros(), 1_750);
    assert_eq!(exchanges[1].response.as_ref().unwrap().status, 101);
    assert_eq!(exchanges[2].failure.as_ref().unwrap().kind, FailureKind::ClientGone);
}

#[test]
fn firefox() {
    let exchanges = read(
        r#"{"log": {"version": "1.1", "creator": {"name": "Firefox", "version": "140.0"}, "browser": {"name": "Firefox", "version": "140.0"},
        "pages": [], "entries": [
          {"startedDateTime": "2026-11-24T09:00:01.000+02:00",
           "request": {"bodySize": 15, "method": "POST", "url": "https://a.example/token", "httpVersion": "HTTP/2",
             "headers": [{"name": "Content-Type", "value": "application/x-www-form-urlencoded"}], "cookies": [], "queryString": [], "headersSize": 300,
             "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "grant", "value": "x y"}], "text": "grant=x+y&more="}},
           "response": {"status": 200, "statusText": "", "httpVersion": "HTTP/2", "headers": [{"name": "content-encoding", "value": "gzip"}], "cookies": [],
             "content": {"mimeType": "application/json; charset=utf-8", "size": 8, "text": "{\"a\": 1}"}, "redirectURL": "", "headersSize": 100, "bodySize": 128},
           "cache": {}, "timings": {"blocked": -1, "dns": 0, "connect": 0, "ssl": 0, "send": 0, "wait": 21, "receive": 0}, "time": 21,
           "_securityState": "secure", "serverIPAddress": "192.0.2.1", "connection": "443", "pageref": "page_1"},
          {"startedDateTime": "2026-11-24T09:00:02.000+02:00",
           "request": {"bodySize": 0, "method": "GET", "url": "https://a.example/image", "httpVersion": "", "headers": [], "cookies": []},
           "response": {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": [],
             "content": {"mimeType": "image/png", "size": 2048, "comment": "Response bodies are not included."}, "bodySize": 2100},
           "cache": {}, "timings": {}, "time": 0},
          {"startedDateTime": "2026-11-24T09:00:03.000+02:00",
           "request": {"bodySize": 0, "method": "GET", "url": "https://blocked.example/", "headers": []},
           "response": {"status": null, "statusText": null, "httpVersion": null, "headers": [], "content": {"mimeType": "", "size": 0, "text": ""}, "redirectURL": null, "headersSize": -1, "bodySize": -1},
           "cache": {}, "timings": null, "time": null, "_blocked": 12}
        ]}}"#,
    );
    assert_eq!(exchanges[0].started, "2026-11-24T07:00:01Z".parse().unwrap());
    assert_eq!(exchanges[0].request.body, Body::complete("grant=x+y&more="), "the text, not the parameters");
    assert_eq!(content(&exchanges[0]), "{\"a\": 1}");
    let image = &exchanges[1].response.as_ref().unwrap().body;
    assert_eq!(*image, Body::not_recorded(2100));
    assert_eq!((&exchanges[2].response, &exchanges[2].failure), (&None, &None));
}

#[test]
fn safari_and_slack() {
    let safari = read(
        r#"{"log": {"version": "1.2", "creator": {"name": "WebKit Web Inspector", "version": "1.0"}, "pages": [],
        "entries": [{"pageref": "page_0", "startedDateTime": "2026-11-24T07:00:01.000Z", "time": 30.000000000000004,
          "request": {"method": "GET", "url": "https://a.example/x#top", "httpVersion": "h3", "cookies": [], "headers": [], "queryString": [], "headersSize": -1, "bodySize": 0},
          "response": {"status": 200, "statusText": "", "httpVersion": "h3", "cookies": [], "headers": [],
            "content": {"size": 3, "compression": 0, "mimeType": "text/plain", "text": "YWJj", "encoding": "base64"}, "redirectURL": "", "headersSize": -1, "bodySize": 3, "_transferSize": 40},
          "cache": {}, "timings": {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 1.5, "wait": 20, "receive": 8}, "_fetchType": "Network Load", "_priority": "high"}]}}"#,
    );
    assert_eq!((safari[0].request.version, targets(&safari)), (Version::Http3, vec!["/x"]));
    assert_eq!(safari[0].response.as_ref().unwrap().body, Body::complete("abc"));
    let slack = read(
        r#"{"log": {"creator": {"name": "Slack"}, "entries": [{"startedDateTime": "2026-11-24T07:00:01Z", "time": 1,
          "request": {"method": "GET", "url": "https://a.example/x", "headers": [["Accept", "*/*"], ["X-Two", "2"]]},
          "response": {"status": 200, "headers": [["Content-Type", "text/plain"]], "content": {"text": "abc"}}}]}}"#,
    );
    assert_eq!(slack[0].request.headers.get("x-two"), Some("2"));
}

#[test]
fn charles_and_fiddler() {
    let charles = read(
        r#"{"log": {"version": "1.2", "creator": {"name": "Charles Proxy", "version": "4.6.2"}, "entries": [
          {"startedDateTime": "2026-11-24T07:00:01.000+00:00", "time": 80,
           "request": {"method": "POST", "url": "https://a.example/token", "httpVersion": "HTTP/1.1", "cookies": [],
             "headers": [{"name": "content-type", "value": "application/x-www-form-urlencoded"}], "queryString": [],
             "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "1&2"}, {"name": "b", "value": null}]},
             "headersSize": 200, "bodySize": 9},
           "response": {"_charlesStatus": "COMPLETE", "status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
             "content": {"size": 4, "mimeType": "image/png", "text": "iVBORw==", "encoding": "base64"}, "redirectURL": null, "headersSize": 0, "bodySize": 4},
           "serverIPAddress": "192.0.2.1", "cache": {}, "timings": {"dns": 1, "connect": 2, "ssl": 1, "send": 3, "wait": 60, "receive": 14}},
          {"startedDateTime": "2026-11-24T07:00:02.000+00:00", "time": 5,
           "request": {"method": "GET", "url": "https://a.example/gone", "httpVersion": "HTTP/1.1", "headers": [], "headersSize": 0, "bodySize": 0},
           "response": {"_charlesStatus": "FAILED", "status": 0, "headers": [], "content": {"size": 0, "mimeType": null}, "headersSize": 0, "bodySize": 0}}
        ]}}"#,
    );
    assert_eq!(charles[0].request.body, Body::complete("a=1%262&b="));
    assert_eq!(charles[0].response.as_ref().unwrap().body, Body::complete(&b"\x89PNG"[..]));
    assert_eq!(charles[0].timing.sent.unwrap().as_millis(), 6);
    assert!(charles[1].response.is_none());
    let fiddler = read(
        "\u{feff}{\"log\": {\"pages\": [], \"comment\": \"exported @ 24/11/2026\", \"entries\": [
          {\"time\": 105, \"startedDateTime\": \"2026-11-24T07:00:01.1234567+00:00\", \"connection\": \"ClientPort:52301;EgressPort:52302\", \"comment\": \"[#1]\",
           \"request\": {\"headersSize\": 300, \"postData\": {\"text\": \"{}\", \"mimeType\": \"application/json\"}, \"queryString\": [], \"headers\": [{\"name\": \"Host\", \"value\": \"a.example\"}],
             \"bodySize\": 2, \"url\": \"https://a.example/x\", \"cookies\": [], \"method\": \"PUT\", \"httpVersion\": \"HTTP/1.1\"},
           \"response\": {\"headersSize\": 100, \"bodySize\": 2, \"statusText\": \"Created\", \"redirectURL\": \"\", \"status\": 201, \"httpVersion\": \"HTTP/1.1\", \"cookies\": [], \"headers\": [],
             \"content\": {\"size\": 2, \"compression\": 0, \"mimeType\": \"application/json\", \"text\": \"{}\"}},
           \"cache\": {}, \"timings\": {\"dns\": 0, \"connect\": 0, \"blocked\": -1, \"ssl\": -1, \"send\": 0, \"wait\": 100, \"receive\": 5}}],
          \"creator\": {\"name\": \"Fiddler\", \"version\": \"5.0\", \"comment\": \"x\"}, \"version\": \"1.2\"}}",
    );
    assert_eq!(fiddler[0].started, "2026-11-24T07:00:01.1234567Z".parse().unwrap());
    assert_eq!((fiddler[0].connection, fiddler[0].response.as_ref().unwrap().status), (0, 201));
}

#[test]
fn insomnia_and_postman() {
    let insomnia = read(
        r#"{"log": {"version": "1.2", "creator": {"name": "Insomnia REST Client", "version": "insomnia.desktop.app:v9"}, "entries": [
          {"startedDateTime": "2026-11-24T07:00:01.000Z", "time": 31.5,
           "request": {"method": "GET", "url": "https://a.example/x?a=1", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [{"name": "X", "value": ""}],
             "queryString": [{"name": "a", "value": "1"}], "headersSize": -1, "bodySize": -1, "settingEncodeUrl": true},
           "response": {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [], "content": {"size": 2, "mimeType": "", "text": "{}"}, "redirectURL": "", "headersSize": -1, "bodySize": -1},
           "cache": {}, "timings": {"blocked": -1, "dns": -1, "connect": -1, "send": 0, "wait": 31.5, "receive": 0, "ssl": -1}, "comment": "a request"},
          {"startedDateTime": "2026-11-24T07:00:02.000Z", "time": 0, "request": {"method": "PUT", "url": "https://a.example/never-sent", "httpVersion": "HTTP/1.1", "headers": [], "postData": {"mimeType": "application/json", "text": ""}},
           "response": {"status": 0, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [], "content": {"size": 0, "mimeType": ""}, "redirectURL": "", "headersSize": -1, "bodySize": -1}}
        ]}}"#,
    );
    assert_eq!(insomnia[0].response.as_ref().unwrap().body, Body::complete("{}"));
    assert!(insomnia[1].response.is_none() && insomnia[1].request.body == Body::not_recorded(0));
    // A response without content, members without values, headers as one object, times as milliseconds.
    let postman = read(
        r#"{"log": {"version": "1.2", "creator": {"name": "Postman"}, "entries": [
          {"startedDateTime": 1795503601500, "time": "18",
           "request": {"method": "post", "url": "https://a.example/x", "headers": {"Accept": "*/*", "X-Count": 3}, "postData": null, "bodySize": null},
           "response": {"status": "204", "statusText": null, "headers": null, "content": null, "bodySize": "0"}, "timings": {"wait": "18"}}]}}"#,
    );
    assert_eq!(postman[0].started, "2026-11-24T07:00:01.5Z".parse().unwrap());
    assert_eq!(postman[0].request.headers.get("x-count"), Some("3"));
    assert_eq!(postman[0].response.as_ref().unwrap().status, 204);
    assert_eq!(postman[0].timing.total.as_millis(), 18);
}

#[test]
fn playwright_and_mitmproxy() {
    let playwright = read(
        r#"{"log": {"version": "1.2", "creator": {"name": "Playwright", "version": "1.50"}, "browser": {"name": "chromium", "version": "130"}, "entries": [
          {"startedDateTime": "2026-11-24T07:00:01.000Z", "time": -1,
           "request": {"method": "GET", "url": "https://a.example/attached", "httpVersion": "HTTP/2.0", "cookies": [], "headers": [], "queryString": [], "headersSize": -1, "bodySize": -1},
           "response": {"status": 200, "statusText": "", "httpVersion": "HTTP/2.0", "cookies": [], "headers": [], "content": {"size": 50, "mimeType": "application/json", "_file": "0a1b.json"}, "headersSize": -1, "bodySize": -1, "redirectURL": "", "_transferSize": -1},
           "cache": {}, "timings": {"dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": -1, "receive": -1}, "_serverPort": 443, "_securityDetails": {}},
          {"startedDateTime": "2026-11-24T07:00:02.000Z", "time": 3,
           "request": {"method": "GET", "url": "https://a.example/failed", "httpVersion": "HTTP/1.1", "headers": [], "bodySize": -1},
           "response": {"status": -1, "statusText": "", "httpVersion": "HTTP/1.1", "headers": [], "content": {"size": -1, "mimeType": "x-unknown"}, "headersSize": -1, "bodySize": -1, "redirectURL": "", "_transferSize": -1, "_failureText": "net::ERR_CONNECTION_REFUSED"}}
        ]}}"#,
    );
    let attached = &playwright[0].response.as_ref().unwrap().body;
    assert_eq!(*attached, Body::not_recorded(50), "what lies in another file is not in this one");
    let failure = playwright[1].failure.as_ref().unwrap();
    assert_eq!((failure.kind, failure.detail.as_str()), (FailureKind::Unreachable, "net::ERR_CONNECTION_REFUSED"));
    let mitmproxy = read(
        r#"{"log": {"version": "1.2", "creator": {"name": "mitmproxy", "version": "11.0", "comment": ""}, "pages": [], "entries": [
          {"startedDateTime": "2026-11-24T07:00:01.123456+00:00", "time": 2.5,
           "request": {"method": "PUT", "url": "http://127.0.0.1:8090/api/orders/1", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [], "queryString": [],
             "headersSize": 120, "bodySize": 2, "postData": {"mimeType": "application/json", "text": "{}", "params": []}},
           "response": {"status": 201, "statusText": "Created", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [{"name": "content-encoding", "value": "gzip"}],
             "content": {"size": 40, "compression": -20, "mimeType": "application/json", "text": "{\"b\": 2}"}, "redirectURL": "", "headersSize": 100, "bodySize": 40},
           "cache": {}, "timings": {"connect": 0.5, "ssl": -1.0, "send": 0.25, "receive": 0.25, "wait": 1.5}, "serverIPAddress": "127.0.0.1"},
          {"startedDateTime": "2026-11-24T07:00:02+00:00", "time": 0, "request": {"method": "GET", "url": "http://127.0.0.1:1/", "headers": []},
           "response": {"status": 0, "statusText": "", "httpVersion": "", "headers": [], "cookies": [], "content": {}, "redirectURL": "", "headersSize": -1, "bodySize": -1, "_transferSize": 0, "_error": "connect failed"}}
        ]}}"#,
    );
    assert_eq!(content(&mitmproxy[0]), "{\"b\": 2}");
    assert_eq!(mitmproxy[1].failure.as_ref().unwrap().detail, "connect failed");
}

#[test]
fn entries_out_of_order_are_put_in_order() {
    let entry = |second: &str, name: &str| {
        format!(
            r#"{{"startedDateTime": {second}, "request": {{"method": "GET", "url": "https://a.example/{name}"}}, "response": {{"status": 200}}}}"#
        )
    };
    let time = |second: u32| format!("\"2026-11-24T07:00:{second:02}Z\"");
    let entries =
        [entry(&time(5), "c"), entry("null", "d"), entry(&time(1), "a"), entry(&time(1), "b"), entry(&time(9), "e")];
    let har = format!("{{\"log\": {{\"entries\": [{}]}}}}", entries.join(",\n"));
    let (meta, exchanges) = har::read(Path::new("x.har"), har.as_bytes()).unwrap();
    assert_eq!(targets(&exchanges), ["/a", "/b", "/c", "/d", "/e"], "one without a time follows the one before it");
    assert_eq!(exchanges.iter().map(|exchange| exchange.id).collect::<Vec<_>>(), [2, 3, 0, 1, 4]);
    assert_eq!(meta.created, exchanges[0].started);
    // A compressed file is unpacked for that, and leaves nothing behind.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.har.gz");
    fs::write(&file, gzip(har.as_bytes())).unwrap();
    let recording = capture::open(&file).unwrap();
    assert_eq!(recording.meta, meta);
    assert_eq!(recording.exchanges.collect::<Result<Vec<_>, _>>().unwrap(), exchanges);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let wrong = har.replace("https://a.example/c", "nowhere");
    fs::write(&file, gzip(wrong.as_bytes())).unwrap();
    let recording = capture::open(&file).unwrap();
    let left = recording.exchanges.collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(targets(&left), ["/a", "/b", "/d", "/e"]);
    let said: Vec<String> = recording.oddities.list().iter().map(ToString::to_string).collect();
    assert_eq!(said, ["entry 1: the url of its request is not an absolute one; left out"]);
    // The order of Umpire's own files is that in which exchanges ended.
    let file = folder.path().join("own.har");
    let mut late = ordinary();
    late.started = "2030-01-01T00:00:00Z".parse().unwrap();
    let mut output = RecordingWriter::create(&file, &super::arbitrary::meta(), false).unwrap();
    for exchange in [&late, &ordinary()] {
        output.append(exchange).unwrap();
    }
    output.finish().unwrap();
    let read: Vec<_> = capture::open(&file).unwrap().exchanges.map(Result::unwrap).collect();
    assert_eq!(read, [late, ordinary()]);
}

#[test]
fn the_place_of_a_fault_is_its_line_in_the_file() {
    let har = "{\"log\": {\n\"entries\": [\n{\"request\": {\"method\": \"GET\", \"url\": \"http://a.example\"}},\n 7\n{\"request\":\n {\"method\": \"GET\"";
    let error = har::read(Path::new("x.har"), har.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("is cut off in entry 3") && error.contains("line 6, column 18"), "{error}");
    let utf16: Vec<u8> = "\u{feff}{\"log\": {}}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let error = har::read(Path::new("x.har"), &utf16).unwrap_err();
    assert!(matches!(&error, CaptureError::Har { what, .. } if what.contains("is no HAR file")), "{error}");
}
