//! `create` and `create_timestamped`: a collection of values that the program has at hand.

use crate::element::Element;
use crate::pcollection::PCollection;
use crate::pipeline::Pipeline;
use crate::source::{MemorySource, Stamped};
use crate::time::Timestamp;
use std::panic::Location;
use std::sync::Arc;

impl Pipeline {
    /// A bounded collection of `values` without event times: all are at
    /// [`Timestamp::MIN`]. Give them some by
    /// [`create_timestamped`](Pipeline::create_timestamped) or
    /// [`with_timestamps`](PCollection::with_timestamps).
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    ///
    /// let p = Pipeline::new();
    /// let _words = p.create(["tea", "cup"].map(String::from));
    /// ```
    #[track_caller]
    pub fn create<T: Element>(&self, values: impl IntoIterator<Item = T>) -> PCollection<T> {
        let values: Vec<T> = values.into_iter().collect();
        self.source("Create", Location::caller(), MemorySource::new(values))
    }

    /// A bounded collection of values with event times, in any order. The watermark stays at the
    /// beginning of time until all are read, so that none is late.
    ///
    /// ```
    /// use whitebeam_sdk::{Pipeline, Timestamp};
    ///
    /// let p = Pipeline::new();
    /// let _cups = p.create_timestamped([
    ///     (2, Timestamp::from_secs(10)),
    ///     (1, Timestamp::from_secs(5)),
    /// ]);
    /// ```
    #[track_caller]
    pub fn create_timestamped<T: Element>(
        &self,
        values: impl IntoIterator<Item = (T, Timestamp)>,
    ) -> PCollection<T> {
        let (values, times): (Vec<T>, Vec<Timestamp>) = values.into_iter().unzip();
        let source = MemorySource::with_timing(Arc::new(values), Stamped(Arc::new(times)));
        self.source("Create", Location::caller(), source)
    }
}
