//! One booking and its findings as Markdown, for developers who don't have Umpire.
//!
//! `Booking → what it was → its exchanges in a table → per cause: who, what, where, seen, expected, why, fix, link`

use std::fmt::Write as _;
use std::sync::Arc;

use super::finding_text::MAX_SHOWN;
use crate::event::Judged;
use crate::finding::{Finding, Severity, Side, folded};
use crate::text;

/// A booking as it is told to the other side.
#[derive(Debug)]
pub struct Booking {
    /// Order UUID.
    pub uuid: String,
    /// The program that wrote it, with version.
    pub creator: String,
    /// What became of personal data, in words.
    pub redaction: String,
    /// Its exchanges, in order.
    pub exchanges: Vec<Arc<Judged>>,
    /// What is said of it, in order; the exchange of each is one of the above, or one of the whole recording.
    pub findings: Vec<Finding>,
    /// Findings that can't be repeated from the exchanges of this booking alone.
    pub beyond: usize,
}

/// The page.
pub fn markdown(booking: &Booking) -> String {
    let mut page = String::new();
    let _ = writeln!(page, "# Booking `{}`\n", booking.uuid);
    let origins: std::collections::BTreeSet<&str> =
        booking.exchanges.iter().map(|judged| judged.exchange.origin.as_str()).collect();
    let origins: Vec<String> = origins.into_iter().map(code).collect();
    let _ = writeln!(
        page,
        "{} with {}, judged against the [Open Booking API]({SPEC}) by {}; {}.\n",
        text::count(booking.exchanges.len() as u64, "exchange"),
        origins.join(", "),
        escaped(&booking.creator),
        booking.redaction,
    );
    let _ = writeln!(page, "{}\n", counts(&booking.findings));
    exchanges(&mut page, booking);
    let findings: Vec<&Finding> = booking.findings.iter().collect();
    for (number, (index, follow)) in folded(&findings).into_iter().enumerate() {
        let follow: Vec<&Finding> = follow.into_iter().map(|index| findings[index]).collect();
        cause(&mut page, number + 1, findings[index], &follow, booking);
    }
    if booking.beyond > 0 {
        let _ = writeln!(
            page,
            "---\n\n{} of these rest on traffic beyond this booking that is not in `booking.har`.\n",
            text::count(booking.beyond as u64, "finding"),
        );
    }
    page
}

/// The specification.
const SPEC: &str = "https://openactive.io/open-booking-api/EditorsDraft/";

fn counts(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "Nothing was found.".to_owned();
    }
    let of_side = |side: Side| {
        let counts: Vec<String> = Severity::ALL
            .into_iter()
            .map(|severity| {
                let is_it = |finding: &&Finding| finding.rule.side == side && finding.severity == severity;
                (findings.iter().filter(is_it).count() as u64, severity)
            })
            .filter(|(count, _)| *count > 0)
            .map(|(count, severity)| text::count(count, severity.as_str()))
            .collect();
        (!counts.is_empty()).then(|| format!("the {}: {}", side.in_words(), counts.join(", ")))
    };
    let sides: Vec<String> = Side::ALL.into_iter().filter_map(of_side).collect();
    format!("Found on {}. A failure goes against a MUST, a warning against a SHOULD.", sides.join("; on "))
}

fn exchanges(page: &mut String, booking: &Booking) {
    page.push_str("| | UTC | stage | request | status | findings |\n|---|---|---|---|---|---|\n");
    for (number, judged) in booking.exchanges.iter().enumerate() {
        let exchange = &judged.exchange;
        let path = exchange.path();
        let status = exchange.response.as_ref().map_or("none".to_owned(), |response| response.status.to_string());
        let found = booking.findings.iter().filter(|finding| finding.exchange == Some(judged.index)).count();
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {status} | {} |",
            number + 1,
            exchange.started.strftime("%Y-%m-%d %H:%M:%S"),
            judged.stage,
            code(&format!("{} {path}", exchange.request.method)),
            if found == 0 { String::new() } else { found.to_string() },
        );
    }
    page.push('\n');
}

fn cause(page: &mut String, number: usize, finding: &Finding, follow: &[&Finding], booking: &Booking) {
    let Finding { rule, severity, .. } = finding;
    let _ = writeln!(page, "## {number}. {}\n", sentence(&finding.message));
    let place = booking.exchanges.iter().position(|judged| Some(judged.index) == finding.exchange);
    let place = place.map_or_else(
        || format!("another exchange, {}", finding.stage),
        |at| format!("exchange {}, {}", at + 1, finding.stage),
    );
    let _ = writeln!(page, "**{severity}**, the **{}** is at fault. In {place}.\n", rule.side.in_words());
    let mut line = |label: &str, text: String| {
        let _ = writeln!(page, "- {label}: {text}");
    };
    if !finding.pointer.is_empty() {
        line("At", code(&finding.pointer));
    }
    line("Seen", code(&text::clip(&finding.seen, MAX_SHOWN)));
    line("Expected", escaped(&text::clip(&finding.expected, MAX_SHOWN)));
    line("Why it matters", escaped(&rule.why));
    line(&format!("What the {} can do", rule.side.in_words()), escaped(&rule.fix));
    line("Specification", format!("<{}>", rule.spec));
    line("Rule", format!("{}, {}", code(&rule.id), escaped(&rule.title)));
    for finding in follow {
        let told = format!("{} {}", finding.severity, code(&finding.rule.id));
        line("So also", format!("{told}: {} (<{}>)", sentence(&finding.message), finding.rule.spec));
    }
    page.push('\n');
}

/// A text on one line, in which Markdown and HTML find nothing of theirs.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text::visible(&text.split_whitespace().collect::<Vec<_>>().join(" ")).chars() {
        if "\\`*_[]<>#|~&!".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// A sentence, its first letter large.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    escaped(&(first + letters.as_str()))
}

/// A text of the wire as code, whatever is in it, also within a table.
fn code(text: &str) -> String {
    let text = text::visible(text).replace('|', "\\u007c");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let blank = if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_wire_is_markdown() {
        assert_eq!(escaped("a *b*\n# <c>"), "a \\*b\\* \\# \\<c\\>");
        assert_eq!(code("a`b|c"), "``a`b\\u007cc``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(sentence("the answer"), "The answer");
    }
}
