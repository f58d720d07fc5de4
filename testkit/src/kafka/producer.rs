//! `ModelProducer`: writes to the model, alone or in transactions.
//!
//! Owns what a client's side of a producer knows: which call may come next, and what is broken for
//! good. Does not own the transaction. Invariant: behind an unknown outcome only the same call goes on.

use super::client::{ModelClient, Step};
use super::cluster::{Cluster, Later, error};
use super::coordinator::{Answer, Holder};
use super::faults::Call;
use super::partition::Fate;
use super::row::Row;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_io::kafka::client::{
    ClientError, Deliveries, Failure, NewRecord, Producer, ProducerOptions, Result,
};

/// Where a producer stands.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stand {
    /// In transactions, and not initialised.
    New,
    /// Nothing is open; or it writes without transactions.
    Ready,
    /// A transaction is open.
    Open,
    /// It can do nothing any more.
    Broken(ClientError),
}

pub(super) struct ModelProducer {
    client: ModelClient,
    options: ProducerOptions,
    number: u64,
    stand: Stand,
    holder: Option<Holder>,
    /// The call whose outcome is unknown.
    pending: Option<Call>,
    /// The open transaction can only be aborted.
    spoilt: Option<ClientError>,
}

impl ModelProducer {
    pub(super) fn new(client: ModelClient, options: ProducerOptions) -> Self {
        let number = client.cluster.lock().enter();
        ModelProducer {
            client,
            stand: match options.transactional_id {
                Some(_) => Stand::New,
                None => Stand::Ready,
            },
            options,
            number,
            holder: None,
            pending: None,
            spoilt: None,
        }
    }

    /// Whether a call may be made at all.
    fn may(&self, call: Call, stand: &Stand) -> Result<()> {
        let action = call.action();
        if let Stand::Broken(e) = &self.stand {
            return Err(error(e.failure, action, &e.said));
        }
        if self.pending.is_some_and(|pending| pending != call) {
            let said = "Local: Conflicting use: another call has no answer yet";
            return Err(error(Failure::Invalid, action, said));
        }
        if self.options.transactional_id.is_none() || self.stand != *stand {
            let said = "Local: Erroneous state";
            return Err(error(Failure::Invalid, action, said));
        }
        Ok(())
    }

    /// Remembers what an answer means for what may come next.
    fn learn<T>(&mut self, call: Call, answer: Result<T>) -> Result<T> {
        self.pending = None;
        if let Err(e) = &answer {
            match e.failure {
                Failure::Unknown => self.pending = Some(call),
                Failure::Fenced | Failure::Fatal => self.stand = Stand::Broken(e.clone()),
                Failure::Abortable => self.spoilt = Some(e.clone()),
                _ => {}
            }
        }
        answer
    }

    /// Waits for the records on their way; false if there was no time.
    fn flush(&self, deadline: Duration) -> bool {
        let mut cluster = self.client.cluster.lock();
        while cluster.in_flight(self.number) > 0 {
            if !cluster.wait(deadline) {
                return false;
            }
        }
        true
    }

    /// What spoils the open transaction, if anything.
    fn spoil(&self) -> Option<ClientError> {
        let cluster = self.client.cluster.lock();
        let sender = cluster.senders.get(&self.number);
        let failed = sender.and_then(|sender| sender.failed.clone());
        failed.or_else(|| self.spoilt.clone())
    }

    fn has_partitions(&self) -> bool {
        let cluster = self.client.cluster.lock();
        let sender = cluster.senders.get(&self.number);
        sender.is_some_and(|sender| sender.has_partitions)
    }

    fn end(&mut self, call: Call, fate: Fate, within: Duration) -> Result<()> {
        let Some(holder) = self.holder.clone().filter(|_| self.has_partitions()) else {
            // Nothing that the coordinator would have to end.
            return Ok(());
        };
        let answer = self.client.call_late(
            call,
            within,
            |cluster| match cluster.end(&holder, fate) {
                Answer::Done(()) => Step::Done(Ok(())),
                Answer::Concurrent => Step::Wait,
                Answer::Fenced => Step::Done(Err(fenced(call))),
                Answer::State => {
                    let said = "Broker: Invalid transaction state";
                    Step::Done(Err(error(Failure::Fatal, call.action(), said)))
                }
            },
            |cluster, after| cluster.later(after, Later::End(holder.clone(), fate)),
        );
        self.learn(call, answer)
    }

    fn over(&mut self) {
        self.stand = Stand::Ready;
        self.spoilt = None;
        let mut cluster = self.client.cluster.lock();
        if let Some(sender) = cluster.senders.get_mut(&self.number) {
            sender.failed = None;
            sender.has_partitions = false;
        }
    }
}

fn fenced(call: Call) -> ClientError {
    let said = "Local: This instance has been fenced by a newer instance";
    error(Failure::Fenced, call.action(), said)
}

