//! `umpire capture bundle FILE --booking UUID -o OUT.zip`: one booking for the other side's developers.
//!
//! ```text
//! recording ─► redacted ─► judged ─► exchanges and findings of the booking, the ids it mentions
//!          └─► again ─► open data of those ids, pages of the Orders feed with the booking,
//!                        other bookings nearby if findings rest on them ─┐
//!                                                       README.md, findings.md, booking.har, requests.sh ─► zip
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use memchr::memmem;
use zip::write::SimpleFileOptions;

use super::Exit;
use super::judging::{JudgingArgs, JudgingSetup};
use super::redaction::{self, SharedArgs};
use super::stdio::print;
use crate::capture::{self, Meta, har};
use crate::exchange::{Body, Exchange, Headers, Response, decode};
use crate::finding::Finding;
use crate::json::{Document, Value};
use crate::judged::Judged;
use crate::new_file::{self, Existing, Readers, ensure_free};
use crate::redact::Redactor;
use crate::report::{BookingReport, Secrets, curl, markdown};
use crate::text::{self, SafeText, quoted, safe, safe_format};

/// Most exchanges of a booking that go into a bundle; of one with more the first so many do, and the page says so.
const MOST_EXCHANGES: usize = 1_000;

/// Most pages of feeds that go with it.
const MOST_PAGES: usize = 20;

/// Largest body of such a page, in bytes.
const LARGEST_PAGE: u64 = 2 << 20;

/// Exchanges of other bookings that may come before one of this booking to be looked at.
const NEAR: usize = 100;

/// Most other bookings that go with it.
const MOST_NEIGHBOURS: usize = 3;

/// Bookings that are named where there is no such one.
const NAMED: usize = 5;

/// `umpire capture bundle …`
#[derive(Debug, Args)]
pub struct Bundle {
    /// Capture or HAR file
    file: PathBuf,
    /// Order UUID of the booking
    #[arg(long, value_name = "UUID")]
    booking: String,
    /// ZIP file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    redaction: SharedArgs,
    #[command(flatten)]
    judging: JudgingArgs,
}

/// What is gathered of one booking.
#[derive(Default)]
struct BundleFiles {
    exchanges: Vec<Arc<Judged>>,
    findings: Vec<Finding>,
    /// Identifiers of what was ordered, as JSON strings.
    ids: BTreeSet<String>,
    left_out: usize,
    /// Exchanges of other bookings shortly before, with their Order UUIDs.
    near: BTreeMap<u64, Arc<str>>,
    recent: VecDeque<(u64, Arc<str>)>,
    /// All bookings, in the order in which they were first seen, and how often.
    bookings: BTreeMap<Arc<str>, u64>,
}

/// Runs `umpire capture bundle …`.
pub fn run(bundle: Bundle) -> anyhow::Result<Exit> {
    let existing = Existing::with_force(bundle.force);
    // Before the work and not behind it.
    ensure_free(&bundle.output, existing)?;
    let judging = bundle.judging.load()?;
    let redactor = Arc::new(bundle.redaction.redactor(&judging.config)?);
    let uuid = bundle.booking.to_ascii_lowercase();
    let recording = redaction::open(&bundle.file, Arc::clone(&redactor))?;
    let meta = recording.meta.clone();
    let mut gathered = BundleFiles::default();
    let mut judge = judging.judge(meta.base_uris(), meta.is_foreign());
    // Of each exchange that had any, the bodies that were left out.
    let mut unreadable: BTreeMap<u64, u64> = BTreeMap::new();
    let mut before = 0;
    for (index, exchange) in (0..).zip(recording.exchanges) {
        let exchange = exchange?;
        let after = redactor.left_out();
        if after > before {
            unreadable.insert(index, after - before);
            before = after;
        }
        gathered.take(judge.judge(Arc::new(exchange)), &uuid);
    }
    if gathered.exchanges.is_empty() {
        return Err(gathered.unknown(&bundle));
    }
    let context = Context::read(&bundle.file, redactor, &gathered, &uuid)?;
    let count = |chosen: &Chosen| beyond(&judging, &meta, chosen, &gathered.findings);
    let (chosen, beyond) = context.chosen(&gathered.exchanges, count);
    let BundleFiles { exchanges, findings, left_out, .. } = gathered;
    let more = chosen.len() - exchanges.len();
    let unreadable: u64 = chosen.keys().filter_map(|index| unreadable.get(index)).sum();
    let redaction_in_words = bundle.redaction.said(unreadable);
    let booking = BookingReport {
        uuid,
        creator: Meta::new(None, meta.created).creator,
        redaction: redaction_in_words.clone(),
        exchanges,
        numbers: chosen.keys().copied().zip(1..).collect(),
        findings,
        beyond,
    };
    let files = [
        ("README.md", String::from(readme(&booking, more, left_out)).into_bytes()),
        ("findings.md", String::from(markdown(&booking)).into_bytes()),
        ("booking.har", har_of(&meta, &chosen)?),
        ("requests.sh", String::from(requests(&booking)).into_bytes()),
    ];
    new_file::write(&bundle.output, &zipped(&files)?, existing, Readers::Owner)?;
    let exchanges = text::count(booking.exchanges.len() as u64, "exchange");
    let (findings, file) = (findings_in_words(&booking), bundle.output.display());
    print(|out| out.line(safe_format!("{exchanges}, {findings} in {file}, {redaction_in_words}")))?;
    Ok(Exit::Clean)
}

