//! The demo: a scripted broker that books through the proxy, well and badly, with a booking system that does likewise.
//!
//! `Script → for each step: set misbehaviours, tell its title, make its calls over HTTP → check their statuses`

mod broker;
mod faulty_steps;
mod golden_steps;
mod script;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use script::{BrokerRole, Mutation, Script, ScriptCall, ScriptStep, ScriptedCall, faulty, golden};

use crate::http_client::{self, ClientRequest};
use crate::openbooking::media_type;
use crate::sandbox::{Misbehaviours, Sandbox};
use broker::{BookingSession, Harvest};

/// Most pages of one feed that the broker follows. A feed that goes on is an error.
const MAX_PAGES: usize = 100;

/// Token that the scripted broker authenticates with; the sandbox takes any.
const TOKEN: &str = "Bearer weekend-finder-demo";

/// `User-Agent` of the scripted broker: tells its exchanges from those of others who call the proxy meanwhile.
pub(crate) const USER_AGENT: &str = "WeekendFinder/1.0 (umpire demo)";

/// How the demo ended, if nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoEnd {
    /// All steps were made.
    Finished,
    /// It was stopped before the end.
    Stopped,
}

/// A call of the demo that did not come to what the script says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the demo failed in the step {step:?}, at {call}: {reason}")]
pub struct DemoError {
    /// Name of the step; empty if it is the proxy's base URI that is wrong.
    pub step: String,
    /// The call.
    pub call: String,
    /// What went wrong.
    pub reason: String,
}

/// How far a demo has come: a step begins, or the script is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoProgress {
    /// Calls made so far, each of which is an exchange.
    pub calls: u64,
    /// Title of the step that begins; `None` at the end of the script.
    pub title: Option<&'static str>,
}

/// Runs `script` against the proxy at `base_uri` (such as `http://127.0.0.1:8080/api/openbooking`), with `sandbox` as
/// the booking system behind it.
///
/// `pace` is the time between two calls. `progress` is called right before the first call of each step, and after the last call
/// of the script unless it was stopped or failed. `shutdown` ends the demo between two calls. The sandbox conforms again
/// afterwards.
pub async fn run(
    script: Script,
    base_uri: &str,
    sandbox: &Arc<Sandbox>,
    pace: Duration,
    mut progress: impl FnMut(DemoProgress) + Send,
    shutdown: &CancellationToken,
) -> Result<DemoEnd, DemoError> {
    let mut run = ScriptRun::new(base_uri, pace, shutdown)?;
    let mut ended = Ok(DemoEnd::Finished);
    for step in script.iter() {
        sandbox.set_misbehaviours(step.misbehaviours.iter().copied().collect());
        match run.step(step, &mut progress).await {
            Ok(DemoEnd::Finished) => {}
            stopped_or_failed => {
                ended = stopped_or_failed;
                break;
            }
        }
    }
    sandbox.set_misbehaviours(Misbehaviours::NONE);
    // What is said last leaves time to look at the last exchange.
    if ended == Ok(DemoEnd::Finished) && run.pause().await == DemoEnd::Finished {
        progress(DemoProgress { calls: run.calls, title: None });
    }
    ended
}

/// A run of the script.
struct ScriptRun<'r> {
    authority: &'r str,
    base_path: String,
    harvest: Harvest,
    /// Where the Orders feed was left, as path and query.
    orders_next: String,
    /// Calls made so far.
    calls: u64,
    pace: Duration,
    shutdown: &'r CancellationToken,
}

impl<'r> ScriptRun<'r> {
    fn new(base_uri: &'r str, pace: Duration, shutdown: &'r CancellationToken) -> Result<Self, DemoError> {
        let rest = base_uri.strip_prefix("http://").ok_or_else(|| DemoError {
            step: String::new(),
            call: "the proxy's base URI".to_owned(),
            reason: format!("{base_uri:?} does not begin with http://"),
        })?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let base_path = format!("/{}", path.trim_end_matches('/'));
        let orders_next = format!("{base_path}/orders-rpde");
        Ok(Self { authority, base_path, harvest: Harvest::default(), orders_next, calls: 0, pace, shutdown })
    }

    async fn step(
        &mut self,
        step: &'static ScriptStep,
        progress: &mut (impl FnMut(DemoProgress) + Send),
    ) -> Result<DemoEnd, DemoError> {
        let fail = |call: ScriptCall, reason: String| DemoError {
            step: step.name.to_owned(),
            call: call.name().to_owned(),
            reason,
        };
        let Some(first) = step.acts.first() else { return Ok(DemoEnd::Finished) };
        let basket = self.harvest.basket(step.basket).map_err(|reason| fail(first.call, reason))?;
        let mut dealing = BookingSession::new(step, basket);
        for (index, act) in step.acts.iter().enumerate() {
            if self.pause().await == DemoEnd::Stopped {
                return Ok(DemoEnd::Stopped);
            }
            if index == 0 {
                progress(DemoProgress { calls: self.calls, title: Some(step.title) });
            }
            self.act(&mut dealing, act).await.map_err(|reason| fail(act.call, reason))?;
        }
        Ok(DemoEnd::Finished)
    }

