//! `Life`: one process of a streaming run, as it is seen from outside, and its violent end.

#![allow(
    clippy::disallowed_methods,
    reason = "lives are ended and measured by the clock on the wall"
)]

use serde_json::Value;
use std::io::{self, BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

/// When a life is ended: so long after it has made so many epochs visible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    pub(crate) commits: u32,
    pub(crate) after: Duration,
}

/// What was heard of one process.
#[derive(Debug)]
pub(crate) struct Life {
    /// The checkpoint it went on from.
    pub(crate) resumed_from: Option<u64>,
    /// The last checkpoint it completed, and when that was begun: not before this.
    pub(crate) last: Option<(u64, Instant)>,
    /// When it was killed; none if it came to its end by itself.
    pub(crate) killed: Option<Instant>,
    /// What it said last.
    pub(crate) end: Value,
}

impl Life {
    /// Listens to a process until there is nothing more to hear, and kills it when that is due.
    pub(crate) fn of(child: &mut Child, kill: Option<Kill>) -> io::Result<Life> {
        let mut life = Life {
            resumed_from: None,
            last: None,
            killed: None,
            end: Value::Null,
        };
        let said = child.stdout.take().into_iter();
        let said = said.flat_map(|said| BufReader::new(said).lines());
        let (mut commits, mut heard) = (0, Instant::now());
        for line in said {
            if life.killed.is_none() {
                heard = Instant::now();
            }
            // A line that was cut by the end of its process says nothing.
            let event: Value = serde_json::from_str(&line?).unwrap_or_default();
            commits += u32::from(event["event"] == "committed");
            life.hear(event, heard);
            if let Some(kill) = kill.filter(|kill| commits >= kill.commits && life.killed.is_none())
            {
                std::thread::sleep(kill.after);
                life.killed = Some(Instant::now());
                // SIGKILL: nothing is flushed, no destructor runs. It may have ended meanwhile.
                let _ = child.kill();
            }
        }
        if child.wait()?.success() {
            life.killed = None;
        }
        Ok(life)
    }

    fn hear(&mut self, event: Value, heard: Instant) {
        match event["event"].as_str() {
            Some("started") => self.resumed_from = event["resumed_from"].as_u64(),
            Some("checkpoint") => {
                let took = Duration::from_secs_f64(event["seconds"].as_f64().unwrap_or_default());
                let begun = heard.checked_sub(took).unwrap_or(heard);
                self.last = event["epoch"].as_u64().map(|epoch| (epoch, begun));
            }
            _ => {}
        }
        self.end = event;
    }

    /// For how long it had read on since its last checkpoint was begun, at the most.
    pub(crate) fn since_last(&self) -> Duration {
        match (self.killed, self.last) {
            (Some(killed), Some((_, begun))) => killed.saturating_duration_since(begun),
            _ => Duration::ZERO,
        }
    }
}
