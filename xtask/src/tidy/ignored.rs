//! No test is switched off: one that cannot run here says so while it runs (see
//! `test/skips.rs`), and one that shows a wrong result asserts that result.
//!
//! Documentation tests too: what a reader copies has run.

use super::finding::Finding;
use super::source::Source;

const RULE: &str = "ignored";

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let attributes = source
        .tokens
        .windows(3)
        .filter(|w| w[0].text == "#" && w[1].text == "[" && w[2].text == "ignore")
        .map(|w| {
            (
                w[0].line,
                "`#[ignore]`: let the test say that it is skipped",
            )
        });
    let fences = (1..).zip(source.text.lines()).filter_map(|(line, text)| {
        switches_off(text).then_some((line, "an example in the documentation that never runs"))
    });
    attributes
        .chain(fences)
        .map(|(line, message)| Finding::error(RULE, source.at(line), message))
        .collect()
}

/// The opening fence of a documentation test that is not run.
fn switches_off(line: &str) -> bool {
    let line = line.trim_start();
    let Some(text) = line
        .strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"))
    else {
        return false;
    };
    text.trim_start().strip_prefix("```").is_some_and(|info| {
        info.split([',', ' '])
            .any(|word| matches!(word, "ignore" | "no_run"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_are_switched_off_are_found() {
        for (text, expected) in [
            ("#[test] #[ignore] fn a() {}", 1),
            ("#[test] #[ignore = \"slow\"] fn a() {}", 1),
            ("/// ```ignore\n/// a\n/// ```\nfn a() {}", 1),
            ("//! ```rust,no_run\n//! a\n//! ```", 1),
            ("/// ```\n/// a\n/// ```\nfn a() {}", 0),
            ("/// ```compile_fail\n/// a\n/// ```\nfn a() {}", 0),
            ("// #[ignore]\nfn ignore() {}", 0),
            ("const A: &str = \"```ignore\";", 0),
        ] {
            let found = check(&Source::parse("sdk/src/a.rs", text));
            assert_eq!(found.len(), expected, "{text}");
        }
    }
}
