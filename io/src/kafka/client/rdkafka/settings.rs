//! `Settings`: what librdkafka is told, of users and of us.
//!
//! Owns which settings are the connector's own, the defaults that differ from librdkafka's, and which
//! may hold a secret. Does not own what librdkafka makes of them. Invariant: the values of secrets
//! leave this file only towards librdkafka; every text that comes back goes through [`Settings::hide`].

use super::super::{ClientError, Failure, Isolation, ProducerOptions, Result};
use super::ours::ours;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use std::collections::BTreeMap;
use tracing::{Level, enabled};

/// The group that readers are of: librdkafka wants one. Nobody joins it, and nothing is committed to it.
const READERS: &str = "whitebeam-readers";

/// For all, where users do not say otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("client.id", "whitebeam"),
    // A broker that comes back is noticed at once: with librdkafka's ten seconds a commit over six
    // crashes of a broker took up to 48 s, with this one 18. The first connection to a coordinator
    // waits for half of the shorter time too: one producer a commit.
    ("reconnect.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "200"),
];

/// For who reads.
const READING: &[(&str, &str)] = &[
    // A new reader waits for the answer that its broker holds back for the others; so does a marker.
    ("fetch.wait.max.ms", "50"),
    ("fetch.error.backoff.ms", "50"),
    // A reader whose queue was full asks for more as soon as there is room. With librdkafka's second
    // a reader that is faster than its broker waits for most of the time.
    ("fetch.queue.backoff.ms", "5"),
    // Of each partition, because each has its queue; two thousand read no slower than 65,536 did.
    ("queued.max.messages.kbytes", "4096"),
    // How long a topic may be missing from what brokers tell before its readers are told.
    ("topic.metadata.propagation.max.ms", "5000"),
];

/// For who writes.
const WRITING: &[(&str, &str)] = &[
    ("linger.ms", "5"),
    ("batch.size", "1000000"),
    // A short queue is full while most of it is on its way: then batches are small, and a third as
    // many records go out in the same time. How many bytes lie there, sinks tell and runners limit.
    ("queue.buffering.max.messages", "1000000"),
    // A transaction whose coordinator moves or is still ending the one before asks again.
    ("retry.backoff.ms", "10"),
    ("retry.backoff.max.ms", "200"),
];

/// What librdkafka is told.
pub(super) struct Settings {
    pub(super) brokers: String,
    given: BTreeMap<String, String>,
    secrets: Vec<String>,
}

impl Settings {
    /// Those of a user, who may not say what is ours.
    pub(super) fn new(brokers: &str, given: &BTreeMap<String, String>) -> Result<Self> {
        for name in given.keys() {
            if let Some(why) = ours(name) {
                return Err(invalid(format!("`{name}` is the connector's own: {why}")));
            }
        }
        let secrets = given
            .iter()
            .filter(|(name, value)| is_secret(name) && !value.is_empty())
            .map(|(_, value)| value.clone())
            .collect();
        let settings = Settings {
            brokers: brokers.to_owned(),
            given: given.clone(),
            secrets,
        };
        settings
            .reading(Isolation::Committed)
            .create_native_config()
            .map_err(|e| settings.refused(&e))?;
        Ok(settings)
    }

    /// A text without secrets.
    pub(super) fn hide(&self, text: &str) -> String {
        self.secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// For readers, and for who asks what is there.
    pub(super) fn reading(&self, isolation: Isolation) -> ClientConfig {
        let mut config = self.config(READING);
        let isolation = match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        };
        config
            .set("group.id", READERS)
            .set("isolation.level", isolation)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            .set("allow.auto.create.topics", "false")
            .set("statistics.interval.ms", "1000");
        config
    }

    /// For who commits offsets of a group, or asks for them.
    pub(super) fn group(&self, group: &str) -> ClientConfig {
        let mut config = self.reading(Isolation::Committed);
        config
            .set("group.id", group)
            // A commit waits so long for a coordinator, and who closes waits for it; nobody joins.
            .set("session.timeout.ms", "6000")
            .set("statistics.interval.ms", "0");
        config
    }

    /// For a producer.
    pub(super) fn writing(&self, of: &ProducerOptions) -> ClientConfig {
        let mut config = self.config(WRITING);
        config.set("enable.idempotence", "true").set("acks", "all");
        if let Some(id) = &of.transactional_id {
            let timeout = of.transaction_timeout.as_millis().max(1);
            config
                .set("transactional.id", id)
                .set("transaction.timeout.ms", timeout.to_string());
            if !self.given.contains_key("message.timeout.ms") {
                // Not longer than the transaction, says librdkafka; shorter would only give up early.
                config.set("message.timeout.ms", timeout.to_string());
            }
        }
        config
    }

    /// For who makes topics.
    pub(super) fn admin(&self) -> ClientConfig {
        self.config(&[])
    }

    /// An error of librdkafka about a setting; its own text may hold the value.
    pub(super) fn refused(&self, e: &KafkaError) -> ClientError {
        invalid(match e {
            KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
                format!("librdkafka has no setting `{name}`")
            }
            KafkaError::ClientConfig(_, said, name, _) => {
                self.hide(&format!("the setting `{name}`: {}", hint(said)))
            }
            other => self.hide(&hint(&other.to_string())),
        })
    }

    fn config(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(log_level());
        for (name, value) in DEFAULTS.iter().chain(defaults) {
            config.set(*name, *value);
        }
        for (name, value) in &self.given {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers);
        config
    }
}

/// All defaults.
#[cfg(test)]
pub(super) fn defaults() -> impl Iterator<Item = (&'static str, &'static str)> {
    [DEFAULTS, READING, WRITING].into_iter().flatten().copied()
}

fn invalid(said: String) -> ClientError {
    ClientError::new(Failure::Invalid, "set up the client", said)
}

/// What is missing from the build is the more useful answer.
fn hint(said: &str) -> String {
    let said = said.trim();
    let is_tls = ["OpenSSL", "SSL", "SCRAM", "OAUTHBEARER"]
        .iter()
        .any(|sign| said.contains(sign));
    if is_tls && !cfg!(feature = "kafka-tls") {
        return format!("{said} (build with the feature `kafka-tls`)");
    }
    said.to_owned()
}

/// Whether the value of a setting may be a secret, judged by the name alone.
pub(super) fn is_secret(name: &str) -> bool {
    const SIGNS: &[&str] = &[
        "password",
        "secret",
        "token",
        "key.pem",
        "jaas",
        "credential",
        "passphrase",
        "oauthbearer.config",
        "private",
    ];
    let name = name.to_ascii_lowercase();
    SIGNS.iter().any(|sign| name.contains(sign))
}

/// As chatty as who listens.
fn log_level() -> RDKafkaLogLevel {
    if enabled!(target: "librdkafka", Level::TRACE) {
        RDKafkaLogLevel::Debug
    } else if enabled!(target: "librdkafka", Level::DEBUG) {
        RDKafkaLogLevel::Info
    } else {
        RDKafkaLogLevel::Warning
    }
}
