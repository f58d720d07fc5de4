//! The form of every error, and what must not be left behind one, as tests share them.
#![allow(dead_code, reason = "each test uses a part")]

use std::fs;
use std::path::Path;

/// The form of every error: code and what happened; at which step, with the line of user code that
/// made it; then all else, and at last what to do. Several errors stand one behind another.
pub(crate) fn expect_form(text: &str, code: &str, parts: &[&str]) {
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

/// Nothing at all, hidden or not; the folder may be there.
pub(crate) fn expect_nothing_in(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        assert!(!folder.exists());
        return;
    };
    let left: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?} are left in {}", folder.display());
}
