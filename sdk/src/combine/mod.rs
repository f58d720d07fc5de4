//! Combiners: values folded into accumulators.
//!
//! Owns [`CombineFn`] and the ready-made ones. Knows no keys, windows or panes: the transforms
//! `combine_per_key` and `combine_globally` apply them.

mod count;
mod extremum;
mod mean;
mod sum;
mod top;

pub use count::Count;
pub use extremum::{Max, Min};
pub use mean::{Averaged, Mean};
pub use sum::Sum;
pub use top::Top;

use crate::element::Element;
use crate::graph::EqualityClass;

/// An associative and commutative way to fold values.
///
/// `merge` must be associative and commutative, and `create` its identity: partial results are
/// combined in any order, on any worker. A fold that has no result for no values (the greatest of
/// nothing) has an optional output.
///
/// ```
/// use whitebeam_sdk::combine::CombineFn;
/// use whitebeam_sdk::Pipeline;
///
/// /// The bits that all values have in common.
/// struct Common;
///
/// impl CombineFn<u64> for Common {
///     type Acc = u64;
///     type Output = u64;
///     fn create(&self) -> u64 {
///         u64::MAX
///     }
///     fn add(&self, acc: &mut u64, value: u64) {
///         *acc &= value;
///     }
///     fn merge(&self, into: &mut u64, from: u64) {
///         *into &= from;
///     }
///     fn extract(&self, acc: u64) -> u64 {
///         acc
///     }
/// }
///
/// let p = Pipeline::new();
/// let _common = p.create([("a".to_string(), 6), ("a".to_string(), 3)]).combine_per_key(Common);
/// ```
pub trait CombineFn<V>: Send + Sync + 'static {
    /// What is kept while folding.
    type Acc: Element;
    /// What comes out.
    type Output: Element;
    /// The accumulator of no values.
    fn create(&self) -> Self::Acc;
    /// Adds a value.
    fn add(&self, acc: &mut Self::Acc, value: V);
    /// Adds what another accumulator folded.
    fn merge(&self, into: &mut Self::Acc, from: Self::Acc);
    /// The result.
    fn extract(&self, acc: Self::Acc) -> Self::Output;

    /// What is promised of the result when values come in another order or division.
    fn class(&self) -> EqualityClass {
        EqualityClass::Unordered
    }
}

#[cfg(test)]
mod tests;
