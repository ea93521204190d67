//! `umpire probe --to BASE_URI --from FILE`: sends the wrong requests that nobody has tried yet.
//!
//! ```text
//! FILE ─► good bookings ─► ProbePlan ─► session in front of the booking system ─► capture ─► judged ─► table
//! ```

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::broker_run::{BrokerArgs, JudgedCapture};
use super::diff::DiffFormat;
use super::judging::JudgingSetup;
use super::resend::until_stopped;
use super::signals::{self, Signals};
use super::stdio::{note, print};
use super::{Exit, block_on};
use crate::coverage::{Coverage, RuleCoverage};
use crate::exchange::Exchange;
use crate::filter::Filter;
use crate::probe::{
    JudgedAnswer, Probe, ProbeOutcome, ProbePlan, ProbeProgress, ProbeSelection, judge_answers, rows, run as run_probes,
};
use crate::report::{LeftBookedReport, LeftOutReport, Paint, ProbeReport, probe_json, probe_markdown, probe_text};
use crate::resend::{BookingSelection, ResendPlan, Resender, Substitutes};
use crate::text::{self, safe_format, visible};

/// `umpire probe …`
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// A recording with good bookings: a capture, a HAR or an NDJSON file
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Make calls that book, too: P, B, cancellations. What was booked is taken back
    #[arg(long)]
    book: bool,
    /// Only rules of this feature of the test suite (may be repeated)
    #[arg(long, value_name = "FEATURE")]
    feature: Vec<String>,
    /// Only this rule (may be repeated)
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    /// Only bookings with an exchange that matches (docs/filter.md) are made wrong
    #[arg(long, value_name = "FILTER")]
    filter: Option<Filter>,
    /// List the probes, and what can't be probed, and send nothing
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    broker: BrokerArgs,
}

/// Runs `umpire probe …`.
pub(super) fn run(arguments: ProbeArgs) -> anyhow::Result<Exit> {
    let mut judging = arguments.broker.judging.load()?;
    // What is refused is what this is about.
    judging.mute_refused = false;
    if let Some(settings) = judging.settings().filter(|_| judging.found_settings()) {
        note(safe_format!("settings of {settings}"));
    }
    known_names(&arguments, &judging)?;
    let recorded = arguments.broker.recorded(&arguments.from, &judging)?;
    let mut given = arguments.broker.substitutes()?;
    let selected = BookingSelection { filter: arguments.filter.clone(), ..BookingSelection::default() };
    let redaction = recorded.meta.redaction;
    let mut sendable = ResendPlan::new(&recorded.recording, redaction, &selected, &given)?;
    if !arguments.list && arguments.broker.ask_for(sendable.missing.clone(), &mut given)? {
        sendable = ResendPlan::new(&recorded.recording, redaction, &selected, &given)?;
    }
    let selection = ProbeSelection {
        rules: arguments.rule.clone(),
        features: arguments.feature.clone(),
        book: arguments.book,
        most: arguments.broker.most_bookings(),
    };
    let plan = ProbePlan::new(&recorded.recording, &sendable, &judging.book, &judging.config.known, &selection)?;
    if arguments.list || arguments.broker.dry_run {
        return list(&arguments, &recorded, &plan, &given);
    }
    if plan.probes.is_empty() {
        let why = sendable.left_out.first().or(plan.left_out.first());
        bail!("nothing can be probed: {}", why.map_or("no rule fits", |left| left.why.as_str()));
    }
    let requests = plan.probes.iter().map(|probe| probe.before.len() + 2).sum();
    arguments.broker.confirm(requests, plan.probes.len())?;
    block_on(probe(&arguments, &judging, &recorded, &plan, &given))
}

/// Fails if a rule or a feature is named that there is none of.
fn known_names(arguments: &ProbeArgs, judging: &JudgingSetup) -> anyhow::Result<()> {
    let book = &judging.book;
    for name in &arguments.rule {
        let is_known = book.rule(name).is_some() || book.aliases().current(name).is_some();
        if !is_known {
            bail!("there is no rule {name}{}", book.suggest_rule(name));
        }
    }
    for name in &arguments.feature {
        let of_rule = |feature: &Option<String>| feature.as_deref() == Some(name.as_str());
        if !book.rules().iter().any(|rule| of_rule(&rule.info.feature)) {
            bail!("no rule belongs to a feature {name}; `umpire check --coverage` lists the features");
        }
    }
    Ok(())
}

