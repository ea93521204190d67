//! The laid out detail of one exchange: made once when it is to be seen, then only drawn from.
//!
//! `Judged, Tab, width → Sheet (rows of painted pieces, and the row of each finding) → the rows in view`

use std::sync::Arc;

use super::model::Tab;
use super::theme::Ink;
use super::{explain, message};
use crate::event::Judged;
use crate::finding::Severity;
use crate::text;

/// Most rows of a sheet. What lies behind them is not shown here, and the last row says so.
pub(super) const MAX_ROWS: usize = 50_000;

/// What a sheet was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// Number of the exchange in the log.
    pub(super) number: u64,
    pub(super) tab: Tab,
    pub(super) width: usize,
}

/// One line of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) pieces: Vec<(Ink, String)>,
    /// Indices of the findings that this row is about.
    pub(super) findings: Vec<usize>,
    /// It is (part of) the node that a finding of this severity is about.
    pub(super) lit: Option<Severity>,
    /// What stands behind the arrow at its end.
    pub(super) mark: Option<String>,
}

impl Row {
    /// A row of one piece. The text becomes safe to print.
    pub(super) fn new(ink: Ink, text: &str) -> Self {
        Self::default().with(ink, text)
    }

    /// The row with one more piece. The text becomes safe to print.
    pub(super) fn with(mut self, ink: Ink, text: &str) -> Self {
        self.pieces.push((ink, text::visible(text).into()));
        self
    }

    fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text::width(text)).sum()
    }
}

/// A page of the detail, laid out in rows.
#[derive(Debug)]
pub(super) struct DetailPage {
    key: Key,
    rows: Vec<Row>,
    anchors: Vec<Option<usize>>,
    width: usize,
}

impl DetailPage {
    pub(super) fn new(key: Key, judged: &Arc<Judged>) -> Self {
        let mut rows = match key.tab {
            Tab::Findings => explain::rows(judged, key.width),
            Tab::Request => message::request(judged),
            Tab::Response => message::response(judged),
        };
        if rows.len() > MAX_ROWS {
            rows.truncate(MAX_ROWS - 1);
            rows.push(Row::new(Ink::Dim, "… too long to be shown any further"));
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
        Self { key, rows, anchors, width }
    }

    /// True if it shows what is asked for; only the page of findings depends on the width.
    pub(super) fn fits(&self, key: Key) -> bool {
        let Key { number, tab, width } = key;
        self.key.number == number && self.key.tab == tab && (tab != Tab::Findings || self.key.width == width)
    }

    /// The first row of a finding, if it is on this sheet.
    pub(super) fn anchor(&self, finding: usize) -> Option<usize> {
        self.anchors.get(finding).copied().flatten()
    }

    /// The topmost row of any finding.
    pub(super) fn first_anchor(&self) -> Option<usize> {
        self.anchors.iter().copied().flatten().min()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Columns of the longest row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The rows from `top` on, at most `height`.
    pub(super) fn window(&self, top: usize, height: usize) -> &[Row] {
        let top = top.min(self.rows.len());
        &self.rows[top..(top + height).min(self.rows.len())]
    }
}
