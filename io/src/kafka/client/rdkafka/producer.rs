//! `Writer`: a producer of librdkafka.
//!
//! Owns the calls of transactions, and that an answer that did not come in time is no answer. Does not
//! own what is done then, nor the thread on which these calls are made, for they may not return
//! (`apart`). Invariant: dropped, it sends nothing of its own accord: no flush, no abort.

use super::super::{
    ClientError, Deliveries, Failure, NewRecord, Producer, ProducerOptions, Result,
};
use super::apart::{Apart, Heard, Limits};
use super::ask::{Until, without_answer};
use super::deliveries::Writing;
use super::failure;
use super::settings::Settings;
use super::watch::Watch;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::sync::Arc;
use std::time::Duration;

/// librdkafka's calls wait without listening to it; so long at a time, at first and at last. A call
/// that is made again also looks at once whether the coordinator can be talked to: librdkafka itself,
/// where its connection came a moment too late, looks again after half a second.
const SLICE: Duration = Duration::from_millis(20);
const LONG_SLICE: Duration = Duration::from_millis(200);
const TICK: Duration = Duration::from_millis(1);
/// Before a call is made again that the cluster was too busy for.
const BREATH: Duration = Duration::from_millis(20);

pub(super) struct Writer(Apart<BaseProducer<Writing>, KafkaResult<()>>);

impl Writer {
    pub(super) fn new(
        settings: &Arc<Settings>,
        of: &ProducerOptions,
        limits: Limits,
    ) -> Result<Self> {
        let watch = Arc::new(Watch::new(Arc::clone(settings)));
        let producer: BaseProducer<Writing> = settings
            .writing(of)
            .create_with_context(Writing::new(watch))
            .map_err(|e| settings.refused(&e))?;
        let id = of.transactional_id.as_deref().unwrap_or_default();
        Apart::new(producer, id, limits)
            .map(Writer)
            .map_err(|e| ClientError::new(Failure::Fatal, "start a thread", e.to_string()))
    }

    fn producer(&self) -> &BaseProducer<Writing> {
        self.0.get()
    }

    fn context(&self) -> &Writing {
        self.producer().client().context()
    }

    fn watch(&self) -> &Watch {
        &self.context().watch
    }

    /// What an error of a transaction's call means.
    fn failed(&self, action: &str, e: &KafkaError) -> ClientError {
        let failure = match e {
            KafkaError::Transaction(e) => failure::of_transaction(e),
            KafkaError::Flush(_) => Failure::Unknown,
            other => failure::of(other),
        };
        let mut said = e.to_string();
        if let Some((code, why)) = self.producer().client().fatal_error() {
            said = format!("{said} ({code}: {why})");
        }
        self.watch().error_of(failure, action, &said)
    }

    /// Makes a call of a transaction, which may not return. What it came to is unknown then: as long
    /// as it may return the same call can be made again, and later nothing any more.
    fn call(
        &mut self,
        action: &'static str,
        takes: Duration,
        until: Until,
        call: fn(&BaseProducer<Writing>, Duration) -> KafkaResult<()>,
    ) -> Result<()> {
        let (failure, said) = match self.0.call(action, takes, until, move |p| call(p, takes)) {
            Heard::Answer(answer) => return answer.map_err(|e| self.failed(action, &e)),
            Heard::Nothing => (
                Failure::Unknown,
                "the call has not returned in time".to_owned(),
            ),
            Heard::GivenUp(after) => {
                let seconds = after.as_secs_f64();
                let said = format!("the call has not returned in {seconds:.1} s");
                (Failure::Fatal, said)
            }
        };
        Err(self.watch().error_of(failure, action, &said))
    }

    /// Makes a call again and again until there is an answer: librdkafka goes on where it was.
    fn insist(
        &mut self,
        action: &'static str,
        until: Until,
        may_give_up: bool,
        call: fn(&BaseProducer<Writing>, Duration) -> KafkaResult<()>,
    ) -> Result<()> {
        let mut slice = SLICE;
        loop {
            let takes = slice.min(until.left());
            slice = (slice * 2).min(LONG_SLICE);
            let e = match self.call(action, takes, until, call) {
                Ok(()) => {
                    self.watch().well();
                    return Ok(());
                }
                Err(e) => e,
            };
            self.producer().poll(if e.failure == Failure::Retriable {
                BREATH.min(until.left())
            } else {
                TICK
            });
            if !matches!(e.failure, Failure::Unknown | Failure::Retriable) {
                return Err(e);
            }
            if may_give_up && let Some(e) = without_answer(self.watch(), action, until) {
                return Err(e);
            }
            if until.is_over() {
                return Err(e);
            }
        }
    }

    /// Waits until all records are where they belong, or will never be.
    fn drain(&self, action: &str, until: Until) -> Result<()> {
        while self.in_flight() > 0 {
            if until.is_over() {
                let said = format!("{} records are not delivered yet", self.in_flight());
                return Err(self.watch().error_of(Failure::Unknown, action, &said));
            }
            self.producer().poll(TICK);
        }
        Ok(())
    }
}

impl Producer for Writer {
    fn send(&mut self, record: &NewRecord<'_>) -> Result<()> {
        let action = "send a record";
        let refuse = |said: &str| ClientError::new(Failure::Invalid, action, said);
        let partition = i32::try_from(record.partition)
            .map_err(|_| refuse("no partition has such a number"))?;
        let mut new = BaseRecord::<[u8], [u8]>::to(record.topic).partition(partition);
        new.key = record.key;
        new.payload = record.value;
        if let Some(time) = record.timestamp {
            let millis = time.micros().div_euclid(1000);
            if millis < 0 {
                return Err(refuse("the timestamp is before 1970"));
            }
            // To librdkafka zero means now.
            new.timestamp = Some(millis.max(1));
        }
        self.producer().send(new).map_err(|(e, _)| {
            self.watch()
                .error_of(failure::of(&e), action, &e.to_string())
        })
    }

    fn in_flight(&self) -> usize {
        usize::try_from(self.producer().in_flight_count()).unwrap_or(0)
    }

    fn deliveries(&mut self, within: Duration) -> Deliveries {
        let until = Until::within(within);
        self.producer().poll(Duration::ZERO);
        while !self.context().has_news() && !until.is_over() && self.in_flight() > 0 {
            self.producer().poll(TICK.min(until.left()));
        }
        self.context().take()
    }

    fn init(&mut self, within: Duration) -> Result<()> {
        let action = "begin to write in transactions";
        self.insist(action, Until::within(within), true, |producer, time| {
            producer.init_transactions(time)
        })
    }

    fn begin(&mut self) -> Result<()> {
        let until = Until::within(self.0.patience(Duration::ZERO));
        self.call(
            "begin a transaction",
            Duration::ZERO,
            until,
            |producer, _| producer.begin_transaction(),
        )
    }

    fn commit(&mut self, within: Duration) -> Result<()> {
        let action = "commit a transaction";
        let until = Until::within(within);
        self.drain(action, until)?;
        self.insist(action, until, false, |producer, time| {
            producer.commit_transaction(time)
        })
    }

    fn abort(&mut self, within: Duration) -> Result<()> {
        let until = Until::within(within);
        self.insist("abort a transaction", until, false, |producer, time| {
            producer.abort_transaction(time)
        })
    }
}

#[cfg(test)]
mod tests;
