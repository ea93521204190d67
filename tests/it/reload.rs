//! Rules that change on disk while a proxy runs.
//!
//! `a rule is written → notice → the next exchange is judged by it → it is broken, mended, taken away`

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use umpire::event::{Event, EventReceiver};
use umpire::proxy::upstream::Upstream;
use umpire::rules::{RuleBook, RuleSources};
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviours, Sandbox};
use umpire::session::{LoadedRules, RuleSource, Session, SessionOptions};

const RULE: &str = r#"
title    = "Nobody asks for anything"
severity = "suggestion"
side     = "broker"
scope    = "request"
stages   = ["any"]
spec     = "https://openactive.io/open-booking-api/EditorsDraft/#endpoints"
expect   = 'false'
at       = "/request/path"
message  = "VERSION"
why      = "So that there is something to find."
fix      = "Ask for nothing."
"#;

/// Sends one request for the Orders feed and returns the ids of the findings on it, with their messages.
async fn findings_of_one_request(address: SocketAddr, receiver: &mut EventReceiver) -> Vec<(String, String)> {
    let sent = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("the proxy listens");
        let request = "GET /api/openbooking/orders-rpde HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer b\r\n\
                       Accept: application/vnd.openactive.booking+json; version=1\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        answer
    });
    assert!(sent.await.expect("it ends").starts_with(b"HTTP/1.1 200"));
    loop {
        match next(receiver).await {
            Event::Exchange(judged) => {
                let words = judged.findings.iter().map(|f| (f.rule.id.clone(), f.message.clone()));
                return words.filter(|(id, _)| id.starts_with("mine/")).collect();
            }
            Event::Notice(notice) => panic!("unexpected notice: {notice}"),
            Event::Recording(_)
            | Event::Coverage(_)
            | Event::Past(_)
            | Event::Progress(_)
            | Event::Request(_)
            | Event::Unread { .. } => {}
        }
    }
}

async fn next(receiver: &mut EventReceiver) -> Event {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(30), receiver.events.recv()).await;
        match event.expect("an event comes").expect("the session runs") {
            Event::Coverage(_) | Event::Progress(_) | Event::Request(_) => {}
            event => return event,
        }
    }
}

async fn notice(receiver: &mut EventReceiver) -> String {
    match next(receiver).await {
        Event::Notice(notice) => notice,
        other => panic!("a notice was due, not {other:?}"),
    }
}

fn source(folder: &Path) -> RuleSource {
    let paths = vec![folder.to_owned()];
    let set = RuleSources { folders: paths.clone(), settings: Vec::new() };
    let again = paths.clone();
    let load = move || {
        let book = RuleBook::load(&set).map_err(|error| error.to_string())?;
        Ok(LoadedRules { book: Arc::new(book), paths: again.clone() })
    };
    RuleSource { paths, load: Box::new(load) }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join("mine").join(name);
    fs::create_dir_all(folder.join("mine")).expect("an area");
    fs::write(&file, text).expect("a rule");
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_on_disk_is_judged_by_and_a_broken_one_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "first.toml", &RULE.replace("VERSION", "one"));
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a good base URI"));
    let upstream: Arc<dyn Upstream> = Arc::<Sandbox>::clone(&sandbox);
    let set = RuleSources { folders: vec![folder.to_owned()], settings: Vec::new() };
    let book = Arc::new(RuleBook::load(&set).expect("the rules load"));
    let options =
        SessionOptions { rules_on_disk: Some(source(folder)), ..SessionOptions::new(sandbox.base_uri(), book) };
    let (session, mut receiver) = Session::start(options, upstream).await.expect("the session starts");
    let address = session.address;
    let one = ("mine/first".to_owned(), "one".to_owned());
    assert_eq!(findings_of_one_request(address, &mut receiver).await, [one]);

    write(folder, "first.toml", &RULE.replace("VERSION", "the second"));
    assert!(notice(&mut receiver).await.starts_with("New rules"));
    let two = ("mine/first".to_owned(), "the second".to_owned());
    assert_eq!(findings_of_one_request(address, &mut receiver).await, std::slice::from_ref(&two));

    let broken = write(folder, "second.toml", &RULE.replace("'false'", "'unheard_of(1)'"));
    let words = notice(&mut receiver).await;
    let place = format!("{}:8", broken.display());
    assert!(words.contains(&place) && words.contains("unheard_of") && words.contains("stay in force"), "{words}");
    assert_eq!(findings_of_one_request(address, &mut receiver).await, std::slice::from_ref(&two), "the last good set");

    write(folder, "second.toml", &RULE.replace("VERSION", "mended"));
    assert!(notice(&mut receiver).await.starts_with("The rules are in order again"));
    let mended = ("mine/second".to_owned(), "mended".to_owned());
    assert_eq!(findings_of_one_request(address, &mut receiver).await, [two, mended.clone()]);

    fs::remove_file(folder.join("mine/first.toml")).expect("taken away");
    assert!(notice(&mut receiver).await.starts_with("New rules"));
    assert_eq!(findings_of_one_request(address, &mut receiver).await, [mended]);

    let closing = session.stop().await;
    assert_eq!((closing.exchanges, closing.trouble), (5, None));
    // What was covered is said at the end; then nothing holds the events back.
    while let Some(event) = receiver.events.recv().await {
        assert!(matches!(event, Event::Coverage(_) | Event::Progress(_)), "{event:?}");
    }
}
