//! Sealed records: a small file that says of itself what it is and whether it is whole.
//!
//! Owns the envelope of manifests, claims and beats: magic, version, length, payload, CRC32C over
//! all of it. The envelope itself never changes, so that any version can tell a newer file from a
//! damaged one. Any flipped bit is seen. Reading never allocates more than the file is long.

/// What a record is, and the newest form of it that is understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
}

/// Why a record cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    TooNew(u32),
    Damaged(&'static str),
}

const HEAD: usize = 8 + 4 + 8;
const TAIL: usize = 4;

/// The record with its envelope.
pub(crate) fn seal(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(HEAD + payload.len() + TAIL);
    sealed.extend_from_slice(&kind.magic);
    sealed.extend_from_slice(&kind.version.to_le_bytes());
    sealed.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    sealed.extend_from_slice(payload);
    let crc = crc32c::crc32c(&sealed);
    sealed.extend_from_slice(&crc.to_le_bytes());
    sealed
}

/// The record without it; a version below the newest is the reader's to tell apart.
pub(crate) fn open(kind: Kind, sealed: &[u8]) -> Result<&[u8], Flaw> {
    let Some((body, crc)) = sealed.split_last_chunk::<TAIL>() else {
        return Err(Flaw::Damaged("it is too short"));
    };
    let Some((head, payload)) = body.split_at_checked(HEAD) else {
        return Err(Flaw::Damaged("it is too short"));
    };
    let (magic, version, len) = (&head[..8], word(&head[8..12]), long(&head[12..]));
    if magic != kind.magic {
        return Err(Flaw::Damaged("it does not begin as such a file does"));
    }
    if len != payload.len() as u64 {
        return Err(Flaw::Damaged("its length is not the one it states"));
    }
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(Flaw::Damaged("its checksum does not match"));
    }
    match version {
        0 => Err(Flaw::Damaged("it states no version")),
        version if version > kind.version => Err(Flaw::TooNew(version)),
        _ => Ok(payload),
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn long(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |long, byte| long << 8 | u64::from(*byte))
}
