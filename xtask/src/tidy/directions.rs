//! Which package of the workspace may need which, and what the model's packages
//! must never reach.
//!
//! Invariant: a rule of windows, triggers, panes or lateness has one home,
//! because no runner can see another one and no connector can see a runner.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use crate::workspace::{Metadata, Package};

const RULE: &str = "directions";

const ENV: &str = "whitebeam-env";
const SDK: &str = "whitebeam-sdk";
const CORE: &str = "whitebeam-runner-core";
const IO: &str = "whitebeam-io";
const LOCAL: &str = "whitebeam-runner-local";
const BATCH: &str = "whitebeam-runner-batch";
const STREAMING: &str = "whitebeam-runner-streaming";
const TESTKIT: &str = "whitebeam-testkit";

/// What each package may need of the others. One that is missing here is
/// refused until somebody decides where it stands.
const MAY_NEED: &[(&str, &[&str])] = &[
    (ENV, &[]),
    (SDK, &[]),
    (CORE, &[SDK]),
    (IO, &[SDK, ENV]),
    (LOCAL, &[CORE, SDK]),
    (BATCH, &[CORE, SDK]),
    (STREAMING, &[CORE, SDK, ENV]),
    (TESTKIT, &[SDK, CORE, LOCAL, IO, ENV]),
    (
        "whitebeam",
        &[SDK, CORE, IO, LOCAL, BATCH, STREAMING, TESTKIT, ENV],
    ),
    (
        "whitebeam-tests",
        &[
            "whitebeam",
            SDK,
            CORE,
            IO,
            LOCAL,
            BATCH,
            STREAMING,
            TESTKIT,
            ENV,
        ],
    ),
    ("xtask", &[]),
];

/// What tests of any package may need besides.
const TESTS_MAY_NEED: &[&str] = &[TESTKIT];

/// Synchronous, single-threaded, without I/O: not even through another package.
const PURE: &[&str] = &[SDK, CORE];
const NOT_PURE: &[&str] = &[
    "async-std",
    "mio",
    "rayon",
    "rayon-core",
    "rdkafka",
    "rdkafka-sys",
    "smol",
    "tokio",
];

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let members = metadata.members();
    let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut found = Vec::new();
    for member in members {
        found.extend(siblings(member, &names));
        if PURE.contains(&member.name.as_str()) {
            found.extend(impurities(member, metadata));
        }
    }
    found
}

fn siblings(member: &Package, names: &BTreeSet<&str>) -> Vec<Finding> {
    let Some((_, allowed)) = MAY_NEED.iter().find(|(name, _)| *name == member.name) else {
        let message = "unknown package; say in xtask/src/tidy/directions.rs what it may need";
        return vec![Finding::error(RULE, &member.name, message)];
    };
    member
        .dependencies
        .iter()
        .filter(|dependency| names.contains(dependency.name.as_str()))
        .filter(|dependency| {
            let name = dependency.name.as_str();
            let in_tests = !dependency.is_for_build() && TESTS_MAY_NEED.contains(&name);
            !in_tests && !allowed.contains(&name)
        })
        .map(|dependency| {
            let message = format!("must not need `{}`", dependency.name);
            Finding::error(RULE, &member.name, message)
        })
        .collect()
}

/// Forbidden packages within reach of a build of `member`, each with who needs it.
fn impurities(member: &Package, metadata: &Metadata) -> Vec<Finding> {
    let by_id: BTreeMap<&str, &Package> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .collect();
    let edges = build_edges(metadata);
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([member.id.as_str()]);
    let mut open = vec![member.id.as_str()];
    while let Some(id) = open.pop() {
        for &needed in edges.get(id).into_iter().flatten() {
            if !seen.insert(needed) {
                continue;
            }
            open.push(needed);
            let name = by_id.get(needed).map_or(needed, |package| &package.name);
            if NOT_PURE.contains(&name) {
                let by = by_id.get(id).map_or(id, |package| &package.name);
                let message = format!("must not reach `{name}` (needed by `{by}`)");
                found.push(Finding::error(RULE, &member.name, message));
            }
        }
    }
    found
}

