//! PostgreSQL: rows into a table, each epoch in one transaction.
//!
//! Owns the settings and one run's state. `fields` finds out what rows have, `table` whether the
//! table takes them, `row` and `value` encode them, `commit` makes an epoch visible, `epochs` knows
//! which are. Invariant: rows are visible together with the row that names their epoch, so that an
//! epoch is written once, whoever commits it and however often. What is promised:
//! `docs/guarantees.md`.

mod column;
mod commit;
mod epochs;
mod error;
mod fields;
mod numeric;
mod row;
mod server;
mod sql;
mod staged;
mod table;
mod tls;
mod value;
mod writer;

pub use staged::StagedRows;
pub use writer::PostgresWriter;

use crate::machine::Machine;
use column::Field;
use commit::Commit;
use epochs::{Epochs, number};
use fields::fields_of;
use server::{Server, Session};
use sql::{TableName, is_identifier};
use staged::token_of;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use table::{Fitting, Wanted};
use whitebeam_env::RealEnv;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink};
use whitebeam_sdk::{Element, Result};

/// Writes elements as rows of a PostgreSQL table.
///
/// - The fields of a struct are the columns, by their serde names; a [`Timestamp`](whitebeam_sdk::Timestamp)
///   is a `timestamptz`, `Option` a column that may be null, bytes are `bytea`; what has parts of its own is
///   `jsonb`, and so is JSON text, where the column is of that type; text of a decimal goes into `numeric`.
/// - [`upsert`](Self::upsert) replaces the row that has the same key; of several rows with one key in
///   one epoch the last one stays. [`append`](Self::append) only adds.
/// - Each epoch is one transaction together with its number in the table `whitebeam_epochs`, which is
///   made beside the target: whatever is killed, and whenever, each epoch is there once and whole.
/// - The table is compared with the rows before the run begins. What single values break later (a check, a
///   foreign key) ends the run, and nothing of their epoch is visible.
/// - While the server is away, commits are tried again; see [`patience`](Self::patience).
///
/// Names of tables and columns are taken as they are, case included. `sslmode=require` in the connection
/// string asks for TLS (feature `postgres-tls`); certificates are always checked.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// use whitebeam_io::postgres::PostgresSink;
/// use whitebeam_sdk::sink::Sink;
/// use whitebeam_sdk::{Str, Timestamp};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Revenue {
///     country: Str,
///     minute: Timestamp,
///     pane_index: i64,
///     cents: i64,
/// }
///
/// let sink = PostgresSink::<Revenue>::upsert(
///     "postgres://whitebeam@localhost/shop",
///     "fact_revenue_1m",
///     ["country", "minute", "pane_index"],
/// )
/// .password(std::env::var("SHOP_PASSWORD").unwrap_or_default())
/// .create_table();
/// assert_eq!(
///     sink.describe(),
///     "rows put into table fact_revenue_1m of PostgreSQL at localhost:5432/shop"
/// );
/// ```
pub struct PostgresSink<T> {
    /// None where the connection string cannot be read, which is told when a run begins.
    server: Option<Server>,
    table: String,
    key: Vec<String>,
    name: Option<String>,
    columns: Option<Vec<String>>,
    create: bool,
    machine: Machine,
    state: Mutex<State>,
    types: PhantomData<fn(T)>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    started: Option<Arc<Started>>,
    /// What this instance claimed, if it goes on from checkpoints.
    generation: Option<i64>,
}

/// What is known of the table once a run has begun.
#[derive(Debug)]
struct Started {
    fitting: Fitting,
    epochs: Epochs,
}

impl<T: Element> PostgresSink<T> {
    /// Adds rows to `table` of the database that `url` names (`postgres://USER@HOST:PORT/DATABASE`).
    pub fn append(url: &str, table: impl Into<String>) -> Self {
        PostgresSink {
            server: Server::parse(url).ok(),
            table: table.into(),
            key: Vec::new(),
            name: None,
            columns: None,
            create: false,
            machine: Machine::of(&RealEnv::new()),
            state: Mutex::default(),
            types: PhantomData,
        }
    }

    /// Writes rows to `table` of the database that `url` names, each in place of the one that has the
    /// same values in the columns of `key`: a primary key or a unique index has to stand on them.
    pub fn upsert<N: Into<String>>(
        url: &str,
        table: impl Into<String>,
        key: impl IntoIterator<Item = N>,
    ) -> Self {
        let mut sink = PostgresSink::append(url, table);
        sink.key = key.into_iter().map(Into::into).collect();
        sink
    }
}

impl<T> PostgresSink<T> {
    /// The password, which so stands in no connection string. It is never shown.
    #[must_use]
    pub fn password(mut self, password: impl AsRef<str>) -> Self {
        if let Some(server) = &mut self.server {
            server.set_password(password.as_ref());
        }
        self
    }

    /// Calls the sink this in the table of epochs, instead of by the name of its table: pipelines
    /// that write one table each need a name of their own.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Names the columns in the order of the fields, where they are called otherwise or, as those of
    /// a tuple, have no names.
    #[must_use]
    pub fn columns<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Makes the table, if it is not there: with the types of the fields and the key as primary key.
    #[must_use]
    pub fn create_table(mut self) -> Self {
        self.create = true;
        self
    }

