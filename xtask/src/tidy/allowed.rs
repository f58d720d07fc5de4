//! Exceptions from a rule: one module each, with the reason it is right.
//!
//! An exception that nothing needs any more is itself a finding, so the lists
//! never say more than the code.

use super::finding::Finding;

/// One exception.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    /// The file, relative to the root of the workspace.
    pub(super) path: &'static str,
    /// Why the rule does not hold there.
    pub(super) reason: &'static str,
}

/// Takes the findings that exceptions cover out of `found`, and adds one for
/// each exception that covers nothing.
pub(super) fn apply(
    rule: &'static str,
    allowed: &[Allowed],
    found: Vec<(String, Finding)>,
) -> Vec<Finding> {
    let idle: Vec<Finding> = allowed
        .iter()
        .filter(|exception| !found.iter().any(|(path, _)| path == exception.path))
        .map(|exception| {
            Finding::error(
                rule,
                exception.path,
                format!(
                    "the exception `{}` is not needed any more; take it off the list",
                    exception.reason
                ),
            )
        })
        .collect();
    found
        .into_iter()
        .filter(|(path, _)| !allowed.iter().any(|exception| exception.path == path))
        .map(|(_, finding)| finding)
        .chain(idle)
        .collect()
}
