//! `checkpoints`: what a streaming run could go on from.
//!
//! Owns how checkpoints are shown. Nothing is changed, and a directory that is in use may be looked
//! at.

use crate::{Result, Timestamp};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use whitebeam_runner_streaming::checkpoint::{self, End, Listed, Manifest, SplitState};

#[derive(Args, Clone, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Subcommand, Clone, Debug)]
pub(super) enum Verb {
    /// Show the checkpoints of a directory, the newest first
    List(List),
}

#[derive(Args, Clone, Debug)]
pub(super) struct List {
    /// Directory of the checkpoints
    #[arg(long, value_name = "DIR")]
    checkpoints: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn perform(Verb::List(how): &Verb) -> Result<()> {
    let lines = lines(&how.checkpoints, how.json)?;
    // Who reads only the beginning, as `head` does, has what it wants.
    let _ = lines
        .iter()
        .try_for_each(|line| writeln!(std::io::stdout(), "{line}"));
    Ok(())
}

pub(super) fn lines(directory: &Path, json: bool) -> Result<Vec<String>> {
    let listed = checkpoint::list_in(directory)?;
    Ok(match json {
        true => listed.iter().map(|of| object(of).to_string()).collect(),
        false if listed.is_empty() => vec![format!("{} holds no checkpoint", directory.display())],
        false => listed.iter().map(text).collect(),
    })
}

fn text(listed: &Listed) -> String {
    let manifest = match &listed.manifest {
        Ok(manifest) => manifest,
        Err(rejected) => return format!("cannot be used: {rejected}"),
    };
    let (epoch, created) = (manifest.epoch.0, manifest.created);
    let size = indicatif::BinaryBytes(manifest.size());
    let mut text = format!("checkpoint {epoch}, {created}, {size}");
    match manifest.watermark().map(instant) {
        Some(Some(at)) => text.push_str(&format!(", watermark {at}")),
        _ => text.push_str(", no watermark"),
    }
    if let Some(end) = end(manifest) {
        text.push_str(&format!(", {end}"));
    }
    if listed.pinned {
        text.push_str(", pinned");
    }
    for source in &manifest.content.sources {
        for split in &source.splits {
            let (step, name, place) = (&source.step, &split.name, place(split));
            text.push_str(&format!("\n    {step}: {name}: {place}"));
        }
    }
    text
}

fn place(split: &SplitState) -> String {
    match (split.ended, &split.position, split.place.as_str()) {
        (true, ..) => "ended".to_string(),
        (_, None, _) => "at its beginning".to_string(),
        (_, Some(_), "") => "begun".to_string(),
        (_, Some(_), place) => place.to_string(),
    }
}

fn end(manifest: &Manifest) -> Option<&'static str> {
    manifest.content.end.map(|end| match end {
        End::Suspended => "suspended",
        End::Drained => "drained",
    })
}

/// An instant, unless it is none.
fn instant(at: Timestamp) -> Option<String> {
    (at > Timestamp::MIN && at < Timestamp::MAX).then(|| at.to_string())
}

fn object(listed: &Listed) -> Value {
    let manifest = match &listed.manifest {
        Ok(manifest) => manifest,
        Err(rejected) => {
            return json!({
                "epoch": rejected.epoch.map(|epoch| epoch.0),
                "rejected": rejected.reason,
                "file": rejected.file.display().to_string(),
            });
        }
    };
    let split = |split: &SplitState| {
        json!({
            "split": split.name,
            "position": place(split),
            "watermark": instant(split.watermark),
            "ended": split.ended,
        })
    };
    let sources = manifest.content.sources.iter().map(|source| {
        json!({
            "step": source.step,
            "splits": source.splits.iter().map(split).collect::<Vec<_>>(),
        })
    });
    json!({
        "epoch": manifest.epoch.0,
        "created": manifest.created.to_string(),
        "bytes": manifest.size(),
        "watermark": manifest.watermark().and_then(instant),
        "end": end(manifest),
        "parallelism": manifest.content.parallelism,
        "pinned": listed.pinned,
        "sources": sources.collect::<Vec<_>>(),
    })
}
