//! The text form of a [`TestStream`].
//!
//! Owns the grammar: bars between events, blanks between elements, times and lengths. Knows nothing
//! of elements but where they begin and end.

use super::TestStream;
use std::fmt::Display;
use whitebeam_sdk::{Duration, Error, Result, Timestamp};

/// Units by name, in microseconds.
const UNITS: [(&str, i64); 9] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("", 1_000_000),
    ("min", 60_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("days", 86_400_000_000),
];

pub(super) fn read<T, E: Display>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<TestStream<T>> {
    let mut stream = TestStream::new();
    for (i, event) in split(text, |c| c == '|').into_iter().enumerate() {
        stream = read_event(stream, event.trim(), &parse).map_err(|e| {
            e.at_position(format!("event {} of the script: `{}`", i + 1, event.trim()))
                .help("events are `a@1 b@5`, `wm 10`, `wm inf` and `+5s`, with `|` between them")
        })?;
    }
    Ok(stream)
}

fn read_event<T, E: Display>(
    stream: TestStream<T>,
    event: &str,
    parse: &impl Fn(&str) -> Result<T, E>,
) -> Result<TestStream<T>> {
    if event.is_empty() {
        return Ok(stream.pass());
    }
    if let Some(to) = event.strip_prefix("wm ") {
        return Ok(stream.watermark(instant(to.trim())?));
    }
    if let Some(by) = event.strip_prefix('+') {
        let by = length(by).ok_or_else(|| unread("length of time", by))?;
        return Ok(stream.advance(by));
    }
    let mut elements = Vec::new();
    let words = split(event, char::is_whitespace);
    for word in words.into_iter().filter(|w| !w.is_empty()) {
        let (value, at) = match word.rsplit_once('@') {
            Some((value, at)) => (value, instant(at)?),
            None => (word, stream.watermark),
        };
        let value = parse(value).map_err(|e| unread_element(value, &e))?;
        elements.push((value, at));
    }
    Ok(stream.elements(elements))
}

/// The parts of `text` between separators that stand outside brackets and double quotes.
fn split(text: &str, is_separator: impl Fn(char) -> bool) -> Vec<&str> {
    let (mut depth, mut quoted, mut from) = (0_i32, false, 0);
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            c if depth <= 0 && !quoted && is_separator(c) => {
                parts.push(&text[from..at]);
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// An instant: `10`, `250ms`, `10:00:05`, RFC 3339, `min` or `inf`.
fn instant(text: &str) -> Result<Timestamp> {
    let named = match text {
        "inf" => Some(Timestamp::MAX),
        "min" => Some(Timestamp::MIN),
        _ => length(text).map(|since| Timestamp::from_micros(since.micros())),
    };
    let of_day = || {
        let time: jiff::civil::Time = text.parse().ok()?;
        let since = time.duration_since(jiff::civil::Time::midnight());
        Some(Timestamp::from_micros(
            i64::try_from(since.as_micros()).ok()?,
        ))
    };
    let rfc_3339 = || {
        let instant: jiff::Timestamp = text.parse().ok()?;
        Some(Timestamp::from_micros(instant.as_microsecond()))
    };
    named
        .or_else(rfc_3339)
        .or_else(of_day)
        .ok_or_else(|| unread("time", text))
}

/// A number with a unit; seconds without one.
fn length(text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '-')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let micros = number.parse::<i64>().ok()?.checked_mul(*micros)?;
    Some(Duration::from_micros(micros))
}

fn unread(what: &str, text: &str) -> Error {
    Error::data(format!("`{text}` does not read as a {what}"))
        .help("write it as `1@5 | wm 10 | +5s | wm inf`; TestStream's documentation has all forms")
}

fn unread_element(text: &str, e: &dyn Display) -> Error {
    Error::data(format!("`{text}` does not read as an element: {e}"))
        .help("write it as FromStr of the element reads it, in quotes or brackets if it has blanks")
}
