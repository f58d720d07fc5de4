//! `Apart`: calls of librdkafka that may never return, on a thread of their own.
//!
//! librdkafka says how long its calls of transactions take, and has been seen not to keep it
//! (confluentinc/librdkafka#4420). Owns the thread, the alarm, and the end of patience: a call that
//! has not returned [`Limits::alarm`] after its time is told, and after [`Limits::give_up`] what it
//! was made on is given up: the thread is left behind with it, and counted. Does not own what an
//! answer means. Invariants: who asks waits no longer than it said, but for a moment; a call that
//! has not returned is followed by no other on the same thing.

use super::aside::{Ended, Ending, drop_aside, ending};
use super::ask::{Until, now};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use std::{io, thread};

/// How much longer than its own time a call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Before it is told.
    pub(super) alarm: Duration,
    /// Before nobody waits any more.
    pub(super) give_up: Duration,
}

impl Limits {
    pub(super) const USUAL: Limits = Limits {
        alarm: Duration::from_secs(5),
        give_up: Duration::from_secs(30),
    };
}

/// A call that is a little late has not stopped.
const GRACE: Duration = Duration::from_millis(200);

/// Threads that this program has left behind.
static LEFT_BEHIND: AtomicU64 = AtomicU64::new(0);

/// What became of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard<R> {
    /// It has returned.
    Answer(R),
    /// It has not returned in time. The same call hears of it; another one waits for its end.
    Nothing,
    /// It will not be waited for, nor anything else that is asked; it was waited for so long.
    GivenUp(Duration),
}

type Call<T, R> = Box<dyn FnOnce(&T) -> R + Send>;

/// Something whose calls are made elsewhere.
pub(super) struct Apart<T: Send + Sync + 'static, R> {
    /// Gone only while this is dropped: the thread's share is the last one, for its end may last.
    what: Option<Arc<T>>,
    /// Gone only while this is dropped.
    calls: Option<SyncSender<Call<T, R>>>,
    answers: Receiver<R>,
    ended: Ended,
    limits: Limits,
    /// Who it is, for who is told.
    id: String,
    /// A call that has not returned.
    open: Option<Open>,
    given_up: Option<Duration>,
}

struct Open {
    action: &'static str,
    since: Duration,
    /// When it should have returned.
    due: Duration,
    is_told: bool,
}

impl<T: Send + Sync + 'static, R: Send + 'static> Apart<T, R> {
    pub(super) fn new(what: T, id: &str, limits: Limits) -> io::Result<Self> {
        let what = Arc::new(what);
        // One call at a time is made.
        let (calls, made) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        let (ending, ended) = ending();
        let share = Arc::clone(&what);
        #[allow(
            clippy::disallowed_methods,
            reason = "librdkafka's calls may never return, and who makes them must"
        )]
        thread::Builder::new()
            .name("kafka-producer".to_owned())
            .spawn(move || serve(share, &made, &answer, ending))?;
        Ok(Apart {
            what: Some(what),
            calls: Some(calls),
            answers,
            ended,
            limits,
            id: id.to_owned(),
            open: None,
            given_up: None,
        })
    }

    /// For what does not wait.
    pub(super) fn get(&self) -> &T {
        self.what
            .as_deref()
            .expect("it is there until this is dropped")
    }

    /// Makes a call that should take no longer than `takes`, unless the same one is still being
    /// made, and waits for its answer.
    pub(super) fn call(
        &mut self,
        action: &'static str,
        takes: Duration,
        until: Until,
        call: impl FnOnce(&T) -> R + Send + 'static,
    ) -> Heard<R> {
        if let Some(open) = &self.open {
            let is_same = open.action == action;
            match self.hear(until) {
                // What became of something else, nobody asks any more.
                Heard::Answer(_) if !is_same => {}
                heard => return heard,
            }
        }
        if let Some(after) = self.given_up {
            return Heard::GivenUp(after);
        }
        let calls = self.calls.as_ref();
        let is_made = calls.is_some_and(|calls| calls.try_send(Box::new(call)).is_ok());
        let since = now();
        self.open = Some(Open {
            action,
            since,
            due: since.saturating_add(takes),
            is_told: false,
        });
        match is_made {
            true => self.hear(until),
            // Its thread has died, by a panic.
            false => self.give_up(Duration::ZERO),
        }
    }

    /// How long a call that takes so long is waited for at the most.
    pub(super) fn patience(&self, takes: Duration) -> Duration {
        takes.saturating_add(self.limits.give_up)
    }

    /// Waits for the call that has not returned.
    fn hear(&mut self, until: Until) -> Heard<R> {
        loop {
            let Some(open) = &mut self.open else {
                return Heard::Nothing;
            };
            let at = now();
            let spent = at.saturating_sub(open.since);
            if !open.is_told && at >= open.due.saturating_add(self.limits.alarm) {
                open.is_told = true;
                let (id, call, seconds) = (&self.id, open.action, spent.as_secs_f64());
                tracing::warn!(id, call, seconds, "a call of librdkafka does not return");
            }
            let end = open.due.saturating_add(self.limits.give_up);
            if at >= end {
                return self.give_up(spent);
            }
            let alarm = open.due.saturating_add(self.limits.alarm);
            let next = if open.is_told { end } else { alarm.min(end) };
            let grace = open.due.saturating_add(GRACE).saturating_sub(at);
            let patience = until.left().max(grace);
            if patience.is_zero() {
                return Heard::Nothing;
            }
            let wait = patience.min(next.saturating_sub(at));
            match self.answers.recv_timeout(wait) {
                Ok(answer) => {
                    self.open = None;
                    return Heard::Answer(answer);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.give_up(spent),
            }
        }
    }

    fn give_up(&mut self, after: Duration) -> Heard<R> {
        let call = self.open.take().map_or("", |open| open.action);
        leave(&self.id, call, after);
        self.given_up = Some(after);
        Heard::GivenUp(after)
    }
}

/// A thread is left behind.
fn leave(id: &str, call: &str, after: Duration) {
    let left_behind = LEFT_BEHIND.fetch_add(1, Ordering::Relaxed) + 1;
    let seconds = after.as_secs_f64();
    tracing::warn!(
        id,
        call,
        seconds,
        left_behind,
        "a call of librdkafka has not returned: its producer is given up, and its thread left behind"
    );
}

impl<T: Send + Sync + 'static, R> Drop for Apart<T, R> {
    fn drop(&mut self) {
        // Where a call has panicked its thread's share is gone, and this is the last one.
        if let Some(last) = self.what.take().and_then(Arc::into_inner) {
            drop_aside(last);
        }
        self.calls = None;
        if self.given_up.is_some() || self.ended.wait() {
            return;
        }
        // The end itself may last, for brokers are waited for.
        if let Some(open) = &self.open {
            leave(&self.id, open.action, now().saturating_sub(open.since));
        }
    }
}

/// Makes calls until nobody is there to ask for any; then the thing ends.
fn serve<T, R>(
    what: Arc<T>,
    calls: &Receiver<Call<T, R>>,
    answers: &SyncSender<R>,
    ending: Ending,
) {
    while let Ok(call) = calls.recv() {
        if answers.send(call(&what)).is_err() {
            break;
        }
    }
    drop(what);
    drop(ending);
}

#[cfg(test)]
mod tests;
