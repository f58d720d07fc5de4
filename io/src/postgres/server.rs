//! `Server`: where PostgreSQL is, and calls to it that survive its restarts.
//!
//! Owns connecting, deadlines and trying again. Calls are synchronous outside and asynchronous
//! inside: `tokio-postgres` on a runtime of one thread, since a call has to end when its server hangs
//! (crate `postgres`, which wraps the same, waits for ever). Owns no statement. Invariants: no
//! password leaves `Config`; a connection on which anything failed is not used again.

use super::error;
use super::tls::Roots;
use std::fmt;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use whitebeam_sdk::{Error, Result};

/// How long a server is given to take a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Between two attempts: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How long a server is waited for when a run begins: a wrong address should be told soon.
const START: Duration = Duration::from_secs(10);

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server went away, or cannot do it now: what became of the call is not known.
    Lost(Box<dyn std::error::Error + Send + Sync>),
    /// Trying again does not help.
    Final(Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(e: tokio_postgres::Error) -> Self {
        match error::is_passing(&e) {
            true => Failure::Lost(e.into()),
            false => Failure::Final(error::refused(e)),
        }
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Failure::Final(e)
    }
}

/// A connection, and what drives it.
pub(super) struct Session {
    runtime: Option<Runtime>,
    client: Client,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Waiting is refused where the caller is a part of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Where the server is.
#[derive(Clone)]
pub(super) struct Server {
    config: Config,
    roots: Roots,
    /// How long a call may take, and how long one is tried again while the server is away.
    pub(super) patience: Duration,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

/// What may be shown: no user, no password, no options.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.config.get_ports();
        for (i, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let port = ports.get(i).or(ports.first()).unwrap_or(&5432);
            match host {
                Host::Tcp(host) => write!(f, "{comma}{host}:{port}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{comma}{}:{port}", path.display())?,
            }
        }
        let database = self.config.get_dbname().or(self.config.get_user());
        write!(f, "/{}", database.unwrap_or_default())
    }
}

impl Server {
    /// The server that `url` names.
    pub(super) fn parse(url: &str) -> Result<Server> {
        // The parser's words may hold parts of a password that is not escaped.
        let mut config: Config = url.parse().map_err(|_| error::not_a_url())?;
        if config.get_hosts().is_empty() {
            return Err(error::not_a_url());
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("whitebeam");
        }
        config.tcp_user_timeout(Duration::from_secs(30));
        Ok(Server {
            config,
            roots: Roots::default(),
            patience: Duration::from_secs(60),
        })
    }

    pub(super) fn set_password(&mut self, password: &str) {
        self.config.password(password);
    }

    #[cfg(feature = "postgres-tls")]
    pub(super) fn set_roots(&mut self, roots: Roots) {
        self.roots = roots;
    }

    /// The patience of a run that begins.
    pub(super) fn start(&self) -> Duration {
        START.min(self.patience)
    }

    /// Calls the server until it answers, for up to `patience`; `why` says what for.
    pub(super) fn call<R: Send>(
        &self,
        session: &mut Option<Session>,
        patience: Duration,
        why: &str,
        call: impl AsyncFn(&mut Client) -> Result<R, Failure> + Sync,
    ) -> Result<R> {
        on_own_thread(|| {
            let begun = now();
            let mut pause = PAUSES.0;
            loop {
                let failure = match self.attempt(session, &call) {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure,
                };
                *session = None;
                let cause = match failure {
                    Failure::Final(e) => return Err(e),
                    Failure::Lost(cause) => cause,
                };
                if begun.elapsed() + pause > patience {
                    return Err(error::unreachable(self, why, begun.elapsed(), cause));
                }
                wait(pause);
                pause = PAUSES.1.min(pause * 2);
            }
        })
    }

    fn attempt<R>(
        &self,
        session: &mut Option<Session>,
        call: &impl AsyncFn(&mut Client) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        // What was closed while nobody used it is no failure of this call.
        if session
            .as_ref()
            .is_some_and(|session| session.client.is_closed())
        {
            *session = None;
        }
        let session = match session {
            Some(session) => session,
            None => session.insert(self.connect()?),
        };
        let Session { runtime, client } = session;
        let Some(runtime) = runtime else {
            return Err(Failure::Lost("the connection was closed".into()));
        };
        let limit = self.patience;
        runtime.block_on(within(limit, call(client)))
    }

    fn connect(&self) -> Result<Session, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::Lost(e.into()))?;
        let client = runtime.block_on(within(self.patience, self.client()))?;
        Ok(Session {
            runtime: Some(runtime),
            client,
        })
    }

    async fn client(&self) -> Result<Client, Failure> {
        if self.config.get_ssl_mode() == SslMode::Require {
            return self.roots.connect(&self.config).await;
        }
        let (client, connection) = self.config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// A runtime cannot be waited for inside another one, where the caller may be.
fn on_own_thread<R: Send>(call: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let done = scope.spawn(call).join();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[allow(
    clippy::disallowed_methods,
    reason = "patience with a server is real time; nothing that is written depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

#[allow(
    clippy::disallowed_methods,
    reason = "a call is synchronous: it waits between attempts on a thread of its own"
)]
fn wait(pause: Duration) {
    std::thread::sleep(pause);
}

#[allow(
    clippy::disallowed_methods,
    reason = "a server that hangs must not hang the caller"
)]
async fn within<R>(
    limit: Duration,
    call: impl Future<Output = Result<R, Failure>>,
) -> Result<R, Failure> {
    let late = |_| Failure::Lost(format!("no answer within {limit:?}").into());
    tokio::time::timeout(limit, call).await.map_err(late)?
}
