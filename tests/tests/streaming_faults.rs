//! What befalls a run from outside: a log with a torn tail, checkpoints that rot or are another
//! pipeline's, a disk that fills up, records that are gone. The run goes on, or says what to do.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod revenue_job;

use revenue_job::disk::Disk;
use revenue_job::invoice::{InvoiceLine, Kind, TOPIC};
use revenue_job::rows::rows;
use revenue_job::shop::{Shop, events, last_panes, last_said, parts, refused, suspended};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use whitebeam::io::codec::{Codec, Json};
use whitebeam::io::log::{Log, Message, Retention};
use whitebeam::{Str, Timestamp};
use whitebeam_env::{Env, RealEnv};
use whitebeam_runner_streaming::checkpoint;
use whitebeam_tests::skip::skip;

/// The newest file of a folder by name, among those with this ending.
fn newest(folder: &Path, ending: &str) -> PathBuf {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let of_kind = entries.filter(|path| path.extension().is_some_and(|e| e == ending));
    of_kind.max().unwrap()
}

/// A file of state that the newest checkpoint needs, and none before it where there is one.
fn state_of_newest(shop: &Shop) -> PathBuf {
    let kept = shop.at("kept");
    let listed = checkpoint::list(&RealEnv::new().files(), &kept).unwrap();
    let names = |of: &checkpoint::Listed| -> Vec<String> {
        let stages = of.manifest.as_ref().unwrap().content.stages.iter();
        let files = stages.flat_map(|stage| &stage.files);
        files.map(|file| file.name.clone()).collect()
    };
    let mut needed = names(&listed[0]);
    let before = names(&listed[1]);
    needed.sort_by_key(|name| !before.contains(name));
    kept.join("data").join(needed.pop().unwrap())
}

/// Changes one byte in the middle of a file; the file.
fn flip(path: PathBuf) -> PathBuf {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], middle).unwrap();
    path
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_log_with_a_torn_tail_is_read_as_far_as_it_is_whole() {
    let shop = Shop::new();
    suspended(shop.streaming("--max-rate 20000 --parallelism 2"));
    let segment = newest(&shop.at("log").join(TOPIC), "segment");
    let torn = OpenOptions::new().append(true).open(&segment).unwrap();
    let whole = torn.metadata().unwrap().len();
    // The writer was killed in the middle of what it appended last.
    torn.set_len(whole - 1_000).unwrap();
    let said = shop
        .streaming("--until-end --parallelism 3")
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    let done = last_said(&said);
    let read = done["steps"][0]["elements"].as_u64().unwrap();
    // Ten thousand lines are appended at once: the last 2,481 are not whole.
    assert_eq!(read, 40_000);
    let answer = last_panes(&rows(&shop.at("out")).unwrap());
    assert_eq!(answer, last_panes(&shop.batch()));
}

/// Kills a run again and again until it has published a checkpoint that it has not committed.
fn killed_between_publication_and_commit(shop: &Shop) {
    for _ in 0..60 {
        let mut command = shop.streaming("--max-rate 4000 --parallelism 2");
        command.args(["--lease", "1s"]);
        let mut child = command.spawn().unwrap();
        let published = events(&mut child)
            .filter(|e| e["event"] == "checkpoint")
            .nth(3);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(published.is_some());
        let newest = shop.listed()[0]["epoch"].as_u64().unwrap();
        let note = name(&newest_note(shop));
        let committed: u64 = note.split('.').next().unwrap().parse().unwrap();
        if committed < newest {
            return;
        }
    }
    panic!("it is never killed in between");
}

fn newest_note(shop: &Shop) -> PathBuf {
    newest(&shop.at("kept").join("wal/Write"), "committed")
}

#[test]
fn a_checkpoint_that_rots_before_its_output_is_seen_is_fallen_back_from() {
    for file in ["manifest", "st"] {
        let shop = Shop::new();
        killed_between_publication_and_commit(&shop);
        let epoch = shop.listed()[0]["epoch"].as_u64().unwrap();
        let damaged = flip(match file {
            "manifest" => newest(&shop.at("kept/chk"), file),
            _ => state_of_newest(&shop),
        });
        let seen = parts(&shop.at("out"));
        let said = shop.streaming("--until-end").output().unwrap();
        assert!(said.status.success(), "{file}: {said:?}");
        let text = String::from_utf8(said.stdout.clone()).unwrap();
        let started = text
            .lines()
            .find(|line| line.contains("\"started\""))
            .unwrap();
        let started: serde_json::Value = serde_json::from_str(started).unwrap();
        assert!(
            started["resumed_from"].as_u64().unwrap() < epoch,
            "{started}"
        );
        let rejected = started["rejected"][0].as_str().unwrap();
        assert!(rejected.contains(&name(&damaged)), "{rejected}");
        // What was visible stays, nothing is there twice, nothing is missing.
        let now = parts(&shop.at("out"));
        assert!(seen.iter().all(|part| now.contains(part)));
        let answer = last_panes(&rows(&shop.at("out")).unwrap());
        assert_eq!(answer, last_panes(&shop.batch()));
    }
}

