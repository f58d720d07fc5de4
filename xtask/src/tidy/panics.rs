//! No `unwrap()` outside tests, and few `expect`s, counted per crate.
//!
//! Lints see the same calls one at a time; the density per thousand lines is
//! what only a count can show.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::source::{Source, Token};

/// Not delivered to users, and measured by other rules.
const EXEMPT: [&str; 2] = ["benches", "tests"];
const EXPECTS_PER_THOUSAND: usize = 2;

#[derive(Default)]
struct Count {
    lines: usize,
    expects: usize,
}

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for source in sources {
        let folder = source.path.split('/').next().unwrap_or_default();
        if source.is_test || EXEMPT.contains(&folder) {
            continue;
        }
        let count = counts.entry(folder).or_default();
        count.lines += source.product_lines();
        for line in calls(&source.tokens, "unwrap") {
            found.push(Finding::error(
                "unwrap",
                source.at(line),
                "`unwrap()` outside tests; return an error, or `expect` with the invariant",
            ));
        }
        count.expects += calls(&source.tokens, "expect").len();
    }
    for (folder, count) in counts {
        if count.expects * 1000 > EXPECTS_PER_THOUSAND * count.lines {
            found.push(Finding::warning(
                "expect",
                folder,
                format!(
                    "{} `expect(` in {} lines, more than {EXPECTS_PER_THOUSAND} per thousand",
                    count.expects, count.lines
                ),
            ));
        }
    }
    found
}

/// The lines where the method `name` is called outside tests.
fn calls(tokens: &[Token], name: &str) -> Vec<usize> {
    tokens
        .windows(3)
        .filter(|w| matches!(w[0].text.as_str(), "." | "::"))
        .filter(|w| w[1].text == name && w[2].text == "(" && !w[1].in_test)
        .map(|w| w[1].line)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&[Source::parse(path, text)])
            .into_iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn unwrap_is_found_in_calls_and_macros_and_not_in_tests() {
        for text in [
            "fn a() { b().unwrap(); }",
            "fn a() { println!(\"{}\", b().unwrap()); }",
            "fn a() { Option::unwrap(b); }",
        ] {
            assert_eq!(rules("io/src/a.rs", text), ["unwrap"], "{text}");
            assert_eq!(rules("io/tests/a.rs", text), [""; 0]);
            assert_eq!(rules("benches/src/a.rs", text), [""; 0]);
            assert_eq!(rules("io/src/a.rs", &format!("#[test] {text}")), [""; 0]);
        }
        for text in [
            "fn a() { b().unwrap_or(c); }",
            "/// `a.unwrap()`\nfn a() {}",
            "fn unwrap() {}",
        ] {
            assert_eq!(rules("io/src/a.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn too_many_expects_for_the_size_of_the_crate_warn() {
        let text = |lines| format!("fn a() {{ b().expect(\"c\"); }}\n{}", "\n".repeat(lines));
        assert_eq!(rules("io/src/a.rs", &text(498)), ["expect"]);
        assert_eq!(rules("io/src/a.rs", &text(499)), [""; 0]);
    }
}
