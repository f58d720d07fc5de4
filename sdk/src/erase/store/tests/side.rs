//! One store under test, with the ids and slots that it gave out.
//!
//! Owns the checks that concern one store alone: slots of a key are stable and its own, ids are
//! used again, progress is made under every output limit.

use super::cases::{Case, fill};
use super::world::{Added, Row};
use crate::element;
use crate::erase::batch::{ErasedBatch, new_batch, typed};
use crate::erase::grouping::ErasedGrouping;
use crate::erase::step::Flow;
use crate::erase::store::{
    AccId, AccOp, After, Firing, GroupStore, Run, Slot, Stamp, StoreKind, TableId, Which,
};
use crate::hash::{KeyGroup, stable_hash};
use crate::snapshot::KeyedRecords;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;

const GROUPS: u16 = 128;

pub(super) struct Side<C: Case> {
    kind: StoreKind,
    store: Box<dyn GroupStore>,
    tables: Vec<Option<Table<C>>>,
    key_slots: BTreeMap<C::Key, Slot>,
    most_keys: usize,
    accs: Vec<Option<AccId>>,
    most_accs: usize,
}

struct Table<C: Case> {
    id: TableId,
    /// Opened as a slice, beside at most so many.
    slice: Option<usize>,
    slots: BTreeMap<C::Key, Slot>,
}

/// What a store says of a snapshot: key group and bytes of each record.
pub(super) type Records = Vec<(KeyGroup, Vec<u8>)>;

