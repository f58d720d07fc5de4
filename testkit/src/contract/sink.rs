//! `sink`: the contract of sinks that commit by epoch.
//!
//! Owns the order in which a runner calls, and every place where it may be interrupted. Invariant: at
//! each moment what is seen is what was committed, once.

use super::{Broken, Outcome, bytes, holds, kept};
use std::fmt::Debug;
use whitebeam_sdk::Element;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Epoch, Shard, Sink, SinkWriter};

/// Somewhere to write to, such as a folder or a topic.
pub trait SinkTarget<T: Element> {
    /// What writes there.
    type Sink: Sink<T>;
    /// A sink into it, as a program that starts now would make it.
    fn sink(&self) -> Self::Sink;
    /// What anybody who looks there sees now, in any order.
    fn seen(&self) -> whitebeam_sdk::Result<Vec<T>>;
    /// What lies there that will never be seen, in words, where that can be told.
    fn litter(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Checks a sink. `fresh` makes a target where nothing is; `values` are some elements, no two equal,
/// at least six.
///
/// ```
/// use whitebeam_sdk::Result;
/// use whitebeam_sdk::window::WindowFn;
/// use whitebeam_testkit::contract::{self, SinkTarget};
/// use whitebeam_testkit::{Recorded, Recorder};
///
/// struct Memory(Recorded<u64>);
///
/// impl SinkTarget<u64> for Memory {
///     type Sink = Recorder<u64>;
///
///     fn sink(&self) -> Recorder<u64> {
///         Recorder::into_recorded(&self.0, WindowFn::Global)
///     }
///
///     fn seen(&self) -> Result<Vec<u64>> {
///         Ok(self.0.values())
///     }
/// }
///
/// contract::sink(|| Memory(Recorded::default()), &[1, 2, 3, 4, 5, 6, 7]).unwrap();
/// ```
pub fn sink<T, G>(fresh: impl Fn() -> G, values: &[T]) -> Result<(), Broken>
where
    T: Element + Debug,
    G: SinkTarget<T>,
{
    holds(values.len() >= 6, || "six values are needed".into())?;
    let cases: [(&str, Check<T, G>); 7] = [
        ("nothing is seen before its commit", hidden),
        ("epochs become visible one by one", epochs),
        ("another program goes on", resumed),
        ("an abort leaves nothing", aborted),
        ("shards are committed together", shards),
        ("an epoch without elements", empty),
        ("what was not staged is never seen", unstaged),
    ];
    for (name, check) in cases {
        let target = fresh();
        seen(&target, &[]).map_err(|Broken(what)| Broken(format!("{name}, before: {what}")))?;
        check(&target, values).map_err(|Broken(what)| Broken(format!("{name}: {what}")))?;
    }
    Ok(())
}

type Check<T, G> = fn(&G, &[T]) -> Outcome;
type Staged<T, S> = Vec<<S as Sink<T>>::Staged>;

const ALONE: Shard = Shard { index: 0, of: 1 };

/// Breaks unless exactly these are seen.
fn seen<T: Element + Debug, G: SinkTarget<T>>(target: &G, should: &[&[T]]) -> Outcome {
    let is = target.seen()?;
    let sorted = |values: &[T]| {
        let bytes = values.iter().map(bytes).collect::<Outcome<Vec<_>>>();
        bytes.map(|mut bytes| {
            bytes.sort();
            bytes
        })
    };
    let should = should.concat();
    holds(sorted(&is)? == sorted(&should)?, || {
        format!("{is:?} is seen, not {should:?}")
    })
}

/// Writes and stages; what is staged comes back from a checkpoint.
fn stage<T: Element, S: Sink<T>>(
    writer: &mut S::Writer,
    epoch: u64,
    values: &[T],
) -> Outcome<Staged<T, S>> {
    let (first, rest) = values.split_at(values.len() / 2);
    for values in [first, rest] {
        if !values.is_empty() {
            writer.write(&Batch::of(values.to_vec()))?;
        }
    }
    writer.stage(Epoch(epoch))?.iter().map(kept).collect()
}

/// Commits, which repeated changes nothing.
fn commit<T: Element + Debug, G: SinkTarget<T>>(
    target: &G,
    sink: &G::Sink,
    epoch: u64,
    staged: &Staged<T, G::Sink>,
    should: &[&[T]],
) -> Outcome {
    for _ in 0..2 {
        sink.commit(Epoch(epoch), staged.clone())?;
        seen(target, should)?;
    }
    Ok(())
}

fn hidden<T: Element + Debug, G: SinkTarget<T>>(target: &G, values: &[T]) -> Outcome {
    let sink = target.sink();
    sink.recover()?;
    let mut writer = sink.open(ALONE)?;
    writer.write(&Batch::of(values.to_vec()))?;
    seen(target, &[])?;
    let staged: Staged<T, G::Sink> = stage::<T, G::Sink>(&mut writer, 1, &[])?;
    seen(target, &[])?;
    sink.settle(Epoch(1))?;
    sink.prepare(Epoch(1), &staged)?;
    seen(target, &[])?;
    commit(target, &sink, 1, &staged, &[values])?;
    drop(writer);
    sink.finish()?;
    seen(target, &[values])
}

fn epochs<T: Element + Debug, G: SinkTarget<T>>(target: &G, values: &[T]) -> Outcome {
    let (a, b) = values.split_at(2);
    let sink = target.sink();
    sink.recover()?;
    let mut writer = sink.open(ALONE)?;
    let first = stage::<T, G::Sink>(&mut writer, 1, a)?;
    let second = stage::<T, G::Sink>(&mut writer, 2, b)?;
    seen(target, &[])?;
    commit(target, &sink, 1, &first, &[a])?;
    commit(target, &sink, 2, &second, &[a, b])?;
    commit(target, &sink, 1, &first, &[a, b])
}

fn resumed<T: Element + Debug, G: SinkTarget<T>>(target: &G, values: &[T]) -> Outcome {
    let (a, rest) = values.split_at(2);
    let (b, c) = rest.split_at(2);
    let (first, second);
    {
        let sink = target.sink();
        sink.recover()?;
        let mut writer = sink.open(ALONE)?;
        first = stage::<T, G::Sink>(&mut writer, 1, a)?;
        commit(target, &sink, 1, &first, &[a])?;
        second = stage::<T, G::Sink>(&mut writer, 2, b)?;
        // It ends here, without a word.
    }
    let sink = target.sink();
    if let Some(last) = sink.recover()? {
        holds(last == Epoch(1), || {
            format!("epoch {} is said to be visible", last.0)
        })?;
    }
    seen(target, &[a])?;
    commit(target, &sink, 1, &first, &[a])?;
    commit(target, &sink, 2, &second, &[a, b])?;
    let mut writer = sink.open(ALONE)?;
    let third = stage::<T, G::Sink>(&mut writer, 3, c)?;
    seen(target, &[a, b])?;
    commit(target, &sink, 3, &third, &[a, b, c])?;
    commit(target, &sink, 2, &second, &[a, b, c])
}

fn aborted<T: Element + Debug, G: SinkTarget<T>>(target: &G, values: &[T]) -> Outcome {
    let (a, rest) = values.split_at(2);
    let (b, c) = rest.split_at(2);
    let sink = target.sink();
    sink.recover()?;
    let mut writer = sink.open(ALONE)?;
    let first = stage::<T, G::Sink>(&mut writer, 1, a)?;
    commit(target, &sink, 1, &first, &[a])?;
    let second = stage::<T, G::Sink>(&mut writer, 2, b)?;
    sink.prepare(Epoch(2), &second)?;
    drop(writer);
    sink.abort();
    drop(sink);
    seen(target, &[a])?;
    let litter = target.litter();
    holds(litter.is_empty(), || format!("an abort leaves {litter:?}"))?;
    let sink = target.sink();
    sink.recover()?;
    let mut writer = sink.open(ALONE)?;
    let third = stage::<T, G::Sink>(&mut writer, 3, c)?;
    commit(target, &sink, 3, &third, &[a, c])
}

fn shards<T: Element + Debug, G: SinkTarget<T>>(target: &G, values: &[T]) -> Outcome {
    let (a, b) = values.split_at(3);
    let sink = target.sink();
    sink.recover()?;
    let shard = |index| Shard { index, of: 3 };
    let mut staged = Vec::new();
    for (index, values) in [(0, a), (1, &[][..]), (2, b)] {
        let mut writer = sink.open(shard(index))?;
        staged.extend(stage::<T, G::Sink>(&mut writer, 1, values)?);
        seen(target, &[])?;
    }
    commit(target, &sink, 1, &staged, &[a, b])
}

fn empty<T: Element + Debug, G: SinkTarget<T>>(target: &G, values: &[T]) -> Outcome {
    let sink = target.sink();
    sink.recover()?;
    let mut writer = sink.open(ALONE)?;
    let nothing = stage::<T, G::Sink>(&mut writer, 1, &[])?;
    commit(target, &sink, 1, &nothing, &[])?;
    let staged = stage::<T, G::Sink>(&mut writer, 2, values)?;
    commit(target, &sink, 2, &staged, &[values])?;
    let nothing = stage::<T, G::Sink>(&mut writer, 3, &[])?;
    commit(target, &sink, 3, &nothing, &[values])
}

fn unstaged<T: Element + Debug, G: SinkTarget<T>>(target: &G, values: &[T]) -> Outcome {
    let (a, b) = values.split_at(3);
    let sink = target.sink();
    sink.recover()?;
    let mut given_up = sink.open(Shard { index: 0, of: 2 })?;
    given_up.write(&Batch::of(a.to_vec()))?;
    drop(given_up);
    let mut writer = sink.open(Shard { index: 1, of: 2 })?;
    let staged = stage::<T, G::Sink>(&mut writer, 1, b)?;
    commit(target, &sink, 1, &staged, &[b])
}
