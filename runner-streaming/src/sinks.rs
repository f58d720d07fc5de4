//! `Sinks`: the outputs of a pipeline, by path.
//!
//! Owns the calls that make an epoch visible, and that end or give up an output. Does not own when:
//! that is the coordinator's.

use crate::snapshot::StagedEpoch;
use crate::told;
use std::collections::BTreeMap;
use std::sync::Arc;
use whitebeam_env::Env;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::Result;
use whitebeam_sdk::erase::ErasedSink;
use whitebeam_sdk::graph::{Graph, NodeKind};
use whitebeam_sdk::sink::Epoch;

#[derive(Clone)]
struct Output {
    path: String,
    line: String,
    sink: Arc<dyn ErasedSink>,
}

impl Output {
    fn call<R>(&self, body: impl FnOnce(&dyn ErasedSink) -> Result<R>) -> Result<R> {
        catch(|| body(self.sink.as_ref()))
            .and_then(|done| done)
            .map_err(|e| e.at_step(self.path.clone()).at_line(self.line.clone()))
    }
}

/// The outputs of a pipeline.
#[derive(Clone)]
pub(crate) struct Sinks(Vec<Output>);

impl std::fmt::Debug for Sinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|o| &o.path))
            .finish()
    }
}

impl Sinks {
    pub(crate) fn of(graph: &Graph) -> Self {
        let outputs = graph.nodes().iter().filter_map(|node| match &node.kind {
            NodeKind::Sink(sink) => Some(Output {
                path: node.path.clone(),
                line: node.line(),
                sink: Arc::clone(sink),
            }),
            _ => None,
        });
        Sinks(outputs.collect())
    }

    /// The last epoch that each sink says it has made visible.
    pub(crate) fn visible(&self) -> Result<BTreeMap<String, Epoch>> {
        let mut visible = BTreeMap::new();
        for output in &self.0 {
            if let Some(epoch) = output.call(|sink| sink.recover())? {
                visible.insert(output.path.clone(), epoch);
            }
        }
        Ok(visible)
    }

    /// Tells a sink that nothing of what it shows is this run's.
    pub(crate) fn disown(&self, path: &str) {
        for output in self.0.iter().filter(|output| output.path == path) {
            let _ = catch(|| output.sink.abort());
        }
    }

    /// Makes an epoch visible, sink by sink. Repeating it changes nothing.
    pub(crate) fn commit<E: Env>(&self, staged: &StagedEpoch, env: &E) -> Result<()> {
        for output in &self.0 {
            let parts = staged.parts.get(&output.path);
            let parts = parts.map_or(&[][..], Vec::as_slice);
            output.call(|sink| sink.commit(staged.epoch, parts))?;
            told::committed(staged.epoch, &output.path);
            env.point("sink.committed");
        }
        Ok(())
    }

    /// The input has ended and everything is committed.
    pub(crate) fn finish(&self) -> Result<()> {
        let finish = |output: &Output| output.call(|sink| sink.finish());
        self.0.iter().try_for_each(finish)
    }

    /// Takes back what was staged and will never be committed; best effort.
    pub(crate) fn abort(&self) {
        for output in &self.0 {
            // A sink that cannot even abort must not hide why the run failed.
            let _ = catch(|| output.sink.abort());
        }
    }
}
