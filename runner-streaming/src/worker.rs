//! `Worker`: one copy of every stage, for a range of key groups.
//!
//! Owns the order of stages in a turn (the last first, so that there is room before there is work)
//! and puts together what the tasks write down at the end of an epoch. Invariant: a worker never
//! stops because one stage cannot go on.

use crate::clock::Clock;
use crate::control::{Ack, Control, Orders, Report};
use crate::exchange::Bell;
use crate::machine::{Machine, Turn};
use crate::metrics::WorkerView;
use crate::settings::Limits;
use crate::snapshot::{Held, StagedEpoch};
use crate::task::{Cx, Frozen, Task};
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::graph::NodeId;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::snapshot::SnapshotWriter;
use whitebeam_sdk::{Result, Timestamp};

/// How long sources that wait for room are left alone.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// What is put together of an epoch.
#[derive(Debug)]
struct Gathered {
    epoch: Epoch,
    held: Held,
    steps: Vec<(String, SnapshotWriter)>,
    staged: StagedEpoch,
    frozen: usize,
}

/// One copy of every stage.
#[derive(Debug)]
pub(crate) struct Worker<E> {
    index: usize,
    clock: Clock<E>,
    /// In the order of the stages.
    tasks: Vec<Task>,
    control: Arc<Control>,
    bell: Arc<Bell>,
    limits: Limits,
    gathered: Option<Gathered>,
    has_reported_end: bool,
    is_over: bool,
    /// Too much output lay in memory at its last turn.
    was_full: bool,
    was_due: bool,
    /// The number of the last question about the run that was answered.
    answered: u64,
}

impl<E: Env> Worker<E> {
    pub(crate) fn new(
        index: usize,
        env: E,
        tasks: Vec<Task>,
        control: Arc<Control>,
        bell: Arc<Bell>,
        limits: Limits,
    ) -> Self {
        Worker {
            index,
            clock: Clock::new(env),
            tasks,
            control,
            bell,
            limits,
            gathered: None,
            has_reported_end: false,
            is_over: false,
            was_full: false,
            was_due: false,
            answered: 0,
        }
    }

    /// Its copies of the stages.
    pub(crate) fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Holds a step that groups, beside its own holds.
    pub(crate) fn hold(&mut self, step: NodeId, at: Option<Timestamp>) {
        self.tasks.iter_mut().for_each(|task| task.hold(step, at));
        self.bell.ring();
    }

    fn work(&mut self, orders: Orders) -> Result<bool> {
        let mut worked = false;
        if let Some(cancelled) = orders.cancelled {
            self.give_up(cancelled);
        }
        for (source, split) in self.control.assigned(self.index) {
            for task in &mut self.tasks {
                task.assign(&source, &split);
            }
        }
        let is_full = self.weigh();
        for i in (0..self.tasks.len()).rev() {
            let cx = Cx {
                clock: &self.clock,
                orders,
                limits: &self.limits,
                is_full,
            };
            let mut frozen = None;
            worked |= self.tasks[i].turn(&cx, &mut frozen)?;
            if let Some(frozen) = frozen
                && let Some(epoch) = self.tasks[i].passed()
            {
                self.gather(epoch, frozen);
            }
        }
        if !self.has_reported_end && self.tasks.iter().all(Task::is_finished) {
            self.has_reported_end = true;
            self.control.report(Report::Finished);
        }
        Ok(worked)
    }

    /// Tells how much output its sinks hold; whether all workers together hold too much.
    fn weigh(&mut self) -> bool {
        let held = self.tasks.iter().map(Task::pending).sum();
        let unstaged = self.tasks.iter().map(Task::unstaged).sum();
        let pending = self.control.pending();
        pending.hold(self.index, held, unstaged);
        let (is_full, is_due) = (pending.is_full(), pending.is_due());
        if is_due && !self.was_due {
            // An epoch that ends makes room.
            self.control.ring();
        }
        self.was_due = is_due;
        self.was_full = is_full;
        is_full
    }

    fn gathering(&mut self, epoch: Epoch) -> &mut Gathered {
        if self.gathered.as_ref().is_some_and(|g| g.epoch != epoch) {
            self.gathered = None;
        }
        self.gathered.get_or_insert_with(|| Gathered {
            epoch,
            held: Held::default(),
            steps: Vec::new(),
            staged: StagedEpoch {
                epoch,
                ..StagedEpoch::default()
            },
            frozen: 0,
        })
    }

    fn gather(&mut self, epoch: Epoch, frozen: Frozen) {
        self.control.pending().stage(frozen.staged.bytes());
        let gathered = self.gathering(epoch);
        gathered.held.merge(frozen.held);
        gathered.steps.extend(frozen.steps);
        gathered.staged.append(frozen.staged);
        gathered.frozen += 1;
        self.hand_over();
    }

    /// No task waits for a barrier up to `cancelled`; what the sinks staged is handed over.
    fn give_up(&mut self, cancelled: Epoch) {
        if self.tasks.iter().all(|t| t.passed() >= Some(cancelled)) {
            return;
        }
        self.tasks.iter_mut().for_each(|t| t.give_up(cancelled));
        self.gathering(cancelled);
        self.hand_over();
    }

    /// Tells the coordinator, once every task has passed the epoch.
    fn hand_over(&mut self) {
        let Some(gathered) = &self.gathered else {
            return;
        };
        let epoch = gathered.epoch;
        let is_behind = |t: &Task| t.passed() < Some(epoch) || t.is_freezing();
        if self.tasks.iter().any(is_behind) {
            return;
        }
        self.clock.env().point("ack");
        if let Some(gathered) = self.gathered.take() {
            self.control.report(Report::Ack(Ack {
                worker: self.index,
                epoch,
                held: gathered.held,
                steps: gathered.steps,
                staged: gathered.staged,
                is_complete: gathered.frozen == self.tasks.len(),
            }));
        }
    }

    fn view(&self) -> WorkerView {
        let now = self.clock.monotonic();
        WorkerView {
            at: now,
            stages: self.tasks.iter().map(|task| task.view(now)).collect(),
        }
    }

    /// Tells who watches the run, if they have asked.
    fn tell(&mut self) {
        let board = self.control.board();
        if let Some(question) = board.question(self.answered) {
            board.answer(self.index, question, self.view());
            self.answered = question;
        }
    }

    fn over(&mut self) -> Turn {
        if !self.is_over {
            self.is_over = true;
            self.control.board().leave(self.index, self.view());
            self.tasks.iter_mut().for_each(Task::teardown);
        }
        Turn::Over
    }
}

impl<E: Env> Machine for Worker<E> {
    fn turn(&mut self) -> Turn {
        let orders = self.control.orders();
        if self.is_over || orders.stop {
            return self.over();
        }
        self.clock.read();
        self.tell();
        match catch(|| self.work(orders)).and_then(|worked| worked) {
            Ok(true) => Turn::Worked,
            Ok(false) => {
                let pauses = self.tasks.iter().filter_map(|t| t.pause(&self.clock));
                let looks_again = self.was_full.then_some(LOOK_AGAIN);
                Turn::Idle(pauses.chain(looks_again).min())
            }
            Err(e) => {
                self.control.report(Report::Failed(e));
                self.over()
            }
        }
    }

    fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }
}
