//! A Rust source file as a flat list of tokens, each with its line and whether
//! it belongs to tests.
//!
//! Rules read tokens, never text: a word in a comment or a string is no code,
//! and what stands inside a macro call is. Types and names are not resolved.

use std::collections::BTreeSet;
use std::str::FromStr;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// One token; groups appear as their two delimiters.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    pub(crate) in_test: bool,
}

/// A file, read once for all rules.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the root of the workspace.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    /// Nothing in this file reaches a user.
    pub(crate) is_test: bool,
    /// Why the file has no tokens, if it cannot be read as Rust.
    pub(crate) unreadable: Option<String>,
    test_lines: BTreeSet<usize>,
}

impl Source {
    /// Reads `text`; a file that is not Rust keeps its text and says why.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let mut source = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            tokens: Vec::new(),
            is_test: is_test_path(path),
            unreadable: None,
            test_lines: BTreeSet::new(),
        };
        match TokenStream::from_str(text) {
            Ok(stream) => flatten(stream, &mut source.tokens),
            Err(error) => source.unreadable = Some(error.to_string()),
        }
        mark_tests(&mut source.tokens);
        source.is_test |= has_inner_test_attribute(&source.tokens);
        if source.is_test {
            source.all_tests();
        }
        source.test_lines = test_lines(&source.tokens);
        source
    }

    /// The whole file belongs to tests (another file declares it so).
    pub(crate) fn all_tests(&mut self) {
        self.is_test = true;
        for token in &mut self.tokens {
            token.in_test = true;
        }
    }

    /// Lines outside tests, comments and blank lines included.
    pub(crate) fn product_lines(&self) -> usize {
        if self.is_test {
            0
        } else {
            self.text.lines().count() - self.test_lines.len()
        }
    }

    /// Paths of the modules this file declares as `#[cfg(test)] mod name;`, without `.rs`.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let base = match stem.rsplit_once('/') {
            Some((folder, "lib" | "main" | "mod")) => folder,
            _ => stem,
        };
        self.tokens
            .windows(3)
            .filter(|w| w[0].text == "mod" && w[2].text == ";" && w[0].in_test)
            .map(|w| format!("{base}/{}", w[1].text))
            .collect()
    }

    /// `path:line`, clickable in most terminals.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

fn is_test_path(path: &str) -> bool {
    path.split('/')
        .any(|name| matches!(name, "tests" | "tests.rs"))
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                out.push(token(open.into(), line));
                let end = group.span_close().end().line;
                flatten(group.stream(), out);
                out.push(token(close.into(), end));
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                push_colon(punct.spacing() == Spacing::Joint, line, out);
            }
            other => out.push(token(other.to_string(), line)),
        }
    }
}

fn token(text: String, line: usize) -> Token {
    Token {
        text,
        line,
        in_test: false,
    }
}

/// `::` becomes one token: every rule about paths wants it so.
fn push_colon(joint: bool, line: usize, out: &mut Vec<Token>) {
    match out.last_mut() {
        Some(last) if last.text == ":+" => last.text = "::".into(),
        _ => out.push(token(if joint { ":+" } else { ":" }.into(), line)),
    }
}

/// The index just after the group that opens at `open`.
pub(crate) fn after_group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// Marks what follows `#[test]` or `#[cfg(test)]`: to the end of the item.
fn mark_tests(tokens: &mut [Token]) {
    let mut index = 0;
    while index + 1 < tokens.len() {
        if tokens[index].text != "#" || tokens[index + 1].text != "[" {
            index += 1;
            continue;
        }
        let end = after_group(tokens, index + 1);
        if is_test_attribute(&tokens[index + 2..end - 1]) {
            let last = end_of_item(tokens, end);
            for token in &mut tokens[index..last] {
                token.in_test = true;
            }
            index = last;
        } else {
            index = end;
        }
    }
}

/// An item ends with its first brace group or with a semicolon.
fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut index = start;
    while index < tokens.len() {
        match tokens[index].text.as_str() {
            ";" => return index + 1,
            "{" => return after_group(tokens, index),
            "(" | "[" => index = after_group(tokens, index),
            // The attribute stood on a field or a match arm inside a group.
            ")" | "]" | "}" => return index,
            _ => index += 1,
        }
    }
    tokens.len()
}

