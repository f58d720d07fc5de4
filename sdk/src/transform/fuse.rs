//! `fuse`: several element-wise steps as one loop.

use crate::element::Element;
use crate::erase::{Elementwise, Fuse, Identity, Kernel};
use crate::pcollection::PCollection;
use std::panic::Location;

impl<T: Element> PCollection<T> {
    /// One step from several: `c.fuse(|k| k.filter(..).map(..))` runs as one loop without storing
    /// what lies between.
    #[track_caller]
    pub fn fuse<U: Element, K: Kernel<T, Out = U>>(
        self,
        f: impl FnOnce(Fuse<T, T, Identity>) -> Fuse<T, U, K>,
    ) -> PCollection<U> {
        let kernel = f(Fuse::start()).kernel;
        self.step("Fuse", Location::caller(), Elementwise::<T, _>::new(kernel))
    }
}
