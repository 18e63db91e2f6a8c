//! How the failures of a spare read as findings.

use super::SpareError;
use crate::{
    archive::Refused,
    record::{Finding, Phase, Rule},
};

/// The finding that `error` is, with what to do about it.
#[must_use]
pub fn finding(error: &SpareError, phase: Phase) -> Finding {
    let (rule, advice) = match error {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Severity;

    #[test]
    fn an_archive_that_does_harm_blocks_a_release_and_a_full_disk_of_this_machine_leaves_it_open() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let severity = |refused| finding(&SpareError::Refused(refused), Phase::Build).severity;
        assert_eq!(severity(Refused::Path("../x".to_owned())), Severity::Blocker);
        assert_eq!(severity(Refused::Write { path: "x".to_owned(), reason: full }), Severity::Unverified);
    }
}
