//! Single values in PostgreSQL's binary forms.
//!
//! Owns the encoding of a value for the column it goes to. Invariant: the bytes are such as the
//! column's type takes; a value that it does not take is an error that names the field.

use super::column::{Column, Form};
use super::numeric::put_numeric;
use serde::Serialize;
use serde::ser::{Impossible, SerializeSeq, SerializeTuple, Serializer};
use std::fmt;
use whitebeam_sdk::Timestamp;

/// What serde calls the SDK's instants.
pub(super) const TIMESTAMP: &str = "Timestamp";

/// Microseconds from 1970 to PostgreSQL's beginning of time.
const FROM_1970_TO_2000: i64 = 946_684_800_000_000;
/// The instants that PostgreSQL knows: from 4713 BC to 294276 AD, in its microseconds.
const INSTANTS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// What is wrong with a value.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

impl serde::ser::Error for Wrong {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Wrong(message.to_string())
    }
}

pub(super) type Put<T = ()> = Result<T, Wrong>;

/// Appends the length and the bytes of one value.
pub(super) fn put_value<V: Serialize + ?Sized>(
    value: &V,
    column: &Column,
    out: &mut Vec<u8>,
) -> Put {
    let at = out.len();
    out.extend((-1_i32).to_be_bytes());
    let is_there = match column.form {
        Form::Json | Form::Jsonb => put_json(value, column, out)?,
        _ => value.serialize(Value {
            column,
            out,
            part: Part::Whole,
        })?,
    };
    if is_there {
        let len = out.len() - at - 4;
        let len = i32::try_from(len).map_err(|_| wrong(column, "is longer than 2 GiB"))?;
        out[at..at + 4].copy_from_slice(&len.to_be_bytes());
    } else if column.is_required {
        return Err(wrong(
            column,
            "has no value, and the column has to have one",
        ));
    }
    Ok(())
}

fn wrong(column: &Column, what: impl fmt::Display) -> Wrong {
    Wrong(format!("field `{}` {what}", column.name))
}

/// Text is taken as JSON; anything else is written as JSON.
fn put_json<V: Serialize + ?Sized>(value: &V, column: &Column, out: &mut Vec<u8>) -> Put<bool> {
    let is_not = |e: serde_json::Error| wrong(column, format!("is not JSON: {e}"));
    let written = serde_json::to_vec(value).map_err(is_not)?;
    if written == b"null" {
        return Ok(false);
    }
    if column.form == Form::Jsonb {
        // The version of the form.
        out.push(1);
    }
    if written.first() == Some(&b'"') {
        let text: String = serde_json::from_slice(&written).map_err(is_not)?;
        serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(is_not)?;
        out.extend(text.as_bytes());
    } else {
        out.extend(written);
    }
    Ok(true)
}

/// What of a value is put.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// The number in an instant.
    Instant,
    /// One of its bytes.
    Octet,
}

/// Puts one value; whether there is one.
struct Value<'a> {
    column: &'a Column,
    out: &'a mut Vec<u8>,
    part: Part,
}

impl Value<'_> {
    fn mismatch<T>(&self, found: &str) -> Put<T> {
        let sql = &self.column.sql;
        Err(wrong(
            self.column,
            format!("is {found}, and the column is {sql}"),
        ))
    }

    fn put(self, bytes: impl AsRef<[u8]>) -> Put<bool> {
        self.out.extend(bytes.as_ref());
        Ok(true)
    }

    fn integer(self, n: i128) -> Put<bool> {
        let too_large = |_| {
            wrong(
                self.column,
                format!("is {n}, too large for {}", self.column.sql),
            )
        };
        match self.column.form {
            Form::Int2 => self.put(i16::try_from(n).map_err(too_large)?.to_be_bytes()),
            Form::Int4 => self.put(i32::try_from(n).map_err(too_large)?.to_be_bytes()),
            Form::Int8 => self.put(i64::try_from(n).map_err(too_large)?.to_be_bytes()),
            Form::Numeric => self.serialize_str(&n.to_string()),
            _ => self.mismatch("a whole number"),
        }
    }

    /// The ends of time stand for what has no instant of its own.
    fn instant(self, micros: i64) -> Put<bool> {
        if micros <= Timestamp::MIN.micros() {
            return self.put(i64::MIN.to_be_bytes());
        }
        if micros >= Timestamp::END_OF_GLOBAL_WINDOW.micros() {
            return self.put(i64::MAX.to_be_bytes());
        }
        let micros = micros.saturating_sub(FROM_1970_TO_2000);
        match INSTANTS.contains(&micros) {
            true => self.put(micros.to_be_bytes()),
            false => Err(wrong(
                self.column,
                "is an instant that PostgreSQL does not know",
            )),
        }
    }
}

