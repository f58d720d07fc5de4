//! Every file says what it owns, and every module is named for a noun it owns.

use super::finding::Finding;
use super::source::Source;

/// Names that say nothing of what is inside.
const NAMELESS: [&str; 9] = [
    "common", "helper", "helpers", "manager", "managers", "misc", "shared", "util", "utils",
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    if !source.text.starts_with("//!") {
        found.push(Finding::error(
            "opening",
            source.at(1),
            "the file does not open with `//!`: what it owns, what it does not, what it keeps true",
        ));
    }
    if let Some(error) = &source.unreadable {
        found.push(Finding::error(
            "unreadable",
            &source.path,
            format!("not Rust as this chore reads it: {error}"),
        ));
    }
    let stem = source.path.trim_end_matches(".rs");
    for name in stem.split('/').filter(|name| NAMELESS.contains(name)) {
        found.push(nameless(&source.path, name));
    }
    for pair in source.tokens.windows(3) {
        let inline = pair[0].text == "mod" && pair[2].text == "{";
        if inline && NAMELESS.contains(&pair[1].text.as_str()) {
            found.push(nameless(&source.at(pair[0].line), &pair[1].text));
        }
    }
    found
}

fn nameless(place: &str, name: &str) -> Finding {
    Finding::error(
        "module-name",
        place,
        format!("a module `{name}` owns nothing; name it for what is inside"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Source::parse(path, text))
            .into_iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn a_file_opens_with_its_module_documentation() {
        for (text, expected) in [
            ("//! Owns a.\nfn a() {}", vec![]),
            ("fn a() {}", vec!["opening"]),
            ("// A comment.\n//! Late.", vec!["opening"]),
            ("/// An item.\nfn a() {}", vec!["opening"]),
            ("", vec!["opening"]),
        ] {
            assert_eq!(rules("sdk/src/a.rs", text), expected, "{text}");
        }
    }

    #[test]
    fn modules_without_a_noun_are_refused() {
        for path in [
            "sdk/src/utils.rs",
            "io/src/common/mod.rs",
            "io/tests/helpers.rs",
        ] {
            assert_eq!(rules(path, "//! A."), ["module-name"], "{path}");
        }
        assert_eq!(
            rules("a.rs", "//! A.\nmod helpers { fn a() {} }"),
            ["module-name"]
        );
        assert_eq!(rules("sdk/src/common_prefix.rs", "//! A."), [""; 0]);
        assert_eq!(rules("a.rs", "//! A.\nfn utils() {}"), [""; 0]);
    }

    #[test]
    fn a_file_that_cannot_be_read_does_not_pass_the_other_rules_in_silence() {
        assert_eq!(rules("a.rs", "//! A.\nfn a( {"), ["unreadable"]);
    }
}
