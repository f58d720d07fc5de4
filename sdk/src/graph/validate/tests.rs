//! Tables of pipelines and the codes of their problems, and the form in which they are shown.

#![allow(clippy::unwrap_used, reason = "tests")]

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::source::{Boundedness, Poll, Position, ReadOptions, Reader, Source};
use crate::time::{Duration, micros, minutes, seconds};
use crate::transform::Flatten;
use crate::trigger::{AfterPane, AfterProcessingTime, AfterWatermark, Trigger, repeatedly};
use crate::window::{FixedWindows, GlobalWindows, Sessions, SlidingWindows, Windowing};
use crate::{PCollection, Pipeline};

/// A stream that never ends.
struct Endless;

impl Source for Endless {
    type Split = u32;
    type Out = (u32, i64);
    fn discover(&self, _: &[u32], _: usize) -> Result<Vec<u32>> {
        Ok(vec![0])
    }
    fn open(
        &self,
        _: u32,
        _: Option<Position>,
        _: &ReadOptions,
    ) -> Result<Box<dyn Reader<(u32, i64)>>> {
        Ok(Box::new(Silent))
    }
    fn boundedness(&self) -> Boundedness {
        Boundedness::Unbounded
    }
}

struct Silent;

impl Reader<(u32, i64)> for Silent {
    fn poll(&mut self, _: &mut Batch<(u32, i64)>) -> Result<Poll> {
        Ok(Poll::Idle(crate::Timestamp::MAX))
    }
    fn position(&self) -> Position {
        Position::at(0)
    }
}

fn codes(error: &Error) -> Vec<&'static str> {
    let related = error.related().iter().map(Error::code);
    std::iter::once(error.code()).chain(related).collect()
}

fn check(build: impl FnOnce(&Pipeline)) -> Vec<&'static str> {
    let p = Pipeline::new();
    build(&p);
    let Err(error) = p.finish() else {
        return Vec::new();
    };
    for part in error.to_string().split("\nerror[") {
        let (place, remedy) = (part.contains("tests.rs:"), part.contains("\n  help: "));
        assert!(
            place && remedy,
            "where, or what to do, is missing in {part}"
        );
    }
    codes(&error)
}

fn bounded(p: &Pipeline) -> PCollection<(u32, i64)> {
    p.create([(1, 1)])
}

fn windowed(windowing: Windowing) -> Vec<&'static str> {
    check(|p| drop(bounded(p).window(windowing)))
}

fn grouped(unbounded: bool, windowing: Windowing) -> Vec<&'static str> {
    check(|p| {
        let input = if unbounded {
            p.read(Endless)
        } else {
            bounded(p)
        };
        drop(input.window(windowing).group_by_key());
    })
}

fn count(n: u64) -> Trigger {
    repeatedly(AfterPane::element_count(n))
}

fn fixed() -> Windowing {
    FixedWindows::of(minutes(1))
}

fn fine() -> Vec<&'static str> {
    Vec::new()
}

#[test]
fn window_lengths_are_positive() {
    let zero = Duration::ZERO;
    let cases = [
        (FixedWindows::of(zero), vec!["P003"]),
        (FixedWindows::of(seconds(-1)), vec!["P003"]),
        (SlidingWindows::of(zero).every(seconds(1)), vec!["P003"]),
        (SlidingWindows::of(seconds(1)).every(zero), vec!["P003"]),
        (Sessions::with_gap(zero), vec!["P003"]),
        (FixedWindows::of(micros(1)), fine()),
        (SlidingWindows::of(seconds(1)).every(seconds(9)), fine()),
    ];
    for (windowing, expected) in cases {
        assert_eq!(windowed(windowing.clone()), expected, "{windowing:?}");
    }
}

