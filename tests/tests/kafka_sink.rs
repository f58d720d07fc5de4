//! The Kafka sink on a real broker: once whatever is killed, and a clear word where it cannot go on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for real servers"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use whitebeam_io::codec::Json;
use whitebeam_io::kafka::client::{
    Client, ClientError, Ends, Isolation, NewRecord, NewTopic, PartitionReader, Producer,
    ProducerOptions, ReadFrom, Result as Asked,
};
use whitebeam_io::kafka::{Kafka as Cluster, KafkaSink, KeyBy, SINK_POINTS, StagedRecords};
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::{Error, ErrorKind, Timestamp};
use whitebeam_tests::services::Kafka;

const LONG: Duration = Duration::from_secs(30);

type Event = (String, u64);
type Tested = KafkaSink<Event, Json, KeyBy<fn(&Event) -> String, Json, String>>;
type Hook = Box<dyn FnMut(&'static str) + Send>;

/// A client that tells a test where the sink is.
struct Hooked(Arc<dyn Client>, Mutex<Hook>);

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Client for Hooked {
    fn partitions(&self, topic: &str, within: Duration) -> Asked<Option<u32>> {
        self.0.partitions(topic, within)
    }
    fn create_topic(&self, topic: &NewTopic, within: Duration) -> Asked<()> {
        self.0.create_topic(topic, within)
    }
    fn ends(&self, topic: &str, partition: u32, within: Duration) -> Asked<Ends> {
        self.0.ends(topic, partition, within)
    }
    fn offset_at(&self, t: &str, p: u32, time: Timestamp, within: Duration) -> Asked<u64> {
        self.0.offset_at(t, p, time, within)
    }
    fn group_offsets(
        &self,
        group: &str,
        topic: &str,
        partitions: u32,
        within: Duration,
    ) -> Asked<BTreeMap<u32, u64>> {
        self.0.group_offsets(group, topic, partitions, within)
    }
    fn commit_group_offsets(
        &self,
        group: &str,
        topic: &str,
        offsets: &BTreeMap<u32, u64>,
        within: Duration,
    ) -> Asked<()> {
        self.0.commit_group_offsets(group, topic, offsets, within)
    }
    fn reader(&self, of: &ReadFrom) -> Asked<Box<dyn PartitionReader>> {
        self.0.reader(of)
    }
    fn producer(&self, of: &ProducerOptions) -> Asked<Box<dyn Producer>> {
        self.0.producer(of)
    }
    fn pause(&self, time: Duration) {
        self.0.pause(time);
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn unique(&self) -> u128 {
        self.0.unique()
    }
    fn point(&self, label: &'static str) {
        let mut hook = self.1.lock().unwrap_or_else(|e| e.into_inner());
        hook(label);
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
}

/// What a process unwinds with that "is killed".
struct Killed;

/// A topic of its own on a broker.
struct Ground<'a> {
    broker: &'a Kafka,
    cluster: Cluster,
    topic: String,
}

impl<'a> Ground<'a> {
    fn new(broker: &'a Kafka, topic: &str) -> Self {
        let cluster = Cluster::at(broker.address());
        let new = NewTopic {
            name: topic.to_owned(),
            partitions: 3,
            compacted: false,
        };
        let client = cluster.client().unwrap();
        client.create_topic(&new, LONG).unwrap();
        while client.partitions(topic, LONG).unwrap().is_none() {
            thread::sleep(Duration::from_millis(20));
        }
        Ground {
            broker,
            cluster,
            topic: topic.to_owned(),
        }
    }

    fn progress(&self) -> String {
        format!("whitebeam-progress-{}", self.topic)
    }

    /// A sink as a new process has it.
    fn plain(&self) -> Tested {
        self.of(&Cluster::at(self.broker.address()))
    }

    fn of(&self, cluster: &Cluster) -> Tested {
        let key: fn(&Event) -> String = |event| event.0.clone();
        KafkaSink::json(cluster, &self.topic)
            .key_by(key)
            .exactly_once(&self.topic)
    }

    fn hooked(&self, hook: impl FnMut(&'static str) + Send + 'static) -> Tested {
        let inner = Cluster::at(self.broker.address()).client().unwrap();
        let client = Hooked(inner, Mutex::new(Box::new(hook)));
        self.of(&Cluster::with_client(Arc::new(client)))
    }

    /// Everything that readers of committed records see, sorted.
    fn shown(&self) -> Vec<Event> {
        let mut shown = self.read(&self.topic, Isolation::Committed);
        shown.sort();
        shown
    }

    fn read(&self, topic: &str, isolation: Isolation) -> Vec<Event> {
        let client = self.cluster.client().unwrap();
        let mut found = Vec::new();
        for partition in 0..client.partitions(topic, LONG).unwrap().unwrap() {
            let ends = client.ends(topic, partition, LONG).unwrap();
            let end = match isolation {
                Isolation::Committed => ends.stable,
                Isolation::Uncommitted => ends.end,
            };
            let mut reader = client
                .reader(&ReadFrom {
                    topic: topic.to_owned(),
                    partition,
                    offset: ends.first,
                    isolation,
                })
                .unwrap();
            let began = Instant::now();
            loop {
                let polled = reader.poll(1_000, &mut |record| {
                    found.push(serde_json::from_slice(record.value.unwrap()).unwrap());
                    true
                });
                match polled {
                    Ok(polled) if polled.next >= end || (polled.at_end && end == ends.stable) => {
                        break;
                    }
                    _ => thread::sleep(Duration::from_millis(5)),
                }
                assert!(began.elapsed() < LONG, "{topic}/{partition} has no end");
            }
        }
        found
    }
}

fn events(epoch: u64) -> Vec<Event> {
    let numbers = (epoch - 1) * 20..epoch * 20;
    numbers.map(|n| (format!("key {}", n % 7), n)).collect()
}

fn all(epochs: u64) -> Vec<Event> {
    let mut all: Vec<Event> = (1..=epochs).flat_map(events).collect();
    all.sort();
    all
}

fn stage(sink: &Tested, epoch: u64) -> Vec<StagedRecords> {
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    writer.write(&Batch::of(events(epoch))).unwrap();
    writer.stage(Epoch(epoch)).unwrap()
}

/// Commits as a runner does: again, while whoever is asked is not there.
fn commit(sink: &Tested, epoch: u64, staged: &[StagedRecords]) -> Result<Committed, Error> {
    let began = Instant::now();
    loop {
        match sink.commit(Epoch(epoch), staged.to_vec()) {
            Err(e) if e.kind() == ErrorKind::Unavailable && began.elapsed() < 4 * LONG => {}
            done => return done,
        }
    }
}

/// Runs a process that may be killed at a point; whether it was.
fn killed(process: impl FnOnce()) -> bool {
    match catch_unwind(AssertUnwindSafe(process)) {
        Ok(()) => false,
        Err(what) if what.is::<Killed>() => true,
        Err(other) => resume_unwind(other),
    }
}

#[test]
fn each_record_is_there_once_however_often_and_by_whom_its_epoch_is_committed() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let ground = Ground::new(broker, "repeats");
    let sink = ground.plain();
    assert_eq!(sink.recover().unwrap(), None);
    let first = stage(&sink, 1);
    assert_eq!(commit(&sink, 1, &first).unwrap(), Committed::Now);
    assert_eq!(ground.shown(), all(1));
    assert_eq!(commit(&sink, 1, &first).unwrap(), Committed::Before);
    let second = stage(&sink, 2);
    assert_eq!(commit(&sink, 2, &second).unwrap(), Committed::Now);
    assert_eq!(commit(&sink, 1, &first).unwrap(), Committed::Before);
    // Without records there is no transaction, and the marker stays.
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    let nothing = writer.stage(Epoch(3)).unwrap();
    assert_eq!(commit(&sink, 3, &nothing).unwrap(), Committed::Now);
    sink.finish().unwrap();

    let next = ground.plain();
    assert_eq!(next.recover().unwrap(), Some(Epoch(2)));
    assert_eq!(commit(&next, 2, &second).unwrap(), Committed::Before);
    assert_eq!(ground.shown(), all(2));

    // A batch run has no checkpoint: it writes what it has, and takes nothing from the others.
    let batch = ground.plain();
    let again = stage(&batch, 3);
    assert_eq!(commit(&batch, 0, &again).unwrap(), Committed::Now);
    assert_eq!(commit(&batch, 0, &again).unwrap(), Committed::Before);
    assert_eq!(ground.shown(), all(3));
    let last = ground.plain();
    assert_eq!(last.recover().unwrap(), Some(Epoch(2)));
}

#[test]
fn an_older_instance_is_fenced_and_ends() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let ground = Ground::new(broker, "rivals");
    let older = ground.plain();
    older.recover().unwrap();
    commit(&older, 1, &stage(&older, 1)).unwrap();
    let staged = stage(&older, 2);
    let newer = ground.plain();
    assert_eq!(newer.recover().unwrap(), Some(Epoch(1)));
    let e = commit(&older, 2, &staged).unwrap_err();
    assert_eq!(e.code(), "K201", "{e}");
    assert!(e.to_string().contains("another instance"), "{e}");
    let e = commit(&older, 2, &staged).unwrap_err();
    assert_eq!(e.code(), "K201", "{e}");
    assert_eq!(ground.shown(), all(1));
    commit(&newer, 2, &stage(&newer, 2)).unwrap();
    assert_eq!(ground.shown(), all(2));
}

/// Every point of an ordinary commit, by the process that is killed there and by the next.
#[test]
fn a_process_that_is_killed_at_any_point_loses_and_repeats_nothing() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let on_the_way = |label: &&&str| !label.starts_with("kafka.repair");
    for (n, label) in SINK_POINTS.iter().filter(on_the_way).enumerate() {
        let ground = Ground::new(broker, &format!("kills-{n}"));
        let staged = Arc::new(Mutex::new(BTreeMap::new()));
        let visits = Arc::new(Mutex::new(0));
        // The third visit: the first are those of taking over, and of the first epoch.
        for nth in [3, 1] {
            *visits.lock().unwrap() = 0;
            let visits = Arc::clone(&visits);
            let sink = ground.hooked(move |at| {
                if at == *label {
                    *visits.lock().unwrap() += 1;
                    if *visits.lock().unwrap() == nth {
                        resume_unwind(Box::new(Killed));
                    }
                }
            });
            let staged = Arc::clone(&staged);
            killed(move || run(&sink, &staged, 3));
        }
        run(&ground.plain(), &staged, 3);
        assert_eq!(ground.shown(), all(3), "{label}");
    }
}

