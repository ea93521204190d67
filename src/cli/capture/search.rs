//! `umpire capture search FILE WORDS…` and `umpire capture index FILE`.
//!
//! `capture → index (made or continued) → filter → hits → text | JSON lines` · `HAR, NDJSON → each exchange → hits`

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::select::Filtered;
use crate::capture::index::{CaptureIndex, Hit, IndexProgress, path_of};
use crate::capture::{CaptureReader, is_capture};
use crate::cli::judging::RuleArgs;
use crate::cli::stdio::{self, Audience, note, print};
use crate::cli::{Exit, TextOrJson, recording};
use crate::exchange::Exchange;
use crate::filter::Filter;
use crate::finding::number;
use crate::openbooking::is_uuid;
use crate::search::{SearchPart, SearchParts, TextQuery};
use crate::text::{self, Printer, safe_format};

/// `umpire capture search …`
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Capture, HAR or NDJSON file
    file: PathBuf,
    /// What to look for: all of it must be in the exchange, in upper or lower case; each begins where a word begins
    #[arg(required_unless_present = "filter", value_name = "WORDS")]
    words: Vec<String>,
    /// Only exchanges that match, such as 'status:4xx body:"Alex"' (docs/filter.md)
    #[arg(long, value_name = "FILTER")]
    filter: Option<Filter>,
    /// Only in path and query
    #[arg(long)]
    path: bool,
    /// The words are UUIDs, of orders, items or anything else
    #[arg(long)]
    uuid: bool,
    /// Only in header fields
    #[arg(long)]
    header: bool,
    /// Only in bodies
    #[arg(long)]
    body: bool,
    /// Stop after this many hits; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
    /// Text for people, or a JSON object per hit and line
    #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

/// `umpire capture index …`
#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    /// Captures
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs `umpire capture search …`. Status 1 if nothing is found.
pub(super) fn search(search: &Search) -> anyhow::Result<Exit> {
    if search.uuid
        && let Some(word) = search.words.iter().find(|word| !is_uuid(word))
    {
        anyhow::bail!("{word:?} is no UUID");
    }
    let chosen = SearchParts { path: search.path, headers: search.header, bodies: search.body };
    let none = SearchParts { path: false, headers: false, bodies: false };
    let places = if chosen == none { SearchParts::ALL } else { chosen };
    let query = match &search.filter {
        Some(filter) if search.words.is_empty() => filter.required_text().cloned(),
        _ => {
            let query = TextQuery::new(&search.words, places);
            Some(query.context("there is no letter and no digit in what to look for")?)
        }
    };
    let recording = recording::open(&search.file)?;
    let mut filtered =
        Filtered::new(search.filter.as_ref(), &search.file, &recording.meta, RuleArgs::of_settings(None))?;
    let mut out = BufWriter::new(stdio::stdout());
    let (mut found, mut failed) = (0, None);
    let mut damage = None;
    let mut each = |index: u64, exchange: &Exchange, at: Option<(SearchPart, &str)>| {
        found += 1;
        failed = show(&mut Printer::new(&mut out), index, exchange, at, search.format).err();
        failed.is_none() && found != search.limit
    };
    match &query {
        Some(query) if is_capture(&search.file)? && filtered.is_in_any_order() => {
            let mut index = CaptureIndex::open(&search.file)?;
            if let Some(file) = index.foreign_file() {
                note(safe_format!("{} is no index of Umpire's and stays; the index is kept in memory", file.display()));
            }
            update(&mut index, &search.file)?;
            index.search(query, |Hit { index, exchange, place, around }| {
                let exchange = Arc::new(exchange);
                !filtered.matches_at(index, &exchange) || each(index, &exchange, Some((place, &around)))
            })?;
            damage = CaptureReader::open(&search.file)?.damage();
        }
        query => {
            for (index, exchange) in (0..).zip(recording.exchanges) {
                let exchange = Arc::new(exchange?);
                // Everything is judged, in order.
                let is_match = filtered.matches(&exchange);
                let found = query.as_ref().map(|query| query.find(&exchange));
                let at = match &found {
                    Some(None) => continue,
                    Some(Some((place, around))) => Some((*place, around.as_str())),
                    None => None,
                };
                if is_match && !each(index, &exchange, at) {
                    break;
                }
            }
        }
    }
    let audience = stdio::audience(failed.map_or_else(|| out.flush(), Err))?;
    drop(out.into_parts());
    if found == search.limit && audience == Audience::There {
        note(safe_format!("stopped at {}; --limit shows more", text::count(found, "hit")));
    }
    if let Some(damage) = damage {
        return Err(damage.into());
    }
    if found == 0 {
        note(safe_format!("nothing found in {}", search.file.display()));
    }
    Ok(if found == 0 { Exit::Findings } else { Exit::Clean })
}

/// Runs `umpire capture index …`.
pub(super) fn index(args: &IndexArgs) -> anyhow::Result<Exit> {
    for file in &args.files {
        if !is_capture(file)? {
            anyhow::bail!("{}: only captures have an index; convert it into one first", file.display());
        }
        let mut index = CaptureIndex::open(file)?;
        if let Some(file) = index.foreign_file() {
            anyhow::bail!("{}: is no index of Umpire's, and nothing was written over it; move it away", file.display());
        }
        update(&mut index, file)?;
        let exchanges = text::count(index.len()?, "exchange");
        print(|out| out.line(safe_format!("{exchanges} in {}", path_of(file).display())))?;
    }
    Ok(Exit::Clean)
}

/// Continues the index, and says so if it takes long.
fn update(index: &mut CaptureIndex, file: &Path) -> anyhow::Result<()> {
    /// Exchanges between two lines.
    const TOLD: u64 = 1 << 16;
    index.update(|IndexProgress { done, of }| {
        if done % TOLD == 0 || (done == of && of > TOLD) {
            note(safe_format!("{}: {done} of {} in the index", file.display(), text::count(of, "exchange")));
        }
    })?;
    Ok(())
}

fn show(
    out: &mut Printer<'_>,
    index: u64,
    exchange: &Exchange,
    at: Option<(SearchPart, &str)>,
    format: TextOrJson,
) -> io::Result<()> {
    let status = exchange.response.as_ref().map(|response| response.status);
    match format {
        TextOrJson::Text => {
            let status = status.map_or_else(|| "---".to_owned(), |status| status.to_string());
            let line = format!("{} {} {status}", exchange.request.method, exchange.request.target);
            out.line(safe_format!("{:>8}  {:.3}  {line}", number(index), exchange.started))?;
            match at {
                Some((place, around)) => out.line(safe_format!("          {}: {around}", place.as_str())),
                None => Ok(()),
            }
        }
        TextOrJson::Json => {
            let hit = json!({
                "exchange": index,
                "number": number(index),
                "started": exchange.started.to_string(),
                "method": exchange.request.method,
                "target": exchange.request.target,
                "status": status,
                "place": at.map(|(place, _)| place.as_str()),
                "around": at.map(|(_, around)| around),
            });
            out.json_line(&hit)
        }
    }
}
