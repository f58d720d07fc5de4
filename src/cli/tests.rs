//! What the command line understands, refuses and answers, without a process around it.
#![allow(clippy::panic, reason = "a test fails by panicking")]

use super::how::{How, Runner};
use super::*;
use crate::time::{hours, millis, minutes, seconds};
use crate::window::FixedWindows;

#[derive(Args, Debug)]
struct Options {
    /// Where the shop's orders are
    #[arg(long)]
    input: String,
}

fn words(line: &str) -> Vec<OsString> {
    std::iter::once("/somewhere/shop")
        .chain(line.split_whitespace())
        .map(OsString::from)
        .collect()
}

fn how(line: &str) -> How {
    match understand::<Options>(words(line)) {
        Ok(Verb::Run(arguments)) => arguments.how,
        Ok(_) => panic!("`{line}` is not a run"),
        Err(e) => panic!("{line}: {e}"),
    }
}

#[test]
fn a_runner_and_its_options_are_understood() {
    let plain = how("run --input x");
    assert_eq!(
        (plain.parallelism, plain.seed, plain.json),
        (None, None, false)
    );
    assert_eq!(plain.runner, Runner::Batch);
    let four = how("run --runner batch --parallelism 4 --input x --json");
    assert_eq!(four.parallelism.map(usize::from), Some(4));
    assert!(four.json);
    let local = how("run --input x --runner local --seed 7");
    assert_eq!((local.runner, local.seed), (Runner::Local, Some(7)));
    let endless = how(
        "run --runner streaming --input x --checkpoints kept --checkpoint-interval 200ms --max-rate 5",
    );
    let options = endless.streaming;
    assert_eq!(options.checkpoints, Some("kept".into()));
    let interval = std::time::Duration::from_millis(200);
    assert_eq!(options.checkpoint_interval, Some(interval));
    assert_eq!(options.max_rate.map(u32::from), Some(5));
    assert!(!options.until_end);
}

#[test]
fn what_would_be_ignored_or_means_nothing_is_refused() {
    for (line, says) in [
        ("", "Usage:"),
        ("walk", "unrecognized subcommand 'walk'"),
        ("run", "--input"),
        ("run --input x --runner flink", "invalid value 'flink'"),
        ("run --input x --parallelism 0", "invalid value '0'"),
        (
            "run --input x --runner local --parallelism 2",
            "an option of `--runner batch` and `--runner streaming`",
        ),
        (
            "run --input x --runner batch --seed 2",
            "an option of `--runner local`",
        ),
        (
            "run --input x --runner streaming",
            "needs `--checkpoints DIR`",
        ),
        (
            "run --input x --until-end",
            "`--until-end` is an option of `--runner streaming`",
        ),
        (
            "run --input x --runner local --checkpoints kept",
            "`--checkpoints` is an option of `--runner streaming`",
        ),
        (
            "run --input x --runner streaming --checkpoints kept --seed 1",
            "`--seed` is an option of `--runner local`",
        ),
        (
            "run --input x --runner streaming --checkpoints kept --checkpoint-interval 0s",
            "it is not above zero",
        ),
        (
            "run --input x --runner streaming --checkpoints kept --max-rate 0",
            "invalid value '0'",
        ),
        ("checkpoints", "list"),
        ("checkpoints list", "--checkpoints"),
        (
            "run --input x --colour red",
            "unexpected argument '--colour'",
        ),
    ] {
        let Err(usage) = understand::<Options>(words(line)) else {
            panic!("`{line}` was understood");
        };
        assert_eq!(usage.exit_code(), 2, "{line}");
        let shown = usage.to_string();
        assert!(shown.contains(says), "`{line}`: {shown}");
    }
}

#[test]
fn help_lists_the_options_of_the_pipeline_beside_those_of_the_runner() {
    for line in ["--help", "run --help"] {
        let Err(help) = understand::<Options>(words(line)) else {
            panic!("`{line}` is not a run");
        };
        assert_eq!(help.exit_code(), 0);
        let shown = help.to_string();
        for part in [
            "shop",
            "--runner",
            "--parallelism",
            "--seed",
            "--checkpoints",
            "--checkpoint-interval",
            "--max-rate",
            "--until-end",
            "--json",
            "--input",
            "Where the shop's orders are",
        ] {
            assert!(
                shown.contains(part),
                "`{line}` says nothing of {part}: {shown}"
            );
        }
        assert!(!shown.contains("somewhere"), "{shown}");
    }
}

