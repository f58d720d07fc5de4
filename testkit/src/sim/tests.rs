//! What the simulated machine promises to protocols that are tested on it: what was synced
//! survives, what was not may not, and nothing a dead process does has an effect.

use super::*;
use proptest::prelude::*;
use std::io::ErrorKind;
use std::path::PathBuf;
use whitebeam_env::{Env, Files, Writable};

const LOSSES: [Loss; 5] = [
    Loss::All,
    Loss::Nothing,
    Loss::Prefix,
    Loss::Torn,
    Loss::Drawn,
];

fn at(name: &str) -> PathBuf {
    Path::new("/d").join(name)
}

/// A folder, durable.
fn machine(seed: u64, loss: Loss) -> Machine {
    let machine = Machine::new(seed);
    machine.losing(loss);
    machine.observer().create_dir_all(Path::new("/d")).unwrap();
    machine
}

fn create(files: &dyn Files, name: &str, bytes: &[u8]) -> Box<dyn Writable> {
    let mut file = files.create_new(&at(name)).unwrap();
    file.append(bytes).unwrap();
    file
}

fn read(machine: &Machine, name: &str) -> Option<Vec<u8>> {
    machine.observer().read_all(&at(name), u64::MAX).ok()
}

/// What a step did and what a power cut right after it may leave, over many seeds.
fn outcomes(loss: Loss, step: impl Fn(&dyn Files)) -> Vec<BTreeMap<String, Vec<u8>>> {
    let mut seen = Vec::new();
    for seed in 0..60 {
        let machine = machine(seed, loss);
        let env = machine.start();
        step(&*env.files());
        machine.lose_power();
        let names = machine.observer().list(Path::new("/d")).unwrap();
        let left = names.into_iter().map(|entry| {
            let bytes = read(&machine, &entry.name).unwrap();
            (entry.name, bytes)
        });
        let left: BTreeMap<String, Vec<u8>> = left.collect();
        if !seen.contains(&left) {
            seen.push(left);
        }
    }
    seen
}

#[test]
fn synced_bytes_under_a_synced_name_survive_whatever_is_lost() {
    for loss in LOSSES {
        let left = outcomes(loss, |files| {
            create(files, "a", b"kept").sync().unwrap();
            files.sync_dir(Path::new("/d")).unwrap();
        });
        assert_eq!(
            left,
            [BTreeMap::from([("a".into(), b"kept".to_vec())])],
            "{loss:?}"
        );
    }
}

#[test]
fn a_name_without_a_synced_folder_may_vanish_or_stay() {
    let has_a = |left: &[BTreeMap<String, Vec<u8>>]| {
        let has = left.iter().map(|names| names.contains_key("a"));
        has.collect::<Vec<bool>>()
    };
    let step = |files: &dyn Files| create(files, "a", b"x").sync().unwrap();
    assert_eq!(has_a(&outcomes(Loss::All, step)), [false]);
    assert_eq!(has_a(&outcomes(Loss::Nothing, step)), [true]);
    for loss in [Loss::Prefix, Loss::Torn, Loss::Drawn] {
        let mut seen = has_a(&outcomes(loss, step));
        seen.sort_unstable();
        assert_eq!(seen, [false, true], "{loss:?}");
    }
}

#[test]
fn bytes_without_a_sync_are_lost_kept_cut_or_torn() {
    let step = |files: &dyn Files| {
        let mut file = create(files, "a", &[1; 600]);
        file.sync().unwrap();
        files.sync_dir(Path::new("/d")).unwrap();
        file.append(&[2; 2000]).unwrap();
    };
    for (loss, is_torn, lengths) in [
        (Loss::All, false, 1..=1),
        (Loss::Nothing, false, 1..=1),
        (Loss::Prefix, false, 20..=60),
        (Loss::Torn, true, 20..=60),
        (Loss::Drawn, true, 10..=60),
    ] {
        let left = outcomes(loss, step);
        assert!(lengths.contains(&left.len()), "{loss:?}: {}", left.len());
        let tails: Vec<&[u8]> = left.iter().map(|names| &names["a"][600..]).collect();
        let torn = tails.iter().any(|tail| tail.iter().any(|byte| *byte != 2));
        let fixed = match loss {
            Loss::All => Some(0),
            Loss::Nothing => Some(2000),
            _ => None,
        };
        assert!(fixed.is_none_or(|len| tails[0].len() == len), "{loss:?}");
        assert_eq!(torn, is_torn, "{loss:?}");
        assert!(left.iter().all(|names| names["a"][..600] == [1; 600]));
    }
}

