//! `Few`: a list that seldom holds more than one value.
//!
//! Owns the accumulator of joins: most keys have one value per input and window, and for them
//! nothing is allocated.

use serde::{Deserialize, Serialize};

/// No value, one, or several.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) enum Few<V> {
    #[default]
    None,
    One(V),
    Many(Vec<V>),
}

impl<V> Few<V> {
    #[inline(always)]
    pub(super) fn push(&mut self, value: V) {
        match self {
            Few::None => *self = Few::One(value),
            Few::Many(all) => all.push(value),
            Few::One(_) => self.grow(value),
        }
    }

    #[inline(never)]
    fn grow(&mut self, value: V) {
        if let Few::One(first) = std::mem::take(self) {
            *self = Few::Many(vec![first, value]);
        }
    }

    pub(super) fn append(&mut self, other: Few<V>) {
        match other {
            Few::None => {}
            Few::One(value) => self.push(value),
            Few::Many(mut more) => {
                let mut all = std::mem::take(self).into_vec();
                all.append(&mut more);
                *self = Few::Many(all);
            }
        }
    }

    pub(super) fn as_slice(&self) -> &[V] {
        match self {
            Few::None => &[],
            Few::One(value) => std::slice::from_ref(value),
            Few::Many(all) => all,
        }
    }

    pub(super) fn into_vec(self) -> Vec<V> {
        match self {
            Few::None => Vec::new(),
            Few::One(value) => vec![value],
            Few::Many(all) => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_of_few_is_a_list(
            a in proptest::collection::vec(0_u8..9, 0..4),
            b in proptest::collection::vec(0_u8..9, 0..4),
        ) {
            let few = |values: &[u8]| {
                let mut few = Few::default();
                values.iter().for_each(|v| few.push(*v));
                few
            };
            let mut both = few(&a);
            both.append(few(&b));
            let expected = [a, b].concat();
            prop_assert_eq!(both.as_slice(), &expected[..]);
            prop_assert_eq!(both.into_vec(), expected);
        }
    }
}
