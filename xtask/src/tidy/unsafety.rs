//! `unsafe` stands only in named modules, each with the reason it is there.
//!
//! Every package that owns one of them is run under a sanitizer.

use super::allowed::{self, Allowed};
use super::finding::Finding;
use super::source::Source;
use crate::sanitize::SANITIZED;

/// The modules that may say `unsafe`. To add one: its path, and in one sentence
/// the invariant that safe code cannot express.
const MODULES: &[Allowed] = &[
    Allowed {
        path: "io/src/kafka/client/rdkafka/native/commit.rs",
        reason: "librdkafka's queue for one answer: its owner frees it, its consumer outlives it",
    },
    Allowed {
        path: "io/src/kafka/client/rdkafka/native/message.rs",
        reason: "librdkafka's messages: freed once, after everything that was borrowed from them",
    },
    Allowed {
        path: "io/src/kafka/client/rdkafka/native/queue.rs",
        reason: "librdkafka's queue of a partition: it keeps its consumer, and messages are freed",
    },
    Allowed {
        path: "sdk/src/batch/fill.rs",
        reason: "the fill loop: a vector's length lives in a register until the filling ends",
    },
    Allowed {
        path: "sdk/src/batch/prefetch.rs",
        reason: "prefetch: a hint about addresses that no slice covers",
    },
    Allowed {
        path: "sdk/src/batch/rewrite.rs",
        reason: "in-place rewrite: outputs are written where inputs of the same size lay",
    },
    Allowed {
        path: "sdk/src/text/repr.rs",
        reason: "a string of 16 bytes, in place or shared: no enum is laid out so tightly",
    },
];

const RULE: &str = "unsafe";

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut found = judge(sources, MODULES);
    found.extend(unsanitized(MODULES));
    found
}

fn judge(sources: &[Source], modules: &[Allowed]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        for token in source.tokens.iter().filter(|token| token.text == "unsafe") {
            let message = "`unsafe` outside the modules listed in xtask/src/tidy/unsafety.rs";
            let finding = Finding::error(RULE, source.at(token.line), message);
            found.push((source.path.clone(), finding));
        }
    }
    allowed::apply(RULE, modules, found)
}

fn unsanitized(modules: &[Allowed]) -> Vec<Finding> {
    modules
        .iter()
        .filter(|module| {
            !SANITIZED
                .iter()
                .any(|package| module.path.starts_with(package.folder))
        })
        .map(|module| {
            let message = "no package of xtask/src/sanitize.rs owns this module";
            Finding::error(RULE, module.path, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &[Allowed] = &[Allowed {
        path: "sdk/src/str.rs",
        reason: "views into a shared buffer",
    }];

    fn places(path: &str, text: &str, modules: &[Allowed]) -> Vec<String> {
        judge(&[Source::parse(path, text)], modules)
            .into_iter()
            .map(|finding| finding.place)
            .collect()
    }

    #[test]
    fn unsafe_is_found_in_every_form() {
        for text in [
            "unsafe fn a() {}",
            "fn a() { unsafe { b() } }",
            "unsafe impl Send for A {}",
            "#[unsafe(no_mangle)] fn a() {}",
            "macro_rules! m { () => { unsafe { b() } } }",
            "#[cfg(test)] mod tests { fn a() { unsafe {} } }",
        ] {
            assert_eq!(
                places("io/src/a.rs", text, &[]),
                ["io/src/a.rs:1"],
                "{text}"
            );
        }
    }

    #[test]
    fn the_word_alone_is_not_the_deed() {
        for text in [
            "// unsafe\nfn a() {}",
            "const A: &str = \"unsafe\";",
            "#![allow(unsafe_code)]",
            "/// Not unsafe.\nfn a() {}",
        ] {
            assert_eq!(places("io/src/a.rs", text, &[]), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_listed_module_may_and_an_idle_entry_is_reported() {
        let uses = "fn a() { unsafe { b() } }";
        assert_eq!(places("sdk/src/str.rs", uses, LISTED), [""; 0]);
        assert_eq!(
            places("sdk/src/str.rs", "fn a() {}", LISTED),
            ["sdk/src/str.rs"]
        );
        assert_eq!(
            places("sdk/src/other.rs", uses, LISTED),
            ["sdk/src/other.rs:1", "sdk/src/str.rs"]
        );
    }

    #[test]
    fn a_listed_module_that_no_sanitizer_run_covers_is_reported() {
        let elsewhere = Allowed {
            path: "xtask/src/a.rs",
            ..LISTED[0]
        };
        assert_eq!(unsanitized(LISTED), []);
        assert_eq!(unsanitized(&[elsewhere]).len(), 1);
    }
}
