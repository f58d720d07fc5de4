//! Which of librdkafka's settings the connector depends on, and why nobody else sets them.
//!
//! Owns the list only. Invariant: every name and alias that could change what is promised is in it.

const POSITIONS: &str = "positions are kept in checkpoints, not in a group";
const START: &str = "a position that is not there must be an error, never another place";
const ISOLATION: &str = "say it where the source is made";
const NO_GROUP: &str =
    "partitions are assigned by the pipeline; name a group where the source is made";
const ENDS: &str = "a bounded read ends by it";
const CHECKSUMS: &str = "damaged records must not be read";
const TRANSACTIONS: &str = "the sink's protocol depends on it";
const IDEMPOTENCE: &str = "records must not be lost, repeated or reordered by retries";
const PARTITION: &str = "partitions are chosen by the sink";
const BROKERS: &str = "the brokers are given to `Kafka::at`";
const TOPICS: &str = "topics are made on request only";
const WATCHED: &str = "the connector reads what it brings";
const CODE: &str = "it would load foreign code";

pub(super) const OURS: &[(&str, &str)] = &[
    ("acks", IDEMPOTENCE),
    ("allow.auto.create.topics", TOPICS),
    ("auto.commit.enable", POSITIONS),
    ("auto.commit.interval.ms", POSITIONS),
    ("auto.offset.reset", START),
    ("bootstrap.servers", BROKERS),
    ("check.crcs", CHECKSUMS),
    ("consume.callback.max.messages", WATCHED),
    ("delivery.report.only.error", WATCHED),
    ("enable.auto.commit", POSITIONS),
    ("enable.auto.offset.store", POSITIONS),
    ("enable.gapless.guarantee", IDEMPOTENCE),
    ("enable.idempotence", IDEMPOTENCE),
    ("enable.partition.eof", ENDS),
    ("enabled_events", WATCHED),
    ("group.id", NO_GROUP),
    ("group.instance.id", NO_GROUP),
    ("group.protocol", NO_GROUP),
    ("group.protocol.type", NO_GROUP),
    ("group.remote.assignor", NO_GROUP),
    ("isolation.level", ISOLATION),
    ("log.queue", WATCHED),
    ("metadata.broker.list", BROKERS),
    ("offset.store.method", POSITIONS),
    ("offset.store.path", POSITIONS),
    ("offset.store.sync.interval.ms", POSITIONS),
    ("partition.assignment.strategy", NO_GROUP),
    ("partitioner", PARTITION),
    ("plugin.library.paths", CODE),
    ("request.required.acks", IDEMPOTENCE),
    ("session.timeout.ms", NO_GROUP),
    ("statistics.interval.ms", WATCHED),
    ("transaction.timeout.ms", TRANSACTIONS),
    ("transactional.id", TRANSACTIONS),
];

/// Why a setting is not for users to make; `None` if it is.
pub(super) fn ours(name: &str) -> Option<&'static str> {
    OURS.iter()
        .find(|(ours, _)| *ours == name)
        .map(|(_, why)| *why)
}
