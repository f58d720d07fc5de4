//! `Pipeline`: where a graph begins.
//!
//! Owns the builder that all handles share. Runs nothing: a runner takes the finished graph.

use crate::graph::{Builder, Graph};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A graph being built. Clones are handles to the same graph.
#[derive(Clone, Default)]
pub struct Pipeline {
    builder: Arc<Mutex<Builder>>,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows triggers that may finish and drop what comes later (Beam's
    /// `--allow_unsafe_triggers`).
    pub fn allow_unsafe_triggers(&self) -> &Self {
        self.builder().options.allow_unsafe_triggers = true;
        self
    }

    /// The graph as it stands, unchecked; see [`Pipeline::finish`](crate::Pipeline::finish).
    pub fn graph(&self) -> Graph {
        self.builder().graph()
    }

    pub(crate) fn builder(&self) -> MutexGuard<'_, Builder> {
        // A panic while building leaves a graph that is merely incomplete.
        self.builder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_same(&self, other: &Pipeline) -> bool {
        Arc::ptr_eq(&self.builder, &other.builder)
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipeline({} steps)", self.graph().nodes().len())
    }
}
