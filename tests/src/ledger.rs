//! A group store that keeps account of keys and accumulators: what is given out must come back.
//!
//! Owns the account only; everything is done by the store behind it. What the protocol forbids
//! (using what was given back, emitting for a forgotten key) is an error here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use whitebeam_sdk::erase::{
    AccId, AccOp, After, Beside, ErasedBatch, Firing, Flow, GroupStore, Meet, Port, Proposed, Run,
    Slot, SpanStore, Stamp, TableId, Which,
};
use whitebeam_sdk::hash::KeyGroup;
use whitebeam_sdk::snapshot::RecordsUnder;
use whitebeam_sdk::{Error, Result, Timestamp, Window};

/// What a store has given out.
#[derive(Clone, Debug, Default)]
pub struct Account(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    keys: BTreeSet<Slot>,
    accs: BTreeSet<AccId>,
}

impl Account {
    /// Keys and accumulators that were not given back.
    pub fn open(&self) -> (usize, usize) {
        self.with(|open| (open.keys.len(), open.accs.len()))
    }

    fn with<R>(&self, change: impl FnOnce(&mut Open) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn give(&self, acc: AccId) -> AccId {
        self.with(|open| open.accs.insert(acc));
        acc
    }

    fn take_back(&self, acc: AccId) -> Result<()> {
        if self.with(|open| open.accs.remove(&acc)) {
            return Ok(());
        }
        Err(Error::internal(format!("{acc:?} is given back twice")))
    }

    fn is_open(&self, acc: AccId) -> Result<()> {
        if self.with(|open| open.accs.contains(&acc)) {
            return Ok(());
        }
        Err(Error::internal(format!(
            "{acc:?} is used and was given back"
        )))
    }
}

/// A store with an account.
pub struct Ledger {
    store: Box<dyn GroupStore>,
    account: Account,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ledger({:?})", self.account)
    }
}

impl Ledger {
    /// Keeps the account of `store` in `account`.
    pub fn of(store: Box<dyn GroupStore>, account: Account) -> Self {
        Ledger { store, account }
    }
}

impl GroupStore for Ledger {
    fn resolve(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        slots: &mut Vec<Slot>,
    ) -> Result<()> {
        self.store.resolve(port, input, slots)?;
        self.account.with(|open| open.keys.extend(slots.iter()));
        Ok(())
    }
    fn new_acc(&mut self) -> Result<AccId> {
        Ok(self.account.give(self.store.new_acc()?))
    }
    fn accumulate(&mut self, port: Port, input: &mut dyn ErasedBatch, ops: &[AccOp]) -> Result<()> {
        ops.iter().try_for_each(|op| self.account.is_open(op.acc))?;
        self.store.accumulate(port, input, ops)
    }
    fn merge_acc(&mut self, into: AccId, from: AccId) -> Result<()> {
        self.account.take_back(from)?;
        self.account.is_open(into)?;
        self.store.merge_acc(into, from)
    }
    fn free_acc(&mut self, acc: AccId) {
        // Given back twice shows when it is used next; this call cannot fail.
        let _ = self.account.take_back(acc);
        self.store.free_acc(acc);
    }
    fn emit_accs(
        &mut self,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        let before = *from;
        let flow = self.store.emit_accs(firings, from, out)?;
        for firing in &firings[before..*from] {
            if !self.account.with(|open| open.keys.contains(&firing.slot)) {
                return Err(Error::internal("a pane of a forgotten key"));
            }
            match (firing.acc, firing.after) {
                (Some(acc), After::Close) => self.account.take_back(acc)?,
                (Some(acc), _) => self.account.is_open(acc)?,
                (None, _) => {}
            }
        }
        Ok(flow)
    }
    fn evict(&mut self, slots: &[Slot]) {
        self.account
            .with(|open| open.keys.retain(|key| !slots.contains(key)));
        self.store.evict(slots);
    }
    fn save_key(&mut self, slot: Slot, groups: u16, to: &mut Vec<u8>) -> Result<KeyGroup> {
        self.store.save_key(slot, groups, to)
    }
    fn load_key(&mut self, from: &mut &[u8]) -> Result<Slot> {
        let slot = self.store.load_key(from)?;
        self.account.with(|open| open.keys.insert(slot));
        Ok(slot)
    }
    fn save_acc(&mut self, acc: AccId, to: &mut Vec<u8>) -> Result<()> {
        self.account.is_open(acc)?;
        self.store.save_acc(acc, to)
    }
    fn load_acc(&mut self, from: &mut &[u8]) -> Result<AccId> {
        Ok(self.account.give(self.store.load_acc(from)?))
    }

    // Tables are not kept account of.
    fn open(&mut self) -> TableId {
        self.store.open()
    }
    fn close(&mut self, table: TableId) {
        self.store.close(table);
    }
    fn len(&self, table: TableId) -> usize {
        self.store.len(table)
    }
    fn upsert(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        runs: &[Run],
        tables: &[TableId],
        slots: Option<&mut Vec<Slot>>,
    ) -> Result<()> {
        self.store.upsert(port, input, runs, tables, slots)
    }
    fn emit(
        &mut self,
        parts: &[TableId],
        which: Which,
        stamp: &Stamp,
        after: After,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        self.store.emit(parts, which, stamp, after, out)
    }
    fn emit_slots(
        &mut self,
        table: TableId,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        self.store.emit_slots(table, firings, from, out)
    }
    fn save_table(
        &mut self,
        table: TableId,
        beside: Option<&Beside<'_>>,
        to: &mut RecordsUnder<'_>,
    ) -> Result<()> {
        self.store.save_table(table, beside, to)
    }
    fn save_slots(
        &mut self,
        table: TableId,
        slots: &[Slot],
        beside: Option<&Beside<'_>>,
        to: &mut RecordsUnder<'_>,
    ) -> Result<()> {
        self.store.save_slots(table, slots, beside, to)
    }
    fn peek(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        runs: &[Run],
        tables: &[TableId],
        slots: &mut Vec<Option<Slot>>,
    ) -> Result<()> {
        self.store.peek(port, input, runs, tables, slots)
    }
    fn load_entry(&mut self, table: TableId, from: &mut &[u8]) -> Result<Slot> {
        self.store.load_entry(table, from)
    }
    fn bytes(&self) -> usize {
        self.store.bytes()
    }
}

// Nor are spans.
impl SpanStore for Ledger {
    fn extend(
        &mut self,
        port: Port,
        input: &mut dyn ErasedBatch,
        proposed: Proposed<'_>,
        horizon: Timestamp,
        meet: &mut dyn Meet,
    ) -> Result<()> {
        self.store.extend(port, input, proposed, horizon, meet)
    }
    fn span(&self, slot: Slot) -> Option<Window> {
        self.store.span(slot)
    }
    fn emit_spans(
        &mut self,
        firings: &[Firing],
        from: &mut usize,
        out: &mut dyn ErasedBatch,
    ) -> Result<Flow> {
        self.store.emit_spans(firings, from, out)
    }
    fn free_span(&mut self, slot: Slot) {
        self.store.free_span(slot);
    }
    fn save_span(&mut self, slot: Slot, groups: u16, to: &mut Vec<u8>) -> Result<KeyGroup> {
        self.store.save_span(slot, groups, to)
    }
    fn load_span(&mut self, window: Window, from: &mut &[u8], meet: &mut dyn Meet) -> Result<()> {
        self.store.load_span(window, from, meet)
    }
}
