//! `umpire check FILE...`: judges recordings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::Offset;

use super::Exit;
use super::judging::JudgingArgs;
use super::stdio::{note, note_with, print};
use crate::baseline::Baseline;
use crate::capture::open_without_secrets;
use crate::check::{CheckOptions, CheckOutcome, CheckRun, coverage, is_empty, recordings};
use crate::filter::Filter;
use crate::finding::{Severity, Side};
use crate::new_file::{Existing, ensure_free};
use crate::proxy::{BaseUri, BaseUriError};
use crate::report::{CheckReport, EarlierReport, Paint, ReportComparison, RuleSummary};
use crate::report::{check_json, check_text, compare_json, compare_text};
use crate::rules::{RuleBook, renamed};
use crate::text::{SafeText, safe_format, visible};
use crate::units;

/// `umpire check …`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Captures, HAR and NDJSON files; each is one recording, judged by itself, but for the parts of one that was rotated
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    judging: JudgingArgs,
    /// Text for people, or the JSON contract of docs/check-report.md
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    format: CheckFormat,
    /// Exit status 1 if there is a finding of at least this severity
    #[arg(long, value_enum, default_value_t = Threshold::Failure)]
    fail_on: Threshold,
    /// Exit status 1 if more than this share of the verdicts could not be given, such as 0.5 or 50%
    #[arg(long, value_name = "SHARE", value_parser = units::share)]
    fail_on_unjudged: Option<f64>,
    /// Only findings on this side
    #[arg(long, value_enum)]
    side: Option<SideName>,
    /// Only findings that match, such as 'stage:B sev:failure' (docs/filter.md); verdicts are counted all the same
    #[arg(long, value_name = "FILTER", conflicts_with_all = ["write_baseline", "compare"])]
    filter: Option<Filter>,
    /// Set known findings aside: those that FILE lists are not counted
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the findings to FILE as known ones
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
    /// Replace FILE of --write-baseline if it exists; the reasons and expiry dates in it are kept
    #[arg(long, requires = "write_baseline")]
    force: bool,
    /// Print only what is otherwise than in OTHER.json, a report of `check --format json`; new findings alone count
    #[arg(long, value_name = "OTHER.json", conflicts_with_all = ["coverage", "write_baseline"])]
    compare: Option<PathBuf>,
    /// Say on standard error what judging costs, by scope of the rules, and which rules cost most
    #[arg(long)]
    profile_rules: bool,
    /// Say which rules were exercised, by feature of OpenActive's test suite, and what nobody has tried
    #[arg(long)]
    coverage: bool,
    /// Judge all files as one recording, in the order given, as is always done with the parts of a rotated one
    #[arg(long)]
    as_one: bool,
    /// Base URI of the booking system, for recordings that don't say it
    #[arg(long, value_name = "URI", value_parser = base_uri)]
    base_uri: Option<String>,
}

/// A Base URI as it was given, if it is one.
fn base_uri(text: &str) -> Result<String, BaseUriError> {
    text.parse::<BaseUri>().map(|_| text.trim().to_owned())
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

/// The formats of the report: of `umpire check` alone, so that another one is offered nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    Text,
    Json,
}

