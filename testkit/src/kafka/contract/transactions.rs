//! Cases of transactions: who sees what, who fences whom, and what ends by itself.

use super::world::{LONG, Outcome, World, fails, holds, plain, poll, same, texts};
use std::time::Duration;
use whitebeam_io::kafka::client::{Failure, Isolation, NewRecord, Producer};

fn numbered(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{name}{n}")).collect()
}

fn to_first(values: &[String]) -> Vec<(u32, &str)> {
    values.iter().map(|value| (0, value.as_str())).collect()
}

pub(super) fn isolation(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut producer = world.writer(&world.name())?;
    let kept = numbered("committed", 10);
    let gone = numbered("aborted", 10);
    let open = numbered("open", 5);
    world.transaction(&mut *producer, &topic, &to_first(&kept), |p| p.commit(LONG))?;
    let ends = world.decided(&topic, 0)?;
    same(
        "an end marker takes an offset",
        &(ends.stable, ends.end),
        &(11, 11),
    )?;
    world.transaction(&mut *producer, &topic, &to_first(&gone), |p| p.abort(LONG))?;
    let ends = world.decided(&topic, 0)?;
    same("also of an abort", &(ends.stable, ends.end), &(22, 22))?;
    world.transaction(&mut *producer, &topic, &to_first(&open), |_| Ok(()))?;
    let ends = world.ends(&topic, 0)?;
    same("ends", &(ends.first, ends.stable, ends.end), &(0, 22, 27))?;

    let got = world.read(&topic, 0, (0, 22), Isolation::Committed)?;
    same("committed", &texts(&got), &kept)?;
    let got = world.read(&topic, 0, (0, 27), Isolation::Uncommitted)?;
    same("all", &texts(&got), &[kept, gone, open].concat())?;

    // Behind the stable end nothing comes, and the end of sight is known.
    let mut reader = world.reader(&topic, 0, 22, Isolation::Committed)?;
    let mut got = Vec::new();
    world.until("the end", || Ok(poll(&mut *reader, 10, &mut got)?.at_end))?;
    same("known end", &reader.known_end(), &Some(22))?;
    world.until("what is held back is known", || {
        poll(&mut *reader, 10, &mut got)?;
        Ok(reader.undecided() == Some(22..27))
    })?;
    producer.commit(LONG)?;
    world.until("what was open comes", || {
        poll(&mut *reader, 10, &mut got)?;
        Ok(got.len() == 5)
    })
}

pub(super) fn goes_on(world: &World<'_>) -> Outcome {
    let topic = world.topic(2)?;
    let mut producer = world.writer(&world.name())?;
    let producer = &mut *producer;
    world.transaction(producer, &topic, &[(0, "a"), (1, "b")], |p| p.abort(LONG))?;
    world.transaction(producer, &topic, &[(0, "c")], |p| p.commit(LONG))?;
    world.transaction(producer, &topic, &[], |p| p.commit(LONG))?;
    world.transaction(producer, &topic, &[], |p| p.abort(LONG))?;
    world.transaction(producer, &topic, &[(1, "d"), (0, "e")], |p| p.commit(LONG))?;
    for (partition, should) in [(0, vec!["c", "e"]), (1, vec!["d"])] {
        world.decided(&topic, partition)?;
        let should: Vec<_> = should.into_iter().map(String::from).collect();
        same("committed", &world.committed(&topic, partition)?, &should)?;
    }
    Ok(())
}

pub(super) fn order_of_calls(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let record = plain(&topic, 0, "a");
    let mut producer = world.newcomer(&world.name(), LONG)?;
    fails("begin before init", producer.begin(), Failure::Invalid)?;
    producer.init(LONG)?;
    fails("commit of nothing", producer.commit(LONG), Failure::Invalid)?;
    fails("send outside", producer.send(&record), Failure::Invalid)?;
    producer.begin()?;
    fails("begin twice", producer.begin(), Failure::Invalid)?;
    world.fill(&mut *producer, &topic, &[(0, "a")])?;
    producer.commit(LONG)?;
    fails("commit twice", producer.commit(LONG), Failure::Invalid)?;
    let mut plain = world.producer()?;
    fails("begin without an id", plain.begin(), Failure::Invalid)?;
    world.decided(&topic, 0)?;
    same(
        "committed",
        &world.committed(&topic, 0)?,
        &vec!["a".to_owned()],
    )
}

pub(super) fn fencing(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let id = world.name();
    // Each of the calls is the first that the older producer hears of it by.
    let calls: [fn(&mut dyn Producer) -> _; 2] = [|p| p.commit(LONG), |p| p.abort(LONG)];
    for first_call in calls {
        let mut older = world.writer(&id)?;
        world.transaction(&mut *older, &topic, &[(0, "old")], |_| Ok(()))?;
        let mut newer = world.writer(&id)?;
        fails(
            "an end by the older",
            first_call(&mut *older),
            Failure::Fenced,
        )?;
        fails("begin by the older", older.begin(), Failure::Fenced)?;
        fails("commit by the older", older.commit(LONG), Failure::Fenced)?;
        fails("abort by the older", older.abort(LONG), Failure::Fenced)?;
        world.transaction(&mut *newer, &topic, &[(0, "new")], |p| p.commit(LONG))?;
    }
    // Who sends on does so in vain.
    let mut older = world.writer(&id)?;
    world.transaction(&mut *older, &topic, &[(0, "old")], |_| Ok(()))?;
    let _newer = world.writer(&id)?;
    if world.send(&mut *older, &plain(&topic, 0, "zombie")).is_ok() {
        let deliveries = world.deliver(&mut *older)?;
        same("delivered", &deliveries.delivered, &0)?;
        let failed = deliveries.failed.first().map(|e| e.failure);
        same("why not", &failed, &Some(Failure::Fenced))?;
    }
    fails("commit by the zombie", older.commit(LONG), Failure::Fenced)?;
    world.decided(&topic, 0)?;
    same(
        "committed",
        &world.committed(&topic, 0)?,
        &vec!["new".to_owned(); 2],
    )
}

