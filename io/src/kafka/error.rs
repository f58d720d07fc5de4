//! What can be wrong with a cluster, in words: what happened, where, and what to do.
//!
//! Owns the wording only. Invariant: every text names the cluster or the topic, and the partition and
//! offset where there is one; none holds a secret.

use super::client::{ClientError, Failure};
use whitebeam_sdk::Error;

/// An answer that ends what a source or sink was doing with `topic`.
pub(super) fn failed(cluster: &str, topic: &str, e: ClientError) -> Error {
    let at = format!("topic `{topic}` at {cluster}");
    let error = match e.failure {
        Failure::Unreachable | Failure::Unknown => {
            Error::unavailable(format!("{at}: no broker answered"))
                .help("check the address, and that a broker listens there")
        }
        Failure::Credentials => Error::unavailable(format!("{at}: the broker refused who asked"))
            .help("check security.protocol, the user and the password, and the certificates"),
        Failure::Forbidden => Error::unavailable(format!("{at}: access was refused"))
            .help("ask for the rights that docs/guarantees.md lists"),
        Failure::NoTopic => Error::unavailable(format!("{at}: there is no such topic"))
            .help("create it, or check the name"),
        Failure::Invalid => Error::unavailable(format!("{at}: the client refused what was asked")),
        _ => Error::unavailable(format!("{at}: {}", e.action)),
    };
    error.caused_by(e)
}
