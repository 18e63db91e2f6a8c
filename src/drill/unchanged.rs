//! Artifacts that are files of the source: a release may well have some, but that its build works they do not show.

use std::path::PathBuf;

use super::build;
use crate::{archive::Unpacked, source::Passing};

/// How many files are named.
const NAMED: usize = 5;

/// What those artifacts do not show; none if the build made or changed each.
pub(super) fn limit(artifacts: &[PathBuf], files: &[Unpacked], source: &Passing) -> Option<String> {
    let mut unchanged = Vec::new();
    for artifact in artifacts {
        let above = artifact.parent().unwrap_or(artifact);
        let placed = build::of(artifact, files).map(|file| (above.join(&file.path), file));
        let same = placed.filter(|(place, file)| file.size > 0 && source.had(place, &file.digest));
        unchanged.extend(same.map(|(place, _)| format!("`{}`", place.display())));
    }
    let shown = unchanged[..unchanged.len().min(NAMED)].join(", ");
    match unchanged.len() {
        0 => None,
        1 => Some(format!("{shown} is a file of the source as it was: that the build makes it was not shown")),
        all => {
            let more = all.checked_sub(NAMED).filter(|more| *more > 0);
            let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
            Some(format!("{shown}{more} are files of the source as they were: that the build makes them was not shown"))
        }
    }
}
