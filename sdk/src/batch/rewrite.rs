//! In-place rewrite: outputs of the size of inputs are written where the inputs lie.
//!
//! Owns the second unsafe loop of element-wise steps: it saves a step of its own half its memory
//! traffic. Invariant: `written <= read` throughout, so no input is overwritten before it was read;
//! when user code panics, every value is dropped exactly once.
#![allow(
    unsafe_code,
    reason = "listed in the design: in-place rewrite of batches"
)]

use std::mem::ManuallyDrop;

/// True if values of `U` can be written where values of `T` lie.
pub(crate) const fn fits<T, U>() -> bool {
    size_of::<T>() == size_of::<U>() && align_of::<T>() == align_of::<U>()
}

/// A buffer on its way from values of `T` to values of `U`: the first `written` places hold a `U`,
/// those from `read` on a `T`, and what lies between holds nothing.
struct Passage<T, U> {
    from: *mut T,
    to: *mut U,
    written: usize,
    read: usize,
    len: usize,
    capacity: usize,
}

impl<T, U> Passage<T, U> {
    fn begin(from: Vec<T>) -> Self {
        let mut from = ManuallyDrop::new(from);
        Passage {
            from: from.as_mut_ptr(),
            to: from.as_mut_ptr().cast(),
            written: 0,
            read: 0,
            len: from.len(),
            capacity: from.capacity(),
        }
    }

    /// The next input, which leaves its place.
    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        if self.read == self.len {
            return None;
        }
        // SAFETY: `read < len`: a `T` lies there, and moving `read` on makes it ours.
        let item = unsafe { self.from.add(self.read).read() };
        self.read += 1;
        Some(item)
    }

    #[inline(always)]
    fn emit(&mut self, value: U) {
        assert!(self.written < self.read, "one output for one input at most");
        // SAFETY: `written < read <= len`, so the place is inside and holds nothing.
        unsafe { self.to.add(self.written).write(value) };
        self.written += 1;
    }

    /// The buffer as a vector of what was written, once every input was read.
    fn end(self) -> Vec<U> {
        debug_assert_eq!(self.read, self.len, "inputs would be lost");
        let passage = ManuallyDrop::new(self);
        // SAFETY: the buffer came from a vector with this capacity, `U` has the size and alignment
        // of `T`, and exactly the first `written` places hold values of `U`.
        unsafe { Vec::from_raw_parts(passage.to, passage.written, passage.capacity) }
    }
}

impl<T, U> Drop for Passage<T, U> {
    /// User code panicked: drops outputs and unread inputs, and gives the buffer back.
    fn drop(&mut self) {
        let (unread, written) = (self.len - self.read, self.written);
        // SAFETY: the two ranges are disjoint and hold a `T` and a `U` in each place; the buffer
        // came from a vector of `T` with this capacity, and is freed as an empty one.
        unsafe {
            let buffer = Vec::from_raw_parts(self.from, 0, self.capacity);
            std::ptr::slice_from_raw_parts_mut(self.from.add(self.read), unread).drop_in_place();
            std::ptr::slice_from_raw_parts_mut(self.to, written).drop_in_place();
            drop(buffer);
        }
    }
}

/// Replaces the values of `from` by what `step` emits for them, at most one each, and returns the
/// same buffer as a vector of that type. `None` if sizes or alignments differ.
#[inline(always)]
pub(crate) fn rewrite<T, U>(
    from: Vec<T>,
    mut step: impl FnMut(T, &mut Slot<'_, T, U>),
) -> Option<Vec<U>> {
    if !fits::<T, U>() {
        return None;
    }
    let mut passage: Passage<T, U> = Passage::begin(from);
    while let Some(item) = passage.next() {
        step(item, &mut Slot(&mut passage));
    }
    Some(passage.end())
}

/// As [`rewrite`], where exactly one output is emitted for each input: it is written where the
/// input lay, so that parts which stay the same need not be written at all.
#[inline(always)]
pub(crate) fn rewrite_each<T, U>(from: Vec<T>, mut step: impl FnMut(T) -> U) -> Option<Vec<U>> {
    if !fits::<T, U>() {
        return None;
    }
    let mut passage: Passage<T, U> = Passage::begin(from);
    while let Some(item) = passage.next() {
        let out = step(item);
        // SAFETY: `read > 0` now, and the place just read holds nothing.
        unsafe { passage.to.add(passage.read - 1).write(out) };
        passage.written = passage.read;
    }
    Some(passage.end())
}

/// The place for the at most one output of an input.
pub(crate) struct Slot<'a, T, U>(&'a mut Passage<T, U>);

impl<T, U> Slot<'_, T, U> {
    /// Emits the output of this input.
    #[inline(always)]
    pub(crate) fn emit(&mut self, value: U) {
        self.0.emit(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    #[test]
    fn kept_values_are_rewritten_and_the_others_dropped_once() {
        let witness = Rc::new(());
        let from: Vec<(usize, Rc<()>)> = (0..10).map(|i| (i, Rc::clone(&witness))).collect();
        let out = rewrite(from, |(i, rc): (usize, Rc<()>), to| {
            if i % 3 == 0 {
                to.emit((rc, i * 2));
            }
        });
        let out: Vec<(Rc<()>, usize)> = out.unwrap_or_default();
        assert_eq!(
            out.iter().map(|(_, i)| *i).collect::<Vec<_>>(),
            [0, 6, 12, 18]
        );
        assert_eq!(Rc::strong_count(&witness), 5);
    }

    #[test]
    fn a_panic_in_user_code_drops_everything_once() {
        let witness = Rc::new(());
        let from: Vec<Rc<()>> = (0..10).map(|_| Rc::clone(&witness)).collect();
        let mut seen = 0;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            rewrite(from, |rc: Rc<()>, to: &mut Slot<'_, _, Rc<()>>| {
                seen += 1;
                assert!(seen < 6, "user code gives up");
                to.emit(rc);
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(
            Rc::strong_count(&witness),
            1,
            "every clone was dropped once"
        );
    }

    #[test]
    fn every_value_is_rewritten_in_its_place() {
        let witness = Rc::new(());
        let from: Vec<(usize, Rc<()>)> = (0..10).map(|i| (i, Rc::clone(&witness))).collect();
        let out = rewrite_each(from, |(i, rc)| (rc, i + 1)).unwrap_or_default();
        assert_eq!(out.iter().map(|(_, i)| *i).sum::<usize>(), 55);
        assert_eq!(Rc::strong_count(&witness), 11);
    }

    #[test]
    fn other_sizes_are_refused() {
        assert!(rewrite_each(vec![1u8], u16::from).is_none());
        assert!(rewrite(vec![1u8], |_, _: &mut Slot<'_, _, u16>| {}).is_none());
    }
}
