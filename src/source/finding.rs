//! How the failures of git read as findings.

use super::{Note, SourceError};
use crate::{
    network::Obstacle,
    record::{Finding, Phase, Rule, count},
};

/// The finding that the source is not to be had, with what to do about it.
#[must_use]
pub fn finding(error: &SourceError) -> Finding {
    if let Some(command) = error.trusting() {
        return not_own(Rule::SourceUnavailable, Phase::Fetch, format!("the source cannot be fetched: {error}"), command);
    }
    let (rule, advice) = match error {
        SourceError::Obstructed { obstacle, words, .. } => {
            let summary = format!("the source cannot be fetched: {error}");
            return obstructed(obstacle, Phase::Fetch, summary).with_evidence(words.clone());
        }
        SourceError::GitMissing(_) => (Rule::SourceUnavailable, "install git on this machine"),
        SourceError::NotARepository { .. } => {
            (Rule::SourceUnavailable, "keep the plan in the repository it speaks of, or name a `source.mirror`")
        }
        SourceError::NotFound { .. } => {
            (Rule::SourceUnavailable, "correct the address, or make the mirror; some servers answer so where a right is missing")
        }
        SourceError::NoSuchRef { .. } => (Rule::SourceUnavailable, "correct `source.ref`, or push it there"),
        SourceError::Unauthorized { .. } | SourceError::NotOwn { .. } => {
            (Rule::SourceUnavailable, "give whoever runs this spare a key or credential helper that may read there")
        }
        SourceError::Unreachable { .. } | SourceError::Timeout { .. } | SourceError::Unanswered { .. } => (
            Rule::SourceUnreachable,
            "look at this network's way there and drill again; keep a mirror that does not share the origin's fate",
        ),
        SourceError::Refused { .. } | SourceError::NoPlace(_) | SourceError::Failed { .. } => {
            (Rule::SourceUnreachable, "run the git command by hand to see more, then drill again")
        }
    };
    Finding::new(rule, Phase::Fetch, format!("the source cannot be fetched: {error}"), advice)
}

/// The finding that the tag does not get to its place, with what to do about it.
#[must_use]
pub fn tag_finding(error: &SourceError, phase: Phase) -> Finding {
    if let Some(command) = error.trusting() {
        return not_own(Rule::TagRefused, phase, format!("the tag cannot be placed: {error}"), command);
    }
    let (rule, advice) = match error {
        SourceError::Obstructed { obstacle, words, .. } => {
            return obstructed(obstacle, phase, format!("the tag cannot be placed: {error}")).with_evidence(words.clone());
        }
        SourceError::Refused { .. } => (
            Rule::TagRefused,
            "grant whoever releases from this spare the right to create tags there, or set `tag_at:` to where it has it",
        ),
        SourceError::Unauthorized { .. } | SourceError::NotOwn { .. } => {
            (Rule::TagRefused, "give whoever runs this spare a key or credential helper that may push there")
        }
        SourceError::NotFound { .. } | SourceError::NoPlace(_) => {
            (Rule::TagRefused, "correct the address, or make the mirror, or set `tag_at:`")
        }
        SourceError::Unreachable { .. } | SourceError::Timeout { .. } | SourceError::Unanswered { .. } => {
            (Rule::TagUnreachable, "look at this network's way there, then drill again")
        }
        SourceError::GitMissing(_) => (Rule::TagRefused, "install git on this machine"),
        SourceError::NotARepository { .. } | SourceError::NoSuchRef { .. } | SourceError::Failed { .. } => {
            (Rule::TagUnreachable, "run the git command by hand to see more, then drill again")
        }
    };
    Finding::new(rule, phase, format!("the tag cannot be placed: {error}"), advice)
}

/// A repository of another user, with the way out that git names.
fn not_own(rule: Rule, phase: Phase, summary: String, command: &str) -> Finding {
    Finding::new(rule, phase, summary, format!("if you trust who owns it, run as the user of this spare: `{command}`"))
}

fn obstructed(obstacle: &Obstacle, phase: Phase, summary: String) -> Finding {
    Finding::new(obstacle.rule(), phase, summary, obstacle.advice("`trust:` of the plan"))
}

/// What a note means for the release: a finding, or a limit of what was drilled.
pub enum Meaning {
    /// The release path is wanting.
    Finding(Finding),
    /// What was drilled is not all there is.
    Limit(String),
}

impl Note {
    /// What the note means for the release.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        let found = |rule, summary: String, advice| Meaning::Finding(Finding::new(rule, Phase::Fetch, summary, advice));
        match self {
            Self::OriginSilent { words } => found(
                Rule::MirrorUnverified,
                format!("how far the mirror is behind is not known: the origin cannot be asked: {words}"),
                "drill while the origin answers, from a machine that may read it",
            ),
            Self::OriginLacksRef => found(
                Rule::MirrorUnverified,
                "how far the mirror is behind is not known: the origin has no such ref".to_owned(),
                "correct `source.ref`",
            ),
            Self::OriginIsMirror => found(
                Rule::MirrorUnverified,
                "how far the mirror is behind is not known: `origin` of the plan's repository leads to the mirror itself"
                    .to_owned(),
                "drill from a clone of the real origin, or let `origin` lead there (`git remote set-url origin …`)",
            ),
            Self::MirrorLacksTags { count, last } => found(
                Rule::MirrorBehind,
                format!("tags of the origin that the mirror lacks, or has on another commit: {count} (`{last}` is one)"),
                "mirror tags too, on every push: a version or a release may be taken from them",
            ),
            Self::MirrorAhead { commits } => found(
                Rule::MirrorAhead,
                format!("commits that only the mirror has, not the origin: {commits}; they are part of what is drilled"),
                "see who pushed them to the mirror and why, and bring them to the origin or off the mirror",
            ),
            Self::SubmoduleUnavailable { path, url, words } => found(
                Rule::SubmoduleUnavailable,
                format!("the submodule `{path}` cannot be fetched from `{url}`: {words}"),
                "mirror the submodule too, and name it by a relative URL so that it is sought beside the mirror",
            ),
            Self::LfsPointers { count, first } => {
                let first = first.iter().map(ToString::to_string).collect::<Vec<_>>().join("`, `");
                found(
                    Rule::LfsNotFetched,
                    format!("files of Git LFS that are pointers only, whose content was not fetched: {count} (`{first}`)"),
                    "keep what a release needs out of LFS, or fetch it in a build step from where it can be had during an outage",
                )
            }
            Self::Shallow => {
                Meaning::Limit("the source has only the newest part of its history: older tags were not seen".to_owned())
            }
            Self::Uncommitted { files } => Meaning::Limit(format!(
                "{} of this repository {} not committed and so not part of what was drilled",
                count(*files, "changed file"),
                if *files == 1 { "is" } else { "are" }
            )),
            Self::NotPushed { commits } => Meaning::Limit(format!(
                "{} of this repository {} not pushed and so not part of what was drilled",
                count(*commits, "commit"),
                if *commits == 1 { "was" } else { "were" }
            )),
        }
    }
}
