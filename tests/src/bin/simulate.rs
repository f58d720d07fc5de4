//! Runs seeds of the simulated streaming runner, as many as there is patience for.
//!
//! Prints how it goes on, and the sum; or the first seed that is not the model's answer, and fails.

use clap::Parser;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use whitebeam_tests::streaming::many::simulate_all;

/// Runs seeds of the simulated streaming runner.
#[derive(Parser)]
struct Options {
    /// How many.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Rows of an input, at the most.
    #[arg(long, default_value_t = 120)]
    rows: u64,
}

#[expect(clippy::print_stdout, reason = "the report of the program")]
fn main() -> ExitCode {
    let options = Options::parse();
    #[expect(clippy::disallowed_methods, reason = "the pace is told")]
    let began = Instant::now();
    let done = AtomicU64::new(0);
    let tenth = (options.seeds / 10).max(1);
    let seeds = options.from..options.from.saturating_add(options.seeds);
    let ran = simulate_all(seeds, options.rows, |_, _| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(tenth) {
            println!("{done} seeds, {:.1} s", began.elapsed().as_secs_f64());
        }
    });
    match ran {
        Ok(sum) => {
            let seconds = began.elapsed().as_secs_f64();
            println!(
                "{} seeds in {seconds:.1} s ({:.0} a second), all as the model says: {} crashes, \
                 {} restarts with another number of workers, {} from a checkpoint, {} suspensions, \
                 {} runs that a disk or a lease refused, {} turns; trace {:016x}",
                options.seeds,
                options.seeds as f64 / seconds,
                sum.crashes,
                sum.rescaled,
                sum.resumed,
                sum.suspended,
                sum.refused,
                sum.turns,
                sum.trace,
            );
            ExitCode::SUCCESS
        }
        Err((seed, difference)) => {
            println!("seed {seed}: {difference}");
            ExitCode::FAILURE
        }
    }
}
