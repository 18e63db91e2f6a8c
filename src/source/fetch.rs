//! Makes the clean clone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Checkout, Git, Note, SourceError, behind,
    git::{Talk, settings},
    lfs,
    login::Way,
    refs::{self, Named},
    remote::Remote,
    submodule,
};
use crate::record::{Origin, SourceFacts, Text};

/// What is to be fetched.
#[derive(Clone, Copy, Debug)]
pub struct FetchPlan<'a> {
    /// The git that fetches.
    pub git: &'a Git,
    /// The plan's folder.
    pub folder: &'a Path,
    /// The branch, tag or commit.
    pub reference: &'a str,
    /// The repository that is used when the forge is out, if the plan has one: then it is the one that is used.
    pub mirror: Option<&'a str>,
    /// How far to go for it.
    pub reach: Reach,
}

/// How far to go for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the mirror or the origin.
    Servers,
    /// No further than the repository that the plan lies in.
    Here,
}

/// Attributes that outrank those of the repository in the clone: the content is what was committed, with line ends as
/// the repository wants them.
const ATTRIBUTES: &str = "* -filter -export-ignore -export-subst\n";

/// Clones the repository into `into` (a folder that is this call's alone; made if it is not there) and finds the
/// commit. From the mirror if there is one; else from the origin of the repository that the plan lies in; else from
/// that repository itself.
///
/// # Errors
/// The source is not to be had. A submodule that is not to be had is a [`Note`].
pub async fn fetch(plan: &FetchPlan<'_>, into: &Path) -> Result<Checkout, SourceError> {
    let home = Home::of(plan.git, plan.folder).await?;
    let mirror = plan.mirror.map(|mirror| Remote::new(mirror, plan.folder));
    let (from, remote) = match (&mirror, &home) {
        (_, Ok(Home { top, .. })) if plan.reach == Reach::Here => (Origin::Local, Remote::at(top)),
        (Some(mirror), _) => (Origin::Mirror, mirror.clone()),
        (None, Ok(Home { origin: Some(origin), .. })) => (Origin::Origin, origin.clone()),
        (None, Ok(Home { top, .. })) => (Origin::Local, Remote::at(top)),
        (None, Err(words)) => {
            return Err(SourceError::NotARepository { folder: plan.folder.to_owned(), words: words.clone() });
        }
    };
    let git = plan.git.with(home.iter().flat_map(|home| home.access.clone()));
    let talk = git.for_remote(&remote, Way::Fetch).await?;
    let clone = into.join("source");
    clone_into(&talk, &remote, &clone).await?;
    let (named, commit) = refs::resolve(&talk, &clone, plan.reference, &remote).await?;
    set_head(&git, &clone, &commit).await?;
    let committed_at = committed_at(&git, &clone, &commit).await?;

    let origin = home.as_ref().ok().and_then(|home| home.origin.clone());
    let (behind, seen, modules) = tokio::join!(
        async {
            let at = At { git: &git, clone: &clone, named: &named, commit: &commit };
            // Without an origin, the repository that the plan lies in is where work comes together.
            let compared = origin.clone().or_else(|| home.as_ref().ok().map(|home| Remote::at(&home.top)));
            if from == Origin::Mirror { behind::count(&at, (&talk, compared.as_ref()), into).await } else { Ok((None, Vec::new())) }
        },
        look_around(&git, &clone, &commit, (&home, plan.reference, from)),
        submodule::fetch_all(&git, &remote, (&clone, &commit), into),
    );
    let (modules, (behind, compared)) = (modules?, behind?);
    let notes = compared.into_iter().chain(seen?).chain(modules.notes).collect();
    let facts = SourceFacts {
        from,
        url: remote.shown(),
        reference: plan.reference.into(),
        commit: commit.as_str().into(),
        committed_at: jiff::Timestamp::from_second(committed_at).unwrap_or_default(),
        behind,
        submodules: modules.found.iter().map(|module| Text::new(&module.path.to_string_lossy())).collect(),
    };
    Ok(Checkout { git, clone, commit, committed_at, facts, notes, modules: modules.found, mirror, origin })
}

/// A commit in a clone.
pub(super) struct At<'a> {
    pub(super) git: &'a Git,
    pub(super) clone: &'a Path,
    pub(super) named: &'a Named,
    pub(super) commit: &'a str,
}

/// The repository that the plan lies in.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) top: PathBuf,
    pub(super) origin: Option<Remote>,
    /// Its own settings for reaching servers, which the clone has not.
    pub(super) access: Vec<(String, String)>,
}

