//! How far a mirror is behind its origin, and whether it has what the origin has not.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    time::Duration,
};

use super::{Git, Note, SourceError, fetch::At, git::Talk, left, login::Way, refs::Named, remote::Remote};
use crate::record::Text;

/// How long the origin may be silent. A drill supposes that it is out, and when it really is, the release must not
/// wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// All tags, as a pattern.
const TAGS: &str = "refs/tags/*";

/// Counts the commits that the origin has for the ref and the mirror lacks; that the mirror has some that the origin
/// lacks is a note, and so is that it lacks tags of the origin's. Neither the origin nor the clone is changed: what must
/// be fetched to count goes into a store of its own below `into`. If it cannot be counted, that is a note.
pub(super) async fn count(
    at: &At<'_>,
    (mirror, origin): (&Talk, Option<&Remote>),
    into: &Path,
) -> Result<(Option<u64>, Vec<Note>), SourceError> {
    let Named::Ref(name) = at.named else {
        return Ok((Some(0), Vec::new())); // The mirror has the very commit.
    };
    let Some(origin) = origin else {
        let words = Text::from("the plan lies in no repository");
        return Ok((None, vec![Note::OriginSilent { words }]));
    };
    let talk = at.git.within(PATIENCE).for_remote(origin, Way::Fetch).await?;
    if talk.place == mirror.place {
        return Ok((None, vec![Note::OriginIsMirror]));
    }
    let counted = async {
        let peeled = format!("{name}^{{}}");
        let refs = rows(&talk, at.clone, origin, &[name, &peeled, TAGS]).await?;
        let of = |name: &str| refs.iter().find(|(_, known)| known == name).map(|(object, _)| object.clone());
        let Some(tip) = of(&peeled).or_else(|| of(name)) else {
            return Ok((None, vec![Note::OriginLacksRef]));
        };
        let lacking = lacking_tags(at, &refs).await?;
        let (ahead, behind) = apart(&talk, at, origin, &tip, into).await?;
        let ahead = (ahead > 0).then_some(Note::MirrorAhead { commits: ahead });
        Ok((Some(behind), ahead.into_iter().chain(lacking).collect()))
    };
    counted.await.or_else(|error: SourceError| {
        let words = error.words().cloned().unwrap_or_else(|| Text::new(&error.to_string()));
        Ok((None, vec![Note::OriginSilent { words }]))
    })
}

/// Tags of the origin, of whose `refs` these are, that the mirror lacks or has on another commit: a version may be taken from
/// the newest tag.
async fn lacking_tags(at: &At<'_>, refs: &[(String, String)]) -> Result<Option<Note>, SourceError> {
    let format = "--format=%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)%09%(refname)";
    let ours = at.git.ask(at.clone, &["for-each-ref", format, "refs/tags/"]).await?;
    let ours: HashSet<_> = ours.lines().filter_map(|line| line.split_once('\t')).collect();
    let mut theirs: BTreeMap<&str, &str> = BTreeMap::new();
    // What an annotated tag leads to is listed behind it.
    for (object, name) in refs.iter().filter(|(_, name)| name.starts_with("refs/tags/")) {
        theirs.insert(name.strip_suffix("^{}").unwrap_or(name), object);
    }
    let lacks = |(name, object): &(&str, &str)| !ours.contains(&(*object, *name));
    let tags = theirs.into_iter().filter(lacks).filter_map(|(name, _)| name.strip_prefix("refs/tags/"));
    // Tags of drills come and go.
    let lacking: Vec<_> = tags.filter(|tag| !tag.starts_with(left::NAMES)).collect();
    Ok(lacking.last().map(|last| Note::MirrorLacksTags { count: lacking.len(), last: Text::new(last) }))
}

/// The refs of the remote that have one of these very names, with the object that each leads to.
pub(super) async fn listed(
    talk: &Talk,
    clone: &Path,
    remote: &Remote,
    names: &[&str],
) -> Result<Vec<(String, String)>, SourceError> {
    let mut refs = rows(talk, clone, remote, names).await?;
    refs.retain(|(_, name)| names.contains(&name.as_str()));
    Ok(refs)
}

/// The refs of the remote that git matches with these patterns, with the object that each leads to.
async fn rows(talk: &Talk, clone: &Path, remote: &Remote, patterns: &[&str]) -> Result<Vec<(String, String)>, SourceError> {
    let arguments: Vec<_> = ["ls-remote", "--", &talk.url].iter().chain(patterns).copied().collect();
    let listed = talk.git.run(clone, &arguments).await?.remote(remote)?;
    let listed = String::from_utf8_lossy(&listed);
    let refs = listed.lines().filter_map(|line| line.split_once('\t'));
    Ok(refs.map(|(object, name)| (object.to_owned(), name.to_owned())).collect())
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
