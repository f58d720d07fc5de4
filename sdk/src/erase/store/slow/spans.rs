//! Spans of the slow store: bounds and encoded keys in memory, accumulators in pages.
//!
//! Owns the same protocol as the fast store's spans, by ordered map from encoded key to its latest
//! span.

use super::entries::encoded;
use super::{SlowStore, emit_row};
use crate::batch::batch_len;
use crate::element;
use crate::erase::batch::{ErasedBatch, typed};
use crate::erase::gather::Gather;
use crate::erase::step::{Flow, Port};
use crate::erase::store::span::{Meet, Place, Proposed, SpanStore};
use crate::erase::store::{AccId, Firing, GroupStore, Slot};
use crate::error::{Error, Result};
use crate::hash::{KeyGroup, stable_hash};
use crate::time::Timestamp;
use crate::window::Window;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug)]
struct Span {
    window: Window,
    key: Vec<u8>,
    acc: AccId,
}

/// Spans of all keys.
#[derive(Debug, Default)]
pub(super) struct SlowSpans {
    latest: BTreeMap<Vec<u8>, Slot>,
    spans: Vec<Option<Span>>,
    free: Vec<Slot>,
}

impl SlowSpans {
    fn get(&self, slot: Slot) -> Result<&Span> {
        let span = self.spans.get(slot as usize).and_then(Option::as_ref);
        span.ok_or_else(|| Error::internal("a span was named that is not there"))
    }

    fn insert(&mut self, span: Span) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.spans.push(None);
            self.spans.len() as Slot - 1
        });
        self.spans[slot as usize] = Some(span);
        slot
    }

    pub(super) fn bytes(&self) -> usize {
        let keys: usize = self.latest.keys().map(Vec::len).sum();
        2 * keys + self.spans.capacity() * size_of::<Option<Span>>()
    }
}

impl<G: Gather> SlowStore<G> {
    /// The accumulator of the span of `key` that `window` falls into.
    fn settle(&mut self, key: &G::Key, window: Window, meet: &mut dyn Meet) -> Result<AccId> {
        let key = encoded(key)?;
        let mut latest = None;
        if let Some(&slot) = self.spans.latest.get(&key) {
            let span = self.spans.get(slot)?;
            latest = Some((slot, span.window));
        }
        let mut merged = Vec::new();
        let place = match latest {
            None => Place::Latest,
            Some((slot, met)) if met.contains(window.start()) => {
                Place::Into(slot, met.span(window))
            }
            Some(met) => meet.meet(met, window, &mut merged),
        };
        if let Place::Into(slot, bounds) = place {
            let acc = self.spans.get(slot)?.acc;
            for from in merged {
                let from = self.spans.spans[from as usize].take();
                from.map_or(Ok(()), |from| self.merge_acc(acc, from.acc))?;
            }
            if let Some(span) = &mut self.spans.spans[slot as usize] {
                span.window = bounds;
            }
            return Ok(acc);
        }
        let acc = self.new_acc()?;
        let slot = self.spans.insert(Span {
            window,
            key: key.clone(),
            acc,
        });
        if place == Place::Latest {
            self.spans.latest.insert(key, slot);
        }
        meet.begun(slot, window, latest);
        Ok(acc)
    }

    fn change_acc(&mut self, id: AccId, change: impl FnOnce(&mut G::Acc)) -> Result<()> {
        let mut acc = self.acc(id)?;
        change(&mut acc);
        self.set_acc(id, &acc)
    }
}

impl<G: Gather> SpanStore for SlowStore<G> {
    fn extend(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        proposed: Proposed<'_>,
        horizon: Timestamp,
        meet: &mut dyn Meet,
    ) -> Result<()> {
        let (gather, feed) = (Arc::clone(&self.gather), Arc::clone(&self.feeds[port]));
        let timestamps = input.meta().ts.clone();
        feed.each(&gather, input, &mut |row, key, add| {
            let window = match proposed {
                Proposed::Gap(gap) => {
                    let at = timestamps.get(row);
                    Window::new(at, at + gap)
                }
                Proposed::Each(windows) => windows[row],
            };
            if window.end() <= horizon {
                return Ok(());
            }
            let acc = self.settle(key, window, meet)?;
            self.change_acc(acc, add)
        })?;
        input.clear();
        Ok(())
    }

    fn span(&self, slot: Slot) -> Option<Window> {
        self.spans.get(slot).ok().map(|span| span.window)
    }

    fn emit_spans(
        &mut self,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        let gather = Arc::clone(&self.gather);
        let out = typed::<G::Out>(out);
        while let Some(firing) = firings.get(*from) {
            if out.len() >= batch_len::<G::Out>() {
                return Ok(Flow::Yield);
            }
            let Span { key, acc, .. } = self.spans.get(firing.slot)?;
            let (key, id): (G::Key, _) = (element::decode(&mut key.as_slice())?, *acc);
            let acc = self.acc(id)?;
            emit_row(out, &firing.stamp, |emit| {
                gather.emit(key, acc, &mut |v| emit(v));
            });
            self.free_acc(id);
            if let Some(span) = self.spans.spans[firing.slot as usize].take()
                && self.spans.latest.get(&span.key) == Some(&firing.slot)
            {
                self.spans.latest.remove(&span.key);
            }
            self.free_span(firing.slot);
            *from += 1;
        }
        Ok(Flow::Done)
    }

    fn free_span(&mut self, slot: Slot) {
        self.spans.free.push(slot);
    }

    fn save_span(&mut self, slot: Slot, groups: u16, to: &mut Vec<u8>) -> Result<KeyGroup> {
        let Span { key, acc, .. } = self.spans.get(slot)?;
        to.extend_from_slice(key);
        let (key, acc): (G::Key, _) = (element::decode(&mut key.as_slice())?, *acc);
        self.save_acc(acc, to)?;
        Ok(KeyGroup::of(stable_hash(&key), groups))
    }

    fn load_span(&mut self, window: Window, from: &mut &[u8], meet: &mut dyn Meet) -> Result<()> {
        let key: G::Key = element::decode(from)?;
        let acc: G::Acc = element::decode(from)?;
        let gather = Arc::clone(&self.gather);
        let into = self.settle(&key, window, meet)?;
        self.change_acc(into, |into| gather.merge(into, acc))
    }
}
