//! Damage: every bit of every file, torn and foreign content, hostile bytes. Seen, named, and
//! fallen back from only where nothing would repeat.

use super::super::manifest::Manifest;
use super::super::seal::{self, Flaw};
use super::super::*;
use super::rig::*;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use whitebeam_env::Files;
use whitebeam_sdk::hash::KeyGroup;
use whitebeam_sdk::sink::Epoch;
use whitebeam_testkit::sim::{How, Machine, Strike};

/// A directory whose last epoch was published, and committed or not.
fn directory(committed: bool) -> (Machine, Outside) {
    let machine = Machine::new(1);
    let outside = Outside::default();
    let (label, nth, how) = ("mani.verified", 3, How::Kill);
    if !committed {
        machine.strike([Strike::Point { label, nth, how }]);
    }
    let ended = machine.run(|env| live(env, &outside, &Life::to(4 * STEP)));
    assert_eq!(ended.is_ok(), committed);
    (machine, outside)
}

fn files_under(files: &dyn Files, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in files.list(folder).unwrap() {
        let path = folder.join(&entry.name);
        if entry.is_dir {
            found.extend(files_under(files, &path));
        } else {
            found.push(path);
        }
    }
    found
}

fn recover(machine: &Machine, outside: &Outside) -> Result<Recovered> {
    let open = |env: &whitebeam_testkit::sim::SimEnv| {
        Directory::open(env.clone(), Path::new(ROOT), settings())?
            .recover(&outside.marker(), Rewind::Refuse)
    };
    machine.run(open).unwrap()
}

/// The files that the newest checkpoint needs.
fn needed(machine: &Machine) -> Vec<PathBuf> {
    let files = machine.observer();
    let newest = list(&files, Path::new(ROOT))
        .unwrap()
        .remove(0)
        .manifest
        .unwrap();
    let mut names: Vec<String> = newest.data_files().map(|file| file.name.clone()).collect();
    let logs = newest.owed.iter().flat_map(|owed| &owed.logs);
    names.extend(logs.map(|log| log.name.clone()));
    let all = files_under(&*files, Path::new(ROOT));
    let manifests = all
        .iter()
        .filter(|path| path.extension().unwrap() == "manifest");
    let last = manifests.max().unwrap().clone();
    let named = |path: &PathBuf| names.iter().any(|name| path.ends_with(name));
    let mut needed: Vec<PathBuf> = all.into_iter().filter(named).collect();
    needed.push(last);
    needed
}

#[test]
fn every_flipped_bit_is_seen_and_fallen_back_from_while_nothing_is_visible() {
    let (machine, outside) = directory(false);
    let needed = needed(&machine);
    assert!(needed.len() > 4, "{needed:?}");
    let (mut bits, mut fell_back) = (0, 0);
    for path in needed {
        let len = machine.observer().entry(&path).unwrap().unwrap().len;
        for bit in 0..len * 8 {
            assert!(machine.flip(&path, bit));
            let rejected = match recover(&machine, &outside) {
                Ok(recovered) => {
                    assert_eq!(recovered.manifest.unwrap().epoch, Epoch(2));
                    assert!(recovered.next > Epoch(3));
                    fell_back += 1;
                    recovered.rejected
                }
                // A file that older checkpoints share.
                Err(Error::Ahead { rejected, .. }) => rejected,
                Err(error) => panic!("{} bit {bit}: {error}", path.display()),
            };
            let told = rejected[0].to_string();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(told.contains(name), "{told}");
            assert!(machine.flip(&path, bit));
            bits += 1;
        }
    }
    assert!(bits > 8_000 && fell_back > 6_000, "{bits} {fell_back}");
    // Nothing was removed in all that time: whole again, the newest is used.
    let whole = recover(&machine, &outside).unwrap().manifest.unwrap();
    assert_eq!(whole.epoch, Epoch(3));
}

#[test]
fn a_job_that_fell_back_gives_the_same_answer() {
    let mut fell_back = 0;
    for index in 0..needed(&directory(false).0).len() {
        let (machine, outside) = directory(false);
        machine.flip(&needed(&machine)[index], 200);
        // A file that older checkpoints share leaves nothing to go on from.
        if recover(&machine, &outside).is_ok() {
            live_on(&machine, &outside, &Life::to(60));
            assert_eq!(outside.answered(), Ok(60));
            // The damaged one has gone in its turn.
            let listed = list(&machine.observer(), Path::new(ROOT)).unwrap();
            assert!(listed.len() == 3 && listed.iter().all(|one| one.manifest.is_ok()));
            fell_back += 1;
        }
    }
    assert!(fell_back >= 4, "{fell_back}");
}

