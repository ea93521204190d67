//! One booking for the other side's developers, in a ZIP: its exchanges, what was found, and its requests for curl.
//!
//! ```text
//! recording ─► redacted ─► judged ─► exchanges and findings of the booking, the ids it mentions
//!          └─► again ─► open data of those ids, pages of the Orders feed with the booking,
//!                        other bookings nearby if findings rest on them ─┐
//!                                                       README.md, findings.md, booking.har, requests.sh ─► zip
//! ```

mod booking;
mod pages;
mod related;

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::sync::Arc;

use zip::write::SimpleFileOptions;

use crate::capture::{self, CaptureError, Meta, Recording, har};
use crate::exchange::Exchange;
use crate::redact::Redactor;
use crate::report::{BookingReport, markdown};
use crate::rules::Judge;
use booking::BookingContents;
use related::{ChosenExchanges, RelatedExchanges, beyond};

/// Bookings that are named where there is no such one.
const NAMED: usize = 5;

/// What a bundle is made for, and how.
pub(crate) struct BundleOptions<'o> {
    /// Order UUID of the booking, in upper or lower case.
    pub booking: &'o str,
    /// What the recording goes through; its count of bodies that were left out is looked at.
    pub redactor: &'o Arc<Redactor>,
    /// Says what was taken out, given how many bodies of the bundle were left out because they can't be read.
    pub describe_redaction: &'o dyn Fn(u64) -> String,
    /// Makes a judge of the recording.
    pub new_judge: &'o dyn Fn(&Meta) -> Judge,
}

