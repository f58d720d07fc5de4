//! Running other programs: every process of every chore starts in `execute`,
//! which prints the command line first and hides nothing of the output.
//!
//! The line goes to standard error, so that a chore whose standard output is
//! read by a machine (`bench --json`) stays readable.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// What becomes of the standard output of a process; standard error is always
/// the terminal's.
enum Output<'a> {
    /// Straight to the terminal.
    Terminal,
    /// To the terminal, each line shown to the listener first.
    Watched(&'a mut dyn FnMut(&str)),
    /// To the listener only: the answer is data.
    Data(&'a mut dyn FnMut(&str)),
}

/// A cargo command in `dir`, free of what an outer `cargo run` has put in the
/// environment (some build scripts would run again because of it).
pub(crate) fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs to the end with output on the terminal; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    execute(command, Output::Terminal)
}

/// Like [`run`], and `listen` sees every line of standard output.
pub(crate) fn watch(command: &mut Command, mut listen: impl FnMut(&str)) -> Result<()> {
    execute(command, Output::Watched(&mut listen))
}

/// Standard output as text.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let mut text = String::new();
    execute(
        command,
        Output::Data(&mut |line| {
            text.push_str(line);
            text.push('\n');
        }),
    )?;
    Ok(text)
}

fn execute(command: &mut Command, output: Output<'_>) -> Result<()> {
    let line = spell(command);
    eprintln!("+ {line}");
    let failed = |source| Error::Start {
        command: line.clone(),
        source,
    };
    let status = match output {
        Output::Terminal => command.status().map_err(failed)?,
        Output::Watched(listen) => read(command, true, listen).map_err(failed)?,
        Output::Data(listen) => read(command, false, listen).map_err(failed)?,
    };
    if status.success() {
        Ok(())
    } else {
        Err(Error::Command {
            command: line,
            status,
        })
    }
}

fn read(
    command: &mut Command,
    echo: bool,
    listen: &mut dyn FnMut(&str),
) -> std::io::Result<std::process::ExitStatus> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes)? > 0 {
            let line = String::from_utf8_lossy(&bytes);
            if echo {
                print!("{line}");
                std::io::stdout().flush()?;
            }
            listen(line.trim_end());
            bytes.clear();
        }
    }
    child.wait()
}

/// The command as one would type it, with the variables set for it.
fn spell(command: &Command) -> String {
    let mut words: Vec<String> = command
        .get_envs()
        .filter_map(|(name, value)| {
            let value = value?;
            Some(format!(
                "{}={}",
                name.to_string_lossy(),
                quote(&value.to_string_lossy())
            ))
        })
        .collect();
    let program = Path::new(command.get_program());
    words.push(program.file_name().map_or_else(
        || program.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    ));
    words.extend(
        command
            .get_args()
            .map(|word| quote(&word.to_string_lossy())),
    );
    words.join(" ")
}

fn quote(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '"', '\'', '$', '*']) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_spelt_as_one_would_type_it() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").arg("doc");
        assert_eq!(spell(&command), "RUSTDOCFLAGS='-D warnings' cargo doc");
    }

    #[test]
    fn a_failing_process_is_an_error_with_its_code() {
        let error = run(Command::new("sh").args(["-c", "exit 7"]));
        assert_eq!(error.map_err(|error| error.exit_code()), Err(7));
    }

    #[test]
    fn a_process_killed_by_a_signal_is_an_error() {
        let error = run(Command::new("sh").args(["-c", "kill -9 $$"]));
        assert_eq!(error.map_err(|error| error.exit_code()), Err(1));
    }

    #[test]
    fn data_is_captured_whole_even_without_a_last_newline() {
        let text = capture(Command::new("printf").arg("a\\nb"));
        assert_eq!(text.ok().as_deref(), Some("a\nb\n"));
    }
}
