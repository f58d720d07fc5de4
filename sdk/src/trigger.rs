//! Trigger *specs*: when a window should fire, as plain data, with the builders users write.
//!
//! Owns the tree, its continuation and whether it may finish. The state machines that run it live
//! in `runner-core::trigger`.

use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::fmt;

/// When a window fires.
///
/// Simple triggers come from [`AfterWatermark`], [`AfterPane`], [`AfterProcessingTime`] and
/// [`repeatedly`]. Those made of several, Beam's `AfterFirst.of(..)` and the like, are written as
/// the variants they are:
///
/// ```
/// use whitebeam_sdk::time::minutes;
/// use whitebeam_sdk::trigger::{AfterPane, AfterProcessingTime, Trigger, repeatedly};
///
/// // Every hundred elements, and every minute if there are fewer.
/// let often = repeatedly(Trigger::AfterFirst(vec![
///     AfterPane::element_count(100),
///     AfterProcessingTime::past_first_element().plus(minutes(1)).into(),
/// ]));
/// assert!(!often.may_finish());
/// ```
#[must_use = "a trigger does nothing before .trigger(..) is given it"]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Trigger {
    /// At the end of the window, then for every late bundle.
    #[default]
    Default,
    /// Only when the window expires.
    Never,
    /// At the end of the window; early and late triggers repeat before and after it.
    AfterWatermark {
        /// Repeats until the end of the window.
        early: Option<Box<Trigger>>,
        /// Repeats after the end of the window; without it the trigger finishes there.
        late: Option<Box<Trigger>>,
    },
    /// When at least so many elements have come since the last pane.
    ElementCount(u64),
    /// When processing time has passed this much since the pane's first element.
    AfterProcessingTime(Duration),
    /// When the processing time of all upstream panes has passed (the continuation of
    /// `AfterProcessingTime`): fires at once within one worker.
    AfterSynchronizedProcessingTime,
    /// Whenever the inner trigger fires, for ever.
    Repeatedly(Box<Trigger>),
    /// The first until the second fires, which ends both.
    OrFinally(Box<Trigger>, Box<Trigger>),
    /// One after the other.
    AfterEach(Vec<Trigger>),
    /// As soon as any is ready.
    AfterFirst(Vec<Trigger>),
    /// When all are ready.
    AfterAll(Vec<Trigger>),
}

impl Trigger {
    /// Ends this trigger when `until` fires.
    pub fn or_finally(self, until: impl Into<Trigger>) -> Trigger {
        Trigger::OrFinally(Box::new(self), Box::new(until.into()))
    }

    /// The trigger of a grouping's output (Beam's continuation trigger).
    pub fn continuation(&self) -> Trigger {
        let all = |subs: &[Trigger]| subs.iter().map(Trigger::continuation).collect::<Vec<_>>();
        let boxed = |t: &Option<Box<Trigger>>| t.as_ref().map(|t| Box::new(t.continuation()));
        match self {
            Trigger::Default => Trigger::Default,
            Trigger::Never => Trigger::Never,
            Trigger::AfterWatermark { early, late } => Trigger::AfterWatermark {
                early: boxed(early),
                late: boxed(late),
            },
            Trigger::ElementCount(_) => Trigger::ElementCount(1),
            Trigger::AfterProcessingTime(_) | Trigger::AfterSynchronizedProcessingTime => {
                Trigger::AfterSynchronizedProcessingTime
            }
            Trigger::Repeatedly(t) => Trigger::Repeatedly(Box::new(t.continuation())),
            Trigger::OrFinally(t, u) => {
                Trigger::Repeatedly(Box::new(t.continuation().or_finally(u.continuation())))
            }
            Trigger::AfterEach(subs) => {
                Trigger::Repeatedly(Box::new(Trigger::AfterFirst(all(subs))))
            }
            Trigger::AfterFirst(subs) => Trigger::AfterFirst(all(subs)),
            Trigger::AfterAll(subs) => Trigger::AfterAll(all(subs)),
        }
    }

    /// True if the trigger may end while elements can still arrive, so that they would be dropped.
    pub fn may_finish(&self) -> bool {
        match self {
            Trigger::Default | Trigger::Repeatedly(_) => false,
            Trigger::AfterWatermark { late, .. } => late.is_none(),
            Trigger::OrFinally(t, u) => t.may_finish() || u.may_finish(),
            Trigger::AfterEach(subs) => subs.iter().all(Trigger::may_finish),
            _ => true,
        }
    }

