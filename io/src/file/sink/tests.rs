//! What is visible when, whatever fails in between.

mod epochs;
mod full_disk;

use crate::file::tests::driver::read;
use crate::file::{
    Compression, CsvSink, CsvSource, FileFormat, FileSink, JsonLinesSink, JsonLinesSource,
    StagedPart, TextSink, TextSource,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Committed, Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::{Element, ErrorKind, Line, Result, Str};

/// Writes one part per entry of `shards` and stages it.
fn stage<T: Element, F: FileFormat<T>>(
    sink: &FileSink<F>,
    epoch: u64,
    shards: &[&[T]],
) -> Result<Vec<StagedPart>> {
    let mut staged = Vec::new();
    for (index, values) in shards.iter().enumerate() {
        let shard = Shard {
            index: index as u32,
            of: shards.len() as u32,
        };
        let mut writer = Sink::<T>::open(sink, shard)?;
        for half in values.chunks(values.len().div_ceil(2).max(1)) {
            SinkWriter::<T>::write(&mut writer, &Batch::of(half.to_vec()))?;
        }
        staged.extend(SinkWriter::<T>::stage(&mut writer, Epoch(epoch))?);
    }
    Ok(staged)
}

fn lines(sink: &TextSink, epoch: u64, shards: &[&str]) -> Vec<StagedPart> {
    let shards: Vec<Vec<Str>> = shards
        .iter()
        .map(|text| text.split_whitespace().map(Str::new).collect())
        .collect();
    let shards: Vec<&[Str]> = shards.iter().map(Vec::as_slice).collect();
    stage(sink, epoch, &shards).unwrap()
}

fn commit(sink: &TextSink, epoch: u64, staged: &[StagedPart]) -> Result<Committed> {
    Sink::<Str>::commit(sink, Epoch(epoch), staged.to_vec())
}

/// Every visible file with its words.
fn visible(folder: &Path) -> Vec<String> {
    let mut files: Vec<String> = names(folder)
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .map(|name| {
            let text = fs::read_to_string(folder.join(&name)).unwrap();
            format!(
                "{name}: {}",
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            )
        })
        .collect();
    files.sort();
    files
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn markers(folder: &Path) -> Vec<String> {
    let mut names = names(folder);
    names.retain(|name| name.ends_with(".committed"));
    names
}

/// What lies in a hidden folder, but for its lock.
fn staged_in(folder: &Path) -> Vec<String> {
    let mut names = names(folder);
    names.retain(|name| name != "lock");
    names
}

fn staging(folder: &Path) -> Vec<String> {
    let mut names = names(folder);
    names.retain(|name| name.starts_with(".staging"));
    names
}

#[test]
fn what_is_written_is_what_is_read() {
    let rows: Vec<(String, i32)> = [("a,\"b\"\r\nc", 1), ("", -2), ("é", 3)]
        .map(|(name, n)| (name.to_owned(), n))
        .to_vec();
    for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let csv = CsvSink::new(at)
            .compression(compression)
            .header(["name", "n"]);
        let staged = stage(&csv, 0, &[&rows[..1], &[], &rows[1..]]).unwrap();
        assert_eq!(staged.len(), 2, "a shard without elements writes no part");
        Sink::<(String, i32)>::commit(&csv, Epoch(0), staged).unwrap();
        let ending = compression.ending();
        let source = CsvSource::<(String, i32)>::files(at.join(format!("*.csv{ending}")));
        assert_eq!(read(&source, 1, &[]).unwrap(), rows);

        let json = JsonLinesSink::new(at)
            .compression(compression)
            .prefix("rows");
        let staged = stage(&json, 0, &[&rows]).unwrap();
        Sink::<(String, i32)>::commit(&json, Epoch(0), staged).unwrap();
        let path = at.join(format!("rows-00000-00000.jsonl{ending}"));
        let source = JsonLinesSource::<(String, i32)>::files(path);
        assert_eq!(read(&source, 1, &[]).unwrap(), rows);

        let text = TextSink::new(at).compression(compression).prefix("words");
        let words: Vec<Line> = ["x", "", "é"].map(Line::from).to_vec();
        let staged = stage(&text, 7, &[&words]).unwrap();
        Sink::<Line>::commit(&text, Epoch(7), staged).unwrap();
        let path = at.join(format!("words-00007-00000.txt{ending}"));
        assert_eq!(read(&TextSource::files(path), 1, &[]).unwrap(), words);
    }
}

#[test]
fn headers_of_csv() {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Row {
        country: String,
        cents: i64,
    }
    let row = |country: &str, cents| Row {
        country: country.to_owned(),
        cents,
    };
    let rows = [row("UK", 1), row("NL", 2)];
    let cases = [
        (CsvSink::new(""), "country,cents\nUK,1\nNL,2\n"),
        (CsvSink::new("").header(["a", "b"]), "a,b\nUK,1\nNL,2\n"),
        (CsvSink::new("").no_header().delimiter(b';'), "UK;1\nNL;2\n"),
    ];
    for (sink, wanted) in cases {
        let format = &sink.format;
        let mut out = Vec::new();
        format.encode(&rows[..1], true, &mut out).unwrap();
        format.encode(&rows[1..], false, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
    let wrong = CsvSink::new("").header(["a"]).format;
    let error = wrong.encode(&rows, true, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UserCode);
    assert!(
        error.message().contains("Row cannot be written as CSV"),
        "{error}"
    );
    let nested = CsvSink::new("").format;
    let maps = vec![std::collections::BTreeMap::from([(1, 2)])];
    assert!(nested.encode(&maps, true, &mut Vec::new()).is_err());
}

#[test]
fn parts_are_visible_from_the_commit_on_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let at = &folder.path().join("new/out");
    let sink = TextSink::new(at);
    let first = lines(&sink, 0, &["a b", "c"]);
    assert_eq!(visible(at), [""; 0]);
    assert_eq!(Sink::<Str>::recover(&TextSink::new(at)).unwrap(), None);
    assert_eq!(commit(&sink, 0, &first).unwrap(), Committed::Now);
    let after_first = ["part-00000-00000.txt: a b", "part-00000-00001.txt: c"];
    assert_eq!(visible(at), after_first);
    assert_eq!(commit(&sink, 0, &first).unwrap(), Committed::Before);
    assert_eq!(visible(at), after_first);

    let second = lines(&sink, 1, &["d"]);
    assert_eq!(visible(at), after_first);
    assert_eq!(commit(&sink, 1, &second).unwrap(), Committed::Now);
    assert_eq!(visible(at).len(), 3);
    let all = names(at);
    commit(&sink, 2, &[]).unwrap();
    assert_eq!(names(at), all, "an epoch without parts costs nothing");
    assert_eq!(commit(&sink, 0, &first).unwrap(), Committed::Before);
    assert_eq!(Sink::<Str>::recover(&sink).unwrap(), Some(Epoch(1)));
    assert_eq!(markers(at), [".part-00001.committed"]);
    Sink::<Str>::finish(&sink).unwrap();
    assert_eq!(staging(at), [""; 0]);
}

#[test]
fn an_abort_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sink = TextSink::new(folder.path());
    let staged = lines(&sink, 0, &["a"]);
    let mut writer = Sink::<Str>::open(&sink, Shard { index: 1, of: 2 }).unwrap();
    SinkWriter::write(&mut writer, &Batch::of(vec![Str::new("b")])).unwrap();
    Sink::<Str>::abort(&sink);
    drop(writer);
    assert_eq!(names(folder.path()), [""; 0]);
    let error = commit(&sink, 0, &staged).unwrap_err();
    assert!(
        error.message().contains("a part that was staged is gone"),
        "{error}"
    );
    assert_eq!(names(folder.path()), [""; 0]);
}

/// As far as a commit of epoch 4 goes before it shows anything.
fn begin(at: &Path, parts: &[StagedPart]) {
    let sink = TextSink::new(at);
    Sink::<Str>::prepare(&sink, Epoch(4), parts).unwrap();
}

/// Every place at which a commit of two parts can die, and how it leaves the folder.
#[test]
fn a_commit_that_died_is_finished_by_the_next() {
    type Died = fn(&Path, &[StagedPart]);
    let places: [Died; 5] = [
        |_, _| {},
        |at, _| fs::write(at.join(".part-00004.committing"), "{").unwrap(),
        |at, parts| {
            let part = &parts[0];
            fs::hard_link(at.join(&part.run).join(&part.name), at.join(&part.name)).unwrap();
        },
        // Where files cannot have two names.
        |at, parts| {
            begin(at, parts);
            let part = &parts[0];
            fs::rename(at.join(&part.run).join(&part.name), at.join(&part.name)).unwrap();
        },
        |at, parts| {
            begin(at, parts);
            for part in parts {
                fs::rename(at.join(&part.run).join(&part.name), at.join(&part.name)).unwrap();
            }
        },
    ];
    for (n, die) in places.into_iter().enumerate() {
        for opened in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let at = folder.path();
            let staged = lines(&TextSink::new(at), 4, &["a", "b"]);
            die(at, &staged);
            let sink = TextSink::new(at);
            if opened {
                // The run that takes over writes its own parts before it commits those.
                Sink::<Str>::recover(&sink).unwrap();
                assert_eq!(lines(&sink, 5, &["c"]).len(), 1);
            }
            assert_eq!(commit(&sink, 4, &staged).unwrap(), Committed::Now, "{n}");
            let wanted = ["part-00004-00000.txt: a", "part-00004-00001.txt: b"];
            assert_eq!(visible(at), wanted, "{n}");
            assert_eq!(commit(&sink, 4, &staged).unwrap(), Committed::Before, "{n}");
            assert_eq!(Sink::<Str>::recover(&sink).unwrap(), Some(Epoch(4)));
        }
    }
}

