//! `umpire resend FILE --to BASE_URI`: stands in for the broker with a recording.
//!
//! ```text
//! FILE ─► judged ─► ResendPlan ─► (asked for what is missing, and before it goes to another machine)
//!      ─► session in front of the booking system ─► requests, one after the other ─► capture ─► judged ─► compared with FILE
//! ```

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::broker_run::{BrokerArgs, JudgedCapture};
use super::diff::DiffFormat;
use super::judging::JudgingSetup;
use super::signals::{self, Signals};
use super::stdio::{note, print};
use super::{Exit, block_on};
use crate::diff::compare;
use crate::filter::Filter;
use crate::openbooking::Stage;
use crate::report::{Paint, ResendReport, resend_markdown, resend_text};
use crate::resend::{
    BookingSelection, ResendError, ResendOutcome, ResendPlan, ResendProgress, Resender, Substitutes, pairing,
};
use crate::text::{safe_format, visible};

/// `umpire resend …`
#[derive(Debug, Args)]
pub(crate) struct ResendArgs {
    /// The recording: a capture, a HAR or an NDJSON file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only this booking: its Order UUID, or the beginning of it (may be repeated)
    #[arg(long, value_name = "UUID")]
    booking: Vec<String>,
    /// Only bookings with a call of this stage, up to that call; or only pages of these feeds (may be repeated)
    #[arg(long, value_name = "STAGE")]
    stage: Vec<StageName>,
    /// Only bookings with a finding of this rule (may be repeated)
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    /// Only bookings with an exchange that matches, such as 'sev:failure side:system' (docs/filter.md)
    #[arg(long, value_name = "FILTER")]
    filter: Option<Filter>,
    /// Cancel or delete at the end what was booked
    #[arg(long)]
    tidy: bool,
    /// List also what differs in any two runs: UUIDs, dates, leases, places left, order numbers, positions in feeds
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    broker: BrokerArgs,
}

/// The name of a stage.
#[derive(Debug, Clone, Copy)]
struct StageName(Stage);

impl FromStr for StageName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Stage::from_name(name).map(Self).ok_or_else(|| {
            let names: Vec<&str> = Stage::ALL.into_iter().map(Stage::as_str).collect();
            format!("there is no stage {name:?}; the stages are {}", names.join(", "))
        })
    }
}

/// Runs `umpire resend …`.
pub(super) fn run(arguments: ResendArgs) -> anyhow::Result<Exit> {
    let judging = arguments.broker.judging.load()?;
    if let Some(settings) = judging.settings().filter(|_| judging.found_settings()) {
        note(safe_format!("settings of {settings}"));
    }
    let recorded = arguments.broker.recorded(&arguments.file, &judging)?;
    let mut given = arguments.broker.substitutes()?;
    let selection = BookingSelection {
        bookings: arguments.booking.clone(),
        stages: arguments.stage.iter().map(|stage| stage.0).collect(),
        rules: arguments.rule.clone(),
        filter: arguments.filter.clone(),
        most: arguments.broker.most_bookings(),
    };
    let redaction = recorded.meta.redaction;
    let mut plan = ResendPlan::new(&recorded.recording, redaction, &selection, &given)?;
    if arguments.broker.ask_for(plan.missing.clone(), &mut given)? {
        plan = ResendPlan::new(&recorded.recording, redaction, &selection, &given)?;
    }
    if arguments.broker.dry_run {
        return dry_run(&arguments, &recorded, &plan, &given);
    }
    if plan.steps.is_empty() {
        let left_out: Vec<String> = plan.left_out.iter().map(|left| format!("{}: {}", left.what, left.why)).collect();
        anyhow::bail!("nothing can be sent\n{}", left_out.join("\n"));
    }
    arguments.broker.confirm(plan.steps.len(), plan.bookings)?;
    block_on(resend(&arguments, &judging, &recorded, &plan, &given))
}

