//! `Durable`: snapshots in a checkpoint directory.
//!
//! Owns how a snapshot lies in files: state by step and key group, staged output in a log per sink
//! and epoch, everything else in the manifest. Does not own publication, recovery or retention;
//! those are the directory's. Frames of state hold many records, so that a small record does not
//! pay for a frame.

use crate::checkpoint::{
    Content, DataFile, Directory, End, Error as Trouble, LogFile, Manifest, Rewind, Settings,
    SourceState, SplitState, StageState, Staged,
};
use crate::identity::Identity;
use crate::keeper::{Keeper, Kept, Refusal};
use crate::snapshot::{Snapshot, SourceSnapshot, SplitSnapshot, StagedEpoch, Unwritten};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_env::Env;
use whitebeam_sdk::graph::Graph;
use whitebeam_sdk::hash::{HASH_VERSION, KEY_GROUPS};
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::snapshot::SnapshotWriter;
use whitebeam_sdk::{Result, Timestamp, element};

mod read;

/// Bytes of records in one frame, about.
const FRAME: usize = 64 * 1024;

/// Bytes of records that are sorted by key group at once. With a whole table at once, sorting would
/// push that table out of the cache that its worker shares with who sorts; each time costs entries in
/// the file's index, one for each key group.
const SORTED: usize = 2 * 1024 * 1024;

/// All shards of a sink stage into one log.
const SHARD: u32 = 0;

/// Everything about an instance of a step but its keys.
#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    hash_version: u32,
    key_groups: u16,
    mine: Range<u16>,
    whole: bool,
    gone: Vec<Vec<u8>>,
    plain: Vec<Vec<u8>>,
}

/// The longest chain of files of one step: a recovery reads them all.
const LONGEST_CHAIN: usize = 20;

/// What the newest snapshot is made of.
#[derive(Default)]
struct Chain {
    epoch: Option<Epoch>,
    /// By step, the one that says everything first.
    files: BTreeMap<String, Vec<DataFile>>,
}

impl Chain {
    /// Whether files that say what has changed may be added. Once they are longer than those that
    /// say everything, it is time to say everything again: so no more than twice as much is kept,
    /// and read by a recovery, as there is.
    fn may_grow(&self) -> bool {
        let sum = |files: &[DataFile]| files.iter().map(|file| file.len).sum::<u64>();
        let (mut whole, mut changes) = (0, 0);
        for files in self.files.values() {
            if files.len() >= LONGEST_CHAIN {
                return false;
            }
            let (first, more) = files.split_at(files.len().min(1));
            whole += sum(first);
            changes += sum(more);
        }
        changes <= whole
    }
}

/// Snapshots in a directory.
struct Durable<E: Env> {
    directory: Directory<E>,
    identity: Identity,
    rewind: Rewind,
    size: AtomicU64,
    chain: Mutex<Chain>,
}

/// Keeps the snapshots of `graph`, run with `settings`, in the directory at `root`, which this claims.
pub fn keep_in<E: Env>(
    env: E,
    root: &Path,
    graph: &Graph,
    settings: &crate::Settings,
) -> Result<Arc<dyn Keeper>> {
    let identity = Identity::of(graph, &settings.group, settings.parallelism);
    Ok(Arc::new(Durable::open(env, root, identity, settings)?))
}

impl<E: Env> Durable<E> {
    /// Claims the directory at `root`.
    fn open(env: E, root: &Path, identity: Identity, run: &crate::Settings) -> Result<Self> {
        let settings = Settings {
            lease: run.lease,
            retain: run.retain,
            ..Settings::of(identity.steps.clone())
        };
        Ok(Durable {
            directory: Directory::open(env, root, settings)?,
            identity,
            rewind: match run.allow_sink_rewind {
                true => Rewind::Allow,
                false => Rewind::Refuse,
            },
            size: AtomicU64::new(0),
            chain: Mutex::default(),
        })
    }

    fn write(&self, of: &mut Unwritten) -> Result<(Content, Vec<Staged>), Refusal> {
        let Unwritten { snapshot, steps } = of;
        let mut stages = Vec::new();
        let held = &snapshot.held;
        let names: BTreeSet<String> = steps.keys().chain(held.floors.keys()).cloned().collect();
        for name in &names {
            let parts = steps.get_mut(name).map_or(&mut [][..], Vec::as_mut_slice);
            stages.push(StageState {
                stage: name.clone(),
                watermarks: held.floors.get(name).cloned().unwrap_or_default(),
                files: self.state_files(snapshot.epoch, name, parts)?,
            });
        }
        let mut counts = Vec::new();
        // Strings and numbers: nothing in it can refuse to be encoded.
        let _ = element::encode(&held.counts, &mut counts);
        let content = Content {
            fingerprint: self.identity.fingerprint,
            key_groups: KEY_GROUPS,
            hash_version: HASH_VERSION,
            parallelism: self.identity.parallelism,
            sources: held.sources.iter().map(source_state).collect(),
            stages,
            end: match (snapshot.drained, snapshot.suspended) {
                (true, _) => Some(End::Drained),
                (_, true) => Some(End::Suspended),
                _ => None,
            },
            besides: vec![(COUNTS.to_string(), counts)],
        };
        let staged = self.identity.sinks.iter().map(|sink| {
            let logs = self.write_log(sink, snapshot)?;
            Ok(Staged {
                sink: sink.clone(),
                logs: logs.into_iter().collect(),
            })
        });
        Ok((content, staged.collect::<Result<_, Trouble>>()?))
    }

