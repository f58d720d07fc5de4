//! `Faults`: how likely what goes wrong with a cluster, and what is made to go wrong once.
//!
//! Owns settings and the list of what was asked for. Does not carry anything out: the cluster does.

use super::coordinator::Place;
use fastrand::Rng;
use std::time::Duration;
use whitebeam_io::kafka::client::Failure;

/// How likely each fault is, from 0 to 1, and how long things take. All is drawn from the seed.
#[derive(Clone, PartialEq, Debug)]
pub struct Faults {
    /// A request, an answer or a record is on its way for at most so long.
    pub latency: Duration,
    /// A call is refused for now: nothing was done.
    pub retriable: f64,
    /// What was asked is done; the answer never comes.
    pub answer_lost: f64,
    /// What was asked is never done, and no answer comes.
    pub request_lost: f64,
    /// The end of a transaction arrives when nobody waits for it any more.
    pub request_late: f64,
    /// The end of a transaction arrives, is answered, and arrives once more later.
    pub request_twice: f64,
    /// How late at most.
    pub late: Duration,
    /// A transaction can only be aborted.
    pub abortable: f64,
    /// A record is given up.
    pub undelivered: f64,
    /// A partition gets the marker of a transaction later than others.
    pub marker_late: f64,
    /// How late at most.
    pub marker_delay: Duration,
    /// A partition never gets the marker, and the coordinator believes that it has.
    pub marker_lost: f64,
    /// The coordinator finds that open transactions are too old, at a call.
    pub time_out: f64,
    /// The broker goes down, at a call.
    pub down: f64,
    /// For how long at most.
    pub down_for: Duration,
    /// A poll of a reader finds nothing new, although there is something.
    pub stale: f64,
    /// A poll of a reader fails and can be repeated.
    pub poll_fails: f64,
    /// A new topic is not seen at once; for at most `late`.
    pub topic_late: f64,
    /// A compacted topic is compacted, when a transaction has ended on it.
    pub compaction: f64,
    /// Records that a producer can have in its queue and on their way.
    pub queue: usize,
    /// The largest key and value together, in bytes.
    pub largest: usize,
    /// The longest timeout that a transaction may ask for.
    pub longest_transaction: Duration,
}

impl Faults {
    /// Nothing goes wrong, and nothing takes any time.
    pub fn none() -> Self {
        Faults {
            latency: Duration::ZERO,
            retriable: 0.0,
            answer_lost: 0.0,
            request_lost: 0.0,
            request_late: 0.0,
            request_twice: 0.0,
            late: Duration::ZERO,
            abortable: 0.0,
            undelivered: 0.0,
            marker_late: 0.0,
            marker_delay: Duration::ZERO,
            marker_lost: 0.0,
            time_out: 0.0,
            down: 0.0,
            down_for: Duration::ZERO,
            stale: 0.0,
            poll_fails: 0.0,
            topic_late: 0.0,
            compaction: 0.0,
            queue: 100_000,
            largest: 1_000_000,
            longest_transaction: Duration::from_secs(900),
        }
    }

    /// What a healthy cluster does too: it takes its time.
    pub fn benign() -> Self {
        Faults {
            latency: Duration::from_millis(5),
            late: Duration::from_millis(200),
            marker_late: 0.3,
            marker_delay: Duration::from_millis(50),
            stale: 0.2,
            topic_late: 0.3,
            compaction: 0.2,
            queue: 64,
            ..Faults::none()
        }
    }

    /// Everything that the protocols must survive. What only people can repair is not among it.
    pub fn rough() -> Self {
        Faults {
            retriable: 0.03,
            answer_lost: 0.03,
            request_lost: 0.02,
            request_late: 0.02,
            request_twice: 0.05,
            late: Duration::from_secs(3),
            abortable: 0.02,
            undelivered: 0.003,
            marker_delay: Duration::from_millis(500),
            marker_lost: 0.01,
            time_out: 0.005,
            down: 0.01,
            down_for: Duration::from_secs(5),
            poll_fails: 0.01,
            ..Faults::benign()
        }
    }
}

