//! The status of a run without end: one line on a terminal, plain lines elsewhere, JSON lines for
//! machines.
//!
//! Owns where it goes and how often; the words are `state`'s. The numbers are the run's own, asked for
//! once a period by a thread of its own: nothing of the run waits for it.

use super::state::State;
use crate::runners::MetricsHandle;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Shows how a run stands, as long as it lives.
pub(super) struct Status {
    screen: Screen,
    over: Arc<Over>,
    showing: Option<JoinHandle<()>>,
}

/// Where lines go.
#[derive(Clone)]
pub(super) enum Screen {
    Bar(ProgressBar),
    Lines,
    Json,
}

#[derive(Default)]
struct Over {
    is_over: Mutex<bool>,
    rang: Condvar,
}

impl Screen {
    /// For machines, for people at a terminal, or for people who read it later.
    pub(super) fn new(json: bool) -> Self {
        if json {
            return Screen::Json;
        }
        match std::io::stderr().is_terminal() {
            true => Screen::Bar(bar()),
            false => Screen::Lines,
        }
    }

    fn period(&self) -> Duration {
        match self {
            Screen::Bar(_) => Duration::from_millis(250),
            Screen::Lines => Duration::from_secs(2),
            Screen::Json => Duration::from_secs(1),
        }
    }

    /// An event, told to machines alone.
    pub(super) fn tell(&self, event: &Value) {
        if let Screen::Json = self {
            // What nobody can read any more is no reason to stop a run.
            let _ = writeln!(std::io::stdout(), "{event}");
        }
    }

    /// A line for people, which stays.
    pub(super) fn say(&self, text: &str) {
        let write = || {
            let _ = writeln!(std::io::stderr(), "{text}");
        };
        match self {
            Screen::Bar(bar) => bar.suspend(write),
            Screen::Lines => write(),
            Screen::Json => {}
        }
    }

    fn show(&self, state: &State) {
        match self {
            Screen::Bar(bar) => bar.set_message(state.short()),
            Screen::Lines => self.say(&state.line()),
            Screen::Json => self.tell(&state.object()),
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

impl Status {
    /// Shows the run of `metrics` on `screen` from now on.
    pub(super) fn show(screen: Screen, metrics: MetricsHandle) -> Self {
        let over = Arc::new(Over::default());
        let shown = (screen.clone(), Arc::clone(&over));
        let show = move || {
            let (screen, over) = shown;
            let mut before = metrics.read();
            while over.sleeps(screen.period()) {
                let now = metrics.read();
                screen.show(&State::between(&before, &now));
                before = now;
            }
        };
        // Without a thread to spare, the run goes on unseen.
        #[expect(clippy::disallowed_methods, reason = "it shows while the run goes on")]
        let showing = thread::Builder::new().name("status".into()).spawn(show);
        Status {
            screen,
            over,
            showing: showing.ok(),
        }
    }
}

impl Over {
    /// False once it is over.
    fn sleeps(&self, period: Duration) -> bool {
        // Nothing can fail while the lock is held.
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.rang.wait_timeout_while(is_over, period, |over| !*over);
        let (is_over, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*is_over
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        *self
            .over
            .is_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.over.rang.notify_all();
        if let Some(showing) = self.showing.take() {
            let _ = showing.join();
        }
        if let Screen::Bar(bar) = &self.screen {
            bar.finish_and_clear();
        }
    }
}
