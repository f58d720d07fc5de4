//! What a `DoFn` sees of an element, and where it emits.
//!
//! Owns the checks on outputs (timestamps, tags). A broken rule is noted and fails the call when
//! user code returns, so that it cannot be overlooked.

use super::tag::{DeclaredTag, Tag};
use crate::at::At;
use crate::batch::{BATCH_BYTES, Batch, batch_len};
use crate::element::Element;
use crate::erase::{ErasedBatch, typed};
use crate::error::{Error, Result};
use crate::pane::PaneInfo;
use crate::time::{Duration, Timestamp};
use crate::transform::bad_timestamp;
use crate::window::Window;

/// Where outputs go, and the first rule that was broken.
pub(super) struct Writer<'a, U> {
    main: &'a mut Batch<U>,
    further: &'a mut [Box<dyn ErasedBatch>],
    tags: &'a [DeclaredTag],
    step: &'a str,
    broken: Option<Error>,
}

impl<'a, U: Element> Writer<'a, U> {
    pub(super) fn new(
        ports: &'a mut [Box<dyn ErasedBatch>],
        tags: &'a [DeclaredTag],
        step: &'a str,
    ) -> Option<Self> {
        let (main, further) = ports.split_first_mut()?;
        Some(Writer {
            main: typed::<U>(&mut **main),
            further,
            tags,
            step,
            broken: None,
        })
    }

    /// True if some output has as much as a batch should hold.
    pub(super) fn is_full(&self) -> bool {
        self.main.len() >= batch_len::<U>() || self.further.iter().any(|b| b.bytes() >= BATCH_BYTES)
    }

    pub(super) fn broken(&mut self) -> Result<()> {
        self.broken.take().map_or(Ok(()), Err)
    }

    #[inline]
    fn emit(&mut self, value: U, at: At) {
        self.main.push(value, at.timestamp, at.window, at.pane);
    }

    fn emit_to<V: Element>(&mut self, tag: Tag<V>, value: V, at: At) {
        let port = self.tags.iter().position(|t| t.is(tag));
        match port.and_then(|port| self.further.get_mut(port)) {
            Some(batch) => {
                typed::<V>(&mut **batch).push(value, at.timestamp, at.window, at.pane);
            }
            None => self.note(|step| undeclared(step, tag)),
        }
    }

    fn allow(&mut self, old: Timestamp, new: Timestamp, skew: Duration) -> bool {
        let allowed = old - skew <= new && new < Timestamp::MAX;
        if !allowed {
            self.note(|step| bad_timestamp(step, old, new, skew));
        }
        allowed
    }

    fn note(&mut self, error: impl FnOnce(&str) -> Error) {
        let step = self.step;
        self.broken.get_or_insert_with(|| error(step));
    }
}

#[cold]
fn undeclared<V>(step: &str, tag: Tag<V>) -> Error {
    Error::user_code(format!(
        "the DoFn wrote to the output `{}` of {}, which was not declared",
        tag.name(),
        std::any::type_name::<V>()
    ))
    .at_step(step)
    .help("declare it: .par_do_tagged(dofn, (Tag::new(..), ..))")
}

/// One element's surroundings, and the way out.
pub struct ProcessContext<'a, U> {
    pub(super) writer: Writer<'a, U>,
    pub(super) at: At,
    pub(super) skew: Duration,
}

impl<U> std::fmt::Debug for ProcessContext<'_, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProcessContext({:?})", self.at)
    }
}

impl<U: Element> ProcessContext<'_, U> {
    /// The element's event time.
    pub fn timestamp(&self) -> Timestamp {
        self.at.timestamp
    }

    /// The element's window.
    pub fn window(&self) -> Window {
        self.at.window
    }

    /// The firing that the element came from.
    pub fn pane(&self) -> PaneInfo {
        self.at.pane
    }

    /// Emits with the element's timestamp, window and pane.
    #[inline]
    pub fn emit(&mut self, value: U) {
        self.writer.emit(value, self.at);
    }

    /// Emits at another instant: not before the element's own, less the allowed skew, and before
    /// the end of time.
    pub fn emit_at(&mut self, value: U, timestamp: Timestamp) {
        if self.writer.allow(self.at.timestamp, timestamp, self.skew) {
            self.writer.emit(
                value,
                At {
                    timestamp,
                    ..self.at
                },
            );
        }
    }

    /// Emits to a declared output.
    pub fn emit_to<V: Element>(&mut self, tag: Tag<V>, value: V) {
        self.writer.emit_to(tag, value, self.at);
    }

    /// Emits to a declared output at another instant; see [`ProcessContext::emit_at`].
    pub fn emit_to_at<V: Element>(&mut self, tag: Tag<V>, value: V, timestamp: Timestamp) {
        if self.writer.allow(self.at.timestamp, timestamp, self.skew) {
            self.writer.emit_to(
                tag,
                value,
                At {
                    timestamp,
                    ..self.at
                },
            );
        }
    }
}

/// The way out at the end of a bundle.
pub struct BundleContext<'a, U> {
    pub(super) writer: Writer<'a, U>,
}

impl<U> std::fmt::Debug for BundleContext<'_, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BundleContext")
    }
}

impl<U: Element> BundleContext<'_, U> {
    /// Emits at `timestamp` in `window`.
    pub fn emit(&mut self, value: U, timestamp: Timestamp, window: Window) {
        if let Some(at) = self.place(timestamp, window) {
            self.writer.emit(value, at);
        }
    }

    /// Emits to a declared output at `timestamp` in `window`.
    pub fn emit_to<V: Element>(
        &mut self,
        tag: Tag<V>,
        value: V,
        timestamp: Timestamp,
        window: Window,
    ) {
        if let Some(at) = self.place(timestamp, window) {
            self.writer.emit_to(tag, value, at);
        }
    }

    fn place(&mut self, timestamp: Timestamp, window: Window) -> Option<At> {
        let at = At {
            timestamp,
            window,
            pane: PaneInfo::NO_FIRING,
        };
        self.writer
            .allow(Timestamp::MIN, timestamp, Duration::ZERO)
            .then_some(at)
    }
}
