//! Judged exchanges in a row, in bytes: what the rules said, and of the exchange what a list shows of it.
//!
//! ```text
//! Judged* ─► BlockWriter ─► texts that repeat, each once · rows ─► zstd        zstd ─► rows ─► Judged*, without bodies
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::bytes::{Bytes, put_number, put_option, put_text};
use crate::exchange::{
    Body, Exchange, Failure, FailureKind, Headers, Request, Response, Simulated, Simulator, Timing, Version,
};
use crate::finding::{EarlierExchange, Finding, Severity};
use crate::judged::{Judged, NotJudged};
use crate::openbooking::{BookingFacts, Stage};
use crate::rules::RuleBook;

/// zstd level. What is kept is small beside the capture, and the judge writes it.
const LEVEL: i32 = 1;

/// Largest block that is read, in bytes before it was packed.
const MAX_BLOCK: usize = 1 << 28;

/// Writes the rows of one block.
#[derive(Default)]
pub(super) struct BlockWriter {
    texts: HashMap<String, u64>,
    table: Vec<u8>,
    rows: Vec<u8>,
    count: u32,
}

impl BlockWriter {
    /// Number of rows so far.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Bytes so far, before they are packed.
    pub(super) fn size(&self) -> usize {
        self.table.len() + self.rows.len()
    }

    /// Adds an exchange.
    pub(super) fn add(&mut self, judged: &Judged) {
        let exchange = &judged.exchange;
        let mut row = std::mem::take(&mut self.rows);
        let out = &mut row;
        put_number(out, judged.index);
        self.put_repeated(out, judged.stage.as_str());
        put_option(out, judged.order_uuid.as_deref(), put_text);
        put_number(out, judged.booking_facts.len() as u64);
        for facts in &judged.booking_facts {
            self.put_booking_facts(out, facts, judged);
        }
        put_number(out, u64::from(judged.passed));
        put_number(out, u64::from(judged.muted));
        put_number(out, exchange.id);
        put_number(out, exchange.connection);
        put_time(out, exchange.started);
        put_number(out, exchange.timing.total.as_nanos().try_into().unwrap_or(u64::MAX));
        self.put_repeated(out, &exchange.request.method);
        put_text(out, &exchange.request.target);
        put_option(out, exchange.response.as_ref(), |out, response| put_number(out, response.status.into()));
        put_option(out, exchange.failure.as_ref(), |out, failure| {
            put_text(out, failure.kind.as_str());
            put_text(out, &failure.detail);
            put_option(out, failure.answered, |out, status| put_number(out, status.into()));
        });
        put_option(out, exchange.simulated.as_ref(), |out, simulated| {
            put_text(out, simulated.by.as_str());
            put_text(out, &simulated.detail);
        });
        put_number(out, judged.not_judged.len() as u64);
        for missing in &judged.not_judged {
            self.put_repeated(out, &missing.rule);
            self.put_repeated(out, &missing.because);
        }
        put_number(out, judged.findings.len() as u64);
        for finding in &judged.findings {
            self.put_finding(out, finding, judged);
        }
        self.rows = row;
        self.count += 1;
    }

    fn put_booking_facts(&mut self, out: &mut Vec<u8>, facts: &BookingFacts, judged: &Judged) {
        let of_another = Some(&facts.order_uuid).filter(|&uuid| judged.order_uuid.as_ref() != Some(uuid));
        put_option(out, of_another, |out, uuid| put_text(out, uuid));
        put_number(out, facts.item.into());
        for text in [&facts.total, &facts.proposal, &facts.status] {
            put_option(out, text.as_deref(), |out, text| self.put_repeated(out, text));
        }
        put_option(out, facts.lease, put_time);
    }

    fn put_finding(&mut self, out: &mut Vec<u8>, finding: &Finding, judged: &Judged) {
        self.put_repeated(out, &finding.rule.id);
        out.push(finding.severity as u8);
        let of_row = finding.stage == judged.stage
            && finding.exchange == Some(judged.index)
            && finding.order_uuid == judged.order_uuid;
        out.push(u8::from(of_row));
        if !of_row {
            self.put_repeated(out, finding.stage.as_str());
            put_option(out, finding.exchange, put_number);
            put_option(out, finding.order_uuid.as_deref(), put_text);
        }
        for text in [&finding.pointer, &finding.message, &finding.seen, &finding.expected] {
            put_text(out, text);
        }
        put_option(out, finding.because_of.as_ref(), |out, earlier| {
            put_option(out, earlier.file.as_deref(), put_text);
            put_number(out, earlier.exchange);
            self.put_repeated(out, earlier.stage.as_str());
        });
    }

    fn put_repeated(&mut self, out: &mut Vec<u8>, text: &str) {
        let next = self.texts.len() as u64;
        let place = match self.texts.get(text) {
            Some(&place) => place,
            None => {
                self.texts.insert(text.to_owned(), next);
                put_text(&mut self.table, text);
                next
            }
        };
        put_number(out, place);
    }

    /// The block, packed; the writer is as new.
    pub(super) fn finish(&mut self) -> std::io::Result<Vec<u8>> {
        let Self { texts, table, rows, .. } = std::mem::take(self);
        let mut whole = Vec::with_capacity(table.len() + rows.len() + 10);
        put_number(&mut whole, texts.len() as u64);
        whole.extend(table);
        whole.extend(rows);
        zstd::bulk::compress(&whole, LEVEL)
    }
}

fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    put_number(out, time.as_second() as u64);
    put_number(out, time.subsec_nanosecond() as u64);
}