/// Prints the probes. With `--dry-run`, also the wrong requests; values that answers issue are still the recorded ones.
fn list(
    arguments: &ProbeArgs,
    recorded: &JudgedCapture,
    plan: &ProbePlan,
    given: &Substitutes,
) -> anyhow::Result<Exit> {
    let target = arguments.broker.target(None, recorded);
    let (origin, pace) = (target.origin.clone(), arguments.broker.pace()?);
    let request_line = |probe: &Probe| {
        let steps = ResendPlan::of_steps(probe.before.iter().copied().chain([probe.step]).collect());
        let stop = CancellationToken::new();
        let resender = Resender::new(&recorded.recording, &steps, given, target.clone(), pace, stop);
        let request = resender.changed(&probe.step, &probe.wrong);
        (format!("{} {origin}{}", request.method, request.target), request.body)
    };
    print(|out| {
        for probe in &plan.probes {
            let number = recorded.recording.exchanges[probe.step.place].number();
            let feature = probe.change.rule.feature.as_deref().unwrap_or("-");
            let (rule, example) = (&probe.change.rule.id, &probe.change.example);
            out.line(visible(&format!("{:<18} {rule}: {example} · {feature} · of exchange {number}", probe.stage)))?;
            if arguments.broker.dry_run {
                let (line, body) = request_line(probe);
                out.line(visible(&format!("    {line}")))?;
                out.line(visible(&format!("    {}", String::from_utf8_lossy(&body))))?;
            }
        }
        for left in plan.left_out.iter().filter(|_| arguments.list) {
            out.line(visible(&format!("left out  {}: {}", left.what, left.why)))?;
        }
        let probes = text::count(plan.probes.len() as u64, "probe");
        let left_out = text::count(plan.left_out.len() as u64, "wrong request");
        out.line(safe_format!("{probes}, {left_out} left out; nothing was sent"))?;
        out.flush()
    })?;
    Ok(Exit::Clean)
}

async fn probe(
    arguments: &ProbeArgs,
    judging: &JudgingSetup,
    recorded: &JudgedCapture,
    plan: &ProbePlan,
    given: &Substitutes,
) -> anyhow::Result<Exit> {
    let broker = &arguments.broker;
    let mut signals = Signals::listen()?;
    let session = broker.session(judging).await?;
    let capture = session.capture.clone();
    let (target, pace, stop) = (broker.target(Some(&session), recorded), broker.pace()?, CancellationToken::new());
    let mut outcome = ProbeOutcome::default();
    let running = run_probes(plan, &recorded.recording, given, (&target, pace), &stop, &mut outcome, progress);
    let ran = until_stopped(running, &stop, &mut signals).await;
    outcome.stopped |= ran.is_err();
    let closing = signals::end(session, &mut signals, false).await?;
    let removed = closing.removed;
    super::proxy::whole(closing)?;
    let (file, name) = (capture.as_ref(), capture.as_ref().map(|capture| capture.display().to_string()));
    let (answers, probed) = match file.filter(|_| !removed) {
        Some(file) => answers(broker, judging, recorded, super::recording::open(file)?.exchanges.collect())?,
        None => (Vec::new(), Coverage::default()),
    };
    let report = report(plan, &outcome, &answers, (recorded.coverage.clone(), probed), name.filter(|_| !removed));
    print(|out| match broker.format {
        DiffFormat::Text => probe_text(out, &report, Paint::for_stdout()),
        DiffFormat::Json => probe_json(out, &report),
        DiffFormat::Markdown => probe_markdown(out, &report),
    })?;
    ran?;
    Ok(if report.is_clean() && !report.stopped { Exit::Clean } else { Exit::Findings })
}

/// The exchanges of the run, judged, and how far every rule has come.
fn answers(
    broker: &BrokerArgs,
    judging: &JudgingSetup,
    recorded: &JudgedCapture,
    exchanges: Result<Vec<Exchange>, crate::capture::CaptureError>,
) -> anyhow::Result<(Vec<JudgedAnswer>, Coverage)> {
    let exchanges = exchanges.context("the capture of the probes")?;
    let mut judge = judging.judge(vec![broker.to.to_string()], recorded.meta.is_foreign());
    let answers = judge_answers(exchanges, &mut judge, &judging.book);
    Ok((answers, judge.coverage()))
}

fn report(
    plan: &ProbePlan,
    outcome: &ProbeOutcome,
    answers: &[JudgedAnswer],
    (before, probed): (Coverage, Coverage),
    capture: Option<String>,
) -> ProbeReport {
    let left_out = plan.left_out.iter().map(|left| LeftOutReport { what: left.what.clone(), why: left.why.clone() });
    let left = outcome.left.iter();
    ProbeReport {
        planned: plan.probes.len() as u64,
        stopped: outcome.stopped,
        capture,
        rows: rows(plan, outcome, answers),
        left_out: left_out.collect(),
        left_booked: left
            .map(|left| LeftBookedReport { uuid: left.uuid.clone(), kind: left.kind.in_words() })
            .collect(),
        after: sum(&before, &probed),
        before,
    }
}

/// What two recordings have tried together. Both are of one rule book.
fn sum(one: &Coverage, other: &Coverage) -> Coverage {
    let rules = one.rules.iter().enumerate().map(|(at, rule)| {
        let more = other.rules.get(at).filter(|more| more.rule.id == rule.rule.id);
        let count = |of: fn(&RuleCoverage) -> u64| of(rule) + more.map_or(0, of);
        RuleCoverage {
            rule: Arc::clone(&rule.rule),
            passed: count(|rule| rule.passed),
            failed: count(|rule| rule.failed),
            not_judged: count(|rule| rule.not_judged),
        }
    });
    Coverage { rules: rules.collect() }
}

/// Says on standard error how far it has come.
fn progress(progress: ProbeProgress) {
    let ProbeProgress { probe, of, rule, stage, came_to } = progress;
    note(safe_format!("{probe} of {of}: {stage}, {rule}: {came_to}"));
}
