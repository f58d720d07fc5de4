//! `KafkaModel`: the cluster as a test holds it.
//!
//! Owns the handle. What it does to the cluster happens at once, takes no time and is never lost.

use super::client::{ModelClient, Shared};
use super::cluster::Cluster;
use super::coordinator::TransactionState;
use super::faults::{Call, Faults, Way};
use super::partition::Partition;
use super::row::{Placed, Row};
use super::watch::Shown;
use crate::sim::{Machine, SimEnv};
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use whitebeam_io::kafka::Kafka;
use whitebeam_io::kafka::client::{Client, Ends, Failure, Isolation};

/// A cluster in memory. Clones are the same cluster.
#[derive(Clone, Debug)]
pub struct KafkaModel {
    cluster: Shared,
    machine: Machine,
}

impl KafkaModel {
    /// A cluster without topics beside a machine, whose clock is the cluster's.
    pub fn new(machine: &Machine, seed: u64, faults: Faults) -> Self {
        KafkaModel {
            cluster: Shared::new(Cluster::new(machine.clone(), seed, faults)),
            machine: machine.clone(),
        }
    }

    /// The cluster as a process of its own reaches it.
    pub fn kafka(&self) -> Kafka {
        self.kafka_of(&self.machine.start())
    }

    /// The cluster as a process reaches it; what it has made dies with it.
    pub fn kafka_of(&self, process: &SimEnv) -> Kafka {
        Kafka::with_client(self.client_of(process))
    }

    /// The client of a process of its own.
    pub fn client(&self) -> Arc<dyn Client> {
        self.client_of(&self.machine.start())
    }

    /// The client of a process.
    pub fn client_of(&self, process: &SimEnv) -> Arc<dyn Client> {
        Arc::new(ModelClient {
            cluster: self.cluster.clone(),
            env: process.clone(),
        })
    }

    /// Makes a topic, unless there is one of that name.
    pub fn create(&self, topic: &str, partitions: u32) {
        self.cluster().create(topic, partitions, false);
    }

    /// Makes a topic that keeps the newest record of each key, unless there is one of that name.
    pub fn create_compacted(&self, topic: &str, partitions: u32) {
        self.cluster().create(topic, partitions, true);
    }

    /// Deletes a topic.
    pub fn delete(&self, topic: &str) {
        self.cluster().delete(topic);
    }

    /// Gives a topic more partitions, up to so many.
    pub fn grow(&self, topic: &str, partitions: u32) {
        if let Some(topic) = self.cluster().topics.get_mut(topic) {
            let missing = (partitions as usize).saturating_sub(topic.partitions.len());
            let new = (0..missing).map(|_| Partition::default());
            topic.partitions.extend(new);
        }
    }

    /// Appends a record of no transaction; where it lies, if there is such a partition.
    pub fn append(&self, topic: &str, partition: u32, row: Row) -> Option<u64> {
        let mut cluster = self.cluster();
        let wall = cluster.wall();
        let at = cluster.partition(topic, partition)?;
        let offset = at.append(Arc::new(row), None, wall);
        cluster.changed(topic, partition);
        Some(offset)
    }

    /// Commits the offset of a group.
    pub fn commit_group(&self, group: &str, topic: &str, partition: u32, offset: u64) {
        let key = (group.to_owned(), topic.to_owned());
        let mut cluster = self.cluster();
        cluster
            .groups
            .entry(key)
            .or_default()
            .insert(partition, offset);
    }

    /// The offsets that a group has committed.
    pub fn group(&self, group: &str, topic: &str) -> BTreeMap<u32, u64> {
        let key = (group.to_owned(), topic.to_owned());
        self.cluster().groups.get(&key).cloned().unwrap_or_default()
    }

    /// What a reader of committed records sees, by partition.
    pub fn committed(&self, topic: &str) -> Vec<Vec<Placed>> {
        self.read(topic, Isolation::Committed)
    }

    /// What a reader of all records sees, by partition.
    pub fn uncommitted(&self, topic: &str) -> Vec<Vec<Placed>> {
        self.read(topic, Isolation::Uncommitted)
    }

