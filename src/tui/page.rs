//! The laid out detail of one exchange: made once when it is to be seen, then only drawn from.
//!
//! `Judged, PageKey → rows of painted pieces, marks below what they mark, the row of each finding → the rows in view`
//!
//! What is shown in hexadecimal is laid out only as far as it is in view, whatever its length.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::theme::{TextStyle, sign};
use super::{explain, message};
use crate::finding::Severity;
use crate::judged::Judged;
use crate::text;

/// Most rows of a page. What lies behind them is not shown here, and the last row says so.
pub(super) const MAX_ROWS: usize = 50_000;

/// Bytes of one row in hexadecimal.
const HEX: usize = 16;

/// Messages with longer bodies are laid out away from the drawing thread, in bytes.
const LONG: usize = 128 * 1024;

/// What the detail shows of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DetailTab {
    Findings,
    Request,
    Response,
}

impl DetailTab {
    pub(super) const ALL: [Self; 3] = [Self::Findings, Self::Request, Self::Response];
}

/// How a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageView {
    /// Header fields, and the body by what it is.
    Tree,
    /// As it was on the wire, the coding of the content taken off.
    Raw,
    /// The body's bytes as they were on the wire.
    Hex,
}

/// What a page was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageKey {
    /// 0-based index of the exchange.
    pub(super) exchange: u64,
    pub(super) tab: DetailTab,
    pub(super) view: MessageView,
    pub(super) width: usize,
    /// Long lines are broken.
    pub(super) wrap: bool,
    /// Counts how often something was folded or unfolded.
    pub(super) folds: u64,
}

/// A page that is to be made.
#[derive(Debug, Clone)]
pub(super) struct PageRequest {
    pub(super) key: PageKey,
    pub(super) judged: Arc<Judged>,
    /// JSON pointers of what is folded.
    pub(super) folded: Arc<HashSet<String>>,
}

impl PageRequest {
    /// True if making it takes too long to be done between two frames.
    pub(super) fn is_long(&self) -> bool {
        let exchange = &self.judged.exchange;
        let length = match self.key.tab {
            DetailTab::Findings => self.judged.findings.len() * 400,
            DetailTab::Request => exchange.request.body.bytes.len(),
            DetailTab::Response => exchange.response.as_ref().map_or(0, |response| response.body.bytes.len()),
        };
        length > LONG && self.key.view != MessageView::Hex
    }
}

/// One line of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) pieces: Vec<(TextStyle, String)>,
    /// Indices of the findings that this row is about.
    pub(super) findings: Vec<usize>,
    /// It is (part of) the node that a finding of this severity is about.
    pub(super) lit: Option<Severity>,
    /// What is wrong here, to stand on a line of its own.
    pub(super) marks: Vec<(Severity, String)>,
    /// JSON pointer of the node within the body.
    pub(super) pointer: Option<Box<str>>,
    /// Something can be folded or unfolded here.
    pub(super) foldable: bool,
}

impl Row {
    /// A row of one piece. The text becomes safe to print.
    pub(super) fn new(ink: TextStyle, text: &str) -> Self {
        Self::default().with(ink, text)
    }

    /// The row with one more piece. The text becomes safe to print.
    pub(super) fn with(mut self, ink: TextStyle, text: &str) -> Self {
        self.pieces.push((ink, text::visible(text).into()));
        self
    }

    /// The text of the row.
    pub(super) fn text(&self) -> String {
        self.pieces.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text::width(text)).sum()
    }

    /// Columns of blanks that it begins with.
    fn indent(&self) -> usize {
        let first = self.pieces.first().map_or("", |(_, text)| text);
        first.len() - first.trim_start_matches(' ').len()
    }

    /// The rows that it takes in so many columns; what goes on is indented a little more.
    fn wrapped(self, width: usize) -> Vec<Self> {
        let indent = (self.indent() + 2).min(width / 2);
        if self.width() <= width || width < 8 {
            return vec![self];
        }
        let mut rows = vec![Self { pieces: Vec::new(), ..self.clone() }];
        let mut used = 0;
        for (ink, text) in &self.pieces {
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let part = text::head(rest, width.saturating_sub(used));
                if part.is_empty() {
                    rows.push(Self {
                        pieces: vec![(TextStyle::Plain, " ".repeat(indent))],
                        lit: self.lit,
                        ..Self::default()
                    });
                    used = indent;
                    continue;
                }
                used += text::width(part);
                if let Some(row) = rows.last_mut() {
                    row.pieces.push((*ink, part.to_owned()));
                }
                rest = &rest[part.len()..];
            }
        }
        rows
    }

    /// The row, and below it what is wrong with it.
    fn with_marks(mut self, width: usize) -> Vec<Self> {
        let indent = self.indent();
        let marks = std::mem::take(&mut self.marks);
        let findings = self.findings.clone();
        let mut rows = vec![self];
        for (severity, words) in marks {
            let words = format!("{} {words}", sign(severity));
            for (index, line) in text::wrap(&words, width.saturating_sub(indent + 2).max(16)).iter().enumerate() {
                let lead = format!("{:indent$}{}", "", if index == 0 { "╰ " } else { "  " });
                let row = Self { findings: findings.clone(), ..Self::default() };
                rows.push(row.with(TextStyle::Of(severity), &lead).with(TextStyle::Of(severity), line));
            }
        }
        rows
    }
}

/// What a page is made of.
#[derive(Debug)]
enum PageContent {
    Rows(Vec<Row>),
    Hex(Bytes),
}