impl Cluster {
    fn in_flight(&self, sender: u64) -> usize {
        self.senders
            .get(&sender)
            .map_or(0, |sender| sender.in_flight)
    }
}

impl Producer for ModelProducer {
    fn send(&mut self, record: &NewRecord<'_>) -> Result<()> {
        let action = "send a record";
        self.client.live(action)?;
        let fail = |failure, said| Err(error(failure, action, said));
        match &self.stand {
            Stand::Broken(e) => return fail(e.failure, &e.said),
            Stand::New => return fail(Failure::Invalid, "Local: Erroneous state"),
            Stand::Ready if self.options.transactional_id.is_some() => {
                return fail(Failure::Invalid, "Local: Erroneous state");
            }
            Stand::Ready | Stand::Open => {}
        }
        if self.pending.is_some() {
            return fail(Failure::Invalid, "Local: Conflicting use");
        }
        if let Some(e) = self.spoil() {
            return fail(Failure::Abortable, &e.said);
        }
        let mut cluster = self.client.cluster.lock();
        cluster.settle();
        let Some(row) = Row::sent(record) else {
            return fail(Failure::Invalid, "a time before 1970");
        };
        if row.size() > cluster.faults.largest {
            return fail(Failure::TooLarge, "Broker: Message size too large");
        }
        if cluster.in_flight(self.number) >= cluster.faults.queue {
            return fail(Failure::Full, "Local: Queue full");
        }
        let place = (record.topic.to_owned(), record.partition);
        cluster.send(self.number, row, place, self.holder.clone());
        Ok(())
    }

    fn in_flight(&self) -> usize {
        self.client.cluster.lock().in_flight(self.number)
    }

    fn deliveries(&mut self, within: Duration) -> Deliveries {
        if self.client.live("hear of deliveries").is_err() {
            return Deliveries::default();
        }
        let mut cluster = self.client.cluster.lock();
        cluster.settle();
        let deadline = cluster.now().saturating_add(within);
        loop {
            let Some(sender) = cluster.senders.get_mut(&self.number) else {
                return Deliveries::default();
            };
            let is_idle = sender.in_flight == 0;
            if sender.has_news() || is_idle {
                return std::mem::take(&mut sender.told);
            }
            if !cluster.wait(deadline) {
                return Deliveries::default();
            }
        }
    }

    fn init(&mut self, within: Duration) -> Result<()> {
        let call = Call::Init;
        self.may(call, &Stand::New)?;
        let id = self.options.transactional_id.clone().unwrap_or_default();
        let timeout = self.options.transaction_timeout;
        let answer = self.client.call(call, within, |cluster| {
            if timeout > cluster.faults.longest_transaction || timeout.is_zero() {
                let said = "Broker: Transaction timeout is larger than the maximum";
                return Step::Done(Err(error(Failure::Invalid, call.action(), said)));
            }
            match cluster.init(&id, timeout) {
                Answer::Done(holder) => Step::Done(Ok(holder)),
                _ => Step::Wait,
            }
        });
        self.holder = Some(self.learn(call, answer)?);
        self.stand = Stand::Ready;
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        let action = "begin a transaction";
        self.client.live(action)?;
        if let Stand::Broken(e) = &self.stand {
            return Err(error(e.failure, action, &e.said));
        }
        if self.options.transactional_id.is_none() || self.stand != Stand::Ready {
            return Err(error(Failure::Invalid, action, "Local: Erroneous state"));
        }
        self.stand = Stand::Open;
        Ok(())
    }

    fn commit(&mut self, within: Duration) -> Result<()> {
        let call = Call::Commit;
        self.client.live(call.action())?;
        self.may(call, &Stand::Open)?;
        let start = self.client.env.monotonic();
        if !self.flush(start.saturating_add(within)) {
            let said = "Local: Timed out: records are still in the queue";
            let unknown = error(Failure::Unknown, call.action(), said);
            return self.learn(call, Err(unknown));
        }
        if let Some(e) = self.spoil() {
            let failure = match e.failure {
                Failure::Fenced => Failure::Fenced,
                _ => Failure::Abortable,
            };
            let spoilt = error(failure, call.action(), &e.said);
            return self.learn(call, Err(spoilt));
        }
        let left = within.saturating_sub(self.client.env.monotonic() - start);
        self.end(call, Fate::Committed, left)?;
        self.over();
        Ok(())
    }

    fn abort(&mut self, within: Duration) -> Result<()> {
        let call = Call::Abort;
        self.client.live(call.action())?;
        self.may(call, &Stand::Open)?;
        self.client.cluster.lock().purge(self.number);
        self.end(call, Fate::Aborted, within)?;
        self.over();
        Ok(())
    }
}

impl Drop for ModelProducer {
    fn drop(&mut self) {
        self.client.cluster.lock().leave(self.number);
    }
}
