//! One server in a folder of its own, and the script that moves it.
//!
//! Knows neither Kafka nor PostgreSQL. Invariant: the script is told whose server it is, so that it
//! goes with this process even when nothing is dropped.
#![allow(
    clippy::panic,
    reason = "a test whose server does not obey fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What the scripts answer when a server cannot be had on this machine.
const MISSING: i32 = 3;

/// How a server is told apart from the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Kind {
    /// The file in `xtask/services`.
    pub(super) script: &'static str,
    /// With TLS and a password.
    pub(super) secure: bool,
    /// Variables for the script.
    pub(super) variables: Vec<(&'static str, String)>,
}

/// What a client of a server with TLS and a password has to know.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password: a word that occurs nowhere else, so that one can search for it.
    pub password: String,
    /// The certificate of the authority that has signed the server's, as PEM.
    pub ca: PathBuf,
}

/// A running server, or one that is down for a while.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    folder: TempDir,
    address: String,
    credentials: Option<Credentials>,
}

impl Server {
    /// A new server, or why there cannot be one on this machine.
    pub(super) fn start(kind: Kind) -> Result<Server, String> {
        let prefix = format!("whitebeam-{}-", kind.script.trim_end_matches(".sh"));
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir();
        let folder = folder.expect("a temporary folder can be made");
        let mut server = Server {
            kind,
            folder,
            address: String::new(),
            credentials: None,
        };
        let output = server.start_script();
        if output.status.code() == Some(MISSING) {
            return Err(last_line(&output.stderr));
        }
        server.address = text_of("start", &output);
        server.credentials = server.kind.secure.then(|| server.read_credentials());
        Ok(server)
    }

    /// What its script says of it: `127.0.0.1:PORT` of a broker, for `bootstrap.servers`; a URL without
    /// a password of a database.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder that its files lie in: `data`, and `broker.log` or `log`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// User, password and CA, for a server that wants TLS and a password.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Asks it to stop, and waits for that.
    #[track_caller]
    pub fn stop(&self) {
        self.order("stop", &[]);
    }

    /// `kill -9` for all of its processes, as a crash does it.
    #[track_caller]
    pub fn kill(&self) {
        self.order("kill", &[]);
    }

    /// `SIGSTOP` for all of its processes: connections stay and nothing answers.
    #[track_caller]
    pub fn pause(&self) {
        self.order("pause", &[]);
    }

    /// `SIGCONT` for all of its processes.
    #[track_caller]
    pub fn resume(&self) {
        self.order("resume", &[]);
    }

    /// Runs a command of the script on this server; gives what it printed, without the last line end.
    #[track_caller]
    pub(super) fn order(&self, command: &str, words: &[&str]) -> String {
        text_of(command, &self.script(command, words))
    }

    /// Whether it answers now.
    pub fn answers(&self) -> bool {
        self.script("status", &[]).status.success()
    }

    /// Up again (stopped first, if it is up), on the same port, with its data; waits until it answers.
    #[track_caller]
    pub fn restart(&self) {
        self.order("stop", &[]);
        let address = text_of("start", &self.start_script());
        assert_eq!(address, self.address, "a server keeps its port");
    }

    pub(super) fn script(&self, command: &str, words: &[&str]) -> Output {
        let mut bash = bash(&self.kind);
        let output = bash.arg(command).arg(self.folder()).args(words).output();
        output.expect("bash can be run")
    }

    fn start_script(&self) -> Output {
        let owner = std::process::id().to_string();
        let mut words = vec!["--owner", &owner];
        if self.kind.secure {
            words.push("--secure");
        }
        self.script("start", &words)
    }

    fn read_credentials(&self) -> Credentials {
        let path = self.folder().join("credentials");
        let text = std::fs::read_to_string(path).expect("a secure server leaves its credentials");
        let value = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name));
            found
                .unwrap_or_else(|| panic!("no `{name}` in {text}"))
                .to_owned()
        };
        Credentials {
            user: value("user="),
            password: value("password="),
            ca: PathBuf::from(value("ca=")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_log();
        }
        // Once more panicking would hide why; whatever is left goes with the process.
        let _ = self.script("clean", &[]);
    }
}

impl Server {
    /// The end of what the server said, for whoever reads why a test has failed.
    fn show_log(&self) {
        for name in ["broker.log", "log"] {
            let Ok(text) = std::fs::read_to_string(self.folder().join(name)) else {
                continue;
            };
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("the end of {name} of {}:", self.address);
            for line in &lines[lines.len().saturating_sub(20)..] {
                eprintln!("    {line}");
            }
        }
    }
}

/// The script, run as by hand; a test never goes through cargo.
pub(super) fn bash(kind: &Kind) -> Command {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/services");
    let mut command = Command::new("bash");
    command
        .arg(scripts.join(kind.script))
        .stdin(Stdio::null())
        .envs(kind.variables.iter().map(|(name, value)| (name, value)));
    command
}

#[track_caller]
pub(super) fn text_of(command: &str, output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{command}` failed: {errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim_end().to_owned()
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().last().unwrap_or_default().to_owned()
}
