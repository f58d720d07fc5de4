//! The ground under a directory: files that rot, folders that go, disks that refuse, odd names.

use super::super::*;
use super::parts::*;
use super::rig::*;
use std::path::{Path, PathBuf};
use std::time::Duration;
use whitebeam_sdk::sink::Epoch;
use whitebeam_testkit::sim::Machine;

#[test]
fn damage_that_comes_after_recovery_is_seen_by_the_reader() {
    let machine = Machine::new(1);
    let env = machine.start();
    let dir = claimed(&env);
    let manifest = publish(&dir, 1).unwrap();
    let file = &manifest.content.stages[0].files[0];
    let path = Path::new("/job/data").join(&file.name);
    let log = names(&machine, "wal/Write%2fsums").remove(0);
    let log = Path::new("/job/wal/Write%2fsums").join(log);
    for bit in 0..file.len * 8 {
        assert!(machine.flip(&path, bit));
        let read = dir.read_data(file, |_| true).and_then(|mut reader| {
            while reader.next_frame()?.is_some() {}
            Ok(())
        });
        assert!(matches!(read, Err(Error::Damaged { .. })), "{bit}");
        assert!(machine.flip(&path, bit));
    }
    let owed = dir.owed().remove(0);
    for bit in 0..owed.logs[0].len * 8 {
        assert!(machine.flip(&log, bit));
        let read = dir.read_owed(&owed);
        assert!(matches!(read, Err(Error::Damaged { .. })), "{bit}");
        assert!(machine.flip(&log, bit));
    }
    let mut fewer = owed;
    fewer.logs[0].records = 2;
    assert!(matches!(dir.read_owed(&fewer), Err(Error::Damaged { .. })));
}

#[test]
fn a_directory_that_goes_while_the_job_runs_is_noticed_and_not_made_anew() {
    let machine = Machine::new(1);
    let env = machine.start();
    let dir = claimed(&env);
    publish(&dir, 1).unwrap();
    let files = machine.observer();
    fn clear(files: &dyn whitebeam_env::Files, folder: &Path) {
        for entry in files.list(folder).unwrap() {
            let path: PathBuf = folder.join(&entry.name);
            if entry.is_dir {
                clear(files, &path);
            } else {
                files.remove(&path).unwrap();
            }
        }
        files.remove_dir(folder).unwrap();
    }
    clear(&*files, Path::new(ROOT));
    assert!(dir.data_writer(Epoch(2)).is_err());
    assert!(dir.log_writer(SINK, Epoch(2), 0).is_err());
    assert!(dir.log_writer("another", Epoch(2), 0).is_err());
    assert!(dir.note_committed(SINK, Epoch(1)).is_err());
    assert!(dir.retain().is_err());
    let lost = dir
        .publish(Epoch(2), Content::default(), vec![])
        .unwrap_err();
    let told = whitebeam_sdk::Error::from(lost).to_string();
    assert!(
        told.starts_with("error[A002]: cannot list /job/gen"),
        "{told}"
    );
    machine.advance(Duration::from_secs(5));
    assert!(dir.heartbeat().is_err());
    assert!(!files.exists(Path::new(ROOT)).unwrap());
}

#[test]
fn a_disk_that_cannot_be_written_is_said_at_the_start() {
    use std::io::ErrorKind;
    use whitebeam_testkit::sim::Class;
    for nth in 1..=7 {
        let machine = Machine::new(1);
        machine.fail(Class::Write, nth, ErrorKind::ReadOnlyFilesystem);
        let ended = machine
            .run(|env| Directory::open(env.clone(), Path::new(ROOT), settings()).map(|_| ()));
        let told = whitebeam_sdk::Error::from(ended.unwrap().unwrap_err()).to_string();
        assert!(
            told.contains("error[A002]: cannot") && told.contains("read-only"),
            "{told}"
        );
        assert!(told.contains("--checkpoints"), "{told}");
    }
}

#[test]
fn a_sinks_folder_is_its_own_whatever_its_name() {
    let machine = Machine::new(1);
    let env = machine.start();
    let dir = claimed(&env);
    let long = "x".repeat(400);
    let sinks = [
        "a/b",
        "a%2fb",
        "..",
        ".",
        "",
        "é ß",
        &long,
        &format!("{long}y"),
    ];
    for (epoch, sink) in (1..).zip(sinks) {
        let mut log = dir.log_writer(sink, Epoch(epoch), 0).unwrap();
        log.append(sink.as_bytes()).unwrap();
        let logs = vec![log.finish().unwrap()];
        let staged = vec![Staged {
            sink: sink.into(),
            logs,
        }];
        dir.publish(Epoch(epoch), Content::default(), staged)
            .unwrap();
    }
    let folders = names(&machine, "wal");
    assert_eq!(folders.len(), sinks.len(), "{folders:?}");
    assert!(
        folders
            .iter()
            .all(|name| name.len() < 200 && !name.starts_with('.'))
    );
    dir.note_committed(&long, Epoch(99)).unwrap();
    machine.kill(&env);
    let again = machine.start();
    let dir = open(&again);
    let visible = Committed::from([(String::from("a/b"), Epoch(8))]);
    let recovered = dir.recover(&visible, Rewind::Allow).unwrap();
    let owed: Vec<&str> = recovered
        .owed
        .iter()
        .map(|owed| owed.sink.as_str())
        .collect();
    assert_eq!(owed, ["a%2fb", "..", ".", "", "é ß", &format!("{long}y")]);
    for owed in &recovered.owed {
        assert_eq!(dir.read_owed(owed).unwrap(), [owed.sink.as_bytes()]);
    }
}
