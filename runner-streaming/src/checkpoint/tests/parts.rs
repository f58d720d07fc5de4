//! The parts of a small checkpoint, for tests of single rules.

use super::super::*;
use super::rig::*;
use std::path::Path;
use whitebeam_sdk::hash::KeyGroup;
use whitebeam_sdk::sink::Epoch;
use whitebeam_testkit::sim::{Machine, SimEnv};

pub(super) fn open(env: &SimEnv) -> Directory<SimEnv> {
    Directory::open(env.clone(), Path::new(ROOT), settings()).unwrap()
}

pub(super) fn claimed(env: &SimEnv) -> Directory<SimEnv> {
    let dir = open(env);
    dir.recover(&Committed::new(), Rewind::Refuse).unwrap();
    dir
}

/// A checkpoint with one state file and one log.
pub(super) fn parts(dir: &Directory<SimEnv>, epoch: Epoch) -> (Content, Vec<Staged>) {
    let mut data = dir.data_writer(epoch).unwrap();
    data.append(Some(KeyGroup(1)), b"state").unwrap();
    let mut log = dir.log_writer(SINK, epoch, 0).unwrap();
    log.append(b"output").unwrap();
    let stage = StageState {
        stage: "Sum".into(),
        files: vec![data.finish().unwrap()],
        ..StageState::default()
    };
    let content = Content {
        stages: vec![stage],
        ..Content::default()
    };
    let staged = Staged {
        sink: SINK.into(),
        logs: vec![log.finish().unwrap()],
    };
    (content, vec![staged])
}

pub(super) fn publish(dir: &Directory<SimEnv>, epoch: u64) -> Result<Manifest> {
    let (content, staged) = parts(dir, Epoch(epoch));
    dir.publish(Epoch(epoch), content, staged)
}

pub(super) fn names(machine: &Machine, folder: &str) -> Vec<String> {
    let listed = machine
        .observer()
        .list(&Path::new(ROOT).join(folder))
        .unwrap();
    listed.into_iter().map(|entry| entry.name).collect()
}
