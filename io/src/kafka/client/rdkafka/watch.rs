//! `Watch`: what librdkafka says without being asked.
//!
//! Owns its log lines, on their way to `tracing`, and the last trouble with connections, which tells why
//! a call was not answered. Does not own the errors of calls. Invariant: no line holds a secret.

use super::super::{ClientError, Failure};
use super::failure;
use super::settings::Settings;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::{debug, info, trace, warn};

/// What librdkafka says of its connections.
pub(super) struct Watch {
    settings: Arc<Settings>,
    /// There may be trouble: every record that arrives asks.
    is_troubled: AtomicBool,
    trouble: Mutex<Trouble>,
}

/// Since the last answer.
#[derive(Default)]
struct Trouble {
    refused: Option<String>,
    down: Option<String>,
    last: Option<String>,
}

impl Watch {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Watch {
            settings,
            is_troubled: AtomicBool::new(false),
            trouble: Mutex::default(),
        }
    }

    /// There was an answer: whatever was wrong is over.
    pub(super) fn well(&self) {
        if self.is_troubled.load(Ordering::Acquire) {
            let mut trouble = self.trouble();
            *trouble = Trouble::default();
            self.is_troubled.store(false, Ordering::Release);
        }
    }

    /// Why nobody answers: who asks was refused.
    pub(super) fn refused(&self, action: &str) -> Option<ClientError> {
        let text = self.trouble().refused.clone()?;
        Some(ClientError::new(Failure::Credentials, action, text))
    }

    /// Why nobody answers: all brokers are away.
    pub(super) fn unreachable(&self, action: &str) -> Option<ClientError> {
        let trouble = self.trouble();
        let down = trouble.down.as_ref()?;
        let text = trouble.last.as_ref().unwrap_or(down).clone();
        Some(ClientError::new(Failure::Unreachable, action, text))
    }

    /// An error in words that hold no secret.
    pub(super) fn error_of(&self, failure: Failure, action: &str, said: &str) -> ClientError {
        ClientError::new(failure, action, self.settings.hide(said))
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn heard(&self, error: &KafkaError, reason: &str) {
        let text = self.settings.hide(reason);
        debug!(target: "librdkafka", "{error}: {text}");
        let Some(code) = failure::code_of(error) else {
            return;
        };
        let mut trouble = self.trouble();
        self.is_troubled.store(true, Ordering::Release);
        match failure::of_trouble(code, &text) {
            Failure::Credentials => trouble.refused = Some(text),
            Failure::Unreachable if code == RDKafkaErrorCode::AllBrokersDown => {
                trouble.down = Some(text);
            }
            Failure::Unreachable => trouble.last = Some(text),
            _ => {}
        }
    }

    pub(super) fn line(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        use RDKafkaLogLevel as Is;
        let text = self.settings.hide(text);
        match level {
            // Settings for readers are given to writers too.
            _ if facility == "CONFWARN" => trace!(target: "librdkafka", "{facility} {text}"),
            Is::Emerg | Is::Alert | Is::Critical | Is::Error => {
                warn!(target: "librdkafka", "{facility} {text}");
            }
            Is::Warning => info!(target: "librdkafka", "{facility} {text}"),
            Is::Notice | Is::Info => debug!(target: "librdkafka", "{facility} {text}"),
            Is::Debug => trace!(target: "librdkafka", "{facility} {text}"),
        }
    }
}

/// Only watches.
pub(super) struct Watching(pub(super) Arc<Watch>);

impl ClientContext for Watching {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.0.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.heard(&error, reason);
    }
}
