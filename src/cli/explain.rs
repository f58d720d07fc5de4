//! `explain`: what was built, before anything runs.

use super::arguments::{Explained, Format};
use crate::graph::{ExplainStage, Format as GraphFormat};
use crate::{Pipeline, Result};
use std::io::Write;
use whitebeam_runner_core::plan::Plan;

/// Prints what `build` makes, if it is a pipeline that could run.
pub(super) fn explain(how: &Explained, build: impl FnOnce(&Pipeline) -> Result<()>) -> Result<()> {
    let pipeline = Pipeline::new();
    build(&pipeline)?;
    let text = explained(how, &pipeline)?;
    // Who reads only the beginning, as `head` does, has what it wants.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    Ok(())
}

pub(super) fn explained(how: &Explained, pipeline: &Pipeline) -> Result<String> {
    let graph = pipeline.finish()?;
    let format = match how.format {
        Format::Text => GraphFormat::Text,
        Format::Mermaid => GraphFormat::Mermaid,
        Format::Dot => GraphFormat::Dot,
    };
    if !how.fused {
        return Ok(graph.explain(format));
    }
    let stages = Plan::new(&graph).cut_at_groupings();
    let stages: Vec<ExplainStage> = stages
        .into_iter()
        .enumerate()
        .map(|(i, stage)| ExplainStage {
            name: format!("stage {}", i + 1),
            nodes: stage.nodes,
        })
        .collect();
    Ok(graph.explain_stages(format, &stages))
}
