//! A job whose answer is known: it sums numbers per key group and writes each sum out.
//!
//! Owns the loop that a runner would have around a directory (recover, replay what is owed,
//! restore, process, publish, commit, retain) and the place where outputs become visible, which is
//! no part of the machine: committing an epoch there is atomic and idempotent.

use super::super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::hash::KeyGroup;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::source::Position;
use whitebeam_testkit::sim::Machine;

pub(super) const ROOT: &str = "/job";
pub(super) const SINK: &str = "Write/sums";
pub(super) const GROUPS: u16 = 4;
/// Numbers read per epoch.
pub(super) const STEP: u64 = 5;

/// What the world sees.
#[derive(Clone, Debug, Default)]
pub(super) struct Outside(Arc<Mutex<BTreeMap<Epoch, Vec<Vec<u8>>>>>);

impl Outside {
    fn open(&self) -> MutexGuard<'_, BTreeMap<Epoch, Vec<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last epoch that is visible.
    pub(super) fn marker(&self) -> Committed {
        let last = self.open().last_key_value().map(|(epoch, _)| *epoch);
        last.into_iter()
            .map(|epoch| (SINK.to_owned(), epoch))
            .collect()
    }

    fn commit(&self, epoch: Epoch, mut records: Vec<Vec<u8>>) {
        records.sort();
        let mut visible = self.open();
        if let Some(before) = visible.get(&epoch) {
            assert_eq!(*before, records, "epoch {epoch:?} has two contents");
        } else if visible
            .last_key_value()
            .is_none_or(|(last, _)| *last < epoch)
        {
            visible.insert(epoch, records);
        } else {
            panic!("epoch {epoch:?} came after a later one");
        }
    }

    /// How many numbers are accounted for; an error if any is missing, repeated or wrong.
    pub(super) fn answered(&self) -> Result<u64, String> {
        let visible = self.open();
        let mut sums = [0; GROUPS as usize];
        let mut next = 0;
        for record in visible.values().flatten() {
            sums[(next % u64::from(GROUPS)) as usize] += next;
            let expected = line(next, sums[(next % u64::from(GROUPS)) as usize]);
            if *record != expected {
                let (found, expected) = (record.escape_ascii(), expected.escape_ascii());
                return Err(format!("found {found} instead of {expected}"));
            }
            next += 1;
        }
        Ok(next)
    }
}

fn line(number: u64, sum: u64) -> Vec<u8> {
    format!("{number:06} {sum}").into_bytes()
}

pub(super) fn settings() -> Settings {
    Settings::of("sums")
}

/// How a life of the job is lived.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) until: u64,
    pub(super) workers: u32,
    pub(super) rewind: Rewind,
    /// Attempts that may fail in a row.
    pub(super) patience: u32,
    /// Syncs may fail: old checkpoints may come back without their files.
    pub(super) unsynced: bool,
}

impl Life {
    pub(super) fn to(until: u64) -> Self {
        Life {
            until,
            workers: 2,
            rewind: Rewind::Refuse,
            patience: 3,
            unsynced: false,
        }
    }
}

/// The job between recovery and end.
pub(super) struct Job<E: Env> {
    pub(super) dir: Directory<E>,
    outside: Outside,
    workers: u32,
    sums: BTreeMap<u16, u64>,
    dirty: BTreeSet<u16>,
    files: Vec<DataFile>,
    position: u64,
    pub(super) next: Epoch,
    /// Staged in attempts that failed.
    carried: Vec<LogFile>,
    /// Outputs that are in no log yet.
    unlogged: Vec<Vec<u8>>,
}

