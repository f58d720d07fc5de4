//! Group stores: keys and accumulators by window table or by accumulator id, behind one trait.
//!
//! Owns where accumulators live and the typed loops over them. Knows no triggers, watermarks or
//! lateness: the policy in `runner-core` says which element goes where and what is emitted when.
//!
//! There are two stores. [`TableStore`] is the fast one. `SlowStore` keeps everything encoded and
//! pages it to disk; it exists so that a disk backend replaces a store and not the design, and it
//! passes every test that the fast one passes.

mod fast;
mod feed;
mod index;
mod keys;
mod ring;
mod slow;
mod span;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use fast::TableStore;
pub(crate) use feed::{ErasedFeed, TypedFeed};
pub(crate) use slow::SlowStore;
pub use span::{Meet, Place, Proposed, SpanStore};

use super::batch::ErasedBatch;
use super::step::{Flow, Port};
use crate::error::Result;
use crate::hash::KeyGroup;
use crate::pane::PaneInfo;
use crate::snapshot::RecordsUnder;
use crate::time::Timestamp;
use crate::window::Window;

/// Which store a grouping uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StoreKind {
    /// Typed tables in memory.
    #[default]
    Fast,
    /// Encoded pages, few of them in memory.
    Slow,
}

/// A table of keys and accumulators, usually one per window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TableId(pub u32);

/// A key's place: in a window table, or among the keys that [`GroupStore::resolve`] found.
pub type Slot = u32;

/// An accumulator that belongs to no table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccId(pub u32);

/// The elements from the end of the run before up to `upto` go to `tables[first..first + n]`;
/// `n` = 0 drops them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// First element after the run.
    pub upto: u32,
    /// First table of the run.
    pub first: u32,
    /// Number of tables.
    pub n: u32,
}

/// Element `row` is added to `acc`. Operations on one row stand together, rows in order; a row
/// without an operation is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccOp {
    /// Index in the batch.
    pub row: u32,
    /// Where it goes.
    pub acc: AccId,
}

/// The metadata of what a firing emits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The window that fires.
    pub window: Window,
    /// Timestamp of the pane.
    pub timestamp: Timestamp,
    /// Its number and timing.
    pub pane: PaneInfo,
}

/// One firing for one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Firing {
    /// The key.
    pub slot: Slot,
    /// What has been gathered; `None` fires the accumulator of no values. In a window table the
    /// slot's own accumulator is meant by any `Some`.
    pub acc: Option<AccId>,
    /// Metadata of the pane.
    pub stamp: Stamp,
    /// What becomes of the accumulator.
    pub after: After,
}

/// What becomes of an accumulator that was emitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// It goes on.
    Keep,
    /// It starts again from nothing.
    Reset,
    /// It is not needed any more.
    Close,
}

/// What [`GroupStore::emit`] emits of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// What the grouping emits to its consumers.
    Outputs,
    /// `(Key, Acc)` pairs, for the partials input of the same grouping elsewhere.
    Partials,
}

/// Appends what a policy keeps of a slot of a table beside its accumulator.
pub type Beside<'a> = dyn Fn(TableId, Slot, &mut Vec<u8>) -> Result<()> + 'a;

