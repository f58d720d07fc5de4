//! What the workspace consists of: its root, its packages as cargo sees them,
//! and its files as version control would see them.
//!
//! Owns no judgement. Files are those not ignored, so a new file is checked
//! before it is committed, and a copy without its history is checked as well.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::process;

/// The name of the root package.
pub(crate) const FACADE: &str = "whitebeam";

/// The answer of `cargo metadata`, as far as chores read it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) resolve: Option<Resolve>,
    #[serde(default)]
    pub(crate) target_directory: PathBuf,
}

/// One package: a member of the workspace, or something it needs.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) id: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
}

/// A dependency as its manifest declares it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` is a normal dependency; otherwise `dev` or `build`.
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) optional: bool,
}

/// A library, program, example or test of a package.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    pub(crate) required_features: Vec<String>,
}

/// Which packages were chosen, and who needs whom.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Resolve {
    pub(crate) nodes: Vec<Node>,
}

/// One package in the graph of chosen packages.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) deps: Vec<Edge>,
}

/// An arrow of that graph.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Edge {
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<EdgeKind>,
}

/// Why the arrow is there; see [`Dependency::kind`].
#[derive(Debug, Default, Deserialize)]
pub(crate) struct EdgeKind {
    pub(crate) kind: Option<String>,
}

impl Dependency {
    /// Needed to build the library, not only its tests.
    pub(crate) fn is_for_build(&self) -> bool {
        self.kind.as_deref() != Some("dev")
    }
}

impl Metadata {
    /// Everything, for every platform: cargo may have to download some of it.
    pub(crate) fn everything(root: &Path) -> Result<Self> {
        Self::read(root, "--all-features")
    }

    /// The packages of the workspace only.
    pub(crate) fn members_only(root: &Path) -> Result<Self> {
        Self::read(root, "--no-deps")
    }

    fn read(root: &Path, reach: &str) -> Result<Self> {
        let words = ["metadata", "--format-version=1", reach];
        let text = process::capture(process::cargo(root).args(words))?;
        serde_json::from_str(&text).map_err(Error::form("cargo metadata"))
    }

    /// The packages of this workspace, in the order of their names.
    pub(crate) fn members(&self) -> Vec<&Package> {
        let mut members: Vec<_> = self
            .packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members
    }

    /// The root package.
    pub(crate) fn facade(&self) -> Result<&Package> {
        self.members()
            .into_iter()
            .find(|package| package.name == FACADE)
            .ok_or_else(|| Error::Verdict(format!("the workspace has no package `{FACADE}`")))
    }
}

/// The folder of the root manifest.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_owned)
}

/// Every file that is not ignored, relative to `root`, with `/` between names, sorted.
pub(crate) fn files(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let walk = ignore::WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .git_global(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk {
        let entry = entry.map_err(Error::form(root.display().to_string()))?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        if let Ok(path) = entry.path().strip_prefix(root) {
            let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
            files.push(names.join("/"));
        }
    }
    files.sort();
    Ok(files)
}

/// The text of a file, or `None` when it is not text.
pub(crate) fn text(path: &Path) -> Result<Option<String>> {
    let bytes = std::fs::read(path).map_err(Error::file(path))?;
    Ok(String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_files_are_left_out_and_new_ones_are_seen_without_history() {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        for name in ["target/a", "kept/b.rs", ".ci/run"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("has a parent")).expect("writable");
            std::fs::write(path, "x").expect("writable");
        }
        std::fs::write(dir.path().join(".gitignore"), "target/\n").expect("writable");
        let found = files(dir.path()).expect("readable");
        assert_eq!(found, [".ci/run", ".gitignore", "kept/b.rs"]);
    }

    #[test]
    fn bytes_that_are_not_text_are_not_text() {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        for (name, bytes, is_text) in [
            ("a", &b"plain"[..], true),
            ("b", &b"nul \0 inside"[..], false),
            ("c", &[0xff, 0xfe][..], false),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).expect("writable");
            assert_eq!(text(&path).expect("readable").is_some(), is_text, "{name}");
        }
    }
}