impl<'a> Serializer for Value<'a> {
    type Ok = bool;
    type Error = Wrong;
    type SerializeSeq = Octets<'a>;
    type SerializeTuple = Octets<'a>;
    type SerializeTupleStruct = Impossible<bool, Wrong>;
    type SerializeTupleVariant = Impossible<bool, Wrong>;
    type SerializeMap = Impossible<bool, Wrong>;
    type SerializeStruct = Impossible<bool, Wrong>;
    type SerializeStructVariant = Impossible<bool, Wrong>;

    fn serialize_bool(self, value: bool) -> Put<bool> {
        match self.column.form {
            Form::Bool => self.put([u8::from(value)]),
            _ => self.mismatch("a bool"),
        }
    }

    fn serialize_i8(self, n: i8) -> Put<bool> {
        self.integer(n.into())
    }
    fn serialize_i16(self, n: i16) -> Put<bool> {
        self.integer(n.into())
    }
    fn serialize_i32(self, n: i32) -> Put<bool> {
        self.integer(n.into())
    }
    fn serialize_i64(self, n: i64) -> Put<bool> {
        match self.column.form {
            Form::Time if self.part == Part::Instant => self.instant(n),
            _ => self.integer(n.into()),
        }
    }
    fn serialize_u8(self, n: u8) -> Put<bool> {
        match self.part {
            Part::Octet => self.put([n]),
            _ => self.integer(n.into()),
        }
    }
    fn serialize_u16(self, n: u16) -> Put<bool> {
        self.integer(n.into())
    }
    fn serialize_u32(self, n: u32) -> Put<bool> {
        self.integer(n.into())
    }
    fn serialize_u64(self, n: u64) -> Put<bool> {
        self.integer(n.into())
    }

    fn serialize_f32(self, n: f32) -> Put<bool> {
        match self.column.form {
            Form::Float4 => self.put(n.to_be_bytes()),
            _ => self.serialize_f64(n.into()),
        }
    }

    fn serialize_f64(self, n: f64) -> Put<bool> {
        match self.column.form {
            Form::Float8 => self.put(n.to_be_bytes()),
            _ => self.mismatch("a floating point number"),
        }
    }

    fn serialize_char(self, c: char) -> Put<bool> {
        self.serialize_str(c.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Put<bool> {
        match self.column.form {
            Form::Text(longest) => {
                if longest.is_some_and(|longest| text.chars().count() > longest) {
                    return Err(wrong(
                        self.column,
                        format!("is too long for {}", self.column.sql),
                    ));
                }
                if text.contains('\0') {
                    return Err(wrong(
                        self.column,
                        "holds a zero byte, which PostgreSQL's text cannot",
                    ));
                }
                self.put(text)
            }
            Form::Numeric => match put_numeric(text, self.out) {
                true => Ok(true),
                false => Err(wrong(
                    self.column,
                    "is text that is no decimal number such as -12.50",
                )),
            },
            _ => self.mismatch("text"),
        }
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Put<bool> {
        match self.column.form {
            Form::Bytea => self.put(bytes),
            _ => self.mismatch("bytes"),
        }
    }

    fn serialize_none(self) -> Put<bool> {
        Ok(false)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Put<bool> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Put<bool> {
        Ok(false)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Put<bool> {
        Ok(false)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Put<bool> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        value: &T,
    ) -> Put<bool> {
        if name == TIMESTAMP {
            self.part = Part::Instant;
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Put<bool> {
        self.mismatch("an enum with data")
    }

    fn serialize_seq(self, _: Option<usize>) -> Put<Octets<'a>> {
        match self.column.form {
            Form::Bytea => Ok(Octets(self)),
            _ => self.mismatch("a sequence"),
        }
    }

    fn serialize_tuple(self, len: usize) -> Put<Octets<'a>> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Put<Self::SerializeTupleStruct> {
        self.mismatch("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Put<Self::SerializeTupleVariant> {
        self.mismatch("an enum with data")
    }

    fn serialize_map(self, _: Option<usize>) -> Put<Self::SerializeMap> {
        self.mismatch("a map")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Put<Self::SerializeStruct> {
        self.mismatch("a struct")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Put<Self::SerializeStructVariant> {
        self.mismatch("an enum with data")
    }
}

/// Bytes that come one by one.
struct Octets<'a>(Value<'a>);

impl Octets<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Put {
        let octet = Value {
            column: self.0.column,
            out: self.0.out,
            part: Part::Octet,
        };
        value.serialize(octet).map(|_| ())
    }
}

impl SerializeSeq for Octets<'_> {
    type Ok = bool;
    type Error = Wrong;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Put {
        self.put(value)
    }

    fn end(self) -> Put<bool> {
        Ok(true)
    }
}

impl SerializeTuple for Octets<'_> {
    type Ok = bool;
    type Error = Wrong;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Put {
        self.put(value)
    }

    fn end(self) -> Put<bool> {
        Ok(true)
    }
}
