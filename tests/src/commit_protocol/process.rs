//! `Process`: one incarnation of the pipeline, step by step.
//!
//! Owns the protocol. Each call is one step that a crash can come before or behind. Invariant: a
//! process knows of broker and store only what it asked.

use super::broker::{Answer, MARKERS};
use super::{Variant, World};

/// Every record of an epoch and its marker, by bits of partitions.
const ALL: u8 = 0b111;
const DATA_ONLY: u8 = 0b011;

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) enum Step {
    /// Not there, or given up.
    #[default]
    Gone,
    Recover,
    ReadMarkerUnfenced,
    Init,
    ReadMarker,
    /// The marker names the epoch: is it seen?
    Check,
    Send,
    /// Sends what will be aborted, to close what was left open.
    SendThrownAway,
    /// Two phases only: everything is sent, the manifest is not there.
    PublishPrepared,
    Commit,
    /// The coordinator said that it is done: is it seen?
    Verify,
    Done,
}

/// One incarnation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Process {
    pub(super) step: Step,
    number: u8,
    /// The epoch that is committed next, from 1.
    epoch: u8,
    /// The newest epoch it knows to be checkpointed.
    published: u8,
    /// The epoch it began with.
    base: u8,
    makers: [u8; 2],
    /// Where there is something to send, by bits.
    unsent: u8,
    /// The marker as it was before fencing, plus one; zero where that was not asked.
    marker_unfenced: u8,
    /// It has to look what became of its epoch.
    is_unsure: bool,
}

impl Process {
    /// An incarnation that begins.
    pub(super) fn started(number: u8) -> Self {
        Process {
            step: Step::Recover,
            number,
            ..Process::default()
        }
    }

    /// The incarnation that comes after this one.
    pub(super) fn successor(&self) -> Self {
        Process::started(self.number + 1)
    }

    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.step, Step::Gone | Step::Done)
    }
}

/// Everything that process `i` can do next.
pub(super) fn steps(world: &World, i: u8, variant: Variant, next: &mut Vec<World>) {
    let mut turn = Turn {
        world: *world,
        i,
        variant,
    };
    let process = *turn.process();
    if process.step == Step::Gone || process.step == Step::Done {
        return;
    }
    let is_ready = process.step != Step::Recover && process.epoch > process.base;
    if is_ready && process.published < 2 && variant != Variant::TwoPhase {
        let mut turn = turn;
        turn.publish();
        next.push(turn.world);
    }
    if process.step == Step::Commit {
        turn.commit(next);
        return;
    }
    let fenced = turn.advance();
    if fenced && i == 1 {
        // It may notice that it was replaced.
        let mut gone = turn;
        gone.process().step = Step::Gone;
        next.push(gone.world);
    }
    if turn.world != *world {
        next.push(turn.world);
    }
}

/// One step of one process.
#[derive(Clone, Copy)]
struct Turn {
    world: World,
    i: u8,
    variant: Variant,
}

impl Turn {
    fn process(&mut self) -> &mut Process {
        &mut self.world.processes[usize::from(self.i)]
    }

    /// Does the one thing that comes next; whether the process was found to be fenced.
    fn advance(&mut self) -> bool {
        let process = *self.process();
        match process.step {
            Step::Recover => self.recover(),
            Step::ReadMarkerUnfenced => {
                let marker = self.world.broker.marker();
                let process = self.process();
                process.marker_unfenced = marker + 1;
                process.step = Step::Init;
            }
            Step::Init => {
                let answer = self.world.broker.init(self.i);
                // Fences, so that what an older manifest names is not the newest any more.
                self.world.store.is_prepared = false;
                if answer == Answer::Done {
                    self.producer_is_new();
                }
            }
            // Another's open transaction would hide a marker.
            Step::ReadMarker if self.world.broker.partitions[MARKERS].open.is_empty() => {
                let marker = self.world.broker.marker();
                self.decide(marker);
            }
            Step::ReadMarker => self.process().step = Step::Init,
            Step::Check => self.check(),
            Step::Send | Step::SendThrownAway => return self.send(),
            Step::PublishPrepared => {
                self.publish();
                if self.process().step == Step::PublishPrepared {
                    self.world.store.is_prepared = self.world.broker.owner == Some(self.i);
                    self.process().step = Step::Commit;
                }
            }
            Step::Verify => {
                let is_trusted = matches!(self.variant, Variant::AnswerTrusted | Variant::TwoPhase);
                if is_trusted || self.hidden() == 0 {
                    self.note();
                } else {
                    self.begin_anew();
                }
            }
            Step::Commit | Step::Gone | Step::Done => {}
        }
        false
    }

    /// Takes over what is durable.
    fn recover(&mut self) {
        let (store, variant) = (self.world.store, self.variant);
        let process = self.process();
        process.base = store.newest();
        process.published = process.base;
        process.makers = store.makers();
        process.epoch = match variant {
            Variant::NoReplay => process.base + 1,
            _ => store.noted + 1,
        };
        process.is_unsure = true;
        let is_prepared = variant == Variant::TwoPhase && process.epoch <= process.base;
        process.step = match variant {
            _ if process.epoch > 2 => Step::Done,
            Variant::MarkerBeforeFencing => Step::ReadMarkerUnfenced,
            _ if is_prepared => Step::Commit,
            _ => Step::Init,
        };
        if is_prepared && store.is_prepared {
            self.world.broker.owner = Some(self.i);
        }
    }

