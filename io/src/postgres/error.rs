//! What can be wrong with a table or its server, in words: what happened, where, and what to do.
//!
//! Owns the wording, and which of the server's errors pass by themselves. Invariant: no text holds a
//! password or a connection string.

use super::column::{Field, Kind, types_for};
use super::server::Server;
use super::sql::{Target, quoted};
use std::io;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use whitebeam_sdk::sink::Epoch;
use whitebeam_sdk::{Error, ErrorKind};

pub(super) fn not_a_url() -> Error {
    Error::new(
        ErrorKind::InvalidPipeline,
        "the connection string of PostgreSQL cannot be read",
    )
    .note("It is not shown, since it may hold a password.")
    .help("write postgres://USER@HOST:PORT/DATABASE, the password by .password(..)")
    .help("in a URL, characters such as @ : / # % stand as %40 %3A %2F %23 %25")
}

/// Whether the same call may succeed later.
pub(super) fn is_passing(e: &tokio_postgres::Error) -> bool {
    if let Some(code) = e.code() {
        // Connections, resources, the operator, serialization: by class. A query that was cancelled,
        // an idle transaction that was ended.
        let class = code.code().get(..2).unwrap_or_default();
        return matches!(class, "08" | "40" | "53" | "55" | "57" | "58")
            || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT;
    }
    let cause = std::error::Error::source(e).and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause {
        // What a TLS handshake says about certificates.
        Some(cause) => cause.kind() != io::ErrorKind::InvalidData,
        None => e.is_closed() || e.to_string().starts_with("timeout"),
    }
}

/// The server says no.
pub(super) fn refused(e: tokio_postgres::Error) -> Error {
    let Some(said) = e.as_db_error() else {
        let error = Error::unavailable("PostgreSQL cannot be talked to");
        return error
            .help("see the cause, and the connection string")
            .caused_by(e);
    };
    let (code, message) = (said.code().code(), said.message());
    let text = format!("PostgreSQL says no: {message} (SQLSTATE {code})");
    let mut error = match &code[..2] {
        "22" | "23" | "44" => Error::data(text)
            .note("Nothing of the epoch is visible.")
            .help("correct the rows before this sink, or the constraint that refuses them"),
        "28" => Error::unavailable(text).help("check user, password and pg_hba.conf of the server"),
        "3D" => Error::unavailable(text).help("create the database, or correct its name"),
        "42" if *said.code() == SqlState::INSUFFICIENT_PRIVILEGE => {
            Error::unavailable(text).help("grant the user what is missing")
        }
        "42" => Error::unavailable(text).help("was the table changed since the run began?"),
        _ => Error::unavailable(text).help("see the server's log"),
    };
    if let Some(detail) = said.detail() {
        error = error.note(detail);
    }
    error
}

pub(super) fn unreachable(
    server: &Server,
    why: &str,
    after: Duration,
    cause: Box<dyn std::error::Error + Send + Sync>,
) -> Error {
    let seconds = after.as_secs_f64();
    Error::unavailable(format!("PostgreSQL at {server} does not answer ({why})"))
        .note(format!(
            "It was tried for {seconds:.1} seconds. Nothing of an epoch is ever half visible."
        ))
        .help("see whether the server runs and takes connections from here")
        .help("to wait longer: .patience(..)")
        .caused_by(cause)
}

pub(super) fn no_table(table: &str, sql: &str, server: &Server) -> Error {
    Error::unavailable(format!("PostgreSQL at {server} has no table {table}"))
        .help("create it, or let the sink do so by .create_table()")
        .help(format!("such as: {sql}"))
}

pub(super) fn not_a_plain_table(table: &str) -> Error {
    Error::new(
        ErrorKind::InvalidPipeline,
        format!("{table} is not a table"),
    )
    .help("rows are written to tables; a view cannot take them in one piece")
}

pub(super) fn not_permitted(table: &str, what: &str, to: &str) -> Error {
    Error::unavailable(format!("table {table}: the user may not {what}")).help(format!(
        "GRANT {what} ON {to} TO the user of the connection string"
    ))
}

pub(super) fn no_column(table: &str, field: &Field) -> Error {
    let fitting = types_for(field.kind)
        .first()
        .copied()
        .unwrap_or("of its type");
    let name = quoted(&field.name);
    misfit(format!("table {table} has no column {name}"))
        .note(format!(
            "The rows have a field of that name ({}).",
            field.kind
        ))
        .help(format!("ALTER TABLE {table} ADD COLUMN {name} {fitting}"))
}

