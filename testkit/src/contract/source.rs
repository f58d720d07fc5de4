//! `source`: the contract of sources.
//!
//! Owns the ways in which a runner reads: whole, in small polls, from every position, and with splits
//! that give up a part. Invariant: all of them yield the same elements of a split, in the same order.

use super::{Broken, Outcome, bytes, holds, kept};
use std::fmt::Debug;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::source::{
    Boundedness, Poll, Position, ReadOptions, Reader, Residual, Source, Watermarks,
};
use whitebeam_sdk::{ErrorKind, Timestamp, element};

/// Elements with their timestamps.
pub type Rows<T> = Vec<(T, Timestamp)>;

/// Polls in a row that may find nothing before a reader counts as stuck.
const PATIENCE: u32 = 10_000;

/// Positions of a split that are tried.
const CUTS: usize = 24;

/// Checks a source whose input has a few elements and does not change meanwhile; what it yields, by
/// split. An unbounded one is read to its present end.
///
/// ```
/// use whitebeam_sdk::source::MemorySource;
/// use whitebeam_testkit::contract;
///
/// let splits = contract::source(&MemorySource::new(vec![1, 2, 3])).unwrap();
/// let values: Vec<_> = splits.concat().into_iter().map(|(value, _)| value).collect();
/// assert_eq!(values, [1, 2, 3]);
/// ```
pub fn source<S>(source: &S) -> Result<Vec<Rows<S::Out>>, Broken>
where
    S: Source,
    S::Out: PartialEq + Debug,
{
    let mut read = Vec::new();
    let mut all: Option<Vec<Vec<u8>>> = None;
    for desired in [16, 3, 1] {
        read = Vec::new();
        for split in splits(source, desired)? {
            read.push(Case { source, split }.check()?);
        }
        let mut here = Vec::new();
        for (value, time) in read.iter().flatten() {
            here.push([bytes(value)?, bytes(time)?].concat());
        }
        here.sort();
        if let Some(before) = all.replace(here.clone()) {
            holds(before == here, || {
                format!("with {desired} splits wanted, other elements are read")
            })?;
        }
    }
    Ok(read)
}

/// Splits are found once, are all different, and survive a checkpoint.
fn splits<S: Source>(source: &S, desired: usize) -> Outcome<Vec<S::Split>> {
    let splits = source.discover(&[], desired)?;
    let mut seen = Vec::new();
    for split in &splits {
        let split = bytes(split)?;
        holds(!seen.contains(&split), || "a split is found twice".into())?;
        seen.push(split);
    }
    let unbounded = source.boundedness() == Boundedness::Unbounded;
    if unbounded {
        let more = source.discover(&splits, desired)?;
        holds(more.is_empty(), || {
            "splits that are known are found again".into()
        })?;
    }
    let splits = splits.iter().map(kept).collect::<Outcome<Vec<_>>>()?;
    match source.end_now(splits.clone()) {
        Ok(ended) => {
            holds(ended.len() == splits.len(), || {
                "end_now loses splits".into()
            })?;
            Ok(ended)
        }
        Err(e) if unbounded && e.kind() == ErrorKind::Unsupported => Ok(splits),
        Err(e) => Err(e.into()),
    }
}

/// One split.
struct Case<'a, S: Source> {
    source: &'a S,
    split: S::Split,
}

/// Where a reader stood, and what it had promised.
struct Cut {
    rows: usize,
    position: Position,
    watermark: Timestamp,
}

/// What one reader yielded.
struct Read<T> {
    rows: Rows<T>,
    cuts: Vec<Cut>,
}

/// A reader, watched.
struct Watched<T> {
    reader: Box<dyn Reader<T>>,
    options: ReadOptions,
    promised: Timestamp,
    rows: Rows<T>,
}

fn options(max_elements: Option<usize>, watermarks: Watermarks) -> ReadOptions {
    ReadOptions {
        max_elements,
        watermarks,
        ..ReadOptions::default()
    }
}

const CERTAIN: Watermarks = Watermarks::Certain;

