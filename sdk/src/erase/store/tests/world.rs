//! A naive model beside a fast and a slow store: one operation on all three, then comparison.
//!
//! Owns what an operation means, said with maps of values. Operations name tables, keys and
//! accumulators by any number, taken modulo what there is; one that finds nothing does nothing.

use super::cases::Case;
use super::side::{Side, stamped};
use crate::erase::store::{After, Stamp, StoreKind, Which};
use crate::pane::{PaneInfo, PaneTiming};
use crate::time::Timestamp;
use crate::window::Window;
use std::collections::{BTreeMap, BTreeSet};

/// A key's number and a value.
pub(super) type Row = (u16, i8);

/// Elements of one input.
#[derive(Clone, Debug)]
pub(super) struct Added {
    pub(super) port: usize,
    pub(super) rows: Vec<Row>,
    pub(super) shared: bool,
}

/// One firing, by numbers.
#[derive(Clone, Debug)]
pub(super) struct Fired {
    pub(super) key: u16,
    pub(super) acc: Option<u8>,
    pub(super) after: After,
}

/// What is done to all three.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Open,
    /// Opens a slice, beside at most so many.
    OpenSlice(u8),
    Close(u8),
    /// `runs`: a number of rows and the tables they go to.
    Upsert {
        added: Added,
        runs: Vec<(usize, Vec<u8>)>,
        slots: bool,
    },
    /// Adds one value each to the first `keys` keys.
    Grow {
        table: u8,
        keys: u16,
        slots: bool,
    },
    /// `between`: after the first call, these elements go to this table.
    Emit {
        parts: Vec<u8>,
        which: Which,
        after: After,
        between: (u8, Vec<Row>),
    },
    /// Closes or resets, going on in a restored store of the other kind after the first call.
    EmitAcrossRestore {
        table: u8,
        which: Which,
        reset: bool,
    },
    EmitSlots {
        table: u8,
        fired: Vec<Fired>,
    },
    Restore,
    Resolve(Vec<u16>),
    NewAcc,
    /// Each row goes to these accumulators.
    Accumulate {
        port: usize,
        rows: Vec<(Row, Vec<u8>)>,
        shared: bool,
    },
    Merge(u8, u8),
    Free(u8),
    EmitAccs(Vec<Fired>),
    Evict(Vec<u16>),
}

/// Every value of every key.
type Values<K> = BTreeMap<K, Vec<i64>>;

type Firings<K> = Vec<(K, Option<usize>, Stamp, After)>;

pub(super) struct World<C: Case> {
    sides: [Side<C>; 2],
    /// By name; closed ones stay as `None`.
    tables: Vec<Option<Values<C::Key>>>,
    keys: BTreeSet<C::Key>,
    accs: Vec<Option<Vec<i64>>>,
    steps: i64,
}

impl<C: Case> World<C> {
    pub(super) fn new() -> Self {
        World {
            sides: [Side::new(StoreKind::Fast), Side::new(StoreKind::Slow)],
            tables: Vec::new(),
            keys: BTreeSet::new(),
            accs: Vec::new(),
            steps: 0,
        }
    }

    pub(super) fn run(&mut self, op: Op) {
        self.steps += 1;
        match op {
            Op::Open => {
                self.tables.push(Some(BTreeMap::new()));
                self.each(|side| side.open());
            }
            Op::OpenSlice(most) => {
                self.tables.push(Some(BTreeMap::new()));
                self.each(|side| side.open_slice(usize::from(most)));
            }
            Op::Close(table) => self.close(table),
            Op::Upsert { added, runs, slots } => self.upsert(&added, &runs, slots),
            Op::Grow { table, keys, slots } => self.grow(table, keys, slots),
            Op::Emit {
                parts,
                which,
                after,
                between,
            } => self.emit(&parts, which, after, &between),
            Op::EmitAcrossRestore {
                table,
                which,
                reset,
            } => self.emit_across_restore(table, which, reset),
            Op::EmitSlots { table, fired } => self.emit_slots(table, &fired),
            Op::Restore => self.agree(Side::restore),
            Op::Resolve(keys) => {
                self.keys.extend(keys.iter().map(|&n| C::key(n)));
                self.each(|side| side.resolve(&keys));
            }
            Op::NewAcc => {
                self.accs.push(Some(Vec::new()));
                self.each(Side::new_acc);
            }
            Op::Accumulate { port, rows, shared } => self.accumulate(port, &rows, shared),
            Op::Merge(into, from) => self.merge(into, from),
            Op::Free(acc) => {
                if let Some(acc) = pick(&self.accs, acc) {
                    self.accs[acc] = None;
                    self.each(|side| side.free(acc));
                }
            }
            Op::EmitAccs(fired) => self.emit_accs(&fired),
            Op::Evict(keys) => self.evict(&keys),
        }
        self.check_sizes();
    }