/// A small runner: goes on from what is staged, up to an epoch.
fn run(sink: &Tested, staged: &Mutex<BTreeMap<u64, Vec<StagedRecords>>>, epochs: u64) {
    let visible = sink.recover().unwrap().map_or(0, |epoch| epoch.0);
    let owed = staged.lock().unwrap().clone();
    for (epoch, parts) in owed.range(visible + 1..) {
        commit(sink, *epoch, parts).unwrap();
    }
    let newest = owed.keys().last().copied().unwrap_or(0);
    for epoch in newest + 1..=epochs {
        let parts = stage(sink, epoch);
        staged.lock().unwrap().insert(epoch, parts.clone());
        commit(sink, epoch, &parts).unwrap();
    }
}

#[test]
fn a_broker_that_is_killed_in_a_commit_loses_and_repeats_nothing() {
    let Some(broker) = Kafka::start() else { return };
    let broker = Arc::new(broker);
    let labels = [
        "kafka.begin",
        "sink.half",
        "sink.marker_sent",
        "sink.commit_sent",
    ];
    for (n, label) in labels.into_iter().enumerate() {
        let ground = Ground::new(&broker, &format!("broken-{n}"));
        let mut visits = 0;
        let mut restart = None;
        let server = Arc::clone(&broker);
        let sink = ground.hooked(move |at| {
            visits += u32::from(at == label);
            if at == label && visits == 3 {
                server.kill();
                let server = Arc::clone(&server);
                restart = Some(thread::spawn(move || {
                    thread::sleep(Duration::from_millis(300));
                    server.restart();
                }));
            } else if at == "kafka.visible"
                && let Some(restart) = restart.take()
            {
                restart.join().unwrap();
            }
        });
        run(&sink, &Mutex::default(), 4);
        assert_eq!(ground.shown(), all(4), "{label}");
    }
}

