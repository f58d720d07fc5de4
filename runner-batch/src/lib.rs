//! whitebeam-runner-batch
