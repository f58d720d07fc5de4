//! Input that is wrong, places that are closed or full: each is an error with its step, its position
//! and a remedy, an exit code that is not 0, and nothing half-visible.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod error_form;
mod revenue_job;

use error_form::{expect_form, expect_nothing_in};
use revenue_job::disk::Disk;
use revenue_job::{RUNNERS, december, program, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use whitebeam_tests::skip::skip;

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const LINE: &str = "536365,22752,A,2.0,2010-12-01 08:26:00,7.65,17850.0,United Kingdom\n";

fn expect_failed(ran: &Output, code: &str, parts: &[&str]) {
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "", "{ran:?}");
    expect_form(&String::from_utf8_lossy(&ran.stderr), code, parts);
}

/// Runs the program over `input` on every runner, expecting the same failure.
fn expect_refused(input: &Path, code: &str, parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    for runner in RUNNERS {
        let output = folder.path().join("revenue");
        let ran = run(runner, input, &output);
        expect_failed(&ran, code, parts);
        expect_nothing_in(&output);
    }
}

#[test]
fn a_malformed_line_is_named_with_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.csv");
    let many = LINE.repeat(5_000);
    for (bad, says) in [
        ("536365,22752,A,2.0\n", "a record has 4 fields"),
        (
            "536365,22752,A,B,2.0,2010-12-01 08:26:00,7.65,1,UK\n",
            "a record has 9 fields",
        ),
        (
            "536365,22752,A,two,2010-12-01 08:26:00,7.65,1,UK\n",
            "column `Quantity`",
        ),
        (
            "536365,22752,A,2.0,yesterday,7.65,1,UK\n",
            "column `InvoiceDate`",
        ),
        (
            "536365,22752,A,2.0,2010-12-01 08:26:00,,1,UK\n",
            "column `UnitPrice`",
        ),
    ] {
        fs::write(&file, format!("{HEADER}{many}{bad}{LINE}")).unwrap();
        expect_refused(
            &file,
            "D001",
            &[says, "step  Invoices", "lines.csv line 5002"],
        );
    }
}

#[test]
fn a_missing_column_is_named_with_those_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.csv");
    let header = HEADER.replace("Country", "Land");
    fs::write(&file, format!("{header}{LINE}")).unwrap();
    let parts = [
        "no column `Country`",
        "Quantity, InvoiceDate",
        "lines.csv line 1",
    ];
    expect_refused(&file, "D001", &parts);
}

#[test]
fn a_truncated_gzip_is_no_short_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.csv.gz");
    let whole = fs::read(december()).unwrap();
    // In the middle, and only the check sums at the end: all lines are there.
    for cut in [whole.len() / 2, 5] {
        fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        expect_refused(
            &file,
            "D001",
            &["truncated", "step  Invoices", "cut.csv.gz"],
        );
    }
}

#[test]
fn a_missing_file_is_not_an_empty_one() {
    for name in ["nowhere.csv", "no*where.csv"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        expect_refused(&file, "A001", &[name, "step  Invoices"]);
    }
    let folder = tempfile::tempdir().unwrap();
    expect_refused(folder.path(), "A001", &["is a directory", "step  Invoices"]);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The program as somebody to whom closed folders are closed: root is not. `Err` says why not.
fn as_mere_user(at: &Path, closed: &Path) -> Result<Command, String> {
    if fs::read_dir(closed).is_err() {
        return Ok(program());
    }
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let can = Command::new("setpriv").args(user).arg("true").status();
    if !can.is_ok_and(|status| status.success()) {
        return Err("no privilege: setpriv cannot become another user".to_owned());
    }
    // The program itself may lie where others may not look.
    let copy = at.join("revenue");
    // By another process: a child that another test starts meanwhile would hold the copy open for
    // writing, and what is open for writing cannot be run.
    let mut cp = Command::new("cp");
    cp.arg(program().get_program()).arg(&copy);
    assert!(cp.status().is_ok_and(|status| status.success()));
    let mut command = Command::new("setpriv");
    command.args(user).arg(copy);
    Ok(command)
}

#[test]
fn a_folder_without_permission_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    mode(at, 0o755);
    let (closed, kept, open) = (at.join("closed"), at.join("kept"), at.join("open"));
    for (path, bits) in [(&closed, 0o000), (&kept, 0o555), (&open, 0o777)] {
        fs::create_dir(path).unwrap();
        fs::copy(december(), path.join("lines.csv.gz")).unwrap();
        mode(path, bits);
    }
    let readable = open.join("lines.csv.gz");
    for runner in RUNNERS {
        for (input, target, parts) in [
            (
                closed.join("lines.csv.gz"),
                open.join("new"),
                ["may not read it", "step  Invoices"],
            ),
            (
                readable.clone(),
                kept.clone(),
                ["may not write it", "step  Write"],
            ),
            (
                readable.clone(),
                kept.join("new"),
                ["may not write it", "step  Write"],
            ),
        ] {
            let mut command = match as_mere_user(at, &closed) {
                Ok(command) => command,
                Err(why) => return skip("a_folder_without_permission_is_named", &why),
            };
            command.arg("run").args(runner).arg("--input").arg(input);
            let ran = command.arg("--output").arg(&target).output().unwrap();
            expect_failed(&ran, "A001", &parts);
            expect_nothing_in(&open.join("new"));
            assert_eq!(fs::read_dir(&kept).unwrap().count(), 1, "only the input");
        }
    }
    mode(&closed, 0o755);
}

#[test]
fn a_full_disk_shows_nothing() {
    let Some(disk) = Disk::mount("16k") else {
        let why = "no privilege: no file system can be mounted";
        return skip("a_full_disk_shows_nothing", why);
    };
    for runner in RUNNERS {
        let output = disk.path().join("revenue");
        let ran = run(runner, &december(), &output);
        expect_failed(&ran, "A001", &["no space is left", "step  Write"]);
        expect_nothing_in(&output);
    }
}
