//! The clocks of benchmarks that run for seconds.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// An instant, or a length of time, in seconds.
pub(crate) fn seconds(of: Timespec) -> f64 {
    of.tv_sec as f64 + of.tv_nsec as f64 / 1e9
}

/// Seconds since some instant; the same one for all processes.
pub(crate) fn wall() -> f64 {
    seconds(clock_gettime(ClockId::Monotonic))
}

/// Seconds of processor time that this process has used.
pub(crate) fn process_cpu() -> f64 {
    seconds(clock_gettime(ClockId::ProcessCPUTime))
}
