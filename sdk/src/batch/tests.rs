//! Batches against a naive model: one vector of values, each with its own metadata.
//!
//! Random operations on a few batches at once, so that values are shared between them; after each,
//! every batch holds what its vector holds and keeps the invariant of its columns.

use super::{Batch, Col, Meta};
use crate::Timestamp;
use crate::pane::{PaneInfo, PaneTiming};
use crate::window::Window;
use proptest::prelude::*;
use std::sync::Arc;

/// One element as the model has it. Windows are `None` where they are implied.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    value: String,
    ts: Timestamp,
    window: Option<Window>,
    pane: PaneInfo,
}

/// Few different values of each column, so that columns often stay uniform and often stop being.
#[derive(Clone, Copy, Debug)]
struct New {
    value: u16,
    ts: i64,
    window: i64,
    pane: u32,
}

const BATCHES: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    Push(usize, New),
    /// All of one make, as a step with uniform metadata writes them.
    Refill(usize, Vec<u16>, New),
    /// A view of some of a source's records, under one timestamp.
    View(usize, Vec<u16>, u8, u8, New),
    Append(usize, usize),
    CopyRows(usize, usize, Vec<u8>),
    Skip(usize, u8),
    Share(usize),
    Clone(usize, usize),
    Take(usize),
    Clear(usize),
}

