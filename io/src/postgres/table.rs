//! The target table: found, made on request, and compared with the rows before any is written.
//!
//! Owns the questions to PostgreSQL's catalog. Invariant: rows of a layout that was made here are
//! refused by the table only for what single values break (checks, foreign keys, lengths).

use super::column::{Column, Field, Form, Layout, types_for};
use super::error;
use super::server::{Failure, Server};
use super::sql::{TableName, Target, list, quoted};
use std::collections::BTreeSet;
use tokio_postgres::Client;
use whitebeam_sdk::{Error, Result};

/// What is to be written, and where.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) table: TableName,
    pub(super) fields: Vec<Field>,
    pub(super) is_by_order: bool,
    pub(super) key: Vec<String>,
    pub(super) create: bool,
}

/// A table that takes the rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fitting {
    pub(super) layout: Layout,
    pub(super) target: Target,
    pub(super) schema: String,
}

struct Found {
    oid: u32,
    schema: String,
}

/// A column of the table, as the catalog has it.
struct Has {
    name: String,
    form: Option<Form>,
    sql: String,
    must_be_given: bool,
    is_not_null: bool,
    is_generated: bool,
}

impl Wanted {
    /// The statement that makes the table.
    pub(super) fn create_sql(&self) -> String {
        let column = |field: &Field| {
            let sql = types_for(field.kind).first().copied().unwrap_or("text");
            let not_null = if field.is_optional { "" } else { " NOT NULL" };
            format!("{} {sql}{not_null}", quoted(&field.name))
        };
        let mut columns: Vec<String> = self.fields.iter().map(column).collect();
        if !self.key.is_empty() {
            let key = list(self.key.iter().map(String::as_str));
            columns.push(format!("PRIMARY KEY ({key})"));
        }
        format!(
            "CREATE TABLE IF NOT EXISTS {} ({})",
            self.table.sql(),
            columns.join(", ")
        )
    }

    /// Finds the table, or makes it, and sees whether it takes the rows.
    pub(super) async fn fit(&self, client: &Client, server: &Server) -> Result<Fitting, Failure> {
        let found = match self.find(client).await? {
            Some(found) => found,
            None => self.make(client, server).await?,
        };
        let has = columns(client, found.oid).await?;
        let layout = self.layout(&has)?;
        let table = TableName {
            schema: Some(found.schema.clone()),
            table: self.table.table.clone(),
        };
        let target = Target {
            table,
            key: self.key.clone(),
        };
        if !self.key.is_empty() && !has_unique(client, found.oid, &self.key).await? {
            return Err(error::not_unique(&target).into());
        }
        Ok(Fitting {
            layout,
            target,
            schema: found.schema,
        })
    }

    async fn find(&self, client: &Client) -> Result<Option<Found>, Failure> {
        let sql = self.table.sql();
        let select = "SELECT c.oid, n.nspname::text, c.relkind::text, \
             has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'UPDATE'), \
             has_table_privilege(c.oid, 'SELECT'), has_database_privilege(current_database(), 'TEMP'), \
             current_database()::text \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)";
        let Some(row) = client.query_opt(select, &[&sql]).await? else {
            return Ok(None);
        };
        let kind: String = row.try_get(2)?;
        if !matches!(kind.as_str(), "r" | "p") {
            return Err(error::not_a_plain_table(&sql).into());
        }
        let database = format!("DATABASE {}", quoted(row.try_get(7)?));
        let replaces = !self.key.is_empty();
        for (at, what, to, is_needed) in [
            (3, "INSERT", &sql, true),
            (4, "UPDATE", &sql, replaces),
            (5, "SELECT", &sql, replaces),
            (6, "TEMPORARY", &database, true),
        ] {
            if is_needed && !row.try_get::<_, bool>(at)? {
                return Err(error::not_permitted(&sql, what, to).into());
            }
        }
        Ok(Some(Found {
            oid: row.try_get(0)?,
            schema: row.try_get(1)?,
        }))
    }

