//! What the screen asks of whoever runs it: the outside world as a port.
//!
//! `ScreenModel ─► Effect ─► Services (off the drawing thread) ─► EffectReply ─► ScreenModel`

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use crate::filter::Filter;
use crate::finding::Finding;
use crate::judged::Judged;
use crate::openbooking::Stage;

/// The outside world, as far as the screen needs it. Calls may block; the screen makes them on a thread of their own.
/// Each says in a sentence what came of it; without a part of the outside world its default says that it isn't there.
pub trait Services: Send + Sync {
    /// Opens an address in the user's browser.
    fn open(&self, address: &str) -> Result<String, String> {
        Err(format!("nothing here opens {address}"))
    }

    /// Writes a file.
    fn export(&self, _export: &Export) -> Result<String, String> {
        Err("nothing can be written here".to_owned())
    }

    /// Sets a finding aside into the baseline, and so many like it, until a day.
    fn set_aside(&self, _finding: &Finding, _count: u64, _reason: &str, _expires: Date) -> Result<String, String> {
        Err("there is no baseline here".to_owned())
    }

    /// Reads an exchange back from the recording, by its 0-based index, with its verdicts where they are kept; an error if it
    /// can't be found there.
    fn exchange(&self, index: u64) -> Result<Arc<Judged>, String> {
        Err(format!("exchange {} is not kept", crate::finding::number(index)))
    }

    /// Reads a number of exchanges back from the recording, from a 0-based index on; their bodies may be left out.
    fn exchanges(&self, _from: u64, _most: u64) -> Result<Vec<Arc<Judged>>, String> {
        Err("nothing is recorded".to_owned())
    }

    /// Goes on with a search through the recording for a moment.
    fn search(&self, _search: &ExchangeSearch) -> Result<SearchSlice, String> {
        Err("nothing is recorded".to_owned())
    }

    /// Bytes of the recording on disk.
    fn size(&self) -> Option<u64> {
        None
    }

    /// Which findings are set aside.
    fn known(&self) -> Vec<KnownFinding> {
        Vec::new()
    }

    /// The faults of the run and how they stand.
    fn faults(&self) -> Vec<FaultState> {
        Vec::new()
    }

    /// Arms a fault, or disarms it.
    fn arm(&self, _fault: usize, _armed: bool) {}
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Export {
    /// These exchanges, by their 0-based indexes in the recording, as HAR.
    Exchanges(Vec<u64>),
    /// A bundle of the booking with this Order UUID.
    Bundle(String),
}

impl Export {
    /// What is made, in words.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Exchanges(_) => "HAR file",
            Self::Bundle(_) => "bundle",
        }
    }
}

/// A search for exchanges in the whole recording.
#[derive(Debug, Clone)]
pub struct ExchangeSearch {
    /// What they match.
    pub filter: Arc<Filter>,
    /// The 0-based indexes of those that are marked.
    pub marked: Arc<BTreeSet<u64>>,
    /// Where it goes on: 0 at first.
    pub from: u64,
}

/// What a part of a search has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchSlice {
    /// The 0-based indexes of what matches, ascending.
    pub found: Vec<u64>,
    /// Where it goes on.
    pub next: u64,
    /// How many exchanges there are: the search is over when `next` has come there.
    pub of: u64,
}

/// A finding that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFinding {
    /// The rule's id.
    pub rule: String,
    /// Stage of the exchanges.
    pub stage: Stage,
    /// The pointer with `*` for array indexes.
    pub pointer: String,
    /// Why.
    pub reason: String,
    /// Until when; `None` for ever.
    pub expires: Option<Date>,
}

/// A fault and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultState {
    /// As it was written.
    pub text: String,
    /// It is made wherever it fits.
    pub armed: bool,
    /// How often it was made.
    pub made: u64,
}

impl FaultState {
    /// What a run says of a fault for as long as it is armed, among [`RunContext::warnings`](crate::event::RunContext::warnings).
    pub fn warning(text: &str) -> String {
        format!("a fault is made on purpose: {text}")
    }
}

/// No outside world: for tests, and where nothing can be done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NoServices;

impl Services for NoServices {}

/// What is to be done outside of the model.
#[derive(Debug)]
pub(super) enum Effect {
    /// The user wants to leave.
    Quit,
    /// The user wants to go back to the shell for a while.
    Suspend,
    /// Something else has written on the screen: all of it is to be drawn again.
    Wipe,
    /// The bell.
    Bell,
    /// Into the clipboard of the terminal.
    Copy(String),
    /// A text in the user's pager or editor.
    Pager(String),
    Open(String),
    Export(Export),
    SetAside {
        finding: Box<Finding>,
        count: u64,
        reason: String,
        expires: Date,
    },
    /// Read which findings are set aside.
    ListKnown,
    /// Ask how large the recording is.
    Measure,
    ListFaults,
    Arm(usize, bool),
    /// Read an exchange back that is not in memory any more, by its 0-based index.
    Fetch(u64),
    /// Read a page of the archive.
    ReadPage(u64),
    /// Go on with a search, which has a number.
    Search(u64, ExchangeSearch),
    /// Lay a long message out, away from the drawing thread.
    LayOut(Box<super::page::PageRequest>),
}

/// What came of an effect.
#[derive(Debug)]
pub(super) enum EffectReply {
    /// In words.
    Word(String),
    /// What came of an export, in words.
    Exported(Export, String),
    /// Something failed by a fault of Umpire itself, in words; it is not known what.
    Panicked(String),
    Faults(Vec<FaultState>),
    Page(Box<super::page::DetailPage>),
    /// The bytes of the recording on disk.
    Measured(Option<u64>),
    Known(Vec<KnownFinding>),
    /// In words, and what is set aside now.
    SetAside(String, Vec<KnownFinding>),
    /// What the search of this number has found.
    Found(u64, Result<SearchSlice, String>),
    /// A page of the archive.
    PageRead(u64, Result<Vec<Arc<Judged>>, String>),
    /// The exchange of this index.
    Fetched(u64, Result<Arc<Judged>, String>),
}
