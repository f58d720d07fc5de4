//! Kernels: element-wise functions that compose into one loop.
//!
//! Owns the composition of `map`, `filter`, `filter_map` and `flat_map`; a handle cannot fuse by
//! itself, since a closure's type is gone once `PCollection<T>` is returned. Sealed: users write
//! closures, not kernels.

use std::marker::PhantomData;

mod sealed {
    pub trait Sealed {}
}

/// One element in, any number out.
pub trait Kernel<T>: sealed::Sealed + Send + Sync + 'static {
    /// What comes out.
    type Out;
    /// At most one element comes out for one in.
    const AT_MOST_ONE: bool;
    /// Exactly one element comes out for one in.
    const EXACTLY_ONE: bool = false;
    /// Takes the element by value.
    fn run(&self, item: T, emit: &mut impl FnMut(Self::Out));
    /// Reads a shared element and clones it only as far as needed.
    fn run_ref(&self, item: &T, emit: &mut impl FnMut(Self::Out))
    where
        T: Clone;
}

/// Passes elements on.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

/// `f(x)`.
#[derive(Clone, Debug)]
pub struct Map<F>(pub(crate) F);

/// `f(&x)`: shared elements are not cloned.
#[derive(Clone, Debug)]
pub struct MapRef<F>(pub(crate) F);

/// Keeps elements for which `f(&x)` holds.
#[derive(Clone, Debug)]
pub struct Filter<F>(pub(crate) F);

/// `f(x)` where it is `Some`.
#[derive(Clone, Debug)]
pub struct FilterMap<F>(pub(crate) F);

/// All of `f(x)`.
#[derive(Clone, Debug)]
pub struct FlatMap<F>(pub(crate) F);

/// One kernel after the other.
#[derive(Clone, Debug)]
pub struct Then<A, B>(A, B);

impl sealed::Sealed for Identity {}
impl<F> sealed::Sealed for Map<F> {}
impl<F> sealed::Sealed for MapRef<F> {}
impl<F> sealed::Sealed for Filter<F> {}
impl<F> sealed::Sealed for FilterMap<F> {}
impl<F> sealed::Sealed for FlatMap<F> {}
impl<A, B> sealed::Sealed for Then<A, B> {}

impl<T> Kernel<T> for Identity {
    type Out = T;
    const AT_MOST_ONE: bool = true;
    const EXACTLY_ONE: bool = true;
    #[inline(always)]
    fn run(&self, item: T, emit: &mut impl FnMut(T)) {
        emit(item);
    }
    #[inline(always)]
    fn run_ref(&self, item: &T, emit: &mut impl FnMut(T))
    where
        T: Clone,
    {
        emit(item.clone());
    }
}

impl<T, U, F: Fn(T) -> U + Send + Sync + 'static> Kernel<T> for Map<F> {
    type Out = U;
    const AT_MOST_ONE: bool = true;
    const EXACTLY_ONE: bool = true;
    #[inline(always)]
    fn run(&self, item: T, emit: &mut impl FnMut(U)) {
        emit((self.0)(item));
    }
    #[inline(always)]
    fn run_ref(&self, item: &T, emit: &mut impl FnMut(U))
    where
        T: Clone,
    {
        emit((self.0)(item.clone()));
    }
}

impl<T, U, F: Fn(&T) -> U + Send + Sync + 'static> Kernel<T> for MapRef<F> {
    type Out = U;
    const AT_MOST_ONE: bool = true;
    const EXACTLY_ONE: bool = true;
    #[inline(always)]
    fn run(&self, item: T, emit: &mut impl FnMut(U)) {
        emit((self.0)(&item));
    }
    #[inline(always)]
    fn run_ref(&self, item: &T, emit: &mut impl FnMut(U))
    where
        T: Clone,
    {
        emit((self.0)(item));
    }
}

impl<T, F: Fn(&T) -> bool + Send + Sync + 'static> Kernel<T> for Filter<F> {
    type Out = T;
    const AT_MOST_ONE: bool = true;
    #[inline(always)]
    fn run(&self, item: T, emit: &mut impl FnMut(T)) {
        if (self.0)(&item) {
            emit(item);
        }
    }
    #[inline(always)]
    fn run_ref(&self, item: &T, emit: &mut impl FnMut(T))
    where
        T: Clone,
    {
        if (self.0)(item) {
            emit(item.clone());
        }
    }
}

