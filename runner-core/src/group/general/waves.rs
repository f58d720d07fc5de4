//! Waves: what the clocks set off, and the output watermark.
//!
//! When a clock moves, all windows with a timer behind it are woken; what to do follows from each
//! window's state, so once is enough however far the clock leapt. A wave goes on where it was when
//! its step yields: windows that were not woken yet still have their timers, and these keep the
//! output watermark where it was when the wave began.

use super::General;
use super::windows::Id;
use whitebeam_sdk::erase::{Flow, Outs};
use whitebeam_sdk::{Result, Timestamp};

/// Which wave is under way.
#[derive(Debug, Default)]
pub(super) struct Waves {
    open: Option<Wave>,
    /// Number of the last wave of processing timers.
    number: u32,
    /// How many of the touched windows are tested.
    tested: usize,
    /// The earliest processing timer, kept up to date between calls.
    pub(super) next_processing: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wave {
    Event,
    Processing,
}

impl General {
    /// The bundle is complete: every touched window is tested once.
    pub(super) fn finish_touched(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
        loop {
            if self.flush(out)? == Flow::Yield {
                return Ok(Flow::Yield);
            }
            if self.waves.tested == self.touched.len() {
                break;
            }
            self.test_some();
        }
        self.touched.clear();
        self.waves.tested = 0;
        self.advance_output();
        self.note_next_processing();
        Ok(Flow::Done)
    }

    fn test_some(&mut self) {
        while let Some(&id) = self.touched.get(self.waves.tested)
            && !self.panes.is_full()
        {
            self.waves.tested += 1;
            // A window that merged away, or its place's next tenant that is tested already, says
            // no.
            if std::mem::take(&mut self.windows.state(id).touched) {
                self.fire_if_ready(id);
            }
        }
    }

    /// The input watermark reaches `to`.
    pub(super) fn advance_input(&mut self, to: Timestamp, out: &mut Outs<'_>) -> Result<Flow> {
        if self.finish_open(out)? == Flow::Yield {
            return Ok(Flow::Yield);
        }
        self.clocks.input = self.clocks.input.max(to);
        // First with the due timers pending: they keep the output watermark at the end of their
        // window, and so its pane on time.
        self.advance_output();
        self.waves.open = Some(Wave::Event);
        self.finish_open(out)
    }

    /// Processing time is `now`.
    pub(super) fn advance_processing(
        &mut self,
        now: Timestamp,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        if self.finish_open(out)? == Flow::Yield {
            return Ok(Flow::Yield);
        }
        self.clocks.processing = self.clocks.processing.max(now);
        self.waves.open = Some(Wave::Processing);
        self.waves.number = self.waves.number.wrapping_add(1);
        self.finish_open(out)
    }

    /// Completes what an earlier call began, under the clocks it began with.
    fn finish_open(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
        if self.finish_touched(out)? == Flow::Yield {
            return Ok(Flow::Yield);
        }
        while let Some(wave) = self.waves.open {
            if !self.wake_some(wave) {
                self.waves.open = None;
            }
            if self.flush(out)? == Flow::Yield {
                return Ok(Flow::Yield);
            }
        }
        self.advance_output();
        self.note_next_processing();
        Ok(Flow::Done)
    }

    /// Wakes windows until enough panes wait. False if no more are due.
    fn wake_some(&mut self, wave: Wave) -> bool {
        while !self.panes.is_full() {
            let due = match wave {
                Wave::Event => {
                    self.queues
                        .due(self.clocks.input, &mut self.windows, &self.strategy)
                }
                Wave::Processing => self.due_processing(),
            };
            let Some(id) = due else {
                return false;
            };
            self.wake(id);
        }
        true
    }

    /// A window with a due processing timer that this wave has not woken yet.
    fn due_processing(&mut self) -> Option<Id> {
        let now = self.clocks.processing;
        while let Some(id) = self.queues.due_processing(now, &mut self.windows) {
            let state = self.windows.state(id);
            if state.woken != self.waves.number {
                state.woken = self.waves.number;
                return Some(id);
            }
        }
        None
    }

    fn wake(&mut self, id: Id) {
        let window = self.windows.state(id).window;
        if self
            .clocks
            .has_expired(window, self.strategy.allowed_lateness)
        {
            self.expire(id);
            return;
        }
        self.fire_if_ready(id);
        self.update(id);
    }

    /// Moves the output watermark as far as everything that holds it allows; not before a wave that
    /// is under way has ended, since all its panes are timed alike.
    pub(super) fn advance_output(&mut self) {
        if self.waves.open.is_some() {
            return;
        }
        let outside = self.outside.into_iter();
        let limit = outside
            .chain(self.panes.earliest())
            .fold(self.clocks.input, Timestamp::min);
        let reachable = self
            .queues
            .earliest(limit, &mut self.windows, &self.strategy);
        self.clocks.output = self.clocks.output.max(reachable);
    }

    pub(super) fn note_next_processing(&mut self) {
        self.waves.next_processing = self.queues.next_processing(&mut self.windows);
    }

    /// A wave of event timers is under way.
    pub(super) fn is_event_wave(&self) -> bool {
        self.waves.open == Some(Wave::Event)
    }

    /// The next call goes on with a wave of event timers.
    pub(super) fn resume_event_wave(&mut self) {
        self.waves.open = Some(Wave::Event);
    }

    /// The window was woken by the wave that is under way: its other due timers mean nothing.
    pub(super) fn is_woken(&mut self, id: Id) -> bool {
        let woken = self.windows.state(id).woken == self.waves.number;
        woken && self.waves.open == Some(Wave::Processing)
    }
}
