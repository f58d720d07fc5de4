//! Test streams on the streaming runner: a run on one thread, whose clock moves only as scripts say.
//!
//! Owns the virtual clock, and when it moves by itself: after the last event, from one thing that
//! waits to the next. Everything else is the run's, as on threads.

use crate::job::Parts;
use crate::machine::Turn;
use crate::polled::PolledRun;
use crate::report::StreamingReport;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use whitebeam_env::{Env, Identity, RealEnv, SharedFiles, WallMicros};
use whitebeam_sdk::graph::{Graph, NodeKind};
use whitebeam_sdk::{Error, Result};

/// The real machine with a clock of our own, which starts at the epoch.
#[derive(Clone, Debug)]
pub(crate) struct VirtualEnv {
    micros: Arc<AtomicU64>,
    real: RealEnv,
}

impl VirtualEnv {
    pub(crate) fn new() -> Self {
        VirtualEnv {
            micros: Arc::default(),
            real: RealEnv::new(),
        }
    }

    fn pass(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Env for VirtualEnv {
    const SIM: bool = false;

    fn now(&self) -> WallMicros {
        WallMicros::default().plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::SeqCst))
    }

    fn choose(&self, n: usize) -> usize {
        self.real.choose(n)
    }

    fn chance(&self, p: f64) -> bool {
        self.real.chance(p)
    }

    fn unique(&self) -> u128 {
        self.real.unique()
    }

    fn identity(&self) -> Identity {
        self.real.identity()
    }

    fn files(&self) -> SharedFiles {
        self.real.files()
    }
}

/// Whether a graph has a scripted input.
pub(crate) fn is_scripted(graph: &Graph) -> bool {
    graph.nodes().iter().any(|node| match &node.kind {
        NodeKind::Source(source) => source.script().is_some(),
        _ => false,
    })
}

/// Plays the scripts event by event, each until nothing moves any more, then ends the inputs.
pub(crate) fn run(parts: Parts<'_, VirtualEnv>) -> Result<StreamingReport> {
    let env = parts.env.clone();
    let mut run = PolledRun::of(parts)?;
    run.quiesce();
    let pass = |by: whitebeam_sdk::Duration| {
        env.pass(Duration::from_micros(
            u64::try_from(by.micros()).unwrap_or(0),
        ));
    };
    while run.play(pass) {}
    run.end_scripts();
    loop {
        match run.quiesce() {
            Turn::Over => return run.outcome(),
            Turn::Idle(Some(pause)) => env.pass(pause),
            _ => return Err(Error::internal(format!("nothing moves any more: {run:?}"))),
        }
    }
}
