//! `umpire check` without the command line: recordings are judged, and the verdicts on all of them make one report.
//!
//! `files ─► recordings (parts of one joined) ─► CheckRun: judge, filter, count ─► CheckOutcome`

mod judging;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::capture::{CaptureError, CaptureReader, Oddity, Recording};
use crate::coverage::{Coverage, RuleCoverage};
use crate::exchange::Exchange;
use crate::filter::Filter;
use crate::finding::{Finding, Side, VerdictCounts};
use crate::judged::Judged;
use crate::report::{
    CheckReport, FileReport, FilterReport, OddReport, OmittedCounts, Recognized, RuleSummary, SimulatedReport,
};
use crate::rules::{Judge, Profile, RuleBook};
use crate::text::{SafeText, safe_format};
use crate::verdicts::VerdictTotals;
use judging::{RecordingJudge, WithoutVerdict};

/// What is looked at, and how much is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct CheckOptions {
    /// Only findings on this side, and the rules about it.
    pub side: Option<Side>,
    /// Only findings that match.
    pub filter: Option<Filter>,
    /// What judging costs is measured.
    pub profile: bool,
    /// All findings are kept, whatever their number: where they are held against others one by one.
    pub every_finding: bool,
    /// Captures that were judged before are not judged again, and what is judged is kept for the next time (`verdicts`).
    pub keep_verdicts: bool,
}

/// What came of checking recordings.
#[derive(Debug)]
pub(crate) struct CheckOutcome {
    /// The report.
    pub report: CheckReport,
    /// What judging cost, if that was measured.
    pub profile: Option<Profile>,
    /// Why a file could not be read to its end, of the last one of which that is true.
    pub unread: Option<CaptureError>,
    /// Number of files that hold no exchange.
    pub empty: usize,
}

/// Why recordings can't be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CheckError {
    /// A rule that a judge does not know.
    #[error("the judge has no tally of the rule {0}")]
    UnknownRule(Arc<str>),
    /// The verdicts that are kept beside a capture were changed while they were read.
    #[error("the verdicts that are kept of it can't be read: {0}")]
    Verdicts(String),
}

/// A file of a recording, opened.
pub(crate) type OpenedFile = (PathBuf, Recording);

/// The recordings that the files are, each of one file or of several in their order: the parts of a rotated one, or all of
/// them `as_one`. A file is opened when its turn comes.
pub(crate) fn recordings(
    files: &[PathBuf],
    as_one: bool,
    open: impl Fn(&Path) -> Result<Recording, CaptureError>,
    mut notice: impl FnMut(SafeText),
) -> impl Iterator<Item = Result<Vec<OpenedFile>, CaptureError>> {
    let mut files = files.iter().map(move |path| Ok((path.clone(), open(path)?))).peekable();
    std::iter::from_fn(move || {
        let mut recording: Vec<OpenedFile> = vec![match files.next()? {
            Ok(first) => first,
            Err(error) => return Some(Err(error)),
        }];
        let of = recording[0].1.meta.part.as_ref().map(|part| part.of.clone());
        let belongs = |next: &Result<OpenedFile, CaptureError>| match next {
            Ok((_, next)) => as_one || (of.is_some() && next.meta.part.as_ref().map(|part| &part.of) == of.as_ref()),
            Err(error) => is_empty_part(error, of.as_deref()),
        };
        while let Some(next) = files.next_if(belongs) {
            match next {
                Ok(next) => recording.push(next),
                // It is one that may be left out.
                Err(error) => {
                    let file = is_empty(&error).unwrap_or(Path::new("")).display();
                    notice(safe_format!("{file}: holds no exchanges; the other parts do"));
                }
            }
        }
        if of.is_some() && !as_one {
            in_order(&mut recording, &mut notice);
        }
        Some(Ok(recording))
    })
}

/// The file that an error is about, if all that is wrong with it is that it holds no exchanges.
pub(crate) fn is_empty(error: &CaptureError) -> Option<&Path> {
    match error {
        CaptureError::Empty { file } => Some(file),
        _ => None,
    }
}

