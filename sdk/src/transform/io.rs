//! `read` and `write`: where elements enter and leave a pipeline.

use crate::element::Element;
use crate::erase::{erase_sink, erase_source};
use crate::graph::{NewNode, NodeId, NodeKind, Output};
use crate::pcollection::PCollection;
use crate::pipeline::Pipeline;
use crate::sink::Sink;
use crate::source::Source;
use std::panic::Location;

/// An output of the pipeline, to be named.
#[derive(Clone, Debug)]
pub struct Written {
    pipeline: Pipeline,
    node: NodeId,
}

impl Written {
    /// Names the writing step.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        self.pipeline
            .builder()
            .name(self.node, name, Location::caller());
        self
    }
}

impl Pipeline {
    /// Reads `source`. Nothing is opened before a runner runs the pipeline: a file that is missing
    /// is an error of the run.
    #[track_caller]
    pub fn read<S: Source>(&self, source: S) -> PCollection<S::Out> {
        self.source("Read", Location::caller(), source)
    }

    /// Adds a node that reads `source`.
    pub(crate) fn source<S: Source>(
        &self,
        name: &'static str,
        location: &'static Location<'static>,
        source: S,
    ) -> PCollection<S::Out> {
        let outputs = vec![Output::of::<S::Out>().boundedness(source.boundedness())];
        let kind = NodeKind::Source(erase_source(source));
        let node = NewNode {
            name,
            location,
            kind,
            inputs: Vec::new(),
            outputs,
        };
        let node = self.builder().add(node);
        PCollection::at(self, node, 0)
    }
}

impl<T: Element> PCollection<T> {
    /// Writes every element to `sink`. What is written becomes visible when the runner commits it: in
    /// a batch run all of it at the end, and nothing if the run fails.
    #[track_caller]
    pub fn write<S: Sink<T>>(self, sink: S) -> Written {
        let kind = NodeKind::Sink(erase_sink(sink));
        let node = self.add("Write", Location::caller(), kind, Vec::new());
        Written {
            pipeline: self.pipeline().clone(),
            node,
        }
    }
}
