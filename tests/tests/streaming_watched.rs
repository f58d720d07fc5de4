//! What a run of the program serves, shows and logs while it lasts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod revenue_job;

use revenue_job::shop::{Shop, events, terminate};
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;

/// A run that lasts, watched by whoever asks: what it serves, shows and logs.
#[test]
fn a_run_is_watched_from_outside() {
    let shop = Shop::new();
    let mut command = shop.streaming("--max-rate 8000 --parallelism 2 --metrics 127.0.0.1:0");
    command.env("RUST_LOG", "whitebeam=debug");
    let mut child = command.spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    #[expect(clippy::disallowed_methods, reason = "two pipes of a child are read")]
    let logs = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap());
    let mut address = String::new();
    let mut scrapes: Vec<Scrape> = Vec::new();
    let mut states = Vec::new();
    let mut ended = Value::Null;
    for event in events(&mut child) {
        match event["event"].as_str().unwrap() {
            "metrics" => address = event["address"].as_str().unwrap().to_string(),
            "committed" if scrapes.len() < 5 => scrapes.push(Scrape::of(&address)),
            "status" => states.push(event),
            "suspended" => ended = event,
            _ => {}
        }
        if states.len() == 2 && scrapes.len() == 5 {
            terminate(&child);
            states.push(Value::Null);
        }
    }
    assert!(child.wait().unwrap().success());
    for (before, after) in scrapes.iter().zip(&scrapes[1..]) {
        let read = |of: &Scrape| of.value("whitebeam_step_elements_out_total{step=\"Invoices\"}");
        assert!(0.0 < read(before) && read(before) <= read(after) && read(after) < 42_481.0);
        // What was read and what is left in the log is all there is.
        let left: f64 = after
            .values("whitebeam_split_lag_elements{step=\"Invoices\"")
            .sum();
        assert_eq!(read(after) + left, 42_481.0);
        let epoch = "whitebeam_checkpoint_epoch";
        assert!(before.value(epoch) <= after.value(epoch));
        for name in ["age_seconds", "duration_seconds", "size_bytes"] {
            assert!(
                after.value(&format!("whitebeam_checkpoint_{name}")) > 0.0,
                "{name}"
            );
        }
        let watermarks = "whitebeam_split_watermark_seconds{step=\"Invoices\"";
        assert_eq!(after.values(watermarks).count(), 4);
        let blocked = "whitebeam_stage_blocked_seconds_total{stage=";
        assert!(after.values(blocked).count() >= 2);
    }
    for state in &states[..2] {
        assert!(
            state["read"].as_u64() > Some(0) && state["unread"].as_u64() > Some(0),
            "{state}"
        );
        assert!(state["read_per_second"].as_f64().unwrap() > 0.0, "{state}");
        assert!(state["checkpoint"]["epoch"].as_u64() > Some(0), "{state}");
        assert!(state["memory_bytes"].as_u64() > Some(1_000_000), "{state}");
        assert!(
            state["watermark"].as_str().unwrap().starts_with("2010-1"),
            "{state}"
        );
    }
    let logs = logs.join().unwrap();
    let last = ended["checkpoints"]["last"].as_u64().unwrap();
    for line in [
        "INFO whitebeam_runner_streaming::told: a run begins workers=2".to_string(),
        "split assigned step=\"Invoices\" split=\"".to_string(),
        "checkpoint started epoch=1".to_string(),
        "checkpoint published epoch=1 seconds=".to_string(),
        "sink committed epoch=1 step=\"".to_string(),
        "asked to suspend".to_string(),
        format!("run suspended epoch={last}"),
    ] {
        assert!(logs.contains(&line), "{line}\n{logs}");
    }
}

/// The text of one scrape.
struct Scrape(String);

impl Scrape {
    fn of(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        let ask = "GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
        stream.write_all(ask.as_bytes()).unwrap();
        let answer = std::io::read_to_string(stream).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        Scrape(text.to_string())
    }

    fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        let lines = self.0.lines().filter(move |line| line.starts_with(name));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    fn value(&self, name: &str) -> f64 {
        let mut values = self.values(name);
        let value = values.next();
        value.unwrap_or_else(|| panic!("no {name} in\n{}", self.0))
    }
}
