//! Clusters that are not there, or refuse who asks.

use std::time::Duration;

use whitebeam_io::kafka::Kafka as Cluster;
use whitebeam_io::kafka::client::{Client, ClientError, Failure, NewTopic};

use super::helps::transactional;

/// What every first call says of a cluster, each long before its time is over.
fn all_say(client: &dyn Client, failure: Failure) {
    let within = Duration::from_secs(60);
    let topic = NewTopic {
        name: "orders".to_owned(),
        partitions: 1,
        compacted: false,
    };
    type Ask<'a> = (&'a str, Box<dyn Fn() -> Result<(), ClientError> + 'a>);
    let asks: [Ask<'_>; 6] = [
        (
            "partitions",
            Box::new(|| client.partitions("orders", within).map(drop)),
        ),
        (
            "create_topic",
            Box::new(|| client.create_topic(&topic, within)),
        ),
        (
            "ends",
            Box::new(|| client.ends("orders", 0, within).map(drop)),
        ),
        (
            "group_offsets",
            Box::new(|| client.group_offsets("g", "orders", 1, within).map(drop)),
        ),
        (
            "commit_group_offsets",
            Box::new(|| client.commit_group_offsets("g", "orders", &[(0, 1)].into(), within)),
        ),
        (
            "init",
            Box::new(|| transactional(client, "id").init(within)),
        ),
    ];
    for (name, ask) in asks {
        let start = client.monotonic();
        let e = ask().expect_err(name);
        let took = client.monotonic().saturating_sub(start);
        assert_eq!(e.failure, failure, "{name}: {e}");
        assert!(took < within / 2, "{name} took {took:?}");
    }
}

#[test]
fn nobody_there_is_told_long_before_the_time_is_over() {
    let client = Cluster::at("127.0.0.1:1").client().unwrap();
    all_say(&*client, Failure::Unreachable);
}

#[test]
fn a_name_that_is_no_host_is_told_likewise() {
    let client = Cluster::at("no-such-host.invalid:9092").client().unwrap();
    all_say(&*client, Failure::Unreachable);
}

#[test]
fn a_time_that_is_short_is_kept() {
    let client = Cluster::at("127.0.0.1:1").client().unwrap();
    let within = Duration::from_millis(300);
    let start = client.monotonic();
    let e = client.partitions("orders", within).unwrap_err();
    let took = client.monotonic().saturating_sub(start);
    assert_eq!(e.failure, Failure::Unreachable, "{e}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[cfg(not(feature = "kafka-tls"))]
#[test]
fn who_is_known_reads_and_writes_and_others_are_told_at_once() {
    let why = "built without TLS, for want of OpenSSL's headers";
    whitebeam_tests::skip::skip("trouble::secured", why);
}

#[cfg(feature = "kafka-tls")]
mod secured {
    use super::*;
    use crate::helps::{Topic, read_to, reader};
    use crate::logged;
    use whitebeam_tests::services::Kafka;

    fn cluster(broker: &Kafka, mechanism: &str, password: &str) -> Cluster {
        let credentials = broker.credentials().unwrap();
        Cluster::at(broker.address())
            .set("security.protocol", "sasl_ssl")
            .set("sasl.mechanism", mechanism)
            .set("sasl.username", &credentials.user)
            .set("sasl.password", password)
            .set("ssl.ca.location", credentials.ca.to_str().unwrap())
    }

    #[test]
    fn who_is_known_reads_and_writes_and_others_are_told_at_once() {
        logged::listen();
        let Some(broker) = Kafka::secure() else {
            return;
        };
        let password = &broker.credentials().unwrap().password;
        for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
            let client = cluster(&broker, mechanism, password).client().unwrap();
            let topic = Topic::new(&*client, 1);
            let sent = topic.fill([(0, "a".to_owned())]);
            let mut reader = reader(&*client, &topic.name, 0, 0);
            assert_eq!(read_to(&mut *reader, 1), sent, "{mechanism}");

            let wrong = cluster(&broker, mechanism, "wrong-canary-password");
            all_say(&*wrong.client().unwrap(), Failure::Credentials);
        }
        // Its certificate is not trusted without its authority.
        let stranger = Cluster::at(broker.address())
            .set("security.protocol", "sasl_ssl")
            .set("sasl.mechanism", "PLAIN")
            .set("sasl.username", "whitebeam")
            .set("sasl.password", password);
        all_say(&*stranger.client().unwrap(), Failure::Credentials);

        let lines = logged::lines();
        assert!(lines.contains("librdkafka"), "nothing was logged");
        for secret in [password.as_str(), "wrong-canary-password"] {
            let line = lines.lines().find(|line| line.contains(secret));
            assert_eq!(line, None);
        }
    }
}