impl Home {
    /// Finds it; git's words if the plan lies in none.
    pub(super) async fn of(git: &Git, folder: &Path) -> Result<Result<Self, Text>, SourceError> {
        let top = git.run(folder, &["rev-parse", "--show-toplevel"]).await?;
        if !top.success {
            return Ok(Err(top.words));
        }
        let top = PathBuf::from(top.text());
        let origin = git.run(&top, &["config", "--get", "remote.origin.url"]).await?;
        let origin = origin.success.then(|| Remote::new(&origin.text(), &top));
        let of_access = r"^(core\.sshcommand|credential\..*|http\..*|url\..*)$";
        if !git.has_access() {
            return Ok(Ok(Self { top, origin, access: Vec::new() }));
        }
        let access = git.run(&top, &["config", "--local", "--includes", "--null", "--get-regexp", of_access]).await?;
        Ok(Ok(Self { top, origin, access: settings(&access.out) }))
    }
}

/// Clones without a checkout, with the whole history and nothing of the user's templates.
pub(super) async fn clone_into(talk: &Talk, remote: &Remote, clone: &Path) -> Result<(), SourceError> {
    let failed = |reason: io::Error| SourceError::Failed { what: "clone", words: Text::new(&reason.to_string()) };
    fs::create_dir_all(clone).map_err(failed)?;
    let arguments = ["clone", "--no-checkout", "--template=", "--origin=origin", "--progress", "--", &talk.url, "."];
    let git = &talk.git;
    git.run(clone, &arguments).await?.remote(remote)?;
    if talk.url != remote.url() {
        // What builds print of it should be what the repository is known by.
        git.ask(clone, &["config", "--local", "remote.origin.url", remote.url()]).await?;
    }
    let inside = clone.join(".git");
    let borrowed = inside.join("objects/info/alternates");
    if borrowed.exists() {
        // The source borrows objects from a third repository; the room will not have that.
        git.ask(clone, &["repack", "-a", "-d", "-q"]).await?;
        fs::remove_file(borrowed).map_err(failed)?;
    }
    fs::create_dir_all(inside.join("info")).and_then(|()| fs::write(inside.join("info/attributes"), ATTRIBUTES)).map_err(failed)
}

/// Makes the commit what the clone stands at, with an index that says so.
pub(super) async fn set_head(git: &Git, clone: &Path, commit: &str) -> Result<(), SourceError> {
    git.ask(clone, &["update-ref", "--no-deref", "HEAD", commit]).await?;
    git.ask(clone, &["read-tree", commit]).await.map(drop)
}

async fn committed_at(git: &Git, clone: &Path, commit: &str) -> Result<i64, SourceError> {
    let seconds = git.ask(clone, &["log", "-1", "--format=%ct", commit]).await?;
    seconds.parse().map_err(|_| SourceError::Failed { what: "log", words: Text::new(&seconds) })
}

/// Looks for what the drill should say about the clone and about the repository that the plan lies in.
async fn look_around(
    git: &Git,
    clone: &Path,
    commit: &str,
    (home, reference, from): (&Result<Home, Text>, &str, Origin),
) -> Result<Vec<Note>, SourceError> {
    let mut notes = Vec::new();
    if git.ask(clone, &["rev-parse", "--is-shallow-repository"]).await? == "true" {
        notes.push(Note::Shallow);
    }
    notes.extend(lfs::pointers(git, clone, commit).await?);
    if let Ok(home) = home {
        notes.extend(uncommitted(git, &home.top).await);
        if from != Origin::Local {
            notes.extend(not_pushed(git, &home.top, reference, commit).await);
        }
    }
    Ok(notes)
}

/// Changes in the plan's repository. That they cannot be read is nothing a release depends on.
async fn uncommitted(git: &Git, top: &Path) -> Option<Note> {
    let filters = git.run(top, &["config", "--null", "--name-only", "--get-regexp", r"^filter\..*"]).await.ok()?;
    let names = settings(&filters.out).into_iter().map(|(name, _)| name);
    let off = names.map(|name| {
        let value = if name.ends_with(".required") { "false" } else { "" };
        (name, value.to_owned())
    });
    let arguments = ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--ignore-submodules=all"];
    let changed = git.with(off).run(top, &arguments).await.ok()?;
    let files = changed.out.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()).count();
    (changed.success && files > 0).then_some(Note::Uncommitted { files })
}

/// Commits of the plan's repository that the source does not have.
async fn not_pushed(git: &Git, top: &Path, reference: &str, commit: &str) -> Option<Note> {
    let branch = reference.strip_prefix("refs/heads/").unwrap_or(reference);
    // Without a `ref` the origin's own branch is drilled; what is checked out here is what its reader has in mind.
    let local = if reference == "HEAD" { "HEAD".to_owned() } else { format!("refs/heads/{branch}") };
    let local = refs::commit(git, top, &local).await.ok()??;
    let ahead = git.ask(top, &["rev-list", "--count", &format!("{commit}..{local}")]).await.ok()?;
    let commits = ahead.parse().ok()?;
    (commits > 0).then_some(Note::NotPushed { commits })
}
