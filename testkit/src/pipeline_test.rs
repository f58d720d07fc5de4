//! `test_pipeline`: one pipeline, run at several seeds and in both stores.
//!
//! Owns the choice of runs and the words that repeat a failed one.

use std::env;
use whitebeam_runner_local::LocalRunner;
use whitebeam_sdk::erase::StoreKind;
use whitebeam_sdk::graph::NodeKind;
use whitebeam_sdk::{Error, ErrorKind, Pipeline, Result};

/// Fixes the one seed that [`test_pipeline`] uses.
pub const SEED: &str = "WHITEBEAM_SEED";

const SEEDS: std::ops::Range<u64> = 0..8;

const STORES: [StoreKind; 2] = [StoreKind::Fast, StoreKind::Slow];

/// What a function that builds a pipeline gives back: nothing, or an error of its own.
pub trait Built {
    /// The error, if there is one.
    fn outcome(self) -> Result<()>;
}

impl Built for () {
    fn outcome(self) -> Result<()> {
        Ok(())
    }
}

impl Built for Result<()> {
    fn outcome(self) -> Result<()> {
        self
    }
}

/// Builds a pipeline afresh for every run and runs it on the local runner: at several seeds, with
/// the fast paths and without, in every store. The first failure is given back, with the seed that
/// repeats it.
pub fn test_pipeline<R: Built>(build: impl Fn(&Pipeline) -> R) -> Result<()> {
    let seeds = match env::var(SEED) {
        Ok(seed) => vec![seed.parse().map_err(|e| {
            Error::new(
                ErrorKind::InvalidPipeline,
                format!("{SEED}={seed} is not a seed"),
            )
            .caused_by(std::io::Error::other(format!("{e:?}")))
        })?],
        Err(_) => SEEDS.collect(),
    };
    for seed in seeds {
        for store in STORES {
            for general_only in [false, true] {
                let runner = LocalRunner::new()
                    .seed(seed)
                    .store(store)
                    .general_only(general_only)
                    .copies(1 + (seed % 3) as usize);
                run(&build, &runner).map_err(|e| {
                    let paths = if general_only {
                        "general path"
                    } else {
                        "all paths"
                    };
                    e.note(format!("run with seed {seed}, {store:?} store, {paths}"))
                        .help(format!("{SEED}={seed} repeats this run"))
                })?;
            }
        }
    }
    Ok(())
}

fn run<R: Built>(build: &impl Fn(&Pipeline) -> R, runner: &LocalRunner) -> Result<()> {
    let pipeline = Pipeline::new();
    if let Err(e) = build(&pipeline).outcome() {
        // Expectations of a pipeline that could not be built would complain that they never ran,
        // and hide why.
        std::mem::forget(pipeline);
        return Err(e);
    }
    let is_sink = |kind: &NodeKind| matches!(kind, NodeKind::Sink(_));
    if !pipeline.graph().nodes().iter().any(|n| is_sink(&n.kind)) {
        return Err(Error::new(
            ErrorKind::InvalidPipeline,
            "a test that looks at nothing cannot fail",
        )
        .help("say what a collection must hold: .expect().contains_in_any_order(..)"));
    }
    runner.run(&pipeline).map(drop)
}
