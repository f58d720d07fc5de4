//! A snapshot out of the files of a checkpoint.
//!
//! Owns the way back from what `durable` writes. Reads every record, whoever will take it: which
//! worker owns it is decided later.

use super::{COUNTS, Durable, Head};
use crate::checkpoint::{Content, DataFile, End, Manifest, Owed, SourceState, SplitState};
use crate::snapshot::{Counts, Held, Snapshot, SourceSnapshot, SplitSnapshot, StagedEpoch};
use std::collections::BTreeMap;
use std::sync::Arc;
use whitebeam_env::Env;
use whitebeam_sdk::hash::{HASH_VERSION, KEY_GROUPS};
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::snapshot::{KeyedRecords, StepSnapshot, replay};
use whitebeam_sdk::{Error, ErrorKind, Result, element};

impl<E: Env> Durable<E> {
    pub(super) fn read(&self, manifest: &Manifest, owed: &[Owed]) -> Result<Snapshot> {
        let content = &manifest.content;
        self.check(content)?;
        let mut held = Held::default();
        for stage in &content.stages {
            let files = stage.files.iter();
            let chain = files.map(|file| self.read_state(file));
            let parts = replay(chain.collect::<Result<_>>()?);
            if !parts.is_empty() {
                held.steps.insert(stage.stage.clone(), parts);
            }
            if !stage.watermarks.is_empty() {
                held.floors
                    .insert(stage.stage.clone(), stage.watermarks.clone());
            }
        }
        held.sources = content.sources.iter().map(source_snapshot).collect();
        held.counts = counts(content)?;
        let mut staged: BTreeMap<Epoch, StagedEpoch> = BTreeMap::new();
        for owed in owed {
            let parts = self.directory.read_owed(owed)?;
            let epoch = staged.entry(owed.epoch).or_default();
            epoch.epoch = owed.epoch;
            epoch.add(&owed.sink, parts);
        }
        Ok(Snapshot {
            epoch: manifest.epoch,
            drained: content.end == Some(End::Drained),
            suspended: content.end == Some(End::Suspended),
            held,
            staged: staged.into_values().map(Arc::new).collect(),
        })
    }

    fn check(&self, content: &Content) -> Result<()> {
        let same = content.fingerprint == self.identity.fingerprint
            && content.key_groups == KEY_GROUPS
            && content.hash_version == HASH_VERSION;
        if same {
            return Ok(());
        }
        let dir = self.directory.path().display();
        let what = format!("the checkpoints in {dir} are of this pipeline in another form");
        Err(Error::new(ErrorKind::Incompatible, what)
            .with_code("R207")
            .note("Its steps have the names they had, but other types, other windows, or another way to keep their state.")
            .help("go on with the program that wrote them, or start anew with another --checkpoints directory"))
    }

    fn read_state(&self, file: &DataFile) -> Result<Vec<StepSnapshot>> {
        let mut parts: Vec<StepSnapshot> = Vec::new();
        let mut frames = self.directory.read_data(file, |_| true)?;
        while let Some(frame) = frames.next_frame()? {
            let mut bytes = frame.bytes.as_slice();
            let Some(group) = frame.group else {
                let head: Head = element::decode(&mut bytes)?;
                parts.push(StepSnapshot {
                    version: head.version,
                    hash_version: head.hash_version,
                    key_groups: head.key_groups,
                    mine: head.mine,
                    whole: head.whole,
                    gone: head.gone,
                    keyed: KeyedRecords::default(),
                    plain: head.plain,
                });
                continue;
            };
            let of = parts.iter_mut().find(|part| part.mine.contains(&group.0));
            if !of.is_some_and(|part| part.keyed.add(group, bytes)) {
                return Err(Error::data(
                    "the state of a step does not have the form it should",
                ));
            }
        }
        Ok(parts)
    }
}

fn counts(content: &Content) -> Result<BTreeMap<String, Counts>> {
    let found = content.besides.iter().find(|(name, _)| name == COUNTS);
    let mut bytes = found.map_or(&[][..], |(_, bytes)| bytes.as_slice());
    if bytes.is_empty() {
        return Ok(BTreeMap::new());
    }
    element::decode(&mut bytes)
}

fn source_snapshot(source: &SourceState) -> (String, SourceSnapshot) {
    let split = |s: &SplitState| SplitSnapshot {
        split: s.split.clone(),
        name: s.name.clone(),
        at: s.position.clone(),
        place: s.place.clone(),
        watermark: s.watermark,
    };
    let (ended, reading): (Vec<_>, Vec<_>) = source.splits.iter().partition(|s| s.ended);
    let snapshot = SourceSnapshot {
        splits: reading.into_iter().map(split).collect(),
        ended: ended.into_iter().map(split).collect(),
    };
    (source.step.clone(), snapshot)
}
