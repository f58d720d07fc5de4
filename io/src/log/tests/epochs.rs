//! Epochs of a sink: each is in the log once, as a whole, whatever crashed between staging and
//! commit and however often it is committed.

use super::driver::{contents, new_log, numbers, read};
use crate::codec::Json;
use crate::log::{Log, LogPlace, LogSink, StagedRecords};
use proptest::prelude::*;
use std::collections::BTreeMap;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::{Result, Timestamp};
use whitebeam_testkit::sim::{How, Machine, Strike};

const EPOCHS: u64 = 5;
const SHARDS: u32 = 2;
const EACH: u32 = 12;

fn sink(log: &Log) -> LogSink<u32> {
    LogSink::with_codec(log, "t", Json).create(3)
}

/// The numbers of an epoch; of another run if it is done again.
fn numbers_of(epoch: u64, attempt: u32) -> Vec<u32> {
    let first = epoch as u32 * 1_000_000 + attempt * 1_000;
    (first..first + EACH * SHARDS).collect()
}

fn stage(sink: &LogSink<u32>, epoch: u64, numbers: &[u32]) -> Result<Vec<StagedRecords>> {
    let mut staged = Vec::new();
    for index in 0..SHARDS {
        let mut writer = sink.open(Shard { index, of: SHARDS })?;
        let mine = &numbers[(index * EACH) as usize..((index + 1) * EACH) as usize];
        for half in mine.chunks(7) {
            writer.write(&Batch::of(half.to_vec()))?;
        }
        staged.extend(writer.stage(Epoch(epoch))?);
    }
    Ok(staged)
}

/// What a runner keeps of its epochs; durable, since the test keeps it.
#[derive(Default)]
struct Manifests {
    staged: BTreeMap<u64, (Vec<StagedRecords>, Vec<u32>)>,
    attempts: u32,
}

/// One life of a job: commits again what may not have been committed, and goes on to the end.
fn live(log: &Log, manifests: &mut Manifests) -> Result<()> {
    let sink = sink(log);
    let last = manifests.staged.keys().next_back().copied();
    let visible = sink.recover()?;
    assert!(visible.is_none_or(|epoch| Some(epoch.0) <= last));
    let again = manifests.staged.iter().rev().take(2).rev();
    for (epoch, (staged, _)) in again {
        sink.commit(Epoch(*epoch), staged.clone())?;
    }
    for epoch in last.unwrap_or(0) + 1..=EPOCHS {
        manifests.attempts += 1;
        let numbers = numbers_of(epoch, manifests.attempts);
        let staged = stage(&sink, epoch, &numbers)?;
        manifests.staged.insert(epoch, (staged.clone(), numbers));
        sink.commit(Epoch(epoch), staged.clone())?;
        assert_eq!(sink.commit(Epoch(epoch), staged)?, Committed::Before);
    }
    Sink::<u32>::finish(&sink)
}

/// Lives until no strike is left; then everything is there once, in the order of epochs.
fn check(machine: &Machine, strikes: Vec<Strike>) {
    machine.strike(strikes);
    let mut manifests = Manifests::default();
    for life in 0.. {
        assert!(life < 60, "it does not come to an end");
        if let Ok(ended) = machine.run(|env| live(&Log::on(env, "/log"), &mut manifests)) {
            ended.unwrap();
            break;
        }
    }
    machine.heal();
    let env = machine.start();
    let log = Log::on(&env, "/log");
    let mut all = Vec::new();
    for partition in contents(&log).unwrap() {
        let epochs: Vec<u32> = partition.iter().map(|number| number / 1_000_000).collect();
        assert!(epochs.is_sorted(), "{partition:?}");
        all.extend(partition);
    }
    all.sort_unstable();
    let expected: Vec<u32> = manifests
        .staged
        .values()
        .flat_map(|(_, n)| n.clone())
        .collect();
    assert_eq!(all, expected);
    assert_eq!(sink(&log).recover().unwrap(), Some(Epoch(EPOCHS)));
    let left = machine.observer().list("/log/t/staging".as_ref()).unwrap();
    assert_eq!(left, [], "nothing is left of what was staged");
}

const POINTS: [&str; 8] = [
    "log.segment_written",
    "log.segment_created",
    "log.staged",
    "log.frame_written",
    "log.frame_synced",
    "log.mark_written",
    "log.mark_synced",
    "log.committed",
];

