//! `Engine`: anything that can be driven through the steps of a grouping.

use whitebeam_sdk::erase::Dropped;
use whitebeam_sdk::{Duration, Result, Timestamp};
use whitebeam_testkit::oracle::{Action, Outcome, PaneRecord};

/// An element of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element {
    /// Grouped by.
    pub key: u64,
    /// Its event time.
    pub timestamp: Timestamp,
    /// What is gathered.
    pub value: i64,
}

/// A pane of some key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyPane {
    /// The key.
    pub key: u64,
    /// What was emitted.
    pub pane: PaneRecord,
}

/// What one call brought about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Happened {
    /// Panes, in the order of their emission.
    pub panes: Vec<KeyPane>,
    /// What was dropped.
    pub dropped: Dropped,
}

/// A grouping of `u64` keys and `i64` values into lists. Both clocks start at the beginning of
/// time.
pub trait Engine {
    /// One bundle.
    fn bundle(&mut self, elements: &[Element]) -> Result<Happened>;
    /// The input watermark reaches `to`.
    fn watermark(&mut self, to: Timestamp) -> Result<Happened>;
    /// Processing time is `now`.
    fn processing_time(&mut self, now: Timestamp) -> Result<Happened>;
    /// Something else holds the output watermark at `at`.
    fn hold(&mut self, at: Option<Timestamp>);
    /// Where the output watermark stands.
    fn output_watermark(&self) -> Timestamp;
}

/// An engine with the clock of a scenario, which starts at 0.
pub struct Driven<E> {
    /// What is driven.
    pub engine: E,
    now: Timestamp,
}

impl<E> std::fmt::Debug for Driven<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Driven(at {:?})", self.now)
    }
}

impl<E: Engine> Driven<E> {
    /// Drives a new engine; its processing time becomes 0.
    pub fn new(mut engine: E) -> Result<Self> {
        let now = Timestamp::from_micros(0);
        engine.processing_time(now)?;
        Ok(Driven { engine, now })
    }

    /// Drives an engine whose processing time is `now` already.
    pub fn at(engine: E, now: Timestamp) -> Self {
        Driven { engine, now }
    }

    /// Processing time has been moved to `now` by other means.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Takes one action; `key_of` says which key the nth element of a bundle has.
    pub fn act(&mut self, action: &Action, key_of: impl Fn(usize) -> u64) -> Result<Happened> {
        match action {
            Action::Bundle(timestamps) => {
                let element = |(n, &t): (usize, &i64)| Element {
                    key: key_of(n),
                    timestamp: Timestamp::from_micros(t),
                    value: t,
                };
                let elements: Vec<_> = timestamps.iter().enumerate().map(element).collect();
                self.engine.bundle(&elements)
            }
            Action::Watermark(to) => self.engine.watermark(Timestamp::from_micros(*to)),
            Action::AdvanceProcessingTime(by) => {
                self.now = self.now + Duration::from_micros(*by);
                self.engine.processing_time(self.now)
            }
        }
    }

    /// Takes one action of a scenario, which has one key.
    pub fn answer(&mut self, action: &Action) -> Result<Outcome> {
        let happened = self.act(action, |_| 0)?;
        Ok(Outcome {
            panes: happened.panes.into_iter().map(|p| p.pane).collect(),
            dropped_late: happened.dropped.late,
            dropped_closed: happened.dropped.closed,
            output_watermark: self.engine.output_watermark().micros(),
        })
    }
}
