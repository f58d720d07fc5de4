//! An engine beside the interpreter of the model: every step must bring about the same.

use crate::engine::{Driven, Engine, Happened, KeyPane};
use crate::grouping::{Clock, Drive, GroupingStep};
use crate::random::KeyedAction;
use crate::translate;
use std::fmt::Debug;
use whitebeam_sdk::erase::Flow;
use whitebeam_sdk::{Result, Timestamp};
use whitebeam_testkit::oracle::{self, Action, Interpreter, Strategy};

/// Where an interrupted step goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// Where it is.
    Stay,
    /// In another instance.
    Move,
}

/// A grouping step and its judge.
#[derive(Debug)]
pub struct Judged {
    step: Driven<GroupingStep>,
    judge: Interpreter<i64>,
    now: i64,
}

impl Judged {
    /// Both have seen nothing.
    pub fn new(strategy: &Strategy, drive: Drive) -> Result<Self> {
        let step = GroupingStep::new(&translate::strategy(strategy), drive)?;
        Ok(Judged {
            step: Driven::new(step)?,
            judge: Interpreter::new(strategy.clone()),
            now: 0,
        })
    }

    /// The step.
    pub fn step(&mut self) -> &mut GroupingStep {
        &mut self.step.engine
    }

    /// Another step restored from this one's snapshot with the keys of the groups `mine`, of
    /// `groups` in all; the judge forgets the other keys as well.
    pub fn part(&mut self, mine: std::ops::Range<u16>, groups: u16) -> Result<Judged> {
        let snapshot = self.step.engine.snapshot(groups)?;
        let step = self.step.engine.restored(&[snapshot], mine.clone())?;
        let mut judge = self.judge.clone();
        judge.keep_keys(|key| mine.contains(&GroupingStep::key_group(key, groups)));
        Ok(Judged {
            step: Driven::at(step, Timestamp::from_micros(self.now)),
            judge,
            now: self.now,
        })
    }

    /// Both are held by something else.
    pub fn hold(&mut self, at: Option<i64>) {
        self.step.engine.hold(at.map(Timestamp::from_micros));
        self.judge.other_hold(at);
    }

    /// Takes the elements of `keyed` whose key `mine` says; how the step differs from the judge.
    pub fn act(&mut self, keyed: &KeyedAction, mine: impl Fn(u64) -> bool) -> Result<(), String> {
        let keyed = only(keyed, mine);
        let expected = self.judge_of(&keyed);
        let happened = self.step.act(&keyed.action, |n| keyed.keys[n]);
        let happened = happened.map_err(|error| error.to_string())?;
        self.compare(expected, happened)
    }

    /// Like [`Judged::act`] for a clock. If the step yields it is left where it is, and what it
    /// emitted so far, with what instances restored from it in that moment emit, must be what the
    /// judge says as well. `mine` divides the key groups, `groups` in all. With [`Then::Move`] it
    /// goes on as an instance restored in that moment. Says whether it yielded.
    pub fn interrupt(
        &mut self,
        action: &Action,
        mine: &[std::ops::Range<u16>],
        groups: u16,
        then: Then,
    ) -> Result<bool, String> {
        let keyed = KeyedAction {
            action: action.clone(),
            keys: Vec::new(),
        };
        let expected = self.judge_of(&keyed);
        let clock = match action {
            Action::Watermark(to) => Clock::Watermark(Timestamp::from_micros(*to)),
            _ => Clock::Processing(Timestamp::from_micros(self.now)),
        };
        let seen = self.interrupted(clock, mine, groups, then);
        let (whole, parts) = seen.map_err(|error| error.to_string())?;
        self.step.set_now(Timestamp::from_micros(self.now));
        let panes = panes(expected.panes.clone());
        if let Some(mut parts) = parts.clone() {
            parts.sort_unstable();
            same("panes with those of restored parts", &panes, &parts)?;
        }
        self.compare(expected, whole)?;
        Ok(parts.is_some())
    }

    /// What the step emits without interruption; and, if it yields, what it emits until then with
    /// what restored parts do.
    fn interrupted(
        &mut self,
        clock: Clock,
        mine: &[std::ops::Range<u16>],
        groups: u16,
        then: Then,
    ) -> Result<(Happened, Option<Vec<KeyPane>>)> {
        let step = &mut self.step.engine;
        let (mut whole, flow) = step.move_once(clock)?;
        if flow == Flow::Done {
            return Ok((whole, None));
        }
        let mut in_parts = whole.panes.clone();
        let snapshot = step.snapshot(groups)?;
        for mine in mine {
            let mut part = step.restored(std::slice::from_ref(&snapshot), mine.clone())?;
            in_parts.extend(part.move_fully(clock)?.panes);
        }
        if then == Then::Move {
            *step = step.restored(&[snapshot], 0..groups)?;
        }
        let rest = step.move_fully(clock)?;
        whole.panes.extend(rest.panes);
        Ok((whole, Some(in_parts)))
    }

