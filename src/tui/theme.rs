//! Colours, and the signs that say the same without them.
//!
//! `TextStyle (what a piece of text is) → Style`: from the sixteen colours of the terminal's own palette · `frame, Theme → the
//! same frame in the theme's colours and characters`

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::finding::{Severity, Side};

/// Background of the selected row, before a theme has its say.
pub(super) const SELECTED: Color = Color::DarkGray;

/// How the screen looks. Sixteen colours suffice for each, and none says anything by colour alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// For dark terminals.
    #[default]
    Dark,
    /// For light terminals.
    Light,
    /// White and bright on black, nothing dimmed.
    HighContrast,
    /// As dark, with no character beyond ASCII but those of the traffic.
    Ascii,
}

impl Theme {
    /// Every theme.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::HighContrast, Self::Ascii];

    /// Its name in `umpire.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::HighContrast => "high-contrast",
            Self::Ascii => "ascii",
        }
    }

    /// Reads its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == name)
    }

    /// Gives a frame the colours and characters of the theme.
    pub(super) fn apply(self, buffer: &mut Buffer) {
        for cell in &mut buffer.content {
            match self {
                Self::Dark => {}
                Self::Light => (cell.fg, cell.bg) = light(cell.fg, cell.bg),
                Self::HighContrast => {
                    (cell.fg, cell.bg) = high_contrast(cell.fg, cell.bg);
                    cell.modifier.remove(Modifier::DIM);
                }
                Self::Ascii => {
                    if let Some(plain) = ascii(cell.symbol()) {
                        cell.set_symbol(plain);
                    }
                }
            }
        }
    }
}

/// Yellow and the bright colours can't be read on white.
fn light(fg: Color, bg: Color) -> (Color, Color) {
    if bg == SELECTED {
        let fg = match fg {
            Color::LightRed => Color::Red,
            Color::LightMagenta | Color::LightYellow => Color::Magenta,
            Color::LightCyan | Color::LightBlue => Color::Blue,
            _ => Color::Black,
        };
        return (fg, Color::Gray);
    }
    let fg = match fg {
        Color::Cyan => Color::Blue,
        Color::Yellow if bg == Color::Reset => Color::Magenta,
        Color::Magenta if bg == Color::Reset => Color::Cyan,
        other => other,
    };
    (fg, bg)
}

fn high_contrast(fg: Color, bg: Color) -> (Color, Color) {
    match bg {
        SELECTED => (Color::Black, Color::White),
        Color::Red | Color::Blue => (Color::White, bg),
        Color::Yellow => (Color::Black, Color::LightYellow),
        _ => {
            let fg = match fg {
                Color::Red => Color::LightRed,
                Color::Yellow => Color::LightYellow,
                Color::Cyan | Color::Blue => Color::LightCyan,
                Color::Magenta => Color::LightMagenta,
                _ => Color::White,
            };
            (fg, Color::Black)
        }
    }
}

/// What stands for one of Umpire's own characters; `None` if it can stay.
fn ascii(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "─" | "━" | "–" | "▃" | "▄" => "-",
        "│" | "▌" | "▏" => "|",
        "✓" | "┌" | "┐" | "└" | "┘" | "├" | "┤" | "╰" => "+",
        // No lower-case letters: words stand in front of these.
        "✗" => "X",
        "×" | "●" => "*",
        "‼" | "▇" | "█" => "#",
        "↓" => "v",
        "·" | "░" => ".",
        "µ" => "u",
        "…" => "~",
        "→" | "▸" => ">",
        "←" | "◀" => "<",
        "○" => "o",
        "↑" => "^",
        "▁" | "▂" => "_",
        "▅" | "▆" => "=",
        _ => return None,
    })
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextStyle {
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

impl TextStyle {
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
        buffer[(0, 0)].set_style(TextStyle::Bad.style());
        buffer[(1, 0)].set_style(marked(Severity::Warning));
        buffer[(2, 0)].set_style(TextStyle::Good.style());
        without_colours(&mut buffer);
        let modifiers: Vec<Modifier> = buffer.content.iter().map(|cell| cell.modifier).collect();
        assert_eq!(modifiers, [Modifier::BOLD, Modifier::REVERSED, Modifier::empty()]);
        assert!(buffer.content.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
    }

    #[test]
    fn names_read_back() {
        for theme in Theme::ALL {
            assert_eq!(Theme::from_name(theme.as_str()), Some(theme));
        }
    }

    #[test]
    fn marks_of_rows_stay_apart_in_ascii() {
        let marks = Severity::ALL.map(sign).into_iter().chain(["‼", "×", "…"]);
        let plain: std::collections::HashSet<&str> = marks.map(|mark| ascii(mark).unwrap_or(mark)).collect();
        assert_eq!(plain.len(), Severity::ALL.len() + 3, "{plain:?}");
        assert!(
            plain.iter().all(|mark| mark.is_ascii() && !mark.contains(|one: char| one.is_lowercase())),
            "{plain:?}"
        );
    }

    #[test]
    fn sides_and_severities_differ_in_every_theme() {
        let inks = [
            TextStyle::Of(Severity::Failure),
            TextStyle::Of(Severity::Warning),
            TextStyle::By(Side::Broker),
            TextStyle::By(Side::BookingSystem),
        ];
        for theme in Theme::ALL {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
            for (ink, x) in inks.iter().zip(0..) {
                buffer[(x, 0)].set_style(ink.style());
            }
            theme.apply(&mut buffer);
            let colours: std::collections::HashSet<Color> = buffer.content.iter().map(|cell| cell.fg).collect();
            assert_eq!(colours.len(), inks.len(), "{theme:?}");
        }
    }
}