fn findings_in_words(booking: &BookingReport) -> SafeText {
    text::count(booking.findings.len() as u64, "finding")
}

impl BundleFiles {
    fn take(&mut self, judged: Judged, uuid: &str) {
        if let Some(order) = &judged.order_uuid {
            *self.bookings.entry(Arc::clone(order)).or_default() += 1;
        }
        let is_own = judged.order_uuid.as_deref() == Some(uuid);
        let is_of = |finding: &&Finding| match &finding.order_uuid {
            Some(order) => **order == *uuid,
            None => is_own || is_about_item(finding, &judged.exchange, uuid),
        };
        self.findings.extend(judged.findings.iter().filter(is_of).cloned());
        if !is_own {
            if let Some(order) = &judged.order_uuid {
                if self.recent.len() == NEAR {
                    self.recent.pop_front();
                }
                self.recent.push_back((judged.index, Arc::clone(order)));
            }
            return;
        }
        self.near.extend(self.recent.drain(..));
        if self.exchanges.len() >= MOST_EXCHANGES {
            self.left_out += 1;
            return;
        }
        let response = judged.exchange.response.as_ref();
        let request = &judged.exchange.request;
        let bodies =
            [Some((&request.body, &request.headers)), response.map(|response| (&response.body, &response.headers))];
        for document in bodies.into_iter().flatten().filter_map(|(body, headers)| document(body, headers)) {
            for ordered in document.root().named_below("orderedItem").chain(document.root().named_below("superEvent")) {
                self.ids.extend(id(ordered).map(|id| format!("\"{id}\"")));
            }
            let parents = ["facilityUse", "aggregateFacilityUse"].into_iter();
            let parents = parents.flat_map(|name| document.root().named_below(name).collect::<Vec<_>>());
            self.ids.extend(parents.filter_map(id).map(|id| format!("\"{id}\"")));
        }
        self.exchanges.push(Arc::new(judged));
    }

    /// Exchanges that findings name, by their indices.
    fn rests_on(&self) -> impl Iterator<Item = u64> {
        self.findings.iter().filter_map(|finding| finding.because_of.as_ref()).map(|earlier| earlier.exchange)
    }

    fn unknown(&self, bundle: &Bundle) -> anyhow::Error {
        let (file, booking) = (bundle.file.display(), &bundle.booking);
        let named: Vec<&str> = self.bookings.keys().take(NAMED).map(AsRef::as_ref).collect();
        let more = match self.bookings.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        if named.is_empty() {
            return anyhow::anyhow!("{file} holds no bookings, so there is no booking {booking} in it");
        }
        anyhow::anyhow!("{file} holds no booking {booking}; it holds {}{more}", named.join(", "))
    }
}

/// The identifier of a thing that is given as an object or by reference.
fn id(thing: Value<'_>) -> Option<&str> {
    thing.as_str().or_else(|| thing.get("@id").and_then(Value::as_str)).filter(|id| !id.contains(['"', '\\']))
}

