//! Where the text of a recording comes from: a file, a compressed file, or memory; read from any place, more than once.
//!
//! ```text
//! TextSource::open ─► (UTF-16? ─► UTF-8) ─► from(offset) ─► bytes            and, for errors, place(offset) ─► line 7, column 12
//!       └─ gzip, and every place counts ─► unpacked ─► from(offset)     (a file without a name, gone with the source)
//! ```

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use bytes::{Buf, Bytes};
use flate2::read::MultiGzDecoder;

/// First bytes of every gzip file.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Longest text in UTF-16 that is turned into UTF-8 in a file without a name, 16 GiB. A longer one is an error.
const MAX_UTF16: u64 = 16 << 30;

/// Text that can be read from any place.
pub(super) enum TextSource {
    /// As it stands in the file.
    File(File),
    /// Compressed with gzip; offsets count decompressed bytes.
    Gzip(File),
    /// All of it.
    Memory(Bytes),
}

impl TextSource {
    /// The text of a file, decompressed where it is gzip, and in UTF-8 where it is UTF-16.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let source = Self::open_as_it_is(path)?;
        let Some(order) = ByteOrder::of(&source.head(2)?) else { return Ok(source) };
        let mut out = BufWriter::new(unnamed(path)?);
        to_utf8(source.from(0)?.take(MAX_UTF16.saturating_add(1)), order, &mut out)?;
        Ok(Self::File(out.into_inner()?))
    }

    /// The same of text in memory.
    pub(super) fn of(text: &[u8]) -> io::Result<Self> {
        let Some(order) = ByteOrder::of(text) else { return Ok(Self::Memory(Bytes::copy_from_slice(text))) };
        let mut utf8 = Vec::with_capacity(text.len());
        to_utf8(text, order, &mut utf8)?;
        Ok(Self::Memory(Bytes::from(utf8)))
    }

    fn open_as_it_is(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut head = Vec::with_capacity(GZIP.len());
        (&mut file).take(GZIP.len() as u64).read_to_end(&mut head)?;
        Ok(if head == GZIP { Self::Gzip(file) } else { Self::File(file) })
    }

    /// True if reading from a later place costs as much as reading all before it.
    pub(super) fn is_sequential(&self) -> bool {
        matches!(self, Self::Gzip(_))
    }

    /// The same text in a file without a name beside `path`, or among the system's temporary files where nothing can be
    /// written there. Only this process can read it, and it is gone when the source is, however the process ends. More than
    /// `most` bytes of text are an error.
    pub(super) fn unpacked(&self, path: &Path, most: u64) -> io::Result<Self> {
        let file = unnamed(path)?;
        let mut text = self.from(0)?.take(most.saturating_add(1));
        let length = io::copy(&mut text, &mut &file)?;
        if length > most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it unpacks to more than {most} bytes")));
        }
        Ok(Self::File(file))
    }

    /// The text from an offset on. Only the reader that was asked for last may be read.
    pub(super) fn from(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::File(file) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(offset))?;
                Box::new(file)
            }
            Self::Gzip(file) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(0))?;
                let mut text = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file));
                io::copy(&mut (&mut text).take(offset), &mut io::sink())?;
                Box::new(text)
            }
            Self::Memory(text) => {
                let mut rest = text.clone();
                rest.advance(usize::try_from(offset).unwrap_or(usize::MAX).min(rest.len()));
                Box::new(rest.reader())
            }
        })
    }

    /// The first bytes, or as many of them as there are. Where a compressed text is cut off before so many, whoever reads on meets
    /// the cut.
    pub(super) fn head(&self, length: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        match self.from(0)?.take(length).read_to_end(&mut head) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof || head.is_empty() => Err(error),
            _ => Ok(head),
        }
    }

    /// An offset in words: its line and column, counted from 1. Reads all that stands before it.
    pub(super) fn place(&self, offset: u64) -> String {
        let mut chunk = vec![0; 1 << 16];
        let (mut line, mut column) = (1_u64, 1_u64);
        let Ok(before) = self.from(0) else { return format!("byte {offset}") };
        let mut before = before.take(offset);
        loop {
            match before.read(&mut chunk) {
                Ok(0) => return format!("line {line}, column {column}"),
                Ok(read) => {
                    let part = &chunk[..read];
                    line += memchr::memchr_iter(b'\n', part).count() as u64;
                    column = match memchr::memrchr(b'\n', part) {
                        Some(last) => (read - last) as u64,
                        None => column + read as u64,
                    };
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return format!("byte {offset}"),
            }
        }
    }
}

/// A file without a name beside `path`, or among the system's temporary files where nothing can be written there.
fn unnamed(path: &Path) -> io::Result<File> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    tempfile::tempfile_in(folder).or_else(|_| tempfile::tempfile())
}