    /// Emits what is left everywhere.
    pub(super) fn empty(&mut self) {
        for _ in 0..self.tables.iter().flatten().count() {
            self.emit(&[0], Which::Outputs, After::Close, &(0, Vec::new()));
            self.close(0);
        }
        while let (Some(acc), false) = (pick(&self.accs, 0), self.keys.is_empty()) {
            let fired = [Fired {
                key: acc as u16,
                acc: Some(0),
                after: After::Close,
            }];
            self.emit_accs(&fired);
        }
    }

    /// Bytes in the memory of the slow store, until the first restore.
    pub(super) fn slow_bytes(&self) -> usize {
        self.sides[1].bytes()
    }

    fn each(&mut self, mut act: impl FnMut(&mut Side<C>)) {
        self.sides.iter_mut().for_each(&mut act);
    }

    fn agree<T: PartialEq + std::fmt::Debug>(&mut self, mut act: impl FnMut(&mut Side<C>) -> T) {
        let [a, b] = self.sides.each_mut().map(&mut act);
        assert_eq!(a, b);
    }

    fn expect(
        &mut self,
        mut expected: Vec<String>,
        mut act: impl FnMut(&mut Side<C>) -> Vec<String>,
    ) {
        expected.sort();
        self.each(|side| {
            let found = act(side);
            if found != expected {
                panic!("{}", difference(&found, &expected));
            }
        });
    }

    fn check_sizes(&mut self) {
        for (name, table) in self.tables.iter().enumerate() {
            if let Some(table) = table {
                for side in &mut self.sides {
                    assert_eq!(side.len(name), table.len());
                }
            }
        }
    }

    fn close(&mut self, table: u8) {
        if let Some(table) = pick(&self.tables, table) {
            self.tables[table] = None;
            self.each(|side| side.close(table));
        }
    }

    fn add(&mut self, table: usize, row: Row) {
        let values = self.tables[table].as_mut().unwrap();
        let values = values.entry(C::key(row.0)).or_default();
        values.push(i64::from(row.1));
    }

    fn upsert(&mut self, added: &Added, runs: &[(usize, Vec<u8>)], slots: bool) {
        let mut calls = Vec::new();
        let mut from = 0;
        for (len, names) in runs {
            let upto = (from + len).min(added.rows.len());
            let mut tables: Vec<_> = names
                .iter()
                .filter_map(|&n| pick(&self.tables, n))
                .collect();
            tables.dedup();
            calls.push((upto, tables));
            from = upto;
        }
        // Runs cover the batch.
        let rest = pick(&self.tables, 0).into_iter().collect();
        calls.push((added.rows.len(), rest));
        let mut from = 0;
        for (upto, tables) in &calls {
            for row in &added.rows[from..*upto] {
                tables.iter().for_each(|&table| self.add(table, *row));
            }
            from = *upto;
        }
        self.each(|side| side.upsert(added, &calls, slots));
    }

    fn grow(&mut self, table: u8, keys: u16, slots: bool) {
        let Some(table) = pick(&self.tables, table) else {
            return;
        };
        let added = Added {
            port: 0,
            rows: (0..keys).map(|key| (key, key as i8)).collect(),
            shared: false,
        };
        added.rows.iter().for_each(|&row| self.add(table, row));
        let run = [(added.rows.len(), vec![table])];
        self.each(|side| side.upsert(&added, &run, slots));
    }

    fn stamp(&self, n: usize) -> Stamp {
        let at = Timestamp::from_micros(self.steps * 1_000 + n as i64);
        Stamp {
            window: Window::new(at.previous(), at.next()),
            timestamp: at,
            pane: PaneInfo {
                timing: PaneTiming::Late,
                index: n as u32,
                ..PaneInfo::NO_FIRING
            },
        }
    }

    fn shown(&self, values: &Values<C::Key>, which: Which, stamp: &Stamp) -> Vec<String> {
        let show = |(key, values): (&C::Key, &Vec<i64>)| match which {
            Which::Outputs => {
                let all = C::outputs(key, values);
                all.iter().map(|v| stamped(v, stamp)).collect()
            }
            Which::Partials => vec![stamped(&(key, C::partial(values)), stamp)],
        };
        values.iter().flat_map(show).collect()
    }

    fn emit(&mut self, parts: &[u8], which: Which, after: After, between: &(u8, Vec<Row>)) {
        let mut names: Vec<usize> = Vec::new();
        for part in parts.iter().filter_map(|&n| pick(&self.tables, n)) {
            if !names.contains(&part) {
                names.push(part);
            }
        }
        let mut all = Values::new();
        for &name in &names {
            for (key, values) in self.tables[name].as_ref().unwrap() {
                all.entry(key.clone()).or_default().extend(values);
            }
        }
        let closes = after == After::Close && names.len() == 1;
        if closes || after == After::Reset {
            names
                .iter()
                .for_each(|&name| self.tables[name] = Some(Values::new()));
        }
        // A table takes no elements while it is emptied.
        let mut table = pick(&self.tables, between.0);
        table = table.filter(|table| !(closes && names.contains(table)));
        let added = Added {
            port: 0,
            rows: table.map_or(Vec::new(), |_| between.1.clone()),
            shared: false,
        };
        let run = [(added.rows.len(), table.into_iter().collect::<Vec<_>>())];
        if let Some(table) = table {
            added.rows.iter().for_each(|&row| self.add(table, row));
        }
        let stamp = self.stamp(0);
        self.expect(self.shown(&all, which, &stamp), |side| {
            side.emit(&names, which, &stamp, after, |side| {
                side.upsert(&added, &run, true);
            })
        });
    }

