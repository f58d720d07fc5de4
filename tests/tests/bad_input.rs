//! Input that is wrong, places that are closed or full, code that panics: each is an error with its
//! step, its position and a remedy, an exit code that is not 0, and nothing half-visible.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod revenue_job;

use flate2::read::GzDecoder;
use revenue_job::{RUNNERS, december, program, run, skip};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use whitebeam::io::file::CsvSink;
use whitebeam::prelude::*;
use whitebeam_testkit::TestStream;

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const LINE: &str = "536365,22752,A,2.0,2010-12-01 08:26:00,7.65,17850.0,United Kingdom\n";

/// The form of every error: code and what happened; at which step, with the line of user code that
/// made it; then all else, and at last what to do. Several errors stand one behind another.
fn expect_form(text: &str, code: &str, parts: &[&str]) {
    let mut lines = text.lines().peekable();
    // A panic in user code says so by itself before.
    while lines.next_if(|line| !line.starts_with("error[")).is_some() {}
    let mut errors = 0;
    while let Some(first) = lines.next() {
        errors += 1;
        let head = format!("error[{code}]: ");
        assert!(first.starts_with(&head), "no {head}in {text}");
        let step = lines.next().and_then(|line| line.strip_prefix("  step  "));
        let step = step.unwrap_or_else(|| panic!("no step behind {first} in {text}"));
        let (path, place) = step.split_once("        ").unwrap_or((step, ""));
        assert!(!path.trim().is_empty(), "no path in {text}");
        let (file, line) = place.rsplit_once(':').unwrap_or_default();
        assert!(file.ends_with(".rs"), "no line of user code in {text}");
        assert!(line.parse::<u32>().is_ok_and(|line| line > 0), "{text}");
        let mut rest = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("  ")) {
            rest.push(line);
        }
        let help = rest.iter().position(|line| line.starts_with("  help: "));
        let help = help.unwrap_or_else(|| panic!("no help in {text}"));
        let all_help = |line: &&str| line.starts_with("  help: ") && line.len() > 16;
        assert!(rest[help..].iter().all(all_help), "help comes last: {text}");
    }
    assert!(errors > 0, "no error in {text}");
    for part in parts {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

fn expect_failed(ran: &Output, code: &str, parts: &[&str]) {
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "", "{ran:?}");
    expect_form(&String::from_utf8_lossy(&ran.stderr), code, parts);
}

/// Nothing at all, hidden or not; the folder may be there.
fn expect_nothing_in(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        assert!(!folder.exists());
        return;
    };
    let left: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?} are left in {}", folder.display());
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