#[test]
fn damage_behind_visible_output_is_refused_until_somebody_allows_repeats() {
    for file in ["manifest", "st"] {
        let (machine, outside) = directory(true);
        let of_kind = |path: &PathBuf| path.extension().unwrap() == file;
        let path = needed(&machine).into_iter().rfind(of_kind).unwrap();
        assert!(machine.flip(&path, 321));
        let refused = recover(&machine, &outside).unwrap_err();
        let told = whitebeam_sdk::Error::from(refused).to_string();
        let said = "error[R206]: sink `Write/sums` has made epoch 4 visible, but the newest usable checkpoint in /job is";
        assert!(told.starts_with(said), "{told}");
        assert!(told.contains("--allow-sink-rewind"), "{told}");
        assert!(
            told.contains(path.file_name().unwrap().to_str().unwrap()),
            "{told}"
        );
        machine
            .run(|env| {
                let dir = Directory::open(env.clone(), Path::new(ROOT), settings()).unwrap();
                let recovered = dir.recover(&outside.marker(), Rewind::Allow).unwrap();
                assert!(recovered.manifest.unwrap().epoch < Epoch(4));
                assert_eq!(recovered.next, Epoch(5));
                // What is visible is not owed a second time.
                assert_eq!(recovered.owed, []);
            })
            .unwrap();
    }
}

#[test]
fn an_emptied_directory_behind_visible_output_is_refused() {
    let (machine, outside) = directory(true);
    let files = machine.observer();
    for path in files_under(&*files, Path::new(ROOT)) {
        files.remove(&path).unwrap();
    }
    let refused = recover(&machine, &outside).unwrap_err();
    assert!(
        matches!(refused, Error::Ahead { newest: None, .. }),
        "{refused}"
    );
}

#[test]
fn the_note_of_a_commit_stands_in_for_a_sink_that_cannot_say() {
    let (machine, _outside) = directory(true);
    let silent = Outside::default();
    let path = needed(&machine).pop().unwrap();
    assert!(machine.flip(&path, 321));
    let refused = recover(&machine, &silent).unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Ahead {
                committed: Epoch(4),
                ..
            }
        ),
        "{refused}"
    );
}

#[test]
fn another_pipelines_directory_is_refused_and_left_as_it_was() {
    let (machine, _) = directory(true);
    let before = files_under(&*machine.observer(), Path::new(ROOT));
    let other = Settings::of("revenue");
    let refused = machine
        .run(|env| Directory::open(env.clone(), Path::new(ROOT), other).map(|_| ()))
        .unwrap()
        .unwrap_err();
    let told = whitebeam_sdk::Error::from(refused).to_string();
    assert!(
        told.starts_with("error[R203]: /job belongs to pipeline `sums`, not to `revenue`"),
        "{told}"
    );
    assert_eq!(files_under(&*machine.observer(), Path::new(ROOT)), before);
}

#[test]
fn a_newer_form_is_named_and_not_taken_for_damage() {
    let (machine, outside) = directory(true);
    let path = needed(&machine).pop().unwrap();
    let files = machine.observer();
    let mut bytes = files.read_all(&path, 1 << 20).unwrap();
    bytes[8] = 9;
    let end = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    put(&*files, &path, &bytes);
    let refused = recover(&machine, &outside).unwrap_err();
    assert!(
        matches!(refused, Error::TooNew { version: 9, .. }),
        "{refused}"
    );
    let listed = list(&files, Path::new(ROOT)).unwrap();
    assert!(
        listed[0]
            .manifest
            .as_ref()
            .unwrap_err()
            .reason
            .contains("form 9")
    );
    assert!(listed[1].manifest.is_ok());
}

/// A number that nothing has, wherever a number may stand: refused before memory is asked for,
/// which a process could not survive, and without running over.
#[test]
fn numbers_beyond_everything_are_refused_at_once() {
    let huge = [
        [vec![0xff; 8], vec![0x7f]].concat(),
        [vec![0xff; 9], vec![0x01]].concat(),
    ];
    let (machine, outside) = directory(true);
    let files = machine.observer();
    let path = needed(&machine).pop().unwrap();
    let whole = files.read_all(&path, 1 << 20).unwrap();
    let payload = whole.len() - 4;
    let mut refused = 0;
    for (at, huge) in (20..payload).flat_map(|at| huge.iter().map(move |huge| (at, huge))) {
        let mut forged = [&whole[..at], huge, &whole[at + 1..payload]].concat();
        let len = (forged.len() - 20) as u64;
        forged[12..20].copy_from_slice(&len.to_le_bytes());
        let crc = crc32c::crc32c(&forged);
        forged.extend(crc.to_le_bytes());
        put(&*files, &path, &forged);
        let recovered = recover(&machine, &outside);
        let is_read = Manifest::decode(&forged).is_ok();
        assert!(recovered.is_err() || is_read, "{at}: {recovered:?}");
        refused += usize::from(!is_read);
    }
    assert!(refused > whole.len(), "{refused} of {}", 2 * whole.len());
}

