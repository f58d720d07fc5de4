//! `Part`: one file while it is written.
//!
//! Owns compression and that a finished part is whole and on the disk. Invariant: a part has its
//! final name, within the hidden folder, only after that.

use super::staging::Run;
use crate::file::compression::Compression;
use crate::file::error;
use crc32c::crc32c_append;
use flate2::write::GzEncoder;
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::path::PathBuf;
use whitebeam_env::Writable;
use whitebeam_sdk::sink::Shard;
use whitebeam_sdk::{Error, Result};

#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    /// The folder that errors name.
    target: String,
    bytes: Bytes,
}

enum Bytes {
    Plain(BufWriter<Appended>),
    Gzip(GzEncoder<BufWriter<Appended>>),
    Zstd(zstd::Encoder<'static, BufWriter<Appended>>),
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Bytes::Plain(_) => "Plain",
            Bytes::Gzip(_) => "Gzip",
            Bytes::Zstd(_) => "Zstd",
        })
    }
}

/// What is on its way to the disk, and its checksum.
struct Appended {
    file: Box<dyn Writable>,
    crc: u32,
}

impl Write for Appended {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes).map_err(error::of_system)?;
        self.crc = crc32c_append(self.crc, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a finished part is known by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Finished {
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

/// What `zstd` itself takes when it is not told.
const ZSTD_LEVEL: i32 = 3;

impl Part {
    pub(super) fn create(run: &Run, shard: Shard, compression: Compression) -> Result<Self> {
        let target = run.target().to_string_lossy().into_owned();
        let path = run.unfinished(shard);
        let unwritable = |e| error::unwritable(&target, e);
        let file = run.files().create_new(&path);
        let file = file.map_err(|e| unwritable(error::of_system(e)))?;
        let file = BufWriter::with_capacity(64 * 1024, Appended { file, crc: 0 });
        let bytes = match compression {
            Compression::Plain => Bytes::Plain(file),
            Compression::Gzip => Bytes::Gzip(GzEncoder::new(file, flate2::Compression::default())),
            Compression::Zstd => {
                Bytes::Zstd(zstd::Encoder::new(file, ZSTD_LEVEL).map_err(unwritable)?)
            }
        };
        Ok(Part {
            path,
            target,
            bytes,
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.bytes {
            Bytes::Plain(file) => file.write_all(bytes),
            Bytes::Gzip(encoder) => encoder.write_all(bytes),
            Bytes::Zstd(encoder) => encoder.write_all(bytes),
        };
        written.map_err(|e| self.unwritable(e))
    }

    fn unwritable(&self, e: io::Error) -> Error {
        error::unwritable(&self.target, e)
    }

    /// Completes the part, brings it to the disk and calls it `name`.
    pub(super) fn finish(self, run: &Run, name: &str) -> Result<Finished> {
        let Part {
            path,
            target,
            bytes,
        } = self;
        let finish = || {
            let file = match bytes {
                Bytes::Plain(file) => file,
                Bytes::Gzip(encoder) => encoder.finish()?,
                Bytes::Zstd(encoder) => encoder.finish()?,
            };
            let Appended { mut file, crc } =
                file.into_inner().map_err(IntoInnerError::into_error)?;
            file.sync().map_err(error::of_system)?;
            let bytes = file.len();
            let named = run.files().rename(&path, &run.path().join(name));
            named.map_err(error::of_system)?;
            Ok(Finished { bytes, crc })
        };
        finish().map_err(|e| error::unwritable(&target, e))
    }
}