/// A bundle, made.
pub(crate) struct Bundle {
    /// Exchanges of the booking in it.
    pub exchanges: usize,
    /// Findings on the booking.
    pub findings: usize,
    /// What was taken out, in words.
    pub redaction: String,
    /// The ZIP file.
    pub zip: Vec<u8>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The recording can't be read.
    #[error(transparent)]
    Recording(#[from] CaptureError),
    /// The recording holds other bookings, or none.
    #[error("{file} holds no booking{}", listed(.booking, .held))]
    UnknownBooking {
        /// The recording.
        file: String,
        /// The Order UUID that was asked for.
        booking: String,
        /// The Order UUIDs that it holds.
        held: Vec<Arc<str>>,
    },
    /// The ZIP file can't be made.
    #[error("the ZIP file can't be made: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The same, of the content of a file in it.
    #[error("the ZIP file can't be made: {0}")]
    Content(#[from] std::io::Error),
}

/// The bookings of a recording that lacks one.
fn listed(booking: &str, held: &[Arc<str>]) -> String {
    let named: Vec<&str> = held.iter().take(NAMED).map(AsRef::as_ref).collect();
    match held.len().saturating_sub(NAMED) {
        _ if named.is_empty() => format!("s, so there is no booking {booking} in it"),
        0 => format!(" {booking}; it holds {}", named.join(", ")),
        more => format!(" {booking}; it holds {} and {more} more", named.join(", ")),
    }
}

/// Makes the bundle of one booking. `recording` is `file` as it comes out of the redactor; what the booking rests on is looked
/// for when the file is read a second time.
pub(crate) fn make(file: &Path, recording: Recording, options: &BundleOptions<'_>) -> Result<Bundle, BundleError> {
    let (uuid, redactor) = (options.booking.to_ascii_lowercase(), options.redactor);
    let meta = recording.meta.clone();
    let mut gathered = BookingContents::default();
    let mut judge = (options.new_judge)(&meta);
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
        let held = gathered.bookings.into_keys().collect();
        let booking = options.booking.to_owned();
        return Err(BundleError::UnknownBooking { file: file.display().to_string(), booking, held });
    }
    let again = capture::open(file)?.redacted(Arc::clone(redactor)).exchanges;
    let related = RelatedExchanges::read(again, &gathered, &uuid)?;
    let count = |chosen: &ChosenExchanges| beyond((options.new_judge)(&meta), chosen, &gathered.findings);
    let (chosen, beyond) = related.chosen(&gathered.exchanges, count);
    let BookingContents { exchanges, findings, left_out, .. } = gathered;
    let more = chosen.len() - exchanges.len();
    let unreadable: u64 = chosen.keys().filter_map(|index| unreadable.get(index)).sum();
    let report = BookingReport {
        uuid,
        creator: Meta::new(None, meta.created).creator,
        redaction: (options.describe_redaction)(unreadable),
        exchanges,
        numbers: chosen.keys().copied().zip(1..).collect(),
        findings,
        beyond,
    };
    let files = [
        ("README.md", String::from(pages::readme(&report, more, left_out)).into_bytes()),
        ("findings.md", String::from(markdown(&report)).into_bytes()),
        ("booking.har", har_of(&meta, &chosen)?),
        ("requests.sh", String::from(pages::requests(&report)).into_bytes()),
    ];
    Ok(Bundle {
        exchanges: report.exchanges.len(),
        findings: report.findings.len(),
        zip: zipped(&files)?,
        redaction: report.redaction,
    })
}

fn har_of(meta: &Meta, chosen: &ChosenExchanges) -> Result<Vec<u8>, CaptureError> {
    let mut out = Vec::new();
    let exchanges = chosen.values().map(|exchange| Ok(Exchange::clone(exchange)));
    har::write(Path::new("booking.har"), meta, exchanges, &mut out)?;
    Ok(out)
}

/// The files as a ZIP, always in the same way: no times, no owners.
fn zipped(files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, BundleError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{BookingSystemInfo, RuleBook};

    const FILE: &str = "captures/faulty.har";

    fn made(booking: &str) -> Result<Bundle, BundleError> {
        let redactor = Arc::new(Redactor::new().unwrap().for_others());
        let recording = capture::open(Path::new(FILE)).unwrap().redacted(Arc::clone(&redactor));
        let book = Arc::new(RuleBook::built_in().unwrap());
        let options = BundleOptions {
            booking,
            redactor: &redactor,
            describe_redaction: &|left_out| format!("{left_out} left out"),
            new_judge: &|_| Judge::new(Arc::clone(&book), BookingSystemInfo::default()),
        };
        make(Path::new(FILE), recording, &options)
    }

    #[test]
    fn a_booking_with_findings_is_bundled_without_a_command_line() {
        let Err(error @ BundleError::UnknownBooking { .. }) = made("no-such") else { panic!("there is none") };
        let words = error.to_string();
        assert!(words.starts_with("captures/faulty.har holds no booking no-such; it holds "), "{words}");
        let BundleError::UnknownBooking { held, .. } = error else { unreachable!() };
        let mut bundles = held.iter().map(|uuid| made(&uuid.to_ascii_uppercase()).unwrap());
        let bundle = bundles.find(|bundle| bundle.findings > 0).expect("one has findings");
        assert!(bundle.exchanges > 0 && bundle.redaction == "0 left out");
        let names = |zip: &[u8]| {
            let mut zip = zip::ZipArchive::new(Cursor::new(zip.to_owned())).unwrap();
            (0..zip.len()).map(|at| zip.by_index(at).unwrap().name().unwrap().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&bundle.zip), ["README.md", "findings.md", "booking.har", "requests.sh"]);
    }

    #[test]
    fn what_a_recording_holds_is_named_up_to_five_bookings() {
        let held = |count: usize| (0..count).map(|number| Arc::from(number.to_string())).collect::<Vec<Arc<str>>>();
        assert_eq!(listed("x", &held(0)), "s, so there is no booking x in it");
        assert_eq!(listed("x", &held(2)), " x; it holds 0, 1");
        assert_eq!(listed("x", &held(7)), " x; it holds 0, 1, 2, 3, 4 and 2 more");
    }
}
