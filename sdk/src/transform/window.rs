//! `window`: assigns windows and says when they fire.

use crate::element::Element;
use crate::graph::{NodeKind, Output};
use crate::pcollection::PCollection;
use crate::window::Windowing;
use std::panic::Location;

impl<T: Element> PCollection<T> {
    /// Assigns windows from timestamps, and says what the next grouping does with them. It drops,
    /// buffers and fires nothing by itself. A windowing that cannot mean anything, such as windows
    /// of no size, is reported by [`Pipeline::finish`](crate::Pipeline::finish), as every runner
    /// reports it.
    ///
    /// ```
    /// use whitebeam_sdk::prelude::*;
    ///
    /// // Clicks per user and session: early counts while it lasts, one more for each late click.
    /// let p = Pipeline::new();
    /// let clicks = [("ann", 10), ("ann", 70), ("bob", 20)];
    /// let _sessions = p
    ///     .create_timestamped(clicks.map(|(who, s)| (who.to_string(), Timestamp::from_secs(s))))
    ///     .window(
    ///         Sessions::with_gap(minutes(30))
    ///             .trigger(
    ///                 AfterWatermark::past_end_of_window()
    ///                     .early(AfterProcessingTime::past_first_element().plus(seconds(10)))
    ///                     .late(AfterPane::element_count(1)),
    ///             )
    ///             .allowed_lateness(minutes(5))
    ///             .accumulating(),
    ///     )
    ///     .count_per_element();
    /// # p.finish().map(drop).unwrap();
    /// ```
    #[track_caller]
    pub fn window(self, windowing: Windowing) -> PCollection<T> {
        let strategy = windowing.applied_to(&self.windowing());
        let outputs = vec![Output::of::<T>().windowing(strategy)];
        let node = self.add(
            "Window",
            Location::caller(),
            NodeKind::Window(windowing),
            outputs,
        );
        PCollection::at(self.pipeline(), node, 0)
    }
}
