//! The features that the workspace is built with: all, but for those that need a library of this
//! machine that is not here.
//!
//! Owns which features those are. In CI nothing may be left out: there the build fails instead.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Result;
use crate::workspace::{Metadata, Package};

/// Features whose name ends so need OpenSSL's headers.
const OF_OPENSSL: &str = "kafka-tls";

/// What cargo is told, behind `--workspace`.
pub(crate) fn arguments(root: &Path) -> Result<Vec<String>> {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    if in_ci || has_openssl() {
        return Ok(vec!["--all-features".to_owned()]);
    }
    eprintln!(
        "without `{OF_OPENSSL}`: OpenSSL's headers are missing; install them with \
         `apt-get install libssl-dev pkg-config`"
    );
    let metadata = Metadata::members_only(root)?;
    Ok(vec!["--features".to_owned(), without(&metadata.members())])
}

fn without(members: &[&Package]) -> String {
    let features = members.iter().flat_map(|member| {
        let own = member.features.keys().filter(|name| *name != OF_OPENSSL);
        own.map(|name| format!("{}/{name}", member.name))
    });
    features.collect::<Vec<_>>().join(",")
}

fn has_openssl() -> bool {
    let mut command = Command::new("pkg-config");
    command.args(["--exists", "openssl"]).stdin(Stdio::null());
    let found = command.status().is_ok_and(|status| status.success());
    found || std::env::var_os("OPENSSL_DIR").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_openssl_is_left_out() {
        let package = |name: &str, features: &[&str]| Package {
            name: name.to_owned(),
            features: features
                .iter()
                .map(|feature| ((*feature).to_owned(), Vec::new()))
                .collect(),
            ..Package::default()
        };
        let io = package("io", &["kafka", "kafka-tls", "log"]);
        let sdk = package("sdk", &[]);
        let facade = package("facade", &["kafka-tls", "default"]);
        assert_eq!(
            without(&[&facade, &io, &sdk]),
            "facade/default,io/kafka,io/log"
        );
    }
}