#[test]
fn a_record_that_is_too_large_is_told_with_its_key_before_anything_is_promised() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let ground = Ground::new(broker, "large");
    let large = || ("0".repeat(2_000_000), 1);
    let sink = ground.plain();
    sink.recover().unwrap();
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    let e = writer.write(&Batch::of(vec![large()])).unwrap_err();
    assert_eq!((e.kind(), e.code()), (ErrorKind::Data, "K203"));
    assert!(e.message().contains("topic `large`"), "{e}");
    assert!(e.message().contains("000.."), "{e}");
    assert!(e.to_string().len() < 1_000, "{e}");

    // Who says that more is allowed hears it from the cluster.
    for is_exact in [true, false] {
        let cluster = Cluster::at(broker.address()).set("message.max.bytes", "10000000");
        let mut sink = ground.of(&cluster).max_record_bytes(10_000_000);
        if !is_exact {
            sink = sink.at_least_once();
        }
        sink.recover().unwrap();
        let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
        writer.write(&Batch::of(vec![large()])).unwrap();
        let staged = writer.stage(Epoch(1)).unwrap();
        let settled = sink.settle(Epoch(1));
        let e = settled.and_then(|()| commit(&sink, 1, &staged).map(|_| ()));
        let e = e.unwrap_err();
        assert_eq!((e.kind(), e.code()), (ErrorKind::Data, "K203"), "{e}");
    }
    assert_eq!(ground.shown(), []);
}

