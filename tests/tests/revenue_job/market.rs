//! A shop whose orders stand in a topic of a real broker, and whose revenue goes to another.
//!
//! Owns what is told to the program, and the judge: what a reader of committed records sees is there
//! once, has no gaps, keeps the order of each key, and says in the end what batch says.

use super::feed::{Destination, Feed};
use super::job::Job;
use super::per_minute::Revenue;
use super::program;
use super::rows::{difference, final_panes, rows};
use super::topics::OrderEvent;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use whitebeam::io::kafka::{self, KafkaSource};
use whitebeam_tests::reading::{read, real_pause};
use whitebeam_tests::services::Kafka;

/// Where the orders stand.
const ORDERS: &str = "order_events";

/// A broker with all lines of a file in a topic, and what batch makes of that file.
pub(crate) struct Market {
    pub(crate) kafka: Kafka,
    folder: tempfile::TempDir,
    pub(crate) expected: Vec<Revenue>,
}

impl Market {
    /// Feeds `input` to a broker of its own; `None` when the test is skipped, which has been said.
    #[track_caller]
    pub(crate) fn open(input: &Path) -> Option<Self> {
        // A transaction that nobody ends is ended soon after its time.
        let kafka = Kafka::with_properties(&[
            "transaction.abort.timed.out.transaction.cleanup.interval.ms=500",
        ])?;
        let feed = Feed {
            into: Destination {
                log: None,
                brokers: Some(kafka.address().to_owned()),
                topic: ORDERS.to_owned(),
            },
            input: vec![input.to_owned()],
            partitions: 4,
            disorder: Some(11),
            rate: None,
            passes: 1,
        };
        feed.run().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut market = Market {
            kafka,
            folder,
            expected: Vec::new(),
        };
        let of_file = ["--input".into(), input.as_os_str().to_owned()];
        market.expected = market.batch("of-the-file", &of_file);
        Some(market)
    }

    /// How many rows of how many cents batch makes of the file.
    pub(crate) fn total(&self) -> (usize, i64) {
        let cents = self.expected.iter().map(|row| row.cents);
        (self.expected.len(), cents.sum())
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The orders.
    pub(crate) fn events(&self) -> Vec<OrderEvent> {
        let cluster = kafka::Kafka::at(self.kafka.address());
        let source = KafkaSource::<OrderEvent>::json(&cluster, ORDERS);
        read(&source, &mut real_pause).unwrap().concat()
    }

    /// Words that name the orders.
    fn orders(&self) -> [OsString; 4] {
        ["--brokers", self.kafka.address(), "--topic", ORDERS].map(Into::into)
    }

    /// What the batch runner makes of an input.
    fn batch(&self, name: &str, input: &[OsString]) -> Vec<Revenue> {
        let output = self.at(name);
        let mut program = program();
        program.args(["run", "--runner", "batch", "--allowed-lateness", "0s"]);
        let ran = program.args(input).arg("--output").arg(&output).output();
        let ran = ran.unwrap();
        let told = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{told}");
        rows(&output).unwrap()
    }

    /// The streaming run from the orders to where `to` says, up to their present end.
    pub(crate) fn job(&self, to: [&str; 2], rate: u32, interval: &'static str) -> Job {
        let mut options = self.orders().to_vec();
        let name = to[1].replace(|c: char| !c.is_alphanumeric(), "-");
        options.extend(to.map(Into::into));
        Job {
            program: program().get_program().into(),
            log: None,
            checkpoints: self.at(&format!("checkpoints-of-{name}")),
            output: self.at("nothing"),
            rate,
            interval,
            until_end: true,
            options,
        }
    }

    /// What a reader of committed records sees, by partition.
    pub(crate) fn committed(&self, topic: &str) -> Vec<Vec<Revenue>> {
        let cluster = kafka::Kafka::at(self.kafka.address());
        let source = KafkaSource::<Revenue>::json(&cluster, topic);
        read(&source, &mut real_pause).unwrap()
    }

    /// Judges the panes in a topic; how many there are.
    pub(crate) fn judge(&self, topic: &str) -> Result<usize, String> {
        let partitions = self.committed(topic);
        for (number, rows) in partitions.iter().enumerate() {
            let mut next: BTreeMap<(&str, &str), u32> = BTreeMap::new();
            for row in rows {
                let next = next.entry((&row.country, &row.minute)).or_default();
                if row.pane_index != *next {
                    return Err(format!("{topic}/{number}: not pane {next}, but {row:?}"));
                }
                *next += 1;
            }
        }
        let mut rows = partitions.concat();
        rows.sort();
        let found = final_panes(&rows)?;
        difference(&self.expected, &found).map_or(Ok(rows.len()), Err)
    }

    /// The batch runner reads the orders themselves.
    pub(crate) fn batch_agrees(&self) {
        let found = self.batch("of-the-topic", &self.orders());
        assert_eq!(difference(&self.expected, &found), None);
    }
}
