//! What is measured within a run: the worker's pauses, its checkpoints, bytes, and the answer.
//!
//! Owns the clocks. A pause is the time between two reads of one worker. Its length is told in CPU
//! time of the worker's thread too, which other programs on the machine do not stretch.

use crate::clock::{seconds, wall};
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Arc, Mutex, PoisonError};
use whitebeam::Result;
use whitebeam::batch::Batch;
use whitebeam::runners::{Completed, StreamingObserver};
use whitebeam::sink::{Committed, Epoch, Shard, Sink, SinkWriter};

/// Shorter pauses are not kept.
const SHORT: f64 = 50e-6;

fn thread_cpu() -> f64 {
    seconds(clock_gettime(ClockId::ThreadCPUTime))
}

/// A pause of the worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    pub(crate) at: f64,
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

#[derive(Debug, Default)]
struct Seen {
    last: Option<(f64, f64)>,
    first_cpu: Option<f64>,
    gaps: Vec<Gap>,
    cpu: f64,
}

/// The pauses of one worker.
#[derive(Debug, Default)]
pub(crate) struct Gaps(Mutex<Seen>);

impl Gaps {
    /// The worker reads now.
    pub(crate) fn polled(&self) {
        let (at, cpu) = (wall(), thread_cpu());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.first_cpu.get_or_insert(cpu);
        if let Some((before, cpu_before)) = seen.last.replace((at, cpu)) {
            let gap = Gap {
                at: before,
                wall: at - before,
                cpu: cpu - cpu_before,
            };
            if gap.wall > SHORT {
                seen.gaps.push(gap);
            }
        }
    }

    /// The worker has read everything.
    pub(crate) fn ended(&self) {
        let cpu = thread_cpu();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.cpu = cpu - seen.first_cpu.unwrap_or(cpu);
    }

    /// CPU seconds of the worker from its first read to its last.
    pub(crate) fn cpu(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cpu
    }

    pub(crate) fn take(&self) -> Vec<Gap> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut seen.gaps)
    }
}

/// A checkpoint that was published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) requested: f64,
    pub(crate) published: f64,
    /// Bytes that the process has written since the one before.
    pub(crate) written: u64,
}

/// Notes checkpoints.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints(Mutex<(u64, Vec<Checkpoint>)>);

impl Checkpoints {
    pub(crate) fn take(&self) -> Vec<Checkpoint> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut known.1)
    }
}

impl StreamingObserver for Checkpoints {
    fn completed(&self, completed: &Completed) {
        let published = wall();
        let total = written().unwrap_or(0);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = total - std::mem::replace(&mut known.0, total);
        known.1.push(Checkpoint {
            requested: published - completed.took.as_secs_f64(),
            published,
            written,
        });
    }
}

/// Bytes that this process has handed to `write`.
fn written() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "))?;
    line.trim().parse().ok()
}

/// The most memory that this process has held.
pub(crate) fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = peak.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// An answer: how many, and their sum.
pub(crate) type Answer = (u64, i64);

/// Adds up what is written to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<(Option<Epoch>, Answer)>>);

impl Tally {
    pub(crate) fn answer(&self) -> Answer {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl Sink<(u64, i64)> for Tally {
    type Staged = Answer;
    type Writer = Count;

    fn open(&self, _: Shard) -> Result<Count> {
        Ok(Count::default())
    }

    fn commit(&self, epoch: Epoch, staged: Vec<Answer>) -> Result<Committed> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 >= Some(epoch) {
            return Ok(Committed::Before);
        }
        known.0 = Some(epoch);
        for (n, sum) in staged {
            known.1.0 += n;
            known.1.1 = known.1.1.wrapping_add(sum);
        }
        Ok(Committed::Now)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Count(Answer);

impl Count {
    /// What an element adds to an answer; the order of elements does not matter.
    pub(crate) fn add(answer: &mut Answer, (key, value): (u64, i64)) {
        answer.0 += 1;
        answer.1 = answer.1.wrapping_add(value ^ key as i64);
    }
}

impl SinkWriter<(u64, i64)> for Count {
    type Staged = Answer;

    fn write(&mut self, batch: &Batch<(u64, i64)>) -> Result<()> {
        batch
            .values()
            .iter()
            .for_each(|e| Count::add(&mut self.0, *e));
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<Answer>> {
        Ok(vec![std::mem::take(&mut self.0)])
    }
}