#[test]
fn a_run_ends_as_its_pipeline_does() {
    let run = |line: &str, numbers: Vec<i64>| {
        perform(words(line), |p: &Pipeline, _: &NoOptions| {
            let _ = p.create(numbers).map(|n| 100 / n).named("Divide");
            Ok(())
        })
    };
    for runner in ["local", "batch", "streaming"] {
        let mut line = format!("run --runner {runner}");
        let kept = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        if runner == "streaming" {
            line.push_str(&format!(" --checkpoints {}", kept.path().display()));
        }
        let Outcome::Failed(error) = run(&line, vec![1, 0]) else {
            panic!("{runner}: a panic of the pipeline is a failure");
        };
        assert_eq!((error.code(), error.step()), ("U001", Some("Divide")));
        assert!(matches!(run(&line, vec![1, 2]), Outcome::Done), "{runner}");
    }
}

#[test]
fn what_cannot_be_built_is_not_run() {
    let refuse = |_: &Pipeline, _: &NoOptions| Err(crate::Error::data("no such shop"));
    let Outcome::Failed(error) = perform(words("run"), refuse) else {
        panic!("it was run");
    };
    assert_eq!(error.message(), "no such shop");
}

#[test]
fn durations_are_read_as_people_write_them() {
    for (text, expected) in [
        ("1h", Some(hours(1))),
        ("90s", Some(seconds(90))),
        ("1h 30m", Some(minutes(90))),
        ("250ms", Some(millis(250))),
        ("0s", Some(seconds(0))),
        ("1", None),
        ("", None),
        ("9999999999999h", None),
    ] {
        assert_eq!(duration(text).ok(), expected, "{text}");
    }
}

#[test]
fn an_explanation_names_every_step_in_every_form() {
    for (line, parts) in [
        ("explain", vec!["Squares", "Count", "class"]),
        (
            "explain --format text --fused",
            vec!["stage 1", "stage 2", "Squares"],
        ),
        ("explain --format mermaid", vec!["flowchart", "Squares"]),
        ("explain --format dot", vec!["digraph", "Squares"]),
    ] {
        let Ok(Verb::Explain(arguments)) = understand::<NoOptions>(words(line)) else {
            panic!("`{line}` was not understood");
        };
        let p = Pipeline::new();
        let squares = p.create(0..3).map(|n| n * n).named("Squares");
        let _ = squares.count_per_element().named("Count");
        let text = explain::explained(&arguments.how, &p).unwrap_or_else(|e| e.to_string());
        for part in parts {
            assert!(
                text.contains(part),
                "`{line}` says nothing of {part}: {text}"
            );
        }
    }
}

#[test]
fn what_could_not_run_is_not_explained_either() {
    let broken = |p: &Pipeline, _: &NoOptions| {
        let sizes = p.create([(1, 2)]).window(FixedWindows::of(minutes(-1)));
        let _ = sizes.group_by_key();
        Ok(())
    };
    let Outcome::Failed(error) = perform(words("explain"), broken) else {
        panic!("it was explained");
    };
    assert_eq!(error.code(), "P003");
}

#[test]
fn checkpoints_are_listed_and_a_run_that_has_drained_is_refused() {
    let kept = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let line = format!(
        "run --runner streaming --checkpoints {}",
        kept.path().display()
    );
    let run = || {
        perform(words(&line), |p: &Pipeline, _: &NoOptions| {
            let _ = p.create([1, 2, 3]).count_per_element();
            Ok(())
        })
    };
    assert!(matches!(run(), Outcome::Done));
    let Outcome::Failed(error) = run() else {
        panic!("there is nothing to resume");
    };
    assert_eq!(error.code(), "R208");
    let listed = checkpoints::lines(kept.path(), true).unwrap_or_else(|e| panic!("{e}"));
    let newest: serde_json::Value =
        serde_json::from_str(&listed[0]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(newest["end"], "drained");
    assert_eq!(newest["sources"][0]["splits"][0]["ended"], true);
    let text = checkpoints::lines(kept.path(), false).unwrap_or_else(|e| panic!("{e}"));
    assert!(
        text[0].starts_with("checkpoint ") && text[0].contains(", drained"),
        "{text:?}"
    );
}
