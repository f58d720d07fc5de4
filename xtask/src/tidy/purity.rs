//! The model knows no threads, clocks, files or sockets: in `sdk` and
//! `runner-core`, time and bytes are inputs.
//!
//! Paths are read as written (`use` lists included); an alias made elsewhere
//! would be missed, and is what review is for.

use super::allowed::{self, Allowed};
use super::finding::Finding;
use super::source::{Source, Token};

const PURE: [&str; 2] = ["sdk/src/", "runner-core/src/"];

const FORBIDDEN: [&str; 12] = [
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "fs::File",
    "thread::spawn",
    "thread::sleep",
];

/// The modules that may name one of these. To add one: its path and the reason.
const MODULES: &[Allowed] = &[Allowed {
    path: "sdk/src/erase/store/slow/pages.rs",
    reason: "the slow store pages to disk: it stands in for a disk backend",
}];

const RULE: &str = "purity";

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    judge(sources, MODULES)
}

fn judge(sources: &[Source], modules: &[Allowed]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        if !PURE.iter().any(|folder| source.path.starts_with(folder)) {
            continue;
        }
        for path in paths(&source.tokens) {
            if !path.in_test && is_forbidden(&path.text) {
                let message = format!(
                    "`{}`: the model reads no clock, thread, file or socket; take what is needed as an input",
                    path.text
                );
                let finding = Finding::error(RULE, source.at(path.line), message);
                found.push((source.path.clone(), finding));
            }
        }
        // One `use` of several things is one finding.
        found.dedup_by(|(_, a), (_, b)| a.place == b.place);
    }
    allowed::apply(RULE, modules, found)
}

fn is_forbidden(path: &str) -> bool {
    FORBIDDEN.iter().any(|forbidden| {
        path.strip_prefix(forbidden)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    })
}

struct NamedPath {
    text: String,
    line: usize,
    in_test: bool,
}

/// Every path in the file, those inside a `use` group with their prefix.
fn paths(tokens: &[Token]) -> Vec<NamedPath> {
    let mut found = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        index = walk(tokens, index, "", &mut found);
    }
    found
}

/// Reads until the group that it stands in ends; returns the index after it.
fn walk(tokens: &[Token], start: usize, prefix: &str, found: &mut Vec<NamedPath>) -> usize {
    let mut index = start;
    while let Some(token) = tokens.get(index) {
        match token.text.as_str() {
            ")" | "]" | "}" => return index + 1,
            "(" | "[" | "{" => index = walk(tokens, index + 1, "", found),
            text if is_name(text) => {
                let (path, next) = chain(tokens, index, prefix);
                let opens_group = tokens.get(next).is_some_and(|t| t.text == "::")
                    && tokens.get(next + 1).is_some_and(|t| t.text == "{");
                if opens_group {
                    index = walk(tokens, next + 2, &format!("{path}::"), found);
                } else {
                    found.push(NamedPath {
                        text: path,
                        line: token.line,
                        in_test: token.in_test,
                    });
                    index = next;
                }
            }
            _ => index += 1,
        }
    }
    index
}

/// The names joined by `::` from `start`, and the index of what follows.
fn chain(tokens: &[Token], start: usize, prefix: &str) -> (String, usize) {
    let mut path = format!("{prefix}{}", tokens[start].text);
    let mut index = start + 1;
    while let [joint, name, ..] = &tokens[index..]
        && joint.text == "::"
        && is_name(&name.text)
    {
        path.push_str("::");
        path.push_str(&name.text);
        index += 2;
    }
    (path, index)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str, modules: &[Allowed]) -> Vec<String> {
        judge(&[Source::parse(path, text)], modules)
            .into_iter()
            .map(|finding| finding.place)
            .collect()
    }

    #[test]
    fn clocks_threads_files_and_sockets_are_found_however_they_are_named() {
        for text in [
            "use std::fs;",
            "use std::fs::File;",
            "use std::{fmt, fs};",
            "use std::{fmt, fs::{File, Metadata}};",
            "use std::time::{Duration, Instant};",
            "fn a() { ::std::thread::spawn(f); }",
            "fn a() { let t = Instant::now(); }",
            "fn a() -> std::time::SystemTime { b() }",
            "macro_rules! m { () => { std::net::TcpStream::connect(a) } }",
        ] {
            assert_eq!(
                lines("sdk/src/a.rs", text, &[]),
                ["sdk/src/a.rs:1"],
                "{text}"
            );
            assert_eq!(lines("runner-batch/src/a.rs", text, &[]), [""; 0]);
            let test = format!("#[cfg(test)] mod tests {{ {text} }}");
            assert_eq!(lines("sdk/src/a.rs", &test, &[]), [""; 0], "{test}");
        }
    }

    #[test]
    fn what_only_sounds_like_them_is_left_alone() {
        for text in [
            "use std::time::Duration;",
            "use std::{fmt, collections::{BTreeMap, HashMap}};",
            "// std::fs\nfn a() {}",
            "const A: &str = \"std::fs\";",
            "use crate::instant::Instant;",
            "fn a() { std::fsx::b(); }",
        ] {
            assert_eq!(lines("sdk/src/a.rs", text, &[]), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_listed_module_may() {
        let listed = [Allowed {
            path: "runner-core/src/paging.rs",
            reason: "the slow store pages to disk",
        }];
        let text = "use std::fs;";
        assert_eq!(lines("runner-core/src/paging.rs", text, &listed), [""; 0]);
    }
}
