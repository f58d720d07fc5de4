//! whitebeam-runner-local
