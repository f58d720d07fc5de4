//! `TestStream`: an input that plays a script of elements, watermarks and processing time.
//!
//! Owns the script and its text form. It is played by a runner with a virtual clock, one event at a
//! time, each until nothing moves any more; it cannot be read.

mod text;

use std::str::FromStr;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::source::{Boundedness, Position, ReadOptions, Reader, ScriptEvent, Source};
use whitebeam_sdk::{
    Duration, Element, Error, ErrorKind, PCollection, Pipeline, Result, Timestamp,
};

/// A scripted input.
///
/// ```
/// use whitebeam_sdk::time::seconds;
/// use whitebeam_sdk::Timestamp;
/// use whitebeam_testkit::TestStream;
///
/// # fn main() -> whitebeam_sdk::Result<()> {
/// let at = Timestamp::from_secs;
/// let built = TestStream::new()
///     .elements([(1, at(1)), (2, at(5))])
///     .watermark(at(10))
///     .elements([(3, at(3))])
///     .advance(seconds(5))
///     .to_infinity();
/// let read: TestStream<i32> = "1@1 2@5 | wm 10 | 3@3 | +5s | wm inf".parse()?;
/// assert_eq!(built, read);
/// # Ok(())
/// # }
/// ```
///
/// In the text form, events stand between bars, in order:
///
/// | event | means |
/// |---|---|
/// | `a@1 b@5` | one bundle of elements with their event times; without `@`, at the watermark |
/// | `wm 10`, `wm inf` | the watermark is now here |
/// | `+5s` | processing time moves on |
/// | nothing | this stream lets a turn pass while others play theirs |
///
/// Times are seconds (`10`), have a unit (`250ms`, `2min`, `1h`), are times of the day of the epoch
/// (`10:00:05`) or RFC 3339 (`2010-12-01T08:26:00Z`). Blanks inside brackets or double quotes
/// belong to an element.
#[must_use = "a script is played by p.read(..)"]
#[derive(Clone, PartialEq, Debug)]
pub struct TestStream<T> {
    events: Vec<ScriptEvent<Vec<(T, Timestamp)>>>,
    watermark: Timestamp,
}

impl<T> Default for TestStream<T> {
    fn default() -> Self {
        TestStream {
            events: Vec::new(),
            watermark: Timestamp::MIN,
        }
    }
}

impl<T> TestStream<T> {
    /// An empty script: the input ends at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// One bundle of elements with their event times.
    pub fn elements(mut self, elements: impl IntoIterator<Item = (T, Timestamp)>) -> Self {
        let elements = elements.into_iter().collect();
        self.events.push(ScriptEvent::Elements(elements));
        self
    }

    /// One bundle of elements at the watermark.
    pub fn elements_now(self, values: impl IntoIterator<Item = T>) -> Self {
        let now = self.watermark;
        self.elements(values.into_iter().map(|value| (value, now)))
    }

    /// The watermark moves on to here.
    pub fn watermark(mut self, to: Timestamp) -> Self {
        self.watermark = to;
        self.events.push(ScriptEvent::Watermark(to));
        self
    }

    /// The input has ended, as far as watermarks can say.
    pub fn to_infinity(self) -> Self {
        self.watermark(Timestamp::MAX)
    }

    /// Processing time moves on, for the whole pipeline.
    pub fn advance(mut self, by: Duration) -> Self {
        self.events.push(ScriptEvent::ProcessingTime(by));
        self
    }

    /// Lets a turn pass, while other streams play theirs.
    pub fn pass(mut self) -> Self {
        self.events.push(ScriptEvent::Pass);
        self
    }

    /// Reads the text form, each element by `parse`.
    pub fn parse<E: std::fmt::Display>(
        text: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Self> {
        text::read(text, parse)
    }
}

impl<T: FromStr<Err: std::fmt::Display>> FromStr for TestStream<T> {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text, T::from_str)
    }
}

impl<T: Element> Source for TestStream<T> {
    type Split = ();
    type Out = T;

    fn discover(&self, _: &[()], _: usize) -> Result<Vec<()>> {
        Err(unplayable())
    }

    fn open(&self, (): (), _: Option<Position>, _: &ReadOptions) -> Result<Box<dyn Reader<T>>> {
        Err(unplayable())
    }

    fn boundedness(&self) -> Boundedness {
        Boundedness::Unbounded
    }

    fn script(&self) -> Option<Vec<ScriptEvent<Batch<T>>>> {
        let bundle = |elements: Vec<(T, Timestamp)>| {
            let mut batch = Batch::default();
            for (value, timestamp) in elements {
                batch.push_at(value, timestamp);
            }
            batch
        };
        let events = self.events.iter().cloned();
        Some(events.map(|event| event.map(bundle)).collect())
    }

    fn describe(&self) -> String {
        format!("a script of {} events", self.events.len())
    }
}

fn unplayable() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "this runner cannot play a test stream",
    )
    .note("A script moves processing time by hand, which takes a runner with a virtual clock.")
    .help("run the test on the local or the streaming runner: test_pipeline(|p| ..)")
}

/// Test streams written as text.
pub trait TestStreams {
    /// The input that `text` describes; see [`TestStream`].
    ///
    /// # Panics
    /// If `text` does not read as a script.
    fn test_stream<T>(&self, text: &str) -> PCollection<T>
    where
        T: Element + FromStr<Err: std::fmt::Display>;
}

impl TestStreams for Pipeline {
    #[track_caller]
    #[allow(
        clippy::panic,
        reason = "a script is part of a test, which fails by panicking"
    )]
    fn test_stream<T>(&self, text: &str) -> PCollection<T>
    where
        T: Element + FromStr<Err: std::fmt::Display>,
    {
        match text.parse::<TestStream<T>>() {
            Ok(stream) => self.read(stream),
            Err(e) => panic!("{e}"),
        }
    }
}

#[cfg(test)]
mod tests;
