//! How the failures of a spare read as findings.

use std::io;

use super::SpareError;
use crate::{
    archive::Refused,
    record::{Finding, Phase, Rule, Severity},
};

/// The finding that `error` is, with what to do about it.
#[must_use]
pub fn finding(error: &SpareError, phase: Phase) -> Finding {
    let (rule, advice) = match error {
        SpareError::Machine { reason, .. } | SpareError::Refused(Refused::Write { reason, .. }) if is_full(reason) => {
            return no_space(error, phase);
        }
        SpareError::Machine { .. } => (Rule::EngineFailed, "mend that on this machine, and drill again"),
        SpareError::Unreachable { advice, rule, .. } => (*rule, advice.as_str()),
        SpareError::Unlocated { advice, .. } => (Rule::EngineUnreachable, advice.as_str()),
        SpareError::NoImage { .. } => {
            (Rule::ImageMissing, "load the image on the engine, or name one that it can pull, also when its usual registry is out")
        }
        SpareError::Failed { .. } => (Rule::EngineFailed, "look into the engine's own log, mend it, and drill again"),
        SpareError::Ended { .. } => (Rule::EngineFailed, "drill again; if the room ends again, look into the engine's own log"),
        SpareError::NoSuchArtifact { .. } => {
            (Rule::ArtifactMissing, "correct `build.artifacts`, or the steps that should have made it")
        }
        SpareError::Refused(Refused::Write { .. }) => {
            (Rule::EngineFailed, "check the disk of this machine, where TMPDIR leads, then drill again")
        }
        SpareError::Refused(Refused::Secret { .. }) => (
            Rule::SecretInImage,
            "let no step write a secret into what is released; renew the secret if such a release was ever published",
        ),
        SpareError::Refused(_) => (Rule::ArtifactRefused, "name only files and folders of the build's own as artifacts"),
        SpareError::Unsupported(_) => (Rule::EngineFailed, "drill a spare that this version can drill"),
    };
    Finding::new(rule, phase, error.to_string(), advice)
}

fn is_full(reason: &io::Error) -> bool {
    matches!(reason.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// More than a gap here: it kept the drill from its answer.
fn no_space(error: &SpareError, phase: Phase) -> Finding {
    let advice = "free some disk on this machine, where TMPDIR leads, or let TMPDIR lead to where there is more; then drill again";
    let finding = Finding::new(Rule::DiskLow, phase, format!("this machine has no space left: {error}"), advice);
    Finding { severity: Severity::Unverified, ..finding }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_does_harm_blocks_a_release_and_a_full_disk_of_this_machine_leaves_it_open() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let found = |error| finding(&error, Phase::Build);
        assert_eq!(found(Refused::Path("../x".to_owned()).into()).severity, Severity::Blocker);
        let machine = |reason| SpareError::Machine { what: "filling the working folder".to_owned(), reason };
        for error in [Refused::Write { path: "x".to_owned(), reason: full() }.into(), machine(full())] {
            let found = found(error);
            assert_eq!((found.rule, found.severity), (Rule::DiskLow, Severity::Unverified));
            assert!(found.advice.as_str().contains("TMPDIR") && !found.advice.as_str().contains("engine"), "{found:?}");
        }
        let denied = found(machine(io::ErrorKind::PermissionDenied.into()));
        assert!(!denied.advice.as_str().contains("engine"), "a host has none: {denied:?}");
    }
}
