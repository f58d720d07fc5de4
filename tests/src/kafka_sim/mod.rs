//! The streaming runner between topics of the model of Kafka, on one seeded thread: processes crash,
//! the cluster misbehaves, and what readers of committed records see is judged.
//!
//! `plan` owns what goes wrong when, `life` one process, `judge` the verdict, and this file the
//! schedule of a seed: records come between faults, and the input ends when there were enough of
//! them. Ends of transactions come late, or never, and are repaired by the sink.
//! Invariant: the same seed gives the same trace.

mod judge;
mod life;
mod plan;

pub use judge::Mode;

use judge::Judge;
use life::{Left, Life};
use plan::Plan;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_sdk::Timestamp;
use whitebeam_testkit::kafka::{Faults, KafkaModel, Row};
use whitebeam_testkit::sim::{Machine, SimEnv, Strike};

/// Records of the input.
pub(crate) const NUMBERS: u32 = 40;
/// Keys among them.
pub(crate) const KEYS: u32 = 5;
/// Partitions of the input.
const PARTITIONS: u32 = 2;
/// Where the numbers come from.
pub(crate) const IN: &str = "in";
/// Where each of them goes.
pub(crate) const OUT: &str = "out";
/// Where their counts go.
pub(crate) const COUNTS: &str = "counts";
/// Where the markers of these topics go.
pub(crate) const PROGRESS: [&str; 2] = ["whitebeam-progress-out", "whitebeam-progress-counts"];

/// Faults of every simulated run, at least: crashes, and what the cluster does once.
pub const FAULTS: u32 = 3;

/// Lives of one run, at the most: more means that it never ends.
const LIVES: u32 = 60;

/// What a simulated run came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Processes that crashed.
    pub crashes: u32,
    /// Of them, those at a place that was asked for.
    pub struck: u32,
    /// Faults of the cluster, beside those that are drawn call by call.
    pub broker: u32,
    /// Processes that stood still while another took over.
    pub overtaken: u32,
    /// Processes that began to run.
    pub lives: u32,
    /// Lost ends of transactions that were repaired.
    pub repaired: u64,
    /// Times it went on from a checkpoint.
    pub resumed: u32,
    /// Times it was suspended.
    pub suspended: u32,
    /// Times it ended with an error that a fault has brought about.
    pub refused: u32,
    /// Turns of all machines.
    pub turns: u64,
    /// A digest of everything that happened.
    pub trace: u64,
}

impl Told {
    /// Adds what another run came to.
    pub fn add(&mut self, other: Told) {
        self.crashes += other.crashes;
        self.struck += other.struck;
        self.broker += other.broker;
        self.overtaken += other.overtaken;
        self.lives += other.lives;
        self.repaired += other.repaired;
        self.resumed += other.resumed;
        self.suspended += other.suspended;
        self.refused += other.refused;
        self.turns += other.turns;
        self.trace = self.trace.wrapping_add(other.trace);
    }

    /// All faults that were made to happen.
    pub fn faults(&self) -> u32 {
        self.crashes + self.broker + self.overtaken
    }
}

/// A machine, a cluster, and what has become of the run so far.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) model: KafkaModel,
    /// Draws for the schedule, apart from the processes.
    pub(crate) draws: SimEnv,
    pub(crate) mode: Mode,
    pub(crate) told: Told,
    /// Numbers that were appended.
    appended: u32,
    /// The error that has ended a run last.
    pub(crate) refusal: String,
}

/// Runs `seed` through its faults to the end, and judges it.
pub fn simulate(seed: u64) -> Result<Told, String> {
    let machine = Machine::new(seed);
    let draws = machine.start();
    let mode = Mode::draw(&draws);
    let mut world = World::new(machine, draws, mode, seed);
    world.storm()
}