impl<S> Case<'_, S>
where
    S: Source,
    S::Out: PartialEq + Debug,
{
    fn check(&self) -> Outcome<Rows<S::Out>> {
        self.checked().map_err(|Broken(what)| {
            let split = self.source.describe_split(&self.split);
            Broken(format!("{split}: {what}"))
        })
    }

    fn checked(&self) -> Outcome<Rows<S::Out>> {
        let one = self.read(&self.split, None, options(Some(1), CERTAIN))?;
        for (most, watermarks) in [
            (Some(1), Watermarks::Estimated),
            (Some(3), CERTAIN),
            (None, CERTAIN),
            (None, Watermarks::Estimated),
        ] {
            let read = self.read(&self.split, None, options(most, watermarks))?;
            same("in other polls", &read.rows, &one.rows)?;
        }
        let step = one.cuts.len().div_ceil(CUTS).max(1);
        let last = one.cuts.last().into_iter();
        for cut in one.cuts.iter().step_by(step).chain(last) {
            self.resumes(&one.rows, cut)?;
            for fraction in [0.0, 0.3, 0.5, 0.9, 1.0] {
                self.gives_up(&one.rows, cut.rows, fraction)?;
            }
        }
        Ok(one.rows)
    }

    /// A reader opened at a position yields what the one that gave it did not, and so do those that
    /// go on from its own positions.
    fn resumes(&self, rows: &Rows<S::Out>, cut: &Cut) -> Outcome {
        let at = cut.rows;
        let rest = self.read(&self.split, Some(&cut.position), options(Some(2), CERTAIN))?;
        same(
            &format!("resumed behind {at}"),
            &rest.rows,
            &rows[at..].to_vec(),
        )?;
        let early = rest.rows.iter().find(|(_, time)| *time < cut.watermark);
        holds(early.is_none(), || {
            let watermark = cut.watermark;
            format!("resumed behind {at}: {early:?} comes behind its watermark {watermark}")
        })?;
        let Some(second) = rest.cuts.get(rest.cuts.len() / 2) else {
            return Ok(());
        };
        let again = self.read(&self.split, Some(&second.position), options(None, CERTAIN))?;
        let should = rest.rows[second.rows..].to_vec();
        same(&format!("resumed twice behind {at}"), &again.rows, &should)
    }

    /// What a reader gives up is what it does not yield itself. A reader that gave up a part is not
    /// gone on with by its position: it gives up the rest too.
    fn gives_up(&self, rows: &Rows<S::Out>, behind: usize, fraction: f64) -> Outcome {
        let what = format!("split behind {behind} at {fraction}");
        let Some((watched, given)) = self.cut(behind, fraction)? else {
            return Ok(());
        };
        let given = self.residual(&what, &given)?;
        let primary = watched.read_on()?.rows;
        same(&what, &[&primary[..], &given].concat(), rows)?;

        let Some((mut watched, _)) = self.cut(behind, fraction)? else {
            return Err(Broken(format!("{what}: once it can be, once not")));
        };
        let left = match watched.reader.try_split(0.0)? {
            Some(left) => self.residual(&what, &left)?,
            None => Vec::new(),
        };
        let primary = watched.read_on()?.rows;
        same(
            &format!("{what}, then left"),
            &[primary, left, given].concat(),
            rows,
        )
    }

    /// A reader behind so many elements that gives up a part.
    fn cut(&self, behind: usize, fraction: f64) -> Outcome<Option<(Watched<S::Out>, Residual)>> {
        let mut watched = self.open(&self.split, None, options(Some(1), CERTAIN))?;
        let mut polls = 0;
        while watched.rows.len() < behind && polls < PATIENCE {
            watched.poll()?;
            polls += 1;
        }
        let given = watched.reader.try_split(fraction)?;
        Ok(given.map(|given| (watched, given)))
    }

    /// What another reader gets of a part that was given up.
    fn residual(&self, what: &str, residual: &Residual) -> Outcome<Rows<S::Out>> {
        let split: S::Split = element::decode(&mut residual.split.as_slice())?;
        let rows = self.read(&split, None, options(None, CERTAIN))?.rows;
        let hold = residual.hold;
        let early = rows.iter().find(|(_, time)| *time < hold);
        holds(early.is_none(), || {
            format!("{what}: {early:?} comes before its hold {hold}")
        })?;
        Ok(rows)
    }

    fn open(
        &self,
        split: &S::Split,
        at: Option<&Position>,
        options: ReadOptions,
    ) -> Outcome<Watched<S::Out>> {
        let reader = self.source.open(kept(split)?, at.cloned(), &options)?;
        Ok(Watched {
            promised: reader.watermark(),
            reader,
            options,
            rows: Vec::new(),
        })
    }

    fn read(
        &self,
        split: &S::Split,
        at: Option<&Position>,
        options: ReadOptions,
    ) -> Outcome<Read<S::Out>> {
        self.open(split, at, options)?.read_on()
    }
}

impl<T: Clone + Debug> Watched<T> {
    /// One poll: not too much, nothing behind the watermark, which never goes back.
    fn poll(&mut self) -> Outcome<Poll> {
        let mut batch = Batch::default();
        let polled = self.reader.poll(&mut batch)?;
        let most = self.options.max_elements.unwrap_or(usize::MAX);
        holds(batch.len() <= most, || {
            format!("a poll of at most {most} elements gave {}", batch.len())
        })?;
        for (i, value) in batch.values().iter().enumerate() {
            let (time, promised) = (batch.timestamp(i), self.promised);
            // An estimate may be wrong.
            let may = self.options.watermarks == Watermarks::Estimated || time >= promised;
            holds(may, || {
                format!("{value:?} at {time} comes behind the watermark {promised}")
            })?;
            self.rows.push((value.clone(), time));
        }
        let now = self.reader.watermark();
        let before = std::mem::replace(&mut self.promised, now);
        holds(now >= before, || {
            format!("the watermark goes back from {before} to {now}")
        })?;
        Ok(polled)
    }

    fn cut(&self) -> Cut {
        Cut {
            rows: self.rows.len(),
            position: self.reader.position(),
            watermark: self.promised,
        }
    }

    /// Reads on, and remembers where it stood.
    fn read_on(mut self) -> Outcome<Read<T>> {
        let mut cuts = vec![self.cut()];
        let mut empty = 0;
        loop {
            let before = self.rows.len();
            let polled = self.poll()?;
            cuts.push(self.cut());
            empty = if self.rows.len() > before {
                0
            } else {
                empty + 1
            };
            match polled {
                Poll::End => break,
                Poll::Idle(_) if empty > 0 => break,
                _ => holds(empty < PATIENCE, || "a reader comes to no end".into())?,
            }
        }
        let count = self.rows.len();
        self.poll()?;
        holds(self.rows.len() == count, || {
            "elements come behind the end".into()
        })?;
        let rows = self.rows;
        Ok(Read { rows, cuts })
    }
}

fn same<T: PartialEq + Debug>(what: &str, is: &Rows<T>, should: &Rows<T>) -> Outcome {
    holds(is == should, || format!("{what}: {is:?}, not {should:?}"))
}
