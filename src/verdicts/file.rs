//! The file: a head that says how the verdicts were given, blocks of rows, and a seal that says of what.
//!
//! ```text
//! UMPIREV1, Key │ block: kind, rows, length, checksum, packed rows │ … │ seal: CaptureId, Totals
//! ```
//!
//! Each checksum covers the one before it, so that no block can be missing or in another's place. Everything is checked before
//! anything is used.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::block::{self, BlockWriter};
use super::bytes::Bytes;
use super::key::{CaptureId, Digest, VerdictsKey, digest};
use super::totals::VerdictTotals;
use crate::capture::beside::{self, VERDICTS_MAGIC};
use crate::judged::Judged;
use crate::new_file::{Readers, create_new};
use crate::rules::RuleBook;

/// Rows of one block.
const ROWS: u32 = 256;

/// Bytes of rows from which on a block is written, whatever their number: 4 MiB.
const FULL: usize = 4 << 20;

/// Most bytes of the file: 512 MiB. A capture with more to say of it has none.
const MOST_BYTES: u64 = 512 << 20;

/// Bytes before the content of a block: kind, rows, length, checksum.
const FRAME: usize = 1 + 4 + 4 + 32;

/// Kinds of blocks.
const KIND_ROWS: u8 = 1;
const KIND_SEAL: u8 = 2;

/// Writes the verdicts on a capture while it is judged. Nothing of it is an error: what can't be kept isn't.
pub(crate) struct VerdictWriter {
    capture: PathBuf,
    key: VerdictsKey,
    /// `None` until the first block is full.
    file: Option<File>,
    block: BlockWriter,
    chain: Digest,
    rows: u64,
    bytes: u64,
    /// Something went wrong: nothing is kept.
    given_up: bool,
}

impl VerdictWriter {
    /// Begins a file beside the capture, in place of an older one, once there is enough to be kept.
    pub(crate) fn new(capture: &Path, key: VerdictsKey) -> Self {
        let (capture, chain) = (capture.to_owned(), first_link(key));
        let block = BlockWriter::default();
        Self { capture, key, file: None, block, chain, rows: 0, bytes: 0, given_up: false }
    }

    /// Adds the next exchange of the capture.
    pub(crate) fn add(&mut self, judged: &Judged) {
        if self.given_up {
            return;
        }
        self.rows += 1;
        self.block.add(judged);
        if (self.block.count() >= ROWS || self.block.size() >= FULL)
            && let Err(error) = self.write_rows()
        {
            tracing::debug!(%error, "verdicts are not kept");
            self.give_up();
        }
    }

    /// Number of exchanges added.
    pub(crate) fn len(&self) -> u64 {
        self.rows
    }

    /// Nothing is kept of these verdicts.
    pub(crate) fn give_up(&mut self) {
        self.given_up = true;
        self.block = BlockWriter::default();
        if self.file.take().is_some() {
            beside::remove_verdicts(&self.capture);
        }
    }

    /// Says that all of the capture was judged. From then on the file is used.
    pub(crate) fn seal(mut self, id: CaptureId, totals: &VerdictTotals) {
        if self.given_up || self.rows < super::LEAST {
            return self.give_up();
        }
        let mut content = id.0.to_vec();
        totals.write(&mut content);
        let sealed = self.write_rows().and_then(|()| self.write_block(KIND_SEAL, 0, &content));
        if let Err(error) = sealed {
            tracing::debug!(%error, "verdicts are not kept");
            return self.give_up();
        }
        self.file = None;
    }

    fn write_rows(&mut self) -> io::Result<()> {
        let count = self.block.count();
        if count == 0 {
            return Ok(());
        }
        let packed = self.block.finish()?;
        self.write_block(KIND_ROWS, count, &packed)
    }

