//! The typed loops that move a batch's values into accumulators.
//!
//! Owns one loop per protocol call, monomorphised for key, value and accumulator. Knows nothing of
//! which element belongs where.

use super::fast::Spans;
use super::ring::{Column, Place, Places, Ring};
use super::table::Table;
use super::{AccOp, Meet, Proposed, Run, Slot, TableId};
use crate::batch::{Col, Vals};
use crate::erase::batch::{ErasedBatch, new_batch, typed};
use crate::erase::gather::{Feed, Gather};
use crate::error::Result;
use crate::hash::{KeyGroup, stable_hash};
use crate::time::Timestamp;
use crate::window::Window;

/// Called with an element's row, its key, and what adds its value to an accumulator.
pub(crate) type Visit<'a, G> = dyn FnMut(usize, &<G as Gather>::Key, &mut dyn FnMut(&mut <G as Gather>::Acc)) -> Result<()>
    + 'a;

/// One input of a grouping, its value type erased.
pub(crate) trait ErasedFeed<G: Gather>: Send + Sync {
    /// See `GroupStore::upsert`.
    fn upsert(
        &self,
        gather: &G,
        input: &mut dyn ErasedBatch,
        target: Target<'_, G>,
        slots: Option<&mut Vec<Slot>>,
    );
    /// Calls `visit` for each element's key. The elements stay.
    fn keys(&self, input: &mut dyn ErasedBatch, visit: &mut dyn FnMut(&G::Key));
    /// See `GroupStore::accumulate`.
    fn accumulate(
        &self,
        gather: &G,
        input: &mut dyn ErasedBatch,
        ops: &[AccOp],
        accs: &mut [Option<G::Acc>],
    );
    /// See `SpanStore::extend`.
    fn extend(
        &self,
        gather: &G,
        input: &mut dyn ErasedBatch,
        bounds: (Proposed<'_>, Timestamp),
        spans: &mut Spans<G>,
        meet: &mut dyn Meet,
    );
    /// Visits every element, slowly, until a visit fails. The elements stay.
    fn each(&self, gather: &G, input: &mut dyn ErasedBatch, visit: &mut Visit<'_, G>)
    -> Result<()>;
    /// See `ErasedGrouping::scatter`.
    fn scatter(&self, input: &mut dyn ErasedBatch, to: &[u32], outs: &mut [Box<dyn ErasedBatch>]);
    /// An empty batch of this input.
    fn new_input(&self) -> Box<dyn ErasedBatch>;
}

/// Which elements go to which tables.
pub(crate) struct Target<'a, G: Gather> {
    pub(crate) runs: &'a [Run],
    pub(crate) ids: &'a [TableId],
    pub(crate) places: &'a mut Places<G>,
    pub(crate) ring: &'a mut Ring<G::Key, G::Acc>,
}

/// A typed input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypedFeed<F>(pub(crate) F);

impl<G: Gather, F: Feed<G>> ErasedFeed<G> for TypedFeed<F> {
    fn upsert(
        &self,
        gather: &G,
        input: &mut dyn ErasedBatch,
        target: Target<'_, G>,
        slots: Option<&mut Vec<Slot>>,
    ) {
        match &mut typed::<F::Item>(input).vals {
            Vals::Owned(v) => self.upsert_all(gather, v.drain(..), target, slots),
            Vals::Shared(all, range) => {
                self.upsert_all(gather, all[range.clone()].iter().cloned(), target, slots);
            }
        }
        input.clear();
    }

    fn keys(&self, input: &mut dyn ErasedBatch, visit: &mut dyn FnMut(&G::Key)) {
        let batch = typed::<F::Item>(input);
        batch.values().iter().for_each(|item| visit(F::key(item)));
    }