/// The rows of a block: exchanges as far as they are kept, with their verdicts. `None` if the block is none, or if a rule that
/// it names is not in the book.
pub(super) fn read(packed: &[u8], count: u32, book: &RuleBook) -> Option<Vec<Judged>> {
    let size = zstd::bulk::Decompressor::upper_bound(packed).filter(|&size| size <= MAX_BLOCK)?;
    let whole = zstd::bulk::decompress(packed, size).ok()?;
    let mut bytes = Bytes(&whole);
    let texts: Vec<Arc<str>> = bytes.list(|bytes| bytes.text().map(Arc::from))?;
    let mut rows = Vec::with_capacity(count.min(4_096) as usize);
    for _ in 0..count {
        rows.push(RowReader { bytes: &mut bytes, texts: &texts, book }.row()?);
    }
    bytes.0.is_empty().then_some(rows)
}

/// A block that is being read.
struct RowReader<'r, 'b> {
    bytes: &'r mut Bytes<'b>,
    texts: &'r [Arc<str>],
    book: &'r RuleBook,
}

impl RowReader<'_, '_> {
    fn row(&mut self) -> Option<Judged> {
        let index = self.bytes.number()?;
        let stage = self.stage()?;
        let order_uuid = self.bytes.option(|bytes| bytes.text().map(Arc::from))?;
        let booking_facts = self.list(|row| row.booking_facts(order_uuid.as_ref()))?;
        let passed = self.bytes.number()?.try_into().ok()?;
        let muted = self.bytes.number()?.try_into().ok()?;
        let exchange = Arc::new(self.exchange()?);
        let mut judged =
            Judged { booking_facts, passed, muted, ..Judged::without_verdicts(index, exchange, stage, order_uuid) };
        for _ in 0..self.bytes.number()? {
            judged.not_judged.push(NotJudged { rule: self.repeated()?, because: self.repeated()? });
        }
        for _ in 0..self.bytes.number()? {
            let finding = self.finding(&judged)?;
            judged.findings.push(finding);
        }
        Some(judged)
    }

    fn exchange(&mut self) -> Option<Exchange> {
        let (id, connection) = (self.bytes.number()?, self.bytes.number()?);
        let started = self.time()?;
        let total = Duration::from_nanos(self.bytes.number()?);
        let method = self.repeated()?.to_string();
        let target = self.bytes.text()?.to_owned();
        let status = |bytes: &mut Bytes<'_>| u16::try_from(bytes.number()?).ok();
        let answer = self.bytes.option(status)?;
        let failure = self.bytes.option(|bytes| {
            let kind = FailureKind::from_name(bytes.text()?)?;
            Some(Failure { kind, detail: bytes.text()?.to_owned(), answered: bytes.option(status)? })
        })?;
        let simulated = self.bytes.option(|bytes| {
            Some(Simulated { by: Simulator::from_name(bytes.text()?)?, detail: bytes.text()?.to_owned() })
        })?;
        let (version, body) = (Version::Http11, || Body::not_recorded(0));
        let response =
            |status| Response { status, reason: String::new(), version, headers: Headers::default(), body: body() };
        Some(Exchange {
            id,
            connection,
            started,
            origin: String::new(),
            request: Request { method, target, version, headers: Headers::default(), body: body() },
            response: answer.map(response),
            failure,
            rewritten: Vec::new(),
            simulated,
            timing: Timing { total, ..Timing::default() },
        })
    }

    fn finding(&mut self, judged: &Judged) -> Option<Finding> {
        let rule = self.repeated()?;
        let rule = Arc::clone(&self.book.rule(&rule)?.info);
        let severity = self.bytes.byte()?;
        let severity = Severity::ALL.into_iter().find(|&known| known as u8 == severity)?;
        let (stage, exchange, order_uuid) = match self.bytes.byte()? {
            1 => (judged.stage, Some(judged.index), judged.order_uuid.clone()),
            _ => {
                let stage = self.stage()?;
                let exchange = self.bytes.option(Bytes::number)?;
                (stage, exchange, self.bytes.option(|bytes| bytes.text().map(Arc::from))?)
            }
        };
        let mut text = || self.bytes.text().map(str::to_owned);
        let (pointer, message, seen, expected) = (text()?, text()?, text()?, text()?);
        let because_of = match self.bytes.byte()? {
            0 => None,
            _ => Some(EarlierExchange {
                file: self.bytes.option(|bytes| bytes.text().map(Arc::from))?,
                exchange: self.bytes.number()?,
                stage: self.stage()?,
            }),
        };
        Some(Finding { rule, severity, stage, exchange, order_uuid, pointer, message, seen, expected, because_of })
    }

    fn booking_facts(&mut self, of_row: Option<&Arc<str>>) -> Option<BookingFacts> {
        let of_another = self.bytes.option(|bytes| bytes.text().map(Arc::from))?;
        let order_uuid = of_another.or_else(|| of_row.cloned())?;
        let item = self.bytes.number()?.try_into().ok()?;
        let mut text = || match self.bytes.byte()? {
            0 => Some(None),
            _ => self.repeated().map(|text| Some(Box::from(&*text))),
        };
        let (total, proposal, status) = (text()?, text()?, text()?);
        let lease = match self.bytes.byte()? {
            0 => None,
            _ => Some(self.time()?),
        };
        Some(BookingFacts { order_uuid, item, total, lease, proposal, status })
    }

    fn time(&mut self) -> Option<Timestamp> {
        let (second, nanosecond) = (self.bytes.number()? as i64, self.bytes.number()? as i32);
        Timestamp::new(second, nanosecond).ok()
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.bytes.number()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn repeated(&mut self) -> Option<Arc<str>> {
        self.texts.get(usize::try_from(self.bytes.number()?).ok()?).cloned()
    }

    fn stage(&mut self) -> Option<Stage> {
        Stage::from_name(&self.repeated()?)
    }
}