/// True if an error is about a part without exchanges: one that was begun when its writer was killed.
fn is_empty_part(error: &CaptureError, of: Option<&str>) -> bool {
    let part = is_empty(error).and_then(|file| CaptureReader::open(file).ok()?.meta().part.clone());
    of.is_some() && part.is_some_and(|part| Some(part.of.as_str()) == of)
}

/// Puts the parts of a recording in order, and says which one is missing between them.
fn in_order(parts: &mut [OpenedFile], notice: &mut impl FnMut(SafeText)) {
    let number = |(_, recording): &OpenedFile| recording.meta.part.as_ref().map_or(0, |part| part.number);
    parts.sort_by_key(number);
    for pair in parts.windows(2) {
        if number(&pair[1]) > number(&pair[0]) + 1 {
            let (one, other) = (pair[0].0.display(), pair[1].0.display());
            notice(safe_format!(
                "a part of the recording is missing between {one} and {other}; it is judged without it"
            ));
        }
    }
}

/// How far the rules that were asked have come.
pub(crate) fn coverage(book: &RuleBook, tallies: &[RuleSummary]) -> Coverage {
    let of = |tally: &RuleSummary| {
        let rule = Arc::clone(&book.rule(&tally.rule)?.info);
        Some(RuleCoverage { rule, passed: tally.passed, failed: tally.failed, not_judged: tally.not_judged })
    };
    Coverage { rules: tallies.iter().filter_map(of).collect() }
}

/// Judges recordings, and adds their verdicts up.
pub(crate) struct CheckRun<'n> {
    options: CheckOptions,
    report: CheckReport,
    profile: Option<Profile>,
    kept: KeptFindings,
    notice: &'n mut dyn FnMut(SafeText),
    unread: Option<CaptureError>,
    empty: usize,
}

/// Most findings of one rule that are kept one by one, and most of all rules; those past it are counted. So a recording may
/// be of any length.
const MOST_FINDINGS: (usize, usize) = (1_000, 50_000);

/// How many findings are kept.
#[derive(Default)]
struct KeptFindings {
    of_rule: BTreeMap<String, usize>,
    all: usize,
    /// Where findings are held against others one by one, all of them are kept.
    every_one: bool,
}

impl KeptFindings {
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

impl<'n> CheckRun<'n> {
    /// Nothing judged yet. `notice` is told what does not stand in the report: slow rules, files without exchanges.
    pub(crate) fn new(book: &RuleBook, options: CheckOptions, notice: &'n mut dyn FnMut(SafeText)) -> Self {
        let rules = book
            .rules()
            .iter()
            .filter(|rule| options.side.is_none_or(|side| rule.info.side == side))
            .map(|rule| RuleSummary { rule: rule.info.id.as_str().into(), passed: 0, failed: 0, not_judged: 0 })
            .collect();
        let filter = options.filter.as_ref().map(|filter| FilterReport::new(filter.to_string()));
        Self {
            report: CheckReport { rules, filter, ..CheckReport::default() },
            profile: options.profile.then(Profile::default),
            kept: KeptFindings { every_one: options.every_finding, ..KeptFindings::default() },
            options,
            notice,
            unread: None,
            empty: 0,
        }
    }

