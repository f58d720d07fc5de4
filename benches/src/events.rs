//! Nexmark events as plain old data, resident in memory before anything is timed.
//!
//! Owns the event types, their generation from the `nexmark` crate and the cache of what was generated.
//! Deliberately does not own any query. The invariant: event `i` is a function of `i` alone (fixed base time,
//! fixed rate), so a cached run of events serves every shorter request, on every machine.

use std::error::Error;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use nexmark::event::Event;
use serde::{Deserialize, Serialize};

/// Event time of the first event, in milliseconds since 1970.
const BASE_TIME: u64 = 1_700_000_000_000;
/// Events per second of event time: ten million events span 1000 s, hence 100 windows of 10 s.
const RATE: usize = 10_000;
/// Changes whenever the layout or the meaning of the cache does.
const CACHE_FORMAT: u32 = 1;

/// A person registers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub(crate) struct Person {
    pub(crate) id: u64,
    /// First letter of the state; the other strings of the generator are dropped.
    pub(crate) state: u64,
    pub(crate) ts: i64,
}

/// A person puts something up for auction.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub(crate) struct Auction {
    pub(crate) id: u64,
    pub(crate) seller: u64,
    pub(crate) reserve: u64,
    pub(crate) ts: i64,
}

/// A person bids on an auction.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub(crate) struct Bid {
    pub(crate) auction: u64,
    pub(crate) bidder: u64,
    pub(crate) price: u64,
    pub(crate) ts: i64,
}

/// One event of the stream. Of each 50, one is a person, three are auctions, 46 are bids.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub(crate) enum Ev {
    Person(Person),
    Auction(Auction),
    Bid(Bid),
}

impl Ev {
    /// Event time in milliseconds since 1970. The stream is ordered by it.
    #[inline(always)]
    pub(crate) fn ts(&self) -> i64 {
        match self {
            Ev::Person(person) => person.ts,
            Ev::Auction(auction) => auction.ts,
            Ev::Bid(bid) => bid.ts,
        }
    }

    /// The bid, if it is one.
    #[inline(always)]
    pub(crate) fn bid(self) -> Option<Bid> {
        match self {
            Ev::Bid(bid) => Some(bid),
            Ev::Person(_) | Ev::Auction(_) => None,
        }
    }
}

/// What stands before the events in a cache file; a file that says anything else is generated anew.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct CacheHeader {
    format: u32,
    base_time: u64,
    rate: usize,
    events: usize,
}

/// The first `count` events: from the cache under `benches/data`, else generated and cached there.
///
/// They live until the process ends, as every engine reads them in place.
pub(crate) fn load(count: usize) -> Result<&'static [Ev], Box<dyn Error>> {
    let path = cache_path();
    let events = match read_cache(&path, count) {
        Some(events) => events,
        None => {
            eprintln!("generating {count} events into {}", path.display());
            let events = generate(count);
            write_cache(&path, &events)?;
            events
        }
    };
    Ok(events.leak())
}

fn cache_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/nexmark.postcard")
}

/// The first `count` events of the generator, without a cache.
pub(crate) fn generate(count: usize) -> Vec<Ev> {
    let config = NexmarkConfig {
        base_time: BASE_TIME,
        first_rate: RATE,
        next_rate: RATE,
        ..NexmarkConfig::default()
    };
    EventGenerator::new(config)
        .take(count)
        .map(flatten)
        .collect()
}

fn flatten(event: Event) -> Ev {
    match event {
        Event::Person(person) => Ev::Person(Person {
            id: person.id as u64,
            state: person.state.bytes().next().map_or(0, u64::from),
            ts: person.date_time as i64,
        }),
        Event::Auction(auction) => Ev::Auction(Auction {
            id: auction.id as u64,
            seller: auction.seller as u64,
            reserve: auction.reserve as u64,
            ts: auction.date_time as i64,
        }),
        Event::Bid(bid) => Ev::Bid(Bid {
            auction: bid.auction as u64,
            bidder: bid.bidder as u64,
            price: bid.price as u64,
            ts: bid.date_time as i64,
        }),
    }
}

/// The first `count` cached events; `None` if the file is missing, too short, damaged or of another kind.
fn read_cache(path: &Path, count: usize) -> Option<Vec<Ev>> {
    let bytes = fs::read(path).ok()?;
    let (header, mut rest) = postcard::take_from_bytes::<CacheHeader>(&bytes).ok()?;
    if header != header_for(header.events) || header.events < count {
        return None;
    }
    let mut events = Vec::with_capacity(count);
    for _ in 0..count {
        let (event, tail) = postcard::take_from_bytes(rest).ok()?;
        events.push(event);
        rest = tail;
    }
    Some(events)
}

/// Writes beside the cache and renames, so that an interrupted run leaves the old cache or none.
fn write_cache(path: &Path, events: &[Ev]) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = path.with_extension("partial");
    let mut writer = BufWriter::with_capacity(1 << 20, fs::File::create(&partial)?);
    postcard::to_io(&header_for(events.len()), &mut writer)?;
    for event in events {
        postcard::to_io(event, &mut writer)?;
    }
    writer.flush()?;
    drop(writer);
    fs::rename(&partial, path)?;
    Ok(())
}

fn header_for(events: usize) -> CacheHeader {
    CacheHeader {
        format: CACHE_FORMAT,
        base_time: BASE_TIME,
        rate: RATE,
        events,
    }
}

#[cfg(test)]
pub(crate) mod sparse;
#[cfg(test)]
mod tests;
