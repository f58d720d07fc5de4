//! What can be shown without a cluster: settings, secrets, classes of errors, what is told and counted.

use super::super::{Client, Failure, Isolation, ProducerOptions};
use super::RdKafka;
use super::failure::{of_code, of_trouble};
use super::newcomers::Standing;
use super::ours::{self, ours};
use super::settings::{Settings, is_secret};
use super::told::{OfPartition, Told};
use crate::kafka::Kafka;
use rdkafka::error::RDKafkaErrorCode as Code;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const CANARY: &str = "canary-4711";

fn settings(given: &[(&str, &str)]) -> Result<Settings, String> {
    let given: BTreeMap<_, _> = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Settings::new("localhost:9092", &given).map_err(|e| {
        assert_eq!(e.failure, Failure::Invalid);
        e.to_string()
    })
}

fn options(transactional: bool) -> ProducerOptions {
    ProducerOptions {
        transactional_id: transactional.then(|| "id".to_owned()),
        transaction_timeout: Duration::from_secs(7),
    }
}

#[test]
fn what_the_connector_depends_on_is_refused_with_the_reason() {
    for (name, why) in ours::OURS {
        let said = settings(&[(name, "1")]).err().unwrap_or_default();
        assert!(said.contains(&format!("`{name}`")), "{name}: {said}");
        assert!(said.contains(why), "{name}: {said}");
    }
}

#[test]
fn all_that_the_connector_says_itself_is_either_its_own_or_a_default() {
    let settings = settings(&[]).unwrap();
    let overridden = super::settings::defaults()
        .flat_map(|(name, _)| settings_with(name))
        .collect::<Vec<_>>();
    assert_eq!(
        overridden,
        Vec::<String>::new(),
        "defaults that nobody can override"
    );
    let configs = [
        settings.reading(Isolation::Committed),
        settings.reading(Isolation::Uncommitted),
        settings.group("g"),
        settings.writing(&options(true)),
        settings.writing(&options(false)),
        settings.admin(),
    ];
    for config in configs {
        for name in config.config_map().keys() {
            let is_default = super::settings::defaults().any(|(default, _)| default == *name);
            let is_patience = *name == "message.timeout.ms";
            assert!(is_default || is_patience || ours(name).is_some(), "{name}");
        }
    }
}

/// The name, unless what a user says of it counts.
fn settings_with(name: &str) -> Option<String> {
    let value = if name == "client.id" { "mine" } else { "77" };
    let settings = settings(&[(name, value)]).unwrap();
    let configs = [
        settings.reading(Isolation::Committed),
        settings.group("g"),
        settings.writing(&options(true)),
    ];
    let counts = configs.iter().all(|config| config.get(name) == Some(value));
    (!counts).then(|| name.to_owned())
}

#[test]
fn isolation_and_transactions_are_as_asked() {
    let settings = settings(&[]).unwrap();
    let reads = |isolation| {
        settings
            .reading(isolation)
            .get("isolation.level")
            .map(str::to_owned)
    };
    assert_eq!(
        reads(Isolation::Committed).as_deref(),
        Some("read_committed")
    );
    assert_eq!(
        reads(Isolation::Uncommitted).as_deref(),
        Some("read_uncommitted")
    );
    let writes = settings.writing(&options(true));
    assert_eq!(writes.get("transactional.id"), Some("id"));
    assert_eq!(writes.get("transaction.timeout.ms"), Some("7000"));
    assert_eq!(writes.get("message.timeout.ms"), Some("7000"));
    assert_eq!(
        settings.writing(&options(false)).get("transactional.id"),
        None
    );
    assert_eq!(settings.group("g").get("group.id"), Some("g"));
}

#[test]
fn settings_that_cannot_be_are_told_by_name() {
    let cases = [
        (
            "fetch.wait.max.millis",
            "7",
            "librdkafka has no setting `fetch.wait.max.millis`",
        ),
        ("fetch.wait.max.ms", "soon", "`fetch.wait.max.ms`"),
        (
            "sasl.passwort",
            CANARY,
            "librdkafka has no setting `sasl.passwort`",
        ),
    ];
    for (name, value, expected) in cases {
        let said = settings(&[(name, value)]).err().unwrap_or_default();
        assert!(said.contains(expected), "{name}: {said}");
        assert!(!said.contains(CANARY), "{name}: {said}");
    }
}

