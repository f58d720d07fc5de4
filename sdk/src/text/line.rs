//! `Line`: a line of a text source, and the words and fields of it as [`Str`].
//!
//! Owns the splitters: what they yield shares the line's block instead of being copied. Invariant:
//! a line begins and ends between characters of its block.

use super::string::Str;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A line of text without its line break: a slice of the block that its source read. Cloning
/// counts, it does not copy.
///
/// ```
/// use whitebeam_sdk::Line;
///
/// let line = Line::from("to be or  not");
/// let words: Vec<_> = line.words().collect();
/// assert_eq!(words, ["to", "be", "or", "not"]);
/// ```
#[derive(Clone)]
pub struct Line {
    block: Arc<String>,
    start: u32,
    /// `u32::MAX` means up to the end of the block.
    len: u32,
}

const TO_THE_END: u32 = u32::MAX;

impl Line {
    #[inline]
    pub(super) fn of(block: &Arc<String>, range: Range<usize>) -> Option<Line> {
        block.get(range.clone())?;
        let start = u32::try_from(range.start).ok()?;
        let len = u32::try_from(range.len())
            .ok()
            .filter(|&len| len != TO_THE_END)?;
        Some(Line {
            block: Arc::clone(block),
            start,
            len,
        })
    }

    fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        match self.len {
            TO_THE_END => start..self.block.len(),
            len => start..start + len as usize,
        }
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.block[self.range()]
    }

    /// A part of this line; `None` outside of it or within a character.
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> Option<Str> {
        let mine = self.range();
        if range.end > mine.len() || range.start > range.end {
            return None;
        }
        Str::slice_of(
            &self.block,
            mine.start + range.start..mine.start + range.end,
        )
    }

    /// The parts between the separators, as `str::split` finds them: one more than there are
    /// separators. Quotes mean nothing here; for CSV there is a source of its own.
    #[inline]
    pub fn fields(&self, separator: char) -> Fields<'_> {
        Fields {
            line: self,
            text: self.as_str(),
            next: Some(0),
            separator,
        }
    }

    /// The part before the first separator, between the first and the second, and so on.
    pub fn field(&self, separator: char, index: usize) -> Option<Str> {
        self.fields(separator).nth(index)
    }

    /// The words between ASCII white space, as `str::split_ascii_whitespace` finds them.
    #[inline]
    pub fn words(&self) -> Words<'_> {
        Words {
            line: self,
            bytes: self.as_str().as_bytes(),
            next: 0,
        }
    }
}

/// See [`Line::fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    line: &'a Line,
    text: &'a str,
    next: Option<usize>,
    separator: char,
}

impl Iterator for Fields<'_> {
    type Item = Str;

    #[inline]
    fn next(&mut self) -> Option<Str> {
        let start = self.next?;
        let rest = &self.text[start..];
        let found = if self.separator.is_ascii() {
            memchr::memchr(self.separator as u8, rest.as_bytes())
        } else {
            rest.find(self.separator)
        };
        let end = start + found.unwrap_or(rest.len());
        self.next = found.map(|_| end + self.separator.len_utf8());
        self.line.slice(start..end)
    }
}

/// See [`Line::words`].
#[derive(Clone, Debug)]
pub struct Words<'a> {
    line: &'a Line,
    bytes: &'a [u8],
    next: usize,
}

impl Iterator for Words<'_> {
    type Item = Str;

    #[inline]
    fn next(&mut self) -> Option<Str> {
        let rest = &self.bytes[self.next..];
        let start = self.next + rest.iter().position(|b| !b.is_ascii_whitespace())?;
        let rest = &self.bytes[start..];
        // Words are shorter than what a search by vectors needs to pay off.
        let len = rest.iter().position(u8::is_ascii_whitespace);
        let end = start + len.unwrap_or(rest.len());
        self.next = end;
        self.line.slice(start..end)
    }
}

impl Deref for Line {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Line {
    fn as_ref(&self) -> &str {
        self
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Line {
            block: Arc::new(text),
            start: 0,
            len: TO_THE_END,
        }
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Line::from(text.to_owned())
    }
}

impl From<&Line> for Str {
    /// The whole line as a string that shares its block.
    fn from(line: &Line) -> Self {
        let text = line.as_str();
        line.slice(0..text.len()).unwrap_or_else(|| Str::new(text))
    }
}

impl From<Line> for Str {
    /// The whole line as a string that shares its block.
    fn from(line: Line) -> Self {
        Str::from(&line)
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        line.as_str().to_owned()
    }
}

impl PartialEq for Line {
    fn eq(&self, other: &Line) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Line {}

impl PartialEq<str> for Line {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Line {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Line {
    fn partial_cmp(&self, other: &Line) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Line {
    fn cmp(&self, other: &Line) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Line {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Line::from)
    }
}
