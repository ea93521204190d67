//! The keys that matter now, or a word about the last one; and what the screen asks.
//!
//! `table of commands, place → hints` · `Prompt → the last row, the palette above it`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::super::command::{self, Command};
use super::super::model::ScreenModel;
use super::super::prompt::PromptWords;
use super::super::theme::TextStyle;
use super::{line, span};
use crate::finding::Severity;
use crate::text::{self, SafeText, safe};

/// Most rows of what there is to say about the line that is typed.
const MAX_WORD: u16 = 4;

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    line(buffer, area, 0, &keys(model, area.width));
}

/// What the screen asks, in the last row of the screen whatever its size, and the commands that the palette finds.
pub(super) fn question(model: &ScreenModel, whole: Rect, buffer: &mut Buffer) {
    let words = match (model.prompt_words(), &model.word) {
        (Some(words), _) => words,
        // Where there is no footer.
        (None, Some(word)) if model.layout.footer.height == 0 => word.clone().into(),
        _ => return,
    };
    let row = Rect { y: whole.bottom().saturating_sub(1), height: whole.height.min(1), ..whole };
    Clear.render(row, buffer);
    let words = fitted(&words, usize::from(whole.width).saturating_sub(1));
    line(buffer, row, 0, &Line::from(span(TextStyle::Of(Severity::Warning), format!(" {words}"))));
    if model.prompt.is_some() {
        what_is_wrong(model, row, buffer);
    }
    let palette = model.palette();
    let listed = (palette.len() as u16).min(whole.height.saturating_sub(3));
    let area = Rect { y: row.y.saturating_sub(listed), height: listed, ..whole };
    Clear.render(area, buffer);
    for (entry, at) in palette.iter().zip(0..listed) {
        let spans = vec![
            span(TextStyle::Bold, format!("  {:18}", entry.name)),
            span(TextStyle::Name, format!("{:12}", entry.keys.join(" "))),
            span(TextStyle::Dim, entry.words),
        ];
        line(buffer, area, at, &Line::from(spans));
    }
}

/// What there is to say about the line that is typed, above it.
fn what_is_wrong(model: &ScreenModel, row: Rect, buffer: &mut Buffer) {
    let Some(word) = &model.word else { return };
    let lines = text::wrap(word, usize::from(row.width).saturating_sub(2));
    let height = (lines.len() as u16).min(MAX_WORD).min(row.y);
    let area = Rect { y: row.y - height, height, ..row };
    Clear.render(area, buffer);
    for (words, at) in lines.into_iter().zip(0..height) {
        line(buffer, area, at, &Line::from(span(TextStyle::Bad, format!(" {words}"))));
    }
}

/// A prompt in so many columns: the line that is typed gets half of them before what stands around it.
fn fitted(PromptWords { before, line, behind }: &PromptWords<'_>, columns: usize) -> SafeText {
    let Some(line) = line else { return text::visible(before) };
    let needed = text::visible(line.text()).width() + 1;
    let before = text::clip_middle(before, columns.saturating_sub(needed.min(columns / 2)));
    let shown = line.shown(columns.saturating_sub(before.width()));
    let rest = columns.saturating_sub(before.width() + shown.width());
    safe![before, shown, text::clip(behind, rest)]
}

fn keys(model: &ScreenModel, width: u16) -> Line<'static> {
    if let Some(word) = &model.word {
        let word = text::visible(word);
        return Line::from(span(TextStyle::Of(Severity::Warning), format!(" {word}")));
    }
    let place = model.place();
    let hints = command::at(place).filter(|entry| !entry.hint.is_empty());
    // Help and quitting are always in sight.
    let (last, others): (Vec<_>, Vec<_>) = hints.partition(|entry| matches!(entry.id, Command::Help | Command::Quit));
    let mut spans: Vec<Span<'static>> = vec![span(TextStyle::Plain, " ")];
    let mut used = 1;
    for entry in last.into_iter().chain(others) {
        let (key, words) = (entry.keys[0], format!(" {}  ", entry.hint));
        let needed = text::width(key) + text::width(&words);
        // The blanks at the end may be cut.
        if used + needed > usize::from(width) + 2 {
            continue;
        }
        used += needed;
        spans.push(span(TextStyle::Bold, key));
        spans.push(span(TextStyle::Dim, words));
    }
    Line::from(spans)
}
