//! Tags that drills have left at a git server.
//!
//! Invariant: only an annotated tag whose name is exactly that of a drill's is one; it is removed only as long as it is
//! the object that was seen.

use std::{collections::BTreeMap, fs, io, path::Path};

use super::{Git, SourceError, fetch::Home, git::Talk, login::Way, remote::Remote, tag::place};
use crate::{
    plan::TagAt,
    record::{DrillId, Text},
};

/// What the tag of a drill begins with; the drill's id follows.
pub(super) const NAMES: &str = "canship-drill/";

/// Tags that are removed in one call.
const AT_ONCE: usize = 200;

/// A tag that a drill has left.
#[derive(Clone, Debug)]
pub struct LeftTag {
    /// The drill.
    pub drill: DrillId,
    git: Git,
    remote: Remote,
    name: String,
    object: String,
}

/// The name of a drill's tag.
#[must_use]
pub fn tag_name(drill: &DrillId) -> String {
    format!("{NAMES}{drill}")
}

/// Every tag that a drill has at the place where this plan's drills put theirs.
///
/// # Errors
/// There is no such place, or it does not answer.
pub async fn left_tags(git: &Git, folder: &Path, mirror: Option<&str>, at: TagAt) -> Result<Vec<LeftTag>, SourceError> {
    let home = Home::of(git, folder).await?.ok();
    let git = git.with(home.iter().flat_map(|home| home.access.clone()));
    let mirror = mirror.map(|mirror| Remote::new(mirror, folder));
    let remote = place(at, mirror.as_ref(), home.as_ref().and_then(|home| home.origin.as_ref()))?;
    let talk = git.for_remote(remote, Way::Fetch).await?;
    let refs = objects(&talk, remote).await?;
    let left = |(name, object): (&String, &String)| {
        let drill = DrillId::made(name.strip_prefix("refs/tags/")?.strip_prefix(NAMES)?)?;
        // What leads to a commit itself is no tag that canship made.
        refs.contains_key(&format!("{name}^{{}}")).then(|| LeftTag {
            name: tag_name(&drill),
            drill,
            git: git.clone(),
            remote: remote.clone(),
            object: object.clone(),
        })
    };
    Ok(refs.iter().filter_map(left).collect())
}

impl LeftTag {
    /// The tag that an earlier drill's journal speaks of; none if that could be none of a drill's.
    #[must_use]
    pub fn noted(git: &Git, drill: &DrillId, (url, name, object): (&str, &str, &str)) -> Option<Self> {
        let is_object = matches!(object.len(), 40 | 64) && object.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (name_of_drill, is_option) = (tag_name(drill), url.starts_with('-'));
        let tag = || Self {
            drill: drill.clone(),
            git: git.clone(),
            remote: Remote::new(url, Path::new("/")),
            name: name_of_drill.clone(),
            object: object.to_owned(),
        };
        (is_object && !is_option && name == name_of_drill).then(tag)
    }

    /// Whether both are the same.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (&self.name, &self.object, self.remote.url()) == (&other.name, &other.object, other.remote.url())
    }

    /// Whether it lay in a repository of this machine that is no more.
    #[must_use]
    pub fn went_with_its_server(&self) -> bool {
        let path = self.remote.url().strip_prefix("file://").unwrap_or(self.remote.url());
        self.remote.is_local() && !Path::new(path).exists()
    }

    /// What it is, for people.
    #[must_use]
    pub fn what(&self) -> Text {
        format!("the tag `{}` at `{}`", self.name, self.remote.shown()).into()
    }

    /// How a person removes it.
    #[must_use]
    pub fn by_hand(&self) -> Text {
        format!("git push {} --delete {}", self.remote.shown(), self.name).into()
    }

    /// Whether both lie at the same server.
    fn is_beside(&self, other: &Self) -> bool {
        self.remote == other.remote
    }

    fn full_name(&self) -> String {
        format!("refs/tags/{}", self.name)
    }
}

