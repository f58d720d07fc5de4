//! `Client`: what the connector asks of a cluster, and no more.
//!
//! Owns the contract that librdkafka's side (`rdkafka`) and the test kit's model both keep: one
//! suite of tests runs on both. Does not own any protocol: what is asked in which order, and what
//! an answer means for an epoch, is the source's and the sink's. Invariant: every call ends within
//! the time it is given; an answer that did not come is [`Failure::Unknown`], never a guess.

mod error;
pub(super) mod rdkafka;

pub use error::{ClientError, Failure};

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;
use whitebeam_sdk::Timestamp;

/// A result of a client.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// A cluster. Cheap to share; calls block, none longer than the time it is given.
pub trait Client: fmt::Debug + Send + Sync + 'static {
    /// How many partitions a topic has; `None` if there is no such topic.
    fn partitions(&self, topic: &str, within: Duration) -> Result<Option<u32>>;

    /// Makes a topic. One that exists already is [`Failure::Exists`].
    fn create_topic(&self, topic: &NewTopic, within: Duration) -> Result<()>;

    /// Which offsets of a partition can be read.
    fn ends(&self, topic: &str, partition: u32, within: Duration) -> Result<Ends>;

    /// The first offset whose record's timestamp is `time` or later; the end if there is none.
    fn offset_at(
        &self,
        topic: &str,
        partition: u32,
        time: Timestamp,
        within: Duration,
    ) -> Result<u64>;

    /// The offsets that a consumer group has committed, for partitions where it has.
    fn group_offsets(
        &self,
        group: &str,
        topic: &str,
        partitions: u32,
        within: Duration,
    ) -> Result<BTreeMap<u32, u64>>;

    /// Commits offsets (of the next records to be read) for a consumer group, for who watches it.
    fn commit_group_offsets(
        &self,
        group: &str,
        topic: &str,
        offsets: &BTreeMap<u32, u64>,
        within: Duration,
    ) -> Result<()>;

    /// Begins to read a partition at an offset. Whether there is such a partition and offset shows
    /// in the first polls.
    fn reader(&self, of: &ReadFrom) -> Result<Box<dyn PartitionReader>>;

    /// A producer of its own. Dropped, it is gone as if its process had been killed: what was not
    /// delivered may or may not arrive, and an open transaction stays open until it is fenced or
    /// times out.
    fn producer(&self, of: &ProducerOptions) -> Result<Box<dyn Producer>>;

    /// Waits. In simulation the clock moves and the cluster goes on.
    fn pause(&self, time: Duration);

    /// Time since some instant; never goes back.
    fn monotonic(&self) -> Duration;

    /// Processing time.
    fn now(&self) -> Timestamp;

    /// A number that nobody else draws.
    fn unique(&self) -> u128;

    /// A labelled crash point: the program may end here.
    fn point(&self, label: &'static str);

    /// Where the cluster is, for people; without secrets.
    fn describe(&self) -> String;
}

/// A topic to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it gets.
    pub partitions: u32,
    /// Keeps the newest record of each key for ever, instead of every record for some time.
    pub compacted: bool,
}

/// Which offsets of a partition can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// The first that retention has left.
    pub first: u64,
    /// Behind the last that is decided: no open transaction has written before it. The end of what
    /// a reader of committed records sees.
    pub stable: u64,
    /// Behind the last.
    pub end: u64,
}

/// Which records a reader sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Isolation {
    /// Those of committed transactions and of none.
    #[default]
    Committed,
    /// All, also of transactions that are open or were aborted.
    Uncommitted,
}

/// What a reader reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadFrom {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The offset to begin at. One that is not there, because retention has passed it or the
    /// partition is shorter, is [`Failure::OffsetOutOfRange`]: never another place instead.
    pub offset: u64,
    /// Which records it sees.
    pub isolation: Isolation,
}

