//! What tests of pipelines are written with: scripted streams, expectations, recorded results; what
//! sources and sinks of one's own must keep; and, with the feature `kafka`, a model of Kafka.
//!
//! Owns nothing. What tests of runners need besides (the judge of the model) stays in
//! `whitebeam-testkit`.
//!
//! ```
//! use whitebeam::prelude::*;
//! use whitebeam::testkit::{Expect, TestStreams, test_pipeline};
//!
//! # fn main() -> whitebeam::Result<()> {
//! test_pipeline(|p| {
//!     let (sales, dropped) = p
//!         .test_stream::<String>("tea@1 | wm 70 | tea@2 | wm 100 | tea@3 | wm inf")
//!         .window(
//!             FixedWindows::of(minutes(1))
//!                 .trigger(AfterWatermark::past_end_of_window().late(AfterPane::element_count(1)))
//!                 .allowed_lateness(seconds(30))
//!                 .discarding(),
//!         )
//!         .map(|what| (what, 1_i64))
//!         .combine_per_key_with_late(Sum);
//!     let one = || ("tea".to_string(), 1);
//!     sales.expect().on_time([one()]).late([one()]);
//!     dropped.expect().singleton(one());
//! })
//! # }
//! ```

pub use whitebeam_testkit::contract;
#[cfg(feature = "local")]
pub use whitebeam_testkit::{Built, SEED, test_pipeline};
pub use whitebeam_testkit::{Collect, Expect, Expectations, Recorded, TestStream, TestStreams};
#[cfg(feature = "kafka")]
pub use whitebeam_testkit::{kafka, sim};
