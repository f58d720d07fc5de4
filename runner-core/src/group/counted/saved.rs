//! What counted windows write down and find again.
//!
//! Owns the record forms: per key its accumulator and what it has emitted, per instance the clocks.

use super::{Counted, Emitted, Keys, NOTHING};
use crate::group::heads::Head;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::erase::{Slot, TableId};
use whitebeam_sdk::snapshot::{SnapshotReader, SnapshotWriter};
use whitebeam_sdk::window::Window;
use whitebeam_sdk::{Result, Timestamp, element};

/// What an instance holds beside its keys.
#[derive(Debug, Serialize, Deserialize)]
struct Clocks {
    watermark: Timestamp,
    output: Timestamp,
    /// Windows whose end has passed and whose on-time panes are not all out: a key of theirs that
    /// has emitted none is still to fire.
    unfinished: Vec<Window>,
}

/// Appends what a slot has emitted.
pub(super) fn beside(keys: &[Option<Keys>]) -> impl Fn(TableId, Slot, &mut Vec<u8>) -> Result<()> {
    |table, slot, to| {
        let keys = keys[table.0 as usize].as_ref();
        let emitted = keys.and_then(|keys| keys.emitted.get(slot as usize));
        element::encode(emitted.unwrap_or(&NOTHING), to)
    }
}

impl Counted {
    /// Writes every window.
    pub(super) fn save(&mut self, to: &mut SnapshotWriter) -> Result<()> {
        self.save_clocks(to)?;
        self.windows.save_beside(Some(&beside(&self.keys)), to)
    }

    pub(super) fn save_clocks(&self, to: &mut SnapshotWriter) -> Result<()> {
        let mut plain = Vec::new();
        let watermark = self.windows.watermark;
        let due = self.windows.open.iter();
        let due = due.take_while(|((end, _), _)| end.previous() < watermark);
        let keys = |table: &TableId| self.keys[table.0 as usize].as_ref();
        let unfinished = due.filter(|(_, table)| keys(table).is_some_and(|k| !k.past_end));
        let unfinished = unfinished.map(|(&(end, start), _)| Window::new(start, end));
        let clocks = Clocks {
            watermark,
            output: self.output_watermark,
            unfinished: unfinished.collect(),
        };
        element::encode(&clocks, &mut plain)?;
        to.plain(plain);
        Ok(())
    }

    /// Takes over what was written.
    pub(super) fn load(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        for mut plain in from.plain() {
            let clocks: Clocks = element::decode(&mut plain)?;
            self.windows.watermark = self.windows.watermark.max(clocks.watermark);
            self.output_watermark = self.output_watermark.max(clocks.output);
            self.unfinished.extend(clocks.unfinished);
        }
        for record in from.keyed() {
            let mut bytes = record.bytes;
            let Head::Window(window) = element::decode(&mut bytes)? else {
                continue;
            };
            let table = self.windows.table(window);
            self.follow_tables();
            let slot = self.windows.store.load_entry(table, &mut bytes)? as usize;
            let state: Emitted = element::decode(&mut bytes)?;
            if let Some(keys) = &mut self.keys[table.0 as usize] {
                if keys.emitted.len() <= slot {
                    keys.emitted.resize(slot + 1, NOTHING);
                }
                keys.emitted[slot] = state;
            }
        }
        self.unfinished.clear();
        Ok(())
    }
}
