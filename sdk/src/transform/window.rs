//! `window`: assigns windows and says when they fire.

use crate::element::Element;
use crate::graph::{NodeKind, Output};
use crate::pcollection::PCollection;
use crate::window::Windowing;
use std::panic::Location;

impl<T: Element> PCollection<T> {
    /// Assigns windows from timestamps, and says what the next grouping does with them. It drops,
    /// buffers and fires nothing by itself.
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
