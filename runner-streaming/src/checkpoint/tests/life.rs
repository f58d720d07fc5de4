//! A life without accidents.

use super::super::*;
use super::rig::*;
use std::path::Path;
use whitebeam_testkit::sim::Machine;

#[test]
fn a_job_goes_on_where_it_stopped_at_another_parallelism() {
    let machine = Machine::new(1);
    let outside = Outside::default();
    for (until, workers) in [(10, 2), (40, 3), (60, 1), (100, 4)] {
        let life = Life {
            workers,
            ..Life::to(until)
        };
        assert_eq!(live_on(&machine, &outside, &life).lives, 1);
        assert_eq!(outside.answered(), Ok(until));
    }
    let listed = list(&machine.observer(), Path::new(ROOT)).unwrap();
    assert_eq!(listed.len(), 3);
}
