//! A small runner for one sink: what outlives its processes, and what a reader sees at the end.
//!
//! Owns the order in which a runner calls a sink: recover, commit what is owed, then epochs, each
//! published before it is committed, with one more on the way. Does not own the sink or the cluster.
//! Invariant: an epoch is published once, by whoever comes first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_io::kafka::{Kafka, KafkaSink, StagedRecords};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::{Error, ErrorKind, Result, element};
use whitebeam_testkit::kafka::{Faults, KafkaModel, prefix_of_epochs};
use whitebeam_testkit::sim::{Machine, SimEnv, Strike};

/// The topic that is written.
pub(crate) const TOPIC: &str = "out";
/// The topic of the markers.
pub(crate) const PROGRESS: &str = "whitebeam-progress-test";
/// The transactional id.
pub(crate) const ID: &str = "whitebeam.test.0";
/// How many partitions it has.
pub(crate) const PARTITIONS: u32 = 3;
/// How many records an epoch has.
pub(crate) const PER_EPOCH: u64 = 8;
const KEYS: u64 = 5;

/// Key, number, epoch.
pub(crate) type Event = (u64, u64, u64);

/// What a checkpoint directory holds.
#[derive(Default)]
pub(crate) struct Store {
    generation: u64,
    /// Encoded parts, by epoch.
    pub(crate) published: BTreeMap<u64, Vec<Vec<u8>>>,
    pub(crate) noted: u64,
    /// What recover said, call by call.
    pub(crate) recovered: Vec<Option<u64>>,
}

/// Which guarantee is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    Exactly,
    AtLeast,
    AtMost,
}

/// A cluster, a machine and a store.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) machine: Machine,
    pub(crate) model: KafkaModel,
    pub(crate) store: Arc<Mutex<Store>>,
    pub(crate) how: How,
    pub(crate) epochs: u64,
}

