//! `Files` over the simulated disk, one handle per process.
//!
//! Owns the passage of each call: through the plan of faults, then to the disk. Every call either
//! happens whole, fails, or is struck by a crash in the middle.

use super::Machine;
use super::disk::{Change, FileId, Holder};
use super::faults::{Class, Crash};
use super::state::{Effect, OBSERVER, Process, State, Way};
use std::io::{self, ErrorKind};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use whitebeam_env::{Entry, FileError, Files, Readable, Result, SharedFiles, Writable};

/// The files of one process.
pub(crate) fn of(machine: Machine, process: Process) -> SharedFiles {
    Arc::new(SimFiles { machine, process })
}

pub(crate) fn observer(machine: Machine) -> SharedFiles {
    of(machine, OBSERVER)
}

#[derive(Clone, Debug)]
struct SimFiles {
    machine: Machine,
    process: Process,
}

/// Ends the thread's work up to the harness. Not for use while unwinding.
pub(super) fn unwind(crash: Crash) -> ! {
    panic::resume_unwind(Box::new(crash))
}

/// All paths are of one tree.
fn absolute(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}

impl SimFiles {
    /// One call: `act` is told how much of it happens, and by which error it fails if it does.
    fn call<T>(
        &self,
        class: Class,
        action: &'static str,
        path: &Path,
        act: impl FnOnce(&mut State, Effect) -> io::Result<T>,
    ) -> Result<T> {
        let failed = |source| FileError::new(action, path, source);
        self.interlude(None);
        let mut state = self.machine.state();
        match state.enter(self.process, class, action, path) {
            Way::Open => act(&mut state, Effect::Whole).map_err(failed),
            Way::Fail(kind) => {
                // What it did before it failed, the caller must not count on.
                let _ = act(&mut state, Effect::Failed);
                Err(failed(kind.into()))
            }
            Way::Amid(crash, effect) => {
                if effect != Effect::Nothing {
                    let _ = act(&mut state, effect);
                }
                state.crash(self.process, crash);
                drop(state);
                unwind(crash)
            }
            Way::Dead => {
                drop(state);
                if std::thread::panicking() {
                    return Err(failed(io::Error::other("the process is dead")));
                }
                unwind(Crash::before())
            }
        }
    }

    /// Stands still here if that is planned.
    fn interlude(&self, at: Option<&'static str>) {
        if self.process == OBSERVER {
            return;
        }
        // The lock is released before it runs.
        let due = self.machine.state().interlude.due(at);
        if let Some(run) = due {
            run();
        }
    }

    /// A call that happens whole or not at all.
    fn whole<T: Default>(
        &self,
        class: Class,
        action: &'static str,
        path: &Path,
        act: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T> {
        self.call(class, action, path, |state, effect| match effect {
            Effect::Whole => act(state),
            _ => Ok(T::default()),
        })
    }

    fn handle(&self, id: FileId, path: &Path) -> Handle {
        let mut state = self.machine.state();
        state.disk.opened(id);
        Handle {
            files: self.clone(),
            holder: Holder {
                process: self.process,
                handle: state.next_handle(),
            },
            boot: state.boot,
            path: path.to_owned(),
            id,
        }
    }

    fn existing(&self, path: &Path) -> Result<Handle> {
        let path = absolute(path);
        let found = self.whole(Class::Read, "open", &path, |state| {
            state.disk.names.file(&path).map(Some)
        })?;
        let gone = || FileError::new("open", &path, ErrorKind::NotFound.into());
        Ok(self.handle(found.ok_or_else(gone)?, &path))
    }
}

impl Files for SimFiles {
    fn create_new(&self, path: &Path) -> Result<Box<dyn Writable>> {
        let path = absolute(path);
        let made = self.whole(Class::Write, "create", &path, |state| {
            let now = state.clock.wall;
            state.disk.create(&path, now).map(Some)
        })?;
        let gone = || FileError::new("create", &path, ErrorKind::NotFound.into());
        let handle = self.handle(made.ok_or_else(gone)?, &path);
        Ok(Box::new(SimWritable { handle, len: 0 }))
    }

