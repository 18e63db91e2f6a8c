//! Files of Git LFS, of which a repository has only pointers.

use std::{
    io::{self, Read as _, Seek as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::Stdio,
};

use super::{Git, Note, SourceError, content::Reading};
use crate::record::Text;

/// What begins a pointer file, and how large one can be. Source: git-lfs, docs/spec.md, "The Pointer".
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
const POINTER_SIZES: std::ops::Range<u64> = 100..1024;

/// How many pointer files are named.
const NAMED: usize = 5;

/// Looks for files of Git LFS, of which the repository has only pointers.
pub(super) async fn pointers(git: &Git, clone: &Path, commit: &str) -> Result<Option<Note>, SourceError> {
    let attributes = ["grep", "-l", "-F", "-e", "filter=lfs", commit, "--", ":(glob)**/.gitattributes"];
    if !git.run(clone, &attributes).await?.success {
        return Ok(None);
    }
    let listed = git.run(clone, &["ls-tree", "-r", "-l", "-z", commit]).await?.local()?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let small: Vec<_> = listed.split_terminator('\0').filter_map(small_blob).collect();
    let clone = clone.to_owned();
    let git = git.clone();
    let (objects, paths): (Vec<_>, Vec<_>) = small.into_iter().map(|(object, path)| (object.to_owned(), path.to_owned())).unzip();
    let task = tokio::task::spawn_blocking(move || are_pointers(&git, &clone, &objects));
    let failed = |reason: io::Error| SourceError::Failed { what: "cat-file", words: Text::new(&reason.to_string()) };
    let pointers = task.await.map_err(io::Error::from).flatten().map_err(failed)?;
    let found: Vec<_> = paths.iter().zip(pointers).filter(|(_, is)| *is).map(|(path, _)| Text::new(path)).collect();
    let count = found.len();
    Ok((count > 0).then(|| Note::LfsPointers { count, first: found.into_iter().take(NAMED).collect() }))
}

/// Object and path of a file that is as large as a pointer: `<mode> blob <object> <size>\t<path>`.
fn small_blob(entry: &str) -> Option<(&str, &str)> {
    let (facts, path) = entry.split_once('\t')?;
    let mut facts = facts.split_whitespace();
    let (_mode, kind, object, size) = (facts.next()?, facts.next()?, facts.next()?, facts.next()?);
    (kind == "blob" && POINTER_SIZES.contains(&size.parse().ok()?)).then_some((object, path))
}

/// Reads small blobs and tells which are pointers, in the order asked.
fn are_pointers(git: &Git, clone: &Path, objects: &[String]) -> io::Result<Vec<bool>> {
    let mut names = tempfile::tempfile()?;
    io::Write::write_all(&mut names, (objects.join("\n") + "\n").as_bytes())?;
    names.rewind()?;
    let mut command = git.command(clone, &["cat-file", "--batch"]);
    command.process_group(0).stdin(names).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut reading = Reading(command.spawn()?);
    let Some(stdout) = reading.0.stdout.take() else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let mut stdout = io::BufReader::new(stdout);
    objects.iter().map(|_| next_is_pointer(&mut stdout)).collect()
}

/// One answer of `git cat-file --batch`: `<object> blob <size>`, content, line end.
fn next_is_pointer(answers: &mut impl io::BufRead) -> io::Result<bool> {
    let mut line = String::new();
    answers.read_line(&mut line)?;
    let size = line.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
    let size = size.ok_or_else(|| io::Error::other("`git cat-file` does not have an object of the commit"))?;
    let mut content = Vec::new();
    answers.take(size + 1).read_to_end(&mut content)?;
    Ok(content.starts_with(POINTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blobs_that_are_as_large_as_a_pointer_are_read() {
        assert_eq!(small_blob("100644 blob abc     130\ta b"), Some(("abc", "a b")));
        for other in ["100644 blob abc      99\ta", "100644 blob abc    1024\ta", "160000 commit abc       -\ta"] {
            assert_eq!(small_blob(other), None);
        }
    }
}
