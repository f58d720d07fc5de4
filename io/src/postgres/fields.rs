//! What fields a row type has, found without a value of it.
//!
//! Owns a deserializer that answers every question with an empty value and notes what was asked.
//! Invariant: it never fails; what a type does not tell is [`Kind::Unknown`].

use super::column::{Field, Kind};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// The fields of `T` in their order. Those of a tuple have no names.
pub(super) fn fields_of<T: DeserializeOwned>() -> Vec<Field> {
    let mut fields = Vec::new();
    // A type that checks its values may refuse the empty ones; what it asked until then is known.
    let _ = T::deserialize(Row(&mut fields));
    fields
}

struct Row<'a>(&'a mut Vec<Field>);

impl Row<'_> {
    fn unnamed(&mut self, count: usize) {
        self.0.extend((0..count).map(|_| unknown("")));
    }
}

fn unknown(name: &str) -> Field {
    Field {
        name: name.to_owned(),
        kind: Kind::Unknown,
        is_optional: false,
    }
}

impl<'de> Deserializer<'de> for Row<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a row"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.extend(names.iter().map(|name| unknown(name)));
        visitor.visit_map(Parts::of(self.0))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.unnamed(len);
        visitor.visit_seq(Parts::of(self.0))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq map enum identifier ignored_any
    }
}

/// Fields that are asked for one by one.
struct Parts<'a> {
    fields: &'a mut [Field],
    at: usize,
}

impl<'a> Parts<'a> {
    fn of(fields: &'a mut [Field]) -> Self {
        Parts { fields, at: 0 }
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(field) = self.fields.get_mut(self.at) else {
            return Ok(None);
        };
        self.at += 1;
        seed.deserialize(Value(field)).map(Some)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(field) = self.fields.get(self.at) else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Error> = field.name.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let at = self.at;
        self.at += 1;
        seed.deserialize(Value(&mut self.fields[at]))
    }
}

/// Notes what one field is asked for.
struct Value<'a>(&'a mut Field);

macro_rules! scalars {
    ($($method:ident: $kind:ident, $visit:ident, $empty:expr;)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.0.kind = Kind::$kind;
            visitor.$visit($empty)
        })+
    };
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Error;

    scalars! {
        deserialize_bool: Bool, visit_bool, false;
        deserialize_i8: I8, visit_i8, 0;
        deserialize_i16: I16, visit_i16, 0;
        deserialize_i32: I32, visit_i32, 0;
        deserialize_i64: I64, visit_i64, 0;
        deserialize_u8: U8, visit_u8, 0;
        deserialize_u16: U16, visit_u16, 0;
        deserialize_u32: U32, visit_u32, 0;
        deserialize_u64: U64, visit_u64, 0;
        deserialize_f32: F32, visit_f32, 0.0;
        deserialize_f64: F64, visit_f64, 0.0;
        deserialize_char: Text, visit_char, ' ';
        deserialize_str: Text, visit_borrowed_str, "";
        deserialize_string: Text, visit_string, String::new();
        deserialize_bytes: Bytes, visit_borrowed_bytes, b"";
        deserialize_byte_buf: Bytes, visit_byte_buf, Vec::new();
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("it does not say what it is"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.is_optional = true;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let field = self.0;
        let made = visitor.visit_newtype_struct(Value(field));
        if name == super::value::TIMESTAMP && field.kind == Kind::I64 {
            field.kind = Kind::Time;
        }
        made
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.parts(1, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.parts(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.kind = Kind::Nested;
        visitor.visit_seq(Parts::of(&mut vec![unknown(""); len]))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.kind = Kind::Nested;
        visitor.visit_map(Parts::of(&mut []))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.kind = Kind::Nested;
        let mut fields: Vec<Field> = names.iter().map(|name| unknown(name)).collect();
        visitor.visit_map(Parts::of(&mut fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.kind = Kind::Text;
        let first = variants.first().copied().unwrap_or_default();
        visitor.visit_enum(Variant(first, self.0))
    }

    forward_to_deserialize_any! { i128 u128 unit unit_struct identifier ignored_any }
}

impl Value<'_> {
    /// Something of several elements; of bytes, it is bytes.
    fn parts<'de, V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Error> {
        let mut elements = vec![unknown(""); count];
        let made = visitor.visit_seq(Parts::of(&mut elements));
        let is_byte = |element: &Field| element.kind == Kind::U8 && !element.is_optional;
        self.0.kind = match elements.iter().all(is_byte) && count > 0 {
            true => Kind::Bytes,
            false => Kind::Nested,
        };
        made
    }
}

/// The first variant of an enum; those of data make its field nested.
struct Variant<'a>(&'static str, &'a mut Field);

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Error;
    type Variant = Variant<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Variant<'a>), Error> {
        let name: StrDeserializer<'_, Error> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        self.1.kind = Kind::Nested;
        seed.deserialize(Value(&mut unknown("")))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.1.kind = Kind::Nested;
        visitor.visit_seq(Parts::of(&mut vec![unknown(""); len]))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.1.kind = Kind::Nested;
        let mut fields: Vec<Field> = names.iter().map(|name| unknown(name)).collect();
        visitor.visit_map(Parts::of(&mut fields))
    }
}