/// True for a finding on the item of a feed that is about the booking.
fn is_about_item(finding: &Finding, exchange: &Exchange, uuid: &str) -> bool {
    let index = finding.pointer.strip_prefix("/response/body/items/").and_then(|rest| rest.split('/').next());
    let Some(index) = index.and_then(|index| index.parse().ok()) else { return false };
    let Some(response) = &exchange.response else { return false };
    let Some(document) = document(&response.body, &response.headers) else { return false };
    let item = document.root().get("items").and_then(|items| items.at(index));
    let ids = [item.and_then(|item| item.get("id")), item.and_then(|item| item.find("/data/@id"))];
    ids.into_iter().flatten().filter_map(Value::as_str).any(|id| id.to_ascii_lowercase().contains(uuid))
}

fn document(body: &Body, headers: &Headers) -> Option<Document> {
    decode(&body.bytes, headers).ok().and_then(|content| Document::parse(&content).ok())
}

/// All exchanges of a bundle, by their indices in the recording.
type Chosen = BTreeMap<u64, Arc<Exchange>>;

/// What else rules may have looked at.
#[derive(Default)]
struct Context {
    /// The dataset site, open data of what was ordered, the booking in the Orders feed.
    pages: Chosen,
    /// Other bookings shortly before.
    neighbours: BTreeMap<Arc<str>, Chosen>,
}

impl Context {
    fn read(file: &Path, redactor: Arc<Redactor>, gathered: &BundleFiles, uuid: &str) -> anyhow::Result<Self> {
        let mut context = Self::default();
        let rests_on: BTreeSet<u64> = gathered.rests_on().collect();
        let wanted: Vec<memmem::Finder<'_>> =
            gathered.ids.iter().map(|id| memmem::Finder::new(id.as_bytes())).collect();
        for (index, exchange) in capture::open(file)?.redacted(redactor).exchanges.enumerate() {
            let (index, exchange) = (index as u64, exchange?);
            if let Some(order) = gathered.near.get(&index) {
                context.neighbours.entry(Arc::clone(order)).or_default().insert(index, Arc::new(exchange));
            } else if rests_on.contains(&index)
                || context.pages.len() < MOST_PAGES && is_wanted(&exchange, &wanted, uuid)
            {
                context.pages.insert(index, Arc::new(exchange));
            }
        }
        Ok(context)
    }

    /// The booking, its pages, and as many neighbours as let more of its findings be repeated; and how many findings are
    /// not repeated all the same, which `beyond` counts.
    fn chosen(self, booking: &[Arc<Judged>], beyond: impl Fn(&Chosen) -> usize) -> (Chosen, usize) {
        let own = booking.iter().map(|judged| (judged.index, Arc::clone(&judged.exchange)));
        let mut chosen: Chosen = self.pages.into_iter().chain(own).collect();
        let mut missing = beyond(&chosen);
        let mut neighbours: Vec<Chosen> = self.neighbours.into_values().collect();
        // The nearest first.
        neighbours.sort_by_key(|flow| std::cmp::Reverse(flow.keys().next_back().copied()));
        let mut taken = 0;
        for flow in neighbours {
            if missing == 0 || taken == MOST_NEIGHBOURS {
                break;
            }
            let with: Chosen = chosen.clone().into_iter().chain(flow).collect();
            let left = beyond(&with);
            if left < missing {
                (chosen, missing) = (with, left);
                taken += 1;
            }
        }
        (chosen, missing)
    }
}