#[test]
fn triggers_and_lateness_say_what_panes_hold() {
    let late = |w: Windowing| w.allowed_lateness(seconds(5));
    let cases = [
        (fixed(), fine()),
        (fixed().trigger(count(3)), vec!["P005", "P006"]),
        (late(fixed().trigger(count(3))), vec!["P006"]),
        (fixed().trigger(count(3)).accumulating(), vec!["P005"]),
        (late(fixed()), vec!["P006"]),
        (late(fixed()).discarding(), fine()),
        (fixed().allowed_lateness(Duration::ZERO), fine()),
        (late(fixed().trigger(count(3)).accumulating()), fine()),
        (GlobalWindows::new().trigger(count(3)), vec!["P006"]),
        (GlobalWindows::new().trigger(count(3)).discarding(), fine()),
        (late(GlobalWindows::new()), fine()),
        (fixed().allowed_lateness(seconds(-5)), vec!["P004"]),
    ];
    for (windowing, expected) in cases {
        assert_eq!(windowed(windowing.clone()), expected, "{windowing:?}");
    }
}

#[test]
fn triggers_have_something_to_fire_on() {
    let global = |t: Trigger| windowed(GlobalWindows::new().trigger(t).discarding());
    let delay = AfterProcessingTime::past_first_element();
    let cases: Vec<(Trigger, _)> = vec![
        (count(0), vec!["P012"]),
        (delay.plus(seconds(-1)).into(), vec!["P012"]),
        (delay.plus(seconds(1)).into(), fine()),
        (Trigger::AfterFirst(vec![]), vec!["P012"]),
        (
            AfterWatermark::past_end_of_window().early(count(0)).into(),
            vec!["P012"],
        ),
        (
            Trigger::AfterAll(vec![count(1), Trigger::AfterEach(vec![])]),
            vec!["P012"],
        ),
        (count(2).or_finally(count(0)), vec!["P012"]),
    ];
    for (trigger, expected) in cases {
        assert_eq!(global(trigger.clone()), expected, "{trigger:?}");
    }
}

#[test]
fn a_grouping_emits_some_time() {
    let global = GlobalWindows::new;
    let cases = [
        (true, Windowing::configure(), vec!["P007"]),
        (true, global(), vec!["P007"]),
        (true, global().trigger(count(1)).discarding(), fine()),
        (true, fixed(), fine()),
        (false, global(), fine()),
    ];
    for (unbounded, windowing, expected) in cases {
        assert_eq!(
            grouped(unbounded, windowing.clone()),
            expected,
            "{windowing:?}"
        );
    }
}

#[test]
fn triggers_that_may_finish_are_refused_unless_they_are_meant() {
    let global = |t: Trigger| GlobalWindows::new().trigger(t).discarding();
    let end = || AfterWatermark::past_end_of_window().into();
    let fixed = |t: Trigger, lateness| {
        fixed()
            .trigger(t)
            .discarding()
            .allowed_lateness(seconds(lateness))
    };
    let cases = [
        (global(AfterPane::element_count(3)), vec!["P008"]),
        (global(count(3)), fine()),
        (global(Trigger::Never), fine()),
        (fixed(end(), 0), fine()),
        (fixed(end(), 1), vec!["P008"]),
    ];
    for (windowing, expected) in cases {
        assert_eq!(grouped(false, windowing.clone()), expected, "{windowing:?}");
    }
    let allowed = check(|p| {
        p.allow_unsafe_triggers();
        let windowing = global(AfterPane::element_count(3));
        drop(bounded(p).window(windowing).group_by_key());
    });
    assert_eq!(allowed, fine());
}

#[test]
fn what_is_flattened_agrees_on_windows_and_triggers() {
    let gap = |s| Sessions::with_gap(seconds(s));
    let early = || {
        fixed()
            .trigger(count(1))
            .discarding()
            .allowed_lateness(seconds(1))
    };
    let cases = [
        (fixed(), fixed(), fine()),
        (fixed(), FixedWindows::of(minutes(2)), vec!["P009"]),
        (fixed(), gap(1), vec!["P009"]),
        (gap(1), gap(2), fine()),
        (early(), early().trigger(count(2)), vec!["P010"]),
    ];
    for (a, b, expected) in cases {
        let found = check(|p| {
            let (a, b) = (bounded(p).window(a.clone()), bounded(p).window(b.clone()));
            drop((a, b).flatten());
        });
        assert_eq!(found, expected, "{a:?} and {b:?}");
        let found = check(|p| {
            let (a, b) = (bounded(p).window(a.clone()), bounded(p).window(b.clone()));
            drop(a.left_join(b));
        });
        assert_eq!(found, expected, "{a:?} joined with {b:?}");
    }
}

