//! The servers that other tests stand on: they answer, keep their data and their port whatever is
//! done to them, ask who comes where they should, and go with whoever has started them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use whitebeam_tests::services::{Credentials, Kafka, Postgres};

/// A request for the metadata of no topic, version 1; the answer repeats 7 and names one broker.
const METADATA: &[u8] = b"\0\0\0\x0e\0\x03\0\x01\0\0\0\x07\xff\xff\0\0\0\0";
const ANSWER: &[u8] = b"\0\0\0\x07\0\0\0\x01";

/// Whether a Kafka answers there.
fn speaks_kafka(address: &str) -> bool {
    answers_within(Duration::from_secs(20), address)
}

/// Whether nobody answers there, or not for a while.
fn is_silent(address: &str) -> bool {
    !answers_within(Duration::from_millis(300), address)
}

fn answers_within(patience: Duration, address: &str) -> bool {
    let address: SocketAddr = address.parse().unwrap();
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut answer = [0; 12];
    let asked = stream.write_all(METADATA);
    asked.and_then(|()| stream.read_exact(&mut answer)).is_ok() && answer.ends_with(ANSWER)
}

#[test]
fn kafka_keeps_port_topics_and_properties_whatever_is_done_to_it() {
    let Some(kafka) = Kafka::with_properties(&["log.retention.hours=7"]) else {
        return;
    };
    kafka.topic(&["create", "orders", "3"]);
    let address = kafka.address();

    // What a broker leaves that has had the time to.
    let farewell = kafka.folder().join("data/.kafka_cleanshutdown");

    assert!(speaks_kafka(address) && kafka.answers());
    kafka.kill();
    assert!(is_silent(address) && !kafka.answers(), "killed");
    assert!(!farewell.exists(), "a crash, not a stop");
    kafka.restart();
    assert!(speaks_kafka(address), "started after a kill");

    kafka.pause();
    assert!(is_silent(address), "paused");
    kafka.resume();
    assert!(speaks_kafka(address), "resumed");
    kafka.pause();
    kafka.stop();
    assert!(is_silent(address), "stopped while it was paused");
    assert!(farewell.exists(), "a stop, not a crash");
    kafka.restart();
    kafka.restart();
    assert!(speaks_kafka(address), "restarted while it was up");
    assert_eq!(kafka.topic(&["list"]), "orders");
    let said = std::fs::read_to_string(kafka.folder().join("broker.log")).unwrap();
    assert!(said.contains("log.retention.hours = 7\n"), "{said}");
}

#[test]
fn postgres_keeps_port_and_rows_whatever_is_done_to_it() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let rows = || postgres.sql("SELECT cents, country FROM revenue ORDER BY 1");
    postgres.sql("CREATE TABLE revenue (cents bigint, country text)");
    postgres.sql("INSERT INTO revenue VALUES (250, 'United Kingdom'), (990, 'Éire')");
    assert_eq!(rows(), "250|United Kingdom\n990|Éire");

    let recoveries = || {
        let log = std::fs::read_to_string(postgres.folder().join("log")).unwrap();
        log.matches("was not properly shut down").count()
    };
    postgres.kill();
    assert!(!postgres.answers(), "killed");
    postgres.restart();
    assert_eq!(recoveries(), 1, "a crash, not a stop");
    assert_eq!(rows(), "250|United Kingdom\n990|Éire");
    postgres.pause();
    assert!(!postgres.answers(), "paused");
    postgres.resume();
    assert!(postgres.answers(), "resumed");
    postgres.pause();
    postgres.stop();
    assert!(!postgres.answers(), "stopped while it was paused");
    postgres.restart();
    postgres.restart();
    assert_eq!(recoveries(), 1, "a stop, not a crash");
    assert_eq!(rows(), "250|United Kingdom\n990|Éire");

    let watch = std::fs::read_to_string(postgres.folder().join("watch.pid")).unwrap();
    let commands = Path::new("/proc").join(watch.trim()).join("cmdline");
    let watched = || std::fs::read(&commands).is_ok_and(|line| !line.is_empty());
    assert!(watched(), "as long as it is there");
    drop(postgres);
    assert!((0..300).any(|_| !watched() || !nap()), "and no longer");
}

