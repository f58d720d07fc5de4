//! Combiners against sorting and iterators: any division and order of merging folds to the same.

use super::*;
use proptest::prelude::*;

/// The fold of `values`, divided at random and merged in both orders.
fn divided<V: Clone, C: CombineFn<V>>(c: &C, values: &[V], cut: &[usize]) -> C::Output {
    let mut parts: Vec<C::Acc> = vec![c.create()];
    for (i, value) in values.iter().enumerate() {
        if cut.contains(&i) {
            parts.push(c.create());
        }
        if let Some(last) = parts.last_mut() {
            c.add(last, value.clone());
        }
    }
    let mut all = c.create();
    for (i, part) in parts.into_iter().enumerate() {
        if i % 2 == 0 {
            c.merge(&mut all, part);
        } else {
            let before = std::mem::replace(&mut all, part);
            c.merge(&mut all, before);
        }
    }
    c.extract(all)
}

proptest! {
    #[test]
    fn any_division_and_order_folds_to_the_same(
        values in proptest::collection::vec(-50_i64..50, 0..60),
        cut in proptest::collection::vec(0_usize..60, 0..6),
        n in 0_usize..12,
    ) {
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let largest: Vec<i64> = sorted.iter().rev().take(n).copied().collect();
        let smallest: Vec<i64> = sorted.iter().take(n).copied().collect();
        let total: i64 = values.iter().sum();
        let mean = (!values.is_empty()).then(|| total as f64 / values.len() as f64);
        prop_assert_eq!(divided(&Sum, &values, &cut), total);
        prop_assert_eq!(divided(&Count, &values, &cut), values.len() as u64);
        prop_assert_eq!(divided(&Mean, &values, &cut), mean);
        prop_assert_eq!(divided(&Max, &values, &cut), sorted.last().copied());
        prop_assert_eq!(divided(&Min, &values, &cut), sorted.first().copied());
        prop_assert_eq!(divided(&Top::largest(n), &values, &cut), largest);
        prop_assert_eq!(divided(&Top::smallest(n), &values, &cut), smallest);
    }
}

#[test]
fn only_sums_of_floats_depend_on_order() {
    let class = <Sum as CombineFn<f64>>::class(&Sum);
    assert_eq!(class, EqualityClass::NotDeterministic);
    let class = <Mean as CombineFn<f32>>::class(&Mean);
    assert_eq!(class, EqualityClass::NotDeterministic);
    let class = <Mean as CombineFn<u32>>::class(&Mean);
    assert_eq!(class, EqualityClass::Unordered);
    let class = <Sum as CombineFn<i64>>::class(&Sum);
    assert_eq!(class, EqualityClass::Unordered);
}

#[test]
fn a_mean_of_integers_is_exact_beyond_their_range() {
    let values = [i64::MAX, i64::MAX, -1, -1];
    let expected = (i64::MAX - 1) as f64 / 2.0;
    assert_eq!(divided(&Mean, &values, &[1]), Some(expected));
}
