//! From the spec's tree to nodes in preorder, with the places of their cells.
//!
//! Owns the numbering only. A part that a spec leaves out (no early trigger) is a node that never
//! fires, so that the kinds know their parts by place.

use std::ops::Range;
use whitebeam_sdk::Duration;
use whitebeam_sdk::trigger::Trigger;

/// What a node does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Default,
    Never,
    EndOfWindow,
    /// First part early; the second, if any, late.
    EarlyLate,
    Count(u64),
    ProcessingTime(Duration),
    Synchronized,
    Repeatedly,
    OrFinally,
    Each,
    First,
    All,
}

/// One trigger of the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// First node after its subtree.
    pub(super) end: u32,
    /// First cell of its subtree, its own if it has one.
    first_cell: u32,
    /// First cell after those of its subtree.
    last_cell: u32,
}

impl Node {
    /// Cells of the subtree.
    pub(super) fn cells(&self) -> Range<usize> {
        self.first_cell as usize..self.last_cell as usize
    }
}

/// The nodes of `trigger`, and how many words of state a window needs: finished bits, then cells.
pub(super) fn nodes(trigger: &Trigger) -> (Vec<Node>, usize) {
    let mut numbering = Numbering {
        nodes: Vec::new(),
        cells: 0,
    };
    numbering.add(trigger);
    let Numbering { mut nodes, cells } = numbering;
    let bits = nodes.len().div_ceil(64) as u32;
    for node in &mut nodes {
        node.first_cell += bits;
        node.last_cell += bits;
    }
    (nodes, (bits + cells) as usize)
}

struct Numbering {
    nodes: Vec<Node>,
    cells: u32,
}

impl Numbering {
    fn add(&mut self, trigger: &Trigger) {
        let (kind, parts) = parts(trigger);
        let own_cells = match kind {
            Kind::Count(_) | Kind::ProcessingTime(_) | Kind::Synchronized => 1,
            _ => 0,
        };
        let place = self.nodes.len();
        self.nodes.push(Node {
            kind,
            end: 0,
            first_cell: self.cells,
            last_cell: 0,
        });
        self.cells += own_cells;
        for part in parts {
            self.add(part);
        }
        self.nodes[place].end = self.nodes.len() as u32;
        self.nodes[place].last_cell = self.cells;
    }
}

fn parts(trigger: &Trigger) -> (Kind, Vec<&Trigger>) {
    match trigger {
        Trigger::Default => (Kind::Default, Vec::new()),
        Trigger::Never => (Kind::Never, Vec::new()),
        Trigger::AfterWatermark {
            early: None,
            late: None,
        } => (Kind::EndOfWindow, Vec::new()),
        Trigger::AfterWatermark { early, late } => {
            let early = early.as_deref().unwrap_or(&Trigger::Never);
            let parts = std::iter::once(early).chain(late.as_deref());
            (Kind::EarlyLate, parts.collect())
        }
        Trigger::ElementCount(least) => (Kind::Count(*least), Vec::new()),
        Trigger::AfterProcessingTime(delay) => (Kind::ProcessingTime(*delay), Vec::new()),
        Trigger::AfterSynchronizedProcessingTime => (Kind::Synchronized, Vec::new()),
        Trigger::Repeatedly(repeated) => (Kind::Repeatedly, vec![repeated]),
        Trigger::OrFinally(actual, until) => (Kind::OrFinally, vec![actual, until]),
        Trigger::AfterEach(parts) => (Kind::Each, parts.iter().collect()),
        Trigger::AfterFirst(parts) => (Kind::First, parts.iter().collect()),
        Trigger::AfterAll(parts) => (Kind::All, parts.iter().collect()),
    }
}
