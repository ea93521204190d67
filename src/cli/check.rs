//! `umpire check FILE...`: judges recordings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::Offset;

use super::judging::{Judging, JudgingArgs};
use super::stdio::{note, note_with, print};
use super::{Exit, Format, profile};
use crate::baseline::Baseline;
use crate::capture::{CaptureError, Oddity, Reader, Recording};
use crate::coverage::{Coverage, RuleCoverage};
use crate::event::Judged;
use crate::exchange::Exchange;
use crate::filter::Filter;
use crate::finding::{Finding, Severity, Side, VerdictCounts};
use crate::new_file::{Existing, ensure_free};
use crate::report::{
    CheckReport, Comparison, Earlier, FileReport, FilterReport, LeftOut, OddReport, Paint, Recognized, RuleTally,
    SimulatedReport,
};
use crate::report::{check_json, check_text, compare_json, compare_text};
use crate::rules::{Judge, Profile, RuleBook, renamed};
use crate::text::{SafeText, safe_format, visible};
use crate::units;

/// `umpire check …`
#[derive(Debug, Args)]
pub struct Check {
    /// Captures, HAR and NDJSON files; each is one recording, judged by itself, but for the parts of one that was rotated
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
    let existing = Existing::with_force(check.force);
    if let Some(file) = &check.write_baseline {
        // Before the work and not behind it.
        ensure_free(file, existing)?;
    }
    if let Some(settings) = judging.settings().filter(|_| judging.found_settings()) {
        note(safe_format!("settings of {settings}"));
    }
    let side = check.side.map(Side::from);
    let mut gathered = Gathered::new(&judging.book, side);
    gathered.filter.clone_from(&check.filter);
    gathered.report.filter = check.filter.as_ref().map(|filter| FilterReport::new(filter.to_string()));
    gathered.profile = check.profile_rules.then(Profile::default);
    gathered.kept.every_one = check.baseline.is_some() || check.write_baseline.is_some() || check.compare.is_some();
    for recording in recordings(&check.files, check.as_one) {
        match recording {
            Ok(recording) => gathered.judge(recording, &judging, check.base_uri.as_deref())?,
            // One that holds nothing keeps nobody from looking at the others, but is no success either.
            Err(error) if check.files.len() > 1 && is_empty(&error).is_some() => {
                gathered.empty += 1;
                note(SafeText::lines_of(format_args!("{error:#}")));
            }
            Err(error) => return Err(error),
        }
    }
    let empty = gathered.empty;
    if gathered.report.files.is_empty() {
        bail!("none of the files holds an exchange, so there is nothing to judge");
    }
    let unread = gathered.unread.take();
    if let Some(profile) = &gathered.profile {
        note_with(|out| profile::write(out, profile));
    }
    let mut report = gathered.report();
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
            Format::Text => check_text(out, &report, Paint::for_stdout()),
            Format::Json => check_json(out, &report),
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

/// A file of a recording, opened.
type Opened = (PathBuf, Recording);

/// The recordings that the files are, each of one file or of several in their order. A file is opened when its turn comes.
fn recordings(files: &[PathBuf], as_one: bool) -> impl Iterator<Item = anyhow::Result<Vec<Opened>>> {
    let mut files = files.iter().map(|path| Ok((path.clone(), super::recording::open_quietly(path)?))).peekable();
    std::iter::from_fn(move || {
        let mut recording: Vec<Opened> = vec![match files.next()? {
            Ok(first) => first,
            Err(error) => return Some(Err(error)),
        }];
        let of = recording[0].1.meta.part.as_ref().map(|part| part.of.clone());
        let belongs = |next: &anyhow::Result<Opened>| match next {
            Ok((_, next)) => as_one || (of.is_some() && next.meta.part.as_ref().map(|part| &part.of) == of.as_ref()),
            Err(error) => is_empty_part(error, of.as_deref()),
        };
        while let Some(next) = files.next_if(belongs) {
            match next {
                Ok(next) => recording.push(next),
                // It is one that may be left out.
                Err(error) => {
                    let file = is_empty(&error).unwrap_or(Path::new("")).display();
                    note(safe_format!("{file}: holds no exchanges; the other parts do"));
                }
            }
        }
        if of.is_some() && !as_one {
            in_order(&mut recording);
        }
        Some(Ok(recording))
    })
}

/// The file that an error is about, if all that is wrong with it is that it holds no exchanges.
fn is_empty(error: &anyhow::Error) -> Option<&Path> {
    match error.downcast_ref() {
        Some(CaptureError::Empty { file }) => Some(file),
        _ => None,
    }
}

/// True if an error is about a part without exchanges: one that was begun when its writer was killed.
fn is_empty_part(error: &anyhow::Error, of: Option<&str>) -> bool {
    let part = is_empty(error).and_then(|file| Reader::open(file).ok()?.meta().part.clone());
    of.is_some() && part.is_some_and(|part| Some(part.of.as_str()) == of)
}

/// Puts the parts of a recording in order, and says which one is missing between them.
fn in_order(parts: &mut [Opened]) {
    let number = |(_, recording): &Opened| recording.meta.part.as_ref().map_or(0, |part| part.number);
    parts.sort_by_key(number);
    for pair in parts.windows(2) {
        if number(&pair[1]) > number(&pair[0]) + 1 {
            let (one, other) = (pair[0].0.display(), pair[1].0.display());
            note(safe_format!("a part of the recording is missing between {one} and {other}; it is judged without it"));
        }
    }
}

/// Prints what is otherwise than in an earlier report; the weightiest of what is new.
fn compare(other: &Path, report: &CheckReport, check: &Check, book: &RuleBook) -> anyhow::Result<Option<Severity>> {
    let named = || other.display().to_string();
    let mut earlier = Earlier::parse(&fs::read(other).with_context(named)?).with_context(named)?;
    note_renames(other, &earlier.follow_renames(|id| book.aliases().current(id)));
    if let Some(side) = check.side {
        earlier.only(side.into(), |rule| book.rule(rule).is_some() && is_asked(rule, &report.rules, book));
    }
    let comparison = Comparison::new(report, &earlier);
    let headline = report.headline();
    print(|out| match check.format {
        Format::Text => {
            headline.iter().try_for_each(|headline| out.line(visible(headline)))?;
            compare_text(out, &comparison, Paint::for_stdout())
        }
        Format::Json => compare_json(out, &comparison, &named()),
    })?;
    if let Some(headline) = headline.filter(|_| check.format == Format::Json) {
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
    filter: Option<Filter>,
    report: CheckReport,
    /// What it costs, if that is asked for.
    profile: Option<Profile>,
    kept: Kept,
    /// Why a file could not be read to its end, of the last one of which that is true.
    unread: Option<CaptureError>,
    /// Files without exchanges.
    empty: usize,
}

/// Most findings of one rule that are kept one by one, and most of all rules; those past it are counted. So a recording may
/// be of any length.
const MOST_FINDINGS: (usize, usize) = (1_000, 50_000);

/// How many findings are kept.
#[derive(Default)]
struct Kept {
    of_rule: BTreeMap<String, usize>,
    all: usize,
    /// Where findings are held against others one by one, all of them are kept.
    every_one: bool,
}

impl Kept {
    /// True if there is room for one more of a rule, which is then taken.
    fn takes(&mut self, rule: &str) -> bool {
        let of_rule = match self.of_rule.get_mut(rule) {
            Some(count) => count,
            None => self.of_rule.entry(rule.to_owned()).or_default(),
        };
        let room = self.every_one || *of_rule < MOST_FINDINGS.0 && self.all < MOST_FINDINGS.1;
        if room {
            *of_rule += 1;
            self.all += 1;
        }
        room
    }
}

/// What is odd about a file, for the report.
fn odd_report(oddity: Oddity) -> OddReport {
    let words = oddity.to_string();
    let Oddity { what, outcome, count, first, .. } = oddity;
    OddReport { what: what.into_owned(), outcome: outcome.as_str(), count, first, words }
}

/// True if an exchange lies under a Base URI, by its path: recordings may have been made at other addresses. True where none
/// is known.
fn lies_under(exchange: &Exchange, base: Option<&str>) -> bool {
    let Some(base) = base else { return true };
    let path = base.split_once("://").map_or("", |(_, rest)| rest.find('/').map_or("", |slash| &rest[slash..]));
    let path = path.trim_end_matches('/');
    exchange.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Gathered {
    fn new(book: &RuleBook, side: Option<Side>) -> Self {
        let rules = book
            .rules()
            .iter()
            .filter(|rule| side.is_none_or(|side| rule.info.side == side))
            .map(|rule| RuleTally { rule: rule.info.id.as_str().into(), passed: 0, failed: 0, not_judged: 0 })
            .collect();
        let report = CheckReport { rules, ..CheckReport::default() };
        Self { side, filter: None, report, profile: None, kept: Kept::default(), unread: None, empty: 0 }
    }

    /// Without the findings that don't match the filter, which knows exchanges by their number in their file.
    fn filtered(&mut self, judged: Judged, before: u64) -> Judged {
        let (Some(filter), Some(report)) = (&self.filter, &mut self.report.filter) else { return judged };
        let of_file = Judged { index: judged.index.saturating_sub(before), ..judged };
        report.exchanges += u64::from(filter.matches(&of_file, false));
        let matching: Vec<Finding> = filter.findings(&of_file, false).cloned().collect();
        report.hidden += (of_file.findings.len() - matching.len()) as u64;
        Judged { index: of_file.index + before, findings: matching, ..of_file }
    }

    /// Judges files that are one recording, in this order.
    fn judge(&mut self, files: Vec<Opened>, judging: &Judging, base_uri: Option<&str>) -> anyhow::Result<()> {
        let known = files.iter().map(|(_, recording)| recording.meta.base_uris()).find(|uris| !uris.is_empty());
        let base_uris = base_uri.map_or_else(|| known.unwrap_or_default(), |base_uri| vec![base_uri.to_owned()]);
        let base = base_uris.first().cloned().or_else(|| judging.config.known.base_uri.clone());
        let foreign = files.iter().any(|(_, recording)| recording.meta.is_foreign());
        let mut judge = judging.judge(base_uris, foreign).profiling(self.profile.is_some());
        let names: Vec<Arc<str>> = files.iter().map(|(path, _)| path.display().to_string().into()).collect();
        // Exchanges before each file.
        let mut starts = Vec::with_capacity(files.len());
        for ((_, recording), name) in files.into_iter().zip(&names) {
            let (before, bookings) = (judge.exchanges(), judge.bookings());
            let verdicts = self.verdicts(&judge);
            let mut recognized = Recognized::default();
            let mut is_under_base = false;
            starts.push(before);
            let (oddities, mut fault, mut simulated) = (recording.oddities, None, Vec::new());
            for exchange in recording.exchanges {
                let judged = match exchange {
                    Ok(exchange) => {
                        SimulatedReport::count(&mut simulated, &exchange);
                        is_under_base |= lies_under(&exchange, base.as_deref());
                        judge.judge(Arc::new(exchange))
                    }
                    Err(error) => {
                        fault = Some(error);
                        continue;
                    }
                };
                if let Some(slow) = judge.slow_rule() {
                    note(safe_format!("{name}: {slow}"));
                }
                recognized.add(&judged);
                let judged = self.filtered(judged, before);
                self.report.muted += u64::from(judged.muted);
                let wanted = |finding: &Finding| self.side.is_none_or(|side| finding.rule.side == side);
                for mut finding in judged.findings.into_iter().filter(wanted) {
                    if !self.kept.takes(&finding.rule.id) {
                        self.report.untold.add(&finding);
                        continue;
                    }
                    // A finding may be on an exchange of a file before.
                    let at = finding.exchange.map_or(starts.len(), |n| starts.partition_point(|&start| start <= n)) - 1;
                    finding.exchange = finding.exchange.map(|exchange| exchange - starts[at]);
                    if let Some(earlier) = &mut finding.because_of {
                        let of = starts.partition_point(|&start| start <= earlier.exchange) - 1;
                        earlier.exchange -= starts[of];
                        earlier.file = (of != at).then(|| Arc::clone(&names[of]));
                    }
                    self.report.findings.push((Arc::clone(&names[at]), finding));
                }
            }
            let exchanges = judge.exchanges() - before;
            if exchanges == 0 {
                match fault {
                    Some(fault) => note(safe_format!("{fault}")),
                    None => note(safe_format!("{name}: holds no exchanges that could be judged")),
                }
                self.empty += 1;
                continue;
            }
            let bookings = judge.bookings() - bookings;
            let odd = oddities.list().into_iter().map(odd_report).collect();
            let fault = fault.map(|fault| self.unread.insert(fault).to_string());
            let verdicts = self.verdicts(&judge).since(&verdicts);
            recognized.unmatched_base = base.clone().filter(|_| !is_under_base);
            let file = Arc::clone(name);
            self.report.files.push(FileReport {
                file,
                exchanges,
                bookings,
                odd,
                simulated,
                fault,
                verdicts,
                recognized,
            });
        }
        if let (Some(profile), Some(of_file)) = (&mut self.profile, judge.profile()) {
            profile.add(of_file);
        }
        self.report.left_out += LeftOut {
            flows: judge.forgotten_flows(),
            open_data: judge.forgotten_open_data(),
            findings: judge.untold_findings(),
        };
        self.add_tallies(&judge).context("the tallies don't fit the rules")
    }

    fn add_tallies(&mut self, judge: &Judge) -> anyhow::Result<()> {
        let tallies: BTreeMap<&str, _> = judge.tallies().collect();
        for rule in &mut self.report.rules {
            let tally = tallies.get(&*rule.rule).with_context(|| format!("no tally of {}", rule.rule))?;
            rule.passed += tally.passed;
            rule.failed += tally.failed;
            rule.not_judged += tally.not_judged;
        }
        let verdicts = self.verdicts(judge);
        self.report.verdicts.add(&verdicts);
        Ok(())
    }

    /// What the rules that are asked have said of a recording so far.
    fn verdicts(&self, judge: &Judge) -> VerdictCounts {
        let mut counts = VerdictCounts::default();
        for (rule, tally) in judge.tallies() {
            if self.side.is_some() && !self.report.rules.iter().any(|asked| &*asked.rule == rule) {
                continue;
            }
            counts.passed += tally.passed;
            counts.failed += tally.failed;
            tally.reasons.iter().for_each(|(reason, count)| counts.add_not_judged(reason, *count));
        }
        counts
    }

    fn report(self) -> CheckReport {
        let mut left_out = self.report.left_out;
        left_out.findings += self.report.untold.total();
        CheckReport { left_out, ..self.report }
    }
}
