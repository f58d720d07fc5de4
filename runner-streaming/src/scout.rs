//! `Scout`: looks for splits that were not there when the run began, such as new partitions.
//!
//! Owns when it looks, and which worker reads what it finds. Does not remember anything: a split that
//! was found and is in no checkpoint yet is found again by the next run. Invariant: a split goes to
//! one worker, and to one whose own input has not ended.

use crate::clock::Clock;
use crate::control::Control;
use crate::exchange::Bell;
use crate::machine::{Machine, Turn};
use crate::snapshot::SplitSnapshot;
use crate::{splits, told};
use std::sync::Arc;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::erase::ErasedSource;

/// A source that may get more splits.
pub(crate) struct Watched {
    path: String,
    source: Arc<dyn ErasedSource>,
    /// Every split that was ever read, encoded.
    known: Vec<Vec<u8>>,
    /// Workers that have read it from the start: the first so many.
    readers: usize,
}

impl Watched {
    /// The source at `path`, whose splits are `live`, beside those that have `ended`.
    pub(crate) fn new(
        path: &str,
        source: &Arc<dyn ErasedSource>,
        live: &[SplitSnapshot],
        ended: &[SplitSnapshot],
        workers: usize,
    ) -> Self {
        let known = live.iter().chain(ended);
        Watched {
            path: path.to_owned(),
            source: Arc::clone(source),
            known: known.map(|split| split.split.clone()).collect(),
            readers: workers.min(live.len()),
        }
    }
}

/// Looks for new splits, again and again.
pub(crate) struct Scout<E> {
    clock: Clock<E>,
    control: Arc<Control>,
    bell: Arc<Bell>,
    watched: Vec<Watched>,
    every: Duration,
    next: Duration,
}

impl<E: Env> Scout<E> {
    /// Looks every so often; the first time is not now. None if there is nothing to look for.
    pub(crate) fn new(
        env: E,
        control: Arc<Control>,
        bell: Arc<Bell>,
        watched: Vec<Watched>,
        every: Duration,
    ) -> Option<Self> {
        let watched: Vec<Watched> = watched.into_iter().filter(|w| w.readers > 0).collect();
        let clock = Clock::new(env);
        (!watched.is_empty()).then(|| Scout {
            next: clock.monotonic() + every,
            clock,
            control,
            bell,
            watched,
            every,
        })
    }

    fn look(&mut self) {
        for watched in &mut self.watched {
            let found = catch(|| watched.source.discover(&watched.known, watched.readers));
            let found = match found.and_then(|found| found) {
                Ok(found) => found,
                Err(e) => {
                    told::not_found(&watched.path, &e);
                    continue;
                }
            };
            for split in found {
                let worker = watched.known.len() % watched.readers;
                watched.known.push(split.clone());
                let mut split = splits::fresh(split);
                split.name = watched.source.describe_split(&split.split);
                told::assigned(&watched.path, &split, worker);
                self.control.assign(worker, watched.path.clone(), split);
            }
        }
    }
}

impl<E: Env> Machine for Scout<E> {
    fn turn(&mut self) -> Turn {
        if self.control.orders().stop {
            return Turn::Over;
        }
        self.clock.read();
        let now = self.clock.monotonic();
        if now < self.next {
            return Turn::Idle(Some(self.next - now));
        }
        self.look();
        self.next = self.clock.monotonic() + self.every;
        Turn::Worked
    }

    fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }
}
