//! Records of a table as keys and accumulators: the typed half of `SlowStore`.
//!
//! Owns decoding, changing and encoding again; one record is decoded at a time. The record form,
//! a key's encoding followed by its accumulator's, is that of snapshots.

use super::pages::Pages;
use super::records::SlowTable;
use crate::batch::{Batch, batch_len};
use crate::element::{self, Element};
use crate::erase::batch::{ErasedBatch, typed};
use crate::erase::gather::Gather;
use crate::erase::step::Flow;
use crate::erase::store::fast::stamped;
use crate::erase::store::{Slot, Stamp, Which};
use crate::error::Result;
use crate::hash::stable_hash;
use crate::snapshot::RecordsUnder;

/// A decoded record.
pub(super) struct Entry<G: Gather> {
    pub(super) key: G::Key,
    pub(super) acc: G::Acc,
    /// Length of the encoded key at the record's front.
    key_len: usize,
    /// Length of the record.
    pub(super) len: usize,
}

impl<G: Gather> Entry<G> {
    /// The entry at the front of `bytes`.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut rest = bytes;
        let key = element::decode(&mut rest)?;
        let key_len = bytes.len() - rest.len();
        let acc = element::decode(&mut rest)?;
        Ok(Entry {
            key,
            acc,
            key_len,
            len: bytes.len() - rest.len(),
        })
    }
}

pub(super) fn encoded<T: Element>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    element::encode(value, &mut bytes)?;
    Ok(bytes)
}

/// Changes the accumulator of `key`, a new one if need be.
pub(super) fn update<G: Gather>(
    gather: &G,
    pages: &mut Pages,
    table: &mut SlowTable,
    key: &G::Key,
    change: &mut dyn FnMut(&mut G::Acc),
) -> Result<Slot> {
    let mut record = encoded(key)?;
    let key_len = record.len();
    let found = table.find(&record);
    let mut acc = match found {
        Some(slot) => element::decode(&mut &table.get(pages, slot)?[key_len..])?,
        None => gather.create(),
    };
    change(&mut acc);
    element::encode(&acc, &mut record)?;
    match found {
        Some(slot) => table.set(pages, slot, record).map(|()| slot),
        None => table.insert(pages, record, key_len),
    }
}

/// Adds a record as it is, then what `beside` appends.
pub(super) fn save<G: Gather>(
    record: &[u8],
    beside: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    to: &mut RecordsUnder<'_>,
) -> Result<()> {
    let entry = Entry::<G>::decode(record)?;
    let (key, acc) = record.split_at(entry.key_len);
    let mut rest = Vec::new();
    beside(&mut rest)?;
    to.push_encoded(stable_hash(&entry.key), key, acc, &rest);
    Ok(())
}

/// Adds every entry of `part` to `into`. Like the fast store, it takes the first accumulator of a
/// key as it is and merges the others into it.
pub(super) fn merge_into<G: Gather>(
    gather: &G,
    pages: &mut Pages,
    into: &mut SlowTable,
    part: &SlowTable,
) -> Result<()> {
    for slot in 0..part.len() as Slot {
        let record = part.get(pages, slot)?.to_vec();
        let Entry {
            key, acc, key_len, ..
        } = Entry::<G>::decode(&record)?;
        if into.find(&record[..key_len]).is_none() {
            into.insert(pages, record, key_len)?;
        } else {
            update(gather, pages, into, &key, &mut |all| {
                gather.merge(all, acc.clone());
            })?;
        }
    }
    Ok(())
}

/// Emits entries from the end of `table` until it is empty or the output is full.
pub(super) fn drain<G: Gather>(
    gather: &G,
    pages: &mut Pages,
    table: &mut SlowTable,
    which: Which,
    stamp: &Stamp,
    out: &mut dyn ErasedBatch,
) -> Result<Flow> {
    let mut flow = Ok(Flow::Done);
    stamped(out, stamp, |out| {
        flow = match which {
            Which::Outputs => drain_to(pages, table, typed(out), |entry: Entry<G>, out| {
                gather.emit(entry.key, entry.acc, &mut |value| out.push(value));
            }),
            Which::Partials => drain_to(pages, table, typed(out), |entry: Entry<G>, out| {
                out.push((entry.key, entry.acc));
            }),
        };
    });
    flow
}

fn drain_to<G: Gather, T: Element>(
    pages: &mut Pages,
    table: &mut SlowTable,
    out: &mut Batch<T>,
    mut emit: impl FnMut(Entry<G>, &mut Vec<T>),
) -> Result<Flow> {
    let out = out.owned_mut();
    while out.len() < batch_len::<T>() {
        let Some(record) = table.pop(pages)? else {
            break;
        };
        let entry = Entry::decode(&record)?;
        table.forget(&record[..entry.key_len]);
        emit(entry, out);
    }
    Ok(match table.len() {
        0 => Flow::Done,
        _ => Flow::Yield,
    })
}