    /// True if a grouping may lose elements under this trigger (Beam's unsafe-trigger check).
    pub fn is_unsafe(&self, allowed_lateness: Duration) -> bool {
        match self {
            Trigger::Never => false,
            Trigger::AfterWatermark { .. } if allowed_lateness == Duration::ZERO => false,
            other => other.may_finish(),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, subs: &[Trigger]| {
            write!(f, "{name}(")?;
            for (i, t) in subs.iter().enumerate() {
                write!(f, "{}{t}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str(")")
        };
        match self {
            Trigger::Default => f.write_str("default trigger"),
            Trigger::Never => f.write_str("never"),
            Trigger::AfterWatermark { early, late } => {
                f.write_str("end of window")?;
                if let Some(t) = early {
                    write!(f, ", early {t}")?;
                }
                late.as_ref().map_or(Ok(()), |t| write!(f, ", late {t}"))
            }
            Trigger::ElementCount(n) => write!(f, "count {n}"),
            Trigger::AfterProcessingTime(d) => write!(f, "processing time {d}"),
            Trigger::AfterSynchronizedProcessingTime => f.write_str("synchronized processing time"),
            Trigger::Repeatedly(t) => write!(f, "repeatedly({t})"),
            Trigger::OrFinally(t, u) => write!(f, "{t} or finally {u}"),
            Trigger::AfterEach(subs) => list(f, "each", subs),
            Trigger::AfterFirst(subs) => list(f, "first", subs),
            Trigger::AfterAll(subs) => list(f, "all", subs),
        }
    }
}

/// Fires at the end of the window.
#[must_use = "a trigger does nothing before .trigger(..) is given it"]
#[derive(Clone, Debug)]
pub struct AfterWatermark {
    early: Option<Box<Trigger>>,
    late: Option<Box<Trigger>>,
}

impl AfterWatermark {
    /// Fires once the watermark passes the end of the window.
    pub fn past_end_of_window() -> Self {
        AfterWatermark {
            early: None,
            late: None,
        }
    }

    /// Fires also before, whenever `trigger` does.
    pub fn early(mut self, trigger: impl Into<Trigger>) -> Self {
        self.early = Some(Box::new(trigger.into()));
        self
    }

    /// Fires also after, whenever `trigger` does.
    pub fn late(mut self, trigger: impl Into<Trigger>) -> Self {
        self.late = Some(Box::new(trigger.into()));
        self
    }

    /// See [`Trigger::or_finally`].
    pub fn or_finally(self, until: impl Into<Trigger>) -> Trigger {
        Trigger::from(self).or_finally(until)
    }
}

impl From<AfterWatermark> for Trigger {
    fn from(t: AfterWatermark) -> Trigger {
        Trigger::AfterWatermark {
            early: t.early,
            late: t.late,
        }
    }
}

/// Fires by the number of elements in the pane, once; see [`repeatedly`]. As an early or late
/// trigger of [`AfterWatermark`] it repeats by itself.
#[derive(Clone, Copy, Debug)]
pub struct AfterPane;

impl AfterPane {
    /// Fires when at least `n` elements have come since the last pane.
    pub fn element_count(n: u64) -> Trigger {
        Trigger::ElementCount(n)
    }
}

/// Fires by processing time, once; see [`repeatedly`]. As an early or late trigger of
/// [`AfterWatermark`] it repeats by itself.
#[must_use = "a trigger does nothing before .trigger(..) is given it"]
#[derive(Clone, Copy, Debug)]
pub struct AfterProcessingTime {
    delay: Duration,
}

impl AfterProcessingTime {
    /// Counts from the pane's first element; add a delay with [`AfterProcessingTime::plus`].
    pub fn past_first_element() -> Self {
        AfterProcessingTime {
            delay: Duration::ZERO,
        }
    }

    /// Fires this much later.
    pub fn plus(self, delay: Duration) -> Self {
        AfterProcessingTime {
            delay: self.delay + delay,
        }
    }

    /// See [`Trigger::or_finally`].
    pub fn or_finally(self, until: impl Into<Trigger>) -> Trigger {
        Trigger::from(self).or_finally(until)
    }
}

impl From<AfterProcessingTime> for Trigger {
    fn from(t: AfterProcessingTime) -> Trigger {
        Trigger::AfterProcessingTime(t.delay)
    }
}

/// Fires whenever `trigger` does, for ever.
pub fn repeatedly(trigger: impl Into<Trigger>) -> Trigger {
    Trigger::Repeatedly(Box::new(trigger.into()))
}