/// What every way to write says of a cluster.
fn refusals(kafka: &Cluster) -> Vec<Error> {
    let sink = || KafkaSink::<u64>::json(kafka, "t").patience(Duration::from_secs(2));
    let open = |sink: KafkaSink<u64>| sink.open(Shard { index: 0, of: 1 }).err();
    let all = [
        open(sink().at_least_once()),
        open(sink().at_most_once()),
        open(sink().exactly_once("t")),
        sink().exactly_once("t").recover().err(),
    ];
    all.map(|refusal| refusal.expect("nobody can be written to"))
        .into()
}

#[test]
fn brokers_that_are_not_there_are_told_before_anything_is_written() {
    let begun = Instant::now();
    for e in refusals(&Cluster::at("127.0.0.1:9")) {
        assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
        let told = format!("{e} {e:?}");
        for part in ["topic `t` at 127.0.0.1:9", "help: "] {
            assert!(told.contains(part), "`{part}` in {told}");
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn who_may_not_write_is_told_without_secrets() {
    let Some(broker) = Kafka::secure() else {
        return;
    };
    if cfg!(not(feature = "kafka-tls")) {
        let why = "built without TLS, for want of OpenSSL's headers";
        return whitebeam_tests::skip::skip("who_may_not_write_is_told_without_secrets", why);
    }
    let credentials = broker.credentials().unwrap();
    let kafka = Cluster::at(broker.address())
        .set("security.protocol", "sasl_ssl")
        .set("ssl.ca.location", credentials.ca.to_str().unwrap())
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", &credentials.user)
        .set("sasl.password", "not-the-password");
    for e in refusals(&kafka) {
        let told = format!("{e} {e:?}");
        assert!(told.contains("refused who asked"), "{told}");
        assert!(!told.contains("not-the-password"), "{told}");
    }
}

#[test]
fn a_topic_that_is_not_there_is_told_or_made() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let cluster = Cluster::at(broker.address());
    let sink = || KafkaSink::<Event>::json(&cluster, "nowhere");
    let e = sink().open(Shard { index: 0, of: 1 }).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    assert!(e.message().contains("topic `nowhere`"), "{e}");
    assert!(e.message().contains("no such topic"), "{e}");
    let e = sink().exactly_once("nowhere").recover().unwrap_err();
    assert!(e.message().contains("no such topic"), "{e}");
    let made = sink().create(2).exactly_once("nowhere");
    assert_eq!(made.recover().unwrap(), None);
    let partitions = cluster.client().unwrap().partitions("nowhere", LONG);
    assert_eq!(partitions.unwrap(), Some(2));
}

#[test]
fn a_progress_topic_that_was_deleted_is_told_and_nothing_is_sent() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let ground = Ground::new(broker, "forgotten");
    let sink = ground.plain();
    sink.recover().unwrap();
    commit(&sink, 1, &stage(&sink, 1)).unwrap();
    let owed = stage(&sink, 2);
    drop(sink);
    broker.topic(&["delete", &ground.progress()]);
    let next = ground.plain();
    assert_eq!(next.recover().unwrap(), None);
    let e = commit(&next, 2, &owed).unwrap_err();
    assert_eq!(
        (e.kind(), e.code()),
        (ErrorKind::Incompatible, "K202"),
        "{e}"
    );
    assert!(e.to_string().contains(&ground.progress()), "{e}");
    let sent = ground.read(&ground.topic, Isolation::Uncommitted);
    assert_eq!(sent.len(), all(1).len());
}

#[test]
fn every_sink_has_a_progress_topic_of_its_own_whatever_its_name() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let ground = Ground::new(broker, "named");
    // Kafka refuses a topic whose name differs from another's in `.` and `_` alone.
    for (id, progress) in [
        ("a.b", "whitebeam-progress-a--2eb"),
        ("a_b", "whitebeam-progress-a_b"),
        ("a b/ä", "whitebeam-progress-a--20b--2f--c3--a4"),
    ] {
        let sink = ground.plain().exactly_once(id);
        assert_eq!(sink.recover().unwrap(), None);
        commit(&sink, 1, &stage(&sink, 1)).unwrap();
        let next = ground.plain().exactly_once(id);
        assert_eq!(next.recover().unwrap(), Some(Epoch(1)), "{id}");
        let client = ground.cluster.client().unwrap();
        assert_eq!(client.partitions(progress, LONG).unwrap(), Some(1), "{id}");
    }
    let e = ground.plain().exactly_once("x".repeat(250));
    let e = e.recover().unwrap_err();
    assert!(e.to_string().contains(".progress_topic(..)"), "{e}");
    let given = ground.plain().exactly_once("given").progress_topic("given");
    assert_eq!(given.recover().unwrap(), None);
    let client = ground.cluster.client().unwrap();
    assert_eq!(client.partitions("given", LONG).unwrap(), Some(1));
}

