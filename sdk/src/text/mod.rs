//! Text without a heap allocation per element: [`Str`], a string of 16 bytes, and [`Line`], a
//! slice of the block that a text source read.
//!
//! Owns how a piece of text is shared and when it is copied. Knows no files and no formats.
//! Invariant: everything here is UTF-8, checked once, where bytes become a [`Block`].

mod block;
mod line;
mod repr;
mod string;

pub use block::Block;
pub use line::{Fields, Line, Words};
pub use string::Str;

#[cfg(test)]
mod tests;