#[test]
fn a_rename_without_a_synced_folder_may_be_undone_but_never_halved() {
    let step = |files: &dyn Files| {
        create(files, "a", b"new").sync().unwrap();
        create(files, "b", b"old").sync().unwrap();
        files.sync_dir(Path::new("/d")).unwrap();
        files.rename(&at("a"), &at("b")).unwrap();
    };
    let undone = BTreeMap::from([("a".into(), b"new".to_vec()), ("b".into(), b"old".to_vec())]);
    let done = BTreeMap::from([("b".into(), b"new".to_vec())]);
    assert_eq!(outcomes(Loss::All, step), std::slice::from_ref(&undone));
    assert_eq!(outcomes(Loss::Nothing, step), std::slice::from_ref(&done));
    let torn = outcomes(Loss::Torn, step);
    assert_eq!(torn.len(), 2);
    assert!(torn.contains(&undone) && torn.contains(&done));
}

#[test]
fn a_link_and_the_removal_of_the_other_name_are_two_changes() {
    let step = |files: &dyn Files| {
        create(files, "a", b"x").sync().unwrap();
        files.sync_dir(Path::new("/d")).unwrap();
        files.rename_noreplace(&at("a"), &at("b")).unwrap();
    };
    let mut names: Vec<Vec<String>> = outcomes(Loss::Torn, step)
        .into_iter()
        .map(|left| left.into_keys().collect())
        .collect();
    names.sort();
    // Folders without order may keep the removal and lose the link: the reason to sync between.
    assert_eq!(
        names,
        [
            vec![],
            vec!["a".to_owned()],
            vec!["a".into(), "b".into()],
            vec!["b".into()]
        ]
    );
}

#[test]
fn a_name_used_again_is_not_saved_without_what_freed_it() {
    let left = outcomes(Loss::Torn, |files| {
        create(files, "a", b"old").sync().unwrap();
        files.sync_dir(Path::new("/d")).unwrap();
        files.rename(&at("a"), &at("b")).unwrap();
        create(files, "a", b"new").sync().unwrap();
    });
    assert_eq!(left.len(), 3);
    let old = |names: &BTreeMap<String, Vec<u8>>| names.values().any(|bytes| bytes == b"old");
    assert!(left.iter().all(old), "{left:?}");
}

#[test]
fn a_kill_loses_nothing_that_was_written_and_frees_the_locks() {
    let machine = machine(1, Loss::All);
    let first = machine.start();
    let mut file = create(&*first.files(), "a", b"unsynced");
    assert!(file.try_lock().unwrap());
    let second = machine.start();
    let mut again = second.files().open_append(&at("a")).unwrap();
    assert!(!again.try_lock().unwrap());
    machine.kill(&first);
    assert!(!first.is_alive() && second.is_alive());
    assert!(again.try_lock().unwrap());
    assert_eq!(read(&machine, "a").unwrap(), b"unsynced");
}

#[test]
fn after_a_failed_sync_a_second_one_has_saved_nothing() {
    let lost = (0..20).any(|seed| {
        let machine = machine(seed, Loss::Torn);
        let env = machine.start();
        let mut file = create(&*env.files(), "a", &[7; 5000]);
        env.files().sync_dir(Path::new("/d")).unwrap();
        machine.fail(Class::Sync, 1, ErrorKind::Other);
        assert!(file.sync().is_err());
        assert!(file.sync().is_ok());
        machine.lose_power();
        read(&machine, "a").unwrap() != [7; 5000]
    });
    assert!(lost);
    let undone = (0..20).any(|seed| {
        let machine = machine(seed, Loss::All);
        let env = machine.start();
        create(&*env.files(), "a", &[7]).sync().unwrap();
        machine.fail(Class::Sync, 1, ErrorKind::Other);
        assert!(env.files().sync_dir(Path::new("/d")).is_err());
        env.files().sync_dir(Path::new("/d")).unwrap();
        machine.lose_power();
        read(&machine, "a").is_none()
    });
    assert!(undone);
}

#[test]
fn a_full_disk_takes_what_fits_and_room_comes_back_with_removal() {
    let machine = machine(3, Loss::Drawn);
    machine.capacity(Some(10));
    let env = machine.start();
    let files = env.files();
    let mut file = create(&*files, "a", b"123456");
    let full = file.append(b"123456").unwrap_err();
    assert!(full.is_full());
    assert_eq!((file.len(), machine.used()), (10, 10));
    let mut other = files.create_new(&at("b")).unwrap();
    assert!(other.append(b"1").unwrap_err().is_full());
    files.remove(&at("a")).unwrap();
    other.append(b"1234567890").unwrap();
}

