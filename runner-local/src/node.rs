//! `Node`: one step of the graph at run time, a stage of its own.
//!
//! Owns the step's copies (a grouping may run as several, each owning a range of key groups), the
//! mail that waits for it and how mail becomes bundles. Since every step stands alone, the order of
//! elements and bundles can be varied between any two of them. Invariant: a step hears of a
//! watermark only after all mail that was sent before it.

use crate::chance::Chance;
use crate::mail::{Mail, disturb};
use crate::run::Options;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use whitebeam_runner_core::group::GroupOptions;
use whitebeam_runner_core::plan::{Entrance, Exit, Plan, StageOptions, StagePlan};
use whitebeam_runner_core::stage::{Outlet, Stage};
use whitebeam_sdk::erase::{Dropped, ErasedBatch, ErasedGrouping, Port};
use whitebeam_sdk::graph::{self, CollectionId, NodeId, NodeKind};
use whitebeam_sdk::hash::KEY_GROUPS;
use whitebeam_sdk::sink::Shard;
use whitebeam_sdk::{Result, Timestamp};

/// How mail becomes bundles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bundles {
    /// All mail that waits is one bundle: one batch, as far as its windows have one form. Merging
    /// windows and triggers that finish see a bundle as a whole.
    AsSent,
    /// The seed cuts and mixes bundles.
    Cut,
}

/// The mail of every (collection, reader) pair.
#[derive(Default)]
pub(crate) struct Mails(BTreeMap<(CollectionId, NodeId), Mail>);

impl Mails {
    pub(crate) fn of(&mut self, collection: CollectionId, reader: NodeId) -> Mail {
        self.0.entry((collection, reader)).or_default().clone()
    }
}

/// One input collection of a step.
struct Inbox {
    from: CollectionId,
    port: Port,
    mail: Mail,
}

/// One step of the graph.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) path: String,
    copies: Vec<Stage>,
    inboxes: Vec<Inbox>,
    /// How elements find the copy that owns their key.
    grouping: Option<Arc<dyn ErasedGrouping>>,
}

/// The key groups that copy `i` of `n` owns.
pub(crate) fn owned(i: usize, n: usize) -> Range<u16> {
    let bound = |i: usize| (i * usize::from(KEY_GROUPS) / n) as u16;
    bound(i)..bound(i + 1)
}

impl Node {
    pub(crate) fn new(
        plan: &Plan<'_>,
        node: &graph::Node,
        options: &Options,
        mails: &mut Mails,
    ) -> Result<Self> {
        let inboxes = inboxes(node, mails);
        let grouping = match &node.kind {
            NodeKind::Group(grouping) => Some(Arc::clone(grouping)),
            _ => None,
        };
        let alone = StagePlan {
            nodes: vec![node.id],
            entries: inboxes.iter().map(|i| entrance(i.from)).collect(),
            exits: exits(plan.graph(), node),
        };
        let n = match grouping {
            Some(_) => options.copies.clamp(1, usize::from(KEY_GROUPS)),
            None => 1,
        };
        let copy = |i: usize| {
            let options = StageOptions {
                group: GroupOptions {
                    store: options.store,
                    general_only: options.general_only,
                },
                shard: Shard {
                    index: i as u32,
                    of: n as u32,
                },
            };
            plan.stage(&alone, &options, &mut |exit| {
                let mail = mails.of(exit.collection, exit.reader);
                Ok(Box::new(mail) as Box<dyn Outlet>)
            })
        };
        Ok(Node {
            id: node.id,
            path: node.path.clone(),
            copies: (0..n).map(copy).collect::<Result<_>>()?,
            inboxes,
            grouping,
        })
    }

    pub(crate) fn setup(&mut self) -> Result<()> {
        self.copies.iter_mut().try_for_each(Stage::setup)
    }

    /// Delivers the mail that waits, then the watermarks of the inputs.
    pub(crate) fn work(
        &mut self,
        bundles: Bundles,
        watermark: &dyn Fn(CollectionId) -> Timestamp,
        chance: &mut Chance,
    ) -> Result<()> {
        let mut pieces: Vec<(usize, Box<dyn ErasedBatch>)> = Vec::new();
        for (entry, inbox) in self.inboxes.iter().enumerate() {
            let cut = disturb(inbox.mail.take_all(), bundles, chance)?;
            pieces.extend(cut.into_iter().map(|piece| (entry, piece)));
        }
        chance.shuffle(&mut pieces);
        for (entry, piece) in pieces {
            self.push(entry, piece)?;
            if bundles == Bundles::Cut && !chance.one_in(3) {
                self.settle()?;
            }
        }
        self.settle()?;
        for (entry, inbox) in self.inboxes.iter().enumerate() {
            for copy in &mut self.copies {
                copy.set_watermark(entry, watermark(inbox.from));
            }
        }
        self.settle()
    }

