//! Makes the probes, one after the other.
//!
//! `good calls ─► all answered with success? ─► wrong request ─► what was booked is taken back`

use tokio_util::sync::CancellationToken;

use super::plan::{Probe, ProbePlan};
use crate::diff::JudgedRecording;
use crate::openbooking::Stage;
use crate::resend::{
    LeftBooking, ResendError, ResendOutcome, ResendPlan, ResendTarget, Resender, SendPace, Substitutes,
};

/// What came of a probe.
#[derive(Debug, Clone)]
pub(crate) struct ProbeResult {
    /// Number of the wrong request among all requests of the run, from 0; `None` if it was not sent.
    pub request: Option<usize>,
    /// Why it was not sent.
    pub not_sent: Option<String>,
}

/// What came of all probes.
#[derive(Debug, Default)]
pub(crate) struct ProbeOutcome {
    /// In the order of the plan, as far as it got.
    pub results: Vec<ProbeResult>,
    /// What could not be taken back.
    pub left: Vec<LeftBooking>,
    /// It was stopped before the end.
    pub stopped: bool,
}

/// How far it has come.
#[derive(Debug, Clone)]
pub(crate) struct ProbeProgress {
    /// Number of the probe, from 1.
    pub probe: usize,
    /// Number of probes.
    pub of: usize,
    /// The rule that the request breaks.
    pub rule: String,
    /// Stage.
    pub stage: Stage,
    /// Status of the answer, or why the request was not sent.
    pub came_to: String,
}

/// Makes the probes of a plan. `outcome` has what was done so far also where it fails.
pub(crate) async fn run(
    plan: &ProbePlan,
    recorded: &JudgedRecording,
    given: &Substitutes,
    (target, pace): (&ResendTarget, SendPace),
    stop: &CancellationToken,
    outcome: &mut ProbeOutcome,
    mut progress: impl FnMut(ProbeProgress),
) -> Result<(), ResendError> {
    let mut requests = 0;
    for (index, probe) in plan.probes.iter().enumerate() {
        if stop.is_cancelled() {
            outcome.stopped = true;
            break;
        }
        let steps = probe.before.iter().copied().chain([probe.step]).collect();
        let whole = ResendPlan::of_steps(steps);
        let mut resender = Resender::new(recorded, &whole, given, target.clone(), pace, stop.clone());
        let made = make(probe, &mut resender, requests).await;
        // What was begun is taken back also when the run is stopped.
        let tidied = resender.tidy(CancellationToken::new()).await;
        requests += resender.requests();
        outcome.left.extend(resender.left());
        let (came_to, result) = made?;
        let (rule, stage) = (probe.change.rule.id.clone(), probe.stage);
        progress(ProbeProgress { probe: index + 1, of: plan.probes.len(), rule, stage, came_to });
        outcome.results.push(result);
        tidied?;
    }
    Ok(())
}

/// Makes one probe.
async fn make(
    probe: &Probe,
    resender: &mut Resender<'_>,
    requests: usize,
) -> Result<(String, ProbeResult), ResendError> {
    let not_sent = |why: String| (why.clone(), ProbeResult { request: None, not_sent: Some(why) });
    let mut refused = None;
    let before = ResendPlan::of_steps(probe.before.clone());
    let mut done = ResendOutcome::default();
    resender
        .run(&before, &mut done, |progress| {
            if !(200..300).contains(&progress.status) && refused.is_none() {
                refused = Some(format!("the good {} before it was answered with {}", progress.stage, progress.status));
            }
        })
        .await?;
    if let Some(refused) = refused {
        return Ok(not_sent(refused));
    }
    if done.stopped {
        return Ok(not_sent("stopped".to_owned()));
    }
    let Some(answer) = resender.send_changed(&probe.step, &probe.wrong).await? else {
        return Ok(not_sent("stopped".to_owned()));
    };
    let request = Some(requests + resender.requests() - 1);
    Ok((answer.status.to_string(), ProbeResult { request, not_sent: None }))
}
