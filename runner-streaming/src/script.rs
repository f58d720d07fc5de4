//! `Cue`: a scripted input, played event by event.
//!
//! Owns which events were released by whoever conducts the run, and a reader that gives those and no
//! more. A reader's position is the number of events it has given, so that a run that is restarted
//! goes on with the event after its checkpoint.

use crate::exchange::Bell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::erase::{ErasedBatch, ErasedReader, ErasedSource};
use whitebeam_sdk::source::{Poll, Position, Progress, Residual, ScriptEvent};
use whitebeam_sdk::{Duration, Error, Result, Timestamp};

type Event = ScriptEvent<Box<dyn ErasedBatch>>;

struct State {
    events: Vec<Event>,
    given: usize,
    released: usize,
    bell: Option<Arc<Bell>>,
}

/// A scripted input, between who plays it and who conducts.
#[derive(Clone)]
pub(crate) struct Cue(Arc<Mutex<State>>);

impl std::fmt::Debug for Cue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        let (given, all) = (state.given, state.events.len());
        write!(f, "Cue({given} of {all} events given)")
    }
}

/// What is released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Released {
    /// An event that the input gives.
    Event,
    /// Processing time moves on, for all.
    Time(Duration),
}

impl Cue {
    /// The script of `source`, if it has one; `given` of its events were given before.
    pub(crate) fn of(source: &dyn ErasedSource, given: Option<&Position>) -> Option<Self> {
        let given = given.and_then(Position::offset).unwrap_or(0) as usize;
        Some(Cue(Arc::new(Mutex::new(State {
            events: source.script()?,
            given,
            released: given,
            bell: None,
        }))))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can fail while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next event may be given; none if there is none.
    pub(crate) fn release(&self) -> Option<Released> {
        let mut state = self.lock();
        let released = match state.events.get(state.released)? {
            ScriptEvent::ProcessingTime(by) => Released::Time(*by),
            _ => Released::Event,
        };
        state.released += 1;
        state.ring();
        Some(released)
    }

    /// The input may end.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.released = usize::MAX;
        state.ring();
    }

    /// Something is released that was not given.
    pub(crate) fn is_due(&self) -> bool {
        let state = self.lock();
        state.given < state.released
    }

    /// The reader, for the worker with this bell.
    pub(crate) fn reader(&self, bell: &Arc<Bell>) -> Box<dyn ErasedReader> {
        self.lock().bell = Some(Arc::clone(bell));
        Box::new(CueReader {
            cue: self.clone(),
            watermark: Timestamp::MIN,
        })
    }
}

impl State {
    fn ring(&self) {
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }
}

struct CueReader {
    cue: Cue,
    watermark: Timestamp,
}

impl ErasedReader for CueReader {
    fn poll(&mut self, out: &mut dyn ErasedBatch) -> Result<Poll> {
        let mut state = self.cue.lock();
        let given = state.given;
        let Some(event) = state.events.get_mut(given) else {
            return Ok(Poll::End);
        };
        match event {
            ScriptEvent::Elements(batch) => out.append(batch.as_mut()),
            ScriptEvent::Watermark(to) if *to < self.watermark => {
                let e = Error::data("a watermark cannot move back")
                    .note(format!("it was {} and would become {to}", self.watermark))
                    .help(
                        "let the script's watermarks rise; late elements need no other watermark",
                    );
                return Err(e);
            }
            ScriptEvent::Watermark(to) => self.watermark = *to,
            ScriptEvent::ProcessingTime(by) if !by.is_positive() => {
                let e = Error::data(format!("processing time cannot move on by {by}"));
                return Err(e.help("say how far it moves on, such as `+5s`"));
            }
            ScriptEvent::ProcessingTime(_) | ScriptEvent::Pass => {}
        }
        state.given += 1;
        Ok(Poll::More)
    }

    fn position(&self) -> Position {
        Position::at(self.cue.lock().given as u64)
    }

    fn watermark(&self) -> Timestamp {
        self.watermark
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }

    fn backlog(&self) -> Option<u64> {
        None
    }

    fn held_back(&self) -> Option<Duration> {
        None
    }

    fn try_split(&mut self, _: f64) -> Result<Option<Residual>> {
        Ok(None)
    }

    fn describe_position(&self) -> String {
        format!("event {}", self.cue.lock().given)
    }
}
