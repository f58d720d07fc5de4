//! `LogRecord`: one record, and how records stand in a block.
//!
//! Owns the byte form: flags, then key, event time and value where the flags say so, lengths as
//! varints, times as differences. Invariant: reading a record allocates nothing.

use whitebeam_sdk::Timestamp;

const HAS_KEY: u8 = 1;
const HAS_TIME: u8 = 2;

/// A record of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogRecord<'a> {
    /// Its number in the partition.
    pub offset: u64,
    /// What it was partitioned by, if it has a key.
    pub key: Option<&'a [u8]>,
    /// What it says.
    pub value: &'a [u8],
    /// When it happened, if the writer knew.
    pub event_time: Option<Timestamp>,
    /// When it was appended, by the writer's clock.
    pub appended: Timestamp,
}

impl LogRecord<'_> {
    /// The record's time: of the event, or else of the append.
    pub fn time(&self) -> Timestamp {
        self.event_time.unwrap_or(self.appended)
    }
}

/// Appends a record to a block whose last event time was `before`.
pub(in crate::log) fn put(
    out: &mut Vec<u8>,
    key: Option<&[u8]>,
    value: &[u8],
    event_time: Option<Timestamp>,
    before: &mut i64,
) {
    let has = |flag, is_there| if is_there { flag } else { 0 };
    out.push(has(HAS_KEY, key.is_some()) | has(HAS_TIME, event_time.is_some()));
    if let Some(key) = key {
        put_varint(out, key.len() as u64);
        out.extend_from_slice(key);
    }
    if let Some(time) = event_time {
        let step = time.micros().wrapping_sub(*before);
        *before = time.micros();
        put_varint(out, ((step << 1) ^ (step >> 63)).cast_unsigned());
    }
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A place between the records of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::log) struct Walk {
    at: usize,
    before: i64,
    /// Offset of the record behind it.
    pub(in crate::log) next: u64,
    /// When the block was appended.
    appended: Timestamp,
    left: u32,
}

impl Walk {
    /// The beginning of a block.
    pub(in crate::log) fn start(first: u64, count: u32, appended: Timestamp) -> Self {
        Walk {
            at: 0,
            before: 0,
            next: first,
            appended,
            left: count,
        }
    }

    /// True behind the last record.
    pub(in crate::log) fn is_end(&self) -> bool {
        self.left == 0
    }

    /// Takes the record behind this place out of the block; `None` if the bytes are no records.
    #[inline]
    pub(in crate::log) fn step<'b>(&mut self, block: &'b [u8]) -> Option<LogRecord<'b>> {
        let mut rest = block.get(self.at..)?;
        let (&flags, behind) = rest.split_first()?;
        rest = behind;
        let key = if flags & HAS_KEY == 0 {
            None
        } else {
            Some(bytes(&mut rest)?)
        };
        let event_time = if flags & HAS_TIME == 0 {
            None
        } else {
            let step = varint(&mut rest)?;
            let step = (step >> 1).cast_signed() ^ -(step & 1).cast_signed();
            self.before = self.before.wrapping_add(step);
            Some(Timestamp::from_micros(self.before))
        };
        let value = bytes(&mut rest)?;
        let record = LogRecord {
            offset: self.next,
            key,
            value,
            event_time,
            appended: self.appended,
        };
        self.at = block.len() - rest.len();
        self.next += 1;
        self.left = self.left.checked_sub(1)?;
        Some(record)
    }
}

fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

#[inline]
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}

#[inline]
fn bytes<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let len = usize::try_from(varint(rest)?).ok()?;
    let (found, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(found)
}
