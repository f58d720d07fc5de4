//! Medians, and that a wrong answer does not get by.

use super::*;
use crate::contenders::{Role, contenders};
use crate::events;

#[test]
fn median_is_the_middle_or_the_mean_of_the_middle_two() {
    let cases: [(&[f64], f64, f64, f64); 4] = [
        (&[3.0], 3.0, 3.0, 3.0),
        (&[4.0, 1.0], 1.0, 2.5, 4.0),
        (&[9.0, 1.0, 2.0], 1.0, 2.0, 9.0),
        (&[8.0, 2.0, 4.0, 6.0], 2.0, 5.0, 8.0),
    ];
    for (values, min, median, max) in cases {
        assert_eq!(Spread::of(values), Spread { min, median, max });
    }
}

fn answering(column: &'static str, answer: Answer, run: fn(&'static [Ev]) -> u64) -> Contender {
    Contender {
        query: Query::Q0,
        column,
        role: Role::Reference,
        clock: Clock::Thread,
        answer,
        run,
    }
}

#[test]
fn a_differing_checksum_is_an_error_unless_only_the_cost_is_compared() {
    let right = answering("right", Answer::Compared, |events| events.len() as u64);
    let wrong = answering("wrong", Answer::Compared, |_| 7);
    let other = answering("other", Answer::CostOnly, |_| 7);
    let events = events::generate(100).leak();
    let run = |contenders| measure(contenders, events, 3, |_| {});

    let measured = run(vec![right, other]).expect("the other's answer is not compared");
    assert!(measured.iter().all(|one| one.ns.len() == 3));
    let error = run(vec![right, wrong]).err().map(|error| error.to_string());
    let text = "q0: the checksum of wrong is 7, that of right is 100";
    assert_eq!(error.as_deref(), Some(text));
}

/// Every engine, through windows that open, slide and close: 250,000 events are 25 s.
#[test]
fn all_engines_agree_wherever_they_answer_the_same_query() {
    let events = events::generate(250_000).leak();
    let measured = measure(contenders(), events, 1, |_| {}).expect("equal checksums");
    assert_eq!(measured.len(), contenders().len());
}
