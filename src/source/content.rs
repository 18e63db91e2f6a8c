//! A source as a stream, without a checkout on this machine.

use std::{
    fs::{self, File},
    io::{self, Read, Seek as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Stdio},
};

use super::{Git, git::shown, passing::Passing, submodule::Module};
use crate::archive::{Fill, Writer};

/// What of `.git` goes along: history and index. Not hooks, logs, nor the clone's configuration and attributes.
const HISTORY: &[&str] = &["HEAD", "index", "objects", "packed-refs", "refs", "shallow"];

/// Writes modules, the source itself first, each below its path.
pub(super) fn fill(git: Git, modules: Vec<Module>, passing: Passing) -> Fill {
    Box::new(move |writer| {
        for module in &modules {
            tree(&git, module, &passing, writer)?;
            history(&git, module, writer)?;
        }
        Ok(())
    })
}

/// Passes on the files of the commit, as git would check them out.
fn tree(git: &Git, module: &Module, passing: &Passing, writer: &mut Writer<'_>) -> io::Result<()> {
    let mut words = tempfile::tempfile()?;
    let mut command = git.command(&module.clone, &["archive", "--format=tar", &module.commit]);
    command.process_group(0).stdout(Stdio::piped()).stderr(words.try_clone()?);
    let mut archive = Reading(command.spawn()?);
    if let Some(stdout) = archive.0.stdout.take() {
        let mut tar = tar::Archive::new(io::BufReader::with_capacity(256 * 1024, stdout));
        for entry in tar.entries()? {
            let entry = entry?;
            let path = module.path.join(entry.path()?);
            let executable = entry.header().mode()? & 0o111 != 0;
            match entry.header().entry_type() {
                tar::EntryType::Directory => writer.folder(&path)?,
                tar::EntryType::Symlink => writer.link(&path, &entry.link_name()?.unwrap_or_default())?,
                tar::EntryType::Regular => {
                    let (size, mut content) = (entry.size(), passing.watch(&path, entry));
                    writer.file(&path, size, executable, &mut content)?;
                    passing.note(path, content);
                }
                _ => {} // The commit's id, in a header for the whole archive.
            }
        }
        io::copy(&mut tar.into_inner(), &mut io::sink())?;
    }
    if archive.0.wait()?.success() {
        return Ok(());
    }
    let mut said = Vec::new();
    words.rewind()?;
    words.read_to_end(&mut said)?;
    Err(io::Error::other(format!("`git archive` failed: {}", shown(&said))))
}

/// A running git whose output is read; ended when nobody reads it any more.
pub(super) struct Reading(pub(super) Child);

impl Drop for Reading {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

fn history(git: &Git, module: &Module, writer: &mut Writer<'_>) -> io::Result<()> {
    let (from, to) = (module.clone.join(".git"), module.path.join(".git"));
    writer.folder(&to)?;
    for name in HISTORY {
        below(&from.join(name), &to.join(name), writer)?;
    }
    let config = configuration(git, &module.clone)?;
    writer.file(&to.join("config"), config.len() as u64, false, config.as_bytes())
}

fn below(from: &Path, to: &Path, writer: &mut Writer<'_>) -> io::Result<()> {
    let Ok(seen) = fs::symlink_metadata(from) else {
        return Ok(()); // A part that this clone does not need: `shallow`, `packed-refs`.
    };
    if seen.is_file() {
        return writer.file(to, seen.len(), false, File::open(from)?);
    }
    if seen.is_dir() {
        writer.folder(to)?;
        let mut names = fs::read_dir(from)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        for name in names {
            below(&from.join(&name), &to.join(&name), writer)?;
        }
    }
    Ok(())
}

/// The configuration of the room's clone: what git needs to read it, and the remote's URL, which builds print.
fn configuration(git: &Git, clone: &Path) -> io::Result<String> {
    let ask = |name: &str| {
        let answer = git.command(clone, &["config", "--local", "--get", name]).stderr(Stdio::null()).output()?;
        Ok::<_, io::Error>(answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).trim_end().to_owned()))
    };
    let format = ask("extensions.objectformat")?;
    let version = u8::from(format.is_some());
    let core =
        format!("[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n");
    let format = format.map(|format| format!("[extensions]\n\tobjectformat = {}\n", quoted(&format)));
    let origin = ask("remote.origin.url")?
        .map(|url| format!("[remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n", quoted(&url)));
    Ok([Some(core), format, origin].into_iter().flatten().collect())
}

fn quoted(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_configuration_cannot_leave_their_line() {
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c\nd""#);
    }
}