/// Which byte of a UTF-16 code unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// Of a text that begins with a byte order mark, or with a bracket in two bytes; `None` for any other.
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xff, 0xfe, ..] | [b'{' | b'[', 0, ..] => Some(Self::Little),
            [0xfe, 0xff, ..] | [0, b'{' | b'[', ..] => Some(Self::Big),
            _ => None,
        }
    }
}

/// Turns UTF-16 into UTF-8, without the byte order mark. Half of a surrogate pair becomes U+FFFD.
fn to_utf8(mut text: impl Read, order: ByteOrder, out: &mut impl Write) -> io::Result<()> {
    let mut chunk = vec![0; 1 << 16];
    let (mut bytes, mut units, mut utf8) = (Vec::new(), Vec::new(), String::new());
    let (mut first, mut total) = (true, 0_u64);
    loop {
        let read = match text.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        total += read as u64;
        if total > MAX_UTF16 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is UTF-16 text of more than 16 GiB"));
        }
        bytes.extend_from_slice(&chunk[..read]);
        let unit = |pair: &[u8]| match order {
            ByteOrder::Little => u16::from_le_bytes([pair[0], pair[1]]),
            ByteOrder::Big => u16::from_be_bytes([pair[0], pair[1]]),
        };
        units.extend(bytes.chunks_exact(2).map(unit));
        bytes.drain(..bytes.len() / 2 * 2);
        // The other half of a pair may be yet to come.
        let held = units.pop_if(|last| read > 0 && (0xd800..0xdc00).contains(last));
        utf8.clear();
        utf8.extend(char::decode_utf16(units.drain(..)).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
        units.extend(held);
        let plain = if first { utf8.strip_prefix('\u{feff}').unwrap_or(&utf8) } else { &utf8 };
        first &= utf8.is_empty();
        out.write_all(plain.as_bytes())?;
        if read == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_unpacked_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("packed.gz");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&[b'x'; 1_000]).unwrap();
        std::fs::write(&packed, gzip.finish().unwrap()).unwrap();
        let source = TextSource::open(&packed).unwrap();
        let unpacked = source.unpacked(&packed, 1_000).unwrap();
        assert!(source.is_sequential() && !unpacked.is_sequential());
        let mut rest = Vec::new();
        unpacked.from(990).unwrap().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, [b'x'; 10]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "it has no name");
        let error = source.unpacked(&packed, 999).err().unwrap();
        assert_eq!(error.to_string(), "it unpacks to more than 999 bytes");
    }

    #[test]
    fn utf_16_is_read_as_utf_8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("utf16");
        let text = format!("{{\"a\": \"{}\u{1f600}\"}}", "\u{fc}\u{1f600}".repeat(40_000));
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [[&[0xff, 0xfe], &little[..]].concat(), [&[0xfe, 0xff], &big[..]].concat(), little, big] {
            std::fs::write(&path, bytes).unwrap();
            let source = TextSource::open(&path).unwrap();
            let mut read = String::new();
            source.from(0).unwrap().read_to_string(&mut read).unwrap();
            assert!(read == text, "{}…", read.chars().take(40).collect::<String>());
            read.clear();
            source.from(7).unwrap().read_to_string(&mut read).unwrap();
            assert!(read == text[7..]);
        }
        // Half a pair, and half a code unit at the end.
        std::fs::write(&path, [0xff, 0xfe, b'[', 0, 0x3d, 0xd8, b']', 0, b'x']).unwrap();
        let mut read = String::new();
        TextSource::open(&path).unwrap().from(0).unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, "[\u{fffd}]");
    }

    #[test]
    fn the_same_text_from_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"one\ntwo\n three";
        let plain = folder.path().join("plain");
        std::fs::write(&plain, text).unwrap();
        let packed = folder.path().join("packed");
        // Two members in one file, as `cat a.gz b.gz` makes them.
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text[..5]).unwrap();
        let mut bytes = gzip.finish().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text[5..]).unwrap();
        bytes.extend(gzip.finish().unwrap());
        std::fs::write(&packed, bytes).unwrap();
        let sources = [
            TextSource::open(&plain).unwrap(),
            TextSource::open(&packed).unwrap(),
            TextSource::Memory(Bytes::from_static(text)),
        ];
        for source in sources {
            for offset in [0, 4, 100] {
                let mut rest = Vec::new();
                source.from(offset).unwrap().read_to_end(&mut rest).unwrap();
                assert_eq!(rest, &text[(offset as usize).min(text.len())..]);
            }
            assert_eq!(source.head(3).unwrap(), b"one");
            for (offset, place) in [(0, "line 1, column 1"), (3, "line 1, column 4"), (4, "line 2, column 1")] {
                assert_eq!(source.place(offset), place);
            }
            assert_eq!(source.place(9), "line 3, column 2");
        }
    }
}
