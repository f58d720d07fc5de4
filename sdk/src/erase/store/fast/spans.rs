//! Spans of the fast store: open addressing from keys to their latest span, entries apart.
//!
//! Owns lookup, growth and removal. A span's bounds, key and accumulator stand together, so that an
//! element that extends one touches one place of the index and one entry. Removal shifts the index
//! back, leaving no tombstones; freed slots are used again, so memory follows the open spans.
//!
//! Invariant: a slot that the index names holds its key.

use super::{TableStore, emit_row};
use crate::batch::batch_len;
use crate::element;
use crate::erase::batch::{ErasedBatch, typed};
use crate::erase::gather::Gather;
use crate::erase::step::{Flow, Port};
use crate::erase::store::index::Index;
use crate::erase::store::span::{Meet, Place, Proposed, SpanStore};
use crate::erase::store::{Firing, Slot};
use crate::error::{Error, Result};
use crate::hash::{KeyGroup, stable_hash};
use crate::time::Timestamp;
use crate::window::Window;
use std::sync::Arc;

/// One slot. `held` is empty if the slot is free or its span was merged into another.
#[derive(Debug)]
struct Span<K, A> {
    start: Timestamp,
    end: Timestamp,
    held: Option<(K, A)>,
}

/// Spans of all keys.
#[derive(Debug)]
pub(crate) struct Spans<G: Gather> {
    index: Index,
    spans: Vec<Span<G::Key, G::Acc>>,
    free: Vec<Slot>,
    /// Kept for the next merge.
    merged: Vec<Slot>,
}

impl<G: Gather> Spans<G> {
    pub(super) fn new() -> Self {
        Spans {
            index: Index::new(),
            spans: Vec::new(),
            free: Vec::new(),
            merged: Vec::new(),
        }
    }

    /// Adds to the span of `key` that `window` falls into.
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        gather: &G,
        key: G::Key,
        window: Window,
        meet: &mut dyn Meet,
        add: impl FnOnce(&mut G::Acc),
    ) {
        let hash = stable_hash(&key);
        let holds = |slot: usize| match &self.spans[slot].held {
            Some((held, _)) => *held == key,
            None => false,
        };
        let slot = match self.index.find(hash, holds) {
            Ok(slot) => {
                let span = &mut self.spans[slot];
                if span.start <= window.start()
                    && window.start() < span.end
                    && let Some((_, acc)) = &mut span.held
                {
                    span.end = span.end.max(window.end());
                    return add(acc);
                }
                self.settle(gather, (slot as Slot, hash), key, window, meet)
            }
            Err(at) => self.begin_first(gather, (hash, at), key, window, meet),
        };
        if let Some((_, acc)) = &mut self.spans[slot as usize].held {
            add(acc);
        }
    }

    #[inline(never)]
    fn begin_first(
        &mut self,
        gather: &G,
        (hash, at): (u64, usize),
        key: G::Key,
        window: Window,
        meet: &mut dyn Meet,
    ) -> Slot {
        let slot = self.take_slot(window, key, gather.create());
        self.index.enter(hash, at, slot as usize);
        meet.begun(slot, window, None);
        slot
    }

    /// The element does not begin inside its key's latest span.
    #[inline(never)]
    fn settle(
        &mut self,
        gather: &G,
        (latest, hash): (Slot, u64),
        key: G::Key,
        window: Window,
        meet: &mut dyn Meet,
    ) -> Slot {
        let span = &self.spans[latest as usize];
        let met = (latest, Window::new(span.start, span.end));
        let mut merged = std::mem::take(&mut self.merged);
        let place = meet.meet(met, window, &mut merged);
        let slot = match place {
            Place::Into(slot, bounds) => {
                for from in merged.drain(..) {
                    self.merge(gather, slot, from);
                }
                let span = &mut self.spans[slot as usize];
                (span.start, span.end) = (bounds.start(), bounds.end());
                slot
            }
            Place::Latest | Place::Beside => {
                let slot = self.take_slot(window, key, gather.create());
                if place == Place::Latest {
                    self.index.redirect(hash, latest as usize, slot as usize);
                }
                meet.begun(slot, window, Some(met));
                slot
            }
        };
        self.merged = merged;
        slot
    }

    fn merge(&mut self, gather: &G, into: Slot, from: Slot) {
        let from = self.spans[from as usize].held.take();
        if let (Some((_, into)), Some((_, from))) = (&mut self.spans[into as usize].held, from) {
            gather.merge(into, from);
        }
    }

    fn take_slot(&mut self, window: Window, key: G::Key, acc: G::Acc) -> Slot {
        let span = Span {
            start: window.start(),
            end: window.end(),
            held: Some((key, acc)),
        };
        match self.free.pop() {
            Some(slot) => {
                self.spans[slot as usize] = span;
                slot
            }
            None => {
                self.spans.push(span);
                self.spans.len() as Slot - 1
            }
        }
    }

    /// Takes a span out and frees its slot.
    fn take(&mut self, slot: Slot) -> Option<(G::Key, G::Acc)> {
        let held = self.spans[slot as usize].held.take()?;
        self.index.leave(stable_hash(&held.0), slot as usize);
        self.free.push(slot);
        Some(held)
    }

    pub(super) fn bytes(&self) -> usize {
        self.index.bytes()
            + self.spans.capacity() * size_of::<Span<G::Key, G::Acc>>()
            + self.free.capacity() * size_of::<Slot>()
    }
}

impl<G: Gather> SpanStore for TableStore<G> {
    fn extend(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        proposed: Proposed<'_>,
        horizon: Timestamp,
        meet: &mut dyn Meet,
    ) -> Result<()> {
        let (gather, spans) = (&*self.gather, &mut self.spans);
        self.feeds[port].extend(gather, input, (proposed, horizon), spans, meet);
        Ok(())
    }

    fn span(&self, slot: Slot) -> Option<Window> {
        let Span { start, end, held } = &self.spans.spans[slot as usize];
        held.as_ref().map(|_| Window::new(*start, *end))
    }

    fn emit_spans(
        &mut self,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        let out = typed::<G::Out>(out);
        while let Some(firing) = firings.get(*from) {
            if out.len() >= batch_len::<G::Out>() {
                return Ok(Flow::Yield);
            }
            let Some((key, acc)) = self.spans.take(firing.slot) else {
                return Err(Error::internal("a span fired that is not there"));
            };
            emit_row(out, &firing.stamp, |emit| {
                self.gather.emit(key, acc, &mut |v| emit(v));
            });
            *from += 1;
        }
        Ok(Flow::Done)
    }

    fn free_span(&mut self, slot: Slot) {
        self.spans.free.push(slot);
    }

    fn save_span(&mut self, slot: Slot, groups: u16, to: &mut Vec<u8>) -> Result<KeyGroup> {
        let Some((key, acc)) = &self.spans.spans[slot as usize].held else {
            return Err(Error::internal("saving a span that is not there"));
        };
        element::encode(key, to)?;
        element::encode(acc, to)?;
        Ok(KeyGroup::of(stable_hash(key), groups))
    }

    fn load_span(&mut self, window: Window, from: &mut &[u8], meet: &mut dyn Meet) -> Result<()> {
        let key: G::Key = element::decode(from)?;
        let acc: G::Acc = element::decode(from)?;
        let gather = Arc::clone(&self.gather);
        self.spans.add(&*gather, key, window, meet, |into| {
            gather.merge(into, acc);
        });
        Ok(())
    }
}
