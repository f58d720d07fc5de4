//! Names: the folders as they are seen, as they would survive, and the changes between.
//!
//! Owns the order of changes. A change survives once a folder it touched was synced; when the
//! power goes, those still pending are kept or dropped, and one is never kept whose name an
//! earlier dropped one concerned.

use super::{FileId, Loss};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    Dir,
    File(FileId),
}

/// One change to names, whole or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Link(PathBuf, FileId),
    Unlink(PathBuf, FileId),
    Rename(PathBuf, PathBuf, FileId),
}

#[derive(Debug)]
pub(crate) struct Names {
    seen: BTreeMap<PathBuf, Node>,
    safe: BTreeMap<PathBuf, Node>,
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    change: Change,
    /// A failed sync left it to chance: no later sync saves it.
    doomed: bool,
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) -> Vec<FileId> {
        let mut touched = Vec::new();
        let mut put = |name: &Path, node: Option<FileId>| {
            let old = match node {
                Some(id) => names.insert(name.to_owned(), Node::File(id)),
                None => names.remove(name),
            };
            if let Some(Node::File(id)) = old {
                touched.push(id);
            }
        };
        match self {
            Change::Link(name, id) => put(name, Some(*id)),
            Change::Unlink(name, _) => put(name, None),
            Change::Rename(from, to, id) => {
                put(from, None);
                put(to, Some(*id));
            }
        }
        touched
    }

    fn names(&self) -> Vec<&PathBuf> {
        match self {
            Change::Link(name, _) | Change::Unlink(name, _) => vec![name],
            Change::Rename(from, to, _) => vec![from, to],
        }
    }

    fn file(&self) -> FileId {
        match self {
            Change::Link(_, id) | Change::Unlink(_, id) | Change::Rename(_, _, id) => *id,
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        self.names().iter().any(|name| name.parent() == Some(dir))
    }
}

impl Names {
    pub(crate) fn new() -> Self {
        let root = BTreeMap::from([(PathBuf::from("/"), Node::Dir)]);
        Names {
            seen: root.clone(),
            safe: root,
            pending: Vec::new(),
        }
    }

    pub(crate) fn find(&self, path: &Path) -> Option<Node> {
        self.seen.get(path).copied()
    }

    pub(crate) fn file(&self, path: &Path) -> io::Result<FileId> {
        match self.find(path) {
            Some(Node::File(id)) => Ok(id),
            Some(Node::Dir) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn must_be_free(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().and_then(|parent| self.find(parent));
        match (folder, self.find(path)) {
            (None, _) => Err(ErrorKind::NotFound.into()),
            (Some(Node::File(_)), _) => Err(ErrorKind::NotADirectory.into()),
            (_, Some(_)) => Err(ErrorKind::AlreadyExists.into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn children(&self, dir: &Path) -> impl Iterator<Item = &PathBuf> {
        let below = self.seen.range(dir.to_owned()..);
        below
            .map(|(path, _)| path)
            .take_while(move |path| path.starts_with(dir))
            .filter(move |path| path.parent() == Some(dir))
    }

    /// Whether a file has a name that is seen.
    pub(crate) fn is_seen(&self, id: FileId) -> bool {
        self.seen.values().any(|node| *node == Node::File(id))
    }

    /// Whether a file has a name, now or after a power cut.
    pub(crate) fn knows(&self, id: FileId) -> bool {
        let mut nodes = self.seen.values().chain(self.safe.values());
        nodes.any(|node| *node == Node::File(id))
            || self
                .pending
                .iter()
                .any(|pending| pending.change.file() == id)
    }

    /// Carries a change out where it is seen; files whose names went.
    pub(crate) fn change(&mut self, change: Change) -> Vec<FileId> {
        let touched = change.apply(&mut self.seen);
        let doomed = false;
        self.pending.push(Pending { change, doomed });
        touched
    }

    /// Makes a folder, durably: see the contract of `create_dir_all`.
    pub(crate) fn make_dir(&mut self, dir: &Path) -> io::Result<()> {
        for path in dir.ancestors().collect::<Vec<_>>().into_iter().rev() {
            match self.find(path) {
                Some(Node::Dir) => {}
                Some(Node::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                None => {
                    self.seen.insert(path.to_owned(), Node::Dir);
                    self.safe.insert(path.to_owned(), Node::Dir);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn remove_dir(&mut self, dir: &Path) -> io::Result<()> {
        match self.find(dir) {
            None => return Err(ErrorKind::NotFound.into()),
            Some(Node::File(_)) => return Err(ErrorKind::NotADirectory.into()),
            Some(Node::Dir) if self.children(dir).next().is_some() => {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
            Some(Node::Dir) => {}
        }
        self.sync(dir);
        self.seen.remove(dir);
        self.safe.retain(|path, _| !path.starts_with(dir));
        Ok(())
    }

    /// Makes the names in a folder durable; files whose names went. What is saved of a name stands
    /// for all that was done to it before, also where a sync of that had failed.
    pub(crate) fn sync(&mut self, dir: &Path) -> Vec<FileId> {
        let is_saved = |pending: &Pending| !pending.doomed && pending.change.is_in(dir);
        let mut touched = Vec::new();
        let mut settled: BTreeSet<PathBuf> = BTreeSet::new();
        let mut left = Vec::new();
        for pending in std::mem::take(&mut self.pending).into_iter().rev() {
            let names = pending.change.names();
            if is_saved(&pending) {
                settled.extend(names.into_iter().cloned());
                left.push(pending);
            } else if names.iter().any(|name| settled.contains(*name)) {
                touched.push(pending.change.file());
            } else {
                left.push(pending);
            }
        }
        for pending in left.into_iter().rev() {
            if is_saved(&pending) {
                touched.extend(pending.change.apply(&mut self.safe));
                touched.push(pending.change.file());
            } else {
                self.pending.push(pending);
            }
        }
        touched
    }

    pub(crate) fn sync_failed(&mut self, dir: &Path) {
        let here = self.pending.iter_mut().filter(|p| p.change.is_in(dir));
        here.for_each(|pending| pending.doomed = true);
    }

    pub(crate) fn lose_power(&mut self, loss: Loss, rng: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        let kept = match loss {
            Loss::All => 0,
            Loss::Nothing | Loss::Torn | Loss::Drawn => pending.len(),
            Loss::Prefix => rng.usize(..=pending.len()),
        };
        let mut dropped: BTreeSet<PathBuf> = BTreeSet::new();
        for (index, Pending { change, .. }) in pending.into_iter().enumerate() {
            let torn = loss == Loss::Torn && rng.bool();
            let concerned = change.names().iter().any(|name| dropped.contains(*name));
            if index >= kept || torn || concerned {
                dropped.extend(change.names().into_iter().cloned());
            } else {
                change.apply(&mut self.safe);
            }
        }
        self.seen = self.safe.clone();
    }
}