#[test]
fn a_pipeline_is_of_one_piece() {
    let other = Pipeline::new();
    let strange = bounded(&other);
    let mixed = check(|p| drop(bounded(p).flatten_with(strange)));
    assert_eq!(mixed, ["P002"]);
    // The pipeline that lost a collection to another one must not run either.
    assert_eq!(codes(&other.finish().unwrap_err()), ["P002"]);
    let nothing = check(|p| drop(p.flatten(Vec::<PCollection<u32>>::new())));
    assert_eq!(nothing, ["P014"]);
    let no_parts = check(|p| drop(bounded(p).partition(0, |_| 0)));
    assert_eq!(no_parts, ["P014"]);
}

#[test]
fn names_that_were_given_are_unique_in_their_scope() {
    let same = |p: &Pipeline| bounded(p).map(|x| x).named("Tidy");
    let twice = check(|p| {
        drop(same(p));
        drop(same(p));
    });
    assert_eq!(twice, ["P001"]);
    let inside = check(|p| {
        drop(same(p));
        drop(bounded(p).apply("Inner", |c| c.map(|x| x).named("Tidy")));
    });
    assert_eq!(inside, fine());
    let composites = check(|p| {
        drop(bounded(p).apply("Inner", |c| c.map(|x| x)));
        drop(bounded(p).apply("Inner", |c| c.map(|x| x)));
    });
    assert_eq!(composites, ["P001"]);
    let unnamed = check(|p| drop(bounded(p).map(|x| x).map(|x| x)));
    assert_eq!(unnamed, fine());
    for bad in ["", "a/b"] {
        assert_eq!(check(|p| drop(bounded(p).named(bad))), ["P015"], "{bad:?}");
    }
}

#[test]
fn all_problems_are_reported_at_once_with_step_and_line() {
    let p = Pipeline::new();
    let clicks = p.read(Endless).named("Clicks");
    let line = line!() + 1;
    let _never = clicks.clone().apply("Count", |c| c.group_by_key());
    let _empty = clicks.window(FixedWindows::of(Duration::ZERO));
    let error = p.finish().unwrap_err();
    assert_eq!(codes(&error), ["P007", "P003"]);
    let shown = error.to_string();
    let expected = format!(
        "error[P007]: grouping an unbounded PCollection needs a window or a trigger\n  \
         step  Count/GroupByKey        {}:{line}\n  \
         input PCollection<(u32, i64)>, unbounded, global window, default trigger\n  \
         The default trigger waits for the end of the window. The global window has no end,\n  \
         so this step would never emit.\n  help: window first ",
        file!()
    );
    assert!(shown.starts_with(&expected), "{shown}");
    assert!(
        shown.contains("error[P003]: a window's size must be above zero"),
        "{shown}"
    );
}

#[test]
fn every_code_is_in_the_documentation() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
    let page = std::fs::read_to_string(page).unwrap();
    use super::Code::*;
    for code in [
        NameTwice,
        OtherPipeline,
        WindowSize,
        NegativeLateness,
        LatenessUnsaid,
        AccumulationUnsaid,
        NeverEmits,
        UnsafeTrigger,
        OtherWindows,
        OtherTriggers,
        DefaultsInWindows,
        TriggerShape,
        TagTwice,
        Nothing,
        BadName,
    ] {
        let row = format!("| {} |", code.text());
        assert!(page.contains(&row), "{} is missing", code.text());
    }
}
