//! `Plan`: what goes wrong in one life.
//!
//! Owns the draws. Every life but the last ones ends by what is planned here.

use super::{COUNTS, IN, OUT, PROGRESS, World};
use std::io;
use std::time::Duration;
use whitebeam_env::Env;
use whitebeam_io::kafka::SINK_POINTS;
use whitebeam_runner_streaming::{POINTS, checkpoint};
use whitebeam_testkit::kafka::{Call, KafkaModel, Way};
use whitebeam_testkit::sim::{Class, How, Moment, SimEnv, Strike};

/// How a life ends that does not end by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    Kill,
    Power,
    Suspend,
}

/// What the cluster does once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Breach {
    Down(Duration),
    TimeOut,
    DelayMarker(&'static str, Duration),
    LoseMarker(&'static str),
    Way(Call, Way),
}

/// What goes wrong in a life, by the turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) end: Option<(usize, Ending)>,
    pub(super) breaches: Vec<(usize, Breach)>,
    /// When the cluster is well again.
    pub(super) heal: Option<usize>,
    /// Where it stands still, past its lease, while another lives for so many turns.
    pub(super) standstill: Option<(Moment, usize)>,
}

impl Plan {
    /// Draws one, and arms what strikes at a point or in an operation.
    pub(super) fn draw(world: &World) -> Self {
        let draws = &world.draws;
        let how = [How::Kill, How::Power][draws.choose(2)];
        let nth = |most: usize| 1 + draws.choose(most) as u64;
        match draws.choose(6) {
            0 | 1 => {
                let of_runner = POINTS.iter().chain(checkpoint::POINTS);
                let points: Vec<_> = match draws.choose(2) {
                    0 => of_runner.collect(),
                    _ => SINK_POINTS.iter().collect(),
                };
                let label = points[draws.choose(points.len())];
                let nth = nth(4);
                world.machine.strike([Strike::Point { label, nth, how }]);
            }
            2 | 3 => {
                let nth = nth(300);
                world.machine.strike([Strike::Operation { nth, how }]);
            }
            4 => {
                let classes = [Class::Write, Class::Read, Class::Remove, Class::Call];
                let class = classes[draws.choose(classes.len())];
                let kind = [io::ErrorKind::StorageFull, io::ErrorKind::Other][draws.choose(2)];
                world.machine.fail(class, nth(60), kind);
            }
            _ => {}
        }
        let point = |points: &[&'static str], nth| {
            let label = points[draws.choose(points.len())];
            Moment::Point { label, nth }
        };
        let moment = match draws.choose(10) {
            0 => Some(point(SINK_POINTS, nth(4))),
            1 => Some(point([POINTS, checkpoint::POINTS][draws.choose(2)], nth(4))),
            2 => Some(Moment::Operation { nth: nth(300) }),
            _ => None,
        };
        let turn = |most: usize| draws.choose(1 << (4 + draws.choose(most)));
        let endings = [Ending::Kill, Ending::Kill, Ending::Power, Ending::Suspend];
        Plan {
            end: Some((turn(6), endings[draws.choose(endings.len())])),
            breaches: (0..draws.choose(3))
                .map(|_| (turn(5), Breach::draw(draws)))
                .collect(),
            heal: None,
            standstill: moment.map(|moment| (moment, turn(6))),
        }
    }

    /// Nothing new goes wrong, and what does ends after a while.
    pub(super) fn healing(world: &World) -> Self {
        Plan {
            heal: Some(world.draws.choose(1 << (1 + world.draws.choose(10)))),
            ..Plan::default()
        }
    }
}

impl Breach {
    fn draw(draws: &SimEnv) -> Self {
        let topic = [OUT, COUNTS, PROGRESS[0], PROGRESS[1]][draws.choose(4)];
        let time = |most: usize| Duration::from_millis(draws.choose(most) as u64);
        match draws.choose(7) {
            0 => Breach::Down(time(5_000)),
            1 => Breach::TimeOut,
            2 => Breach::Down(time(60_000)),
            3 => Breach::DelayMarker(topic, time(20_000)),
            4 => Breach::LoseMarker(topic),
            5 => {
                let ways = [
                    Way::AnswerLost,
                    Way::RequestLost,
                    Way::RequestLate(time(20_000)),
                    Way::Twice(time(20_000)),
                ];
                let call = [Call::Commit, Call::Commit, Call::Abort][draws.choose(3)];
                Breach::Way(call, ways[draws.choose(ways.len())])
            }
            _ => {
                let calls = [Call::Init, Call::Ends, Call::Partitions];
                let ways = [Way::AnswerLost, Way::RequestLost];
                let way = ways[draws.choose(ways.len())];
                Breach::Way(calls[draws.choose(calls.len())], way)
            }
        }
    }

    pub(super) fn happen(self, model: &KafkaModel, draws: &SimEnv) {
        let partition = draws.choose(2) as u32;
        let partition = |topic| if topic == OUT { partition } else { 0 };
        match self {
            Breach::Down(time) => model.broker_down(time),
            Breach::TimeOut => model.time_out_transactions(),
            Breach::DelayMarker(topic, by) => {
                model.delay_next_marker(topic, partition(topic), by);
            }
            Breach::LoseMarker(topic) => model.lose_next_marker(topic, partition(topic)),
            Breach::Way(call, way) => model.next(call, way),
        }
        debug_assert!(model.ends(IN, 0).is_some(), "the input is there");
    }
}
