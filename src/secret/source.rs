//! Where secrets come from.

use std::{
    env, fs,
    io::{self, Read as _},
    ops::ControlFlow,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use secrecy::zeroize::Zeroizing;
use tokio::{process::Command, time::timeout};

use super::Secret;
use crate::{plan::SecretSource, process::Child};

/// The longest secret, in bytes. Steps get secrets in their environment, where Linux allows twice as much; forges
/// allow less (GitHub 48 KB).
const LONGEST: usize = 64 * 1024;

/// How long a secret's command may take. There is no terminal that it could ask a person on.
const COMMAND_TIME: Duration = Duration::from_secs(30);

/// Why a secret is not there. Never holds any part of a value, nor of what a command printed, nor its arguments.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// It is there, but empty or only white space.
    #[error("{0} is empty")]
    Empty(Place),
    /// There is no such variable or file.
    #[error("{0} is not there")]
    Absent(Place),
    /// It is no text.
    #[error("{0} is not UTF-8 text; encode the value, for example in base64, and decode it in the step")]
    NotText(Place),
    /// It is longer than any secret.
    #[error("{0} holds more than {LONGEST} bytes, which is too much for a secret; check that the plan names the right place")]
    TooLong(Place),
    /// It is there but cannot be read.
    #[error("{place} cannot be read: {reason}; check its permissions")]
    Unreadable {
        /// What was read.
        place: Place,
        /// The system's words.
        reason: io::Error,
    },
    /// The command could not be started.
    #[error("{place} cannot be started: {reason}; install it or correct `secrets` in the plan")]
    NotStarted {
        /// The command.
        place: Place,
        /// The system's words.
        reason: io::Error,
    },
    /// The command failed. What it printed is not shown: it may hold the secret.
    #[error("{place} ended with {end}; run it by hand in the plan's folder to see why")]
    CommandFailed {
        /// The command.
        place: Place,
        /// `exit status: 1`.
        end: std::process::ExitStatus,
    },
    /// The command did not end in time.
    #[error("{0} did not end within {seconds} s; unlock it beforehand, it cannot ask for anything here", seconds = COMMAND_TIME.as_secs())]
    CommandTooSlow(Place),
}

/// Where a secret was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An environment variable.
    Variable(String),
    /// A file.
    File(PathBuf),
    /// A program; without its arguments.
    Program(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the environment variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::Program(name) => write!(f, "the command `{name}`"),
        }
    }
}

/// Reads a secret from its source; relative files and commands stand in `folder`. One line end at the end is left off.
///
/// # Errors
/// It is not there, is empty, or its source failed.
pub async fn read(source: &SecretSource, folder: &Path) -> Result<Secret, Missing> {
    match source {
        SecretSource::Env(name) => variable(name),
        SecretSource::File(path) => {
            let path = folder.join(path);
            let task = tokio::task::spawn_blocking({
                let path = path.clone();
                move || file(&path)
            });
            task.await.unwrap_or_else(|stopped| Err(Missing::Unreadable { place: Place::File(path), reason: stopped.into() }))
        }
        SecretSource::Command(argv) => command(argv, folder, COMMAND_TIME).await,
    }
}

fn variable(name: &str) -> Result<Secret, Missing> {
    let place = Place::Variable(name.to_owned());
    match env::var(name) {
        Ok(value) => secret(Zeroizing::new(value.into_bytes()), place),
        Err(env::VarError::NotPresent) => Err(Missing::Absent(place)),
        Err(env::VarError::NotUnicode(_)) => Err(Missing::NotText(place)),
    }
}

fn file(path: &Path) -> Result<Secret, Missing> {
    let place = Place::File(path.to_owned());
    let unreadable = |reason: io::Error| match reason.kind() {
        io::ErrorKind::NotFound => Missing::Absent(place.clone()),
        _ => Missing::Unreadable { place: place.clone(), reason },
    };
    // Opening a pipe would wait for its writer.
    let no_wait = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = fs::OpenOptions::new().read(true).custom_flags(no_wait).open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is no regular file")));
    }
    let mut value = buffer();
    file.take(LONGEST as u64 + 1).read_to_end(&mut value).map_err(unreadable)?;
    secret(value, place)
}

