//! `search`: visits every world that can be reached, breadth first.
//!
//! Owns which faults happen, the set of worlds seen and the way to each. Invariant: a world is
//! expanded once, and one that is wrong is not expanded.

use super::broker::{DATA, Phase};
use super::judge::{Wrong, judge};
use super::process::{Process, Step, steps};
use super::{Bounds, Variant, World};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// Worlds that were reached.
    pub states: usize,
    /// Those in which everything is done and right.
    pub finished: usize,
    /// What is wrong somewhere, with the shortest way there.
    pub wrong: BTreeMap<Wrong, String>,
}

/// Visits everything that `variant` can do within `bounds`.
pub fn search(variant: Variant, bounds: Bounds) -> Found {
    let mut world = World {
        left: bounds,
        ..World::default()
    };
    world.processes[0] = Process::started(0);
    let mut seen = Seen::default();
    seen.insert(world, 0);
    let mut found = Found {
        states: 0,
        finished: 0,
        wrong: BTreeMap::new(),
    };
    let (mut at, mut next) = (0, Vec::new());
    while at < seen.worlds.len() {
        let world = seen.worlds[at].0;
        let mut wrong = judge(&world, variant);
        if wrong.is_none() {
            events(&world, variant, &mut next);
            let is_done = world.processes[0].step == Step::Done;
            found.finished += usize::from(is_done);
            if next.is_empty() && !is_done {
                wrong = Some(Wrong::Stuck);
            }
        }
        if let Some(wrong) = wrong {
            found.wrong.entry(wrong).or_insert_with(|| seen.way_to(at));
        }
        for world in next.drain(..) {
            seen.insert(world, at);
        }
        at += 1;
    }
    found.states = seen.worlds.len();
    found
}

/// Everything that can happen next.
fn events(world: &World, variant: Variant, next: &mut Vec<World>) {
    steps(world, 0, variant, next);
    steps(world, 1, variant, next);
    let mut happens = |change: &dyn Fn(&mut World)| {
        let mut changed = *world;
        change(&mut changed);
        next.push(changed);
    };
    let (broker, left) = (&world.broker, world.left);
    let can_be_lost = broker.phase == Phase::Committing || variant == Variant::AbortMarkersLost;
    for partition in (0..=DATA).filter(|p| broker.unmarked & 1 << p != 0) {
        happens(&|w| w.broker.mark(partition, false));
        if left.lost_markers > 0 && partition < DATA && can_be_lost {
            happens(&|w| {
                w.left.lost_markers -= 1;
                w.marker_was_lost = true;
                w.broker.mark(partition, true);
            });
        }
    }
    if broker.late_commit {
        happens(&|w| w.broker.late_commit_arrives());
    }
    if left.timeouts > 0 && broker.phase == Phase::Open {
        happens(&|w| {
            w.left.timeouts -= 1;
            w.broker.abort();
            w.store.is_prepared = false;
        });
    }
    let process = world.processes[0];
    if left.crashes > 0 && process.is_alive() {
        happens(&|w| {
            w.left.crashes -= 1;
            w.broker.owner = w.broker.owner.filter(|owner| *owner != 0);
            w.processes[0] = process.successor();
        });
    }
    if left.zombies > 0 && process.is_alive() {
        happens(&|w| {
            w.left.zombies -= 1;
            w.broker.owner = w.broker.owner.map(|_| 1);
            w.processes = [process.successor(), process];
        });
    }
}

/// Worlds in the order they were found, each with the one it was found from.
#[derive(Default)]
struct Seen {
    worlds: Vec<(World, u32)>,
    /// Open addressing: an index into `worlds` plus one, or zero.
    table: Vec<u32>,
}

impl Seen {
    fn insert(&mut self, world: World, from: usize) {
        if self.worlds.len() * 2 >= self.table.len() {
            let slots = (self.table.len() * 2).max(1 << 12);
            self.table = vec![0; slots];
            for i in 0..self.worlds.len() {
                let slot = self.slot(&self.worlds[i].0).0;
                self.table[slot] = i as u32 + 1;
            }
        }
        let (slot, is_new) = self.slot(&world);
        if is_new {
            self.worlds.push((world, from as u32));
            self.table[slot] = u32::try_from(self.worlds.len()).expect("fewer worlds than 2^32");
        }
    }

    /// Where `world` is, or belongs.
    fn slot(&self, world: &World) -> (usize, bool) {
        let mask = self.table.len() - 1;
        let mut slot = BuildHasherDefault::<Mix>::default().hash_one(world) as usize & mask;
        loop {
            match self.table[slot] {
                0 => return (slot, true),
                i if self.worlds[i as usize - 1].0 == *world => return (slot, false),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn way_to(&self, mut at: usize) -> String {
        let mut way = Vec::new();
        while at != 0 {
            way.push(format!("{:?}\n", self.worlds[at].0));
            at = self.worlds[at].1 as usize;
        }
        way.reverse();
        way.concat()
    }
}

/// A hash of many small numbers; nobody attacks it.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u8(*byte));
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }
}
