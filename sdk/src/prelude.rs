//! Everything that a pipeline is usually written with: `use whitebeam_sdk::prelude::*;`.
//!
//! Owns nothing. `Result` and connectors are left out, so that a glob import hides no name.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use whitebeam_sdk::prelude::*;
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! struct Order {
//!     shop: String,
//!     cents: i64,
//!     at: Timestamp,
//! }
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! struct Revenue {
//!     shop: String,
//!     minute: Timestamp,
//!     cents: i64,
//!     pane: PaneInfo,
//! }
//!
//! /// Paid revenue per minute. Knows no runner, no source and no sink.
//! fn revenue_per_minute(orders: PCollection<Order>) -> PCollection<Revenue> {
//!     orders
//!         .filter(|o| o.cents > 0)
//!         .window(
//!             FixedWindows::of(minutes(1))
//!                 .trigger(
//!                     AfterWatermark::past_end_of_window()
//!                         .early(AfterProcessingTime::past_first_element().plus(seconds(10)))
//!                         .late(AfterPane::element_count(1)),
//!                 )
//!                 .allowed_lateness(seconds(30))
//!                 .accumulating(),
//!         )
//!         .map(|o| (o.shop, o.cents))
//!         .sum_per_key()
//!         .map_with(|(shop, cents), at| Revenue {
//!             shop,
//!             minute: at.window().start(),
//!             cents,
//!             pane: at.pane(),
//!         })
//! }
//!
//! # fn main() -> whitebeam_sdk::Result<()> {
//! let p = Pipeline::new();
//! let orders: Vec<Order> = Vec::new();
//! let orders = p.read(MemorySource::new(orders).event_time(|o| o.at).ordered());
//! let _revenue = orders.apply("Revenue", revenue_per_minute);
//! let graph = p.finish()?;
//! assert_eq!(graph.nodes()[4].path, "Revenue/SumPerKey");
//! # Ok(())
//! # }
//! ```

pub use crate::combine::{CombineFn, Count, Max, Mean, Min, Sum, Top};
pub use crate::dofn::{BundleContext, DoFn, DoFnResult, ProcessContext, Tag};
pub use crate::sink::Sink;
pub use crate::source::{MemorySource, Source};
pub use crate::time::{days, hours, micros, millis, minutes, seconds};
pub use crate::transform::{CoGroupByKey, Failure, Flatten, Reified, WithLate};
pub use crate::trigger::{AfterPane, AfterProcessingTime, AfterWatermark, Trigger, repeatedly};
pub use crate::window::{
    AccumulationMode, ClosingBehavior, FixedWindows, GlobalWindows, OnTimeBehavior, Sessions,
    SlidingWindows, TimestampCombiner, Windowing,
};
pub use crate::{
    At, Duration, Element, Error, ErrorKind, Key, Line, PCollection, PaneInfo, PaneTiming,
    Pipeline, Str, Timestamp, Window,
};
