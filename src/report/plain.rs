//! The plain report of a run: one line per exchange, its findings below.
//!
//! `header → (exchange line, findings)* → summary`

use std::collections::HashSet;
use std::io::{self, Write};

use super::Summary;
use super::finding_text::{also, headline, indented, labelled, link, particulars};
use super::paint::{Paint, ReportStyle, sign};
use crate::event::{Event, Forwarding, RecordingStatus, RunContext, RunMode};
use crate::exchange::Simulator;
use crate::finding::{Finding, FindingTally, Gap, OTHER_REASONS, Severity, Side, VerdictCounts, folded, grouped};
use crate::judged::Judged;
use crate::text::{self, Printer, SafeText, safe, safe_format, visible};

/// Most hosts that pass unread and are named; what passes is counted all the same.
const MOST_UNREAD: usize = 200;

/// Most rules and reasons that the summary lists.
const MOST: usize = 8;

/// Most features that nobody has tried that the summary names.
const UNTRIED: usize = 2;

/// Writes the plain report.
#[derive(Debug)]
pub struct PlainReport<W> {
    out: W,
    paint: Paint,
    /// A recording is shown, not made.
    viewing: bool,
    /// The file that is recorded to, and how many exchanges are missing from it, as far as it was told.
    recording_to: Option<(String, u64)>,
    /// Hosts that passed unread and were told.
    unread: HashSet<Box<str>>,
}

