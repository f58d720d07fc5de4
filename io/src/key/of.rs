//! `KeyOf`: which key an element's record gets.
//!
//! Owns how a key is found and encoded. Knows no transport.

use crate::codec::Codec;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use whitebeam_sdk::Result;

/// Finds the key of an element.
pub trait KeyOf<T>: Clone + Send + Sync + 'static {
    /// Appends the encoded key to `out`; false if there is none.
    fn key(&self, element: &T, out: &mut Vec<u8>) -> Result<bool>;
}

/// No record has a key: they go to all partitions in turn.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct NoKey;

/// Keys that a function finds, in the form of a codec.
pub struct KeyBy<F, C, K> {
    find: Arc<F>,
    codec: C,
    types: PhantomData<fn() -> K>,
}

impl<F, C, K> KeyBy<F, C, K> {
    pub(crate) fn new(find: F, codec: C) -> Self {
        KeyBy {
            find: Arc::new(find),
            codec,
            types: PhantomData,
        }
    }
}

impl<F, C: Clone, K> Clone for KeyBy<F, C, K> {
    fn clone(&self) -> Self {
        KeyBy {
            find: Arc::clone(&self.find),
            codec: self.codec.clone(),
            types: PhantomData,
        }
    }
}

impl<F, C, K> fmt::Debug for KeyBy<F, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBy")
    }
}

impl<T> KeyOf<T> for NoKey {
    fn key(&self, _: &T, _: &mut Vec<u8>) -> Result<bool> {
        Ok(false)
    }
}

impl<T, K, F, C> KeyOf<T> for KeyBy<F, C, K>
where
    K: 'static,
    F: Fn(&T) -> K + Send + Sync + 'static,
    C: Codec<K>,
{
    fn key(&self, element: &T, out: &mut Vec<u8>) -> Result<bool> {
        let key = (self.find)(element);
        self.codec.encode(&key, out).map(|()| true)
    }
}