#[test]
fn a_checkpoint_that_rots_behind_visible_output_is_refused_until_repeats_are_allowed() {
    for file in ["manifest", "st"] {
        let shop = Shop::new();
        suspended(shop.streaming("--max-rate 20000 --parallelism 2"));
        let damaged = flip(match file {
            "manifest" => newest(&shop.at("kept/chk"), file),
            _ => state_of_newest(&shop),
        });
        let seen = parts(&shop.at("out"));
        let told = refused(shop.streaming("--until-end"), "R206");
        for said in [
            "sink `Write` has made epoch",
            &name(&damaged),
            "--allow-sink-rewind",
        ] {
            assert!(told.contains(said), "{said}\n{told}");
        }
        assert_eq!(parts(&shop.at("out")), seen);
        let allowed = shop
            .streaming("--until-end --allow-sink-rewind")
            .output()
            .unwrap();
        assert!(allowed.status.success(), "{file}: {allowed:?}");
        assert_eq!(last_said(&allowed)["event"], "done");
    }
}

#[test]
fn checkpoints_of_another_pipeline_are_refused_and_left_alone() {
    let shop = Shop::new();
    suspended(shop.streaming("--max-rate 20000"));
    let (kept, seen) = (shop.listed(), parts(&shop.at("out")));
    let mut other_steps = shop.streaming("--late");
    other_steps.arg(shop.at("late"));
    let told = refused(other_steps, "R203");
    assert!(told.contains("belongs to pipeline"), "{told}");
    assert!(told.contains("--checkpoints"), "{told}");
    let told = refused(shop.streaming("--allowed-lateness 1h"), "R207");
    assert!(
        told.contains("are of this pipeline in another form"),
        "{told}"
    );
    assert_eq!((shop.listed(), parts(&shop.at("out"))), (kept, seen));
    assert!(
        shop.streaming("--until-end")
            .output()
            .unwrap()
            .status
            .success()
    );
}

#[test]
fn a_disk_that_is_full_for_a_while_costs_checkpoints_and_no_answer() {
    let Some(disk) = Disk::mount("2m") else {
        let why = "no privilege: no file system can be mounted";
        return skip(
            "a_disk_that_is_full_for_a_while_costs_checkpoints_and_no_answer",
            why,
        );
    };
    let shop = Shop::new();
    let mut command = shop.run(
        "out",
        "--runner streaming --json --checkpoint-interval 50ms",
    );
    command
        .args([
            "--max-rate",
            "8000",
            "--parallelism",
            "2",
            "--until-end",
            "--checkpoints",
        ])
        .arg(disk.path().join("kept"));
    let mut child = command.spawn().unwrap();
    let filler = disk.path().join("filler");
    let (mut failed, mut after) = (0, 0);
    let mut last = serde_json::Value::Null;
    for event in events(&mut child) {
        match event["event"].as_str().unwrap() {
            "checkpoint" if failed == 0 && !filler.exists() => {
                // As much as there is room for.
                let _ = fs::write(&filler, vec![1; 4 << 20]);
            }
            "checkpoint_failed" => {
                let text = event["text"].as_str().unwrap();
                assert!(
                    text.contains("[A002]") && text.contains("make room"),
                    "{text}"
                );
                failed += 1;
                if failed == 3 {
                    fs::remove_file(&filler).unwrap();
                }
            }
            "committed" if failed >= 3 => after += 1,
            _ => last = event,
        }
    }
    assert!(child.wait().unwrap().success(), "{last}");
    assert!(failed >= 3 && after > 3, "{failed} {after}");
    assert_eq!(last["steps"][0]["elements"], 42_481);
    let answer = last_panes(&rows(&shop.at("out")).unwrap());
    assert_eq!(answer, last_panes(&shop.batch()));
}

#[test]
fn records_that_are_gone_before_they_were_read_are_named_with_what_to_do() {
    let shop = Shop::new();
    suspended(shop.streaming("--max-rate 20000 --parallelism 2"));
    let listed = shop.listed().remove(0);
    let splits = listed["sources"][0]["splits"].as_array().unwrap();
    let position = |split: &serde_json::Value| {
        let position = split["position"].as_str().unwrap().to_string();
        position.strip_prefix("offset ").unwrap().to_string()
    };
    let positions: Vec<String> = splits.iter().map(position).collect();
    // A later append begins a segment, and what is older is not kept.
    let little = Retention::everything().at_least_bytes(1);
    let mut writer = Log::at(shop.at("log")).writer(TOPIC).unwrap();
    writer = writer.segment_bytes(1).retain(little);
    let mut value = Vec::new();
    let line = InvoiceLine {
        kind: Kind::Paid,
        at: Timestamp::from_secs(1_293_840_000),
        country: Str::new("France"),
        cents: 1,
    };
    Json.encode(&line, &mut value).unwrap();
    for _ in 0..2 {
        writer.push(Message::of(&value).key(b"1")).unwrap();
        writer.flush().unwrap();
    }
    writer.enforce_retention().unwrap();
    drop(writer);
    let seen = parts(&shop.at("out"));
    let told = refused(shop.streaming("--until-end"), "L001");
    // Of four partitions, the one that was looked at first.
    let partition = format!("topic `{TOPIC}`, partition ");
    let is_told = |offset: &String| told.contains(&format!(": offset {offset} is gone"));
    let gone = told.contains(&partition) && positions.iter().any(is_told);
    assert!(gone, "{positions:?} {told}");
    for said in [
        "the log begins at",
        "records before they were read",
        "let the log keep more",
        "Invoices",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
    assert_eq!(parts(&shop.at("out")), seen);
}
