//! The endpoint is scraped over a socket and what it says is read as text.

use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use whitebeam_runner_streaming::metrics::{
    CheckpointMetrics, Place, Published, SplitMetrics, StageMetrics, StepMetrics,
};
use whitebeam_sdk::Timestamp;
use whitebeam_sdk::erase::Dropped;
use whitebeam_sdk::sink::Epoch;

fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_string(), body.to_string())
}

fn metrics() -> Metrics {
    let step = |place, elements_in, elements_out, watermark| StepMetrics {
        place,
        elements_in,
        elements_out,
        dropped: Dropped {
            late: elements_in / 10,
            closed: 0,
            unwindowed: 1,
        },
        watermark,
    };
    let split = |split: &str, lag| SplitMetrics {
        step: "Read".into(),
        split: split.into(),
        worker: 0,
        watermark: Timestamp::from_micros(1_500_000),
        lag,
        held_back: lag.map(Duration::from_secs),
    };
    Metrics {
        at: Duration::from_secs(20),
        workers: 2,
        steps: [
            (
                "Read".into(),
                step(Place::Source, 0, 70, Timestamp::from_micros(-500_000)),
            ),
            (
                "Sum \"it\"".into(),
                step(Place::Between, 70, 5, Timestamp::MIN),
            ),
            ("Write".into(), step(Place::Sink, 5, 0, Timestamp::MAX)),
        ]
        .into(),
        stages: [(
            "Read".into(),
            StageMetrics {
                blocked: Duration::from_millis(250),
                copies: 2,
            },
        )]
        .into(),
        splits: vec![split("orders/0", Some(12)), split("orders/1", None)],
        checkpoints: CheckpointMetrics {
            completed: 3,
            failed: 1,
            under_way: None,
            last: Some(Published {
                epoch: Epoch(4),
                at: Duration::from_secs(18),
                took: Duration::from_millis(125),
                bytes: 4096,
            }),
            committed: Some(Epoch(3)),
        },
    }
}

#[test]
fn every_number_stands_under_its_name() {
    let text = text(&metrics()).unwrap();
    for line in [
        "# TYPE whitebeam_step_elements_in counter",
        "whitebeam_step_elements_in_total{step=\"Read\"} 0",
        "whitebeam_step_elements_in_total{step=\"Sum \\\"it\\\"\"} 70",
        "whitebeam_step_elements_out_total{step=\"Read\"} 70",
        "whitebeam_step_dropped_total{step=\"Sum \\\"it\\\"\",reason=\"late\"} 7",
        "whitebeam_step_dropped_total{step=\"Write\",reason=\"unwindowed\"} 1",
        "# TYPE whitebeam_step_watermark_seconds gauge",
        "whitebeam_step_watermark_seconds{step=\"Read\"} -0.5",
        "whitebeam_split_watermark_seconds{step=\"Read\",split=\"orders/1\"} 1.5",
        "whitebeam_split_lag_elements{step=\"Read\",split=\"orders/0\"} 12.0",
        "whitebeam_split_held_back_seconds{step=\"Read\",split=\"orders/0\"} 12.0",
        "whitebeam_stage_blocked_seconds_total{stage=\"Read\"} 0.25",
        "whitebeam_stage_copies{stage=\"Read\"} 2.0",
        "whitebeam_checkpoints_total 3",
        "whitebeam_checkpoints_failed_total 1",
        "whitebeam_checkpoint_age_seconds 2.0",
        "whitebeam_checkpoint_duration_seconds 0.125",
        "whitebeam_checkpoint_size_bytes 4096.0",
        "whitebeam_checkpoint_epoch 4.0",
        "whitebeam_committed_epoch 3.0",
        "# EOF",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
    // What nobody knows is not told.
    assert!(!text.contains("lag_elements{step=\"Read\",split=\"orders/1\"}"));
    assert!(!text.contains("watermark_seconds{step=\"Sum"));
    assert!(!text.contains("watermark_seconds{step=\"Write"));
}

#[test]
fn a_run_without_numbers_is_an_empty_text() {
    let text = text(&Metrics::default()).unwrap();
    assert!(text.contains("whitebeam_checkpoints_total 0") && text.ends_with("# EOF\n"));
}

#[test]
fn the_endpoint_answers_until_it_is_dropped() {
    let endpoint = Endpoint::open("127.0.0.1:0".parse().unwrap(), MetricsHandle::new()).unwrap();
    let address = endpoint.address();
    let (head, body) = ask(address, "GET /metrics");
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("openmetrics-text"),
        "{head}"
    );
    assert!(body.ends_with("# EOF\n"));
    assert!(
        ask(address, "GET /metrics?x=1")
            .0
            .starts_with("HTTP/1.1 200")
    );
    assert!(ask(address, "GET /").0.starts_with("HTTP/1.1 404"));
    assert!(ask(address, "POST /metrics").0.starts_with("HTTP/1.1 405"));
    let taken = Endpoint::open(address, MetricsHandle::new()).unwrap_err();
    let told = taken.to_string();
    assert!(
        told.contains("cannot be served at") && told.contains("--metrics"),
        "{told}"
    );
    drop(endpoint);
    // The socket is closed by a thread of the server's own.
    let pause = Duration::from_millis(10);
    let is_closed = |_| TcpStream::connect_timeout(&address, pause).is_err();
    assert!((0..100_000).any(is_closed));
}
