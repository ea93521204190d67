//! One booking and its findings as Markdown, for developers who don't have Umpire.
//!
//! `BookingReport → what it was → its exchanges in a table → per cause: who, what, where, seen, expected, why, fix, link`

use std::collections::BTreeMap;
use std::sync::Arc;

use super::finding_text::MAX_SHOWN;
use super::recognized::{Recognized, unjudged};
use crate::finding::{Finding, Severity, Side, VerdictCounts, folded, grouped, number};
use crate::judged::Judged;
use crate::text::{self, SafeText, safe, safe_format, visible};

/// A booking as it is told to the other side.
#[derive(Debug)]
pub struct BookingReport {
    /// Order UUID.
    pub uuid: String,
    /// The program that wrote it, with version.
    pub creator: String,
    /// What became of personal data, in words.
    pub redaction: String,
    /// Its exchanges, in order.
    pub exchanges: Vec<Arc<Judged>>,
    /// The number in `booking.har`, from 1, of each exchange that is in there, by its index in the recording.
    pub numbers: BTreeMap<u64, u64>,
    /// What is said of it, in order; the exchange of each is one of the above, or one of the whole recording.
    pub findings: Vec<Finding>,
    /// Findings that can't be repeated from the exchanges of this booking alone.
    pub beyond: usize,
}

impl BookingReport {
    /// The number of an exchange in `booking.har`; nothing if it is not in there.
    pub fn words(&self, index: u64) -> SafeText {
        self.numbers.get(&index).map_or_else(SafeText::default, |&number| number.into())
    }

    /// `exchange 3`; an exchange that is not in `booking.har` goes by its number in the recording.
    fn words_of(&self, index: u64) -> SafeText {
        match self.numbers.get(&index) {
            Some(&number) => safe!["exchange ", number],
            None => safe!["exchange ", number(index), " of the recording (not in `booking.har`)"],
        }
    }
}

/// The page.
pub fn markdown(booking: &BookingReport) -> SafeText {
    let origins: std::collections::BTreeSet<&str> =
        booking.exchanges.iter().map(|judged| judged.exchange.origin.as_str()).collect();
    let mut page = safe![
        "# Booking ",
        code(&booking.uuid),
        "\n\n",
        text::count(booking.exchanges.len() as u64, "exchange"),
        " with ",
        SafeText::join(origins.into_iter().map(code), ", "),
        ", judged against the [Open Booking API](",
        SPEC,
        ") by ",
        escaped(&booking.creator),
        "; ",
        escaped(&booking.redaction),
        ".\n\n",
        judged(booking),
        counts(&booking.findings),
        "\n\n",
        exchanges(booking),
    ];
    let findings: Vec<&Finding> = booking.findings.iter().collect();
    for (number, (index, follow)) in folded(&findings).into_iter().enumerate() {
        let follow: Vec<&Finding> = follow.into_iter().map(|index| findings[index]).collect();
        page.push(cause(number + 1, findings[index], &follow, booking));
    }
    if booking.beyond > 0 {
        let beyond = text::count(booking.beyond as u64, "finding");
        page.push(safe![
            "---\n\nTraffic beyond this booking that is not in `booking.har` is needed for ",
            beyond,
            ".\n\n"
        ]);
    }
    page
}

/// The specification.
const SPEC: &str = "https://openactive.io/open-booking-api/EditorsDraft/";

/// How much of the booking could be judged. Where that is little, it stands out.
fn judged(booking: &BookingReport) -> SafeText {
    let (mut verdicts, mut recognized) = (VerdictCounts::default(), Recognized::default());
    for judged in &booking.exchanges {
        verdicts.passed += u64::from(judged.passed);
        verdicts.failed += judged.findings.len() as u64 + u64::from(judged.muted);
        judged.not_judged.iter().for_each(|missing| verdicts.add_not_judged(&missing.because, 1));
        recognized.add(judged);
    }
    match unjudged(&recognized, &verdicts, false) {
        Some(headline) => safe!["**Most of it could not be judged: ", escaped(&headline), ".**\n\n"],
        None => safe_format!("{} passed, {} not judged. ", grouped(verdicts.passed), grouped(verdicts.not_judged)),
    }
}

fn counts(findings: &[Finding]) -> SafeText {
    if findings.is_empty() {
        return "Nothing was found.".into();
    }
    let of_side = |side: Side| {
        let counts: Vec<SafeText> = Severity::ALL
            .into_iter()
            .map(|severity| {
                let is_it = |finding: &&Finding| finding.rule.side == side && finding.severity == severity;
                (findings.iter().filter(is_it).count() as u64, severity)
            })
            .filter(|(count, _)| *count > 0)
            .map(|(count, severity)| text::count(count, severity.as_str()))
            .collect();
        (!counts.is_empty()).then(|| safe!["the ", side.in_words(), ": ", SafeText::join(counts, ", ")])
    };
    let sides = SafeText::join(Side::ALL.into_iter().filter_map(of_side), "; on ");
    safe!["Found on ", sides, ". A failure goes against a MUST, a warning against a SHOULD."]
}