/// Runs `umpire check …`.
pub(super) fn run(check: Check) -> anyhow::Result<Exit> {
    let judging = check.judging.load()?;
    let existing = Existing::with_force(check.force);
    if let Some(file) = &check.write_baseline {
        // Before the work and not behind it.
        ensure_free(file, existing)?;
    }
    if let Some(settings) = judging.settings().filter(|_| judging.found_settings()) {
        note(safe_format!("settings of {settings}"));
    }
    let options = CheckOptions {
        side: check.side.map(Side::from),
        filter: check.filter.clone(),
        profile: check.profile_rules,
        every_finding: check.baseline.is_some() || check.write_baseline.is_some() || check.compare.is_some(),
        keep_verdicts: true,
    };
    let mut notice = |text: SafeText| note(text);
    let mut run = CheckRun::new(&judging.book, options, &mut notice);
    for recording in recordings(&check.files, check.as_one, open_without_secrets, note) {
        match recording {
            Ok(files) => {
                let judge = |base_uris, foreign| judging.judge(base_uris, foreign);
                let default_base_uri = judging.config.known.base_uri.as_deref();
                run.judge(files, judge, check.base_uri.as_deref(), default_base_uri)?;
            }
            // One that holds nothing keeps nobody from looking at the others, but is no success either.
            Err(error) if check.files.len() > 1 && is_empty(&error).is_some() => {
                run.leave_out_empty();
                note(SafeText::lines_of(format_args!("{error}")));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let CheckOutcome { mut report, profile, unread, empty } = run.finish();
    if report.files.is_empty() {
        bail!("none of the files holds an exchange, so there is nothing to judge");
    }
    if let Some(profile) = &profile {
        note_with(|out| super::profile::write(out, profile));
    }
    if let Some(file) = &check.write_baseline {
        if let Some(error) = unread {
            // What was not read would no longer be known.
            return Err(error).context("no baseline was written");
        }
        write_baseline(file, existing, &mut report, &judging.book)?;
    } else if let Some(file) = &check.baseline {
        set_aside(&read_baseline(file, &judging.book)?, file, &mut report, &judging.book);
    }
    report.coverage = check.coverage.then(|| coverage(&judging.book, &report.rules));
    let worst = if let Some(other) = &check.compare {
        compare(other, &report, &check, &judging.book)?
    } else {
        print(|out| match check.format {
            CheckFormat::Text => check_text(out, &report, Paint::for_stdout()),
            CheckFormat::Json => check_json(out, &report),
        })?;
        report.worst()
    };
    if let Some(error) = unread {
        return Err(error.into());
    }
    let unjudged = report.verdicts.unjudged_share();
    let too_little = check.fail_on_unjudged.filter(|&most| unjudged > most);
    if let Some(most) = too_little {
        let (unjudged, most) = (units::percent(unjudged), units::percent(most));
        note(safe_format!("{unjudged} of the verdicts could not be given, more than the {most} of --fail-on-unjudged"));
    }
    Ok(match check.fail_on.is_reached(worst) || too_little.is_some() {
        _ if empty > 0 => Exit::Unread,
        true => Exit::Findings,
        false => Exit::Clean,
    })
}

/// Prints what is otherwise than in an earlier report; the weightiest of what is new.
fn compare(other: &Path, report: &CheckReport, check: &Check, book: &RuleBook) -> anyhow::Result<Option<Severity>> {
    let named = || other.display().to_string();
    let mut earlier = EarlierReport::parse(&fs::read(other).with_context(named)?).with_context(named)?;
    note_renames(other, &earlier.follow_renames(|id| book.aliases().current(id)));
    if let Some(side) = check.side {
        earlier.only(side.into(), |rule| book.rule(rule).is_some() && is_asked(rule, &report.rules, book));
    }
    let comparison = ReportComparison::new(report, &earlier);
    let headline = report.headline();
    print(|out| match check.format {
        CheckFormat::Text => {
            headline.iter().try_for_each(|headline| out.line(visible(headline)))?;
            compare_text(out, &comparison, Paint::for_stdout())
        }
        CheckFormat::Json => compare_json(out, &comparison, &named()),
    })?;
    if let Some(headline) = headline.filter(|_| check.format == CheckFormat::Json) {
        note(visible(&headline));
    }
    Ok(comparison.worst())
}

/// Writes all findings as known ones, which they are from then on.
fn write_baseline(file: &Path, existing: Existing, report: &mut CheckReport, book: &RuleBook) -> anyhow::Result<()> {
    let older = if file.is_file() { read_baseline(file, book)? } else { Baseline::default() };
    let baseline = report.baseline().in_place_of(&older, |rule| is_asked(rule, &report.rules, book));
    baseline.write(file, existing)?;
    set_aside(&baseline, file, report, book);
    Ok(())
}

/// Reads a baseline; entries of rules that were renamed follow, with a notice.
fn read_baseline(file: &Path, book: &RuleBook) -> anyhow::Result<Baseline> {
    let mut baseline = Baseline::read(file)?;
    note_renames(file, &baseline.follow_renames(|id| book.aliases().current(id)));
    Ok(baseline)
}

/// Says which former ids a file has.
fn note_renames(file: &Path, renames: &BTreeMap<String, String>) {
    for (old, new) in renames {
        note(safe_format!("{}: {}", file.display(), renamed(old, new)));
    }
}

fn set_aside(baseline: &Baseline, file: &Path, report: &mut CheckReport, book: &RuleBook) {
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let asked = report.rules.clone();
    // Behind a filter nobody knows what has gone.
    let is_filtered = report.filter.is_some();
    let is_asked = |rule: &str| !is_filtered && is_asked(rule, &asked, book);
    report.set_aside(baseline, &file.display().to_string(), today, is_asked);
}

/// False for a rule that there is, but that was not asked: one of the other side, where one side alone is wanted.
fn is_asked(rule: &str, asked: &[RuleSummary], book: &RuleBook) -> bool {
    book.rule(rule).is_none() || asked.iter().any(|tally| &*tally.rule == rule)
}
