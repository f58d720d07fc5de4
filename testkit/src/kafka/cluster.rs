//! `Cluster`: what outlives every process: topics, transactions, groups, and what is still under way.
//!
//! Owns the order of what happens: everything later stands in one queue by virtual time, and whoever
//! looks lets happen what is due. Does not own clients. Invariant: while the broker is down nothing
//! happens; when it is back, what was due happens in its order.

use super::coordinator::{Answer, Coordinator, Expiry, Holder, Markers, Place};
use super::faults::{Call, Faults, Forced, Way, up_to};
use super::partition::{Fate, Partition};
use super::sender::Sender;
use super::watch::Watches;
use crate::sim::Machine;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use whitebeam_io::kafka::client::{ClientError, Failure};
use whitebeam_sdk::Timestamp;

/// How long who was told to ask again waits before it does.
pub(super) const AGAIN: Duration = Duration::from_millis(1);

#[derive(Debug, Default)]
pub(super) struct Topic {
    pub(super) partitions: Vec<Partition>,
    pub(super) compacted: bool,
    /// Until then nobody is told of it.
    pub(super) visible_from: Duration,
}

/// What happens later.
#[derive(Debug)]
pub(super) enum Later {
    /// The first record in a producer's queue reaches its partition, or is refused.
    Arrival(u64),
    /// A producer hears of a record.
    Tell(u64, Box<Told>),
    /// A partition gets an end marker.
    Marker(Holder, Fate, Place),
    /// The end of a transaction arrives that nobody waits for.
    End(Holder, Fate),
    /// A transaction is too old.
    Expiry(Expiry),
}

/// What became of a record.
pub(super) type Told = Result<(Place, u64), ClientError>;

#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) machine: Machine,
    pub(super) rng: Rng,
    pub(super) faults: Faults,
    pub(super) forced: Forced,
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) coordinator: Coordinator,
    pub(super) groups: BTreeMap<(String, String), BTreeMap<u32, u64>>,
    pub(super) senders: BTreeMap<u64, Sender>,
    /// Producers so far.
    pub(super) entered: u64,
    pub(super) watches: Watches,
    /// Keyed by when, and by which was asked for first.
    later: BTreeMap<(Duration, u64), Later>,
    asked: u64,
    down_until: Option<Duration>,
    /// Partitions that have lost a marker of some producer.
    pub(super) lost: BTreeSet<(Place, u64)>,
}

impl Cluster {
    pub(super) fn new(machine: Machine, seed: u64, faults: Faults) -> Self {
        Cluster {
            machine,
            rng: Rng::with_seed(seed),
            faults,
            forced: Forced::default(),
            topics: BTreeMap::new(),
            coordinator: Coordinator::default(),
            groups: BTreeMap::new(),
            senders: BTreeMap::new(),
            entered: 0,
            watches: Watches::default(),
            later: BTreeMap::new(),
            asked: 0,
            down_until: None,
            lost: BTreeSet::new(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.machine.monotonic()
    }

    /// Processing time, as records have it.
    pub(super) fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.machine.wall().0.div_euclid(1_000))
    }

    /// Notes something in the trace.
    pub(super) fn note(&self, what: &str, number: u64) {
        self.machine.note(what.as_bytes());
        self.machine.note(&number.to_le_bytes());
    }

    pub(super) fn draws(&mut self, p: f64) -> bool {
        p > 0.0 && self.rng.f64() < p
    }

    pub(super) fn latency(&mut self) -> Duration {
        up_to(&mut self.rng, self.faults.latency)
    }

    pub(super) fn later(&mut self, after: Duration, what: Later) {
        self.asked += 1;
        let due = self.now().saturating_add(after);
        self.later.insert((due, self.asked), what);
    }

    /// Everything that is due happens.
    pub(super) fn settle(&mut self) {
        if self.is_down() {
            return;
        }
        if self.down_until.take().is_some() {
            self.note("up", 0);
        }
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= self.machine.monotonic()
        {
            let what = first.remove();
            self.happen(what);
        }
    }

    fn happen(&mut self, what: Later) {
        match what {
            Later::Arrival(sender) => self.arrive(sender),
            Later::Tell(sender, told) => self.tell(sender, *told),
            Later::Marker(by, fate, place) => self.mark(&by, fate, &place),
            Later::End(by, fate) => {
                self.note("late end", by.pid);
                // Nobody hears the answer.
                let _ = self.end(&by, fate);
            }
            Later::Expiry(expiry) => self.expire(&expiry),
        }
    }

    /// Lets time go by until something happens, at most until `deadline`; false if that is now.
    pub(super) fn wait(&mut self, deadline: Duration) -> bool {
        let now = self.now();
        if now >= deadline {
            return false;
        }
        let next = match self.down_until {
            Some(up) => Some(up),
            None => self.later.first_key_value().map(|((due, _), _)| *due),
        };
        let soon = now.saturating_add(AGAIN);
        let until = next.unwrap_or(soon).max(now + Duration::from_micros(1));
        self.machine.advance(until.min(deadline) - now);
        self.settle();
        true
    }

    /// Lets all time until then go by.
    pub(super) fn sleep_until(&mut self, deadline: Duration) {
        self.machine.advance(deadline.saturating_sub(self.now()));
        self.settle();
    }

    pub(super) fn is_down(&self) -> bool {
        self.down_until.is_some_and(|up| self.now() < up)
    }

    pub(super) fn go_down(&mut self, time: Duration) {
        let up = self.now().saturating_add(time);
        self.down_until = Some(self.down_until.map_or(up, |before| before.max(up)));
        self.note("down", up.as_micros() as u64);
    }

    pub(super) fn come_up(&mut self) {
        self.down_until = self.down_until.map(|_| Duration::ZERO);
        self.settle();
    }

