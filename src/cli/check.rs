//! `umpire check FILE...`: judges recordings.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::Offset;

use super::judging::{Judging, JudgingArgs};
use super::{Exit, Format, profile};
use crate::baseline::Baseline;
use crate::coverage::{Coverage, RuleCoverage};
use crate::finding::{Finding, Severity, Side};
use crate::report::{CheckReport, Comparison, Earlier, FileReport, LeftOut, Paint, RuleTally};
use crate::report::{check_json, check_text, compare_json, compare_text};
use crate::rules::{Judge, Profile, RuleBook};

/// `umpire check …`
#[derive(Debug, Args)]
pub struct Check {
    /// Captures and HAR files; each is one recording, judged by itself
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    judging: JudgingArgs,
    /// Text for people, or the JSON contract of docs/check-report.md
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit status 1 if there is a finding of at least this severity
    #[arg(long, value_enum, default_value_t = Threshold::Failure)]
    fail_on: Threshold,
    /// Only findings on this side
    #[arg(long, value_enum)]
    side: Option<SideName>,
    /// Set known findings aside: those that FILE lists are not counted
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the findings to FILE as known; reasons and expiry dates that it has stay
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
    /// Print only what is otherwise than in OTHER.json, a report of `check --format json`; new findings alone count
    #[arg(long, value_name = "OTHER.json", conflicts_with_all = ["coverage", "write_baseline"])]
    compare: Option<PathBuf>,
    /// Say on standard error what judging costs, by scope of the rules, and which rules cost most
    #[arg(long)]
    profile_rules: bool,
    /// Say which rules were exercised, by feature of OpenActive's test suite, and what nobody has tried
    #[arg(long)]
    coverage: bool,
    /// Base URI of the booking system, for recordings that don't say it
    #[arg(long, value_name = "URI")]
    base_uri: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Threshold {
    Failure,
    Warning,
    Never,
}

impl Threshold {
    fn is_reached(self, worst: Option<Severity>) -> bool {
        match self {
            Self::Failure => worst >= Some(Severity::Failure),
            Self::Warning => worst >= Some(Severity::Warning),
            Self::Never => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SideName {
    Broker,
    BookingSystem,
}

impl From<SideName> for Side {
    fn from(name: SideName) -> Self {
        match name {
            SideName::Broker => Self::Broker,
            SideName::BookingSystem => Self::BookingSystem,
        }
    }
}

/// Runs `umpire check …`.
pub fn run(check: Check) -> anyhow::Result<Exit> {
    let judging = check.judging.load()?;
    let side = check.side.map(Side::from);
    let mut gathered = Gathered::new(&judging.book, side);
    gathered.profile = check.profile_rules.then(Profile::default);
    for file in &check.files {
        gathered.judge(file, &judging, check.base_uri.as_deref())?;
    }
    if let Some(profile) = &gathered.profile {
        profile::write(&mut io::stderr().lock(), profile)?;
    }
    let mut report = gathered.report();
    if let Some(file) = &check.write_baseline {
        write_baseline(file, &mut report, &judging.book)?;
    } else if let Some(file) = &check.baseline {
        set_aside(&Baseline::read(file)?, file, &mut report, &judging.book);
    }
    report.coverage = check.coverage.then(|| coverage(&judging.book, &report.rules));
    if let Some(other) = &check.compare {
        return compare(other, &report, &check, &judging.book);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    match check.format {
        Format::Text => check_text(&mut out, &report, Paint::for_stdout())?,
        Format::Json => check_json(&mut out, &report)?,
    }
    out.flush()?;
    Ok(if check.fail_on.is_reached(report.worst()) { Exit::Findings } else { Exit::Clean })
}

/// Prints what is otherwise than in an earlier report.
fn compare(other: &Path, report: &CheckReport, check: &Check, book: &RuleBook) -> anyhow::Result<Exit> {
    let named = || other.display().to_string();
    let mut earlier = Earlier::parse(&fs::read(other).with_context(named)?).with_context(named)?;
    if let Some(side) = check.side {
        earlier.only(side.into(), |rule| book.rule(rule).is_some() && is_asked(rule, &report.rules, book));
    }
    let comparison = Comparison::new(report, &earlier);
    let mut out = io::BufWriter::new(io::stdout().lock());
    match check.format {
        Format::Text => compare_text(&mut out, &comparison, Paint::for_stdout())?,
        Format::Json => compare_json(&mut out, &comparison, &named())?,
    }
    out.flush()?;
    Ok(if check.fail_on.is_reached(comparison.worst()) { Exit::Findings } else { Exit::Clean })
}

/// Writes all findings as known ones, which they are from then on.
fn write_baseline(file: &Path, report: &mut CheckReport, book: &RuleBook) -> anyhow::Result<()> {
    let older = if file.exists() { Baseline::read(file)? } else { Baseline::default() };
    let baseline = report.baseline().in_place_of(&older, |rule| is_asked(rule, &report.rules, book));
    baseline.write(file)?;
    set_aside(&baseline, file, report, book);
    Ok(())
}

fn set_aside(baseline: &Baseline, file: &Path, report: &mut CheckReport, book: &RuleBook) {
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let asked = report.rules.clone();
    report.set_aside(baseline, &file.display().to_string(), today, |rule| is_asked(rule, &asked, book));
}

/// False for a rule that there is, but that was not asked: one of the other side, where one side alone is wanted.
fn is_asked(rule: &str, asked: &[RuleTally], book: &RuleBook) -> bool {
    book.rule(rule).is_none() || asked.iter().any(|tally| &*tally.rule == rule)
}

/// How far the rules that were asked have come.
fn coverage(book: &RuleBook, tallies: &[RuleTally]) -> Coverage {
    let of = |tally: &RuleTally| {
        let rule = Arc::clone(&book.rule(&tally.rule)?.info);
        Some(RuleCoverage { rule, passed: tally.passed, failed: tally.failed, not_judged: tally.not_judged })
    };
    Coverage { rules: tallies.iter().filter_map(of).collect() }
}

/// The verdicts on all files, added up.
struct Gathered {
    side: Option<Side>,
    report: CheckReport,
    reasons: BTreeMap<Arc<str>, u64>,
    /// What it costs, if that is asked for.
    profile: Option<Profile>,
}

impl Gathered {
    fn new(book: &RuleBook, side: Option<Side>) -> Self {
        let rules = book
            .rules()
            .iter()
            .filter(|rule| side.is_none_or(|side| rule.info.side == side))
            .map(|rule| RuleTally { rule: rule.info.id.as_str().into(), passed: 0, failed: 0, not_judged: 0 })
            .collect();
        Self { side, report: CheckReport { rules, ..CheckReport::default() }, reasons: BTreeMap::new(), profile: None }
    }

    fn judge(&mut self, path: &Path, judging: &Judging, base_uri: Option<&str>) -> anyhow::Result<()> {
        let file: Arc<str> = path.display().to_string().into();
        let recording = super::recording::open(path)?;
        let base_uri = base_uri.map(str::to_owned).or(recording.meta.base_uri);
        let mut judge = judging.judge(base_uri).profiling(self.profile.is_some());
        for exchange in recording.exchanges {
            let judged = judge.judge(Arc::new(exchange?));
            if let Some(slow) = judge.slow_rule() {
                eprintln!("umpire: {file}: {slow}");
            }
            self.report.muted += u64::from(judged.muted);
            let wanted = |finding: &Finding| self.side.is_none_or(|side| finding.rule.side == side);
            self.report
                .findings
                .extend(judged.findings.into_iter().filter(wanted).map(|finding| (Arc::clone(&file), finding)));
        }
        if judge.exchanges() == 0 {
            bail!("{file} holds no exchanges, so there is nothing to judge");
        }
        if let (Some(profile), Some(of_file)) = (&mut self.profile, judge.profile()) {
            profile.add(of_file);
        }
        self.report.left_out += LeftOut {
            flows: judge.forgotten_flows(),
            open_data: judge.forgotten_open_data(),
            findings: judge.untold_findings(),
        };
        self.report.files.push(FileReport { file, exchanges: judge.exchanges(), bookings: judge.bookings() });
        self.add_tallies(&judge).context("the tallies don't fit the rules")
    }

    fn add_tallies(&mut self, judge: &Judge) -> anyhow::Result<()> {
        let tallies: BTreeMap<&str, _> = judge.tallies().collect();
        for rule in &mut self.report.rules {
            let tally = tallies.get(&*rule.rule).with_context(|| format!("no tally of {}", rule.rule))?;
            rule.passed += tally.passed;
            rule.failed += tally.failed;
            rule.not_judged += tally.not_judged;
            for (reason, count) in &tally.reasons {
                *self.reasons.entry(Arc::clone(reason)).or_default() += count;
            }
        }
        Ok(())
    }

    fn report(self) -> CheckReport {
        CheckReport { not_judged: self.reasons.into_iter().collect(), ..self.report }
    }
}
