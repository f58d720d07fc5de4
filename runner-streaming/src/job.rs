//! `Job`: everything that runs a pipeline, wired and ready to be driven.
//!
//! Owns the construction: recovery first, then workers, the coordinator and the clerks. Does not own
//! what drives them. Invariant: a job is built from nothing but the graph, the settings and what was
//! kept, so that a restart is a new job.

use crate::clerk::{Clerk, Desk};
use crate::control::Control;
use crate::coordinator::{Answer, Connections, Coordinator};
use crate::exchange::{Bell, Channel};
use crate::keeper::{Keeper, Kept, Refusal};
use crate::machine::Machine;
use crate::metrics::MetricsHandle;
use crate::observer::{Observer, Started};
use crate::scout::Scout;
use crate::script::Cue;
use crate::settings::Settings;
use crate::sinks::Sinks;
use crate::snapshot::{Snapshot, StagedEpoch, Unwritten};
use crate::sources::Sources;
use crate::stop::StopHandle;
use crate::watch::Watch;
use crate::wiring::Wiring;
use crate::worker::Worker;
use std::collections::BTreeMap;
use std::sync::Arc;
use whitebeam_env::Env;
use whitebeam_runner_core::plan::Plan;
use whitebeam_runner_core::stage::catch;
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::hash::KEY_GROUPS;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, ErrorKind, Result};

/// Everything that runs a pipeline.
pub(crate) struct Job<E> {
    pub(crate) coordinator: Coordinator<E>,
    pub(crate) workers: Vec<Worker<E>>,
    /// What writes checkpoints, commits epochs and looks for splits.
    pub(crate) clerks: Vec<Box<dyn Machine>>,
    /// All channels between the workers.
    pub(crate) channels: Vec<Arc<Channel>>,
    /// The checkpoint that it goes on from.
    pub(crate) resumed_from: Option<Epoch>,
    /// Inputs that somebody has to conduct.
    pub(crate) cues: Vec<Cue>,
}

/// What a job is built from.
pub(crate) struct Parts<'a, E> {
    pub(crate) graph: &'a Graph,
    pub(crate) env: E,
    pub(crate) settings: Settings,
    /// None if nothing is to outlive the run.
    pub(crate) keeper: Option<Arc<dyn Keeper>>,
    pub(crate) stop: StopHandle,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) metrics: MetricsHandle,
}

impl<E: Env> Job<E> {
    /// Recovers and builds a job. If that fails, nothing was committed that was not owed.
    pub(crate) fn new(parts: Parts<'_, E>) -> Result<Self> {
        let sinks = Sinks::of(parts.graph);
        let keeps_nothing = parts.keeper.is_none();
        let built = catch(|| Self::build(parts, &sinks)).and_then(|built| built);
        built.inspect_err(|_| {
            if keeps_nothing {
                sinks.abort();
            }
        })
    }

    fn build(mut parts: Parts<'_, E>, sinks: &Sinks) -> Result<Self> {
        let settings = &mut parts.settings;
        settings.parallelism = settings.parallelism.clamp(1, usize::from(KEY_GROUPS));
        let settings = &parts.settings;
        let kept = recover(parts.keeper.as_deref(), sinks, &parts.env)?;
        let recovered = kept.snapshot.as_ref();
        let bells: Vec<Arc<Bell>> = (0..settings.parallelism).map(|_| Arc::default()).collect();
        let bell = Arc::new(Bell::default());
        let board = Arc::clone(parts.metrics.board());
        let control = Arc::new(Control::new(
            bells.clone(),
            Arc::clone(&bell),
            board,
            &settings.limits,
        ));
        control.order(|o| o.keeps_state = parts.keeper.is_some());
        let plan = Plan::new(parts.graph);
        let wiring = Wiring::new(&plan, settings, &bells, recovered)?;
        let (cues, channels) = (wiring.cues(), wiring.channels());
        let worker = |(index, bell): (usize, Arc<Bell>)| {
            let tasks = wiring.tasks(index)?;
            let (env, control) = (parts.env.clone(), Arc::clone(&control));
            let limits = settings.limits.clone();
            Ok(Worker::new(index, env, tasks, control, bell, limits))
        };
        let workers: Result<Vec<_>> = bells.into_iter().enumerate().map(worker).collect();
        let workers = workers?;
        let (mut clerks, committer, writer) = desks(&parts, sinks, &bell);
        let scout = Scout::new(
            parts.env.clone(),
            Arc::clone(&control),
            Arc::clone(control.scout()),
            wiring.watched(),
            settings.discovery,
        );
        if let Some(scout) = scout {
            clerks.push(Box::new(scout));
        }
        let resumed_from = recovered.map(|s| s.epoch);
        let watch = Watch::new(parts.observer, Arc::clone(parts.metrics.board()));
        watch.started(&Started {
            resumed_from,
            parallelism: settings.parallelism,
            rejected: kept.rejected.clone(),
        });
        let with = Connections {
            control,
            bell,
            writer,
            committer,
            keeper: parts.keeper,
            sinks: sinks.clone(),
            stop: parts.stop,
            watch,
        };
        let coordinator = Coordinator::new(parts.env, parts.settings, with, kept);
        Ok(Job {
            coordinator,
            workers,
            clerks,
            channels,
            resumed_from,
            cues,
        })
    }
}

/// Who does what may take long, and where it is asked for: a commit, and a checkpoint if any are kept.
type Desks = (
    Vec<Box<dyn Machine>>,
    Arc<Desk<Arc<StagedEpoch>, Answer>>,
    Option<Arc<Desk<Unwritten, Answer>>>,
);