    fn write_block(&mut self, kind: u8, rows: u32, content: &[u8]) -> io::Result<()> {
        let length = u32::try_from(content.len()).map_err(io::Error::other)?;
        self.bytes += (FRAME + content.len()) as u64;
        if self.bytes > MOST_BYTES {
            return Err(io::Error::other("they are too many"));
        }
        let checksum = checksum(&self.chain, kind, rows, content);
        let mut block = Vec::with_capacity(FRAME + content.len());
        block.push(kind);
        block.extend(rows.to_be_bytes());
        block.extend(length.to_be_bytes());
        block.extend(checksum);
        block.extend(content);
        let key = self.key;
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(begin(&self.capture, key)?),
        };
        file.write_all(&block)?;
        self.chain = checksum;
        Ok(())
    }
}

impl Drop for VerdictWriter {
    /// What was not sealed is of no use.
    fn drop(&mut self) {
        if self.file.is_some() {
            self.give_up();
        }
    }
}

/// Makes the file, unless somebody else is writing it or something else has its name.
fn begin(capture: &Path, key: VerdictsKey) -> io::Result<File> {
    let name = beside::verdicts_of(capture);
    match File::open(&name) {
        Ok(older) => {
            older.try_lock().map_err(|_| io::Error::other("another process is writing them"))?;
            if !beside::remove_verdicts(capture) {
                return Err(io::Error::other("something else has their name"));
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = create_new(&name, Readers::Owner)?;
    // A file system without locks does without.
    let _locked = file.try_lock();
    file.write_all(VERDICTS_MAGIC)?;
    file.write_all(&key.0)?;
    Ok(file)
}

fn first_link(key: VerdictsKey) -> Digest {
    digest(&[&VERDICTS_MAGIC, &key.0])
}

/// The checksum of a block behind others; the next one is chained to it.
fn checksum(chain: &Digest, kind: u8, rows: u32, content: &[u8]) -> Digest {
    digest(&[chain, &[kind], &rows.to_be_bytes(), &content])
}

/// What was found beside a capture.
pub(crate) enum VerdictsFile {
    /// Verdicts on all of it, given in the same way.
    Current(Box<VerdictFile>),
    /// Nothing that can be used; it may be of another build, other rules, or an earlier state of the capture.
    Nothing,
    /// Something was changed in the file since it was written.
    Damaged,
}

/// Verdicts on a whole capture.
pub(crate) struct VerdictFile {
    path: PathBuf,
    file: BufReader<File>,
    book: Arc<RuleBook>,
    totals: VerdictTotals,
    blocks: Vec<BlockPlace>,
    count: u64,
    /// The block that a row was last asked of.
    last: Option<(usize, Vec<Judged>)>,
}

/// Where a block is.
#[derive(Debug, Clone, Copy)]
struct BlockPlace {
    /// Of its content.
    offset: u64,
    length: u32,
    /// Its first row.
    first: u64,
    rows: u32,
}

impl VerdictFile {
    /// Opens the verdicts on a capture, if they are those that a judge would give now. `book` is the judge's.
    pub(crate) fn open(capture: &Path, key: VerdictsKey, id: CaptureId, book: &Arc<RuleBook>) -> VerdictsFile {
        let path = beside::verdicts_of(capture);
        let Ok(file) = File::open(&path) else { return VerdictsFile::Nothing };
        match read(file, key) {
            Ok(FileContent::Sealed { blocks, id: of, totals, file }) if of == id => {
                let count = blocks.iter().map(|block| u64::from(block.rows)).sum();
                VerdictsFile::Current(Box::new(Self {
                    path,
                    file,
                    book: Arc::clone(book),
                    totals,
                    blocks,
                    count,
                    last: None,
                }))
            }
            Ok(FileContent::Damaged) => VerdictsFile::Damaged,
            Ok(_) | Err(_) => VerdictsFile::Nothing,
        }
    }

    /// Number of exchanges.
    pub(crate) fn len(&self) -> u64 {
        self.count
    }

    /// What the judge had counted at the end of the capture.
    pub(crate) fn totals(&self) -> &VerdictTotals {
        &self.totals
    }

    /// Number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The exchanges of a block with their verdicts, without header fields and bodies. An error if there is no such block.
    pub(crate) fn block(&mut self, at: usize) -> io::Result<Vec<Judged>> {
        let place = self.blocks.get(at).copied().ok_or_else(|| io::Error::other("there is no such block"))?;
        self.file.seek(SeekFrom::Start(place.offset))?;
        let mut packed = vec![0; place.length as usize];
        self.file.read_exact(&mut packed)?;
        let rows = block::read(&packed, place.rows, &self.book);
        rows.ok_or_else(|| io::Error::other(format!("{}: can't be read; delete it", self.path.display())))
    }

    /// The exchange of a 0-based index in the capture, as [`Self::block`] has it; `None` if there is none.
    pub(crate) fn row(&mut self, row: u64) -> io::Result<Option<&Judged>> {
        let Some(at) = self.blocks.partition_point(|block| block.first <= row).checked_sub(1) else { return Ok(None) };
        if self.last.as_ref().is_none_or(|(last, _)| *last != at) {
            let rows = self.block(at)?;
            self.last = Some((at, rows));
        }
        let within = (row - self.blocks[at].first) as usize;
        Ok(self.last.as_ref().and_then(|(_, rows)| rows.get(within)))
    }
}

/// What is in a file.
enum FileContent {
    /// Verdicts on a whole capture.
    Sealed { blocks: Vec<BlockPlace>, id: CaptureId, totals: VerdictTotals, file: BufReader<File> },
    /// It was begun and not ended, or is of another build or other rules.
    Other,
    /// It is not as it was written.
    Damaged,
}

fn read(file: File, key: VerdictsKey) -> io::Result<FileContent> {
    let length = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut head = [0; 8 + 32];
    if length < head.len() as u64 || length > MOST_BYTES {
        return Ok(FileContent::Other);
    }
    file.read_exact(&mut head)?;
    if !head.starts_with(VERDICTS_MAGIC) || head[8..] != key.0 {
        return Ok(FileContent::Other);
    }
    let (mut chain, mut at, mut first, mut blocks) = (first_link(key), head.len() as u64, 0, Vec::new());
    while at < length {
        let mut frame = [0; FRAME];
        if length - at < FRAME as u64 {
            return Ok(FileContent::Other);
        }
        file.read_exact(&mut frame)?;
        let mut parts = Bytes(&frame);
        let (Some(kind), Some(rows), Some(size), Some(expected)) =
            (parts.byte(), number(&mut parts), number(&mut parts), parts.take(32))
        else {
            return Ok(FileContent::Damaged);
        };
        at += FRAME as u64;
        if u64::from(size) > length - at {
            // Its writer was killed, or its end is gone.
            return Ok(FileContent::Other);
        }
        let mut content = vec![0; size as usize];
        file.read_exact(&mut content)?;
        let found = checksum(&chain, kind, rows, &content);
        if found != expected {
            return Ok(FileContent::Damaged);
        }
        chain = found;
        match kind {
            KIND_ROWS => blocks.push(BlockPlace { offset: at, length: size, first, rows }),
            KIND_SEAL => {
                let mut bytes = Bytes(&content);
                let id = bytes.take(32).and_then(|id| id.try_into().ok()).map(CaptureId);
                let (Some(id), Some(totals)) = (id, VerdictTotals::read(&mut bytes)) else {
                    return Ok(FileContent::Damaged);
                };
                if at + u64::from(size) != length {
                    return Ok(FileContent::Damaged);
                }
                return Ok(FileContent::Sealed { blocks, id, totals, file });
            }
            _ => return Ok(FileContent::Damaged),
        }
        first += u64::from(rows);
        at += u64::from(size);
    }
    Ok(FileContent::Other)
}

fn number(bytes: &mut Bytes<'_>) -> Option<u32> {
    bytes.take(4)?.try_into().ok().map(u32::from_be_bytes)
}
