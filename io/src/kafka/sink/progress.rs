//! The name of a sink's progress topic, where nobody has given one.
//!
//! One topic per sink: whatever holds its readers back, be it the lost end of a transaction or one that
//! was left open, holds back this sink and no other. Owns the spelling of a sink's name in characters
//! that topics may have. Invariant: two names are never spelled alike, nor so that Kafka takes them for
//! colliding: it counts `.` and `_` as one character, and here is no `.`.

use std::fmt::Write;
use whitebeam_sdk::{Error, ErrorKind, Result};

/// The longest name that Kafka gives a topic.
const LONGEST: usize = 249;

/// The progress topic of the sink `id` in `namespace`. One whose name would be too long is refused:
/// cut off, it might be another's.
///
/// Namespaces part sinks of one name; where a namespace itself has `-progress-` in it two may meet.
/// They share a topic then, as those may who name one, and have markers of their own in it.
pub(super) fn topic_of(namespace: &str, id: &str) -> Result<String> {
    let topic = format!("{}-progress-{}", spelled(namespace), spelled(id));
    if topic.len() <= LONGEST {
        return Ok(topic);
    }
    let message = format!(
        "the sink `{}..` cannot have a progress topic of its name: it would have {} characters, and Kafka allows {LONGEST}",
        id.chars().take(32).collect::<String>(),
        topic.len()
    );
    Err(Error::new(ErrorKind::InvalidPipeline, message)
        .note("What is no ASCII letter, digit, `_` or single `-` takes four characters for each byte.")
        .help("a shorter name in .exactly_once(..), or a topic of its own by .progress_topic(..)"))
}

/// Letters, digits and `_` as they are, and `-` before one of them; all other bytes as `--` and two
/// digits.
fn spelled(name: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = name.as_bytes();
    let mut spelled = String::new();
    for (i, byte) in bytes.iter().enumerate() {
        let is_dash = *byte == b'-' && bytes.get(i + 1).is_some_and(is_plain);
        if is_plain(byte) || is_dash {
            spelled.push(char::from(*byte));
        } else {
            let written = write!(spelled, "--{byte:02x}");
            written.expect("a text takes what is written to it");
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    /// What `spelled` was given.
    fn read(spelled: &str) -> Vec<u8> {
        let mut rest = spelled;
        let mut name = Vec::new();
        while let Some(first) = rest.bytes().next() {
            let escaped = rest.strip_prefix("--").map(|rest| rest.split_at(2));
            rest = match escaped {
                Some((digits, rest)) => {
                    name.push(u8::from_str_radix(digits, 16).unwrap());
                    rest
                }
                None => {
                    name.push(first);
                    &rest[1..]
                }
            };
        }
        name
    }

    #[test]
    fn a_name_is_kept_where_topics_may_have_it() {
        for (id, topic) in [
            ("revenue", "whitebeam-progress-revenue"),
            ("fact_revenue_1m", "whitebeam-progress-fact_revenue_1m"),
            ("a-b-c", "whitebeam-progress-a-b-c"),
            ("a.b", "whitebeam-progress-a--2eb"),
            ("a-", "whitebeam-progress-a--2d"),
            ("a--b", "whitebeam-progress-a--2d-b"),
            ("a--2eb", "whitebeam-progress-a--2d-2eb"),
            ("ö/1", "whitebeam-progress---c3--b6--2f1"),
            ("", "whitebeam-progress-"),
        ] {
            assert_eq!(topic_of("whitebeam", id).unwrap(), topic);
        }
        assert_eq!(topic_of("team.a", "x").unwrap(), "team--2ea-progress-x");
    }

    #[test]
    fn a_name_that_is_too_long_is_refused_not_cut() {
        let most = LONGEST - "whitebeam-progress-".len();
        let longest = topic_of("whitebeam", &"x".repeat(most)).unwrap();
        assert_eq!(longest.len(), LONGEST);
        let e = topic_of("whitebeam", &"x".repeat(most + 1)).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidPipeline);
        assert!(e.to_string().contains(".progress_topic(..)"), "{e}");
        assert!(e.message().contains("250 characters"), "{e}");
    }

    proptest! {
        /// Whoever can read the name again has lost nothing of it: no two are alike.
        #[test]
        fn what_is_spelled_can_be_read(name in "[-a_.2de]{0,8}|\\PC{0,12}") {
            let spelled = spelled(&name);
            prop_assert_eq!(read(&spelled), name.as_bytes());
            let may_have = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            prop_assert!(spelled.chars().all(may_have), "{}", spelled);
        }
    }
}
