//! The demo's project: a small real program with a git repository, a mirror and a plan.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::cli::{arguments::Break, failure::Failure};

const PLAN: &str = include_str!("../../../pipelines/demo/canship.yaml");
const FILES: [(&str, &str); 3] = [
    ("build.sh", include_str!("../../../pipelines/demo/build.sh")),
    ("test.sh", include_str!("../../../pipelines/demo/test.sh")),
    ("src/hello.sh", include_str!("../../../pipelines/demo/hello.sh")),
];

/// Refuses every tag, with words of its own.
const REFUSING_HOOK: &str = "\
#!/bin/sh
while read -r old new ref; do
  case $ref in refs/tags/*) echo 'tags are protected: ask the release managers' >&2; exit 1 ;; esac
done
";

/// What the plan of the demo speaks of.
pub(super) struct Parts<'p> {
    /// `host:port` of the registry.
    pub(super) registry: &'p str,
    /// The user that the registry takes.
    pub(super) username: &'p str,
    /// The user's password.
    pub(super) password: &'p str,
    /// The clean room's image; without one it builds on this machine.
    pub(super) image: Option<&'p str>,
    /// What is broken.
    pub(super) breaks: Option<Break>,
}

/// Makes the project below `folder`, which must be new or empty. Gives the plan's file.
pub(super) fn make(folder: &Path, parts: &Parts<'_>) -> Result<PathBuf, Failure> {
    let failed = |reason| Failure::failed(format!("the demo could not be made in `{}`", folder.display()), &reason);
    if !is_free(folder).map_err(failed)? {
        return Err(Failure::invalid(format!("`{}` is not an empty folder; nothing was changed", folder.display()))
            .advise("name a folder that is new or empty, or none at all"));
    }
    // Before anything is made: without git there is no demo.
    git(Path::new("/"), &["--version"])?;
    let project = folder.join("project");
    write_files(folder, &project, parts).map_err(failed)?;
    let message = "Greet people";
    for arguments in [&["init", "-q", "-b", "main"][..], &["add", "-A"], &["commit", "-q", "-m", message]] {
        git(&project, arguments)?;
    }
    for server in ["origin.git", "mirror.git"] {
        git(folder, &["clone", "-q", "--bare", "project", server])?;
    }
    git(&project, &["remote", "add", "origin", "../origin.git"])?;
    if parts.breaks == Some(Break::Tag) {
        let hook = folder.join("mirror.git/hooks/pre-receive");
        fs::create_dir_all(folder.join("mirror.git/hooks")).map_err(failed)?;
        fs::write(&hook, REFUSING_HOOK).map_err(failed)?;
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    Ok(project.join("canship.yaml"))
}

/// Whether nothing is there, or an empty folder.
fn is_free(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(reason) if reason.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(reason) => Err(reason),
    }
}

fn write_files(folder: &Path, project: &Path, parts: &Parts<'_>) -> io::Result<()> {
    fs::create_dir_all(project.join("src"))?;
    for (name, content) in FILES {
        fs::write(project.join(name), content)?;
    }
    if parts.breaks == Some(Break::Build) {
        // A greeting that the project's own test does not expect.
        let broken = FILES[2].1.replace("Hello, ", "Hullo, ");
        fs::write(project.join("src/hello.sh"), broken)?;
    }
    fs::write(project.join("VERSION"), "1.0.1\n")?;
    fs::write(project.join("canship.yaml"), plan(parts))?;
    let password = if parts.breaks == Some(Break::Secret) { "" } else { parts.password };
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join("registry-password"))?;
    file.write_all(password.as_bytes())
}

fn plan(parts: &Parts<'_>) -> String {
    let (image, spare) = match parts.image {
        Some(image) => (format!("  image: {image}"), "  - { name: clean-room, container: {} }"),
        None => ("  # no image: this spare is the machine itself".to_owned(), "  - { name: this-machine, host: {} }"),
    };
    PLAN.replace("@REGISTRY@", parts.registry)
        .replace("@USER@", parts.username)
        .replace("@IMAGE@", &image)
        .replace("@SPARE@", spare)
}

/// Runs git as nobody in particular: no hooks, no signing, no templates of the user's.
fn git(folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let tried = || format!("`git {}` in `{}`", arguments.join(" "), folder.display());
    let mut command = Command::new("git");
    command.args(["-c", "user.name=canship demo", "-c", "user.email=demo@canship.invalid", "-c", "commit.gpgSign=false"]);
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "init.templateDir="]).args(arguments).current_dir(folder);
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"] {
        command.env_remove(variable);
    }
    let output = command.stdin(Stdio::null()).output().map_err(|reason| {
        Failure::failed(tried(), &reason).advise("install git: the demo makes a real repository, and every drill clones one")
    })?;
    if output.status.success() {
        return Ok(());
    }
    let words = crate::record::Text::from_bytes(&output.stderr);
    Err(Failure::failed(tried(), &io::Error::other(format!("{}: {}", output.status, words.one_line()))))
}
