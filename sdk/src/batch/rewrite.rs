//! In-place rewrite: outputs of the size of inputs are written where the inputs lie.
//!
//! Owns the second unsafe loop of element-wise steps: it saves a step of its own half its memory
//! traffic. Invariant: `written <= read` throughout, so no input is overwritten before it was read;
//! when user code panics, the vector is left empty and what it held is leaked, never dropped twice.
#![allow(
    unsafe_code,
    reason = "listed in the design: in-place rewrite of batches"
)]

use std::mem::{ManuallyDrop, align_of, size_of};

/// True if values of `U` can be written where values of `T` lie.
pub(crate) const fn fits<T, U>() -> bool {
    size_of::<T>() == size_of::<U>() && align_of::<T>() == align_of::<U>()
}

/// Replaces the values of `from` by what `step` emits for them, at most one each, and returns the
/// same buffer as a vector of that type. `None` if sizes or alignments differ.
#[inline(always)]
pub(crate) fn rewrite<T, U>(
    from: Vec<T>,
    mut step: impl FnMut(T, &mut Slot<'_, U>),
) -> Option<Vec<U>> {
    if !fits::<T, U>() {
        return None;
    }
    let mut from = ManuallyDrop::new(from);
    let (len, capacity) = (from.len(), from.capacity());
    let read_from = from.as_mut_ptr();
    let write_to = read_from.cast::<U>();
    // From here on the buffer belongs to nobody: a panic in user code leaks it.
    let mut written = 0;
    for read in 0..len {
        // SAFETY: `read < len`, so a value lies there, and it is read once.
        let item = unsafe { read_from.add(read).read() };
        let mut slot = Slot::at(write_to, &mut written, read);
        step(item, &mut slot);
    }
    // SAFETY: the buffer came from a vector with this capacity, `U` has the size and alignment of
    // `T`, and exactly the first `written` places hold values of `U`.
    Some(unsafe { Vec::from_raw_parts(write_to, written, capacity) })
}

/// As [`rewrite`], where exactly one output is emitted for each input: it is written where the
/// input lay, so that parts which stay the same need not be written at all.
#[inline(always)]
pub(crate) fn rewrite_each<T, U>(from: Vec<T>, mut step: impl FnMut(T) -> U) -> Option<Vec<U>> {
    if !fits::<T, U>() {
        return None;
    }
    let mut from = ManuallyDrop::new(from);
    let (len, capacity) = (from.len(), from.capacity());
    let place = from.as_mut_ptr();
    for i in 0..len {
        // SAFETY: `i < len`: a `T` lies there, is read once, and a `U` of the same size and
        // alignment takes its place. A panic in between leaks the buffer and drops nothing twice.
        unsafe {
            let out = step(place.add(i).read());
            place.add(i).cast::<U>().write(out);
        }
    }
    // SAFETY: the buffer came from a vector with this capacity, and all `len` places hold a `U`.
    Some(unsafe { Vec::from_raw_parts(place.cast::<U>(), len, capacity) })
}

/// The place for the at most one output of an input.
pub(crate) struct Slot<'a, U> {
    to: *mut U,
    written: &'a mut usize,
    read: usize,
}

impl<'a, U> Slot<'a, U> {
    #[inline(always)]
    fn at(to: *mut U, written: &'a mut usize, read: usize) -> Self {
        Slot { to, written, read }
    }

    /// Emits the output of this input.
    #[inline(always)]
    pub(crate) fn emit(&mut self, value: U) {
        assert!(
            *self.written <= self.read,
            "one output for one input at most"
        );
        // SAFETY: `written <= read < len`, and the input at `written` was read before.
        unsafe { self.to.add(*self.written).write(value) };
        *self.written += 1;
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
    fn a_panic_in_user_code_drops_nothing_twice() {
        let witness = Rc::new(());
        let from: Vec<Rc<()>> = (0..10).map(|_| Rc::clone(&witness)).collect();
        let mut seen = 0;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            rewrite(from, |rc: Rc<()>, to: &mut Slot<'_, Rc<()>>| {
                seen += 1;
                assert!(seen < 6, "user code gives up");
                to.emit(rc);
            })
        }));
        assert!(panicked.is_err());
        // The one in flight was dropped, nine are leaked, one is ours.
        assert_eq!(Rc::strong_count(&witness), 10);
        std::mem::forget(witness);
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
        assert!(rewrite(vec![1u8], |_, _: &mut Slot<'_, u16>| {}).is_none());
    }
}
