//! `Mean`: the average of numbers.

use super::CombineFn;
use super::sum::float_class;
use crate::element::Element;
use crate::graph::EqualityClass;
use serde::{Deserialize, Serialize};

/// The average, `None` of no values. Integers are added exactly; the sum of floats depends on their
/// order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mean;

/// Numbers that have an average.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no average",
    note = "integers up to 64 bits, `f32` and `f64` have one; map to one of them first"
)]
pub trait Averaged: Element {
    /// What holds their sum without loss, as far as possible.
    type Total: Element + Default;
    /// Adds this number.
    fn add_to(self, total: &mut Self::Total);
    /// Adds another total.
    fn merge(into: &mut Self::Total, from: Self::Total);
    /// The average of `count` numbers.
    fn mean(total: Self::Total, count: u64) -> f64;
}

macro_rules! averaged {
    ($total:ty: $($number:ty),+) => {$(
        impl Averaged for $number {
            type Total = $total;
            #[inline(always)]
            fn add_to(self, total: &mut $total) {
                *total += <$total>::from(self);
            }
            #[inline(always)]
            fn merge(into: &mut $total, from: $total) {
                *into += from;
            }
            fn mean(total: $total, count: u64) -> f64 {
                total as f64 / count as f64
            }
        }
    )+};
}

averaged!(i128: i8, i16, i32, i64, u8, u16, u32, u64);
averaged!(f64: f32, f64);

/// A sum and how many values are in it.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Total<S> {
    sum: S,
    count: u64,
}

impl<V: Averaged> CombineFn<V> for Mean {
    type Acc = Total<V::Total>;
    type Output = Option<f64>;
    #[inline(always)]
    fn create(&self) -> Total<V::Total> {
        Total::default()
    }
    #[inline(always)]
    fn add(&self, acc: &mut Total<V::Total>, value: V) {
        value.add_to(&mut acc.sum);
        acc.count += 1;
    }
    #[inline(always)]
    fn merge(&self, into: &mut Total<V::Total>, from: Total<V::Total>) {
        V::merge(&mut into.sum, from.sum);
        into.count += from.count;
    }
    fn extract(&self, acc: Total<V::Total>) -> Option<f64> {
        (acc.count > 0).then(|| V::mean(acc.sum, acc.count))
    }
    fn class(&self) -> EqualityClass {
        float_class::<V>()
    }
}
