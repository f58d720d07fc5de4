//! `PostgresWriter`: encodes the rows of one shard.
//!
//! Owns rows until their epoch ends. Invariant: what is staged is in chunks of about [`CHUNK`] bytes,
//! in the order of writing.

use super::column::Layout;
use super::row::put_row;
use super::staged::StagedRows;
use std::fmt;
use std::marker::PhantomData;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Epoch, Shard, SinkWriter};
use whitebeam_sdk::{Element, Result};

/// A chunk is full from here on; only a row that is longer makes a longer one.
const CHUNK: usize = 1 << 20;

/// Encodes the rows of one shard.
pub struct PostgresWriter<T> {
    layout: Layout,
    /// Names and types, as every chunk carries them.
    columns: Vec<(String, String)>,
    writer: u128,
    shard: u32,
    /// How many chunks were begun.
    parts: u64,
    rows: u64,
    bytes: Vec<u8>,
    full: Vec<StagedRows>,
    types: PhantomData<fn(T)>,
}

impl<T> PostgresWriter<T> {
    pub(super) fn new(layout: Layout, writer: u128, shard: Shard) -> Self {
        let columns = layout.columns.iter();
        let columns = columns.map(|column| (column.name.clone(), column.sql.clone()));
        PostgresWriter {
            columns: columns.collect(),
            layout,
            writer,
            shard: shard.index,
            parts: 0,
            rows: 0,
            bytes: Vec::new(),
            full: Vec::new(),
            types: PhantomData,
        }
    }

    /// Ends the chunk.
    fn end(&mut self) {
        self.parts += 1;
        self.full.push(StagedRows {
            writer: self.writer,
            shard: self.shard,
            part: self.parts,
            columns: self.columns.clone(),
            rows: std::mem::take(&mut self.rows),
            bytes: std::mem::take(&mut self.bytes),
        });
    }
}

impl<T> fmt::Debug for PostgresWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresWriter({})", self.shard)
    }
}

impl<T: Element> SinkWriter<T> for PostgresWriter<T> {
    type Staged = StagedRows;

    fn write(&mut self, batch: &Batch<T>) -> Result<()> {
        for row in batch.values() {
            put_row(row, &self.layout, &mut self.bytes)?;
            self.rows += 1;
            if self.bytes.len() >= CHUNK {
                self.end();
            }
        }
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<StagedRows>> {
        if self.rows > 0 {
            self.end();
        }
        Ok(std::mem::take(&mut self.full))
    }

    fn pending(&self) -> u64 {
        let full: usize = self.full.iter().map(|part| part.bytes.len()).sum();
        (full + self.bytes.len()) as u64
    }
}
