//! What has become of a producer's records.
//!
//! Owns the counting of librdkafka's reports. Invariant: every report is told once.

use super::super::{ClientError, Deliveries};
use super::failure;
use super::watch::Watch;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What librdkafka calls back.
pub(super) struct Writing {
    pub(super) watch: Arc<Watch>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    delivered: u64,
    /// By place; few, and the one before is mostly the next one.
    places: Vec<Place>,
    last: usize,
    failed: Vec<ClientError>,
}

struct Place {
    topic: String,
    partition: i32,
    first: u64,
    last: u64,
}

impl Writing {
    pub(super) fn new(watch: Arc<Watch>) -> Self {
        Writing {
            watch,
            told: Mutex::default(),
        }
    }

    pub(super) fn has_news(&self) -> bool {
        let told = self.told();
        told.delivered > 0 || !told.failed.is_empty()
    }

    /// What was told since this was asked before.
    pub(super) fn take(&self) -> Deliveries {
        let told = std::mem::take(&mut *self.told());
        let offsets = told.places.into_iter().filter_map(|place| {
            let partition = u32::try_from(place.partition).ok()?;
            Some(((place.topic, partition), (place.first, place.last)))
        });
        Deliveries {
            delivered: told.delivered,
            offsets: offsets.collect(),
            failed: told.failed,
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn arrived(&mut self, topic: &str, partition: i32, offset: u64) {
        self.delivered += 1;
        let is_it = |place: &Place| place.partition == partition && place.topic == topic;
        let found = match self.places.get(self.last) {
            Some(place) if is_it(place) => Some(self.last),
            _ => self.places.iter().position(is_it),
        };
        if let Some(i) = found {
            self.last = i;
            let place = &mut self.places[i];
            place.first = place.first.min(offset);
            place.last = place.last.max(offset);
            return;
        }
        self.last = self.places.len();
        self.places.push(Place {
            topic: topic.to_owned(),
            partition,
            first: offset,
            last: offset,
        });
    }
}

impl ClientContext for Writing {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.watch.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.heard(&error, reason);
    }
}

impl ProducerContext for Writing {
    type DeliveryOpaque = ();

    fn delivery(&self, report: &DeliveryResult<'_>, (): ()) {
        match report {
            Ok(message) => {
                self.watch.well();
                let offset = u64::try_from(message.offset()).unwrap_or(0);
                self.told()
                    .arrived(message.topic(), message.partition(), offset);
            }
            Err((e, message)) => {
                let said = format!("{}/{}: {e}", message.topic(), message.partition());
                let e = self.watch.error_of(failure::of(e), "write a record", &said);
                self.told().failed.push(e);
            }
        }
    }
}
