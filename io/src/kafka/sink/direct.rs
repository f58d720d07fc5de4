//! `Direct`: a producer that sends at once, without transactions.
//!
//! Owns what at-least-once and at-most-once have in common: what is on its way, and that a record
//! which did not arrive is never forgotten. Shared by the writers of a run. Invariant: after a record
//! was lost, every call says so.

use super::error::undelivered;
use super::place::{Place, Wait};
use super::staged::Encoded;
use super::transaction::with_room;
use crate::kafka::client::{ClientError, Failure, Producer, ProducerOptions};
use crate::kafka::error::failed;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use whitebeam_sdk::Result;

/// How long a producer is asked at once for what became of records.
const ASK: Duration = Duration::from_millis(10);

/// A producer that writers share.
pub(super) struct Direct {
    place: Place,
    patience: Duration,
    line: Mutex<Line>,
}

/// What was sent.
pub(super) struct Line {
    producer: Box<dyn Producer>,
    lost: Option<ClientError>,
    /// Records that were sent, with their bytes, and how many have arrived.
    sent: u64,
    bytes: u64,
    arrived: u64,
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Direct({})", self.place.topic)
    }
}

impl Direct {
    pub(super) fn new(place: Place, patience: Duration) -> Result<Self> {
        let producer = place.client.producer(&ProducerOptions {
            transactional_id: None,
            transaction_timeout: patience,
        });
        let producer = producer.map_err(|e| failed(&place.client.describe(), &place.topic, e))?;
        Ok(Direct {
            place,
            patience,
            line: Mutex::new(Line {
                producer,
                lost: None,
                sent: 0,
                bytes: 0,
                arrived: 0,
            }),
        })
    }

    /// What was sent, for one caller at a time; after a panic elsewhere it is still counted right.
    pub(super) fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a record, and waits for room.
    pub(super) fn send(&self, line: &mut Line, record: &Encoded<'_>) -> Result<()> {
        // Asking the clock for every record would cost more than the record's way into the queue.
        let (mut until, mut wait) = (None, None);
        loop {
            self.is_sound(line)?;
            match line.producer.send(&record.to(&self.place.topic)) {
                Ok(()) => {
                    let bytes = [record.key, record.value].into_iter().flatten();
                    line.bytes += bytes.map(|part| part.len() as u64).sum::<u64>();
                    line.sent += 1;
                    return Ok(());
                }
                Err(e) if e.failure == Failure::Full => self.make_room(line, &mut wait)?,
                Err(e) => {
                    let until = *until.get_or_insert_with(|| self.place.until(self.patience));
                    if !self.place.may_try_again(&e, until) {
                        return Err(self.failed(e));
                    }
                }
            }
        }
    }

    /// Waits until a good part of the queue is free.
    /// `wait` ends where nothing was heard for too long, however often this is called.
    fn make_room<'a>(&'a self, line: &mut Line, wait: &mut Option<Wait<'a>>) -> Result<()> {
        let enough = with_room(line.producer.in_flight());
        let patient = || self.place.wait(self.place.until(self.patience));
        loop {
            if line.hear(ASK) {
                *wait = Some(patient());
            } else {
                let wait = wait.get_or_insert_with(patient);
                wait.tick("send records").map_err(|e| self.failed(e))?;
            }
            self.is_sound(line)?;
            if line.producer.in_flight() <= enough {
                return Ok(());
            }
        }
    }

    fn failed(&self, e: ClientError) -> whitebeam_sdk::Error {
        let cluster = self.place.client.describe();
        match e.failure {
            Failure::TooLarge
            | Failure::Fatal
            | Failure::Fenced
            | Failure::Abortable
            | Failure::Corrupt => undelivered(&self.at(), e),
            _ => failed(&cluster, &self.place.topic, e),
        }
    }

    fn at(&self) -> String {
        format!(
            "topic `{}` at {}",
            self.place.topic,
            self.place.client.describe()
        )
    }

    /// Nothing was lost so far.
    fn is_sound(&self, line: &Line) -> Result<()> {
        match &line.lost {
            Some(e) => Err(undelivered(&self.at(), e.clone())),
            None => Ok(()),
        }
    }

    /// Hears what has arrived, without waiting.
    pub(super) fn hear(&self) -> Result<()> {
        let mut line = self.line();
        line.hear(Duration::ZERO);
        self.is_sound(&line)
    }

    /// Waits until everything has arrived.
    pub(super) fn settle(&self) -> Result<()> {
        let mut line = self.line();
        let mut wait = self.place.wait(self.place.until(self.patience));
        loop {
            let told = line.hear(ASK);
            self.is_sound(&line)?;
            if line.arrived >= line.sent {
                return Ok(());
            }
            match told {
                true => wait = self.place.wait(self.place.until(self.patience)),
                false => wait.tick("deliver records").map_err(|e| self.failed(e))?,
            }
        }
    }

    /// Bytes that are on their way.
    pub(super) fn pending(&self) -> u64 {
        let mut line = self.line();
        line.hear(Duration::ZERO);
        let waiting = line.sent.saturating_sub(line.arrived);
        // Records are taken to be as long as they are on average.
        waiting * (line.bytes / line.sent.max(1))
    }
}

impl Line {
    /// Hears what became of records; whether anything was told.
    fn hear(&mut self, within: Duration) -> bool {
        let report = self.producer.deliveries(within);
        self.arrived += report.delivered;
        let is_lost = !report.failed.is_empty();
        if self.lost.is_none() {
            self.lost = report.failed.into_iter().next();
        }
        is_lost || report.delivered > 0
    }
}
