//! The transaction that makes an epoch visible.
//!
//! Owns its order: rows into temporary tables, then the lock on the sink's row and the verdict, then
//! the rows to where they belong together with the epoch. So a process that is stopped while it
//! sends holds no lock that its successor waits for. Invariant: rows and epoch are visible together,
//! or neither.

use super::epochs::{Epochs, Verdict};
use super::error;
use super::row::{HEADER, TRAILER};
use super::server::Failure;
use super::sql::{Target, copy_waiting, create_waiting, insert_waiting};
use super::staged::StagedRows;
use bytes::Bytes;
use futures_util::SinkExt;
use std::pin::pin;
use tokio_postgres::{Client, Transaction};
use whitebeam_sdk::sink::{Committed, Epoch};

/// A process that is stopped inside the transaction lets go of its locks after a while; and what
/// is committed survives a power cut, whatever the database's default.
const SETTINGS: &str = "SET LOCAL idle_in_transaction_session_timeout = '10s'; \
     SELECT set_config('synchronous_commit', 'on', true) \
     WHERE current_setting('synchronous_commit') = 'off'";

/// An epoch that is to become visible.
pub(super) struct Commit<'a> {
    pub(super) sink: &'a str,
    pub(super) epochs: &'a Epochs,
    pub(super) target: &'a Target,
    /// What the instance claimed that goes on from checkpoints.
    pub(super) generation: Option<i64>,
    pub(super) epoch: Epoch,
    /// As the row has them.
    pub(super) number: i64,
    pub(super) token: i64,
    pub(super) staged: &'a [StagedRows],
}

impl Commit<'_> {
    pub(super) async fn run(&self, client: &mut Client) -> Result<Committed, Failure> {
        let at = client.transaction().await?;
        at.batch_execute(SETTINGS).await?;
        // Most repetitions are seen without sending anything.
        if self.is_before(self.epochs.look(&at, self.sink).await?)? {
            return Ok(Committed::Before);
        }
        let same = |a: &StagedRows, b: &StagedRows| a.columns == b.columns;
        let groups: Vec<&[StagedRows]> = self.staged.chunk_by(same).collect();
        for (number, group) in groups.iter().enumerate() {
            send(&at, number, group).await?;
        }
        if self.is_before(self.epochs.lock(&at, self.sink).await?)? {
            return Ok(Committed::Before);
        }
        for (number, group) in groups.iter().enumerate() {
            let columns = group[0].columns.iter();
            let columns: Vec<&str> = columns.map(|(name, _)| name.as_str()).collect();
            let insert = insert_waiting(number, &columns, self.target);
            at.execute(&insert, &[]).await?;
        }
        let is_lone = self.generation.is_none();
        let written = (self.number, self.token);
        self.epochs.write(&at, self.sink, is_lone, written).await?;
        at.commit().await?;
        Ok(Committed::Now)
    }

    fn is_before(&self, row: super::epochs::EpochRow) -> Result<bool, Failure> {
        match row.judge(self.generation, self.number, self.token) {
            Verdict::Commit => Ok(false),
            Verdict::Before => Ok(true),
            Verdict::Superseded => Err(error::superseded(self.sink, self.epoch).into()),
            Verdict::Foreign => Err(error::foreign(self.sink, self.epoch).into()),
        }
    }
}

/// Copies rows of one form into a table of their own.
async fn send(at: &Transaction<'_>, number: usize, rows: &[StagedRows]) -> Result<(), Failure> {
    let columns = &rows[0].columns;
    let types: Vec<&str> = columns.iter().map(|(_, sql)| sql.as_str()).collect();
    at.batch_execute(&create_waiting(number, &types)).await?;
    let copy = at.copy_in(&copy_waiting(number, columns.len())).await?;
    let mut copy = pin!(copy);
    copy.send(Bytes::from_static(HEADER)).await?;
    for part in rows {
        copy.send(Bytes::copy_from_slice(&part.bytes)).await?;
    }
    copy.send(Bytes::copy_from_slice(&TRAILER)).await?;
    let sent = copy.finish().await?;
    let expected: u64 = rows.iter().map(|part| part.rows).sum();
    match sent == expected {
        true => Ok(()),
        false => Err(Failure::Final(error::other_count(expected, sent))),
    }
}
