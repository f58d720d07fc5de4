//! The scenarios recorded from Beam, as the suites of every runner read them.

use whitebeam_testkit::oracle::Scenario;

/// All of them.
///
/// # Panics
/// If the file is not there, does not read, or says less than it should.
pub fn recorded() -> Vec<Scenario> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/scenarios.jsonl");
    let lines = std::fs::read_to_string(path).expect("the scenarios lie beside this package");
    let parse = |line| Scenario::parse(line).expect("the scenarios are well formed");
    let scenarios: Vec<Scenario> = lines.lines().map(parse).collect();
    assert_eq!(scenarios.len(), 623);
    scenarios
}