/// A page of the detail, laid out in rows.
#[derive(Debug)]
pub(super) struct DetailPage {
    key: PageKey,
    content: PageContent,
    anchors: Vec<Option<usize>>,
    width: usize,
}

impl DetailPage {
    /// Lays out what is asked for.
    pub(super) fn new(request: &PageRequest) -> Self {
        let PageRequest { key, judged, folded } = request;
        if let (MessageView::Hex, DetailTab::Request | DetailTab::Response) = (key.view, key.tab) {
            let body = match key.tab {
                DetailTab::Response => judged.exchange.response.as_ref().map(|response| &response.body),
                _ => Some(&judged.exchange.request.body),
            };
            let bytes = body.map(|body| body.bytes.clone()).unwrap_or_default();
            let anchors = vec![None; judged.findings.len()];
            return Self { key: *key, content: PageContent::Hex(bytes), anchors, width: 10 + HEX * 4 };
        }
        let raw = key.view == MessageView::Raw;
        let rows = match key.tab {
            DetailTab::Findings => explain::rows(judged, key.width),
            DetailTab::Request if raw => message::raw_request(judged),
            DetailTab::Response if raw => message::raw_response(judged),
            DetailTab::Request => message::request(judged, folded),
            DetailTab::Response => message::response(judged, folded),
        };
        let broken =
            |row: Row| if key.wrap && key.tab != DetailTab::Findings { row.wrapped(key.width) } else { vec![row] };
        let mut rows: Vec<Row> =
            rows.into_iter().flat_map(|row| row.with_marks(key.width)).flat_map(broken).take(MAX_ROWS + 1).collect();
        if rows.len() > MAX_ROWS {
            rows.truncate(MAX_ROWS - 1);
            rows.push(Row::new(TextStyle::Dim, "… too long to be shown any further; e opens all of it"));
        }
        let mut anchors = vec![None; judged.findings.len()];
        for (line, row) in rows.iter().enumerate() {
            for &finding in &row.findings {
                if let Some(anchor @ None) = anchors.get_mut(finding) {
                    *anchor = Some(line);
                }
            }
        }
        let width = rows.iter().map(Row::width).max().unwrap_or(0);
        Self { key: *key, content: PageContent::Rows(rows), anchors, width }
    }

    /// True if it shows what is asked for. A message that isn't broken into lines is the same for any width.
    pub(super) fn fits(&self, key: PageKey) -> bool {
        let by_width = key.tab == DetailTab::Findings || key.wrap || key.view == MessageView::Tree;
        let view = if key.tab == DetailTab::Findings { self.key.view } else { key.view };
        self.key == PageKey { width: if by_width { key.width } else { self.key.width }, view, ..key }
    }

    /// True if it is a page of the same exchange and tab, so that it can stay until another one has been laid out.
    pub(super) fn resembles(&self, key: PageKey) -> bool {
        self.key.exchange == key.exchange && self.key.tab == key.tab
    }

    /// The first row of a finding, if it is on this page.
    pub(super) fn anchor(&self, finding: usize) -> Option<usize> {
        self.anchors.get(finding).copied().flatten()
    }

    /// The topmost row of any finding.
    pub(super) fn first_anchor(&self) -> Option<usize> {
        self.anchors.iter().copied().flatten().min()
    }

    /// The row where a node stands, or the nearest above it.
    pub(super) fn row_of(&self, pointer: &str) -> Option<usize> {
        let PageContent::Rows(rows) = &self.content else { return None };
        rows.iter().position(|row| row.pointer.as_deref() == Some(pointer))
    }

    pub(super) fn len(&self) -> usize {
        match &self.content {
            PageContent::Rows(rows) => rows.len(),
            PageContent::Hex(bytes) => bytes.len().div_ceil(HEX).max(1),
        }
    }

    /// Columns of the longest row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// A row; `None` past the end.
    pub(super) fn row(&self, at: usize) -> Option<Row> {
        match &self.content {
            PageContent::Rows(rows) => rows.get(at).cloned(),
            PageContent::Hex(bytes) if bytes.is_empty() && at == 0 => Some(Row::new(TextStyle::Dim, "(no body)")),
            PageContent::Hex(bytes) => {
                let chunk = bytes.chunks(HEX).nth(at)?;
                Some(hexadecimal(at * HEX, chunk))
            }
        }
    }

    /// The rows from `top` on, at most `height`.
    pub(super) fn window(&self, top: usize, height: usize) -> Vec<Row> {
        (top..top.saturating_add(height)).map_while(|at| self.row(at)).collect()
    }

    /// The next row with a text in any case, behind a row and then from the start.
    pub(super) fn find(&self, text: &str, after: usize) -> Option<usize> {
        let text = text.to_lowercase();
        let (PageContent::Rows(_) | PageContent::Hex(_), len) = (&self.content, self.len());
        (1..=len).map(|step| (after + step) % len).find(|&at| match &self.content {
            PageContent::Rows(rows) => rows[at].text().to_lowercase().contains(&text),
            PageContent::Hex(_) => self.row(at).is_some_and(|row| row.text().to_lowercase().contains(&text)),
        })
    }
}

/// Sixteen bytes: their place, each in hexadecimal, and those that are letters.
pub(super) fn hexadecimal(at: usize, chunk: &[u8]) -> Row {
    let hex: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
    let letters: String =
        chunk.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { '.' }).collect();
    Row::new(TextStyle::Dim, &format!("{at:08x}  "))
        .with(TextStyle::Plain, &format!("{:48} ", hex.join(" ")))
        .with(TextStyle::Dim, &letters)
}