impl<C: Case> Side<C> {
    pub(super) fn new(kind: StoreKind) -> Self {
        Side {
            kind,
            store: C::grouping().store(kind).unwrap(),
            tables: Vec::new(),
            key_slots: BTreeMap::new(),
            most_keys: 0,
            accs: Vec::new(),
            most_accs: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.store.bytes()
    }

    pub(super) fn open(&mut self) {
        let id = self.store.open();
        self.note_table(id, None);
    }

    pub(super) fn open_slice(&mut self, most: usize) {
        let id = self.store.open_slice(most);
        self.note_table(id, Some(most));
    }

    fn note_table(&mut self, id: TableId, slice: Option<usize>) {
        let taken = self.tables.iter().flatten().any(|t| t.id == id);
        assert!(!taken, "{id:?} is open already");
        self.tables.push(Some(Table {
            id,
            slice,
            slots: BTreeMap::new(),
        }));
    }

    pub(super) fn close(&mut self, table: usize) {
        let table = self.tables[table].take().unwrap();
        self.store.close(table.id);
        assert_eq!(self.store.len(table.id), 0);
    }

    fn table(&mut self, table: usize) -> &mut Table<C> {
        self.tables[table].as_mut().unwrap()
    }

    pub(super) fn len(&mut self, table: usize) -> usize {
        let id = self.table(table).id;
        self.store.len(id)
    }

    pub(super) fn known_keys(&mut self, table: usize) -> Vec<C::Key> {
        self.table(table).slots.keys().cloned().collect()
    }

    fn batch(added: &Added) -> Box<dyn ErasedBatch> {
        let mut batch = C::grouping().new_input(added.port);
        fill::<C>(added.port, batch.as_mut(), &added.rows);
        if added.shared {
            batch.share();
        }
        batch
    }

    pub(super) fn upsert(&mut self, added: &Added, runs: &[(usize, Vec<usize>)], slots: bool) {
        let mut tables = Vec::new();
        let mut calls = Vec::new();
        for (upto, names) in runs {
            calls.push(Run {
                upto: *upto as u32,
                first: tables.len() as u32,
                n: names.len() as u32,
            });
            tables.extend(names.iter().map(|&name| self.table(name).id));
        }
        let mut batch = Self::batch(added);
        let mut found = vec![77];
        let asked = slots.then_some(&mut found);
        self.store
            .upsert(added.port, batch.as_mut(), &calls, &tables, asked)
            .unwrap();
        assert!(batch.is_empty(), "the elements are taken");
        if slots {
            self.note_slots(&added.rows, runs, &found[1..]);
        }
    }

    fn note_slots(&mut self, rows: &[Row], runs: &[(usize, Vec<usize>)], found: &[Slot]) {
        let mut found = found.iter();
        let mut from = 0;
        for (upto, names) in runs {
            for (key, _) in &rows[from..*upto] {
                for &name in names {
                    let slot = *found.next().unwrap();
                    note(&mut self.table(name).slots, C::key(*key), slot);
                }
            }
            from = *upto;
        }
        assert_eq!(found.next(), None, "one slot for each element and table");
    }

    /// Emits all; `between` runs after the first call, whatever it returned.
    pub(super) fn emit(
        &mut self,
        parts: &[usize],
        which: Which,
        stamp: &Stamp,
        after: After,
        between: impl FnOnce(&mut Self),
    ) -> Vec<String> {
        let mut between = Some(between);
        let mut shown = Vec::new();
        loop {
            let ids: Vec<_> = parts.iter().map(|&name| self.table(name).id).collect();
            let mut out = match which {
                Which::Outputs => new_batch::<C::Out>(),
                Which::Partials => new_batch::<(C::Key, C::Acc)>(),
            };
            let flow = self
                .store
                .emit(&ids, which, stamp, after, out.as_mut())
                .unwrap();
            match which {
                Which::Outputs => show::<C::Out>(out.as_mut(), &mut shown),
                Which::Partials => show::<(C::Key, C::Acc)>(out.as_mut(), &mut shown),
            }
            if after == After::Reset || (after == After::Close && parts.len() == 1) {
                for &name in parts {
                    self.table(name).slots.clear();
                }
            }
            if let Some(between) = between.take() {
                between(self);
            }
            if flow == Flow::Done {
                break;
            }
            assert!(!out.is_empty(), "a full output is not empty");
        }
        shown.sort();
        shown
    }

    pub(super) fn emit_slots(
        &mut self,
        table: usize,
        firings: &[(C::Key, Option<usize>, Stamp, After)],
    ) -> Vec<String> {
        let table = self.tables[table].as_ref().unwrap();
        let firings: Vec<Firing> = firings
            .iter()
            .map(|(key, acc, stamp, after)| Firing {
                slot: table.slots[key],
                acc: acc.map(|_| AccId(u32::MAX)),
                stamp: *stamp,
                after: *after,
            })
            .collect();
        let id = table.id;
        self.fire(&firings, |store, from, out| {
            store.emit_slots(id, &firings, from, out).unwrap()
        })
    }

    pub(super) fn emit_accs(
        &mut self,
        firings: &[(C::Key, Option<usize>, Stamp, After)],
    ) -> Vec<String> {
        let calls: Vec<Firing> = firings
            .iter()
            .map(|(key, acc, stamp, after)| Firing {
                slot: self.key_slots[key],
                acc: acc.map(|acc| self.accs[acc].unwrap()),
                stamp: *stamp,
                after: *after,
            })
            .collect();
        for (_, acc, _, after) in firings {
            if let (Some(acc), After::Close) = (acc, after) {
                self.accs[*acc] = None;
            }
        }
        self.fire(&calls, |store, from, out| {
            store.emit_accs(&calls, from, out).unwrap()
        })
    }

    fn fire(
        &mut self,
        firings: &[Firing],
        emit: impl Fn(&mut dyn GroupStore, &mut usize, &mut dyn ErasedBatch) -> Flow,
    ) -> Vec<String> {
        let mut shown = Vec::new();
        let mut from = 0;
        loop {
            let before = from;
            let mut out = new_batch::<C::Out>();
            let flow = emit(self.store.as_mut(), &mut from, out.as_mut());
            show::<C::Out>(out.as_mut(), &mut shown);
            if flow == Flow::Done {
                break;
            }
            assert!(from > before, "a full output moves on");
        }
        assert_eq!(from, firings.len());
        shown.sort();
        shown
    }

    pub(super) fn resolve(&mut self, keys: &[u16]) {
        let rows = keys.iter().map(|&key| (key, 0)).collect();
        let added = Added {
            port: 0,
            rows,
            shared: false,
        };
        let mut batch = Self::batch(&added);
        let mut slots = vec![77];
        self.store.resolve(0, batch.as_mut(), &mut slots).unwrap();
        assert_eq!(batch.len(), keys.len(), "the elements stay");
        assert_eq!(slots.len(), keys.len() + 1);
        for (key, slot) in keys.iter().zip(&slots[1..]) {
            note(&mut self.key_slots, C::key(*key), *slot);
        }
        self.most_keys = self.most_keys.max(self.key_slots.len());
        let reused = self
            .key_slots
            .values()
            .all(|&s| (s as usize) < self.most_keys);
        assert!(reused, "slots of evicted keys are given out again");
    }

    pub(super) fn evict(&mut self, keys: &[C::Key]) {
        let slots: Vec<Slot> = keys
            .iter()
            .map(|key| self.key_slots.remove(key).unwrap())
            .collect();
        self.store.evict(&slots);
    }

    pub(super) fn new_acc(&mut self) {
        let id = self.store.new_acc().unwrap();
        self.note_acc(id);
    }

    fn note_acc(&mut self, id: AccId) {
        assert!(!self.accs.contains(&Some(id)), "{id:?} is in use");
        self.accs.push(Some(id));
        self.most_accs = self.most_accs.max(self.accs.iter().flatten().count());
        assert!((id.0 as usize) < self.most_accs, "ids are given out again");
    }

    pub(super) fn accumulate(&mut self, added: &Added, ops: &[(usize, usize)]) {
        let ops: Vec<AccOp> = ops
            .iter()
            .map(|&(row, acc)| AccOp {
                row: row as u32,
                acc: self.accs[acc].unwrap(),
            })
            .collect();
        let mut batch = Self::batch(added);
        self.store
            .accumulate(added.port, batch.as_mut(), &ops)
            .unwrap();
        assert!(batch.is_empty(), "the elements are taken");
    }

    pub(super) fn merge(&mut self, into: usize, from: usize) {
        let from = self.accs[from].take().unwrap();
        self.store
            .merge_acc(self.accs[into].unwrap(), from)
            .unwrap();
    }

    pub(super) fn free(&mut self, acc: usize) {
        let acc = self.accs[acc].take().unwrap();
        self.store.free_acc(acc);
    }

    /// Takes all state over into a new store of the other kind.
    pub(super) fn restore(&mut self) -> Records {
        let mut to = Side::<C>::new(match self.kind {
            StoreKind::Fast => StoreKind::Slow,
            StoreKind::Slow => StoreKind::Fast,
        });
        let mut records = Vec::new();
        for table in &self.tables {
            let Some(table) = table else {
                to.tables.push(None);
                continue;
            };
            match table.slice {
                Some(most) => to.open_slice(most),
                None => to.open(),
            }
            let first = records.len();
            save_table(self.store.as_mut(), table, &mut records);
            let loaded = to.tables.last_mut().unwrap().as_mut().unwrap();
            for (_, bytes) in &records[first..] {
                let mut rest = bytes.as_slice();
                let slot = to.store.load_entry(loaded.id, &mut rest).unwrap();
                assert!(rest.is_empty(), "all is read");
                note(&mut loaded.slots, key_of::<C>(bytes), slot);
            }
        }
        self.restore_keys(&mut to, &mut records);
        self.restore_accs(&mut to, &mut records);
        *self = to;
        records.sort();
        records
    }

    fn restore_keys(&mut self, to: &mut Self, records: &mut Records) {
        for (key, slot) in &self.key_slots {
            let mut bytes = vec![1];
            let group = self.store.save_key(*slot, GROUPS, &mut bytes).unwrap();
            assert_eq!(group, KeyGroup::of(stable_hash(key), GROUPS));
            let mut rest = &bytes[1..];
            let slot = to.store.load_key(&mut rest).unwrap();
            assert!(rest.is_empty(), "all is read");
            note(&mut to.key_slots, key.clone(), slot);
            records.push((group, bytes));
        }
        to.most_keys = to.key_slots.len();
    }

    fn restore_accs(&mut self, to: &mut Self, records: &mut Records) {
        for acc in &self.accs {
            let Some(acc) = acc else {
                to.accs.push(None);
                continue;
            };
            let mut bytes = vec![2];
            self.store.save_acc(*acc, &mut bytes).unwrap();
            let mut rest = &bytes[1..];
            let id = to.store.load_acc(&mut rest).unwrap();
            assert!(rest.is_empty(), "all is read");
            to.note_acc(id);
            records.push((KeyGroup(0), bytes));
        }
    }
}

fn save_table<C: Case>(store: &mut dyn GroupStore, table: &Table<C>, records: &mut Records) {
    let (slots, mut saved) = (RefCell::default(), KeyedRecords::default());
    let beside = |_, slot, _: &mut Vec<u8>| {
        let slots: &RefCell<Vec<Slot>> = &slots;
        slots.borrow_mut().push(slot);
        Ok(())
    };
    let mut to = saved.under(b"", GROUPS);
    store.save_table(table.id, Some(&beside), &mut to).unwrap();
    assert_eq!(saved.len(), slots.borrow().len());
    for (entry, slot) in saved.iter().zip(slots.take()) {
        let key = key_of::<C>(entry.known_by());
        assert_eq!(entry.group, KeyGroup::of(stable_hash(&key), GROUPS));
        if let Some(known) = table.slots.get(&key) {
            assert_eq!(*known, slot, "{key:?} keeps its slot");
        }
        records.push((entry.group, entry.bytes.to_vec()));
    }
}

fn key_of<C: Case>(mut record: &[u8]) -> C::Key {
    element::decode(&mut record).unwrap()
}

/// Checks that `slot` is what `key` had before, or is nobody's.
fn note<K: Ord + Debug>(slots: &mut BTreeMap<K, Slot>, key: K, slot: Slot) {
    match slots.get(&key) {
        Some(known) => assert_eq!(*known, slot, "{key:?} keeps its slot"),
        None => {
            let owner = slots.iter().find(|(_, taken)| **taken == slot);
            assert!(
                owner.is_none(),
                "slot {slot} of {key:?} is that of {owner:?}"
            );
            slots.insert(key, slot);
        }
    }
}

/// Values with their metadata, as text.
fn show<T: crate::Element + Debug>(out: &mut dyn ErasedBatch, to: &mut Vec<String>) {
    let out = typed::<T>(out);
    for (i, value) in out.values().iter().enumerate() {
        let stamp = Stamp {
            window: out.meta.windows.get(i),
            timestamp: out.meta.ts.get(i),
            pane: out.meta.panes.get(i),
        };
        let (low, high) = out.meta.bounds;
        assert!((low..=high).contains(&stamp.timestamp));
        to.push(stamped(value, &stamp));
    }
}

/// A value with its metadata, as text.
pub(super) fn stamped(value: &impl Debug, stamp: &Stamp) -> String {
    format!("{value:?} {stamp:?}")
}