    /// The files that say what the instances of a step hold: a new one, behind those before if it
    /// says what has changed.
    fn state_files(
        &self,
        epoch: Epoch,
        step: &str,
        parts: &mut [SnapshotWriter],
    ) -> Result<Vec<DataFile>, Refusal> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let mut files = match parts.iter().all(|part| part.encoded().whole) {
            true => Vec::new(),
            false => self.chain().files.get(step).cloned().unwrap_or_default(),
        };
        files.push(self.write_state(epoch, step, parts)?);
        Ok(files)
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        // Nothing can fail while the lock is held.
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_published(&self, manifest: &Manifest) {
        let stages = manifest.content.stages.iter();
        let files = stages.map(|stage| (stage.stage.clone(), stage.files.clone()));
        *self.chain() = Chain {
            epoch: Some(manifest.epoch),
            files: files.collect(),
        };
        self.size.store(manifest.size(), Ordering::Relaxed);
    }

    fn write_state(
        &self,
        epoch: Epoch,
        step: &str,
        parts: &mut [SnapshotWriter],
    ) -> Result<DataFile, Refusal> {
        let mut file = self.directory.data_writer(epoch)?;
        for part in parts.iter().map(SnapshotWriter::encoded) {
            let head = Head {
                version: part.version,
                hash_version: part.hash_version,
                key_groups: part.key_groups,
                mine: part.mine.clone(),
                whole: part.whole,
                gone: part.gone.clone(),
                plain: part.plain.clone(),
            };
            let mut bytes = Vec::new();
            let _ = element::encode(&head, &mut bytes);
            file.append(None, &bytes)?;
        }
        for part in parts {
            let written = part.sorted(SORTED, |sorted| {
                let mut pieces = sorted.pieces(FRAME);
                pieces.try_for_each(|(group, records)| file.append(Some(group), records))
            });
            written.map_err(|e| Refusal::Final(e.at_step(step)))??;
        }
        Ok(file.finish()?)
    }

    /// What a sink has staged in the epoch that ends with `snapshot`, unless that is nothing.
    fn write_log(&self, sink: &str, snapshot: &Snapshot) -> Result<Option<LogFile>, Trouble> {
        let staged = snapshot.staged.last();
        let Some(parts) = staged
            .and_then(|s| s.parts.get(sink))
            .filter(|p| !p.is_empty())
        else {
            return Ok(None);
        };
        let mut log = self.directory.log_writer(sink, snapshot.epoch, SHARD)?;
        parts.iter().try_for_each(|part| log.append(part))?;
        log.finish().map(Some)
    }

    fn try_publish(&self, of: &mut Unwritten) -> Result<(), Refusal> {
        let (content, staged) = self.write(of)?;
        let logs = staged.clone();
        match self.directory.publish(of.snapshot.epoch, content, staged) {
            Ok(manifest) => {
                self.note_published(&manifest);
                Ok(())
            }
            Err(trouble) => {
                // What was staged is staged again with the next epoch, in a log of its own.
                for Staged { sink, logs } in logs {
                    logs.iter()
                        .for_each(|log| self.directory.discard_log(&sink, log));
                }
                Err(trouble.into())
            }
        }
    }

    fn note(&self, staged: &StagedEpoch) -> Result<(), Trouble> {
        for sink in &self.identity.sinks {
            self.directory.note_committed(sink, staged.epoch)?;
        }
        self.directory.retain()
    }
}

/// The name under which counts stand in a manifest.
const COUNTS: &str = "counts";

fn source_state((step, source): (&String, &SourceSnapshot)) -> SourceState {
    let split = |s: &SplitSnapshot, ended| SplitState {
        split: s.split.clone(),
        name: s.name.clone(),
        position: s.at.clone(),
        place: s.place.clone(),
        watermark: if ended { Timestamp::MAX } else { s.watermark },
        ended,
    };
    let reading = source.splits.iter().map(|s| split(s, false));
    let ended = source.ended.iter().map(|s| split(s, true));
    SourceState {
        step: step.clone(),
        splits: reading.chain(ended).collect(),
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        match trouble.is_final() {
            true => Refusal::Final(trouble.into()),
            false => Refusal::Attempt(trouble.into()),
        }
    }
}

impl<E: Env> Keeper for Durable<E> {
    fn first_epoch(&self) -> Result<Option<Epoch>> {
        Ok(self.directory.first_epoch()?)
    }

    fn recover(&self, visible: &BTreeMap<String, Epoch>) -> Result<Kept> {
        let found = self.directory.recover(visible, self.rewind)?;
        let snapshot = found.manifest.as_ref().map(|m| self.read(m, &found.owed));
        Ok(Kept {
            snapshot: snapshot.transpose()?,
            next: found.next,
            rejected: found.rejected.iter().map(ToString::to_string).collect(),
        })
    }

    fn publish(&self, of: &mut Unwritten) -> Result<(), Refusal> {
        let published = self.try_publish(of);
        if published.is_err() {
            // Whatever this attempt has written can go; if that fails too, it goes later.
            let _ = self.directory.fail(of.snapshot.epoch);
        }
        published
    }

    fn confirm(&self) -> Result<(), Refusal> {
        Ok(self.directory.confirm()?)
    }

    fn committed(&self, staged: &StagedEpoch) -> Result<(), Refusal> {
        Ok(self.note(staged)?)
    }

    fn heartbeat(&self) -> Result<(), Refusal> {
        Ok(self.directory.heartbeat()?)
    }

    fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    fn follows(&self) -> Option<Epoch> {
        let chain = self.chain();
        chain.epoch.filter(|_| chain.may_grow())
    }
}
