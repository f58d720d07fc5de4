//! `Broker`: a real Kafka for the time of a benchmark, by the script that the tests use.

use crate::Result;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Removed, with what it holds, when it is dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    folder: tempfile::TempDir,
    address: String,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/services/kafka.sh")
}

impl Broker {
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let started = Command::new("bash")
            .arg(script())
            .arg("start")
            .arg(folder.path().join("kafka"))
            .args(["--owner", &std::process::id().to_string()])
            // Not the flags for a quick start: what is compiled well counts here.
            .env("KAFKA_JVM", "-XX:+UseG1GC")
            .env("KAFKA_HEAP", "2g")
            .stderr(Stdio::inherit())
            .output()?;
        if !started.status.success() {
            return Err("the broker did not start".into());
        }
        let address = String::from_utf8(started.stdout)?.trim().to_owned();
        Ok(Broker { folder, address })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let folder = self.folder.path().join("kafka");
        let _ = Command::new("bash")
            .arg(script())
            .arg("clean")
            .arg(folder)
            .output();
    }
}
