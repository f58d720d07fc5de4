//! `Str`: an immutable string of 16 bytes, short ones in place, long ones shared.
//!
//! Owns what a string can do (compare, hash, travel through serde) and nothing of how it lies in
//! memory. Invariant: every answer is that of the `str` it stands for.

use super::repr::Repr;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::convert::Infallible;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::str::FromStr;
use std::sync::Arc;

/// An immutable string of 16 bytes: up to 15 bytes of text in place, longer ones as a slice of a
/// shared, counted block. Cloning never allocates.
///
/// A long slice of a [`Line`](super::Line) keeps the line's whole block in memory; call
/// [`Str::compact`] on those that are kept for long, such as keys.
///
/// ```
/// use whitebeam_sdk::Str;
///
/// let country = Str::from("United Kingdom");
/// assert_eq!(country, "United Kingdom");
/// assert!(country.starts_with("United"));
/// assert_eq!(std::mem::size_of::<Str>(), 16);
/// ```
#[derive(Clone)]
pub struct Str(Repr);

impl Str {
    /// A copy of `text`.
    pub fn new(text: &str) -> Self {
        Str(Repr::copy(text))
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// A part of this string, sharing its block; `None` outside of it or within a character.
    pub fn slice(&self, range: Range<usize>) -> Option<Str> {
        let part = self.as_str().get(range.clone())?;
        match self.0.block() {
            None => Repr::inline(part).map(Str),
            Some((text, mine)) => {
                let range = mine.start + range.start..mine.start + range.end;
                Repr::slice(text, range).map(Str)
            }
        }
    }

    /// The same text holding no more memory than its own length.
    #[must_use]
    pub fn compact(self) -> Str {
        match self.0.block() {
            Some((text, range)) if range.len() < text.capacity() => Str::new(&self),
            _ => self,
        }
    }

    #[inline]
    pub(super) fn slice_of(text: &Arc<String>, range: Range<usize>) -> Option<Str> {
        Repr::slice(text, range).map(Str)
    }
}

impl Default for Str {
    fn default() -> Self {
        Str::new("")
    }
}

impl Deref for Str {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Str::new(text)
    }
}

impl From<&String> for Str {
    fn from(text: &String) -> Self {
        Str::new(text)
    }
}

impl From<String> for Str {
    /// Long texts are taken over, not copied.
    fn from(text: String) -> Self {
        Str(Repr::inline(&text).unwrap_or_else(|| Repr::own(Arc::new(text))))
    }
}

impl From<Str> for String {
    fn from(text: Str) -> Self {
        text.as_str().to_owned()
    }
}

impl FromStr for Str {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Str::new(text))
    }
}

impl PartialEq for Str {
    #[inline]
    fn eq(&self, other: &Str) -> bool {
        self.0.same(&other.0)
    }
}

impl Eq for Str {}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Str {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Str> for String {
    fn eq(&self, other: &Str) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Str> for &str {
    fn eq(&self, other: &Str) -> bool {
        *self == other.as_str()
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Str) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Str) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Str {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Str {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Str, E> {
        Ok(Str::new(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Str, E> {
        Ok(Str::from(text))
    }
}
