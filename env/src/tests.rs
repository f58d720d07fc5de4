//! The real side keeps the contract, as far as a machine that does not crash can show.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::io::ErrorKind;
use std::path::Path;

fn write(files: &StdFiles, path: &Path, bytes: &[u8]) {
    let mut file = files.create_new(path).unwrap();
    file.append(bytes).unwrap();
    file.sync().unwrap();
}

#[test]
fn a_name_is_taken_once_and_the_loser_keeps_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let files = StdFiles::new();
    let at = |name: &str| dir.path().join(name);
    write(&files, &at("a"), b"first");
    write(&files, &at("b"), b"second");
    files.rename_noreplace(&at("a"), &at("slot")).unwrap();
    let lost = files.rename_noreplace(&at("b"), &at("slot")).unwrap_err();
    assert!(lost.is_taken());
    assert_eq!(lost.path(), at("slot"));
    assert_eq!(files.read_all(&at("slot"), 99).unwrap(), b"first");
    let names: Vec<String> = files
        .list(dir.path())
        .unwrap()
        .into_iter()
        .map(|e| e.name)
        .collect();
    assert_eq!(names, ["b", "slot"]);
    assert!(files.create_new(&at("slot")).unwrap_err().is_taken());
    files.rename(&at("b"), &at("slot")).unwrap();
    assert_eq!(files.read_all(&at("slot"), 99).unwrap(), b"second");
}

#[test]
fn appends_are_seen_by_open_readers_and_tails_can_be_cut() {
    let dir = tempfile::tempdir().unwrap();
    let files = StdFiles::new();
    let path = dir.path().join("log");
    write(&files, &path, b"0123");
    let reader = files.open(&path).unwrap();
    let mut again = files.open_append(&path).unwrap();
    assert_eq!(again.len(), 4);
    again.append(b"4567").unwrap();
    assert_eq!(again.len(), 8);
    let mut buffer = [0; 3];
    reader.read_exact_at(3, &mut buffer).unwrap();
    assert_eq!(&buffer, b"345");
    assert_eq!(reader.read_at(8, &mut buffer).unwrap(), 0);
    let ended = reader.read_exact_at(6, &mut buffer).unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::UnexpectedEof);
    files.truncate(&path, 5).unwrap();
    assert_eq!(reader.len().unwrap(), 5);
    again.append(b"!").unwrap();
    assert_eq!(files.read_all(&path, 6).unwrap(), b"01234!");
    assert_eq!(
        files.read_all(&path, 5).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

#[test]
fn a_lock_goes_with_the_file_and_ends_with_the_handle() {
    let dir = tempfile::tempdir().unwrap();
    let files = StdFiles::new();
    let (temp, name) = (dir.path().join("temp"), dir.path().join("name"));
    let mut holder = files.create_new(&temp).unwrap();
    assert!(holder.try_lock().unwrap());
    files.rename_noreplace(&temp, &name).unwrap();
    let mut other = files.open_append(&name).unwrap();
    assert!(!other.try_lock().unwrap());
    drop(holder);
    assert!(other.try_lock().unwrap());
}

#[test]
fn folders_are_made_with_those_above_and_what_is_missing_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let files = StdFiles::new();
    let deep = dir.path().join("a/b/c");
    files.create_dir_all(&deep).unwrap();
    files.create_dir_all(&deep).unwrap();
    files.sync_dir(&deep).unwrap();
    assert!(files.entry(&deep).unwrap().unwrap().is_dir);
    assert_eq!(files.entry(&deep.join("x")).unwrap(), None);
    assert!(!files.exists(&deep.join("x")).unwrap());
    let missing = files.open(&deep.join("x")).unwrap_err();
    assert!(missing.is_not_found());
    assert!(missing.to_string().starts_with("cannot open "));
    files.remove_dir(&deep).unwrap();
    assert!(files.list(&deep).unwrap_err().is_not_found());
}

#[test]
fn the_real_machine_never_does_the_unlikely_and_never_repeats_a_name() {
    let env = RealEnv::new();
    assert_eq!(env.choose(7), 0);
    assert!(!env.chance(1.0));
    assert_ne!(env.unique(), env.unique());
    assert_eq!(env.identity(), env.clone().identity());
    let (before, first) = (env.monotonic(), env.now());
    assert!(first > WallMicros(1_500_000_000_000_000));
    assert!(env.monotonic() >= before);
    env.point("nothing.happens");
}

#[test]
fn a_wall_time_is_micros_from_1970_in_both_directions() {
    let one = Duration::from_micros(1);
    let epoch = std::time::UNIX_EPOCH;
    assert_eq!(real::wall_clock(epoch + one), WallMicros(1));
    assert_eq!(real::wall_clock(epoch - one), WallMicros(-1));
    assert_eq!(WallMicros(i64::MAX).plus(one), WallMicros(i64::MAX));
}

#[test]
fn an_armed_point_strikes_on_the_visit_it_names() {
    use super::crash::armed::Armed;
    for (text, visits, expected) in [
        ("a", vec!["a"], Some(0)),
        ("a:2", vec!["a", "b", "a", "a"], Some(2)),
        ("a:3", vec!["a", "a"], None),
    ] {
        let armed = Armed::parse(text).unwrap();
        let struck = visits.iter().position(|label| armed.is_due(label));
        assert_eq!(struck, expected, "{text}");
    }
    assert!(Armed::parse("a:many").is_none());
}
