//! Transforms: one file each, with its method, its documentation and its tests.

mod aggregate;
mod co_group_by_key;
mod combine;
mod combine_globally;
mod count_per_element;
mod create;
mod few;
mod flatten;
mod fuse;
mod group_by_key;
mod io;
mod join;
mod keys;
mod map;
mod map_with;
mod par_do;
mod partition;
mod try_map;
mod window;
mod with_timestamps;

pub use crate::erase::Fuse;
pub use co_group_by_key::CoGroupByKey;
pub use flatten::Flatten;
pub use group_by_key::WithLate;
pub use io::Written;
pub use map_with::Reified;
pub use try_map::Failure;
pub(crate) use with_timestamps::bad_timestamp;
