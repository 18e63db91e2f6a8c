//! What a drill puts outside, as its journal has it.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    record::{Control, Digest, Nonce, Place},
    secret::Known,
};

/// One thing, or one place where things are made that can be listed there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Item {
    /// The drill's folder for temporary files.
    Folder {
        /// Where.
        path: PathBuf,
    },
    /// An engine on which the drill makes what carries its label.
    Engine {
        /// Its address.
        address: String,
    },
    /// The drill's lease on a primary path.
    Lease {
        /// Where.
        place: Place,
        /// Its text when it was created.
        lease: String,
        /// A command for `sh` that deletes it, with the token in `$CANSHIP_TOKEN`.
        by_hand: String,
        /// Until then the call that creates it may take effect.
        until: Timestamp,
    },
    /// A part of a primary path that the drill turns off, and that was on.
    Cut {
        /// Where.
        place: Place,
        /// Which.
        control: Control,
        /// A command for `sh` that turns it on, with the token in `$CANSHIP_TOKEN`.
        by_hand: String,
        /// Until then the call that turns it off may take effect; none once that was answered. That it is missing says
        /// neither: such a line is not ours.
        #[serde(deserialize_with = "given")]
        until: Option<Timestamp>,
    },
    /// A run on a spare runner that the drill asks for.
    Run {
        /// Where.
        place: Place,
        /// The workflow's file on GitHub, the job on GitLab.
        workflow: String,
        /// By which it is known.
        nonce: Nonce,
        /// Its number; none until the forge has said it.
        #[serde(deserialize_with = "given")]
        run: Option<u64>,
        /// Until then it may appear, if it has no number.
        until: Timestamp,
    },
    /// The drill's tag at a git server.
    GitTag {
        /// The server, without credentials.
        url: String,
        /// The tag's name.
        name: String,
        /// The tag object.
        object: String,
    },
    /// An upload to a registry's repository.
    Upload {
        /// The repository.
        repository: String,
        /// Where it goes on; none until the registry has said so, or if the address itself would give rights.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// The blob that it may have become.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blob: Option<Digest>,
    },
    /// A blob in a registry's repository.
    Blob {
        /// The repository.
        repository: String,
        /// The blob.
        digest: Digest,
    },
    /// A manifest in a registry's repository.
    Manifest {
        /// The repository.
        repository: String,
        /// The manifest.
        digest: Digest,
    },
    /// A tag in a registry's repository.
    ImageTag {
        /// The repository.
        repository: String,
        /// Its name.
        tag: String,
        /// The manifest that it leads to.
        digest: Digest,
    },
}

/// What must be there, if only as `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

impl Item {
    /// Leaves out what a server has said, if there is a secret in it. All else stays as it is: the plan and canship itself
    /// have named it, and whoever cleans needs every letter.
    pub(super) fn keep_out(&mut self, known: &Known) {
        if let Self::Upload { location, .. } = self {
            location.take_if(|said| known.scrub(said) != *said);
        }
    }

    /// The registry's repository that it is in.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Upload { repository, .. }
            | Self::Blob { repository, .. }
            | Self::Manifest { repository, .. }
            | Self::ImageTag { repository, .. } => Some(repository),
            Self::Folder { .. }
            | Self::Engine { .. }
            | Self::Lease { .. }
            | Self::Cut { .. }
            | Self::Run { .. }
            | Self::GitTag { .. } => None,
        }
    }
}
