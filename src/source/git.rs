//! Runs git: always with the same environment, never longer silent than its bound.

use std::{
    ffi::{OsStr, OsString},
    io,
    ops::ControlFlow,
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{
    SourceError,
    login::{self, Way},
    remote::{Remote, redact},
};
use crate::{
    process::Child,
    record::{Stream, Text},
    secret::Known,
};

/// The variables of git that say how to reach servers. All others are left out: they say which repository to work on,
/// which a git hook that canship runs in has set, or which programs to run.
const KEPT: &[&str] = &[
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_EXEC_PATH",
    "GIT_HTTP_PROXY_AUTHMETHOD",
    "GIT_PROXY_COMMAND",
    "GIT_PROXY_SSL_CAINFO",
    "GIT_PROXY_SSL_CERT",
    "GIT_PROXY_SSL_CERT_PASSWORD_PROTECTED",
    "GIT_PROXY_SSL_KEY",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_CERT_PASSWORD_PROTECTED",
    "GIT_SSL_KEY",
    "GIT_SSL_NO_VERIFY",
];

/// No question to a person by anyone, and words that can be understood.
const VARIABLES: &[(&str, &str)] = &[
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS", ""),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GCM_INTERACTIVE", "never"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    // A repository that lacks objects would ask its origin for them, by an address that nobody has looked at.
    ("GIT_NO_LAZY_FETCH", "1"),
    ("LC_ALL", "C"),
];

/// Settings that outrank the user's: nothing of theirs runs, but for what gives access.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.autocrlf", "false"),
    ("core.pager", "cat"),
    ("protocol.ext.allow", "never"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("color.ui", "false"),
    ("log.showSignature", "false"),
    ("tag.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
    ("fetch.recurseSubmodules", "no"),
    ("submodule.recurse", "false"),
    ("init.defaultRefFormat", "files"),
    ("init.templateDir", ""),
    ("clone.rejectShallow", "false"),
];

/// Of git's variables, those that stay without access: whom to trust, and where git's own programs are.
const KEPT_WITHOUT_ACCESS: &[&str] =
    &["GIT_EXEC_PATH", "GIT_PROXY_SSL_CAINFO", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_NO_VERIFY"];

/// No configuration of the user's or the system's, and no folder in which curl or ssh could look for more.
const WITHOUT_ACCESS: &[(&str, &str)] =
    &[("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("HOME", "/nonexistent")];

const NO_ACCESS: &[(&str, &str)] = &[("credential.helper", ""), ("protocol.ssh.allow", "never")];

/// What git may answer, in bytes; more ends it.
const MOST: usize = 128 * 1024 * 1024;

/// How much of its words is kept: the end, where the cause stands.
const WORDS: usize = 4 * 1024;

/// The git of this machine, with the environment that it runs in.
#[derive(Clone)]
pub struct Git {
    environment: Vec<(OsString, OsString)>,
    settings: Vec<(String, String)>,
    bound: Duration,
    access: Access,
    known: Known,
}

/// Whether what gives the user access to servers is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Users,
    None,
}

impl std::fmt::Debug for Git {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment and settings may hold credentials.
        f.debug_struct("Git").field("bound", &self.bound).finish_non_exhaustive()
    }
}

impl Git {
    /// The git that the `PATH` of this environment leads to; whatever is silent for longer than `bound` is ended.
    #[must_use]
    pub fn new(environment: impl IntoIterator<Item = (OsString, OsString)>, bound: Duration) -> Self {
        let kept = |name: &OsStr| {
            let name = name.to_string_lossy();
            !name.starts_with("GIT_") || KEPT.contains(&&*name)
        };
        let mut environment: Vec<_> = environment.into_iter().filter(|(name, _)| kept(name)).collect();
        environment.extend(VARIABLES.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))));
        let settings = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { environment, settings, bound, access: Access::Users, known: Known::default() }
    }

    /// The same git without anything that gives access: no credential helper, key, agent, header or password of anybody.
    /// What needs ssh cannot be reached, since ssh would look for keys by itself.
    #[must_use]
    pub fn without_access(mut self) -> Self {
        let kept = |name: &OsStr| {
            let name = name.to_string_lossy();
            let of_git = !name.starts_with("GIT_") || KEPT_WITHOUT_ACCESS.contains(&&*name);
            of_git && !["HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK", "NETRC"].contains(&&*name)
        };
        self.environment.retain(|(name, _)| kept(name));
        let nothing = VARIABLES.iter().chain(WITHOUT_ACCESS).map(|(name, value)| (OsString::from(name), OsString::from(value)));
        self.environment.extend(nothing);
        self.settings.extend(NO_ACCESS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.access = Access::None;
        self
    }

    /// The same git, which tells of every login in an address that it is given.
    #[must_use]
    pub fn telling(self, known: Known) -> Self {
        Self { known, ..self }
    }

    /// Whether it has what gives the user access.
    pub(super) fn has_access(&self) -> bool {
        self.access == Access::Users
    }

    /// The same git with more settings.
    pub(super) fn with(&self, settings: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut more = self.clone();
        more.settings.extend(settings);
        more
    }

    /// The same git with less patience.
    pub(super) fn within(&self, bound: Duration) -> Self {
        Self { bound: self.bound.min(bound), ..self.clone() }
    }

    /// The same git with one more variable.
    pub(super) fn with_variable(&self, name: &str, value: impl Into<OsString>) -> Self {
        let mut more = self.clone();
        more.environment.push((name.into(), value.into()));
        more
    }

    /// What talks to this repository.
    pub(super) async fn for_remote(&self, remote: &Remote, way: Way) -> Result<Talk, SourceError> {
        // Before it is sent anywhere: a server may repeat it.
        self.known.add(&remote.secrets());
        if !self.has_access() {
            return Ok(Talk { git: self.clone(), url: remote.url().to_owned(), place: remote.place() });
        }
        let of_access = r"^(core\.sshcommand|url\..*\.(push)?insteadof|http\.(.*\.)?(extraheader|proxy))$";
        let set = self.run(Path::new("/"), &["config", "--null", "--get-regexp", of_access]).await?;
        let set = settings(&set.out);
        self.known.add(&login::secrets(&set));
        let (mut git, mut url) = (self.clone(), remote.url().to_owned());
        // Where git would go. If no login is in that, it finds the way by itself.
        let address = login::rewritten(remote.address(), way, &set).unwrap_or_else(|| remote.address().to_owned());
        let target = Remote::new(&address, Path::new("/"));
        if remote.address() != url || target.address() != target.url() {
            self.known.add(&target.secrets());
            let means = login::means(target.address());
            git = git.with(means.settings);
            git.environment.extend(means.variables.into_iter().map(|(name, value)| (name.into(), value.into())));
            url = means.url;
        }
        // Said by variable, it would outrank what the user has set.
        let has = |name: &str| self.environment.iter().any(|(known, _)| known == name);
        let is_set = set.iter().any(|(name, command)| name == "core.sshcommand" && !command.is_empty());
        if !is_set && !has("GIT_SSH_COMMAND") && !has("GIT_SSH") {
            git = git.with_variable("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
        }
        Ok(Talk { git, url, place: target.place() })
    }

    /// The command, ready to start, working in `folder`.
    pub(super) fn command(&self, folder: &Path, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new("git");
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        // By variables, not by `-c`: a setting may hold a credential, and arguments can be read by all.
        command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        for (i, (name, value)) in self.settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{i}"), name).env(format!("GIT_CONFIG_VALUE_{i}"), value);
        }
        command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command in `folder` and waits for its answer, whatever it is.
    pub(super) async fn run(&self, folder: &Path, arguments: &[&str]) -> Result<Answer, SourceError> {
        self.run_with_input(folder, arguments, &[]).await
    }

    /// Runs a command that reads `input`: no more than a pipe can hold.
    pub(super) async fn run_with_input(&self, folder: &Path, arguments: &[&str], input: &[u8]) -> Result<Answer, SourceError> {
        let what = arguments.first().copied().and_then(name).unwrap_or("command");
        let mut command = Command::from(self.command(folder, arguments));
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() }).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Child::start(command).map_err(SourceError::GitMissing)?;
        let failed = |reason: io::Error| SourceError::Failed { what, words: Text::new(&reason.to_string()) };
        if let Some(mut stdin) = child.stdin() {
            // A git that ended early does not read, and says why.
            stdin.write_all(input).await.unwrap_or_default();
        }
        let (mut out, mut words) = (Vec::new(), Vec::new());
        let mut take = |stream, chunk: &[u8]| {
            match stream {
                Stream::Stdout => out.extend_from_slice(chunk),
                Stream::Stderr => keep_end(&mut words, chunk),
            }
            if out.len() > MOST { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match child.follow(self.bound, &mut take).await {
            Err(silent) if silent.kind() == io::ErrorKind::TimedOut => {
                return Err(SourceError::Timeout { what, bound: self.bound });
            }
            followed => followed.map_err(failed)?,
        }
        let success = child.finish().await.map_err(failed)?.success();
        if out.len() > MOST {
            return Err(failed(io::Error::other(format!("it answers more than {MOST} bytes"))));
        }
        Ok(Answer { what, success, out, words: shown(&words) })
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub(super) async fn ask(&self, folder: &Path, arguments: &[&str]) -> Result<String, SourceError> {
        self.run(folder, arguments).await?.local().map(|out| String::from_utf8_lossy(&out).trim_end().to_owned())
    }
}

/// Git for one repository.
pub(super) struct Talk {
    pub(super) git: Git,
    /// The repository, as an argument: without credentials.
    pub(super) url: String,
    /// Where git ends up, by the user's rules too: the same of two addresses of one repository, as far as that shows.
    pub(super) place: String,
}

/// Settings as `git config --null` prints them: name, line end, value, each ended by a null byte.
pub(super) fn settings(printed: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(printed);
    text.split_terminator('\0')
        .map(|setting| setting.split_once('\n').unwrap_or((setting, "true")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What git answered.
pub(super) struct Answer {
    what: &'static str,
    pub(super) success: bool,
    pub(super) out: Vec<u8>,
    pub(super) words: Text,
}

impl Answer {
    /// What was printed, if the command succeeded; for commands that talk to no server.
    pub(super) fn local(self) -> Result<Vec<u8>, SourceError> {
        if self.success { Ok(self.out) } else { Err(SourceError::Failed { what: self.what, words: self.words }) }
    }

    /// What was printed, if the command succeeded; for commands that talk to `remote`.
    pub(super) fn remote(self, remote: &Remote) -> Result<Vec<u8>, SourceError> {
        if self.success { Ok(self.out) } else { Err(SourceError::of_remote(self.what, &remote.shown(), &self.words)) }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).trim_end().to_owned()
    }
}

/// Git's words, harmless, without credentials and without what only tells progress.
pub(super) fn shown(words: &[u8]) -> Text {
    let text = redact(&String::from_utf8_lossy(words));
    let tells = |line: &&str| !line.trim().is_empty() && !line.contains("% (") && !line.starts_with("Cloning into");
    let lines: Vec<_> = text.split(['\n', '\r']).filter(tells).map(str::trim_end).collect();
    Text::new(&lines.join("\n"))
}

fn keep_end(words: &mut Vec<u8>, chunk: &[u8]) {
    words.extend_from_slice(chunk);
    if words.len() > 2 * WORDS {
        // At the end of a line, so that no URL loses the beginning that credentials are recognised by.
        let cut = words.len() - WORDS;
        let line = words[cut..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        words.drain(..line.map_or(words.len(), |at| cut + at + 1));
    }
}

/// The command's name for messages.
fn name(argument: &str) -> Option<&'static str> {
    const NAMES: &[&str] = &[
        "archive",
        "cat-file",
        "clone",
        "config",
        "describe",
        "fetch",
        "for-each-ref",
        "grep",
        "hash-object",
        "init",
        "log",
        "ls-remote",
        "ls-tree",
        "merge-base",
        "push",
        "read-tree",
        "repack",
        "rev-list",
        "rev-parse",
        "show",
        "status",
        "update-ref",
    ];
    NAMES.iter().copied().find(|name| *name == argument)
}
