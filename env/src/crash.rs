//! Crash points in earnest: an abort that the environment asks for.
//!
//! Owns the reading of `WHITEBEAM_CRASH`. Without the feature `crash-points` nothing is compiled
//! in, so that no variable can end a program.

#[cfg(feature = "crash-points")]
pub(crate) fn reach(label: &str) {
    use std::sync::OnceLock;
    static ARMED: OnceLock<Option<armed::Armed>> = OnceLock::new();
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("WHITEBEAM_CRASH").ok()?;
        armed::Armed::parse(&text)
    });
    if armed.as_ref().is_some_and(|armed| armed.is_due(label)) {
        std::process::abort();
    }
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
