//! Topics whose records the broker keeps compressed.

use super::{Topic, go_on};
use whitebeam::io::kafka::{Kafka, KafkaPlace};
use whitebeam_tests::services;

/// A topic with numbers, compressed by the broker itself, whatever its clients send.
fn compressed(broker: &services::Kafka, codec: &'static str) -> Topic {
    let compression = format!("compression.type={codec}");
    let place = ["--bootstrap-server", broker.address(), "--topic", codec];
    let more = ["--create", "--partitions", "1", "--config", &compression];
    services::Kafka::tool("TopicCommand", &[&place[..], &more[..]].concat());
    let topic = Topic {
        broker: broker.address().to_owned(),
        name: codec,
        client: Kafka::at(broker.address()).client().unwrap(),
    };
    topic.append(0, 0..5_000);
    topic
}

#[test]
fn what_is_compressed_by_zstd_is_read_where_that_is_built_in() {
    let Some(broker) = services::Kafka::shared() else {
        return;
    };
    let topic = compressed(broker, "zstd");
    let read = go_on(&topic.numbers().until(KafkaPlace::Latest), None);
    #[cfg(feature = "kafka-zstd")]
    {
        let values: Vec<u32> = read.unwrap().values;
        assert_eq!(values, (0..5_000).collect::<Vec<_>>());
    }
    #[cfg(not(feature = "kafka-zstd"))]
    {
        let told = read.unwrap_err().to_string();
        assert!(told.contains("`kafka-zstd`"), "{told}");
    }
}
