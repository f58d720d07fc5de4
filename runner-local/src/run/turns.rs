//! The turns of a run: reading, work, ticks, until nothing moves any more.
//!
//! Owns the order in which steps work, and when the virtual clock moves by itself. Invariant: steps
//! work inputs first, so that one pass over them leaves nothing on its way.

use super::LocalRun;
use crate::node::{Bundles, Node};
use crate::reading::{Found, Reading};
use std::collections::BTreeMap;
use whitebeam_sdk::graph::{CollectionId, NodeId};
use whitebeam_sdk::{Error, Result, Timestamp};

/// How often the clock may stand still while timers fire before the run is called stuck.
const STANDSTILL: u32 = 10_000;

impl LocalRun {
    /// Reads everything that is not scripted, in an order and in bundles that the seed chooses.
    pub(super) fn read_all(&mut self) -> Result<()> {
        while self.read_once()? {}
        Ok(())
    }

    /// One turn of reading; where all inputs wait, processing time moves on. False if there is
    /// nothing left to read.
    pub(super) fn read_once(&mut self) -> Result<bool> {
        let mut found = Vec::new();
        let mut order: Vec<usize> = (0..self.readings.len()).collect();
        self.chance.shuffle(&mut order);
        for i in order {
            if self.chance.one_in(4) {
                // Others come first this time.
                found.push(Found::Something);
            } else {
                found.push(self.readings[i].read(self.now, &mut self.chance)?);
            }
        }
        if found.contains(&Found::Something) {
            self.work_here_and_there()?;
            return Ok(true);
        }
        self.quiesce(Bundles::Cut)?;
        let waits = found.iter().filter_map(|f| match f {
            Found::NotBefore(until) => Some(*until),
            _ => None,
        });
        match waits.min() {
            None => Ok(false),
            Some(until) => self.pass_time(until).map(|()| true),
        }
    }

    /// Lets some of the steps work, so that mail piles up before others.
    fn work_here_and_there(&mut self) -> Result<()> {
        let watermarks = self.source_watermarks();
        for i in 0..self.nodes.len() {
            if self.chance.one_in(3) {
                self.work(i, Bundles::Cut, &watermarks)?;
            }
        }
        Ok(())
    }

    /// Lets every step work once, inputs first: nothing moves after that.
    pub(super) fn quiesce(&mut self, bundles: Bundles) -> Result<()> {
        let watermarks = self.source_watermarks();
        for i in 0..self.nodes.len() {
            self.work(i, bundles, &watermarks)?;
        }
        Ok(())
    }

    fn work(
        &mut self,
        i: usize,
        bundles: Bundles,
        sources: &BTreeMap<NodeId, Timestamp>,
    ) -> Result<()> {
        let (before, rest) = self.nodes.split_at_mut(i);
        let promised = |collection: CollectionId| match sources.get(&collection.node) {
            Some(watermark) => *watermark,
            None => before
                .iter()
                .find(|n| n.id == collection.node)
                .map_or(Timestamp::MIN, Node::output_watermark),
        };
        rest[0].work(bundles, &promised, &mut self.chance)
    }

    fn source_watermarks(&mut self) -> BTreeMap<NodeId, Timestamp> {
        let of = |r: &mut Reading| (r.id, r.watermark());
        self.readings.iter_mut().map(of).collect()
    }

    /// Tells every step the time, inputs first, until none waits for an instant that has come.
    pub(super) fn tick(&mut self) -> Result<()> {
        for _ in 0..STANDSTILL {
            let watermarks = self.source_watermarks();
            for i in 0..self.nodes.len() {
                self.work(i, Bundles::AsSent, &watermarks)?;
                self.nodes[i].tick(self.now)?;
            }
            if self.next_tick().is_none_or(|next| next > self.now) {
                return Ok(());
            }
        }
        let reports: Vec<String> = self.nodes.iter().map(Node::report).collect();
        Err(
            Error::internal("timers fire again and again while processing time stands still")
                .note(reports.join("\n")),
        )
    }

    /// Moves the clock to `until`, from timer to timer.
    fn pass_time(&mut self, until: Timestamp) -> Result<()> {
        while let Some(next) = self.next_tick().filter(|next| *next < until) {
            self.now = self.now.max(next);
            self.tick()?;
        }
        self.now = self.now.max(until);
        self.tick()
    }

    pub(super) fn next_tick(&self) -> Option<Timestamp> {
        self.nodes.iter().filter_map(Node::next_tick).min()
    }
}
