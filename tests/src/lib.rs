//! whitebeam-tests
