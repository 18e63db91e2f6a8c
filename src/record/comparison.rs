//! What came of comparing what was built with another build of the same release.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Bytes, Text};

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparisonFacts {
    /// What the other build is.
    pub with: ComparedWith,
    /// What of this build was compared: an artifact, or all of them.
    pub subject: Text,
    /// Where the other build was found: a digest, a URL without credentials, an image, a room.
    pub place: Text,
    /// What came of it.
    #[serde(flatten)]
    pub result: ComparisonResult,
}

/// The other build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComparedWith {
    /// What the primary path has released.
    Release,
    /// The same source, built once more by this drill.
    SecondBuild,
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum ComparisonResult {
    /// Every byte is the same.
    Same {
        /// How many files were compared.
        files: u64,
        /// How many bytes they have.
        bytes: u64,
    },
    /// Something differs.
    Differs {
        /// The first differences, by path.
        differences: Vec<Difference>,
        /// How many there are in all.
        total: u64,
    },
    /// It could not be compared: nothing is known either way.
    NotCompared {
        /// Why not.
        reason: Text,
    },
}

/// One file, folder or link that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its path in the artifact.
    pub path: Text,
    /// How it differs.
    #[serde(flatten)]
    pub kind: DifferenceKind,
}

/// How something differs between this build and the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "difference", rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// Only the other build has it.
    Missing,
    /// Only this build has it.
    Extra,
    /// It is a file in one and a folder or link in the other.
    Kind {
        /// What it is in this build.
        ours: Text,
        /// What it is in the other.
        theirs: Text,
    },
    /// It may be executed in one build only.
    Mode {
        /// Whether it may be executed in this build.
        executable: bool,
    },
    /// A link leads elsewhere.
    Target {
        /// Where it leads in this build.
        ours: Text,
        /// Where it leads in the other.
        theirs: Text,
    },
    /// Its bytes differ.
    Content {
        /// Its length in this build.
        ours: u64,
        /// Its length in the other, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        theirs: Option<u64>,
        /// The first byte that differs, from 0, if both were read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<u64>,
        /// What the difference looks like, if that shows itself: a build id, times in an archive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<Text>,
    },
}

impl ComparisonFacts {
    pub(super) fn for_each_text(&mut self, visit: &mut dyn FnMut(&mut Text)) {
        visit(&mut self.subject);
        visit(&mut self.place);
        match &mut self.result {
            ComparisonResult::Same { .. } => {}
            ComparisonResult::NotCompared { reason } => visit(reason),
            ComparisonResult::Differs { differences, .. } => {
                for difference in differences {
                    visit(&mut difference.path);
                    difference.kind.for_each_text(visit);
                }
            }
        }
    }
}

impl DifferenceKind {
    fn for_each_text(&mut self, visit: &mut dyn FnMut(&mut Text)) {
        match self {
            Self::Kind { ours, theirs } | Self::Target { ours, theirs } => {
                visit(ours);
                visit(theirs);
            }
            Self::Content { hint: Some(hint), .. } => visit(hint),
            Self::Missing | Self::Extra | Self::Mode { .. } | Self::Content { hint: None, .. } => {}
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.one_line(), self.kind)
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing here: only the other build has it"),
            Self::Extra => f.write_str("is only here: the other build does not have it"),
            Self::Kind { ours, theirs } => write!(f, "is {ours} here and {theirs} there"),
            Self::Mode { executable: true } => f.write_str("may be executed here, but not there"),
            Self::Mode { executable: false } => f.write_str("may not be executed here, but there"),
            Self::Target { ours, theirs } => {
                write!(f, "leads to `{}` here and to `{}` there", ours.one_line(), theirs.one_line())
            }
            Self::Content { ours, theirs, offset, hint } => {
                match theirs {
                    Some(theirs) if theirs == ours => write!(f, "has other bytes ({} in both)", Bytes(*ours))?,
                    Some(theirs) => write!(f, "has {ours} bytes here and {theirs} there")?,
                    None => f.write_str("has other bytes")?,
                }
                if let Some(offset) = offset {
                    write!(f, ", the first difference at byte {offset}")?;
                }
                match hint {
                    Some(hint) => write!(f, ": {hint}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_read_as_sentences() {
        let shown = |kind| Difference { path: "bin/tool".into(), kind }.to_string();
        let content = DifferenceKind::Content { ours: 10, theirs: Some(12), offset: Some(4), hint: Some("only times".into()) };
        assert_eq!(shown(content), "`bin/tool` has 10 bytes here and 12 there, the first difference at byte 4: only times");
        let unread = DifferenceKind::Content { ours: 10, theirs: None, offset: None, hint: None };
        assert_eq!(shown(unread), "`bin/tool` has other bytes");
        assert_eq!(shown(DifferenceKind::Mode { executable: false }), "`bin/tool` may not be executed here, but there");
    }
}
