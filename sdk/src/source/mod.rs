//! The source contract: splits, positions, watermarks, forced splits. One for files, logs and
//! splittable functions.
//!
//! Owns the traits that connectors implement, and the source of records in memory. No threads, no
//! async runtime: a reader is polled and never blocks for long.

mod memory;
mod script;
mod timing;

pub use memory::{EventTime, MemorySource, MemorySplit};
pub use script::ScriptEvent;
pub use timing::{Ordered, OutOfOrder, Stamped, Timing, Untimed};

use crate::batch::Batch;
use crate::element::{self, Element};
use crate::error::{Error, ErrorKind, Result};
use crate::time::{Demand, Duration, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether an input ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Boundedness {
    /// It ends.
    Bounded,
    /// It may go on for ever.
    Unbounded,
}

/// Where a reader stands inside its split: opaque bytes of the source's own.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Position(pub Vec<u8>);

impl Position {
    /// A position that is one number, such as an offset.
    pub fn at(offset: u64) -> Self {
        Position(offset.to_be_bytes().to_vec())
    }

    /// The number of a position made by [`Position::at`].
    pub fn offset(&self) -> Option<u64> {
        Some(u64::from_be_bytes(self.0.as_slice().try_into().ok()?))
    }
}

/// What a poll found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Poll {
    /// There may be more at once.
    More,
    /// Nothing now: the reader has caught up. Ask again not before this instant of processing time.
    /// A reader without a clock says [`Timestamp::MIN`], and the runner asks when it likes to, after
    /// a pause of its own.
    Idle(Timestamp),
    /// Nothing now, and whether there is anything is not known: the system that is read has not
    /// answered yet, or does not answer. Ask again as after [`Idle`](Self::Idle); but such a silence
    /// says nothing, neither that the split is idle nor that an input that ends has not got there.
    Waiting(Timestamp),
    /// The split is exhausted.
    End,
}

/// How far a reader has come, for progress display.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Progress {
    /// Bytes (or elements, for sources without bytes) read so far.
    pub done: u64,
    /// Bytes (or elements) of the split, where known.
    pub total: Option<u64>,
}

/// The rest of a split that another reader will take.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Residual {
    /// The encoded split.
    pub split: Vec<u8>,
    /// Not before this long from now.
    pub delay: Duration,
    /// Holds the watermark until it is read.
    pub hold: Timestamp,
}

impl Residual {
    /// The rest that `split` describes, to be read at once.
    pub fn of<S: Element>(split: &S, hold: Timestamp) -> Result<Self> {
        let mut bytes = Vec::new();
        element::encode(split, &mut bytes)?;
        Ok(Residual {
            split: bytes,
            delay: Duration::ZERO,
            hold,
        })
    }
}

/// Which promises about later elements a runner wants to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Watermarks {
    /// Also estimates, such as a bound of disorder that hardly any element breaks: what comes
    /// behind one is late.
    #[default]
    Estimated,
    /// None that input which is there already can break: everything is read before anything is
    /// called late. Batch runs say so.
    Certain,
}

/// How a reader should read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ReadOptions {
    /// How exactly consumers look at timestamps.
    pub demand: Demand,
    /// Which watermarks are wanted.
    pub watermarks: Watermarks,
    /// How many elements a poll should add at the most; `None` for as many as fill a batch.
    pub max_elements: Option<usize>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            demand: Demand::Exact,
            watermarks: Watermarks::default(),
            max_elements: None,
        }
    }
}

