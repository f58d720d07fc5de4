//! `cargo xtask check`: everything that can be said about the code without
//! running it.

use std::path::Path;

use crate::error::Result;
use crate::features;
use crate::process::{cargo, run as run_process};
use crate::steps::Steps;
use crate::tidy;
use crate::workspace::{FACADE, Metadata, Package};

/// Packages outside the workspace that share its format.
const OUTSIDE: [&str; 2] = [BENCHES, "tests/consumer/Cargo.toml"];
const BENCHES: &str = "benches/Cargo.toml";

/// Runs every check, then says which ones failed.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = Metadata::members_only(root)?;
    let mut steps = Steps::default();
    steps.run("format", || {
        run_process(cargo(root).args(["fmt", "--all", "--check"]))
    });
    for manifest in OUTSIDE {
        if root.join(manifest).exists() {
            steps.run(format!("format of {manifest}"), || {
                run_process(cargo(root).args(["fmt", "--check", "--manifest-path", manifest]))
            });
        }
    }
    steps.run("tidy", || tidy::run(root));
    steps.run("lints", || {
        let lints = ["clippy", "--workspace", "--all-targets"];
        let mut command = cargo(root);
        command.args(lints).args(features::arguments(root)?);
        run_process(command.args(["--", "-D", "warnings"]))
    });
    if root.join(BENCHES).exists() {
        // Outside the workspace, where nothing else would notice.
        steps.run("benches compile", || {
            run_process(cargo(root).args(["check", "--all-targets", "--manifest-path", BENCHES]))
        });
    }
    steps.run("documentation", || {
        let mut command = cargo(root);
        command.args(["doc", "--workspace", "--no-deps"]);
        command.args(features::arguments(root)?);
        run_process(command.env("RUSTDOCFLAGS", "-D warnings"))
    });
    for feature in alone(metadata.facade()?) {
        let name = if feature.is_empty() {
            "no feature".to_owned()
        } else {
            format!("feature `{feature}` alone")
        };
        steps.run(name, || {
            let mut command = cargo(root);
            command.args(["check", "-p", FACADE, "--no-default-features"]);
            if !feature.is_empty() {
                command.args(["--features", feature]);
            }
            run_process(&mut command)
        });
    }
    steps.print();
    steps.verdict()
}

/// Each feature alone; the empty name is none at all. Those of librdkafka add no code of ours, and
/// each would build it anew.
fn alone(facade: &Package) -> Vec<&str> {
    let named = facade.features.keys().map(String::as_str);
    std::iter::once("")
        .chain(named.filter(|name| *name != "default" && !name.starts_with("kafka-")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_checked_alone_and_so_is_none() {
        let mut facade = Package::default();
        for name in ["local", "default", "batch", "kafka-tls"] {
            facade.features.insert(name.into(), Vec::new());
        }
        assert_eq!(alone(&facade), ["", "batch", "local"]);
    }
}
