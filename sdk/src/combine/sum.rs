//! `Sum`: all values added.

use super::CombineFn;
use crate::element::Element;
use crate::graph::EqualityClass;
use std::any::TypeId;
use std::ops::AddAssign;

/// Adds values with `+=`, from `V::default()` on.
///
/// Sums of floats are not exactly associative: they depend on the order and division of the
/// values, and `explain` says so. Add cents, or another integer, where equality matters. An integer
/// that overflows does what `+=` does: choose a type that is wide enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum;

impl<V: Element + Default + AddAssign> CombineFn<V> for Sum {
    type Acc = V;
    type Output = V;
    #[inline(always)]
    fn create(&self) -> V {
        V::default()
    }
    #[inline(always)]
    fn add(&self, acc: &mut V, value: V) {
        *acc += value;
    }
    #[inline(always)]
    fn merge(&self, into: &mut V, from: V) {
        *into += from;
    }
    #[inline(always)]
    fn extract(&self, acc: V) -> V {
        acc
    }
    fn class(&self) -> EqualityClass {
        float_class::<V>()
    }
}

/// The class of a fold that adds values of this type.
pub(super) fn float_class<V: 'static>() -> EqualityClass {
    let floats = [TypeId::of::<f32>(), TypeId::of::<f64>()];
    if floats.contains(&TypeId::of::<V>()) {
        EqualityClass::NotDeterministic
    } else {
        EqualityClass::Unordered
    }
}
