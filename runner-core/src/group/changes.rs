//! `Changes`: how tables are written down while they go on changing.
//!
//! Owns two marks per slot: it has changed since the last freeze (while anybody keeps count of that),
//! and it is frozen and not written yet. What a snapshot holds is what was there at the freeze: whoever is about to change slots, or
//! to take them out, has those written first that are frozen. So a freeze itself costs next to
//! nothing, however much there is to write, and the writing can be spread over time.
//!
//! Before a slot changes it is written alone, not with its neighbours: updates that are scattered
//! would have a whole table written within a few batches. Knows nothing of what the policies keep
//! beside a slot; they tell by `Beside`.

use whitebeam_sdk::Result;
use whitebeam_sdk::erase::{Beside, GroupStore, Run, Slot, TableId};
use whitebeam_sdk::snapshot::{SnapshotWriter, Written};

/// Records that are written before a step does anything else.
pub(super) const SOME: usize = 8192;

/// Slots that are named to the store at once: its answer is in cache when it is needed.
const AT_ONCE: usize = 1024;

/// Slots per word.
const WORD: usize = 64;

/// Slots whose marks fill a page of memory.
const PAGE: usize = 4096 * 8;
/// From so many slots on, memory for marks grows with the table: met at once by the first freeze, that
/// of five million slots is a millisecond. Not a power of two: tables double at these, and not
/// everything is to be moved in the same batch.
const LARGE: usize = 6 * PAGE;

/// A table as it is frozen: what its records begin with, and how many slots it has.
pub(super) struct Open {
    pub(super) table: TableId,
    pub(super) head: Vec<u8>,
    pub(super) len: usize,
}

/// The marks of all tables.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Something was frozen: before that, nothing has to be marked.
    is_used: bool,
    groups: u16,
    /// By table.
    tables: Vec<Option<Marks>>,
    /// Written and not handed over.
    written: Written,
    /// Heads of tables that were written once and are closed.
    gone: Vec<Vec<u8>>,
    /// Frozen slots that are not written.
    left: usize,
    slots: Vec<Slot>,
}

#[derive(Debug, Default)]
struct Marks {
    /// Empty until the table was frozen for the first time.
    head: Vec<u8>,
    changed: Vec<u64>,
    /// Slots that are marked as changed.
    marked: usize,
    frozen: Vec<u64>,
    /// Frozen slots that are not written.
    left: usize,
    /// No word before this one is frozen.
    from: usize,
    /// Slots were taken out since the last freeze.
    is_emptied: bool,
    /// Nobody marks what changes until so many freezes from now: each says everything.
    unwatched: u32,
    /// How many of them there were, the last time, after the first.
    patience: u32,
}

/// Further freezes for which a table goes unwatched once most slots have changed, at first and at most.
const FIRST_PATIENCE: u32 = 4;
const PATIENCE: u32 = 16;

impl Marks {
    /// Has memory for the marks of so many slots.
    fn grow(&mut self, len: usize) {
        let words = len.div_ceil(PAGE) * PAGE / WORD;
        for marks in [&mut self.changed, &mut self.frozen] {
            if marks.len() < words {
                marks.resize(words, 0);
            }
        }
    }

    /// Freezes what has changed since the last time, if anybody has marked that; else all `len` slots.
    fn freeze(&mut self, since_last: bool, len: usize) {
        if self.unwatched == 0 {
            self.patience = 0;
        }
        if since_last && self.unwatched == 0 {
            self.freeze_changed();
        } else {
            self.freeze_all(len);
            self.unwatched = self.unwatched.saturating_sub(1);
        }
    }

    fn freeze_all(&mut self, len: usize) {
        self.changed.fill(0);
        self.marked = 0;
        self.frozen.clear();
        self.frozen.resize(len / WORD, u64::MAX);
        if !len.is_multiple_of(WORD) {
            self.frozen.push((1 << (len % WORD)) - 1);
        }
        self.left = len;
    }

    fn freeze_changed(&mut self) {
        if self.left > 0 {
            self.frozen.fill(0);
        }
        // What is frozen has been written, word by word, and is all zero: it takes the next marks.
        std::mem::swap(&mut self.frozen, &mut self.changed);
        self.left = self.frozen.iter().map(|w| w.count_ones() as usize).sum();
        self.marked = 0;
    }

    /// Slots have changed, of the `len` that there are now. Marks cost time and save writing. Once
    /// most slots have changed they save little: then nobody marks until the next freeze and for
    /// some freezes more, each time for longer.
    fn mark(&mut self, len: usize, slots: impl Iterator<Item = Slot>) {
        for slot in slots {
            let (word, bit) = (slot as usize / WORD, 1 << (slot as usize % WORD));
            if self.changed.len() <= word {
                self.changed.resize(word + 1, 0);
            }
            self.marked += usize::from(self.changed[word] & bit == 0);
            self.changed[word] |= bit;
        }
        if self.marked * 2 > len {
            self.patience = (self.patience * 2).clamp(FIRST_PATIENCE, PATIENCE);
            self.unwatched = 1 + self.patience;
        }
    }

