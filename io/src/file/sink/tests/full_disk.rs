//! A disk that is full: nothing half-visible, whichever write finds it so.

use super::{names, visible};
use crate::file::{Compression, CsvSink, TextSink};
use std::fs;
use std::path::Path;
use std::process::Command;
use whitebeam_sdk::batch::Batch;
use whitebeam_sdk::sink::{Epoch, Shard, Sink, SinkWriter};
use whitebeam_sdk::{Error, ErrorKind, Str};

const NAME: &str = "file::sink::tests::full_disk::a_full_disk_shows_nothing";

/// A disk of 64 KiB.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "whitebeam-test"])
            .arg(folder.path())
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Disk(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn expect_full(error: &Error, at: &Path) {
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{text}");
    for part in [
        "no space is left",
        "help: free some space",
        &*at.to_string_lossy(),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

fn fill(at: &Path) {
    let mut n = 1 << 16;
    while n > 0 {
        let more = [fs::read(at.join("ballast")).unwrap_or_default(), vec![0; n]].concat();
        if fs::write(at.join("ballast"), &more).is_err() {
            fs::write(at.join("ballast"), &more[n..]).unwrap();
            n /= 2;
        }
    }
}

#[test]
fn a_full_disk_shows_nothing() {
    let Some(disk) = Disk::mount() else {
        return crate::file::tests::skip(NAME, "no privilege: no file system can be mounted");
    };
    let at = disk.0.path();
    let shard = Shard { index: 0, of: 1 };
    let noise = |seed: u64| {
        let words = (0..1_000u64).map(|i| (seed + i).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Batch::of(words.map(|word| Str::from(format!("{word:x}"))).collect())
    };
    for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let sink = TextSink::new(at).compression(compression);
        let mut writer = Sink::<Str>::open(&sink, shard).unwrap();
        let written = (0..20)
            .try_for_each(|n| SinkWriter::<Str>::write(&mut writer, &noise(n * 1_000)))
            .and_then(|()| SinkWriter::<Str>::stage(&mut writer, Epoch(0)));
        expect_full(&written.unwrap_err(), at);
        drop(writer);
        Sink::<Str>::abort(&sink);
        assert_eq!(names(at), [""; 0], "{compression:?}");
    }

    // Full only when the buffer of a small part is written, at its end.
    let sink = CsvSink::new(at);
    let mut writer = Sink::<(u8,)>::open(&sink, shard).unwrap();
    SinkWriter::write(&mut writer, &Batch::of(vec![(1u8,)])).unwrap();
    fill(at);
    let staged = SinkWriter::<(u8,)>::stage(&mut writer, Epoch(0));
    expect_full(&staged.unwrap_err(), at);
    Sink::<(u8,)>::abort(&sink);
    fs::remove_file(at.join("ballast")).unwrap();

    // Full only when it is committed; with space again, the same commit succeeds.
    let sink = TextSink::new(at);
    let mut writer = Sink::<Str>::open(&sink, shard).unwrap();
    SinkWriter::write(&mut writer, &Batch::of(vec![Str::new("a")])).unwrap();
    let staged = SinkWriter::<Str>::stage(&mut writer, Epoch(0)).unwrap();
    fill(at);
    let full = Sink::<Str>::commit(&sink, Epoch(0), staged.clone());
    expect_full(&full.unwrap_err(), at);
    fs::remove_file(at.join("ballast")).unwrap();
    assert_eq!(visible(at), [""; 0]);
    Sink::<Str>::commit(&sink, Epoch(0), staged).unwrap();
    assert_eq!(visible(at), ["part-00000-00000.txt: a"]);
}