    fn push(&mut self, entry: usize, mut piece: Box<dyn ErasedBatch>) -> Result<()> {
        let n = self.copies.len();
        match &self.grouping {
            Some(grouping) if n > 1 => {
                let mut to = vec![0; usize::from(KEY_GROUPS)];
                for i in 0..n {
                    owned(i, n).for_each(|group| to[usize::from(group)] = i as u32);
                }
                let mut parts: Vec<_> = (0..n).map(|_| piece.new_like()).collect();
                grouping.scatter(self.inboxes[entry].port, piece.as_mut(), &to, &mut parts);
                for (copy, mut part) in self.copies.iter_mut().zip(parts) {
                    if !part.is_empty() {
                        copy.push(entry, part.as_mut())?;
                    }
                }
                Ok(())
            }
            _ => self.copies[0].push(entry, piece.as_mut()),
        }
    }

    fn settle(&mut self) -> Result<()> {
        self.copies.iter_mut().try_for_each(Stage::settle)
    }

    pub(crate) fn tick(&mut self, now: Timestamp) -> Result<()> {
        self.copies.iter_mut().try_for_each(|copy| copy.tick(now))
    }

    pub(crate) fn next_tick(&self) -> Option<Timestamp> {
        self.copies.iter().filter_map(Stage::next_tick).min()
    }

    /// What all copies promise.
    pub(crate) fn output_watermark(&self) -> Timestamp {
        let of = |copy: &Stage| copy.output_watermark(self.id).unwrap_or(Timestamp::MIN);
        self.copies.iter().map(of).min().unwrap_or(Timestamp::MIN)
    }

    pub(crate) fn hold(&mut self, at: Option<Timestamp>) {
        self.copies.iter_mut().for_each(|c| c.hold(self.id, at));
    }

    pub(crate) fn dropped(&self) -> Dropped {
        let mut sum = Dropped::default();
        for (_, dropped) in self.copies.iter().flat_map(Stage::dropped) {
            sum += dropped;
        }
        sum
    }

    pub(crate) fn elements_in(&self) -> u64 {
        let counts = self.copies.iter().flat_map(Stage::elements_in);
        counts
            .filter(|(id, ..)| *id == self.id)
            .map(|(.., n)| n)
            .sum()
    }

    pub(crate) fn copies(&mut self) -> &mut [Stage] {
        &mut self.copies
    }

    pub(crate) fn teardown(&mut self) {
        self.copies.iter_mut().for_each(Stage::teardown);
    }

    pub(crate) fn report(&self) -> String {
        let reports: Vec<String> = self.copies.iter().map(Stage::report).collect();
        reports.join("\n")
    }
}

fn inboxes(node: &graph::Node, mails: &mut Mails) -> Vec<Inbox> {
    let mut inboxes: Vec<Inbox> = Vec::new();
    for (port, &from) in node.inputs.iter().enumerate() {
        // A collection that is read at several ports comes once, and the stage hands it to each.
        if inboxes.iter().all(|i| i.from != from) {
            let mail = mails.of(from, node.id);
            inboxes.push(Inbox { from, port, mail });
        }
    }
    inboxes
}

fn entrance(collection: CollectionId) -> Entrance {
    Entrance {
        collection,
        lifted: false,
    }
}

/// Everyone who reads an output of `node`, once per collection.
fn exits(graph: &graph::Graph, node: &graph::Node) -> Vec<Exit> {
    let mut exits: Vec<Exit> = Vec::new();
    for port in 0..node.outputs.len() {
        let collection = CollectionId {
            node: node.id,
            port,
        };
        for (reader, port) in graph.consumers(collection) {
            let known = |e: &Exit| e.collection == collection && e.reader == reader;
            if !exits.iter().any(known) {
                exits.push(Exit {
                    collection,
                    reader,
                    port,
                    lifted: false,
                });
            }
        }
    }
    exits
}