/// A moment, for what ends by itself.
fn nap() -> bool {
    Command::new("sleep").arg("0.1").status().unwrap().success()
}

/// `HOST:PORT`.
fn place(postgres: &Postgres) -> &str {
    let (_, place) = postgres.url().split_once('@').unwrap();
    place.split('/').next().unwrap()
}

#[test]
fn a_paused_postgres_holds_a_connection_that_is_open_and_a_killed_one_ends_it() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let address: SocketAddr = place(&postgres).parse().unwrap();
    // The length, the version of the protocol, and whose session it is: answered by a process of its own.
    let hello = b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0";
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(hello).unwrap();
    let ready = b"Z\0\0\0\x05I";
    let mut answer = Vec::new();
    while !answer.ends_with(ready) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let query = b"Q\0\0\0\x0dSELECT 1\0";
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut byte = [0];

    postgres.pause();
    stream.write_all(query).unwrap();
    assert!(
        stream.read(&mut byte).is_err(),
        "nobody answers, nobody hangs up"
    );
    postgres.resume();
    stream.set_read_timeout(None).unwrap();
    assert_eq!(stream.read(&mut byte).unwrap(), 1);
    assert_eq!(byte, *b"T", "the description of a row");
    postgres.kill();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(stream.write_all(query).is_err() || stream.read(&mut byte).unwrap_or(0) == 0);
}

/// A SASL/PLAIN handshake and a request for metadata, through TLS checked against `ca`.
fn speaks_kafka_in_secret(address: &str, credentials: &Credentials, password: &str) -> bool {
    let token = format!("\0{}\0{password}", credentials.user);
    let mut requests = frame(b"\0\x11\0\x01\0\0\0\x01\xff\xff\0\x05PLAIN");
    let mut authenticate = b"\0\x24\0\0\0\0\0\x02\xff\xff".to_vec();
    authenticate.extend(u32::try_from(token.len()).unwrap().to_be_bytes());
    authenticate.extend(token.as_bytes());
    requests.extend(frame(&authenticate));
    requests.extend(METADATA);
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-verify_return_error", "-connect"])
        .args([address, "-CAfile"])
        .arg(&credentials.ca)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = client.stdin.as_mut().unwrap().write_all(&requests);
    let mut answer = Vec::new();
    let mut byte = [0];
    let stdout = client.stdout.as_mut().unwrap();
    // Ends with the answer, or when the broker hangs up.
    while !answer.ends_with(ANSWER) && stdout.read(&mut byte).unwrap() == 1 {
        answer.push(byte[0]);
    }
    let _ = client.kill();
    client.wait().unwrap();
    answer.ends_with(ANSWER)
}

fn frame(request: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(request.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(request);
    frame
}

#[test]
fn a_secure_kafka_lets_in_who_has_the_password_and_nobody_else() {
    let Some(kafka) = Kafka::secure() else { return };
    let credentials = kafka.credentials().unwrap();
    let speaks = |password: &str| speaks_kafka_in_secret(kafka.address(), credentials, password);
    assert!(speaks(&credentials.password));
    assert!(!speaks("something else"));
    assert!(is_silent(kafka.address()), "without TLS nobody is heard");
    // By SCRAM, as Kafka's own tools are told to.
    kafka.topic(&["create", "orders"]);
    kafka.kill();
    kafka.restart();
    assert!(speaks(&credentials.password), "secure it stays");
    assert_eq!(kafka.topic(&["list"]), "orders");
}

/// `psql` with another password, or another way to connect.
fn psql(url: &str, mode: &str, ca: &Path, password: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["-X", "-q", "-A", "-t", "-d", url, "-c"])
        .arg("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        .env("PGSSLMODE", mode)
        .env("PGSSLROOTCERT", ca)
        .env("PGPASSWORD", password)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout).trim().to_owned())
    } else {
        Err(text(output.stderr))
    }
}