#[test]
fn a_crash_at_any_point_once_or_twice_or_while_recovering_repeats_nothing() {
    for label in POINTS {
        for how in [How::Kill, How::Power] {
            for first in 1..4 {
                for second in [None, Some(1), Some(2)] {
                    let at = |nth| Strike::Point { label, nth, how };
                    let strikes: Vec<Strike> = [Some(first), second]
                        .into_iter()
                        .flatten()
                        .map(at)
                        .collect();
                    let machine = Machine::new(first * 7 + second.unwrap_or(0));
                    check(&machine, strikes);
                    assert!(machine.hits()[label] > 0, "{label} was never reached");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn crashes_amid_any_operations_repeat_nothing(
        seed in any::<u64>(),
        strikes in prop::collection::vec((1..120_u64, any::<bool>()), 0..8),
    ) {
        let strike = |(nth, kill)| Strike::Operation {
            nth,
            how: if kill { How::Kill } else { How::Power },
        };
        check(&Machine::new(seed), strikes.into_iter().map(strike).collect());
    }
}

#[test]
fn an_epoch_is_all_or_nothing_and_its_number_alone_is_not_its_identity() {
    let (_folder, log) = new_log(3);
    let first = sink(&log);
    let staged = stage(&first, 0, &numbers_of(0, 0)).unwrap();
    assert_eq!(
        read(&numbers(&log).until(LogPlace::Latest)).unwrap(),
        vec![Vec::<u32>::new(); 3]
    );
    assert_eq!(
        first.commit(Epoch(0), staged.clone()).unwrap(),
        Committed::Now
    );
    let all = |log: &Log| {
        let mut all = contents(log).unwrap().concat();
        all.sort_unstable();
        all
    };
    assert_eq!(all(&log), numbers_of(0, 0));
    Sink::<u32>::finish(&first).unwrap();
    // Another run of one epoch appends; the first, committed again, does not.
    let second = sink(&log);
    let more = stage(&second, 0, &numbers_of(0, 1)).unwrap();
    assert_eq!(second.commit(Epoch(0), more).unwrap(), Committed::Now);
    assert_eq!(second.commit(Epoch(0), staged).unwrap(), Committed::Before);
    assert_eq!(all(&log), [numbers_of(0, 0), numbers_of(0, 1)].concat());
    // An epoch without elements writes nothing.
    assert_eq!(second.commit(Epoch(1), Vec::new()).unwrap(), Committed::Now);
    assert_eq!(second.recover().unwrap(), Some(Epoch(0)));
}

#[test]
fn an_abort_leaves_nothing_and_frees_the_topic() {
    let (folder, log) = new_log(3);
    let sink = sink(&log);
    let staged = stage(&sink, 1, &numbers_of(1, 0)).unwrap();
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    writer.write(&Batch::of((0..200).collect())).unwrap();
    log.writer("t").unwrap_err();
    Sink::<u32>::abort(&sink);
    let left = std::fs::read_dir(folder.path().join("t/staging"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
    log.writer("t").unwrap();
    let gone = sink.commit(Epoch(1), staged).unwrap_err();
    assert!(
        gone.message().contains("records that were staged are gone"),
        "{gone}"
    );
    assert_eq!(contents(&log).unwrap().concat(), [0; 0]);
}

#[test]
fn damage_to_what_was_staged_is_noticed_before_anything_is_visible() {
    let (folder, log) = new_log(3);
    let sink = sink(&log);
    let staged = stage(&sink, 1, &numbers_of(1, 0)).unwrap();
    let path = folder.path().join("t/staging").join(&staged[0].file);
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        std::fs::write(&path, &changed).unwrap();
        let refused = sink.commit(Epoch(1), staged.clone()).unwrap_err();
        assert!(refused.message().contains("is damaged"), "{at}: {refused}");
        std::fs::write(&path, &bytes[..at]).unwrap();
        sink.commit(Epoch(1), staged.clone()).unwrap_err();
        assert_eq!(contents(&log).unwrap().concat(), [0; 0]);
    }
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(sink.commit(Epoch(1), staged).unwrap(), Committed::Now);
    assert_eq!(
        contents(&log).unwrap().concat().len(),
        (EACH * SHARDS) as usize
    );
}

#[test]
fn keys_and_event_times_are_written_with_the_values() {
    let (_folder, log) = new_log(4);
    let sink = LogSink::<(String, u32)>::json(&log, "t").key_by(|(shop, _)| shop.clone());
    let mut writer = sink.open(Shard { index: 0, of: 1 }).unwrap();
    let mut batch = Batch::default();
    for n in 0..100 {
        let at = match n {
            0 => Timestamp::MIN,
            1 => Timestamp::END_OF_GLOBAL_WINDOW,
            n => Timestamp::from_secs(i64::from(n)),
        };
        batch.push_at((format!("shop {}", n % 9), n), at);
    }
    writer.write(&batch).unwrap();
    let staged = writer.stage(Epoch(0)).unwrap();
    sink.commit(Epoch(0), staged).unwrap();
    let source = crate::log::LogSource::<(String, u32)>::json(&log, "t").until(LogPlace::Latest);
    let mut found = 0;
    for (partition, values) in (0..).zip(read(&source).unwrap()) {
        for (shop, _) in &values {
            let key = serde_json::to_vec(shop).unwrap();
            assert_eq!(crate::log::partition_of_key(&key, 4), partition);
        }
        assert!(values.is_sorted_by_key(|(_, n)| *n));
        found += values.len();
    }
    assert_eq!(found, 100);
    // Records without a time of their own have that of the append.
    let now = Timestamp::from_secs(1_500_000_000);
    let later = log.offsets("t", &LogPlace::Time(now)).unwrap();
    let latest = log.offsets("t", &LogPlace::Latest).unwrap();
    let behind: u64 = latest.iter().zip(&later).map(|(end, at)| end - at).sum();
    assert!(behind > 0 && behind <= latest.iter().sum());
    let from = log
        .offsets("t", &LogPlace::Time(Timestamp::from_secs(99)))
        .unwrap();
    assert!(from.iter().zip(&latest).all(|(from, end)| from <= end));
}
