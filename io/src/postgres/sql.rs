//! Identifiers and statements: every name is quoted, whatever it holds.
//!
//! Owns the text of all statements about staged rows. Invariant: nothing that a user or a table names
//! gets into a statement but through [`quoted`].

use whitebeam_sdk::{Error, ErrorKind, Result};

/// `name` as an identifier that means exactly it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Identifiers, with commas between.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    names.join(", ")
}

/// What a table is called: `table` or `schema.table`, each part as it is, or in quotes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TableName {
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

impl TableName {
    pub(super) fn parse(text: &str) -> Result<TableName> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, behind) = part(rest).ok_or_else(|| not_a_table(text))?;
            parts.push(part);
            match behind.strip_prefix('.') {
                Some(next) => rest = next,
                None if behind.is_empty() => break,
                None => return Err(not_a_table(text)),
            }
        }
        let table = parts.pop().ok_or_else(|| not_a_table(text))?;
        let schema = parts.pop();
        if parts.is_empty() {
            return Ok(TableName { schema, table });
        }
        Err(not_a_table(text))
    }

    pub(super) fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&self.table)),
            None => quoted(&self.table),
        }
    }
}

/// The first part of a name, and what is behind it.
fn part(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (part, behind) = text.split_at(end);
        let is_name = is_identifier(part) && !part.contains('"');
        return is_name.then(|| (part.to_owned(), behind));
    };
    let mut part = String::new();
    loop {
        let (before, behind) = rest.split_once('"')?;
        part.push_str(before);
        match behind.strip_prefix('"') {
            Some(next) => {
                part.push('"');
                rest = next;
            }
            None => return is_identifier(&part).then_some((part, behind)),
        }
    }
}

/// PostgreSQL would cut longer ones, and so mean another thing.
pub(super) fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.len() <= 63 && !name.contains('\0')
}

fn not_a_table(text: &str) -> Error {
    Error::new(
        ErrorKind::InvalidPipeline,
        format!("`{text}` cannot be the name of a table"),
    )
    .note("Names are taken as they are written, case included; up to 63 bytes each.")
    .help("write `table` or `schema.table`; a part that holds a dot or a quote stands in quotes")
}

/// Where rows go in the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    pub(super) table: TableName,
    /// Columns that tell which row is replaced; none where rows are only added.
    pub(super) key: Vec<String>,
}

/// The name that column `i` has while it waits.
fn waiting(i: usize) -> String {
    format!("c{i}")
}

/// The table that takes staged rows for the time of a transaction.
pub(super) fn create_waiting(number: usize, types: &[&str]) -> String {
    let columns = types.iter().enumerate();
    let columns: Vec<String> = columns
        .map(|(i, sql)| format!("{} {sql}", waiting(i)))
        .collect();
    format!(
        "CREATE TEMPORARY TABLE whitebeam_{number} ({}, ordinal bigint GENERATED ALWAYS AS IDENTITY) \
         ON COMMIT DROP",
        columns.join(", ")
    )
}

pub(super) fn copy_waiting(number: usize, columns: usize) -> String {
    let columns: Vec<String> = (0..columns).map(waiting).collect();
    format!(
        "COPY pg_temp.whitebeam_{number} ({}) FROM STDIN (FORMAT BINARY)",
        columns.join(", ")
    )
}

/// Takes the rows that wait to where they belong; of several with one key the last.
pub(super) fn insert_waiting(number: usize, columns: &[&str], target: &Target) -> String {
    let into = target.table.sql();
    let names = list(columns.iter().copied());
    let all: Vec<String> = (0..columns.len()).map(waiting).collect();
    let all = all.join(", ");
    let from = format!("FROM pg_temp.whitebeam_{number}");
    if target.key.is_empty() {
        return format!("INSERT INTO {into} ({names}) SELECT {all} {from} ORDER BY ordinal");
    }
    let is_key = |name: &str| target.key.iter().any(|key| key == name);
    let indexed = || columns.iter().enumerate();
    let keys: Vec<String> = indexed()
        .filter(|(_, name)| is_key(name))
        .map(|(i, _)| waiting(i))
        .collect();
    let keys = keys.join(", ");
    let sets: Vec<String> = indexed()
        .filter(|(_, name)| !is_key(name))
        .map(|(_, name)| format!("{0} = EXCLUDED.{0}", quoted(name)))
        .collect();
    let action = match sets.is_empty() {
        true => "NOTHING".to_owned(),
        false => format!("UPDATE SET {}", sets.join(", ")),
    };
    let conflict = list(target.key.iter().map(String::as_str));
    format!(
        "INSERT INTO {into} ({names}) SELECT DISTINCT ON ({keys}) {all} {from} \
         ORDER BY {keys}, ordinal DESC ON CONFLICT ({conflict}) DO {action}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(schema: Option<&str>, table: &str) -> TableName {
        TableName {
            schema: schema.map(str::to_owned),
            table: table.to_owned(),
        }
    }

    #[test]
    fn names_are_taken_as_they_are_written() {
        for (text, schema, table) in [
            ("orders", None, "orders"),
            ("Shop.Orders", Some("Shop"), "Orders"),
            ("\"a.b\".\"c\"\"d\"", Some("a.b"), "c\"d"),
            ("x; DROP TABLE y", None, "x; DROP TABLE y"),
        ] {
            assert_eq!(
                TableName::parse(text).unwrap(),
                name(schema, table),
                "{text}"
            );
        }
        let long = "x".repeat(64);
        for text in [
            "", ".", "a.", ".a", "a.b.c", "\"a", "a\"b", "\"a\"b", "\"\"", "a\0", &long,
        ] {
            let e = TableName::parse(text).unwrap_err();
            assert!(e.to_string().contains("name of a table"), "{text}");
        }
    }

    #[test]
    fn statements_name_what_they_mean() {
        let mut target = Target {
            table: name(Some("s"), "t\"x"),
            key: vec!["k".into()],
        };
        assert_eq!(
            insert_waiting(0, &["v", "k"], &target),
            "INSERT INTO \"s\".\"t\"\"x\" (\"v\", \"k\") SELECT DISTINCT ON (c1) c0, c1 \
             FROM pg_temp.whitebeam_0 ORDER BY c1, ordinal DESC \
             ON CONFLICT (\"k\") DO UPDATE SET \"v\" = EXCLUDED.\"v\""
        );
        assert!(insert_waiting(0, &["k"], &target).ends_with("ON CONFLICT (\"k\") DO NOTHING"));
        target.key.clear();
        assert_eq!(
            insert_waiting(1, &["v"], &target),
            "INSERT INTO \"s\".\"t\"\"x\" (\"v\") SELECT c0 FROM pg_temp.whitebeam_1 ORDER BY ordinal"
        );
    }

    /// What PostgreSQL's scanner makes of a quoted identifier.
    fn scanned(quoted: &str) -> Option<String> {
        let inside = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let mut chars = inside.chars();
        let mut name = String::new();
        while let Some(c) = chars.next() {
            if c == '"' && chars.next() != Some('"') {
                return None;
            }
            name.push(c);
        }
        Some(name)
    }

    proptest! {
        #[test]
        fn quoted_names_mean_exactly_themselves(name in "[a-z\"'.;\\\\ \\-é\n$]{1,30}") {
            let quoted = quoted(&name);
            prop_assert_eq!(scanned(&quoted), Some(name.clone()));
            let table = TableName::parse(&format!("{quoted}.{quoted}")).unwrap();
            prop_assert_eq!(table.sql(), format!("{quoted}.{quoted}"));
            prop_assert_eq!(table.table, name);
        }
    }
}
