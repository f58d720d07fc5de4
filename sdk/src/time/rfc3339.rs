//! Instants as text of RFC 3339, for fields of what is read and written as JSON or CSV:
//! `#[serde(with = "whitebeam::time::rfc3339")]`.
//!
//! Owns nothing but the form, and that only for formats that people read: in state and checkpoints such
//! a field is the number that a `Timestamp` is without it. A table of PostgreSQL takes it as text: give rows a
//! type of their own, whose field is a plain `Timestamp`, where the column is a `timestamptz`.

use super::{NoInstant, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Writes an instant as text, such as `2010-12-01T08:26:00Z`.
pub fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    match to.is_human_readable() {
        true => to.collect_str(at),
        false => at.serialize(to),
    }
}

/// Reads an instant from such a text, with any offset from UTC.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    match from.is_human_readable() {
        true => from.deserialize_str(Text),
        false => Timestamp::deserialize(from),
    }
}

const EXAMPLE: &str = "2010-12-01T08:26:00Z";

struct Text;

impl de::Visitor<'_> for Text {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an instant such as {EXAMPLE}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        let none = |e| format!("`{text}` is no instant such as {EXAMPLE}: {e}");
        text.parse().map_err(|e: NoInstant| E::custom(none(e)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer, U64Deserializer};

    fn read(text: &str) -> Result<Timestamp, Error> {
        let from: StrDeserializer<'_, Error> = text.into_deserializer();
        deserialize(from)
    }

    /// As a serializer, a formatter writes what a text holds.
    struct Written(Timestamp);

    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            serialize(&self.0, f)
        }
    }

    #[test]
    fn state_holds_the_number() {
        #[derive(PartialEq, Debug, Serialize, Deserialize)]
        struct Read(#[serde(with = "super")] Timestamp);

        let at = Timestamp::from_secs(1_291_191_960);
        let bytes = |value: &dyn Fn(&mut Vec<u8>) -> crate::Result<()>| {
            let mut bytes = Vec::new();
            value(&mut bytes).map(|()| bytes)
        };
        let text = bytes(&|to| crate::element::encode(&Read(at), to)).unwrap_or_default();
        let number = bytes(&|to| crate::element::encode(&at, to)).unwrap_or_default();
        assert_eq!(text, number);
        let back: Option<Read> = crate::element::decode(&mut text.as_slice()).ok();
        assert_eq!(back, Some(Read(at)));
    }

    #[test]
    fn instants_come_back_and_what_is_none_is_refused_with_the_form() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2010-12-01T09:26:00+01:00", 1_291_191_960_000_000),
            ("1969-12-31T23:59:59.75Z", -250_000),
        ] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(read(text), Ok(at), "{text}");
            assert_eq!(read(&Written(at).to_string()), Ok(at), "{text}");
        }
        assert_eq!(
            Written(Timestamp::from_micros(0)).to_string(),
            "1970-01-01T00:00:00Z"
        );
        assert!(read("1291191960000000").is_err());
        let number: U64Deserializer<Error> = 0_u64.into_deserializer();
        let refused = deserialize(number).map_err(|e| e.to_string());
        let wanted = "expected an instant such as 2010-12-01T08:26:00Z";
        assert!(refused.is_err_and(|e| e.contains(wanted)));
    }
}