impl Rig {
    pub(crate) fn new(seed: u64, faults: Faults, how: How, epochs: u64) -> Self {
        let machine = Machine::new(seed);
        let model = KafkaModel::new(&machine, seed, faults);
        model.create(TOPIC, PARTITIONS);
        if how == How::Exactly {
            model.watch(prefix_of_epochs(TOPIC, |placed| {
                let event: Event = serde_json::from_slice(placed.row.value.as_deref()?).ok()?;
                Some(event.2)
            }));
        }
        Rig {
            machine,
            model,
            store: Arc::default(),
            how,
            epochs,
        }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Runs process after process, through these crashes, until one comes to its end.
    pub(crate) fn run(&self, strikes: &[Strike]) -> Result<u32> {
        self.machine.strike(strikes.iter().copied());
        let mut crashes = 0;
        loop {
            match self.machine.run(|env| self.process(env)) {
                Ok(ended) => return ended.map(|()| crashes),
                Err(_) => crashes += 1,
            }
            if crashes as usize > strikes.len() + 5 {
                panic!("more crashes than strikes");
            }
        }
    }

    /// One process, from its start to its end.
    pub(crate) fn process(&self, env: &SimEnv) -> Result<()> {
        let sink = sink(&self.model.kafka_of(env), self.how);
        self.drive(env, &sink)
    }

    /// What a runner does with a sink.
    pub(crate) fn drive<S>(&self, env: &SimEnv, sink: &S) -> Result<()>
    where
        S: Sink<Event, Staged = StagedRecords>,
    {
        let generation = {
            let mut store = self.store();
            store.generation += 1;
            store.generation
        };
        let visible = patiently(env, || sink.recover())?.map_or(0, |epoch| epoch.0);
        let (newest, owed) = {
            let mut store = self.store();
            store.recovered.push(Some(visible).filter(|v| *v > 0));
            let newest = store.published.keys().last().copied().unwrap_or(0);
            if visible > newest {
                return Err(Error::new(ErrorKind::Incompatible, "ahead").with_code("R206"));
            }
            let noted = store.noted.max(visible);
            let owed: Vec<u64> = store
                .published
                .range(noted + 1..)
                .map(|(e, _)| *e)
                .collect();
            (newest, owed)
        };
        for epoch in owed {
            self.commit(env, sink, epoch, generation)?;
        }
        let shard = Shard { index: 0, of: 1 };
        let mut writer = patiently(env, || sink.open(shard))?;
        let mut waiting = Vec::new();
        for epoch in newest + 1..=self.epochs {
            writer.write(&Batch::of(events(epoch)))?;
            env.point("rig.wrote");
            let staged = writer.stage(Epoch(epoch))?;
            patiently(env, || sink.settle(Epoch(epoch)))?;
            env.point("rig.settled");
            self.publish(epoch, generation, &staged)?;
            env.point("rig.published");
            waiting.push(epoch);
            if waiting.len() > 1 || epoch == self.epochs {
                for epoch in std::mem::take(&mut waiting) {
                    self.commit(env, sink, epoch, generation)?;
                }
            }
        }
        sink.finish()
    }

    fn publish(&self, epoch: u64, generation: u64, staged: &[StagedRecords]) -> Result<()> {
        let encoded = staged.iter().map(|part| {
            let mut bytes = Vec::new();
            element::encode(part, &mut bytes).map(|()| bytes)
        });
        let encoded = encoded.collect::<Result<Vec<_>>>()?;
        let mut store = self.store();
        if store.generation != generation || store.published.contains_key(&epoch) {
            return Err(rival());
        }
        store.published.insert(epoch, encoded);
        Ok(())
    }

    fn commit<S>(&self, env: &SimEnv, sink: &S, epoch: u64, generation: u64) -> Result<()>
    where
        S: Sink<Event, Staged = StagedRecords>,
    {
        let parts = self.store().published[&epoch].clone();
        patiently(env, || {
            if self.store().generation != generation {
                return Err(rival());
            }
            env.point("rig.confirmed");
            let parts = parts.iter().map(|part| element::decode(&mut &part[..]));
            sink.commit(Epoch(epoch), parts.collect::<Result<Vec<_>>>()?)
        })?;
        env.point("rig.committed");
        let mut store = self.store();
        if store.generation != generation {
            return Err(rival());
        }
        store.noted = store.noted.max(epoch);
        Ok(())
    }

    /// Everything that a reader of committed records sees, in order of partitions.
    pub(crate) fn shown(&self) -> Vec<Vec<Event>> {
        self.model.heal();
        self.model.quiesce();
        let event = |value: &[u8]| serde_json::from_slice(value).unwrap();
        let of = |rows: Vec<whitebeam_testkit::kafka::Placed>| {
            let values = rows
                .iter()
                .map(|row| event(row.row.value.as_deref().unwrap()));
            values.collect()
        };
        self.model.committed(TOPIC).into_iter().map(of).collect()
    }

    /// Each record once, and the records of a key in order.
    pub(crate) fn judge_exactly(&self) {
        self.judge_exactly_in("");
    }

    /// The same, naming the case if it is not so.
    pub(crate) fn judge_exactly_in(&self, case: &str) {
        self.model.check_invariants().expect(case);
        let shown = self.shown();
        let mut seen = BTreeSet::new();
        let mut last = BTreeMap::new();
        for event in shown.iter().flatten() {
            assert!(seen.insert(*event), "{case}: {event:?} is there twice");
            let before = last.insert(event.0, event.1);
            assert!(before < Some(event.1), "{case}: {event:?} out of order");
        }
        assert_eq!(seen, expected(self.epochs), "{case}: records are missing");
    }
}

fn rival() -> Error {
    Error::new(ErrorKind::Incompatible, "another process has taken over").with_code("R202")
}

/// Calls again while whoever is asked is not there.
fn patiently<R>(env: &SimEnv, mut call: impl FnMut() -> Result<R>) -> Result<R> {
    for _ in 0..200 {
        match call() {
            Err(e) if e.kind() == ErrorKind::Unavailable => {
                env.machine().advance(Duration::from_millis(200));
            }
            done => return done,
        }
    }
    call()
}

/// The records of an epoch.
pub(crate) fn events(epoch: u64) -> Vec<Event> {
    let numbers = (epoch - 1) * PER_EPOCH..epoch * PER_EPOCH;
    numbers.map(|n| (n % KEYS, n, epoch)).collect()
}

pub(crate) fn expected(epochs: u64) -> BTreeSet<Event> {
    (1..=epochs).flat_map(events).collect()
}

type ByKey = whitebeam_io::kafka::KeyBy<fn(&Event) -> u64, whitebeam_io::codec::Json, u64>;

/// The sink that is tested.
pub(crate) fn sink(kafka: &Kafka, how: How) -> KafkaSink<Event, whitebeam_io::codec::Json, ByKey> {
    let key: fn(&Event) -> u64 = |event| event.0;
    let sink = KafkaSink::json(kafka, TOPIC).key_by(key);
    match how {
        How::Exactly => sink.exactly_once("test"),
        How::AtLeast => sink.at_least_once(),
        How::AtMost => sink.at_most_once(),
    }
}
