//! `Broker`: a transaction coordinator and its partitions, as far as one transactional id sees them.
//!
//! Owns fencing, transactions and what a read_committed reader may see. Invariant: requests of a
//! producer that is not the newest change nothing.

/// Partitions of data; the partition of markers comes behind them.
pub(super) const DATA: usize = 2;
/// The partition of markers.
pub(super) const MARKERS: usize = DATA;

/// Records of one partition in their order, each an epoch and who made it: four bits each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Records(u32);

impl Records {
    pub(super) fn push(&mut self, epoch: u8, maker: u8) {
        assert!(self.0 < 1 << 28 && maker < 4, "the model is made for less");
        self.0 = self.0 << 4 | u32::from(epoch << 2 | maker);
    }

    /// Epoch and maker of each record, the newest first.
    pub(super) fn newest_first(self) -> impl Iterator<Item = (u8, u8)> {
        (0..8)
            .map(move |i| (self.0 >> (4 * i) & 0xf) as u8)
            .take_while(|record| *record != 0)
            .map(|record| (record >> 2, record & 3))
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn append(&mut self, others: Records) {
        let mut others: Vec<_> = others.newest_first().collect();
        others.reverse();
        others
            .into_iter()
            .for_each(|(epoch, maker)| self.push(epoch, maker));
    }
}

/// What one partition holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Partition {
    pub(super) visible: Records,
    /// From the last stable offset on.
    pub(super) open: Records,
}

impl Partition {
    pub(super) fn shows(&self, epoch: u8) -> bool {
        self.visible.newest_first().any(|(shown, _)| shown == epoch)
    }
}

/// Where the coordinator is with the transaction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) enum Phase {
    /// None was begun by this producer, or it was aborted.
    #[default]
    Idle,
    Open,
    Committing,
    Aborting,
    Committed,
}

/// What a producer hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Done,
    /// The transaction before is still being ended: ask again.
    Busy,
    /// A newer producer is there, or the transaction was aborted.
    Fenced,
}

/// The coordinator and the partitions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Broker {
    pub(super) partitions: [Partition; DATA + 1],
    pub(super) phase: Phase,
    /// Partitions of the transaction, by bits.
    taking_part: u8,
    /// Partitions whose end marker is not written yet, by bits.
    pub(super) unmarked: u8,
    /// The process that has the newest producer.
    pub(super) owner: Option<u8>,
    /// A commit of the newest producer is under way and nobody waits for its answer.
    pub(super) late_commit: bool,
}

impl Broker {
    /// The epoch of the newest marker.
    pub(super) fn marker(&self) -> u8 {
        let newest = self.partitions[MARKERS].visible.newest_first().next();
        newest.map_or(0, |(epoch, _)| epoch)
    }

    /// Partitions of data that do not show `epoch`, by bits.
    pub(super) fn hidden(&self, epoch: u8) -> u8 {
        let hidden = (0..DATA).filter(|p| !self.partitions[*p].shows(epoch));
        hidden.fold(0, |bits, p| bits | 1 << p)
    }

    /// Partitions whose records are not all decided, by bits.
    pub(super) fn undecided(&self) -> u8 {
        let open = (0..=DATA).filter(|p| !self.partitions[*p].open.is_empty());
        open.fold(0, |bits, p| bits | 1 << p)
    }

    /// `init_transactions`: fences everybody, aborts what is open.
    pub(super) fn init(&mut self, process: u8) -> Answer {
        match self.phase {
            Phase::Open => {
                self.abort();
                Answer::Busy
            }
            Phase::Committing | Phase::Aborting => Answer::Busy,
            Phase::Idle | Phase::Committed => {
                self.fence();
                self.phase = Phase::Idle;
                self.owner = Some(process);
                Answer::Done
            }
        }
    }

    pub(super) fn send(&mut self, process: u8, to: usize, epoch: u8, maker: u8) -> Answer {
        if self.owner != Some(process) {
            return Answer::Fenced;
        }
        match self.phase {
            Phase::Committing | Phase::Aborting => return Answer::Busy,
            Phase::Idle | Phase::Committed => self.taking_part = 0,
            Phase::Open => {}
        }
        self.phase = Phase::Open;
        self.taking_part |= 1 << to;
        self.partitions[to].open.push(epoch, maker);
        Answer::Done
    }

    /// `EndTxn`: the coordinator answers before the partitions have their end markers.
    pub(super) fn commit(&mut self, process: u8) -> Answer {
        if self.owner != Some(process) {
            return Answer::Fenced;
        }
        match self.phase {
            Phase::Idle | Phase::Aborting => Answer::Fenced,
            Phase::Committing | Phase::Committed => Answer::Done,
            Phase::Open => {
                self.decide_commit();
                Answer::Done
            }
        }
    }

    /// A commit that nobody waits for any more gets through.
    pub(super) fn late_commit_arrives(&mut self) {
        self.late_commit = false;
        if self.phase == Phase::Open {
            self.decide_commit();
        }
    }

    fn decide_commit(&mut self) {
        self.phase = Phase::Committing;
        self.unmarked = self.taking_part;
    }

    /// The coordinator aborts, and fences whoever had begun.
    pub(super) fn abort(&mut self) {
        self.fence();
        self.phase = Phase::Aborting;
        self.unmarked = self.taking_part;
    }

    fn fence(&mut self) {
        self.owner = None;
        self.late_commit = false;
    }

    /// The end marker of `partition` is written, or, if `is_lost`, nowhere.
    pub(super) fn mark(&mut self, partition: usize, is_lost: bool) {
        let held = &mut self.partitions[partition];
        if !is_lost {
            let open = std::mem::take(&mut held.open);
            if self.phase == Phase::Committing {
                if partition == MARKERS {
                    held.visible = Records::default();
                }
                held.visible.append(open);
            }
        }
        self.unmarked &= !(1 << partition);
        if self.unmarked == 0 {
            self.phase = match self.phase {
                Phase::Committing => Phase::Committed,
                _ => Phase::Idle,
            };
        }
    }
}
