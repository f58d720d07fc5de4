//! Making topics.
//!
//! Owns a short-lived client of librdkafka for it.

use super::super::{NewTopic, Result};
use super::ask::Until;
use super::failure;
use super::settings::Settings;
use super::watch::{Watch, Watching};
use rdkafka::admin::{self, AdminClient, AdminOptions, TopicReplication};
use rdkafka::error::KafkaError;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

const ACTION: &str = "make a topic";

pub(super) fn create(settings: &Arc<Settings>, topic: &NewTopic, until: Until) -> Result<()> {
    let watch = Arc::new(Watch::new(Arc::clone(settings)));
    let error = |e: &KafkaError| watch.error_of(failure::of(e), ACTION, &e.to_string());
    let admin: AdminClient<Watching> = settings
        .admin()
        .create_with_context(Watching(Arc::clone(&watch)))
        .map_err(|e| settings.refused(&e))?;
    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    let mut new = admin::NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(-1));
    if topic.compacted {
        new = new.set("cleanup.policy", "compact");
    }
    let time = until.left();
    let options = AdminOptions::new()
        .request_timeout(Some(time))
        .operation_timeout(Some(time));
    let made = wait(admin.create_topics([&new], &options)).map_err(|e| error(&e))?;
    match made.into_iter().next() {
        Some(Err((_, code))) => {
            let said = code.to_string();
            Err(watch.error_of(failure::of_code(code), ACTION, &said))
        }
        _ => Ok(()),
    }
}

/// Waits for an answer that librdkafka's own thread brings.
fn wait<T>(answer: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut answer = pin!(answer);
    loop {
        match answer.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}