    fn read(&self, topic: &str, isolation: Isolation) -> Vec<Vec<Placed>> {
        let cluster = self.cluster();
        let topic = cluster.topics.get(topic);
        let partitions = topic.map_or(&[][..], |topic| &topic.partitions);
        let read = partitions.iter().map(|partition| {
            let end = partition.seen_by(isolation);
            partition.placed(partition.first, end, isolation)
        });
        read.collect()
    }

    /// Which offsets of a partition can be read.
    pub fn ends(&self, topic: &str, partition: u32) -> Option<Ends> {
        let mut cluster = self.cluster();
        let partition = cluster.partition(topic, partition)?;
        Some(Ends {
            first: partition.first,
            stable: partition.stable(),
            end: partition.end,
        })
    }

    /// What the coordinator knows of a transactional id.
    pub fn transaction(&self, id: &str) -> Option<TransactionState> {
        self.cluster().coordinator.state(id)
    }

    /// The next such call goes this way.
    pub fn next(&self, call: Call, way: Way) {
        self.cluster().forced.way(call, way);
    }

    /// The next end marker for a partition never comes, and the coordinator believes that it did.
    pub fn lose_next_marker(&self, topic: &str, partition: u32) {
        let place = (topic.to_owned(), partition);
        self.cluster().forced.marker(place, None);
    }

    /// The next end marker for a partition comes so late.
    pub fn delay_next_marker(&self, topic: &str, partition: u32, by: Duration) {
        let place = (topic.to_owned(), partition);
        self.cluster().forced.marker(place, Some(by));
    }

    /// The next record for a partition is given up, for this reason.
    pub fn lose_next_record(&self, topic: &str, partition: u32, failure: Failure) {
        let place = (topic.to_owned(), partition);
        self.cluster().forced.undelivered(place, failure);
    }

    /// Nothing answers for so long.
    pub fn broker_down(&self, time: Duration) {
        self.cluster().go_down(time);
    }

    /// The broker is back before its time.
    pub fn broker_up(&self) {
        self.cluster().come_up();
    }

    /// The coordinator aborts what is open, and fences who opened it.
    pub fn time_out_transactions(&self) {
        self.cluster().time_out();
    }

    /// Retention: what lies before `first` is gone.
    pub fn retain_from(&self, topic: &str, partition: u32, first: u64) {
        if let Some(partition) = self.cluster().partition(topic, partition) {
            partition.retain_from(first);
        }
    }

    /// The tail of a partition is lost, from `end` on.
    pub fn truncate(&self, topic: &str, partition: u32, end: u64) {
        if let Some(partition) = self.cluster().partition(topic, partition) {
            partition.truncate(end);
        }
    }

    /// Compacts a compacted topic now.
    pub fn compact(&self, topic: &str) {
        self.cluster().compact(topic);
    }

    /// Changes how likely faults are from now on; how likely they were.
    pub fn set_faults(&self, faults: Faults) -> Faults {
        std::mem::replace(&mut self.cluster().faults, faults)
    }

    /// From now on nothing goes wrong any more. What is under way still happens; what was asked for
    /// and did not come is forgotten.
    pub fn heal(&self) {
        let mut cluster = self.cluster();
        cluster.faults = Faults {
            queue: cluster.faults.queue,
            largest: cluster.faults.largest,
            longest_transaction: cluster.faults.longest_transaction,
            ..Faults::none()
        };
        cluster.forced = Default::default();
        cluster.come_up();
    }

    /// Lets time go by until nothing is under way; transactions that are open stay so.
    pub fn quiesce(&self) {
        let mut cluster = self.cluster();
        while cluster.is_busy() {
            let soon = cluster.now() + Duration::from_secs(3_600);
            cluster.wait(soon);
        }
    }

    /// Calls `watch` whenever a reader of committed records could see more; the first error stays
    /// until [`check_invariants`](Self::check_invariants) tells it.
    pub fn watch(&self, watch: impl FnMut(&Shown<'_>) -> Result<(), String> + Send + 'static) {
        self.cluster().watches.add(Box::new(watch));
    }

    /// What a watch has found, or what is wrong with the cluster itself.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.cluster().broken()
    }

    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        let mut cluster = self.cluster.lock();
        cluster.settle();
        cluster
    }
}
