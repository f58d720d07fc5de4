//! The general path of grouping does what the interpreter of the model does, step by step: any
//! strategy, several keys, any cut into batches, snapshots in between.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use whitebeam_sdk::Timestamp;
use whitebeam_sdk::erase::{Dropped, Flow, StoreKind};
use whitebeam_sdk::window::WindowingStrategy;
use whitebeam_testkit::oracle::{Accumulation, Action, WindowKind, random_strategy};
use whitebeam_tests::cases::{Choose, GroupingCase, on_seeds};
use whitebeam_tests::engine::{Element, Engine, Happened};
use whitebeam_tests::grouping::{Clock, Drive, GroupingStep};
use whitebeam_tests::judged::{Judged, KEYS, on_many_keys};
use whitebeam_tests::random::{KeyedAction, choices};
use whitebeam_tests::translate;

fn case(choose: Choose<'_>, store: StoreKind) -> GroupingCase {
    let strategy = random_strategy(choose);
    // Elements of one batch meet open sessions together, so that a bundle cut in batches may merge
    // otherwise than a whole one; both are right.
    let may_be_cut = !matches!(strategy.window, WindowKind::Sessions { .. });
    GroupingCase::draw(strategy, Drive::on(store), may_be_cut, choose)
}

fn equal_after_every_step(store: StoreKind) {
    on_seeds(2_000, |choose, told| {
        let case = case(choose, store);
        *told = format!("{case:?}");
        case.is_equal_after_every_step(choose)
    });
}

fn equal_after_a_snapshot_is_split(store: StoreKind) {
    on_seeds(1_500, |choose, told| {
        let case = case(choose, store);
        *told = format!("{case:?}");
        case.is_equal_after_a_snapshot_is_split(choose)
    });
}

fn interrupted(case: &GroupingCase, choose: &mut dyn FnMut(u64) -> u64) -> Result<u32, String> {
    let drive = Drive::on(case.drive.store);
    on_many_keys(&case.strategy, drive, &case.actions, choose)
}

fn equal_when_interrupted(store: StoreKind) {
    let interruptions = std::cell::Cell::new(0);
    on_seeds(12, |choose, told| {
        let case = case(choose, store);
        *told = format!("{case:?}");
        let interrupted = interrupted(&case, choose)?;
        interruptions.set(interruptions.get() + interrupted);
        Ok(())
    });
    assert!(interruptions.get() > 0, "no call was interrupted");
}

/// A bundle comes in between two calls of an emission: nothing is lost, nothing is emitted twice.
fn nothing_lost_when_a_bundle_comes_in_between(store: StoreKind) {
    let in_between = std::cell::Cell::new(0);
    on_seeds(20, |choose, told| {
        let mut case = case(choose, store);
        case.strategy.accumulation = Accumulation::Discarding;
        *told = format!("{case:?}");
        let windowing = translate::strategy(&case.strategy);
        let mut step = GroupingStep::new(&windowing, Drive::on(store)).unwrap();
        let mut total = Total::default();
        let mut now = 0;
        for keyed in case.actions.iter().take(12) {
            let clock = match &keyed.action {
                Action::Bundle(timestamps) => {
                    let elements = spread(timestamps);
                    total.comes_in(&elements, &windowing);
                    total.goes_out(&step.bundle(&elements).unwrap());
                    continue;
                }
                Action::Watermark(to) => Clock::Watermark(Timestamp::from_micros(*to)),
                Action::AdvanceProcessingTime(by) => {
                    now += by;
                    Clock::Processing(Timestamp::from_micros(now))
                }
            };
            let (happened, flow) = step.move_once(clock).unwrap();
            total.goes_out(&happened);
            if flow == Flow::Yield {
                in_between.set(in_between.get() + 1);
                let elements = spread(&[now + 3, 12, 5]);
                total.comes_in(&elements, &windowing);
                total.goes_out(&step.bundle(&elements).unwrap());
            }
            total.goes_out(&step.move_fully(clock).unwrap());
        }
        total.goes_out(&step.watermark(Timestamp::MAX).unwrap());
        (total.taken == total.given)
            .then_some(())
            .ok_or(format!("{total:?}"))?;
        let open = step.account.open();
        (open == (0, 0))
            .then_some(())
            .ok_or(format!("left: {open:?}"))
    });
    assert!(in_between.get() > 0, "no emission was interrupted");
}