fn new() -> impl Strategy<Value = New> {
    (any::<u16>(), 0..3i64, 0..2i64, 0..2u32).prop_map(|(value, ts, window, pane)| New {
        value,
        ts,
        window,
        pane,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let at = || 0..BATCHES;
    let two = || (at(), 1..BATCHES).prop_map(|(a, step)| (a, (a + step) % BATCHES));
    let values = || prop::collection::vec(any::<u16>(), 0..6);
    prop_oneof![
        6 => (at(), new()).prop_map(|(i, row)| Op::Push(i, row)),
        2 => (at(), values(), new()).prop_map(|(i, all, row)| Op::Refill(i, all, row)),
        2 => (at(), values(), any::<(u8, u8)>(), new())
            .prop_map(|(i, all, (from, len), row)| Op::View(i, all, from, len, row)),
        4 => two().prop_map(|(to, from)| Op::Append(to, from)),
        4 => (two(), prop::collection::vec(any::<u8>(), 0..8))
            .prop_map(|((from, to), rows)| Op::CopyRows(from, to, rows)),
        2 => (at(), any::<u8>()).prop_map(|(i, n)| Op::Skip(i, n)),
        2 => at().prop_map(Op::Share),
        2 => two().prop_map(|(from, to)| Op::Clone(from, to)),
        1 => at().prop_map(Op::Take),
        1 => at().prop_map(Op::Clear),
    ]
}

/// Batches beside the vectors that they should equal.
struct World {
    batches: [Batch<String>; BATCHES],
    rows: [Vec<Row>; BATCHES],
    /// All batches of one collection have one form of windows.
    implied: bool,
}

impl World {
    fn row(&self, new: New) -> Row {
        let start = Timestamp::from_micros(new.window * 10);
        Row {
            value: new.value.to_string(),
            ts: Timestamp::from_micros(new.ts),
            window: (!self.implied).then(|| Window::new(start, Timestamp::MAX)),
            pane: PaneInfo {
                timing: PaneTiming::Early,
                index: new.pane,
                ..PaneInfo::NO_FIRING
            },
        }
    }

    fn uniform(&self, row: &Row) -> Meta {
        let mut meta = Meta {
            windows: Col::Uniform(row.window.unwrap_or(Window::GLOBAL)),
            panes: Col::Uniform(row.pane),
            implied: self.implied,
            ..Meta::default()
        };
        meta.set_timestamp(row.ts);
        meta
    }

    fn rows_of(&self, values: &[u16], new: New) -> Vec<Row> {
        let each = |&value: &u16| self.row(New { value, ..new });
        values.iter().map(each).collect()
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Push(i, new) => {
                let row = self.row(*new);
                let window = row.window.unwrap_or(Window::GLOBAL);
                self.batches[*i].push(row.value.clone(), row.ts, window, row.pane);
                self.batches[*i].meta.implied = self.implied;
                self.rows[*i].push(row);
            }
            Op::Refill(i, values, new) => {
                self.rows[*i] = self.rows_of(values, *new);
                let meta = self.uniform(&self.row(*new));
                let batch = &mut self.batches[*i];
                batch.clear();
                let values = self.rows[*i].iter().map(|row| row.value.clone());
                batch.owned_mut().extend(values);
                batch.meta.adopt_uniform(&meta);
            }
            Op::View(i, values, from, len, new) => {
                let all = self.rows_of(values, *new);
                let from = usize::from(*from) % (all.len() + 1);
                let upto = from + usize::from(*len) % (all.len() - from + 1);
                let values = all.iter().map(|row| row.value.clone()).collect();
                self.batches[*i].set_shared(&Arc::new(values), from..upto);
                self.batches[*i].meta = self.uniform(&self.row(*new));
                self.rows[*i] = all[from..upto].to_vec();
            }
            Op::Append(to, from) => {
                let moved = std::mem::take(&mut self.rows[*from]);
                self.rows[*to].extend(moved);
                let (to, from) = two(&mut self.batches, *to, *from);
                to.append(from);
            }
            Op::CopyRows(from, to, rows) => {
                let len = self.rows[*from].len();
                let rows = rows.iter().filter(|_| len > 0);
                let rows: Vec<u32> = rows.map(|&row| u32::from(row) % len as u32).collect();
                let copies = rows
                    .iter()
                    .map(|&row| self.rows[*from][row as usize].clone());
                let copies: Vec<Row> = copies.collect();
                self.rows[*to].extend(copies);
                let (from, to) = two(&mut self.batches, *from, *to);
                from.copy_rows(&rows, to);
            }
            Op::Skip(i, n) => {
                let n = usize::from(*n) % (self.rows[*i].len() + 1);
                self.rows[*i].drain(..n);
                self.batches[*i].skip(n);
            }
            Op::Share(i) => self.batches[*i].share(),
            Op::Clone(from, to) => {
                self.rows[*to] = self.rows[*from].clone();
                self.batches[*to] = self.batches[*from].clone();
            }
            Op::Take(i) => {
                let values = self.batches[*i].take_values();
                let rows = std::mem::take(&mut self.rows[*i]);
                let expected: Vec<String> = rows.into_iter().map(|row| row.value).collect();
                assert_eq!(values, expected);
                assert!(self.batches[*i].is_empty());
                // The metadata stays for the taker to read.
                self.batches[*i].clear();
            }
            Op::Clear(i) => {
                self.rows[*i].clear();
                self.batches[*i].clear();
            }
        }
    }

    fn check(&self) {
        for (batch, rows) in self.batches.iter().zip(&self.rows) {
            assert_eq!(batch.len(), rows.len());
            assert_eq!(batch.is_empty(), rows.is_empty());
            let Meta {
                ts,
                windows,
                panes,
                bounds,
                implied,
            } = &batch.meta;
            for len in [entries(ts), entries(windows), entries(panes)] {
                assert!(len.is_none_or(|len| len == rows.len()), "{:?}", batch.meta);
            }
            let found: Vec<Row> = (0..rows.len())
                .map(|i| Row {
                    value: batch.values()[i].clone(),
                    ts: batch.timestamp(i),
                    window: (!implied).then(|| windows.get(i)),
                    pane: panes.get(i),
                })
                .collect();
            assert_eq!(&found, rows);
            assert!(
                rows.iter()
                    .all(|row| bounds.0 <= row.ts && row.ts <= bounds.1)
            );
        }
    }
}

fn entries<T>(col: &Col<T>) -> Option<usize> {
    match col {
        Col::Uniform(_) => None,
        Col::Each(all) => Some(all.len()),
    }
}

fn two<T>(all: &mut [T], a: usize, b: usize) -> (&mut T, &mut T) {
    let [a, b] = all.get_disjoint_mut([a, b]).unwrap();
    (a, b)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn batches_hold_what_vectors_of_rows_hold(
        implied in any::<bool>(),
        ops in prop::collection::vec(op(), 1..40),
    ) {
        let mut world = World {
            batches: Default::default(),
            rows: Default::default(),
            implied,
        };
        for op in &ops {
            world.run(op);
            world.check();
        }
    }
}