/// Calls whose way can be told beforehand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Call {
    /// `partitions`
    Partitions,
    /// `create_topic`
    CreateTopic,
    /// `ends`
    Ends,
    /// `offset_at`
    OffsetAt,
    /// `group_offsets`
    GroupOffsets,
    /// `commit_group_offsets`
    CommitGroupOffsets,
    /// `init`
    Init,
    /// `commit`
    Commit,
    /// `abort`
    Abort,
    /// `poll` of a reader; only refusals.
    Poll,
}

impl Call {
    /// What was asked, as it is told.
    pub(super) fn action(self) -> &'static str {
        match self {
            Call::Partitions => "look up a topic",
            Call::CreateTopic => "create a topic",
            Call::Ends => "ask for the ends of a partition",
            Call::OffsetAt => "look up an offset by time",
            Call::GroupOffsets => "fetch the offsets of a group",
            Call::CommitGroupOffsets => "commit the offsets of a group",
            Call::Init => "initialise transactions",
            Call::Commit => "commit a transaction",
            Call::Abort => "abort a transaction",
            Call::Poll => "fetch records",
        }
    }

    pub(super) fn ends_transaction(self) -> bool {
        matches!(self, Call::Commit | Call::Abort)
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It is done and answered.
    Answered,
    /// It is done; the answer is lost.
    AnswerLost,
    /// It is done; the call never returns, and is given up together with its producer.
    GivenUp,
    /// It is never done, and no answer comes.
    RequestLost,
    /// No answer comes, and after so long it is done. Only ends of transactions are.
    RequestLate(Duration),
    /// It is done and answered, and done once more after so long. Only ends of transactions are.
    Twice(Duration),
    /// It is refused, and not done.
    Refused(Failure),
}

/// What was asked for, once each.
#[derive(Debug, Default)]
pub(super) struct Forced {
    ways: Vec<(Call, Way)>,
    /// `None` is never.
    markers: Vec<(Place, Option<Duration>)>,
    undelivered: Vec<(Place, Failure)>,
}

impl Forced {
    pub(super) fn way(&mut self, call: Call, way: Way) {
        self.ways.push((call, way));
    }

    pub(super) fn marker(&mut self, place: Place, after: Option<Duration>) {
        self.markers.push((place, after));
    }

    pub(super) fn undelivered(&mut self, place: Place, failure: Failure) {
        self.undelivered.push((place, failure));
    }

    pub(super) fn take_marker(&mut self, place: &Place) -> Option<Option<Duration>> {
        take(&mut self.markers, place)
    }

    pub(super) fn take_undelivered(&mut self, place: &Place) -> Option<Failure> {
        take(&mut self.undelivered, place)
    }

    pub(super) fn take_way(&mut self, call: Call) -> Option<Way> {
        take(&mut self.ways, &call)
    }
}

fn take<K: PartialEq, V>(list: &mut Vec<(K, V)>, key: &K) -> Option<V> {
    let at = list.iter().position(|(k, _)| k == key)?;
    Some(list.remove(at).1)
}

/// Between nothing and so long.
pub(super) fn up_to(rng: &mut Rng, longest: Duration) -> Duration {
    let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(match micros {
        0 => 0,
        _ => rng.u64(..=micros),
    })
}

impl Faults {
    /// Draws what becomes of a call.
    pub(super) fn draw(&self, call: Call, rng: &mut Rng) -> Way {
        let mut happens = |p: f64| p > 0.0 && rng.f64() < p;
        if happens(self.retriable) {
            return Way::Refused(Failure::Retriable);
        }
        if happens(self.answer_lost) {
            return Way::AnswerLost;
        }
        if happens(self.request_lost) {
            return Way::RequestLost;
        }
        if !call.ends_transaction() {
            return Way::Answered;
        }
        let (late, twice) = (happens(self.request_late), happens(self.request_twice));
        let abortable = call == Call::Commit && happens(self.abortable);
        match (late, twice, abortable) {
            (true, _, _) => Way::RequestLate(up_to(rng, self.late)),
            (_, true, _) => Way::Twice(up_to(rng, self.late)),
            (_, _, true) => Way::Refused(Failure::Abortable),
            _ => Way::Answered,
        }
    }
}