#[test]
fn an_open_transaction_of_somebody_else_delays_the_epoch_and_fences_nobody() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let ground = Ground::new(broker, "delayed");
    let client = ground.cluster.client().unwrap();
    let mut other = client
        .producer(&ProducerOptions {
            transactional_id: Some("somebody else".to_owned()),
            transaction_timeout: Duration::from_secs(120),
        })
        .unwrap();
    other.init(LONG).unwrap();
    let sink = ground.plain().visible_within(Duration::from_secs(1));
    sink.recover().unwrap();
    let staged = stage(&sink, 1);
    other.begin().unwrap();
    for partition in 0..3 {
        let record = NewRecord {
            topic: &ground.topic,
            partition,
            timestamp: None,
            key: None,
            value: Some(br#"["other",0]"#),
        };
        other.send(&record).unwrap();
    }
    while other.in_flight() > 0 {
        other.deliveries(LONG);
    }
    let e = sink.commit(Epoch(1), staged.clone()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    assert!(
        e.message().contains("a transaction of somebody else"),
        "{e}"
    );
    assert_eq!(ground.shown(), []);
    other.abort(LONG).unwrap();
    assert_eq!(commit(&sink, 1, &staged).unwrap(), Committed::Now);
    assert_eq!(ground.shown(), all(1));
}

#[test]
fn at_least_once_everything_is_there_once_settled() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let ground = Ground::new(broker, "direct");
    let sink = ground.plain().at_least_once();
    let mut writers: Vec<_> = (0..2)
        .map(|index| sink.open(Shard { index, of: 2 }).unwrap())
        .collect();
    writers[0].write(&Batch::of(events(1))).unwrap();
    writers[1].write(&Batch::of(events(2))).unwrap();
    for writer in &mut writers {
        assert_eq!(writer.stage(Epoch(1)).unwrap(), []);
    }
    sink.settle(Epoch(1)).unwrap();
    assert_eq!(writers[0].pending(), 0);
    assert_eq!(ground.shown(), all(2));
}

