//! `ScriptEvent`: an input that plays a script instead of being read.
//!
//! Owns the events only. A runner with a virtual clock plays them one at a time, each until nothing
//! moves any more; a runner that lives in real time refuses such a source.

use crate::time::{Duration, Timestamp};

/// One turn of a scripted input, its elements in the form `E`.
#[derive(Clone, PartialEq, Debug)]
pub enum ScriptEvent<E> {
    /// Elements that arrive together, as one bundle.
    Elements(E),
    /// The input's watermark is now here.
    Watermark(Timestamp),
    /// Processing time moves on by this much, for the whole pipeline.
    ProcessingTime(Duration),
    /// Nothing happens here while other scripts have their turn.
    Pass,
}

impl<E> ScriptEvent<E> {
    /// The same event with its elements in another form.
    pub fn map<U>(self, f: impl FnOnce(E) -> U) -> ScriptEvent<U> {
        match self {
            ScriptEvent::Elements(e) => ScriptEvent::Elements(f(e)),
            ScriptEvent::Watermark(t) => ScriptEvent::Watermark(t),
            ScriptEvent::ProcessingTime(d) => ScriptEvent::ProcessingTime(d),
            ScriptEvent::Pass => ScriptEvent::Pass,
        }
    }
}
