//! Single rules, one at a time, where the job around the directory would hide a breach.

use super::super::*;
use super::parts::*;
use super::rig::*;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use whitebeam_sdk::sink::Epoch;
use whitebeam_testkit::sim::{Class, How, Loss, Machine, Strike};

#[test]
fn files_in_the_making_survive_retention_and_notes() {
    let machine = Machine::new(1);
    let env = machine.start();
    let dir = claimed(&env);
    publish(&dir, 1).unwrap();
    let (content, staged) = parts(&dir, Epoch(2));
    let begun = dir.data_writer(Epoch(3)).unwrap();
    dir.note_committed(SINK, Epoch(1)).unwrap();
    dir.retain().unwrap();
    dir.publish(Epoch(2), content, staged).unwrap();
    begun.finish().unwrap();
    machine.kill(&env);
    let again = machine.start();
    let recovered = open(&again)
        .recover(&Committed::new(), Rewind::Refuse)
        .unwrap();
    assert_eq!(recovered.manifest.unwrap().epoch, Epoch(2));
    assert_eq!(recovered.rejected, []);
}

#[test]
fn an_attempt_that_fails_leaves_its_logs_and_no_state() {
    let machine = Machine::new(1);
    let env = machine.start();
    let dir = claimed(&env);
    let (_content, staged) = parts(&dir, Epoch(1));
    let _half = dir.data_writer(Epoch(1)).unwrap();
    let other = dir.data_writer(Epoch(2)).unwrap().finish().unwrap();
    assert_eq!(names(&machine, "data").len(), 3);
    dir.fail(Epoch(1)).unwrap();
    assert_eq!(names(&machine, "data"), std::slice::from_ref(&other.name));
    assert_eq!(names(&machine, "wal/Write%2fsums").len(), 1);
    // Nor is its number used again.
    let used = dir
        .publish(Epoch(1), Content::default(), vec![])
        .unwrap_err();
    assert!(matches!(used, Error::Misused(_)), "{used}");
    dir.discard(&other);
    dir.publish(Epoch(2), Content::default(), staged.clone())
        .unwrap();
    dir.discard_log(SINK, &staged[0].logs[0]);
    dir.retain().unwrap();
    assert_eq!(names(&machine, "data"), [""; 0]);
    // What a checkpoint names cannot be discarded.
    assert_eq!(dir.read_owed(&dir.owed()[0]).unwrap(), [b"output"]);
}

#[test]
fn a_writer_that_was_dropped_leaves_nothing() {
    let machine = Machine::new(1);
    let env = machine.start();
    let dir = claimed(&env);
    drop(dir.data_writer(Epoch(1)).unwrap());
    drop(dir.log_writer(SINK, Epoch(1), 0).unwrap());
    dir.retain().unwrap();
    assert_eq!(names(&machine, "data"), [""; 0]);
    assert_eq!(names(&machine, "wal/Write%2fsums"), [""; 0]);
}

#[test]
fn a_checkpoint_names_only_files_that_were_finished() {
    let machine = Machine::new(1);
    let env = machine.start();
    let dir = claimed(&env);
    let (content, staged) = parts(&dir, Epoch(1));
    dir.fail(Epoch(1)).unwrap();
    let refused = dir.publish(Epoch(2), content, staged).unwrap_err();
    assert!(matches!(refused, Error::Misused(_)), "{refused}");
    assert_eq!(names(&machine, "chk"), [""; 0]);
}

#[test]
fn epochs_that_are_not_committed_are_carried_and_owed_in_order() {
    let machine = Machine::new(1);
    let env = machine.start();
    let dir = claimed(&env);
    for epoch in 1..=3 {
        publish(&dir, epoch).unwrap();
    }
    dir.note_committed(SINK, Epoch(1)).unwrap();
    publish(&dir, 4).unwrap();
    let epochs = |owed: &[Owed]| owed.iter().map(|owed| owed.epoch.0).collect::<Vec<_>>();
    assert_eq!(epochs(&dir.owed()), [2, 3, 4]);
    machine.lose_power();
    machine.advance(Duration::from_secs(20));
    let again = machine.start();
    let dir = open(&again);
    // The sink knows more than the notes.
    let visible = Committed::from([(SINK.to_owned(), Epoch(2))]);
    let recovered = dir.recover(&visible, Rewind::Refuse).unwrap();
    assert_eq!(epochs(&recovered.owed), [3, 4]);
    for owed in &recovered.owed {
        assert_eq!(dir.read_owed(owed).unwrap(), [b"output"]);
    }
    assert_eq!(recovered.next, Epoch(5));
}

