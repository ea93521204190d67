//! What the exchanges of a recording were taken for, and whether it could be judged at all.
//!
//! `Judged, Judged, ... → Recognized; with VerdictCounts → a sentence, where most could not be judged`

use crate::finding::{VerdictCounts, grouped};
use crate::judged::Judged;
use crate::openbooking::{Stage, is_uuid};

/// Most paths that are named of exchanges that were taken for nothing.
const MOST_PATHS: usize = 5;

/// Most columns of such a path.
const LONGEST_PATH: usize = 80;

/// How many exchanges were taken for what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recognized {
    /// Calls of the booking API.
    pub calls: u64,
    /// Open data, dataset sites, calls of the test suite's own interface, and what else some rule has judged.
    pub open_data: u64,
    /// Exchanges that no rule had anything to say of.
    pub others: u64,
    /// The first paths of those, each once: `GET /a`.
    pub paths: Vec<String>,
    /// There are more paths than these.
    pub more_paths: bool,
    /// The Base URI that was named, if no exchange lies under it.
    pub unmatched_base: Option<String>,
}

impl Recognized {
    /// Counts an exchange.
    pub fn add(&mut self, judged: &Judged) {
        let has_verdict = judged.passed > 0 || !judged.findings.is_empty() || !judged.not_judged.is_empty();
        match judged.stage {
            stage if stage.is_booking() => self.calls += 1,
            Stage::OpportunityFeed | Stage::DatasetSite => self.open_data += 1,
            _ if has_verdict || judged.muted > 0 || is_of_test_suite(judged) => self.open_data += 1,
            _ => {
                self.others += 1;
                self.add_path(format!("{} {}", judged.exchange.request.method, shown(judged.exchange.path())));
            }
        }
    }

    /// Counts what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.open_data += other.open_data;
        self.others += other.others;
        self.more_paths |= other.more_paths;
        other.paths.iter().for_each(|path| self.add_path(path.clone()));
        self.unmatched_base = self.unmatched_base.take().or_else(|| other.unmatched_base.clone());
    }

    fn add_path(&mut self, path: String) {
        if self.paths.contains(&path) {
            return;
        }
        if self.paths.len() < MOST_PATHS {
            self.paths.push(path);
        } else {
            self.more_paths = true;
        }
    }

    /// True if there is no call of the booking API, and most exchanges are nothing else that is judged.
    fn is_mostly_unknown(&self) -> bool {
        self.calls == 0 && self.others > self.open_data
    }

    /// Which paths were seen in place of calls of the booking API, where there is none among other exchanges. `remedy` says
    /// which option names the Base URI.
    pub(crate) fn paths_seen(&self, remedy: bool) -> Option<String> {
        if self.calls > 0 || self.others == 0 {
            return None;
        }
        let exchanges = match self.others + self.open_data {
            1 => "1 exchange".to_owned(),
            many => format!("{} exchanges", grouped(many)),
        };
        let none = match &self.unmatched_base {
            Some(base) => format!("none of {exchanges} lies under the Base URI {base}"),
            None => format!("no call of the booking API among {exchanges}"),
        };
        let (seen, more) = (self.paths.join(", "), if self.more_paths { ", …" } else { "" });
        let remedy = if remedy { "; --base-uri says where the booking API is" } else { "" };
        Some(format!("{none}; seen: {seen}{more}{remedy}"))
    }
}

/// Says that most of a recording could not be judged, why, and what to do about it; `None` where it could.
pub fn unjudged(recognized: &Recognized, verdicts: &VerdictCounts, remedy: bool) -> Option<String> {
    if let Some(paths) = recognized.paths_seen(remedy).filter(|_| recognized.is_mostly_unknown()) {
        return Some(format!(
            "{} passed, {} not judged: {paths}",
            grouped(verdicts.passed),
            grouped(verdicts.not_judged)
        ));
    }
    let nothing_to_judge = verdicts.is_empty() && recognized.others == 0;
    (verdicts.is_mostly_unjudged() && !nothing_to_judge).then(|| verdicts.headline())
}

/// True for a call by which OpenActive's test suite has opportunities made, or things done to Orders.
fn is_of_test_suite(judged: &Judged) -> bool {
    judged.exchange.path().contains("/test-interface/")
}

/// A path in which UUIDs and its middle, if it is long, are `…`.
fn shown(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').map(|segment| if is_uuid(segment) { "…" } else { segment }).collect();
    crate::text::clip(&segments.join("/"), LONGEST_PATH).to_string()
}
