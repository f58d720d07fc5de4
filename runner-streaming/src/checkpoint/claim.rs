//! The claim: which instance owns the directory, and whether it is still alive.
//!
//! Owns generations, the lease and fencing. A claim's file is created under the next number by
//! link, so that of several instances one gets it; it stays locked while its process lives, so
//! that a process that was killed is succeeded at once; and its owner writes until when its lease
//! lasts, so that one that hangs is succeeded in the end. Being fenced is seen from the names
//! alone: a greater generation is there.

use super::Result;
use super::error::Error;
use super::layout::{self, Layout};
use super::manifest::Generation;
use super::seal::{self, Kind};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use whitebeam_env::{Env, SharedFiles, WallMicros, Writable};
use whitebeam_sdk::{Timestamp, element};

const CLAIM: Kind = Kind {
    magic: *b"WBCLAIM\0",
    version: 1,
};
const BEAT: Kind = Kind {
    magic: *b"WBBEAT\0\0",
    version: 1,
};
/// Claims and beats are short; a longer one is none.
const LONGEST: u64 = 64 * 1024;

/// Who runs, or ran, on a directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// The pipeline.
    pub pipeline: String,
    /// The machine, between two boots.
    pub machine: String,
    /// The process's number on it.
    pub process: u32,
    /// When it started, by the wall clock.
    pub since: Timestamp,
    /// Until when its lease lasts unless a beat says more.
    until: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holder {
            process,
            machine,
            since,
            ..
        } = self;
        write!(f, "process {process} on machine {machine}, started {since}")
    }
}

#[derive(Serialize, Deserialize)]
struct Beat {
    until: Timestamp,
}

/// This instance's claim.
#[derive(Debug)]
pub(crate) struct Claim {
    files: SharedFiles,
    layout: Layout,
    pub(crate) generation: Generation,
    /// Some instance before may be alive and still write.
    pub(crate) haunted: bool,
    lease: Duration,
    /// When to beat next, by the monotonic clock.
    due: Mutex<Duration>,
    /// Holds the lock on the claim's file; never written to.
    _lock: Mutex<Box<dyn Writable>>,
}

/// What is known of an instance before.
enum Before {
    /// Its process has ended.
    Gone,
    /// It may be alive, but its lease has run out.
    Stale,
    /// It is alive, or must be taken for it.
    Alive(Option<Holder>),
}

impl Claim {
    /// Claims the next generation, unless an instance is alive. `floor` is the greatest generation
    /// that is known from elsewhere.
    pub(crate) fn take<E: Env>(
        env: &E,
        layout: &Layout,
        pipeline: &str,
        lease: Duration,
        floor: Generation,
    ) -> Result<Claim> {
        let files = env.files();
        let earlier = claims(&files, layout)?;
        let mut haunted = false;
        for &generation in &earlier {
            match look_at(env, layout, generation)? {
                Before::Gone => {}
                Before::Stale => haunted = true,
                // Only the last one owns the directory; those before it are fenced.
                Before::Alive(_) if Some(&generation) != earlier.last() => haunted = true,
                Before::Alive(holder) => return Err(held(layout, generation, holder)),
            }
        }
        let last = earlier.last().copied().unwrap_or_default().max(floor);
        let generation = Generation(last.0 + 1);
        let holder = holder(env, pipeline, lease);
        let lock = create(env, layout, generation, &holder)?;
        files.point("rec.gen");
        Ok(Claim {
            files,
            layout: layout.clone(),
            generation,
            haunted,
            lease,
            due: Mutex::new(env.monotonic() + lease / 3),
            _lock: Mutex::new(lock),
        })
    }

    /// An error when a later instance has taken over, or the claim is gone.
    pub(crate) fn confirm(&self) -> Result<()> {
        let claims = claims(&self.files, &self.layout)?;
        match claims.last() {
            Some(&generation) if generation > self.generation => Err(Error::Fenced {
                dir: self.layout.root().to_owned(),
                by: read(&self.files, &self.layout, generation).ok(),
                generation,
                own: self.generation,
            }),
            Some(&generation) if generation == self.generation => Ok(()),
            _ => Err(Error::ClaimGone {
                dir: self.layout.root().to_owned(),
                own: self.generation,
            }),
        }
    }

    /// Renews the lease when it is time; an error when the directory is another's.
    pub(crate) fn beat<E: Env>(&self, env: &E) -> Result<()> {
        let now = env.monotonic();
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if now < *due {
            return Ok(());
        }
        self.confirm()?;
        let until = timestamp(env.now().plus(self.lease));
        // A lease that cannot be renewed (a full disk) is not an error yet: as long as nobody
        // else starts, nothing is lost, and the lock still says that this process lives.
        let wait = match self.write_beat(env.unique(), &Beat { until }) {
            Ok(()) => self.lease / 3,
            Err(_) => self.lease / 12,
        };
        *due = now + wait;
        Ok(())
    }

