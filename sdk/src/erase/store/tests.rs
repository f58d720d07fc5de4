//! Both stores against a naive model: the same random calls, the same outputs, slots and records.
//!
//! Owns the random sequences and the cases that chance finds too seldom. The model keeps every
//! value of every key in a map and knows no accumulators.

mod cases;
mod side;
mod world;

use super::{After, Which};
use cases::{Case, ListCase, SumCase, UnitCase};
use proptest::prelude::*;
use world::{Added, Fired, Op, Row, World};

const KEYS: u16 = 300;

fn row() -> impl Strategy<Value = Row> {
    (prop_oneof![0..8u16, 0..KEYS], any::<i8>())
}

fn after() -> impl Strategy<Value = After> {
    prop_oneof![Just(After::Keep), Just(After::Reset), Just(After::Close)]
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![3 => Just(Which::Outputs), 1 => Just(Which::Partials)]
}

fn fired() -> impl Strategy<Value = Vec<Fired>> {
    let fired = (
        any::<u16>(),
        prop::option::weighted(0.8, any::<u8>()),
        after(),
    )
        .prop_map(|(key, acc, after)| Fired { key, acc, after });
    prop::collection::vec(fired, 1..40)
}

fn table_op() -> impl Strategy<Value = Op> {
    let rows = prop::collection::vec(row(), 0..60);
    let run = (0..30usize, prop::collection::vec(any::<u8>(), 0..3));
    prop_oneof![
        2 => Just(Op::Open),
        3 => prop_oneof![2..8u8, Just(64), Just(65)].prop_map(Op::OpenSlice),
        1 => any::<u8>().prop_map(Op::Close),
        6 => (0..3usize, rows, prop::collection::vec(run, 0..4), any::<(bool, bool)>()).prop_map(
            |(port, rows, runs, (slots, shared))| {
                Op::Upsert { added: Added { port, rows, shared }, runs, slots }
            }
        ),
        2 => (any::<u8>(), 0..KEYS, any::<bool>())
            .prop_map(|(table, keys, slots)| Op::Grow { table, keys, slots }),
        4 => (
            prop::collection::vec(any::<u8>(), 1..4),
            which(),
            after(),
            any::<u8>(),
            prop::collection::vec(row(), 0..20),
        )
            .prop_map(|(parts, which, after, table, rows)| Op::Emit {
                parts, which, after, between: (table, rows),
            }),
        1 => (any::<u8>(), which(), any::<bool>())
            .prop_map(|(table, which, reset)| Op::EmitAcrossRestore { table, which, reset }),
        2 => (any::<u8>(), fired()).prop_map(|(table, fired)| Op::EmitSlots { table, fired }),
    ]
}

