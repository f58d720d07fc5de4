//! An Apache Kafka of one node.

use std::ops::Deref;
use std::sync::OnceLock;

use super::missing::missing;
use super::server::{Kind, Server, bash, text_of};

const SCRIPT: &str = "kafka.sh";

/// A broker, killed when it is dropped. Topics are not made by themselves. It is stopped, killed,
/// paused and asked as any [`Server`].
#[derive(Debug)]
pub struct Kafka(Server);

impl Deref for Kafka {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl Kafka {
    /// A broker of one's own; `None` when the test is skipped, which has been said.
    #[track_caller]
    pub fn start() -> Option<Kafka> {
        Self::of(plain())
    }

    /// A broker of one's own with more server properties, such as `transaction.max.timeout.ms=5000`.
    #[track_caller]
    pub fn with_properties(properties: &[&str]) -> Option<Kafka> {
        Self::of(Kind {
            variables: vec![("KAFKA_PROPERTIES", properties.join("\n"))],
            ..plain()
        })
    }

    /// A broker of one's own that wants TLS (`security.protocol=SASL_SSL`) and a password (PLAIN or
    /// SCRAM-SHA-256).
    #[track_caller]
    pub fn secure() -> Option<Kafka> {
        Self::of(Kind {
            secure: true,
            ..plain()
        })
    }

    /// The broker that all tests of this process share: leave it up, and use topics of your own.
    #[track_caller]
    pub fn shared() -> Option<&'static Kafka> {
        static SHARED: OnceLock<Result<Kafka, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Server::start(plain()).map(Kafka)) {
            Ok(kafka) => Some(kafka),
            Err(why) => {
                missing(why);
                None
            }
        }
    }

    #[track_caller]
    fn of(kind: Kind) -> Option<Kafka> {
        Server::start(kind)
            .map_err(|why| missing(&why))
            .ok()
            .map(Kafka)
    }

    /// `kafka.sh topic`: `["create", "orders", "4"]`, `["delete", "orders"]`, `["list"]`,
    /// `["read", "orders"]`. Starts a Java of its own, which takes a second.
    #[track_caller]
    pub fn topic(&self, words: &[&str]) -> String {
        self.0.order("topic", words)
    }

    /// Runs `org.apache.kafka.tools.CLASS`, such as `TransactionsCommand`; gives what it printed.
    #[track_caller]
    pub fn tool(class: &str, arguments: &[&str]) -> String {
        let mut command = bash(&plain());
        let output = command.args(["tool", class]).args(arguments).output();
        text_of(class, &output.expect("bash can be run"))
    }
}

fn plain() -> Kind {
    Kind {
        script: SCRIPT,
        ..Kind::default()
    }
}
