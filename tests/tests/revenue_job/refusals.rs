//! What a job refuses, whatever it writes to: to run twice, and to go on from a checkpoint that is
//! older than what it has made visible.

use super::job::Job;
use super::life::Kill;
use super::shop::{commits, events, refused};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn command(job: &Job) -> Command {
    let mut command = job.command(1);
    command.stderr(Stdio::piped());
    command
}

/// While one process runs another one is refused, and the first one does not notice.
pub(crate) fn a_second_process(job: &Job) {
    let mut first = command(job).spawn().unwrap();
    let mut heard = events(&mut first);
    commits(&mut heard, 2);
    refused(command(job), "R201");
    commits(&mut heard, 2);
    first.kill().unwrap();
    first.wait().unwrap();
}

/// A checkpoint from before the last epoch that can be seen is refused.
pub(crate) fn an_older_checkpoint(job: &Job) {
    let killed_after = |commits| Kill {
        commits,
        after: Duration::ZERO,
    };
    let old = job.checkpoints.with_extension("old");
    assert!(job.live(1, Some(killed_after(3))).unwrap().killed.is_some());
    copy(&job.checkpoints, &old);
    assert!(job.live(1, Some(killed_after(4))).unwrap().killed.is_some());
    std::fs::remove_dir_all(&job.checkpoints).unwrap();
    std::fs::rename(&old, &job.checkpoints).unwrap();
    refused(command(job), "R206");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}