    fn accumulate(
        &self,
        gather: &G,
        input: &mut dyn ErasedBatch,
        ops: &[AccOp],
        accs: &mut [Option<G::Acc>],
    ) {
        let mut add = |op: &AccOp, value: F::Value| {
            let acc = accs[op.acc.0 as usize].get_or_insert_with(|| gather.create());
            self.0.add(gather, acc, value);
        };
        let mut ops = ops.iter().peekable();
        let values = typed::<F::Item>(input).take_values();
        for (row, item) in values.into_iter().enumerate() {
            let (_, value) = F::split(item);
            let mut mine = ops.next_if(|op| op.row as usize == row);
            while let Some(op) = mine {
                mine = ops.next_if(|next| next.row as usize == row);
                if mine.is_none() {
                    add(op, value);
                    break;
                }
                add(op, value.clone());
            }
        }
        input.clear();
    }

    fn extend(
        &self,
        gather: &G,
        input: &mut dyn ErasedBatch,
        bounds: (Proposed<'_>, Timestamp),
        spans: &mut Spans<G>,
        meet: &mut dyn Meet,
    ) {
        let batch = typed::<F::Item>(input);
        let timestamps = &batch.meta.ts;
        match &mut batch.vals {
            Vals::Owned(v) => {
                self.extend_all(gather, v.drain(..), timestamps, bounds, spans, meet);
            }
            Vals::Shared(all, range) => {
                let items = all[range.clone()].iter().cloned();
                self.extend_all(gather, items, timestamps, bounds, spans, meet);
            }
        }
        input.clear();
    }

    fn each(
        &self,
        gather: &G,
        input: &mut dyn ErasedBatch,
        visit: &mut Visit<'_, G>,
    ) -> Result<()> {
        for (row, item) in typed::<F::Item>(input).values().iter().enumerate() {
            visit(row, F::key(item), &mut |acc| {
                self.0.add(gather, acc, F::split(item.clone()).1);
            })?;
        }
        Ok(())
    }

    fn scatter(&self, input: &mut dyn ErasedBatch, to: &[u32], outs: &mut [Box<dyn ErasedBatch>]) {
        let batch = typed::<F::Item>(input);
        let groups = to.len() as u16;
        let mut rows = vec![Vec::new(); outs.len()];
        for (i, item) in batch.values().iter().enumerate() {
            let target = to[usize::from(KeyGroup::of(stable_hash(F::key(item)), groups).0)];
            rows[target as usize].push(i as u32);
        }
        for (out, rows) in outs.iter_mut().zip(&rows) {
            if !rows.is_empty() {
                batch.copy_rows(rows, typed(out.as_mut()));
            }
        }
        batch.clear();
    }

    fn new_input(&self) -> Box<dyn ErasedBatch> {
        new_batch::<F::Item>()
    }
}

impl<F> TypedFeed<F> {
    #[inline(always)]
    fn upsert_all<G: Gather>(
        &self,
        gather: &G,
        mut items: impl Iterator<Item = F::Item>,
        mut target: Target<'_, G>,
        mut slots: Option<&mut Vec<Slot>>,
    ) where
        F: Feed<G>,
    {
        let (runs, ids) = (target.runs, target.ids);
        if let ([run], None) = (runs, &slots)
            && run.n == 1
        {
            let id = ids[run.first as usize];
            return self.upsert_into(gather, items, &mut target, id, &mut |_| {});
        }
        if let ([run], Some(slots)) = (runs, &mut slots)
            && run.n == 1
        {
            let id = ids[run.first as usize];
            let mut at = slots.len();
            slots.resize(at + run.upto as usize, 0);
            let noted = &mut slots[..];
            let mut note = |slot| {
                noted[at] = slot;
                at += 1;
            };
            return self.upsert_into(gather, items, &mut target, id, &mut note);
        }
        let mut at = 0;
        for run in runs {
            let part = items.by_ref().take((run.upto - at) as usize);
            at = run.upto;
            let mut note = |slot| {
                if let Some(slots) = &mut slots {
                    slots.push(slot);
                }
            };
            match &ids[run.first as usize..(run.first + run.n) as usize] {
                [] => part.for_each(drop),
                [one] => self.upsert_into(gather, part, &mut target, *one, &mut note),
                many => part.for_each(|item| {
                    for id in many {
                        let one = std::iter::once(item.clone());
                        self.upsert_into(gather, one, &mut target, *id, &mut note);
                    }
                }),
            }
        }
    }

