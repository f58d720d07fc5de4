//! Interludes: what happens on the machine while one process stands still.
//!
//! Owns the moments. A process that reaches its moment waits, as one that was stopped or swapped
//! out, while the test runs others or lets time go by; then it goes on as if nothing had been.

use std::fmt;

/// Where a process stands still. Counts begin when the interlude is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// At the `nth` visit of a labelled point, from 1.
    Point {
        /// The point.
        label: &'static str,
        /// Which visit.
        nth: u64,
    },
    /// Before the `nth` operation on files, from 1.
    Operation {
        /// Which operation.
        nth: u64,
    },
}

type Run = Box<dyn FnOnce() + Send>;

/// The one interlude that is to come, if any.
#[derive(Default)]
pub(crate) struct Interlude {
    next: Option<(Moment, Run)>,
    seen: u64,
}

impl fmt::Debug for Interlude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.next.as_ref().map(|(moment, _)| moment);
        f.debug_tuple("Interlude").field(&moment).finish()
    }
}

impl Interlude {
    /// Gives back what does not come any more. It may hold files, which lock the machine as they
    /// close: to be dropped when the machine's lock is free.
    #[must_use]
    pub(crate) fn set(&mut self, moment: Moment, run: Run) -> Option<Run> {
        self.seen = 0;
        self.next.replace((moment, run)).map(|(_, run)| run)
    }

    /// Gives back what does not come any more, as [`set`](Self::set) does.
    #[must_use]
    pub(crate) fn clear(&mut self) -> Option<Run> {
        self.next.take().map(|(_, run)| run)
    }

    /// A process is at a point, or before an operation if at none; what is to run first.
    pub(crate) fn due(&mut self, at: Option<&'static str>) -> Option<Run> {
        let (moment, _) = self.next.as_ref()?;
        let nth = match (*moment, at) {
            (Moment::Point { label, nth }, Some(at)) if label == at => nth,
            (Moment::Operation { nth }, None) => nth,
            _ => return None,
        };
        self.seen += 1;
        (self.seen == nth)
            .then(|| self.next.take())?
            .map(|(_, run)| run)
    }
}
