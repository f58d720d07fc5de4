//! What comes from outside: licences that fit ours, one source, few doubles.

use std::collections::BTreeMap;

use super::finding::Finding;
use crate::workspace::{Metadata, Package};

/// Licences that may be linked into `MIT OR Apache-2.0` without further duty.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in &metadata.packages {
        let place = format!("{} {}", package.name, package.version);
        if let Some(reason) = licence_problem(package) {
            found.push(Finding::error("licence", &place, reason));
        }
        match &package.source {
            Some(source) if source != SOURCE => {
                let message = format!("comes from {source}, not from the public registry");
                found.push(Finding::error("source", &place, message));
            }
            _ => {}
        }
    }
    found.extend(doubles(&metadata.packages));
    found
}

fn licence_problem(package: &Package) -> Option<String> {
    let Some(licence) = &package.license else {
        return Some("names no licence".to_owned());
    };
    let expression = match spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("`{licence}` is no licence expression: {error}")),
    };
    let accepted = expression.evaluate(|requirement| {
        requirement
            .license
            .id()
            .is_some_and(|id| LICENCES.contains(&id.name))
    });
    (!accepted).then(|| format!("`{licence}` is not among the licences accepted here"))
}

fn doubles(packages: &[Package]) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions
            .entry(&package.name)
            .or_default()
            .push(&package.version);
    }
    versions
        .into_iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| {
            let message = format!("{} versions: {}", versions.len(), versions.join(", "));
            Finding::warning("doubles", name, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, licence: Option<&str>, source: Option<&str>) -> Package {
        Package {
            name: name.into(),
            version: "1.0.0".into(),
            license: licence.map(Into::into),
            source: source.map(Into::into),
            ..Package::default()
        }
    }

    fn rules(packages: Vec<Package>) -> Vec<&'static str> {
        let metadata = Metadata {
            packages,
            ..Metadata::default()
        };
        check(&metadata)
            .into_iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn licences_are_judged_by_what_the_expression_means() {
        for (licence, accepted) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only", false),
            ("MIT AND GPL-3.0-only", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("nonsense", false),
        ] {
            let expected: &[&str] = if accepted { &[] } else { &["licence"] };
            let found = rules(vec![package("a", Some(licence), Some(SOURCE))]);
            assert_eq!(found, expected, "{licence}");
        }
        assert_eq!(rules(vec![package("a", None, Some(SOURCE))]), ["licence"]);
    }

    #[test]
    fn everything_comes_from_the_public_registry_or_from_here() {
        for (source, expected) in [
            (None, vec![]),
            (Some(SOURCE), vec![]),
            (Some("git+https://example.org/a"), vec!["source"]),
            (Some("registry+https://example.org/index"), vec!["source"]),
        ] {
            assert_eq!(rules(vec![package("a", Some("MIT"), source)]), expected);
        }
    }

    #[test]
    fn two_versions_of_one_package_are_shown() {
        let mut second = package("a", Some("MIT"), None);
        second.version = "2.0.0".into();
        assert_eq!(
            rules(vec![package("a", Some("MIT"), None), second]),
            ["doubles"]
        );
    }
}
