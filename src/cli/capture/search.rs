//! `umpire capture search FILE WORDS…` and `umpire capture index FILE`.
//!
//! `capture → index (made or continued) → hits → text | JSON lines` · `HAR, NDJSON → each exchange → hits`

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::capture::index::{Hit, Index, Places, Progress, Query, path_of, scan};
use crate::capture::is_capture;
use crate::cli::{Exit, Format, recording};
use crate::openbooking::is_uuid;
use crate::text;

/// `umpire capture search …`
#[derive(Debug, Args)]
pub struct Search {
    /// Capture, HAR or NDJSON file
    file: PathBuf,
    /// What to look for: all of it must be in the exchange, in upper or lower case; each begins where a word begins
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
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
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// `umpire capture index …`
#[derive(Debug, Args)]
pub struct IndexArgs {
    /// Captures
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs `umpire capture search …`. Status 1 if nothing is found.
pub fn search(search: &Search) -> anyhow::Result<Exit> {
    if search.uuid
        && let Some(word) = search.words.iter().find(|word| !is_uuid(word))
    {
        anyhow::bail!("{word:?} is no UUID");
    }
    let chosen = Places { path: search.path, headers: search.header, bodies: search.body };
    let none = Places { path: false, headers: false, bodies: false };
    let places = if chosen == none { Places::ALL } else { chosen };
    let query = Query::new(&search.words, places).context("there is no letter and no digit in what to look for")?;
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut found, mut failed) = (0, None);
    let each = |hit: Hit| {
        found += 1;
        failed = show(&mut out, &hit, search.format).err();
        failed.is_none() && found != search.limit
    };
    if is_capture(&search.file)? {
        let mut index = Index::open(&search.file)?;
        update(&mut index, &search.file)?;
        index.search(&query, each)?;
    } else {
        scan(&query, recording::open(&search.file)?.exchanges, each)?;
    }
    match failed {
        // Whoever reads has read enough.
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Clean),
        Some(error) => return Err(error.into()),
        None => out.flush()?,
    }
    if found == search.limit {
        eprintln!("umpire: stopped at {found} hits; --limit shows more");
    }
    if found == 0 {
        eprintln!("umpire: nothing found in {}", search.file.display());
    }
    Ok(if found == 0 { Exit::Findings } else { Exit::Clean })
}

/// Runs `umpire capture index …`.
pub fn index(args: &IndexArgs) -> anyhow::Result<Exit> {
    for file in &args.files {
        if !is_capture(file)? {
            anyhow::bail!("{}: only captures have an index; import it into one first", file.display());
        }
        let mut index = Index::open(file)?;
        update(&mut index, file)?;
        println!("{} exchanges in {}", index.len()?, path_of(file).display());
    }
    Ok(Exit::Clean)
}

/// Continues the index, and says so if it takes long.
fn update(index: &mut Index, file: &Path) -> anyhow::Result<()> {
    /// Exchanges between two lines.
    const TOLD: u64 = 1 << 16;
    index.update(|Progress { done, of }| {
        if done % TOLD == 0 || (done == of && of > TOLD) {
            eprintln!("umpire: {}: {done} of {of} exchanges are in the index", file.display());
        }
    })?;
    Ok(())
}

fn show(out: &mut impl Write, hit: &Hit, format: Format) -> io::Result<()> {
    let Hit { index, exchange, place, around } = hit;
    let status = exchange.response.as_ref().map(|response| response.status);
    match format {
        Format::Text => {
            let status = status.map_or_else(|| "---".to_owned(), |status| status.to_string());
            let line = format!("{} {} {status}", exchange.request.method, exchange.request.target);
            writeln!(out, "{index:>8}  {:.3}  {}", exchange.started, text::visible(&line))?;
            writeln!(out, "          {}: {}", place.as_str(), text::visible(around))
        }
        Format::Json => {
            let hit = json!({
                "exchange": index,
                "started": exchange.started.to_string(),
                "method": exchange.request.method,
                "target": exchange.request.target,
                "status": status,
                "place": place.as_str(),
                "around": around,
            });
            writeln!(out, "{hit}")
        }
    }
}
