//! `Column`: what a field is, what a column is, and which of them go together.
//!
//! Owns the table of both. Invariant: a field that fits a column can be encoded for it; what may
//! fail is a single value (too large, too long, missing), and only where the types cannot tell.

use std::fmt;
use tokio_postgres::types::Type;

/// What a field of a row is, by its serde form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    Text,
    Bytes,
    Time,
    /// Has fields or elements of its own.
    Nested,
    /// Cannot be told before there is a value.
    Unknown,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Bool => "bool",
            Kind::I8 => "i8",
            Kind::I16 => "i16",
            Kind::I32 => "i32",
            Kind::I64 => "i64",
            Kind::U8 => "u8",
            Kind::U16 => "u16",
            Kind::U32 => "u32",
            Kind::U64 => "u64",
            Kind::F32 => "f32",
            Kind::F64 => "f64",
            Kind::Text => "text",
            Kind::Bytes => "bytes",
            Kind::Time => "a Timestamp",
            Kind::Nested => "a value with parts of its own",
            Kind::Unknown => "not known",
        })
    }
}

/// A field of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) is_optional: bool,
}

/// A type of PostgreSQL that values can be encoded for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// With the most characters it takes.
    Text(Option<usize>),
    Bytea,
    /// With a time zone or without: both are instants in UTC.
    Time,
    Numeric,
    Json,
    Jsonb,
}

impl Form {
    /// Of a type's number and modifier.
    pub(super) fn of(oid: u32, modifier: i32) -> Option<Form> {
        let longest = || usize::try_from(modifier - 4).ok();
        Some(match Type::from_oid(oid)? {
            Type::BOOL => Form::Bool,
            Type::INT2 => Form::Int2,
            Type::INT4 => Form::Int4,
            Type::INT8 => Form::Int8,
            Type::FLOAT4 => Form::Float4,
            Type::FLOAT8 => Form::Float8,
            Type::TEXT => Form::Text(None),
            Type::VARCHAR => Form::Text(longest()),
            Type::BYTEA => Form::Bytea,
            Type::TIMESTAMPTZ | Type::TIMESTAMP => Form::Time,
            Type::NUMERIC => Form::Numeric,
            Type::JSON => Form::Json,
            Type::JSONB => Form::Jsonb,
            _ => return None,
        })
    }

    /// Whether all values of `kind` can be encoded, but for single ones of unsigned types, text that
    /// has to be a number or JSON, and text that is too long.
    pub(super) fn takes(self, kind: Kind) -> bool {
        use Kind::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
        match self {
            _ if kind == Kind::Unknown => true,
            Form::Bool => kind == Kind::Bool,
            Form::Int2 => matches!(kind, I8 | I16 | U8),
            Form::Int4 => matches!(kind, I8 | I16 | I32 | U8 | U16),
            Form::Int8 => matches!(kind, I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64),
            Form::Float4 => kind == F32,
            Form::Float8 => matches!(kind, F32 | F64),
            Form::Text(_) => kind == Kind::Text,
            Form::Bytea => kind == Kind::Bytes,
            Form::Time => kind == Kind::Time,
            Form::Numeric => {
                matches!(
                    kind,
                    Kind::Text | I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64
                )
            }
            Form::Json | Form::Jsonb => matches!(kind, Kind::Text | Kind::Nested),
        }
    }
}

/// The types that take a field, the one that a new table gets first; none where it cannot be told.
pub(super) fn types_for(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Bool => &["boolean"],
        Kind::I8 | Kind::I16 | Kind::U8 => &["smallint", "integer", "bigint", "numeric"],
        Kind::I32 | Kind::U16 => &["integer", "bigint", "numeric"],
        Kind::I64 | Kind::U32 | Kind::U64 => &["bigint", "numeric"],
        Kind::F32 => &["real", "double precision"],
        Kind::F64 => &["double precision"],
        Kind::Text => &["text", "varchar", "numeric", "jsonb", "json"],
        Kind::Bytes => &["bytea"],
        Kind::Time => &["timestamp with time zone", "timestamp without time zone"],
        Kind::Nested => &["jsonb", "json"],
        Kind::Unknown => &[],
    }
}

/// A column that gets a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) form: Form,
    /// Its type as PostgreSQL writes it.
    pub(super) sql: String,
    /// It refuses a row without a value: it says so, or it is a part of the key.
    pub(super) is_required: bool,
}

/// The columns of rows, in the order of their fields.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Layout {
    pub(super) columns: Vec<Column>,
    /// Fields are found by their order and not by their names.
    pub(super) is_by_order: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_new_table_gets_takes_the_field() {
        use Kind::*;
        for kind in [
            Bool, I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, Text, Bytes, Time, Nested,
        ] {
            for sql in types_for(kind) {
                let oid = match *sql {
                    "boolean" => Type::BOOL,
                    "smallint" => Type::INT2,
                    "integer" => Type::INT4,
                    "bigint" => Type::INT8,
                    "real" => Type::FLOAT4,
                    "double precision" => Type::FLOAT8,
                    "text" => Type::TEXT,
                    "varchar" => Type::VARCHAR,
                    "bytea" => Type::BYTEA,
                    "timestamp with time zone" => Type::TIMESTAMPTZ,
                    "timestamp without time zone" => Type::TIMESTAMP,
                    "numeric" => Type::NUMERIC,
                    "jsonb" => Type::JSONB,
                    "json" => Type::JSON,
                    other => panic!("{other}"),
                };
                let form = Form::of(oid.oid(), -1).unwrap();
                assert!(form.takes(kind), "{kind:?} in {sql}");
            }
        }
    }

    #[test]
    fn narrower_columns_are_refused() {
        for (form, kind) in [
            (Form::Int4, Kind::I64),
            (Form::Int4, Kind::U32),
            (Form::Int2, Kind::U16),
            (Form::Float4, Kind::F64),
            (Form::Text(None), Kind::I64),
            (Form::Int8, Kind::Time),
            (Form::Numeric, Kind::F64),
        ] {
            assert!(!form.takes(kind), "{form:?} {kind:?}");
        }
    }

    #[test]
    fn varchar_has_a_length() {
        assert_eq!(
            Form::of(Type::VARCHAR.oid(), 14),
            Some(Form::Text(Some(10)))
        );
        assert_eq!(Form::of(Type::VARCHAR.oid(), -1), Some(Form::Text(None)));
        assert_eq!(Form::of(Type::POINT.oid(), -1), None);
    }
}
