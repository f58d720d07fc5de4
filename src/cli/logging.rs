//! Logs: what the library says through `tracing`, on standard error.
//!
//! Owns the one subscriber of a pipeline binary. Whoever embeds the library installs their own
//! instead; nothing is logged unless `RUST_LOG` asks for it (`RUST_LOG=whitebeam=info`).

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Where people say what they want to read.
const VARIABLE: &str = "RUST_LOG";

/// Logs from here on; an error names what was not understood.
pub(super) fn install() -> Result<(), String> {
    let Some(wanted) = std::env::var_os(VARIABLE) else {
        return Ok(());
    };
    let wanted = wanted.to_string_lossy();
    let targets: Targets = wanted.parse().map_err(|e| {
        format!("{VARIABLE}={wanted} is not understood: {e}; write {VARIABLE}=whitebeam=info")
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // A program that has installed its own subscriber keeps it.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(targets)
        .try_init();
    Ok(())
}
