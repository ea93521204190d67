//! The demo through the whole of Umpire: the sandbox conforms, and each of its misbehaviours is caught by its rule.
//!
//! `scripted broker → proxy → sandbox, recorder → rules → findings, told apart by the step's Order UUID`

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use umpire::demo::{self, Script, ScriptStep};
use umpire::event::Event;
use umpire::finding::{Finding, Severity, Side};
use umpire::judged::Judged;
use umpire::openbooking::Stage;
use umpire::proxy::upstream::Upstream;
use umpire::rules::RuleBook;
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviour, Misbehaviours, Sandbox};
use umpire::session::{Session, SessionOptions};

/// Plays a script and returns all that was judged, in order.
async fn play(script: Script, book: &Arc<RuleBook>) -> Vec<Arc<Judged>> {
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a fit base URI"));
    let upstream: Arc<dyn Upstream> = Arc::<Sandbox>::clone(&sandbox);
    let options = SessionOptions::new(sandbox.base_uri(), Arc::clone(book));
    let (session, mut feed) = Session::start(options, upstream).await.expect("the session starts");
    let base_uri = format!("http://{}/api/openbooking", session.address);
    let stop = CancellationToken::new();
    let ended = demo::run(script, &base_uri, &sandbox, Duration::ZERO, |_| {}, &stop).await;
    assert_eq!(ended, Ok(demo::DemoEnd::Finished));
    let closing = session.stop().await;
    let mut judged = Vec::new();
    while let Some(event) = feed.events.recv().await {
        if let Event::Exchange(exchange) = event {
            judged.push(exchange);
        }
    }
    assert_eq!((judged.len() as u64, feed.dropped()), (closing.exchanges, 0), "every exchange was told");
    judged
}

fn book() -> Arc<RuleBook> {
    Arc::new(RuleBook::built_in().expect("the rules load"))
}

fn told(finding: &Finding) -> String {
    format!("{} {} {}: {}", finding.severity, finding.rule.side, finding.rule.id, finding.message)
}

/// True if the exchange belongs to the step. The Orders feed has no UUID: its readers are told apart by misbehaviour.
fn belongs(judged: &Judged, step: &ScriptStep) -> bool {
    let leaks = step.misbehaviours.contains(&Misbehaviour::LeaksCustomerInFeed);
    judged.exchange.request.target.contains(&step.uuid()) || (leaks && judged.stage == Stage::OrdersFeed)
}

#[tokio::test]
async fn the_golden_script_has_no_finding() {
    let judged = play(demo::golden(), &book()).await;
    assert!(judged.len() > 30, "{}", judged.len());
    let findings: Vec<_> = judged.iter().flat_map(|judged| &judged.findings).map(told).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    assert!(judged.iter().map(|judged| judged.passed).sum::<u32>() > 200);
}

#[tokio::test]
async fn every_misbehaviour_is_caught_by_its_rule_and_proper_answers_are_no_failures() {
    let book = book();
    let judged = play(demo::faulty(), &book).await;
    for step in demo::faulty().iter() {
        let of_step = judged.iter().filter(|judged| belongs(judged, step));
        let findings: Vec<_> = of_step.flat_map(|judged| &judged.findings).collect();
        let of_system: Vec<_> = findings.iter().filter(|finding| finding.rule.side == Side::BookingSystem).collect();
        if step.misbehaviours.is_empty() {
            let failures: Vec<_> =
                of_system.iter().filter(|f| f.severity == Severity::Failure).map(|f| told(f)).collect();
            assert!(failures.is_empty(), "{}: {failures:#?}", step.name);
        }
        for misbehaviour in step.misbehaviours {
            let rule = misbehaviour.caught_by();
            let caught = of_system.iter().any(|finding| finding.rule.id == rule);
            let within_reach = book.rule(rule).is_some();
            let findings: Vec<_> = findings.iter().map(|finding| told(finding)).collect();
            assert_eq!(caught, within_reach, "{}: {rule} among {findings:#?}", step.name);
        }
    }
    let within_reach = Misbehaviour::ALL.iter().filter(|m| book.rule(m.caught_by()).is_some()).count();
    assert_eq!(within_reach, Misbehaviour::ALL.len());
}
