//! Rows in the binary form of `COPY`: a count of values, then a length and the bytes of each.
//!
//! Owns which value goes into which column. Invariant: what is appended is a whole row, or nothing.

use super::column::Layout;
use super::value::{Put, Wrong, put_value};
use serde::Serialize;
use serde::ser::{Impossible, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer};
use whitebeam_sdk::{Error, Result};

/// Begins what `COPY` reads.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Ends it.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Appends `row`, or nothing.
pub(super) fn put_row<T: Serialize>(row: &T, layout: &Layout, out: &mut Vec<u8>) -> Result<()> {
    let before = out.len();
    let put = row.serialize(Row { layout, out });
    put.map_err(|Wrong(what)| {
        out.truncate(before);
        Error::data(format!("a row cannot be written: {what}"))
            .note("Nothing of it was written.")
            .help("correct the value, or give it to another output before this sink")
    })
}

fn not_a_row<T>() -> Put<T> {
    Err(Wrong("it is neither a struct nor a tuple".to_owned()))
}

/// A whole row.
pub(super) struct Row<'a> {
    layout: &'a Layout,
    out: &'a mut Vec<u8>,
}

/// The values of a row, one after the other.
pub(super) struct Values<'a> {
    layout: &'a Layout,
    out: &'a mut Vec<u8>,
    at: usize,
}

impl<'a> Row<'a> {
    fn begin(self, len: usize) -> Put<Values<'a>> {
        let columns = self.layout.columns.len();
        if len != columns {
            return Err(Wrong(format!("it has {len} values for {columns} columns")));
        }
        let count = i16::try_from(columns).map_err(|_| Wrong("too many columns".to_owned()))?;
        self.out.extend(count.to_be_bytes());
        Ok(Values {
            layout: self.layout,
            out: self.out,
            at: 0,
        })
    }
}

impl Values<'_> {
    fn put<V: Serialize + ?Sized>(&mut self, name: Option<&str>, value: &V) -> Put {
        let column = self.layout.columns.get(self.at);
        let column = column.ok_or_else(|| Wrong("it has more values than columns".to_owned()))?;
        if name.is_some_and(|name| !self.layout.is_by_order && name != column.name) {
            let found = name.unwrap_or_default();
            return Err(Wrong(format!(
                "field `{found}` stands where `{}` was",
                column.name
            )));
        }
        self.at += 1;
        put_value(value, column, self.out)
    }

    fn end(self) -> Put {
        match self.at == self.layout.columns.len() {
            true => Ok(()),
            false => Err(Wrong("it has fewer values than columns".to_owned())),
        }
    }
}

macro_rules! no_rows {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)+) => {
        $(fn $method(self, $(_: $argument),*) -> Put<$ok> {
            not_a_row()
        })+
    };
}

impl<'a> Serializer for Row<'a> {
    type Ok = ();
    type Error = Wrong;
    type SerializeSeq = Impossible<(), Wrong>;
    type SerializeTuple = Values<'a>;
    type SerializeTupleStruct = Values<'a>;
    type SerializeTupleVariant = Impossible<(), Wrong>;
    type SerializeMap = Impossible<(), Wrong>;
    type SerializeStruct = Values<'a>;
    type SerializeStructVariant = Impossible<(), Wrong>;

    no_rows! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Put {
        not_a_row()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, row: &T) -> Put {
        row.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Put {
        not_a_row()
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Put<Values<'a>> {
        self.begin(len)
    }

    fn serialize_tuple(self, len: usize) -> Put<Values<'a>> {
        self.begin(len)
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Put<Values<'a>> {
        self.begin(len)
    }
}

impl SerializeStruct for Values<'_> {
    type Ok = ();
    type Error = Wrong;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Put {
        self.put(Some(name), value)
    }

    fn end(self) -> Put {
        Values::end(self)
    }
}

impl SerializeTuple for Values<'_> {
    type Ok = ();
    type Error = Wrong;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Put {
        self.put(None, value)
    }

    fn end(self) -> Put {
        Values::end(self)
    }
}

impl SerializeTupleStruct for Values<'_> {
    type Ok = ();
    type Error = Wrong;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Put {
        self.put(None, value)
    }

    fn end(self) -> Put {
        Values::end(self)
    }
}

#[cfg(test)]
mod tests;
