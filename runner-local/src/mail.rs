//! `Mail`: batches on their way from one step to another, and what may happen to them there.
//!
//! Owns what the model leaves open between two steps: the order of elements and how they are cut
//! into batches. Every element crosses its coder here. Does not own when mail is delivered.

use crate::chance::Chance;
use crate::node::Bundles;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_runner_core::stage::Outlet;
use whitebeam_sdk::Result;
use whitebeam_sdk::erase::ErasedBatch;

/// Batches that wait for one reader of one collection.
#[derive(Clone, Default)]
pub(crate) struct Mail(Arc<Mutex<Vec<Box<dyn ErasedBatch>>>>);

impl Mail {
    fn lock(&self) -> MutexGuard<'_, Vec<Box<dyn ErasedBatch>>> {
        // Nothing can fail while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, batch: Box<dyn ErasedBatch>) {
        if !batch.is_empty() {
            self.lock().push(batch);
        }
    }

    pub(crate) fn take_all(&self) -> Vec<Box<dyn ErasedBatch>> {
        std::mem::take(&mut *self.lock())
    }
}

impl Outlet for Mail {
    fn take(&mut self, batch: &mut dyn ErasedBatch) -> Result<()> {
        let mut taken = batch.new_like();
        taken.swap(batch);
        self.put(taken);
        Ok(())
    }
}

/// The elements of `batches`, each replaced by its decoded encoding, in an order that `chance`
/// chooses; in pieces that it chooses too if `cut` asks for that, otherwise in one.
pub(crate) fn disturb(
    batches: Vec<Box<dyn ErasedBatch>>,
    cut: Bundles,
    chance: &mut Chance,
) -> Result<Vec<Box<dyn ErasedBatch>>> {
    let mut pieces = Vec::new();
    for mut all in joined(batches) {
        all.recode()?;
        let mut rows: Vec<u32> = (0..all.len() as u32).collect();
        if !chance.one_in(4) {
            chance.shuffle(&mut rows);
        }
        let size = match cut {
            Bundles::AsSent => usize::MAX,
            Bundles::Cut => chance.size(),
        };
        for rows in rows.chunks(size.min(rows.len())) {
            let mut piece = all.new_like();
            all.copy_rows(rows, piece.as_mut());
            pieces.push(piece);
        }
    }
    Ok(pieces)
}

/// `batches` as few batches: those whose windows have the same form become one.
fn joined(batches: Vec<Box<dyn ErasedBatch>>) -> Vec<Box<dyn ErasedBatch>> {
    let mut joined: Vec<Box<dyn ErasedBatch>> = Vec::new();
    for mut batch in batches {
        let like = |other: &&mut Box<dyn ErasedBatch>| other.meta().implied == batch.meta().implied;
        match joined.iter_mut().find(like) {
            Some(other) => other.append(batch.as_mut()),
            None => joined.push(batch),
        }
    }
    joined
}
