//! What a tidy rule reports. Owns the form of one line of the report, so that
//! every rule names its place in the same way.

use std::fmt;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Shown; the chore still succeeds.
    Warning,
    /// The chore fails.
    Error,
}

/// One broken rule in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) rule: &'static str,
    /// `path`, `path:line` or the name of a package.
    pub(crate) place: String,
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn error(
        rule: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            rule,
            place: place.into(),
            message: message.into(),
        }
    }

    pub(crate) fn warning(
        rule: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(rule, place, message)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let Self {
            rule,
            place,
            message,
            ..
        } = self;
        write!(f, "{severity}[{rule}]: {place}: {message}")
    }
}
