//! A model of Apache Kafka as a client sees it, for one seeded thread.
//!
//! Owns the cluster in memory, its faults, and the clients of simulated processes. The connectors of
//! `whitebeam_io::kafka` run on it unchanged, by
//! [`Kafka::with_client`](whitebeam_io::kafka::Kafka::with_client). Does not own any protocol of
//! theirs. The cluster outlives every process of the [`Machine`](crate::sim::Machine); a process that
//! dies takes its readers and producers with it, and leaves its transactions open. Invariant: the same
//! seed and the same calls give the same trace.
//!
//! ```
//! use whitebeam_testkit::kafka::{Faults, KafkaModel, Row};
//! use whitebeam_testkit::sim::Machine;
//!
//! let machine = Machine::new(1);
//! let model = KafkaModel::new(&machine, 1, Faults::none());
//! model.create("orders", 2);
//! model.append("orders", 1, Row::of("first").key("k"));
//! assert_eq!(model.committed("orders")[1][0].row.value.as_deref(), Some(&b"first"[..]));
//! ```

mod client;
mod cluster;
pub mod contract;
mod coordinator;
mod faults;
mod model;
mod partition;
mod producer;
mod reader;
mod row;
mod sender;
#[cfg(test)]
mod tests;
mod watch;

pub use coordinator::TransactionState;
pub use faults::{Call, Faults, Way};
pub use model::KafkaModel;
pub use row::{Placed, Row};
pub use watch::{Shown, prefix_of_epochs};