    fn write_beat(&self, unique: u128, beat: &Beat) -> Result<()> {
        let temporary = self.layout.temporary(&self.layout.claims(), unique);
        let written = (|| {
            let mut file = self.files.create_new(&temporary)?;
            file.append(&sealed(BEAT, beat))?;
            // Of use to processes that run now: it need not survive a crash.
            self.files
                .rename(&temporary, &self.layout.beat(self.generation))
        })();
        if written.is_err() {
            let _ = self.files.remove(&temporary);
        }
        Ok(written?)
    }
}

/// Creates, locks and publishes the claim's file.
fn create<E: Env>(
    env: &E,
    layout: &Layout,
    generation: Generation,
    holder: &Holder,
) -> Result<Box<dyn Writable>> {
    let files = env.files();
    let temporary = layout.temporary(&layout.claims(), env.unique());
    let mut file = files.create_new(&temporary)?;
    let linked = (|| {
        file.append(&sealed(CLAIM, holder))?;
        file.sync()?;
        match file.try_lock() {
            // Without locks, leases alone decide.
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            Err(error) => return Err(error),
        }
        files.point("claim.tmp");
        files.link(&temporary, &layout.claim(generation))
    })();
    let _ = files.remove(&temporary);
    match linked {
        // Whoever was faster may also have swept what lay aside.
        Err(error) if files.exists(&layout.claim(generation))? || error.is_taken() => {
            let holder = read(&files, layout, generation).ok();
            return Err(held(layout, generation, holder));
        }
        other => other?,
    }
    files.point("claim.linked");
    files.sync_dir(&layout.claims())?;
    Ok(file)
}

/// Whether the instance of a generation may still be alive.
fn look_at<E: Env>(env: &E, layout: &Layout, generation: Generation) -> Result<Before> {
    let files = env.files();
    let holder = read(&files, layout, generation).ok();
    let here = env.identity().machine;
    let mut file = match files.open_append(&layout.claim(generation)) {
        Err(error) if error.is_not_found() => return Ok(Before::Gone),
        other => other?,
    };
    let is_free = match file.try_lock() {
        Ok(free) => free,
        Err(error) if error.kind() == ErrorKind::Unsupported => false,
        Err(error) => return Err(error.into()),
    };
    // A lock is seen on its own machine only.
    let is_here = holder.as_ref().is_none_or(|holder| holder.machine == here);
    if is_free && is_here {
        return Ok(Before::Gone);
    }
    let until = beat(&files, layout, generation).or(holder.as_ref().map(|holder| holder.until));
    match until {
        Some(until) if until <= timestamp(env.now()) => Ok(Before::Stale),
        // Without a word of how long its lease lasts, its lock decides.
        None if is_free => Ok(Before::Stale),
        _ => Ok(Before::Alive(holder)),
    }
}

/// All generations that were claimed, in order.
pub(crate) fn claims(files: &SharedFiles, layout: &Layout) -> Result<Vec<Generation>> {
    let entries = files.list(&layout.claims())?;
    let names = entries.iter().map(|entry| entry.name.as_str());
    let mut found: Vec<Generation> = names.filter_map(layout::generation_of_claim).collect();
    found.sort_unstable();
    Ok(found)
}

/// Whether the process of a generation has certainly ended.
pub(crate) fn is_gone<E: Env>(env: &E, layout: &Layout, generation: Generation) -> Result<bool> {
    Ok(matches!(look_at(env, layout, generation)?, Before::Gone))
}

fn read(files: &SharedFiles, layout: &Layout, generation: Generation) -> Result<Holder> {
    unsealed(files, &layout.claim(generation), CLAIM)
}

fn beat(files: &SharedFiles, layout: &Layout, generation: Generation) -> Option<Timestamp> {
    let beat: Beat = unsealed(files, &layout.beat(generation), BEAT).ok()?;
    Some(beat.until)
}

fn holder<E: Env>(env: &E, pipeline: &str, lease: Duration) -> Holder {
    let identity = env.identity();
    Holder {
        pipeline: pipeline.to_owned(),
        machine: identity.machine,
        process: identity.process,
        since: timestamp(env.now()),
        until: timestamp(env.now().plus(lease)),
    }
}

fn held(layout: &Layout, generation: Generation, holder: Option<Holder>) -> Error {
    Error::Held {
        dir: layout.root().to_owned(),
        holder,
        generation,
    }
}

pub(crate) fn timestamp(WallMicros(micros): WallMicros) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn sealed<T: Serialize>(kind: Kind, record: &T) -> Vec<u8> {
    let mut payload = Vec::new();
    // Records of numbers and strings always encode; one that did not would read as damaged.
    let _ = element::encode(record, &mut payload);
    seal::seal(kind, &payload)
}

fn unsealed<T>(files: &SharedFiles, path: &Path, kind: Kind) -> Result<T>
where
    T: serde::de::DeserializeOwned,
{
    let damaged = |reason: &str| super::frame::damaged(path, reason);
    let bytes = files.read_all(path, LONGEST)?;
    let mut payload = seal::open(kind, &bytes).map_err(|flaw| match flaw {
        seal::Flaw::TooNew(version) => Error::TooNew {
            file: path.to_owned(),
            version,
        },
        seal::Flaw::Damaged(reason) => damaged(reason),
    })?;
    element::decode(&mut payload).map_err(|_| damaged("its record does not have its form"))
}
