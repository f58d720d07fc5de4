//! `Partition`: records and ends of transactions, and who may see them.
//!
//! Owns offsets, the fate of each record, and what the partition itself knows of a writer: its epoch
//! and the first offset of its open transaction. Does not own transactions: a coordinator may say that
//! one is over while the partition, which has no end marker of it, still counts it as open.
//! Invariant: offsets rise; nothing at or behind the first open record is decided for readers.
//!
//! A marker that never came. The partition then holds its records back, and everything behind them.
//! The coordinator has forgotten the transaction: no call ends it, and a newcomer's `init` writes
//! markers only for what is open at the coordinator. The next transaction of the same producer id
//! that writes to the partition continues, as far as the partition can tell, the one that it has
//! open: its marker decides the old records too. Committed, they become visible, in front of the
//! new ones. Aborted, they are gone, although their commit was answered. As in Apache Kafka, whose
//! `ProducerStateManager` keeps one first offset per producer id and clears it by a marker alone.

use super::row::{Placed, Row};
use std::collections::BTreeMap;
use std::sync::Arc;
use whitebeam_io::kafka::client::Isolation;
use whitebeam_sdk::Timestamp;

/// Who writes: one number per transactional id, whoever holds it.
pub(super) type Pid = u64;

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Open,
    Committed,
    Aborted,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Row {
        row: Arc<Row>,
        /// Who wrote it, if in a transaction.
        by: Option<Pid>,
        fate: Fate,
    },
    /// The end of a transaction.
    Marker { by: Pid, first: Option<u64> },
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) leader_epoch: i32,
    pub(super) time: Timestamp,
    pub(super) what: What,
}

/// What the partition knows of a producer.
#[derive(Clone, Copy, Debug, Default)]
struct Writer {
    epoch: u32,
    /// First offset of its open transaction.
    open: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Partition {
    entries: Vec<Entry>,
    pub(super) first: u64,
    pub(super) end: u64,
    writers: BTreeMap<Pid, Writer>,
    pub(super) leader_epoch: i32,
    /// Up to here committed records were shown to who watches.
    pub(super) shown: u64,
}

impl Partition {
    /// Behind the last offset that is decided.
    pub(super) fn stable(&self) -> u64 {
        let open = self.writers.values().filter_map(|writer| writer.open);
        open.min().unwrap_or(self.end)
    }

    /// Where a reader's sight ends.
    pub(super) fn seen_by(&self, isolation: Isolation) -> u64 {
        match isolation {
            Isolation::Committed => self.stable(),
            Isolation::Uncommitted => self.end,
        }
    }

    /// Whether a producer's transaction is open here.
    pub(super) fn is_open(&self, by: Pid) -> bool {
        self.writers.get(&by).is_some_and(|w| w.open.is_some())
    }

    /// A newer producer of this id has written here, or its transaction was ended here.
    pub(super) fn is_fenced(&self, by: Pid, epoch: u32) -> bool {
        self.writers.get(&by).is_some_and(|w| w.epoch > epoch)
    }

    /// Appends a record; `by` and its epoch if in a transaction. Where it lies.
    pub(super) fn append(&mut self, row: Arc<Row>, by: Option<(Pid, u32)>, now: Timestamp) -> u64 {
        let offset = self.end;
        if let Some((pid, epoch)) = by {
            let writer = self.writers.entry(pid).or_default();
            writer.epoch = epoch;
            writer.open.get_or_insert(offset);
        }
        let what = What::Row {
            by: by.map(|(pid, _)| pid),
            fate: match by {
                Some(_) => Fate::Open,
                None => Fate::Committed,
            },
            row,
        };
        let time = match &what {
            What::Row { row, .. } => row.timestamp.unwrap_or(now),
            What::Marker { .. } => now,
        };
        self.push(what, time);
        offset
    }

    /// Writes an end marker, which decides what the producer has open here. No newer producer has
    /// been here: the coordinator gives the id to none before all markers are written.
    pub(super) fn mark(&mut self, by: Pid, epoch: u32, fate: Fate, now: Timestamp) {
        let writer = self.writers.entry(by).or_default();
        writer.epoch = epoch;
        let first = writer.open.take();
        if let Some(first) = first {
            let from = self.index(first);
            for entry in &mut self.entries[from..] {
                match &mut entry.what {
                    What::Row { by: b, fate: f, .. } if *b == Some(by) => *f = fate,
                    _ => {}
                }
            }
        }
        self.push(What::Marker { by, first }, now);
    }

    fn push(&mut self, what: What, time: Timestamp) {
        self.entries.push(Entry {
            offset: self.end,
            leader_epoch: self.leader_epoch,
            time,
            what,
        });
        self.end += 1;
    }

