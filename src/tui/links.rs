//! Addresses on the screen as links of the terminal (OSC 8).
//!
//! `cells of the frame, underlined as links are → runs, their addresses → sequences around the same cells, drawn again`

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;

/// Cells of one row that show an address, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScreenLink {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) cells: Vec<Cell>,
    pub(super) address: String,
}

/// The links of a frame. An address that was broken over several rows is whole in each.
pub(super) fn links(buffer: &Buffer) -> Vec<ScreenLink> {
    let mut runs: Vec<(u16, u16, String)> = Vec::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut x = buffer.area.left();
        while x < buffer.area.right() {
            let begin = x;
            let mut words = String::new();
            while x < buffer.area.right() && buffer[(x, y)].modifier.contains(Modifier::UNDERLINED) {
                words.push_str(buffer[(x, y)].symbol());
                x += 1;
            }
            if !words.trim().is_empty() {
                runs.push((begin, y, words));
            }
            x += 1;
        }
    }
    let mut links: Vec<ScreenLink> = Vec::new();
    let mut at = 0;
    while at < runs.len() {
        let (x, y, _) = runs[at];
        // What goes on in the next row at the same column belongs to it.
        let goes_on = |next: usize| {
            runs.get(next).is_some_and(|(begin, row, words)| {
                *begin == x && usize::from(*row) == usize::from(y) + next - at && !words.starts_with("http")
            })
        };
        let end = (at + 1..runs.len()).take_while(|&next| goes_on(next)).last().unwrap_or(at);
        let address: String = runs[at..=end].iter().map(|(.., words)| words.trim_end()).collect();
        if is_address(&address) {
            let part = |(x, y, _): &(u16, u16, String)| ScreenLink {
                x: *x,
                y: *y,
                cells: cells(buffer, *x, *y),
                address: address.clone(),
            };
            links.extend(runs[at..=end].iter().map(part));
        }
        at = end + 1;
    }
    links
}

/// The cells of a link from its first one on.
fn cells(buffer: &Buffer, x: u16, y: u16) -> Vec<Cell> {
    let row = (x..buffer.area.right()).map(|x| &buffer[(x, y)]);
    row.take_while(|cell| cell.modifier.contains(Modifier::UNDERLINED)).cloned().collect()
}

/// True for an address of the web in which a terminal finds nothing else.
fn is_address(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://")) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What stands before the cells of a link, and behind them.
pub(super) fn around(address: &str) -> (String, &'static str) {
    (format!("\u{1b}]8;;{address}\u{1b}\\"), "\u{1b}]8;;\u{1b}\\")
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn addresses_are_found_also_over_two_rows() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 22, 4));
        let link = Style::new().add_modifier(Modifier::UNDERLINED);
        buffer.set_string(2, 0, "https://a.example/b", link);
        buffer.set_string(2, 1, "#c", link);
        buffer.set_string(0, 2, "plain", Style::new());
        buffer.set_string(0, 3, "https://b.example", link);
        let found = links(&buffer);
        let told: Vec<(u16, u16, &str)> = found.iter().map(|link| (link.x, link.y, link.address.as_str())).collect();
        let whole = "https://a.example/b#c";
        assert_eq!(told, [(2, 0, "https://a.example/b#c"), (2, 1, whole), (0, 3, "https://b.example")]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_no_address() {
        for text in ["https://a\u{1b}]8;;x", "file:///etc", "https://a b", "https://é"] {
            assert!(!is_address(text), "{text:?}");
        }
    }
}
