//! What is printed: the lines of a running proxy, and the verdict on recordings.
//!
//! `Event → plain | json_lines` while traffic flows · `CheckReport → check_text | check_json` for recordings
//!
//! A function for each report and format (`check_text`, `check_json`, …), each to a `text::Printer` that the caller gives. It fails
//! only when that fails. There is no trait of formats; `cli` chooses. Nothing here decides an exit status; [`CheckReport::worst`] is
//! what one is decided by.

mod baseline_json;
mod baseline_text;
mod check;
mod check_json;
mod check_text;
mod compare;
mod compare_json;
mod compare_text;
mod coverage_json;
mod coverage_text;
mod curl;
mod diff_markdown;
mod diff_text;
mod finding_json;
mod finding_text;
mod json_lines;
mod markdown;
mod paint;
mod plain;
mod probe;
mod recognized;
mod replay;
mod resend;
mod summary;

pub use check::{
    BaselineReport, CheckReport, FileReport, FilterReport, OddReport, OmittedCounts, RuleSummary, SimulatedReport,
};
pub use check_json::check_json;
pub use check_text::check_text;
pub use compare::{EarlierError, EarlierFinding, EarlierReport, ReportComparison, RuleChange, RuleVerdictCounts};
pub use compare_json::compare_json;
pub use compare_text::compare_text;
pub use curl::{Secrets, curl};
pub(crate) use diff_markdown::diff_markdown;
pub(crate) use diff_text::diff_text;
pub use json_lines::JsonLines;
pub(crate) use markdown::finding_markdown;
pub use markdown::{BookingReport, markdown};
pub use paint::Paint;
pub use plain::PlainReport;
pub(crate) use probe::{ProbeReport, probe_json, probe_markdown, probe_text};
pub use recognized::{Recognized, unjudged};
pub(crate) use replay::{replay_json, replay_text};
pub(crate) use resend::{LeftBookedReport, LeftOutReport, ResendReport, resend_markdown, resend_text};
pub use summary::Summary;
