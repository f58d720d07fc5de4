//! What the cross-runner suites share: engines that answer the steps of a scenario, and the
//! translation between the judge's words and the sdk's.
//!
//! Owns no judgement: what must happen is said by the recorded scenarios and by the interpreter in
//! the testkit.

pub mod alone;
pub mod cases;
pub mod commit_protocol;
pub mod engine;
pub mod grouping;
pub mod judged;
pub mod kafka_sim;
pub mod ledger;
pub mod local;
pub mod random;
pub mod reading;
pub mod scenarios;
pub mod scripted;
pub mod services;
pub mod skip;
pub mod streaming;
pub mod translate;