    /// Publishes the next epoch's checkpoint.
    fn publish(&mut self) {
        let has_one_slot = self.variant != Variant::NoEpochSlot;
        let process = self.process();
        let epoch = process.published + 1;
        process.makers[usize::from(epoch) - 1] = process.number + 1;
        process.published = epoch;
        let makers = process.makers;
        if !self.world.store.publish(epoch, makers, has_one_slot) {
            self.restart();
        }
    }

    /// Somebody else was first: starts again from what that one published.
    fn restart(&mut self) {
        let is_zombie = self.i == 1;
        let process = self.process();
        *process = match is_zombie {
            true => Process::default(),
            false => Process::started(process.number),
        };
    }

    fn producer_is_new(&mut self) {
        let variant = self.variant;
        let process = self.process();
        let unfenced = std::mem::take(&mut process.marker_unfenced);
        match variant {
            Variant::TwoPhase => self.begin_send(DATA_ONLY),
            Variant::MarkerBeforeFencing if unfenced > 0 => self.decide(unfenced - 1),
            Variant::MarkerOnlyAtStart if !process.is_unsure => self.begin_send(ALL),
            _ => process.step = Step::ReadMarker,
        }
    }

    fn begin_send(&mut self, unsent: u8) {
        let process = self.process();
        process.unsent = unsent;
        process.step = Step::Send;
    }

    /// What is to be done, as the marker says.
    fn decide(&mut self, marker: u8) {
        let process = self.process();
        process.is_unsure = false;
        if marker > process.published {
            self.restart();
        } else if marker >= process.epoch {
            process.step = Step::Check;
        } else {
            self.begin_send(ALL);
        }
    }

    /// Partitions of data where the epoch is not seen, by bits.
    fn hidden(&mut self) -> u8 {
        let (epoch, broker) = (self.process().epoch, self.world.broker);
        match self.variant {
            Variant::StableOffsetTrusted => broker.undecided() & DATA_ONLY,
            _ => broker.hidden(epoch),
        }
    }

    /// The epoch was committed: its log may go when it is seen.
    fn check(&mut self) {
        let hidden = self.hidden();
        let left_open = hidden & self.world.broker.undecided();
        if hidden == 0 || self.variant == Variant::AnswerTrusted {
            self.note();
        } else if left_open != 0 {
            self.begin_send(left_open);
            self.process().step = Step::SendThrownAway;
        } else {
            self.begin_send(hidden | 1 << MARKERS);
        }
    }

    /// Sends one record.
    fn send(&mut self) -> bool {
        let process = *self.process();
        let maker = match self.variant {
            Variant::TwoPhase => process.number,
            // What is not checkpointed is not sent.
            _ if process.published < process.epoch => return false,
            _ => process.makers[usize::from(process.epoch) - 1] - 1,
        };
        let to = process.unsent.trailing_zeros() as usize;
        match self.world.broker.send(self.i, to, process.epoch, maker) {
            Answer::Busy => false,
            Answer::Fenced => {
                self.begin_anew();
                true
            }
            Answer::Done => {
                let is_two_phase = self.variant == Variant::TwoPhase;
                let process = self.process();
                process.unsent &= process.unsent - 1;
                if process.unsent == 0 {
                    process.step = match process.step {
                        // The next producer aborts it.
                        Step::SendThrownAway => Step::Init,
                        _ if is_two_phase => Step::PublishPrepared,
                        _ => Step::Commit,
                    };
                }
                false
            }
        }
    }

    /// Drops the producer and decides by a new one.
    fn begin_anew(&mut self) {
        let variant = self.variant;
        let process = self.process();
        process.is_unsure = true;
        process.step = match variant {
            Variant::TwoPhase => Step::Recover,
            _ => Step::Init,
        };
    }

    /// Asks for the end of the transaction; the request, or the answer, may be delayed or lost.
    fn commit(self, next: &mut Vec<World>) {
        let mut asked = self;
        let answer = asked.world.broker.commit(self.i);
        if self.world.left.delays > 0 && answer == Answer::Done {
            let mut request_late = self;
            request_late.world.broker.late_commit = true;
            for mut unanswered in [request_late, asked] {
                unanswered.world.left.delays -= 1;
                next.push(unanswered.world);
                if !matches!(self.variant, Variant::SameProducer | Variant::TwoPhase) {
                    unanswered.begin_anew();
                    next.push(unanswered.world);
                }
            }
        }
        match answer {
            Answer::Done => asked.process().step = Step::Verify,
            Answer::Busy => return,
            // Two phases: taken for committed by somebody before, logged, and dropped.
            Answer::Fenced if self.variant == Variant::TwoPhase => asked.note(),
            Answer::Fenced => {
                asked.begin_anew();
                if self.i == 1 {
                    let mut gone = asked;
                    gone.process().step = Step::Gone;
                    next.push(gone.world);
                }
            }
        }
        next.push(asked.world);
    }

    /// The epoch is done: its log goes.
    fn note(&mut self) {
        let variant = self.variant;
        let process = self.process();
        let epoch = process.epoch;
        process.epoch += 1;
        process.step = match variant {
            _ if epoch == 2 => Step::Done,
            _ => Step::Init,
        };
        if variant == Variant::SameProducer && epoch == 1 {
            self.begin_send(ALL);
        }
        self.world.store.noted = self.world.store.noted.max(epoch);
    }
}
