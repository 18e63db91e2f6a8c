//! The hotfix tag: made, pushed under the drill's name, read back, removed.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Checkout, Git, SourceError, behind::listed, fetch::Home, left::tag_name, login::Way, remote::Remote};
use crate::{
    plan::TagAt,
    record::{DrillId, TagFacts, Text},
    state::Item,
};

/// Who makes the tag. A release's tag is made by a person or a pipeline; this one proves that the place takes tags.
const TAGGER: &str = "canship <canship@invalid>";

/// The tag of one drill. Every step may be done again.
#[derive(Clone, Debug)]
pub struct DrillTag {
    git: Git,
    clone: PathBuf,
    commit: String,
    remote: Remote,
    release_tag: String,
    name: String,
    object: String,
    /// Whether a push was begun and the server was not heard to have done with it.
    is_awaited: Arc<AtomicBool>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// The tag that was pushed, leading to the commit.
    Same(TagFacts),
    /// Another one, or none.
    Differs {
        /// What should be there: the tag object and the commit it leads to.
        expected: Text,
        /// What is there.
        found: Text,
    },
}

/// A place for tags that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPlace {
    /// Where, without credentials.
    pub url: Text,
    /// What was not proved by it answering.
    pub unproved: Text,
}

/// Looks whether the place of the tag answers. Changes nothing, and so proves nothing but the right to read.
///
/// # Errors
/// There is no such place, or it does not answer.
pub async fn look(git: &Git, folder: &Path, mirror: Option<&str>, at: TagAt) -> Result<TagPlace, SourceError> {
    let home = Home::of(git, folder).await?.ok();
    let git = git.with(home.iter().flat_map(|home| home.access.clone()));
    let mirror = mirror.map(|mirror| Remote::new(mirror, folder));
    let remote = place(at, mirror.as_ref(), home.as_ref().and_then(|home| home.origin.as_ref()))?;
    let talk = git.for_remote(remote, Way::Fetch).await?;
    talk.git.run(Path::new("/"), &["ls-remote", "--", &talk.url, "HEAD"]).await?.remote(remote)?;
    let url = remote.shown();
    let unproved = Text::new(&format!("`{url}` answers to reading only; that it takes a tag shows itself when one is pushed"));
    Ok(TagPlace { url, unproved })
}

pub(super) fn place<'r>(at: TagAt, mirror: Option<&'r Remote>, origin: Option<&'r Remote>) -> Result<&'r Remote, SourceError> {
    match at {
        TagAt::Mirror => mirror.ok_or(SourceError::NoPlace("mirror")),
        TagAt::Origin => origin.ok_or(SourceError::NoPlace("origin")),
        TagAt::Nowhere => Err(SourceError::NoPlace("place")),
    }
}

impl DrillTag {
    /// Makes the tag object of the release in the clone. Always the same for the same commit and name.
    ///
    /// # Errors
    /// There is no such place, or git does not take the name.
    pub async fn make(checkout: &Checkout, drill: &DrillId, release_tag: &str, at: TagAt) -> Result<Self, SourceError> {
        let remote = place(at, checkout.mirror.as_ref(), checkout.origin.as_ref())?.clone();
        let (git, clone) = (&checkout.git, &checkout.clone);
        // Only a whole name is checked: no tag can be called `-d` that way.
        if !git.run(clone, &["check-ref-format", &format!("refs/tags/{release_tag}")]).await?.success {
            let words = Text::new(&format!("`{release_tag}` cannot be the name of a tag"));
            return Err(SourceError::Failed { what: "check-ref-format", words });
        }
        let (commit, seconds) = (&checkout.commit, checkout.committed_at);
        let content = format!(
            "object {commit}\ntype commit\ntag {release_tag}\ntagger {TAGGER} {seconds} +0000\n\nDrill {drill}: can this be released?\n"
        );
        let object =
            git.run_with_input(clone, &["hash-object", "-t", "tag", "-w", "--stdin"], content.as_bytes()).await?.local()?;
        let object = String::from_utf8_lossy(&object).trim_end().to_owned();
        Ok(Self {
            git: git.clone(),
            clone: clone.clone(),
            commit: commit.clone(),
            remote,
            release_tag: release_tag.to_owned(),
            name: tag_name(drill),
            object,
            is_awaited: Arc::default(),
        })
    }

    /// Where the tag goes, without credentials.
    #[must_use]
    pub fn url(&self) -> Text {
        self.remote.shown()
    }

    /// The name it is drilled under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a journal says of it.
    #[must_use]
    pub fn item(&self) -> Item {
        Item::GitTag { url: self.remote.url().to_owned(), name: self.name.clone(), object: self.object.clone() }
    }

    /// Whether the source has a tag of the release's name already, on another commit: then this one could not be released so.
    ///
    /// # Errors
    /// Git fails.
    pub async fn is_taken(&self) -> Result<bool, SourceError> {
        let name = format!("refs/tags/{}^{{commit}}", self.release_tag);
        let found = self.git.run(&self.clone, &["rev-parse", "--verify", "--quiet", &name]).await?;
        Ok(found.success && found.text() != self.commit)
    }

