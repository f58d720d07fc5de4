//! What a task reads in a turn.
//!
//! Owns how much, from which entry, and when partial buffers go out because nothing more
//! comes. Does not own alignment: a channel that waits behind its barrier gives nothing.

use super::{Cx, Input, Task};
use crate::exchange::Received;
use whitebeam_env::Env;
use whitebeam_sdk::Result;
use whitebeam_sdk::batch::BATCH_BYTES;

/// What one attempt to read came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Counted as so many batches of the usual size.
    Batch(usize),
    Control,
    Dry,
    Stuck,
}

impl Task {
    /// Reads some batches, as far as the stage takes them; when there are no more, nothing stays in
    /// partial buffers.
    pub(super) fn read<E: Env>(&mut self, cx: &Cx<'_, E>) -> Result<bool> {
        let mut worked = false;
        let mut is_dry = false;
        let mut is_stuck = false;
        // While there is much to write down, elements cost more, and others wait.
        let mut left = match self.is_freezing() {
            true => 1,
            false => cx.limits.batches,
        };
        while left > 0 {
            match self.read_once(cx)? {
                Step::Batch(batches) => {
                    worked = true;
                    left = left.saturating_sub(batches);
                }
                Step::Control => {
                    worked = true;
                    is_dry = true;
                    left -= 1;
                }
                Step::Dry => {
                    is_dry = true;
                    break;
                }
                Step::Stuck => {
                    is_stuck = true;
                    break;
                }
            }
        }
        self.blocked.note(is_stuck, cx.clock.monotonic());
        self.note_watermarks(cx);
        if is_dry && !self.is_unsettled && !self.stage.is_parked() {
            self.stage.flush_partial()?;
        }
        Ok(worked)
    }

    fn read_once<E: Env>(&mut self, cx: &Cx<'_, E>) -> Result<Step> {
        match &mut self.input {
            Input::Source(_) => self.read_source(cx),
            Input::Exchanges(inlets) => {
                let n = inlets.len();
                let from = cx.clock.env().choose(n.max(1));
                let mut found = Step::Dry;
                for i in 0..n {
                    match self.read_inlet((from + i) % n, cx)? {
                        Step::Batch(batches) => return Ok(Step::Batch(batches)),
                        Step::Control => found = Step::Control,
                        Step::Stuck if found == Step::Dry => found = Step::Stuck,
                        Step::Stuck | Step::Dry => {}
                    }
                }
                Ok(found)
            }
        }
    }

    fn read_inlet<E: Env>(&mut self, entry: usize, cx: &Cx<'_, E>) -> Result<Step> {
        let Input::Exchanges(inlets) = &mut self.input else {
            return Ok(Step::Dry);
        };
        if !self.stage.accepts(entry) {
            return Ok(Step::Stuck);
        }
        let inlet = &mut inlets[entry];
        match inlet.receive(cx.clock.env(), cx.orders.cancelled) {
            Received::Nothing => Ok(Step::Dry),
            Received::Control => Ok(Step::Control),
            Received::Batch(mut delivery) => {
                self.is_unsettled = true;
                // What was gathered for the way here is longer than what a source gives.
                let batches = delivery.batch.bytes().div_ceil(BATCH_BYTES).max(1);
                self.stage.push(entry, delivery.batch.as_mut())?;
                inlet.give_back(delivery);
                Ok(Step::Batch(batches))
            }
        }
    }

    fn read_source<E: Env>(&mut self, cx: &Cx<'_, E>) -> Result<Step> {
        let Input::Source(reading) = &mut self.input else {
            return Ok(Step::Dry);
        };
        if cx.orders.drain {
            reading.stop();
        }
        if cx.orders.last.is_some() && cx.orders.last <= self.passed {
            return Ok(Step::Dry);
        }
        if cx.is_full || !self.stage.accepts(0) {
            return Ok(Step::Stuck);
        }
        let mut batch = reading.take_buffer();
        if !reading.read(cx.clock, batch.as_mut())? {
            reading.keep_buffer(batch);
            return Ok(Step::Dry);
        }
        if !batch.is_empty() {
            self.is_unsettled = true;
            let pushed = self.stage.push(0, batch.as_mut());
            pushed.map_err(|e| reading.near(e))?;
        }
        reading.keep_buffer(batch);
        Ok(Step::Batch(1))
    }

    /// Passes what the inputs promise on to the stage.
    fn note_watermarks<E: Env>(&mut self, cx: &Cx<'_, E>) {
        match &mut self.input {
            Input::Source(reading) => {
                if reading.advance(cx.clock) {
                    self.stage.set_watermark(0, reading.watermark());
                    self.is_unsettled = true;
                }
            }
            Input::Exchanges(inlets) => {
                for (entry, inlet) in inlets.iter().enumerate() {
                    self.is_unsettled |= self.stage.set_watermark(entry, inlet.watermark());
                }
            }
        }
    }
}