fn build_edges(metadata: &Metadata) -> BTreeMap<&str, Vec<&str>> {
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    nodes
        .map(|node| {
            let needed = node
                .deps
                .iter()
                .filter(|edge| {
                    edge.dep_kinds
                        .iter()
                        .any(|kind| kind.kind.as_deref() != Some("dev"))
                })
                .map(|edge| edge.pkg.as_str())
                .collect();
            (node.id.as_str(), needed)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Dependency, Edge, EdgeKind, Node, Resolve};

    /// A workspace from arrows `a -> b`, or `a ~> b` for tests only.
    fn workspace(members: &[&str], arrows: &[&str]) -> Metadata {
        let mut metadata = Metadata::default();
        let mut resolve = Resolve::default();
        let arrows: Vec<(&str, &str, Option<String>)> = arrows
            .iter()
            .filter_map(|arrow| match arrow.split_once(" -> ") {
                Some((from, to)) => Some((from, to, None)),
                None => arrow
                    .split_once(" ~> ")
                    .map(|(from, to)| (from, to, Some("dev".into()))),
            })
            .collect();
        let names: BTreeSet<&str> = arrows
            .iter()
            .flat_map(|(from, to, _)| [*from, *to])
            .chain(members.iter().copied())
            .collect();
        for name in names {
            let own = arrows.iter().filter(|(from, ..)| *from == name);
            metadata.packages.push(Package {
                name: name.into(),
                id: name.into(),
                dependencies: own
                    .clone()
                    .map(|(_, to, kind)| Dependency {
                        name: (*to).into(),
                        kind: kind.clone(),
                        optional: false,
                    })
                    .collect(),
                ..Package::default()
            });
            resolve.nodes.push(Node {
                id: name.into(),
                deps: own
                    .map(|(_, to, kind)| Edge {
                        pkg: (*to).into(),
                        dep_kinds: vec![EdgeKind { kind: kind.clone() }],
                    })
                    .collect(),
            });
        }
        metadata.workspace_members = members.iter().map(|name| (*name).into()).collect();
        metadata.resolve = Some(resolve);
        metadata
    }

    const ALL: &[&str] = &[ENV, SDK, CORE, IO, LOCAL, BATCH, TESTKIT];

    fn messages(arrow: &str) -> Vec<String> {
        check(&workspace(ALL, &[arrow]))
            .into_iter()
            .map(|finding| format!("{}: {}", finding.place, finding.message))
            .collect()
    }

    #[test]
    fn arrows_against_the_direction_are_found() {
        for (arrow, expected) in [
            (
                "whitebeam-sdk -> whitebeam-io",
                "whitebeam-sdk: must not need `whitebeam-io`",
            ),
            (
                "whitebeam-runner-batch -> whitebeam-runner-local",
                "whitebeam-runner-batch: must not need `whitebeam-runner-local`",
            ),
            (
                "whitebeam-io -> whitebeam-runner-core",
                "whitebeam-io: must not need `whitebeam-runner-core`",
            ),
            (
                "whitebeam-runner-local -> whitebeam-io",
                "whitebeam-runner-local: must not need `whitebeam-io`",
            ),
            (
                "whitebeam-runner-local ~> whitebeam-runner-batch",
                "whitebeam-runner-local: must not need `whitebeam-runner-batch`",
            ),
            (
                "whitebeam-runner-core -> whitebeam-testkit",
                "whitebeam-runner-core: must not need `whitebeam-testkit`",
            ),
            (
                "whitebeam-runner-core -> whitebeam-env",
                "whitebeam-runner-core: must not need `whitebeam-env`",
            ),
        ] {
            assert_eq!(messages(arrow), [expected], "{arrow}");
        }
    }

    #[test]
    fn arrows_with_the_direction_are_right() {
        for arrow in [
            "whitebeam-runner-core -> whitebeam-sdk",
            "whitebeam-io -> whitebeam-sdk",
            "whitebeam-io -> whitebeam-env",
            "whitebeam-runner-batch -> whitebeam-runner-core",
            "whitebeam-runner-batch -> rayon",
            "whitebeam-runner-core ~> whitebeam-testkit",
            "whitebeam-runner-core ~> rayon",
            "whitebeam-testkit -> whitebeam-runner-local",
        ] {
            assert_eq!(messages(arrow), [""; 0], "{arrow}");
        }
    }

    #[test]
    fn the_model_reaches_no_runtime_even_through_others() {
        let found = check(&workspace(
            ALL,
            &["whitebeam-runner-core -> middle", "middle -> tokio"],
        ));
        assert_eq!(
            found[0].message,
            "must not reach `tokio` (needed by `middle`)"
        );
        assert_eq!(messages("whitebeam-sdk -> rayon").len(), 1);
    }

    #[test]
    fn a_new_package_must_be_given_its_place() {
        let found = check(&workspace(&["whitebeam-new"], &[]));
        assert_eq!(found.len(), 1);
    }
}
