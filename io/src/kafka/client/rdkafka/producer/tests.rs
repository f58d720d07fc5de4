//! A producer whose calls do not return, on librdkafka itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;

/// Nobody listens there; no call gets so far.
const NOBODY: &str = "127.0.0.1:1";
const NEVER: Duration = Duration::from_secs(3600);

fn writer(limits: Limits) -> Writer {
    let settings = Arc::new(Settings::new(NOBODY, &BTreeMap::new()).unwrap());
    let options = ProducerOptions {
        transactional_id: Some("shop.0".to_owned()),
        transaction_timeout: Duration::from_secs(60),
    };
    Writer::new(&settings, &options, limits).unwrap()
}

#[test]
fn a_call_that_does_not_return_is_unknown_at_first_and_then_the_end_of_its_producer() {
    let action = "commit a transaction";
    for (give_up, expected) in [(NEVER, Failure::Unknown), (Duration::ZERO, Failure::Fatal)] {
        let mut writer = writer(Limits {
            alarm: Duration::ZERO,
            give_up,
        });
        let (release, released) = sync_channel::<()>(0);
        let until = Until::within(Duration::ZERO);
        writer.0.call(action, Duration::ZERO, until, move |_| {
            let _ = released.recv();
            Ok(())
        });
        // The sink makes the same call again, or another one if it was told to give up.
        for _ in 0..2 {
            let e = writer.commit(Duration::from_millis(1)).unwrap_err();
            assert_eq!((e.failure, e.action.as_str()), (expected, action));
            assert!(e.said.contains("has not returned"), "{e}");
        }
        let e = writer.abort(Duration::from_millis(1)).unwrap_err();
        assert_eq!(e.failure, expected, "{e}");
        if expected == Failure::Fatal {
            let e = writer.begin().unwrap_err();
            assert_eq!(e.failure, expected, "{e}");
        }
        drop(release);
    }
}

#[test]
fn where_nothing_is_wrong_with_the_thread_errors_are_librdkafkas() {
    let mut writer = writer(Limits::USUAL);
    let e = writer.begin().unwrap_err();
    assert!(!e.said.contains("has not returned"), "{e}");
    let e = writer.init(Duration::from_millis(1)).unwrap_err();
    assert!(
        matches!(e.failure, Failure::Unknown | Failure::Unreachable),
        "{e:?}"
    );
}
