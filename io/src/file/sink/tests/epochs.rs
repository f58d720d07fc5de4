//! Epochs of a run without end, crashed anywhere: each part is there once, as it was when its epoch
//! was committed, whatever the parallelism was before and after.

use super::lines;
use crate::file::TextSink;
use crate::file::sink::StagedPart;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use whitebeam_env::Files;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::{Result, Str};
use whitebeam_testkit::sim::{How, Machine, SimEnv, Strike};

const EPOCHS: u64 = 6;
const FOLDER: &str = "/out";
const OLD: &str = "part-00000-00009.txt";

/// What a runner keeps of its epochs; durable, since the test keeps it.
#[derive(Default)]
struct Job {
    /// What was staged for each epoch that is published.
    manifests: BTreeMap<u64, Vec<StagedPart>>,
    /// What lies in the parts of epochs that were published.
    texts: BTreeMap<String, String>,
    /// The last epoch whose commit came to its end.
    committed: Option<u64>,
    /// Lives so far.
    lives: u32,
    /// Sinks replace what others left.
    overwrite: bool,
}

impl Job {
    fn sink(&self, env: &SimEnv) -> TextSink {
        let sink = TextSink::new(FOLDER).on(env);
        match self.overwrite {
            true => sink.overwrite(),
            false => sink,
        }
    }

    fn commit(&mut self, sink: &TextSink, epoch: u64) -> Result<Committed> {
        let staged = self.manifests[&epoch].clone();
        let committed = Sink::<Str>::commit(sink, Epoch(epoch), staged)?;
        self.committed = self.committed.max(Some(epoch));
        Ok(committed)
    }

    /// One life: what may be owed is committed again, then it goes on to the end. Every third epoch
    /// is not published and belongs to the next; every fifth has no elements.
    fn live(&mut self, env: &SimEnv) -> Result<()> {
        self.lives += 1;
        let of = 1 + self.lives * 2 % 3;
        let sink = self.sink(env);
        let visible = Sink::<Str>::recover(&sink)?;
        let last = self.manifests.keys().next_back().copied();
        assert!(visible.is_none_or(|epoch| Some(epoch.0) <= last));
        let mut writers = (0..of)
            .map(|index| Sink::<Str>::open(&sink, Shard { index, of }))
            .collect::<Result<Vec<_>>>()?;
        let owed: Vec<u64> = self.manifests.keys().rev().take(2).rev().copied().collect();
        for epoch in owed {
            self.commit(&sink, epoch)?;
        }
        let mut carried = Vec::new();
        let mut texts = BTreeMap::new();
        for epoch in last.unwrap_or(0) + 1..=EPOCHS {
            for (shard, writer) in writers.iter_mut().enumerate() {
                let text = format!("{epoch}-{}-{shard}", self.lives);
                if epoch % 5 != 0 {
                    SinkWriter::write(writer, &Batch::of(vec![Str::new(&text)]))?;
                }
                for part in SinkWriter::<Str>::stage(writer, Epoch(epoch))? {
                    texts.insert(part.name.clone(), format!("{text}\n"));
                    carried.push(part);
                }
            }
            if epoch % 3 == 0 && epoch != EPOCHS {
                continue;
            }
            self.manifests.insert(epoch, std::mem::take(&mut carried));
            self.texts.append(&mut texts);
            self.commit(&sink, epoch)?;
            if !self.manifests[&epoch].is_empty() {
                assert_eq!(self.commit(&sink, epoch)?, Committed::Before);
            }
        }
        Sink::<Str>::finish(&sink)
    }

    /// What is committed is there, as it was; nothing else is visible that was not published.
    fn check(&self, files: &dyn Files) {
        let mut visible = visible(files);
        for (epoch, parts) in &self.manifests {
            for part in parts {
                let found = visible.remove(&part.name);
                if found.is_some() || Some(*epoch) <= self.committed {
                    assert_eq!(found.as_ref(), self.texts.get(&part.name), "{}", part.name);
                }
            }
        }
        let old = visible.remove(OLD);
        assert!(visible.is_empty(), "{visible:?}");
        match self.committed {
            Some(_) => assert_eq!(old, None, "the first epoch replaces it"),
            None if self.overwrite && self.manifests.is_empty() => assert!(old.is_some()),
            None => {}
        }
    }
}

