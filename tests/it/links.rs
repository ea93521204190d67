//! Links that lead past the proxy, from the booking system to the screen, the broker and the recording.

use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use umpire::capture::{self, RecordingWriter};
use umpire::event::Event;
use umpire::exchange::Exchange;
use umpire::rules::RuleBook;
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviours, Sandbox};
use umpire::session::{LinkPolicy, Session, SessionOptions};

/// Reads the dataset site and twice the feed; what the broker got, the notices, and what was recorded.
async fn read_all(links: LinkPolicy, file: &Path) -> (String, Vec<String>, Vec<Exchange>) {
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a good base URI"));
    let book = Arc::new(RuleBook::built_in().expect("the built-in rules load"));
    let options =
        SessionOptions { capture: Some(file.to_owned()), links, ..SessionOptions::new(sandbox.base_uri(), book) };
    let (session, mut feed) = Session::start(options, sandbox).await.expect("the session starts");
    let address = session.address;
    let mut got = String::new();
    for path in ["/openactive", "/feeds/scheduled-sessions", "/feeds/scheduled-sessions"] {
        let mut stream = TcpStream::connect(address).await.expect("the proxy listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        stream.read_to_string(&mut got).await.expect("an answer");
    }
    session.stop().await;
    let mut notices = Vec::new();
    while let Some(event) = feed.events.recv().await {
        if let Event::Notice(notice) = event {
            notices.push(notice);
        }
    }
    let exchanges = capture::open(file).expect("the capture opens").exchanges;
    let exchanges = exchanges.collect::<Result<Vec<_>, _>>().expect("all can be read");
    (got.replace(&address.to_string(), "PROXY"), notices, exchanges)
}

#[tokio::test]
async fn they_are_said_once_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let (got, notices, exchanges) = read_all(LinkPolicy::Said, &folder.path().join("said.db")).await;
    assert!(!got.contains("PROXY"), "nothing is changed");
    assert_eq!(notices.len(), 3, "{notices:#?}");
    for (notice, place) in notices.iter().zip(["/contentUrl", "/endpointUrl", "/next"]) {
        assert!(notice.contains(place) && notice.contains("--rewrite-links"), "{notice}");
    }
    assert!(exchanges.iter().all(|exchange| exchange.rewritten.is_empty()));
    let (_, notices, _) = read_all(LinkPolicy::Ignored, &folder.path().join("ignored.db")).await;
    assert!(notices.is_empty(), "{notices:#?}");
}

#[tokio::test]
async fn they_are_rewritten_and_recorded_both_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    let (got, notices, exchanges) = read_all(LinkPolicy::Rewritten, &folder.path().join("rewritten.db")).await;
    assert!(notices.is_empty(), "{notices:#?}");
    assert!(got.contains("\"endpointUrl\":\"http://PROXY/") && got.contains("\"next\":\"http://PROXY/feeds/"), "{got}");
    let rewritten: Vec<usize> = exchanges.iter().map(|exchange| exchange.rewritten.len()).collect();
    assert_eq!(rewritten, [2, 1, 1]);
    for exchange in &exchanges {
        let body = String::from_utf8_lossy(&exchange.response.as_ref().expect("an answer").body.bytes).into_owned();
        for link in &exchange.rewritten {
            assert!(body.contains(&link.sent) && !body.contains(&link.given), "{link:?}");
        }
    }
    // Nothing of that is lost on the way to another format and back.
    for name in ["rewritten.har", "rewritten.ndjson"] {
        let file = folder.path().join(name);
        let recording = capture::open(&folder.path().join("rewritten.db")).expect("the capture opens");
        let mut output = RecordingWriter::create(&file, &recording.meta, false).expect("the export begins");
        recording.exchanges.for_each(|exchange| output.append(&exchange.expect("an exchange")).expect("written"));
        output.finish().expect("the export works");
        let read = capture::open(&file).expect("it opens").exchanges;
        let read: Vec<_> = read.map(|exchange| exchange.expect("an exchange").rewritten).collect();
        assert_eq!(read, exchanges.iter().map(|exchange| exchange.rewritten.clone()).collect::<Vec<_>>(), "{name}");
    }
}
