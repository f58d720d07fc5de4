//! The life cycle of a `DoFn`, its outputs and what it must not do, by driving the step directly.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::Pipeline;
use crate::batch::{Batch, batch_len};
use crate::dofn::Tag;
use crate::erase::drive;
use crate::time::{Demand, Timestamp, micros};
use crate::window::{SlidingWindows, Window};
use std::sync::atomic::{AtomicUsize, Ordering};

fn at(t: i64) -> Timestamp {
    Timestamp::from_micros(t)
}

fn timed(values: Vec<i64>) -> Batch<i64> {
    let times = values.iter().map(|t| at(*t)).collect();
    let mut batch = Batch::of(values);
    batch.meta.set_timestamps(times, Demand::Exact);
    batch
}

/// Notes every call.
#[derive(Clone, Default)]
struct Witness {
    calls: Arc<Mutex<Vec<String>>>,
}

impl Witness {
    fn note(&self, call: impl Into<String>) -> DoFnResult {
        self.calls.lock().unwrap().push(call.into());
        Ok(())
    }
}

impl DoFn<i64> for Witness {
    type Out = i64;
    fn setup(&mut self) -> DoFnResult {
        self.note("setup")
    }
    fn start_bundle(&mut self) -> DoFnResult {
        self.note("start")
    }
    fn process(&mut self, x: i64, cx: &mut ProcessContext<'_, i64>) -> DoFnResult {
        cx.emit(-x);
        self.note(format!("process {x}"))
    }
    fn finish_bundle(&mut self, cx: &mut BundleContext<'_, i64>) -> DoFnResult {
        cx.emit(99, at(5), Window::new(at(0), at(10)));
        self.note("finish")
    }
    fn teardown(&mut self) {
        let _ = self.note("teardown");
    }
}

#[test]
fn the_life_cycle_reaches_the_instance_and_a_bundle_ends_with_its_own_outputs() {
    let p = Pipeline::new();
    let witness = Witness::default();
    let c = p.create([1_i64]).par_do(witness.clone());
    let (mut step, node) = drive::step(&c, Demand::Exact).unwrap();
    let mut ports = drive::outputs(&node);
    step.setup().unwrap();
    step.start_bundle().unwrap();
    let mut input = timed(vec![3, 4]);
    let mut outs = Outs::new(&mut ports);
    let flow = step.process(0, &mut input, &mut outs).unwrap();
    assert_eq!(flow, Flow::Done);
    assert_eq!(step.finish_bundle(&mut outs).unwrap(), Flow::Done);
    step.teardown();
    let out = typed::<i64>(&mut *ports[0]);
    assert_eq!(out.values(), [-3, -4, 99]);
    assert_eq!(out.meta.at(1).timestamp(), at(4));
    assert_eq!(out.meta.at(1).window(), Window::GLOBAL);
    assert_eq!(out.meta.at(2).timestamp(), at(5));
    assert_eq!(out.meta.at(2).window(), Window::new(at(0), at(10)));
    let calls = witness.calls.lock().unwrap();
    let expected = [
        "setup",
        "start",
        "process 3",
        "process 4",
        "finish",
        "teardown",
    ];
    assert_eq!(*calls, expected);
}

/// Emits as often as an element says, and notes which windows it saw.
#[derive(Clone)]
struct Repeat;

impl DoFn<i64> for Repeat {
    type Out = (i64, i64);
    fn process(&mut self, x: i64, cx: &mut ProcessContext<'_, (i64, i64)>) -> DoFnResult {
        for _ in 0..x {
            cx.emit((x, cx.window().start().micros()));
        }
        Ok(())
    }
}

#[test]
fn a_full_output_is_delivered_before_the_rest_of_the_input() {
    let p = Pipeline::new();
    let c = p.create([1_i64]).par_do(Repeat);
    let many = batch_len::<(i64, i64)>() as i64;
    let values = vec![1, many, 2, 3];
    let (mut step, node) = drive::step(&c, Demand::Exact).unwrap();
    let mut ports = drive::outputs(&node);
    let mut input = timed(values.clone());
    let flow = step
        .process(0, &mut input, &mut Outs::new(&mut ports))
        .unwrap();
    assert_eq!(flow, Flow::Yield);
    assert_eq!(input.values(), [2, 3]);
    assert_eq!(input.timestamp(1), at(3));
    let all = drive::run(&c, Demand::Exact, timed(values)).unwrap();
    assert_eq!(all.len() as i64, 1 + many + 2 + 3);
    assert_eq!(all.timestamp(all.len() - 1), at(3));
}