fn visible(files: &dyn Files) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in files.list(FOLDER.as_ref()).unwrap_or_default() {
        if !entry.name.starts_with('.') {
            let path = Path::new(FOLDER).join(&entry.name);
            let text = files.read_all(&path, 1_000).unwrap();
            found.insert(entry.name, String::from_utf8(text).unwrap());
        }
    }
    found
}

/// Lives until no strike is left; then everything is there and nothing besides.
fn survive(machine: &Machine, strikes: Vec<Strike>, overwrite: bool) {
    let observer = machine.observer();
    if overwrite {
        observer.create_dir_all(FOLDER.as_ref()).unwrap();
        let old = Path::new(FOLDER).join(OLD);
        let mut file = observer.create_new(&old).unwrap();
        file.append(b"old").unwrap();
        file.sync().unwrap();
        observer.sync_dir(FOLDER.as_ref()).unwrap();
    }
    machine.strike(strikes);
    let mut job = Job {
        overwrite,
        ..Job::default()
    };
    for life in 0.. {
        assert!(life < 60, "it does not come to an end");
        let ended = machine.run(|env| job.live(env));
        job.check(observer.as_ref());
        if let Ok(ended) = ended {
            ended.unwrap();
            break;
        }
    }
    machine.heal();
    assert_eq!(job.committed, Some(EPOCHS));
    let hidden = observer.list(FOLDER.as_ref()).unwrap();
    let hidden: Vec<String> = hidden.into_iter().map(|entry| entry.name).collect();
    let hidden: Vec<&String> = hidden.iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(hidden, [".part-00006.committed"], "nothing else is left");
}

const POINTS: [&str; 6] = [
    "file.staged",
    "file.prepared",
    "file.linked",
    "file.shown",
    "file.marked",
    "file.tidied",
];

#[test]
fn a_crash_at_any_point_once_or_twice_or_while_recovering_repeats_nothing() {
    for label in POINTS {
        for how in [How::Kill, How::Power] {
            for (first, second) in [
                (1, None),
                (2, None),
                (3, Some(1)),
                (4, Some(2)),
                (1, Some(1)),
            ] {
                for overwrite in [false, true] {
                    let at = |nth| Strike::Point { label, nth, how };
                    let strikes = [Some(first), second].into_iter().flatten().map(at);
                    let machine = Machine::new(first);
                    survive(&machine, strikes.collect(), overwrite);
                    assert!(machine.hits()[label] >= first, "{label} was never reached");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn crashes_amid_any_operations_repeat_nothing(
        seed in any::<u64>(),
        overwrite in any::<bool>(),
        strikes in prop::collection::vec((1..150_u64, any::<bool>()), 0..8),
    ) {
        let strike = |(nth, kill)| Strike::Operation {
            nth,
            how: if kill { How::Kill } else { How::Power },
        };
        survive(&Machine::new(seed), strikes.into_iter().map(strike).collect(), overwrite);
    }
}

/// A process that stood still amid its commit, was taken for dead, and goes on when another has
/// committed the epoch and more.
#[test]
fn who_wakes_up_amid_a_commit_takes_nothing_back() {
    for label in &POINTS[1..] {
        let machine = Machine::new(5);
        let asleep = machine.start();
        let sink = TextSink::new(FOLDER).on(&asleep);
        let staged = lines(&sink, 1, &["a", "b", "c"]);
        let (others, other) = (staged.clone(), machine.clone());
        machine.meanwhile(
            whitebeam_testkit::sim::Moment::Point { label, nth: 1 },
            move || {
                let sink = TextSink::new(FOLDER).on(&other.start());
                Sink::<Str>::recover(&sink).unwrap();
                super::commit(&sink, 1, &others).unwrap();
                let next = lines(&sink, 2, &["d"]);
                super::commit(&sink, 2, &next).unwrap();
            },
        );
        // Whatever it hears, it changes nothing.
        let _ = machine.step(|| super::commit(&sink, 1, &staged));
        let names: Vec<String> = visible(machine.observer().as_ref()).into_keys().collect();
        let wanted = [
            "part-00001-00000.txt",
            "part-00001-00001.txt",
            "part-00001-00002.txt",
            "part-00002-00000.txt",
        ];
        assert_eq!(names, wanted, "{label}");
    }
}