impl<E: Env> Job<E> {
    pub(super) fn start(env: &E, outside: &Outside, life: &Life) -> Result<Self> {
        let dir = Directory::open(env.clone(), Path::new(ROOT), settings())?;
        let recovered = dir.recover(&outside.marker(), life.rewind)?;
        for owed in &recovered.owed {
            outside.commit(owed.epoch, dir.read_owed(owed)?);
            env.point("sink.committed");
            dir.note_committed(&owed.sink, owed.epoch)?;
        }
        let mut job = Job {
            dir,
            outside: outside.clone(),
            workers: life.workers,
            sums: BTreeMap::new(),
            dirty: BTreeSet::new(),
            files: Vec::new(),
            position: 0,
            next: recovered.next,
            carried: Vec::new(),
            unlogged: Vec::new(),
        };
        if let Some(manifest) = recovered.manifest {
            job.restore(&manifest)?;
        }
        Ok(job)
    }

    /// Each worker reads its own key groups.
    fn restore(&mut self, manifest: &Manifest) -> Result<()> {
        let position = manifest.content.sources[0].splits[0].position.as_ref();
        self.position = position.and_then(Position::offset).unwrap();
        self.files = manifest.content.stages[0].files.clone();
        for worker in 0..self.workers {
            let workers = self.workers;
            for file in &self.files {
                let mine = |group: Option<KeyGroup>| match group {
                    Some(KeyGroup(group)) => u32::from(group) % workers == worker,
                    None => worker == 0,
                };
                let mut reader = self.dir.read_data(file, mine)?;
                while let Some(frame) = reader.next_frame()? {
                    let Some(KeyGroup(group)) = frame.group else {
                        assert_eq!(frame.bytes, b"a word of the stage");
                        continue;
                    };
                    let sum = u64::from_be_bytes(frame.bytes.try_into().unwrap());
                    self.sums.insert(group, sum);
                }
            }
        }
        Ok(())
    }

    /// Everything that was asked for is published and committed.
    pub(super) fn is_done(&self, life: &Life) -> bool {
        self.position >= life.until && self.carried.is_empty() && self.unlogged.is_empty()
    }

    fn process(&mut self) {
        for number in self.position..self.position + STEP {
            let group = (number % u64::from(GROUPS)) as u16;
            let sum = self.sums.entry(group).or_default();
            *sum += number;
            self.unlogged.push(line(number, *sum));
            self.dirty.insert(group);
        }
        self.position += STEP;
    }

    /// One epoch: whether it was published.
    pub(super) fn epoch(&mut self) -> Result<bool> {
        self.process();
        match self.attempt() {
            Ok(manifest) => {
                self.dirty.clear();
                self.carried.clear();
                self.files = manifest.content.stages[0].files.clone();
                self.commit()?;
                // What retention cannot do now, it can do next time.
                match self.dir.retain() {
                    Err(error) if error.is_final() => Err(error),
                    _ => Ok(true),
                }
            }
            Err(error) if error.is_final() => Err(error),
            Err(_) => {
                match self.dir.fail(self.next) {
                    Err(error) if error.is_final() => return Err(error),
                    _ => {}
                }
                self.next = Epoch(self.next.0 + 1);
                Ok(false)
            }
        }
    }

    fn attempt(&mut self) -> Result<Manifest> {
        let epoch = self.next;
        self.log(epoch)?;
        let content = self.content(epoch)?;
        let staged = Staged {
            sink: SINK.to_owned(),
            logs: self.carried.clone(),
        };
        let manifest = self.dir.publish(epoch, content, vec![staged])?;
        self.next = Epoch(epoch.0 + 1);
        Ok(manifest)
    }

    fn log(&mut self, epoch: Epoch) -> Result<()> {
        let mut logs = Vec::new();
        for shard in 0..self.workers {
            let mut writer = self.dir.log_writer(SINK, epoch, shard)?;
            let mine = self.unlogged.iter().skip(shard as usize);
            for record in mine.step_by(self.workers as usize) {
                writer.append(record)?;
            }
            logs.push(writer.finish()?);
        }
        self.unlogged.clear();
        self.carried.extend(logs);
        Ok(())
    }

