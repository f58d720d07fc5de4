//! `Min` and `Max`: the least and the greatest value.
//!
//! Neither has a result for no values, so the output is optional.

use super::CombineFn;
use crate::element::Element;

/// The greatest value, `None` of no values. Among equal ones it does not matter which.
#[derive(Clone, Copy, Debug, Default)]
pub struct Max;

/// The least value, `None` of no values. Among equal ones it does not matter which.
#[derive(Clone, Copy, Debug, Default)]
pub struct Min;

impl<V: Element + Ord> CombineFn<V> for Max {
    type Acc = Option<V>;
    type Output = Option<V>;
    #[inline(always)]
    fn create(&self) -> Option<V> {
        None
    }
    #[inline(always)]
    fn add(&self, acc: &mut Option<V>, value: V) {
        match acc {
            Some(best) if *best >= value => {}
            _ => *acc = Some(value),
        }
    }
    #[inline(always)]
    fn merge(&self, into: &mut Option<V>, from: Option<V>) {
        if let Some(value) = from {
            self.add(into, value);
        }
    }
    #[inline(always)]
    fn extract(&self, acc: Option<V>) -> Option<V> {
        acc
    }
}

impl<V: Element + Ord> CombineFn<V> for Min {
    type Acc = Option<V>;
    type Output = Option<V>;
    #[inline(always)]
    fn create(&self) -> Option<V> {
        None
    }
    #[inline(always)]
    fn add(&self, acc: &mut Option<V>, value: V) {
        match acc {
            Some(best) if *best <= value => {}
            _ => *acc = Some(value),
        }
    }
    #[inline(always)]
    fn merge(&self, into: &mut Option<V>, from: Option<V>) {
        if let Some(value) = from {
            self.add(into, value);
        }
    }
    #[inline(always)]
    fn extract(&self, acc: Option<V>) -> Option<V> {
        acc
    }
}
