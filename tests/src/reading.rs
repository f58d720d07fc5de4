//! Reads a source without a runner: split by split, as far as it goes.
//!
//! Owns the loop; what a source promises is judged by who calls.

use std::time::Duration;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::source::{Poll, Position, ReadOptions, Reader, Source};
use whitebeam_sdk::{Element, Error, Result};

/// How often a reader may wait for an answer: a real server has ten seconds.
const WAITS: u32 = 10_000;

/// What a reader gave, and where it stood then.
#[derive(Debug)]
pub struct Read<T> {
    /// Its elements.
    pub values: Vec<T>,
    /// Behind them.
    pub at: Position,
    /// [`Poll::Idle`] or [`Poll::End`].
    pub ended: Poll,
}

/// Reads all that is there. A real server is waited for with `pause`, which in simulation may move
/// the clock.
pub fn drain<T: Element>(
    mut reader: Box<dyn Reader<T>>,
    pause: &mut dyn FnMut(),
) -> Result<Read<T>> {
    let mut values = Vec::new();
    let mut waits = 0;
    while waits < WAITS {
        let mut batch = Batch::default();
        let poll = reader.poll(&mut batch)?;
        values.append(&mut batch.take_values());
        match poll {
            Poll::More => waits = 0,
            Poll::Waiting(_) => {
                waits += 1;
                pause();
            }
            Poll::Idle(_) | Poll::End => {
                return Ok(Read {
                    values,
                    at: reader.position(),
                    ended: poll,
                });
            }
        }
    }
    Err(Error::unavailable("a reader waits for ever"))
}

/// Waits in real time.
#[allow(
    clippy::disallowed_methods,
    reason = "what is waited for is a real server"
)]
pub fn real_pause() {
    std::thread::sleep(Duration::from_millis(1));
}

/// Every split of a source, read to the end of what is there.
pub fn read<S: Source>(source: &S, pause: &mut dyn FnMut()) -> Result<Vec<Vec<S::Out>>> {
    let splits = source.discover(&[], 1)?.into_iter();
    splits
        .map(|split| {
            let reader = source.open(split, None, &ReadOptions::default())?;
            Ok(drain(reader, pause)?.values)
        })
        .collect()
}
