//! `cargo xtask tidy`: the house rules that no compiler knows.
//!
//! One rule a file, each a function from what it reads to findings; this one
//! only gathers what they read and adds up what they say.

mod allowed;
mod directions;
mod finding;
mod ignored;
mod layout;
mod packages;
mod panics;
mod purity;
mod size;
mod source;
mod unsafety;
mod words;

use std::path::Path;

use crate::error::{Error, Result};
use crate::workspace::{self, Metadata};
use finding::{Finding, Severity};
use source::Source;

/// Checks every rule and prints every finding before the verdict.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = Metadata::everything(root)?;
    let mut found = directions::check(&metadata);
    found.extend(packages::check(&metadata));
    found.extend(files(root)?);
    let count = |severity| found.iter().filter(|f| f.severity == severity).count();
    for finding in &found {
        println!("{finding}");
    }
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    println!("tidy: {errors} errors, {warnings} warnings");
    if errors == 0 {
        Ok(())
    } else {
        Err(Error::Verdict(format!("tidy found {errors} errors")))
    }
}

fn files(root: &Path) -> Result<Vec<Finding>> {
    let words = words::Words::new()?;
    let mut found = Vec::new();
    let mut sources = Vec::new();
    for path in workspace::files(root)? {
        let Some(text) = workspace::text(&root.join(&path))? else {
            continue;
        };
        found.extend(words.check(&path, &text));
        if Path::new(&path).extension().is_some_and(|end| end == "rs") {
            sources.push(Source::parse(&path, &text));
        }
    }
    if sources.is_empty() {
        found.push(Finding::error("files", "the workspace", "no source file"));
    }
    mark_test_files(&mut sources);
    for source in &sources {
        found.extend(layout::check(source));
        found.extend(size::check(source));
        found.extend(ignored::check(source));
    }
    found.extend(unsafety::check(&sources));
    found.extend(purity::check(&sources));
    found.extend(panics::check(&sources));
    Ok(found)
}

/// A file is a test when another one declares it as `#[cfg(test)] mod`, as is
/// everything below it.
fn mark_test_files(sources: &mut [Source]) {
    let modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in sources {
        let stem = source.path.trim_end_matches(".rs");
        let below = |module: &String| {
            stem.strip_prefix(module.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if modules.iter().any(below) {
            source.all_tests();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_declared_as_a_test_module_elsewhere_is_a_test_with_all_below_it() {
        let mut sources: Vec<Source> = [
            ("sdk/src/lib.rs", "#[cfg(test)]\nmod cases;\nmod casework;"),
            ("sdk/src/cases.rs", "mod inner;"),
            ("sdk/src/cases/inner.rs", "fn a() { b().unwrap(); }"),
            ("sdk/src/casework.rs", "fn a() { b().unwrap(); }"),
        ]
        .map(|(path, text)| Source::parse(path, text))
        .into();
        mark_test_files(&mut sources);
        let tests: Vec<bool> = sources.iter().map(|source| source.is_test).collect();
        assert_eq!(tests, [false, true, true, false]);
        let found = panics::check(&sources);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "sdk/src/casework.rs:1");
    }
}
