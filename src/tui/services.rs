//! What the screen asks of whoever runs it: the outside world as a port.
//!
//! `Model ─► Effect ─► Services (off the drawing thread) ─► Reply ─► Model`

use std::sync::Arc;

use crate::event::Judged;
use crate::exchange::Exchange;
use crate::finding::Finding;

/// The outside world, as far as the screen needs it. Calls may block; the screen makes them on a thread of their own.
/// Each says in a sentence what came of it.
pub trait Services: Send + Sync {
    /// Opens an address in the user's browser.
    fn open(&self, address: &str) -> Result<String, String>;

    /// Writes a file.
    fn export(&self, export: &Export) -> Result<String, String>;

    /// Sets a finding aside into the baseline, and so many like it.
    fn set_aside(&self, finding: &Finding, count: u64, reason: &str) -> Result<String, String>;

    /// Reads an exchange back from the recording, by its 0-based index; an error if it can't be found there.
    fn exchange(&self, index: u64) -> Result<Exchange, String>;

    /// Reads a number of exchanges back from the recording, from a 0-based index on; their bodies may be left out.
    fn exchanges(&self, from: u64, most: u64) -> Result<Vec<Exchange>, String>;

    /// The faults of the run and how they stand.
    fn faults(&self) -> Vec<FaultState>;

    /// Arms a fault, or disarms it.
    fn arm(&self, fault: usize, armed: bool);
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Export {
    /// These exchanges, by their 0-based indexes in the recording, as HAR.
    Exchanges(Vec<u64>),
    /// A bundle of the booking with this Order UUID.
    Bundle(String),
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

/// No outside world: for tests, and where nothing can be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoServices;

impl Services for NoServices {
    fn open(&self, address: &str) -> Result<String, String> {
        Err(format!("nothing here opens {address}"))
    }

    fn export(&self, _export: &Export) -> Result<String, String> {
        Err("nothing can be written here".to_owned())
    }

    fn set_aside(&self, _finding: &Finding, _count: u64, _reason: &str) -> Result<String, String> {
        Err("there is no baseline here".to_owned())
    }

    fn exchange(&self, index: u64) -> Result<Exchange, String> {
        Err(format!("exchange {} is not kept", crate::finding::number(index)))
    }

    fn exchanges(&self, _from: u64, _most: u64) -> Result<Vec<Exchange>, String> {
        Err("nothing is recorded".to_owned())
    }

    fn faults(&self) -> Vec<FaultState> {
        Vec::new()
    }

    fn arm(&self, _fault: usize, _armed: bool) {}
}

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
    },
    ListFaults,
    Arm(usize, bool),
    /// Read an exchange back that is not in memory any more, by its 0-based index.
    Fetch(u64),
    /// Read a page of the archive.
    ReadPage(u64),
    /// Lay a long message out, away from the drawing thread.
    LayOut(Box<super::page::Request>),
}

/// What came of an effect.
#[derive(Debug)]
pub(super) enum Reply {
    /// In words.
    Word(String),
    Faults(Vec<FaultState>),
    Page(Box<super::page::DetailPage>),
    /// A page of the archive, without verdicts.
    PageRead(u64, Result<Vec<Arc<Judged>>, String>),
    /// The exchange of this index, without verdicts.
    Fetched(u64, Result<Arc<Judged>, String>),
}
