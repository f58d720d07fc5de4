//! `whitebeam_epochs`: which epoch of which sink is visible.
//!
//! Owns that table, its row of one sink, and what the row says about an epoch. Invariant: the row
//! changes in the transaction that makes the rows visible, and in no other but the one that claims
//! the sink for a new instance.

use super::server::Failure;
use super::sql::quoted;
use tokio_postgres::{Client, Transaction};
use whitebeam_sdk::sink::Epoch;

/// The name of the table, in the schema of the rows' own.
const TABLE: &str = "whitebeam_epochs";

/// What is known of one sink.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct EpochRow {
    /// Instances that went on from a checkpoint, counted.
    pub(super) generation: i64,
    /// The last epoch of theirs, and what was staged for it.
    pub(super) epoch: Option<i64>,
    pub(super) token: Option<i64>,
    /// What a run without checkpoints committed last.
    pub(super) lone_token: Option<i64>,
}

/// What is to become of an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Commit,
    /// It is visible.
    Before,
    /// A newer instance is there.
    Superseded,
    /// It is visible with other rows.
    Foreign,
}

impl EpochRow {
    /// Judges `epoch` of the instance that claimed `generation`, or of a run that keeps no
    /// checkpoints: its epochs mean nothing to any other run.
    pub(super) fn judge(&self, generation: Option<i64>, epoch: i64, token: i64) -> Verdict {
        let Some(generation) = generation else {
            return match self.lone_token == Some(token) {
                true => Verdict::Before,
                false => Verdict::Commit,
            };
        };
        if self.generation != generation {
            return Verdict::Superseded;
        }
        match self.epoch {
            Some(last) if last == epoch && self.token == Some(token) => Verdict::Before,
            Some(last) if last == epoch => Verdict::Foreign,
            // The newest stands for all before it.
            Some(last) if last > epoch => Verdict::Before,
            _ => Verdict::Commit,
        }
    }
}

/// The table of epochs in one schema.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Epochs {
    table: String,
}

impl Epochs {
    pub(super) fn within(schema: &str) -> Self {
        Epochs {
            table: format!("{}.{TABLE}", quoted(schema)),
        }
    }

    /// Makes the table and the sink's row, where they are not there.
    pub(super) async fn ensure(&self, client: &Client, sink: &str) -> Result<(), Failure> {
        let table = &self.table;
        if !self.is_there(client).await? {
            let create = format!(
                "CREATE TABLE IF NOT EXISTS {table} (sink text PRIMARY KEY, generation bigint NOT NULL \
                 DEFAULT 0, epoch bigint, token bigint, lone_token bigint, committed_at timestamptz)"
            );
            if let Err(e) = client.batch_execute(&create).await {
                // Somebody else may make it in the same instant.
                if !self.is_there(client).await? {
                    return Err(e.into());
                }
            }
        }
        let insert = format!("INSERT INTO {table} (sink) VALUES ($1) ON CONFLICT DO NOTHING");
        client.execute(&insert, &[&sink]).await?;
        Ok(())
    }

    async fn is_there(&self, client: &Client) -> Result<bool, Failure> {
        let ask = "SELECT to_regclass($1) IS NOT NULL";
        Ok(client.query_one(ask, &[&self.table]).await?.try_get(0)?)
    }

    /// Takes the sink over from whoever had it.
    pub(super) async fn claim(&self, client: &Client, sink: &str) -> Result<EpochRow, Failure> {
        let table = &self.table;
        let update = format!(
            "UPDATE {table} SET generation = generation + 1 WHERE sink = $1 \
             RETURNING generation, epoch, token, lone_token"
        );
        row(&client.query_one(&update, &[&sink]).await?)
    }

    /// The row, without a lock: it may be another in a moment.
    pub(super) async fn look(&self, at: &Transaction<'_>, sink: &str) -> Result<EpochRow, Failure> {
        self.select(at, sink, "").await
    }

    /// The row, which nobody else changes until the transaction ends.
    pub(super) async fn lock(&self, at: &Transaction<'_>, sink: &str) -> Result<EpochRow, Failure> {
        self.select(at, sink, " FOR UPDATE").await
    }

    async fn select(
        &self,
        at: &Transaction<'_>,
        sink: &str,
        how: &str,
    ) -> Result<EpochRow, Failure> {
        let table = &self.table;
        let select = format!(
            "SELECT generation, epoch, token, lone_token FROM {table} WHERE sink = $1{how}"
        );
        match at.query_opt(&select, &[&sink]).await? {
            Some(found) => row(&found),
            None => Err(Failure::Final(super::error::row_is_gone(table, sink))),
        }
    }

    /// Writes that `epoch` is visible.
    pub(super) async fn write(
        &self,
        at: &Transaction<'_>,
        sink: &str,
        is_lone: bool,
        (epoch, token): (i64, i64),
    ) -> Result<(), Failure> {
        let table = &self.table;
        let written = if is_lone {
            let update =
                format!("UPDATE {table} SET lone_token = $2, committed_at = now() WHERE sink = $1");
            at.execute(&update, &[&sink, &token]).await?
        } else {
            let update = format!(
                "UPDATE {table} SET epoch = $2, token = $3, committed_at = now() WHERE sink = $1"
            );
            at.execute(&update, &[&sink, &epoch, &token]).await?
        };
        match written {
            1 => Ok(()),
            _ => Err(Failure::Final(super::error::row_is_gone(table, sink))),
        }
    }
}

fn row(found: &tokio_postgres::Row) -> Result<EpochRow, Failure> {
    Ok(EpochRow {
        generation: found.try_get(0)?,
        epoch: found.try_get(1)?,
        token: found.try_get(2)?,
        lone_token: found.try_get(3)?,
    })
}

/// PostgreSQL's integers have a sign.
pub(super) fn number(epoch: Epoch) -> i64 {
    i64::try_from(epoch.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_judged_by_generation_number_and_token() {
        let row = EpochRow {
            generation: 3,
            epoch: Some(7),
            token: Some(70),
            lone_token: Some(90),
        };
        for (generation, epoch, token, verdict) in [
            (Some(3), 8, 80, Verdict::Commit),
            (Some(3), 7, 70, Verdict::Before),
            (Some(3), 7, 71, Verdict::Foreign),
            (Some(3), 6, 60, Verdict::Before),
            (Some(2), 8, 80, Verdict::Superseded),
            (Some(2), 7, 70, Verdict::Superseded),
            (Some(4), 8, 80, Verdict::Superseded),
            (None, 0, 90, Verdict::Before),
            (None, 0, 91, Verdict::Commit),
            (None, 7, 70, Verdict::Commit),
        ] {
            let judged = row.judge(generation, epoch, token);
            assert_eq!(judged, verdict, "{generation:?} {epoch} {token}");
        }
        let first = EpochRow {
            generation: 1,
            ..EpochRow::default()
        };
        assert_eq!(first.judge(Some(1), 1, 5), Verdict::Commit);
    }
}
