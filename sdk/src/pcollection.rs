//! `PCollection<T>`: a small typed handle to a node's output.
//!
//! Owns handles, names and composites. Transforms add methods to it, one file each, in
//! `transform`.

use crate::element::Element;
use crate::erase::{MakeStep, Port};
use crate::graph::{CollectionId, NewNode, NodeId, NodeKind, Output};
use crate::pipeline::Pipeline;
use crate::source::Boundedness;
use crate::window::WindowingStrategy;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// A collection of elements of type `T`, bounded or not, with event times and windows.
///
/// It is a handle: cloning it is cheap and means the same collection.
#[must_use = "a collection that nobody reads is computed for nothing"]
pub struct PCollection<T> {
    pipeline: Pipeline,
    id: CollectionId,
    element: PhantomData<fn() -> T>,
}

impl<T> Clone for PCollection<T> {
    fn clone(&self) -> Self {
        PCollection {
            pipeline: self.pipeline.clone(),
            id: self.id,
            element: PhantomData,
        }
    }
}

impl<T> std::fmt::Debug for PCollection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PCollection<{}>", std::any::type_name::<T>())
    }
}

/// A collection without its type: what a node with several inputs is made from.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) pipeline: Pipeline,
    pub(crate) id: CollectionId,
}

impl<T: Element> PCollection<T> {
    /// The pipeline it belongs to.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Its place in the graph.
    pub fn id(&self) -> CollectionId {
        self.id
    }

    /// Its windowing.
    pub fn windowing(&self) -> WindowingStrategy {
        self.pipeline.builder().output(self.id).windowing.clone()
    }

    /// Whether it ends.
    pub fn boundedness(&self) -> Boundedness {
        self.pipeline.builder().output(self.id).boundedness
    }

    /// Applies a composite: the steps that `f` makes are named `name/..`.
    #[track_caller]
    pub fn apply<R>(self, name: &str, f: impl FnOnce(PCollection<T>) -> R) -> R {
        self.scoped(name, false, Location::caller(), f)
    }

    /// Names the step that made this collection.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        self.pipeline
            .builder()
            .name(self.id.node, name, Location::caller());
        self
    }

    /// Declares that the user code of the step that made this collection is not a function of its
    /// input: it looks at a clock, at random numbers or outside. `explain` then promises less.
    pub fn nondeterministic(self) -> Self {
        self.pipeline.builder().nondeterministic(self.id.node);
        self
    }

    /// A transform of the library that is made of others.
    pub(crate) fn compose<R>(
        self,
        name: &str,
        location: &'static Location<'static>,
        f: impl FnOnce(PCollection<T>) -> R,
    ) -> R {
        self.scoped(name, true, location, f)
    }

    fn scoped<R>(
        self,
        name: &str,
        library: bool,
        location: &'static Location<'static>,
        f: impl FnOnce(PCollection<T>) -> R,
    ) -> R {
        let pipeline = self.pipeline.clone();
        pipeline.builder().open_scope(name, library, location);
        let result = f(self);
        pipeline.builder().close_scope();
        result
    }

    /// This collection without its type.
    pub(crate) fn handle(&self) -> Handle {
        Handle {
            pipeline: self.pipeline.clone(),
            id: self.id,
        }
    }

    /// As [`handle`](PCollection::handle), of a collection that is used up.
    pub(crate) fn into_handle(self) -> Handle {
        Handle {
            pipeline: self.pipeline,
            id: self.id,
        }
    }

    pub(crate) fn at(pipeline: &Pipeline, node: NodeId, port: Port) -> Self {
        let id = CollectionId { node, port };
        PCollection {
            pipeline: pipeline.clone(),
            id,
            element: PhantomData,
        }
    }

    /// Adds a node with this input and one output of `U` that inherits windowing.
    pub(crate) fn step<U: Element>(
        self,
        name: &'static str,
        location: &'static Location<'static>,
        make: impl MakeStep + 'static,
    ) -> PCollection<U> {
        let node = self.add(
            name,
            location,
            NodeKind::Step(Arc::new(make)),
            vec![Output::of::<U>()],
        );
        PCollection::at(&self.pipeline, node, 0)
    }

    /// Adds a node with this input.
    pub(crate) fn add(
        &self,
        name: &'static str,
        location: &'static Location<'static>,
        kind: NodeKind,
        outputs: Vec<Output>,
    ) -> NodeId {
        let inputs = vec![self.id];
        self.pipeline.builder().add(NewNode {
            name,
            location,
            kind,
            inputs,
            outputs,
        })
    }
}
