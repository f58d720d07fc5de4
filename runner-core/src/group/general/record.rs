//! Snapshots of the general path: a record per key, and the clocks.
//!
//! Owns what is written and how it is read back under another division of keys. Panes that are
//! decided and not yet emitted are written with what they show; timers that are due and not yet
//! run are due again.

use super::General;
use super::windows::{Id, NONE};
use crate::group::hold::Hold;
use crate::group::pane::PaneCount;
use serde::{Deserialize, Serialize};
use whitebeam_sdk::erase::{AccId, After, Firing, GroupStore, Slot, Stamp};
use whitebeam_sdk::hash::{HASH_VERSION, KeyGroup};
use whitebeam_sdk::snapshot::{SNAPSHOT_VERSION, SnapshotReader, SnapshotWriter};
use whitebeam_sdk::window::WindowingStrategy;
use whitebeam_sdk::{Error, ErrorKind, PaneInfo, Result, Timestamp, Window, element};

/// What is written for a key; the key stands before it, accumulators in order of mention after.
#[derive(Default, Serialize, Deserialize)]
struct KeyRecord {
    windows: Vec<WindowRecord>,
    panes: Vec<PaneRecord>,
}

#[derive(Serialize, Deserialize)]
struct WindowRecord {
    window: Window,
    has_contents: bool,
    pending: u64,
    hold: Hold,
    panes: PaneCount,
    end_timer: bool,
    touched: bool,
    processing_timers: Vec<Timestamp>,
    trigger: Vec<u64>,
}

/// A pane that is decided and not yet emitted.
#[derive(Serialize, Deserialize)]
struct PaneRecord {
    window: Window,
    timestamp: Timestamp,
    pane: PaneInfo,
    has_contents: bool,
}

/// What is written for the instance.
#[derive(Serialize, Deserialize)]
struct ClockRecord {
    strategy: WindowingStrategy,
    input: Timestamp,
    output: Timestamp,
    processing: Timestamp,
    event_wave: bool,
}