fn put(files: &dyn Files, path: &Path, bytes: &[u8]) {
    files.truncate(path, 0).unwrap();
    files.open_append(path).unwrap().append(bytes).unwrap();
}

/// What somebody may find in the place of a file.
#[derive(Clone, Debug)]
enum Instead {
    Bytes(Vec<u8>),
    Cut(u16),
    Longer(Vec<u8>),
    /// Some bytes changed and every checksum made to match again, as far as one can.
    Forged(Vec<(u16, u8)>),
    Gone,
}

fn instead() -> impl Strategy<Value = Instead> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        bytes().prop_map(Instead::Bytes),
        any::<u16>().prop_map(Instead::Cut),
        bytes().prop_map(Instead::Longer),
        proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6).prop_map(Instead::Forged),
        Just(Instead::Gone),
    ]
}

fn spoil(files: &dyn Files, path: &Path, instead: &Instead) {
    let mut bytes = files.read_all(path, 1 << 20).unwrap();
    match instead {
        Instead::Bytes(other) => bytes.clone_from(other),
        Instead::Cut(len) => bytes.truncate(usize::from(*len) % (bytes.len() + 1)),
        Instead::Longer(more) => bytes.extend(more),
        Instead::Forged(changes) if bytes.len() > 28 => {
            let len = bytes.len();
            for (at, byte) in changes {
                bytes[20 + usize::from(*at) % (len - 24)] = *byte;
            }
            let crc = crc32c::crc32c(&bytes[..len - 4]);
            bytes[len - 4..].copy_from_slice(&crc.to_le_bytes());
        }
        Instead::Forged(_) => {}
        Instead::Gone => return files.remove(path).unwrap(),
    }
    put(files, path, &bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn hostile_bytes_anywhere_are_an_answer_or_an_error_but_no_panic(
        spoils in proptest::collection::vec((any::<prop::sample::Index>(), instead()), 1..4),
        committed: bool,
    ) {
        let (machine, outside) = directory(committed);
        let files = machine.observer();
        for (index, instead) in &spoils {
            let all = files_under(&*files, Path::new(ROOT));
            let path = &all[index.index(all.len())];
            spoil(&*files, path, instead);
        }
        list(&files, Path::new(ROOT)).unwrap();
        let used = machine.run(|env| -> Result<()> {
            let dir = Directory::open(env.clone(), Path::new(ROOT), settings())?;
            let recovered = dir.recover(&outside.marker(), Rewind::Allow)?;
            for owed in &recovered.owed {
                dir.read_owed(owed)?;
            }
            for file in recovered.manifest.iter().flat_map(Manifest::data_files) {
                let mut reader = dir.read_data(file, |_| true)?;
                while reader.next_frame()?.is_some() {}
            }
            dir.retain()
        });
        // Whatever it says, it says it in words.
        if let Err(error) = used.unwrap() {
            prop_assert!(!whitebeam_sdk::Error::from(error).to_string().is_empty());
        }
    }

    #[test]
    fn a_sealed_record_opens_to_what_it_was_and_to_nothing_else(
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        other in proptest::collection::vec(any::<u8>(), 0..60),
        at: prop::sample::Index, bit in 0..8,
    ) {
        let kind = seal::Kind { magic: *b"TESTTEST", version: 3 };
        let mut sealed = seal::seal(kind, &payload);
        prop_assert_eq!(seal::open(kind, &sealed), Ok(&payload[..]));
        let at = at.index(sealed.len());
        sealed[at] ^= 1u8 << bit;
        let opened = seal::open(kind, &sealed);
        prop_assert!(matches!(opened, Err(Flaw::Damaged(_))));
        prop_assert!(seal::open(kind, &other).is_err());
        prop_assert!(Manifest::decode(&other).is_err());
    }

    #[test]
    fn frames_of_chosen_groups_come_back_in_order(
        frames in proptest::collection::vec(
            (proptest::option::of(0u16..6), proptest::collection::vec(any::<u8>(), 0..40)), 0..60),
        from in 0u16..6, to in 0u16..7,
    ) {
        let machine = Machine::new(1);
        let env = machine.start();
        let dir = Directory::open(env, Path::new(ROOT), settings()).unwrap();
        let mut writer = dir.data_writer(Epoch(1)).unwrap();
        for (group, bytes) in &frames {
            writer.append(group.map(KeyGroup), bytes).unwrap();
        }
        let file = writer.finish().unwrap();
        let mine = |group: Option<KeyGroup>| group.is_none_or(|group| (from..to).contains(&group.0));
        let expected: Vec<Frame> = frames
            .iter()
            .map(|(group, bytes)| Frame { group: group.map(KeyGroup), bytes: bytes.clone() })
            .filter(|frame| mine(frame.group))
            .collect();
        let mut reader = dir.read_data(&file, mine).unwrap();
        let mut found = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            found.push(frame);
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(reader.next_frame().unwrap(), None);
    }
}
