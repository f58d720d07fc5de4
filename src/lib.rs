//! Whitebeam: the facade.