impl<W: Write> PlainReport<W> {
    /// Writes to `out`, usually the locked standard output with `Paint::for_stdout`.
    pub fn new(out: W, paint: Paint) -> Self {
        Self { out, paint, viewing: false, recording_to: None, unread: HashSet::new() }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// What the broker needs to know, where the recording goes, and the columns that follow.
    pub fn header(&mut self, context: &RunContext) -> io::Result<()> {
        self.viewing = context.mode == RunMode::View;
        self.recording_to = context.capture.clone().map(|file| (file, 0));
        let (paint, out) = (self.paint, &mut Printer::new(&mut self.out));
        let mut line = |label: &'static str, value: &str| labelled(out, paint, 0, label, value);
        if let Some(base_uri) = &context.base_uri {
            line("broker", &format!("give your broker this Base URI: {base_uri}"))?;
        }
        if let Some(upstream) = &context.upstream {
            line("upstream", upstream)?;
        }
        for (base_uri, upstream) in &context.also {
            line("broker", &format!("another Base URI: {base_uri}"))?;
            line("upstream", upstream)?;
        }
        if let Some(Forwarding { proxy, hosts, ca }) = &context.forward {
            line("proxy", &format!("give your client HTTP_PROXY={proxy} and HTTPS_PROXY={proxy}"))?;
            line("", "(Node.js 22.21, 24 and later: and NODE_USE_ENV_PROXY=1; Node.js 20 can't: --to)")?;
            line("intercept", &format!("{hosts}; all else passes unread"))?;
            line("trust", &format!("{ca} (`umpire ca trust` says how)"))?;
        }
        if let Some(settings) = &context.settings {
            line("settings", settings)?;
        }
        for warning in &context.warnings {
            line("WARNING", warning)?;
        }
        match (&context.capture, context.mode) {
            (Some(file), RunMode::View) => line("recording", file)?,
            (Some(file), _) => line("recording", &format!("to {file}"))?,
            (None, RunMode::View) => {}
            (None, _) => line("recording", "nothing: exchanges are judged, but not kept")?,
        }
        if context.mode != RunMode::View {
            line("stop", "Ctrl-C")?;
        }
        let columns = safe_format!(
            "{:>5}  {:8}  {:16}  {:8}  {:42} {:>4}  {:>8}  findings",
            "no.",
            "UTC",
            "stage",
            "order",
            "request",
            "",
            "time"
        );
        out.line(safe!["\n", paint.ink(ReportStyle::Dim, columns)])?;
        out.flush()
    }

    /// One event: an exchange, a change of recording, a notice.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Exchange(judged) => self.exchange(judged)?,
            Event::Recording(state) => self.recording(state)?,
            Event::Notice(notice) => self.labelled("notice", notice)?,
            Event::Unread { authority, count } => {
                let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
                if self.unread.len() < MOST_UNREAD && self.unread.insert(host.into()) {
                    let words = format!("{authority} is not to be intercepted: it passes unread ({count} so far)");
                    self.labelled("unread", &words)?;
                }
            }
            Event::Coverage(_) | Event::Progress(_) | Event::Request(_) | Event::Past(_) => {}
        }
        self.out.flush()
    }

    fn labelled(&mut self, label: &'static str, text: &str) -> io::Result<()> {
        labelled(&mut Printer::new(&mut self.out), self.paint, 0, label, text)
    }

    fn recording(&mut self, state: &RecordingStatus) -> io::Result<()> {
        let told = match state {
            RecordingStatus::On { file, missed } => self.recording_to.replace((file.clone(), *missed)),
            RecordingStatus::Off { .. } | RecordingStatus::Removed { .. } => self.recording_to.take(),
        };
        match state {
            RecordingStatus::On { file, missed } if told.is_some_and(|told| told == (file.clone(), *missed)) => Ok(()),
            RecordingStatus::On { file, .. } if self.viewing => {
                self.labelled("recording", &format!("goes on in {file}"))
            }
            RecordingStatus::On { file, missed } => {
                self.labelled("recording", &format!("to {file}{}", missing(*missed)))
            }
            RecordingStatus::Off { reason, missed } => {
                let missed = text::count(*missed, "exchange");
                let line = safe_format!("NOT RECORDING: {reason} ({missed} missed; traffic goes on)");
                Printer::new(&mut self.out).line(self.paint.ink(ReportStyle::Of(Severity::Failure), line))
            }
            RecordingStatus::Removed { file } => {
                self.labelled("recording", &format!("{} ({file})", RecordingStatus::REMOVED))
            }
        }
    }

    fn exchange(&mut self, judged: &Judged) -> io::Result<()> {
        let (paint, out) = (self.paint, &mut Printer::new(&mut self.out));
        let (method, path) = judged.request_words();
        let request = safe![&method, " ", text::clip_start(&path, 41_usize.saturating_sub(method.width()))];
        out.line(safe![
            SafeText::from(judged.number()).pad_start(5),
            "  ",
            visible(&judged.clock()),
            "  ",
            SafeText::from(judged.stage.as_str()).pad(16),
            "  ",
            visible(judged.short_uuid()).pad(8),
            "  ",
            request.pad(42),
            " ",
            visible(&judged.status_words()).pad_start(4),
            "  ",
            visible(&judged.duration_words()).pad_start(8),
            "  ",
            counts(paint, judged),
        ])?;
        if let Some(failure) = judged.failure_words() {
            labelled(out, paint, 4, "failed", &failure)?;
        }
        if let Some(fault) = judged.exchange.simulated.as_ref().filter(|simulated| simulated.by == Simulator::Fault) {
            labelled(out, paint, 4, "fault", &fault.describe())?;
        }
        let findings: Vec<&Finding> = judged.findings.iter().collect();
        for (index, follow) in folded(&findings) {
            let finding = findings[index];
            out.line(safe!["    ", headline(paint, finding.severity, finding.rule.side, &finding.rule.id)])?;
            particulars(out, paint, 6, finding)?;
            also(out, paint, 6, follow.into_iter().map(|index| findings[index]))?;
            link(out, paint, 6, &finding.rule.spec)?;
        }
        Ok(())
    }

    /// What the run amounts to.
    pub fn summary(&mut self, summary: &Summary, context: &RunContext) -> io::Result<()> {
        let (paint, out) = (self.paint, &mut Printer::new(&mut self.out));
        let amounts = [
            text::count(summary.exchanges(), "exchange"),
            text::count(summary.bookings(), "booking"),
            text::count(summary.tally().total(), "finding"),
        ];
        out.line("")?;
        if let Some(headline) = summary.unjudged(context.mode == RunMode::View) {
            out.line(paint.ink(ReportStyle::Of(Severity::Warning), visible(&headline)))?;
        }
        let verdicts = summary.verdicts();
        let (passed, not_judged_count) = (grouped(verdicts.passed), grouped(verdicts.not_judged));
        let amounts =
            safe![SafeText::join(amounts, ", "), safe_format!("; {passed} passed, {not_judged_count} not judged"),];
        out.line(paint.ink(ReportStyle::Bold, amounts))?;
        if summary.failed_exchanges() > 0 {
            let failed = text::count(summary.failed_exchanges(), "exchange");
            labelled(out, paint, 2, "broken", &format!("{failed} did not come to an end"))?;
        }
        if summary.muted() > 0 {
            let muted = text::count(summary.muted(), "finding");
            labelled(out, paint, 2, "muted", &format!("{muted} on requests that were refused as they should be"))?;
        }
        table(out, paint, summary.tally())?;
        let rules = summary.rules();
        if !rules.is_empty() {
            out.line("  the rules that fired most")?;
        }
        for (rule, severity, side, count) in rules.iter().take(MOST) {
            let count = SafeText::from(*count).pad_start(5);
            out.line(safe!["    ", count, " × ", headline(paint, *severity, *side, rule)])?;
        }
        if rules.len() > MOST {
            out.line(safe!["          and ", text::count((rules.len() - MOST) as u64, "more rule")])?;
        }
        not_judged(out, paint, summary.verdicts())?;
        if let Some(coverage) = summary.coverage() {
            let untried = coverage.untried(UNTRIED).map(|words| format!("; {words}")).unwrap_or_default();
            labelled(out, paint, 2, "coverage", &format!("{}{untried}", coverage.headline()))?;
        }
        if summary.unread() > 0 {
            labelled(out, paint, 2, "unread", &format!("{} passed unread, not to be intercepted", summary.unread()))?;
        }
        if summary.not_shown > 0 {
            let lost = text::count(summary.not_shown, "event");
            labelled(
                out,
                paint,
                2,
                "not shown",
                &format!("{lost} came too fast to be shown and are not counted here"),
            )?;
        }
        match summary.recording() {
            Some(RecordingStatus::Off { reason, missed }) => {
                let missed = text::count(*missed, "exchange");
                let line = safe_format!("  NOT RECORDED: {reason} ({missed} missed)");
                out.line(paint.ink(ReportStyle::Of(Severity::Failure), line))?;
            }
            Some(RecordingStatus::On { file, missed }) => {
                labelled(out, paint, 2, "recording", &format!("{file}{}", missing(*missed)))?;
            }
            Some(RecordingStatus::Removed { file }) => {
                labelled(out, paint, 2, "recording", &format!("none: {} ({file})", RecordingStatus::REMOVED))?;
            }
            None => {
                if let Some(file) = &context.capture {
                    labelled(out, paint, 2, "recording", file)?;
                }
            }
        }
        self.out.flush()
    }
}

