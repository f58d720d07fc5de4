//! The order of calls, and what an error says when some sinks are visible already.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use std::sync::{Mutex, PoisonError};
use whitebeam_sdk::Pipeline;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Shard, Sink, SinkWriter};

/// Calls in order, as `who did what`.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    fn note(&self, call: String) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(call);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A sink that notes what it is asked, and refuses, or breaks down at, one call.
struct Noting {
    name: &'static str,
    calls: Calls,
    refuses: &'static str,
    breaks: &'static str,
}

impl Noting {
    fn asked(&self, what: &str) -> Result<()> {
        let call = format!("{} {what}", self.name);
        self.calls.note(call.clone());
        assert!(call != self.breaks, "broken at {call}");
        if call == self.refuses {
            return Err(Error::unavailable(format!("cannot: {call}")));
        }
        Ok(())
    }
}

struct Nothing;

impl SinkWriter<i64> for Nothing {
    type Staged = i64;
    fn write(&mut self, _: &Batch<i64>) -> Result<()> {
        Ok(())
    }
    fn stage(&mut self, _: Epoch) -> Result<Vec<i64>> {
        Ok(Vec::new())
    }
}

impl Sink<i64> for Noting {
    type Staged = i64;
    type Writer = Nothing;
    fn open(&self, _: Shard) -> Result<Nothing> {
        Ok(Nothing)
    }
    fn prepare(&self, epoch: Epoch, staged: &[i64]) -> Result<()> {
        self.asked(&format!("prepares {} {staged:?}", epoch.0))
    }
    fn commit(&self, epoch: Epoch, staged: Vec<i64>) -> Result<Committed> {
        self.asked(&format!("commits {} {staged:?}", epoch.0))?;
        Ok(Committed::Now)
    }
    fn finish(&self) -> Result<()> {
        self.asked("finishes")
    }
    fn abort(&self) {
        // A sink that breaks down here must not keep the others from theirs.
        let _ = self.asked("aborts");
    }
}

/// What two sinks are asked, of which one refuses or breaks, and what comes of it.
fn commit(refuses: &'static str, breaks: &'static str) -> (Vec<String>, Result<()>) {
    let calls = Calls::default();
    let p = Pipeline::new();
    let numbers = p.create([1_i64]);
    for name in ["A", "B"] {
        let _ = numbers.clone().apply(name, |numbers| {
            numbers.write(Noting {
                name,
                calls: calls.clone(),
                refuses,
                breaks,
            })
        });
    }
    let graph = p.finish().unwrap();
    let is_sink = |kind: &NodeKind| matches!(kind, NodeKind::Sink(_));
    let sinks = graph.nodes().iter().filter(|n| is_sink(&n.kind));
    let ids: Vec<NodeId> = sinks.map(|n| n.id).collect();
    let staged: Vec<Staged> = [(0, 0, 7_i64), (0, 1, 8), (1, 0, 9)]
        .map(|(epoch, sink, part)| {
            let mut bytes = Vec::new();
            whitebeam_sdk::element::encode(&part, &mut bytes).unwrap();
            Staged {
                epoch: Epoch(epoch),
                sink: ids[sink],
                parts: vec![bytes],
            }
        })
        .into();
    let committed = Outputs::of(&graph).commit(&staged);
    (calls.take(), committed)
}

const PREPARED: [&str; 3] = ["A prepares 0 [7]", "B prepares 0 [8]", "A prepares 1 [9]"];

#[test]
fn everything_is_prepared_before_anything_is_shown() {
    let (calls, committed) = commit("", "");
    committed.unwrap();
    assert_eq!(calls[..3], PREPARED);
    let shown = ["A commits 0 [7]", "B commits 0 [8]", "A commits 1 [9]"];
    assert_eq!(calls[3..6], shown);
    assert_eq!(calls[6..], ["A finishes", "B finishes"]);
}

#[test]
fn a_sink_that_cannot_be_prepared_shows_nothing_of_any() {
    for (refuses, breaks) in [(PREPARED[2], ""), (PREPARED[1], ""), ("", PREPARED[1])] {
        let (calls, committed) = commit(refuses, breaks);
        let e = committed.unwrap_err().to_string();
        assert!(!e.contains("visible: "), "{e}");
        assert!(calls.iter().all(|call| !call.contains("commits")));
        assert_eq!(calls[calls.len() - 2..], ["A aborts", "B aborts"]);
    }
}

#[test]
fn a_failure_between_two_sinks_says_which_are_visible() {
    for (refuses, breaks) in [("B commits 0 [8]", ""), ("", "B commits 0 [8]")] {
        let (calls, committed) = commit(refuses, breaks);
        let e = committed.unwrap_err();
        assert_eq!(e.step(), Some("B/Write"));
        let text = e.to_string();
        for part in [
            "visible: A/Write (",
            "not visible: B/Write (",
            "tests.rs:",
            "help: remove",
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        assert!(!calls.contains(&"A commits 1 [9]".to_string()));
        assert_eq!(calls[calls.len() - 2..], ["A aborts", "B aborts"]);
    }
    // The first one fails: nothing is visible, and nothing is said of it.
    let (_, committed) = commit("A commits 0 [7]", "");
    assert!(!committed.unwrap_err().to_string().contains("visible: "));
}

#[test]
fn a_sink_that_breaks_down_while_it_aborts_hides_nothing() {
    let (calls, committed) = commit(PREPARED[1], "A aborts");
    assert!(committed.unwrap_err().message().contains("cannot: B"));
    assert_eq!(calls[calls.len() - 2..], ["A aborts", "B aborts"]);
}
