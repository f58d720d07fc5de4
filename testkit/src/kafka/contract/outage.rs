//! Cases in which the broker is down for a while.

use super::world::{Got, LONG, Outcome, World, fails, plain, poll, same, texts};
use crate::contract::Broken;
use std::time::Duration;
use whitebeam_io::kafka::client::{Failure, Isolation, PartitionReader};

const SHORT: Duration = Duration::from_secs(1);

pub(super) fn commit(world: &World<'_>) -> Outcome {
    let topic = world.topic(2)?;
    let mut writer = world.writer(&world.name())?;
    world.transaction(&mut *writer, &topic, &[(0, "a"), (1, "b")], |_| Ok(()))?;
    world.around.stop_broker();
    fails("commit", writer.commit(SHORT), Failure::Unknown)?;
    fails("another call", writer.abort(SHORT), Failure::Invalid)?;
    fails("the same call", writer.commit(SHORT), Failure::Unknown)?;
    let mut committed = Ok(());
    let mut again = || committed = writer.commit(LONG);
    world.around.start_broker_during(SHORT, &mut again);
    committed?;
    for (partition, should) in [(0, "a"), (1, "b")] {
        world.decided(&topic, partition)?;
        same(
            "committed",
            &world.committed(&topic, partition)?,
            &vec![should.to_owned()],
        )?;
    }
    world.transaction(&mut *writer, &topic, &[(0, "c")], |p| p.commit(LONG))?;
    world.decided(&topic, 0)?;
    same(
        "goes on",
        &world.committed(&topic, 0)?,
        &vec!["a".to_owned(), "c".to_owned()],
    )
}

pub(super) fn records(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut producer = world.producer()?;
    world.fill(&mut *producer, &topic, &[(0, "a")])?;
    world.around.stop_broker();
    for value in ["b", "c"] {
        world.send(&mut *producer, &plain(&topic, 0, value))?;
    }
    let deliveries = producer.deliveries(SHORT);
    same("delivered", &deliveries.delivered, &0)?;
    same("in flight", &producer.in_flight(), &2)?;
    world.around.start_broker();
    let deliveries = world.deliver(&mut *producer)?;
    same("delivered", &deliveries.delivered, &2)?;
    let should = ["a", "b", "c"].map(String::from).to_vec();
    same("once, in order", &world.committed(&topic, 0)?, &should)
}

pub(super) fn reading(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut producer = world.producer()?;
    world.fill(&mut *producer, &topic, &[(0, "a")])?;
    let mut reader = world.reader(&topic, 0, 0, Isolation::Committed)?;
    let mut got = Vec::new();
    let come = |got: &mut Vec<Got>, reader: &mut dyn PartitionReader, count: usize| {
        world.until("records come", || {
            match poll(reader, 10, got) {
                Ok(_) => {}
                // What can be repeated is.
                Err(Broken(what)) if what.contains("Retriable") => {}
                Err(e) => return Err(e),
            }
            Ok(got.len() >= count)
        })
    };
    come(&mut got, &mut *reader, 1)?;
    world.around.stop_broker();
    for _ in 0..10 {
        poll(&mut *reader, 10, &mut got)?;
        world.client.pause(Duration::from_millis(50));
    }
    world.around.start_broker();
    world.fill(&mut *producer, &topic, &[(0, "b")])?;
    come(&mut got, &mut *reader, 2)?;
    same(
        "records",
        &texts(&got),
        &vec!["a".to_owned(), "b".to_owned()],
    )
}

pub(super) fn silence(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut newcomer = world.newcomer(&world.name(), LONG)?;
    world.around.stop_broker();
    let asked = || {
        let start = world.client.monotonic();
        let within = Duration::from_secs(5);
        let ends = world.client.ends(&topic, 0, within);
        fails("ends", ends, Failure::Unreachable)?;
        let took = world.client.monotonic().saturating_sub(start);
        same(
            "took longer than it was given",
            &(took > within + SHORT),
            &false,
        )?;
        let init = newcomer.init(Duration::from_secs(5));
        let failure = init.err().map(|e| e.failure);
        let is_none = matches!(failure, Some(Failure::Unreachable | Failure::Unknown));
        same(
            "init without a broker",
            &(failure, is_none),
            &(failure, true),
        )
    };
    let mut asked = asked;
    let outcome = asked();
    world.around.start_broker();
    outcome?;
    newcomer.init(LONG)?;
    world.transaction(&mut *newcomer, &topic, &[(0, "a")], |p| p.commit(LONG))
}
