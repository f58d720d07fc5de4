//! The disk: what is seen now, what would survive, and what lies between.
//!
//! Owns files, names and their durability. Pure: no faults by plan, no clock, no process. A file's
//! bytes up to `synced` survive; a name survives once its folder was synced. Everything else is
//! drawn when the power goes: lost, kept, kept in part, or torn by sectors. After a failed sync
//! the system forgets that bytes are dirty (as Linux does), so that a later sync that succeeds has
//! saved nothing of them.

use fastrand::Rng;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use whitebeam_env::{Entry, WallMicros};

mod names;
pub(crate) use names::{Change, Names, Node};

/// A disk writes sectors of this size whole or not at all.
const SECTOR: usize = 512;

/// What becomes of bytes and names that were not synced, when the power goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// All of it is lost.
    All,
    /// Nothing is lost.
    Nothing,
    /// Files end somewhere; of the changes to names, the first few are kept.
    Prefix,
    /// Sectors are kept or hold rubbish, names are kept or not, each by itself.
    Torn,
    /// One of the others for each file, drawn.
    Drawn,
}

/// Number of a file, whatever its names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct FileId(u64);

/// One handle of one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holder {
    pub(crate) process: u32,
    pub(crate) handle: u64,
}

#[derive(Debug, Default)]
struct File {
    data: Vec<u8>,
    /// Bytes that survive a power cut, `doomed` apart.
    synced: usize,
    /// Ranges that a failed sync left to chance although `synced` covers them.
    doomed: Vec<Range<usize>>,
    modified: WallMicros,
    /// Who holds the lock.
    locked: Option<Holder>,
    open: u32,
}