async fn command(argv: &[String], folder: &Path, bound: Duration) -> Result<Secret, Missing> {
    let [program, arguments @ ..] = argv else {
        return Err(Missing::Empty(Place::Program(String::new())));
    };
    let place = Place::Program(program.clone());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    // What it says on the way may hold the secret.
    command.stderr(Stdio::null());
    let mut child = Child::start(command).map_err(|reason| Missing::NotStarted { place: place.clone(), reason })?;
    let mut value = buffer();
    let mut take = |_, chunk: &[u8]| {
        let room = LONGEST + 1 - value.len();
        value.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if value.len() > LONGEST { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let Ok(followed) = timeout(bound, child.follow(Duration::MAX, &mut take)).await else {
        return Err(Missing::CommandTooSlow(place));
    };
    let unreadable = |reason| Missing::Unreadable { place: place.clone(), reason };
    followed.map_err(unreadable)?;
    let end = child.finish().await.map_err(unreadable)?;
    // A command that prints too much was ended, so its end says nothing.
    if end.success() || value.len() > LONGEST { secret(value, place) } else { Err(Missing::CommandFailed { place, end }) }
}

/// Large enough that it never moves, which would leave a copy behind.
fn buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(LONGEST + 64))
}

fn secret(mut value: Zeroizing<Vec<u8>>, place: Place) -> Result<Secret, Missing> {
    if value.len() > LONGEST {
        return Err(Missing::TooLong(place));
    }
    if value.ends_with(b"\n") {
        value.pop();
        if value.ends_with(b"\r") {
            value.pop();
        }
    }
    let Ok(text) = std::str::from_utf8(&value) else {
        return Err(Missing::NotText(place));
    };
    if text.trim().is_empty() {
        return Err(Missing::Empty(place));
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(content: &[u8]) -> Result<Secret, Missing> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), content).unwrap();
        file(&folder.path().join("token"))
    }

    async fn from_command(argv: &[&str]) -> Result<Secret, Missing> {
        let argv = argv.iter().map(|&word| word.to_owned()).collect();
        read(&SecretSource::Command(argv), &env::temp_dir()).await
    }

    #[test]
    fn one_line_end_is_cut_and_no_more() {
        for (content, value) in [("tok", "tok"), ("tok\n", "tok"), ("tok\r\n", "tok"), ("tok\n\n", "tok\n"), (" tok ", " tok ")] {
            assert_eq!(from_file(content.as_bytes()).unwrap().expose(), value, "{content:?}");
        }
    }

    #[test]
    fn what_is_empty_counts_as_missing() {
        for content in ["", "\n", " \t\r\n\n"] {
            assert!(matches!(from_file(content.as_bytes()), Err(Missing::Empty(_))), "{content:?}");
        }
    }

    #[test]
    fn files_that_cannot_be_secrets_are_refused_by_name_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let said = |missing: Result<Secret, Missing>| missing.unwrap_err().to_string();
        assert!(said(file(&folder.path().join("none"))).contains("none` is not there"));
        assert!(said(file(folder.path())).contains("no regular file"));
        assert!(said(from_file(&vec![b'x'; LONGEST + 1])).contains("more than"));
        let odd = said(from_file(b"visible\xff"));
        assert!(odd.contains("token` is not UTF-8") && !odd.contains("visible"), "{odd}");
    }

    #[tokio::test]
    async fn a_file_is_sought_in_the_plans_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "value\n").unwrap();
        let found = read(&SecretSource::File("token".into()), folder.path()).await.unwrap();
        assert_eq!(found.expose(), "value");
    }

    #[tokio::test]
    async fn a_variable_that_is_not_set_is_named() {
        let said = read(&SecretSource::Env("CANSHIP_TEST_NOT_SET".into()), Path::new("/")).await.unwrap_err().to_string();
        assert_eq!(said, "the environment variable `CANSHIP_TEST_NOT_SET` is not there");
    }

    #[tokio::test]
    async fn a_command_gives_what_it_prints_to_its_output_only() {
        assert_eq!(from_command(&["sh", "-c", "echo noise >&2; echo value"]).await.unwrap().expose(), "value");
    }

    #[tokio::test]
    async fn a_command_that_fails_tells_its_end_and_nothing_it_printed() {
        let said = from_command(&["sh", "-c", "echo hush-hush; echo hush-hush >&2; exit 3"]).await.unwrap_err().to_string();
        assert!(said.contains("`sh`") && said.contains('3') && !said.contains("hush"), "{said}");
        let said = from_command(&["canship-no-such-program", "hush"]).await.unwrap_err().to_string();
        assert!(said.contains("`canship-no-such-program` cannot be started") && !said.contains("hush`"), "{said}");
    }

    #[tokio::test]
    async fn a_command_that_prints_without_end_is_stopped() {
        assert!(matches!(from_command(&["yes"]).await, Err(Missing::TooLong(_))));
    }

    #[tokio::test]
    async fn a_command_that_never_ends_is_stopped_at_the_bound() {
        let argv = ["sleep".to_owned(), "1000000".to_owned()];
        let stopped = command(&argv, Path::new("/"), Duration::from_millis(50)).await;
        assert!(matches!(stopped, Err(Missing::CommandTooSlow(_))));
    }
}
