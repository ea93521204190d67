//! Cells whose width terminals don't agree on are drawn by what all of them agree on.
//!
//! `flag → its two letters · joined emoji → the first of them · emoji by selector, skin colour → the character alone`
//!
//! A terminal that takes such a cell for wider or narrower than ratatui does leaves the letters of former frames behind it.

use ratatui::buffer::Buffer;

use crate::text;

const JOINER: char = '\u{200d}';

/// Changes the cells of a frame, before it is written.
pub(super) fn settle(buffer: &mut Buffer) {
    let area = buffer.area;
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let symbol = buffer[(x, y)].symbol();
            // Nearly all are.
            if symbol.len() <= 1 {
                x += 1;
                continue;
            }
            let wide = text::width(symbol).max(1) as u16;
            if let Some(settled) = settled(symbol) {
                let end = (x + wide).min(area.right());
                let style = buffer[(x, y)].style();
                let mut at = x;
                for symbol in settled {
                    if at >= end {
                        break;
                    }
                    let next = at + text::width(&symbol).max(1) as u16;
                    buffer[(at, y)].set_symbol(&symbol).set_style(style);
                    at = next;
                }
                for rest in at..end {
                    buffer[(rest, y)].set_symbol(" ").set_style(style);
                }
            }
            x += wide;
        }
    }
}

/// What to draw in place of a cell, a cell each; `None` if it can stay.
fn settled(symbol: &str) -> Option<Vec<String>> {
    if symbol.chars().any(|character| letter_of_flag(character).is_some()) {
        return Some(symbol.chars().filter_map(letter_of_flag).map(String::from).collect());
    }
    if !symbol.chars().any(is_unsteady) {
        return None;
    }
    let kept: String = symbol
        .chars()
        .take_while(|character| *character != JOINER)
        .filter(|character| !is_unsteady(*character))
        .collect();
    Some(vec![if kept.is_empty() { "·".to_owned() } else { kept }])
}

/// The letter of a regional indicator, two of which make a flag.
fn letter_of_flag(character: char) -> Option<char> {
    let place = u32::from(character).checked_sub(0x1_f1e6).filter(|place| *place < 26)?;
    char::from_u32(u32::from('A') + place)
}

/// True for joiners, selectors of a presentation, keycaps and skin colours.
fn is_unsteady(character: char) -> bool {
    matches!(character, JOINER | '\u{200c}' | '\u{fe00}'..='\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    /// The cells of a row on which this was written.
    fn drawn(text: &str) -> Vec<String> {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, text, Style::default());
        settle(&mut buffer);
        buffer.content.iter().map(|cell| cell.symbol().to_owned()).collect()
    }

    #[test]
    fn every_cell_has_a_width_that_terminals_agree_on() {
        for text in ["a🇧🇪b", "👨‍👩‍👧‍👦 end", "👍🏽!", "❤️ x", "1️⃣2", "a\u{200d}b", "🇧", "日本 é", "e\u{301}f"]
        {
            let cells = drawn(text);
            assert!(
                !cells.iter().flat_map(|cell| cell.chars()).any(|c| is_unsteady(c) || letter_of_flag(c).is_some()),
                "{cells:?}"
            );
        }
        assert_eq!(drawn("a🇧🇪b")[..4], ["a", "B", "E", "b"]);
        assert_eq!(drawn("👍🏽!")[..3], ["👍", " ", "!"]);
        assert_eq!(drawn("❤️x")[0], "❤");
        assert_eq!(drawn("e\u{301}f")[..2], ["e\u{301}", "f"], "accents stay");
        assert_eq!(drawn("日本")[..3], ["日", " ", "本"]);
    }
}
