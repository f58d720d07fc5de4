//! whitebeam-runner-core