impl<T, U, F: Fn(T) -> Option<U> + Send + Sync + 'static> Kernel<T> for FilterMap<F> {
    type Out = U;
    const AT_MOST_ONE: bool = true;
    #[inline(always)]
    fn run(&self, item: T, emit: &mut impl FnMut(U)) {
        if let Some(found) = (self.0)(item) {
            emit(found);
        }
    }
    #[inline(always)]
    fn run_ref(&self, item: &T, emit: &mut impl FnMut(U))
    where
        T: Clone,
    {
        self.run(item.clone(), emit);
    }
}

impl<T, I, F> Kernel<T> for FlatMap<F>
where
    I: IntoIterator,
    F: Fn(T) -> I + Send + Sync + 'static,
{
    type Out = I::Item;
    const AT_MOST_ONE: bool = false;
    #[inline(always)]
    fn run(&self, item: T, emit: &mut impl FnMut(I::Item)) {
        (self.0)(item).into_iter().for_each(emit);
    }
    #[inline(always)]
    fn run_ref(&self, item: &T, emit: &mut impl FnMut(I::Item))
    where
        T: Clone,
    {
        self.run(item.clone(), emit);
    }
}

impl<T, A, B> Kernel<T> for Then<A, B>
where
    A: Kernel<T>,
    B: Kernel<A::Out>,
{
    type Out = B::Out;
    const AT_MOST_ONE: bool = A::AT_MOST_ONE && B::AT_MOST_ONE;
    const EXACTLY_ONE: bool = A::EXACTLY_ONE && B::EXACTLY_ONE;
    #[inline(always)]
    fn run(&self, item: T, emit: &mut impl FnMut(B::Out)) {
        self.0.run(item, &mut |x| self.1.run(x, emit));
    }
    #[inline(always)]
    fn run_ref(&self, item: &T, emit: &mut impl FnMut(B::Out))
    where
        T: Clone,
    {
        self.0.run_ref(item, &mut |x| self.1.run(x, emit));
    }
}

/// Builds one kernel from several element-wise steps: `c.fuse(|k| k.filter(..).map(..))`.
#[must_use]
pub struct Fuse<T, U, K> {
    pub(crate) kernel: K,
    types: PhantomData<fn(T) -> U>,
}

impl<T, U, K> std::fmt::Debug for Fuse<T, U, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fuse")
    }
}

impl<T> Fuse<T, T, Identity> {
    pub(crate) fn start() -> Self {
        Fuse {
            kernel: Identity,
            types: PhantomData,
        }
    }
}

impl<T, U, K: Kernel<T, Out = U>> Fuse<T, U, K> {
    fn then<V, L: Kernel<U, Out = V>>(self, next: L) -> Fuse<T, V, Then<K, L>> {
        Fuse {
            kernel: Then(self.kernel, next),
            types: PhantomData,
        }
    }

    /// `f(x)`.
    pub fn map<V, F>(self, f: F) -> Fuse<T, V, Then<K, Map<F>>>
    where
        F: Fn(U) -> V + Send + Sync + 'static,
    {
        self.then(Map(f))
    }

    /// `f(&x)`.
    pub fn map_ref<V, F>(self, f: F) -> Fuse<T, V, Then<K, MapRef<F>>>
    where
        F: Fn(&U) -> V + Send + Sync + 'static,
    {
        self.then(MapRef(f))
    }

    /// Keeps elements for which `f(&x)` holds.
    pub fn filter<F>(self, f: F) -> Fuse<T, U, Then<K, Filter<F>>>
    where
        F: Fn(&U) -> bool + Send + Sync + 'static,
    {
        self.then(Filter(f))
    }

    /// `f(x)` where it is `Some`.
    pub fn filter_map<V, F>(self, f: F) -> Fuse<T, V, Then<K, FilterMap<F>>>
    where
        F: Fn(U) -> Option<V> + Send + Sync + 'static,
    {
        self.then(FilterMap(f))
    }

    /// All of `f(x)`.
    pub fn flat_map<I, F>(self, f: F) -> Fuse<T, I::Item, Then<K, FlatMap<F>>>
    where
        I: IntoIterator,
        F: Fn(U) -> I + Send + Sync + 'static,
    {
        self.then(FlatMap(f))
    }
}
