//! From the name of a branch, tag or commit to the commit.

use std::path::Path;

use super::{Git, SourceError, git::Talk, remote::Remote};
use crate::record::Text;

/// What a reference is the name of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// This ref of the server, `refs/heads/…` or `refs/tags/…`.
    Ref(String),
    /// A commit by its digits.
    Commit,
}

/// How many names are offered instead of one that is not there.
const NEAR: usize = 3;

/// Finds the commit in a fresh clone; if a branch and a tag have the same name, the branch counts.
pub(super) async fn resolve(talk: &Talk, clone: &Path, reference: &str, remote: &Remote) -> Result<(Named, String), SourceError> {
    let git = &talk.git;
    let short = reference.strip_prefix("refs/heads/").or(reference.strip_prefix("refs/tags/")).unwrap_or(reference);
    let is_hex = (4..=64).contains(&short.len()) && short.bytes().all(|digit| digit.is_ascii_hexdigit());
    for (theirs, ours) in [("refs/heads/", "refs/remotes/origin/"), ("refs/tags/", "refs/tags/")] {
        let theirs = format!("{theirs}{short}");
        if (reference == short || reference == theirs)
            && let Some(commit) = commit(git, clone, &format!("{ours}{short}")).await?
        {
            return Ok((Named::Ref(theirs), commit));
        }
    }
    if reference == "HEAD"
        && let Some(commit) = commit(git, clone, "refs/remotes/origin/HEAD").await?
    {
        return Ok((Named::Ref("HEAD".to_owned()), commit));
    }
    if is_hex {
        if matches!(short.len(), 40 | 64) && commit(git, clone, short).await?.is_none() {
            // No branch or tag leads to it, but the server may still give it. What it says otherwise is not the point.
            git.run(clone, &["fetch", "--no-tags", "--", &talk.url, short]).await?;
        }
        if let Some(commit) = commit(git, clone, short).await? {
            return Ok((Named::Commit, commit));
        }
    }
    let near = near(git, clone, short).await?;
    Err(SourceError::NoSuchRef { reference: reference.into(), url: remote.shown(), near })
}

/// The commit that a name of the clone leads to, if it does.
pub(super) async fn commit(git: &Git, clone: &Path, name: &str) -> Result<Option<String>, SourceError> {
    let answer = git.run(clone, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).await?;
    Ok(answer.success.then(|| answer.text()))
}

async fn near(git: &Git, clone: &Path, wanted: &str) -> Result<Vec<Text>, SourceError> {
    let format = "--format=%(refname:lstrip=2)";
    let names = git.ask(clone, &["for-each-ref", format, "refs/remotes/origin", "refs/tags"]).await?;
    let names = names.lines().map(|name| name.strip_prefix("origin/").unwrap_or(name)).filter(|name| *name != "HEAD");
    let mut ranked: Vec<_> = names.map(|name| (strsim::jaro_winkler(wanted, name), name)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    Ok(ranked.into_iter().take(NEAR).map(|(_, name)| Text::new(name)).collect())
}