impl General {
    /// Writes everything that is held.
    pub(super) fn save(&mut self, to: &mut SnapshotWriter) -> Result<()> {
        let mut clocks = Vec::new();
        element::encode(
            &ClockRecord {
                strategy: self.strategy.clone(),
                input: self.clocks.input,
                output: self.clocks.output,
                processing: self.clocks.processing,
                event_wave: self.is_event_wave(),
            },
            &mut clocks,
        )?;
        to.plain(clocks);
        let timers = self.queues.all_processing(&mut self.windows);
        let mut panes: Vec<Firing> = self.panes.waiting().to_vec();
        panes.sort_by_key(|firing| firing.slot);
        let vacated = panes.iter().map(|firing| firing.slot);
        let mut keys: Vec<Slot> = (0..self.windows.slots()).chain(vacated).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let from = panes.partition_point(|firing| firing.slot < key);
            let upto = panes.partition_point(|firing| firing.slot <= key);
            self.save_key(key, &panes[from..upto], &timers, to)?;
        }
        Ok(())
    }

    fn save_key(
        &mut self,
        key: Slot,
        panes: &[Firing],
        timers: &[(Id, Timestamp)],
        to: &mut SnapshotWriter,
    ) -> Result<()> {
        let mut id = self.windows.first(key);
        if id == NONE && panes.is_empty() {
            return Ok(());
        }
        let mut record = KeyRecord::default();
        let mut contents = Vec::new();
        while id != NONE {
            record.windows.push(self.window_record(id, timers));
            contents.extend(self.windows.state(id).acc);
            id = self.windows.next(id);
        }
        for Firing { acc, stamp, .. } in panes {
            contents.extend(acc);
            record.panes.push(PaneRecord {
                window: stamp.window,
                timestamp: stamp.timestamp,
                pane: stamp.pane,
                has_contents: acc.is_some(),
            });
        }
        let mut bytes = Vec::new();
        let group = self.store.save_key(key, to.key_groups(), &mut bytes)?;
        element::encode(&record, &mut bytes)?;
        for acc in contents {
            self.store.save_acc(acc, &mut bytes)?;
        }
        to.keyed(group, &bytes, &[], &[]);
        Ok(())
    }

    fn window_record(&mut self, id: Id, timers: &[(Id, Timestamp)]) -> WindowRecord {
        let processing = self.clocks.processing;
        let is_woken = self.is_woken(id);
        let from = timers.partition_point(|(of, _)| *of < id);
        let upto = timers.partition_point(|(of, _)| *of <= id);
        let mine = timers[from..upto].iter().map(|(_, at)| *at);
        let processing_timers = mine.filter(|at| !(is_woken && *at < processing)).collect();
        let trigger = self.windows.cells(id).to_vec();
        let state = self.windows.state(id);
        WindowRecord {
            window: state.window,
            has_contents: state.acc.is_some(),
            pending: state.pending,
            hold: state.hold,
            panes: state.panes,
            end_timer: state.end_timer,
            touched: state.touched,
            processing_timers,
            trigger,
        }
    }

    /// Takes over the records of this instance's keys.
    pub(super) fn load(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        for part in from.parts() {
            if (part.version, part.hash_version) != (SNAPSHOT_VERSION, HASH_VERSION) {
                return Err(incompatible("the snapshot was written in another format"));
            }
        }
        self.load_clocks(from)?;
        for record in from.keyed() {
            self.load_key(record.group, record.bytes)?;
        }
        self.note_next_processing();
        Ok(())
    }

    /// The input watermark is the same in all parts. Of output watermarks the least is right: no
    /// more was promised, and the holds behind it are in this instance now.
    fn load_clocks(&mut self, from: &SnapshotReader<'_>) -> Result<()> {
        let mut output = None;
        for mut bytes in from.plain() {
            let clocks: ClockRecord = element::decode(&mut bytes)?;
            if clocks.strategy != self.strategy {
                return Err(incompatible("the grouping was windowed differently")
                    .help("restore with the windowing of the snapshot, or begin without it"));
            }
            self.clocks.input = self.clocks.input.max(clocks.input);
            self.clocks.processing = self.clocks.processing.max(clocks.processing);
            output = Some(output.map_or(clocks.output, |o: Timestamp| o.min(clocks.output)));
            if clocks.event_wave {
                self.resume_event_wave();
            }
        }
        self.clocks.output = self.clocks.output.max(output.unwrap_or(Timestamp::MIN));
        Ok(())
    }

    fn load_key(&mut self, group: KeyGroup, mut bytes: &[u8]) -> Result<()> {
        let key = self.store.load_key(&mut bytes)?;
        let record: KeyRecord = element::decode(&mut bytes)?;
        for window in &record.windows {
            self.load_window(key, window, &mut bytes)?;
        }
        for pane in &record.panes {
            let acc = load_contents(&mut *self.store, pane.has_contents, &mut bytes)?;
            let stamp = Stamp {
                window: pane.window,
                timestamp: pane.timestamp,
                pane: pane.pane,
            };
            self.panes.push(Firing {
                slot: key,
                acc,
                stamp,
                after: After::Close,
            });
        }
        if record.windows.is_empty() {
            self.vacated.push(key);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        Err(Error::data(format!(
            "a record of key group {} is longer than what it says",
            group.0
        ))
        .help(OTHER_SNAPSHOT))
    }

    fn load_window(&mut self, key: Slot, record: &WindowRecord, bytes: &mut &[u8]) -> Result<()> {
        let acc = load_contents(&mut *self.store, record.has_contents, bytes)?;
        let id = self.windows.find_or_add(key, record.window, NONE);
        let (state, cells) = self.windows.parts(id);
        if cells.len() != record.trigger.len() {
            return Err(incompatible("the trigger's state has another shape"));
        }
        cells.copy_from_slice(&record.trigger);
        state.acc = acc;
        state.pending = record.pending;
        state.hold = record.hold;
        state.panes = record.panes;
        state.end_timer = record.end_timer;
        state.touched = record.touched;
        for &at in &record.processing_timers {
            self.queues.set_processing(at, id, state);
        }
        self.queues.update(id, state, &self.strategy);
        if record.touched {
            self.touched.push(id);
        }
        Ok(())
    }
}

fn load_contents(
    store: &mut dyn GroupStore,
    has_contents: bool,
    bytes: &mut &[u8],
) -> Result<Option<AccId>> {
    has_contents.then(|| store.load_acc(bytes)).transpose()
}

const OTHER_SNAPSHOT: &str =
    "restore from a snapshot that this pipeline wrote with the same windows and triggers";

fn incompatible(message: &str) -> Error {
    Error::new(ErrorKind::Incompatible, message).help(OTHER_SNAPSHOT)
}
