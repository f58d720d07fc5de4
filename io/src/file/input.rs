//! `Input`: the bytes of one file, decompressed, from an offset on.
//!
//! Owns codecs and the count of what was read of the file itself. Knows no records.

use super::compression::Compression;
use super::error;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use whitebeam_sdk::{Error, ErrorKind, Result};

/// How many bytes are read at once. Tests read so few that every kind of break falls between two
/// chunks.
pub(super) const CHUNK: usize = if cfg!(test) { 16 } else { 64 * 1024 };

/// An open file.
pub(super) struct Input {
    path: String,
    bytes: Bytes,
}

enum Bytes {
    Plain(Counted),
    Gzip(Box<MultiGzDecoder<BufReader<Counted>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Counted>>>),
}

/// A file and how much of it was read.
struct Counted {
    file: File,
    read: u64,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        self.read += n as u64;
        Ok(n)
    }
}

impl Input {
    /// Opens `path` where its text, after decompression, has the given offset.
    pub(super) fn open(path: &str, compression: Compression, offset: u64) -> Result<Self> {
        let unreadable = |e| error::unreadable(path, e);
        let mut file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(error::directory(path));
        }
        if compression == Compression::Plain {
            file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        }
        let counted = Counted { file, read: 0 };
        let buffered = |counted| BufReader::with_capacity(CHUNK, counted);
        let bytes = match compression {
            Compression::Plain => Bytes::Plain(counted),
            Compression::Gzip => Bytes::Gzip(Box::new(MultiGzDecoder::new(buffered(counted)))),
            Compression::Zstd => {
                let decoder = zstd::Decoder::with_buffer(buffered(counted));
                Bytes::Zstd(Box::new(decoder.map_err(unreadable)?))
            }
        };
        let path = path.to_owned();
        let mut input = Input { path, bytes };
        if compression != Compression::Plain {
            input.skip(offset)?;
        }
        Ok(input)
    }

    /// Decompresses and drops `n` bytes: there is no other way to a place within the text.
    fn skip(&mut self, n: u64) -> Result<()> {
        let skipped = io::copy(&mut self.by_ref().take(n), &mut io::sink());
        match skipped {
            Ok(skipped) if skipped == n => Ok(()),
            Ok(skipped) => Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "{}: byte {n} was read once, and now it has {skipped}",
                    self.path
                ),
            )
            .help("run again from the beginning, on files that nobody writes to")),
            Err(e) => Err(self.error(e)),
        }
    }

    /// How many bytes of the file itself, compressed or not, were read.
    pub(super) fn consumed(&self) -> u64 {
        match &self.bytes {
            Bytes::Plain(counted) => counted.read,
            Bytes::Gzip(decoder) => decoder.get_ref().get_ref().read,
            Bytes::Zstd(decoder) => decoder.get_ref().get_ref().read,
        }
    }

    /// A failed read in words.
    pub(super) fn error(&self, e: io::Error) -> Error {
        error::unreadable(&self.path, e)
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.bytes {
                Bytes::Plain(file) => file.read(buf),
                Bytes::Gzip(decoder) => decoder.read(buf),
                Bytes::Zstd(decoder) => decoder.read(buf),
            };
            match read {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}
