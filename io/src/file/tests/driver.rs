//! Reads splits in the ways that a runner may: in small polls, closing and opening readers, forcing
//! splits. The elements come back in the order of the file, if nothing is lost or read twice.

use crate::file::{Compression, FileSplit};
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use std::path::Path;
use whitebeam_sdk::Result;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::element;
use whitebeam_sdk::source::{Poll, ReadOptions, Source};

/// What is done to a reader next.
#[derive(Clone, Copy, Debug)]
pub(in crate::file) enum Act {
    Poll,
    /// Close it and open it again at its position, adding so many elements to a poll.
    Reopen(usize),
    Split(f64),
}

pub(in crate::file) fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        2 => Just(Act::Poll),
        2 => (1usize..4).prop_map(Act::Reopen),
        1 => Just(Act::Split(0.0)),
        2 => (0.0..1.0f64).prop_map(Act::Split),
    ];
    prop::collection::vec(act, 0..12)
}

fn options(n: usize) -> ReadOptions {
    ReadOptions {
        max_elements: Some(n),
        ..ReadOptions::default()
    }
}

/// All elements of `source`, in the order in which their splits begin.
pub(in crate::file) fn read<S>(source: &S, desired: usize, acts: &[Act]) -> Result<Vec<S::Out>>
where
    S: Source<Split = FileSplit>,
{
    let mut acts = acts.iter().copied();
    let mut waiting = source.discover(&[], desired)?;
    let mut parts = Vec::new();
    while let Some(split) = waiting.pop() {
        let begins = split.clone();
        let mut values = Vec::new();
        let mut reader = source.open(split.clone(), None, &options(2))?;
        loop {
            match acts.next().unwrap_or(Act::Poll) {
                Act::Poll => {
                    let mut batch = Batch::default();
                    let poll = reader.poll(&mut batch)?;
                    values.append(&mut batch.take_values());
                    if poll == Poll::End {
                        break;
                    }
                }
                Act::Reopen(n) => {
                    let position = reader.position();
                    reader = source.open(split.clone(), Some(position), &options(n))?;
                }
                Act::Split(fraction) => {
                    if let Some(rest) = reader.try_split(fraction)? {
                        waiting.push(element::decode(&mut rest.split.as_slice())?);
                    }
                }
            }
        }
        parts.push(((begins.path, begins.start), values));
    }
    // Parts that begin at the same place: all but one are empty.
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(parts.into_iter().flat_map(|(_, values)| values).collect())
}

/// Writes `text` in as many gzip members or zstd frames as `cuts` makes.
pub(in crate::file) fn write(path: &Path, compression: Compression, text: &[u8], cuts: &[usize]) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    let mut file = Vec::new();
    for piece in cuts.windows(2) {
        let piece = &text[piece[0]..piece[1]];
        match compression {
            Compression::Plain => file.extend_from_slice(piece),
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(&mut file, flate2::Compression::fast());
                encoder.write_all(piece).unwrap();
                encoder.finish().unwrap();
            }
            Compression::Zstd => file.append(&mut zstd::encode_all(piece, 1).unwrap()),
        }
    }
    std::fs::write(path, file).unwrap();
}

pub(in crate::file) fn compressions() -> impl Strategy<Value = Compression> {
    prop_oneof![
        3 => Just(Compression::Plain),
        1 => Just(Compression::Gzip),
        1 => Just(Compression::Zstd),
    ]
}
