//! The report of made-up figures.

use super::*;
use crate::contenders::{Clock, Contender};
use crate::goals::BENCHMARKS;

fn measured(query: Query, column: &'static str, role: Role, answer: Answer, ns: f64) -> Measured {
    let contender = Contender {
        query,
        column,
        role,
        clock: Clock::Thread,
        answer,
        run: |_| 0,
    };
    Measured {
        contender,
        ns: vec![ns + 1.0, ns, ns - 1.0],
    }
}

fn q5(with_whitebeam: &[(&'static str, f64)]) -> Vec<Measured> {
    let (timely, renoir) = (Role::Peer(Peer::Timely), Role::Peer(Peer::Renoir));
    let mut all = vec![
        measured(Query::Q5, "limit", Role::Limit, Answer::Compared, 10.0),
        measured(Query::Q5, "timely", timely, Answer::Compared, 30.0),
        measured(Query::Q5, "timely tuned", timely, Answer::Compared, 20.0),
        measured(Query::Q5, "renoir", renoir, Answer::CostOnly, 5.0),
    ];
    for &(name, ns) in with_whitebeam {
        all.push(measured(
            Query::Q5,
            name,
            Role::Whitebeam(name),
            Answer::Compared,
            ns,
        ));
    }
    all
}

fn written(
    measured: &[Measured],
    write: fn(&Report<'_>, &mut Vec<u8>) -> io::Result<()>,
) -> String {
    let report = Report {
        measured,
        benchmarks: &BENCHMARKS,
        events: 1000,
        rounds: 3,
    };
    let mut out = Vec::new();
    write(&report, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("text")
}

#[test]
fn json_has_one_line_per_benchmark_and_the_best_peer_is_one_that_answers_the_same() {
    let figures = q5(&[("q5", 13.0), ("q5_unordered", 40.0)]);
    let text = written(&figures, |report, out| report.write_json(out));
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"))
        .collect();
    assert_eq!(lines.len(), 2);
    let spreads = json!({"limit": [9.0, 11.0], "timely": [29.0, 31.0], "timely tuned": [19.0, 21.0],
        "renoir": [4.0, 6.0], "whitebeam": [12.0, 14.0]});
    let expected = json!({"benchmark": "q5", "limit_ns": 10.0, "whitebeam_ns": 13.0, "best_peer": "timely tuned",
        "best_peer_ns": 20.0, "rounds": 3, "events": 1000, "spreads": spreads});
    assert_eq!(lines[0], expected);
    assert_eq!(lines[1]["benchmark"], "q5_unordered");
    assert_eq!(lines[1]["whitebeam_ns"], 40.0);
    assert_eq!(lines[1]["spreads"]["whitebeam"], json!([39.0, 41.0]));
}

#[test]
fn json_says_null_for_what_was_not_measured() {
    let text = written(&q5(&[]), |report, out| report.write_json(out));
    let line: Value =
        serde_json::from_str(text.lines().next().unwrap_or_default()).expect("an object");
    assert_eq!(line["whitebeam_ns"], Value::Null);
}

#[test]
fn text_says_met_or_missed_and_marks_cost_only() {
    let figures = q5(&[("q5", 13.0), ("q5_unordered", 40.0)]);
    let text = written(&figures, |report, out| report.write_text(out));
    let expected = [
        "5.00* [4.00..6.00]",
        "q5              13.00 ns  met     1.30 x limit, goal 1.35",
        "q5              13.00 ns  met     0.65 x timely, goal below 1",
        "q5_unordered    40.00 ns  MISSED  4.00 x limit, goal 1.69",
        "q7             not measured; goals: 1.80 x limit, ahead of timely, ahead of renoir",
    ];
    for part in expected {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}
