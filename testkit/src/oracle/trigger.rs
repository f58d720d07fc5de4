//! The trigger machines: what each trigger remembers of one key and window, and when it is ready.
//!
//! Owns, for every node of the trigger tree, its finished bit, its element count and its processing
//! time target; and requests timers. How states merge is in `merge`. Deliberately decides nothing
//! about panes, buffers or holds.
//!
//! Invariant: the state tree has the shape of the trigger tree it was made for.

mod merge;

use std::collections::BTreeSet;

use super::strategy::Trigger;
use super::windows::Timestamp;

/// What a trigger may look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    pub(super) input_watermark: Timestamp,
    pub(super) processing_time: Timestamp,
    /// Last instant of the window the trigger serves.
    pub(super) end_of_window: Timestamp,
    /// Whether windows of this step can merge at all.
    pub(super) merging: bool,
}

impl Surroundings {
    fn past_end_of_window(&self) -> bool {
        self.input_watermark > self.end_of_window
    }
}

/// The pending timers of one window; a timer is due when its clock is strictly past it.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers {
    pub(super) event: BTreeSet<Timestamp>,
    pub(super) processing: BTreeSet<Timestamp>,
}

/// What one node of the trigger tree remembers; unused fields keep their first value.
#[derive(Debug, Clone)]
pub(super) struct TriggerState {
    /// Survives `clear`: a finished root means the window is closed.
    pub(super) finished: bool,
    /// `Count`: elements since the last clear.
    count: u64,
    /// `ProcessingTime`: fires strictly after this instant.
    target: Option<Timestamp>,
    subs: Vec<TriggerState>,
}

static NEVER: Trigger = Trigger::Never;
/// Positions of the parts of `AfterWatermark` and `OrFinally`.
const EARLY: usize = 0;
const LATE: usize = 1;
const ACTUAL: usize = 0;
const UNTIL: usize = 1;

/// The triggers inside `trigger`, an absent early part being one that never fires.
fn parts(trigger: &Trigger) -> Vec<&Trigger> {
    match trigger {
        Trigger::Default
        | Trigger::Never
        | Trigger::EndOfWindow
        | Trigger::Count(_)
        | Trigger::ProcessingTime(_) => Vec::new(),
        Trigger::AfterWatermark { early, late } => {
            let early = early.as_deref().unwrap_or(&NEVER);
            std::iter::once(early).chain(late.as_deref()).collect()
        }
        Trigger::Repeatedly(repeated) => vec![repeated],
        Trigger::OrFinally(actual, until) => vec![actual, until],
        Trigger::Each(subs) | Trigger::First(subs) | Trigger::All(subs) => subs.iter().collect(),
    }
}

impl TriggerState {
    pub(super) fn new(trigger: &Trigger) -> Self {
        Self {
            finished: false,
            count: 0,
            target: None,
            subs: parts(trigger).into_iter().map(Self::new).collect(),
        }
    }

    /// An element came into the window.
    pub(super) fn on_element(
        &mut self,
        trigger: &Trigger,
        now: &Surroundings,
        timers: &mut Timers,
    ) {
        match trigger {
            Trigger::Never => {}
            Trigger::Default | Trigger::EndOfWindow => wait_for_end_of_window(now, timers),
            Trigger::Count(_) => self.count += 1,
            Trigger::ProcessingTime(delay) => {
                // Armed by the first element of the pane; later ones do not move it.
                if self.target.is_none() {
                    let target = now.processing_time.saturating_add(*delay);
                    self.target = Some(target);
                    timers.processing.insert(target);
                }
            }
            Trigger::AfterWatermark { .. } => {
                wait_for_end_of_window(now, timers);
                self.pass_to_current_or_all(trigger, now, timers);
            }
            Trigger::Each(_) => self.pass_to_current_or_all(trigger, now, timers),
            Trigger::All(_) => {
                for (sub, part) in self.subs.iter_mut().zip(parts(trigger)) {
                    if !sub.finished {
                        sub.on_element(part, now, timers);
                    }
                }
            }
            Trigger::Repeatedly(_) | Trigger::OrFinally(..) | Trigger::First(_) => {
                for (sub, part) in self.subs.iter_mut().zip(parts(trigger)) {
                    sub.on_element(part, now, timers);
                }
            }
        }
    }

    /// Elements go to the current part only; but where a merge may bring back an earlier part, all
    /// parts must have seen them.
    fn pass_to_current_or_all(
        &mut self,
        trigger: &Trigger,
        now: &Surroundings,
        timers: &mut Timers,
    ) {
        let current = self.first_unfinished();
        for (position, part) in parts(trigger).into_iter().enumerate() {
            if now.merging || current == Some(position) {
                self.subs[position].on_element(part, now, timers);
            }
        }
    }