#[test]
fn a_secure_postgres_lets_in_who_has_the_password_and_nobody_else() {
    let Some(postgres) = Postgres::secure() else {
        return;
    };
    let Credentials { password, ca, .. } = postgres.credentials().unwrap();
    let asks = |mode: &str, password: &str| psql(postgres.url(), mode, ca, password);
    assert_eq!(asks("verify-full", password).as_deref(), Ok("t"));
    let wrong = asks("verify-full", "something else").unwrap_err();
    assert!(wrong.contains("password authentication failed"), "{wrong}");
    let open = asks("disable", password).unwrap_err();
    assert!(open.contains("no encryption"), "{open}");
    postgres.kill();
    postgres.restart();
    assert_eq!(asks("verify-full", password).as_deref(), Ok("t"));
}

#[test]
fn one_server_is_shared_by_all_who_ask_for_it() {
    if let (Some(one), Some(two)) = (Kafka::shared(), Kafka::shared()) {
        assert_eq!(one.address(), two.address());
        assert!(speaks_kafka(one.address()));
    }
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let url = postgres.database("of_my_own");
    assert!(url.ends_with("/of_my_own"), "{url}");
    postgres.sql_in("of_my_own", "CREATE TABLE here ()");
    let count = "SELECT count(*) FROM pg_tables WHERE tablename = 'here'";
    assert_eq!(postgres.sql_in("of_my_own", count), "1");
    assert_eq!(postgres.sql(count), "0");
}

/// Set for the process whose servers are left alone.
const OWNER: &str = "WHITEBEAM_TEST_OWNS_SERVERS";

#[test]
fn servers_go_with_the_process_of_their_test_and_leave_nothing() {
    if std::env::var_os(OWNER).is_some() {
        return own_servers();
    }
    let this = "servers_go_with_the_process_of_their_test_and_leave_nothing";
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this, "--nocapture"])
        .env(OWNER, "true")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let mut owned: Vec<(String, PathBuf)> = Vec::new();
    while owned.len() < 2 {
        let Some(line) = lines.next() else {
            // It has said itself that it was skipped.
            assert!(owner.wait().unwrap().success());
            return;
        };
        let line = line.unwrap();
        let words = line.strip_prefix("owned ");
        let pair = words.and_then(|words| words.split_once(' '));
        owned.extend(pair.map(|(address, folder)| (address.to_owned(), folder.into())));
    }
    owner.kill().unwrap();
    owner.wait().unwrap();
    for (address, folder) in owned {
        // Looked after once a second; a minute is for a machine that has much else to do.
        let gone = (0..600).any(|_| !folder.exists() || !nap());
        assert!(gone, "{} is still there", folder.display());
        assert!(TcpStream::connect(&address).is_err(), "{address} is up");
    }
}

/// Starts servers, says where, and waits to be killed.
fn own_servers() {
    let (Some(kafka), Some(postgres)) = (Kafka::start(), Postgres::shared()) else {
        return;
    };
    assert!(kafka.answers() && postgres.answers());
    #[expect(clippy::print_stdout, reason = "the other process reads it")]
    for (address, folder) in [
        (kafka.address(), kafka.folder()),
        (place(postgres), postgres.folder()),
    ] {
        println!("owned {address} {}", folder.display());
    }
    loop {
        std::thread::park();
    }
}

/// Set for the process that finds no server.
const BARE: &str = "WHITEBEAM_TEST_FINDS_NOTHING";

