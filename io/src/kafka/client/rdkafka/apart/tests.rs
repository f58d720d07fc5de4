//! What calls come to that return, are late, or never return.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use super::*;
use std::sync::Weak;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const NEVER: Duration = Duration::from_secs(3600);

fn limits(alarm: Duration, give_up: Duration) -> Limits {
    Limits { alarm, give_up }
}

/// Something whose end can be seen, and its calls.
fn apart(limits: Limits) -> (Apart<Arc<()>, u32>, Weak<()>) {
    let what = Arc::new(());
    let seen = Arc::downgrade(&what);
    (Apart::new(what, "shop.0", limits).unwrap(), seen)
}

/// A call that does not return before it is told to.
fn parked(
    answer: u32,
) -> (
    impl FnOnce(&Arc<()>) -> u32 + Send + 'static,
    SyncSender<()>,
) {
    let (release, released) = sync_channel(1);
    let call = move |_: &Arc<()>| {
        let _ = released.recv();
        answer
    };
    (call, release)
}

fn now_or_never<R: Send + 'static>(
    apart: &mut Apart<Arc<()>, R>,
    action: &'static str,
    call: impl FnOnce(&Arc<()>) -> R + Send + 'static,
) -> Heard<R> {
    apart.call(action, Duration::ZERO, Until::within(Duration::ZERO), call)
}

/// Warnings, as text.
#[derive(Clone, Default)]
struct Warnings(Arc<std::sync::Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        *of.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn warned<R>(act: impl FnOnce() -> R) -> (R, Vec<String>) {
    let warnings = Warnings::default();
    let done = tracing::subscriber::with_default(warnings.clone(), act);
    let texts = warnings.0.lock().unwrap().clone();
    (done, texts)
}

#[test]
fn a_call_that_returns_is_answered_and_its_thing_ends_with_it() {
    let (mut apart, seen) = apart(Limits::USUAL);
    let until = Until::within(NEVER);
    for n in 0..3 {
        let heard = apart.call("count", Duration::ZERO, until, move |_| n);
        assert_eq!(heard, Heard::Answer(n));
    }
    assert!(seen.upgrade().is_some());
    drop(apart);
    assert!(seen.upgrade().is_none(), "it ends before who drops goes on");
}

#[test]
fn a_call_that_is_late_is_told_once_and_the_same_call_hears_its_answer() {
    let (mut apart, _) = apart(limits(Duration::ZERO, NEVER));
    let (call, release) = parked(7);
    let (heard, warnings) = warned(|| {
        let first = now_or_never(&mut apart, "commit", call);
        let again = now_or_never(&mut apart, "commit", |_| panic!("it is being made"));
        let other = now_or_never(&mut apart, "abort", |_| panic!("one at a time"));
        [first, again, other]
    });
    assert_eq!(heard, [Heard::Nothing; 3]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for part in [
        "does not return",
        "id=\"shop.0\"",
        "call=\"commit\"",
        "seconds=",
    ] {
        assert!(warnings[0].contains(part), "{part}: {warnings:?}");
    }
    release.send(()).unwrap();
    let until = Until::within(NEVER);
    let heard = apart.call("commit", Duration::ZERO, until, |_| panic!("it was made"));
    assert_eq!(heard, Heard::Answer(7));
    let heard = apart.call("abort", Duration::ZERO, until, |_| 8);
    assert_eq!(heard, Heard::Answer(8));
}

#[test]
fn what_became_of_another_call_is_not_taken_for_an_answer() {
    let (mut apart, _) = apart(limits(NEVER, NEVER));
    let (call, release) = parked(7);
    assert_eq!(now_or_never(&mut apart, "commit", call), Heard::Nothing);
    release.send(()).unwrap();
    let until = Until::within(NEVER);
    let heard = apart.call("abort", Duration::ZERO, until, |_| 8);
    assert_eq!(heard, Heard::Answer(8));
}

#[test]
fn a_call_that_never_returns_is_given_up_and_its_thread_left_behind() {
    let (mut apart, seen) = apart(limits(Duration::ZERO, Duration::ZERO));
    let (call, release) = parked(7);
    let before = LEFT_BEHIND.load(Ordering::Relaxed);
    let (heard, warnings) = warned(|| {
        let until = Until::within(NEVER);
        let first = apart.call("commit", Duration::ZERO, until, call);
        let next = apart.call("begin", Duration::ZERO, until, |_| panic!("it is given up"));
        [first, next]
    });
    let Heard::GivenUp(after) = heard[0] else {
        panic!("{heard:?}");
    };
    assert_eq!(heard[1], Heard::GivenUp(after));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for part in [
        "left behind",
        "id=\"shop.0\"",
        "call=\"commit\"",
        "left_behind=",
    ] {
        assert!(warnings[1].contains(part), "{part}: {warnings:?}");
    }
    assert!(LEFT_BEHIND.load(Ordering::Relaxed) > before);
    let until = Until::within(Duration::from_millis(900));
    drop(apart);
    assert!(!until.is_over(), "nobody waits for what was given up");
    assert!(seen.upgrade().is_some(), "its call is still being made");
    // Should it return after all, it ends.
    drop(release);
    while seen.upgrade().is_some() {
        thread::yield_now();
    }
}

#[test]
fn what_is_dropped_in_a_call_that_does_not_return_is_left_behind_as_well() {
    let (mut apart, _) = apart(limits(NEVER, NEVER));
    let (call, _release) = parked(7);
    assert_eq!(now_or_never(&mut apart, "commit", call), Heard::Nothing);
    let ((), warnings) = warned(|| drop(apart));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("left_behind="), "{warnings:?}");
}

#[test]
fn a_call_that_panics_ends_everything_that_is_asked() {
    let (mut apart, _) = apart(Limits::USUAL);
    let until = Until::within(NEVER);
    let heard = apart.call("commit", Duration::ZERO, until, |_| panic!("on purpose"));
    assert!(matches!(heard, Heard::GivenUp(_)), "{heard:?}");
    let heard = apart.call("commit", Duration::ZERO, until, |_| 1);
    assert!(matches!(heard, Heard::GivenUp(_)), "{heard:?}");
}

/// Tells by which thread it is ended.
struct Told(SyncSender<thread::ThreadId>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

/// An end may last, for brokers are waited for.
#[test]
fn what_a_call_has_panicked_on_ends_elsewhere() {
    let (tell, told) = sync_channel(1);
    let mut apart = Apart::<Told, u32>::new(Told(tell), "shop.0", Limits::USUAL).unwrap();
    let until = Until::within(NEVER);
    let heard = apart.call("commit", Duration::ZERO, until, |_| panic!("on purpose"));
    assert!(matches!(heard, Heard::GivenUp(_)), "{heard:?}");
    drop(apart);
    assert_ne!(told.recv().unwrap(), thread::current().id());
}