#[test]
fn a_name_says_whether_its_value_is_secret() {
    for name in [
        "sasl.password",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.jaas.config",
        "SASL.PASSWORD",
        "some.token",
    ] {
        assert!(is_secret(name), "{name}");
    }
    for name in [
        "sasl.username",
        "ssl.ca.location",
        "linger.ms",
        "ssl.certificate.pem",
    ] {
        assert!(!is_secret(name), "{name}");
    }
}

#[test]
fn secrets_are_in_no_text() {
    for name in [
        "sasl.password",
        "ssl.key.password",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
    ] {
        let kafka = Kafka::at("localhost:1")
            .set("security.protocol", "sasl_plaintext")
            .set("sasl.mechanism", "PLAIN")
            .set("sasl.username", "me")
            .set(name, CANARY);
        let mut texts = vec![format!("{kafka:?}"), kafka.to_string()];
        match kafka.client() {
            Err(e) => texts.push(format!("{e} {e:?}")),
            Ok(client) => {
                texts.push(format!("{client:?} {}", client.describe()));
                if let Err(e) = client.partitions("t", Duration::from_millis(300)) {
                    texts.push(format!("{e} {e:?}"));
                }
                if let Err(e) = client.producer(&options(true)) {
                    texts.push(format!("{e} {e:?}"));
                }
            }
        }
        for text in texts {
            assert!(!text.contains(CANARY), "{name}: {text}");
        }
    }
    let settings = settings(&[("sasl.password", CANARY)]).unwrap();
    let hidden = settings.hide(&format!("{CANARY}, and again {CANARY}."));
    assert_eq!(hidden, "***, and again ***.");
}

#[test]
fn a_client_of_ones_own_survives_settings_and_settings_make_a_new_one() {
    let client: Arc<dyn Client> = Arc::new(RdKafka::new("here:1", &BTreeMap::new()).unwrap());
    let kafka = Kafka::with_client(Arc::clone(&client)).set("linger.ms", "7");
    assert!(Arc::ptr_eq(&client, &kafka.client().unwrap()));

    let kafka = Kafka::at("here:1");
    let first = kafka.client().unwrap();
    assert!(Arc::ptr_eq(&first, &kafka.clone().client().unwrap()));
    let other = kafka.clone().set("linger.ms", "7");
    assert!(!Arc::ptr_eq(&first, &other.client().unwrap()));
    let wrong = kafka.set("enable.auto.commit", "true");
    let e = wrong.client().unwrap_err();
    assert!(format!("{e:?}").contains("enable.auto.commit"), "{e:?}");
}

/// As librdkafka 2.12 words it.
#[test]
fn a_handshake_that_fails_is_a_refusal_at_whichever_step() {
    let by_openssl = "error:0A000086:SSL routines::certificate verify failed";
    let cases = [
        (
            Code::SSL,
            format!("SSL handshake failed: {by_openssl} (after 9ms in state SSL_HANDSHAKE)"),
            Failure::Credentials,
        ),
        (
            Code::BrokerTransportFailure,
            format!("{by_openssl} (after 2ms in state SSL_HANDSHAKE)"),
            Failure::Credentials,
        ),
        (
            Code::BrokerTransportFailure,
            "Disconnected: connection reset by peer (after 2ms in state SSL_HANDSHAKE)".to_owned(),
            Failure::Unreachable,
        ),
        (
            Code::BrokerTransportFailure,
            "Receive failed: error:0A000119:SSL routines::decryption failed or bad record mac \
             (after 9000ms in state UP)"
                .to_owned(),
            Failure::Unreachable,
        ),
        (
            Code::AllBrokersDown,
            "1/1 brokers are down".to_owned(),
            Failure::Unreachable,
        ),
    ];
    for (code, said, failure) in cases {
        assert_eq!(of_trouble(code, &said), failure, "{said}");
    }
}