/// (Element, window) pairs that came in, and that were emitted or dropped.
#[derive(Debug, Default)]
struct Total {
    taken: u64,
    given: u64,
}

impl Total {
    fn comes_in(&mut self, elements: &[Element], windowing: &WindowingStrategy) {
        for element in elements {
            let mut windows = 0;
            windowing
                .window_fn
                .assign(element.timestamp, |_| windows += 1);
            self.taken += windows.max(1);
        }
    }

    fn goes_out(&mut self, happened: &Happened) {
        let Dropped {
            late,
            closed,
            unwindowed,
        } = happened.dropped;
        let panes = happened.panes.iter().map(|p| p.pane.values.len() as u64);
        self.given += panes.sum::<u64>() + late + closed + unwindowed;
    }
}

/// One element for each of many keys.
fn spread(timestamps: &[i64]) -> Vec<Element> {
    let element = |key: u64| {
        let value = timestamps[key as usize % timestamps.len()];
        Element {
            key,
            timestamp: Timestamp::from_micros(value),
            value,
        }
    };
    (0..KEYS).map(element).collect()
}

#[test]
fn bundles_between_two_calls_lose_nothing() {
    nothing_lost_when_a_bundle_comes_in_between(StoreKind::Fast);
}

/// Corners that random cases seldom reach: what they show, the strategy, the actions.
const CORNERS: [(&str, &str, &str); 2] = [
    (
        "two timers of a window that are due at once wake it once",
        r#"{"window":{"fixed":{"size":10}},"trigger":{"each":[{"first":[{"processing_time":3},{"processing_time":4}]},"end_of_window",{"count":1}]},"accumulation":"discarding","allowed_lateness":100}"#,
        r#"[{"watermark":40},{"bundle":[5]},{"advance_processing_time":10},{"bundle":[6]},{"bundle":[7]}]"#,
    ),
    (
        "the timer of a session that became part of another does not wake it",
        r#"{"window":{"sessions":{"gap":10}},"trigger":{"each":[{"processing_time":3},"end_of_window",{"count":1}]},"accumulation":"discarding","allowed_lateness":100}"#,
        r#"[{"watermark":40},{"bundle":[15]},{"advance_processing_time":2},{"bundle":[0]},{"bundle":[8]},{"advance_processing_time":2},{"advance_processing_time":2},{"bundle":[8]},{"bundle":[8]}]"#,
    ),
];

#[test]
fn corners_are_the_models() {
    for (shows, strategy, actions) in CORNERS {
        let actions: Vec<Action> = serde_json::from_str(actions).unwrap();
        let keyed = actions.into_iter().map(|action| KeyedAction {
            action,
            keys: vec![0],
        });
        let case = GroupingCase {
            strategy: serde_json::from_str(strategy).unwrap(),
            drive: Drive::on(StoreKind::Fast),
            actions: keyed.collect(),
        };
        let mut judged = Judged::new(&case.strategy, case.drive).unwrap();
        for (number, keyed) in case.actions.iter().enumerate() {
            let same = judged.act(keyed, |_| true);
            assert_eq!(same, Ok(()), "{shows}: step {number}");
        }
        for seed in 0..4 {
            let same = interrupted(&case, &mut choices(seed)).map(|_| ());
            assert_eq!(same, Ok(()), "{shows}, many keys, seed {seed}");
        }
    }
}

#[test]
fn panes_drops_and_watermark_are_the_models() {
    equal_after_every_step(StoreKind::Fast);
}

#[test]
fn restored_parts_go_on_as_the_whole_would() {
    equal_after_a_snapshot_is_split(StoreKind::Fast);
}

#[test]
fn interrupted_emission_goes_on_here_or_elsewhere() {
    equal_when_interrupted(StoreKind::Fast);
}

#[test]
fn interrupted_emission_goes_on_on_the_slow_store() {
    equal_when_interrupted(StoreKind::Slow);
}

#[test]
fn panes_drops_and_watermark_are_the_models_on_the_slow_store() {
    equal_after_every_step(StoreKind::Slow);
}

#[test]
fn restored_parts_go_on_as_the_whole_would_on_the_slow_store() {
    equal_after_a_snapshot_is_split(StoreKind::Slow);
}
