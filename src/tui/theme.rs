//! Colours, and the signs that say the same without them.
//!
//! `Ink (what a piece of text is) → Style`: from the sixteen colours of the terminal's own palette · `frame → the same
//! without colours`, where `NO_COLOR` is set

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::finding::{Severity, Side};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Bold,
    Dim,
    /// Key of a JSON object, name of a header field.
    Name,
    /// JSON string.
    Text,
    /// JSON number.
    Number,
    /// `true`, `false`, `null`.
    Word,
    Good,
    Bad,
    Link,
    Of(Severity),
    By(Side),
}

impl Ink {
    pub(super) fn style(self) -> Style {
        let plain = Style::new();
        match self {
            Self::Plain => plain,
            Self::Bold => plain.add_modifier(Modifier::BOLD),
            Self::Dim => plain.add_modifier(Modifier::DIM),
            Self::Name | Self::By(Side::Broker) => plain.fg(Color::Cyan),
            Self::Text | Self::Good => plain.fg(Color::Green),
            Self::Number | Self::Of(Severity::Warning) => plain.fg(Color::Yellow),
            Self::Word | Self::By(Side::BookingSystem) => plain.fg(Color::Magenta),
            Self::Bad | Self::Of(Severity::Failure) => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
            Self::Link => plain.fg(Color::Blue).add_modifier(Modifier::UNDERLINED),
            Self::Of(Severity::Notice) => plain.fg(Color::Blue),
            Self::Of(Severity::Suggestion) => plain.fg(Color::Gray),
        }
    }
}

/// Background of the node that a finding is about.
pub(super) fn marked(severity: Severity) -> Style {
    match severity {
        Severity::Failure => Style::new().bg(Color::Red).fg(Color::White),
        Severity::Warning => Style::new().bg(Color::Yellow).fg(Color::Black),
        Severity::Notice | Severity::Suggestion => Style::new().bg(Color::Blue).fg(Color::White),
    }
}

/// What must not be overlooked.
pub(super) fn alarm() -> Style {
    Style::new().bg(Color::Red).fg(Color::White).add_modifier(Modifier::BOLD)
}

/// Takes all colours out of a frame. What has a background of its own is reversed in its place, and bold stays bold.
///
/// Crossterm leaves out colours where `NO_COLOR` is set, but what it writes then takes bold and reverse away as well.
pub(super) fn without_colours(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.bg != Color::Reset {
            cell.modifier.insert(Modifier::REVERSED);
        }
        (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
    }
}

/// One character for a severity.
pub(super) fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Failure => "✗",
        Severity::Warning => "!",
        Severity::Notice => "·",
        Severity::Suggestion => "+",
    }
}

/// One letter for a side.
pub(super) fn letter(side: Side) -> &'static str {
    match side {
        Side::Broker => "B",
        Side::BookingSystem => "S",
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;

    #[test]
    fn without_colours_bold_and_marks_stay() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
        buffer[(0, 0)].set_style(Ink::Bad.style());
        buffer[(1, 0)].set_style(marked(Severity::Warning));
        buffer[(2, 0)].set_style(Ink::Good.style());
        without_colours(&mut buffer);
        let modifiers: Vec<Modifier> = buffer.content.iter().map(|cell| cell.modifier).collect();
        assert_eq!(modifiers, [Modifier::BOLD, Modifier::REVERSED, Modifier::empty()]);
        assert!(buffer.content.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
    }
}
