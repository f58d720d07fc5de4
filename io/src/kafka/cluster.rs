//! `Kafka`: a cluster, and how to reach it.
//!
//! Owns the settings as users give them. Invariant: what may be a secret is never shown.

use super::client::{Client, ClientError, Failure};
use super::error::failed;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use whitebeam_sdk::Result;

/// A Kafka cluster, as sources and sinks are told of it.
///
/// Settings are librdkafka's, by its names; what the connector depends on (`enable.auto.commit`,
/// `isolation.level`, `transactional.id` and their like) is its own and refused.
///
/// ```
/// use whitebeam_io::kafka::Kafka;
/// let kafka = Kafka::at("localhost:9092")
///     .set("security.protocol", "sasl_ssl")
///     .set("sasl.password", "hunter2");
/// assert!(!format!("{kafka:?}").contains("hunter2"));
/// ```
#[derive(Clone)]
pub struct Kafka {
    brokers: String,
    settings: BTreeMap<String, String>,
    /// Made by the first who needs it.
    client: Arc<OnceLock<Arc<dyn Client>>>,
}

impl Kafka {
    /// The cluster that these brokers belong to: `host:port`, several with commas.
    pub fn at(brokers: impl Into<String>) -> Self {
        Kafka {
            brokers: brokers.into(),
            settings: BTreeMap::new(),
            client: Arc::default(),
        }
    }

    /// A cluster that a client of one's own reaches, such as the test kit's model.
    pub fn with_client(client: Arc<dyn Client>) -> Self {
        Kafka {
            brokers: client.describe(),
            settings: BTreeMap::new(),
            client: Arc::new(OnceLock::from(client)),
        }
    }

    /// A setting of the client, by librdkafka's name.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        self.client = Arc::default();
        self
    }

    /// The client, made by the first who asks.
    pub(super) fn client(&self) -> Result<Arc<dyn Client>> {
        match self.client.get() {
            Some(client) => Ok(Arc::clone(client)),
            None => Err(failed(
                &self.brokers,
                "",
                ClientError::new(Failure::Unreachable, "connect", "there is no client yet"),
            )),
        }
    }
}

impl fmt::Display for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.brokers)
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka")
            .field("brokers", &self.brokers)
            .field("settings", &self.settings.keys())
            .finish()
    }
}
