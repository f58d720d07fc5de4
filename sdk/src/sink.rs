//! The sink contract: stage per epoch, commit idempotently by epoch.
//!
//! Owns the traits that connectors implement. The runner owns the log of what was staged, and
//! commits an epoch only when it is durable; in batch there is one epoch.

use crate::batch::Batch;
use crate::element::Element;
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// Number of a checkpoint; batch runs have the single epoch 0.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

/// Which of several parallel writers this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

/// What a commit did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Committed {
    /// The outputs became visible now.
    Now,
    /// They were visible already: the same epoch was committed before.
    Before,
}

/// An output of a pipeline.
pub trait Sink<T: Element>: Send + Sync + 'static {
    /// What a commit needs to know of one staged part, such as a temporary file's name.
    type Staged: Element;
    /// Writes one shard.
    type Writer: SinkWriter<T, Staged = Self::Staged>;

    /// Opens a writer; nothing it writes is visible before its epoch is committed.
    fn open(&self, shard: Shard) -> Result<Self::Writer>;
    /// The last epoch that is visible, if any, and stays so: what was staged for it is given up then,
    /// and no crash may take it back.
    fn recover(&self) -> Result<Option<Epoch>> {
        Ok(None)
    }
    /// Does everything that [`Sink::commit`] will need and that can fail (room, permission, locks,
    /// names that are taken), and shows nothing yet. A run that shows several sinks at its end calls
    /// it for all of them before it commits any. A commit does not rely on it.
    fn prepare(&self, epoch: Epoch, staged: &[Self::Staged]) -> Result<()> {
        let _ = (epoch, staged);
        Ok(())
    }
    /// Waits until everything has arrived that its writers sent at once, up to what they staged for
    /// `epoch`. Called before the checkpoint of the epoch is published: what a sink shows without a
    /// commit must be there before the input that it was made of is given up. An error of kind
    /// `Unavailable` fails the checkpoint and not the run; the call is made again for the next.
    fn settle(&self, epoch: Epoch) -> Result<()> {
        let _ = epoch;
        Ok(())
    }
    /// Makes everything staged in `epoch` visible, or nothing. Repeating it changes nothing.
    fn commit(&self, epoch: Epoch, staged: Vec<Self::Staged>) -> Result<Committed>;
    /// The input has ended and every epoch is committed. Called once, by runs that come to an end
    /// without an error.
    fn finish(&self) -> Result<()> {
        Ok(())
    }
    /// Removes what was staged and prepared and will never be committed. Best effort.
    fn abort(&self) {}
    /// The writer looks at timestamps and windows, not only at values.
    fn observes_timestamps(&self) -> bool {
        false
    }
    /// For `explain`.
    fn describe(&self) -> String {
        std::any::type_name::<Self>().to_string()
    }
}

/// Writes one shard of a sink.
pub trait SinkWriter<T>: Send {
    /// See [`Sink::Staged`].
    type Staged: Element;
    /// Takes a batch.
    fn write(&mut self, batch: &Batch<T>) -> Result<()>;
    /// Ends `epoch`: everything written since the last call is safe to commit later.
    fn stage(&mut self, epoch: Epoch) -> Result<Vec<Self::Staged>>;
    /// Bytes that lie in memory: written and not staged yet, or sent and not arrived yet. While
    /// there are many, a runner reads no more.
    fn pending(&self) -> u64 {
        0
    }
    /// How many of these bytes the end of an epoch stages: all, unless they are sent at once. While
    /// there are many, a runner ends epochs before their time.
    fn unstaged(&self) -> u64 {
        self.pending()
    }
}