#[test]
fn parts_that_readers_moved_away_stay_committed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sink = TextSink::new(at);
    let staged = lines(&sink, 0, &["a"]);
    commit(&sink, 0, &staged).unwrap();
    drop(sink);
    fs::remove_file(at.join("part-00000-00000.txt")).unwrap();
    let sink = TextSink::new(at);
    assert_eq!(commit(&sink, 0, &staged).unwrap(), Committed::Before);
    // And where all parts are gone, another run may begin.
    let sink = TextSink::new(at);
    let staged = lines(&sink, 0, &["b"]);
    assert_eq!(commit(&sink, 0, &staged).unwrap(), Committed::Now);
    assert_eq!(visible(at), ["part-00000-00000.txt: b"]);
}

#[test]
fn a_folder_with_parts_of_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let first = TextSink::new(at);
    let staged = lines(&first, 0, &["a", "b"]);
    let late = TextSink::new(at);
    let late_staged = lines(&late, 0, &["x"]);
    commit(&first, 0, &staged).unwrap();
    let before = visible(at);

    let other = TextSink::new(at);
    let at_open = Sink::<Str>::open(&other, Shard { index: 0, of: 1 }).unwrap_err();
    let at_commit = commit(&late, 0, &late_staged).unwrap_err();
    // The same sink run twice is two runs.
    let again = lines(&first, 0, &["y"]);
    let at_repeat = commit(&first, 0, &again).unwrap_err();
    for error in [at_open, at_commit, at_repeat] {
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let parts = [
            "part-00000-00000.txt",
            "of another run",
            "help: ",
            ".overwrite()",
        ];
        for part in parts {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    assert_eq!(visible(at), before);
    // Another prefix is another output.
    let beside = TextSink::new(at).prefix("part-b");
    let staged = lines(&beside, 0, &["z"]);
    assert_eq!(commit(&beside, 0, &staged).unwrap(), Committed::Now);
    assert_eq!(visible(at).len(), 3);
}

/// Two runs that commit at once: the name is taken after it was looked up.
#[test]
fn a_part_whose_name_is_taken_meanwhile_takes_the_others_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sink = TextSink::new(at);
    let staged = lines(&sink, 0, &["a", "b", "c"]);
    fs::write(at.join("part-00000-00001.txt"), "other").unwrap();
    let waiting: Vec<&StagedPart> = staged.iter().collect();
    let shown = sink.target().show(Epoch(0), &waiting, &BTreeSet::new());
    assert!(shown.unwrap_err().message().contains("of another run"));
    assert_eq!(visible(at), ["part-00000-00001.txt: other"]);
    fs::remove_file(at.join("part-00000-00001.txt")).unwrap();
    assert_eq!(commit(&sink, 0, &staged).unwrap(), Committed::Now);
    assert_eq!(visible(at).len(), 3);
}

