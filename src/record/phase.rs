//! The phases of a drill and how each can end.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Text;

/// A phase, in the order in which a release passes through them. `cut` and `restore` only take place in a drill
/// that disables the primary path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Leftovers of earlier drills are removed, beside everything else.
    Prepare,
    /// Access: secrets, registries, tag place, engine, image, disk.
    Probe,
    /// The primary path is taken away.
    Cut,
    /// A clean clone of the ref.
    Fetch,
    /// The plan's steps in a clean room, and the artifacts out of it.
    Build,
    /// The hotfix tag, pushed under the drill's name and read back.
    Tag,
    /// The image pushed, pulled back by digest and compared.
    Publish,
    /// What came back runs in a fresh clean room.
    Smoke,
    /// What was built is compared with what the primary path has released.
    Compare,
    /// The build is repeated in a second fresh room, and what comes out is compared.
    Repeat,
    /// The primary path is given back.
    Restore,
    /// What the drill put outside is removed, and that is read back.
    Clean,
}

impl Phase {
    /// Those that shipping consists of.
    pub const SHIPPING: [Self; 6] = [Self::Probe, Self::Fetch, Self::Build, Self::Tag, Self::Publish, Self::Smoke];

    /// The phase's name in every view.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Probe => "probe",
            Self::Cut => "cut",
            Self::Fetch => "fetch",
            Self::Build => "build",
            Self::Tag => "tag",
            Self::Publish => "publish",
            Self::Smoke => "smoke",
            Self::Compare => "compare",
            Self::Repeat => "repeat",
            Self::Restore => "restore",
            Self::Clean => "clean",
        }
    }

    /// Whether the phase's time is part of the time to ship: disabling, restoring and cleaning are not, nor is comparing.
    #[must_use]
    pub fn ships(self) -> bool {
        Self::SHIPPING.contains(&self)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a phase, check or step ended. The four never mix: only [`Outcome::Passed`] proves anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done and what it says was read back.
    Passed,
    /// It was done and shows that the release path is wanting.
    Failed,
    /// It could not be measured: nothing is proved either way.
    Errored,
    /// It was not tried.
    Skipped {
        /// Why not.
        reason: Text,
    },
}

impl Outcome {
    pub(super) fn for_each_text(&mut self, visit: &mut dyn FnMut(&mut Text)) {
        if let Self::Skipped { reason } = self {
            visit(reason);
        }
    }

    /// The outcome's name in every view.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Errored => "errored",
            Self::Skipped { .. } => "skipped",
        }
    }
}
