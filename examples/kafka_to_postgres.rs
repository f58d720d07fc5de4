//! From Kafka to PostgreSQL: read orders, leave out what is irrelevant, write the rest into a table,
//! each once.
//!
//! `cargo run --release --features kafka,postgres --example kafka_to_postgres -- run --runner streaming
//! --brokers localhost:9092 --database postgres://me@localhost/shop --checkpoints DIR`

use serde::{Deserialize, Serialize};
use whitebeam::Result;
use whitebeam::clap;
use whitebeam::io::kafka::{Kafka, KafkaSource};
use whitebeam::io::postgres::PostgresSink;
use whitebeam::prelude::*;

#[derive(clap::Args)]
struct Options {
    /// Brokers of the Kafka cluster
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9092")]
    brokers: String,
    /// Topic of orders
    #[arg(long, default_value = "order_events")]
    topic: String,
    /// The database
    #[arg(long, value_name = "URL")]
    database: String,
}

/// What is kept of an order event.
#[derive(Clone, Serialize, Deserialize)]
struct Order {
    event_id: i64,
    order_id: Str,
    event_type: Str,
    country: Str,
    cents: i64,
}

fn build(p: &Pipeline, options: &Options) -> Result<()> {
    let kafka = Kafka::at(&options.brokers);
    let large = PostgresSink::upsert(&options.database, "large_orders", ["event_id"]);
    p.read(KafkaSource::<Order>::json(&kafka, &options.topic))
        .named("Orders")
        .filter(|order| order.event_type == "paid" && order.cents >= 10_000)
        .named("Large")
        .write(large.create_table());
    Ok(())
}

fn main() -> Result<()> {
    whitebeam::main(build)
}