#[test]
fn what_can_fail_fails_before_anything_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sink = TextSink::new(at);
    let staged = lines(&sink, 0, &["a", "b"]);
    let prepare = || Sink::<String>::prepare(&sink, Epoch(0), &staged);
    let taken = at.join("part-00000-00001.txt");
    fs::write(&taken, "other").unwrap();
    assert!(prepare().unwrap_err().message().contains("of another run"));
    fs::remove_file(&taken).unwrap();
    // Again and again: nothing is visible, and nothing stays when the run gives up.
    prepare().unwrap();
    prepare().unwrap();
    assert!(visible(at).is_empty());
    assert_eq!(commit(&sink, 0, &staged).unwrap(), Committed::Now);
    assert_eq!(visible(at).len(), 2);
    prepare().unwrap();
    assert_eq!(commit(&sink, 0, &staged).unwrap(), Committed::Before);
    let more = lines(&sink, 1, &["c"]);
    Sink::<String>::prepare(&sink, Epoch(1), &more).unwrap();
    let before = names(at);
    assert!(before.iter().any(|name| name.ends_with(".committing")));
    Sink::<String>::abort(&sink);
    let after = names(at);
    assert!(
        after.iter().all(|name| !name.ends_with(".committing")),
        "{after:?}"
    );
    assert!(staging(at).is_empty());
    assert_eq!(visible(at).len(), 2);
}

