//! A PostgreSQL of one node.

use std::ops::Deref;
use std::sync::OnceLock;

use super::missing::missing;
use super::server::{Kind, Server};

/// A server, killed when it is dropped. Its user may do everything. It is stopped, killed, paused and
/// asked as any [`Server`].
#[derive(Debug)]
pub struct Postgres(Server);

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl Postgres {
    /// A server of one's own; `None` when the test is skipped, which has been said.
    #[track_caller]
    pub fn start() -> Option<Postgres> {
        Self::of(plain())
    }

    /// A server of one's own that wants TLS and a password (scram-sha-256).
    #[track_caller]
    pub fn secure() -> Option<Postgres> {
        Self::of(Kind {
            secure: true,
            ..plain()
        })
    }

    /// The server that all tests of this process share: leave it up, and use a
    /// [`database`](Self::database) of your own.
    #[track_caller]
    pub fn shared() -> Option<&'static Postgres> {
        static SHARED: OnceLock<Result<Postgres, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Server::start(plain()).map(Postgres)) {
            Ok(postgres) => Some(postgres),
            Err(why) => {
                missing(why);
                None
            }
        }
    }

    #[track_caller]
    fn of(kind: Kind) -> Option<Postgres> {
        Server::start(kind)
            .map_err(|why| missing(&why))
            .ok()
            .map(Postgres)
    }

    /// `postgres://postgres@127.0.0.1:PORT/postgres`, without a password.
    pub fn url(&self) -> &str {
        self.0.address()
    }

    /// Makes a new, empty database; gives its URL, without a password.
    #[track_caller]
    pub fn database(&self, name: &str) -> String {
        self.sql(&format!("CREATE DATABASE \"{name}\""));
        let (server, _) = self
            .url()
            .rsplit_once('/')
            .expect("a URL ends with the database");
        format!("{server}/{name}")
    }

    /// Runs statements in the database `postgres`; rows come back as lines, columns apart by `|`.
    #[track_caller]
    pub fn sql(&self, statements: &str) -> String {
        self.0.order("sql", &[statements])
    }

    /// The same in another database of this server.
    #[track_caller]
    pub fn sql_in(&self, database: &str, statements: &str) -> String {
        self.0.order("sql", &[statements, database])
    }
}

fn plain() -> Kind {
    Kind {
        script: "postgres.sh",
        ..Kind::default()
    }
}
