//! Submodules, and submodules of submodules.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
};

use super::{Git, Note, SourceError, fetch, git::settings, login::Way, refs, remote::Remote};
use crate::record::Text;

/// How many submodules are fetched, and how deep they may lie in each other. Far more than any release has: only a
/// repository that was made to do harm has them.
const MOST: usize = 200;
const DEEPEST: usize = 8;

/// A submodule that was fetched, or the source itself.
#[derive(Clone, Debug)]
pub(super) struct Module {
    /// Where it belongs, below the source's root.
    pub(super) path: PathBuf,
    pub(super) clone: PathBuf,
    pub(super) commit: String,
}

/// All submodules: those that were fetched, and a note for each that was not.
#[derive(Debug, Default)]
pub(super) struct Modules {
    pub(super) found: Vec<Module>,
    pub(super) notes: Vec<Note>,
}

/// Fetches every submodule of the commit below `into`. All are tried, whatever becomes of one.
pub(super) async fn fetch_all(
    git: &Git,
    remote: &Remote,
    (clone, commit): (&Path, &str),
    into: &Path,
) -> Result<Modules, SourceError> {
    let mut modules = Modules::default();
    let top = Module { path: PathBuf::new(), clone: clone.to_owned(), commit: commit.to_owned() };
    let mut queue = VecDeque::from([(top, remote.clone(), 0)]);
    while let Some((parent, remote, depth)) = queue.pop_front() {
        for wanted in wanted(git, &parent).await? {
            let clone = into.join(format!("module-{}", modules.found.len() + modules.notes.len()));
            let path = parent.path.join(&wanted.path);
            let (url, fetched) = match wanted.url.as_deref().map(|url| (url, remote.submodule(url))) {
                None => ("?".into(), Err(Text::from("`.gitmodules` has no URL for it"))),
                Some((url, Err(reason))) => (super::remote::redact(url).into(), Err(Text::from(reason))),
                Some((_, Ok(module))) if depth >= DEEPEST || modules.found.len() >= MOST => {
                    (module.shown(), Err(Text::from("there are too many submodules, or they lie too deep in each other")))
                }
                Some((_, Ok(module))) => (module.shown(), fetch_one(git, &module, &wanted.commit, &clone).await.map(|()| module)),
            };
            match fetched {
                Ok(remote) => {
                    let module = Module { path, clone, commit: wanted.commit };
                    modules.found.push(module.clone());
                    queue.push_back((module, remote, depth + 1));
                }
                Err(words) => {
                    let path = Text::new(&path.to_string_lossy());
                    modules.notes.push(Note::SubmoduleUnavailable { path, url, words });
                }
            }
        }
    }
    Ok(modules)
}

async fn fetch_one(git: &Git, remote: &Remote, commit: &str, clone: &Path) -> Result<(), Text> {
    let fetched = async {
        let talk = git.for_remote(remote, Way::Fetch).await?;
        fetch::clone_into(&talk, remote, clone).await?;
        if refs::commit(git, clone, commit).await?.is_none() {
            talk.git.run(clone, &["fetch", "--no-tags", "--", &talk.url, commit]).await?.remote(remote)?;
        }
        fetch::set_head(git, clone, commit).await
    };
    fetched.await.map_err(|error| error.words().cloned().unwrap_or_else(|| Text::new(&error.to_string())))
}

/// A submodule as the commit of its parent names it.
struct Wanted {
    path: String,
    commit: String,
    url: Option<String>,
}

async fn wanted(git: &Git, parent: &Module) -> Result<Vec<Wanted>, SourceError> {
    let file = format!("{}:.gitmodules", parent.commit);
    let settings = git.run(&parent.clone, &["config", "--blob", &file, "--null", "--list"]).await?;
    if !settings.success {
        return Ok(Vec::new()); // There is no such file.
    }
    let mut urls = urls(&settings.out);
    let listed = git.run(&parent.clone, &["ls-tree", "-r", "-z", &parent.commit]).await?.local()?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let gitlinks = listed.split_terminator('\0').filter_map(|entry| entry.strip_prefix("160000 commit ")?.split_once('\t'));
    let wanted = gitlinks.map(|(commit, path)| Wanted { path: path.into(), commit: commit.into(), url: urls.remove(path) });
    Ok(wanted.collect())
}

/// The URL of each submodule, by path.
fn urls(printed: &[u8]) -> HashMap<String, String> {
    let (mut paths, mut urls) = (HashMap::new(), HashMap::new());
    for (name, value) in settings(printed) {
        let Some((module, key)) = name.strip_prefix("submodule.").and_then(|name| name.rsplit_once('.')) else {
            continue;
        };
        match key {
            "path" => paths.insert(module.to_owned(), value),
            "url" => urls.insert(module.to_owned(), value),
            _ => None,
        };
    }
    paths.into_iter().filter_map(|(module, path)| Some((path, urls.remove(&module)?))).collect()
}
