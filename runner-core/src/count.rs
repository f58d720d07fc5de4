//! `StepCount`: what one step took and dropped, as reports of runs show it.

use std::fmt;
use whitebeam_sdk::erase::Dropped;

/// Counts of one step.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StepCount {
    /// The step's path.
    pub path: String,
    /// Elements it took; of a run that goes on where another ended, since the pipeline first
    /// started.
    pub elements_in: u64,
    /// (element, window) pairs it dropped.
    pub dropped: Dropped,
}

impl fmt::Display for StepCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12}  {}", self.elements_in, self.path)?;
        let dropped = self.dropped;
        if dropped == Dropped::default() {
            return Ok(());
        }
        write!(
            f,
            "  (dropped: {} late, {} closed, {} in no window)",
            dropped.late, dropped.closed, dropped.unwindowed
        )
    }
}
