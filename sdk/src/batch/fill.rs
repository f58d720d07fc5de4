//! The fill loop: appending to a vector through a local pointer.
//!
//! Owns the one unsafe loop of element-wise steps: pushing through `&mut Vec` inside it costs a
//! fifth of the whole step. Invariant: the vector's length covers exactly the values written, also
//! when user code panics in between.
#![allow(unsafe_code, reason = "listed in the design: the fill loop of batches")]

/// A vector being filled, whose length lives in a register until the filling ends.
pub(crate) struct Fill<'a, T> {
    vec: &'a mut Vec<T>,
    ptr: *mut T,
    len: usize,
    cap: usize,
}

impl<'a, T> Fill<'a, T> {
    #[inline(always)]
    pub(crate) fn new(vec: &'a mut Vec<T>, reserve: usize) -> Self {
        vec.reserve(reserve);
        let (ptr, len, cap) = (vec.as_mut_ptr(), vec.len(), vec.capacity());
        Fill { vec, ptr, len, cap }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) {
        if self.len == self.cap {
            (self.ptr, self.cap) = grow(self.vec, self.len);
        }
        // SAFETY: `len < cap` (checked above) and `ptr` is the vector's buffer of `cap` values.
        unsafe { self.ptr.add(self.len).write(value) };
        self.len += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// Makes room behind `len` values. Takes no `Fill`: one whose address is given away lives in memory,
/// and every push would wait for the length that the one before it stored.
#[cold]
#[inline(never)]
fn grow<T>(vec: &mut Vec<T>, len: usize) -> (*mut T, usize) {
    // SAFETY: exactly `len` values from the start of the buffer are initialised.
    unsafe { vec.set_len(len) };
    vec.reserve(len.max(16));
    (vec.as_mut_ptr(), vec.capacity())
}

impl<T> Drop for Fill<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: exactly `len` values from the start of the buffer are initialised, and nothing
        // else touched the vector since: it is borrowed mutably.
        unsafe { self.vec.set_len(self.len) };
    }
}

/// Runs `body` with a filler of `vec`.
#[inline(always)]
pub(crate) fn fill_from<T>(vec: &mut Vec<T>, reserve: usize, body: impl FnOnce(&mut Fill<'_, T>)) {
    let mut fill = Fill::new(vec, reserve);
    body(&mut fill);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    #[test]
    fn values_are_kept_and_dropped_once_even_when_user_code_panics() {
        let witness = Rc::new(());
        let mut vec = vec![Rc::clone(&witness)];
        let result = catch_unwind(AssertUnwindSafe(|| {
            fill_from(&mut vec, 1, |f| {
                for i in 0..100 {
                    assert!(i < 60, "user code gives up");
                    f.push(Rc::clone(&witness));
                }
            });
        }));
        assert!(result.is_err());
        assert_eq!(vec.len(), 61);
        assert_eq!(Rc::strong_count(&witness), 62);
        drop(vec);
        assert_eq!(Rc::strong_count(&witness), 1);
    }
}
