//! Every form of every query, on streams whose windows change within a batch.

use super::*;
use crate::events::sparse::sparse_streams;
use crate::limit;

#[test]
fn timely_equals_the_limit_on_sparse_streams() {
    type Limit = fn(&[Ev]) -> u64;
    type Timely = fn(&'static [Ev]) -> u64;
    let cases: [(&str, Limit, &[Timely]); 6] = [
        ("q0", limit::q0, &[q0]),
        ("q1", limit::q1, &[q1, q1_tuned]),
        ("q2", limit::q2, &[q2, q2_tuned]),
        ("q5", limit::q5, &[q5, q5_tuned]),
        ("q7", limit::q7, &[q7, q7_tuned]),
        ("q8", limit::q8, &[q8, q8_tuned]),
    ];
    for (seed, events) in sparse_streams() {
        let events: &'static [Ev] = events.leak();
        for (name, limit, forms) in cases {
            for (form, timely) in forms.iter().enumerate() {
                assert_eq!(
                    timely(events),
                    limit(events),
                    "{name}, form {form}, seed {seed}"
                );
            }
        }
    }
}