#[test]
fn planned_errors_strike_the_operation_they_count_to() {
    let machine = machine(4, Loss::Drawn);
    let env = machine.start();
    machine.fail(Class::Write, 3, ErrorKind::StorageFull);
    machine.fail(Class::Remove, 1, ErrorKind::ReadOnlyFilesystem);
    let mut file = create(&*env.files(), "a", b"x");
    assert!(file.append(b"y").unwrap_err().is_full());
    let left = file.len();
    file.append(b"z").unwrap();
    assert_eq!(file.len(), left + 1);
    let refused = env.files().remove(&at("a")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnlyFilesystem);
    env.files().remove(&at("a")).unwrap();
}

#[test]
fn a_crash_unwinds_to_the_harness_and_strikes_at_the_visit_it_names() {
    let machine = machine(5, Loss::All);
    let (label, how) = ("here", How::Power);
    let twice = [1, 2].map(|nth| Strike::Point { label, nth, how });
    machine.strike(twice);
    let visits = |env: &SimEnv| {
        let mut file = create(&*env.files(), "a", b"unsynced");
        env.point("elsewhere");
        env.point("here");
        file.append(b"again").unwrap();
        env.point("here");
    };
    let crash = Crash {
        label: Some("here"),
        how,
    };
    assert_eq!(machine.run(visits), Err(crash));
    assert_eq!(
        machine.hits(),
        BTreeMap::from([("elsewhere", 1), ("here", 1)])
    );
    assert_eq!(read(&machine, "a"), None);
    assert_eq!(machine.run(visits), Err(crash));
    assert_eq!(machine.hits()["here"], 3);
    assert_eq!(machine.run(visits), Ok(()));
}

#[test]
#[should_panic(expected = "not a crash")]
fn other_panics_go_through() {
    let _ = machine(5, Loss::All).run(|_| panic!("not a crash"));
}

/// Writes when dropped, as a careless destructor would.
struct Scribe(SimEnv);

impl Drop for Scribe {
    fn drop(&mut self) {
        let _ = self.0.files().remove(&at("a"));
        let _ = self.0.files().create_new(&at("ghost"));
        self.0.point("ghost");
    }
}

#[test]
fn nothing_a_dead_process_does_has_an_effect() {
    let machine = machine(6, Loss::Nothing);
    let (nth, how) = (4, How::Kill);
    machine.strike([Strike::Operation { nth, how }]);
    let ended = machine.run(|env| {
        let _scribe = Scribe(env.clone());
        create(&*env.files(), "a", b"x");
        // Swallows the crash, as code that guards against panics of others may.
        let swallowed = machine.step(|| {
            let files = env.files();
            loop {
                files.entry(&at("a")).unwrap();
            }
        });
        assert!(swallowed.is_err());
        assert!(!env.is_alive());
        env.files().remove(&at("a")).unwrap();
    });
    assert!(ended.is_err());
    let names = machine.observer().list(Path::new("/d")).unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].name, "a");
}

#[test]
fn a_power_cut_ends_every_process_and_makes_the_machine_another() {
    let machine = machine(7, Loss::Drawn);
    let (a, b) = (machine.start(), machine.start());
    assert_eq!(a.identity().machine, b.identity().machine);
    assert_ne!(a.identity().process, b.identity().process);
    machine.lose_power();
    assert!(!a.is_alive() && !b.is_alive());
    assert_ne!(machine.start().identity().machine, a.identity().machine);
}

#[test]
fn others_run_while_a_process_stands_still() {
    for (moment, expected) in [
        (Moment::Operation { nth: 3 }, "ab"),
        (
            Moment::Point {
                label: "here",
                nth: 1,
            },
            "abc",
        ),
    ] {
        let machine = machine(8, Loss::Drawn);
        let env = machine.start();
        let other = machine.clone();
        machine.meanwhile(moment, move || {
            let ended = other.run(|env| {
                let text = env.files().read_all(&at("a"), 9).unwrap();
                create(&*env.files(), "seen", &text);
            });
            assert!(ended.is_ok());
        });
        let mut file = create(&*env.files(), "a", b"ab");
        file.append(b"c").unwrap();
        env.point("here");
        file.append(b"d").unwrap();
        assert_eq!(read(&machine, "seen").unwrap(), expected.as_bytes());
        assert_eq!(read(&machine, "a").unwrap(), b"abcd");
    }
}

#[test]
fn clocks_move_only_when_told_and_a_jump_is_seen_on_the_wall_alone() {
    let machine = machine(8, Loss::Drawn);
    let env = machine.start();
    let (wall, since) = (env.now(), env.monotonic());
    assert_eq!((env.now(), env.monotonic()), (wall, since));
    machine.advance(Duration::from_secs(2));
    machine.jump(-5_000_000);
    assert_eq!(env.now().0, wall.0 - 3_000_000);
    assert_eq!(env.monotonic(), since + Duration::from_secs(2));
}