fn acc_op() -> impl Strategy<Value = Op> {
    let rows = prop::collection::vec((row(), prop::collection::vec(any::<u8>(), 0..3)), 0..60);
    let keys = || prop::collection::vec(prop_oneof![0..8u16, 0..KEYS], 1..40);
    prop_oneof![
        2 => keys().prop_map(Op::Resolve),
        4 => Just(Op::NewAcc),
        4 => (0..3usize, rows, any::<bool>())
            .prop_map(|(port, rows, shared)| Op::Accumulate { port, rows, shared }),
        2 => any::<(u8, u8)>().prop_map(|(into, from)| Op::Merge(into, from)),
        1 => any::<u8>().prop_map(Op::Free),
        3 => fired().prop_map(Op::EmitAccs),
        1 => keys().prop_map(Op::Evict),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![10 => table_op(), 10 => acc_op(), 1 => Just(Op::Restore)];
    prop::collection::vec(op, 1..60)
}

fn run<C: Case>(ops: impl IntoIterator<Item = Op>) {
    let mut world = World::<C>::new();
    ops.into_iter().for_each(|op| world.run(op));
    world.run(Op::Restore);
    world.empty();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sums_agree(ops in ops()) {
        run::<SumCase>(ops);
    }

    #[test]
    fn lists_agree(ops in ops()) {
        run::<ListCase>(ops);
    }

    #[test]
    fn unit_keys_agree(ops in ops()) {
        run::<UnitCase>(ops);
    }
}

fn emit(parts: &[u8], after: After) -> Op {
    Op::Emit {
        parts: parts.to_vec(),
        which: Which::Outputs,
        after,
        between: (0, Vec::new()),
    }
}

fn grow(table: u8, keys: u16, slots: bool) -> Op {
    Op::Grow { table, keys, slots }
}

#[test]
fn tables_grow_far_beyond_one_index_size_with_stable_slots() {
    // Beyond 8,192 keys the fast store's index is filled more densely.
    run::<SumCase>([
        Op::Open,
        grow(0, 20_000, true),
        grow(0, 20_000, true),
        emit(&[0], After::Keep),
        Op::Restore,
        emit(&[0], After::Close),
    ]);
}

#[test]
fn a_closed_tables_memory_serves_the_next_window() {
    run::<ListCase>((0..12u8).flat_map(|round| {
        [
            Op::Open,
            grow(0, 40 * u16::from(round % 5) + 1, true),
            emit(&[0], After::Close),
            Op::Close(0),
        ]
    }));
}

#[test]
fn an_emptied_table_takes_the_same_keys_again() {
    let again = [After::Close, After::Reset]
        .into_iter()
        .flat_map(|after| [grow(0, 500, true), emit(&[0], after)]);
    run::<SumCase>(std::iter::once(Op::Open).chain(again.clone()).chain(again));
}

#[test]
fn many_parts_with_shared_keys_merge_once_each() {
    let mut ops = vec![Op::Open; 5];
    ops.extend((0..5u8).map(|table| grow(table, 100 * (u16::from(table) + 1), false)));
    ops.push(emit(&[4, 0, 2, 1, 3], After::Keep));
    ops.push(emit(&[4, 0, 2, 1, 3], After::Close));
    run::<SumCase>(ops.clone());
    run::<ListCase>(ops);
}

#[test]
fn slices_that_come_and_go_keep_their_keys_apart() {
    // Keys die with their last slice: slots are given out again while others stay.
    let mut ops = vec![Op::OpenSlice(4); 3];
    for round in 0..40u8 {
        ops.push(grow(2, 100 * u16::from(round % 7), true));
        ops.push(grow(1, 40, true));
        ops.push(emit(&[0, 1, 2], After::Keep));
        ops.extend([Op::Close(0), Op::OpenSlice(4)]);
    }
    run::<SumCase>(ops.clone());
    run::<ListCase>(ops);
}

#[test]
fn slices_in_the_ring_and_beside_it_merge() {
    let mut ops = vec![Op::OpenSlice(2); 5];
    ops.extend((0..5u8).map(|table| grow(table, 100 * (u16::from(table) + 1), true)));
    for after in [After::Keep, After::Close, After::Reset] {
        for parts in [&[0, 1][..], &[0, 1, 2, 4], &[1], &[3]] {
            ops.push(emit(parts, after));
            ops.extend(parts.iter().map(|&table| grow(table, 70, true)));
        }
        ops.push(Op::Restore);
    }
    run::<SumCase>(ops.clone());
    run::<ListCase>(ops);
}

#[test]
fn what_comes_while_slices_are_emitted_is_not_emitted_with_them() {
    for (parts, which) in [(vec![0, 1], Which::Outputs), (vec![1], Which::Partials)] {
        let mut ops = vec![Op::OpenSlice(4); 3];
        ops.extend((0..3u8).map(|table| grow(table, 290, true)));
        for table in 0..3 {
            ops.push(Op::Emit {
                parts: parts.clone(),
                which,
                after: After::Keep,
                between: (table, (200..299).map(|key| (key, 1)).collect()),
            });
        }
        run::<SumCase>(ops);
    }
}

#[test]
fn a_slice_that_is_emptied_owes_only_the_rest() {
    for reset in [true, false] {
        let which = Which::Outputs;
        let across = Op::EmitAcrossRestore {
            table: 0,
            which,
            reset,
        };
        let slices = vec![Op::OpenSlice(4); 2];
        let filled = [grow(0, 100, true), grow(1, 150, true)];
        run::<SumCase>(slices.into_iter().chain(filled).chain([across]));
    }
}

#[test]
fn what_an_open_reset_emission_owes_is_saved() {
    for reset in [true, false] {
        let which = Which::Outputs;
        let emit = Op::EmitAcrossRestore {
            table: 0,
            which,
            reset,
        };
        run::<SumCase>([Op::Open, grow(0, 100, false), emit]);
    }
}

#[test]
fn accumulators_of_the_slow_store_do_not_stay_in_memory() {
    let mut world = World::<ListCase>::new();
    world.run(Op::Open);
    for _ in 0..40 {
        world.run(grow(0, 2_000, false));
    }
    // 80,000 values of which most take two bytes, at most 256 accumulators in memory.
    let keys_only = 2_000 * (size_of::<(Vec<u8>, u32)>() + 4);
    assert!(
        world.slow_bytes() < keys_only + 60_000,
        "{}",
        world.slow_bytes()
    );
}
