//! `ModelClient`: the contract of a client, over the model.
//!
//! Owns the way of a call: through the machine, where the process may die, to the cluster, where it
//! may be refused, lost or late, and back. Does not own what a call does. Invariant: no call takes
//! more virtual time than it was given.

use super::cluster::{AGAIN, Cluster, error};
use super::faults::{Call, Way, up_to};
use super::partition::Partition;
use super::producer::ModelProducer;
use super::reader::ModelReader;
use crate::sim::{Meeting, SimEnv};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_io::kafka::client::{
    Client, ClientError, Ends, Failure, NewTopic, PartitionReader, Producer, ProducerOptions,
    ReadFrom, Result,
};
use whitebeam_sdk::Timestamp;

/// How long a client waits for a broker that is not there, unless it ends a transaction.
const PATIENCE: Duration = Duration::from_secs(3);

/// A cluster as all have it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Cluster>>);

impl Shared {
    pub(super) fn new(cluster: Cluster) -> Self {
        Shared(Arc::new(Mutex::new(cluster)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// What a call came to, so far.
pub(super) enum Step<T> {
    Done(Result<T>),
    /// Something else has to happen first.
    Wait,
}

/// The client of one process.
#[derive(Clone, Debug)]
pub(super) struct ModelClient {
    pub(super) cluster: Shared,
    pub(super) env: SimEnv,
}

impl ModelClient {
    /// Fails, or unwinds, if the process is dead.
    pub(super) fn live(&self, action: &str) -> Result<()> {
        match self.env.must_live() {
            true => Ok(()),
            false => Err(error(Failure::Fatal, action, "the process is dead")),
        }
    }

    /// Makes a call. `act` is done when the request arrives, again until it need not wait.
    pub(super) fn call<T>(
        &self,
        call: Call,
        within: Duration,
        act: impl FnMut(&mut Cluster) -> Step<T>,
    ) -> Result<T> {
        self.call_late(call, within, act, |_, _| {})
    }

    /// As [`call`](Self::call); `late` is told when a copy arrives after so long.
    pub(super) fn call_late<T>(
        &self,
        call: Call,
        within: Duration,
        mut act: impl FnMut(&mut Cluster) -> Step<T>,
        late: impl FnOnce(&mut Cluster, Duration),
    ) -> Result<T> {
        let refused = |failure, said| Err(error(failure, call.action(), said));
        match self.env.meet(call.action()) {
            Meeting::Nothing => {}
            Meeting::Refusal => return refused(Failure::Unreachable, "refused by plan"),
            Meeting::Dead => return refused(Failure::Fatal, "the process is dead"),
            Meeting::Crash { crash, is_done } => {
                self.cluster.lock().abandoned(is_done, &mut act);
                self.env.crash(crash)
            }
        }
        let cluster = &mut *self.cluster.lock();
        let deadline = cluster.now().saturating_add(within);
        cluster.leg(deadline);
        let way = cluster.way(call);
        cluster.note(call.action(), within.as_micros() as u64);
        match way {
            Way::Refused(failure) => return refused(failure, "refused, as was drawn"),
            Way::RequestLost => return cluster.unanswered(call, deadline),
            Way::RequestLate(after) => {
                late(cluster, after);
                return cluster.unanswered(call, deadline);
            }
            Way::Twice(after) => late(cluster, after),
            Way::Answered | Way::AnswerLost | Way::GivenUp => {}
        }
        let answer = cluster.insist(call, deadline, &mut act)?;
        if way == Way::GivenUp {
            cluster.sleep_until(deadline);
            return refused(Failure::Fatal, "the call has not returned");
        }
        if way == Way::AnswerLost || !cluster.leg(deadline) {
            return cluster.unanswered(call, deadline);
        }
        answer
    }
}

fn no_answer(call: Call) -> ClientError {
    error(Failure::Unknown, call.action(), "Local: Timed out")
}

impl Cluster {
    /// A call is made by a process that is not there any more when the answer comes.
    fn abandoned<T>(&mut self, is_done: bool, act: &mut impl FnMut(&mut Cluster) -> Step<T>) {
        self.settle();
        if is_done && !self.is_down() {
            let _ = act(self);
        }
    }

    /// No answer comes in time.
    fn unanswered<T>(&mut self, call: Call, deadline: Duration) -> Result<T> {
        self.sleep_until(deadline);
        Err(no_answer(call))
    }

    /// Makes a call that has arrived until there is an answer; the error if there was no time.
    fn insist<T>(
        &mut self,
        call: Call,
        deadline: Duration,
        act: &mut impl FnMut(&mut Cluster) -> Step<T>,
    ) -> Result<Result<T>> {
        loop {
            if !self.is_down()
                && let Step::Done(answer) = act(self)
            {
                return Ok(answer);
            }
            if !self.is_down() {
                if !self.wait(deadline.min(self.now() + AGAIN)) {
                    return Err(no_answer(call));
                }
            } else if call.ends_transaction() {
                if !self.wait(deadline) {
                    return Err(no_answer(call));
                }
            } else if !self.wait(deadline.min(self.now() + PATIENCE)) || self.is_down() {
                return Err(error(
                    Failure::Unreachable,
                    call.action(),
                    "no broker answers",
                ));
            }
        }
    }

    /// One way of a call; false if there is no time for it. Every way takes some time, so that who
    /// asks again and again meets what is to come.
    fn leg(&mut self, deadline: Duration) -> bool {
        let latency = self.latency().max(Duration::from_micros(1));
        let there = self.now().saturating_add(latency);
        self.sleep_until(there.min(deadline));
        there <= deadline
    }
}

fn no_topic<T>(call: Call) -> Step<T> {
    let said = "Broker: Unknown topic or partition";
    Step::Done(Err(error(Failure::NoTopic, call.action(), said)))
}

/// Asks something of a partition.
fn of_partition<T>(
    cluster: &mut Cluster,
    call: Call,
    (topic, partition): (&str, u32),
    ask: impl FnOnce(&Partition) -> T,
) -> Step<T> {
    match cluster.partition(topic, partition) {
        Some(partition) => Step::Done(Ok(ask(partition))),
        None => no_topic(call),
    }
}

impl Client for ModelClient {
    fn partitions(&self, topic: &str, within: Duration) -> Result<Option<u32>> {
        self.call(Call::Partitions, within, |cluster| {
            let now = cluster.now();
            let topic = cluster.topics.get(topic).filter(|t| t.visible_from <= now);
            let count = topic.map(|topic| topic.partitions.len() as u32);
            Step::Done(Ok(count))
        })
    }

    fn create_topic(&self, topic: &NewTopic, within: Duration) -> Result<()> {
        let call = Call::CreateTopic;
        if topic.partitions == 0 || topic.name.is_empty() {
            return Err(error(Failure::Invalid, call.action(), "Broker: Invalid"));
        }
        self.call(call, within, |cluster| {
            if !cluster.create(&topic.name, topic.partitions, topic.compacted) {
                let said = "Broker: Topic already exists";
                return Step::Done(Err(error(Failure::Exists, call.action(), said)));
            }
            if cluster.draws(cluster.faults.topic_late) {
                let from = cluster.now() + up_to(&mut cluster.rng, cluster.faults.late);
                if let Some(topic) = cluster.topics.get_mut(&topic.name) {
                    topic.visible_from = from;
                }
            }
            Step::Done(Ok(()))
        })
    }

    fn ends(&self, topic: &str, partition: u32, within: Duration) -> Result<Ends> {
        let call = Call::Ends;
        self.call(call, within, |cluster| {
            of_partition(cluster, call, (topic, partition), |partition| Ends {
                first: partition.first,
                stable: partition.stable(),
                end: partition.end,
            })
        })
    }

    fn offset_at(
        &self,
        topic: &str,
        partition: u32,
        time: Timestamp,
        within: Duration,
    ) -> Result<u64> {
        let call = Call::OffsetAt;
        self.call(call, within, |cluster| {
            of_partition(cluster, call, (topic, partition), |partition| {
                partition.offset_at(time)
            })
        })
    }

    fn group_offsets(
        &self,
        group: &str,
        topic: &str,
        partitions: u32,
        within: Duration,
    ) -> Result<BTreeMap<u32, u64>> {
        self.call(Call::GroupOffsets, within, |cluster| {
            let key = (group.to_owned(), topic.to_owned());
            let mut offsets = cluster.groups.get(&key).cloned().unwrap_or_default();
            offsets.retain(|partition, _| *partition < partitions);
            Step::Done(Ok(offsets))
        })
    }

    fn commit_group_offsets(
        &self,
        group: &str,
        topic: &str,
        offsets: &BTreeMap<u32, u64>,
        within: Duration,
    ) -> Result<()> {
        let call = Call::CommitGroupOffsets;
        self.call(call, within, |cluster| {
            let count = cluster.topics.get(topic).map_or(0, |t| t.partitions.len());
            if offsets.keys().any(|partition| *partition as usize >= count) {
                return no_topic(call);
            }
            let key = (group.to_owned(), topic.to_owned());
            cluster.groups.entry(key).or_default().extend(offsets);
            Step::Done(Ok(()))
        })
    }

    fn reader(&self, of: &ReadFrom) -> Result<Box<dyn PartitionReader>> {
        self.live("read a partition")?;
        Ok(Box::new(ModelReader::new(self.clone(), of.clone())))
    }

    fn producer(&self, of: &ProducerOptions) -> Result<Box<dyn Producer>> {
        self.live("make a producer")?;
        Ok(Box::new(ModelProducer::new(self.clone(), of.clone())))
    }

    fn pause(&self, time: Duration) {
        if self.live("pause").is_ok() {
            let mut cluster = self.cluster.lock();
            let until = cluster.now().saturating_add(time);
            while cluster.wait(until) {}
        }
    }

    fn monotonic(&self) -> Duration {
        self.env.monotonic()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.env.now().0)
    }

    fn unique(&self) -> u128 {
        self.env.unique()
    }

    fn point(&self, label: &'static str) {
        self.env.point(label);
    }

    fn describe(&self) -> String {
        "the model".to_owned()
    }
}
