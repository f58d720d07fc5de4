//! The contracts are kept by what is in memory, and each promise is missed where it is broken.

use super::*;
use crate::{Recorded, Recorder};
use std::sync::{Arc, Mutex};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::source::{MemorySource, Poll, Position, ReadOptions, Reader, Residual, Source};
use whitebeam_sdk::time::seconds;
use whitebeam_sdk::window::WindowFn;
use whitebeam_sdk::{Result, Timestamp};

#[derive(Default)]
struct Rows(Recorded<u64>);

impl SinkTarget<u64> for Rows {
    type Sink = Recorder<u64>;

    fn sink(&self) -> Recorder<u64> {
        Recorder::into_recorded(&self.0, WindowFn::Global)
    }

    fn seen(&self) -> Result<Vec<u64>> {
        Ok(self.0.values())
    }
}

const VALUES: [u64; 7] = [1, 2, 3, 4, 5, 6, 7];

#[test]
fn a_recorder_keeps_the_contract_of_sinks() {
    sink(Rows::default, &VALUES).unwrap();
}

#[test]
fn records_in_memory_keep_the_contract_of_sources() {
    let numbers: Vec<u64> = (0..50).collect();
    let time = |n: &u64| Timestamp::from_secs(*n as i64);
    source(&MemorySource::new(numbers.clone())).unwrap();
    source(
        &MemorySource::new(numbers.clone())
            .event_time(time)
            .ordered(),
    )
    .unwrap();
    let mut disordered = numbers;
    disordered.chunks_mut(4).for_each(<[u64]>::reverse);
    let disordered = MemorySource::new(disordered).event_time(time);
    let disordered = disordered.bounded_out_of_orderness(seconds(3));
    assert_eq!(source(&disordered).unwrap().concat().len(), 50);
}

/// What is wrong with a connector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    Nothing,
    FoundTwice,
    TooMany,
    PositionBefore,
    PositionBehind,
    WatermarkBack,
    WatermarkEarly,
    SplitLoses,
    SplitOverlaps,
    SeenEarly,
    CommitTwice,
    ForgottenByOthers,
    AbortShows,
    UnstagedStaged,
}

use Wrong::*;

/// The numbers 0..20, one a second.
struct Numbers(Wrong);

struct NumberReader {
    wrong: Wrong,
    next: u64,
    end: u64,
    polls: u64,
    most: u64,
}

impl Source for Numbers {
    type Split = (u64, u64);
    type Out = u64;

    fn discover(&self, known: &[(u64, u64)], _: usize) -> Result<Vec<(u64, u64)>> {
        Ok(match known.is_empty() || self.0 == FoundTwice {
            true => vec![(0, 20)],
            false => vec![],
        })
    }

    fn boundedness(&self) -> whitebeam_sdk::source::Boundedness {
        whitebeam_sdk::source::Boundedness::Unbounded
    }

    fn open(
        &self,
        (from, to): (u64, u64),
        at: Option<Position>,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader<u64>>> {
        let mut bytes = at.as_ref().map(|at| at.0.as_slice());
        let (next, end) = match &mut bytes {
            Some(bytes) => element::decode(bytes)?,
            None => (from, to),
        };
        Ok(Box::new(NumberReader {
            wrong: self.0,
            next,
            end,
            polls: 0,
            most: options.max_elements.unwrap_or(5) as u64,
        }))
    }
}

impl Reader<u64> for NumberReader {
    fn poll(&mut self, out: &mut Batch<u64>) -> Result<Poll> {
        self.polls += 1;
        let most = self.most + u64::from(self.wrong == TooMany);
        let to = self.end.min(self.next + most);
        for n in self.next..to {
            out.push_at(n, Timestamp::from_secs(n as i64));
        }
        self.next = self.next.max(to);
        Ok(match self.next < self.end {
            true => Poll::More,
            false => Poll::End,
        })
    }

    fn position(&self) -> Position {
        let next = match self.wrong {
            PositionBefore => self.next.saturating_sub(1),
            PositionBehind => self.next + 1,
            _ => self.next,
        };
        let mut bytes = Vec::new();
        element::encode(&(next, self.end), &mut bytes).unwrap();
        Position(bytes)
    }

    fn watermark(&self) -> Timestamp {
        let next = Timestamp::from_secs(self.next as i64);
        match self.wrong {
            WatermarkBack if self.polls % 3 == 2 => next - seconds(5),
            WatermarkEarly => next + seconds(1),
            _ => next,
        }
    }

