//! Crash points in earnest: an end, or a standstill, that the environment asks for.
//!
//! Owns the reading of `WHITEBEAM_CRASH` (aborts there), `WHITEBEAM_STOP` (stops there, as by
//! `SIGSTOP`, until somebody continues the process) and `WHITEBEAM_VISITS` (a file that gets a line
//! for every point that is reached). Without the feature `crash-points` nothing is compiled in, so
//! that no variable can end a program.

#[cfg(feature = "crash-points")]
pub(crate) fn reach(label: &str) {
    use std::sync::OnceLock;
    static ARMED: OnceLock<[Option<armed::Armed>; 2]> = OnceLock::new();
    let read = |name| armed::Armed::parse(&std::env::var(name).ok()?);
    let [crash, stop] = ARMED.get_or_init(|| ["WHITEBEAM_CRASH", "WHITEBEAM_STOP"].map(read));
    let is_due = |armed: &Option<armed::Armed>| armed.as_ref().is_some_and(|a| a.is_due(label));
    if let Some(path) = std::env::var_os("WHITEBEAM_VISITS") {
        note(path.as_ref(), label);
    }
    if is_due(crash) {
        std::process::abort();
    }
    if is_due(stop) {
        let this = std::process::id().to_string();
        // Whoever asked for it sees whether it stands still.
        let _ = std::process::Command::new("kill")
            .args(["-STOP", &this])
            .status();
    }
}

/// Whoever asked for it sees whether it is there.
#[cfg(feature = "crash-points")]
fn note(path: &std::path::Path, label: &str) {
    use std::io::Write;
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path);
    let _ = file.and_then(|mut file| file.write_all(format!("{label}\n").as_bytes()));
}

#[cfg(not(feature = "crash-points"))]
pub(crate) fn reach(label: &str) {
    let _ = label;
}

#[cfg(any(feature = "crash-points", test))]
pub(crate) mod armed {
    //! Which visit of which point is the last.

    use std::sync::atomic::{AtomicU64, Ordering};

    /// A point, and after how many visits it strikes.
    #[derive(Debug)]
    pub(crate) struct Armed {
        label: String,
        at: u64,
        visits: AtomicU64,
    }

    impl Armed {
        /// `label` or `label:n`; n counts from 1.
        pub(crate) fn parse(text: &str) -> Option<Self> {
            let (label, at) = match text.split_once(':') {
                Some((label, n)) => (label, n.parse().ok()?),
                None => (text, 1),
            };
            Some(Armed {
                label: label.to_owned(),
                at,
                visits: AtomicU64::new(0),
            })
        }

        /// Whether this visit is the one.
        pub(crate) fn is_due(&self, label: &str) -> bool {
            label == self.label && self.visits.fetch_add(1, Ordering::Relaxed) + 1 == self.at
        }
    }
}
