//! Rows are encoded as PostgreSQL's manual says, value by value; what does not fit is named.

use super::*;
use crate::postgres::column::{Column, Form};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use whitebeam_sdk::Timestamp;

fn column(name: &str, form: Form, sql: &str) -> Column {
    Column {
        name: name.to_owned(),
        form,
        sql: sql.to_owned(),
        is_required: false,
    }
}

fn by_order(columns: Vec<Column>) -> Layout {
    Layout {
        columns,
        is_by_order: true,
    }
}

/// The bytes of a single value, none where there is no value.
fn value<T: Serialize>(form: Form, value: T) -> Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    put_row(
        &(value,),
        &by_order(vec![column("x", form, "its type")]),
        &mut out,
    )?;
    assert_eq!(out[..2], [0, 1]);
    let len = i32::from_be_bytes(out[2..6].try_into().unwrap());
    assert_eq!(i32::try_from(out.len() - 6).unwrap(), len.max(0));
    Ok((len >= 0).then(|| out[6..].to_vec()))
}

#[test]
fn values_have_their_binary_form() {
    let is = |form, found: Result<Option<Vec<u8>>>, expected: &[u8]| {
        assert_eq!(found.unwrap().as_deref(), Some(expected), "{form:?}");
    };
    is(Form::Bool, value(Form::Bool, true), &[1]);
    is(Form::Int2, value(Form::Int2, -2_i16), &[0xff, 0xfe]);
    is(Form::Int4, value(Form::Int4, 258_u16), &[0, 0, 1, 2]);
    is(Form::Int8, value(Form::Int8, -1_i32), &[0xff; 8]);
    is(
        Form::Float4,
        value(Form::Float4, 1.5_f32),
        &1.5_f32.to_be_bytes(),
    );
    is(
        Form::Float8,
        value(Form::Float8, 1.5_f32),
        &1.5_f64.to_be_bytes(),
    );
    is(
        Form::Text(None),
        value(Form::Text(None), "grün"),
        "grün".as_bytes(),
    );
    is(
        Form::Text(Some(4)),
        value(Form::Text(Some(4)), "grün"),
        "grün".as_bytes(),
    );
    is(Form::Text(None), value(Form::Text(None), 'x'), b"x");
    is(Form::Bytea, value(Form::Bytea, vec![0_u8, 255]), &[0, 255]);
    is(Form::Bytea, value(Form::Bytea, [7_u8; 2]), &[7, 7]);
    is(Form::Json, value(Form::Json, vec![1, 2]), b"[1,2]");
    is(
        Form::Jsonb,
        value(Form::Jsonb, "{\"a\": 1}"),
        b"\x01{\"a\": 1}",
    );
    is(
        Form::Numeric,
        value(Form::Numeric, 5_u64),
        &[0, 1, 0, 0, 0, 0, 0, 0, 0, 5],
    );
    is(
        Form::Numeric,
        value(Form::Numeric, "5"),
        &[0, 1, 0, 0, 0, 0, 0, 0, 0, 5],
    );
    let at = Timestamp::from_secs(946_684_801);
    is(
        Form::Time,
        value(Form::Time, at),
        &1_000_000_i64.to_be_bytes(),
    );
    is(
        Form::Time,
        value(Form::Time, Timestamp::MIN),
        &i64::MIN.to_be_bytes(),
    );
    let end = Timestamp::END_OF_GLOBAL_WINDOW;
    is(Form::Time, value(Form::Time, end), &i64::MAX.to_be_bytes());
    assert_eq!(value(Form::Int4, None::<i32>).unwrap(), None);
    assert_eq!(value(Form::Jsonb, None::<Vec<i32>>).unwrap(), None);
}

#[test]
fn values_that_do_not_fit_are_named() {
    let refused = |found: Result<Option<Vec<u8>>>, why: &str| {
        let e = found.unwrap_err().to_string();
        assert!(e.contains("field `x`") && e.contains(why), "{e}");
    };
    refused(value(Form::Int8, u64::MAX), "too large");
    refused(value(Form::Int4, 1_i64 << 40), "too large");
    refused(
        value(Form::Int4, "1"),
        "is text, and the column is its type",
    );
    refused(value(Form::Text(Some(3)), "grün"), "too long");
    refused(value(Form::Text(None), "a\0b"), "zero byte");
    refused(value(Form::Numeric, "1e5"), "no decimal");
    refused(value(Form::Json, "{"), "not JSON");
    refused(value(Form::Float4, 1.5_f64), "floating point");
    refused(value(Form::Time, 5_i64), "whole number");
    refused(value(Form::Text(None), vec![1_u8]), "sequence");
    refused(value(Form::Text(None), BTreeMap::from([(1, 2)])), "a map");
    refused(
        value(Form::Time, Timestamp::from_micros(i64::MIN / 2)),
        "does not know",
    );
}

#[derive(Clone, Serialize, Deserialize)]
struct Sale {
    country: String,
    cents: Option<i64>,
}

fn sale_columns() -> Vec<Column> {
    vec![
        column("country", Form::Text(None), "text"),
        column("cents", Form::Int8, "bigint"),
    ]
}

#[test]
fn rows_are_whole_or_not_there() {
    let layout = Layout {
        columns: sale_columns(),
        is_by_order: false,
    };
    let sale = |country: &str, cents| Sale {
        country: country.to_owned(),
        cents,
    };
    let mut out = b"before".to_vec();
    put_row(&sale("F", Some(1)), &layout, &mut out).unwrap();
    let expected = b"before\0\x02\0\0\0\x01F\0\0\0\x08\0\0\0\0\0\0\0\x01";
    assert_eq!(out, expected);
    put_row(&sale("a\0", None), &layout, &mut out).unwrap_err();
    assert_eq!(out, expected);
    let mut required = layout.clone();
    required.columns[1].is_required = true;
    let e = put_row(&sale("F", None), &required, &mut out).unwrap_err();
    assert!(e.to_string().contains("field `cents` has no value"), "{e}");
    assert_eq!(out, expected);
}

#[test]
fn rows_of_another_form_are_refused() {
    let put = |row: &dyn Fn(&Layout) -> Result<()>, layout: &Layout, why: &str| {
        let e = row(layout).unwrap_err().to_string();
        assert!(e.contains(why), "{e}");
    };
    let layout = by_order(sale_columns());
    put(
        &|l| put_row(&1_i64, l, &mut Vec::new()),
        &layout,
        "neither a struct nor a tuple",
    );
    put(
        &|l| put_row(&("F",), l, &mut Vec::new()),
        &layout,
        "1 values for 2 columns",
    );
    let mut swapped = layout.clone();
    swapped.is_by_order = false;
    swapped.columns.reverse();
    let sale = Sale {
        country: String::new(),
        cents: None,
    };
    put(
        &|l| put_row(&sale, l, &mut Vec::new()),
        &swapped,
        "stands where",
    );
    put_row(&("F", Some(1_i64)), &layout, &mut Vec::new()).unwrap();
}
