//! Which files a name finds.

use crate::file::Files;
use std::path::Path;

fn find(folder: &Path, names: &[&str]) -> Result<Vec<String>, String> {
    let names: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    let cut = |text: &str| text.replace(&format!("{}/", folder.display()), "");
    match Files::from(names).find() {
        Ok(found) => Ok(found.iter().map(|f| cut(&f.path)).collect()),
        Err(e) => Err(cut(&e.to_string())),
    }
}

#[test]
fn names_are_paths_first_and_globs_second() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir_all(at.join("x/.hidden")).unwrap();
    std::fs::create_dir(at.join("x/d.csv")).unwrap();
    for file in [
        "b.csv",
        "a.csv",
        ".c.csv",
        "x/e.csv",
        "x/.hidden/f.csv",
        "[a].csv",
    ] {
        std::fs::write(at.join(file), file).unwrap();
    }
    let cases: [(&[&str], &[&str]); 8] = [
        (&["*.csv"], &["[a].csv", "a.csv", "b.csv"]),
        (&["[a].csv"], &["[a].csv"]),
        (&["[ab].csv"], &["a.csv", "b.csv"]),
        (&["b.csv", "a.csv", "?.csv"], &["a.csv", "b.csv"]),
        (&["x/*.csv"], &["x/e.csv"]),
        (&["*/*.csv"], &["x/e.csv"]),
        (&["**/e.csv"], &["x/e.csv"]),
        (&["x/.hidden/*"], &["x/.hidden/f.csv"]),
    ];
    for (names, wanted) in cases {
        let wanted: Vec<String> = wanted.iter().map(|&w| w.to_owned()).collect();
        assert_eq!(find(at, names), Ok(wanted), "{names:?}");
    }
}

#[test]
fn names_that_find_nothing_are_all_reported() {
    let folder = tempfile::tempdir().unwrap();
    let error = find(folder.path(), &["none.csv", "none-*.csv", "a[.csv", ""]).unwrap_err();
    for part in [
        "none.csv: there is no such file",
        "no file matches `none-*.csv`",
        "`a[.csv` is neither a file nor a glob",
        "is a directory, not a file",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let none = Files::from(Vec::<String>::new()).find().unwrap_err();
    assert_eq!(none.message(), "no file is named");
}
