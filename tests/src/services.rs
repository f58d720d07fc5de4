//! Real servers for tests: Apache Kafka and PostgreSQL, started by the scripts in `xtask/services`.
//!
//! ```
//! # use whitebeam_tests::services::Kafka;
//! # fn records_outlive_the_broker() {
//! let Some(kafka) = Kafka::start() else { return };
//! // `kafka.address()` is `127.0.0.1:PORT`; all methods may be called from any thread.
//! kafka.kill();
//! kafka.restart();
//! # }
//! ```
//!
//! `shared()` is one server for all tests of a process that neither stop it nor mind the others
//! (names of topics of their own; [`Postgres::database`]); `start()` and `secure()` are a server of
//! one's own, which takes one or two seconds.
//!
//! Invariant: no server outlives the process of the test, however that ends; and a test that finds no
//! server is named as skipped, with the command that installs what is missing, or fails where `CI` is
//! `true`. Whatever else goes wrong with a server fails the test.

mod kafka;
mod missing;
mod postgres;
mod server;

pub use kafka::Kafka;
pub use postgres::Postgres;
pub use server::{Credentials, Server};