    /// How long a commit may take, and how long it is tried again while the server is away, before
    /// it fails; a minute at first. A streaming run then keeps the epoch and tries again; a batch run
    /// ends. When a run begins, the server is waited for up to ten seconds, or less with less patience.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        if let Some(server) = &mut self.server {
            server.patience = patience;
        }
        self
    }

    /// Trusts the authorities in this file (PEM) instead of those that the system trusts.
    #[cfg(feature = "postgres-tls")]
    #[must_use]
    pub fn trusting(mut self, roots: impl Into<std::path::PathBuf>) -> Self {
        if let Some(server) = &mut self.server {
            server.set_roots(tls::Roots::File(roots.into()));
        }
        self
    }

    fn sink_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.table)
    }

    fn server(&self) -> Result<&Server> {
        self.server.as_ref().ok_or_else(error::not_a_url)
    }

    /// A panic leaves the state whole: it is changed in single assignments.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Element> PostgresSink<T> {
    /// What is asked of the table; an error where it could not mean anything.
    fn wanted(&self) -> Result<Wanted> {
        let mut fields = fields_of::<T>();
        if let Some(names) = &self.columns {
            if names.len() != fields.len() {
                let rows = std::any::type_name::<T>();
                return Err(error::no_fields(rows, names.len(), fields.len()));
            }
            for (field, name) in fields.iter_mut().zip(names) {
                field.name.clone_from(name);
            }
        }
        if fields.is_empty() || fields.iter().any(|field| field.name.is_empty()) {
            let rows = std::any::type_name::<T>();
            return Err(error::no_fields(rows, 0, fields.len()));
        }
        let named = |field: &&Field| is_identifier(&field.name);
        if let Some(bad) = fields.iter().find(|field| !named(field)) {
            return Err(error::bad_name("column", &bad.name));
        }
        if let Some(key) = self
            .key
            .iter()
            .find(|key| !fields.iter().any(|f| f.name == **key))
        {
            return Err(error::key_is_no_field(key, &fields));
        }
        Ok(Wanted {
            table: TableName::parse(&self.table)?,
            fields,
            is_by_order: self.columns.is_some(),
            key: self.key.clone(),
            create: self.create,
        })
    }

    /// What is known of the table, found out by the first who asks.
    fn started(&self, state: &mut State) -> Result<Arc<Started>> {
        if let Some(started) = &state.started {
            return Ok(Arc::clone(started));
        }
        let (server, wanted, sink) = (self.server()?, self.wanted()?, self.sink_name());
        if sink.is_empty() || sink.contains('\0') {
            return Err(error::bad_name("sink", sink));
        }
        let why = format!("to see whether table {} takes the rows", self.table);
        let (fitting, epochs) =
            server.call(&mut state.session, server.start(), &why, async |client| {
                let fitting = wanted.fit(client, server).await?;
                let epochs = Epochs::within(&fitting.schema);
                epochs.ensure(client, sink).await?;
                Ok((fitting, epochs))
            })?;
        let started = Arc::new(Started { fitting, epochs });
        state.started = Some(Arc::clone(&started));
        Ok(started)
    }
}

impl<T> fmt::Debug for PostgresSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresSink({} to {})", self.sink_name(), self.table)
    }
}

impl<T: Element> Sink<T> for PostgresSink<T> {
    type Staged = StagedRows;
    type Writer = PostgresWriter<T>;

    fn open(&self, shard: Shard) -> Result<PostgresWriter<T>> {
        let started = self.started(&mut self.state())?;
        let layout = started.fitting.layout.clone();
        // A number for each writer: whatever is opened again stages anew.
        Ok(PostgresWriter::new(layout, self.machine.unique(), shard))
    }

    fn recover(&self) -> Result<Option<Epoch>> {
        let mut state = self.state();
        let started = self.started(&mut state)?;
        let (server, sink) = (self.server()?, self.sink_name());
        let why = "to see which epoch is visible";
        let row = server.call(&mut state.session, server.start(), why, async |client| {
            started.epochs.claim(client, sink).await
        })?;
        state.generation = Some(row.generation);
        let epoch = row.epoch.and_then(|epoch| u64::try_from(epoch).ok());
        Ok(epoch.map(Epoch))
    }

    fn prepare(&self, _: Epoch, _: &[StagedRows]) -> Result<()> {
        let mut state = self.state();
        self.started(&mut state)?;
        let server = self.server()?;
        let why = "to see whether it is there";
        let ask = async |client: &mut tokio_postgres::Client| Ok(client.check_connection().await?);
        server.call(&mut state.session, server.patience, why, ask)
    }

    fn commit(&self, epoch: Epoch, staged: Vec<StagedRows>) -> Result<Committed> {
        if staged.is_empty() {
            return Ok(Committed::Now);
        }
        let mut state = self.state();
        let started = self.started(&mut state)?;
        let server = self.server()?;
        let commit = Commit {
            sink: self.sink_name(),
            epochs: &started.epochs,
            target: &started.fitting.target,
            generation: state.generation,
            epoch,
            number: number(epoch),
            token: token_of(&staged),
            staged: &staged,
        };
        let why = format!("to commit epoch {} of sink `{}`", epoch.0, commit.sink);
        server.call(&mut state.session, server.patience, &why, async |client| {
            commit.run(client).await
        })
    }

    fn finish(&self) -> Result<()> {
        *self.state() = State::default();
        Ok(())
    }

    fn abort(&self) {
        // What was staged lies with the runner; what was sent goes with the connection.
        self.state().session = None;
    }

    fn describe(&self) -> String {
        let what = match self.key.is_empty() {
            true => "rows added to",
            false => "rows put into",
        };
        match &self.server {
            Some(server) => format!("{what} table {} of PostgreSQL at {server}", self.table),
            None => format!("{what} table {} of PostgreSQL", self.table),
        }
    }
}

#[cfg(test)]
mod tests;