#[test]
fn overwriting_replaces_everything_when_it_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let old = TextSink::new(at);
    for epoch in 0..3 {
        let staged = lines(&old, epoch, &["old", "old"]);
        commit(&old, epoch, &staged).unwrap();
    }
    fs::write(at.join("mine.txt"), "stays").unwrap();
    let failing = TextSink::new(at).overwrite();
    lines(&failing, 0, &["lost"]);
    Sink::<Str>::abort(&failing);
    assert_eq!(visible(at).len(), 7);

    let new = TextSink::new(at).overwrite();
    let staged = lines(&new, 0, &["new"]);
    assert_eq!(visible(at).len(), 7);
    assert_eq!(commit(&new, 0, &staged).unwrap(), Committed::Now);
    assert_eq!(
        visible(at),
        ["mine.txt: stays", "part-00000-00000.txt: new"]
    );
    assert_eq!(commit(&new, 0, &staged).unwrap(), Committed::Before);
    let staged = lines(&new, 1, &["more"]);
    commit(&new, 1, &staged).unwrap();
    assert_eq!(visible(at).len(), 3, "a later epoch replaces nothing");
    assert_eq!(Sink::<Str>::recover(&new).unwrap(), Some(Epoch(1)));
}

#[test]
fn a_run_that_goes_on_adds_to_what_is_visible() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sink = TextSink::new(at);
    let staged = lines(&sink, 0, &["a"]);
    commit(&sink, 0, &staged).unwrap();
    drop(sink);
    for sink in [TextSink::new(at), TextSink::new(at).overwrite()] {
        let next = Sink::<Str>::recover(&sink).unwrap().unwrap().0 + 1;
        let staged = lines(&sink, next, &["b"]);
        assert_eq!(commit(&sink, next, &staged).unwrap(), Committed::Now);
    }
    assert_eq!(visible(at).len(), 3);
}

#[test]
fn leftovers_of_dead_runs_are_swept_and_those_of_running_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let unfinished = |sink: &TextSink| {
        let mut writer = Sink::<Str>::open(sink, Shard { index: 9, of: 10 }).unwrap();
        SinkWriter::write(&mut writer, &Batch::of(vec![Str::new("b")])).unwrap();
        writer
    };
    let alive = TextSink::new(at);
    let mut writer = unfinished(&alive);
    let dead = TextSink::new(at);
    let dead_staged = lines(&dead, 1, &["dead"]);
    drop(unfinished(&dead));
    drop(dead);
    let dead_folder = at.join(&dead_staged[0].run);
    assert_eq!(staged_in(&dead_folder).len(), 2);

    let next = TextSink::new(at);
    let staged = lines(&next, 0, &["a"]);
    // A part that was staged may still be committed by a run that takes over.
    assert_eq!(staged_in(&dead_folder), ["part-00001-00000.txt"]);
    commit(&next, 0, &staged).unwrap();
    assert_eq!(staged_in(&dead_folder), ["part-00001-00000.txt"]);
    let staged = lines(&next, 1, &["b"]);
    commit(&next, 1, &staged).unwrap();
    assert!(!dead_folder.exists());

    let mut staged = SinkWriter::<Str>::stage(&mut writer, Epoch(7)).unwrap();
    assert_eq!(
        staged_in(&at.join(&staged[0].run)),
        ["part-00007-00009.txt"]
    );
    staged.clear();
    drop((writer, alive, next));
    let last = TextSink::new(at);
    Sink::<Str>::recover(&last).unwrap();
    lines(&last, 8, &["c"]);
    assert_eq!(commit(&last, 8, &staged).unwrap(), Committed::Now);
    drop(last);
    assert_eq!(
        staging(at).len(),
        1,
        "only what was staged and not committed: {:?}",
        names(at)
    );
}

#[test]
fn a_file_in_the_place_of_the_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    fs::write(&file, "x").unwrap();
    for target in [file.clone(), file.join("deeper")] {
        let sink = TextSink::new(&target);
        let error = Sink::<Str>::open(&sink, Shard { index: 0, of: 1 }).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{text}");
        assert!(text.contains("out"), "{text}");
        assert!(text.contains("not a folder is in its place"), "{text}");
        assert!(text.contains("help: "), "{text}");
    }
    let sink = TextSink::new(folder.path()).prefix("../x");
    let error = Sink::<Str>::open(&sink, Shard { index: 0, of: 1 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPipeline);
}