#[test]
fn a_note_survives_a_power_cut_and_the_log_goes_after_it() {
    for seed in 0..20 {
        let machine = Machine::new(seed);
        machine.losing(Loss::All);
        let (nth, how) = (1, How::Power);
        let label = "sink.noted";
        machine.strike([Strike::Point { label, nth, how }]);
        let cut = machine.run(|env| {
            let dir = claimed(env);
            publish(&dir, 1).unwrap();
            dir.note_committed(SINK, Epoch(1))
        });
        assert!(cut.is_err());
        machine.advance(Duration::from_secs(20));
        let again = machine.start();
        let recovered = open(&again)
            .recover(&Committed::new(), Rewind::Refuse)
            .unwrap();
        assert_eq!(recovered.owed, []);
    }
}

#[test]
fn generations_grow_through_power_cuts_and_lost_claims() {
    let machine = Machine::new(1);
    machine.losing(Loss::All);
    for generation in 1..=5 {
        let env = machine.start();
        let dir = claimed(&env);
        assert_eq!(dir.generation(), Generation(generation));
        publish(&dir, generation).unwrap();
        dir.retain().unwrap();
        // Whoever runs has published: nobody else's claim is of use.
        let own = format!("{generation:010}.claim");
        assert_eq!(names(&machine, "gen"), [own]);
        machine.lose_power();
        if generation == 3 {
            let files = machine.observer();
            for name in names(&machine, "gen") {
                files.remove(&Path::new("/job/gen").join(name)).unwrap();
            }
        }
        machine.advance(Duration::from_secs(20));
    }
}

#[test]
fn pinned_checkpoints_stay_with_their_files_until_unpinned() {
    let machine = Machine::new(1);
    let env = machine.start();
    let dir = claimed(&env);
    let whole = |epoch: u64| {
        let listed = list(&machine.observer(), Path::new(ROOT)).unwrap();
        let found = listed.iter().find_map(|one| {
            let manifest = one.manifest.as_ref().ok()?;
            (manifest.epoch == Epoch(epoch)).then_some((one.pinned, manifest))
        });
        found.map(|(pinned, manifest)| {
            for file in manifest.data_files() {
                dir.read_data(file, |_| true).unwrap();
            }
            pinned
        })
    };
    for epoch in 1..=9 {
        publish(&dir, epoch).unwrap();
        dir.note_committed(SINK, Epoch(epoch)).unwrap();
        if epoch == 2 {
            dir.pin(Epoch(2)).unwrap();
            dir.pin(Epoch(2)).unwrap();
        }
        dir.retain().unwrap();
    }
    let kept: Vec<_> = (1..=9).map(whole).collect();
    assert_eq!(
        kept,
        [
            None,
            Some(true),
            None,
            None,
            None,
            None,
            Some(false),
            Some(false),
            Some(false)
        ]
    );
    assert_eq!(names(&machine, "data").len(), 4);
    dir.unpin(Epoch(2)).unwrap();
    dir.retain().unwrap();
    assert_eq!(whole(2), None);
    assert_eq!(names(&machine, "data").len(), 3);
}

/// Another instance may adopt it and commit it: nothing of it may be staged again.
#[test]
fn a_checkpoint_that_may_be_there_ends_the_instance() {
    let mut doubtful = 0;
    for class in [Class::Read, Class::Sync, Class::Write] {
        for nth in 1..40 {
            let machine = Machine::new(nth);
            let env = machine.start();
            let dir = claimed(&env);
            let (content, staged) = parts(&dir, Epoch(1));
            machine.fail(class, nth, ErrorKind::Other);
            let published = dir.publish(Epoch(1), content, staged);
            let is_there = !names(&machine, "chk").is_empty();
            match published {
                Ok(_) => assert!(is_there),
                Err(error) => assert_eq!(error.is_final(), is_there, "{nth}: {error}"),
            }
            doubtful += usize::from(is_there && dir.owed().is_empty());
        }
    }
    assert!(doubtful > 2, "{doubtful}");
}