#[test]
fn codes_have_their_classes() {
    let cases = [
        (
            Failure::Unknown,
            vec![
                Code::OperationTimedOut,
                Code::RequestTimedOut,
                Code::MessageTimedOut,
            ],
        ),
        (
            Failure::Retriable,
            vec![
                Code::NotLeaderForPartition,
                Code::CoordinatorNotAvailable,
                Code::ConcurrentTransactions,
            ],
        ),
        (Failure::Full, vec![Code::QueueFull]),
        (
            Failure::Fenced,
            vec![
                Code::Fenced,
                Code::ProducerFenced,
                Code::InvalidProducerEpoch,
            ],
        ),
        (
            Failure::Fatal,
            vec![Code::Fatal, Code::OutOfOrderSequenceNumber, Code::Unknown],
        ),
        (
            Failure::Unreachable,
            vec![
                Code::AllBrokersDown,
                Code::BrokerTransportFailure,
                Code::Resolve,
            ],
        ),
        (
            Failure::Credentials,
            vec![
                Code::Authentication,
                Code::SSL,
                Code::SaslAuthenticationFailed,
            ],
        ),
        (
            Failure::Forbidden,
            vec![
                Code::TopicAuthorizationFailed,
                Code::TransactionalIdAuthorizationFailed,
            ],
        ),
        (
            Failure::NoTopic,
            vec![
                Code::UnknownTopic,
                Code::UnknownPartition,
                Code::UnknownTopicOrPartition,
                Code::UnknownTopicId,
            ],
        ),
        (
            Failure::OffsetOutOfRange,
            vec![
                Code::OffsetOutOfRange,
                Code::AutoOffsetReset,
                Code::LogTruncation,
            ],
        ),
        (Failure::Exists, vec![Code::TopicAlreadyExists]),
        (
            Failure::TooLarge,
            vec![Code::MessageSizeTooLarge, Code::MessageBatchTooLarge],
        ),
        (
            Failure::Invalid,
            vec![
                Code::InvalidRecord,
                Code::InvalidTopic,
                Code::Conflict,
                Code::State,
            ],
        ),
        (
            Failure::Corrupt,
            vec![Code::BadMessage, Code::InvalidMessage, Code::BadCompression],
        ),
    ];
    for (failure, codes) in cases {
        for code in codes {
            assert_eq!(of_code(code), failure, "{code:?}");
        }
    }
}

#[test]
fn ends_and_answers_are_told_by_statistics() {
    let told = Told::default();
    assert_eq!((told.heard(), told.of("t", 0)), (0, None));
    told.read(b"no json");
    assert_eq!(told.heard(), 0);
    let text = r#"{"name": "x", "brokers": {
        "a": {"nodeid": 1, "state": "UP", "rxidle": 40000},
        "b": {"nodeid": 2, "state": "UP", "rxidle": 4000000},
        "c": {"nodeid": 3, "state": "CONNECT", "rxidle": 40000},
        "d": {"nodeid": 4, "state": "UP", "rxidle": -1},
        "e": {"nodeid": -1, "state": "UP", "rxidle": 0}},
      "topics": {"t": {"topic": "t", "partitions": {
        "0": {"broker": 1, "ls_offset": 5, "hi_offset": 9}, "1": {"broker": 2, "ls_offset": 0, "hi_offset": 0},
        "2": {"broker": 3, "ls_offset": -1001, "hi_offset": -1001}, "3": {"broker": 4, "ls_offset": 1, "hi_offset": 2},
        "4": {"broker": -1, "ls_offset": 1, "hi_offset": 2}, "-1": {"broker": -1, "ls_offset": -1001, "hi_offset": -1001}}}}}"#;
    told.read(text.as_bytes());
    assert_eq!(told.heard(), 1);
    let cases = [
        (0, Some(5), Some(9), true),
        (1, Some(0), Some(0), false),
        (2, None, None, false),
        (3, Some(1), Some(2), false),
        (4, Some(1), Some(2), false),
    ];
    for (partition, stable, end, is_answered) in cases {
        let expected = OfPartition {
            stable,
            end,
            is_answered,
        };
        assert_eq!(told.of("t", partition), Some(expected), "{partition}");
    }
    assert_eq!((told.of("t", 5), told.of("u", 0)), (None, None));
}

#[test]
fn a_partition_is_missing_when_it_was_often_not_there() {
    let second = Duration::from_secs(1);
    let misses = |looks: &[bool]| {
        let standing = Standing::default();
        for is_there in looks {
            standing.found(*is_there, second);
        }
        standing.is_missing()
    };
    for (looks, is_missing) in [
        (&[false, false][..], false),
        (&[false, false, false], true),
        (&[false, false, true, false, false], false),
        (&[true, false, false, false], true),
    ] {
        assert_eq!(misses(looks), is_missing, "{looks:?}");
    }
    let standing = Standing::default();
    assert!(standing.is_due(second));
    standing.found(false, second);
    assert!(!standing.is_due(second));
    standing.hears();
    assert!(!standing.is_due(second * 100));
}
