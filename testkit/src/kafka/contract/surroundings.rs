//! `Surroundings`: what a client cannot do itself.
//!
//! Owns the interface, and its side for the model.

use crate::kafka::{KafkaModel, Row};
use std::sync::Arc;
use std::time::Duration;
use whitebeam_io::kafka::client::Client;

/// A cluster as the one who runs it has it.
pub trait Surroundings {
    /// A client of it.
    fn client(&self) -> &dyn Client;
    /// Ends the broker as a crash does. Nothing answers until it is started.
    fn stop_broker(&self);
    /// Starts the broker; what was acknowledged is there.
    fn start_broker(&self);
    /// Starts the broker while a client waits in `call`, after about so long.
    fn start_broker_during(&self, after: Duration, call: &mut dyn FnMut());
    /// How much longer than its timeout a transaction may stay open.
    fn timeout_grace(&self) -> Duration;
    /// Appends a record with headers, which no producer of the contract writes; false if that cannot
    /// be done here.
    fn append(&self, topic: &str, partition: u32, row: &Row) -> bool {
        let _ = (topic, partition, row);
        false
    }
}

/// The model's.
#[derive(Debug)]
pub struct ModelSurroundings {
    model: KafkaModel,
    client: Arc<dyn Client>,
}

impl ModelSurroundings {
    /// Those of a model, with a client of a process of its own.
    pub fn new(model: &KafkaModel) -> Self {
        ModelSurroundings {
            client: model.client(),
            model: model.clone(),
        }
    }
}

impl Surroundings for ModelSurroundings {
    fn client(&self) -> &dyn Client {
        &*self.client
    }

    fn stop_broker(&self) {
        self.model.broker_down(Duration::from_secs(1_000_000));
    }

    fn start_broker(&self) {
        self.model.broker_up();
    }

    fn start_broker_during(&self, after: Duration, call: &mut dyn FnMut()) {
        // One thread: it is told beforehand.
        self.model.broker_up();
        self.model.broker_down(after);
        call();
        self.model.broker_up();
    }

    fn timeout_grace(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn append(&self, topic: &str, partition: u32, row: &Row) -> bool {
        self.model.append(topic, partition, row.clone()).is_some()
    }
}
