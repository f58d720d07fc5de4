//! `simulate_all`: many seeds, on as many threads as there are cores.
//!
//! Owns the division of seeds and the sum. Which thread runs which seed changes nothing: a seed is a
//! machine of its own.

use crate::streaming::sim::{CRASHES, Told, simulate};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs all `seeds` with at most `rows` rows each. The least seed that fails, and how; or what all
/// came to. `each` hears of every seed that is done.
pub fn simulate_all(
    seeds: Range<u64>,
    rows: u64,
    each: impl Fn(u64, &Told) + Sync,
) -> Result<Told, (u64, String)> {
    let next = AtomicU64::new(seeds.start);
    let sum: Mutex<Told> = Mutex::default();
    let failed: Mutex<Option<(u64, String)>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds.end {
                        break;
                    }
                    match judged(seed, rows) {
                        Ok(told) => {
                            each(seed, &told);
                            lock(&sum).add(told);
                        }
                        Err(difference) => {
                            // Seeds before it are being run already; none behind it are begun.
                            next.store(seeds.end, Ordering::SeqCst);
                            let mut failed = lock(&failed);
                            if failed.as_ref().is_none_or(|(least, _)| seed < *least) {
                                *failed = Some((seed, difference));
                            }
                        }
                    }
                }
            });
        }
    });
    let failed = lock(&failed).take();
    failed.map_or_else(|| Ok(*lock(&sum)), Err)
}

fn judged(seed: u64, rows: u64) -> Result<Told, String> {
    let told = simulate(seed, rows)?;
    if told.crashes < CRASHES {
        return Err(format!("it crashed too seldom to show anything: {told:?}"));
    }
    Ok(told)
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