#[test]
fn an_element_is_processed_once_in_each_window() {
    let p = Pipeline::new();
    let windows = SlidingWindows::of(micros(10)).every(micros(5));
    let c = p.create([1_i64]).window(windows).par_do(Repeat);
    let mut input = timed(vec![1, 2]);
    input.meta.implied = true;
    let out = drive::run(&c, Demand::Exact, input).unwrap();
    let expected = [(1, 0), (1, -5), (2, 0), (2, 0), (2, -5), (2, -5)];
    assert_eq!(out.values(), expected);
}

const EVEN: Tag<i64> = Tag::new("even");
const NAMES: Tag<String> = Tag::new("names");
const STRANGE: Tag<i64> = Tag::new("strange");
const OTHER_TYPE: Tag<i64> = Tag::new("names");

#[derive(Clone)]
struct Sort {
    skew: Duration,
}

impl DoFn<i64> for Sort {
    type Out = i64;
    fn process(&mut self, x: i64, cx: &mut ProcessContext<'_, i64>) -> DoFnResult {
        match x {
            -1 => cx.emit_to(STRANGE, x),
            -2 => cx.emit_to(OTHER_TYPE, x),
            -3 => return Err("no threes".into()),
            -4 => Err(Error::data("own error"))?,
            x if x >= 100 => cx.emit_at(x, at(x - 100)),
            x if x % 2 == 0 => cx.emit_to(EVEN, x),
            x => {
                cx.emit(x);
                cx.emit_to_at(NAMES, x.to_string(), at(x + 1));
            }
        }
        Ok(())
    }
    fn allowed_skew(&self) -> Duration {
        self.skew
    }
}

fn sort(values: Vec<i64>, skew: i64) -> Result<(Vec<i64>, Vec<i64>, Vec<String>)> {
    let p = Pipeline::new();
    let dofn = Sort { skew: micros(skew) };
    let (odd, (even, names)) = p.create([1_i64]).par_do_tagged(dofn, (EVEN, NAMES));
    let odd = drive::run(&odd, Demand::Exact, timed(values.clone()))?;
    let even = drive::run(&even, Demand::Exact, timed(values.clone()))?;
    let names = drive::run(&names, Demand::Exact, timed(values))?;
    for i in 0..names.len() {
        assert_eq!(names.timestamp(i).micros(), odd.values()[i] + 1);
    }
    Ok((
        odd.values().to_vec(),
        even.values().to_vec(),
        names.values().to_vec(),
    ))
}

#[test]
fn tagged_outputs_hold_what_was_written_to_them() {
    let (odd, even, names) = sort(vec![1, 2, 3, 4], 0).unwrap();
    assert_eq!((odd, even), (vec![1, 3], vec![2, 4]));
    assert_eq!(names, ["1", "3"]);
}

#[test]
fn what_a_dofn_must_not_do_is_an_error_that_names_the_step() {
    // (element, what the error says)
    let cases = [
        (-1, "`strange`"),
        (-2, "`names` of i64"),
        (-3, "no threes"),
        (-4, "own error"),
        (100, "moved back"),
    ];
    for (element, says) in cases {
        let shown = sort(vec![1, element], 0).unwrap_err().to_string();
        assert!(shown.contains(says), "{element}: {shown}");
        assert!(shown.contains("ParDo"), "{element}: {shown}");
    }
}

#[test]
fn outputs_may_move_back_by_the_allowed_skew_only() {
    assert_eq!(sort(vec![150], 100).unwrap().0, [150]);
    assert!(sort(vec![150], 99).is_err());
}

#[test]
fn every_worker_has_a_clone_of_its_own() {
    #[derive(Default)]
    struct Counted(Arc<AtomicUsize>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::Relaxed);
            Counted(Arc::clone(&self.0))
        }
    }
    impl DoFn<i64> for Counted {
        type Out = i64;
        fn process(&mut self, _: i64, _: &mut ProcessContext<'_, i64>) -> DoFnResult {
            Ok(())
        }
    }
    let p = Pipeline::new();
    let counted = Counted::default();
    let clones = Arc::clone(&counted.0);
    let c = p.create([1_i64]).par_do(counted);
    for worker in 1..=3 {
        let _ = drive::step(&c, Demand::None).unwrap();
        assert_eq!(clones.load(Ordering::Relaxed), worker);
    }
}

#[test]
fn one_tag_twice_is_a_problem_of_the_pipeline() {
    let p = Pipeline::new();
    let dofn = Sort {
        skew: Duration::ZERO,
    };
    let _ = p.create([1_i64]).par_do_tagged(dofn, (EVEN, EVEN));
    assert_eq!(p.finish().unwrap_err().code(), "P013");
}
