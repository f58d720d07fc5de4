//! What becomes of trigger states when sessions merge.
//!
//! Owns the merge rule of every trigger kind. Deliberately leaves contents, holds and pane numbers
//! to `window_state`, which calls this once per merge.
//!
//! Invariant: only the result's state is changed, and a source's finished bit reaches it only where
//! the rule of that trigger says so.

use super::super::strategy::Trigger;
use super::{EARLY, LATE, Surroundings, Timers, TriggerState, parts, wait_for_end_of_window};

impl TriggerState {
    /// The window became the result of a merge. `self` is what the result had of its own (nothing,
    /// if its bounds are new); `sources` are the open windows merged, the result among them if it
    /// was one.
    pub(in crate::oracle) fn on_merge(
        &mut self,
        trigger: &Trigger,
        sources: &[&TriggerState],
        now: &Surroundings,
        timers: &mut Timers,
    ) {
        match trigger {
            Trigger::Never => {}
            Trigger::Default => wait_for_end_of_window(now, timers),
            Trigger::EndOfWindow => {
                // With no source the result stays what it was: closed if it had been, open if it
                // is new. (Beam finishes it even then, and so drops a late bundle that creates and
                // merges only new sessions.)
                if !sources.is_empty() {
                    self.finished = finished_in_all(sources) && now.past_end_of_window();
                }
            }
            Trigger::Count(_) => {
                if sources.iter().any(|source| source.finished) {
                    self.finished = true;
                    self.count = 0;
                } else {
                    self.count = sources.iter().map(|source| source.count).sum();
                }
            }
            Trigger::ProcessingTime(_) => {
                self.target = if self.finished {
                    None
                } else {
                    sources.iter().filter_map(|source| source.target).min()
                };
                timers.processing.extend(self.target);
            }
            Trigger::AfterWatermark { .. } => {
                self.merge_early_and_late(trigger, sources, now, timers);
            }
            Trigger::Each(_) => self.merge_in_order(trigger, sources, now, timers),
            Trigger::Repeatedly(_) => self.merge_parts(trigger, sources, now, timers),
            Trigger::All(_) => {
                self.merge_parts(trigger, sources, now, timers);
                self.finished = self.all_finished();
            }
            Trigger::First(_) | Trigger::OrFinally(..) => {
                self.merge_parts(trigger, sources, now, timers);
                self.finished = self.subs.iter().any(|sub| sub.finished);
            }
        }
    }

    fn merge_part(
        &mut self,
        position: usize,
        trigger: &Trigger,
        sources: &[&TriggerState],
        now: &Surroundings,
        timers: &mut Timers,
    ) {
        let part = parts(trigger)[position];
        let sources = part_of(sources, position);
        self.subs[position].on_merge(part, &sources, now, timers);
    }

    fn merge_parts(
        &mut self,
        trigger: &Trigger,
        sources: &[&TriggerState],
        now: &Surroundings,
        timers: &mut Timers,
    ) {
        for position in 0..self.subs.len() {
            self.merge_part(position, trigger, sources, now, timers);
        }
    }

    /// The early phase is over only if it was over everywhere and the new end has passed too;
    /// otherwise it is revived and late firings start afresh. "Everywhere" holds of no source at
    /// all, as in Beam: a late bundle that creates and merges only new sessions waits for the late
    /// trigger, or for expiry if there is none. Unlike in the plain trigger nothing is lost by it.
    fn merge_early_and_late(
        &mut self,
        trigger: &Trigger,
        sources: &[&TriggerState],
        now: &Surroundings,
        timers: &mut Timers,
    ) {
        if finished_in_all(&part_of(sources, EARLY)) && now.past_end_of_window() {
            self.subs[EARLY].finished = true;
            if self.subs.len() > LATE {
                self.merge_part(LATE, trigger, sources, now, timers);
            }
        } else {
            self.merge_part(EARLY, trigger, sources, now, timers);
            self.subs[EARLY].finished = false;
            if let Some(late) = self.subs.get_mut(LATE) {
                late.finished = false;
                late.clear();
            }
        }
    }

    /// Continues at the first part that the merge leaves unfinished; later ones start afresh.
    fn merge_in_order(
        &mut self,
        trigger: &Trigger,
        sources: &[&TriggerState],
        now: &Surroundings,
        timers: &mut Timers,
    ) {
        let mut earlier_all_finished = true;
        for position in 0..self.subs.len() {
            if earlier_all_finished {
                self.merge_part(position, trigger, sources, now, timers);
                earlier_all_finished = self.subs[position].finished;
            } else {
                self.subs[position].clear();
            }
        }
        self.finished = self.all_finished();
    }
}

/// The states of the part at `position` of every source.
fn part_of<'a>(sources: &[&'a TriggerState], position: usize) -> Vec<&'a TriggerState> {
    sources
        .iter()
        .map(|source| &source.subs[position])
        .collect()
}

fn finished_in_all(sources: &[&TriggerState]) -> bool {
    sources.iter().all(|source| source.finished)
}
