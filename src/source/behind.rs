//! How far a mirror is behind its origin, and whether it has what the origin has not.

use std::{path::Path, time::Duration};

use super::{Git, Note, SourceError, fetch::At, git::Talk, login::Way, refs::Named, remote::Remote};
use crate::record::Text;

/// How long the origin may be silent. A drill supposes that it is out, and when it really is, the release must not
/// wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Counts the commits that the origin has for the ref and the mirror lacks; that the mirror has some that the origin
/// lacks is a note. Neither the origin nor the clone is changed: what must be fetched to count goes into a store of its
/// own below `into`. If it cannot be counted, that is a note.
pub(super) async fn count(at: &At<'_>, origin: Option<&Remote>, into: &Path) -> Result<(Option<u64>, Option<Note>), SourceError> {
    let Named::Ref(name) = at.named else {
        return Ok((Some(0), None)); // The mirror has the very commit.
    };
    let Some(origin) = origin else {
        let words = Text::from("the plan lies in no repository");
        return Ok((None, Some(Note::OriginSilent { words })));
    };
    let talk = at.git.within(PATIENCE).for_remote(origin, Way::Fetch).await?;
    let counted = async {
        let Some(tip) = commit_at(&talk, at.clone, origin, name).await? else {
            return Ok((None, Some(Note::OriginLacksRef)));
        };
        let (ahead, behind) = apart(&talk, at, origin, &tip, into).await?;
        Ok((Some(behind), (ahead > 0).then_some(Note::MirrorAhead { commits: ahead })))
    };
    counted.await.or_else(|error: SourceError| {
        let words = error.words().cloned().unwrap_or_else(|| Text::new(&error.to_string()));
        Ok((None, Some(Note::OriginSilent { words })))
    })
}

/// The commit that a ref of the remote leads to.
async fn commit_at(talk: &Talk, clone: &Path, remote: &Remote, name: &str) -> Result<Option<String>, SourceError> {
    let peeled = format!("{name}^{{}}");
    let refs = listed(talk, clone, remote, &[name, &peeled]).await?;
    Ok(refs.iter().find(|(_, name)| *name == peeled).or(refs.first()).map(|(object, _)| object.clone()))
}

/// The refs of the remote that have one of these very names, with the object that each leads to.
pub(super) async fn listed(
    talk: &Talk,
    clone: &Path,
    remote: &Remote,
    names: &[&str],
) -> Result<Vec<(String, String)>, SourceError> {
    let arguments: Vec<_> = ["ls-remote", "--", &talk.url].iter().chain(names).copied().collect();
    let listed = talk.git.run(clone, &arguments).await?.remote(remote)?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let refs = listed.lines().filter_map(|line| line.split_once('\t'));
    Ok(refs.filter(|(_, name)| names.contains(name)).map(|(object, name)| (object.to_owned(), name.to_owned())).collect())
}

/// How many commits only the mirror has, and how many only the origin.
async fn apart(talk: &Talk, at: &At<'_>, origin: &Remote, tip: &str, into: &Path) -> Result<(u64, u64), SourceError> {
    let range = format!("{}...{tip}", at.commit);
    let arguments = ["rev-list", "--count", "--left-right", &range];
    let counted = at.git.run(at.clone, &arguments).await?;
    let counted = if counted.success {
        counted.text()
    } else {
        let store = into.join("origin-objects");
        let failed = |reason: std::io::Error| SourceError::Failed { what: "fetch", words: Text::new(&reason.to_string()) };
        std::fs::create_dir_all(&store).map_err(failed)?;
        let shared = at.clone.join(".git/objects");
        let apart = |git: &Git| {
            git.with_variable("GIT_OBJECT_DIRECTORY", &store).with_variable("GIT_ALTERNATE_OBJECT_DIRECTORIES", &shared)
        };
        let fetch = ["fetch", "--no-tags", "--no-write-fetch-head", "--progress", "--", &talk.url, tip];
        apart(&talk.git).run(at.clone, &fetch).await?.remote(origin)?;
        apart(at.git).ask(at.clone, &arguments).await?
    };
    let counts = counted.split_once('\t').and_then(|(ahead, behind)| Some((ahead.parse().ok()?, behind.parse().ok()?)));
    counts.ok_or_else(|| SourceError::Failed { what: "rev-list", words: Text::new(&counted) })
}