    /// Judges files that are one recording, in this order. `judge` makes the judge of a recording at these Base URIs, made by
    /// another program or not. `base_uri` is the one to use, `default_base_uri` the one where nothing else says it.
    ///
    /// Fails where the judge has other rules than those that the run was begun with, or where kept verdicts change meanwhile.
    pub(crate) fn judge(
        &mut self,
        files: Vec<OpenedFile>,
        judge: impl FnOnce(Vec<String>, bool) -> Judge,
        base_uri: Option<&str>,
        default_base_uri: Option<&str>,
    ) -> Result<(), CheckError> {
        let known = files.iter().map(|(_, recording)| recording.meta.base_uris()).find(|uris| !uris.is_empty());
        let base_uris = base_uri.map_or_else(|| known.unwrap_or_default(), |base_uri| vec![base_uri.to_owned()]);
        let base = base_uris.first().cloned().or_else(|| default_base_uri.map(str::to_owned));
        let foreign = files.iter().any(|(_, recording)| recording.meta.is_foreign());
        let judge = judge(base_uris, foreign).profiling(self.profile.is_some());
        let names: Vec<Arc<str>> = files.iter().map(|(path, _)| path.display().to_string().into()).collect();
        let mut judging = if self.options.keep_verdicts && self.profile.is_none() {
            RecordingJudge::keeping(judge, &files, self.notice)
        } else {
            RecordingJudge::not_keeping(judge)
        };
        let with_bodies = self.options.filter.is_some();
        let mut totals = VerdictTotals::default();
        // Exchanges before each file.
        let mut starts = Vec::with_capacity(files.len());
        for (place, ((_, recording), name)) in files.into_iter().zip(&names).enumerate() {
            let (before, bookings) = (totals.exchanges, totals.bookings);
            let verdicts = self.verdicts(&totals);
            let mut recognized = Recognized::default();
            let mut is_under_base = false;
            starts.push(before);
            if let Some(warning) = &recording.warning {
                (self.notice)(safe_format!("{warning}"));
            }
            let (oddities, mut unread, mut simulated) = (recording.oddities, None, Vec::new());
            let mut file = judging.file(place, recording.exchanges, with_bodies);
            while let Some(next) = file.next() {
                let judged = match next {
                    Ok(judged) => judged,
                    Err(WithoutVerdict::Exchange(error)) => {
                        unread = Some(error);
                        continue;
                    }
                    Err(WithoutVerdict::Verdicts(error)) => return Err(CheckError::Verdicts(error.to_string())),
                };
                SimulatedReport::count(&mut simulated, &judged.exchange);
                is_under_base |= lies_under(&judged.exchange, base.as_deref());
                if let Some(slow) = file.slow_rule() {
                    (self.notice)(safe_format!("{name}: {slow}"));
                }
                recognized.add(&judged);
                let judged = self.filtered(judged, before);
                self.report.muted += u64::from(judged.muted);
                let wanted = |finding: &Finding| self.options.side.is_none_or(|side| finding.rule.side == side);
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
            totals = file.end(unread.is_none());
            let exchanges = totals.exchanges - before;
            if exchanges == 0 {
                match unread {
                    Some(unread) => (self.notice)(safe_format!("{unread}")),
                    None => (self.notice)(safe_format!("{name}: holds no exchanges that could be judged")),
                }
                self.empty += 1;
                continue;
            }
            let bookings = totals.bookings - bookings;
            let odd = oddities.list().into_iter().map(odd_report).collect();
            let unread = unread.map(|unread| self.unread.insert(unread).to_string());
            let verdicts = self.verdicts(&totals).since(&verdicts);
            recognized.unmatched_base = base.clone().filter(|_| !is_under_base);
            let file = Arc::clone(name);
            self.report.files.push(FileReport {
                file,
                exchanges,
                bookings,
                odd,
                simulated,
                unread,
                verdicts,
                recognized,
            });
        }
        if let (Some(profile), Some(of_file)) = (&mut self.profile, judging.profile()) {
            profile.add(of_file);
        }
        self.report.left_out += OmittedCounts {
            flows: totals.forgotten_flows,
            open_data: totals.forgotten_open_data,
            findings: totals.untold_findings,
        };
        self.add_tallies(&totals)
    }

    /// Without the findings that don't match the filter, which knows exchanges by their number in their file.
    fn filtered(&mut self, judged: Judged, before: u64) -> Judged {
        let (Some(filter), Some(report)) = (&self.options.filter, &mut self.report.filter) else { return judged };
        let of_file = Judged { index: judged.index.saturating_sub(before), ..judged };
        report.exchanges += u64::from(filter.matches(&of_file, false));
        let matching: Vec<Finding> = filter.findings(&of_file, false).cloned().collect();
        report.hidden += (of_file.findings.len() - matching.len()) as u64;
        Judged { index: of_file.index + before, findings: matching, ..of_file }
    }

    fn add_tallies(&mut self, totals: &VerdictTotals) -> Result<(), CheckError> {
        let tallies: BTreeMap<&str, _> = totals.tallies.iter().map(|(rule, tally)| (&**rule, tally)).collect();
        for rule in &mut self.report.rules {
            let tally = tallies.get(&*rule.rule).ok_or_else(|| CheckError::UnknownRule(Arc::clone(&rule.rule)))?;
            rule.passed += tally.passed;
            rule.failed += tally.failed;
            rule.not_judged += tally.not_judged;
        }
        let verdicts = self.verdicts(totals);
        self.report.verdicts.add(&verdicts);
        Ok(())
    }

    /// What the rules that are asked have said of a recording so far.
    fn verdicts(&self, totals: &VerdictTotals) -> VerdictCounts {
        let mut counts = VerdictCounts::default();
        for (rule, tally) in &totals.tallies {
            if self.options.side.is_some() && !self.report.rules.iter().any(|asked| asked.rule == *rule) {
                continue;
            }
            counts.passed += tally.passed;
            counts.failed += tally.failed;
            tally.reasons.iter().for_each(|(reason, count)| counts.add_not_judged(reason, *count));
        }
        counts
    }

    /// A file holds nothing, and was left out.
    pub(crate) fn leave_out_empty(&mut self) {
        self.empty += 1;
    }

    /// What came of it.
    pub(crate) fn finish(self) -> CheckOutcome {
        let mut left_out = self.report.left_out;
        left_out.findings += self.report.untold.total();
        let Self { report, profile, unread, empty, .. } = self;
        CheckOutcome { report: CheckReport { left_out, ..report }, profile, unread, empty }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::capture;
    use crate::rules::BookingSystemInfo;

    /// What comes of checking these files of the project, and what is said beside the report.
    fn checked(files: &[&str], as_one: bool, options: CheckOptions) -> (CheckOutcome, String) {
        let book = Arc::new(RuleBook::built_in().unwrap());
        let files: Vec<PathBuf> = files.iter().map(|file| Path::new("captures").join(file)).collect();
        let mut said = String::new();
        let mut notice = |text: SafeText| writeln!(said, "{text}").unwrap();
        let mut run = CheckRun::new(&book, options, &mut notice);
        for recording in recordings(&files, as_one, capture::open, |_| ()) {
            let judge = |_: Vec<String>, _: bool| Judge::new(Arc::clone(&book), BookingSystemInfo::default());
            run.judge(recording.unwrap(), judge, None, None).unwrap();
        }
        (run.finish(), said)
    }

    #[test]
    fn recordings_are_added_up_or_judged_as_one() {
        let (apart, said) = checked(&["golden.har", "faulty.har"], false, CheckOptions::default());
        let (as_one, _) = checked(&["golden.har", "faulty.har"], true, CheckOptions::default());
        assert_eq!((apart.report.files.len(), as_one.report.files.len()), (2, 2));
        assert_eq!(apart.report.exchanges(), as_one.report.exchanges());
        assert!(apart.report.findings.iter().all(|(file, _)| &**file == "captures/faulty.har"));
        assert_eq!((apart.empty, apart.unread, said.as_str()), (0, None, ""));
    }

    #[test]
    fn a_side_and_a_filter_choose_findings() {
        let side = CheckOptions { side: Some(Side::Broker), ..CheckOptions::default() };
        let (of_side, _) = checked(&["faulty.har"], false, side);
        assert!(of_side.report.findings.iter().all(|(_, finding)| finding.rule.side == Side::Broker));
        let filter = CheckOptions { filter: Some("stage:B".parse().unwrap()), ..CheckOptions::default() };
        let (filtered, _) = checked(&["faulty.har"], false, filter);
        let report = filtered.report.filter.unwrap();
        assert!(report.exchanges > 0 && report.hidden > 0 && !filtered.report.findings.is_empty());
    }
}