/// An input of a pipeline.
///
/// ```
/// use whitebeam_sdk::batch::{Batch, batch_len};
/// use whitebeam_sdk::source::{Poll, Position, ReadOptions, Reader, Source};
/// use whitebeam_sdk::{Pipeline, Result, Timestamp};
///
/// /// The numbers from 0 on, one a second.
/// struct Numbers {
///     up_to: u64,
/// }
///
/// impl Source for Numbers {
///     type Split = (u64, u64);
///     type Out = u64;
///
///     fn discover(&self, known: &[(u64, u64)], desired: usize) -> Result<Vec<(u64, u64)>> {
///         if !known.is_empty() {
///             return Ok(Vec::new());
///         }
///         let size = self.up_to.div_ceil(desired.max(1) as u64).max(1);
///         let starts = (0..self.up_to).step_by(size as usize);
///         Ok(starts.map(|from| (from, self.up_to.min(from + size))).collect())
///     }
///
///     fn open(
///         &self,
///         (from, to): (u64, u64),
///         at: Option<Position>,
///         options: &ReadOptions,
///     ) -> Result<Box<dyn Reader<u64>>> {
///         let next = at.and_then(|at| at.offset()).unwrap_or(from);
///         let most = options.max_elements.unwrap_or(batch_len::<u64>()).max(1) as u64;
///         Ok(Box::new(NumberReader { next, to, most }))
///     }
/// }
///
/// struct NumberReader {
///     next: u64,
///     to: u64,
///     most: u64,
/// }
///
/// impl Reader<u64> for NumberReader {
///     fn poll(&mut self, out: &mut Batch<u64>) -> Result<Poll> {
///         let end = self.to.min(self.next + self.most);
///         for n in self.next..end {
///             out.push_at(n, Timestamp::from_secs(n as i64));
///         }
///         self.next = end;
///         Ok(if end < self.to { Poll::More } else { Poll::End })
///     }
///
///     fn position(&self) -> Position {
///         Position::at(self.next)
///     }
/// }
///
/// let p = Pipeline::new();
/// let _numbers = p.read(Numbers { up_to: 10 });
/// ```
pub trait Source: Send + Sync + 'static {
    /// A unit of reading, such as a file, a byte range or a partition.
    type Split: Element;
    /// What it yields.
    type Out: Element;

    /// Splits that are not among `known`. A bounded source is asked once, an unbounded one again
    /// and again. `desired` is about how many splits keep all workers busy.
    fn discover(&self, known: &[Self::Split], desired: usize) -> Result<Vec<Self::Split>>;

    /// Opens a split at a position that one of its readers gave, or at its beginning.
    fn open(
        &self,
        split: Self::Split,
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<Self::Out>>>;

    /// Whether the input ends.
    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    /// Splits that [`discover`](Self::discover) found, each ending where its input ends now: for
    /// runs that read what is there and no more. Their ends are part of them, so that a run that
    /// goes on later ends at the same place.
    fn end_now(&self, splits: Vec<Self::Split>) -> Result<Vec<Self::Split>> {
        match self.boundedness() {
            Boundedness::Bounded => Ok(splits),
            Boundedness::Unbounded => Err(Error::new(
                ErrorKind::Unsupported,
                format!("{} has no present end", self.describe()),
            )
            .help("choose the streaming runner, without --until-end")),
        }
    }

    /// How long one of its splits may have nothing before the others go on without it: a runner in
    /// real time then leaves the split's watermark out of the source's, until it has elements
    /// again. `None` waits for every split for ever. Only a reader that has caught up is silent, not
    /// one that is [`Waiting`](Poll::Waiting).
    fn idle_after(&self) -> Option<Duration> {
        None
    }

    /// A checkpoint is published that goes on at these positions: for systems that show others how
    /// far their readers have come. Nothing depends on it: an error is logged.
    fn checkpointed(&self, at: &[(Self::Split, Position)]) -> Result<()> {
        let _ = at;
        Ok(())
    }

    /// What is played instead of reading splits, for inputs of tests; see [`ScriptEvent`].
    fn script(&self) -> Option<Vec<ScriptEvent<Batch<Self::Out>>>> {
        None
    }

    /// For `explain`, such as `text files orders/*.csv`.
    fn describe(&self) -> String {
        std::any::type_name::<Self>().to_string()
    }

    /// For progress and errors, such as `orders.csv bytes 0..1000`.
    fn describe_split(&self, split: &Self::Split) -> String {
        let _ = split;
        self.describe()
    }
}

/// Reads one split.
pub trait Reader<T>: Send {
    /// Appends up to a batch of elements to `out`. Never waits for input that is not there.
    fn poll(&mut self, out: &mut Batch<T>) -> Result<Poll>;
    /// Where the next poll will go on.
    fn position(&self) -> Position;
    /// No further element before this instant comes from this split. A source without own times
    /// says [`Timestamp::MIN`] until its end. A reader that was opened at a position may begin with
    /// less than the reader that gave the position had promised: what was promised stays true.
    fn watermark(&self) -> Timestamp {
        Timestamp::MIN
    }
    /// How far it has come.
    fn progress(&self) -> Progress {
        Progress::default()
    }
    /// Elements that are there and were not read yet, where that can be said without reading them.
    /// Asked now and then by who watches a run, not per batch.
    fn backlog(&self) -> Option<u64> {
        None
    }
    /// For how long what is there cannot be read because the system that is read has not decided on
    /// it, such as a transaction that somebody has left open. Asked now and then, as
    /// [`backlog`](Self::backlog).
    fn held_back(&self) -> Option<Duration> {
        None
    }
    /// Gives up the part of the split behind `fraction` of what is left (0 = stop here), if it can.
    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        let _ = fraction;
        Ok(None)
    }
    /// The last position in words, for errors, such as `line 17`.
    fn describe_position(&self) -> String {
        String::new()
    }
}
