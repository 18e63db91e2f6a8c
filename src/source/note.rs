//! What was seen beside a fetched source: nothing that kept it from being fetched.

use crate::record::Text;

/// One thing that the drill should say about the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The origin could not be asked, so how far the mirror is behind is not known.
    OriginSilent {
        /// Why.
        words: Text,
    },
    /// The origin has no such ref, so how far the mirror is behind cannot be counted.
    OriginLacksRef,
    /// The origin is the mirror itself, so nothing says how far that is behind.
    OriginIsMirror,
    /// The origin has tags that the mirror lacks, or has on something else.
    MirrorLacksTags {
        /// How many.
        count: usize,
        /// The last of them by name.
        last: Text,
    },
    /// The mirror has commits of the ref that the origin lacks: what is released is not what was reviewed there.
    MirrorAhead {
        /// How many.
        commits: u64,
    },
    /// A submodule cannot be fetched.
    SubmoduleUnavailable {
        /// Where it belongs.
        path: Text,
        /// Where it was sought, without credentials.
        url: Text,
        /// Git's words, or why it was not tried.
        words: Text,
    },
    /// Files of Git LFS are there as pointers only.
    LfsPointers {
        /// How many.
        count: usize,
        /// The first few, by path.
        first: Vec<Text>,
    },
    /// The source has only the newest part of its history: tags that lie further back are not seen.
    Shallow,
    /// The plan's repository has changes that are not committed and so not part of the release.
    Uncommitted {
        /// How many files.
        files: usize,
    },
    /// The plan's repository has commits of the ref that were not pushed to where the source came from.
    NotPushed {
        /// How many.
        commits: u64,
    },
}
