//! A terminal's cells as a picture.
//!
//! `Buffer, Palette → rectangles of the backgrounds, runs of letters of one style → SVG`

use std::fmt::Write as _;
use std::time::Duration;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// Width and height of a cell, and the size of the letters, in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const LETTERS: f64 = 14.0;

/// Space around the cells, in pixels.
const MARGIN: f64 = 12.0;

/// The sixteen colours of a terminal, its background and its letters.
pub struct Palette {
    pub background: &'static str,
    pub letters: &'static str,
    pub colours: [&'static str; 16],
}

pub const DARK: Palette = Palette {
    background: "#16181d",
    letters: "#d7dae0",
    colours: [
        "#16181d", "#e5534b", "#6bc46d", "#daaa3f", "#6cb6ff", "#c99ef2", "#56c7c7", "#adbac7", "#444c56", "#ff938a",
        "#8ddb8c", "#f0c95a", "#9ecbff", "#dcbdfb", "#7fe0e0", "#ffffff",
    ],
};

pub const LIGHT: Palette = Palette {
    background: "#ffffff",
    letters: "#24292f",
    colours: [
        "#24292f", "#cf222e", "#1a7f37", "#bf8700", "#0550ae", "#8250df", "#0b7285", "#d8dee4", "#8c959f", "#a40e26",
        "#116329", "#9a6700", "#0969da", "#6639ba", "#1b7c83", "#ffffff",
    ],
};

impl Palette {
    fn of(&self, colour: Color, otherwise: &'static str) -> &'static str {
        let at = match colour {
            Color::Black => 0,
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 8,
            Color::LightRed => 9,
            Color::LightGreen => 10,
            Color::LightYellow => 11,
            Color::LightBlue => 12,
            Color::LightMagenta => 13,
            Color::LightCyan => 14,
            Color::White => 15,
            Color::Reset => return otherwise,
            other => panic!("{other:?} is none of the sixteen colours"),
        };
        self.colours[at]
    }

    /// Colour of the letters and of the background of a cell.
    fn of_cell(&self, cell: &Cell) -> (&'static str, &'static str) {
        let (letters, background) = (self.of(cell.fg, self.letters), self.of(cell.bg, self.background));
        if cell.modifier.contains(Modifier::REVERSED) { (background, letters) } else { (letters, background) }
    }
}

/// The picture of a frame.
pub fn svg(buffer: &Buffer, palette: &Palette, title: &str) -> String {
    let mut picture = opening(buffer, palette, title);
    for y in 0..buffer.area.height {
        row(buffer, y, palette, &mut picture);
    }
    picture.push_str("</g>\n</svg>\n");
    picture
}

/// Frames, each shown for some time, over and over. Each row of the terminal is drawn once for each thing that it ever shows, and
/// `<animate>` says when that is in sight. Where nothing moves, the last frame is.
pub fn animation(frames: &[(Buffer, Duration)], palette: &Palette, title: &str) -> String {
    let (first, _) = frames.first().expect("a frame");
    let total: Duration = frames.iter().map(|(_, shown)| *shown).sum();
    let mut picture = opening(first, palette, title);
    for y in 0..first.area.height {
        // What the row shows, each with the frames in which it does.
        let mut contents: Vec<(String, Vec<bool>)> = Vec::new();
        for (at, (frame, _)) in frames.iter().enumerate() {
            let mut content = String::new();
            row(frame, y, palette, &mut content);
            let known = contents.iter().position(|(known, _)| *known == content);
            let known = known.unwrap_or_else(|| {
                contents.push((content, vec![false; frames.len()]));
                contents.len() - 1
            });
            contents[known].1[at] = true;
        }
        for (content, shown) in contents {
            if content.is_empty() || shown.iter().all(|shown| *shown) {
                picture.push_str(&content);
                continue;
            }
            let visibility = |shown: bool| if shown { "visible" } else { "hidden" };
            let (mut times, mut values) = (String::new(), String::new());
            let (mut at, mut before) = (Duration::ZERO, None);
            for (shown, (_, length)) in shown.iter().zip(frames) {
                if before != Some(*shown) {
                    let separator = if before.is_some() { ";" } else { "" };
                    write!(times, "{separator}{:.4}", at.div_duration_f64(total)).expect("a String takes it");
                    write!(values, "{separator}{}", visibility(*shown)).expect("a String takes it");
                    before = Some(*shown);
                }
                at += *length;
            }
            writeln!(
                picture,
                "<g visibility=\"{}\"><animate attributeName=\"visibility\" calcMode=\"discrete\" dur=\"{:.1}s\" \
                 repeatCount=\"indefinite\" keyTimes=\"{times}\" values=\"{values}\"/>\n{content}</g>",
                visibility(shown.last() == Some(&true)),
                total.as_secs_f64()
            )
            .expect("a String takes it");
        }
    }
    picture.push_str("</g>\n</svg>\n");
    picture
}

/// All that comes before the first row.
fn opening(buffer: &Buffer, palette: &Palette, title: &str) -> String {
    let area = buffer.area;
    let (width, height) =
        (f64::from(area.width) * CELL.0 + 2.0 * MARGIN, f64::from(area.height) * CELL.1 + 2.0 * MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n\
         <title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"{LETTERS}\" xml:space=\"preserve\">\n",
        palette.background
    )
}

fn row(buffer: &Buffer, y: u16, palette: &Palette, picture: &mut String) {
    let style = |x: u16| {
        let cell = &buffer[(x, y)];
        let shown = cell.modifier & (Modifier::BOLD | Modifier::DIM | Modifier::UNDERLINED);
        (palette.of_cell(cell), shown)
    };
    let mut x = 0;
    while x < buffer.area.width {
        let begin = x;
        let ((letters, background), modifier) = style(begin);
        while x < buffer.area.width && style(x) == style(begin) {
            x += 1;
        }
        let words: String = (begin..x).map(|x| buffer[(x, y)].symbol()).collect();
        let (left, top) = (MARGIN + f64::from(begin) * CELL.0, MARGIN + f64::from(y) * CELL.1);
        if background != palette.background {
            let wide = f64::from(x - begin) * CELL.0;
            writeln!(
                picture,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" fill=\"{background}\"/>",
                CELL.1
            )
            .expect("a String takes it");
        }
        let blank = words.len() - words.trim_start().len();
        let words = words.trim();
        if words.is_empty() {
            continue;
        }
        let left = left + blank as f64 * CELL.0;
        let long = words.chars().count() as f64 * CELL.0;
        let mut more = String::new();
        if modifier.contains(Modifier::BOLD) {
            more.push_str(" font-weight=\"bold\"");
        }
        if modifier.contains(Modifier::DIM) {
            more.push_str(" opacity=\"0.62\"");
        }
        if modifier.contains(Modifier::UNDERLINED) {
            more.push_str(" text-decoration=\"underline\"");
        }
        let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let base = top + CELL.1 * 0.76;
        writeln!(
            picture,
            "<text x=\"{left:.1}\" y=\"{base:.1}\" textLength=\"{long:.1}\" fill=\"{letters}\"{more}>{words}</text>"
        )
        .expect("a String takes it");
    }
}