/// What is missing from a recording, behind its name; nothing if it is whole.
fn missing(missed: u64) -> String {
    if missed == 0 { String::new() } else { format!("; {} missing from it", text::count(missed, "exchange")) }
}

/// Counts by side in words: `broker: 1 failure · booking system: 2 failures, 1 warning`. Without findings `ok`, or
/// `not judged` if fewer verdicts passed than could not be given, or `failed` for an exchange that did not come to its end.
fn counts(paint: Paint, judged: &Judged) -> SafeText {
    let tally = judged.tally();
    if tally.total() == 0 {
        return if judged.exchange.failure.is_some() {
            paint.ink(ReportStyle::Of(Severity::Failure), "failed")
        } else if judged.muted > 0 {
            paint.ink(ReportStyle::Dim, safe!["refused as it should be, ", judged.muted, " muted"])
        } else if judged.passed > 0 && !judged.is_mostly_unjudged() {
            paint.ink(ReportStyle::Good, "ok")
        } else {
            paint.ink(ReportStyle::Dim, "not judged")
        };
    }
    let side = |side: Side| {
        let counts = Severity::ALL.into_iter().filter(|&severity| tally.get(side, severity) > 0).map(|severity| {
            paint.ink(ReportStyle::Of(severity), text::count(tally.get(side, severity), severity.as_str()))
        });
        safe![paint.ink(ReportStyle::By(side), side.in_words()), ": ", SafeText::join(counts, ", ")]
    };
    SafeText::join(Side::ALL.into_iter().filter(|&of| tally.of_side(of) > 0).map(side), " · ")
}

/// The table of findings by side and severity.
pub(super) fn table(out: &mut Printer<'_>, paint: Paint, tally: &FindingTally) -> io::Result<()> {
    let mut head = indented(17);
    for severity in Severity::ALL {
        head.push(safe![" ", safe![sign(severity), " ", severity.as_str()].pad_start(12)]);
    }
    out.line(head)?;
    for side in Side::ALL {
        let mut row = safe!["  ", paint.ink(ReportStyle::By(side), SafeText::from(side.in_words()).pad(15))];
        for severity in Severity::ALL {
            let number = tally.get(side, severity);
            let ink = if number == 0 { ReportStyle::Dim } else { ReportStyle::Of(severity) };
            row.push(safe![" ", paint.ink(ink, SafeText::from(number).pad_start(12))]);
        }
        out.line(row)?;
    }
    Ok(())
}

/// What could not be judged, and why.
pub(super) fn not_judged(out: &mut Printer<'_>, paint: Paint, verdicts: &VerdictCounts) -> io::Result<()> {
    if verdicts.not_judged == 0 {
        return Ok(());
    }
    let reasons = verdicts.reasons();
    out.line(safe!["  not judged: ", text::count(verdicts.not_judged, "verdict"), ", because"])?;
    for (reason, count) in reasons.iter().take(MOST) {
        let remedy = Gap::of(reason).map(|gap| format!("; {}", gap.remedy())).unwrap_or_default();
        labelled(out, paint, 4, SafeText::from(*count).pad_start(7), &format!("{reason}{remedy}"))?;
    }
    if reasons.len() > MOST {
        let rest: u64 = reasons[MOST..].iter().map(|(_, count)| count).sum();
        labelled(out, paint, 4, SafeText::from(rest).pad_start(7), OTHER_REASONS)?;
    }
    Ok(())
}
