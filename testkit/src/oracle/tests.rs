//! The recorded scenarios, the rules they do not reach, and what must hold of any input.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Small, seeded and good enough to draw test cases.
fn choices(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |among| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) % among
    }
}

fn parse(line: &str) -> Scenario {
    Scenario::parse(line).unwrap()
}

#[test]
fn every_recorded_scenario_passes() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/conformance/scenarios.jsonl"
    );
    let lines = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("the recorded scenarios must be at {path}: {error}"));
    let scenarios: Vec<Scenario> = lines.lines().map(parse).collect();
    let failures: Vec<String> = scenarios.iter().filter_map(|s| check(s).err()).collect();
    println!(
        "{} of {} recorded scenarios pass",
        scenarios.len() - failures.len(),
        scenarios.len()
    );
    assert_eq!(failures, [""; 0]);
    assert_eq!(scenarios.len(), 623);
}

/// Rules of which the recording has no example: what is claimed, and the rest of the scenario.
const BY_HAND: [(&str, &str); 21] = [
    (
        "negative instants fall into the window that contains them",
        r#""window":{"fixed":{"size":10}},"trigger":{"repeatedly":{"count":1}},"accumulation":"discarding","steps":[
        {"bundle":[-1],"panes":[{"window":[-10,0],"values":[-1],"timestamp":-1,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"}]"#,
    ),
    (
        "an offset moves the window starts",
        r#""window":{"fixed":{"size":10,"offset":3}},"trigger":{"repeatedly":{"count":1}},"accumulation":"discarding","steps":[
        {"bundle":[2],"panes":[{"window":[-7,3],"values":[2],"timestamp":2,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"}]"#,
    ),
    (
        "a late bundle of only new sessions that merge fires a plain end-of-window trigger",
        r#""window":{"sessions":{"gap":10}},"trigger":"end_of_window","accumulation":"discarding","allowed_lateness":50,"steps":[
        {"watermark":40,"output_watermark":40},
        {"bundle":[5,9],"panes":[{"window":[5,19],"values":[5,9],"timestamp":18,"timing":"late","index":0,"nonspeculative_index":0,"first":true,"last":true}],"output_watermark":40}]"#,
    ),
    (
        "the same bundle waits for the late trigger where there is an early phase",
        r#""window":{"sessions":{"gap":10}},"trigger":{"after_watermark":{"early":{"count":9},"late":{"count":3}}},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"watermark":40,"output_watermark":40},
        {"bundle":[5,9],"output_watermark":40},
        {"bundle":[6],"panes":[{"window":[5,19],"values":[5,6,9],"timestamp":18,"timing":"late","index":0,"nonspeculative_index":0,"first":true,"last":false}],"output_watermark":40}]"#,
    ),
    (
        "data merged into a closed session is dropped as closed and holds nothing",
        // [0,20) fires its two and closes; [5,15) and [0,15) are new; [10,20) makes it [0,20) again.
        r#""window":{"sessions":{"gap":10}},"trigger":{"count":2},"accumulation":"discarding","timestamp_combiner":"earliest","allowed_lateness":50,"steps":[
        {"bundle":[0],"output_watermark":"min"},
        {"bundle":[9,10],"panes":[{"window":[0,20],"values":[0,9,10],"timestamp":0,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":true}],"output_watermark":"min"},
        {"bundle":[5],"output_watermark":"min"},
        {"bundle":[0,10],"dropped_closed":3,"output_watermark":"min"},
        {"watermark":60,"output_watermark":60},
        {"watermark":"max","output_watermark":"max"}]"#,
    ),
    (
        "a processing timer of a merged-away session leaves the live one alone",
        r#""window":{"sessions":{"gap":10}},"trigger":{"repeatedly":{"processing_time":5}},"accumulation":"discarding","timestamp_combiner":"earliest","allowed_lateness":50,"steps":[
        {"bundle":[0],"output_watermark":"min"},
        {"advance_processing_time":3,"output_watermark":"min"},
        {"bundle":[5],"output_watermark":"min"},
        {"advance_processing_time":3,"panes":[{"window":[0,15],"values":[0,5],"timestamp":0,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"},
        {"bundle":[6],"output_watermark":"min"},
        {"advance_processing_time":5,"output_watermark":"min"},
        {"watermark":8,"output_watermark":6},
        {"advance_processing_time":1,"panes":[{"window":[0,16],"values":[6],"timestamp":6,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":8}]"#,
    ),
    (
        "sessions exactly one gap apart stay two",
        r#""window":{"sessions":{"gap":10}},"trigger":"default","accumulation":"discarding","steps":[
        {"bundle":[0,10],"output_watermark":"min"},
        {"watermark":10,"panes":[{"window":[0,10],"values":[0],"timestamp":9,"timing":"on_time","index":0,"nonspeculative_index":0,"first":true,"last":true}],"output_watermark":10}]"#,
    ),
    (
        "the global window expires a day before the end of time, whatever its lateness",
        r#""window":"global","trigger":"never","accumulation":"discarding","allowed_lateness":7,"steps":[
        {"bundle":[1],"output_watermark":"min"},
        {"watermark":"end_of_global_window","output_watermark":"end_of_global_window"},
        {"watermark":9223371950454775001,"panes":[{"window":"global","values":[1],"timestamp":"max_of_window","timing":"on_time","index":0,"nonspeculative_index":0,"first":true,"last":true}],"output_watermark":9223371950454775001},
        {"bundle":[2],"dropped_late":1,"output_watermark":9223371950454775001}]"#,
    ),
    (
        "a watermark that moves back has no effect",
        r#""window":{"fixed":{"size":10}},"trigger":"default","accumulation":"discarding","steps":[
        {"watermark":10,"output_watermark":10},
        {"watermark":3,"output_watermark":10},
        {"bundle":[9],"dropped_late":1,"output_watermark":10}]"#,
    ),
    (
        "while late firings run, elements count for an early phase that a merge may bring back",
        r#""window":{"sessions":{"gap":10}},"trigger":{"after_watermark":{"early":{"processing_time":5},"late":{"count":5}}},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[0],"output_watermark":"min"},
        {"watermark":10,"panes":[{"window":[0,10],"values":[0],"timestamp":9,"timing":"on_time","index":0,"nonspeculative_index":0,"first":true,"last":false}],"output_watermark":10},
        {"bundle":[0],"output_watermark":10},
        {"advance_processing_time":3,"output_watermark":10},
        {"bundle":[5],"output_watermark":10},
        {"advance_processing_time":3,"panes":[{"window":[0,15],"values":[0,5],"timestamp":14,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":10}]"#,
    ),
    (
        "in order, a part keeps its state across its own firings",
        r#""window":{"fixed":{"size":100}},"trigger":{"each":[{"or_finally":[{"repeatedly":{"count":2}},{"count":5}]},{"count":1}]},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[1,2],"panes":[{"window":[0,100],"values":[1,2],"timestamp":99,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"},
        {"bundle":[3,4],"panes":[{"window":[0,100],"values":[3,4],"timestamp":99,"timing":"early","index":1,"nonspeculative_index":-1,"first":false,"last":false}],"output_watermark":"min"},
        {"bundle":[5],"panes":[{"window":[0,100],"values":[5],"timestamp":99,"timing":"early","index":2,"nonspeculative_index":-1,"first":false,"last":false}],"output_watermark":"min"},
        {"bundle":[6],"panes":[{"window":[0,100],"values":[6],"timestamp":99,"timing":"early","index":3,"nonspeculative_index":-1,"first":false,"last":true}],"output_watermark":"min"}]"#,
    ),
    (
        "but where windows merge every firing clears all parts",
        r#""window":{"sessions":{"gap":10}},"trigger":{"each":[{"or_finally":[{"repeatedly":{"count":2}},{"count":5}]},{"count":1}]},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[1,2],"panes":[{"window":[1,12],"values":[1,2],"timestamp":11,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"},
        {"bundle":[1,2],"panes":[{"window":[1,12],"values":[1,2],"timestamp":11,"timing":"early","index":1,"nonspeculative_index":-1,"first":false,"last":false}],"output_watermark":"min"},
        {"bundle":[1],"output_watermark":"min"},
        {"bundle":[1],"panes":[{"window":[1,12],"values":[1,1],"timestamp":11,"timing":"early","index":2,"nonspeculative_index":-1,"first":false,"last":false}],"output_watermark":"min"}]"#,
    ),
    (
        "merged processing time targets become the earliest",
        r#""window":{"sessions":{"gap":10}},"trigger":{"repeatedly":{"processing_time":5}},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[0],"output_watermark":"min"},
        {"advance_processing_time":3,"output_watermark":"min"},
        {"bundle":[15],"output_watermark":"min"},
        {"bundle":[8],"output_watermark":"min"},
        {"advance_processing_time":2,"output_watermark":"min"},
        {"advance_processing_time":1,"panes":[{"window":[0,25],"values":[0,8,15],"timestamp":24,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"}]"#,
    ),
    (
        "a target finished in the result is forgotten, and armed anew by the next element",
        // At 6 [0,19) is past its delay; 1 arms it for 11, 2 for 14, and 15 makes a new session of it.
        r#""window":{"sessions":{"gap":10}},"trigger":{"each":[{"processing_time":5},{"count":9}]},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[0,9],"output_watermark":"min"},
        {"advance_processing_time":6,"panes":[{"window":[0,19],"values":[0,9],"timestamp":18,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"},
        {"bundle":[1],"output_watermark":"min"},
        {"advance_processing_time":3,"output_watermark":"min"},
        {"bundle":[2],"output_watermark":"min"},
        {"bundle":[15],"output_watermark":"min"},
        {"advance_processing_time":3,"output_watermark":"min"},
        {"advance_processing_time":3,"panes":[{"window":[0,25],"values":[1,2,15],"timestamp":24,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"}]"#,
    ),
    (
        "in order, parts after the first that a merge leaves unfinished start afresh",
        // The second count of [0,19) is 2, then 0 + 1; with 18 it is 2 and the first count is finished.
        r#""window":{"sessions":{"gap":10}},"trigger":{"each":[{"count":5},{"count":4}]},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[27,28,29,30,31],"panes":[{"window":[27,41],"values":[27,28,29,30,31],"timestamp":40,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"},
        {"bundle":[0,9],"output_watermark":"min"},
        {"bundle":[1],"output_watermark":"min"},
        {"bundle":[18],"output_watermark":"min"},
        {"bundle":[3,4],"panes":[{"window":[0,41],"values":[0,1,3,4,9,18],"timestamp":40,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":true}],"output_watermark":"min"}]"#,
    ),
    (
        "all, a closed session is reopened by a merge that unfinishes a part of it",
        r#""window":{"sessions":{"gap":10}},"trigger":{"all":["end_of_window",{"count":2}]},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[0,9],"output_watermark":"min"},
        {"watermark":20,"panes":[{"window":[0,19],"values":[0,9],"timestamp":18,"timing":"on_time","index":0,"nonspeculative_index":0,"first":true,"last":true}],"output_watermark":20},
        {"bundle":[5],"output_watermark":20},
        {"bundle":[0,9],"panes":[{"window":[0,19],"values":[0,5,9],"timestamp":18,"timing":"late","index":0,"nonspeculative_index":0,"first":true,"last":true}],"output_watermark":20}]"#,
    ),
    (
        "in order, a closed session is reopened by a merge that unfinishes a part of it",
        r#""window":{"sessions":{"gap":10}},"trigger":{"each":[{"count":2},"end_of_window"]},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[0,9],"panes":[{"window":[0,19],"values":[0,9],"timestamp":18,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"},
        {"watermark":20,"panes":[{"window":[0,19],"values":[],"timestamp":18,"timing":"on_time","index":1,"nonspeculative_index":0,"first":false,"last":true}],"output_watermark":20},
        {"bundle":[5],"output_watermark":20},
        {"bundle":[0,9],"panes":[{"window":[0,19],"values":[0,5,9],"timestamp":18,"timing":"late","index":0,"nonspeculative_index":0,"first":true,"last":true}],"output_watermark":20}]"#,
    ),
    (
        "new sessions that merge into the bounds of a closed one are dropped",
        r#""window":{"sessions":{"gap":10}},"trigger":"end_of_window","accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[0,9],"output_watermark":"min"},
        {"watermark":20,"panes":[{"window":[0,19],"values":[0,9],"timestamp":18,"timing":"on_time","index":0,"nonspeculative_index":0,"first":true,"last":true}],"output_watermark":20},
        {"bundle":[0,9],"dropped_closed":2,"output_watermark":20},
        {"watermark":"max","output_watermark":"max"}]"#,
    ),
    (
        "an end of window passed in every source is passed in the result if its own has passed",
        r#""window":{"sessions":{"gap":10}},"trigger":{"each":["end_of_window",{"count":9}]},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[0],"output_watermark":"min"},
        {"watermark":10,"panes":[{"window":[0,10],"values":[0],"timestamp":9,"timing":"on_time","index":0,"nonspeculative_index":0,"first":true,"last":false}],"output_watermark":10},
        {"watermark":40,"output_watermark":40},
        {"bundle":[5],"output_watermark":40}]"#,
    ),
    (
        "an end of window not yet passed in the result is waited for again",
        r#""window":{"sessions":{"gap":10}},"trigger":{"each":["end_of_window",{"count":9}]},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[0],"output_watermark":"min"},
        {"watermark":10,"panes":[{"window":[0,10],"values":[0],"timestamp":9,"timing":"on_time","index":0,"nonspeculative_index":0,"first":true,"last":false}],"output_watermark":10},
        {"bundle":[5],"output_watermark":10},
        {"watermark":15,"panes":[{"window":[0,15],"values":[5],"timestamp":14,"timing":"on_time","index":0,"nonspeculative_index":0,"first":true,"last":false}],"output_watermark":15}]"#,
    ),
    (
        "a trigger that is done when any of its parts is done stays so through a merge",
        r#""window":{"sessions":{"gap":10}},"trigger":{"each":[{"first":[{"count":3},{"processing_time":50}]},{"count":9}]},"accumulation":"discarding","allowed_lateness":50,"steps":[
        {"bundle":[0,1,2],"panes":[{"window":[0,12],"values":[0,1,2],"timestamp":11,"timing":"early","index":0,"nonspeculative_index":-1,"first":true,"last":false}],"output_watermark":"min"},
        {"bundle":[5],"output_watermark":"min"}]"#,
    ),
];

#[test]
fn rules_beyond_the_recording_hold() {
    let failures: Vec<String> = BY_HAND
        .iter()
        .filter_map(|(rule, rest)| check(&parse(&format!("{{\"name\":\"{rule}\",{rest}}}"))).err())
        .collect();
    assert_eq!(failures, [""; 0]);
}

#[test]
fn an_element_in_no_window_is_dropped_and_told() {
    let json = r#"{"window":{"sliding":{"size":5,"period":10}},"trigger":"default","accumulation":"discarding"}"#;
    let mut interpreter = Interpreter::new(serde_json::from_str(json).unwrap());
    let step = interpreter.bundle(&[(7, 4, 'a'), (7, 5, 'b')]);
    assert_eq!(step.dropped_unwindowed, [Unwindowed { key: 7, value: 'b' }]);
    assert_eq!(interpreter.watermark(MAX).panes[0].values, ['a']);
}

#[test]
fn the_output_watermark_waits_for_every_key_and_for_the_other_hold() {
    let json = r#"{"window":{"fixed":{"size":10}},"trigger":"default","accumulation":"discarding","timestamp_combiner":"earliest"}"#;
    let mut interpreter = Interpreter::new(serde_json::from_str(json).unwrap());
    interpreter.other_hold(Some(2));
    interpreter.bundle(&[(0, 5, ()), (1, 3, ())]);
    interpreter.watermark(9);
    assert_eq!(interpreter.output_watermark(), 2);
    interpreter.other_hold(None);
    assert_eq!(interpreter.output_watermark(), 3);
    interpreter.watermark(10);
    assert_eq!(interpreter.output_watermark(), 10);
}

#[test]
fn sessions_of_different_keys_do_not_merge() {
    let json =
        r#"{"window":{"sessions":{"gap":10}},"trigger":"default","accumulation":"discarding"}"#;
    let mut interpreter = Interpreter::new(serde_json::from_str(json).unwrap());
    interpreter.bundle(&[(0, 0, ())]);
    interpreter.bundle(&[(1, 5, ())]);
    let panes = interpreter.watermark(MAX).panes;
    let windows: Vec<Window> = panes.iter().map(|pane| pane.window).collect();
    let interval = |start, end| Window::Interval { start, end };
    assert_eq!(windows, [interval(0, 10), interval(5, 15)]);
}

/// A strategy and the steps it was driven through.
struct Run {
    strategy: Strategy,
    actions: Vec<Action>,
}

fn random_runs() -> impl Iterator<Item = Run> {
    (0..4000).map(|seed| {
        let mut choose = choices(seed);
        Run {
            strategy: random_strategy(&mut choose),
            actions: random_actions(&mut choose, 12),
        }
    })
}

/// Elements as (key, timestamp, serial number).
fn numbered(action: &Action, keys: &[u64], serial: &mut u64) -> Vec<(u64, Timestamp, u64)> {
    let Action::Bundle(timestamps) = action else {
        return Vec::new();
    };
    let mut elements = Vec::new();
    for &timestamp in timestamps {
        *serial += 1;
        elements.extend(keys.iter().map(|&key| (key, timestamp, *serial)));
    }
    elements
}

fn drive(
    interpreter: &mut Interpreter<u64>,
    action: &Action,
    elements: &[(u64, Timestamp, u64)],
) -> Step<u64> {
    match action {
        Action::Bundle(_) => interpreter.bundle(elements),
        Action::Watermark(watermark) => interpreter.watermark(*watermark),
        Action::AdvanceProcessingTime(duration) => interpreter.advance_processing_time(*duration),
    }
}

#[test]
fn every_element_is_emitted_or_dropped_and_nothing_is_left_at_the_end() {
    for run in random_runs() {
        let discarding = run.strategy.accumulation == Accumulation::Discarding;
        let mut interpreter = Interpreter::new(run.strategy.clone());
        let (mut serial, mut seen) = (0, BTreeMap::<u64, usize>::new());
        let mut due = BTreeMap::<u64, usize>::new();
        for action in &run.actions {
            let elements = numbered(action, &[0], &mut serial);
            for (_, timestamp, value) in &elements {
                let windows = run.strategy.window.assign(*timestamp).len();
                due.insert(*value, windows.max(1));
            }
            let step = drive(&mut interpreter, action, &elements);
            let emitted = step.panes.iter().flat_map(|pane| &pane.values);
            let dropped = step.dropped_late.iter().chain(&step.dropped_closed);
            let unwindowed = step.dropped_unwindowed.iter().map(|dropped| &dropped.value);
            for value in emitted
                .chain(dropped.map(|dropped| &dropped.value))
                .chain(unwindowed)
            {
                *seen.entry(*value).or_default() += 1;
            }
        }
        if discarding {
            assert_eq!(seen, due, "{:?}", run.strategy);
        } else {
            let lost: Vec<_> = due.iter().filter(|(v, n)| seen.get(v) < Some(n)).collect();
            assert!(lost.is_empty(), "{lost:?} {:?}", run.strategy);
        }
        assert!(interpreter.is_empty(), "{:?}", run.strategy);
        assert_eq!(interpreter.output_watermark(), MAX);
    }
}

#[test]
fn panes_are_numbered_and_timed_in_order_and_the_output_watermark_only_advances() {
    for run in random_runs() {
        let mut interpreter = Interpreter::new(run.strategy.clone());
        let (mut serial, mut output_watermark, mut input_watermark) = (0, MIN, MIN);
        let mut previous = BTreeMap::<Window, Pane<u64>>::new();
        for action in &run.actions {
            let elements = numbered(action, &[0], &mut serial);
            let step = drive(&mut interpreter, action, &elements);
            if let Action::Watermark(watermark) = action {
                input_watermark = *watermark;
            }
            for pane in step.panes {
                assert!(pane.timestamp <= pane.window.last_instant());
                assert_eq!(pane.first, pane.index == 0);
                if let Some(before) = previous.get(&pane.window).filter(|_| !pane.first) {
                    assert!(!before.last);
                    assert_eq!(pane.index, before.index + 1);
                    assert!(
                        pane.timing >= before.timing && pane.timing != Timing::OnTime
                            || pane.timing == Timing::OnTime && before.timing == Timing::Early
                    );
                }
                // In time downstream as well, unless it was late here.
                assert!(
                    pane.timing == Timing::Late || pane.window.last_instant() >= output_watermark
                );
                previous.insert(pane.window, pane);
            }
            assert!(interpreter.output_watermark() >= output_watermark);
            assert!(interpreter.output_watermark() <= input_watermark);
            output_watermark = interpreter.output_watermark();
        }
    }
}

#[test]
fn keys_do_not_see_each_other() {
    for run in random_runs().take(1000) {
        let mut alone = Interpreter::new(run.strategy.clone());
        let mut together = Interpreter::new(run.strategy.clone());
        let (mut serial, mut serial_together) = (0, 0);
        for action in &run.actions {
            let elements = numbered(action, &[1], &mut serial);
            let expected = drive(&mut alone, action, &elements);
            let elements = numbered(action, &[0, 1], &mut serial_together);
            let mut observed = drive(&mut together, action, &elements);
            observed.panes.retain(|pane| pane.key == 1);
            observed.dropped_late.retain(|dropped| dropped.key == 1);
            observed.dropped_closed.retain(|dropped| dropped.key == 1);
            observed
                .dropped_unwindowed
                .retain(|dropped| dropped.key == 1);
            assert_eq!(observed, expected, "{:?}", run.strategy);
        }
    }
}

#[test]
fn random_strategies_reach_every_word_of_the_format_and_survive_it() {
    let mut words = BTreeSet::new();
    for seed in 0..2000 {
        let strategy = random_strategy(&mut choices(seed));
        assert_eq!(strategy, random_strategy(&mut choices(seed)));
        let json = serde_json::to_string(&strategy).unwrap();
        assert_eq!(strategy, serde_json::from_str(&json).unwrap());
        let is_word = |word: &&str| word.chars().any(char::is_alphabetic);
        words.extend(json.split('"').filter(is_word).map(str::to_owned));
    }
    for word in [
        "global",
        "fixed",
        "sliding",
        "sessions",
        "default",
        "never",
        "end_of_window",
        "count",
        "processing_time",
        "after_watermark",
        "early",
        "late",
        "repeatedly",
        "or_finally",
        "each",
        "first",
        "all",
        "discarding",
        "accumulating",
        "earliest",
        "latest",
        "fire_always",
        "fire_if_non_empty",
    ] {
        assert!(words.contains(word), "{word} is never drawn");
    }
}

#[test]
fn a_scenario_with_an_unknown_word_is_refused() {
    let good = r#"{"name":"n","window":{"fixed":{"size":10}},"trigger":"default","accumulation":"discarding","other_hold":5,"steps":[{"watermark":"max","dropped_late":0,"output_watermark":"min"}]}"#;
    assert_eq!(parse(good).other_hold, Some(5));
    for (from, to) in [
        ("\"other_hold\"", "\"other_holds\""),
        ("\"dropped_late\"", "\"droped_late\""),
        ("\"size\":10", "\"size\":10,\"ofset\":1"),
        ("\"size\":10", "\"size\":0"),
        ("\"default\"", "\"sometimes\""),
        ("\"max\"", "\"infinity\""),
    ] {
        let bad = good.replace(from, to);
        assert!(Scenario::parse(&bad).is_err(), "{bad}");
    }
}

#[test]
fn the_comparison_sees_every_field_and_no_order() {
    let pane = |index| PaneRecord {
        window: Window::Interval { start: 0, end: 10 },
        values: vec![1, 2],
        timestamp: 9,
        timing: Timing::Early,
        index,
        nonspeculative_index: -1,
        first: false,
        last: false,
    };
    let expected = Outcome {
        panes: vec![pane(1), pane(2)],
        dropped_late: 0,
        dropped_closed: 0,
        output_watermark: 5,
    };
    let mut reordered = expected.clone();
    reordered.panes.reverse();
    reordered.panes[0].values.reverse();
    assert_eq!(difference(&expected, &reordered), None);
    let changes: [fn(&mut Outcome); 13] = [
        |o| o.dropped_late = 1,
        |o| o.dropped_closed = 1,
        |o| o.output_watermark = 6,
        |o| o.panes.truncate(1),
        |o| o.panes.push(o.panes[0].clone()),
        |o| o.panes[0].window = Window::Global,
        |o| o.panes[0].values.push(2),
        |o| o.panes[0].timestamp = 8,
        |o| o.panes[0].timing = Timing::Late,
        |o| o.panes[0].index = 7,
        |o| o.panes[0].nonspeculative_index = 0,
        |o| o.panes[0].first = true,
        |o| o.panes[0].last = true,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut observed = expected.clone();
        change(&mut observed);
        assert!(
            difference(&expected, &observed).is_some(),
            "change {number}"
        );
    }
}
