//! `ErasedBatch`: a batch whose element type is known only to its own code.
//!
//! Owns column operations that runners need without knowing the type, and the one downcast.

use crate::batch::{Batch, Meta};
use crate::element::{self, Element};
use crate::error::{Error, Result};
use std::any::Any;

/// A batch of some element type.
pub trait ErasedBatch: Any + Send {
    /// Number of elements.
    fn len(&self) -> usize;
    /// True without elements.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Metadata columns.
    fn meta(&self) -> &Meta;
    /// Metadata columns, to change in place.
    fn meta_mut(&mut self) -> &mut Meta;
    /// Removes all elements and keeps memory.
    fn clear(&mut self);
    /// An empty batch of the same type.
    fn new_like(&self) -> Box<dyn ErasedBatch>;
    /// Makes the values shared, so that [`ErasedBatch::clone_shared`] is cheap.
    fn share(&mut self);
    /// A second view of the same values.
    fn clone_shared(&self) -> Box<dyn ErasedBatch>;
    /// Exchanges contents with a batch of the same type: how a step passes its input on.
    fn swap(&mut self, other: &mut dyn ErasedBatch);
    /// Moves all elements of `other`, of the same type, to the end of this one.
    fn append(&mut self, other: &mut dyn ErasedBatch);
    /// Appends clones of the named elements to `out`, of the same type.
    fn copy_rows(&self, rows: &[u32], out: &mut dyn ErasedBatch);
    /// Drops the first `n` elements.
    fn skip(&mut self, n: usize);
    /// Bytes held in memory, not counting what elements own on the heap.
    fn bytes(&self) -> usize;
    /// Appends the encoding of all values (not the metadata).
    fn encode_values(&self, out: &mut Vec<u8>) -> Result<()>;
    /// Replaces each value by its decoded encoding, as a reference runner does to find coders that
    /// lose something.
    fn recode(&mut self) -> Result<()>;
    /// Encoding of value `i`.
    fn encode_value(&self, i: usize, out: &mut Vec<u8>) -> Result<()>;
    /// Appends one decoded value without metadata; the caller appends its row.
    fn decode_value(&mut self, bytes: &mut &[u8]) -> Result<()>;
    /// Name of the element type.
    fn type_name(&self) -> &'static str;
    /// For the one downcast.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// Makes an empty batch of the type it was taken from.
pub type NewBatch = fn() -> Box<dyn ErasedBatch>;

/// An empty batch of `T`.
pub fn new_batch<T: Element>() -> Box<dyn ErasedBatch> {
    Box::new(Batch::<T>::default())
}

/// The typed batch behind `batch`: the one downcast, once per batch and step.
#[allow(
    clippy::panic,
    reason = "a wrongly wired graph is a defect that no input can cause"
)]
pub fn typed<T: Element>(batch: &mut dyn ErasedBatch) -> &mut Batch<T> {
    let found = batch.type_name();
    match batch.as_any_mut().downcast_mut::<Batch<T>>() {
        Some(batch) => batch,
        None => panic!(
            "a step for {} was given a batch of {found}: the graph is wired wrongly",
            std::any::type_name::<T>()
        ),
    }
}

impl<T: Element> ErasedBatch for Batch<T> {
    fn len(&self) -> usize {
        Batch::len(self)
    }
    fn meta(&self) -> &Meta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
    fn clear(&mut self) {
        Batch::clear(self);
    }
    fn new_like(&self) -> Box<dyn ErasedBatch> {
        new_batch::<T>()
    }
    fn share(&mut self) {
        Batch::share(self);
    }
    fn clone_shared(&self) -> Box<dyn ErasedBatch> {
        Box::new(self.clone())
    }
    fn swap(&mut self, other: &mut dyn ErasedBatch) {
        std::mem::swap(self, typed::<T>(other));
    }
    fn append(&mut self, other: &mut dyn ErasedBatch) {
        Batch::append(self, typed::<T>(other));
    }
    fn copy_rows(&self, rows: &[u32], out: &mut dyn ErasedBatch) {
        Batch::copy_rows(self, rows, typed::<T>(out));
    }
    fn skip(&mut self, n: usize) {
        Batch::skip(self, n);
    }
    fn bytes(&self) -> usize {
        size_of_val(self.values())
    }
    fn encode_values(&self, out: &mut Vec<u8>) -> Result<()> {
        self.values()
            .iter()
            .try_for_each(|v| element::encode(v, out))
    }
    fn recode(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        self.encode_values(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let decoded: Result<Vec<T>> = (0..Batch::len(self))
            .map(|_| element::decode(&mut rest))
            .collect();
        self.vals = crate::batch::Vals::Owned(decoded?);
        if rest.is_empty() {
            return Ok(());
        }
        Err(Error::data(format!(
            "the coder of {} left bytes unread",
            self.type_name()
        ))
        .help("its Serialize and Deserialize must agree on what is written, field by field"))
    }
    fn encode_value(&self, i: usize, out: &mut Vec<u8>) -> Result<()> {
        element::encode(&self.values()[i], out)
    }
    fn decode_value(&mut self, bytes: &mut &[u8]) -> Result<()> {
        let value = element::decode(bytes)?;
        self.own().push(value);
        Ok(())
    }
    fn type_name(&self) -> &'static str {
        std::any::type_name::<T>()
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl std::fmt::Debug for dyn ErasedBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batch<{}>({} elements)", self.type_name(), self.len())
    }
}
