//! whitebeam-testkit
