//! The streaming runner as people start it: suspended by a signal, gone on with by another number of
//! workers, drained, refused. What it shows in the end is what batch shows.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod revenue_job;

use revenue_job::rows::rows;
use revenue_job::shop::{Shop, last_panes, parts, suspended};
use serde_json::Value;

#[test]
fn a_run_that_is_suspended_goes_on_with_other_workers_and_ends_as_batch_does() {
    let shop = Shop::new();
    let mut resumed_from = Value::Null;
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for workers in [3, 1] {
        let words = format!("--max-rate 20000 --parallelism {workers}");
        let said = suspended(shop.streaming(&words));
        assert_eq!(said[0]["event"], "started");
        assert_eq!(said[0]["resumed_from"], resumed_from);
        let last = said.last().unwrap();
        assert_eq!(last["event"], "suspended", "{last}");
        resumed_from = last["checkpoints"]["last"].clone();
        let newest = &shop.listed()[0];
        assert_eq!(newest["epoch"], resumed_from);
        assert_eq!(newest["end"], "suspended");
        let splits = newest["sources"][0]["splits"].as_array().unwrap();
        assert_eq!(splits.len(), 4);
        let position = splits[0]["position"].as_str().unwrap();
        assert!(position.starts_with("offset "), "{position}");
        // What was visible stays as it was.
        let now = parts(&shop.at("out"));
        assert!(seen.iter().all(|part| now.contains(part)));
        seen = now;
    }
    assert!(!seen.is_empty());
    // The end that the input has now, though it was read without one so far.
    let drained = shop
        .streaming("--until-end --parallelism 5")
        .output()
        .unwrap();
    assert!(drained.status.success());
    let text = String::from_utf8(drained.stdout).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "done", "{last}");
    assert_eq!(last["steps"][0]["elements"], 42_481);
    let now = parts(&shop.at("out"));
    assert!(seen.iter().all(|part| now.contains(part)));
    let answer = last_panes(&rows(&shop.at("out")).unwrap());
    assert_eq!(answer, last_panes(&shop.batch()));

    let refused = shop.streaming("--until-end").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(
        text.contains("[R208]") && text.contains("has come to its end"),
        "{text}"
    );
    assert_eq!(parts(&shop.at("out")), now);
}