/// A disk of 16 KiB, until it is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16k", "whitebeam-test"])
            .arg(folder.path())
            .output();
        mounted
            .is_ok_and(|ran| ran.status.success())
            .then_some(Disk(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_shows_nothing() {
    let Some(disk) = Disk::mount() else {
        let why = "no privilege: no file system can be mounted";
        return skip("a_full_disk_shows_nothing", why);
    };
    for runner in RUNNERS {
        let output = disk.0.path().join("revenue");
        let ran = run(runner, &december(), &output);
        expect_failed(&ran, "A001", &["no space is left", "step  Write"]);
        expect_nothing_in(&output);
    }
}

/// Builds and runs a pipeline that must fail, on every runner, into a folder that must stay empty.
/// The batch runner also says `position`.
fn expect_refused_by_runners(
    code: &str,
    parts: &[&str],
    position: &str,
    build: impl Fn(&Pipeline, &Path),
) {
    let folder = tempfile::tempdir().unwrap();
    let batch = |n: usize| BatchRunner::new().parallelism(n);
    type Run<'r> = &'r dyn Fn(&Pipeline) -> whitebeam::Result<()>;
    let runners: [(Run, &str); 3] = [
        (&|p| batch(1).run(p).map(drop), position),
        (&|p| batch(4).run(p).map(drop), position),
        // Here an element may wait between steps, while the input stands elsewhere.
        (&|p| LocalRunner::new().run(p).map(drop), ""),
    ];
    for (run, position) in runners {
        let p = Pipeline::new();
        let output = folder.path().join("output");
        build(&p, &output);
        let error = run(&p).expect_err("the run fails");
        expect_form(&error.to_string(), code, &[parts, &[position]].concat());
        expect_nothing_in(&output);
    }
}

#[test]
fn a_panic_in_user_code_names_its_step_and_where_the_input_stood() {
    let mut text = String::new();
    let opened = fs::File::open(december()).unwrap();
    GzDecoder::new(opened).read_to_string(&mut text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("lines.txt");
    fs::write(&input, text).unwrap();
    let parts = [
        "panicked",
        "no such customer",
        "step  Customers",
        "bad_input.rs:",
    ];
    expect_refused_by_runners("U001", &parts, "lines.txt", |p, output| {
        p.read(whitebeam::io::file::TextSource::files(input.clone()))
            .map(|line| {
                let customer = line.field(',', 6).unwrap_or_default();
                assert!(customer != "13304.0", "no such customer");
                (customer, 1)
            })
            .named("Customers")
            .sum_per_key()
            .write(CsvSink::new(output).no_header());
    });
}

/// What a step that refuses number 7 does, in every way in which user code can refuse.
#[test]
fn user_code_that_refuses_an_element_is_named_with_a_remedy() {
    #[derive(Clone)]
    struct Refuses;
    impl DoFn<i64> for Refuses {
        type Out = i64;
        fn process(&mut self, n: i64, cx: &mut ProcessContext<'_, i64>) -> DoFnResult {
            if n == 7 {
                return Err("seven is too many".into());
            }
            cx.emit(n);
            Ok(())
        }
    }
    type Step = fn(PCollection<i64>) -> PCollection<i64>;
    let steps: [(Step, &str); 3] = [
        (|c| c.par_do(Refuses).named("Refuses"), "seven is too many"),
        (
            |c| {
                c.partition(6, |n| (n - 1) as usize)
                    .remove(0)
                    .named("Refuses")
            },
            "sent to part 6 of 6",
        ),
        (
            |c| {
                c.with_timestamps(|n| Timestamp::from_micros(if *n == 7 { -1 } else { 1 }))
                    .named("Refuses")
                    .map_with(|n, at| n + at.timestamp().micros())
            },
            "moved back",
        ),
    ];
    for (step, says) in steps {
        let parts = ["step  Refuses", "bad_input.rs:", says];
        expect_refused_by_runners("U001", &parts, "", |p, output| {
            let numbers = p.create_timestamped((1..8).map(|n| (n, Timestamp::from_micros(0))));
            step(numbers).write(CsvSink::new(output).no_header());
        });
    }
}

#[test]
fn an_element_that_csv_cannot_hold_is_named_with_a_remedy() {
    let parts = ["step  Write", "bad_input.rs:", "cannot be written as CSV"];
    expect_refused_by_runners("U001", &parts, "", |p, output| {
        p.create([std::collections::BTreeMap::from([("a".to_string(), 1_i64)])])
            .write(CsvSink::new(output).no_header());
    });
}

#[test]
fn a_folder_with_parts_of_another_run_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("revenue");
    let pipeline = || {
        let p = Pipeline::new();
        p.create([1_i64]).write(CsvSink::new(&output).no_header());
        p
    };
    BatchRunner::new().run(&pipeline()).unwrap();
    let before = fs::read_dir(&output).unwrap().count();
    type Run = fn(&Pipeline) -> whitebeam::Result<()>;
    let runners: [Run; 2] = [
        |p| BatchRunner::new().run(p).map(drop),
        |p| LocalRunner::new().run(p).map(drop),
    ];
    for run in runners {
        let e = run(&pipeline()).expect_err("the folder is occupied");
        expect_form(&e.to_string(), "A001", &["of another run", "bad_input.rs:"]);
        assert_eq!(fs::read_dir(&output).unwrap().count(), before);
    }
}

#[test]
fn grouping_without_end_needs_a_window() {
    let parts = ["step  Sum", "bad_input.rs:", "needs a window", "unbounded"];
    expect_refused_by_runners("P007", &parts, "", |p, output| {
        p.read(TestStream::<(i64, i64)>::new().to_infinity())
            .sum_per_key()
            .named("Sum")
            .write(CsvSink::new(output).no_header());
    });
}
