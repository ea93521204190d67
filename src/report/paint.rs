//! Colour and width of printed text.
//!
//! `stdout (a terminal? NO_COLOR?) → Paint → painted pieces of text`

use std::io::IsTerminal;

use crate::finding::{Severity, Side};
use crate::text::{SafeText, safe};

/// How text is printed: with colours or without, wrapped or in whole lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Whether escape sequences for colours are written.
    pub colour: bool,
    /// Columns to wrap at; `None` leaves every line whole, as files and other programs like it.
    pub width: Option<usize>,
}

/// What a piece of text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportStyle {
    /// Stands out.
    Bold,
    /// Stands back.
    Dim,
    /// As it should be.
    Good,
    /// Said of this severity.
    Of(Severity),
    /// Said of this side.
    By(Side),
}

impl Paint {
    /// No colours, whole lines.
    pub const PLAIN: Self = Self { colour: false, width: None };

    /// What suits the standard output: colours on a terminal unless `NO_COLOR` is set to something or `TERM` is `dumb`, and its
    /// width.
    #[expect(clippy::disallowed_methods, reason = "it is asked, not written to")]
    pub(crate) fn for_stdout() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::PLAIN;
        }
        let width = crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns).max(40));
        let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        Self { colour: !is_dumb && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()), width }
    }

    pub(super) fn ink(self, ink: ReportStyle, text: impl Into<SafeText>) -> SafeText {
        if !self.colour {
            return text.into();
        }
        let code = match ink {
            ReportStyle::Bold => "1",
            ReportStyle::Dim => "2",
            ReportStyle::Good => "32",
            ReportStyle::Of(Severity::Failure) => "1;31",
            ReportStyle::Of(Severity::Warning) => "33",
            ReportStyle::Of(Severity::Notice) => "34",
            ReportStyle::Of(Severity::Suggestion) => "37",
            ReportStyle::By(Side::Broker) => "36",
            ReportStyle::By(Side::BookingSystem) => "35",
        };
        safe!["\u{1b}[", code, "m", text, "\u{1b}[0m"]
    }
}

/// One character for a severity, told apart without colour.
pub(super) fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Failure => "✗",
        Severity::Warning => "!",
        Severity::Notice => "·",
        Severity::Suggestion => "+",
    }
}