/// Removes tags, unless something else has their name by now, and reads back that they are gone; the reason for each that
/// is not. `repository` is any repository on this machine, which git wants to stand in.
pub async fn remove_tags(tags: Vec<LeftTag>, repository: &Path) -> Vec<(LeftTag, Result<(), Text>)> {
    let (mut groups, mut removed) = (Vec::<Vec<LeftTag>>::new(), Vec::new());
    for tag in tags {
        match groups.iter_mut().find(|group| group.len() < AT_ONCE && group[0].is_beside(&tag)) {
            Some(group) => group.push(tag),
            None => groups.push(vec![tag]),
        }
    }
    for group in groups {
        removed.extend(remove_group(group, repository).await);
    }
    removed
}

/// Removes tags of one server. Each ref stands for itself: one that is refused keeps no other.
async fn remove_group(group: Vec<LeftTag>, repository: &Path) -> Vec<(LeftTag, Result<(), Text>)> {
    let remote = group[0].remote.clone();
    let push = async {
        let talk = group[0].git.for_remote(&remote, Way::Fetch).await?;
        let there = objects(&talk, &remote).await?;
        let there: Vec<_> = group.iter().filter(|tag| there.get(&tag.full_name()) == Some(&tag.object)).collect();
        if there.is_empty() {
            return Ok((BTreeMap::new(), Ok(())));
        }
        let to = group[0].git.for_remote(&remote, Way::Push).await?;
        let leases = there.iter().map(|tag| format!("--force-with-lease={}:{}", tag.full_name(), tag.object));
        let refspecs = there.iter().map(|tag| format!(":{}", tag.full_name()));
        let arguments: Vec<_> = ["push", "--porcelain", "--no-verify"].map(str::to_owned).into_iter().chain(leases).collect();
        let arguments = arguments.into_iter().chain(["--".to_owned(), to.url]).chain(refspecs);
        let arguments: Vec<_> = arguments.collect();
        let answer = to.git.run(repository, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        Ok::<_, SourceError>((objects(&talk, &remote).await?, answer.remote(&remote).map(drop)))
    };
    let pushed = push.await;
    let outcome = |tag: &LeftTag| match &pushed {
        Ok((there, _)) if there.get(&tag.full_name()) != Some(&tag.object) => Ok(()),
        Ok((_, Ok(()))) => Err(Text::new("the server said that it was removed, and still has it")),
        Ok((_, Err(error))) | Err(error) => Err(Text::new(&error.to_string())),
    };
    let outcomes: Vec<_> = group.iter().map(outcome).collect();
    group.into_iter().zip(outcomes).collect()
}

/// The tags of drills at a server, each with its object.
async fn objects(talk: &Talk, remote: &Remote) -> Result<BTreeMap<String, String>, SourceError> {
    let pattern = format!("refs/tags/{NAMES}*");
    let listed = talk.git.run(Path::new("/"), &["ls-remote", "--", &talk.url, &pattern]).await?.remote(remote)?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    Ok(listed.lines().filter_map(|line| line.split_once('\t')).map(|(object, name)| (name.to_owned(), object.to_owned())).collect())
}

/// Makes an empty repository, unless it is there. It gets its name once it is complete: others may make it at the same
/// time, and each of them may be killed while git writes it.
///
/// # Errors
/// Git cannot make it.
pub async fn empty_repository(git: &Git, folder: &Path) -> Result<(), SourceError> {
    if folder.is_dir() {
        return Ok(());
    }
    let failed = |reason: io::Error| SourceError::Failed { what: "init", words: Text::new(&reason.to_string()) };
    let parent = folder.parent().unwrap_or(Path::new("/"));
    let unfinished = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(failed)?;
    let made = unfinished.path().to_string_lossy();
    git.ask(Path::new("/"), &["init", "--quiet", "--bare", "--template=", "--", &made]).await?;
    match fs::rename(unfinished.path(), folder) {
        Err(reason) if !folder.is_dir() => Err(failed(reason)),
        _ => Ok(()),
    }
}