    /// Waits for the time between two calls, or for the end.
    async fn pause(&self) -> DemoEnd {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => DemoEnd::Stopped,
            () = tokio::time::sleep(self.pace) => DemoEnd::Finished,
        }
    }

    async fn act(&mut self, dealing: &mut BookingSession<'_>, act: &ScriptedCall) -> Result<(), String> {
        match act.call {
            ScriptCall::Harvest => return self.read_open_data(act).await,
            ScriptCall::OrdersFeed => {
                let start = self.orders_next.clone();
                let next = self.follow(start, act, |_| {}).await?;
                self.orders_next = next;
                return Ok(());
            }
            _ => {}
        }
        let uuid = dealing.step.uuid();
        let (method, segment) = match act.call {
            ScriptCall::C1 => ("PUT", "order-quote-templates"),
            ScriptCall::C2 => ("PUT", "order-quotes"),
            ScriptCall::B => ("PUT", "orders"),
            ScriptCall::Cancel => ("PATCH", "orders"),
            ScriptCall::DeleteQuote => ("DELETE", "order-quotes"),
            ScriptCall::DeleteOrder => ("DELETE", "orders"),
            ScriptCall::UnknownPath => ("PUT", "ordres"),
            ScriptCall::Post => ("POST", "orders"),
            ScriptCall::Status | ScriptCall::Harvest | ScriptCall::OrdersFeed => ("GET", "orders"),
        };
        let target = format!("{}/{segment}/{uuid}", self.base_path);
        let mut body = match dealing.message(act.call, act.tweaks)? {
            Some(message) => message.to_string(),
            None => String::new(),
        };
        if act.tweaks.contains(&Mutation::CutOff) {
            body = body.chars().take(body.len() / 2).collect();
        }
        let answer = self.call(method, &target, body, act).await?;
        // An answer that is no JSON (a web page for an error) has nothing to teach.
        if let Ok(answer) = serde_json::from_slice(&answer) {
            dealing.learn(act.call, &answer);
        }
        Ok(())
    }

    async fn read_open_data(&mut self, act: &ScriptedCall) -> Result<(), String> {
        self.call("GET", "/openactive", String::new(), act).await?;
        let mut harvest = Harvest::default();
        self.follow("/feeds/scheduled-sessions".to_owned(), act, |page| harvest.take(page)).await?;
        self.harvest = harvest;
        Ok(())
    }

    /// Follows a feed from `target` to its end, and answers where that is. The pages' `next` URLs lead to the booking
    /// system itself; the broker takes path and query and stays with the proxy.
    async fn follow(
        &mut self,
        mut target: String,
        act: &ScriptedCall,
        mut take: impl FnMut(&Value) + Send,
    ) -> Result<String, String> {
        for _ in 0..MAX_PAGES {
            let body = self.call("GET", &target, String::new(), act).await?;
            let page: Value = serde_json::from_slice(&body).map_err(|error| format!("the page is no JSON: {error}"))?;
            take(&page);
            let next = page["next"].as_str().and_then(|next| next.split_once("://"));
            let next = next.and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
            let next = next.ok_or("the page has no absolute next URL")?;
            if page["items"].as_array().is_none_or(Vec::is_empty) {
                return Ok(next);
            }
            target = next;
        }
        Err(format!("the feed goes on after {MAX_PAGES} pages"))
    }

    async fn call(&mut self, method: &str, target: &str, body: String, act: &ScriptedCall) -> Result<Bytes, String> {
        self.calls += 1;
        let mut headers = vec![("user-agent", USER_AGENT)];
        if target.starts_with(&self.base_path) {
            if !act.tweaks.contains(&Mutation::NoAuthorization) {
                headers.push(("authorization", TOKEN));
            }
            headers.push(("accept", media_type::BOOKING_V1));
        }
        if !body.is_empty() {
            let plain = act.tweaks.contains(&Mutation::PlainJson);
            let media_type = if plain { "application/json" } else { media_type::BOOKING_V1 };
            headers.push(("content-type", media_type));
        }
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), Bytes::from(value))).collect();
        let request =
            ClientRequest { method: method.to_owned(), target: target.to_owned(), headers, body: Bytes::from(body) };
        let received = http_client::send(self.authority, request).await.map_err(|error| error.to_string())?;
        if received.status == act.status {
            return Ok(received.body);
        }
        let body = String::from_utf8_lossy(&received.body);
        let start: String = body.chars().take(300).collect();
        Err(format!("{method} {target} was answered {}, not {}: {start}", received.status, act.status))
    }
}
