//! `Systems`: Kafka and PostgreSQL as inputs and outputs of the shop.
//!
//! Owns their options only: what stands in topics and tables is `topics`' and `tables`'.

use super::invoice::InvoiceLine;
use super::per_minute::Revenue;
use super::{tables, topics};
use whitebeam::Result;
use whitebeam::clap;
use whitebeam::io::log::LogPlace;
use whitebeam::prelude::*;

#[derive(clap::Args, Default)]
pub(crate) struct Systems {
    /// Brokers of a Kafka cluster, such as `localhost:9092`; needs the feature `kafka`
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// Topic of order events there, to read instead of files
    #[arg(long, value_name = "TOPIC", requires = "brokers", conflicts_with_all = ["input", "log"], group = "replayed")]
    topic: Option<String>,
    /// Topic for the revenue, instead of files
    #[arg(long, value_name = "TOPIC", requires = "brokers")]
    to_topic: Option<String>,
    /// How long a transaction there may be open before the cluster ends it [default: 1m]
    #[arg(long, value_name = "DURATION", requires = "to_topic", value_parser = whitebeam::cli::duration)]
    transaction_timeout: Option<Duration>,
    /// PostgreSQL database for the revenue, as table `fact_revenue_1m`, instead of files; needs the
    /// feature `postgres`
    #[arg(long, value_name = "URL", conflicts_with = "to_topic")]
    to_postgres: Option<String>,
}

impl Systems {
    /// The lines of a topic, if one is named.
    pub(crate) fn read(
        &self,
        p: &Pipeline,
        from: &LogPlace,
    ) -> Result<Option<PCollection<InvoiceLine>>> {
        let (Some(brokers), Some(topic)) = (&self.brokers, &self.topic) else {
            return Ok(None);
        };
        topics::read(p, brokers, topic, from.clone()).map(Some)
    }

    /// Writes `revenue` to what is named; gives it back if nothing is.
    pub(crate) fn write(
        &self,
        revenue: PCollection<Revenue>,
    ) -> Result<Option<PCollection<Revenue>>> {
        match (&self.brokers, &self.to_topic, &self.to_postgres) {
            (Some(brokers), Some(topic), _) => {
                topics::write(revenue, brokers, topic, self.transaction_timeout)?;
            }
            (_, _, Some(url)) => tables::write(revenue, url)?,
            _ => return Ok(Some(revenue)),
        }
        Ok(None)
    }
}
