//! Values in the lines below their name: blocks and lists of YAML, columns of a table.
//!
//! ```text
//! password: |         tokens:        user,password
//!   abc               - abc          bob,abc
//! ```

use std::ops::Range;

use super::Scan;
use crate::exchange::secrets::{is_likely_secret, is_secret, may_be_secret};

/// Longest line with the names of columns, in bytes.
const LONGEST_HEAD: usize = 4096;

impl Scan<'_> {
    /// What stands in the lines below `name:`, further to the right than the name does. The name begins at `name`, the rest
    /// of its line at `start`. False if its value stands in its own line.
    pub(super) fn block(&mut self, name: usize, start: usize) -> bool {
        let text = self.text;
        // Most names have their value behind them: the rest of their line is not looked at.
        let indicator = start + self.run(start, |byte| b"|>+-123456789 \t\r".contains(&byte));
        if self.is_json || self.byte(indicator).is_some_and(|byte| byte != b'\n') {
            return false;
        }
        let is_scalar = match text[start..indicator].trim_ascii() {
            [] => false,
            [b'|' | b'>', rest @ ..] if rest.iter().all(|byte| b"+-123456789".contains(byte)) => true,
            _ => return false,
        };
        let line = memchr::memrchr(b'\n', &text[..name]).map_or(0, |end| end + 1);
        let indent = |line: usize| self.run(line, |byte| byte == b' ');
        let column = name - line;
        let mut block: Option<Range<usize>> = None;
        let mut items = Vec::new();
        let mut at = indicator + 1;
        while at < text.len() {
            let end = at + self.run(at, |byte| byte != b'\n');
            let from = at + indent(at);
            let content = text[from.min(end)..end].trim_ascii_end();
            let within = from..from + content.len();
            match content {
                [] => {}
                [b'-', b' ', ..] if !is_scalar && indent(at) >= column => items.push(within.start + 2..within.end),
                _ if is_scalar && indent(at) > column => {
                    block = Some(block.map_or(within.start, |block| block.start)..within.end);
                }
                _ => break,
            }
            at = end + 1;
        }
        for item in items {
            let plain = text[item.clone()].trim_ascii();
            let quote = plain.first().filter(|byte| matches!(byte, b'"' | b'\''));
            let quotes = usize::from(quote.is_some() && plain.len() > 1 && plain.last() == quote);
            let start = item.end - text[item.clone()].trim_ascii_start().len();
            let value = start + quotes..start + plain.len() - quotes;
            if is_likely_secret(&text[value.clone()]) {
                self.plain_secret(value);
            }
        }
        if let Some(block) = block {
            self.done = self.done.max(block.end);
            self.plain_secret(block);
        }
        true
    }

    /// The columns of a table whose names mean secrets. The first line has the names.
    pub(super) fn columns(&mut self) {
        let text = self.text;
        let head = &text[..text.len().min(LONGEST_HEAD)];
        let Some(end) = memchr::memchr(b'\n', head) else { return };
        let Some(&sign) = head[..end].iter().find(|byte| b",;\t".contains(byte)) else { return };
        let names: Vec<&[u8]> = cells(text, 0..end, sign).into_iter().map(|cell| text[cell].trim_ascii()).collect();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte);
        let is_secret: Vec<bool> = names.iter().map(|name| may_be_secret(name) && is_secret(name)).collect();
        if !is_secret.contains(&true) || !names.iter().all(|name| !name.is_empty() && name.iter().all(is_name)) {
            return;
        }
        let mut at = end + 1;
        while at < text.len() {
            let end = at + self.run(at, |byte| byte != b'\n');
            let row = cells(text, at..end, sign);
            if row.len() != names.len() {
                return;
            }
            for (cell, _) in row.into_iter().zip(&is_secret).filter(|(_, is_secret)| **is_secret) {
                self.plain_secret(cell);
            }
            at = end + 1;
        }
    }
}

/// The cells of a row, without their quotes.
fn cells(text: &[u8], row: Range<usize>, sign: u8) -> Vec<Range<usize>> {
    let row = row.start..row.start + text[row].trim_ascii_end().len();
    let mut cells = Vec::new();
    let mut at = row.start;
    loop {
        let is_quoted = text[at..row.end].first() == Some(&b'"');
        let start = at + usize::from(is_quoted);
        let rest = &text[start..row.end];
        let end = if is_quoted { memchr::memchr(b'"', rest) } else { memchr::memchr(sign, rest) };
        let end = start + end.unwrap_or(rest.len());
        cells.push(start..end);
        match memchr::memchr(sign, &text[end..row.end]) {
            Some(next) => at = end + next + 1,
            None => return cells,
        }
    }
}
