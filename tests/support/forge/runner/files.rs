//! What a machine does with files: checks out a commit, and gathers what a job wants kept.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    process::Command,
};

/// Runs git, and gives what it says.
pub(in super::super) fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(format!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

/// Checks a commit of a repository out into a folder, as the runners do: without its history.
pub(in super::super) fn check_out(origin: &Path, sha: &str, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet"])?;
    git(folder, &["remote", "add", "origin", &format!("file://{}", origin.display())])?;
    git(folder, &["fetch", "--quiet", "--depth=1", "origin", sha])?;
    git(folder, &["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"]).map(drop)
}

/// The text of a file in a commit.
pub(in super::super) fn file_of(origin: &Path, sha: &str, path: &str) -> Result<String, String> {
    git(origin, &["show", &format!("{sha}:{path}")])
}

/// All refs of a repository.
pub(in super::super) fn refs_of(origin: &Path) -> Vec<(String, String)> {
    let all = git(origin, &["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags"]).unwrap();
    all.lines().filter_map(|line| line.split_once(' ')).map(|(name, sha)| (name.to_owned(), sha.to_owned())).collect()
}

/// The files that paths name, below a folder: themselves, all below them, and what a `*` stands for.
pub(in super::super) fn gather(folder: &Path, paths: &[String]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in paths {
        for path in expanded(folder, Path::new(path)) {
            walk(&path, &mut found);
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Files with their names from a folder on.
pub(in super::super) fn named(root: &Path, files: &[PathBuf]) -> Vec<(String, Vec<u8>)> {
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap_or(path).to_string_lossy().trim_start_matches('/').to_owned();
    files.iter().filter_map(|path| Some((name(path), fs::read(path).ok()?))).collect()
}

/// Files that a job leaves for later ones, each with its name.
pub(crate) type Kept = Vec<(String, Vec<u8>)>;

/// The files below a folder that paths name, to be laid there again.
pub(in super::super) fn keep(folder: &Path, paths: &[String]) -> Kept {
    named(folder, &gather(folder, paths))
}

/// Lays kept files into a folder.
pub(in super::super) fn lay(folder: &Path, kept: &Kept) {
    for (name, bytes) in kept {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// The folder from which an artifact's files have their names: what all its paths have in common, up to the first `*`.
pub(in super::super) fn common_root(folder: &Path, paths: &[String]) -> PathBuf {
    let roots = paths.iter().map(|path| {
        let plain: PathBuf =
            Path::new(path).components().take_while(|part| !part.as_os_str().to_string_lossy().contains('*')).collect();
        let whole = folder.join(plain);
        if whole.is_file() { whole.parent().unwrap().to_owned() } else { whole }
    });
    let common = |one: PathBuf, other: PathBuf| {
        one.components().zip(other.components()).take_while(|(one, other)| one == other).map(|(one, _)| one).collect()
    };
    roots.reduce(common).unwrap_or_else(|| folder.to_owned())
}

fn expanded(folder: &Path, path: &Path) -> Vec<PathBuf> {
    let mut all = vec![if path.is_absolute() { PathBuf::from("/") } else { folder.to_owned() }];
    for part in path.components().filter(|part| matches!(part, Component::Normal(_))) {
        let part = part.as_os_str().to_string_lossy();
        let Some((start, end)) = part.split_once('*') else {
            for path in &mut all {
                path.push(&*part);
            }
            continue;
        };
        let fits = |name: &str| name.starts_with(start) && name.ends_with(end) && name.len() >= start.len() + end.len();
        let below = all.iter().flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten());
        all = below.filter(|entry| fits(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect();
    }
    all
}

fn walk(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            walk(&entry.path(), found);
        }
    } else if path.exists() {
        found.push(path.to_owned());
    }
}
