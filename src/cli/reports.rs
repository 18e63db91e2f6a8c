//! The files that a drill writes its reports into.
//!
//! Invariants: a path that cannot be written is told before anything is done; a report is there whole or not at all, and
//! no file stands there that is another drill's; while the drill runs there is nothing that a killed one could leave.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::{Failure, arguments::Outputs, environment};
use crate::{
    record::{Record, Verdict},
    report::{self, Format},
};

/// As any program makes files: the user's mask says the rest.
const MODE: u32 = 0o666;

/// The reports that are asked for.
pub(super) struct Reports(Vec<(PathBuf, Format, Place)>);

/// Where a report goes.
enum Place {
    /// Into a file that is made in this folder once the text is there, and gets the name once it is whole.
    Beside(PathBuf),
    /// Into what is there: a pipe, a device, a summary that others have written to.
    There(File),
}

impl Reports {
    /// Makes ready to write all that are asked for.
    pub(super) fn open(outputs: &Outputs, plan: &Path) -> Result<Self, Failure> {
        keep_apart(outputs, plan)?;
        let asked = [(&outputs.json, Format::Json), (&outputs.markdown, Format::Markdown), (&outputs.junit, Format::Junit)];
        let asked = asked.into_iter().filter_map(|(path, format)| Some((path.clone()?, format)));
        let mut all: Vec<_> = asked.map(|(path, format)| (Place::open(&path), path, format)).collect();
        if let Some(path) = environment::step_summary() {
            let opened = File::options().append(true).create(true).open(&path).map(Place::There);
            all.push((opened, path, Format::Markdown));
        }
        let opened = all.into_iter().map(|(place, path, format)| match place {
            Ok(place) => Ok((path, format, place)),
            Err(reason) => Err(Failure::invalid(format!("report `{}` cannot be written: {reason}", path.display()))),
        });
        opened.collect::<Result<_, _>>().map(Self)
    }

    /// Writes every report; tells those that could not be written.
    pub(super) fn write(self, record: &Record, accept: Verdict) -> Vec<String> {
        let written = self.0.into_iter().map(|(path, format, place)| {
            let text = report::render(record, format, accept);
            let problem = place.put(&path, text.as_bytes()).err()?;
            Some(format!("report `{}` could not be written: {problem}", path.display()))
        });
        written.flatten().collect()
    }
}

/// No two files that are written may be one, nor may one be the plan: what was written first would be lost.
fn keep_apart(outputs: &Outputs, plan: &Path) -> Result<(), Failure> {
    let written = [&outputs.events, &outputs.json, &outputs.markdown, &outputs.junit];
    let mut taken: Vec<PathBuf> = file_of(plan).into_iter().collect();
    for path in written.into_iter().flatten() {
        let Some(file) = file_of(path) else { continue };
        if taken.contains(&file) {
            let message = format!("`{}` is the plan, or is written for something else already: nothing was done", path.display());
            return Err(
                Failure::invalid(message).advise("name a file of its own for each of --events, --json, --markdown and --junit")
            );
        }
        taken.push(file);
    }
    Ok(())
}

/// The file that a path leads to, which need not be there; none for a pipe or device, which may take several.
fn file_of(path: &Path) -> Option<PathBuf> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => None,
        Ok(_) => path.canonicalize().ok(),
        Err(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Some(folder.canonicalize().ok()?.join(path.file_name()?))
        }
    }
}

impl Place {
    fn open(path: &Path) -> io::Result<Self> {
        let is_file = match fs::symlink_metadata(path) {
            Ok(there) => there.is_file(),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => true,
            Err(reason) => return Err(reason),
        };
        if !is_file {
            return File::create(path).map(Self::There);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if beside(folder).is_err() {
            return File::create(path).map(Self::There);
        }
        match fs::remove_file(path) {
            Err(reason) if reason.kind() != io::ErrorKind::NotFound => Err(reason),
            _ => Ok(Self::Beside(folder.to_owned())),
        }
    }

    fn put(self, path: &Path, text: &[u8]) -> io::Result<()> {
        match self {
            Self::Beside(folder) => {
                let mut file = beside(&folder)?;
                file.write_all(text)?;
                file.persist(path).map(drop).map_err(|refused| refused.error)
            }
            Self::There(mut file) => file.write_all(text),
        }
    }
}

/// A new file in this folder, which is gone unless it gets a name.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let permissions = Permissions::from_mode(MODE);
    tempfile::Builder::new().prefix(".canship-").permissions(permissions).tempfile_in(folder)
}