    /// Pushes it under the drill's name. One ref only, so there is nothing that could be left half done.
    ///
    /// # Errors
    /// The server refuses it ([`SourceError::Refused`], with its words), or could not be asked.
    pub async fn push(&self) -> Result<(), SourceError> {
        // What takes it on this machine ends with git.
        let is_elsewhere = !self.remote.is_local();
        self.is_awaited.store(is_elsewhere, Ordering::Relaxed);
        let pushed = self.send(&format!("{}:{}", self.object, self.full_name())).await;
        let is_awaited = matches!(
            pushed,
            Err(SourceError::Timeout { .. }
                | SourceError::Unreachable { .. }
                | SourceError::Obstructed { .. }
                | SourceError::Failed { .. })
        );
        self.is_awaited.store(is_elsewhere && is_awaited, Ordering::Relaxed);
        pushed
    }

    /// Reads the tag back in a fresh connection and compares it with what was pushed.
    ///
    /// # Errors
    /// The server could not be asked.
    pub async fn read_back(&self) -> Result<ReadBack, SourceError> {
        let found = self.found().await?;
        let expected = vec![self.object.clone(), self.commit.clone()];
        if found == expected {
            return Ok(ReadBack::Same(TagFacts {
                release_tag: self.release_tag.as_str().into(),
                drill_tag: self.name.as_str().into(),
                url: self.url(),
                object: self.object.as_str().into(),
            }));
        }
        let shown = |objects: Vec<String>| if objects.is_empty() { "no such tag".into() } else { objects.join(" → ").into() };
        Ok(ReadBack::Differs { expected: shown(expected), found: shown(found) })
    }

    /// Removes it at the server, and reads back that it is gone.
    ///
    /// # Errors
    /// It is still there, or may still come ([`SourceError::Unanswered`]), or the server could not be asked.
    pub async fn remove(&self) -> Result<(), SourceError> {
        if self.found().await?.is_empty() {
            // A push that was given up may still be carried out, after we have looked.
            let is_awaited = self.is_awaited.load(Ordering::Relaxed);
            return if is_awaited { Err(SourceError::Unanswered { url: self.url() }) } else { Ok(()) };
        }
        let removed = self.send(&format!(":{}", self.full_name())).await;
        if self.found().await?.is_empty() {
            return Ok(());
        }
        removed?;
        let words = Text::new(&format!("the server said that `{}` was removed, and still has it", self.name));
        Err(SourceError::Failed { what: "push", words })
    }

    fn full_name(&self) -> String {
        format!("refs/tags/{}", self.name)
    }

    /// The tag object and what it leads to, as the server has them now.
    async fn found(&self) -> Result<Vec<String>, SourceError> {
        let talk = self.git.for_remote(&self.remote, Way::Fetch).await?;
        let (name, peeled) = (self.full_name(), format!("{}^{{}}", self.full_name()));
        let listed = listed(&talk, &self.clone, &self.remote, &[&name, &peeled]).await?;
        Ok(listed.into_iter().map(|(object, _)| object).collect())
    }

    async fn send(&self, refspec: &str) -> Result<(), SourceError> {
        let talk = self.git.for_remote(&self.remote, Way::Push).await?;
        let arguments = ["push", "--porcelain", "--no-verify", "--no-follow-tags", "--", &talk.url, refspec];
        let answer = talk.git.run(&self.clone, &arguments).await?;
        if answer.success {
            return Ok(());
        }
        match refusal(&answer.text(), answer.words.as_str()) {
            Some(words) => Err(SourceError::Refused { url: self.url(), words }),
            None => answer.remote(&self.remote).map(drop),
        }
    }
}

/// The server's words when it refused a ref: what it printed, and its reason in `git push --porcelain`'s line
/// `!<tab><from>:<to><tab>[remote rejected] (<reason>)`.
fn refusal(porcelain: &str, words: &str) -> Option<Text> {
    let rejected = porcelain.lines().find_map(|line| line.strip_prefix("!\t")?.split_once('\t').map(|(_, reason)| reason))?;
    let said = words.lines().filter_map(|line| line.strip_prefix("remote:")).map(str::trim).filter(|line| !line.is_empty());
    Some(Text::new(&said.chain([rejected]).collect::<Vec<_>>().join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_servers_words_and_its_reason() {
        let porcelain = "To h\n!\tabc:refs/tags/x\t[remote rejected] (pre-receive hook declined)\nDone";
        let words = "remote: tags are made by \nremote: the release team        \nremote: \nerror: failed to push some refs";
        assert_eq!(
            refusal(porcelain, words).unwrap().as_str(),
            "tags are made by\nthe release team\n[remote rejected] (pre-receive hook declined)"
        );
        assert_eq!(refusal("", "fatal: unable to access"), None);
    }
}