fn is_wanted(exchange: &Exchange, ids: &[memmem::Finder<'_>], uuid: &str) -> bool {
    let small = |response: &&Response| response.body.length <= LARGEST_PAGE;
    let Some(response) = exchange.response.as_ref().filter(small) else { return false };
    let Ok(content) = decode(&response.body.bytes, &response.headers) else { return false };
    let holds = |text: &str| memmem::find(&content, text.as_bytes()).is_some();
    let is_page = || {
        holds("\"items\"")
            && (ids.iter().any(|id| id.find(&content).is_some()) || {
                let small = content.to_ascii_lowercase();
                memmem::find(&small, uuid.as_bytes()).is_some()
            })
    };
    exchange.request.method == "GET" && (is_page() || (holds("\"Dataset\"") && holds("distribution")))
}

/// How many of the findings are not said of the chosen exchanges alone.
fn beyond(judging: &JudgingSetup, meta: &Meta, chosen: &Chosen, findings: &[Finding]) -> usize {
    let mut judge = judging.judge(meta.base_uris(), meta.is_foreign());
    let again: Vec<(u64, Finding)> = chosen
        .iter()
        .flat_map(|(&index, exchange)| {
            judge.judge(Arc::clone(exchange)).findings.into_iter().map(move |finding| (index, finding))
        })
        .collect();
    let is_repeated = |finding: &&Finding| {
        again.iter().any(|(index, other)| {
            Some(*index) == finding.exchange && other.rule.id == finding.rule.id && other.pointer == finding.pointer
        })
    };
    findings.len() - findings.iter().filter(is_repeated).count()
}

fn har_of(meta: &Meta, chosen: &Chosen) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    let exchanges = chosen.values().map(|exchange| Ok(Exchange::clone(exchange)));
    har::write(Path::new("booking.har"), meta, exchanges, &mut out)?;
    Ok(out)
}

/// A script with a line for each request.
fn requests(booking: &BookingReport) -> SafeText {
    let mut secrets = Secrets::default();
    let mut lines = SafeText::default();
    for judged in &booking.exchanges {
        let number = booking.words(judged.index);
        let status = judged.exchange.response.as_ref();
        let status = status.map_or("no answer".into(), |answer| SafeText::from(answer.status));
        let line = curl(&judged.exchange, &mut secrets);
        lines.push(safe!["\n# ", number, ". ", judged.stage.as_str(), ", answered ", status, "\n", line, "\n"]);
    }
    let origin = booking.exchanges.first().map_or("", |judged| judged.exchange.origin.as_str());
    safe![
        "#!/bin/sh\n# The requests of booking ",
        text::visible(&booking.uuid),
        ", in order. Set the variables first; run it as a whole or copy a line.\n[ -n \"${ORIGIN-}\" ] || ORIGIN=",
        quoted(origin),
        "\n",
        secrets.checks(),
        lines,
    ]
}

fn readme(booking: &BookingReport, more: usize, left_out: usize) -> SafeText {
    let more = match more {
        0 => SafeText::default(),
        more => safe![" and ", more, " more that findings rest on (open data, pages of feeds, other bookings)"],
    };
    let left_out = match left_out {
        0 => SafeText::default(),
        left_out => safe!["\nIt had ", text::count(left_out as u64, "further exchange"), ", left out here.\n"],
    };
    safe![
        "# Booking ",
        text::visible(&booking.uuid),
        "\n\n\
         What a broker and a booking system said to each other over the Open Booking API, and where that departs from the \
         specification. Nothing but a browser and curl is needed to look at it.\n\n\
         - `findings.md`: what was found, ",
        findings_in_words(booking),
        ": who is at fault, what was seen, what was expected, how to mend it, with links \
         to the specification.\n\
         - `booking.har`: ",
        text::count(booking.exchanges.len() as u64, "exchange"),
        more,
        ", as they were on the wire. Browsers open it (network panel, import HAR), and so do other \
         proxies.\n\
         - `requests.sh`: each request as a line for curl. Secrets are variables: `TOKEN=… sh requests.sh`; `ORIGIN=…` \
         sends them to another system.\n",
        left_out,
        "\nCredentials, keys and tokens were replaced by fingerprints (`umpire:…`), ",
        text::visible(&booking.redaction),
        ". Equal things are still equal.\nWritten by ",
        text::visible(&booking.creator),
        ".\n",
    ]
}

/// The files as a ZIP, always in the same way: no times, no owners.
fn zipped(files: &[(&str, Vec<u8>)]) -> anyhow::Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let mode = if Path::new(name).extension().is_some_and(|ending| ending == "sh") { 0o755 } else { 0o644 };
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(mode);
        zip.start_file(*name, options)?;
        zip.write_all(content)?;
    }
    Ok(zip.finish()?.into_inner())
}
