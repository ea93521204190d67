//! What verdicts depend on, as digests: how they were given, and of which recording.
//!
//! `build, rules, settings → VerdictsKey` · `capture → the digest of file and content, chained with those of the parts before it → CaptureId`

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use ring::digest::{Context, SHA256};

use crate::capture::{CaptureError, CaptureReader};
use crate::exchange::Exchange;
use crate::rules::Judge;

/// A SHA-256 digest.
pub(super) type Digest = [u8; 32];

/// Bytes of the head of a SQLite file, which changes with every change that a program makes to it.
const HEAD: u64 = 100;

/// Bytes of the head of a write-ahead log, which has salts of its own.
const LOG_HEAD: u64 = 32;

/// Exchanges of a capture that are looked at, spread over it.
const SAMPLES: u64 = 64;

/// How verdicts are given: everything but the recording that changes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VerdictsKey(pub(super) Digest);

impl VerdictsKey {
    /// How a judge gives them.
    pub(crate) fn of(judge: &Judge) -> Self {
        let build = concat!(env!("CARGO_PKG_VERSION"), " ", env!("UMPIRE_SOURCES"));
        Self(digest(&[&build, &judge.inputs()]))
    }
}

/// Which capture verdicts are of, and which parts of the same recording were judged before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CaptureId(pub(super) Digest);

impl CaptureId {
    /// The digest of a capture that comes behind others in its recording; `Self::default()` where nothing does.
    pub(crate) fn of(capture: &Path, before: Self) -> Result<Self, CaptureError> {
        let failed = |error: io::Error| CaptureError::Read { file: capture.to_owned(), cause: error.to_string() };
        let (head, length) = head(capture, HEAD).map_err(failed)?;
        let identity = identity(capture).map_err(failed)?;
        let mut log = capture.as_os_str().to_owned();
        log.push("-wal");
        let log = head_if_there(log.as_ref()).map_err(failed)?;
        let reader = CaptureReader::open(capture)?;
        let count = reader.len()?;
        let step = (count / SAMPLES).max(1);
        let rows = (0..count).step_by(step as usize).chain(count.checked_sub(1));
        let mut content = Context::new(&SHA256);
        for row in rows {
            let exchange = reader.exchange(row)?;
            let Exchange { started, request, response, .. } = &exchange;
            let head = format!("{row} {started} {} {} {:?}", request.method, request.target, request.headers);
            content.update(head.as_bytes());
            content.update(&request.body.bytes);
            if let Some(response) = response {
                content.update(format!("{} {:?}", response.status, response.headers).as_bytes());
                content.update(&response.body.bytes);
            }
        }
        let content = content.finish();
        let meta = format!("{:?} {count}", reader.meta());
        Ok(Self(digest(&[&before.0, &identity, &head, &length.to_be_bytes(), &log, &meta, &content.as_ref()])))
    }
}

/// What only this file on this machine has: device, inode and the time of its last change of any kind. Verdicts that were copied or sent
/// along with a capture don't match it, so that nobody can write verdicts for somebody else.
#[cfg(unix)]
fn identity(file: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = file.metadata()?;
    let numbers = [metadata.dev() as i64, metadata.ino() as i64, metadata.ctime(), metadata.ctime_nsec()];
    Ok(numbers.iter().flat_map(|number| number.to_be_bytes()).collect())
}

/// What this file on this machine has of its own: the time at which it was made.
#[cfg(not(unix))]
fn identity(file: &Path) -> io::Result<Vec<u8>> {
    let created = file.metadata()?.created()?;
    Ok(format!("{created:?}").into_bytes())
}

fn head(file: &Path, most: u64) -> io::Result<(Vec<u8>, u64)> {
    let file = File::open(file)?;
    let length = file.metadata()?.len();
    let mut head = Vec::new();
    file.take(most).read_to_end(&mut head)?;
    Ok((head, length))
}

fn head_if_there(log: &Path) -> io::Result<Vec<u8>> {
    match head(log, LOG_HEAD) {
        Ok((_, 0)) => Ok(Vec::new()),
        Ok((mut head, length)) => {
            head.extend(length.to_be_bytes());
            Ok(head)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The digest of texts or bytes, each with its length.
pub(super) fn digest(parts: &[&dyn AsBytes]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.bytes().len() as u64).to_be_bytes());
        context.update(part.bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// What a digest is made of.
pub(super) trait AsBytes {
    /// Its bytes.
    fn bytes(&self) -> &[u8];
}

impl<T: AsRef<[u8]>> AsBytes for T {
    fn bytes(&self) -> &[u8] {
        self.as_ref()
    }
}
