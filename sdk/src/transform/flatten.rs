//! `flatten`: several collections as one.
//!
//! Owns the node and how the windowing of its inputs becomes one. Elements keep timestamps, windows
//! and panes.

use crate::element::Element;
use crate::graph::{Code, NewNode, NodeKind, Output, Place, Problem};
use crate::pcollection::{Handle, PCollection};
use crate::pipeline::Pipeline;
use crate::window::WindowingStrategy;
use std::panic::Location;

/// Collections that can become one: an array or a tuple of them.
pub trait Flatten {
    /// Their elements.
    type Item: Element;

    /// All elements of all collections.
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    /// use whitebeam_sdk::transform::Flatten;
    ///
    /// let p = Pipeline::new();
    /// let _all = (p.create([1, 2]), p.create([3])).flatten();
    /// ```
    #[track_caller]
    fn flatten(self) -> PCollection<Self::Item>;
}

impl<T: Element, const N: usize> Flatten for [PCollection<T>; N] {
    type Item = T;
    #[track_caller]
    fn flatten(self) -> PCollection<T> {
        const { assert!(N > 0, "flattening nothing: use `pipeline.flatten(..)`") };
        let pipeline = self[0].pipeline().clone();
        flattened(&pipeline, &self, Location::caller())
    }
}

macro_rules! flatten_tuple {
    ($($name:ident $of:ident),+) => {
        impl<T: Element> Flatten for ($(flatten_tuple!(@ $of T),)+) {
            type Item = T;
            #[track_caller]
            fn flatten(self) -> PCollection<T> {
                let ($($name,)+) = self;
                let all = [$($name),+];
                let pipeline = all[0].pipeline().clone();
                flattened(&pipeline, &all, Location::caller())
            }
        }
    };
    (@ $of:ident $t:ident) => { $of<$t> };
}

flatten_tuple!(a PCollection, b PCollection);
flatten_tuple!(a PCollection, b PCollection, c PCollection);
flatten_tuple!(a PCollection, b PCollection, c PCollection, d PCollection);

impl<T: Element> PCollection<T> {
    /// The elements of this collection and of `other`.
    #[track_caller]
    pub fn flatten_with(self, other: PCollection<T>) -> PCollection<T> {
        let pipeline = self.pipeline().clone();
        flattened(&pipeline, &[self, other], Location::caller())
    }
}

impl Pipeline {
    /// All elements of any number of collections, at least one.
    #[track_caller]
    pub fn flatten<T: Element>(
        &self,
        collections: impl IntoIterator<Item = PCollection<T>>,
    ) -> PCollection<T> {
        let all: Vec<_> = collections.into_iter().collect();
        flattened(self, &all, Location::caller())
    }
}

fn flattened<T: Element>(
    pipeline: &Pipeline,
    all: &[PCollection<T>],
    location: &'static Location<'static>,
) -> PCollection<T> {
    let handles: Vec<Handle> = all.iter().map(PCollection::handle).collect();
    let node = NewNode {
        name: "Flatten",
        location,
        kind: NodeKind::Flatten,
        inputs: Vec::new(),
        outputs: vec![Output::of::<T>().windowing(joined_windowing(&handles))],
    };
    let node = pipeline.add_joined(node, &handles);
    if all.is_empty() {
        let message = "flattening no collections makes no collection";
        let problem = Problem::new(Code::Nothing, Place::Node(node), message);
        pipeline.builder().problem(problem);
    }
    PCollection::at(pipeline, node, 0)
}

/// The windowing of several collections put together.
pub(super) fn joined_windowing(handles: &[Handle]) -> WindowingStrategy {
    let mut all = handles
        .iter()
        .map(|h| h.pipeline.builder().output(h.id).windowing.clone());
    let first = all.next().unwrap_or_default();
    first.joined(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::time::seconds;
    use crate::window::{FixedWindows, Windowing};

    #[test]
    fn a_flattened_collection_has_the_first_windowing_and_the_greatest_lateness() {
        let p = Pipeline::new();
        let windows = || FixedWindows::of(seconds(10)).accumulating();
        let a = p.create([1]).window(windows().allowed_lateness(seconds(1)));
        let b = p.create([2]).window(windows().allowed_lateness(seconds(3)));
        let both = a.clone().flatten_with(b.clone());
        assert_eq!(both.windowing().allowed_lateness, seconds(3));
        assert_eq!(both.windowing().window_fn, a.windowing().window_fn);
        let _ = both.window(Windowing::configure());
        let _ = [a.clone(), b.clone()].flatten();
        let _ = (a.clone(), b.clone(), a.clone()).flatten();
        let _ = p.flatten(vec![a, b]);
        let graph = p.finish().unwrap();
        let inputs: Vec<usize> = graph
            .nodes()
            .iter()
            .filter(|n| matches!(n.kind, NodeKind::Flatten))
            .map(|n| n.inputs.len())
            .collect();
        assert_eq!(inputs, [2, 2, 3, 2]);
    }
}
