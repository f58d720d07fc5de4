//! `Held`: since when open transactions hold a partition back from its readers.
//!
//! A transaction that somebody has left open shows as silence only: readers of committed records stand
//! before it, and the partition grows behind it. Owns when that is told, and how often. Knows no
//! cluster. Invariant: only a reader that stands at the stable end says that it is held back there;
//! one that has not got so far, or is not asked, has heard nothing new.

use std::ops::Range;
use std::time::Duration;

/// Between two looks, for each costs a little.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Held {
    /// When it is told.
    alarm_after: Duration,
    looked: Option<Duration>,
    at: Option<At>,
}

/// Where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct At {
    stable: u64,
    since: Duration,
    /// The next time that it is told, from then on.
    alarm: Duration,
}

/// What is to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Alarm {
    /// What is held back.
    pub(super) offsets: Range<u64>,
    /// For how long by now.
    pub(super) time: Duration,
}

impl Held {
    pub(super) fn new(alarm_after: Duration) -> Self {
        Held {
            alarm_after,
            looked: None,
            at: None,
        }
    }

    /// Whether it is time to look again.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.looked
            .is_none_or(|looked| now >= looked.saturating_add(LOOK))
    }

    /// Takes in how far was read and what is undecided behind it. An alarm comes after its time, and
    /// again whenever it has lasted twice as long.
    pub(super) fn look(
        &mut self,
        now: Duration,
        next: u64,
        undecided: Option<Range<u64>>,
    ) -> Option<Alarm> {
        self.looked = Some(now);
        let offsets = undecided.filter(|of| !of.is_empty() && next >= of.start);
        let Some(offsets) = offsets else {
            self.at = None;
            return None;
        };
        let alarm = self.alarm_after;
        let new = At {
            stable: offsets.start,
            since: now,
            alarm,
        };
        let at = match &mut self.at {
            Some(at) if at.stable == offsets.start => at,
            other => other.insert(new),
        };
        let time = now.saturating_sub(at.since);
        if time < at.alarm {
            return None;
        }
        at.alarm = time.saturating_mul(2).max(LOOK);
        Some(Alarm { offsets, time })
    }

    /// For how long it was held back, when it was looked at last.
    pub(super) fn time(&self) -> Option<Duration> {
        let at = self.at?;
        Some(self.looked?.saturating_sub(at.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Looks each second from 0 on, at what `undecided` says; when it was told.
    fn told(
        held: &mut Held,
        until: u64,
        next: impl Fn(u64) -> u64,
        undecided: impl Fn(u64) -> Option<Range<u64>>,
    ) -> Vec<u64> {
        let look = |n: &u64| held.look(seconds(*n), next(*n), undecided(*n)).is_some();
        (0..until).filter(look).collect()
    }

    #[test]
    fn what_stands_still_is_told_after_a_minute_and_again_each_time_it_has_doubled() {
        let mut held = Held::new(MINUTE);
        let alarms = told(&mut held, 500, |_| 7, |n| Some(7..8 + n));
        assert_eq!(alarms, [60, 120, 240, 480]);
        assert_eq!(held.time(), Some(seconds(499)));
        let alarm = held.look(seconds(960), 7, Some(7..9));
        let expected = Alarm {
            offsets: 7..9,
            time: seconds(960),
        };
        assert_eq!(alarm, Some(expected));
    }

    #[test]
    fn what_goes_on_or_ends_is_not_told() {
        type Case = (&'static str, fn(u64) -> u64, fn(u64) -> Option<Range<u64>>);
        let cases: [Case; 5] = [
            ("nothing is open", |_| 7, |_| Some(7..7)),
            ("nobody knows", |_| 7, |_| None),
            ("it goes on", |n| n / 59, |n| Some(n / 59..1_000)),
            (
                "one by one",
                |_| 7,
                |n| Some(if n % 59 == 0 { 7..7 } else { 7..8 }),
            ),
            ("it was not read so far", |_| 6, |_| Some(7..8)),
        ];
        for (name, next, undecided) in cases {
            let mut held = Held::new(MINUTE);
            let alarms = told(&mut held, 500, next, undecided);
            assert!(alarms.is_empty(), "{name}: {alarms:?}");
        }
    }

    #[test]
    fn it_counts_anew_from_the_next_place() {
        let mut held = Held::new(MINUTE);
        let stable = |n: u64| if n < 70 { 7 } else { 9 };
        let alarms = told(&mut held, 140, stable, |n| Some(stable(n)..20));
        assert_eq!(alarms, [60, 130]);
        held.look(seconds(200), 20, Some(20..20));
        assert_eq!(held.time(), None);
    }

    #[test]
    fn it_is_looked_at_once_a_second() {
        let mut held = Held::new(MINUTE);
        assert!(held.is_due(seconds(5)));
        held.look(seconds(5), 0, None);
        assert!(!held.is_due(Duration::from_millis(5_999)));
        assert!(held.is_due(seconds(6)));
    }
}
