//! What every client of a cluster keeps, as cases: the model, a real cluster by librdkafka, and a
//! client of one's own.
//!
//! Owns the cases, each over `&dyn Client` and what only the surroundings can do. Does not own a cluster.
//! Invariant: a case waits for what the contract promises and for nothing else, so that it holds however
//! slow a healthy cluster is.
//!
//! ```
//! use whitebeam_io::kafka::client::Client;
//! use whitebeam_testkit::kafka::{Faults, KafkaModel, contract};
//! use whitebeam_testkit::sim::Machine;
//!
//! let model = KafkaModel::new(&Machine::new(1), 1, Faults::none());
//! let surroundings = contract::ModelSurroundings::new(&model);
//! for case in contract::CASES {
//!     case.run(&surroundings).unwrap();
//! }
//! ```

mod outage;
mod plain;
mod surroundings;
mod transactions;
mod world;

use crate::contract::Broken;
pub use surroundings::{ModelSurroundings, Surroundings};
use world::World;

/// One thing that is promised.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What.
    pub name: &'static str,
    needs: Needs,
    run: fn(&World<'_>) -> Result<(), Broken>,
}

/// What a case does to the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needs {
    /// Only topics of its own: cases may run at the same time.
    Topics,
    /// It stops the broker.
    Broker,
}

impl Case {
    /// Whether it stops the broker, so that no other may run meanwhile.
    pub fn stops_the_broker(&self) -> bool {
        self.needs == Needs::Broker
    }

    /// Runs it.
    pub fn run(&self, surroundings: &dyn Surroundings) -> Result<(), Broken> {
        (self.run)(&World::new(surroundings)).map_err(|Broken(what)| {
            // Others must find it up.
            if self.stops_the_broker() {
                surroundings.start_broker();
            }
            Broken(format!("{}: {what}", self.name))
        })
    }
}

const fn case(name: &'static str, run: fn(&World<'_>) -> Result<(), Broken>) -> Case {
    let needs = Needs::Topics;
    Case { name, needs, run }
}

const fn outage(name: &'static str, run: fn(&World<'_>) -> Result<(), Broken>) -> Case {
    let needs = Needs::Broker;
    Case { name, needs, run }
}

/// Every case.
pub const CASES: &[Case] = &[
    case("records of a partition keep their order", plain::order),
    case("times, keys, tombstones", plain::fields),
    case("headers", plain::headers),
    case("a poll ends where it is told to", plain::polls),
    case("an offset by time", plain::offset_at),
    case("offsets of a group", plain::groups),
    case("an unknown topic", plain::unknown_topic),
    case("an offset that is not there", plain::out_of_range),
    case("a topic that exists", plain::existing_topic),
    case("a record that is too large", plain::too_large),
    case("an unbroken stream while it is written", plain::tailing),
    case("committed, aborted, open", transactions::isolation),
    case("a producer goes on behind an abort", transactions::goes_on),
    case("calls in a wrong order", transactions::order_of_calls),
    case("a newer producer fences an older", transactions::fencing),
    case(
        "a newcomer decides what was left open",
        transactions::left_open,
    ),
    case("a transaction that takes too long", transactions::timeout),
    case("a timeout that is too long", transactions::longest_timeout),
    case(
        "one transaction holds back another",
        transactions::held_back,
    ),
    case("a compacted topic of markers", transactions::markers),
    case("a compacted topic wants keys", transactions::keyless),
    outage("a commit without answer", outage::commit),
    outage("records wait for the broker", outage::records),
    outage("a reader goes on", outage::reading),
    outage("nobody answers", outage::silence),
];