    fn open_append(&self, path: &Path) -> Result<Box<dyn Writable>> {
        let handle = self.existing(path)?;
        let len = self.machine.state().disk.len(handle.id);
        Ok(Box::new(SimWritable { handle, len }))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Readable>> {
        let handle = self.existing(path)?;
        Ok(Box::new(SimReadable { handle }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (absolute(from), absolute(to));
        self.whole(Class::Write, "rename to", &to, |state| {
            let id = state.disk.names.file(&from)?;
            match state.disk.names.must_be_free(&to) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                _ => {
                    state.disk.change(Change::Rename(from, to.clone(), id));
                    Ok(())
                }
            }
        })
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (absolute(from), absolute(to));
        self.whole(Class::Write, "link", &to, |state| {
            let id = state.disk.names.file(&from)?;
            state.disk.names.must_be_free(&to)?;
            state.disk.change(Change::Link(to.clone(), id));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let path = absolute(path);
        self.whole(Class::Remove, "remove", &path, |state| {
            let id = state.disk.names.file(&path)?;
            state.disk.change(Change::Unlink(path.clone(), id));
            Ok(())
        })
    }

    fn truncate(&self, path: &Path, len: u64) -> Result<()> {
        let path = absolute(path);
        self.whole(Class::Write, "truncate", &path, |state| {
            let now = state.clock.wall;
            state.disk.truncate(&path, len, now)
        })
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        let dir = absolute(dir);
        self.whole(Class::Read, "list", &dir, |state| state.disk.list(&dir))
    }

    fn create_dir_all(&self, dir: &Path) -> Result<()> {
        let dir = absolute(dir);
        self.whole(Class::Write, "create", &dir, |state| {
            state.disk.names.make_dir(&dir)
        })
    }

    fn remove_dir(&self, dir: &Path) -> Result<()> {
        let dir = absolute(dir);
        self.whole(Class::Remove, "remove", &dir, |state| {
            state.disk.names.remove_dir(&dir)
        })
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        let dir = absolute(dir);
        self.call(Class::Sync, "sync", &dir, |state, effect| match effect {
            Effect::Whole => {
                state.disk.list(&dir)?;
                state.disk.sync_dir(&dir);
                Ok(())
            }
            Effect::Failed => {
                state.disk.names.sync_failed(&dir);
                Ok(())
            }
            Effect::Part | Effect::Nothing => Ok(()),
        })
    }

    fn entry(&self, path: &Path) -> Result<Option<Entry>> {
        let path = absolute(path);
        self.whole(Class::Read, "look at", &path, |state| {
            Ok(state.disk.entry(&path))
        })
    }

    fn point(&self, label: &'static str) {
        self.interlude(Some(label));
        let mut state = self.machine.state();
        if let Some(crash) = state.at_point(self.process, label) {
            if std::thread::panicking() {
                return;
            }
            state.crash(self.process, crash);
            drop(state);
            unwind(crash);
        }
    }
}

/// An open file of one process; closes as it is dropped.
#[derive(Debug)]
struct Handle {
    files: SimFiles,
    holder: Holder,
    /// The boot it was made in; a later machine knows nothing of it.
    boot: u64,
    path: PathBuf,
    id: FileId,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.files.machine.state();
        if state.boot == self.boot {
            state.disk.closed(self.id, self.holder);
        }
    }
}

#[derive(Debug)]
struct SimWritable {
    handle: Handle,
    len: u64,
}

impl Writable for SimWritable {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let Handle {
            files, path, id, ..
        } = &self.handle;
        let appended = files.call(Class::Write, "write", path, |state, effect| {
            let some = match effect {
                Effect::Whole => bytes.len(),
                _ => state.rng.usize(..=bytes.len()),
            };
            state.trace.bytes(&bytes[..some]);
            let now = state.clock.wall;
            match state.disk.append(*id, &bytes[..some], now) {
                fitted if fitted == some => Ok(()),
                _ => Err(ErrorKind::StorageFull.into()),
            }
        });
        self.len = match &appended {
            Ok(()) => self.len + bytes.len() as u64,
            Err(_) => files.machine.state().disk.len(*id),
        };
        appended
    }

    fn sync(&mut self) -> Result<()> {
        let Handle {
            files, path, id, ..
        } = &self.handle;
        files.call(Class::Sync, "sync", path, |state, effect| {
            match effect {
                Effect::Whole => state.disk.sync(*id),
                Effect::Failed => state.disk.sync_failed(*id),
                Effect::Part | Effect::Nothing => {}
            }
            Ok(())
        })
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn try_lock(&mut self) -> Result<bool> {
        let Handle {
            files,
            path,
            id,
            holder,
            ..
        } = &self.handle;
        files.whole(Class::Read, "lock", path, |state| {
            Ok(state.disk.lock(*id, *holder))
        })
    }
}

#[derive(Debug)]
struct SimReadable {
    handle: Handle,
}

impl Readable for SimReadable {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let Handle {
            files, path, id, ..
        } = &self.handle;
        files.whole(Class::Read, "read", path, |state| {
            Ok(state.disk.read(*id, offset, buffer))
        })
    }

    fn len(&self) -> Result<u64> {
        let Handle {
            files, path, id, ..
        } = &self.handle;
        files.whole(Class::Read, "look at", path, |state| {
            Ok(state.disk.len(*id))
        })
    }

    fn path(&self) -> &Path {
        &self.handle.path
    }
}
