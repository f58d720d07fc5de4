//! Two processes on one checkpoint directory: one runs. Who is stopped for longer than its lease is
//! succeeded, and when it wakes up it publishes and commits nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod revenue_job;

use revenue_job::rows::rows;
use revenue_job::shop::{Shop, commits, events, last_panes, last_said, parts, refused, signal};
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

#[test]
fn a_second_process_is_refused_while_the_first_lives_and_succeeds_it_at_once() {
    let shop = Shop::new();
    let slow = "--max-rate 4000 --parallelism 2";
    let mut first = shop.streaming(slow).spawn().unwrap();
    let mut said = events(&mut first);
    commits(&mut said, 2);
    let told = refused(shop.streaming("--until-end"), "R201");
    let process = format!("another instance runs on {}", shop.at("kept").display());
    for said in [
        &process,
        &format!("process {} on machine", first.id()),
        "--checkpoints",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
    // The first one has not noticed.
    commits(&mut said, 2);
    first.kill().unwrap();
    first.wait().unwrap();
    // Its lease of ten seconds has not run out, but its process is gone.
    let done = shop
        .streaming("--until-end --parallelism 3")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let answer = last_panes(&rows(&shop.at("out")).unwrap());
    assert_eq!(answer, last_panes(&shop.batch()));
}

/// Starts the job until the lease of whoever is stopped has run out.
fn succeeded(shop: &Shop, words: &str) -> Child {
    for _ in 0..200 {
        let mut command = shop.streaming(words);
        let mut next = command.stderr(Stdio::null()).spawn().unwrap();
        let mut first = [0];
        // One that is refused ends without having begun.
        let out = next.stdout.as_mut().unwrap();
        let begins = out.read(&mut first).unwrap() == 1;
        let mut line = String::new();
        while begins && !line.ends_with('\n') {
            let mut byte = [0];
            assert_eq!(out.read(&mut byte).unwrap(), 1);
            line.push(char::from(byte[0]));
        }
        if line.contains("\"started\"") {
            return next;
        }
        assert!(!next.wait().unwrap().success(), "{line}");
        #[expect(
            clippy::disallowed_methods,
            reason = "a lease runs out by the clock on the wall"
        )]
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the lease never runs out");
}

#[test]
fn who_is_stopped_past_its_lease_is_succeeded_and_does_nothing_when_it_wakes_up() {
    let shop = Shop::new();
    let words = "--max-rate 4000 --parallelism 2 --lease 1s";
    let mut stopped = shop.streaming(words);
    let mut stopped = stopped.env("RUST_LOG", "whitebeam=warn").spawn().unwrap();
    let mut said = events(&mut stopped);
    commits(&mut said, 2);
    signal(&stopped, "STOP");
    let mut next = succeeded(&shop, words);
    let mut next_said = events(&mut next);
    commits(&mut next_said, 3);
    let before = parts(&shop.at("out"));
    signal(&stopped, "CONT");
    // What it had said and was not read yet; nothing of it is a commit after the new beginning.
    let last_words: Vec<_> = said.collect();
    let code = stopped.wait().unwrap().code();
    let mut told = String::new();
    stopped
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert_eq!(code, Some(1), "{told}");
    for said in [
        "error[R202]",
        "to another instance",
        "let the other one run",
        "ERROR whitebeam_runner_streaming::told: lease lost: another instance has taken over",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
    assert_eq!(
        last_words.last().unwrap()["event"],
        "failed",
        "{last_words:?}"
    );
    // Every part that there was stays as it was, and the next one goes on.
    commits(&mut next_said, 2);
    let now = parts(&shop.at("out"));
    assert!(before.iter().all(|part| now.contains(part)));
    next.kill().unwrap();
    next.wait().unwrap();
    let done = shop
        .streaming("--until-end --parallelism 3")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(last_said(&done)["event"], "done");
    // Each pane once: nothing came from both.
    let answer = last_panes(&rows(&shop.at("out")).unwrap());
    assert_eq!(answer, last_panes(&shop.batch()));
}
