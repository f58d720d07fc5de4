//! The span protocol of group stores: windows that grow and merge, each in a slot with its key and
//! accumulator.
//!
//! Owns the calls and who decides: the store finds the latest span of an element's key and extends
//! it when the element begins inside; everything else it asks its caller through [`Meet`], row by
//! row, since what a session is, when it fires and what is late are no store's business.
//!
//! Invariant: the index leads from a key to its latest span only, the one that starts last. Spans
//! of a key that the caller placed beside it are known by their slots alone.

use super::{Firing, Port, Slot};
use crate::erase::batch::ErasedBatch;
use crate::erase::step::Flow;
use crate::error::Result;
use crate::hash::KeyGroup;
use crate::time::{Duration, Timestamp};
use crate::window::Window;

/// The window that each element of a batch proposes.
#[derive(Clone, Copy, Debug)]
pub enum Proposed<'a> {
    /// From its timestamp on, this long.
    Gap(Duration),
    /// One per element.
    Each(&'a [Window]),
}

/// Where an element goes that does not begin inside its key's latest span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Into a new span, which becomes its key's latest.
    Latest,
    /// Into a new span that starts before the latest.
    Beside,
    /// Into the span at this slot, which gets these bounds.
    Into(Slot, Window),
}

/// Decides about spans where extending the latest is not all there is to do.
pub trait Meet {
    /// Where an element goes that proposes `proposed`. Slots that are pushed to `merged` give what
    /// they gathered to the slot of [`Place::Into`]; they stay taken, without a span, until they
    /// are freed. A latest span is never pushed.
    fn meet(&mut self, latest: (Slot, Window), proposed: Window, merged: &mut Vec<Slot>) -> Place;
    /// A span has begun at `slot`. If its key had spans before, `latest` is the one that was met.
    fn begun(&mut self, slot: Slot, window: Window, latest: Option<(Slot, Window)>);
}

/// Spans of one grouping.
pub trait SpanStore {
    /// Adds the elements of `input` to spans and leaves it empty; those whose proposed window ends
    /// at or before `horizon` are dropped.
    fn extend(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        proposed: Proposed<'_>,
        horizon: Timestamp,
        meet: &mut dyn Meet,
    ) -> Result<()>;
    /// The bounds of a span; `None` if it was merged into another.
    fn span(&self, slot: Slot) -> Option<Window>;
    /// Emits spans and frees their slots, from `*from` on, which moves.
    fn emit_spans(
        &mut self,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow>;
    /// Frees the slot of a span that was merged into another.
    fn free_span(&mut self, slot: Slot);
    /// Encodes key and accumulator of a span.
    fn save_span(&mut self, slot: Slot, groups: u16, to: &mut Vec<u8>) -> Result<KeyGroup>;
    /// Adds an encoded key and accumulator with the bounds `window`, as an element would be; moves
    /// past them.
    fn load_span(&mut self, window: Window, from: &mut &[u8], meet: &mut dyn Meet) -> Result<()>;
}