pub(super) fn other_type(table: &str, field: &Field, found: &str) -> Error {
    let (name, expected) = (quoted(&field.name), types_for(field.kind));
    misfit(format!(
        "table {table}, column {name}: it is {found}, and the field is {}",
        field.kind
    ))
    .note(format!(
        "Such a field goes into a column of type {}.",
        expected.join(", ")
    ))
    .help(format!(
        "ALTER TABLE {table} ALTER COLUMN {name} TYPE {}",
        expected.first().copied().unwrap_or("text")
    ))
    .help("or change the type of the field")
}

pub(super) fn unknown_type(table: &str, field: &str) -> Error {
    misfit(format!(
        "table {table}: it cannot be told which type column {} needs",
        quoted(field)
    ))
    .note("Its field's type does not say what it is before there is a value.")
    .help("create the table, and leave out .create_table()")
}

pub(super) fn generated(table: &str, column: &str) -> Error {
    misfit(format!(
        "table {table}, column {}: PostgreSQL generates it",
        quoted(column)
    ))
    .help("leave the field out of the rows")
}

pub(super) fn not_filled(table: &str, column: &str) -> Error {
    misfit(format!(
        "table {table}, column {}: it must have a value, and the rows have no such field",
        quoted(column)
    ))
    .help("add the field, or give the column a default")
}

pub(super) fn not_unique(target: &Target) -> Error {
    let table = target.table.sql();
    let key = super::sql::list(target.key.iter().map(String::as_str));
    misfit(format!("table {table}: no unique key stands on ({key})"))
        .note("A row replaces the one with its key, which only a primary key or a unique index finds.")
        .help(format!("ALTER TABLE {table} ADD PRIMARY KEY ({key})"))
        .help("or only add rows: PostgresSink::append(..)")
}

pub(super) fn key_is_no_field(key: &str, fields: &[Field]) -> Error {
    let fields: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    misfit(format!(
        "the key names `{key}`, which is no field of the rows"
    ))
    .help(format!("they have: {}", fields.join(", ")))
}

pub(super) fn no_fields(rows: &str, names: usize, fields: usize) -> Error {
    let error = misfit(format!("rows of type {rows} have no columns"));
    if names == fields {
        return error.help("write structs, whose fields are the columns, without serde(flatten)");
    }
    error
        .note(format!(
            "It has {fields} fields without names, and {names} columns are named."
        ))
        .help("write structs, or name the columns of a tuple: .columns([..])")
}

pub(super) fn bad_name(what: &str, name: &str) -> Error {
    misfit(format!("`{name}` cannot be the name of a {what}"))
        .help("use 1 to 63 bytes, none of them zero")
}

fn misfit(message: String) -> Error {
    Error::new(ErrorKind::InvalidPipeline, message).with_code("Q001")
}

/// Another instance writes under this sink's name now.
pub(super) fn superseded(sink: &str, epoch: Epoch) -> Error {
    Error::new(
        ErrorKind::Incompatible,
        format!("another instance has taken over the sink `{sink}` in PostgreSQL"),
    )
    .with_code("Q002")
    .note(format!(
        "Epoch {} was not written by this one, and nothing will be.",
        epoch.0
    ))
    .help("let the other one run; give sinks of different pipelines names of their own: .name(..)")
}

/// The epoch is visible with other rows.
pub(super) fn foreign(sink: &str, epoch: Epoch) -> Error {
    Error::new(
        ErrorKind::Incompatible,
        format!(
            "epoch {} of the sink `{sink}` is in PostgreSQL with other rows",
            epoch.0
        ),
    )
    .with_code("Q003")
    .note("Somebody else staged the same epoch and committed it: these rows would be lost.")
    .help("run one pipeline at a time on one checkpoint directory")
    .help("give sinks of different pipelines names of their own: .name(..)")
}

/// What a field is that no type was found for.
pub(super) fn is_untold(field: &Field) -> bool {
    field.kind == Kind::Unknown
}

/// The row that says what is visible is not there any more.
pub(super) fn row_is_gone(table: &str, sink: &str) -> Error {
    Error::new(
        ErrorKind::Incompatible,
        format!("{table} has no row of the sink `{sink}` any more"),
    )
    .note("Without it nobody knows which epochs are visible.")
    .help("restore the row; or, if the rows are to be written anew, start again without the old checkpoints")
}

pub(super) fn other_count(expected: u64, sent: u64) -> Error {
    Error::internal(format!(
        "PostgreSQL took {sent} rows of {expected}; nothing of them is visible"
    ))
}
