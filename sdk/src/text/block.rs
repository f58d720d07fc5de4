//! `Block`: a piece of text that many lines and strings are slices of.
//!
//! Owns the one UTF-8 check of what was read. Invariant: a block never changes.

use super::line::Line;
use std::ops::Range;
use std::string::FromUtf8Error;
use std::sync::Arc;

/// An immutable, shared piece of text, such as 64 KiB of a file.
#[derive(Clone, Debug, Default)]
pub struct Block(Arc<String>);

impl Block {
    /// Takes over bytes that were read, if all of them are UTF-8; otherwise gives them back in the
    /// error, with the place of the first that are not.
    pub fn from_utf8(bytes: Vec<u8>) -> Result<Self, FromUtf8Error> {
        String::from_utf8(bytes).map(Block::from)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A line of this block; `None` outside of it, within a character, or behind its first 4 GiB.
    #[inline]
    pub fn line(&self, range: Range<usize>) -> Option<Line> {
        Line::of(&self.0, range)
    }
}

impl From<String> for Block {
    fn from(text: String) -> Self {
        Block(Arc::new(text))
    }
}
