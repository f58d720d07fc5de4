//! Transforms: one file each, with its method, its documentation and its tests.

mod combine;
mod create;
mod fuse;
mod group_by_key;
mod io;
mod map;
mod window;

pub use combine::CombineFn;
