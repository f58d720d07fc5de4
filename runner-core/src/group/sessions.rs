//! Fast path: sessions that fire once, whole, when the watermark passes their end.
//!
//! Owns what a session is beyond "an element that begins inside its key's latest session extends
//! it", which the store does alone; what is late; and when a session fires. Right for merging
//! windows without lateness, under triggers that fire at the end only (`group::path` says when).
//! A fired session is gone at once, so that no closed one is ever met, and how the elements of a
//! batch merge does not depend on their order. `book` remembers where sessions stand.

mod book;

use super::assign::{Losses, explicit_runs};
use super::windowed::stamp_of;
use book::Book;
use whitebeam_sdk::erase::{
    After, Dropped, ErasedBatch, Firing, Flow, GroupStore, Outs, Port, Proposed, Step,
};
use whitebeam_sdk::snapshot::{SnapshotReader, SnapshotWriter};
use whitebeam_sdk::window::{Window, WindowFn};
use whitebeam_sdk::{Duration, Result, Timestamp, element};

/// Sessions decided to fire before any of them is emitted, about.
const QUANTUM: usize = 512;

/// Sessions by key.
pub(super) struct Sessions {
    /// Holds: every session's bounds, key and accumulator. Cleared: when the session has fired.
    store: Box<dyn GroupStore>,
    gap: Duration,
    book: Book,
    watermark: Timestamp,
    /// Sessions may be due: the watermark moved and not all of them are emitted.
    is_firing: bool,
    /// Decided, and emitted up to `emitted`.
    firings: Vec<Firing>,
    emitted: usize,
    /// Something outside keeps the output watermark back.
    outside: Option<Timestamp>,
    losses: Losses,
    /// The windows of a batch whose elements name them.
    windows: Vec<Window>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sessions(gap {}, {:?})", self.gap, self.watermark)
    }
}

impl Sessions {
    pub(super) fn new(store: Box<dyn GroupStore>, window_fn: WindowFn, late_ports: bool) -> Self {
        let gap = match window_fn {
            WindowFn::Sessions { gap } => gap,
            _ => Duration::ZERO,
        };
        Sessions {
            store,
            gap,
            book: Book::new(gap),
            watermark: Timestamp::MIN,
            is_firing: false,
            firings: Vec::new(),
            emitted: 0,
            outside: None,
            losses: Losses::new(late_ports),
            windows: Vec::new(),
        }
    }

    /// Windows that end here or before have expired. Past the last instant of the global window
    /// everything has.
    fn horizon(&self) -> Timestamp {
        if self.watermark > Timestamp::END_OF_GLOBAL_WINDOW {
            Timestamp::MAX
        } else {
            self.watermark
        }
    }

    /// Notes what is late, and the windows of elements that name them.
    fn assign(&mut self, input: &dyn ErasedBatch) {
        let (meta, len, horizon) = (input.meta(), input.len(), self.horizon());
        self.windows.clear();
        let (losses, windows) = (&mut self.losses, &mut self.windows);
        if !meta.implied {
            explicit_runs(meta, len, |window, upto| {
                if window.end() <= horizon {
                    losses.late(window, windows.len()..upto);
                }
                windows.resize(upto, window);
            });
        } else if meta.bounds.0 + self.gap <= horizon {
            for row in 0..len {
                let at = meta.ts.get(row);
                if at + self.gap <= horizon {
                    losses.late(Window::new(at, at + self.gap), row..row + 1);
                }
            }
        }
    }

    /// Emits every session that has expired.
    fn fire(&mut self, out: &mut Outs<'_>) -> Result<Flow> {
        let horizon = self.horizon();
        while self.is_firing {
            let out = out.port(0);
            if self
                .store
                .emit_spans(&self.firings, &mut self.emitted, out)?
                == Flow::Yield
            {
                return Ok(Flow::Yield);
            }
            self.firings.clear();
            self.emitted = 0;
            while self.firings.len() < QUANTUM
                && let Some((slot, window)) = self.book.due(horizon, &mut *self.store)
            {
                self.firings.push(Firing {
                    slot,
                    acc: None,
                    stamp: stamp_of(window),
                    after: After::Close,
                });
            }
            self.is_firing = !self.firings.is_empty();
        }
        Ok(Flow::Done)
    }

    fn held(&self, input: Timestamp) -> Timestamp {
        // What is open beside them ends after the watermark.
        if !self.is_firing && input <= self.watermark {
            return input;
        }
        let waiting = self.firings[self.emitted..].iter();
        let waiting = waiting.map(|firing| firing.stamp.timestamp).min();
        let open = self.book.first_end(&*self.store).map(Timestamp::previous);
        waiting.into_iter().chain(open).fold(input, Timestamp::min)
    }
}

impl Step for Sessions {
    fn process(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        out: &mut Outs<'_>,
    ) -> Result<Flow> {
        if self.fire(out)? == Flow::Yield {
            return Ok(Flow::Yield);
        }
        self.assign(input);
        self.losses.pass_on(port, input, out);
        let horizon = self.horizon();
        self.book.set_horizon(horizon);
        let proposed = if input.meta().implied {
            Proposed::Gap(self.gap)
        } else {
            Proposed::Each(&self.windows)
        };
        self.store
            .extend(port, input, proposed, horizon, &mut self.book)?;
        Ok(Flow::Done)
    }

    fn watermark(&mut self, wm: Timestamp, out: &mut Outs<'_>) -> Result<Flow> {
        self.watermark = self.watermark.max(wm);
        self.is_firing = true;
        self.fire(out)
    }

    fn output_watermark(&self, input: Timestamp) -> Timestamp {
        let held = self.held(input);
        self.outside.map_or(held, |outside| outside.min(held))
    }

    fn hold(&mut self, at: Option<Timestamp>) {
        // What was promised stays promised.
        let promised = self.output_watermark(self.watermark);
        self.outside = at.map(|at| at.max(promised));
    }

    fn emits(&self) -> bool {
        self.is_firing || self.losses.is_listening()
    }

    fn snapshot(&mut self, to: &mut SnapshotWriter) -> Result<()> {
        let mut plain = Vec::new();
        element::encode(&self.watermark, &mut plain)?;
        to.plain(plain);
        let groups = to.key_groups();
        let waiting = self.firings[self.emitted..].iter().map(|f| f.slot);
        for slot in waiting.chain(self.book.slots()) {
            if let Some(window) = self.store.span(slot) {
                let mut bytes = Vec::new();
                element::encode(&window, &mut bytes)?;
                let group = self.store.save_span(slot, groups, &mut bytes)?;
                to.keyed(group, &bytes, &[], &[]);
            }
        }
        Ok(())
    }

    fn restore(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        for mut plain in from.plain() {
            self.watermark = self.watermark.max(element::decode(&mut plain)?);
        }
        for record in from.keyed() {
            let mut bytes = record.bytes;
            let window = element::decode(&mut bytes)?;
            self.store.load_span(window, &mut bytes, &mut self.book)?;
        }
        // The snapshot may have been taken before all that was due was out.
        self.is_firing = true;
        Ok(())
    }

    fn dropped(&self) -> Dropped {
        self.losses.counts
    }
}
