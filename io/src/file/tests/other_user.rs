//! What a user without permission sees. As root the test runs itself again as another user, since
//! nothing is forbidden to root.

use crate::file::{CsvSink, CsvSource, TextSource};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use whitebeam_sdk::ErrorKind;
use whitebeam_sdk::sink::{Shard, Sink};
use whitebeam_sdk::source::Source;

const FOLDER: &str = "WHITEBEAM_IO_FORBIDDEN";
const NAME: &str = "file::tests::other_user::forbidden_files_and_folders_are_named";

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder that may be entered, with a folder and a file in it that may not be read.
fn prepare() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    mode(at, 0o755);
    fs::create_dir(at.join("closed")).unwrap();
    fs::write(at.join("closed/a.csv"), "n\n1\n").unwrap();
    fs::write(at.join("secret.csv"), "n\n1\n").unwrap();
    fs::create_dir(at.join("output")).unwrap();
    mode(&at.join("output"), 0o555);
    mode(&at.join("secret.csv"), 0o000);
    mode(&at.join("closed"), 0o000);
    folder
}

fn check(at: &Path) {
    let message = |error: whitebeam_sdk::Error| {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let text = error.to_string();
        assert!(
            text.contains("help: ") && text.contains("Permission denied"),
            "{text}"
        );
        error.message().to_owned()
    };
    let closed = at.join("closed").display().to_string();
    let secret = at.join("secret.csv").display().to_string();
    for (name, path) in [
        (format!("{closed}/a.csv"), format!("{closed}/a.csv")),
        (format!("{closed}/*.csv"), format!("{closed}/")),
    ] {
        let found = TextSource::files(name).discover(&[], 1);
        let text = message(found.unwrap_err());
        let path = path.trim_end_matches('/');
        assert!(text.starts_with(path), "{text}");
        assert!(text.ends_with("this user may not read it"), "{text}");
    }
    let source = CsvSource::<(u8,)>::files(secret.clone());
    let split = source.discover(&[], 1).unwrap().remove(0);
    let opened = source.open(split, None, &Default::default());
    let text = message(opened.err().unwrap());
    assert_eq!(text, format!("{secret}: this user may not read it"));
    let output = at.join("output").display().to_string();
    for target in [output.clone(), format!("{output}/new")] {
        let opened = Sink::<(u8,)>::open(&CsvSink::new(&target), Shard { index: 0, of: 1 });
        let text = message(opened.unwrap_err());
        assert_eq!(text, format!("{target}: this user may not write it"));
    }
    assert_eq!(fs::read_dir(&output).unwrap().count(), 0);
}

#[test]
fn forbidden_files_and_folders_are_named() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return check(&PathBuf::from(folder));
    }
    let folder = prepare();
    if fs::read(folder.path().join("secret.csv")).is_err() {
        check(folder.path());
    } else if let Err(why) = as_another_user(folder.path()) {
        super::skip(NAME, &why);
    }
    mode(&folder.path().join("closed"), 0o755);
}

fn as_another_user(folder: &Path) -> Result<(), String> {
    // The test's own program may lie where others may not look.
    let copy = tempfile::tempdir().unwrap();
    mode(copy.path(), 0o755);
    let program = copy.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let can = Command::new("setpriv").args(user).arg("true").status();
    if !can.is_ok_and(|status| status.success()) {
        return Err("no privilege: setpriv cannot become another user".to_owned());
    }
    let output = Command::new("setpriv")
        .args(user)
        .arg(program)
        .args(["--exact", NAME])
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}");
    Ok(())
}
