//! `Count`: how many values there are.

use super::CombineFn;

/// Counts values of any type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count;

impl<V> CombineFn<V> for Count {
    type Acc = u64;
    type Output = u64;
    #[inline(always)]
    fn create(&self) -> u64 {
        0
    }
    #[inline(always)]
    fn add(&self, acc: &mut u64, _: V) {
        *acc += 1;
    }
    #[inline(always)]
    fn merge(&self, into: &mut u64, from: u64) {
        *into += from;
    }
    #[inline(always)]
    fn extract(&self, acc: u64) -> u64 {
        acc
    }
}
