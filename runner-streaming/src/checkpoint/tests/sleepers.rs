//! Instances that stand still while another takes over, and then go on.

use super::super::*;
use super::parts::*;
use super::rig::*;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use whitebeam_sdk::sink::Epoch;
use whitebeam_testkit::sim::{Machine, Moment};

#[test]
fn an_epoch_in_a_slot_that_retention_freed_is_not_published() {
    let machine = Machine::new(1);
    let sleeper = machine.start();
    let dir = claimed(&sleeper);
    let other = machine.clone();
    machine.meanwhile(
        Moment::Point {
            label: "mani.tmp",
            nth: 1,
        },
        move || {
            let files = other.observer();
            let aside = Path::new("/job/chk").join(&names(&other, "chk")[0]);
            files.link(&aside, Path::new("/job/aside")).unwrap();
            other.advance(Duration::from_secs(11));
            let env = other.start();
            let dir = claimed(&env);
            for epoch in 10..20 {
                publish(&dir, epoch).unwrap();
                dir.note_committed(SINK, Epoch(epoch)).unwrap();
                dir.retain().unwrap();
            }
            other.kill(&env);
            files.rename(Path::new("/job/aside"), &aside).unwrap();
        },
    );
    let fenced = publish(&dir, 1).unwrap_err();
    assert!(matches!(fenced, Error::Fenced { .. }), "{fenced}");
    assert!(names(&machine, "chk").contains(&format!("{:020}.manifest", 1)));
}

/// A sleeper is about to write a manifest; its successor replays and notes, then the sleeper's
/// link comes first. Everything that it names must be there.
#[test]
fn what_a_sleeper_may_still_publish_is_kept_for_it() {
    let machine = Machine::new(1);
    let sleeper = machine.start();
    let dir = claimed(&sleeper);
    publish(&dir, 1).unwrap();
    let other = machine.clone();
    let successor = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&successor);
    machine.meanwhile(
        Moment::Point {
            label: "mani.files_dirsynced",
            nth: 1,
        },
        move || {
            other.advance(Duration::from_secs(11));
            let env = other.start();
            let dir = open(&env);
            let recovered = dir.recover(&Committed::new(), Rewind::Refuse).unwrap();
            for owed in recovered.owed {
                dir.note_committed(SINK, owed.epoch).unwrap();
            }
            dir.retain().unwrap();
            *slot.lock().unwrap() = Some(dir);
        },
    );
    assert!(matches!(publish(&dir, 2), Err(Error::Fenced { .. })));
    let successor = successor.lock().unwrap().take().unwrap();
    assert!(matches!(
        publish(&successor, 3),
        Err(Error::Overtaken { .. })
    ));
    drop((dir, successor));
    let again = machine.start();
    let recovered = open(&again)
        .recover(&Committed::new(), Rewind::Refuse)
        .unwrap();
    assert_eq!(recovered.rejected, []);
    assert_eq!(recovered.manifest.unwrap().epoch, Epoch(2));
    assert_eq!(recovered.owed.len(), 1);
}

#[test]
fn a_sleeper_in_its_retention_takes_nothing_of_its_successor() {
    for nth in 1..200 {
        let machine = Machine::new(nth);
        let sleeper = machine.start();
        let dir = claimed(&sleeper);
        for epoch in 1..=4 {
            publish(&dir, epoch).unwrap();
            dir.note_committed(SINK, Epoch(epoch)).unwrap();
        }
        let other = machine.clone();
        let met = Arc::new(Mutex::new(false));
        let seen = Arc::clone(&met);
        machine.meanwhile(Moment::Operation { nth }, move || {
            other.advance(Duration::from_secs(11));
            let env = other.start();
            let dir = open(&env);
            let visible = Committed::from([(SINK.to_owned(), Epoch(4))]);
            dir.recover(&visible, Rewind::Refuse).unwrap();
            publish(&dir, 5).unwrap();
            // A manifest written aside, a file begun: killed in the middle of the next.
            let _begun = parts(&dir, Epoch(6));
            other.kill(&env);
            *seen.lock().unwrap() = true;
        });
        let retained = dir
            .note_committed(SINK, Epoch(4))
            .and_then(|()| dir.retain());
        if let Err(error) = retained {
            assert!(error.is_final(), "{nth}: {error}");
        }
        if !*met.lock().unwrap() {
            assert!(nth > 15, "{nth}");
            return;
        }
        drop(dir);
        machine.kill(&sleeper);
        let again = machine.start();
        let dir = open(&again);
        let visible = Committed::from([(SINK.to_owned(), Epoch(4))]);
        let recovered = dir.recover(&visible, Rewind::Refuse).unwrap();
        assert_eq!(recovered.rejected, [], "{nth}");
        assert_eq!(recovered.manifest.unwrap().epoch, Epoch(5), "{nth}");
        assert_eq!(dir.read_owed(&recovered.owed[0]).unwrap(), [b"output"]);
    }
    panic!("retention never ends");
}
