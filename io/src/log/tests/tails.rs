//! The end of a file, cut or changed at every place: a torn tail is nothing, damage is an error, and
//! nothing else is ever read.

use super::driver::{Tail, append, contents, new_log};
use crate::log::{Log, LogPlace};
use std::path::{Path, PathBuf};

/// Three appends to two partitions, in one segment.
fn three(log: &Log) -> Vec<Vec<Vec<u32>>> {
    let mut writer = log.writer("t").unwrap();
    let mut states = vec![vec![Vec::new(); 2]];
    for first in [0, 100, 200] {
        let numbers: Vec<(u32, u32)> = (first..first + 9).map(|n| (n % 2, n)).collect();
        append(&mut writer, &numbers).unwrap();
        states.push(contents(log).unwrap());
    }
    states
}

fn last_segment(folder: &Path) -> PathBuf {
    let names = std::fs::read_dir(folder.join("t")).unwrap();
    let paths = names.map(|entry| entry.unwrap().path());
    let segments = paths.filter(|path| path.extension().is_some_and(|e| e == "segment"));
    segments.max().unwrap()
}

#[test]
fn a_tail_that_was_torn_anywhere_is_nothing_and_the_next_writer_goes_on() {
    let (folder, log) = new_log(2);
    let states = three(&log);
    let path = last_segment(folder.path());
    let whole = std::fs::read(&path).unwrap();
    // Where each append is whole but for its mark, and with it.
    let mut ends = vec![];
    let mut known = 0;
    let header = (0..whole.len())
        .find(|cut| {
            std::fs::write(&path, &whole[..*cut]).unwrap();
            contents(&log).is_ok()
        })
        .unwrap();
    for cut in header..=whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let found = contents(&log).unwrap();
        let state = states.iter().position(|state| *state == found);
        let state = state.unwrap_or_else(|| panic!("cut at {cut}: {found:?}"));
        assert!(state == known || state == known + 1, "cut at {cut}");
        if state > known {
            ends.push(cut);
        }
        known = state;
    }
    assert_eq!(ends.len(), 3);
    assert_eq!(*ends.last().unwrap(), whole.len());
    for cut in (header..=whole.len()).step_by(3) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let seen = ends.iter().filter(|end| **end <= cut).count();
        let mut writer = log.writer("t").unwrap();
        // A whole append without its whole mark is completed: somebody may have seen the mark.
        let marks = ends.iter().filter(|end| **end - 20 <= cut).count();
        assert_eq!(
            contents(&log).unwrap(),
            states[marks],
            "cut at {cut}, {seen} seen"
        );
        append(&mut writer, &[(0, 7), (1, 8)]).unwrap();
        drop(writer);
        let mut expected = states[marks].clone();
        expected[0].push(7);
        expected[1].push(8);
        assert_eq!(contents(&log).unwrap(), expected, "cut at {cut}");
        for later in std::fs::read_dir(folder.path().join("t")).unwrap() {
            let later = later.unwrap().path();
            if later > path {
                std::fs::remove_file(later).ok();
            }
        }
    }
}

#[test]
fn every_changed_bit_of_a_log_is_an_error_or_without_effect() {
    let (folder, log) = new_log(2);
    let states = three(&log);
    let path = last_segment(folder.path());
    let whole = std::fs::read(&path).unwrap();
    let all = states.last().unwrap();
    for sealed in [false, true] {
        if sealed {
            // An empty segment behind says where the frames end.
            log.writer("t").unwrap().grow(3).unwrap();
        }
        let mut errors = 0;
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &changed).unwrap();
            match contents(&log) {
                Err(e) => {
                    errors += 1;
                    let text = e.to_string();
                    assert!(
                        text.contains("is damaged") && text.contains(".segment"),
                        "{text}"
                    );
                }
                Ok(found) => assert_eq!(found[..2], all[..], "bit {bit}, sealed {sealed}"),
            }
        }
        assert!(errors > whole.len() * 6, "{errors} of {}", whole.len() * 8);
    }
}

#[test]
fn rubbish_behind_the_end_is_nothing_and_a_reader_that_waits_there_goes_on() {
    let (folder, log) = new_log(2);
    let states = three(&log);
    let path = last_segment(folder.path());
    let mut tail = Tail::new(&log, 0);
    tail.catch_up().unwrap();
    for rubbish in [vec![0; 5_000], b"WbF1WbM1".repeat(700), vec![0xff; 11]] {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend(rubbish);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(&contents(&log).unwrap(), states.last().unwrap());
        tail.catch_up().unwrap();
        assert_eq!(tail.seen, states.last().unwrap()[0]);
    }
    let mut writer = log.writer("t").unwrap();
    append(&mut writer, &[(0, 77)]).unwrap();
    tail.catch_up().unwrap();
    assert_eq!(tail.seen.last(), Some(&77));
    assert_eq!(
        log.offsets("t", &LogPlace::Latest).unwrap()[0],
        tail.seen.len() as u64
    );
}

#[test]
fn an_index_is_a_help_and_nothing_depends_on_it() {
    let (folder, log) = new_log(1);
    let mut writer = log.writer("t").unwrap().segment_bytes(4_000);
    for number in 0..300 {
        append(&mut writer, &[(0, number)]).unwrap();
    }
    drop(writer);
    let found = |place: u64| {
        let mut tail = Tail::new(&log, 0);
        tail.seen = (0..place as u32).collect();
        let mut tail = tail.resumed(&log, 0).unwrap();
        tail.catch_up().unwrap();
        tail.seen.len()
    };
    let names = std::fs::read_dir(folder.path().join("t")).unwrap();
    let indexes: Vec<PathBuf> = names
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "index"))
        .collect();
    assert!(indexes.len() > 2, "{indexes:?}");
    for damage in [0, 1, 2] {
        for path in &indexes {
            match damage {
                0 => {}
                1 => std::fs::write(path, b"WbI1 nothing that is an index").unwrap(),
                _ => std::fs::remove_file(path).unwrap(),
            }
        }
        for place in [0, 1, 55, 120, 299, 300] {
            assert_eq!(found(place), 300, "{place} {damage}");
        }
    }
}
