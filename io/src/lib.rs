//! whitebeam-io
