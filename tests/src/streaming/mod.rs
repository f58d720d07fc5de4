//! The streaming runner under test: random pipelines over random inputs, and their judge.
//!
//! Owns what is drawn and what must come of it. The judge reads every answer off the interpreter of
//! the model, which has seen no batch, no barrier and no crash.

pub mod case;
pub mod judge;
pub mod keeper;
pub mod life;
pub mod many;
pub mod played;
pub mod sim;
pub mod source;