    /// Draws what becomes of a call, and what else happens at that moment.
    pub(super) fn way(&mut self, call: Call) -> Way {
        if let Some(way) = self.forced.take_way(call) {
            return way;
        }
        if self.draws(self.faults.down) {
            let time = up_to(&mut self.rng, self.faults.down_for);
            self.go_down(time);
        }
        if self.draws(self.faults.time_out) {
            self.time_out();
        }
        let Cluster { faults, rng, .. } = self;
        faults.draw(call, rng)
    }

    pub(super) fn partition(&mut self, topic: &str, partition: u32) -> Option<&mut Partition> {
        let topic = self.topics.get_mut(topic)?;
        topic.partitions.get_mut(partition as usize)
    }

    /// Something was appended to or decided in a partition.
    pub(super) fn changed(&mut self, topic: &str, number: u32) {
        let Some(partition) = self
            .topics
            .get_mut(topic)
            .and_then(|topic| topic.partitions.get_mut(number as usize))
        else {
            return;
        };
        self.watches.look(topic, number, partition);
    }

    /// Gives a transactional id to a newcomer.
    pub(super) fn init(&mut self, id: &str, timeout: Duration) -> Answer<Holder> {
        let (answer, markers) = self.coordinator.init(id, timeout);
        if let Some(markers) = markers {
            self.write(markers);
        }
        answer
    }

    /// Ends a transaction.
    pub(super) fn end(&mut self, by: &Holder, fate: Fate) -> Answer<()> {
        match self.coordinator.end(by, fate) {
            Answer::Done(markers) => {
                if let Some(markers) = markers {
                    self.write(markers);
                }
                Answer::Done(())
            }
            Answer::Concurrent => Answer::Concurrent,
            Answer::Fenced => Answer::Fenced,
            Answer::State => Answer::State,
        }
    }

    /// Every transaction that is open has been open for too long.
    pub(super) fn time_out(&mut self) {
        for expiry in self.coordinator.open() {
            self.expire(&expiry);
        }
    }

    fn expire(&mut self, expiry: &Expiry) {
        if let Some(markers) = self.coordinator.expire(expiry) {
            self.note("time out", markers.by.pid);
            self.write(markers);
        }
    }

    /// Markers go out, one by one; each may be late or lost.
    fn write(&mut self, markers: Markers) {
        let Markers { by, fate, places } = markers;
        self.note("decided", by.pid);
        let mut at_once = Vec::new();
        for place in places {
            let after = match self.forced.take_marker(&place) {
                Some(forced) => forced,
                None if self.draws(self.faults.marker_lost) => None,
                None if self.draws(self.faults.marker_late) => {
                    Some(up_to(&mut self.rng, self.faults.marker_delay))
                }
                None => Some(Duration::ZERO),
            };
            match after {
                Some(Duration::ZERO) => at_once.push(place),
                Some(after) => self.later(after, Later::Marker(by.clone(), fate, place)),
                None => {
                    self.note("marker lost", by.pid);
                    self.lost.insert((place.clone(), by.pid));
                    self.coordinator.marked(&by.id, &place);
                }
            }
        }
        for place in at_once {
            self.mark(&by, fate, &place);
        }
    }

    fn mark(&mut self, by: &Holder, fate: Fate, place: &Place) {
        self.note("marker", by.pid);
        let (wall, compaction) = (self.wall(), self.faults.compaction);
        let (topic, number) = place;
        // Of a topic that is gone, nobody misses the marker.
        if let Some(partition) = self.partition(topic, *number) {
            partition.mark(by.pid, by.epoch, fate, wall);
        }
        self.lost.remove(&(place.clone(), by.pid));
        self.coordinator.marked(&by.id, place);
        self.changed(topic, *number);
        if self.draws(compaction) {
            self.compact(topic);
        }
    }

    pub(super) fn compact(&mut self, topic: &str) {
        if let Some(topic) = self.topics.get_mut(topic)
            && topic.compacted
        {
            topic.partitions.iter_mut().for_each(Partition::compact);
        }
    }

    /// Makes a topic; false if there is one.
    pub(super) fn create(&mut self, name: &str, partitions: u32, compacted: bool) -> bool {
        if self.topics.contains_key(name) {
            return false;
        }
        self.note(name, u64::from(partitions));
        let partitions = (0..partitions).map(|_| Partition::default());
        let topic = Topic {
            partitions: partitions.collect(),
            compacted,
            visible_from: self.now(),
        };
        self.topics.insert(name.to_owned(), topic);
        true
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.note(name, 0);
        self.topics.remove(name);
        self.watches.forget(name);
        self.lost.retain(|((topic, _), _)| topic != name);
    }

    /// Whether anything is under way, timeouts apart.
    pub(super) fn is_busy(&self) -> bool {
        let busy = |what: &Later| !matches!(what, Later::Expiry(_));
        self.down_until.is_some() || self.later.values().any(busy)
    }

    /// What is wrong with the cluster itself or was seen by a watch, if anything.
    pub(super) fn broken(&self) -> Result<(), String> {
        self.watches.result()?;
        for (name, topic) in &self.topics {
            for (number, partition) in (0..).zip(&topic.partitions) {
                if let Some(what) = partition.broken() {
                    return Err(format!("{name}/{number}: {what}"));
                }
                let place = (name.clone(), number);
                for pid in self.coordinator.pids() {
                    let known = self.coordinator.expects_open(pid, &place)
                        || self.lost.contains(&(place.clone(), pid));
                    if partition.is_open(pid) && !known {
                        return Err(format!("{name}/{number}: hangs, by producer {pid}"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// An error of the model.
pub(super) fn error(failure: Failure, action: &str, said: &str) -> ClientError {
    ClientError::new(failure, action, said)
}
