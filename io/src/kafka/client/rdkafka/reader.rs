//! `Reader`: one partition, read from its queue in a session.
//!
//! Owns the position and what ends a reader. Invariant: no record is skipped: what is not handed over is
//! an end of a transaction, an aborted record, a hole, or an error.

use super::super::{
    ClientError, Failure, Isolation, PartitionReader, Polled, ReadFrom, Record, Result,
};
use super::failure;
use super::native::{Found, Message, Notice, Queue};
use super::newcomers::Standing;
use super::session::{Assigned, Session};
use super::told::Told;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use std::ffi::CString;
use std::ops::Range;
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
    /// How often librdkafka had told of itself then.
    end_heard: u64,
    broken: Option<ClientError>,
    has_heard: bool,
    standing: Arc<Standing>,
    session: Arc<Session>,
}

impl Reader {
    pub(super) fn new(of: &ReadFrom, session: Arc<Session>, assigned: Assigned) -> Self {
        let (queue, standing) = assigned;
        Reader {
            queue,
            c_topic: CString::new(of.topic.as_str()).unwrap_or_default(),
            next: of.offset,
            of: of.clone(),
            at_end: false,
            end: None,
            end_heard: 0,
            broken: None,
            has_heard: false,
            standing,
            session,
        }
    }

    /// What librdkafka tells of itself.
    fn told(&self) -> &Told {
        &self.session.consumer().context().told
    }

    /// Whether its broker answers, as far as was told since the end was reached.
    fn is_answered(&self) -> bool {
        let told = self.told();
        told.heard() <= self.end_heard
            || told
                .of(&self.of.topic, self.of.partition)
                .is_some_and(|of| of.is_answered)
    }

    /// What came that is no record.
    fn noticed(&mut self, notice: &Notice) {
        if notice.code == Some(RDKafkaErrorCode::PartitionEOF) {
            self.at_end = true;
            self.end_heard = self.told().heard();
            self.end = notice.offset;
            self.next = self.next.max(notice.offset.unwrap_or(0));
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
                self.broken = Some(watch.error_of(failure, "read", &with_remedy(notice)));
            }
        }
    }
}

/// What is missing from the build is the more useful answer.
fn with_remedy(notice: &Notice) -> String {
    // Codec 4 is zstd; the others are always built in.
    let is_zstd = notice.code == Some(RDKafkaErrorCode::NotImplemented)
        && notice.text.contains("(codec 0x4)");
    if is_zstd && !cfg!(feature = "kafka-zstd") {
        return format!("{} (build with the feature `kafka-zstd`)", notice.text);
    }
    notice.text.clone()
}

/// What came.
enum Came {
    Record { go_on: bool, next: u64 },
    Notice(Notice),
}

fn hand(message: &Message<'_>, take: &mut dyn FnMut(&Record<'_>) -> bool) -> Came {
    let Some(offset) = message.offset() else {
        return Came::Notice(Notice {
            code: None,
            text: "a record without offset".to_owned(),
            offset: None,
        });
    };
    let headers = message.headers();
    Came::Record {
        go_on: take(&message.record(offset, &headers)),
        next: offset + 1,
    }
}

impl PartitionReader for Reader {
    fn poll(&mut self, most: usize, take: &mut dyn FnMut(&Record<'_>) -> bool) -> Result<Polled> {
        if let Some(e) = &self.broken {
            return Err(e.clone());
        }
        if !self.has_heard && self.standing.is_missing() {
            let said = "the topic has no such partition";
            let e = ClientError::new(Failure::NoTopic, "read", said);
            self.broken = Some(e.clone());
            return Err(e);
        }
        let before = self.next;
        let mut left = most;
        while left > 0 && self.broken.is_none() {
            let came = match self.queue.next() {
                Some(Found::Record(message)) => hand(&message, take),
                Some(Found::Notice(notice)) => Came::Notice(notice),
                None => break,
            };
            if !self.has_heard {
                self.has_heard = true;
                self.standing.hears();
            }
            match came {
                Came::Record { go_on, next } => {
                    (self.next, self.at_end) = (next, false);
                    left -= 1;
                    if !go_on {
                        break;
                    }
                }
                Came::Notice(notice) => self.noticed(&notice),
            }
        }
        match &self.broken {
            // What was read before the error is told first.
            Some(e) if self.next == before => Err(e.clone()),
            _ => Ok(Polled {
                next: self.next,
                at_end: self.at_end && self.is_answered(),
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
                let told = self.told().of(&self.of.topic, self.of.partition);
                told.and_then(|of| of.stable)
            }
        };
        said.max(self.end)
    }

    fn undecided(&self) -> Option<Range<u64>> {
        let told = self.told().of(&self.of.topic, self.of.partition)?;
        let stable = told.stable?;
        Some(stable..told.end?.max(stable))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.session.release(&self.of.topic, self.of.partition);
    }
}
