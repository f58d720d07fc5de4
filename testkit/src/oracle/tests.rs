//! The recorded scenarios, and the properties of the interpreter itself.
use super::*;

fn scenarios() -> Vec<Scenario> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/conformance/scenarios.jsonl"
    );
    let lines = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("the recorded scenarios must be at {path}: {error}"));
    lines
        .lines()
        .map(|line| Scenario::parse(line).unwrap())
        .collect()
}

#[test]
fn every_recorded_scenario_passes() {
    let scenarios = scenarios();
    let failures: Vec<String> = scenarios.iter().filter_map(|s| check(s).err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {} scenarios pass; the others:\n{}",
        scenarios.len() - failures.len(),
        scenarios.len(),
        failures.join("\n")
    );
    assert_eq!(scenarios.len(), 623);
}
