//! `Reader`: one partition, read from its queue in a session.
//!
//! Owns the position and what ends a reader. Invariant: no record is skipped: what is not handed over is
//! an end of a transaction, an aborted record, a hole, or an error.

use super::super::{
    ClientError, Failure, Isolation, PartitionReader, Polled, ReadFrom, Record, Result,
};
use super::failure;
use super::native::{Message, Notice, Queue};
use super::session::Session;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use std::ffi::CString;
use std::sync::Arc;

pub(super) struct Reader {
    /// Goes before the session, which may be the last to hold the consumer.
    queue: Queue,
    of: ReadFrom,
    c_topic: CString,
    next: u64,
    at_end: bool,
    /// The last end that was reached.
    end: Option<u64>,
    broken: Option<ClientError>,
    session: Arc<Session>,
}

impl Reader {
    pub(super) fn new(of: &ReadFrom, session: Arc<Session>, queue: Queue) -> Self {
        Reader {
            queue,
            c_topic: CString::new(of.topic.as_str()).unwrap_or_default(),
            next: of.offset,
            of: of.clone(),
            at_end: false,
            end: None,
            broken: None,
            session,
        }
    }

    /// What a message is that is no record.
    fn noticed(&mut self, notice: &Notice, offset: Option<u64>) {
        if notice.code == Some(RDKafkaErrorCode::PartitionEOF) {
            self.at_end = true;
            self.end = offset;
            self.next = self.next.max(offset.unwrap_or(0));
            return;
        }
        let failure = notice.code.map_or(Failure::Fatal, failure::of_code);
        match failure {
            // librdkafka goes on by itself.
            Failure::Unknown | Failure::Unreachable | Failure::Retriable => {
                let (topic, partition) = (&self.of.topic, self.of.partition);
                tracing::debug!(target: "librdkafka", "{topic}/{partition}: {}", notice.text);
            }
            _ => {
                let watch = self.session.watch();
                self.broken = Some(watch.error_of(failure, "read", &notice.text));
            }
        }
    }
}

/// What a message brings.
enum Came {
    Record { go_on: bool, next: u64 },
    Notice(Notice, Option<u64>),
}

fn look(message: &Message<'_>, take: &mut dyn FnMut(&Record<'_>) -> bool) -> Came {
    match (message.notice(), message.offset()) {
        (None, Some(offset)) => {
            let headers = message.headers();
            Came::Record {
                go_on: take(&message.record(offset, &headers)),
                next: offset + 1,
            }
        }
        (Some(notice), offset) => Came::Notice(notice, offset),
        (None, None) => Came::Notice(
            Notice {
                code: None,
                text: "a record without offset".to_owned(),
            },
            None,
        ),
    }
}

impl PartitionReader for Reader {
    fn poll(&mut self, most: usize, take: &mut dyn FnMut(&Record<'_>) -> bool) -> Result<Polled> {
        if let Some(e) = &self.broken {
            return Err(e.clone());
        }
        let before = self.next;
        let mut left = most;
        while left > 0 && self.broken.is_none() {
            let Some(came) = self.queue.next().map(|message| look(&message, take)) else {
                break;
            };
            match came {
                Came::Record { go_on, next } => {
                    (self.next, self.at_end) = (next, false);
                    left -= 1;
                    if !go_on {
                        break;
                    }
                }
                Came::Notice(notice, offset) => self.noticed(&notice, offset),
            }
        }
        match &self.broken {
            // What was read before the error is told first.
            Some(e) if self.next == before => Err(e.clone()),
            _ => Ok(Polled {
                next: self.next,
                at_end: self.at_end,
            }),
        }
    }

    fn known_end(&self) -> Option<u64> {
        let said = match self.of.isolation {
            Isolation::Uncommitted => {
                let partition = i32::try_from(self.of.partition).ok()?;
                self.queue.high_watermark(&self.c_topic, partition)
            }
            Isolation::Committed => {
                let ends = &self.session.consumer().context().ends;
                ends.get(&self.of.topic, self.of.partition)
            }
        };
        said.max(self.end)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.session.release(&self.of.topic, self.of.partition);
    }
}
