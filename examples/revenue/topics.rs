//! The shop in Kafka: its events as a topic, and the revenue as another topic or a table.
//!
//! Owns the form of both records. What an event means is `invoice`'s, what is computed `per_minute`'s.

use super::again::Again;
use super::feed::Numbered;
use super::invoice::{InvoiceLine, Kind};
use super::per_minute::Revenue;
use serde::{Deserialize, Serialize};
use whitebeam::Result;
use whitebeam::io::codec::Utf8;
use whitebeam::io::kafka::{Kafka, KafkaPlace, KafkaSink, KafkaSource};
use whitebeam::io::log::LogPlace;
use whitebeam::prelude::*;

/// What happened to an order, as `order_events` says it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct OrderEvent {
    pub(crate) event_id: u64,
    /// The invoice's number, which is the record's key, too.
    pub(crate) order_id: Str,
    pub(crate) event_type: EventType,
    /// When, such as `2010-12-01T08:26:00Z`.
    #[serde(with = "instant")]
    pub(crate) ts: Timestamp,
    pub(crate) country: Str,
    pub(crate) cents: i64,
}

/// What an event says about money.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventType {
    Paid,
    Cancelled,
}

/// Instants as people write them.
mod instant {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use whitebeam::Timestamp;

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        let is_none = |_| D::Error::custom(format!("`{text}` is no instant"));
        text.parse().map_err(is_none)
    }
}

impl OrderEvent {
    /// The event that a line of an invoice is; lines that say nothing about money are none.
    pub(crate) fn of(event_id: u64, order_id: Str, line: &InvoiceLine) -> Option<Self> {
        let event_type = match line.kind {
            Kind::Paid => EventType::Paid,
            Kind::Cancelled => EventType::Cancelled,
            Kind::Unpaid => return None,
        };
        Some(OrderEvent {
            event_id,
            order_id,
            event_type,
            ts: line.at,
            country: line.country.clone(),
            cents: line.cents,
        })
    }

    fn line(self) -> InvoiceLine {
        InvoiceLine {
            kind: match self.event_type {
                EventType::Paid => Kind::Paid,
                EventType::Cancelled => Kind::Cancelled,
            },
            at: self.ts,
            country: self.country,
            cents: self.cents,
        }
    }
}

/// The same place of a topic that `place` is of a log.
fn of_topic(place: LogPlace) -> KafkaPlace {
    match place {
        LogPlace::Earliest => KafkaPlace::Earliest,
        LogPlace::Latest => KafkaPlace::Latest,
        LogPlace::Offset(offset) => KafkaPlace::Offset(offset),
        LogPlace::Offsets(offsets) => KafkaPlace::Offsets(offsets),
        LogPlace::Time(time) | LogPlace::Appended(time) => KafkaPlace::Time(time),
    }
}

/// The events of `topic`, in the order in which they arrived: hardly any comes more than half a minute
/// after a later one.
pub(crate) fn read(
    p: &Pipeline,
    brokers: &str,
    topic: &str,
    from: LogPlace,
) -> Result<PCollection<InvoiceLine>> {
    let events = KafkaSource::<OrderEvent>::json(&Kafka::at(brokers), topic)
        .from(of_topic(from))
        .event_time(|event: &OrderEvent| event.ts)
        .bounded_out_of_orderness(seconds(30));
    Ok(p.read(events).named("Orders").map(OrderEvent::line))
}

/// Writes revenue, each pane exactly once, keyed by country and minute.
pub(crate) fn write(
    revenue: PCollection<Revenue>,
    brokers: &str,
    topic: &str,
    timeout: Option<Duration>,
) -> Result<()> {
    let mut sink = KafkaSink::<Revenue>::json(&Kafka::at(brokers), topic)
        .create(4)
        .key_as(Utf8, |row: &Revenue| {
            format!("{}|{}", row.country, row.minute)
        })
        .exactly_once(format!("revenue-to-{topic}"));
    if let Some(timeout) = timeout {
        let micros = timeout.micros().unsigned_abs();
        sink = sink.transaction_timeout(std::time::Duration::from_micros(micros));
    }
    revenue.write(sink);
    Ok(())
}

/// Writes the events that `lines` are, pass after pass in their order, keyed by their invoices; how
/// many there were. One worker is one writer, so that each partition has them in order.
pub(crate) fn produce(
    brokers: &str,
    topic: &str,
    partitions: u32,
    rate: Option<u32>,
    mut lines: Vec<Numbered>,
    passes: u32,
) -> Result<u64> {
    lines.retain(|(_, line)| line.kind != Kind::Unpaid);
    let lines = Again::new(lines, passes);
    let n = lines.len();
    let p = Pipeline::new();
    let sink = KafkaSink::<OrderEvent>::json(&Kafka::at(brokers), topic)
        .create(partitions)
        .key_as(Utf8, |event: &OrderEvent| event.order_id.to_string())
        .at_least_once();
    p.read(lines)
        .filter_map(|(id, (order, line))| OrderEvent::of(id, order, &line))
        .write(sink);
    let mut runner = StreamingRunner::new().parallelism(1);
    if let Some(rate) = rate {
        runner = runner.max_rate(f64::from(rate));
    }
    runner.run(&p)?;
    Ok(n)
}
