//! `Sinks`: the outputs of a pipeline, by path.
//!
//! Owns the calls that make an epoch visible, and that end or give up an output. Does not own when:
//! that is the coordinator's.

use crate::snapshot::StagedEpoch;
use crate::told;
use std::collections::BTreeMap;
use whitebeam_env::Env;
use whitebeam_runner_core::outputs::Output;
use whitebeam_sdk::Result;
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::sink::Epoch;

/// The outputs of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Sinks(Vec<Output>);

impl Sinks {
    pub(crate) fn of(graph: &Graph) -> Self {
        Sinks(Output::all(graph))
    }

    /// The last epoch that each sink says it has made visible.
    pub(crate) fn visible(&self) -> Result<BTreeMap<String, Epoch>> {
        let mut visible = BTreeMap::new();
        for output in &self.0 {
            if let Some(epoch) = output.call(|sink| sink.recover())? {
                visible.insert(output.path().to_owned(), epoch);
            }
        }
        Ok(visible)
    }

    /// Tells a sink that nothing of what it shows is this run's.
    pub(crate) fn disown(&self, path: &str) {
        let of_path = self.0.iter().filter(|output| output.path() == path);
        of_path.for_each(Output::abort);
    }

    /// Waits for what the sinks sent at once, up to the end of `epoch`.
    pub(crate) fn settle(&self, epoch: Epoch) -> Result<()> {
        let settle = |output: &Output| output.call(|sink| sink.settle(epoch));
        self.0.iter().try_for_each(settle)
    }

    /// Makes an epoch visible, sink by sink. Repeating it changes nothing.
    pub(crate) fn commit<E: Env>(&self, staged: &StagedEpoch, env: &E) -> Result<()> {
        for output in &self.0 {
            let parts = staged.parts.get(output.path());
            let parts = parts.map_or(&[][..], Vec::as_slice);
            output.call(|sink| sink.commit(staged.epoch, parts))?;
            told::committed(staged.epoch, output.path());
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
        self.0.iter().for_each(Output::abort);
    }
}