    /// Takes a slot if it is frozen.
    fn take_one(&mut self, slot: Slot, slots: &mut Vec<Slot>) {
        let bit = 1 << (slot as usize % WORD);
        if let Some(word) = self.frozen.get_mut(slot as usize / WORD)
            && *word & bit != 0
        {
            *word &= !bit;
            self.left -= 1;
            slots.push(slot);
        }
    }

    /// Takes the frozen slots of a word.
    fn take(&mut self, word: usize, slots: &mut Vec<Slot>) {
        let Some(bits) = self.frozen.get_mut(word) else {
            return;
        };
        let mut bits = std::mem::take(bits);
        self.left -= bits.count_ones() as usize;
        while bits != 0 {
            slots.push((word * WORD) as Slot + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
}

impl Changes {
    /// Freezes the tables `open`: with `since_last` what has changed in them since the last freeze,
    /// else all of them.
    pub(super) fn freeze(
        &mut self,
        since_last: bool,
        open: impl Iterator<Item = Open>,
        to: &mut SnapshotWriter,
    ) {
        let since_last = since_last && self.is_used;
        self.is_used = true;
        self.groups = to.key_groups();
        self.written.clear();
        let mut gone = std::mem::take(&mut self.gone);
        self.left = 0;
        for Open { table, head, len } in open {
            let marks = self.marks(table);
            let was_emptied = std::mem::take(&mut marks.is_emptied);
            if was_emptied && !marks.head.is_empty() {
                gone.push(head.clone());
            }
            marks.head = head;
            marks.from = 0;
            marks.freeze(since_last && !was_emptied, len);
            self.left += self.tables[table.0 as usize].as_ref().map_or(0, |m| m.left);
        }
        if since_last {
            to.changes(gone);
        }
    }

    /// Something that is frozen is not written yet.
    pub(super) fn is_writing(&self) -> bool {
        self.left > 0
    }

    fn marks(&mut self, table: TableId) -> &mut Marks {
        let at = table.0 as usize;
        if self.tables.len() <= at {
            self.tables.resize_with(at + 1, || None);
        }
        self.tables[at].get_or_insert_default()
    }

    /// Whether anybody has to say which slots of these tables change.
    pub(super) fn watches(&self, tables: &[TableId]) -> bool {
        let marks = |table: &TableId| self.tables.get(table.0 as usize)?.as_ref();
        let is_watched = |table| marks(table).is_none_or(|marks| marks.unwatched == 0);
        self.is_used && tables.iter().any(is_watched)
    }

    /// A table has so many slots now: where these are many, there is memory for their marks.
    pub(super) fn grown(&mut self, table: TableId, len: usize) {
        if len >= LARGE {
            self.marks(table).grow(len);
        }
    }

    /// Slots of a table, which has `len` with those that are new, have changed.
    pub(super) fn changed(
        &mut self,
        table: TableId,
        len: usize,
        slots: impl Iterator<Item = Slot>,
    ) {
        if !self.is_used {
            return;
        }
        let marks = self.marks(table);
        if marks.unwatched == 0 {
            marks.mark(len, slots);
        }
    }

    /// Slots of a table are about to change.
    pub(super) fn before(
        &mut self,
        store: &mut dyn GroupStore,
        table: TableId,
        slots: impl Iterator<Item = Slot>,
        beside: Option<&Beside<'_>>,
    ) -> Result<()> {
        if let Some(Some(marks)) = self.tables.get_mut(table.0 as usize)
            && marks.left > 0
        {
            slots.for_each(|slot| marks.take_one(slot, &mut self.slots));
        }
        self.write(store, table, beside)
    }

    /// A table is about to be emptied, piece by piece. It must have nothing left to write. Its next
    /// freeze is of what is left, also where it was never frozen: marks tell of slots that are gone.
    pub(super) fn emptying(&mut self, table: TableId) {
        if let Some(Some(marks)) = self.tables.get_mut(table.0 as usize) {
            debug_assert_eq!(marks.left, 0, "what is frozen is still to be written");
            marks.is_emptied = true;
        }
    }

    /// A table has been closed. It must have nothing left to write.
    pub(super) fn closed(&mut self, table: TableId) {
        if let Some(marks) = self.tables.get_mut(table.0 as usize).and_then(Option::take) {
            debug_assert_eq!(marks.left, 0, "what is frozen is still to be written");
            if !marks.head.is_empty() {
                self.gone.push(marks.head);
            }
        }
    }

    /// Writes some of what is left of a table, so that it can be emptied; true if nothing is left.
    pub(super) fn clear_way(
        &mut self,
        store: &mut dyn GroupStore,
        table: TableId,
        beside: Option<&Beside<'_>>,
    ) -> Result<bool> {
        self.write_some(store, table, SOME, beside)?;
        let marks = self.tables.get(table.0 as usize).and_then(Option::as_ref);
        Ok(marks.is_none_or(|marks| marks.left == 0))
    }

    /// Goes on writing, by about `quota` records; true once all is written and handed over.
    pub(super) fn pace(
        &mut self,
        store: &mut dyn GroupStore,
        quota: usize,
        beside: Option<&Beside<'_>>,
        to: &mut SnapshotWriter,
    ) -> Result<bool> {
        let mut table = 0;
        let upto = self.written.effort() + quota;
        while self.left > 0 && self.written.effort() < upto && table < self.tables.len() {
            let (id, some) = (TableId(table as u32), upto - self.written.effort());
            self.write_some(store, id, some.min(AT_ONCE), beside)?;
            let marks = self.tables[table].as_ref();
            table += usize::from(marks.is_none_or(|marks| marks.left == 0));
        }
        let is_done = self.left == 0;
        if is_done {
            to.append(&mut self.written);
        }
        Ok(is_done)
    }

    fn write_some(
        &mut self,
        store: &mut dyn GroupStore,
        table: TableId,
        quota: usize,
        beside: Option<&Beside<'_>>,
    ) -> Result<()> {
        if let Some(Some(marks)) = self.tables.get_mut(table.0 as usize) {
            while marks.left > 0 && self.slots.len() < quota {
                marks.take(marks.from, &mut self.slots);
                marks.from += 1;
            }
        }
        self.write(store, table, beside)
    }

    /// Writes the slots that were taken.
    fn write(
        &mut self,
        store: &mut dyn GroupStore,
        table: TableId,
        beside: Option<&Beside<'_>>,
    ) -> Result<()> {
        let Some(Some(marks)) = self.tables.get(table.0 as usize) else {
            return Ok(());
        };
        if self.slots.is_empty() {
            return Ok(());
        }
        let mut to = self.written.under(&marks.head, self.groups);
        store.save_slots(table, &self.slots, beside, &mut to)?;
        self.left -= self.slots.len();
        self.slots.clear();
        Ok(())
    }
}

/// Tells of each run of slots which table it is of; `slots` as `upsert` and `peek` append them.
pub(super) fn by_table<S>(
    runs: &[Run],
    tables: &[TableId],
    mut slots: &[S],
    mut each: impl FnMut(TableId, &[S]),
) {
    let mut from = 0;
    for run in runs {
        let elements = (run.upto - from) as usize;
        from = run.upto;
        match &tables[run.first as usize..(run.first + run.n) as usize] {
            [] => {}
            [one] => {
                let (mine, rest) = slots.split_at(elements);
                slots = rest;
                each(*one, mine);
            }
            many => {
                let (mine, rest) = slots.split_at(elements * many.len());
                slots = rest;
                for (slot, table) in mine.chunks(1).zip(many.iter().cycle()) {
                    each(*table, slot);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marking_stops_once_most_slots_have_changed() {
        // Length of the table, the slots that change and how often, whether marking goes on.
        for (len, slots, times, goes_on) in [
            (100, 50, 1, true),
            (100, 51, 1, false),
            (100, 50, 9, true),
            (101, 50, 1, true),
            (1, 1, 1, false),
            (100_000, 50_000, 2, true),
            (100_000, 50_001, 1, false),
        ] {
            let mut marks = Marks::default();
            for _ in 0..times {
                marks.mark(len, 0..slots);
            }
            assert_eq!(marks.unwatched == 0, goes_on, "{slots} of {len}");
            let said = if goes_on { slots as usize } else { len };
            marks.freeze(true, len);
            assert_eq!(marks.left, said, "{slots} of {len}");
        }
    }

    #[test]
    fn what_a_freeze_of_all_has_said_is_not_counted_again() {
        let (mut marks, mut slots) = (Marks::default(), Vec::new());
        marks.mark(100, 0..40);
        marks.freeze(false, 100);
        (0..2).for_each(|word| marks.take(word, &mut slots));
        assert_eq!((marks.left, slots.len()), (0, 100));
        marks.mark(100, 30..50);
        assert_eq!(marks.unwatched, 0, "twenty of a hundred");
        marks.freeze(true, 100);
        assert_eq!(marks.left, 20);
    }

    #[test]
    fn marking_rests_longer_each_time_that_it_stops() {
        let mut marks = Marks::default();
        for rest in [4, 8, 16, 16] {
            marks.mark(10, 0..10);
            // The freeze to come, and those without marks.
            for _ in 0..1 + rest {
                assert!(marks.unwatched > 0);
                marks.freeze(true, 10);
            }
            assert_eq!(marks.unwatched, 0);
        }
    }
}