/// The first lives of an exactly-once run meet `strikes`, each one, on a cluster that is well but for
/// ends of transactions, which in every other run it may lose. What was met can be asked of `machine`.
pub fn simulate_struck(machine: &Machine, seed: u64, strikes: &[Strike]) -> Result<Told, String> {
    let draws = machine.start();
    let mut world = World::new(machine.clone(), draws, Mode::ExactlyOnce, seed);
    world.model.set_faults(Faults {
        marker_lost: [0.0, losses(strikes)][world.draws.choose(2)],
        ..Faults::benign()
    });
    world.append(NUMBERS);
    for strike in strikes {
        world.machine.strike([*strike]);
        loop {
            match Life::begin(&world, Plan::default(), true).run(&mut world)? {
                Left::Crashed => {
                    world.told.crashes += 1;
                    world.told.struck += 1;
                }
                Left::Drained => return world.over(),
                // The lease of who is dead by a power cut; the strike is still to come.
                Left::Held => continue,
                // Too many ends in a row were lost for one start: it is tried again.
                Left::Refused if world.told.refused < LIVES => {
                    world.told.refused += 1;
                    continue;
                }
                Left::Refused | Left::Suspended => return Err(world.refusal),
            }
            break;
        }
        world.machine.heal();
    }
    world.calm()
}

/// How likely the end of a transaction gets lost: what repairs it is met in time where many do.
fn losses(strikes: &[Strike]) -> f64 {
    let is_repair = |strike: &Strike| match strike {
        Strike::Point { label, .. } => label.starts_with("kafka.repair"),
        _ => false,
    };
    match strikes.iter().any(is_repair) {
        true => 0.5,
        false => 0.2,
    }
}

impl World {
    fn new(machine: Machine, draws: SimEnv, mode: Mode, seed: u64) -> Self {
        let model = KafkaModel::new(&machine, seed, Faults::none());
        model.create(IN, PARTITIONS);
        model.watch(Judge::watch(mode));
        World {
            machine,
            model,
            draws,
            mode,
            told: Told::default(),
            appended: 0,
            refusal: String::new(),
        }
    }

    /// Numbers up to `upto`, each at the second of its name; those of a key lie in one partition.
    fn append(&mut self, upto: u32) {
        for number in self.appended..upto.min(NUMBERS) {
            let at = Timestamp::from_secs(i64::from(number) + 1);
            let row = Row::of(number.to_string()).at(at);
            let partition = number % KEYS % PARTITIONS;
            self.model.append(IN, partition, row);
            self.appended = number + 1;
        }
    }

    fn storm(&mut self) -> Result<Told, String> {
        let wanted = FAULTS + self.draws.choose(3) as u32;
        for _ in 0..LIVES {
            let more = 1 + self.draws.choose(2 * (NUMBERS / wanted) as usize) as u32;
            self.append(self.appended + more);
            self.model.set_faults(match self.draws.choose(3) {
                0 => Faults::benign(),
                _ => Faults {
                    marker_lost: [0.02, 0.2][self.draws.choose(2)],
                    ..Faults::rough()
                },
            });
            if self.told.faults() >= wanted {
                self.append(NUMBERS);
                return self.calm();
            }
            let plan = Plan::draw(self);
            let left = Life::begin(self, plan, false).run(self)?;
            self.count(left);
            self.machine.heal();
        }
        Err("it meets no faults".to_owned())
    }

    fn count(&mut self, left: Left) {
        match left {
            Left::Crashed => self.told.crashes += 1,
            Left::Suspended => self.told.suspended += 1,
            Left::Refused | Left::Held => self.told.refused += 1,
            Left::Drained => {}
        }
    }

    /// Everything that was appended comes out, while the cluster gets well.
    fn calm(&mut self) -> Result<Told, String> {
        for life in 0..LIVES {
            let plan = match life {
                0 => Plan::healing(self),
                _ => Plan::default(),
            };
            if life > 0 {
                self.model.heal();
            }
            let left = Life::begin(self, plan, true).run(self)?;
            self.count(left);
            self.machine.heal();
            if left == Left::Drained {
                return self.over();
            }
        }
        let refusal = &self.refusal;
        Err(format!("it does not come to an end: {refusal}"))
    }

    fn over(&mut self) -> Result<Told, String> {
        self.model.heal();
        self.model.quiesce();
        self.machine.advance(Duration::from_secs(20));
        self.told.trace = self.machine.trace();
        let hits = self.machine.hits();
        let repairs = ["kafka.repair_ended", "kafka.repair_taken_back"];
        let repairs = repairs.iter().filter_map(|label| hits.get(label));
        self.told.repaired = repairs.sum();
        self.model.check_invariants()?;
        Judge::verdict(&self.model, self.mode)?;
        Ok(self.told)
    }
}