    /// State: what changed, or all of it once in a while.
    fn content(&self, epoch: Epoch) -> Result<Content> {
        let mut files = self.files.clone();
        let all = files.len() >= 3;
        if all {
            files.clear();
        }
        let mut writer = self.dir.data_writer(epoch)?;
        writer.append(None, b"a word of the stage")?;
        for (group, sum) in &self.sums {
            if all || self.dirty.contains(group) {
                writer.append(Some(KeyGroup(*group)), &sum.to_be_bytes())?;
            }
        }
        files.push(writer.finish()?);
        let split = SplitState {
            split: vec![],
            name: "numbers".into(),
            position: Some(Position::at(self.position)),
            place: String::new(),
            watermark: Timestamp::from_micros(self.position as i64),
            ended: false,
        };
        Ok(Content {
            fingerprint: 7,
            key_groups: GROUPS,
            hash_version: 1,
            parallelism: self.workers,
            sources: vec![SourceState {
                step: "Read".into(),
                splits: vec![split],
            }],
            stages: vec![StageState {
                stage: "Sum".into(),
                watermarks: vec![Timestamp::MIN],
                files,
            }],
            end: None,
            besides: vec![],
        })
    }

    /// Only what is published becomes visible.
    fn commit(&mut self) -> Result<()> {
        for owed in self.dir.owed() {
            self.dir.confirm()?;
            self.outside.commit(owed.epoch, self.dir.read_owed(&owed)?);
            self.dir.env.point("sink.committed");
            match self.dir.note_committed(&owed.sink, owed.epoch) {
                Err(error) if error.is_final() => return Err(error),
                // A note is advice; the sink itself knows.
                _ => {}
            }
        }
        Ok(())
    }
}

/// One life: until everything asked for was published and committed.
pub(super) fn live<E: Env>(env: &E, outside: &Outside, life: &Life) -> Result<()> {
    let mut job = Job::start(env, outside, life)?;
    let mut failed = 0;
    while !job.is_done(life) {
        job.dir.heartbeat()?;
        failed = if job.epoch()? { 0 } else { failed + 1 };
        if failed > life.patience {
            panic!("{failed} attempts failed in a row");
        }
    }
    Ok(())
}

/// Every checkpoint that is there, old ones too, has the state files that it names.
pub(super) fn all_whole(machine: &Machine) {
    let files = machine.observer();
    // Nothing is there before the first claim.
    let Ok(listed) = list(&files, Path::new(ROOT)) else {
        return;
    };
    for manifest in listed.into_iter().filter_map(|one| one.manifest.ok()) {
        for file in manifest.data_files() {
            let path = Path::new(ROOT).join("data").join(&file.name);
            let found = files.entry(&path).unwrap().map(|entry| entry.len);
            assert_eq!(found, Some(file.len), "{:?} {}", manifest.epoch, file.name);
        }
    }
}

/// How it came to an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lived {
    pub(super) lives: u32,
    /// Starts that had to wait for the lease of one before.
    pub(super) waits: u32,
}

/// Runs lives until one ends by itself.
pub(super) fn live_on(machine: &Machine, outside: &Outside, life: &Life) -> Lived {
    let mut lived = Lived { lives: 1, waits: 0 };
    while lived.lives < 20 {
        let ended = machine.run(|env| live(env, outside, life));
        machine.advance(Duration::from_millis(200));
        match ended {
            Ok(Ok(())) => return lived,
            // After a power cut nobody can tell whether the claim is another machine's.
            Ok(Err(Error::Held { .. })) if lived.waits < lived.lives => {
                machine.advance(settings().lease);
                lived.waits += 1;
            }
            Ok(Err(error)) => panic!("{lived:?}: {error}"),
            Err(_crash) => lived.lives += 1,
        }
        if !life.unsynced {
            all_whole(machine);
        }
        assert!(outside.answered().unwrap() <= life.until + 20 * STEP);
    }
    panic!("it never ends");
}
