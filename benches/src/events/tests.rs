//! The generated stream and its cache.

use super::*;

/// A file of its own per test, in the folder for temporary files.
fn scratch(name: &str) -> PathBuf {
    let name = format!("nexmark-{name}-{}", std::process::id());
    std::env::temp_dir().join(name).join("events.postcard")
}

#[test]
fn a_longer_cache_serves_a_shorter_request_and_nothing_else_does() {
    let path = scratch("cache");
    let events = generate(500);
    write_cache(&path, &events).expect("the folder is writable");

    assert_eq!(read_cache(&path, 500).as_deref(), Some(&events[..]));
    assert_eq!(read_cache(&path, 120), Some(generate(120)));
    assert_eq!(read_cache(&path, 501), None, "too short");

    let whole = fs::read(&path).expect("just written");
    fs::write(&path, &whole[..whole.len() - 1]).expect("writable");
    assert_eq!(read_cache(&path, 500), None, "cut short");
    let mut other = whole;
    other[0] += 1;
    fs::write(&path, &other).expect("writable");
    assert_eq!(read_cache(&path, 120), None, "another format");
    assert_eq!(read_cache(&path.with_extension("none"), 1), None, "no file");
    fs::remove_dir_all(path.parent().expect("in a folder")).expect("removable");
}

#[test]
fn the_stream_is_ordered_and_ten_thousand_events_a_second() {
    let events = generate(50_000);
    assert!(events.is_sorted_by_key(Ev::ts));
    assert_eq!(events[0].ts(), BASE_TIME as i64);
    assert_eq!(events[40_000].ts() - events[0].ts(), 4_000);
    let bids = events.iter().filter(|event| event.bid().is_some()).count();
    assert_eq!(bids, 46_000);
}
