//! `Kafka`: a cluster, and how to reach it.
//!
//! Owns the settings as users give them. Invariant: what may be a secret is never shown.

use super::client::Client;
use super::client::rdkafka::RdKafka;
use super::error::failed;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use whitebeam_sdk::Result;

/// A Kafka cluster, as sources and sinks are told of it.
///
/// Settings are librdkafka's, by its names; what the connector depends on (`enable.auto.commit`,
/// `isolation.level`, `transactional.id` and their like) is its own and refused, when the cluster is
/// first needed. Passwords (`PLAIN`) need nothing; TLS and `SCRAM` need the feature `kafka-tls`,
/// topics compressed by zstd `kafka-zstd`. For Kerberos depend on `rdkafka` with its feature `gssapi`
/// as well: it is the same librdkafka.
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
    /// By [`Kafka::with_client`].
    given: bool,
    /// Made by the first who needs it.
    client: Arc<OnceLock<Arc<dyn Client>>>,
}

impl Kafka {
    /// The cluster that these brokers belong to: `host:port`, several with commas.
    pub fn at(brokers: impl Into<String>) -> Self {
        Kafka {
            brokers: brokers.into(),
            settings: BTreeMap::new(),
            given: false,
            client: Arc::default(),
        }
    }

    /// A cluster that a client of one's own reaches, such as the test kit's model.
    pub fn with_client(client: Arc<dyn Client>) -> Self {
        Kafka {
            brokers: client.describe(),
            settings: BTreeMap::new(),
            given: true,
            client: Arc::new(OnceLock::from(client)),
        }
    }

    /// A setting of the client, by librdkafka's name.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        // A client of the user's own knows no settings, and stays.
        if !self.given {
            self.client = Arc::default();
        }
        self
    }

    /// The client, made by the first who asks: for tests of what goes over it, and for tools. Settings
    /// that cannot be are refused; nobody is asked yet.
    pub fn client(&self) -> Result<Arc<dyn Client>> {
        if let Some(client) = self.client.get() {
            return Ok(Arc::clone(client));
        }
        let client = RdKafka::new(&self.brokers, &self.settings)
            .map_err(|e| failed(&self.brokers, "", e))?;
        Ok(Arc::clone(self.client.get_or_init(|| Arc::new(client))))
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
