//! Calls to systems outside the machine, such as a cluster: what a process meets on its way there.
//!
//! Owns the passage through the plan of faults. Does not own the system. A crash strikes before a call
//! or behind it, when what was asked is done and nobody hears of it.

use super::env::SimEnv;
use super::faults::{Class, Crash};
use super::files::unwind;
use super::state::{Effect, Way};
use std::path::Path;

/// What a process meets when it makes a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meeting {
    Nothing,
    /// There is no way.
    Refusal,
    /// It dies; whether the call arrives.
    Crash {
        crash: Crash,
        is_done: bool,
    },
    /// It is dead and tidies up.
    Dead,
}

impl SimEnv {
    /// A call begins. Unwinds if the process is dead.
    pub(crate) fn meet(&self, action: &'static str) -> Meeting {
        if !self.must_live() {
            return Meeting::Dead;
        }
        // Runs with no lock held.
        let due = self.machine().state().interlude.due(None);
        if let Some(run) = due {
            run();
        }
        let cluster = Path::new("cluster");
        let process = self.process();
        let way = self
            .machine()
            .state()
            .enter(process, Class::Call, action, cluster);
        match way {
            Way::Open => Meeting::Nothing,
            Way::Fail(_) => Meeting::Refusal,
            Way::Amid(crash, effect) => Meeting::Crash {
                crash,
                is_done: effect == Effect::Whole,
            },
            Way::Dead => match self.must_live() {
                true => Meeting::Nothing,
                false => Meeting::Dead,
            },
        }
    }

    /// The process, or the machine, goes down.
    pub(crate) fn crash(&self, crash: Crash) -> ! {
        self.machine().state().crash(self.process(), crash);
        unwind(crash)
    }

    /// Whether the process lives; unwinds if it does not, unless it does so already.
    pub(crate) fn must_live(&self) -> bool {
        let is_alive = self.is_alive();
        if !is_alive && !std::thread::panicking() {
            unwind(Crash::before());
        }
        is_alive
    }
}