fn exchanges(booking: &BookingReport) -> SafeText {
    let mut table =
        SafeText::from("| exchange | UTC | stage | request | status | findings |\n|---|---|---|---|---|---|\n");
    for judged in &booking.exchanges {
        let exchange = &judged.exchange;
        let status = exchange.response.as_ref().map_or("none".into(), |response| SafeText::from(response.status));
        let found = booking.findings.iter().filter(|finding| finding.exchange == Some(judged.index)).count();
        table.push(safe![
            "| ",
            booking.words(judged.index),
            " | ",
            visible(&exchange.started.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            " | ",
            judged.stage.as_str(),
            " | ",
            code(&format!("{} {}", exchange.request.method, exchange.path())),
            " | ",
            status,
            " | ",
            if found == 0 { SafeText::default() } else { found.into() },
            " |\n",
        ]);
    }
    table.push("\n");
    table
}

fn cause(number: usize, finding: &Finding, follow: &[&Finding], booking: &BookingReport) -> SafeText {
    let Finding { rule, severity, stage, .. } = finding;
    let place = finding.exchange.map_or("the whole recording".into(), |index| booking.words_of(index));
    let earlier = finding.because_of.as_ref().map_or_else(SafeText::default, |earlier| {
        safe![", because of ", booking.words_of(earlier.exchange), ", ", earlier.stage.as_str()]
    });
    let mut section = safe![
        "## ",
        number,
        ". ",
        sentence(&finding.message),
        "\n\n**",
        severity.as_str(),
        "**, the **",
        rule.side.in_words(),
        "** is at fault. In ",
        place,
        ", ",
        stage.as_str(),
        earlier,
        ".\n\n",
    ];
    section.push(details(finding));
    for finding in follow {
        let rule = code(&finding.rule.id);
        let told = safe![finding.severity.as_str(), " ", rule, ": ", sentence(&finding.message)];
        section.push(safe!["- So also: ", told, " (", link(&finding.rule.spec), ")\n"]);
    }
    section.push("\n");
    section
}

/// One finding by itself, for an issue or a message.
pub(crate) fn finding_markdown(finding: &Finding) -> SafeText {
    let Finding { rule, severity, stage, .. } = finding;
    let of = finding
        .number()
        .map_or_else(SafeText::default, |number| safe![" In exchange ", number, ", ", stage.as_str(), "."]);
    let booking =
        finding.order_uuid.as_ref().map_or_else(SafeText::default, |uuid| safe![" Booking ", code(uuid), "."]);
    let head = safe!["**", sentence(&finding.message), "**\n\n"];
    let blamed = safe![severity.as_str(), ", the ", rule.side.in_words(), " is at fault.", of, booking, "\n\n"];
    safe![head, blamed, details(finding)]
}

/// Where, what was seen and expected, why, what to do, and the link.
fn details(finding: &Finding) -> SafeText {
    let rule = &finding.rule;
    let mut section = SafeText::default();
    let mut line = |label: &'static str, text: SafeText| section.push(safe!["- ", label, ": ", text, "\n"]);
    if !finding.pointer.is_empty() {
        line("At", code(&finding.pointer));
    }
    line("Seen", code(&text::clip(&finding.seen, MAX_SHOWN)));
    line("Expected", escaped(&text::clip(&finding.expected, MAX_SHOWN)));
    line("Why it matters", escaped(&rule.why));
    let who = match rule.side {
        Side::Broker => "What the broker can do",
        Side::BookingSystem => "What the booking system can do",
    };
    line(who, escaped(&rule.fix));
    line("Specification", link(&rule.spec));
    line("Rule", safe![code(&rule.id), ", ", escaped(&rule.title)]);
    section
}

/// An address as a link. What can't stand in one is left out of the brackets.
fn link(address: &str) -> SafeText {
    let is_one = !address.contains(|c: char| c.is_whitespace() || c.is_control() || "<>".contains(c));
    if is_one { safe!["<", visible(address), ">"] } else { escaped(address) }
}

/// A text on one line, in which Markdown and HTML find nothing of theirs.
fn escaped(text: &str) -> SafeText {
    let words = visible(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut out = String::with_capacity(words.len() + 8);
    for character in words.chars() {
        if "\\`*_[]<>#|~&!".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    visible(&out)
}

/// A sentence, its first letter large.
fn sentence(text: &str) -> SafeText {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    escaped(&(first + letters.as_str()))
}

/// A text of the wire as code, whatever is in it, also within a table.
fn code(text: &str) -> SafeText {
    let text = visible(text).replace('|', "\\u007c");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let blank = if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    safe_format!("{fence}{blank}{text}{blank}{fence}")
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
