//! The 16 bytes of a [`Str`](super::Str): up to 15 bytes in place, or a slice of a shared text.
//!
//! Owns the only unsafe code of the text module. Invariant: the first byte says which form it is
//! in. Up to [`INLINE_MAX`] it is the length of the text in place, which is UTF-8 and followed by
//! zeros; [`SHARED`] means a slice of a shared text that begins and ends between characters.
#![allow(
    unsafe_code,
    reason = "listed in the design: the representation of Str"
)]

use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::Arc;

/// Longest text in place, in bytes.
pub(super) const INLINE_MAX: usize = 15;
const SHARED: u8 = u8::MAX;
/// Slices that begin behind this byte of their block are copied: their offset has three bytes.
const OFFSET_MAX: usize = (1 << 24) - 1;
/// As a length: from the offset to the end of the block.
const TO_THE_END: u32 = u32::MAX;

#[derive(Clone, Copy)]
#[repr(C)]
struct Inline {
    len: u8,
    bytes: [u8; INLINE_MAX],
}

#[derive(Clone)]
#[repr(C)]
struct Shared {
    tag: u8,
    offset: [u8; 3],
    len: u32,
    text: Arc<String>,
}

impl Shared {
    fn range(&self) -> Range<usize> {
        let [a, b, c] = self.offset;
        let start = u32::from_le_bytes([a, b, c, 0]) as usize;
        match self.len {
            TO_THE_END => start..self.text.len(),
            len => start..start + len as usize,
        }
    }
}

/// Up to 15 bytes as a little-endian number. A copy of unknown length is a call, which costs as
/// much as the rest of making a string; loads that overlap are not.
#[inline(always)]
fn short_word(bytes: &[u8]) -> Option<u128> {
    let n = bytes.len();
    let eight = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let four = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    match n {
        0 => Some(0),
        1..=3 => {
            let at = |i: usize| u128::from(bytes[i]) << (8 * i);
            Some(at(0) | at(n / 2) | at(n - 1))
        }
        4..=7 => {
            let (low, high) = (four(0)?, four(n - 4)?);
            Some(u128::from(
                u64::from(low) | u64::from(high) << (8 * (n - 4)),
            ))
        }
        8..=INLINE_MAX => {
            let (low, high) = (eight(0)?, eight(n - 8)?);
            let high = high.checked_shr(8 * (16 - n as u32)).unwrap_or(0);
            Some(u128::from(low) | u128::from(high) << 64)
        }
        _ => None,
    }
}

/// See the module.
#[repr(C)]
pub(super) union Repr {
    inline: Inline,
    shared: ManuallyDrop<Shared>,
}

const _: () = assert!(size_of::<Repr>() == 16, "a string is two words");

impl Repr {
    /// The text in place, if it is short enough.
    #[inline]
    pub(super) fn inline(text: &str) -> Option<Self> {
        let word = short_word(text.as_bytes())?.to_le_bytes();
        let mut bytes = [0; INLINE_MAX];
        bytes.copy_from_slice(&word[..INLINE_MAX]);
        let len = text.len() as u8;
        Some(Repr {
            inline: Inline { len, bytes },
        })
    }

    /// A copy of `text`, in place or as a block of its own.
    pub(super) fn copy(text: &str) -> Self {
        Self::inline(text).unwrap_or_else(|| Self::own(Arc::new(text.to_owned())))
    }

    /// All of `text`.
    pub(super) fn own(text: Arc<String>) -> Self {
        Self::shared([0; 3], TO_THE_END, text)
    }

    /// A range of `text`: in place if short, else sharing it. `None` if it does not lie between
    /// characters of `text`.
    #[inline]
    pub(super) fn slice(text: &Arc<String>, range: Range<usize>) -> Option<Self> {
        let part = text.get(range.clone())?;
        if let Some(repr) = Self::inline(part) {
            return Some(repr);
        }
        match u32::try_from(part.len()) {
            Ok(len) if range.start <= OFFSET_MAX && len != TO_THE_END => {
                let [a, b, c, _] = (range.start as u32).to_le_bytes();
                Some(Self::shared([a, b, c], len, Arc::clone(text)))
            }
            _ => Some(Self::copy(part)),
        }
    }

    fn shared(offset: [u8; 3], len: u32, text: Arc<String>) -> Self {
        let tag = SHARED;
        Repr {
            shared: ManuallyDrop::new(Shared {
                tag,
                offset,
                len,
                text,
            }),
        }
    }

    #[inline]
    fn tag(&self) -> u8 {
        // SAFETY: both forms are `repr(C)` and begin with an initialised byte.
        unsafe { self.inline.len }
    }

    #[inline]
    fn as_inline(&self) -> Option<&Inline> {
        if self.tag() == SHARED {
            return None;
        }
        // SAFETY: the tag says that the text is in place.
        Some(unsafe { &self.inline })
    }

    #[inline]
    fn as_shared(&self) -> Option<&Shared> {
        if self.tag() != SHARED {
            return None;
        }
        // SAFETY: the tag says that the text is shared.
        Some(unsafe { &self.shared })
    }

    /// The text.
    #[inline]
    pub(super) fn as_str(&self) -> &str {
        match self.as_inline() {
            Some(inline) => {
                let bytes = &inline.bytes[..usize::from(inline.len)];
                // SAFETY: only `Repr::inline` makes this form, from all bytes of a `str`, and
                // nothing changes them later.
                unsafe { std::str::from_utf8_unchecked(bytes) }
            }
            None => self.shared_str(),
        }
    }

    fn shared_str(&self) -> &str {
        self.as_shared().map_or("", |s| &s.text[s.range()])
    }

    /// The shared text and where the slice of it lies, unless the text is in place.
    pub(super) fn block(&self) -> Option<(&Arc<String>, Range<usize>)> {
        self.as_shared().map(|s| (&s.text, s.range()))
    }

    /// Equality, without following a pointer where both are in place.
    #[inline]
    pub(super) fn same(&self, other: &Repr) -> bool {
        match (self.as_inline(), other.as_inline()) {
            (Some(a), Some(b)) => a.len == b.len && a.bytes == b.bytes,
            _ => self.as_str() == other.as_str(),
        }
    }
}

impl Clone for Repr {
    #[inline]
    fn clone(&self) -> Self {
        match (self.as_inline(), self.as_shared()) {
            (None, Some(shared)) => Repr {
                shared: ManuallyDrop::new(shared.clone()),
            },
            (Some(&inline), _) => Repr { inline },
            (None, None) => unreachable!("a tag names one of two forms"),
        }
    }
}

impl Drop for Repr {
    #[inline]
    fn drop(&mut self) {
        if self.tag() == SHARED {
            // SAFETY: the tag says that the text is shared, and this is the only drop of it.
            unsafe { ManuallyDrop::drop(&mut self.shared) };
        }
    }
}