#[test]
fn a_flipped_bit_is_read_back_though_it_was_synced() {
    let machine = machine(9, Loss::Drawn);
    create(&*machine.observer(), "a", b"\x00\x00")
        .sync()
        .unwrap();
    assert!(machine.flip(&at("a"), 9));
    assert!(!machine.flip(&at("a"), 16));
    assert!(!machine.flip(&at("b"), 0));
    assert_eq!(read(&machine, "a").unwrap(), b"\x00\x02");
}

/// One operation of a random program.
#[derive(Clone, Copy, Debug)]
enum Do {
    Create(u8),
    Append(u8, u16),
    Sync(u8),
    Rename(u8, u8),
    Link(u8, u8),
    Remove(u8),
    SyncDir,
    Power,
}

fn operations() -> impl Strategy<Value = Vec<Do>> {
    let name = 0u8..4;
    let one = prop_oneof![
        name.clone().prop_map(Do::Create),
        (name.clone(), 1u16..1500).prop_map(|(a, n)| Do::Append(a, n)),
        name.clone().prop_map(Do::Sync),
        (name.clone(), name.clone()).prop_map(|(a, b)| Do::Rename(a, b)),
        (name.clone(), name.clone()).prop_map(|(a, b)| Do::Link(a, b)),
        name.prop_map(Do::Remove),
        Just(Do::SyncDir),
        Just(Do::Power),
    ];
    proptest::collection::vec(one, 1..40)
}

/// Runs a program; the names at each folder sync with the bytes that were synced then.
fn play(machine: &Machine, program: &[Do]) -> u64 {
    let name = |n: u8| at(&n.to_string());
    let files = machine.start().files();
    // Per name that is durable and whose bytes were synced: a prefix that must be found.
    let mut safe: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    let mut files = files;
    for step in program {
        match *step {
            Do::Create(a) => drop(files.create_new(&name(a))),
            Do::Append(a, n) => {
                if let Ok(mut file) = files.open_append(&name(a)) {
                    file.append(&vec![a; usize::from(n)]).unwrap();
                }
            }
            Do::Sync(a) => {
                if let Ok(mut file) = files.open_append(&name(a)) {
                    file.sync().unwrap();
                    if let Some(bytes) = safe.get_mut(&name(a)) {
                        *bytes = files.read_all(&name(a), u64::MAX).unwrap();
                    }
                }
            }
            // A name that changes is safe again with the next sync of its folder.
            Do::Rename(a, b) => {
                if files.rename(&name(a), &name(b)).is_ok() {
                    safe.remove(&name(a));
                    safe.remove(&name(b));
                }
            }
            Do::Link(a, b) => drop(files.link(&name(a), &name(b))),
            Do::Remove(a) => {
                if files.remove(&name(a)).is_ok() {
                    safe.remove(&name(a));
                }
            }
            Do::SyncDir => {
                files.sync_dir(Path::new("/d")).unwrap();
                for entry in files.list(Path::new("/d")).unwrap() {
                    safe.entry(at(&entry.name)).or_default();
                }
            }
            Do::Power => {
                machine.lose_power();
                files = machine.start().files();
                for (path, prefix) in &safe {
                    let found = files.read_all(path, u64::MAX).unwrap();
                    assert!(found.starts_with(prefix), "{}", path.display());
                }
                // What has been seen after a cut is durable.
                let listed = files.list(Path::new("/d")).unwrap();
                let found = listed.iter().map(|entry| {
                    let path = at(&entry.name);
                    let bytes = files.read_all(&path, u64::MAX).unwrap();
                    (path, bytes)
                });
                safe = found.collect();
            }
        }
    }
    machine.trace()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_was_promised_survives_any_program_and_a_seed_repeats_it(
        program in operations(), seed: u64, loss in 0..LOSSES.len(),
    ) {
        let first = play(&machine(seed, LOSSES[loss]), &program);
        let second = play(&machine(seed, LOSSES[loss]), &program);
        prop_assert_eq!(first, second);
    }
}

#[test]
fn what_holds_open_files_is_forgotten_without_standing_in_its_own_way() {
    let machine = machine(8, Loss::Drawn);
    for name in ["a", "b", "c"] {
        let env = machine.start();
        let mut file = create(&*env.files(), name, b"x");
        let moment = Moment::Operation { nth: 1_000 };
        machine.meanwhile(moment, move || file.append(b"y").unwrap());
    }
    machine.heal();
    // None of them came.
    for name in ["a", "b", "c"] {
        assert_eq!(read(&machine, name).unwrap(), b"x");
    }
}