#[test]
fn at_most_once_only_the_process_that_wrote_an_epoch_sends_it() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let ground = Ground::new(broker, "once");
    let sink = ground.plain().at_most_once();
    sink.recover().unwrap();
    let first = stage(&sink, 1);
    assert_eq!(ground.shown(), []);
    assert_eq!(commit(&sink, 1, &first).unwrap(), Committed::Now);
    assert_eq!(commit(&sink, 1, &first).unwrap(), Committed::Before);
    let second = stage(&sink, 2);
    let next = ground.plain().at_most_once();
    next.recover().unwrap();
    assert_eq!(commit(&next, 2, &second).unwrap(), Committed::Before);
    assert_eq!(ground.shown(), all(1));
}

#[test]
fn a_tombstone_has_no_value_and_a_record_its_elements_time_if_asked() {
    let Some(broker) = Kafka::shared() else {
        return;
    };
    let ground = Ground::new(broker, "forms");
    let sink = ground
        .plain()
        .tombstones_when(|event| event.1 == 0)
        .event_times();
    sink.recover().unwrap();
    let mut batch = Batch::default();
    let at = Timestamp::from_millis(1_600_000_000_123);
    for n in [0, 1] {
        let pane = whitebeam_sdk::PaneInfo::NO_FIRING;
        let window = whitebeam_sdk::window::Window::GLOBAL;
        batch.push(("k".to_owned(), n), at, window, pane);
    }
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    writer.write(&batch).unwrap();
    let staged = writer.stage(Epoch(1)).unwrap();
    commit(&sink, 1, &staged).unwrap();
    let client = ground.cluster.client().unwrap();
    let partition = whitebeam_io::kafka::partition_of_key(br#""k""#, 3);
    let mut reader = client
        .reader(&ReadFrom {
            topic: ground.topic.clone(),
            partition,
            offset: 0,
            isolation: Isolation::Committed,
        })
        .unwrap();
    let mut seen = Vec::new();
    let began = Instant::now();
    while seen.len() < 2 && began.elapsed() < LONG {
        let polled: Result<_, ClientError> = reader.poll(10, &mut |record| {
            let key = record.key.map(<[u8]>::to_vec);
            seen.push((key, record.value.is_some(), record.timestamp));
            true
        });
        polled.unwrap();
    }
    let key = Some(br#""k""#.to_vec());
    assert_eq!(
        seen,
        [(key.clone(), false, Some(at)), (key, true, Some(at))]
    );
}
