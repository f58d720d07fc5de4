//! `expect()`: what a test says of a collection, judged when the run has ended.
//!
//! Owns the expectations and that none is forgotten: one that a run never judged fails the test
//! with the line that made it. How rows are compared is `verdict`'s. Invariant: a run is judged
//! over everything it committed, once.

mod verdict;

use crate::recorder::{Recorded, Recorder, RecorderWriter};
use std::fmt::Debug;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink};
use whitebeam_sdk::transform::Reified;
use whitebeam_sdk::{Element, Error, ErrorKind, PCollection, PaneTiming, Result, Window};

/// Expectations of a collection.
pub trait Expect<T> {
    /// What the collection must hold; say it with the methods of [`Expectations`].
    fn expect(&self) -> Expectations<T>;
}

impl<T: Element + PartialEq + Debug> Expect<T> for PCollection<T> {
    #[track_caller]
    fn expect(&self) -> Expectations<T> {
        let recorder = Recorder::new(self.windowing().window_fn);
        let case = Arc::new(Case {
            recorded: recorder.recorded(),
            checks: Mutex::default(),
            settled: AtomicBool::new(false),
            site: Location::caller(),
        });
        let judge = Judge {
            recorder,
            case: Arc::clone(&case),
        };
        let _ = self.clone().write(judge);
        Expectations { case, window: None }
    }
}

/// What is expected of one collection. All of it must hold.
///
#[cfg_attr(feature = "local", doc = "```")]
#[cfg_attr(not(feature = "local"), doc = "```ignore")]
/// use whitebeam_testkit::{Expect, test_pipeline};
///
/// # fn main() -> whitebeam_sdk::Result<()> {
/// test_pipeline(|p| {
///     let doubled = p.create([1, 2]).map(|n: i64| n * 2);
///     doubled.expect().contains_in_any_order([4, 2]);
///     doubled.filter(|n| *n > 4).expect().is_empty();
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Expectations<T> {
    case: Arc<Case<T>>,
    window: Option<Window>,
}

/// Something that must hold of the rows; if it does not, why.
type Holds<T> = Box<dyn Fn(&[&Reified<T>]) -> Result<(), String> + Send + Sync>;

struct Check<T> {
    name: &'static str,
    site: &'static Location<'static>,
    window: Option<Window>,
    timing: Option<PaneTiming>,
    last_only: bool,
    holds: Holds<T>,
}

struct Case<T> {
    recorded: Recorded<T>,
    checks: Mutex<Vec<Check<T>>>,
    /// A run judged the expectations, or failed for another reason and said so.
    settled: AtomicBool,
    site: &'static Location<'static>,
}

impl<T> Debug for Case<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expectations of {}", self.site)
    }
}

impl<T: PartialEq + Debug + Send + Sync + 'static> Expectations<T> {
    /// These elements and no others, in any order.
    #[track_caller]
    pub fn contains_in_any_order(self, expected: impl IntoIterator<Item = T>) -> Self {
        self.rows("contains_in_any_order", expected, None)
    }

    /// No element.
    #[track_caller]
    pub fn is_empty(self) -> Self {
        self.rows("is_empty", [], None)
    }

    /// Exactly this element.
    #[track_caller]
    pub fn singleton(self, expected: T) -> Self {
        self.rows("singleton", [expected], None)
    }

    /// The early panes hold these elements and no others.
    #[track_caller]
    pub fn early(self, expected: impl IntoIterator<Item = T>) -> Self {
        self.rows("early", expected, Some(PaneTiming::Early))
    }

    /// The on-time panes hold these elements and no others.
    #[track_caller]
    pub fn on_time(self, expected: impl IntoIterator<Item = T>) -> Self {
        self.rows("on_time", expected, Some(PaneTiming::OnTime))
    }

    /// The late panes hold these elements and no others.
    #[track_caller]
    pub fn late(self, expected: impl IntoIterator<Item = T>) -> Self {
        self.rows("late", expected, Some(PaneTiming::Late))
    }

    /// The last panes of their windows hold these elements and no others.
    #[track_caller]
    pub fn final_panes(self, expected: impl IntoIterator<Item = T>) -> Self {
        let expected: Vec<T> = expected.into_iter().collect();
        let holds = Box::new(move |rows: &[&Reified<T>]| verdict::same(&expected, rows));
        self.check("final_panes", None, true, holds)
    }

    /// `judge` is content with all rows; its error says why not.
    #[track_caller]
    pub fn satisfies<F>(self, judge: F) -> Self
    where
        F: Fn(&[&Reified<T>]) -> Result<(), String> + Send + Sync + 'static,
    {
        self.check("satisfies", None, false, Box::new(judge))
    }

    /// The expectations that follow look at this window only.
    pub fn in_window(mut self, window: Window) -> Self {
        self.window = Some(window);
        self
    }

    /// The expectations that follow look at all windows again.
    pub fn anywhere(mut self) -> Self {
        self.window = None;
        self
    }

    #[track_caller]
    fn rows(
        self,
        name: &'static str,
        expected: impl IntoIterator<Item = T>,
        timing: Option<PaneTiming>,
    ) -> Self {
        let expected: Vec<T> = expected.into_iter().collect();
        let holds = Box::new(move |rows: &[&Reified<T>]| verdict::same(&expected, rows));
        self.check(name, timing, false, holds)
    }

    #[track_caller]
    fn check(
        self,
        name: &'static str,
        timing: Option<PaneTiming>,
        last_only: bool,
        holds: Holds<T>,
    ) -> Self {
        self.case.checks().push(Check {
            name,
            site: Location::caller(),
            window: self.window,
            timing,
            last_only,
            holds,
        });
        self
    }
}

