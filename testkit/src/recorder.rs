//! `Recorder`: a sink that keeps elements with their timestamps, windows and panes.
//!
//! Owns the recorded rows and their visibility: only what was committed can be seen. Judges nothing;
//! expectations do.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::transform::Reified;
use whitebeam_sdk::window::WindowFn;
use whitebeam_sdk::{Element, PCollection, Result};

#[derive(Debug)]
struct Kept<T> {
    rows: Vec<Reified<T>>,
    epochs: BTreeSet<Epoch>,
}

/// What a [`Recorder`] was given and told to keep.
#[derive(Debug)]
pub struct Recorded<T>(Arc<Mutex<Kept<T>>>);

impl<T> Clone for Recorded<T> {
    fn clone(&self) -> Self {
        Recorded(Arc::clone(&self.0))
    }
}

impl<T> Default for Recorded<T> {
    fn default() -> Self {
        let kept = Kept {
            rows: Vec::new(),
            epochs: BTreeSet::new(),
        };
        Recorded(Arc::new(Mutex::new(kept)))
    }
}

impl<T> Recorded<T> {
    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        // Nothing can fail while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True once a run has committed, be it nothing at all.
    pub fn is_committed(&self) -> bool {
        !self.kept().epochs.is_empty()
    }

    /// Takes out what was committed since the last time, so that the pipeline can run again.
    pub fn take(&self) -> Vec<Reified<T>> {
        let mut kept = self.kept();
        kept.epochs.clear();
        std::mem::take(&mut kept.rows)
    }
}

impl<T: Clone> Recorded<T> {
    /// All committed rows, in no particular order.
    pub fn rows(&self) -> Vec<Reified<T>> {
        self.kept().rows.clone()
    }

    /// The values of all committed rows, in no particular order.
    pub fn values(&self) -> Vec<T> {
        self.kept().rows.iter().map(|r| r.value.clone()).collect()
    }

    /// The values in order.
    pub fn sorted(&self) -> Vec<T>
    where
        T: Ord,
    {
        let mut values = self.values();
        values.sort();
        values
    }
}

/// Keeps everything that is written to it.
#[derive(Debug)]
pub struct Recorder<T> {
    recorded: Recorded<T>,
    window_fn: WindowFn,
}

impl<T> Recorder<T> {
    /// Records a collection; `window_fn` is its own, to name windows that follow from timestamps.
    pub fn new(window_fn: WindowFn) -> Self {
        Recorder {
            recorded: Recorded::default(),
            window_fn,
        }
    }

    /// Records where another did, as a program that goes on after a restart.
    pub fn into_recorded(recorded: &Recorded<T>, window_fn: WindowFn) -> Self {
        Recorder {
            recorded: recorded.clone(),
            window_fn,
        }
    }

    /// Where the rows can be seen.
    pub fn recorded(&self) -> Recorded<T> {
        self.recorded.clone()
    }
}

impl<T: Element> Sink<T> for Recorder<T> {
    type Staged = Vec<Reified<T>>;
    type Writer = RecorderWriter<T>;

    fn open(&self, _: Shard) -> Result<RecorderWriter<T>> {
        Ok(RecorderWriter {
            window_fn: self.window_fn,
            rows: Vec::new(),
        })
    }

    fn commit(&self, epoch: Epoch, staged: Vec<Vec<Reified<T>>>) -> Result<Committed> {
        let mut kept = self.recorded.kept();
        if !kept.epochs.insert(epoch) {
            return Ok(Committed::Before);
        }
        kept.rows.extend(staged.into_iter().flatten());
        Ok(Committed::Now)
    }

    fn observes_timestamps(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        "rows recorded for a test".to_string()
    }
}

/// Writes to a [`Recorder`].
#[derive(Debug)]
pub struct RecorderWriter<T> {
    window_fn: WindowFn,
    rows: Vec<Reified<T>>,
}

impl<T: Element> SinkWriter<T> for RecorderWriter<T> {
    type Staged = Vec<Reified<T>>;

    fn write(&mut self, batch: &Batch<T>) -> Result<()> {
        for (i, value) in batch.values().iter().enumerate() {
            let timestamp = batch.timestamp(i);
            let pane = batch.meta.panes.get(i);
            let mut row = |window| {
                self.rows.push(Reified {
                    value: value.clone(),
                    timestamp,
                    window,
                    pane,
                });
            };
            if batch.meta.implied {
                self.window_fn.assign(timestamp, row);
            } else {
                row(batch.meta.windows.get(i));
            }
        }
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<Vec<Reified<T>>>> {
        Ok(vec![std::mem::take(&mut self.rows)])
    }
}

/// Recording what a collection holds.
pub trait Collect<T> {
    /// Records the collection; the rows can be seen after the run.
    fn collect(self) -> Recorded<T>;
}

impl<T: Element> Collect<T> for PCollection<T> {
    #[track_caller]
    fn collect(self) -> Recorded<T> {
        let recorder = Recorder::new(self.windowing().window_fn);
        let recorded = recorder.recorded();
        let _ = self.write(recorder);
        recorded
    }
}

#[cfg(test)]
mod tests {
    //! An epoch is visible once, however often it is committed.
    use super::*;
    use whitebeam_sdk::Timestamp;

    #[test]
    fn an_epoch_that_is_committed_twice_is_recorded_once() {
        let recorder = Recorder::new(WindowFn::Global);
        let recorded = recorder.recorded();
        let mut writer = recorder.open(Shard { index: 0, of: 1 }).unwrap();
        let mut staged = |value: i64, epoch| {
            let mut batch = Batch::default();
            batch.push_at(value, Timestamp::from_secs(value));
            writer.write(&batch).unwrap();
            writer.stage(epoch).unwrap()
        };
        let (first, second) = (staged(1, Epoch(0)), staged(2, Epoch(1)));
        let commit = |epoch, rows: &Vec<_>| recorder.commit(epoch, rows.clone()).unwrap();
        assert!(!recorded.is_committed());
        assert_eq!(commit(Epoch(0), &first), Committed::Now);
        assert_eq!(commit(Epoch(0), &first), Committed::Before);
        assert_eq!(commit(Epoch(1), &second), Committed::Now);
        assert_eq!(commit(Epoch(0), &first), Committed::Before);
        assert_eq!(recorded.sorted(), [1, 2]);
    }
}