/// Keys and accumulators of one grouping.
///
/// **Tables** (windows that do not merge): `open`, `open_slice`, `upsert`, `emit`, `emit_slots`,
/// `close`; `peek`, `save_slots`.
/// **Spans** (windows that only grow and merge): see [`SpanStore`].
/// **Accumulators** (windows that merge; the general path): `resolve`, `new_acc`, `accumulate`,
/// `merge_acc`, `emit_accs`, `free_acc`, `evict`.
pub trait GroupStore: SpanStore + Send {
    /// A new, empty table.
    fn open(&mut self) -> TableId;
    /// A new, empty table that is to be emitted with others made by this call, at most about
    /// `most` of them open at once. Behaves like one of `open`, and may be faster.
    fn open_slice(&mut self, most: usize) -> TableId {
        let _ = most;
        self.open()
    }
    /// Drops a table whole.
    fn close(&mut self, table: TableId);
    /// Number of keys in a table.
    fn len(&self, table: TableId) -> usize;
    /// Adds all elements of `input` to the tables that `runs` names and leaves it empty. With
    /// `slots`, appends the slot of each (element, table) pair, in order.
    fn upsert(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        runs: &[Run],
        tables: &[TableId],
        slots: Option<&mut Vec<Slot>>,
    ) -> Result<()>;
    /// Appends the slots that `upsert` would, as far as the keys are there; `None` for others. The
    /// elements stay.
    fn peek(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        runs: &[Run],
        tables: &[TableId],
        slots: &mut Vec<Option<Slot>>,
    ) -> Result<()>;
    /// Emits every key of the tables `parts`, merged where a key is in several, all under one
    /// stamp. With [`After::Close`] and one part the table is emptied as it is emitted; several
    /// parts are left as they are. With [`After::Reset`] the parts are empty from the first call
    /// on. After [`Flow::Yield`], call again with the same arguments; tables take elements
    /// meanwhile, for a later pane, except a table that is being emptied under `Close`.
    fn emit(
        &mut self,
        parts: &[TableId],
        which: Which,
        stamp: &Stamp,
        after: After,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow>;
    /// Emits single keys of one table, from `*from` on, which moves.
    fn emit_slots(
        &mut self,
        table: TableId,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow>;

    /// Appends the key slot of each element of `input`; new keys get new slots.
    fn resolve(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        slots: &mut Vec<Slot>,
    ) -> Result<()>;
    /// A new accumulator of no values.
    fn new_acc(&mut self) -> Result<AccId>;
    /// Adds elements of `input` to accumulators and leaves it empty.
    fn accumulate(&mut self, port: Port, input: &mut dyn ErasedBatch, ops: &[AccOp]) -> Result<()>;
    /// Moves what `from` gathered into `into`; `from` is freed.
    fn merge_acc(&mut self, into: AccId, from: AccId) -> Result<()>;
    /// Drops an accumulator.
    fn free_acc(&mut self, acc: AccId);
    /// Emits panes of accumulators, from `*from` on, which moves. [`After::Close`] frees the
    /// accumulator.
    fn emit_accs(
        &mut self,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow>;
    /// Forgets keys; their slots may be given to other keys.
    fn evict(&mut self, slots: &[Slot]);

    /// Encoded key of a key slot and its group, of `groups` in all.
    fn save_key(&mut self, slot: Slot, groups: u16, to: &mut Vec<u8>) -> Result<KeyGroup>;
    /// Slot of an encoded key, new if need be; moves past the key.
    fn load_key(&mut self, from: &mut &[u8]) -> Result<Slot>;
    /// Encoding of an accumulator.
    fn save_acc(&mut self, acc: AccId, to: &mut Vec<u8>) -> Result<()>;
    /// A new accumulator from its encoding; moves past it.
    fn load_acc(&mut self, from: &mut &[u8]) -> Result<AccId>;
    /// Adds a record for every slot of a table that is not yet emitted: its key, its accumulator,
    /// then what `beside` appends for it. Then, under slots of no key, what an open emission took
    /// out of the table by [`After::Reset`] and still owes (of several parts, all with the first).
    fn save_table(
        &mut self,
        table: TableId,
        beside: Option<&Beside<'_>>,
        to: &mut RecordsUnder<'_>,
    ) -> Result<()>;
    /// The same for some slots of a table alone, maybe as copies where nothing is beside them.
    fn save_slots(
        &mut self,
        table: TableId,
        slots: &[Slot],
        beside: Option<&Beside<'_>>,
        to: &mut RecordsUnder<'_>,
    ) -> Result<()>;
    /// Adds one encoded key and accumulator to a table, merging if the key is there; moves past
    /// them.
    fn load_entry(&mut self, table: TableId, from: &mut &[u8]) -> Result<Slot>;
    /// Bytes held in memory, about.
    fn bytes(&self) -> usize;
}
