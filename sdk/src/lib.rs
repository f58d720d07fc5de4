//! whitebeam-sdk
