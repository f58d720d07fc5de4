//! Files and functions stay short enough to be read whole (tests apart).

use super::finding::Finding;
use super::source::{Source, Token, after_group};

const FILE_WARN: usize = 400;
const FILE_FAIL: usize = 600;
const FUNCTION_FAIL: usize = 70;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    let lines = source.product_lines();
    let message = |limit| format!("{lines} lines outside tests, more than {limit}");
    if lines > FILE_FAIL {
        found.push(Finding::error(
            "file-length",
            &source.path,
            message(FILE_FAIL),
        ));
    } else if lines > FILE_WARN {
        found.push(Finding::warning(
            "file-length",
            &source.path,
            message(FILE_WARN),
        ));
    }
    for function in functions(&source.tokens) {
        let lines = function.last - function.first + 1;
        if lines > FUNCTION_FAIL {
            found.push(Finding::error(
                "function-length",
                source.at(function.first),
                format!(
                    "`{}` has {lines} lines, more than {FUNCTION_FAIL}",
                    function.name
                ),
            ));
        }
    }
    found
}

struct Function<'a> {
    name: &'a str,
    first: usize,
    last: usize,
}

/// Functions with a body, outside tests, from `fn` to the closing brace.
fn functions(tokens: &[Token]) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    for (index, pair) in tokens.windows(2).enumerate() {
        let [keyword, name] = pair else { continue };
        // A function pointer has no name: `fn(u8) -> u8`.
        if keyword.text != "fn" || keyword.in_test || name.text == "(" {
            continue;
        }
        if let Some(last) = end_of_body(tokens, index + 2) {
            found.push(Function {
                name: &name.text,
                first: keyword.line,
                last,
            });
        }
    }
    found
}

fn end_of_body(tokens: &[Token], start: usize) -> Option<usize> {
    let mut index = start;
    while let Some(token) = tokens.get(index) {
        match token.text.as_str() {
            "{" => return Some(tokens[after_group(tokens, index) - 1].line),
            ";" | "}" => return None,
            "(" | "[" => index = after_group(tokens, index),
            _ => index += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    fn verdict(path: &str, text: &str) -> Vec<(Severity, &'static str)> {
        check(&Source::parse(path, text))
            .into_iter()
            .map(|finding| (finding.severity, finding.rule))
            .collect()
    }

    #[test]
    fn long_files_warn_and_longer_ones_fail() {
        let file = |lines| "// line\n".repeat(lines);
        let path = "sdk/src/a.rs";
        assert_eq!(verdict(path, &file(400)), []);
        assert_eq!(
            verdict(path, &file(401)),
            [(Severity::Warning, "file-length")]
        );
        assert_eq!(
            verdict(path, &file(600)),
            [(Severity::Warning, "file-length")]
        );
        assert_eq!(
            verdict(path, &file(601)),
            [(Severity::Error, "file-length")]
        );
        assert_eq!(verdict("sdk/src/a/tests.rs", &file(601)), []);
    }

    #[test]
    fn long_functions_fail_wherever_they_stand() {
        let body = |lines: usize| format!("{{\n{}}}", "x();\n".repeat(lines - 2));
        let fails = [(Severity::Error, "function-length")];
        for (head, tail) in [
            ("pub async fn a<T: Fn(u8)>(b: [u8; 3]) -> fn(u8) -> u8 ", ""),
            ("impl A { fn a(&self) where Self: Sized ", "}"),
            ("trait A { fn none(&self); fn a(&self) ", "}"),
            ("macro_rules! m { () => { fn a() ", "} }"),
        ] {
            let path = "sdk/src/a.rs";
            assert_eq!(verdict(path, &format!("{head}{}{tail}", body(70))), []);
            assert_eq!(verdict(path, &format!("{head}{}{tail}", body(71))), fails);
        }
        let test = format!("#[test] fn a() {}", body(71));
        assert_eq!(verdict("sdk/src/a.rs", &test), []);
    }
}