    /// Whether a pane is due.
    pub(super) fn should_fire(&self, trigger: &Trigger, now: &Surroundings) -> bool {
        let parts = parts(trigger);
        let ready = |position: usize| self.subs[position].should_fire(parts[position], now);
        match trigger {
            Trigger::Never => false,
            Trigger::Default | Trigger::EndOfWindow => now.past_end_of_window(),
            Trigger::Count(least) => self.count >= *least,
            Trigger::ProcessingTime(_) => self
                .target
                .is_some_and(|target| now.processing_time > target),
            Trigger::AfterWatermark { .. } => {
                if self.subs[EARLY].finished {
                    self.subs.len() > LATE && ready(LATE)
                } else {
                    ready(EARLY) || now.past_end_of_window()
                }
            }
            Trigger::Each(_) => self.first_unfinished().is_some_and(ready),
            Trigger::All(_) => (0..parts.len()).all(|n| self.subs[n].finished || ready(n)),
            Trigger::First(_) => (0..parts.len()).any(|n| self.subs[n].finished || ready(n)),
            Trigger::Repeatedly(_) | Trigger::OrFinally(..) => (0..parts.len()).any(ready),
        }
    }

    /// A pane was emitted because this trigger was ready.
    pub(super) fn on_fire(&mut self, trigger: &Trigger, now: &Surroundings) {
        let parts = parts(trigger);
        match trigger {
            Trigger::Default | Trigger::Never => {}
            Trigger::EndOfWindow => self.finished = true,
            Trigger::Count(_) | Trigger::ProcessingTime(_) => {
                self.clear();
                self.finished = true;
            }
            Trigger::AfterWatermark { .. } => self.fire_early_or_late(&parts, now),
            Trigger::Repeatedly(_) => {
                self.subs[0].on_fire(parts[0], now);
                if self.subs[0].finished {
                    self.subs[0].reset();
                }
            }
            Trigger::OrFinally(..) => {
                if self.subs[UNTIL].should_fire(parts[UNTIL], now) {
                    self.subs[UNTIL].on_fire(parts[UNTIL], now);
                    self.subs[ACTUAL].clear();
                } else {
                    // `until` is not cleared: it counts across the firings of `actual`.
                    self.subs[ACTUAL].on_fire(parts[ACTUAL], now);
                }
                self.finished = self.subs.iter().any(|sub| sub.finished);
            }
            Trigger::Each(_) => {
                if let Some(current) = self.first_unfinished() {
                    self.subs[current].on_fire(parts[current], now);
                }
                if now.merging {
                    // All parts ran in parallel on a pane that is now gone.
                    self.clear();
                }
                self.finished = self.all_finished();
            }
            Trigger::First(_) => {
                for (sub, part) in self.subs.iter_mut().zip(parts) {
                    if sub.should_fire(part, now) {
                        sub.on_fire(part, now);
                    } else {
                        sub.clear();
                    }
                }
                self.finished = true;
            }
            Trigger::All(_) => {
                for (sub, part) in self.subs.iter_mut().zip(parts) {
                    sub.on_fire(part, now);
                }
                self.finished = true;
            }
        }
    }

    fn fire_early_or_late(&mut self, parts: &[&Trigger], now: &Surroundings) {
        if self.subs[EARLY].finished {
            if let Some(late) = self.subs.get_mut(LATE) {
                late.on_fire(parts[LATE], now);
                late.repeat();
            } else {
                self.finished = true;
            }
        } else if now.past_end_of_window() {
            let early = &mut self.subs[EARLY];
            if early.should_fire(parts[EARLY], now) {
                early.on_fire(parts[EARLY], now);
            }
            early.finished = true;
            early.clear();
            match self.subs.get_mut(LATE) {
                // It may have seen elements already; they are in the pane just emitted.
                Some(late) => late.clear(),
                None => self.finished = true,
            }
        } else {
            let early = &mut self.subs[EARLY];
            early.on_fire(parts[EARLY], now);
            early.repeat();
        }
    }

    /// The implicit repetition of early and late firings. Shallower than `reset`, as recorded: a part
    /// of a composite stays finished, so that `first` of a count fires at every bundle from then on.
    fn repeat(&mut self) {
        self.finished = false;
        self.clear();
    }

    /// Forgets counts and targets, keeps what is finished.
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.target = None;
        self.subs.iter_mut().for_each(Self::clear);
    }

    /// Forgets everything.
    fn reset(&mut self) {
        self.finished = false;
        self.count = 0;
        self.target = None;
        self.subs.iter_mut().for_each(Self::reset);
    }

    fn first_unfinished(&self) -> Option<usize> {
        self.subs.iter().position(|sub| !sub.finished)
    }

    fn all_finished(&self) -> bool {
        self.subs.iter().all(|sub| sub.finished)
    }
}

fn wait_for_end_of_window(now: &Surroundings, timers: &mut Timers) {
    if !now.past_end_of_window() {
        timers.event.insert(now.end_of_window);
    }
}