    fn emit_across_restore(&mut self, table: u8, which: Which, reset: bool) {
        let Some(table) = pick(&self.tables, table) else {
            return;
        };
        let all = self.tables[table].replace(Values::new()).unwrap();
        let after = if reset { After::Reset } else { After::Close };
        let stamp = self.stamp(0);
        self.expect(self.shown(&all, which, &stamp), |side| {
            side.emit(&[table], which, &stamp, after, |side| {
                side.restore();
            })
        });
    }

    fn emit_slots(&mut self, table: u8, fired: &[Fired]) {
        let Some(table) = pick(&self.tables, table) else {
            return;
        };
        let keys = self.sides[0].known_keys(table);
        assert_eq!(keys, self.sides[1].known_keys(table));
        let mut expected = Vec::new();
        let mut firings = Firings::new();
        for (n, fired) in fired.iter().enumerate().filter(|_| !keys.is_empty()) {
            let key = &keys[usize::from(fired.key) % keys.len()];
            let stamp = self.stamp(n);
            let values = self.tables[table].as_mut().unwrap().get_mut(key).unwrap();
            let shown = match fired.acc {
                Some(_) => values.clone(),
                None => Vec::new(),
            };
            if fired.after != After::Keep {
                values.clear();
            }
            expected.extend(C::outputs(key, &shown).iter().map(|v| stamped(v, &stamp)));
            firings.push((key.clone(), fired.acc.map(usize::from), stamp, fired.after));
        }
        self.expect(expected, |side| side.emit_slots(table, &firings));
    }

    fn accumulate(&mut self, port: usize, rows: &[(Row, Vec<u8>)], shared: bool) {
        let mut ops = Vec::new();
        for (row, ((_, value), accs)) in rows.iter().enumerate() {
            for &acc in accs {
                let Some(acc) = pick(&self.accs, acc) else {
                    break;
                };
                self.accs[acc].as_mut().unwrap().push(i64::from(*value));
                ops.push((row, acc));
            }
        }
        let added = Added {
            port,
            rows: rows.iter().map(|(row, _)| *row).collect(),
            shared,
        };
        self.each(|side| side.accumulate(&added, &ops));
    }

    fn merge(&mut self, into: u8, from: u8) {
        let (Some(into), Some(from)) = (pick(&self.accs, into), pick(&self.accs, from)) else {
            return;
        };
        if into != from {
            let values = self.accs[from].take().unwrap();
            self.accs[into].as_mut().unwrap().extend(values);
            self.each(|side| side.merge(into, from));
        }
    }

    fn emit_accs(&mut self, fired: &[Fired]) {
        let keys: Vec<C::Key> = self.keys.iter().cloned().collect();
        let mut expected = Vec::new();
        let mut firings = Firings::new();
        for (n, fired) in fired.iter().enumerate().filter(|_| !keys.is_empty()) {
            let key = &keys[usize::from(fired.key) % keys.len()];
            let acc = fired.acc.and_then(|acc| pick(&self.accs, acc));
            let stamp = self.stamp(n);
            let shown = match (acc, fired.after) {
                (None, _) => Vec::new(),
                (Some(acc), After::Keep) => self.accs[acc].clone().unwrap(),
                (Some(acc), After::Reset) => self.accs[acc].replace(Vec::new()).unwrap(),
                (Some(acc), After::Close) => self.accs[acc].take().unwrap(),
            };
            expected.extend(C::outputs(key, &shown).iter().map(|v| stamped(v, &stamp)));
            firings.push((key.clone(), acc, stamp, fired.after));
        }
        self.expect(expected, |side| side.emit_accs(&firings));
    }

    fn evict(&mut self, keys: &[u16]) {
        let live: Vec<C::Key> = keys
            .iter()
            .filter_map(|&n| self.keys.take(&C::key(n)))
            .collect();
        self.each(|side| side.evict(&live));
    }
}

/// The name of one that is there.
fn pick<T>(all: &[Option<T>], n: u8) -> Option<usize> {
    let live: Vec<usize> = (0..all.len()).filter(|&i| all[i].is_some()).collect();
    live.get(usize::from(n) % live.len().max(1)).copied()
}

/// A few of the rows that only one has, since all would fill pages.
fn difference(found: &[String], expected: &[String]) -> String {
    let only = |here: &[String], there: &[String]| -> Vec<String> {
        let here = here.iter().filter(|row| !there.contains(row));
        here.take(5).cloned().collect()
    };
    format!(
        "{} rows instead of {}; too much {:?}, missing {:?}",
        found.len(),
        expected.len(),
        only(found, expected),
        only(expected, found)
    )
}