    fn judge_of(&mut self, keyed: &KeyedAction) -> oracle::Step<i64> {
        match &keyed.action {
            Action::Bundle(timestamps) => {
                let elements = keyed.keys.iter().zip(timestamps);
                let elements: Vec<_> = elements.map(|(&key, &t)| (key, t, t)).collect();
                self.judge.bundle(&elements)
            }
            Action::Watermark(to) => self.judge.watermark(*to),
            Action::AdvanceProcessingTime(by) => {
                self.now += by;
                self.judge.advance_processing_time(*by)
            }
        }
    }

    fn compare(
        &mut self,
        expected: oracle::Step<i64>,
        mut happened: Happened,
    ) -> Result<(), String> {
        let panes = panes(expected.panes);
        happened.panes.sort_unstable();
        same("panes", &panes, &happened.panes)?;
        let late = expected.dropped_late.iter();
        let mut late: Vec<_> = late.map(|d| (d.key, d.value, d.window)).collect();
        let seen = std::mem::take(&mut self.step.engine.late).into_iter();
        let mut seen: Vec<_> = seen
            .map(|(e, window)| (e.key, e.value, translate::window(window)))
            .collect();
        late.sort_unstable();
        seen.sort_unstable();
        same("late output", &late, &seen)?;
        let dropped = happened.dropped;
        same("dropped_late", &late.len(), &(dropped.late as usize))?;
        let closed = expected.dropped_closed.len();
        same("dropped_closed", &closed, &(dropped.closed as usize))?;
        let unwindowed = expected.dropped_unwindowed.len();
        if !self.step.engine.drive().explicit {
            same("unwindowed", &unwindowed, &(dropped.unwindowed as usize))?;
        }
        let output = self.step.engine.output_watermark().micros();
        same("output watermark", &self.judge.output_watermark(), &output)
    }

    /// At the end of time nothing is remembered of any key.
    pub fn ends_empty(&mut self) -> Result<(), String> {
        let snapshot = self.step.engine.snapshot(8);
        let snapshot = snapshot.map_err(|error| error.to_string())?;
        same("judge is empty", &true, &self.judge.is_empty())?;
        same("records of keys", &0, &snapshot.keyed.len())?;
        let open = self.step.engine.account.open();
        same("keys and accumulators", &(0, 0), &open)
    }
}

/// Keys whose panes do not fit into one output batch.
pub const KEYS: u64 = 1_300;
const GROUPS: u16 = 8;

/// The actions on so many keys that calls must be repeated; between them the step may be restored
/// elsewhere. Says how often that happened.
pub fn on_many_keys(
    strategy: &Strategy,
    drive: Drive,
    actions: &[KeyedAction],
    choose: &mut dyn FnMut(u64) -> u64,
) -> Result<u32, String> {
    let mut interruptions = 0;
    let mut judged = Judged::new(strategy, drive).map_err(|e| e.to_string())?;
    for (number, keyed) in actions.iter().take(12).enumerate() {
        let at = |d: String| format!("step {number}: {d}");
        match &keyed.action {
            Action::Bundle(timestamps) => {
                let one = |key: u64| timestamps[key as usize % timestamps.len()];
                let bundle = KeyedAction {
                    action: Action::Bundle((0..KEYS).map(one).collect()),
                    keys: (0..KEYS).collect(),
                };
                judged.act(&bundle, |_| true).map_err(at)?;
            }
            clock => {
                let border = choose(u64::from(GROUPS) + 1) as u16;
                let parts = [0..border, border..GROUPS];
                let then = [Then::Stay, Then::Move][choose(2) as usize];
                let interrupted = judged.interrupt(clock, &parts, GROUPS, then);
                interruptions += u32::from(interrupted.map_err(at)?);
            }
        }
    }
    Ok(interruptions)
}

/// The judge's panes, in order.
fn panes(of: Vec<oracle::Pane<i64>>) -> Vec<KeyPane> {
    let panes = of.into_iter().map(|pane| KeyPane {
        key: pane.key,
        pane: pane.into(),
    });
    let mut panes: Vec<KeyPane> = panes.collect();
    panes.iter_mut().for_each(|p| p.pane.values.sort_unstable());
    panes.sort_unstable();
    panes
}

fn only(keyed: &KeyedAction, mine: impl Fn(u64) -> bool) -> KeyedAction {
    let Action::Bundle(timestamps) = &keyed.action else {
        return keyed.clone();
    };
    let elements = timestamps.iter().zip(&keyed.keys);
    let (timestamps, keys) = elements.filter(|(_, key)| mine(**key)).unzip();
    KeyedAction {
        action: Action::Bundle(timestamps),
        keys,
    }
}

fn same<T: PartialEq + Debug>(what: &str, expected: &T, seen: &T) -> Result<(), String> {
    if expected == seen {
        return Ok(());
    }
    Err(format!("{what} should be {expected:?}, is {seen:?}"))
}