impl<T> Check<T> {
    fn concerns(&self, row: &Reified<T>) -> bool {
        self.window.is_none_or(|w| w == row.window)
            && self.timing.is_none_or(|t| t == row.pane.timing)
            && (!self.last_only || row.pane.last)
    }

    fn judge(&self, rows: &[Reified<T>]) -> Option<Error> {
        let rows: Vec<&Reified<T>> = rows.iter().filter(|row| self.concerns(row)).collect();
        let why = (self.holds)(&rows).err()?;
        let place = self.window.map_or(String::new(), |w| format!(" in {w:?}"));
        let message = format!("an expectation was not met: {}{place}", self.name);
        Some(unmet(message, self.site).note(why))
    }
}

fn unmet(message: impl Into<String>, site: &Location<'_>) -> Error {
    Error::new(ErrorKind::UserCode, message)
        .with_code("T001")
        .at_line(format!("{}:{}", site.file(), site.line()))
}

impl<T> Case<T> {
    fn checks(&self) -> MutexGuard<'_, Vec<Check<T>>> {
        // A judge that panicked leaves the list as it was.
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self) -> Result<()> {
        self.settled.store(true, Ordering::SeqCst);
        let rows = self.recorded.take();
        let checks = self.checks();
        if checks.is_empty() {
            return Err(unmet("`expect()` without an expectation", self.site));
        }
        let unmet = checks.iter().filter_map(|check| check.judge(&rows));
        Error::all(unmet.collect()).map_or(Ok(()), Err)
    }
}

impl<T> Drop for Case<T> {
    #[allow(
        clippy::panic,
        reason = "a test that expects something and never looks must fail"
    )]
    fn drop(&mut self) {
        if !self.settled.load(Ordering::SeqCst) && !std::thread::panicking() {
            panic!(
                "an expectation was never judged: {}\n  \
                 The pipeline was not run to its end, or the expectation was added after the run.",
                self.site
            );
        }
    }
}

/// The sink behind `expect()`.
struct Judge<T> {
    recorder: Recorder<T>,
    case: Arc<Case<T>>,
}

impl<T: Element> Sink<T> for Judge<T> {
    type Staged = Vec<Reified<T>>;
    type Writer = RecorderWriter<T>;

    fn open(&self, shard: Shard) -> Result<RecorderWriter<T>> {
        self.recorder.open(shard)
    }
    fn commit(&self, epoch: Epoch, staged: Vec<Vec<Reified<T>>>) -> Result<Committed> {
        self.recorder.commit(epoch, staged)
    }
    fn finish(&self) -> Result<()> {
        self.case.judge()
    }
    fn abort(&self) {
        // The run says itself why it failed.
        self.case.settled.store(true, Ordering::SeqCst);
    }
    fn observes_timestamps(&self) -> bool {
        true
    }
    fn describe(&self) -> String {
        format!("expectations of {}", self.case.site)
    }
}

#[cfg(all(test, feature = "local"))]
mod tests;