#[test]
fn without_java_the_test_is_skipped_by_name_and_fails_in_ci() {
    if std::env::var_os(BARE).is_some() {
        assert!(Kafka::start().is_none(), "there is nothing to start");
        return;
    }
    for (java, expected) in [
        (
            None,
            "kafka.sh: there is no `java`; install it with `apt-get install ",
        ),
        (
            Some("11.0.2"),
            "kafka.sh: `java` is older than 17; install it with `apt-get install ",
        ),
        (
            Some("17.0.1"),
            "kafka.sh: there is no `mvn`; install it with `apt-get install maven`",
        ),
    ] {
        let machine = bare_machine(java);
        let said = machine.path().join("skipped");
        let mut skipped = on_bare_machine(machine.path());
        let output = skipped.env_remove("CI").env("WHITEBEAM_SKIP_FILE", &said);
        assert!(output.output().unwrap().status.success(), "{expected}");
        let line = std::fs::read_to_string(said).unwrap();
        let (test, why) = line.split_once(": ").unwrap();
        assert_eq!(
            test,
            "SKIPPED without_java_the_test_is_skipped_by_name_and_fails_in_ci"
        );
        assert!(why.starts_with(expected), "{why}");

        let output = on_bare_machine(machine.path())
            .env("CI", "true")
            .output()
            .unwrap();
        assert!(!output.status.success(), "in CI nothing is skipped");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let text = text + &String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn in_ci_what_is_missing_is_installed_by_the_package_manager() {
    let machine = bare_machine(None);
    write_program(machine.path(), "id", "echo 0");
    // Brings Java, and for all its promises no Maven.
    let java = "printf '#!/usr/bin/env bash\\necho version \\\\\"17.0.1\\\\\"\\n' >${0%/*}/java";
    let install = format!("echo $* >>$0.log; {java}; chmod +x ${{0%/*}}/java");
    write_program(machine.path(), "apt-get", &install);
    let prepare = |ci: &str| {
        let mut bash = Command::new(machine.path().join("bash"));
        bash.arg(script("kafka.sh")).arg("prepare");
        bash.env("PATH", machine.path()).env("CI", ci);
        bash.env("WHITEBEAM_SERVICES", machine.path().join("cache"));
        bash.output().unwrap()
    };
    let log = machine.path().join("apt-get.log");
    assert_eq!(prepare("false").status.code(), Some(3));
    assert!(
        !log.exists(),
        "nothing is installed on a machine of one's own"
    );
    let output = prepare("true");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("there is no `mvn`"), "{said}");
    let installed = std::fs::read_to_string(log).unwrap();
    let expected = "-y --no-install-recommends install default-jre-headless maven\n\
                    -y --no-install-recommends install maven\n";
    assert_eq!(installed, expected);
}

#[test]
fn servers_that_are_started_at_once_fill_the_cache_once() {
    if Postgres::shared().is_none() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let order = |word: &str, folder: &Path| {
        let mut bash = Command::new("bash");
        let owner = std::process::id().to_string();
        bash.arg(script("postgres.sh")).arg(word).arg(folder);
        bash.args(["--owner", &owner])
            .env("WHITEBEAM_SERVICES", cache.path());
        bash.stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let all = |word: &str| {
        let running: Vec<_> = folders
            .iter()
            .map(|folder| order(word, folder.path()))
            .collect();
        let ended = running
            .into_iter()
            .map(|child| child.wait_with_output().unwrap());
        ended.collect::<Vec<_>>()
    };
    let started = all("start");
    all("clean");
    let filled = |output: &&Output| String::from_utf8_lossy(&output.stderr).contains("once");
    assert!(
        started.iter().all(|output| output.status.success()),
        "{started:?}"
    );
    assert_eq!(started.iter().filter(filled).count(), 1, "{started:?}");
}

fn script(name: &str) -> PathBuf {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/services");
    scripts.join(name)
}

/// A folder of programs as a machine has them that nobody has prepared, but with that Java.
fn bare_machine(java: Option<&str>) -> tempfile::TempDir {
    let programs =
        "bash basename cat chmod cksum cut dirname env flock grep id mkdir rm rmdir sed sleep tr";
    let folder = tempfile::tempdir().unwrap();
    let link = "for name in $1; do ln -s \"$(command -v $name)\" \"$0/\"; done";
    let mut bash = Command::new("bash");
    let linked = bash.args(["-c", link]).arg(folder.path()).arg(programs);
    assert!(linked.status().unwrap().success());
    if let Some(version) = java {
        let text = format!("echo 'openjdk version \"{version}\"' >&2");
        write_program(folder.path(), "java", &text);
    }
    folder
}

/// In the place of whatever bears the name.
fn write_program(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, format!("#!/usr/bin/env bash\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// This test once more, where nothing is found.
fn on_bare_machine(machine: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "without_java_the_test_is_skipped_by_name_and_fails_in_ci",
        ])
        .env("PATH", machine)
        .env("WHITEBEAM_SERVICES", machine.join("cache"))
        .env(BARE, "true")
        .env_remove("RUST_TEST_THREADS");
    command
}