/// Reads one partition.
pub trait PartitionReader: Send {
    /// Hands at most `most` records that are there to `take`, in order, without waiting; false
    /// from `take` ends the call behind that record.
    fn poll(&mut self, most: usize, take: &mut dyn FnMut(&Record<'_>) -> bool) -> Result<Polled>;

    /// The end of what it can see, as of the last answer of the cluster (the stable end if it reads
    /// committed records), where that is known without asking.
    fn known_end(&self) -> Option<u64>;

    /// The offsets behind the stable end, as of the last answer of the cluster, where that is known
    /// without asking: what transactions that are open hold back from readers of committed records.
    fn undecided(&self) -> Option<Range<u64>>;
}

/// What a poll of a reader found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Polled {
    /// The offset where the reader goes on: behind the last record handed over, and behind what is
    /// no record (ends of transactions, aborted records, holes of compaction) as far as is known.
    pub next: u64,
    /// The end of what it can see was reached, and the cluster still answers: silence is told from
    /// the silence of a broker that is gone by this alone.
    pub at_end: bool,
}

/// A record as it lies in a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// The partition.
    pub partition: u32,
    /// Its number there.
    pub offset: u64,
    /// Its timestamp; `None` for records of formats without.
    pub timestamp: Option<Timestamp>,
    /// The term of the leader that took it, where the client knows.
    pub leader_epoch: Option<i32>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Headers<'a>,
}

/// The headers of a record: names and values, in order, names not always once.
#[derive(Clone, Copy)]
pub struct Headers<'a>(pub(crate) Option<&'a dyn HeaderList>);

/// Where headers lie.
pub trait HeaderList {
    /// How many.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Name and value of one of them; a header's value may be missing.
    fn get(&self, i: usize) -> (&str, Option<&[u8]>);
}

/// What a producer is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerOptions {
    /// Writes in transactions under this id: whoever asks for the same id later fences this one.
    pub transactional_id: Option<String>,
    /// How long a transaction may be open.
    pub transaction_timeout: Duration,
}

/// A record to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: u32,
    /// Its timestamp; `None` lets the client's clock say.
    pub timestamp: Option<Timestamp>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// What a producer was told of the records it has sent since it was last asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Deliveries {
    /// How many have arrived.
    pub delivered: u64,
    /// First and last offset of those that have arrived, by topic and partition.
    pub offsets: BTreeMap<(String, u32), (u64, u64)>,
    /// Why others have not and never will.
    pub failed: Vec<ClientError>,
}

/// Writes records, alone or in transactions.
///
/// In transactions: [`init`](Self::init) once, then `begin`, `send`.., `commit` or `abort`. After
/// [`Failure::Unknown`] the same call has to be made again, no other, or the producer given up.
pub trait Producer: Send {
    /// Puts a record into the queue to be sent; a full queue is [`Failure::Full`]: ask for
    /// [`deliveries`](Self::deliveries), wait, and send it again.
    fn send(&mut self, record: &NewRecord<'_>) -> Result<()>;

    /// Records in the queue or on their way.
    fn in_flight(&self) -> usize;

    /// What has become of records, waiting at most so long for something to be told.
    fn deliveries(&mut self, within: Duration) -> Deliveries;

    /// Fences every other producer of the same transactional id, and ends what it left open.
    fn init(&mut self, within: Duration) -> Result<()>;

    /// Opens a transaction; not a call to the cluster.
    fn begin(&mut self) -> Result<()>;

    /// Commits the open transaction. All records must have been delivered before.
    fn commit(&mut self, within: Duration) -> Result<()>;

    /// Aborts the open transaction.
    fn abort(&mut self, within: Duration) -> Result<()>;
}

impl<'a> Headers<'a> {
    /// No headers.
    pub const NONE: Headers<'static> = Headers(None);

    /// Headers that lie somewhere.
    pub fn of(list: &'a dyn HeaderList) -> Self {
        Headers(Some(list))
    }

    /// Names and values, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        let n = self.0.map_or(0, |list| list.len());
        (0..n).filter_map(move |i| self.0.map(|list| list.get(i)))
    }
}

impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers<'_> {}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