pub(super) fn left_open(world: &World<'_>) -> Outcome {
    let topic = world.topic(2)?;
    let id = world.name();
    let mut gone = world.writer(&id)?;
    world.transaction(&mut *gone, &topic, &[(0, "a"), (1, "b")], |_| Ok(()))?;
    drop(gone);
    same("stable", &world.ends(&topic, 0)?.stable, &0)?;
    let mut newer = world.writer(&id)?;
    // What was there before `init` is decided when it returns, on every partition.
    for partition in 0..2 {
        let ends = world.ends(&topic, partition)?;
        same("ends", &(ends.stable, ends.end), &(2, 2))?;
        same("committed", &world.committed(&topic, partition)?, &vec![])?;
    }
    world.transaction(&mut *newer, &topic, &[(1, "c")], |p| p.commit(LONG))?;
    // A commit that was answered is seen by who comes next, whatever markers are still to come.
    let _next = world.writer(&id)?;
    let ends = world.ends(&topic, 1)?;
    same("ends", &(ends.stable, ends.end), &(4, 4))?;
    same(
        "committed",
        &world.committed(&topic, 1)?,
        &vec!["c".to_owned()],
    )
}

pub(super) fn timeout(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let timeout = Duration::from_secs(1);
    let mut slow = world.newcomer(&world.name(), timeout)?;
    slow.init(LONG)?;
    world.transaction(&mut *slow, &topic, &[(0, "slow")], |_| Ok(()))?;
    let mut other = world.producer()?;
    world.fill(&mut *other, &topic, &[(0, "other")])?;
    same("held back", &world.ends(&topic, 0)?.stable, &0)?;
    let start = world.client.monotonic();
    world.decided(&topic, 0)?;
    let took = world.client.monotonic().saturating_sub(start);
    holds(
        "it took too long",
        took <= timeout + world.around.timeout_grace(),
    )?;
    same(
        "committed",
        &world.committed(&topic, 0)?,
        &vec!["other".to_owned()],
    )?;
    fails("commit", slow.commit(LONG), Failure::Fenced)?;
    fails("abort", slow.abort(LONG), Failure::Fenced)?;
    fails("begin", slow.begin(), Failure::Fenced)
}

pub(super) fn longest_timeout(world: &World<'_>) -> Outcome {
    let day = Duration::from_secs(86_400);
    let mut producer = world.newcomer(&world.name(), day)?;
    fails("init", producer.init(LONG), Failure::Invalid)
}

pub(super) fn held_back(world: &World<'_>) -> Outcome {
    let topic = world.topic(1)?;
    let mut first = world.writer(&world.name())?;
    let mut second = world.writer(&world.name())?;
    world.transaction(&mut *first, &topic, &[(0, "first")], |_| Ok(()))?;
    world.transaction(&mut *second, &topic, &[(0, "second")], |p| p.commit(LONG))?;
    world.until("the second has its marker", || {
        Ok(world.ends(&topic, 0)?.end == 3)
    })?;
    same("stable", &world.ends(&topic, 0)?.stable, &0)?;
    same("committed", &world.committed(&topic, 0)?, &vec![])?;
    first.abort(LONG)?;
    world.decided(&topic, 0)?;
    same(
        "committed",
        &world.committed(&topic, 0)?,
        &vec!["second".to_owned()],
    )
}

/// The way in which a marker is read back: up to the end of all records, committed ones only.
pub(super) fn markers(world: &World<'_>) -> Outcome {
    let topic = world.compacted()?;
    let id = world.name();
    let marker = |value: &'static str| NewRecord {
        key: Some(b"sink/0"),
        ..plain(&topic, 0, value)
    };
    for value in ["1", "2", "3"] {
        let mut writer = world.writer(&id)?;
        writer.begin()?;
        world.send(&mut *writer, &marker(value))?;
        world.deliver(&mut *writer)?;
        match value {
            "3" => {}
            _ => writer.commit(LONG)?,
        }
    }
    // The third was left open; a newcomer ends it.
    let _writer = world.writer(&id)?;
    let end = world.client.ends(&topic, 0, LONG)?.end;
    let got = world.read(&topic, 0, (0, end), Isolation::Committed)?;
    same("the last", &texts(&got).last(), &Some(&"2".to_owned()))
}

pub(super) fn keyless(world: &World<'_>) -> Outcome {
    let topic = world.compacted()?;
    let mut writer = world.writer(&world.name())?;
    writer.begin()?;
    world.send(&mut *writer, &plain(&topic, 0, "no key"))?;
    let failed = world.deliver(&mut *writer)?.failed;
    let failed: Vec<_> = failed.into_iter().map(|e| e.failure).collect();
    same("refused", &failed, &vec![Failure::Invalid])?;
    fails("commit", writer.commit(LONG), Failure::Abortable)?;
    writer.abort(LONG)?;
    let record = NewRecord {
        key: Some(b"k"),
        ..plain(&topic, 0, "key")
    };
    // librdkafka lets the next transaction fail too, for the sequence number that was skipped.
    for _ in 0..3 {
        writer.begin()?;
        world.send(&mut *writer, &record)?;
        world.deliver(&mut *writer)?;
        match writer.commit(LONG) {
            Err(e) if e.failure == Failure::Abortable => writer.abort(LONG)?,
            committed => {
                committed?;
                break;
            }
        }
    }
    world.decided(&topic, 0)?;
    let should = vec!["key".to_owned()];
    same("committed", &world.committed(&topic, 0)?, &should)
}