fn desks<E: Env>(parts: &Parts<'_, E>, sinks: &Sinks, bell: &Arc<Bell>) -> Desks {
    let mut clerks: Vec<Box<dyn Machine>> = Vec::new();
    let committer = Arc::new(Desk::new(Arc::clone(bell)));
    let commits = committing(sinks.clone(), parts.keeper.clone(), parts.env.clone());
    clerks.push(Box::new(Clerk::new(Arc::clone(&committer), commits)));
    let writer = parts.keeper.as_ref().map(|keeper| {
        let desk = Arc::new(Desk::new(Arc::clone(bell)));
        let writes = writing(sinks.clone(), Sources::of(parts.graph), keeper);
        clerks.push(Box::new(Clerk::new(Arc::clone(&desk), writes)));
        desk
    });
    (clerks, committer, writer)
}

/// What there is to go on from; an error if the run has come to its end already.
fn recover<E: Env>(keeper: Option<&dyn Keeper>, sinks: &Sinks, env: &E) -> Result<Kept> {
    let Some(keeper) = keeper else {
        return Ok(Kept {
            snapshot: None,
            next: Epoch(1),
            rejected: Vec::new(),
        });
    };
    let kept = go_on(keeper, sinks)?;
    env.point("rec.loaded");
    match kept.snapshot.as_ref().filter(|s| s.drained) {
        Some(ended) => Err(refused(ended, sinks, keeper, env)),
        None => Ok(kept),
    }
}

/// Tells what sinks show of this job from what others wrote before it began. That is no reason to
/// refuse, but the job's epochs come after theirs, so that no sink meets the same epoch twice.
fn go_on(keeper: &dyn Keeper, sinks: &Sinks) -> Result<Kept> {
    let first = keeper.first_epoch()?;
    let is_ours = |epoch: &Epoch| first.is_some_and(|first| *epoch >= first);
    let (ours, others): (BTreeMap<_, _>, BTreeMap<_, _>) = sinks
        .visible()?
        .into_iter()
        .partition(|(_, epoch)| is_ours(epoch));
    others.keys().for_each(|path| sinks.disown(path));
    let mut kept = keeper.recover(&ours)?;
    if let Some(Epoch(last)) = others.into_values().max() {
        kept.next = kept.next.max(Epoch(last + 1));
    }
    Ok(kept)
}

/// A run whose input has ended has nothing to go on with. What it may still owe is made good.
fn refused<E: Env>(ended: &Snapshot, sinks: &Sinks, keeper: &dyn Keeper, env: &E) -> Error {
    let make_good = |staged: &Arc<StagedEpoch>| commit(staged, sinks, Some(keeper), env);
    let owed = ended.staged.iter().try_for_each(make_good);
    let owed = owed.map_err(Refusal::into_error);
    if let Err(e) = owed.and_then(|()| sinks.finish()) {
        return e;
    }
    Error::new(
        ErrorKind::Incompatible,
        "this run has come to its end: there is nothing to resume",
    )
    .with_code("R208")
    .note(format!(
        "Its input ended with epoch {}; everything has fired and is committed.",
        ended.epoch.0
    ))
    .help("start anew with another --checkpoints directory")
}

/// Writes checkpoints: what sinks sent at once has arrived before, and sources hear of it after.
fn writing(
    sinks: Sinks,
    sources: Sources,
    keeper: &Arc<dyn Keeper>,
) -> impl FnMut(Unwritten) -> Answer + use<> {
    let keeper = Arc::clone(keeper);
    move |mut unwritten: Unwritten| {
        let epoch = unwritten.snapshot.epoch;
        // User code encodes: it may refuse, and panic.
        let written = catch(|| {
            sinks.settle(epoch).map_err(refusal)?;
            keeper.publish(&mut unwritten)
        });
        let written = written.unwrap_or_else(|e| Err(Refusal::Final(e)));
        let snapshot = &unwritten.snapshot;
        (epoch, written.map(|()| sources.checkpointed(snapshot)))
    }
}

/// Whoever is not there may come back; nothing else gets better by waiting.
fn refusal(e: Error) -> Refusal {
    match e.kind() {
        ErrorKind::Unavailable => Refusal::Attempt(e),
        _ => Refusal::Final(e),
    }
}

fn committing<E: Env>(
    sinks: Sinks,
    keeper: Option<Arc<dyn Keeper>>,
    env: E,
) -> impl FnMut(Arc<StagedEpoch>) -> Answer {
    move |staged: Arc<StagedEpoch>| {
        let committed = catch(|| commit(&staged, &sinks, keeper.as_deref(), &env));
        let committed = committed.unwrap_or_else(|e| Err(Refusal::Final(e)));
        (staged.epoch, committed)
    }
}

/// Makes an epoch visible, and remembers that it is. Repeating it changes nothing.
fn commit<E: Env>(
    staged: &StagedEpoch,
    sinks: &Sinks,
    keeper: Option<&dyn Keeper>,
    env: &E,
) -> Result<(), Refusal> {
    if let Some(keeper) = keeper {
        keeper.confirm()?;
    }
    env.point("sink.begin");
    if keeper.is_none() {
        sinks.settle(staged.epoch).map_err(refusal)?;
    }
    sinks.commit(staged, env).map_err(refusal)?;
    env.point("sink.commit_acked");
    match keeper {
        Some(keeper) => keeper.committed(staged),
        None => Ok(()),
    }
}