    #[inline(always)]
    fn extend_all<G: Gather>(
        &self,
        gather: &G,
        items: impl Iterator<Item = F::Item>,
        timestamps: &Col<Timestamp>,
        (proposed, horizon): (Proposed<'_>, Timestamp),
        spans: &mut Spans<G>,
        meet: &mut dyn Meet,
    ) where
        F: Feed<G>,
    {
        let mut add = |item: F::Item, window: Window| {
            if horizon < window.end() {
                let (key, value) = F::split(item);
                spans.add(gather, key, window, meet, |acc| {
                    self.0.add(gather, acc, value);
                });
            }
        };
        match (proposed, timestamps) {
            (Proposed::Each(windows), _) => items.zip(windows).for_each(|(i, w)| add(i, *w)),
            (Proposed::Gap(gap), Col::Uniform(at)) => {
                let window = Window::new(*at, *at + gap);
                items.for_each(|item| add(item, window));
            }
            (Proposed::Gap(gap), Col::Each(all)) => items
                .zip(all)
                .for_each(|(item, &at)| add(item, Window::new(at, at + gap))),
        }
    }

    #[inline(always)]
    fn upsert_into<G: Gather>(
        &self,
        gather: &G,
        items: impl Iterator<Item = F::Item>,
        target: &mut Target<'_, G>,
        id: TableId,
        note: &mut impl FnMut(Slot),
    ) where
        F: Feed<G>,
    {
        match &mut target.places[id.0 as usize] {
            Some(Place::Own(table)) => self.upsert_one(gather, items, table, note),
            Some(Place::Column(column)) => {
                self.upsert_column(gather, items, target.ring, *column, note);
            }
            None => debug_assert!(false, "the policy names open tables only"),
        }
    }

    #[inline(always)]
    fn upsert_column<G: Gather>(
        &self,
        gather: &G,
        items: impl Iterator<Item = F::Item>,
        ring: &mut Ring<G::Key, G::Acc>,
        column: Column,
        note: &mut impl FnMut(Slot),
    ) where
        F: Feed<G>,
    {
        if !Ring::<G::Key, G::Acc>::suits() {
            // Known when compiled: such a store has no columns and needs no such loop.
            return;
        }
        let create = || gather.create();
        ring.add_all(column, items.map(F::split), create, |slot, acc, value| {
            self.0.add(gather, acc, value);
            note(slot as Slot);
        });
    }

    #[inline(always)]
    fn upsert_one<G: Gather>(
        &self,
        gather: &G,
        items: impl Iterator<Item = F::Item>,
        table: &mut Table<G::Key, G::Acc>,
        note: &mut impl FnMut(Slot),
    ) where
        F: Feed<G>,
    {
        if size_of::<G::Key>() == 0 {
            return self.fold(gather, items, table, note);
        }
        table.settle_some();
        let is_growing = table.grows_with(items.size_hint().1.unwrap_or(usize::MAX));
        for item in items {
            let (key, value) = F::split(item);
            let hash = stable_hash(&key);
            let slot = match is_growing {
                false => table.slot(hash, key, || gather.create()),
                true => table.slot_growing(hash, key, || gather.create()),
            };
            self.0.add(gather, &mut table.entries[slot].acc, value);
            note(slot as Slot);
        }
    }

    /// All elements have the one key there is: the accumulator lives in registers meanwhile.
    #[inline(always)]
    fn fold<G: Gather>(
        &self,
        gather: &G,
        mut items: impl Iterator<Item = F::Item>,
        table: &mut Table<G::Key, G::Acc>,
        note: &mut impl FnMut(Slot),
    ) where
        F: Feed<G>,
    {
        let Some(first) = items.next() else { return };
        let (key, value) = F::split(first);
        let slot = table.slot(0, key, || gather.create());
        let mut acc = std::mem::replace(&mut table.entries[slot].acc, gather.create());
        self.0.add(gather, &mut acc, value);
        note(slot as Slot);
        for item in items {
            self.0.add(gather, &mut acc, F::split(item).1);
            note(slot as Slot);
        }
        table.entries[slot].acc = acc;
    }
}