#[derive(Debug)]
pub(crate) struct Disk {
    files: BTreeMap<FileId, File>,
    pub(crate) names: Names,
    next: u64,
    pub(crate) loss: Loss,
    pub(crate) capacity: Option<u64>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Disk {
            files: BTreeMap::new(),
            names: Names::new(),
            next: 0,
            loss: Loss::Drawn,
            capacity: None,
        }
    }

    pub(crate) fn create(&mut self, path: &Path, now: WallMicros) -> io::Result<FileId> {
        self.names.must_be_free(path)?;
        let id = FileId(self.next);
        self.next += 1;
        let file = File {
            modified: now,
            ..File::default()
        };
        self.files.insert(id, file);
        self.names.change(Change::Link(path.to_owned(), id));
        Ok(id)
    }

    /// Appends what there is room for; how much that was.
    pub(crate) fn append(&mut self, id: FileId, bytes: &[u8], now: WallMicros) -> usize {
        let room = match self.capacity {
            Some(capacity) => capacity.saturating_sub(self.used()),
            None => u64::MAX,
        };
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let file = self.file(id);
        file.data.extend_from_slice(&bytes[..fits]);
        file.modified = now;
        fits
    }

    pub(crate) fn sync(&mut self, id: FileId) {
        let file = self.file(id);
        file.synced = file.data.len();
    }

    pub(crate) fn sync_failed(&mut self, id: FileId) {
        let file = self.file(id);
        let lost = file.synced..file.data.len();
        file.synced = lost.end;
        file.doomed.push(lost);
    }

    /// Cuts a file, durably.
    pub(crate) fn truncate(&mut self, path: &Path, len: u64, now: WallMicros) -> io::Result<()> {
        let id = self.names.file(path)?;
        let file = self.file(id);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        file.data.resize(len, 0);
        file.doomed.retain_mut(|range| {
            range.end = range.end.min(len);
            range.start < range.end
        });
        file.synced = len;
        file.modified = now;
        Ok(())
    }

    pub(crate) fn read(&mut self, id: FileId, offset: u64, buffer: &mut [u8]) -> usize {
        let data = &self.file(id).data;
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(data.len());
        let n = buffer.len().min(data.len() - from);
        buffer[..n].copy_from_slice(&data[from..from + n]);
        n
    }

    pub(crate) fn len(&self, id: FileId) -> u64 {
        self.files.get(&id).map_or(0, |file| file.data.len() as u64)
    }

    /// A handle was made.
    pub(crate) fn opened(&mut self, id: FileId) {
        self.file(id).open += 1;
    }

    /// A handle is gone, and with it its lock and perhaps the file.
    pub(crate) fn closed(&mut self, id: FileId, holder: Holder) {
        let file = self.file(id);
        file.open = file.open.saturating_sub(1);
        if file.locked == Some(holder) {
            file.locked = None;
        }
        self.forget(id);
    }

    pub(crate) fn lock(&mut self, id: FileId, holder: Holder) -> bool {
        let locked = &mut self.file(id).locked;
        *locked.get_or_insert(holder) == holder
    }

    /// A process ended: its locks are free. Its handles close when they are dropped.
    pub(crate) fn release(&mut self, process: u32) {
        for file in self.files.values_mut() {
            file.locked = file.locked.filter(|holder| holder.process != process);
        }
    }

    pub(crate) fn change(&mut self, change: Change) {
        let touched = self.names.change(change);
        touched.into_iter().for_each(|id| self.forget(id));
    }

    pub(crate) fn sync_dir(&mut self, dir: &Path) {
        let touched = self.names.sync(dir);
        touched.into_iter().for_each(|id| self.forget(id));
    }

    pub(crate) fn used(&self) -> u64 {
        let named = self.files.iter().filter(|(id, _)| self.names.is_seen(**id));
        named.map(|(_, file)| file.data.len() as u64).sum()
    }

    pub(crate) fn entry(&self, path: &Path) -> Option<Entry> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let entry = |len, is_dir, modified| Entry {
            name: name.clone().into_owned(),
            len,
            is_dir,
            modified,
        };
        match self.names.find(path)? {
            Node::Dir => Some(entry(0, true, WallMicros(0))),
            Node::File(id) => {
                let file = self.files.get(&id)?;
                Some(entry(file.data.len() as u64, false, file.modified))
            }
        }
    }

    pub(crate) fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        match self.names.find(dir) {
            None => Err(ErrorKind::NotFound.into()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            Some(Node::Dir) => {
                let children: Vec<PathBuf> = self.names.children(dir).cloned().collect();
                Ok(children
                    .iter()
                    .filter_map(|path| self.entry(path))
                    .collect())
            }
        }
    }

    pub(crate) fn flip(&mut self, path: &Path, bit: u64) -> bool {
        let Ok(id) = self.names.file(path) else {
            return false;
        };
        let at = usize::try_from(bit / 8).unwrap_or(usize::MAX);
        let byte = self.file(id).data.get_mut(at);
        byte.map(|byte| *byte ^= 1 << (bit % 8)).is_some()
    }

    /// The power goes: only what survives is left, and all of it is durable.
    pub(crate) fn lose_power(&mut self, rng: &mut Rng) {
        let loss = self.loss.draw(rng);
        self.names.lose_power(loss, rng);
        let names = &self.names;
        self.files.retain(|id, _| names.is_seen(*id));
        for file in self.files.values_mut() {
            let loss = self.loss.draw(rng);
            file.lose_power(loss, rng);
        }
    }

    /// Drops a file that nobody can see any more, whatever happens.
    fn forget(&mut self, id: FileId) {
        let unused = self.files.get(&id).is_some_and(|file| file.open == 0);
        if unused && !self.names.knows(id) {
            self.files.remove(&id);
        }
    }

    fn file(&mut self, id: FileId) -> &mut File {
        // A handle outlives its file only when the power went in between; it then belongs to a
        // dead process and what it does is of no consequence.
        self.files.entry(id).or_default()
    }
}

impl Loss {
    fn draw(self, rng: &mut Rng) -> Loss {
        match self {
            Loss::Drawn => {
                let all = [Loss::All, Loss::Nothing, Loss::Prefix, Loss::Torn];
                all[rng.usize(..all.len())]
            }
            fixed => fixed,
        }
    }
}

impl File {
    fn lose_power(&mut self, loss: Loss, rng: &mut Rng) {
        for range in std::mem::take(&mut self.doomed) {
            tear(&mut self.data[range], 0, rng);
        }
        let tail = self.synced..self.data.len();
        match loss {
            Loss::All => self.data.truncate(tail.start),
            Loss::Nothing | Loss::Drawn => {}
            Loss::Prefix => self.data.truncate(rng.usize(tail.start..=tail.end)),
            Loss::Torn => {
                self.data.truncate(rng.usize(tail.start..=tail.end));
                tear(&mut self.data[tail.start..], tail.start, rng);
            }
        }
        self.synced = self.data.len();
        self.open = 0;
        self.locked = None;
    }
}

/// Each sector is kept, or holds zeros, or rubbish.
fn tear(bytes: &mut [u8], offset: usize, rng: &mut Rng) {
    let mut at = 0;
    while at < bytes.len() {
        let end = (at + SECTOR - (offset + at) % SECTOR).min(bytes.len());
        match rng.u8(..4) {
            0 => bytes[at..end].fill(0),
            1 => rng.fill(&mut bytes[at..end]),
            _ => {}
        }
        at = end;
    }
}