/// Prints what would be sent. Values that answers issue are still the recorded ones.
fn dry_run(
    arguments: &ResendArgs,
    recorded: &JudgedCapture,
    plan: &ResendPlan,
    given: &Substitutes,
) -> anyhow::Result<Exit> {
    let target = arguments.broker.target(None, recorded);
    let (origin, pace) = (target.origin.clone(), arguments.broker.pace()?);
    let resender = Resender::new(&recorded.recording, plan, given, target, pace, CancellationToken::new());
    print(|out| {
        for step in &plan.steps {
            let judged = &recorded.recording.exchanges[step.place];
            let request = resender.prepared(step);
            let line = format!(
                "{:>4}  {:<18} {} {origin}{}",
                judged.number(),
                judged.stage.as_str(),
                request.method,
                request.target
            );
            out.line(visible(&line))?;
            if arguments.all {
                let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
                out.line(visible(&format!("      {}", names.join(", "))))?;
                out.lines(&String::from_utf8_lossy(&request.body))?;
            }
        }
        for left in &plan.left_out {
            out.line(visible(&format!("left out  {}: {}", left.what, left.why)))?;
        }
        let (steps, bookings) = (plan.steps.len() as u64, plan.bookings as u64);
        let (steps, bookings) = (crate::text::count(steps, "request"), crate::text::count(bookings, "booking"));
        out.line(safe_format!("{steps} for {bookings} would be sent; nothing was"))?;
        out.flush()
    })?;
    Ok(Exit::Clean)
}

async fn resend(
    arguments: &ResendArgs,
    judging: &JudgingSetup,
    recorded: &JudgedCapture,
    plan: &ResendPlan,
    given: &Substitutes,
) -> anyhow::Result<Exit> {
    let broker = &arguments.broker;
    let mut signals = Signals::listen()?;
    let session = broker.session(judging).await?;
    let capture = session.capture.clone();
    let (target, pace) = (broker.target(Some(&session), recorded), broker.pace()?);
    let stop = CancellationToken::new();
    let mut resender = Resender::new(&recorded.recording, plan, given, target, pace, stop.clone());
    let mut outcome = ResendOutcome::default();
    let ran = until_stopped(resender.run(plan, &mut outcome, progress), &stop, &mut signals).await;
    let tidied = if arguments.tidy {
        let stop = CancellationToken::new();
        until_stopped(resender.tidy(stop.clone()), &stop, &mut signals).await
    } else {
        Ok(())
    };
    let left = resender.left();
    let closing = signals::end(session, &mut signals, false).await?;
    let failed = ran.err().or(tidied.err());
    outcome.stopped |= failed.is_some();
    let name = capture.as_ref().filter(|_| !closing.removed).map(|capture| capture.display().to_string());
    let mut report = ResendReport::new(plan, &outcome, &left, name);
    super::proxy::whole(closing)?;
    if let Some(file) = &capture
        && !outcome.sent.is_empty()
    {
        let base_uris = vec![broker.to.to_string()];
        let present = super::diff::judged_as(file, judging, base_uris, recorded.meta.is_foreign())?;
        report.diff = Some(compare(&recorded.recording, &present, &pairing(plan, &outcome, &present)));
    }
    print(|out| match broker.format {
        DiffFormat::Text => resend_text(out, &report, arguments.all, Paint::for_stdout()),
        DiffFormat::Json => out.json(&report).and_then(|()| out.flush()),
        DiffFormat::Markdown => resend_markdown(out, &report, arguments.all),
    })?;
    if let Some(failed) = failed {
        return Err(failed.into());
    }
    let is_same = report.diff.as_ref().is_some_and(crate::diff::RecordingDiff::is_same);
    Ok(if is_same && !outcome.stopped { Exit::Clean } else { Exit::Findings })
}

/// Waits for the end of something that a signal stops between two requests, and another one at once.
pub(crate) async fn until_stopped<T>(
    run: impl Future<Output = Result<T, ResendError>>,
    stop: &CancellationToken,
    signals: &mut Signals,
) -> Result<T, ResendError> {
    let mut run = std::pin::pin!(run);
    loop {
        let is_stopping = stop.is_cancelled();
        let signal = async { if is_stopping { signals.once_more().await } else { signals.next().await } };
        tokio::select! {
            done = &mut run => return done,
            // A signal that can't be waited for stops it, too.
            _signalled = signal => {}
        }
        if is_stopping {
            return Err(ResendError::Interrupted);
        }
        note("stopping when the request under way has been answered; Ctrl-C once more ends at once");
        stop.cancel();
    }
}

/// Says on standard error how far it has come.
fn progress(progress: ResendProgress) {
    let ResendProgress { step, of, exchange, stage, request, status, recorded_status } = progress;
    let before = match recorded_status {
        Some(recorded) if recorded != status => format!(", recorded {recorded}"),
        _ => String::new(),
    };
    note(safe_format!("{step} of {of}: exchange {exchange}, {stage}, {request}: {status}{before}"));
}
