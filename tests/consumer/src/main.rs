//! A user's crate: it names `whitebeam` and nothing else, in a workspace of its
//! own, so no other member can lend it a dependency or a feature.

use whitebeam::prelude::*;
use whitebeam::runners::BatchRunner;

/// How often each word occurs. Knows no runner, no source and no sink.
fn count_words(lines: PCollection<String>) -> PCollection<(String, u64)> {
    lines
        .flat_map(|line| {
            line.split_whitespace()
                .map(str::to_string)
                .collect::<Vec<_>>()
        })
        .count_per_element()
}

fn main() -> whitebeam::Result<()> {
    let p = Pipeline::new();
    let lines = p.create(["to be or not".to_string(), "to be".to_string()]);
    let _counts = lines.apply("Words", count_words);
    let report = BatchRunner::new().parallelism(2).run(&p)?;
    assert!(report.steps().any(|step| step.path.starts_with("Words/")));
    Ok(())
}
