//! Words that do not belong in the repository: places on one machine, hosts of
//! one network, and talk about how the work was done instead of what it is.
//!
//! Each pattern is written in two halves, so that this file needs no exception
//! from its own rule.

use regex::Regex;

use super::finding::Finding;
use crate::error::{Error, Result};

struct Banned {
    head: &'static str,
    tail: &'static str,
    why: &'static str,
}

const MACHINE: &str = "a place on one machine";
const NETWORK: &str = "a host of one network";
const AUTHORSHIP: &str = "the repository speaks of the product, not of who types";
const DIARY: &str = "the repository speaks of the product, not of the course of the work";

/// What stands for [`DEED`] in a pattern.
const DEED_MARK: &str = "<deed>";
/// In a diary the word is followed by a deed; windows of events have none.
const DEED: &str = r"('s)? (work|task|notes?|report|built|builds|added|adds|did|does|delivered|delivers|left|leaves|wrote|writes|will|should)\b";

const BANNED: &[Banned] = &[
    banned(r"(^|[^\w./-])/wo", r"rk/", MACHINE),
    banned(r"(^|[^\w./-])/ro", r"ot/", MACHINE),
    banned(r"(^|[^\w./-])/ho", r"me/\w", MACHINE),
    banned(r"(^|[^\w./-])/Us", r"ers/\w", MACHINE),
    banned(r"(?i)artif", r"actory", NETWORK),
    banned(r"(?i)\bdev", r"pi\b", NETWORK),
    banned(r"\b(index|static)\.crates", r"\.io\b", NETWORK),
    banned(r"\bsparse\+", r"https?:", NETWORK),
    banned(
        r"https?://(10|192\.168|172\.(1[6-9]|2\d|3[01]))",
        r"\.\d",
        NETWORK,
    ),
    banned(r"(?i)\bassis", r"tants?\b", AUTHORSHIP),
    banned(r"\bLL", r"Ms?\b", AUTHORSHIP),
    banned(r"(?i)\blanguage mo", r"dels?\b", AUTHORSHIP),
    banned(r"(?i)\bclau", r"de\b", AUTHORSHIP),
    banned(r"(?i)\banthro", r"pic\b", AUTHORSHIP),
    banned(r"(?i)\bchat-?", r"gpt\b", AUTHORSHIP),
    banned(r"(?i)\bsub-?", r"agents?\b", AUTHORSHIP),
    banned(r"\bAI[- ]", r"(generated|written|assisted)\b", AUTHORSHIP),
    banned(r"(?i)\b(work|working|coding|agent) sess", r"ions?\b", DIARY),
    banned(
        r"(?i)\b(this|previous|last|next|earlier|later|following) sess",
        "ion<deed>",
        DIARY,
    ),
    banned(r"(?i)\bsess", r"ion (#|no\.? ?)?\d+<deed>", DIARY),
    banned(
        r"(?i)\b(left|leave|leaves|kept|deferred|postponed) (for|to|until) (a |the )?(next|later|future|following) sess",
        r"ion\b",
        DIARY,
    ),
];

const fn banned(head: &'static str, tail: &'static str, why: &'static str) -> Banned {
    Banned { head, tail, why }
}

/// The patterns, ready to read many files.
pub(super) struct Words(Vec<(Regex, &'static str)>);

impl Words {
    pub(super) fn new() -> Result<Self> {
        let compile = |word: &Banned| {
            let pattern = format!("{}{}", word.head, word.tail).replace(DEED_MARK, DEED);
            let regex = Regex::new(&pattern).map_err(Error::form(pattern))?;
            Ok((regex, word.why))
        };
        BANNED.iter().map(compile).collect::<Result<_>>().map(Self)
    }

    pub(super) fn check(&self, path: &str, text: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        for (index, line) in text.lines().enumerate() {
            for (regex, why) in &self.0 {
                if let Some(hit) = regex.find(line) {
                    let place = format!("{path}:{}", index + 1);
                    let message = format!("`{}`: {why}", hit.as_str().trim());
                    found.push(Finding::error("words", place, message));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(text: &str) -> usize {
        Words::new()
            .expect("the patterns are regular expressions")
            .check("a.md", text)
            .len()
    }

    #[test]
    fn banned_words_are_found() {
        // In two halves for the reason given above.
        for (head, tail) in [
            ("see /wo", "rk/shared/a.md"),
            ("/ro", "ot/.cargo"),
            ("path = \"/ho", "me/someone/a\""),
            ("sparse+htt", "ps://mirror/"),
            ("http://10", ".0.0.7/simple"),
            ("written by an assis", "tant"),
            ("an LL", "M wrote it"),
            ("Clau", "de"),
            ("this sess", "ion's work"),
            ("what the next sess", "ion should do"),
            ("Sess", "ion 3 delivered the store"),
            ("left for a later sess", "ion"),
            ("AI-", "generated"),
        ] {
            let text = format!("{head}{tail}");
            assert_eq!(hits(&text), 1, "{text}");
        }
    }

    #[test]
    fn windows_and_ordinary_paths_are_legitimate() {
        for text in [
            "an element extends this session, and the next session stays apart",
            "session 1 and session 2 merge; session 3 is left alone",
            "target/work/a and ./root/b and https://example.org/home/x",
            "cargo builds from crates.io",
            "all months and llms in a column name",
            "a home/ folder, a work/ folder",
        ] {
            assert_eq!(hits(text), 0, "{text}");
        }
    }

    #[test]
    fn the_line_is_named() {
        let text = format!("one\ntwo /wo{}", "rk/");
        let found = Words::new()
            .map(|words| words.check("a.md", &text))
            .unwrap_or_default();
        assert_eq!(found[0].place, "a.md:2");
    }
}