    /// Where the first entry at an offset or behind it lies.
    fn index(&self, offset: u64) -> usize {
        self.entries.partition_point(|entry| entry.offset < offset)
    }

    /// The records that a reader sees in a range, in order.
    pub(super) fn rows(
        &self,
        from: u64,
        to: u64,
        isolation: Isolation,
    ) -> impl Iterator<Item = (&Entry, &Arc<Row>)> {
        let entries = &self.entries[self.index(from)..];
        let entries = entries.iter().take_while(move |entry| entry.offset < to);
        entries.filter_map(move |entry| match &entry.what {
            What::Row { row, fate, .. } => {
                let is_seen = isolation == Isolation::Uncommitted || *fate == Fate::Committed;
                is_seen.then_some((entry, row))
            }
            What::Marker { .. } => None,
        })
    }

    /// Records with their places, as `rows`.
    pub(super) fn placed(&self, from: u64, to: u64, isolation: Isolation) -> Vec<Placed> {
        let rows = self.rows(from, to, isolation);
        let placed = rows.map(|(entry, row)| Placed {
            offset: entry.offset,
            leader_epoch: entry.leader_epoch,
            row: Row {
                timestamp: Some(entry.time),
                ..Row::clone(row)
            },
        });
        placed.collect()
    }

    /// The first offset whose time is `time` or later. Markers count: they have times too.
    pub(super) fn offset_at(&self, time: Timestamp) -> u64 {
        let found = self.entries.iter().find(|entry| entry.time >= time);
        found.map_or(self.end, |entry| entry.offset)
    }

    /// Retention: what lies before `first` is gone.
    pub(super) fn retain_from(&mut self, first: u64) {
        self.first = first.clamp(self.first, self.end);
        let gone = self.index(self.first);
        self.entries.drain(..gone);
        self.shown = self.shown.max(self.first);
        for writer in self.writers.values_mut() {
            writer.open = writer.open.map(|open| open.max(first));
        }
    }

    /// The tail is lost, as after an election of a leader that had less. Transactions whose markers
    /// are lost with it are open again.
    pub(super) fn truncate(&mut self, end: u64) {
        let end = end.clamp(self.first, self.end);
        let kept = self.index(end);
        let lost = self.entries.split_off(kept);
        self.end = end;
        self.shown = self.shown.min(end);
        self.leader_epoch += 1;
        for writer in self.writers.values_mut() {
            writer.open = writer.open.filter(|open| *open < end);
        }
        for entry in lost.into_iter().rev() {
            if let What::Marker {
                by,
                first: Some(first),
            } = entry.what
                && first < end
            {
                self.reopen(by, first);
            }
        }
    }

    fn reopen(&mut self, by: Pid, first: u64) {
        self.writers.entry(by).or_default().open = Some(first);
        let from = self.index(first);
        for entry in &mut self.entries[from..] {
            match &mut entry.what {
                What::Row { by: b, fate, .. } if *b == Some(by) => *fate = Fate::Open,
                _ => {}
            }
        }
    }

    /// Compaction: of the decided records all but the newest of each key go, and what was aborted.
    /// Markers and the last entry stay.
    pub(super) fn compact(&mut self) {
        let stable = self.stable();
        let last = self.entries.last().map(|entry| entry.offset);
        let mut newest: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for (entry, row) in self.rows(self.first, stable, Isolation::Committed) {
            if let Some(key) = &row.key {
                newest.insert(key.clone(), entry.offset);
            }
        }
        self.entries.retain(|entry| match &entry.what {
            _ if entry.offset >= stable || Some(entry.offset) == last => true,
            What::Row { row, fate, .. } => {
                let key = row.key.as_ref().and_then(|key| newest.get(key));
                *fate == Fate::Committed && key.is_none_or(|newest| *newest == entry.offset)
            }
            What::Marker { .. } => true,
        });
    }

    /// What is wrong with the partition itself, if anything.
    pub(super) fn broken(&self) -> Option<String> {
        let rising = self.entries.windows(2).all(|w| w[0].offset < w[1].offset);
        let inside = |entry: &Entry| (self.first..self.end).contains(&entry.offset);
        if !rising || !self.entries.iter().all(inside) {
            return Some("offsets do not rise within the ends".into());
        }
        let stable = self.stable();
        let undecided = self.entries.iter().find(|entry| {
            let open = matches!(
                entry.what,
                What::Row {
                    fate: Fate::Open,
                    ..
                }
            );
            open && entry.offset < stable
        });
        undecided.map(|entry| format!("offset {} is open before {stable}", entry.offset))
    }
}
