//! Why git did not do what was asked, sorted by what to do about it.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    network::Obstacle,
    record::{Measure, Text},
};

/// Why the source or its tag is not to be had. Words are git's or the server's own, without credentials.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Git cannot be started.
    #[error("`git` cannot be started: {0}")]
    GitMissing(io::Error),
    /// The plan lies in no repository, and there is no mirror.
    #[error("`{folder}` is in no git repository and the plan has no `mirror`: {words}")]
    NotARepository {
        /// The plan's folder.
        folder: PathBuf,
        /// Git's words.
        words: Text,
    },
    /// There is no such repository.
    #[error("there is no repository at `{url}`: {words}")]
    NotFound {
        /// Where it was sought.
        url: Text,
        /// Git's words.
        words: Text,
    },
    /// The repository has no such branch, tag or commit.
    #[error("`{url}` has no branch, tag or commit `{reference}`{near}", near = offered(.near))]
    NoSuchRef {
        /// What was sought.
        reference: Text,
        /// Where.
        url: Text,
        /// What is there and has a similar name.
        near: Vec<Text>,
    },
    /// The server does not accept who is asking.
    #[error("`{url}` refuses access: {words}")]
    Unauthorized {
        /// The repository.
        url: Text,
        /// Git's or the server's words.
        words: Text,
    },
    /// Git works on no repository of another user that it was not told to trust.
    #[error("git does not use `{url}`, which belongs to another user: {words}")]
    NotOwn {
        /// The repository.
        url: Text,
        /// Git's words.
        words: Text,
    },
    /// The server understood and said no: a hook, a protected tag, a rule.
    #[error("`{url}` refuses the push: {words}")]
    Refused {
        /// The repository.
        url: Text,
        /// The server's words.
        words: Text,
    },
    /// The server could not be reached, or broke off.
    #[error("`{url}` cannot be reached: {words}")]
    Unreachable {
        /// The repository.
        url: Text,
        /// Git's words.
        words: Text,
    },
    /// Something stands in the way to the server.
    #[error("`{url}` cannot be reached: {obstacle}")]
    Obstructed {
        /// The repository.
        url: Text,
        /// What.
        obstacle: Box<Obstacle>,
        /// Git's words.
        words: Text,
    },
    /// Nothing moved for as long as the bound.
    #[error("`git {what}` was silent for {bound} and was ended", bound = Measure(*.bound))]
    Timeout {
        /// The git command.
        what: &'static str,
        /// The bound.
        bound: Duration,
    },
    /// The server was never heard to have done with a push: it may still do it.
    #[error("the push to `{url}` was never answered: the tag is not there, and may still come")]
    Unanswered {
        /// The repository.
        url: Text,
    },
    /// The plan asks for a tag at a place that it does not have.
    #[error("the tag should go to the {0}, and there is none")]
    NoPlace(&'static str),
    /// Git failed in another way.
    #[error("`git {what}` failed: {words}")]
    Failed {
        /// The git command.
        what: &'static str,
        /// Git's words.
        words: Text,
    },
}

fn offered(names: &[Text]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("; it has {}", names.join(", "))
}

/// Words of git (in the C locale) and of common servers that tell a missing right.
const UNAUTHORIZED: &[&str] = &[
    "authentication failed",
    "could not read username",
    "could not read password",
    "terminal prompts disabled",
    "permission denied (",
    "permission to ",
    "marked as read only",
    "returned error: 401",
    "returned error: 403",
    "access denied",
    "invalid username or",
    "host key verification failed",
];

/// … a repository that is not there.
const NOT_FOUND: &[&str] = &[
    "does not appear to be a git repository",
    "repository not found",
    "not found",
    "does not exist",
    "could not be found",
    "returned error: 404",
    "not a git repository",
];

/// … and a server that is not.
const UNREACHABLE: &[&str] = &[
    "could not resolve",
    "unable to look up",
    "name or service not known",
    "connection refused",
    "connection timed out",
    "operation timed out",
    "timed out",
    "connection reset",
    "connection closed",
    "network is unreachable",
    "no route to host",
    "failed to connect",
    "couldn't connect",
    "could not connect",
    "unable to connect",
    "early eof",
    "hung up unexpectedly",
    "returned error: 5",
    "returned error: 429",
    "ssl",
    "tls",
    "certificate",
    "unable to access",
    "could not read from remote",
];

impl SourceError {
    /// Sorts what a command that talks to `url` said when it failed.
    pub(super) fn of_remote(what: &'static str, url: &Text, words: &Text) -> Self {
        let lower = words.as_str().to_lowercase();
        let says = |any: &[&str]| any.iter().any(|part| lower.contains(part));
        let (url, words) = (url.clone(), words.clone());
        if says(&["dubious ownership"]) {
            Self::NotOwn { url, words }
        } else if says(UNAUTHORIZED) {
            Self::Unauthorized { url, words }
        } else if says(NOT_FOUND) {
            Self::NotFound { url, words }
        } else if says(UNREACHABLE) {
            Self::Unreachable { url, words }
        } else {
            Self::Failed { what, words }
        }
    }

    /// The command by which git would trust a repository of another user, as it names it itself.
    #[must_use]
    pub fn trusting(&self) -> Option<&str> {
        let words = self.words()?.as_str();
        let command =
            words.lines().map(str::trim).find(|line| line.starts_with("git config ") && line.contains(" safe.directory "));
        command.filter(|_| words.contains("dubious ownership"))
    }

    /// What git or the server said, for a finding's evidence.
    #[must_use]
    pub fn words(&self) -> Option<&Text> {
        match self {
            Self::NotARepository { words, .. }
            | Self::NotFound { words, .. }
            | Self::NotOwn { words, .. }
            | Self::Unauthorized { words, .. }
            | Self::Refused { words, .. }
            | Self::Unreachable { words, .. }
            | Self::Obstructed { words, .. }
            | Self::Failed { words, .. } => Some(words),
            Self::GitMissing(_) | Self::NoSuchRef { .. } | Self::Timeout { .. } | Self::Unanswered { .. } | Self::NoPlace(_) => {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_sorted_by_what_to_do_about_it() {
        let kind = |words: &str| match SourceError::of_remote("fetch", &"u".into(), &words.into()) {
            SourceError::Unauthorized { .. } => "unauthorized",
            SourceError::NotFound { .. } => "not found",
            SourceError::NotOwn { .. } => "not own",
            SourceError::Unreachable { .. } => "unreachable",
            _ => "failed",
        };
        for (words, expected) in [
            ("fatal: could not read Username for 'https://h': terminal prompts disabled", "unauthorized"),
            ("git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.", "unauthorized"),
            ("fatal: unable to access 'https://h/': The requested URL returned error: 403", "unauthorized"),
            ("Host key verification failed.\nfatal: Could not read from remote repository.", "unauthorized"),
            ("fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote", "not found"),
            ("remote: Repository not found.\nfatal: repository 'https://h/' not found", "not found"),
            ("fatal: repository '/nowhere' does not exist", "not found"),
            ("ssh: Could not resolve hostname h: Name or service not known", "unreachable"),
            ("fatal: unable to access 'http://h/': Failed to connect to h port 1: Connection refused", "unreachable"),
            ("fatal: unable to access 'https://h/': The requested URL returned error: 503", "unreachable"),
            ("fatal: detected dubious ownership in repository at '/x'\nfatal: Could not read from remote repository.", "not own"),
            ("fatal: protocol error: bad pack header", "failed"),
        ] {
            assert_eq!(kind(words), expected, "{words}");
        }
    }
}