fn has_inner_test_attribute(tokens: &[Token]) -> bool {
    let mut index = 0;
    while index + 2 < tokens.len()
        && tokens[index].text == "#"
        && tokens[index + 1].text == "!"
        && tokens[index + 2].text == "["
    {
        let end = after_group(tokens, index + 2);
        if is_test_attribute(&tokens[index + 3..end - 1]) {
            return true;
        }
        index = end;
    }
    false
}

fn is_test_attribute(inside: &[Token]) -> bool {
    match inside {
        [.., last] if last.text == "test" => true,
        [cfg, open, rest @ .., _] if cfg.text == "cfg" && open.text == "(" => requires_test(rest),
        _ => false,
    }
}

/// Whether a `cfg` predicate can only hold in tests.
fn requires_test(predicate: &[Token]) -> bool {
    match predicate {
        [only] => only.text == "test",
        [name, open, rest @ .., _] if open.text == "(" => match name.text.as_str() {
            "all" => operands(rest).iter().any(|part| requires_test(part)),
            "any" => {
                let parts = operands(rest);
                !parts.is_empty() && parts.iter().all(|part| requires_test(part))
            }
            _ => false,
        },
        _ => false,
    }
}

fn operands(tokens: &[Token]) -> Vec<&[Token]> {
    let mut parts = Vec::new();
    let (mut start, mut index) = (0, 0);
    while index < tokens.len() {
        match tokens[index].text.as_str() {
            "," => {
                parts.push(&tokens[start..index]);
                index += 1;
                start = index;
            }
            "(" => index = after_group(tokens, index),
            _ => index += 1,
        }
    }
    if start < tokens.len() {
        parts.push(&tokens[start..]);
    }
    parts
}

/// Every line from the first to the last token of each run of test tokens.
fn test_lines(tokens: &[Token]) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    for run in tokens.chunk_by(|a, b| a.in_test == b.in_test) {
        if let [first, ..] = run
            && first.in_test
        {
            let last = run.iter().map(|token| token.line).max();
            lines.extend(first.line..=last.unwrap_or(first.line));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(text: &str) -> Vec<String> {
        Source::parse("sdk/src/a.rs", text)
            .tokens
            .into_iter()
            .filter(|token| token.in_test && token.text.starts_with('x'))
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn what_belongs_to_tests_is_marked_and_nothing_else() {
        for (text, expected) in [
            ("fn x1() {} #[test] fn x2() {} fn x3() {}", vec!["x2"]),
            (
                "#[cfg(test)] mod x1 { fn x2() {} } fn x3() {}",
                vec!["x1", "x2"],
            ),
            (
                "#[cfg(test)] #[path = \"a\"] mod x1; fn x2() {}",
                vec!["x1"],
            ),
            ("#[cfg(all(test, unix))] fn x1() {}", vec!["x1"]),
            ("#[cfg(any(test, feature = \"k\"))] fn x1() {}", vec![]),
            ("#[cfg(any(test, all(unix, test)))] fn x1() {}", vec!["x1"]),
            ("#[cfg(not(test))] fn x1() {}", vec![]),
            (
                "impl A { #[cfg(test)] fn x1(&self) {} fn x2() {} }",
                vec!["x1"],
            ),
            ("#![cfg(test)] fn x1() {}", vec!["x1"]),
            ("#[doc = \"test\"] fn x1() {}", vec![]),
        ] {
            assert_eq!(tested(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_of_tests_do_not_count() {
        let text = "//! A.\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        assert_eq!(Source::parse("sdk/src/a.rs", text).product_lines(), 3);
        assert_eq!(Source::parse("sdk/tests/a.rs", text).product_lines(), 0);
    }

    #[test]
    fn test_modules_in_files_of_their_own_are_found() {
        let text = "#[cfg(test)]\nmod cases;\nmod product;";
        let found = |path| Source::parse(path, text).test_modules();
        assert_eq!(found("sdk/src/lib.rs"), ["sdk/src/cases"]);
        assert_eq!(found("sdk/src/a/mod.rs"), ["sdk/src/a/cases"]);
        assert_eq!(found("sdk/src/a.rs"), ["sdk/src/a/cases"]);
    }

    #[test]
    fn text_that_is_not_rust_says_why() {
        assert!(Source::parse("a.rs", "fn a( {").unreadable.is_some());
    }
}