    async fn make(&self, client: &Client, server: &Server) -> Result<Found, Failure> {
        let table = self.table.sql();
        if let Some(field) = self.fields.iter().find(|field| error::is_untold(field)) {
            return Err(error::unknown_type(&table, &field.name).into());
        }
        let create = self.create_sql();
        if !self.create {
            return Err(error::no_table(&table, &create, server).into());
        }
        let made = client.batch_execute(&create).await;
        match (self.find(client).await?, made) {
            // Somebody else may make it in the same instant.
            (Some(found), _) => Ok(found),
            (None, Err(e)) => Err(e.into()),
            (None, Ok(())) => Err(error::no_table(&table, &create, server).into()),
        }
    }

    /// The columns that get the fields; all that is wrong with them at once.
    fn layout(&self, has: &[Has]) -> Result<Layout> {
        let table = self.table.sql();
        let mut wrong = Vec::new();
        let mut columns = Vec::new();
        for field in &self.fields {
            let Some(has) = has.iter().find(|has| has.name == field.name) else {
                wrong.push(error::no_column(&table, field));
                continue;
            };
            let is_key = self.key.contains(&has.name);
            match has.form {
                _ if has.is_generated => wrong.push(error::generated(&table, &has.name)),
                Some(form) if form.takes(field.kind) => columns.push(Column {
                    name: has.name.clone(),
                    form,
                    sql: has.sql.clone(),
                    is_required: has.is_not_null || is_key,
                }),
                _ => wrong.push(error::other_type(&table, field, &has.sql)),
            }
        }
        let names: BTreeSet<&str> = self
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        let missing = has.iter().filter(|has| has.must_be_given);
        for has in missing.filter(|has| !names.contains(has.name.as_str())) {
            wrong.push(error::not_filled(&table, &has.name));
        }
        match Error::all(wrong) {
            Some(e) => Err(e),
            None => Ok(Layout {
                columns,
                is_by_order: self.is_by_order,
            }),
        }
    }
}

/// The columns of a table; one of a domain is of the type behind it.
async fn columns(client: &Client, table: u32) -> Result<Vec<Has>, Failure> {
    let select = "SELECT a.attname::text, t.base, t.modifier, format_type(t.base, t.modifier), \
         a.attnotnull, a.atthasdef, a.attidentity::text, a.attgenerated::text \
         FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid, \
         LATERAL (SELECT CASE y.typtype WHEN 'd' THEN y.typbasetype ELSE y.oid END AS base, \
                  CASE y.typtype WHEN 'd' THEN y.typtypmod ELSE a.atttypmod END AS modifier) t \
         WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let mut columns = Vec::new();
    for row in client.query(select, &[&table]).await? {
        let (oid, modifier): (u32, i32) = (row.try_get(1)?, row.try_get(2)?);
        let (is_not_null, has_default): (bool, bool) = (row.try_get(4)?, row.try_get(5)?);
        let (identity, generated): (String, String) = (row.try_get(6)?, row.try_get(7)?);
        let is_given = has_default || !identity.is_empty() || !generated.is_empty();
        columns.push(Has {
            name: row.try_get(0)?,
            form: Form::of(oid, modifier),
            sql: row.try_get(3)?,
            must_be_given: is_not_null && !is_given,
            is_not_null,
            is_generated: !generated.is_empty() || identity == "a",
        });
    }
    Ok(columns)
}

/// Whether exactly the columns of `key` tell rows apart.
async fn has_unique(client: &Client, table: u32, key: &[String]) -> Result<bool, Failure> {
    let select = "SELECT (SELECT array_agg(a.attname::text) FROM pg_attribute a \
         WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) \
         FROM pg_index i WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid \
         AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL";
    let wanted: BTreeSet<&str> = key.iter().map(String::as_str).collect();
    for row in client.query(select, &[&table]).await? {
        let columns: Option<Vec<String>> = row.try_get(0)?;
        let columns = columns.unwrap_or_default();
        if columns.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}