#[cfg(test)]
mod tests {
    #![allow(dead_code, reason = "only the types' forms are looked at")]
    use super::*;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;
    use whitebeam_sdk::{Str, Timestamp};

    #[derive(Serialize, Deserialize)]
    enum Color {
        Red,
        Green,
    }

    #[derive(Serialize, Deserialize)]
    enum Shape {
        Dot { x: i32 },
    }

    #[derive(Serialize, Deserialize)]
    struct Id(u32);

    #[derive(Serialize, Deserialize)]
    struct Row {
        flag: bool,
        small: i16,
        id: Id,
        #[serde(rename = "big")]
        large: u64,
        at: Timestamp,
        text: Str,
        owned: Option<String>,
        raw: Vec<u8>,
        fixed: [u8; 4],
        list: Vec<i64>,
        map: BTreeMap<String, i64>,
        color: Color,
        shape: Shape,
        letter: char,
        last: f64,
    }

    #[test]
    fn fields_are_known_without_a_value() {
        let fields = fields_of::<Row>();
        let found: Vec<_> = fields.iter().map(|f| (f.name.as_str(), f.kind)).collect();
        assert_eq!(
            found,
            [
                ("flag", Kind::Bool),
                ("small", Kind::I16),
                ("id", Kind::U32),
                ("big", Kind::U64),
                ("at", Kind::Time),
                ("text", Kind::Text),
                ("owned", Kind::Text),
                ("raw", Kind::Bytes),
                ("fixed", Kind::Bytes),
                ("list", Kind::Nested),
                ("map", Kind::Nested),
                ("color", Kind::Text),
                ("shape", Kind::Nested),
                ("letter", Kind::Text),
                ("last", Kind::F64),
            ]
        );
        let optional: Vec<_> = fields.iter().filter(|f| f.is_optional).collect();
        assert_eq!(optional.len(), 1);
        assert_eq!(optional[0].name, "owned");
    }

    #[derive(Serialize, Deserialize)]
    struct Checked {
        before: i32,
        never_zero: std::num::NonZeroU16,
        after: i32,
    }

    #[test]
    fn what_a_type_does_not_tell_is_unknown() {
        let kinds = |fields: Vec<Field>| fields.iter().map(|f| f.kind).collect::<Vec<_>>();
        assert_eq!(
            kinds(fields_of::<Checked>()),
            [Kind::I32, Kind::U16, Kind::Unknown]
        );
        assert_eq!(kinds(fields_of::<(Str, i64)>()), [Kind::Text, Kind::I64]);
        assert_eq!(kinds(fields_of::<i64>()), []);
        assert_eq!(kinds(fields_of::<Vec<i64>>()), []);
    }
}
