//! A fetched source.

use std::path::{Path, PathBuf};

use super::{Git, Note, Passing, SourceError, content, refs, remote::Remote, submodule::Module, version};
use crate::{
    archive::Fill,
    plan::{TagTemplate, Version},
    record::SourceFacts,
};

/// A clean clone at the commit of a release. Its files are never checked out on this machine.
#[derive(Debug)]
pub struct Checkout {
    pub(super) git: Git,
    pub(super) clone: PathBuf,
    pub(super) commit: String,
    pub(super) committed_at: i64,
    pub(super) facts: SourceFacts,
    pub(super) notes: Vec<Note>,
    pub(super) modules: Vec<Module>,
    pub(super) mirror: Option<Remote>,
    pub(super) origin: Option<Remote>,
}

impl Checkout {
    /// Where it came from and what it is.
    #[must_use]
    pub fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    /// What was seen on the way.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The commit, in full.
    #[must_use]
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// When the commit was made, in seconds since 1970: what builds take for the time, so that it does not depend on when
    /// they run. Source: <https://reproducible-builds.org/specs/source-date-epoch/>.
    #[must_use]
    pub fn source_date(&self) -> i64 {
        self.committed_at
    }

    /// The commit that a tag of the source leads to, if there is such a tag.
    ///
    /// # Errors
    /// Git fails.
    pub async fn tagged(&self, tag: &str) -> Result<Option<String>, SourceError> {
        refs::commit(&self.git, &self.clone, &format!("refs/tags/{tag}")).await
    }

    /// The folder of the clone; there is nothing in it but `.git`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.clone
    }

    /// Everything that a checkout would have: files, submodules, and a `.git` that has the history, so that
    /// `git describe` and `git status` work, but no access to anything.
    #[must_use]
    pub fn content(&self) -> Fill {
        self.watched_content(Passing::default())
    }

    /// The same, whose files are watched as they pass.
    #[must_use]
    pub fn watched_content(&self, passing: Passing) -> Fill {
        let top = Module { path: PathBuf::new(), clone: self.clone.clone(), commit: self.commit.clone() };
        content::fill(self.git.clone(), std::iter::once(top).chain(self.modules.iter().cloned()).collect(), passing)
    }

    /// Reads the version of the release out of the commit; `template` is what releases are tagged, if they are.
    ///
    /// # Errors
    /// It is not there or cannot be a version; [`version::VersionError::InRoom`] for a version that a command tells,
    /// which the drill runs in the room.
    pub async fn read_version(&self, version: &Version, template: Option<&TagTemplate>) -> Result<String, version::VersionError> {
        version::read(self, version, template).await
    }

    /// A file of the commit; none if there is no such file.
    ///
    /// # Errors
    /// Git fails.
    pub async fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let answer = self.git.run(&self.clone, &["cat-file", "blob", &format!("{}:{path}", self.commit)]).await?;
        Ok(answer.success.then_some(answer.out))
    }
}
