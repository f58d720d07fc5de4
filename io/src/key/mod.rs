//! Keys of records: how an element's key is found, and which partition it belongs to.
//!
//! Shared by the connectors that write partitioned topics, so that equal keys go to equal partitions
//! whoever writes them.

mod of;
mod partition;

pub use of::{KeyBy, KeyOf, NoKey};
pub use partition::partition_of_key;
