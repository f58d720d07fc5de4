//! What goes when a runner goes, and what the manifests of the rest then say.
//!
//! Decides on names and texts only; touches no file of the copy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::manifest;
use crate::error::{Error, Result};
use crate::workspace::{FACADE, Metadata, Package};

const RUNNER: &str = "whitebeam-runner-";
/// Shared by all runners: not one of them.
const CORE: &str = "whitebeam-runner-core";
/// These compare runners, so they go with any of them.
const COMPARING: [&str; 2] = ["examples", "benches"];
/// Recorded behaviour that others test against too; no package needs what stands beside it.
const DATA: &str = "tests/conformance/";
/// Knows every package by name, and is needed by none.
const CHORES: &str = "xtask";

/// A workspace without one runner.
#[derive(Debug)]
pub(super) struct Plan {
    /// Folders that are not copied, relative to the root.
    gone: BTreeSet<String>,
    /// The new text of each manifest that is left.
    pub(super) manifests: BTreeMap<String, String>,
    /// Packages whose tests are still complete.
    pub(super) tested: Vec<String>,
    /// Packages whose tests needed something that went, and what.
    pub(super) without_tests: BTreeMap<String, String>,
}

/// The packages that are runners.
pub(super) fn runners(metadata: &Metadata) -> Vec<String> {
    metadata
        .members()
        .into_iter()
        .map(|member| member.name.clone())
        .filter(|name| name.starts_with(RUNNER) && name != CORE)
        .collect()
}

impl Plan {
    pub(super) fn new(root: &Path, metadata: &Metadata, runner: &str) -> Result<Self> {
        let members = metadata.members();
        let gone = goes_with(runner, &members)?;
        let mut plan = Self {
            gone: COMPARING.map(str::to_owned).into(),
            manifests: BTreeMap::new(),
            tested: Vec::new(),
            without_tests: BTreeMap::new(),
        };
        for member in members {
            let path = relative(root, &member.manifest_path);
            if gone.contains(&member.name) {
                plan.gone.insert(folder(&path).to_owned());
                continue;
            }
            match lost_by_tests(member, &gone) {
                Some(lost) => {
                    plan.without_tests.insert(member.name.clone(), lost);
                }
                None => plan.tested.push(member.name.clone()),
            }
            let file = root.join(&path);
            let text = std::fs::read_to_string(&file).map_err(Error::file(&file))?;
            let text = manifest::without(&text, &gone).map_err(Error::form(&path))?;
            plan.manifests.insert(path, text);
        }
        let folders: Vec<&str> = plan.gone.iter().map(String::as_str).collect();
        if let Some(text) = plan.manifests.get_mut("Cargo.toml") {
            *text = manifest::without_members(text, &folders).map_err(Error::form("Cargo.toml"))?;
        }
        Ok(plan)
    }

    /// Whether a file of the workspace is not copied.
    pub(super) fn leaves_out(&self, file: &str) -> bool {
        !file.starts_with(DATA)
            && self.gone.iter().any(|folder| {
                file.strip_prefix(folder.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
            })
    }
}

/// The runner, the chores, and every package that cannot be built without one
/// that goes.
fn goes_with(runner: &str, members: &[&Package]) -> Result<BTreeSet<String>> {
    let mut gone = BTreeSet::from([runner.to_owned(), CHORES.to_owned()]);
    loop {
        let before = gone.len();
        for member in members {
            let needs = member.dependencies.iter().any(|dependency| {
                dependency.is_for_build() && !dependency.optional && gone.contains(&dependency.name)
            });
            if needs {
                gone.insert(member.name.clone());
            }
        }
        if gone.len() == before {
            break;
        }
    }
    let mut core = members
        .iter()
        .filter(|member| member.name == FACADE || is_leaf_of_none(&member.name, runner));
    match core.find(|member| gone.contains(&member.name)) {
        Some(member) => Err(Error::Verdict(format!(
            "{} cannot be built without {runner}",
            member.name
        ))),
        None => Ok(gone),
    }
}

/// Packages that no runner may take with it.
fn is_leaf_of_none(name: &str, runner: &str) -> bool {
    name != runner && (name.starts_with(RUNNER) || matches!(name, "whitebeam-sdk" | "whitebeam-io"))
}

fn lost_by_tests(member: &Package, gone: &BTreeSet<String>) -> Option<String> {
    member
        .dependencies
        .iter()
        .find(|dependency| gone.contains(&dependency.name) && !dependency.is_for_build())
        .map(|dependency| dependency.name.clone())
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
    names.join("/")
}

fn folder(manifest: &str) -> &str {
    manifest.strip_suffix("/Cargo.toml").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, needs: &[&str]) -> Package {
        Package {
            name: name.into(),
            id: name.into(),
            dependencies: needs
                .iter()
                .map(|need| Dependency {
                    name: need.trim_end_matches(['?', '~']).into(),
                    kind: need.ends_with('~').then(|| "dev".into()),
                    optional: need.ends_with('?'),
                })
                .collect(),
            ..Package::default()
        }
    }

    #[test]
    fn what_cannot_be_built_without_the_runner_goes_and_what_only_offers_it_stays() {
        let packages = [
            package("whitebeam-runner-local", &["whitebeam-runner-core"]),
            package("whitebeam-testkit", &["whitebeam-runner-local"]),
            package("whitebeam-tests", &["whitebeam-testkit"]),
            package("whitebeam-runner-batch", &["whitebeam-testkit~"]),
            package("whitebeam", &["whitebeam-runner-local?"]),
        ];
        let members: Vec<&Package> = packages.iter().collect();
        let gone = goes_with("whitebeam-runner-local", &members).expect("possible");
        let names: Vec<&str> = gone.iter().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "whitebeam-runner-local",
                "whitebeam-testkit",
                "whitebeam-tests",
                "xtask"
            ]
        );
        let lost = lost_by_tests(&packages[3], &gone);
        assert_eq!(lost.as_deref(), Some("whitebeam-testkit"));
    }

    #[test]
    fn a_runner_that_takes_others_with_it_is_refused() {
        for taken in [
            package("whitebeam", &["whitebeam-runner-local"]),
            package("whitebeam-runner-batch", &["whitebeam-runner-local"]),
            package("whitebeam-io", &["whitebeam-runner-local"]),
        ] {
            let runner = package("whitebeam-runner-local", &[]);
            assert!(goes_with("whitebeam-runner-local", &[&runner, &taken]).is_err());
        }
    }
}