    fn try_split(&mut self, fraction: f64) -> Result<Option<Residual>> {
        let left = self.end.saturating_sub(self.next) as f64;
        let at = self.next + (left * fraction) as u64;
        let given = match self.wrong {
            SplitLoses => (at + 1, self.end),
            SplitOverlaps => (at.saturating_sub(1), self.end),
            _ => (at, self.end),
        };
        self.end = at;
        let hold = Timestamp::from_secs(given.0 as i64);
        Residual::of(&given, hold).map(Some)
    }
}

#[test]
fn whatever_is_wrong_with_a_source_is_told() {
    assert_eq!(source(&Numbers(Nothing)).unwrap().concat().len(), 20);
    for wrong in [
        FoundTwice,
        TooMany,
        PositionBefore,
        PositionBehind,
        WatermarkBack,
        WatermarkEarly,
        SplitLoses,
        SplitOverlaps,
    ] {
        assert!(source(&Numbers(wrong)).is_err(), "{wrong:?}");
    }
}

type Shelf = Arc<Mutex<(Vec<u64>, Vec<u64>)>>;

/// Values and the epochs that are on the shelf.
struct Shelves(Wrong, Shelf);

/// Its writer keeps what it was given in what it stages.
struct ShelfSink {
    wrong: Wrong,
    shelf: Shelf,
    own: Mutex<Vec<u64>>,
    unstaged: Arc<Mutex<Vec<u64>>>,
}

struct ShelfWriter {
    wrong: Wrong,
    shelf: Shelf,
    unstaged: Arc<Mutex<Vec<u64>>>,
    values: Vec<u64>,
}

impl SinkTarget<u64> for Shelves {
    type Sink = ShelfSink;

    fn sink(&self) -> ShelfSink {
        ShelfSink {
            wrong: self.0,
            shelf: Arc::clone(&self.1),
            own: Mutex::default(),
            unstaged: Arc::default(),
        }
    }

    fn seen(&self) -> Result<Vec<u64>> {
        Ok(self.1.lock().unwrap().0.clone())
    }
}

impl Sink<u64> for ShelfSink {
    type Staged = Vec<u64>;
    type Writer = ShelfWriter;

    fn open(&self, _: Shard) -> Result<ShelfWriter> {
        Ok(ShelfWriter {
            wrong: self.wrong,
            shelf: Arc::clone(&self.shelf),
            unstaged: Arc::clone(&self.unstaged),
            values: Vec::new(),
        })
    }

    fn prepare(&self, _: Epoch, staged: &[Vec<u64>]) -> Result<()> {
        *self.own.lock().unwrap() = staged.concat();
        Ok(())
    }

    fn commit(&self, epoch: Epoch, staged: Vec<Vec<u64>>) -> Result<Committed> {
        let mut own = self.own.lock().unwrap();
        let mut shelf = self.shelf.lock().unwrap();
        let is_known = match self.wrong {
            CommitTwice => false,
            ForgottenByOthers => own.contains(&epoch.0),
            _ => shelf.1.contains(&epoch.0),
        };
        if is_known {
            return Ok(Committed::Before);
        }
        shelf.1.push(epoch.0);
        own.push(epoch.0);
        shelf.0.extend(staged.concat());
        if self.wrong == UnstagedStaged {
            shelf.0.append(&mut self.unstaged.lock().unwrap());
        }
        Ok(Committed::Now)
    }

    fn abort(&self) {
        if self.wrong == AbortShows {
            let own = self.own.lock().unwrap();
            self.shelf.lock().unwrap().0.extend(own.iter());
        }
    }
}

impl SinkWriter<u64> for ShelfWriter {
    type Staged = Vec<u64>;

    fn write(&mut self, batch: &Batch<u64>) -> Result<()> {
        self.values.extend(batch.values());
        if self.wrong == SeenEarly {
            self.shelf.lock().unwrap().0.extend(batch.values());
            self.values.clear();
        }
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<Vec<u64>>> {
        Ok(vec![std::mem::take(&mut self.values)])
    }
}

impl Drop for ShelfWriter {
    fn drop(&mut self) {
        self.unstaged.lock().unwrap().append(&mut self.values);
    }
}

#[test]
fn whatever_is_wrong_with_a_sink_is_told() {
    let check = |wrong| sink(|| Shelves(wrong, Shelf::default()), &VALUES);
    check(Nothing).unwrap();
    for wrong in [
        SeenEarly,
        CommitTwice,
        ForgottenByOthers,
        AbortShows,
        UnstagedStaged,
    ] {
        assert!(check(wrong).is_err(), "{wrong:?}");
    }
}
